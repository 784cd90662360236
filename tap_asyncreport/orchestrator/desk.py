"""What every decision of the orchestrator shares: its notes, and the moves that keep them in order."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from tap_asyncreport.job import JobEvent, JobEventKind, Unit
from tap_asyncreport.orchestrator.task import Agenda, CleanUp, Lane, Phase, Slots, StreamWork, Task

if TYPE_CHECKING:
    from tap_asyncreport.errors import ReportError

ALIVE = frozenset({Phase.RUNNING, Phase.POLLING})


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
        self.agenda = Agenda()
        self.stopping = False
        self.spool_full = False
        self.split = split
        self.jitter = jitter
        self._order = count()
        self._tie = count()
        self._startable: list[tuple[int, int, Task]] = []
        self._fetchable: list[tuple[int, int, Task]] = []
        self._no_room: list[Task] = []
        self._due: deque[Task | CleanUp] = deque()
        self._urgent: Task | None = None
        self._downloads = 0
        self._calls = 0
        self._awaited = 0
        self._clean_ups: set[CleanUp] = set()

    def _note(
        self,
        kind: JobEventKind,
        task: Task,
        now: float,
        *,
        word: str | None = None,
        wait: float | None = None,
        error: ReportError | None = None,
        rows: int | None = None,
    ) -> None:
        self.events.append(JobEvent(kind, now, task.unit, task.job, word, wait, error, rows))

    # -- waiting and being alive

    def _may_start(self, task: Task) -> None:
        task.phase = Phase.WAITING
        heapq.heappush(self._startable, (task.order, next(self._tie), task))

    def _start_later(self, task: Task, at: float) -> None:
        task.phase = Phase.WAITING
        self.agenda.put(at, task)

    def _alive(self, task: Task, now: float, kind: JobEventKind) -> None:
        """The task's job exists at the API: its deadline counts from now."""
        task.phase = Phase.RUNNING
        task.deadline, task.changed_at = now + task.budget.timeout, now
        task.polls = task.failures = task.creation_failures = task.busy_tries = 0
        task.first_try_at = task.busy_since = None
        self._note(kind, task, now)

    def _free_slot(self, task: Task) -> None:
        if task.slot:
            task.slot = False
            self.slots.give_back(task)

    def _job_over(self, task: Task) -> None:
        """The task's job is not alive at the API any more."""
        if task.slot:
            self._free_slot(task)
            self._job_ended()

    def _job_ended(self) -> None:
        """One of our own jobs ended at the API: creations that were told it is busy may try again."""
        for work in self.streams.values():
            if work.busy_until is not None:
                self._reopen(work)

    def _reopen(self, work: StreamWork) -> None:
        work.busy_until = None
        held, work.held = work.held, []
        for task in held:
            if task.phase is Phase.WAITING:
                self.agenda.cancel(task)
                self._may_start(task)

    # -- lanes

    def _end(self, task: Task) -> None:
        """The task is over: it leaves its lane and gives its slot back."""
        self._job_over(task)
        task.phase = Phase.ENDED
        self.agenda.cancel(task)
        task.lane.tasks.remove(task)
        task.lane.stream.open_tasks -= 1
        if self._urgent is task:
            self._urgent = None

    def _offer(self, lane: Lane) -> None:
        """Shows the writer the lane's head, when that is ready."""
        head = lane.head
        if head is not None and head.phase is Phase.READY:
            lane.stream.ready.append(head)

    def _ready(self, task: Task, now: float, *, empty: bool = False) -> None:
        """The unit's rows, or the certainty that there are none, wait for the writer."""
        self._job_over(task)
        task.phase, task.empty = Phase.READY, empty
        self.agenda.cancel(task)
        if self._urgent is task:
            self._urgent = None
        self._note(JobEventKind.READY, task, now)
        if task.lane.head is task:
            task.lane.stream.ready.append(task)

    def _replace(self, task: Task, units: tuple[Unit, ...]) -> None:
        """Puts tasks for `units` in the place of `task` in its lane."""
        lane = task.lane
        at = lane.tasks.index(task)
        self._end(task)
        for offset, unit in enumerate(units):
            fresh = Task(unit, lane, task.order)
            lane.tasks.insert(at + offset, fresh)
            lane.stream.open_tasks += 1
            self._may_start(fresh)

    def _follow(self, task: Task, unit: Unit) -> None:
        """Adds the next job of a chained window right behind this one."""
        follower = Task(unit, task.lane, task.order)
        task.last_link = False
        task.lane.tasks.insert(task.lane.tasks.index(task) + 1, follower)
        task.lane.stream.open_tasks += 1
        self._may_start(follower)
