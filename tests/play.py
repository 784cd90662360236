"""A runner with real threads, and a repository without a network that answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from orchestra import completed, ok

from tap_asyncreport.clock import SystemClock
from tap_asyncreport.job import Job, JobEvent, Means, Outcome, Unit
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.budgets import Budget
from tap_asyncreport.orchestrator.task import Task
from tap_asyncreport.runner import Runner

QUICK = {"poll_interval": 0.05, "poll_interval_max": 0.05}


class Repository:
    """Answers at once; a verb in `hangs` waits until the test is over, one in `does` does as told."""

    def __init__(self, **does: Callable[[Job], Outcome]) -> None:
        self.does = does
        self.hangs: set[str] = set()
        self.calls: list[tuple[str, str]] = []
        self.released: list[str] = []
        self.threads: set[str] = set()
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._made = 0

    def _call(self, verb: str, job: Job, usual: Callable[[], Outcome] = ok) -> Outcome:
        with self._lock:
            self.calls.append((verb, str(job.id)))
            self.threads.add(threading.current_thread().name)
        if verb in self.hangs:
            self.over.wait(30)
        return self.does[verb](job) if verb in self.does else usual()

    def create(self, job: Job) -> Outcome:
        outcome = self._call("create", job)
        if outcome.means is Means.OK:
            with self._lock:
                self._made += 1
                job.id = f"r{self._made}"
        return outcome

    def poll(self, jobs: Sequence[Job]) -> list[Outcome]:
        return [self._call("poll", job, completed) for job in jobs]

    def targets(self, job: Job) -> Outcome:
        return self._call("targets", job)

    def download(self, job: Job, *, urgent: bool) -> Outcome:
        return self._call("download", job)

    def abort(self, job: Job) -> Outcome:
        return self._call("abort", job)

    def delete(self, job: Job) -> Outcome:
        return self._call("delete", job)

    def release(self, job: Job) -> None:
        self.released.append(str(job.id))

    def count(self, verb: str) -> int:
        return sum(each == verb for each, _ in self.calls)


class Play:
    """A runner with its repositories, and what it told."""

    def __init__(
        self, *units: Unit, limit: int = 4, clock: Any = None, repository: Repository | None = None, **budget: Any
    ) -> None:
        self.orchestrator = Orchestrator(limit)
        self.events: list[JobEvent] = []
        self.heard_on: set[int] = set()
        self.repositories: dict[str, Repository] = {}
        streams = list(dict.fromkeys(each.stream for each in units))
        for stream in streams:
            self.orchestrator.add_stream(stream, Budget(**{**QUICK, **budget}))
            self.repositories[stream] = repository or Repository()
        self.runner = Runner(self.orchestrator, self.repositories, clock=clock or SystemClock())

        def plan(orchestrator: Orchestrator, now: float) -> None:
            for each in units:
                orchestrator.add_units(each.stream, [each], now=now)
            for stream in streams:
                orchestrator.complete(stream)

        self.plan = plan
        self.streams = streams

    def hear(self, events: list[JobEvent]) -> None:
        self.heard_on.add(threading.get_ident())
        self.events += events

    def start(self) -> None:
        self.runner.start()
        self.runner.add(self.plan)

    def write_all(self) -> list[Task]:
        written = []
        for stream in self.streams:
            while (task := self.runner.next(stream, self.hear)) is not None:
                self.runner.tick(self.hear)
                self.runner.written(task, 1)
                written.append(task)
        return written

    def finish(self) -> float:
        began = time.monotonic()
        self.runner.finish(self.hear)
        return time.monotonic() - began

    def kinds(self) -> list[str]:
        return [str(event.kind) for event in self.events]


@contextmanager
def playing(*args: Any, **options: Any) -> Iterator[Play]:
    play = Play(*args, **options)
    try:
        play.start()
        yield play
    finally:
        for repository in play.repositories.values():
            repository.over.set()


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        threading.Event().wait(0.005)
