"""What happened to jobs, entered into state; and the STATE messages that say so, no more often than it is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tap_asyncreport.job import Job, JobEvent, JobEventKind, Unit

if TYPE_CHECKING:
    from tap_asyncreport.clock import Clock
    from tap_asyncreport.state import StateBook

BYTES_PER_SECOND = 500_000
AHEAD = 0.05  # seconds that STATE may be ahead of what it may take; what is said sooner is paid for later
AHEAD_FOR_NEWS = 2.0  # the same for what a successor would otherwise do again: a job that was made, rows that are out
BORN = frozenset({JobEventKind.CREATED, JobEventKind.ADOPTED})
GONE = frozenset({JobEventKind.DROPPED, JobEventKind.DELETED})


class Keeper(Protocol):
    """What state keeps of a job, said by the stream's job repository."""

    def kept(self, job: Job) -> dict[str, Any]: ...


class Books:
    """Keeps the state book up to date; only the main thread writes in it.

    A STATE message goes out as soon as something changed while the state is small; a large one only so often that STATE
    takes no more than half a megabyte a second, after some at once for jobs that were made and rows that are out.
    """

    def __init__(
        self,
        state: StateBook,
        keepers: Mapping[str, Keeper],
        *,
        deletes: Callable[[str], bool],
        write: Callable[[bytes], None],
        clock: Clock,
    ) -> None:
        self.state = state
        self._keepers = keepers
        self._deletes = deletes
        self._write = write
        self._clock = clock
        self._paid_at = 0.0
        self._is_news = False

    def enter(self, events: Sequence[JobEvent]) -> None:
        """Enters what happened to jobs, then says so."""
        for event in events:
            if event.job is None:
                continue
            if event.kind in BORN:
                self._is_news = True
                self._set(event.unit, self._keepers[event.unit.stream].kept(event.job))
            elif event.kind in GONE or event.kind is JobEventKind.WARNING:
                self._drop(event)
        self.say()

    def written(self, unit: Unit, job: Job | None) -> None:
        """The unit's rows are out: its job stays in state only until it is deleted at the API."""
        self._is_news = True
        if job is None or (job.id is None and job.creation_response is None):
            return
        kept = self._keepers[unit.stream].kept(job)
        if self._deletes(unit.stream):
            self._set(unit, {**kept, "written": True})
        else:
            self.state.drop_job(unit.stream, unit.partition, kept)

    def say(self, *, last: bool = False) -> None:
        """Writes a STATE message if something changed and it is time; the `last` one is written in any case.

        While the state is `dirty` afterwards, there is something that no message has said.
        """
        if not last and self.due() != 0.0:
            return
        now = self._clock.monotonic()
        message, self._is_news = self.state.message(), False
        self._write(message)
        self._paid_at = max(now, self._paid_at) + len(message) / BYTES_PER_SECOND

    def due(self) -> float | None:
        """Seconds until something that has changed may be said; None when there is nothing to say."""
        if not self.state.dirty:
            return None
        ahead = AHEAD_FOR_NEWS if self._is_news else AHEAD
        return max(0.0, self._paid_at - ahead - self._clock.monotonic())

    def _set(self, unit: Unit, kept: dict[str, Any]) -> None:
        self.state.set_job(unit.stream, unit.partition, kept)

    def _drop(self, event: JobEvent) -> None:
        assert event.job is not None
        kept = self._keepers[event.unit.stream].kept(event.job)
        place = event.unit.stream, event.unit.partition
        if event.kind is not JobEventKind.WARNING or self.state.is_written(*place, kept):
            self.state.drop_job(*place, kept)
