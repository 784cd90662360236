"""Which units of work a stream has in this run, and which of them go on with a job of an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Protocol, overload

from tap_asyncreport.job import Job, Unit, Window
from tap_asyncreport.windows import Plan, WindowView

if TYPE_CHECKING:
    from tap_asyncreport.windows import Calendar


class Adopter(Protocol):
    """What planning needs of a job repository."""

    def request_hash(self, unit: Unit) -> str: ...
    def adopt(self, unit: Unit, kept: dict[str, Any]) -> Job: ...
    def can_poll(self, job: Job) -> bool: ...


class Units(Sequence[Unit]):
    """The units of one partition in order; each is made when it is asked for, but for those that have a job already."""

    def __init__(self, windows: Sequence[Window | None], unit: Callable[[Window | None], Unit]) -> None:
        self.known: dict[int, Unit] = {}
        self._windows = windows
        self._unit = unit

    def __len__(self) -> int:
        return len(self._windows)

    @overload
    def __getitem__(self, place: int) -> Unit: ...
    @overload
    def __getitem__(self, place: slice) -> list[Unit]: ...
    def __getitem__(self, place: int | slice) -> Unit | list[Unit]:
        if isinstance(place, slice):
            return [self[n] for n in range(*place.indices(len(self)))]
        window = self._windows[place]
        return self.known.get(place % len(self)) or self._unit(window)


@dataclass
class LanePlan:
    """The units of one partition in order; jobs to go on with, by the place of their unit; and jobs nobody waits for.

    With the last it is said whether they may be alive.
    """

    units: Sequence[Unit]
    adopted: dict[int, Job] = field(default_factory=dict)
    stale: list[tuple[Unit, Job, bool]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    is_read: bool = True  # false for a partition that is gone: it is only cleaned up after


@dataclass(frozen=True)
class Parts:
    """The windows of a restricted run: those of each part, whatever is finished, seen as the whole sees them."""

    whole: Calendar
    parts: Sequence[Calendar]

    def windows(self, until: datetime | None, pending: Iterable[Window] = ()) -> Plan:  # noqa: ARG002
        """Every window of every part, once, in order."""
        kept = list(pending)
        return self._around(kept) if kept else self._plan

    @cached_property
    def _plan(self) -> Plan:
        return self._around([])

    def _around(self, kept: list[Window]) -> Plan:
        plans = [part.windows(None, kept) for part in self.parts]
        windows = sorted({window for plan in plans for window in plan.windows})
        return Plan(tuple(windows), tuple(dict.fromkeys(text for plan in plans for text in plan.warnings)))

    def view(self, window: Window) -> WindowView:
        """The window as templates see it."""
        return self.whole.view(window)


def plan_lane(
    stream: str,
    partition: Mapping[str, Any],
    calendar: Calendar | Parts | None,
    adopter: Adopter,
    *,
    until: datetime | None,
    kept: Sequence[dict[str, Any]],
    now: datetime,
    resume_max_age: timedelta,
) -> LanePlan:
    """Plans one partition: everything that is not finished, around the jobs that the last run left.

    A job is gone on with when it is young enough, its request is still the same, and state holds all that a poll says
    of it; any other is cleaned up.
    """
    warnings: tuple[str, ...] = ()
    young = [entry for entry in kept if not entry.get("written") and now - _created_at(entry, now) <= resume_max_age]
    windows: Sequence[Window | None] = [None]
    if calendar is not None:
        pending = [window for entry in young if (window := window_of(entry)) is not None]
        planned = calendar.windows(until, pending)
        windows, warnings = planned.windows, planned.warnings
    units = Units(windows, lambda window: unit_of(stream, partition, window, calendar))
    plan = LanePlan(units, warnings=list(warnings))
    chains = sorted(young, key=_link, reverse=True)
    waiting = {window_of(entry): entry for entry in chains}  # of a chain the first that is not written yet
    placed: list[dict[str, Any]] = []
    for place, window in enumerate(windows) if waiting else ():
        entry = waiting.get(window)
        if entry is None:
            continue
        placed.append(entry)
        unit = unit_of(stream, partition, window, calendar, entry)
        job = adopter.adopt(unit, entry)
        if not _is_wanted(adopter, job, entry):
            plan.stale.append((unit, job, True))
        elif not adopter.can_poll(job):
            plan.warnings.append(
                f"the state does not hold what `polling_requester` needs of the job for {window or 'the whole table'}"
                f"{f', {job.id}' if job.id else ''}: another one is made"
            )
            plan.stale.append((unit, job, True))
        else:
            units.known[place], plan.adopted[place] = unit, job
    for entry in kept:
        is_part = isinstance(calendar, Parts) and not entry.get("written")  # the latter is only to be deleted
        mine = not is_part or _overlaps(window_of(entry), windows)
        if mine and not any(entry is each for each in placed):
            unit = unit_of(stream, partition, window_of(entry), calendar, entry)
            plan.stale.append((unit, adopter.adopt(unit, entry), not entry.get("written")))
    return plan


def _is_wanted(adopter: Adopter, job: Job, entry: Mapping[str, Any]) -> bool:
    """Whether a job of the last run is still what is asked for."""
    return adopter.request_hash(job.unit) == entry.get("request")


def breadth_first(plans: Sequence[LanePlan]) -> Iterator[Unit]:
    """All units, every partition's first window before anyone's second."""
    for row in zip_longest(*(plan.units for plan in plans)):
        yield from (unit for unit in row if unit is not None)


def _overlaps(window: Window | None, windows: Sequence[Window | None]) -> bool:
    """Whether a window lies in the way of one of these; a job elsewhere is no business of a restricted run."""
    return window is not None and any(
        other is not None and window.start < other.end and other.start < window.end for other in windows
    )


def window_of(kept: Mapping[str, Any]) -> Window | None:
    """The window of a job that state holds; None for a job without one."""
    window = kept.get("window")
    if not window:
        return None
    return Window(datetime.fromisoformat(window[0]), datetime.fromisoformat(window[1]))


def unit_of(
    stream: str,
    partition: Mapping[str, Any],
    window: Window | None,
    calendar: Calendar | Parts | None,
    kept: Mapping[str, Any] | None = None,
) -> Unit:
    """The unit of a window, at the link of the chain where the kept job stands."""
    view = None if window is None or calendar is None else calendar.view(window)
    link, cursor = (0, None) if kept is None else (_link(kept), kept.get("cursor"))
    return Unit(stream, partition, window, link, cursor, view)


def _link(kept: Mapping[str, Any]) -> int:
    return int(kept.get("link") or 0)


def _created_at(kept: Mapping[str, Any], now: datetime) -> datetime:
    text = kept.get("created_at")
    return now if text is None else datetime.fromisoformat(text)
