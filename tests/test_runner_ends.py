"""How a run ends: interruption, hanging calls, refused logins, errors and faults, each within its bounds."""

from __future__ import annotations

import threading

import pytest
from orchestra import completed, days, ok, running, unit
from play import Play, Repository, playing, until

import tap_asyncreport.runner as runner_module
from tap_asyncreport.errors import LoginError, ReportError, RequestError
from tap_asyncreport.job import Job, Outcome
from tap_asyncreport.run import END_WITHIN, LAST_WORDS_WITHIN


@pytest.mark.promise(7)
def test_creations_that_wait_for_a_rate_hold_up_no_polls() -> None:
    gate = threading.Event()

    def create(job: Job) -> Outcome:
        if job.unit.window.start.day > 1:
            gate.wait(10)
        return ok()

    repository = Repository(create=create)
    with playing(*days(1, 31), limit=31, repository=repository) as play:
        until(lambda: repository.count("create") >= 20)
        assert play.runner.next("orders", play.hear) is not None
        gate.set()
        play.runner.interrupt()
        play.finish()


@pytest.mark.promise(9)
def test_calls_that_hang_hold_up_neither_the_aborts_nor_the_end() -> None:
    repository = Repository()
    repository.hangs = {"poll"}
    with playing(*days(1, 30), limit=30, repository=repository, aborts=True, deletes=True, keep_on_exit=False) as play:
        until(lambda: repository.count("poll") >= 24)
        play.runner.interrupt()
        assert play.runner.next("orders", play.hear) is None
        assert play.finish() < runner_module.GRACE

    assert 30 == repository.count("abort")
    assert 30 == repository.count("delete")
    assert 30 == play.kinds().count("dropped")


@pytest.mark.promise(9)
def test_an_orderly_end_comes_before_the_end_by_force_and_that_within_ten_seconds() -> None:
    assert runner_module.GRACE + 1 < END_WITHIN
    assert END_WITHIN + LAST_WORDS_WITHIN < 10


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

    assert 0.4 < took < 6
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


@pytest.mark.promise(10)
def test_a_refused_login_ends_everything() -> None:
    def poll(_: Job) -> Outcome:
        raise LoginError("a fresh token was refused")

    with playing(*days(1, 3), unit(1, "users"), repository=Repository(poll=poll)) as play:
        assert [] == play.write_all()
        assert play.finish() < runner_module.GRACE

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
