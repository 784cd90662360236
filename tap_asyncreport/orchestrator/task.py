"""The orchestrator's notes: tasks, lanes, clean-ups, slots and the agenda. Plain data, no clock."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_asyncreport.errors import ReportError
    from tap_asyncreport.job import Job, Unit
    from tap_asyncreport.orchestrator.budgets import Budget


class Phase(StrEnum):
    """Where a unit of work stands."""

    WAITING = "waiting"
    CREATING = "creating"
    RUNNING = "running"
    POLLING = "polling"
    COMPLETED = "completed"
    TARGETING = "targeting"
    FETCHABLE = "fetchable"
    DOWNLOADING = "downloading"
    READY = "ready"
    WRITING = "writing"
    ENDED = "ended"


class Verb(StrEnum):
    """What the runner is told to do: the verbs of the job repository."""

    CREATE = "create"
    POLL = "poll"
    TARGETS = "targets"
    DOWNLOAD = "download"
    ABORT = "abort"
    DELETE = "delete"


@dataclass(eq=False)
class Task:
    """A unit of work on its way; only the orchestrator changes it."""

    unit: Unit
    lane: Lane
    order: int
    phase: Phase = Phase.WAITING
    job: Job | None = None
    attempt: int = 1
    empty: bool = False
    slot: bool = False
    last_link: bool = True
    completed: bool = False
    polls: int = 0
    failures: int = 0
    creation_failures: int = 0
    busy_tries: int = 0
    target_failures: int = 0
    download_failures: int = 0
    first_try_at: float | None = None
    busy_since: float | None = None
    fetch_since: float | None = None
    deadline: float = 0.0
    changed_at: float = 0.0
    asked_at: float = 0.0
    seen: Any = None
    pieces: Any = None
    turn: int = 0

    @property
    def budget(self) -> Budget:
        """The stream's patience."""
        return self.lane.stream.budget


@dataclass(eq=False)
class Lane:
    """The units of one partition of one stream, in the order in which they are written."""

    stream: StreamWork
    tasks: deque[Task] = field(default_factory=deque)
    groups: tuple[tuple[str, str], ...] = ()
    closed: bool = False
    error: ReportError | None = None

    @property
    def head(self) -> Task | None:
        """The task to be written next."""
        return self.tasks[0] if self.tasks else None


@dataclass(eq=False)
class StreamWork:
    """All lanes of a stream, and what holds for them together."""

    name: str
    budget: Budget
    lanes: dict[str, Lane] = field(default_factory=dict)
    ready: deque[Task] = field(default_factory=deque)
    open_tasks: int = 0
    busy_until: float | None = None
    held: list[Task] = field(default_factory=list)
    quota: ReportError | None = None
    complete: bool = False


@dataclass(eq=False)
class CleanUp:
    """A job to be aborted, deleted, or both.

    One that was alive holds its slot until the API has let go, and stays in state until that is certain (`settle`).
    """

    job: Job
    task: Task
    abort: bool
    delete: bool
    alive: bool = False
    settle: bool = False
    slot: bool = False
    watch_until: float | None = None
    failures: int = 0
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """One call for the runner to make; `urgent` lets a download exceed the spool's bound."""

    verb: Verb
    items: tuple[Task | CleanUp, ...]
    urgent: bool = False
    jobs: tuple[Job, ...] = field(init=False)

    def __post_init__(self) -> None:
        jobs = tuple(item.job for item in self.items if item.job is not None)
        object.__setattr__(self, "jobs", jobs)  # as they are now: a task may be given up while its call is under way


class Agenda:
    """What is due when; an entry is void once its item has moved on."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int, Task | CleanUp]] = []
        self._count = count()

    def put(self, at: float, item: Task | CleanUp) -> None:
        """Due at `at`, and no longer at any earlier agreed time."""
        item.turn += 1
        heapq.heappush(self._heap, (at, next(self._count), item.turn, item))

    def cancel(self, item: Task | CleanUp) -> None:
        """Not due any more."""
        item.turn += 1

    def next_at(self) -> float | None:
        """When the first entry is due."""
        while self._heap and self._heap[0][2] != self._heap[0][3].turn:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[Task | CleanUp]:
        """Takes out what is due by now."""
        while (at := self.next_at()) is not None and at <= now:
            item = heapq.heappop(self._heap)[3]
            item.turn += 1
            yield item


class Slots:
    """Who may be alive at the API: in all, per stream, per value of a partition.

    A task that finds no slot is parked at the limit that stopped it, and comes back when that limit has room again.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.alive = 0
        self.woken: list[Task] = []
        self._used: dict[tuple[str, str], int] = {}
        self._parked: dict[tuple[str, str], list[tuple[int, int, Task]]] = {}
        self._count = count()

    def _bounds(self, task: Task) -> Iterator[tuple[tuple[str, str], int]]:
        stream = task.lane.stream
        if stream.budget.max_concurrent is not None:
            yield (stream.name, ""), stream.budget.max_concurrent
        for name, value in task.lane.groups:
            yield (f"{stream.name}/{name}", value), stream.budget.max_concurrent_per[name]

    def take(self, task: Task, *, force: bool = False) -> bool:
        """Gives the task a slot, or parks it; an adopted job is alive already and takes its slot by `force`."""
        for key, bound in self._bounds(task):
            if self._used.get(key, 0) >= bound and not force:
                heapq.heappush(self._parked.setdefault(key, []), (task.order, next(self._count), task))
                self.pass_on(task)
                return False
        for key, _ in self._bounds(task):
            self._used[key] = self._used.get(key, 0) + 1
        self.alive += 1
        return True

    def give_back(self, task: Task) -> None:
        """Frees the task's slot and wakes who waited for it."""
        self.alive -= 1
        for key, _ in self._bounds(task):
            self._used[key] -= 1
            if not self._used[key]:
                del self._used[key]
        self.pass_on(task)

    def pass_on(self, task: Task) -> None:
        """Wakes one parked task at each limit of this task's that has room."""
        for key, bound in self._bounds(task):
            parked = self._parked.get(key)
            if parked and self._used.get(key, 0) < bound:
                self.woken.append(heapq.heappop(parked)[2])
                if not parked:
                    del self._parked[key]

    def parked(self) -> Iterator[Task]:
        """Every task that waits at a limit."""
        for heap in self._parked.values():
            for entry in heap:
                yield entry[2]
