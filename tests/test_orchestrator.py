"""The life of a job, decided: order, clean-up, attempts, tries, failures that stay where they are."""

from __future__ import annotations

import pytest
from orchestra import (
    Stage,
    after,
    answer,
    completed,
    days,
    failed,
    ok,
    retry,
    running,
    unit,
)

from tap_asyncreport.errors import DecodeError
from tap_asyncreport.job import Means
from tap_asyncreport.orchestrator.budgets import Tries


@pytest.mark.promise(1)
def test_a_job_is_created_polled_fetched_written_and_then_deleted() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [running(), running()]}, aborts=True, deletes=True).play()

    assert [
        "0 create 1",
        "0.25 poll r1",
        "1.25 poll r1",
        "2.75 poll r1",
        "2.75 targets r1",
        "2.75 download r1",
        "2.75 write 1",
        "2.75 delete r1",
    ] == stage.log
    assert [
        "creating",
        "created",
        "polled",
        "polled",
        "polled",
        "completed",
        "downloading",
        "ready",
        "writing",
        "written",
        "deleted",
    ] == stage.kinds()
    assert {} == stage.kept.jobs
    assert stage.idle


@pytest.mark.promise(1)
def test_a_failed_job_is_aborted_and_then_deleted_and_its_rows_are_never_read() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [failed()]}, max_attempts=1, aborts=True, deletes=True).play()

    assert ["0 create 1", "0.25 poll r1", "0.25 abort r1", "0.25 delete r1"] == stage.log
    assert ["creating", "created", "polled", "failed", "dropped", "aborted", "deleted"] == stage.kinds()
    assert stage.idle


@pytest.mark.promise(1)
def test_without_an_abort_requester_a_failed_job_is_deleted_only() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [failed()]}, max_attempts=1, deletes=True).play()

    assert ["0 create 1", "0.25 poll r1", "0.25 delete r1"] == stage.log


@pytest.mark.promise(1)
def test_the_delete_waits_until_the_rows_are_out() -> None:
    stage = Stage(days(1, 2), script={("poll", "1"): [running()] * 3}, deletes=True).play()

    assert [
        "0.25 download r2",
        "5 download r1",
        "5 write 1",
        "5 delete r1",
        "5 write 2",
        "5 delete r2",
    ] == stage.calls("download", "write", "delete")


@pytest.mark.promise(1)
@pytest.mark.parametrize("verb", ["abort", "delete"])
def test_clean_up_is_tried_twice_then_a_warning_and_success_stays_success(verb: str) -> None:
    stage = Stage(
        days(1, 2),
        script={(verb, "r1"): [retry(), retry()], ("poll", "1"): [failed()]},
        aborts=True,
        deletes=True,
        max_attempts=2,
    ).play()

    assert 2 == len(stage.times(verb, "r1"))
    assert 1.0 == stage.times(verb, "r1")[1] - stage.times(verb, "r1")[0]
    assert 1 == stage.kinds("r1").count("warning")
    assert ["write 1", "write 2"] == [line.split(" ", 1)[1] for line in stage.calls("write")]
    assert stage.lane_error() is None
    assert stage.idle


@pytest.mark.promise(1)
def test_clean_up_that_is_refused_is_one_warning_and_no_second_try() -> None:
    stage = Stage(unit(1), script={("delete", "1"): [answer(Means.FAIL, code=403)]}, deletes=True).play()

    assert 1 == len(stage.times("delete", "r1"))
    assert ["written", "warning"] == stage.kinds("r1")[-2:]
    assert {} == stage.kept.jobs


@pytest.mark.promise(1)
def test_clean_up_never_waits_long_whatever_the_api_asks_for() -> None:
    stage = Stage(unit(1), script={("delete", "1"): [retry(wait=3600.0)]}, deletes=True).play()

    assert [0.25] == stage.times("delete", "r1")
    assert 0.25 == stage.now


@pytest.mark.promise(1)
def test_a_job_that_the_api_forgot_is_not_aborted_but_deleted() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [answer(Means.JOB_GONE, code=404)]}, aborts=True, deletes=True).play()

    assert [
        "0 create 1",
        "0.25 poll r1",
        "0.25 delete r1",
        "0.3 create 1",
        "0.55 poll r2",
        "0.55 targets r2",
        "0.55 download r2",
        "0.55 write 1",
        "0.55 delete r2",
    ] == stage.log


