"""The runner with real threads and a repository without a network: who is called when, where, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from orchestra import answer, completed, days, ok, running, unit

import tap_asyncreport.runner as runner_module
from tap_asyncreport.clock import SystemClock
from tap_asyncreport.errors import LoginError, ReportError, RequestError
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

    def __init__(self, *units: Unit, limit: int = 4, clock: Any = None, repository: Repository | None = None, **budget: Any) -> None:
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


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        threading.Event().wait(0.005)


def test_a_run_makes_polls_fetches_writes_and_deletes_every_job() -> None:
    with playing(*days(1, 3), unit(1, "users"), deletes=True) as play:
        written = play.write_all()
        play.finish()

    assert [("orders", 1), ("orders", 2), ("orders", 3), ("users", 1)] == [(t.unit.stream, t.unit.window.start.day) for t in written]
    for verb in ("create", "poll", "targets", "download", "delete"):
        assert (3, 1) == (play.repositories["orders"].count(verb), play.repositories["users"].count(verb)), verb
    assert 4 == play.kinds().count("deleted")
    assert play.orchestrator.idle


def test_events_are_handed_out_on_the_callers_thread_only_and_none_twice() -> None:
    with playing(*days(1, 40), limit=40, deletes=True) as play:
        play.write_all()
        play.finish()

    assert {threading.get_ident()} == play.heard_on
    for kind in ("creating", "created", "completed", "downloading", "ready", "writing", "written", "deleted"):
        assert 40 == play.kinds().count(kind), kind


def test_calls_are_made_on_other_threads_and_side_by_side() -> None:
    meet = threading.Barrier(4, timeout=5)

    def create(_: Job) -> Outcome:
        meet.wait()
        return ok()

    with playing(*days(1, 4), repository=Repository(create=create)) as play:
        play.write_all()
        play.finish()

    assert 4 == play.kinds().count("written")
    assert threading.main_thread().name not in play.repositories["orders"].threads


def test_finish_waits_for_the_deletes() -> None:
    def delete(_: Job) -> Outcome:
        threading.Event().wait(0.3)
        return ok()

    with playing(unit(1), repository=Repository(delete=delete), deletes=True) as play:
        play.write_all()
        assert 0.2 < play.finish()

    assert ["written", "deleted"] == play.kinds()[-2:]


def test_no_thread_is_left_when_a_run_is_over() -> None:
    before = set(threading.enumerate())
    with playing(*days(1, 5), deletes=True) as play:
        play.write_all()
        play.finish()

    until(lambda: set(threading.enumerate()) <= before)


def test_threads_never_keep_the_process_alive() -> None:
    repository = Repository()
    repository.hangs = {"poll"}
    before = set(threading.enumerate())
    with playing(unit(1), repository=repository) as play:
        until(lambda: repository.count("poll") == 1)
        assert all(thread.daemon for thread in set(threading.enumerate()) - before)
        play.runner.interrupt()
        play.finish()


# -- promise 9: interruption


@pytest.mark.promise(9)
def test_calls_that_hang_hold_up_neither_the_aborts_nor_the_end() -> None:
    repository = Repository()
    repository.hangs = {"poll"}
    with playing(*days(1, 30), limit=30, repository=repository, aborts=True, deletes=True, keep_on_exit=False) as play:
        until(lambda: repository.count("poll") >= 24)
        play.runner.interrupt()
        assert play.runner.next("orders", play.hear) is None
        assert play.finish() < 2.0

    assert 30 == repository.count("abort")
    assert 30 == repository.count("delete")
    assert 30 == play.kinds().count("dropped")


@pytest.mark.promise(9)
@pytest.mark.parametrize("verb", ["abort", "create", "delete"])
def test_the_run_ends_within_the_grace_whatever_hangs(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "GRACE", 0.5)
    repository = Repository(poll=lambda _: running())
    repository.hangs = {verb}
    with playing(*days(1, 3), repository=repository, aborts=True, deletes=True, keep_on_exit=False) as play:
        until(lambda: repository.count("create") == 3 and (verb == "create" or repository.count("poll") >= 3))
        play.runner.interrupt()
        took = play.finish()

    assert 0.4 < took < 3.0
    assert play.runner.interrupted


@pytest.mark.promise(9)
def test_more_signals_change_nothing() -> None:
    repository = Repository(poll=lambda _: running())
    with playing(*days(1, 3), repository=repository, aborts=True, keep_on_exit=False) as play:
        until(lambda: repository.count("poll") >= 3)
        for _ in range(5):
            play.runner.interrupt()
        play.finish()
        play.runner.interrupt()

    assert 3 == repository.count("abort")


@pytest.mark.promise(9)
def test_the_writer_is_told_to_stop_and_its_files_stay_until_it_has() -> None:
    with playing(*days(1, 3)) as play:
        first = play.runner.next("orders", play.hear)
        until(lambda: play.repositories["orders"].count("download") == 3)
        assert play.runner.tick(play.hear)
        play.runner.interrupt()
        assert not play.runner.tick(play.hear)
        play.finish()

    assert first is not None
    assert first.job.id not in play.repositories["orders"].released
    assert 2 == len(play.repositories["orders"].released)
    assert 3 == play.kinds().count("kept")


@pytest.mark.promise(9)
def test_an_interruption_before_the_start_makes_no_call() -> None:
    play = Play(*days(1, 3))
    play.runner.interrupt()
    play.start()
    assert play.runner.next("orders", play.hear) is None
    play.finish()

    assert [] == play.repositories["orders"].calls


@pytest.mark.promise(9)
def test_events_of_jobs_reach_the_writer_while_it_writes() -> None:
    release = threading.Event()

    def poll(job: Job) -> Outcome:
        return completed() if job.id == "r1" or release.is_set() else running()

    with playing(*days(1, 2), limit=1, repository=Repository(poll=poll)) as play:
        task = play.runner.next("orders", play.hear)
        until(lambda: play.runner.tick(play.hear) and play.kinds().count("created") == 2)
        release.set()
        play.runner.written(task, 1)
        play.write_all()
        play.finish()

    assert 2 == play.kinds().count("written")


# -- errors


@pytest.mark.promise(10)
def test_a_refused_login_ends_everything() -> None:
    def poll(_: Job) -> Outcome:
        raise LoginError("a fresh token was refused")

    with playing(*days(1, 3), unit(1, "users"), repository=Repository(poll=poll)) as play:
        assert [] == play.write_all()
        assert play.finish() < 3.0

    assert "a fresh token was refused" == play.runner.login_error.message
    for work in play.orchestrator.streams.values():
        assert ["a fresh token was refused"] == [lane.error.message for lane in work.lanes.values()]


@pytest.mark.promise(10)
@pytest.mark.parametrize("verb", ["create", "poll", "targets", "download"])
def test_an_exception_in_a_verb_fails_the_window_and_nothing_else(verb: str) -> None:
    def broken(job: Job) -> Outcome:
        if job.unit.stream == "orders":
            raise ValueError("no such thing")
        return completed() if verb == "poll" else ok()

    with playing(unit(1), unit(1, "users"), repository=Repository(**{verb: broken})) as play:
        assert ["users"] == [task.unit.stream for task in play.write_all()]
        play.finish()

    (lane,) = play.orchestrator.streams["orders"].lanes.values()
    assert f"unexpected ValueError in {verb}: no such thing" == lane.error.message


@pytest.mark.promise(10)
def test_an_error_of_the_api_keeps_its_words() -> None:
    said = RequestError("the API answered 400", excerpt="bad field", hint="check `creation_requester.json`")

    def create(_: Job) -> Outcome:
        raise said

    with playing(unit(1), repository=Repository(create=create)) as play:
        play.write_all()
        play.finish()

    (lane,) = play.orchestrator.streams["orders"].lanes.values()
    assert said is lane.error


def test_a_poll_that_answers_for_fewer_jobs_than_were_asked_about_is_an_error() -> None:
    repository = Repository()
    repository.poll = lambda jobs: []
    with playing(unit(1), repository=repository) as play:
        play.write_all()
        play.finish()

    (lane,) = play.orchestrator.streams["orders"].lanes.values()
    assert "1 jobs were asked about, 0 outcomes came" == lane.error.message


def test_files_that_cannot_be_removed_stop_nothing() -> None:
    class Stubborn(Repository):
        def release(self, job: Job) -> None:
            raise OSError("busy")

    with playing(*days(1, 3), repository=Stubborn(), deletes=True) as play:
        assert 3 == len(play.write_all())
        play.finish()


def test_a_fault_of_the_thread_that_decides_is_raised_where_it_is_seen() -> None:
    with playing(unit(1)) as play:
        play.orchestrator.commands = lambda now: 1 / 0
        play.runner.add(lambda orchestrator, now: None)
        assert play.runner.next("orders", play.hear) is None
        with pytest.raises(ZeroDivisionError):
            play.finish()


def test_rows_that_cannot_be_read_fail_the_window() -> None:
    with playing(*days(1, 2), deletes=True) as play:
        task = play.runner.next("orders", play.hear)
        play.runner.unreadable(task, ReportError("line 3 has 4 fields, not 5"))
        assert play.runner.next("orders", play.hear) is None
        play.finish()

    assert "r1" in play.repositories["orders"].released
    assert ("delete", "r1") in play.repositories["orders"].calls


# -- promise 18: the spool


@pytest.mark.promise(18)
def test_the_spool_is_asked_at_every_turn() -> None:
    full = threading.Event()
    full.set()
    play = Play(*days(1, 3), limit=1)
    play.runner._spool_full = full.is_set
    play.start()
    written = play.write_all()
    play.finish()

    assert 3 == len(written), "the unit that is written next always may"


# -- promise 5: a machine that sleeps


class Sleepy(SystemClock):
    """A machine whose lid may be closed for hours."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.slept


