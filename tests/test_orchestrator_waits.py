"""When jobs are asked about, and when the patience ends: polls, Retry-After, deadlines, stalls, batches."""

from __future__ import annotations

import pytest
from orchestra import Stage, after, answer, completed, days, failed, retry, running, unit

from tap_asyncreport.job import Means
from tap_asyncreport.orchestrator.budgets import SHORTEST_WAIT, Budget, Tries
import itertools

LONG = [running()] * 9_999


# -- promise 4: the pace of polls


@pytest.mark.promise(4)
def test_polls_grow_apart_up_to_the_longest_wait() -> None:
    stage = Stage(
        unit(1), script={("poll", "1"): [running()] * 7}, poll_interval=2.0, poll_backoff=2.0, poll_interval_max=10.0
    ).play()

    assert [0.25, 2.25, 6.25, 14.25, 24.25, 34.25, 44.25, 54.25] == stage.times("poll", "r1")


@pytest.mark.promise(4)
def test_the_first_poll_comes_early_and_never_before_the_initial_delay() -> None:
    quick = Stage(unit(1), poll_interval=0.2).play()
    patient = Stage(unit(1), initial_delay=30.0).play()

    assert [0.05] == quick.times("poll", "r1")
    assert [30.0] == patient.times("poll", "r1")


@pytest.mark.promise(4)
def test_jitter_only_lengthens_and_by_a_tenth_at_most_and_never_beyond_the_longest_wait() -> None:
    budget = Budget(poll_interval=10.0, poll_interval_max=16.0, poll_backoff=1.5)

    assert [10.0, 15.0, 16.0] == [budget.poll_pause(polls, lambda: 0.0) for polls in (1, 2, 3)]
    assert [11.0, 16.0, 16.0] == [budget.poll_pause(polls, lambda: 1.0) for polls in (1, 2, 3)]


@pytest.mark.promise(4)
@pytest.mark.parametrize("interval", [0.0, 0.001])
def test_no_interval_makes_a_hot_loop(interval: float) -> None:
    stage = Stage(
        unit(1), script={("poll", "1"): [running()] * 10}, poll_interval=interval, poll_interval_max=interval
    ).play()

    times = stage.times("poll", "r1")
    assert SHORTEST_WAIT == pytest.approx(min(after - before for before, after in itertools.pairwise(times)))


@pytest.mark.promise(4)
def test_an_error_delays_the_next_poll_and_nothing_else() -> None:
    stage = Stage(
        unit(1), script={("poll", "1"): [running(), retry(), retry(code=429), retry(), running()]}, poll_backoff=1.0
    ).play()

    assert [0.25, 1.25, 2.25, 3.25, 4.25, 5.25] == stage.times("poll", "r1")
    assert 1 == len(stage.calls("create"))
    assert ["5.25 write 1"] == stage.calls("write")


@pytest.mark.promise(4)
def test_retry_after_wins_where_it_is_longer_than_the_ordinary_wait() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [retry(7.5), retry(0.1)]}, poll_backoff=1.0).play()

    assert [0.25, 7.75, 8.75] == stage.times("poll", "r1")


@pytest.mark.promise(4)
@pytest.mark.parametrize("rubbish", [0.0, -5.0, None])
def test_a_wait_that_is_none_leaves_the_ordinary_one(rubbish: float | None) -> None:
    for kind in (retry, lambda wait: running(wait=wait)):
        stage = Stage(unit(1), script={("poll", "1"): [kind(rubbish)]}).play()

        assert [0.25, 1.25] == stage.times("poll", "r1")


@pytest.mark.promise(4)
def test_a_wait_in_a_good_answer_wins_over_the_interval_shorter_or_longer() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [running(wait=0.5), running(wait=20.0)]}, poll_interval=5.0).play()

    assert [0.25, 0.75, 20.75] == stage.times("poll", "r1")


