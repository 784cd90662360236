"""Lengths of the configuration laid on a time zone's calendar: steps, the API's own clock, and where windows are cut."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from tap_asyncreport.zones import DAY, EPOCH, Zone

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_asyncreport.config.values import Step

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONDAY = date(1970, 1, 5)
_DAY_UNITS = re.compile(r"[dw]\s*$")


def whole_days(step: Step) -> int:
    """How many days the length comes to, 0 where it is no whole number of them, or is written in months."""
    return 0 if step.months or step.length % DAY else step.length // DAY


def shift(zone: Zone, at: datetime, step: Step, times: int = 1) -> datetime:
    """`at`, moved by a length so many times: days and months on the zone's calendar, hours and less as exact time.

    `24h` is exact, `1d` is a calendar day. Raises OverflowError beyond what a datetime can hold.
    """
    if step.months:
        return zone.later(at, months=step.months * times)
    days = whole_days(step)
    if days and _DAY_UNITS.search(step.text):
        return zone.later(at, days=days * times)
    return at + step.length * times


class Grain:
    """The smallest step of an API's clock as a grid over time: months, days of the zone, or an exact time.

    Days are counted from `anchor`'s day, months from January, exact times from the zone's midnight (from `anchor` where
    a day is no whole number of them).
    """

    def __init__(self, zone: Zone, step: Step, anchor: datetime | None = None) -> None:
        self._zone = zone
        self._months = step.months
        self._days = whole_days(step)
        self._length = step.length
        self._anchor = anchor or EPOCH
        self._first_day = zone.day_of(anchor) if anchor and self._days > 1 else _MONDAY
        self.is_days = bool(self._months or self._days)

    def floor(self, at: datetime) -> datetime:
        """The last point of the grid that is not after `at`."""
        if self.is_days:
            return self._zone.day_start(self._floor_day(self._zone.day_of(at)))
        if DAY % self._length:
            return at - (at - self._anchor) % self._length
        offset = self._zone.local(at).utcoffset() or timedelta()
        return at - (at + offset - EPOCH) % self._length

    def ceil(self, at: datetime) -> datetime:
        """The first point of the grid that is not before `at`."""
        floor = self.floor(at)
        return floor if floor == at else self.after(floor)

    def after(self, at: datetime) -> datetime:
        """The next point after a point of the grid."""
        if not self.is_days:
            return at + self._length
        return self._next_day_start(self._zone.day_of(at), 1, lambda found: found > at)

    def before(self, at: datetime) -> datetime:
        """The last point of the grid that is before `at`."""
        floor = self.floor(at)
        if floor < at:
            return floor
        if not self.is_days:
            return at - self._length
        return self._next_day_start(self._zone.day_of(at), -1, lambda found: found < at)

    def _floor_day(self, day: date) -> date:
        if self._months:
            count = day.year * 12 + day.month - 1
            year, month = divmod(count - count % self._months, 12)
            return date(year, month + 1, 1)
        return day - (day - self._first_day) % (self._days * DAY)

    def _next_day_start(self, day: date, direction: int, reached: Callable[[datetime], bool]) -> datetime:
        """Goes on from unit to unit until the instant really moved: a zone may have skipped a whole day."""
        at = self._floor_day(day)
        while True:
            at = self._moved(at, direction)
            start = self._zone.day_start(at)
            if reached(start):
                return start

    def _moved(self, day: date, direction: int) -> date:
        if not self._months:
            return day + direction * self._days * DAY
        return self._floor_day(day + (31 * self._months if direction > 0 else -1) * DAY)


class Boundary:
    """Where windows are cut: the start of a day, of a week (Monday unless told) or of a month, in the zone."""

    def __init__(self, zone: Zone, align: str) -> None:
        self.unit, _, weekday = align.partition(":")
        self._zone = zone
        self._first = _MONDAY + (WEEKDAYS.index(weekday) if weekday else 0) * DAY

    def floor(self, at: datetime) -> datetime:
        """The last boundary that is not after `at`."""
        return self._zone.day_start(self._floor_day(self._zone.day_of(at)))

    def after(self, at: datetime) -> datetime:
        """The first boundary after `at`."""
        day = self._floor_day(self._zone.day_of(at))
        while True:
            day = self._floor_day(day + {"day": 1, "week": 7, "month": 31}[self.unit] * DAY)
            start = self._zone.day_start(day)
            if start > at:
                return start

    def _floor_day(self, day: date) -> date:
        if self.unit == "month":
            return day.replace(day=1)
        return day - (day - self._first) % (7 * DAY) if self.unit == "week" else day