@pytest.mark.promise(5)
def test_a_sleeping_machine_times_no_job_out() -> None:
    clock = Sleepy()
    polls: list[float] = []

    def poll(_: Job) -> Outcome:
        polls.append(clock.monotonic())
        if len(polls) == 3:
            clock.slept += 36_000.0
        return completed() if len(polls) >= 9 else running()

    with playing(unit(1), clock=clock, repository=Repository(poll=poll), timeout=60.0, stall_timeout=30.0) as play:
        assert 1 == len(play.write_all())
        play.finish()

    assert 9 == len(polls)
    assert 36_000.0 < polls[-1] - polls[0]


@pytest.mark.promise(5)
def test_time_never_runs_backwards_for_the_orchestrator() -> None:
    clock = Sleepy()
    with playing(*days(1, 2), clock=clock) as play:
        clock.slept += 36_000.0
        play.write_all()
        play.finish()

    at = [event.at for event in play.events]
    assert sorted(at) == at
    assert at[-1] - at[0] < 60.0


def test_waits_are_not_busy() -> None:
    """While nothing is due the thread that decides sleeps."""
    turns: list[float] = []
    repository = Repository(poll=lambda _: running(wait=0.6))
    with playing(unit(1), repository=repository) as play:
        commands = play.orchestrator.commands

        def counted(now: float) -> Any:
            turns.append(now)
            return commands(now)

        play.orchestrator.commands = counted
        threading.Event().wait(1.5)
        play.runner.interrupt()
        play.finish()

    assert repository.count("poll") <= 4
    assert len(turns) < 25


def test_answers_of_a_batch_come_in_their_order() -> None:
    repository = Repository()

    def poll(jobs: Sequence[Job]) -> list[Outcome]:
        return [completed() if job.unit.window.start.day != 2 else answer(Means.FAIL, code=400) for job in jobs]

    repository.poll = poll
    with playing(*days(1, 3), repository=repository, batch=10) as play:
        written = play.write_all()
        play.finish()

    assert [1] == [task.unit.window.start.day for task in written]


def test_the_clock_of_the_machine() -> None:
    clock = SystemClock()

    assert clock.now().tzinfo is not None
    assert not clock.wait(-1)
    clock.stop()
    assert clock.wait(60)
