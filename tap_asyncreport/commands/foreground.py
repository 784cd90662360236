"""One unit of work in the foreground: the orchestrator decides as in a run, and each call is made before the next.

Differences from a run: one job and one attempt; a job that goes wrong or is not wanted any more is aborted and
deleted, never kept; of a window that is too large the first half is gone on with; no next job of a chain is started.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from tap_asyncreport.account import place
from tap_asyncreport.errors import LoginError, ReportError, TapError, Where
from tap_asyncreport.job import Job, JobEvent, JobEventKind, Means, Outcome, Unit
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.budgets import budget_of
from tap_asyncreport.orchestrator.task import Command, Task, Verb

if TYPE_CHECKING:
    from tap_asyncreport.commands.bench import Bench
    from tap_asyncreport.stream_run import StreamRun

logger = logging.getLogger("tap-asyncreport")

CLEAN_UP = frozenset({Verb.ABORT, Verb.DELETE})
MADE = frozenset({JobEventKind.CREATED, JobEventKind.ADOPTED})


class GaveUp(Exception):  # noqa: N818
    """A call was not waited for any longer, since the end was asked for; never leaves the foreground."""


class Calls(Protocol):
    """How calls are made: in a way that an interruption can end, or at once."""

    @property
    def stopping(self) -> bool:
        """Whether the end was asked for."""
        ...

    @property
    def late(self) -> bool:
        """Whether it was asked for so long ago that nothing more is waited for."""
        ...

    def make(self, call: Callable[[], Any], *, patient: bool) -> Any:
        """What the call gives; where the end was asked for, a call that is not `patient` raises GaveUp."""
        ...


class Direct:
    """Makes calls on the spot."""

    stopping = False
    late = False

    def make(self, call: Callable[[], Any], *, patient: bool) -> Any:  # noqa: ARG002
        """What the call gives."""
        return call()


class Teller(Protocol):
    """Who is told what happens."""

    def heard(self, event: JobEvent) -> None:
        """Something happened to the job."""
        ...

    def waiting(self, seconds: float) -> None:
        """Nothing is done for so long."""
        ...

    def left(self, job: Job) -> None:
        """The job stays at the API, alive or not, though it should not."""
        ...


@dataclass
class Ending:
    """How it ended: the error if there was one, the jobs made, and those that are left at the API."""

    error: ReportError | None = None
    empty: bool = False
    rows: int = 0
    jobs: list[Job] = field(default_factory=list)
    left: list[Job] = field(default_factory=list)
    follow: Unit | None = None


class Foreground:
    """Runs a unit of one stream; `read` is handed the task whose rows are ready, and returns how many it read."""

    def __init__(
        self, bench: Bench, work: StreamRun, teller: Teller, *, calls: Calls, read: Callable[[Task], int]
    ) -> None:
        self._clock = bench.clock
        self._work = work
        self._repository = work.repository
        self._teller = teller
        self._calls = calls
        self._read = read
        self._budget = replace(
            budget_of(work.config, bench.settings), max_attempts=1, keep_on_timeout=False, keep_on_exit=False
        )
        self._orchestrator = Orchestrator(1, split=self._half, jitter=lambda: 0.0)
        self._tried: set[tuple[Job, Verb]] = set()
        self._completed: set[Job] = set()
        self._kept: dict[Job, Unit] = {}
        self._ending = Ending()

    def run(self, unit: Unit) -> Ending:
        """Does all there is to do about the unit, clean-up included; errors are in what it returns."""
        orchestrator, name = self._orchestrator, unit.stream
        orchestrator.add_stream(name, self._budget)
        orchestrator.add_units(name, [unit], now=self._now())
        orchestrator.complete(name)
        try:
            while not orchestrator.idle:
                self._step(name)
            self._hear()
            self._sweep()
        except GaveUp:
            self._hear()
            self._kept |= {job: unit for job in self._ending.jobs if (job, Verb.DELETE) not in self._tried}
        self._ending.left = list(self._kept)
        for job in self._kept:
            self._teller.left(job)
        lanes = orchestrator.streams[name].lanes.values()
        self._ending.error = self._ending.error or next((lane.error for lane in lanes if lane.error is not None), None)
        return self._ending

    def _now(self) -> float:
        return self._clock.monotonic()

    def _step(self, name: str) -> None:
        orchestrator = self._orchestrator
        if self._calls.late:
            raise GaveUp
        if self._calls.stopping and not orchestrator.stopping:
            orchestrator.interrupt(self._now())
        task = orchestrator.take(name, self._now())
        commands = [] if task is not None else orchestrator.commands(self._now())
        self._hear()
        if task is not None:
            self._write(task)
        for command in commands:
            self._execute(command)
        if task is None and not commands and not orchestrator.idle:
            self._wait()

    def _hear(self) -> None:
        events = list(self._orchestrator.events)
        self._orchestrator.events.clear()
        for event in events:
            self._note(event)
            self._teller.heard(event)

    def _note(self, event: JobEvent) -> None:
        if event.error is not None:
            event.error.within(place(event.unit, event.job))
        if event.job is None:
            return
        if event.kind in MADE:
            self._ending.jobs.append(event.job)
        elif event.kind is JobEventKind.COMPLETED:
            self._completed.add(event.job)
        elif event.kind is JobEventKind.KEPT:
            self._kept[event.job] = event.unit

    def _wait(self) -> None:
        due = self._orchestrator.next_due()
        assert due is not None, "nothing is under way, and nothing is due"
        seconds = max(0.0, due - self._now())
        self._teller.waiting(seconds)
        self._clock.wait(seconds)

    # -- calls

    def _execute(self, command: Command) -> None:
        refused: LoginError | None = None
        self._tried |= {(job, command.verb) for job in command.jobs}
        patient = command.verb is Verb.CREATE or command.verb in CLEAN_UP
        try:
            outcomes = self._calls.make(lambda: self._call(command), patient=patient)
        except GaveUp:
            if patient:
                raise
            outcomes = [Outcome(Means.FAIL)]
        except LoginError as error:
            refused, outcomes = error, [Outcome(Means.FAIL, error=error)]
        except TapError as error:
            outcomes = [Outcome(Means.FAIL, error=ReportError(error.message, hint=error.hint))]
        if self._calls.stopping and not self._orchestrator.stopping:
            self._orchestrator.interrupt(self._now())
        self._orchestrator.answered(command, outcomes, self._now())
        if refused is not None:
            self._orchestrator.fail_all(refused, self._now())

    def _call(self, command: Command) -> Sequence[Outcome]:
        repository, job = self._repository, command.jobs[0]
        job.request_hash = job.request_hash or "-"  # only state needs it
        match command.verb:
            case Verb.CREATE:
                return [repository.create(job)]
            case Verb.POLL:
                return [self._alone(outcome) for outcome in repository.poll([job])]
            case Verb.TARGETS:
                return [repository.targets(job)]
            case Verb.DOWNLOAD:
                return [repository.download(job, urgent=True)]
            case Verb.ABORT:
                return [repository.abort(job)]
            case Verb.DELETE:
                return [repository.delete(job)]

    def _alone(self, outcome: Outcome) -> Outcome:
        """The outcome without the next job of a chain, which is only told."""
        self._ending.follow = outcome.follow
        return replace(outcome, follow=None)

    def _half(self, unit: Unit) -> Any:
        """The first half of a window that is too large, alone."""
        halves = self._work.split(unit)
        return None if halves is None else halves[:1]

    # -- rows

    def _write(self, task: Task) -> None:
        self._ending.empty = task.empty
        try:
            rows = 0 if task.empty else self._read(task)
        except ReportError as error:
            told = error.within(Where(step="decode").within(place(task.unit, task.job)))
            self._orchestrator.unreadable(task, told, self._now())
        else:
            self._ending.rows += rows
            self._orchestrator.written(task, rows, self._now())
        if task.job is not None:
            self._repository.release(task.job)

    # -- what is left

    def _sweep(self) -> None:
        """Ends jobs that a run would have kept for the next one."""
        for job, unit in list(self._kept.items()):
            verbs = [Verb.DELETE] if self._budget.deletes else []
            if self._budget.aborts and job not in self._completed:
                verbs.insert(0, Verb.ABORT)
            done = False
            for verb in verbs:
                if (job, verb) not in self._tried:
                    done |= self._ended(verb, job, unit)
            if done:
                del self._kept[job]

    def _ended(self, verb: Verb, job: Job, unit: Unit) -> bool:
        call = self._repository.abort if verb is Verb.ABORT else self._repository.delete
        outcome: Outcome = self._calls.make(lambda: call(job), patient=True)
        done = outcome.means is Means.OK
        kind = JobEventKind.WARNING
        if done:
            kind = JobEventKind.ABORTED if verb is Verb.ABORT else JobEventKind.DELETED
        self._teller.heard(JobEvent(kind, self._now(), unit, job, error=outcome.error))
        return done
