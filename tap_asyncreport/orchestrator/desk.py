"""What every decision of the orchestrator shares: its notes, and the moves that keep them in order."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from tap_asyncreport.job import Job, JobEvent, JobEventKind, Unit
from tap_asyncreport.orchestrator.schedule import Agenda, Slots
from tap_asyncreport.orchestrator.task import CleanUp, Gate, Lane, Phase, StreamWork, Task

if TYPE_CHECKING:
    from tap_asyncreport.errors import ReportError
    from tap_asyncreport.orchestrator.task import Key


AHEAD = 50  # finished jobs that may wait for the writer, at least: each is in every STATE message until it is written
OTHERS_PART = 0.5  # of the spool, for streams that the writer is not at yet


class Desk:
    """The state of the state machine. Only the orchestrator's own methods change it."""

    def __init__(
        self,
        max_concurrent_jobs: int,
        *,
        split: Callable[[Unit], tuple[Unit, Unit] | None] = lambda _: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.streams: dict[str, StreamWork] = {}
        self.events: list[JobEvent] = []
        self.slots = Slots(max_concurrent_jobs)
        self.agenda: Agenda[Task | CleanUp | Gate] = Agenda()
        self.stopping = False
        self.for_good = False
        self.spool_fill = 0.0  # how much of the spool is used, 1 for all of it
        self.most_ahead = max(AHEAD, 2 * max_concurrent_jobs)
        self.split = split
        self.jitter = jitter
        self._tie = count()
        self._startable: list[tuple[Key, int, Task]] = []
        self._fetchable: list[tuple[Key, int, Task]] = []
        self._no_room: list[Task] = []
        self._asked_for: StreamWork | None = None
        self._in_hand: Task | None = None
        self._urgent: Task | None = None
        self._downloads = 0
        self._awaited = 0
        self._clean_ups: dict[CleanUp, None] = {}  # in order
        self.uncovered: list[CleanUp] = []

    def _note(
        self,
        kind: JobEventKind,
        task: Task,
        now: float,
        *,
        job: Job | None = None,
        word: str | None = None,
        wait: float | None = None,
        error: ReportError | None = None,
        rows: int | None = None,
        tries: str | None = None,
    ) -> None:
        self.events.append(JobEvent(kind, now, task.unit, job or task.job, word, wait, error, rows, tries))

    # -- waiting and being alive

    def _queue(self, task: Task) -> None:
        task.phase = Phase.QUEUED
        heapq.heappush(self._startable, (task.key, next(self._tie), task))

    def _fetch(self, task: Task) -> None:
        heapq.heappush(self._fetchable, (task.key, next(self._tie), task))

    def _appears(self, task: Task, now: float, kind: JobEventKind, wait: float | None = None) -> None:
        """The task's job exists at the API: its deadline counts from now, and it is asked about after `wait`."""
        task.exists, task.over, task.phase = True, False, Phase.RUNNING
        task.deadline, task.changed_at = now + task.budget.timeout, now
        task.polls = task.failures = task.creation_failures = 0
        task.first_try_at = task.failing_since = None
        self._note(kind, task, now, wait=wait)

    def _free_slot(self, task: Task) -> None:
        if task.slot:
            task.slot = False
            self.slots.give_back(task)

    def _job_over(self, task: Task) -> None:
        """The task's job is not alive at the API any more."""
        task.over = True
        if task.slot:
            self._free_slot(task)
            if task.exists:
                self._one_ended(task.stream)

    def _one_ended(self, stream: StreamWork) -> None:
        """A job of ours ended or was deleted: a creation that was told the API is busy may try again.

        One of its own stream, whose limit it may have been, and one of the first stream that waits.
        """
        first = None
        for work in self.streams.values():
            if work.gate.credits is None:
                continue
            work.gate.busy_since = None
            if first is None and work.gate.held:
                first = work
        if first is not None:
            first.gate.credit()
        if first is not stream:
            stream.gate.credit()

    # -- lanes

    def _end(self, task: Task) -> None:
        """The task is over: it leaves its lane and gives its slot back."""
        if task.alive:
            self._free_slot(task)  # left to the next run
        else:
            self._job_over(task)
        task.phase = Phase.ENDED
        task.stream.unwritten.discard(task)
        self.agenda.cancel(task)
        task.lane.remove(task)
        self._leave_hand(task)
        if self._urgent is task:
            self._urgent = None

    def _leave_hand(self, task: Task) -> None:
        if self._in_hand is task:
            self._in_hand = None

    def _offer(self, lane: Lane) -> None:
        """Shows the writer the lane's head, when that is ready."""
        head = lane.head
        if head is not None and head.phase is Phase.READY:
            lane.stream.ready.append(head)

    def _ready(self, task: Task, now: float, *, empty: bool = False) -> None:
        """The unit's rows, or the certainty that there are none, wait for the writer."""
        self._job_over(task)
        task.phase, task.empty = Phase.READY, empty
        task.stream.unwritten.add(task)
        self.agenda.cancel(task)
        if self._urgent is task:
            self._urgent = None
        self._note(JobEventKind.READY, task, now)
        if task.lane.head is task:
            task.stream.ready.append(task)

    # -- how far ahead of the writer

    def _is_full_for(self, task: Task) -> bool:
        """Whether the spool has no place for the task's file; half of it is for the stream that is being written."""
        return self.spool_fill >= (1.0 if task.stream is self._awaited_stream() else OTHERS_PART)

    def _is_ahead(self, task: Task) -> bool:
        """Whether enough finished jobs wait for the writer; those of other streams do not hold back its own."""
        work = self._awaited_stream()
        streams = [work] if task.stream is work else self.streams.values()
        return sum(len(each.unwritten) for each in streams) >= self.most_ahead

    def _is_next(self, task: Task) -> bool:
        """Whether the writer has nothing else to do and may take this task next."""
        work = self._awaited_stream()
        if work is not task.stream or task.lane.head is not task:
            return False
        return not any(mate.phase is Phase.READY for mate in work.ready)

    def _awaited_stream(self) -> StreamWork | None:
        """The stream that the writer is at: the one it asked for last, else the first that has work."""
        if self._asked_for is not None and self._asked_for.is_open:
            return self._asked_for
        return next((work for work in self.streams.values() if work.is_open), None)
