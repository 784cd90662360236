"""Executes what the orchestrator decides: threads for I/O, one that decides, and the writer's door."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from tap_asyncreport.clock import Clock
from tap_asyncreport.errors import LoginError, ReportError, TapError
from tap_asyncreport.job import Job, JobEvent, JobEventKind, Means, Outcome
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.task import Command, Task, Verb

logger = logging.getLogger("tap-asyncreport")

GRACE = 7.0
HEARTBEAT = 1.0
LONGEST_LOOP = 6.0
CLEANERS = 8
LET_GO = frozenset({JobEventKind.DROPPED, JobEventKind.KEPT})


OnEvents = Callable[[list[JobEvent]], float | None]


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

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0

    def submit(self, call: Callable[[], None]) -> None:
        """Makes the call on a thread, now or when one is free."""
        self._work.put(call)
        if not self._idle.acquire(blocking=False) and self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._serve, daemon=True, name=f"{self._name}-{self._threads}").start()

    def close(self) -> None:
        """Lets the threads end, each when its call does."""
        for _ in range(self._threads):
            self._work.put(None)

    def _serve(self) -> None:
        while (call := self._work.get()) is not None:
            call()
            self._idle.release()


class Answer(NamedTuple):
    """What came of a command; `refused` where the API did not take the credentials."""

    command: Command
    outcomes: list[Outcome]
    refused: LoginError | None


class Runner:
    """Runs an orchestrator against repositories, one per stream.

    The main thread takes units with `next`, says `written` or `unreadable`, and hears of everything through the
    `on_events` it passes; while nothing happens that is called every `HEARTBEAT`, or after the seconds that it returned
    where these are fewer. `interrupt` may be called from a signal handler.
    """

    def __init__(
        self,
        orchestrator: Orchestrator,
        repositories: Mapping[str, Repository],
        *,
        clock: Clock,
        spool_fill: Callable[[], float] = lambda: 0.0,
        most_calls: int = 24,
    ) -> None:
        self.orchestrator = orchestrator
        self.login_error: LoginError | None = None
        self._repositories = repositories
        self._clock = clock
        self._spool_fill = spool_fill
        callers, cleaners = Workers(most_calls, "caller"), Workers(CLEANERS, "cleaner")
        self._workers = {  # apart, so that calls that hang or wait for a rate hold up none of another kind
            Verb.CREATE: Workers(most_calls, "creator"),
            Verb.POLL: callers,
            Verb.TARGETS: callers,
            Verb.DOWNLOAD: Workers(most_calls, "fetcher"),
            Verb.ABORT: cleaners,
            Verb.DELETE: cleaners,
        }
        self._inbox: SimpleQueue[Answer | None] = SimpleQueue()
        self._changed = threading.Condition()
        self._events: list[JobEvent] = []
        self._in_hand: Job | None = None
        self._asleep = 0.0
        self._awake_at = clock.monotonic()
        self._stop_asked = False
        self._for_good = False
        self._stop_at: float | None = None
        self._over = False
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="orchestrator")

    # -- the writer's door, for the main thread

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def next(self, stream: str, on_events: OnEvents) -> Task | None:
        """Waits for the next unit of this stream whose rows may be written; None when there will be none."""
        wait = HEARTBEAT
        while True:
            with self._changed:
                task = self.orchestrator.take(stream, self._now())
                over = self._over or self.orchestrator.exhausted(stream)
                if task is None and not over and not self._has_events():
                    self._changed.wait(wait)
                self._in_hand = task.job if task is not None else None
                events = self._drain()
            wait = _soon(on_events(events))
            if task is not None or over:
                return task

    def tick(self, on_events: OnEvents) -> bool:
        """Hands out events while a unit is being written; false when the writer should stop."""
        if self._has_events():
            with self._changed:
                events = self._drain()
            on_events(events)
        return not self._stop_asked

    def written(self, task: Task, rows: int, *, covered: bool = True) -> None:
        """The unit's rows are out; its job is deleted once a STATE message has `covered` them."""
        if task.job is not None:
            self._release(task.unit.stream, task.job)
        self.add(lambda orchestrator, now: orchestrator.written(task, rows, now, covered=covered))

    def covered(self) -> None:
        """A STATE message is out that covers all units written so far."""
        if self.orchestrator.uncovered:
            self.add(lambda orchestrator, now: orchestrator.covered(now))

    def never_covered(self) -> None:
        """No further STATE message will get out."""
        self.add(lambda orchestrator, _: orchestrator.never_covered())

    def unreadable(self, task: Task, error: ReportError) -> None:
        """The unit's rows could not be read."""
        if task.job is not None:
            self._release(task.unit.stream, task.job)
        self.add(lambda orchestrator, now: orchestrator.unreadable(task, error, now))

    def add(self, change: Callable[[Orchestrator, float], None]) -> None:
        """Changes what there is to do, safely beside the thread that decides."""
        with self._changed:
            change(self.orchestrator, self._now())
        self._inbox.put(None)

    def interrupt(self, *, for_good: bool = False) -> None:
        """Asks for an orderly end; safe in a signal handler, and once is as good as many times.

        After an end `for_good` there is no next run: no job is kept for it.
        """
        self._for_good = self._for_good or for_good
        self._stop_asked = True
        self._inbox.put(None)

    @property
    def interrupted(self) -> bool:
        """Whether an orderly end was asked for."""
        return self._stop_asked

    def finish(self, on_events: OnEvents) -> None:
        """Waits until every job is cleaned up, within bounds when the run was interrupted; then ends the threads."""
        self._inbox.put(None)
        wait = HEARTBEAT
        while True:
            with self._changed:
                self._over = self._over or (self.orchestrator.idle and not self._stop_pending())
                if not self._over and not self._has_events():
                    self._changed.wait(wait)
                events, over = self._drain(), self._over
            wait = _soon(on_events(events))
            if over:
                break
        self._inbox.put(None)
        for workers in dict.fromkeys(self._workers.values()):
            workers.close()
        if self._fault is not None:
            raise self._fault

    def _stop_pending(self) -> bool:
        """Whether a stop was asked for that the thread that decides has not seen yet."""
        return self._stop_asked and self._stop_at is None and self._thread.is_alive()

    def _has_events(self) -> bool:
        return bool(self._events or self.orchestrator.events)

    def _drain(self) -> list[JobEvent]:
        self._collect()
        events, self._events = self._events, []
        return events

    def _collect(self) -> None:
        self._events += self.orchestrator.events
        self.orchestrator.events.clear()

    def _now(self) -> float:
        """Seconds in which the run was awake: a machine that slept has not waited for anything."""
        return min(self._clock.monotonic() - self._asleep, self._awake_at + LONGEST_LOOP)

    def _wake_up(self) -> float:
        """The same, for the thread that decides: it looks every second, so that more can only have been slept."""
        now = self._clock.monotonic() - self._asleep
        slept = now - self._awake_at - HEARTBEAT
        if slept > LONGEST_LOOP - HEARTBEAT:
            self._asleep += slept
            now -= slept
        self._awake_at = now
        return now

    # -- the thread that decides

    def _run(self) -> None:
        try:
            while not self._over:
                self._decide(self._answers())
        except Exception as error:
            logger.debug("The run cannot go on", exc_info=True)
            self._fault = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _decide(self, answers: list[Answer]) -> None:
        with self._changed:
            now = self._wake_up()
            for answer in answers:
                self.orchestrator.answered(answer.command, answer.outcomes, now)
                self._refused(answer.refused, now)
            self._stop_if_asked(now)
            self.orchestrator.spool_fill = self._spool_fill()
            commands = self.orchestrator.commands(now)
            let_go = [event for event in self.orchestrator.events if event.kind in LET_GO]
            in_hand = self._in_hand
            self._collect()
            self._changed.notify_all()
        for event in let_go:
            if event.job is not None and event.job is not in_hand:
                self._release(event.unit.stream, event.job)
        for command in commands:
            self._workers[command.verb].submit(lambda command=command: self._execute(command))  # type: ignore[misc]

    def _answers(self) -> list[Answer]:
        """What has come in, after waiting until something has or something is due."""
        with self._changed:
            due = self.orchestrator.next_due()
            wait = HEARTBEAT if due is None else min(HEARTBEAT, max(0.0, due - self._now()))
        if self._stop_at is not None:
            wait = min(wait, max(0.0, self._stop_at + GRACE - self._clock.monotonic()))
        answers: list[Answer | None] = []
        try:
            answers.append(self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait())
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
        at = self._clock.monotonic()
        if self._stop_at is None:
            self._stop_at = at
            self._clock.stop()
            self.orchestrator.interrupt(now, for_good=self._for_good)
        elif at - self._stop_at >= GRACE:
            self._over = True

    def _release(self, stream: str, job: Job) -> None:
        try:
            self._repositories[stream].release(job)
        except Exception:
            logger.debug("The files of job %s could not be removed", job.id, exc_info=True)

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
        self._inbox.put(Answer(command, outcomes, refused))

    def _call(self, command: Command) -> list[Outcome]:
        jobs = command.jobs
        repository = self._repositories[jobs[0].unit.stream]
        if command.verb is Verb.POLL:
            outcomes = repository.poll(jobs)
            if len(outcomes) != len(jobs):
                raise ReportError(f"{len(jobs)} jobs were asked about, {len(outcomes)} outcomes came")
            return outcomes
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


def _soon(asked: float | None) -> float:
    return HEARTBEAT if asked is None else min(HEARTBEAT, asked)
