"""Calendars of time zones: which instant a wall clock means, where a day begins, what a month later is.

All instants are aware and in UTC; the machine's own time zone is never asked.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tap_asyncreport.durations import Step, shift

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UTC_NAMES = frozenset({"UTC", "UCT", "Universal", "Zulu"})


class Zone:
    """One time zone of the IANA database; raises ZoneInfoNotFoundError or ValueError for a name that is not in it."""

    def __init__(self, name: str) -> None:
        self.info = ZoneInfo(name)
        self.is_utc = name.removeprefix("Etc/") in _UTC_NAMES

    def local(self, at: datetime) -> datetime:
        """The instant as the zone's clocks show it."""
        return at.astimezone(self.info)

    def shown(self, at: datetime) -> datetime:
        """What the zone's clocks show, as a naive wall time."""
        return at.astimezone(self.info).replace(tzinfo=None, fold=0)

    def instant(self, wall: datetime) -> datetime:
        """The first instant at which the zone's clocks show `wall` or later.

        So a time shown twice means its first showing, and a time that was skipped means the end of the gap.
        """
        first = wall.replace(tzinfo=self.info, fold=0).astimezone(UTC)
        if self.shown(first) == wall:
            return first
        before = wall.replace(tzinfo=self.info, fold=1).astimezone(UTC).replace(microsecond=0)
        low, high = 0, (first - before) // _SECOND + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.shown(before + middle * _SECOND) >= wall else (middle, high)
        return before + high * _SECOND

    def instant_before(self, wall: datetime, at: datetime) -> datetime:
        """The last time that the zone's clocks came to `wall` and it was not after `at`, given that there was one."""
        again = wall.replace(tzinfo=self.info, fold=1).astimezone(UTC)
        return again if again <= at and self.shown(again) == wall else self.instant(wall)

    def day_start(self, day: date) -> datetime:
        """The first instant of a day, midnight or, where midnight was skipped, what came instead of it."""
        return self.instant(datetime(day.year, day.month, day.day))  # noqa: DTZ001  # a wall time has no zone yet

    def day_of(self, at: datetime) -> date:
        """The day whose span, from its first instant to the next day's, holds `at`.

        That is the date on the clock, but for an evening that is shown again after midnight has been seen.
        """
        day = self.shown(at).date()
        while self.day_start(day + DAY) <= at:
            day += DAY
        return day

    def shift(self, at: datetime, step: Step, times: int = 1) -> datetime:
        """`at` moved by so many steps: days and months on the zone's calendar, hours and less as exact time.

        `24h` is exact, `1d` a calendar day. A day's first instant goes to a day's first instant, even where it is not
        midnight. Raises OverflowError beyond what a datetime can hold.
        """
        if not step.by_calendar or step.length % DAY:
            return at + step.length * times
        wall = self.shown(at)
        if self.day_start(wall.date()) == at:
            wall = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        return self.instant(datetime.combine(shift(wall.date(), step, times), wall.time()))
