"""Executes what the orchestrator decides: a small pool of threads for I/O, one that decides, and the writer's door."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

from tap_asyncreport.clock import Clock
from tap_asyncreport.errors import LoginError, ReportError, TapError
from tap_asyncreport.job import Job, JobEvent, JobEventKind, Means, Outcome
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.task import Command, Task, Verb

logger = logging.getLogger("tap-asyncreport")

GRACE = 7.0
HEARTBEAT = 1.0
LET_GO = frozenset({JobEventKind.DROPPED, JobEventKind.KEPT})


class Repository(Protocol):
    """The API's jobs, as far as the runner needs them; one try per call."""

    def create(self, job: Job) -> Outcome: ...
    def poll(self, jobs: Sequence[Job]) -> list[Outcome]: ...
    def targets(self, job: Job) -> Outcome: ...
    def download(self, job: Job, *, urgent: bool) -> Outcome: ...
    def abort(self, job: Job) -> Outcome: ...
    def delete(self, job: Job) -> Outcome: ...
    def release(self, job: Job) -> None: ...


class Workers:
    """Threads that make calls; they are daemons, since a call that hangs must not keep the process alive."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0

    def submit(self, call: Callable[[], None]) -> None:
        """Makes the call on a thread, now or when one is free."""
        self._work.put(call)
        if not self._idle.acquire(blocking=False) and self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._serve, daemon=True, name=f"caller-{self._threads}").start()

    def _serve(self) -> None:
        while True:
            self._work.get()()
            self._idle.release()


class Runner:
    """Runs an orchestrator against repositories, one per stream.

    The main thread takes units with `next`, says `written` or `unreadable`, and hears of everything through the
    `on_events` it passes. `interrupt` may be called from a signal handler.
    """

    def __init__(
        self,
        orchestrator: Orchestrator,
        repositories: Mapping[str, Repository],
        *,
        clock: Clock,
        spool_full: Callable[[], bool] = lambda: False,
        most_calls: int = 24,
    ) -> None:
        self.orchestrator = orchestrator
        self.login_error: LoginError | None = None
        self._repositories = repositories
        self._clock = clock
        self._spool_full = spool_full
        self._workers = Workers(most_calls)
        self._inbox: SimpleQueue[tuple[Command, list[Outcome], LoginError | None] | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._events: list[JobEvent] = []
        self._stop_asked = False
        self._stop_at: float | None = None
        self._over = False
        self._thread = threading.Thread(target=self._decide, daemon=True, name="orchestrator")

    # -- the writer's door, for the main thread

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def next(self, stream: str, on_events: Callable[[list[JobEvent]], None]) -> Task | None:
        """Waits for the next unit of this stream whose rows may be written; None when there will be none."""
        while True:
            with self._changed:
                task = self.orchestrator.take(stream, self._clock.monotonic())
                over = self._over or self.orchestrator.exhausted(stream)
                if task is None and not over and not self._events:
                    self._changed.wait(HEARTBEAT)
                self._collect()
            self._hand_out(on_events)
            if task is not None or over:
                return task

    def tick(self, on_events: Callable[[list[JobEvent]], None]) -> bool:
        """Hands out events while a unit is being written; false when the writer should stop."""
        if self._events or self.orchestrator.events:
            with self._changed:
                self._collect()
            self._hand_out(on_events)
        return not self._stop_asked

    def written(self, task: Task, rows: int) -> None:
        """The unit's rows are out."""
        if task.job is not None:
            self._repositories[task.unit.stream].release(task.job)
        with self._changed:
            self.orchestrator.written(task, rows, self._clock.monotonic())
        self._inbox.put(None)

    def unreadable(self, task: Task, error: ReportError) -> None:
        """The unit's rows could not be read."""
        with self._changed:
            self.orchestrator.unreadable(task, error, self._clock.monotonic())
        self._inbox.put(None)

    def add(self, change: Callable[[Orchestrator, float], None]) -> None:
        """Changes what there is to do, safely beside the thread that decides."""
        with self._changed:
            change(self.orchestrator, self._clock.monotonic())
        self._inbox.put(None)

    def interrupt(self) -> None:
        """Asks for an orderly end; safe in a signal handler, and once is as good as many times."""
        self._stop_asked = True
        self._inbox.put(None)

    @property
    def interrupted(self) -> bool:
        """Whether an orderly end was asked for."""
        return self._stop_asked

    def finish(self, on_events: Callable[[list[JobEvent]], None]) -> None:
        """Waits until every job is cleaned up, within bounds when the run was interrupted."""
        self._inbox.put(None)
        while not self._over:
            with self._changed:
                if self.orchestrator.idle and not self._events:
                    self._over = True
                elif not self._events:
                    self._changed.wait(HEARTBEAT)
                self._collect()
            self._hand_out(on_events)
        self._inbox.put(None)
        with self._changed:
            self._collect()
        self._hand_out(on_events)

    def _collect(self) -> None:
        self._events += self.orchestrator.events
        self.orchestrator.events.clear()

    def _hand_out(self, on_events: Callable[[list[JobEvent]], None]) -> None:
        events, self._events = self._events, []
        if events:
            on_events(events)

    # -- the thread that decides

    def _decide(self) -> None:
        while not self._over:
            answers = self._answers()
            with self._changed:
                now = self._clock.monotonic()
                for command, outcomes, refused in answers:
                    self.orchestrator.answered(command, outcomes, now)
                    self._refused(refused, now)
                self._stop_if_asked(now)
                self.orchestrator.spool_full = self._spool_full()
                commands = self.orchestrator.commands(now)
                gone = [event for event in self.orchestrator.events if event.kind in LET_GO]
                self._collect()
                self._changed.notify_all()
            for event in gone:
                if event.job is not None:
                    self._repositories[event.unit.stream].release(event.job)
            for command in commands:
                self._workers.submit(lambda command=command: self._execute(command))  # type: ignore[misc]

    def _answers(self) -> list[tuple[Command, list[Outcome], LoginError | None]]:
        with self._changed:
            due = self.orchestrator.next_due()
        wait = HEARTBEAT if due is None else min(HEARTBEAT, max(0.0, due - self._clock.monotonic()))
        answers = []
        try:
            first = self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait()
            answers.append(first)
            while True:
                answers.append(self._inbox.get_nowait())
        except Empty:
            pass
        return [answer for answer in answers if answer is not None]

    def _refused(self, error: LoginError | None, now: float) -> None:
        if error is not None and self.login_error is None:
            self.login_error = error
            self.orchestrator.fail_all(error, now)

    def _stop_if_asked(self, now: float) -> None:
        if not self._stop_asked:
            return
        if self._stop_at is None:
            self._stop_at = now
            self._clock.stop()
            self.orchestrator.interrupt(now)
        elif now - self._stop_at > GRACE:
            self._over = True

    # -- the threads that call

    def _execute(self, command: Command) -> None:
        refused: LoginError | None = None
        try:
            outcomes = self._call(command)
        except LoginError as error:
            refused, outcomes = error, self._all(command, error)
        except TapError as error:
            outcomes = self._all(command, error if isinstance(error, ReportError) else ReportError(error.message))
        except Exception as error:
            logger.debug("Unexpected error in %s", command.verb, exc_info=True)
            outcomes = self._all(command, ReportError(f"unexpected {type(error).__name__} in {command.verb}: {error}"))
        self._inbox.put((command, outcomes, refused))

    def _call(self, command: Command) -> list[Outcome]:
        jobs = command.jobs
        repository = self._repositories[jobs[0].unit.stream]
        if command.verb is Verb.POLL:
            return repository.poll(jobs)
        job = jobs[0]
        if command.verb is Verb.DOWNLOAD:
            return [repository.download(job, urgent=command.urgent)]
        verbs = {
            Verb.CREATE: repository.create,
            Verb.TARGETS: repository.targets,
            Verb.ABORT: repository.abort,
            Verb.DELETE: repository.delete,
        }
        return [verbs[command.verb](job)]

    def _all(self, command: Command, error: ReportError) -> list[Outcome]:
        return [Outcome(Means.FAIL, error=error) for _ in command.items]
