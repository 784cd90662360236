"""Which windows of time a stream reads in a run, how they render, and which bookmark each finished one earns.

Everything here is plain arithmetic on instants that are given; no clock is read.
"""

from __future__ import annotations

import difflib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfoNotFoundError, available_timezones

from tap_asyncreport.errors import ConfigurationError, Problem
from tap_asyncreport.formats import WindowFormat, iso
from tap_asyncreport.grains import (
    DAYS_OF_WEEK,
    MONDAY,
    TICK,
    YEAR,
    Grain,
    align_step,
    boundary,
    calendar_days,
    check_lengths,
    default_granularity,
    whole_days,
)
from tap_asyncreport.job import Window
from tap_asyncreport.moments import read_moment
from tap_asyncreport.zones import DAY, Zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_asyncreport.config.streams import Incremental
    from tap_asyncreport.durations import Step

MOST_WINDOWS = 1_000_000
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run reads: windows that tile a span exactly, and what the user should be told about it."""

    windows: tuple[Window, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowView:
    """A window as templates see it: `start` and `end` in the stream's `format`, `start_at` and `end_at` as datetimes.

    Where `end_is` is inclusive, `end` and `end_at` are both the last unit of the API's clock inside the window.
    """

    start: str | int
    end: str | int
    start_at: datetime
    end_at: datetime

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


class Bookmark(NamedTuple):
    """What a finished window earns: the readable value for Singer, and the exact, exclusive end of what is finished."""

    value: str
    until: datetime


def _settled(moment: date | datetime | str | None) -> date | datetime | None:
    assert not isinstance(moment, str), "whoever makes a calendar renders templates first"
    return moment


class Calendar:
    """A stream's windows and bookmarks in one time zone, as of one reading of the clock.

    `start_date` and `end_date` are the top level's; templates are rendered already; `key` names the settings in errors.
    Unless given, `granularity` is one day where `format` is `date` or a pattern without hours, minutes and seconds,
    else one second: it is the format that says what the API is asked in. A `start` or `end` inside a unit of the
    granularity takes that whole unit in, for the API cannot be asked for a part of it. Raises ConfigurationError for an
    unknown zone or format, and for lengths that do not fit each other.
    """

    def __init__(
        self,
        incremental: Incremental,
        *,
        now: datetime,
        timezone: str,
        start_date: date | datetime | None = None,
        end_date: date | datetime | None = None,
        key: str = "incremental",
    ) -> None:
        self._settings = incremental
        self._key = key
        self._now = now.astimezone(UTC)
        self._zone = self._known_zone(timezone)
        is_dates = self._known_format(_SECOND).is_dates
        self._granularity = incremental.granularity or default_granularity(is_dates=is_dates)
        unfit = check_lengths(self._granularity, incremental.step, incremental.align)
        if unfit:
            raise self._error(unfit[1], unfit[0])
        self._format = self._known_format(self._granularity.length)
        self._cut = boundary(self._zone, incremental.align) if incremental.align else None
        self._step = incremental.step or (align_step(incremental.align) if incremental.align else None)
        start = _settled(incremental.start if incremental.start is not None else start_date)
        end = _settled(incremental.end if incremental.end is not None else end_date)
        self._grain = Grain(self._zone, self._granularity, first_day=self._first_day(start))
        self._start = None if start is None else self._grain.floor(self._instant(start))
        self._end = self._last_instant(end)
        self._plans: dict[datetime | None, Plan] = {}
        self._known: dict[Window, Window] = {}  # partitions that are not equally far share their windows all the same

    def windows(self, until: datetime | None, pending: Iterable[Window] = ()) -> Plan:
        """The windows to read when everything before `until` is finished (None: nothing is).

        `pending` are windows whose jobs are still at the API: those that fit are kept as they are and the others go
        around them, so that a job kept by the last run is found again although time has moved on. Raises
        ConfigurationError when there is no start, or when there would be more than a million windows.
        """
        kept = sorted(pending)
        if kept:
            return self._plan(until, kept)
        if until not in self._plans:
            self._plans[until] = self._plan(until, kept)
        return self._plans[until]

    def split(self, window: Window) -> tuple[Window, Window] | None:
        """The window's two halves at the granularity, or None when it cannot be halved."""
        middle = self._grain.floor(window.start + (window.end - window.start) / 2)
        if middle <= window.start:
            middle = self._grain.after(self._grain.floor(window.start))
        if not window.start < middle < window.end:
            return None
        return Window(window.start, middle), Window(middle, window.end)

    def view(self, window: Window) -> WindowView:
        """The window as templates see it."""
        end = self._grain.before(window.end) if self._settings.end_is == "inclusive" else window.end
        start_at, end_at = self._zone.local(window.start), self._zone.local(end)
        return WindowView(self._format.render(start_at), self._format.render(end_at), start_at, end_at)

    def bookmark(self, window: Window) -> Bookmark | None:
        """What is earned when all of `window` is finished; None while none of it is final yet.

        Never past now, nor past what `lag` leaves: with days, the last finished day is at most today minus `lag`; with
        a finer clock, or a `lag` in hours, the end is at most now minus `lag`.
        """
        until = min(window.end, self._grain.floor(self._final_until()))
        if self._grain.is_days:
            until = self._grain.floor(until)
        if until <= window.start:
            return None
        if self._grain.is_days:
            return Bookmark(self._zone.local(until - TICK).date().isoformat(), until)
        return Bookmark(iso(until, self._granularity.length), until)

    def resume_at(self, value: Any) -> datetime:
        """Where to go on after a bookmark that comes without an exact `until`, in whatever spelling.

        The day (month, instant) that it names is read again, for nobody said that it was finished. Raises ValueError
        for what is neither a date nor an instant.
        """
        moment = read_moment(value)
        return self._grain.floor(self._instant(moment))

    def _plan(self, until: datetime | None, pending: list[Window]) -> Plan:
        warnings: list[str] = []
        begin = self._begin(until, warnings)
        end = self._readable_end()
        if self._start is not None and self._end is not None and self._start >= self._end:
            warnings.append(f"the start, {self._say(self._start)}, is not before the end, {self._say(self._end)}")
        if begin >= end:
            return Plan((), tuple(warnings))
        self._check_count(end - begin)
        windows = (self._known.setdefault(window, window) for window in self._tile(begin, end, pending))
        return Plan(tuple(windows), tuple(warnings))

    def _begin(self, until: datetime | None, warnings: list[str]) -> datetime:
        begin = self._start
        if until is not None:
            if until > self._now:
                warnings.append(f"the bookmark, {self._say(until)}, is in the future; it counts as now")
            resumed = self._grain.floor(self._back(min(until, self._now), self._settings.lookback))
            begin = resumed if begin is None else max(begin, resumed)
        oldest = self._oldest()
        begin = oldest if begin is None else begin
        if begin is None:
            message = "there is no start, and nothing is bookmarked yet"
            raise self._error(message, "start", hint="write `start`, or `start_date` at the top level")
        if oldest is not None and begin < oldest:
            warnings.append(
                f"max_history: the API keeps {self._settings.max_history}, so what lies between {self._say(begin)} and "
                f"{self._say(oldest)} is left out"
            )
            begin = oldest
        return begin

    def _oldest(self) -> datetime | None:
        history = self._settings.max_history
        return None if history is None else self._grain.floor(self._back(self._grain.floor(self._now), history))

    def _readable_end(self) -> datetime:
        """The end asked for, but no later than the last unit that is over, or that may be asked for while it runs."""
        only = self._settings.complete_only
        unfinished = not (self._grain.is_days if only is None else only)
        is_coarse = self._grain.is_days or self._granularity.length > _SECOND
        end = self._grain.ceil(self._now) if is_coarse and unfinished else self._grain.floor(self._now)
        return end if self._end is None else min(end, self._end)

    def _final_until(self) -> datetime:
        lag = self._settings.lag
        if not (self._grain.is_days and (lag.months or whole_days(lag))):
            return self._back(self._now, lag)
        today = self._zone.day_start(self._zone.day_of(self._now))
        last_day = self._zone.day_of(self._back(today, lag))
        return self._zone.day_start(last_day + DAY)

    def _tile(self, begin: datetime, end: datetime, pending: list[Window]) -> Iterator[Window]:
        cursor = begin
        for kept in pending:
            if cursor <= kept.start < kept.end <= end:
                yield from self._steps(cursor, kept.start)
                yield kept
                cursor = kept.end
        yield from self._steps(cursor, end)

    def _steps(self, begin: datetime, end: datetime) -> Iterator[Window]:
        """Windows of one step each, cut where `align` says."""
        anchor, count = self._anchor(begin)
        cursor = begin
        while cursor < end:
            count += 1
            following = self._following(anchor, count, end)
            cut = self._cut.floor(following) if self._cut else following
            if cursor < cut < following:
                following, anchor, count = cut, cut, 0
            if following > cursor:  # a zone may have skipped the whole day
                yield Window(cursor, min(following, end))
                cursor = following

    def _following(self, anchor: datetime, count: int, end: datetime) -> datetime:
        try:
            return end if self._step is None else self._shift(anchor, self._step, count)
        except OverflowError:
            return end

    def _anchor(self, begin: datetime) -> tuple[datetime, int]:
        """Where steps are counted from, and how many of them lie before `begin`.

        Months go on from the start where `begin` is one of its steps: else a bookmark at the end of February would make
        the 31st the 28th for ever.
        """
        step = self._step
        if step is None or not step.months or self._start is None:
            return begin, 0
        first, last = self._zone.day_of(self._start), self._zone.day_of(begin)
        count = ((last.year - first.year) * YEAR + last.month - first.month) // step.months
        return (self._start, count) if self._shift(self._start, step, count) == begin else (begin, 0)

    def _check_count(self, span: timedelta) -> None:
        if self._step is None:
            return
        count = span // (self._step.length or self._step.months * 28 * DAY)
        if count > MOST_WINDOWS:
            message = f"step {self._step} would make {count:,} windows, more than {MOST_WINDOWS:,}"
            raise self._error(message, "step", hint="write a longer `step`, or a later `start`")

    def _shift(self, at: datetime, step: Step, times: int) -> datetime:
        return self._zone.shift(at, calendar_days(step) if self._grain.is_days else step, times)

    def _back(self, at: datetime, step: Step) -> datetime:
        return self._shift(at, step, -1)

    def _instant(self, moment: date | datetime, *, days_later: int = 0) -> datetime:
        """A date is its first instant, or that of a later day; an instant without an offset is in the stream's zone."""
        if not isinstance(moment, datetime):
            return self._zone.day_start(moment + days_later * DAY)
        return moment.astimezone(UTC) if moment.tzinfo else self._zone.instant(moment)

    def _last_instant(self, end: date | datetime | None) -> datetime | None:
        with suppress(OverflowError):  # the last day of the calendar, 9999-12-31, means no end
            return None if end is None else self._grain.ceil(self._instant(end, days_later=1))
        return None

    def _first_day(self, start: date | datetime | None) -> date:
        """From where a clock of several days counts: the start's day, or the week's first day where weeks are cut."""
        try:
            day = MONDAY if start is None else self._zone.day_of(self._instant(start))
        except OverflowError:
            raise self._error(f"no calendar holds {start}", "start") from None
        if self._cut and whole_days(self._granularity) == DAYS_OF_WEEK:
            return self._zone.day_of(self._cut.floor(self._zone.day_start(day)))
        return day

    def _say(self, at: datetime) -> str:
        local = self._zone.local(at)
        return local.date().isoformat() if self._grain.is_days else local.isoformat(timespec="seconds")

    def _known_zone(self, name: str) -> Zone:
        try:
            return Zone(name)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
            near = difflib.get_close_matches(str(name), available_timezones(), 1)
            hint = f"did you mean {near[0]}?" if near else "write an IANA name, for example Europe/Berlin"
            raise self._error(f"{name!r} is no time zone", "timezone", hint=hint) from error

    def _known_format(self, granularity: timedelta) -> WindowFormat:
        try:
            return WindowFormat(self._settings.format, granularity, is_utc=self._zone.is_utc)
        except ValueError as error:
            raise self._error(str(error), "format") from error

    def _error(self, message: str, name: str, *, hint: str | None = None) -> ConfigurationError:
        return ConfigurationError([Problem(message, f"{self._key}.{name}", hint=hint)])