@pytest.mark.promise(3)
def test_creation_tries_spend_no_attempt_and_wait_twice_as_long_each_time() -> None:
    stage = Stage(unit(1), script={("create", "1"): [retry(code=500)] * 4}, max_attempts=1).play()

    assert [0, 1, 3, 7, 15] == stage.times("create", "1")
    assert stage.lane_error() is None
    assert ["15.25 write 1"] == stage.calls("write")


@pytest.mark.promise(3)
def test_the_creation_gives_up_after_its_tries() -> None:
    stage = Stage(unit(1), script={("create", "1"): [retry(code=500)] * 9}, creation=Tries(3)).play()

    assert ["0 create 1", "1 create 1", "3 create 1"] == stage.log
    assert "the API answered 500" == stage.lane_error().message
    assert stage.idle


@pytest.mark.promise(3)
def test_no_creation_begins_later_than_max_time_after_the_first() -> None:
    stage = Stage(unit(1), script={("create", "1"): [retry()] * 9}, creation=Tries(9, max_time=10)).play()

    assert [0, 1, 3, 7] == stage.times("create", "1")


@pytest.mark.promise(3)
def test_a_creation_whose_fate_is_unknown_is_not_repeated() -> None:
    stage = Stage(unit(1), script={("create", "1"): [answer(Means.FAIL, code=504)]}).play()

    assert ["0 create 1"] == stage.log
    assert stage.lane_error() is not None


@pytest.mark.promise(3)
def test_a_failed_job_is_made_again_after_retry_wait_up_to_max_attempts() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [failed("shard lost")] * 9}, retry_wait=30.0, max_attempts=3).play()

    assert [0, 30.25, 60.5] == stage.times("create", "1")
    assert [1, 2, 3] == [event.job.attempt for event in stage.events if str(event.kind) == "created"]
    assert "shard lost (attempt 3 of 3)" == stage.lane_error().message
    assert [] == stage.calls("download", "write")


@pytest.mark.promise(3)
def test_each_attempt_has_creation_tries_of_its_own() -> None:
    stage = Stage(
        unit(1),
        script={("create", "1"): [retry(), retry(), ok(), retry(), retry(), ok()], ("poll", "1"): [failed()]},
        creation=Tries(3),
    ).play()

    assert stage.lane_error() is None
    assert 6 == len(stage.calls("create"))


@pytest.mark.promise(3)
def test_a_job_that_is_gone_spends_an_attempt() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [answer(Means.JOB_GONE, code=404)] * 9}, max_attempts=2).play()

    assert 2 == len(stage.calls("create"))
    assert "the API answered 404 (attempt 2 of 2)" == stage.lane_error().message


@pytest.mark.promise(3)
def test_a_duplicate_job_that_is_gone_again_and_again_ends_with_the_attempts() -> None:
    stage = Stage(
        unit(1),
        script={("create", "1"): [ok()] + [answer(Means.DUPLICATE)] * 9, ("poll", "1"): [answer(Means.JOB_GONE)] * 9},
        max_attempts=3,
    ).play()

    assert 3 == len(stage.calls("create"))
    assert stage.idle


@pytest.mark.promise(3)
def test_a_duplicate_is_adopted() -> None:
    stage = Stage(unit(1), script={("create", "1"): [answer(Means.DUPLICATE)]}, deletes=True).play()

    assert ["0 create 1", "0.25 poll r1"] == stage.log[:2]
    assert "adopted" == stage.kinds("r1")[1]
    assert ["0.25 delete r1"] == stage.calls("delete")


@pytest.mark.promise(3)
def test_a_duplicate_without_an_id_counts_within_the_creation_tries() -> None:
    refusal = answer(Means.BUSY, code=425, counts=True)
    stage = Stage(days(1, 2), script={("create", "1"): [refusal, retry(), refusal]}, creation=Tries(3)).play()

    assert [0, 1, 3] == stage.times("create", "1")
    assert [0] == stage.times("create", "2"), "the others do not wait for it"
    assert "the API answered 425" == stage.lane_error().message


@pytest.mark.promise(3)
def test_a_creation_that_means_empty_is_success_without_a_job() -> None:
    stage = Stage(unit(1), script={("create", "1"): [answer(Means.EMPTY)]}, aborts=True, deletes=True).play()

    assert ["0 create 1", "0 write 1 empty"] == stage.log
    assert stage.lane_error() is None


@pytest.mark.promise(10)
def test_a_failed_window_ends_its_lane_there_and_what_is_before_it_is_written() -> None:
    stage = Stage(
        days(1, 4), script={("poll", "1"): [running()] * 3, ("poll", "2"): [failed()]}, max_attempts=1, deletes=True
    ).play()

    assert ["write 1"] == [line.split(" ", 1)[1] for line in stage.calls("write")]
    assert "the job failed: its status is 'FAILED'" == stage.lane_error().message
    assert stage.idle


