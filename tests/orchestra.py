"""An orchestrator played in virtual time: commands are answered from a script, a writer takes what is ready.

A unit is named after its day, `1`, or its partition and day, `a1`; halves and later links have names of their own. Jobs
are r1, r2, … in the order in which they are made. `log` holds every call as it is made: `0.25 poll r1`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tap_asyncreport.errors import JobError, ReportError, RequestError, Where
from tap_asyncreport.job import Job, JobEvent, JobEventKind, JobStatus, Means, Outcome, Unit, Window
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.budgets import Budget
from tap_asyncreport.orchestrator.task import Command, Task, Verb

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = 20_000
CALLS = {
    Verb.CREATE: "create", Verb.POLL: "poll", Verb.TARGETS: "targets", Verb.DOWNLOAD: "download",
    Verb.ABORT: "abort", Verb.DELETE: "delete",
}  # fmt: skip


# -- answers


def ok(**more: Any) -> Outcome:
    return Outcome(Means.OK, **more)


def running(word: str = "RUNNING", **more: Any) -> Outcome:
    return Outcome(Means.OK, status=JobStatus.RUNNING, word=word, **more)


def completed(**more: Any) -> Outcome:
    return Outcome(Means.OK, status=JobStatus.COMPLETED, word="DONE", **more)


def failed(message: str = "the job failed: its status is 'FAILED'") -> Outcome:
    return Outcome(Means.OK, status=JobStatus.FAILED, word="FAILED", error=JobError(message))


def skipped() -> Outcome:
    return Outcome(Means.OK, status=JobStatus.SKIPPED, word="SKIPPED")


def answer(means: Means, wait: float | None = None, code: int = 503, **more: Any) -> Outcome:
    return Outcome(
        means, wait=wait, error=RequestError(f"the API answered {code}", where=Where(status_code=code)), **more
    )


def retry(wait: float | None = None, code: int = 503, **more: Any) -> Outcome:
    return answer(Means.RETRY, wait, code, **more)


def busy(wait: float | None = None, **more: Any) -> Outcome:
    return answer(Means.BUSY, wait, 400, **more)


def after(seconds: float, outcome: Outcome) -> tuple[float, Outcome]:
    """An answer that takes its time."""
    return seconds, outcome


Scripted = Outcome | tuple[float, Outcome]


# -- units


def window(day: int, days: float = 1) -> Window:
    start = FIRST_DAY + timedelta(days=day - 1)
    return Window(start, start + timedelta(days=days))


def unit(day: int | None = 1, stream: str = "orders", link: int = 0, **partition: Any) -> Unit:
    return Unit(stream, partition, None if day is None else window(day), link, cursor=link or None)


def days(first: int, last: int, stream: str = "orders", **partition: Any) -> list[Unit]:
    return [unit(day, stream, **partition) for day in range(first, last + 1)]


def name_of(unit: Unit) -> str:
    stream = "" if unit.stream == "orders" else f"{unit.stream}:"
    day = ""
    if unit.window is not None:
        at = (unit.window.start - FIRST_DAY) / timedelta(days=1) + 1
        length = (unit.window.end - unit.window.start) / timedelta(days=1)
        day = f"{at:g}" + ("" if length == 1 else f"+{length:g}")
    link = f".{unit.link}" if unit.link else ""
    return stream + "".join(str(value) for value in unit.partition.values()) + day + link


def halves(unit: Unit) -> tuple[Unit, Unit] | None:
    """Splits a window down to a quarter of a day."""
    assert unit.window is not None
    half = (unit.window.end - unit.window.start) / 2
    if half < timedelta(hours=6):
        return None
    middle = unit.window.start + half
    first, second = Window(unit.window.start, middle), Window(middle, unit.window.end)
    return Unit(unit.stream, unit.partition, first), Unit(unit.stream, unit.partition, second)


# -- the state that a tap would keep


@dataclass
class Kept:
    """The jobs in state, as events tell; what is written stays until it is deleted, where the stream deletes."""

    deletes: Mapping[str, bool]
    jobs: dict[str, Job] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def enter(self, event: JobEvent) -> None:
        job = event.job
        if job is None or job.id is None:
            return
        if event.kind in (JobEventKind.CREATED, JobEventKind.ADOPTED):
            self.jobs[job.id] = job
        elif event.kind in (JobEventKind.DROPPED, JobEventKind.DELETED):
            self.jobs.pop(job.id, None)
        elif event.kind is JobEventKind.WRITTEN and not self.deletes[event.unit.stream]:
            self.jobs.pop(job.id, None)
        elif event.kind is JobEventKind.WRITTEN:
            self.written.add(job.id)
        elif event.kind is JobEventKind.WARNING and job.id in self.written:
            self.jobs.pop(job.id, None)


# -- the stage


def add(
    orchestrator: Orchestrator,
    stream: str,
    units: Iterable[Unit],
    adopted: Mapping[Unit, Job] | None = None,
    *,
    now: float = 0.0,
) -> None:
    """Adds units of any partitions, each partition's in the order given."""
    lanes: dict[str, list[Unit]] = {}
    for each in units:
        lanes.setdefault(each.lane[1], []).append(each)
    for lane in lanes.values():
        jobs = {place: adopted[each] for place, each in enumerate(lane) if adopted and each in adopted}
        orchestrator.add_units(stream, lane, jobs, now=now)


