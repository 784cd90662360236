"""The grids that time is cut by: the API's own clock, and the boundaries that windows are aligned to."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tap_asyncreport.durations import Step, shift
from tap_asyncreport.zones import DAY, EPOCH, Zone

_UNITS = {"day": Step("1d", length=DAY), "week": Step("1w", length=7 * DAY), "month": Step("1mo", months=1)}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS_OF_WEEK = 7
YEAR = 12
TICK = timedelta(microseconds=1)
MONDAY = date(1970, 1, 5)
_WALL_ZERO = datetime(1970, 1, 1)  # noqa: DTZ001  # a wall time has no zone


def whole_days(step: Step) -> int:
    """How many days the length comes to, 0 where it is no whole number of them, or is written in months."""
    return 0 if step.months or step.length % DAY else step.length // DAY


class Grain:
    """The smallest step of an API's clock as a grid over time: months, days of the zone, or an exact time.

    Several days are counted from `first_day`, months from January, exact times from the zone's midnight (from the
    epoch where a day is no whole number of them).
    """

    def __init__(self, zone: Zone, step: Step, *, first_day: date = MONDAY) -> None:
        self._zone = zone
        self._step = calendar_days(step)
        self._months = step.months
        self._days = whole_days(step)
        self._length = step.length
        self._first_day = first_day
        self.is_days = bool(self._months or self._days)

    def floor(self, at: datetime) -> datetime:
        """The last point of the grid that is not after `at`."""
        if self.is_days:
            return self._zone.day_start(self._floor_day(self._zone.day_of(at)))
        if DAY % self._length:
            return at - (at - EPOCH) % self._length
        shown = self._zone.shown(at)
        return self._zone.instant_before(shown - (shown - _WALL_ZERO) % self._length, at)

    def ceil(self, at: datetime) -> datetime:
        """The first point of the grid that is not before `at`."""
        floor = self.floor(at)
        return floor if floor == at else self.after(floor)

    def after(self, point: datetime) -> datetime:
        """The next point after a point of the grid."""
        if self.is_days:
            return self._zone.day_start(shift(self._floor_day(self._zone.day_of(point)), self._step))
        times = 1
        while self.floor(point + times * self._length) <= point:  # a clock that was put back shows some times again
            times += 1
        return self.floor(point + times * self._length)

    def before(self, at: datetime) -> datetime:
        """The last point of the grid that is before `at`."""
        return self.floor(at - TICK)

    def _floor_day(self, day: date) -> date:
        if self._months:
            count = day.year * YEAR + day.month - 1
            year, month = divmod(count - count % self._months, YEAR)
            return date(year, month + 1, 1)
        return day - (day - self._first_day) % (self._days * DAY)


def boundary(zone: Zone, align: str) -> Grain:
    """Where `align` cuts windows: at the start of a day, of a month, or of a week (Monday unless it says otherwise)."""
    unit, _, weekday = align.partition(":")
    first_day = MONDAY + (WEEKDAYS.index(weekday) if weekday else 0) * DAY
    return Grain(zone, _UNITS[unit], first_day=first_day)


def default_granularity(*, is_dates: bool) -> Step:
    """One day for an API that is asked in dates, one second for one that is asked in instants."""
    return Step("1d", length=DAY) if is_dates else Step("1s", length=timedelta(seconds=1))


def calendar_days(step: Step) -> Step:
    """The same length as calendar days where it is a whole number of them (`24h`), for an API whose clock is days."""
    days = whole_days(step)
    return Step(f"{days}d", length=days * DAY) if days else step


def check_lengths(granularity: Step, step: Step | None, align: str | None) -> tuple[str, str] | None:
    """The setting whose length does not fit the API's clock, and why; None when all is well."""
    if not (granularity.months or granularity.length):
        return "granularity", "granularity is 0; write the smallest step of the API's clock, for example 1s"
    if granularity.months and YEAR % granularity.months:
        return "granularity", f"granularity {granularity} does not divide a year"
    if granularity.length > DAY and not whole_days(granularity):
        return "granularity", f"granularity {granularity} is more than a day and no whole number of days"
    if step is not None:
        if not (step.months or step.length):
            return "step", "step is 0, so no window would ever end"
        if not _is_multiple(step, granularity):
            return "step", f"step {step} is not a whole number of the granularity, {granularity}"
    if align is not None and not _cuts_between(align.partition(":")[0], granularity):
        return "align", f"align {align} would cut inside the granularity, {granularity}"
    return None


def _is_multiple(step: Step, granularity: Step) -> bool:
    if step.months:
        return not step.months % (granularity.months or 1) and whole_days(granularity) <= 1
    return not granularity.months and not step.length % granularity.length


def _cuts_between(unit: str, granularity: Step) -> bool:
    if granularity.months:
        return unit == "month" and granularity.months == 1
    days = whole_days(granularity)
    return days <= 1 or (days == DAYS_OF_WEEK and unit == "week")


def align_step(align: str) -> Step:
    """The length from one cut to the next."""
    return _UNITS[align.partition(":")[0]]