@pytest.mark.promise(4)
@pytest.mark.parametrize("said", [retry(86400.0), running(wait=86400.0)])
def test_a_wait_longer_than_the_time_left_ends_at_once_with_the_job_kept(said) -> None:
    stage = Stage(
        unit(1), script={("poll", "1"): [said]}, timeout=3600.0, keep_on_timeout=False, aborts=True, deletes=True
    ).play()

    assert ["0 create 1", "0.25 poll r1"] == stage.log
    assert "the API asks to wait 86400 s, longer than the 3600 s left" in stage.lane_error().message
    assert ["r1"] == list(stage.kept.jobs)
    assert "kept" == stage.kinds()[-1]


@pytest.mark.promise(4)
@pytest.mark.parametrize("said", [retry, lambda wait: running(wait=wait)], ids=["an error", "an answer"])
@pytest.mark.parametrize(("wait", "polls"), [(3599.5, [0.25, 3599.75]), (3600.0, [0.25])])
def test_no_wait_is_too_long_that_ends_before_the_deadline(said, wait: float, polls: list[float]) -> None:
    stage = Stage(unit(1), script={("poll", "1"): [said(wait), completed()]}, timeout=3600.0).play()

    assert polls == stage.times("poll", "r1")


@pytest.mark.promise(4)
def test_a_creation_that_is_told_to_wait_longer_than_a_job_may_take_ends_at_once() -> None:
    stage = Stage(unit(1), script={("create", "1"): [retry(86400.0, code=429)]}, timeout=3600.0).play()

    assert ["0 create 1"] == stage.log
    assert (
        "the API asks to wait 86400 s, longer than the 3600 s left (the API answered 429)" == stage.lane_error().message
    )


@pytest.mark.promise(4)
@pytest.mark.parametrize("verb", ["targets", "download"])
def test_a_fetch_that_is_told_to_wait_longer_than_a_job_may_take_ends_with_the_job_kept(verb: str) -> None:
    stage = Stage(unit(1), script={(verb, "1"): [retry(86400.0, code=429)]}, timeout=3600.0, deletes=True).play()

    assert 0.25 == stage.now
    assert ["r1"] == list(stage.kept.jobs)


@pytest.mark.promise(4)
def test_poll_tries_that_are_configured_end_with_the_job_in_state() -> None:
    stage = Stage(
        unit(1),
        script={("poll", "1"): [retry(), running(), retry(), retry(), retry()]},
        polling=Tries(3),
        poll_backoff=1.0,
    ).play()

    assert 5 == len(stage.calls("poll"))
    assert "the status could not be read in 3 tries (the API answered 503)" == stage.lane_error().message
    assert ["r1"] == list(stage.kept.jobs)


@pytest.mark.promise(4)
def test_many_jobs_are_polled_side_by_side() -> None:
    usual = {"poll": lambda _: after(5.0, completed())}
    stage = Stage(days(1, 50), limit=50, usual=usual).play()

    assert 5.25 == stage.now


# -- promise 5: deadlines


@pytest.mark.promise(5)
def test_a_servers_time_out_is_a_failed_job() -> None:
    from tap_asyncreport.errors import JobError
    from tap_asyncreport.job import JobStatus, Outcome

    timed_out = Outcome(Means.OK, status=JobStatus.TIMED_OUT, word="EXPIRED", error=JobError("timed out at the API"))
    stage = Stage(unit(1), script={("poll", "1"): [timed_out]}).play()

    assert 2 == len(stage.calls("create"))
    assert stage.lane_error() is None


@pytest.mark.promise(5)
def test_a_deadline_of_ours_is_not_tried_again_and_the_job_is_kept() -> None:
    stage = Stage(unit(1), script={("poll", "1"): LONG}, timeout=10.0, aborts=True, deletes=True).play()

    assert [0.25, 1.25, 2.75, 5.0, 8.375, 10.0] == stage.times("poll", "r1"), "one last poll at the deadline"
    assert 1 == len(stage.calls("create"))
    assert "not completed within jobs.timeout of 10 s; the status is still 'RUNNING'" == stage.lane_error().message
    assert "raise jobs.timeout; the next run goes on with this job" == stage.lane_error().hint
    assert ["r1"] == list(stage.kept.jobs)
    assert [] == stage.calls("abort", "delete")


