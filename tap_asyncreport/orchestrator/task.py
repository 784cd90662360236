"""The orchestrator's notes: tasks, lanes, streams, clean-ups and commands. Plain data, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_asyncreport.errors import ReportError
    from tap_asyncreport.job import Job, Unit
    from tap_asyncreport.orchestrator.budgets import Budget

Order = tuple[int, ...]
Key = tuple[Order, int]


class Phase(StrEnum):
    """Where a unit of work stands."""

    WAITING = "waiting"  # for a time
    QUEUED = "queued"  # for a slot, a gate, a job that is being cancelled
    CREATING = "creating"
    RUNNING = "running"
    POLLING = "polling"
    COMPLETED = "completed"
    TARGETING = "targeting"
    DELAYED = "delayed"  # a download that is tried again later
    FETCHABLE = "fetchable"  # waits for its turn, or for room in the spool
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


@dataclass(eq=False, repr=False)
class Task:
    """A unit of work on its way; only the orchestrator changes it.

    Its job `exists` from the answer that made it until it is let go of, and is `over` when it is not alive any more.
    """

    unit: Unit
    lane: Lane
    order: Order
    phase: Phase = Phase.WAITING
    job: Job | None = None
    attempt: int = 1
    empty: bool = False
    slot: bool = False
    last_link: bool = True
    inherited: bool = False
    exists: bool = False
    over: bool = False
    gone: bool = False
    completed: bool = False
    polls: int = 0
    failures: int = 0
    failing_since: float | None = None
    creation_failures: int = 0
    target_failures: int = 0
    download_failures: int = 0
    first_try_at: float | None = None
    target_since: float | None = None
    fetch_since: float | None = None
    deadline: float = 0.0
    changed_at: float = 0.0
    asked_at: float = 0.0
    seen: Any = None
    pieces: Any = None
    turn: int = 0
    round: int = 0
    unwanted: bool = False
    waiting: list[Task] = field(default_factory=list)
    before: Task | None = None
    after: Task | None = None

    @property
    def budget(self) -> Budget:
        """The stream's patience."""
        return self.lane.stream.budget

    @property
    def stream(self) -> StreamWork:
        """The stream it belongs to."""
        return self.lane.stream

    @property
    def key(self) -> Key:
        """What tasks are sorted by: the order of their units, the halves and the links of a window in theirs."""
        return self.order, self.unit.link

    @property
    def alive(self) -> bool:
        """Whether its job may still be working at the API."""
        return self.exists and not self.over

    @property
    def is_later_link(self) -> bool:
        """Whether an earlier job of the same window's chain has still to be written."""
        return self.before is not None and self.unit.follows(self.before.unit)

    def renew(self, attempt: int) -> None:
        """Forgets the job and all that was counted for it; the next one is number `attempt`."""
        self.job, self.attempt = None, attempt
        self.exists = self.over = self.gone = self.completed = self.inherited = self.empty = False
        self.last_link = True
        self.polls = self.failures = self.creation_failures = self.target_failures = self.download_failures = 0
        self.failing_since = self.first_try_at = self.target_since = self.fetch_since = None
        self.seen = self.pieces = None

    def __repr__(self) -> str:
        return f"<Task {self.unit} {self.phase}>"


