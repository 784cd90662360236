"""Calendars of time zones: which instant a wall clock means, where a day begins, what a month later is.

All instants are aware and in UTC; the machine's own time zone is never asked.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UTC_NAMES = frozenset({"UTC", "UCT", "Universal", "Zulu"})


def months_later(day: date, months: int) -> date:
    """The same day of a later (or earlier) month, or that month's last day where it is shorter."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    if not 1 <= year <= 9999:  # noqa: PLR2004  # what a datetime can hold
        raise OverflowError(f"year {year} is out of range")
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class Zone:
    """One time zone of the IANA database; raises ZoneInfoNotFoundError or ValueError for a name that is not in it."""

    def __init__(self, name: str) -> None:
        self.info = ZoneInfo(name)
        self.is_utc = name.removeprefix("Etc/") in _UTC_NAMES

    def local(self, at: datetime) -> datetime:
        """The instant as the zone's clocks show it."""
        return at.astimezone(self.info)

    def instant(self, wall: datetime) -> datetime:
        """The first instant at which the zone's clocks show `wall` or later.

        So a time shown twice means its first showing, and a time that was skipped means the end of the gap.
        """
        first = wall.replace(tzinfo=self.info, fold=0).astimezone(UTC)
        if self._shown(first) == wall:
            return first
        before = wall.replace(tzinfo=self.info, fold=1).astimezone(UTC).replace(microsecond=0)
        low, high = 0, (first - before) // _SECOND + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._shown(before + middle * _SECOND) >= wall else (middle, high)
        return before + high * _SECOND

    def day_start(self, day: date) -> datetime:
        """The first instant of a day, midnight or, where midnight was skipped, what came instead of it."""
        return self.instant(datetime(day.year, day.month, day.day))  # noqa: DTZ001  # a wall time has no zone yet

    def day_of(self, at: datetime) -> date:
        """The day whose span, from its first instant to the next day's, holds `at`.

        That is the date on the clock, but for an evening that is shown again after midnight has been seen.
        """
        day = self._shown(at).date()
        while self.day_start(day) > at:
            day -= DAY
        while self.day_start(day + DAY) <= at:
            day += DAY
        return day

    def later(self, at: datetime, *, days: int = 0, months: int = 0) -> datetime:
        """The same time of day so many calendar days or months later; a day's first instant goes to a first instant."""
        wall = self._shown(at)
        if self.day_start(wall.date()) == at:
            wall = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        day = months_later(wall.date(), months) + days * DAY
        return self.instant(datetime.combine(day, wall.time()))

    def _shown(self, at: datetime) -> datetime:
        return at.astimezone(self.info).replace(tzinfo=None, fold=0)