@pytest.mark.promise(5)
def test_a_timeout_that_keeps_its_job_keeps_those_of_the_windows_behind_it_too() -> None:
    stage = Stage(days(1, 3), script={("poll", name): LONG for name in "123"}, timeout=3.0, aborts=True, deletes=True, keep_on_exit=False)
    stage.play(until=60)

    assert {"r1", "r2", "r3"} == set(stage.kept.jobs)
    assert [] == stage.calls("abort", "delete")


@pytest.mark.promise(5)
def test_on_timeout_abort_aborts_the_job_and_it_leaves_the_state() -> None:
    stage = Stage(
        unit(1), script={("poll", "1"): LONG}, timeout=3.0, keep_on_timeout=False, aborts=True, deletes=True
    ).play()

    assert ["3 abort r1", "3 delete r1"] == stage.calls("abort", "delete")
    assert {} == stage.kept.jobs
    assert "raise jobs.timeout" == stage.lane_error().hint


@pytest.mark.promise(5)
def test_the_last_poll_finds_a_job_completed() -> None:
    stage = Stage(
        unit(1), script={("poll", "1"): [running(), running(), completed()]}, timeout=2.0, poll_interval=1.5
    ).play()

    assert [0.25, 1.75, 2.0] == stage.times("poll", "r1")
    assert ["2 write 1"] == stage.calls("write")


@pytest.mark.promise(5)
def test_an_answer_to_an_earlier_question_does_not_count_however_late_it_comes() -> None:
    script = {("poll", "1"): [after(60.0, running()), completed()]}
    stage = Stage(unit(1), script=script, timeout=10.0).play()

    assert [0.25, 61.25] == stage.times("poll", "r1")
    assert ["61.25 write 1"] == stage.calls("write")


@pytest.mark.promise(5)
def test_a_completed_job_wins_however_late_it_is_seen() -> None:
    script = {("poll", "1"): [after(3600.0, completed())]}
    stage = Stage(unit(1), script=script, timeout=10.0).play()

    assert ["3600.25 write 1"] == stage.calls("write")


@pytest.mark.promise(5)
def test_a_slow_reader_times_no_job_out() -> None:
    stage = Stage(
        days(1, 3), timeout=10.0, write=5000.0, script={("download", "3"): [answer(Means.LINK_EXPIRED)]}
    ).play()

    assert ["0.25 write 1", "5000.25 write 2", "10000.25 write 3"] == stage.calls("write")


@pytest.mark.promise(5)
def test_the_deadline_counts_from_creation_and_not_from_the_wait_before_it() -> None:
    script = {("create", "1"): [retry(100.0)], ("poll", "1"): LONG}
    stage = Stage(unit(1), script=script, timeout=100.0, creation=Tries(5)).play()

    assert 200.0 == stage.now


@pytest.mark.promise(5)
def test_an_error_at_the_last_poll_says_that_the_status_could_not_be_read() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [retry()] * 99}, timeout=2.0).play()

    expected = "not completed within jobs.timeout of 2 s; its status could not be read (the API answered 503)"
    assert expected == stage.lane_error().message
    assert 503 == stage.lane_error().where.status_code


@pytest.mark.promise(5)
def test_stuck_is_told_from_slow() -> None:
    moving = [running(progress=n) for n in range(40)]
    slow = Stage(unit(1), script={("poll", "1"): moving}, stall_timeout=5.0, poll_backoff=1.0).play()
    stuck = Stage(unit(1), script={("poll", "1"): LONG}, stall_timeout=5.0, poll_backoff=1.0).play()

    assert ["40.25 write 1"] == slow.calls("write")
    assert 5.25 == stuck.now
    assert "no change for 5 s; the status is still 'RUNNING'" == stuck.lane_error().message
    assert "raise jobs.stall_timeout; the next run goes on with this job" == stuck.lane_error().hint


@pytest.mark.promise(5)
def test_a_change_of_the_word_is_a_change() -> None:
    words = [running("QUEUED")] * 4 + [running("RUNNING")] * 4
    stage = Stage(unit(1), script={("poll", "1"): words}, stall_timeout=5.0, poll_backoff=1.0).play()

    assert ["8.25 write 1"] == stage.calls("write")


# -- batches