@dataclass(eq=False, repr=False)
class Lane:
    """The units of one partition of one stream, in the order in which they are written: a chain of tasks.

    Units that nothing has been done about yet are no tasks but `coming`, and are made one by one: a year of windows of
    each of thousands of partitions would fill the memory. The task that came on last is `newest` until it starts.
    """

    stream: StreamWork
    key: str = ""
    number: int = 0
    groups: tuple[tuple[str, str], ...] = ()
    closed: bool = False
    keeps: bool = False  # it ended because our patience did, so its other live jobs are left to the next run too
    skipped: bool = False
    error: ReportError | None = None
    head: Task | None = None
    last: Task | None = None
    newest: Task | None = None
    lined_up: bool = False
    added: int = 0
    left: int = 0
    coming: Iterator[Unit] = field(default_factory=lambda: iter(()))

    @property
    def is_open(self) -> bool:
        """Whether anything of it is still to be done."""
        return self.head is not None or self.left > 0

    def expect(self, units: Sequence[Unit]) -> None:
        """More units are to come, behind all others."""
        self.coming = chain(self.coming, units) if self.left else iter(units)
        self.added += len(units)
        self.left += len(units)
        self.stream.to_come += len(units)

    @property
    def next_order(self) -> Order:
        """Where the next unit that is to come stands among all: every lane's first comes before anyone's second."""
        return self.stream.number, self.added - self.left, self.number

    def bring_on(self) -> Task:
        """Makes a task, the last of the lane, of the next unit that is to come."""
        order = self.next_order
        self.left -= 1
        self.stream.to_come -= 1
        task = Task(next(self.coming), self, order)
        self.append(task)
        return task

    def expect_no_more(self) -> None:
        """What is still to come is not to be done."""
        self.stream.to_come -= self.left
        self.left, self.coming, self.newest = 0, iter(()), None

    def append(self, task: Task) -> None:
        """Puts a task at the end."""
        task.before, task.after = self.last, None
        if self.last is None:
            self.head = task
        else:
            self.last.after = task
        self.last = task
        self.stream.open_tasks += 1

    def insert(self, task: Task, behind: Task) -> None:
        """Puts a task right behind another."""
        if behind.after is None:
            self.append(task)
            return
        task.before, task.after = behind, behind.after
        behind.after.before = task
        behind.after = task
        self.stream.open_tasks += 1

    def remove(self, task: Task) -> None:
        """Takes a task out."""
        if task.before is None:
            self.head = task.after
        else:
            task.before.after = task.after
        if task.after is None:
            self.last = task.before
        else:
            task.after.before = task.before
        task.before = task.after = None
        self.stream.open_tasks -= 1

    def begin(self, task: Task | None) -> list[Task]:
        """This task and all behind it."""
        tasks = []
        while task is not None:
            tasks.append(task)
            task = task.after
        return tasks

    def __iter__(self) -> Iterator[Task]:
        return iter(self.begin(self.head))


@dataclass(eq=False)
class Gate:
    """Whether a stream's creations may go out.

    None goes before `closed_until`, which the API asked for. After a busy answer one goes for each `credit`: a job of
    ours that ended, a creation that was taken, a wait that is over.
    """

    closed_until: float = float("-inf")
    credits: int | None = None
    rounds: int = 0
    refusals: int = 0
    busy_since: float | None = None
    opens_at: float = float("-inf")
    held: list[tuple[Key, int, Task]] = field(default_factory=list)
    turn: int = 0

    def lets_in(self, now: float) -> bool:
        """Whether a creation may go now."""
        return self.credits != 0 and now >= self.closed_until

    def credit(self) -> None:
        """One more creation may go, where they are counted."""
        if self.credits is not None:
            self.credits += 1


@dataclass(eq=False, repr=False)
class StreamWork:
    """All lanes of a stream, and what holds for them together.

    Once it is `halted` no job of it is started any more, be it that its `quota` at the API is exhausted.
    """

    name: str
    budget: Budget
    number: int = 0
    lanes: dict[str, Lane] = field(default_factory=dict)
    ready: deque[Task] = field(default_factory=deque)
    unwritten: set[Task] = field(default_factory=set)
    open_tasks: int = 0
    to_come: int = 0
    coming: list[tuple[Order, Lane]] = field(default_factory=list)
    gate: Gate = field(default_factory=Gate)
    early: list[tuple[float, int, int, Task]] = field(default_factory=list)
    leaving: dict[str, list[CleanUp | Task]] = field(default_factory=dict)
    halted: ReportError | None = None
    quota: ReportError | None = None
    complete: bool = False

    @property
    def is_open(self) -> bool:
        """Whether anything of it is still to be done."""
        return self.open_tasks > 0 or self.to_come > 0


@dataclass(eq=False, repr=False)
class CleanUp:
    """A job to be aborted, deleted, or both, or one that is kept and watched while its slot is wanted.

    One that was alive holds its slot until the API has let go, and stays in state until that is certain (`settle`);
    meanwhile the tasks in `waiting` make no other job for the same window. One that is `held` is not deleted before a
    STATE message has said that its rows are out.
    """

    job: Job
    task: Task
    abort: bool = False
    delete: bool = False
    alive: bool = False
    settle: bool = False
    kept: bool = False
    ended: bool = False
    slot: bool = False
    watch_until: float | None = None
    asking: bool = False
    held: bool = False
    failures: int = 0
    polls: int = 0
    waiting: list[Task] = field(default_factory=list)
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
