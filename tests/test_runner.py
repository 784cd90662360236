"""The runner with real threads: who is called when and where, and what is told to whom."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from orchestra import answer, completed, days, ok, running, unit
from play import Play, Repository, playing, until

from tap_asyncreport.clock import SystemClock
from tap_asyncreport.job import Job, Means, Outcome


def test_a_run_makes_polls_fetches_writes_and_deletes_every_job() -> None:
    with playing(*days(1, 3), unit(1, "users"), deletes=True) as play:
        written = play.write_all()
        play.finish()

    assert [("orders", 1), ("orders", 2), ("orders", 3), ("users", 1)] == [
        (t.unit.stream, t.unit.window.start.day) for t in written
    ]
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
    meet = threading.Barrier(4, timeout=60)

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


@pytest.mark.promise(18)
def test_the_spool_is_asked_at_every_turn() -> None:
    play = Play(*days(1, 3), limit=1)
    play.runner._spool_fill = lambda: 1.0
    play.start()
    written = play.write_all()
    play.finish()

    assert 3 == len(written), "the unit that is written next always may"


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