@pytest.mark.promise(4)
def test_jobs_share_polls_and_those_nearly_due_come_along() -> None:
    script = {("create", "2"): [after(0.2, retry())], ("poll", "*"): [running()] * 12}
    stage = Stage(days(1, 4), script=script, batch=10, poll_interval=8.0, poll_backoff=1.0).play()

    assert [
        "0.25 poll r1 r2 r3",
        "1.45 poll r4",
        "8.25 poll r1 r2 r3 r4",
        "16.25 poll r1 r2 r3 r4",
    ] == stage.calls("poll")[:4]


@pytest.mark.promise(4)
def test_a_batch_is_never_larger_than_configured() -> None:
    stage = Stage(days(1, 7), limit=7, batch=3).play()

    assert ["0.25 poll r1 r2 r3", "0.25 poll r4 r5 r6", "0.25 poll r7"] == stage.calls("poll")


@pytest.mark.promise(4)
def test_a_job_that_was_told_to_wait_does_not_come_along_early() -> None:
    script = {("poll", "1"): [running(wait=10.0)], ("poll", "2"): [running()] * 9}
    stage = Stage(days(1, 2), script=script, batch=10, poll_interval=2.0, poll_backoff=1.0).play()

    assert [
        "0.25 poll r1 r2",
        "2.25 poll r2",
        "4.25 poll r2",
        "6.25 poll r2",
        "8.25 poll r2",
        "10.25 poll r1 r2",
    ] == stage.calls("poll")[:6]


@pytest.mark.promise(4)
def test_the_answers_of_a_batch_are_each_jobs_own() -> None:
    script = {("poll", "1"): [failed()], ("poll", "2"): [answer(Means.JOB_GONE)]}
    stage = Stage(days(1, 3), script=script, batch=10, max_attempts=2).play()

    assert ["0.25 poll r1 r2 r3", "0.55 poll r4 r5"] == stage.calls("poll")
    assert ["write 1", "write 2", "write 3"] == [line.split(" ", 1)[1] for line in stage.calls("write")]


# -- budgets


def test_tries_double_their_waits_up_to_the_longest() -> None:
    tries = Tries(9, wait=1.0, wait_max=10.0)

    assert [1, 2, 4, 8, 10, 10] == [tries.pause(failures) for failures in range(1, 7)]
    assert 10 == tries.pause(5_000)
    assert SHORTEST_WAIT == Tries(wait=0.0).pause(1)


def test_the_budget_of_a_stream_is_what_its_configuration_says() -> None:
    from tap_asyncreport.config.settings import Settings
    from tap_asyncreport.orchestrator.budgets import budget_of

    settings = Settings.model_validate(
        {
            "max_concurrent_jobs": 7,
            "streams": [
                {
                    "name": "plain",
                    "creation_requester": "POST /exports",
                    "polling_requester": "GET /exports/1",
                    "download_retriever": "GET /files/1",
                },
                {
                    "responses": [{"status": 403, "means": "quota_exhausted"}],
                    "name": "full",
                    "creation_requester": [
                        {"name": "one", "request": "POST /a"},
                        {
                            "name": "two",
                            "request": "POST /b",
                            "retry": {"max_time": "1m", "wait": "2s", "wait_max": "5s"},
                        },
                    ],
                    "download_retriever": {"request": "GET /files/1", "retry": {"max_tries": 3}},
                    "abort_requester": {"request": "POST /abort", "retry": {"max_tries": 5}},
                    "delete_requester": "DELETE /exports/1",
                    "jobs": {
                        "max_concurrent": 2,
                        "on_timeout": "abort",
                        "creation_max_tries": 9,
                        "stall_timeout": "1h",
                    },
                },
            ],
        }
    )
    plain, full = (budget_of(stream, settings) for stream in settings.streams)

    assert Budget(max_concurrent=7, creation=Tries(5), abort=Tries(2), delete=Tries(2)) == plain
    assert (
        Budget(
            max_concurrent=2,
            creation=Tries(9, 60.0, 2.0, 5.0),
            target=Tries(3),
            download=Tries(3),
            aborts=True,
            deletes=True,
            in_turn=True,
            abort=Tries(5),
            keep_on_timeout=False,
            keep_on_exit=False,
            stall_timeout=3600.0,
            polls=False,
            not_ready_counts=True,
        )
        == full
    )