@pytest.mark.promise(10)
def test_the_other_partitions_and_streams_finish() -> None:
    units = [*days(1, 2, account="a"), *days(1, 2, account="b"), *days(1, 2, stream="users")]
    stage = Stage(units, script={("poll", "a1"): [failed()]}, max_attempts=1).play()

    assert ["b1", "b2", "users:1", "users:2"] == [line.split()[2] for line in stage.calls("write")]
    assert stage.lane_error(account="a") is not None
    assert stage.lane_error(account="b") is None
    assert stage.lane_error("users") is None


@pytest.mark.promise(10)
def test_rows_that_cannot_be_read_fail_the_window_and_the_job_is_deleted() -> None:
    stage = Stage(days(1, 3), deletes=True)
    stage.unreadable["2"] = DecodeError("line 3: 'x' is no integer")
    stage.play()

    assert ["1", "2"] == [line.split()[2] for line in stage.calls("write")]
    assert "line 3: 'x' is no integer" == stage.lane_error().message
    assert ["r1", "r2"] == sorted(line.split()[2] for line in stage.calls("delete"))
    assert ["r3"] == list(stage.kept.jobs), "completed, and left to the next run"


@pytest.mark.promise(10)
def test_a_failure_without_words_is_red_all_the_same() -> None:
    from tap_asyncreport.job import Outcome

    stage = Stage(unit(1), script={("create", "1"): [Outcome(Means.FAIL)]}).play()

    assert "the API gave no reason" == stage.lane_error().message


@pytest.mark.promise(10)
def test_a_partition_that_cannot_be_read_is_skipped_once_and_the_others_go_on() -> None:
    units = [*days(1, 3, account="a"), *days(1, 3, account="b")]
    refused = [answer(Means.SKIP_PARTITION, code=403)]
    stage = Stage(units, limit=6, script={("create", f"a{day}"): refused for day in (1, 2, 3)}).play()

    assert ["b1", "b2", "b3"] == [line.split()[2] for line in stage.calls("write")]
    assert 1 == stage.kinds().count("skipped")
    assert stage.lane_error(account="a") is None


@pytest.mark.promise(10)
def test_windows_before_the_one_from_which_a_partition_cannot_be_read_are_finished() -> None:
    """An API that has no data yet for the last days refuses at once, while the jobs of the days before still run."""
    script = {
        ("poll", "1"): [running(), running(), completed()],
        ("create", "3"): [answer(Means.SKIP_PARTITION, code=400)],
    }
    stage = Stage(days(1, 4), script=script).play()

    assert ["1", "2"] == [line.split()[2] for line in stage.calls("write")]
    assert 1 == stage.kinds().count("skipped")
    assert (None, True) == (stage.lane_error(), stage.idle)


@pytest.mark.promise(10)
def test_a_partition_that_several_windows_find_unreadable_is_told_of_once() -> None:
    refused = answer(Means.SKIP_PARTITION, code=403)
    stage = Stage(days(1, 3), script={("poll", "1"): [running(), refused], ("poll", "2"): [refused]}).play()

    assert [] == stage.calls("write")
    assert 1 == stage.kinds().count("skipped")
    assert (None, True) == (stage.lane_error(), stage.idle)


@pytest.mark.promise(10)
def test_live_jobs_behind_a_failed_window_are_aborted_and_leave_the_state_only_then() -> None:
    stage = Stage(
        days(1, 2),
        script={("poll", "1"): [failed()], ("poll", "2"): [running()] * 99, ("abort", "2"): [after(1.5, ok())]},
        max_attempts=1,
        aborts=True,
        deletes=True,
        keep_on_exit=False,
    ).play()

    assert ["0.25 abort r1", "0.25 abort r2"] == stage.calls("abort")
    assert ["0.25 delete r1", "1.75 delete r2"] == stage.calls("delete")
    assert ["aborted", "dropped", "deleted"] == stage.kinds("r2")[-3:]


@pytest.mark.promise(10)
def test_an_abort_in_vain_leaves_the_job_in_state() -> None:
    stage = Stage(
        days(1, 2),
        script={("poll", "1"): [failed()], ("poll", "2"): [running()] * 99, ("abort", "2"): [retry(), retry()]},
        max_attempts=1,
        aborts=True,
        keep_on_exit=False,
    ).play()

    assert ["r2"] == list(stage.kept.jobs)
    assert ["warning", "kept"] == stage.kinds("r2")[-2:]
    assert stage.idle