class Stage:
    """Plays until nothing is left to do; a step of the script that runs out falls back to the usual answer."""

    def __init__(
        self,
        *units: Unit | Iterable[Unit],
        script: Mapping[tuple[str, str], Sequence[Scripted]] | None = None,
        limit: int = 4,
        budgets: Mapping[str, Budget] | None = None,
        usual: Mapping[str, Callable[[str], Scripted]] | None = None,
        split: Callable[[Unit], tuple[Unit, Unit] | None] = halves,
        write: float = 0.0,
        adopted: Mapping[Unit, Job] | None = None,
        **budget: Any,
    ) -> None:
        self.now = 0.0
        self.orchestrator = Orchestrator(limit, split=split, jitter=lambda: 0.0)
        self.script = {key: list(answers) for key, answers in (script or {}).items()}
        self.usual = {"create": lambda _: ok(), "poll": lambda _: completed(), **(usual or {})}
        self.log: list[str] = []
        self.events: list[JobEvent] = []
        self.names: dict[str, str] = {}
        self.writes = True
        self.covers = True  # whether a STATE message follows what is written at once
        self.write = write
        self.unreadable: dict[str, ReportError] = {}
        self._tie = count()
        self._numbers = count(1)
        self._coming: list[tuple[float, int, Callable[[], None]]] = []
        self._writing: Task | None = None
        planned: list[Unit] = []
        for each in units:
            planned += [each] if isinstance(each, Unit) else list(each)
        streams = list(dict.fromkeys([*(budgets or {}), *(each.stream for each in planned)]))
        plain = Budget(**budget)
        for stream in streams:
            self.orchestrator.add_stream(stream, (budgets or {}).get(stream, plain))
        self.kept = Kept({name: work.budget.deletes for name, work in self.orchestrator.streams.items()})
        for each in planned:
            add(self.orchestrator, each.stream, [each], adopted)
        for stream in streams:
            self.orchestrator.complete(stream)

    # -- playing

    def at(self, seconds: float, action: Callable[[], None]) -> Stage:
        """Does something at a moment of the play."""
        heapq.heappush(self._coming, (seconds, next(self._tie), action))
        return self

    def play(self, until: float = float("inf")) -> Stage:
        """Plays to the end, or to a moment."""
        for _ in range(PATIENCE):
            self._act()
            moments = [at for at in (self.orchestrator.next_due(), *(c[0] for c in self._coming[:1])) if at is not None]
            if not moments or min(moments) > until:
                if until != float("inf"):
                    self.now = until
                return self
            self.now = max(self.now, min(moments))
            while self._coming and self._coming[0][0] <= self.now:
                heapq.heappop(self._coming)[2]()
        raise AssertionError(f"no end in sight at {self.now:g} s: {self.log[-20:]}")

    def _act(self) -> None:
        for command in self.orchestrator.commands(self.now):
            self._take_up(command)
        self._drain()
        while self.writes and self._writing is None and (task := self._take()) is not None:
            self._begin_writing(task)
        self._drain()

    def _take(self) -> Task | None:
        for stream in self.orchestrator.streams:
            task = self.orchestrator.take(stream, self.now)
            if task is not None or not self.orchestrator.exhausted(stream):
                return task
        return None

    def _begin_writing(self, task: Task) -> None:
        self._say(f"write {name_of(task.unit)}" + (" empty" if task.empty else ""))
        self._writing = task
        if self.write:
            self.at(self.now + self.write, self._end_writing)
        else:
            self._end_writing()

    def _end_writing(self) -> None:
        task, self._writing = self._writing, None
        assert task is not None
        error = self.unreadable.get(name_of(task.unit))
        if error is not None:
            self.orchestrator.unreadable(task, error, self.now)
        else:
            self.orchestrator.written(task, 0 if task.empty else 1, self.now, covered=self.covers)
        for command in self.orchestrator.commands(self.now):
            self._take_up(command)

    def _take_up(self, command: Command) -> None:
        jobs = [self._name(command, job) for job in command.jobs]
        self._say(
            f"{CALLS[command.verb]} {' '.join(jobs)}"
            + (" urgent" if command.urgent and self.orchestrator.spool_fill >= 1 else "")
        )
        answers = [self._answer(command.verb, job) for job in command.jobs]
        seconds = max(each[0] for each in answers)
        outcomes = [each[1] for each in answers]
        if seconds == float("inf"):
            return
        self.at(self.now + seconds, lambda: self._answered(command, outcomes))

    def _name(self, command: Command, job: Job) -> str:
        return name_of(job.unit) if command.verb is Verb.CREATE else str(job.id)

    def _answer(self, verb: Verb, job: Job) -> tuple[float, Outcome]:
        call = CALLS[verb]
        for label in (job.id, name_of(job.unit), "*"):
            answers = self.script.get((call, label or ""))
            if answers:
                found = answers.pop(0)
                break
        else:
            found = self.usual.get(call, lambda _: ok())(name_of(job.unit))
        return found if isinstance(found, tuple) else (0.0, found)

    def _answered(self, command: Command, outcomes: list[Outcome]) -> None:
        if command.verb is Verb.CREATE and outcomes[0].means in (Means.OK, Means.DUPLICATE):
            command.jobs[0].id = f"r{next(self._numbers)}"
        self.orchestrator.answered(command, outcomes, self.now)

    def _say(self, what: str) -> None:
        self.log.append(f"{round(self.now, 3):.12g} {what}")

    def _drain(self) -> None:
        for event in self.orchestrator.events:
            self.kept.enter(event)
        self.events += self.orchestrator.events
        self.orchestrator.events.clear()

    # -- what can be asked afterwards

    def calls(self, *verbs: str) -> list[str]:
        """The log, or the part of it with these calls."""
        return [line for line in self.log if not verbs or line.split()[1] in verbs]

    def times(self, verb: str, name: str) -> list[float]:
        return [float(line.split()[0]) for line in self.log if line.split()[1:3] == [verb, name]]

    def kinds(self, job: str | None = None) -> list[str]:
        """The kinds of all events, or of those about a job."""
        return [str(e.kind) for e in self.events if job is None or (e.job is not None and e.job.id == job)]

    def lane_error(self, stream: str = "orders", **partition: Any) -> ReportError | None:
        lane = self.orchestrator.streams[stream].lanes[unit(1, stream, **partition).lane[1]]
        return lane.error

    @property
    def idle(self) -> bool:
        return self.orchestrator.idle
