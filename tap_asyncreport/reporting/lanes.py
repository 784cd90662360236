"""The lane of one unit of work: in which phase it was, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tap_asyncreport.job import JobEventKind

MOST_SPANS = 200


class Phase(StrEnum):
    """What a unit of work is doing, in the words of the run page."""

    WAITING = "waiting for a slot"
    HELD = "held by rate_limits"
    CREATING = "creating"
    RUNNING = "running at the API"
    DOWNLOADING = "downloading"
    READY = "waiting to be written"
    WRITING = "writing"
    BACKING_OFF = "backing off"
    FAILED = "failed"


class LaneEnd(StrEnum):
    """What became of a unit of work."""

    OPEN = "not finished"
    WRITTEN = "written"
    FAILED = "failed"
    KEPT = "kept for the next run"
    SKIPPED = "partition skipped"
    SPLIT = "split in halves"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of monotonic time in one phase."""

    phase: Phase
    start: float
    end: float


MOVES = {
    JobEventKind.WAITING: Phase.WAITING,
    JobEventKind.CREATING: Phase.CREATING,
    JobEventKind.CREATED: Phase.RUNNING,
    JobEventKind.ADOPTED: Phase.RUNNING,
    JobEventKind.POLLED: Phase.RUNNING,
    JobEventKind.DELAYED: Phase.BACKING_OFF,
    JobEventKind.BUSY: Phase.BACKING_OFF,
    JobEventKind.RETRYING: Phase.BACKING_OFF,
    JobEventKind.COMPLETED: Phase.DOWNLOADING,
    JobEventKind.DOWNLOADING: Phase.DOWNLOADING,
    JobEventKind.NO_ROOM: Phase.READY,
    JobEventKind.READY: Phase.READY,
    JobEventKind.WRITING: Phase.WRITING,
}
ENDS = {
    JobEventKind.WRITTEN: LaneEnd.WRITTEN,
    JobEventKind.FAILED: LaneEnd.FAILED,
    JobEventKind.KEPT: LaneEnd.KEPT,
    JobEventKind.SKIPPED: LaneEnd.SKIPPED,
    JobEventKind.SPLIT: LaneEnd.SPLIT,
}


CALLING = frozenset({Phase.CREATING, Phase.DOWNLOADING, Phase.BACKING_OFF})
Holds = Sequence[tuple[float, float]]


def _parted(span: Span, holds: Holds) -> Iterator[Span]:
    """The span, with the stretches in which a call of it was held back as phases of their own."""
    at = span.start
    for since, until in holds:
        start, end = max(at, since), min(span.end, until)
        if end > start:
            if start > at:
                yield Span(span.phase, at, start)
            yield Span(Phase.HELD, start, end)
            at = end
    if at < span.end or at == span.start:
        yield Span(span.phase, at, span.end)


@dataclass(slots=True, eq=False)
class Lane:
    """One unit of work over the run; a job that is made again stays in the same lane."""

    stream: str
    partition: str
    window: str
    link: int
    since: float
    phase: Phase = Phase.WAITING
    end: LaneEnd = LaneEnd.OPEN
    spans: list[Span] = field(default_factory=list)
    job_ids: list[str] = field(default_factory=list)
    attempts: int = 1
    created_at: float | None = None
    completed: bool = False
    roomless: bool = False
    next_at: float | None = None
    word: str | None = None
    reason: str | None = None
    polls: int = 0
    rows: int = 0
    size: int = 0
    error: str | None = None
    closed: bool = False
    holds: list[tuple[float, float]] = field(default_factory=list)

    @property
    def job_id(self) -> str | None:
        """The id of the latest job."""
        return self.job_ids[-1] if self.job_ids else None

    def enter(self, phase: Phase, at: float) -> None:
        """The unit is in this phase from now on."""
        if phase is not self.phase:
            self.stop(at)
            self.phase = phase

    def finish(self, end: LaneEnd, at: float) -> None:
        """The unit has its verdict; a failure leaves a mark of no length."""
        self.close(at)
        self.end = end
        if end is LaneEnd.FAILED:
            self.mark_failed(at)

    def close(self, at: float) -> None:
        """Nothing more will be heard of the unit."""
        self.stop(at)
        self.closed = True

    def mark_failed(self, at: float) -> None:
        """An attempt failed here."""
        self.stop(at)
        if len(self.spans) < MOST_SPANS:
            self.spans.append(Span(Phase.FAILED, self.since, self.since))

    def spans_until(self, at: float) -> list[Span]:
        """All spans, the present phase included; where a call was held back, that is what the unit did."""
        is_over = self.closed or at <= self.since
        spans = self.spans if is_over else [*self.spans, Span(self.phase, self.since, at)]
        if not self.holds:
            return spans
        holds = sorted(self.holds)
        return [piece for span in spans for piece in (_parted(span, holds) if span.phase in CALLING else (span,))]

    def stop(self, at: float) -> None:
        """The present phase is over."""
        at = max(at, self.since)
        if len(self.spans) >= MOST_SPANS:  # a job polled for days: the last span grows, the memory does not
            self.spans[-1] = Span(self.spans[-1].phase, self.spans[-1].start, at)
        elif at > self.since:
            self.spans.append(Span(self.phase, self.since, at))
        self.since = at
