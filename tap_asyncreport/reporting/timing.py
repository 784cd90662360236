"""Where the time of a run went, and how many units were in which phase when."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tap_asyncreport.reporting.lanes import Phase, Span

OTHER = "other work, such as starting up and cleaning up"
WORK = {
    Phase.WRITING: "writing rows",
    Phase.DOWNLOADING: "downloading files",
    Phase.RUNNING: "waiting for the API to run jobs",
    Phase.CREATING: "creating jobs",
    Phase.HELD: "waiting for rate_limits",
    Phase.BACKING_OFF: "backing off",
}

MOST_PARTS = 4
LEAST_SHARE = 0.005
LEAST_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class Share:
    """How many seconds of a run went to one thing, and what share of it that is."""

    what: str
    seconds: float
    share: float
    phase: Phase | None


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """The whole of a run's time, largest share first; `held` is when windows waited while all slots were taken."""

    seconds: float
    shares: Sequence[Share]
    held: float

    @property
    def sentence(self) -> str:
        """Reads like: 78 % of the wall time was waiting for the API to run jobs; 12 % was writing rows."""
        parts = [share for share in self.shares if share.share >= LEAST_SHARE][:MOST_PARTS]
        if not parts or self.seconds <= 0:
            return "No time was spent."
        told = [f"{_percent(share.share)} was {share.what}" for share in parts]
        told[0] = told[0].replace(" was ", " of the wall time was ", 1)
        held = self.held / self.seconds
        waits = f" For {_percent(held)} of it, windows waited for a slot while jobs ran." if held >= LEAST_SHARE else ""
        return f"{'; '.join(told)}.{waits}"


def time_spent(lanes: Iterable[Iterable[Span]], start: float, end: float) -> TimeSpent:
    """Each moment between `start` and `end` shared among the units at work, by what they were doing.

    Units that wait for the writer count for it while it writes, and for nothing while it does not.
    """
    spent: dict[Phase | None, float] = defaultdict(float)
    held = 0.0
    for seconds, present in _stretches(lanes, start, end):
        at_work = {phase: present.get(phase, 0) for phase in WORK}
        if at_work[Phase.WRITING]:
            at_work[Phase.WRITING] += present.get(Phase.READY, 0)
        units = sum(at_work.values())
        for phase, count in at_work.items():
            spent[phase] += seconds * count / units if units else 0.0
        if present.get(Phase.WAITING) and present.get(Phase.RUNNING):
            held += seconds
    whole = max(0.0, end - start)
    spent[None] += whole - sum(spent.values())
    shares = [
        Share(WORK[phase] if phase else OTHER, seconds, seconds / whole, phase)
        for phase, seconds in sorted(spent.items(), key=lambda entry: -entry[1])
        if seconds > LEAST_SECONDS
    ]
    return TimeSpent(whole, shares, held)


def _stretches(
    lanes: Iterable[Iterable[Span]], start: float, end: float
) -> Iterator[tuple[float, Mapping[Phase, int]]]:
    """The time between two changes, and how many units were in each phase then."""
    changes: list[tuple[float, int, Phase]] = []
    for lane in lanes:
        for span in lane:
            if span.end > span.start:
                changes.append((min(max(span.start, start), end), 1, span.phase))
                changes.append((min(max(span.end, start), end), -1, span.phase))
    changes.sort(key=lambda change: change[0])
    present: Counter[Phase] = Counter()
    since = start
    for at, step, phase in changes:
        if at > since:
            yield at - since, present
            since = at
        present[phase] += step


def crowd(lanes: Iterable[Iterable[Span]], start: float, end: float, moments: int) -> dict[Phase, list[int]]:
    """How many units were in each phase at so many moments, evenly spread from `start` to `end`."""
    steps = {phase: [0] * (moments + 1) for phase in Phase}
    width = (end - start) / moments if end > start else 0.0
    for lane in lanes:
        for span in lane:
            first, last = (_moment(at - start, width, moments) for at in (span.start, span.end))
            steps[span.phase][first] += 1
            steps[span.phase][last] -= 1
    return {phase: _sums(changes[:-1]) for phase, changes in steps.items()}


def _moment(seconds: float, width: float, moments: int) -> int:
    """The first moment, in the middle of its stretch, that is not before that time."""
    if width <= 0:
        return 0
    return min(moments, max(0, math.ceil(seconds / width - 0.5)))


def _sums(changes: Iterable[int]) -> list[int]:
    sums, total = [], 0
    for change in changes:
        total += change
        sums.append(total)
    return sums


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share >= 2 * LEAST_SHARE else "under 1 %"
