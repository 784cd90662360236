"""From a completed job to its rows: targets, downloads, fresh links, halves of windows, chains of jobs."""

from __future__ import annotations

import pytest
from orchestra import (
    Stage,
    after,
    answer,
    completed,
    days,
    failed,
    name_of,
    ok,
    retry,
    running,
    skipped,
    unit,
)

from tap_asyncreport.job import Means
from tap_asyncreport.orchestrator.budgets import Tries


@pytest.mark.promise(6)
def test_a_missing_target_is_polled_for_again_and_then_downloaded() -> None:
    stage = Stage(unit(1), script={("targets", "1"): [answer(Means.NOT_READY)]}).play()

    assert [
        "0 create 1",
        "0.25 poll r1",
        "0.25 targets r1",
        "1.25 poll r1",
        "1.25 targets r1",
        "1.25 download r1",
        "1.25 write 1",
    ] == stage.log


@pytest.mark.promise(6)
def test_a_target_that_never_comes_ends_within_its_tries_with_the_job_in_state() -> None:
    stage = Stage(
        unit(1), script={("targets", "1"): [answer(Means.NOT_READY)] * 99}, target=Tries(4), deletes=True
    ).play()

    assert [0.25, 1.25, 3.25, 7.25] == stage.times("targets", "r1")
    assert ["r1"] == list(stage.kept.jobs)
    assert [] == stage.calls("delete")
    assert stage.idle


@pytest.mark.promise(6)
def test_an_error_of_the_target_request_asks_for_targets_again_without_a_poll() -> None:
    stage = Stage(unit(1), script={("targets", "1"): [retry()]}).play()

    assert ["0.25 poll r1", "0.25 targets r1", "1.25 targets r1", "1.25 download r1"] == stage.log[1:5]


@pytest.mark.promise(6)
def test_max_tries_counts_every_download_of_the_job() -> None:
    mixed = [answer(Means.NOT_READY), retry(), answer(Means.LINK_EXPIRED), answer(Means.NOT_READY), ok()]
    stage = Stage(unit(1), script={("download", "1"): mixed}, download=Tries(4), deletes=True).play()

    assert 4 == len(stage.calls("download"))
    assert stage.lane_error() is not None
    assert [] == stage.calls("write")
    assert 1 == len(stage.calls("delete")), "its rows are not wanted any more"


@pytest.mark.promise(6)
def test_a_download_that_gets_on_has_its_tries_anew() -> None:
    broken = [retry(progress=(0, n)) for n in range(1, 8)]
    stage = Stage(unit(1), script={("download", "1"): broken}, download=Tries(2)).play()

    assert 8 == len(stage.calls("download"))
    assert stage.lane_error() is None


@pytest.mark.promise(6)
def test_an_expired_link_leads_to_a_fresh_poll_and_a_fresh_target() -> None:
    stage = Stage(unit(1), script={("download", "1"): [answer(Means.LINK_EXPIRED, code=403)]}).play()

    assert [
        "0.25 poll r1",
        "0.25 targets r1",
        "0.25 download r1",
        "1.25 poll r1",
        "1.25 targets r1",
        "1.25 download r1",
        "1.25 write 1",
    ] == stage.log[1:]
    assert 1 == stage.kinds().count("completed")


@pytest.mark.promise(6)
def test_polls_for_a_fresh_link_are_bounded_and_the_job_is_kept() -> None:
    stage = Stage(
        unit(1),
        script={("download", "1"): [answer(Means.LINK_EXPIRED)], ("poll", "1"): [completed()] + [retry()] * 9_999},
        timeout=100.0,
        keep_on_timeout=False,
        deletes=True,
        aborts=True,
    ).play()

    assert 101.25 == stage.now
    assert ["r1"] == list(stage.kept.jobs)
    assert [] == stage.calls("abort", "delete")


@pytest.mark.promise(6)
def test_a_job_that_failed_while_a_fresh_link_was_asked_for_is_made_again() -> None:
    stage = Stage(
        unit(1),
        script={("download", "1"): [answer(Means.LINK_EXPIRED)], ("poll", "1"): [completed(), failed()]},
        aborts=True,
    ).play()

    assert 2 == len(stage.calls("create"))
    assert [] == stage.calls("abort"), "it had been completed"
    assert ["1.25 poll r1", "1.3 create 1", "1.55 poll r2"] == stage.log[4:7]
    assert ["1.55 write 1"] == stage.calls("write")


@pytest.mark.promise(6)
def test_skipped_is_success_without_rows_or_download() -> None:
    stage = Stage(unit(1), script={("poll", "1"): [skipped()]}, aborts=True, deletes=True).play()

    assert ["0 create 1", "0.25 poll r1", "0.25 write 1 empty", "0.25 delete r1"] == stage.log


@pytest.mark.promise(6)
def test_an_empty_download_is_success_without_rows() -> None:
    stage = Stage(unit(1), script={("download", "1"): [answer(Means.EMPTY)]}, deletes=True).play()

    assert ["0.25 download r1", "0.25 write 1 empty", "0.25 delete r1"] == stage.log[-3:]


@pytest.mark.promise(6)
def test_without_a_polling_requester_the_download_tells_when_the_job_is_done_at_a_polls_pace() -> None:
    stage = Stage(
        days(1, 2),
        limit=1,
        script={("download", "1"): [answer(Means.NOT_READY, code=404)] * 3},
        polls=False,
        not_ready_counts=False,
        download=Tries(2),
    ).play()

    assert [0.25, 1.75, 4, 7.375] == stage.times("download", "r1")
    assert [7.375] == stage.times("create", "2"), "the job held its slot until it was there"
    assert stage.lane_error() is None


@pytest.mark.promise(6)
def test_without_a_polling_requester_the_timeout_bounds_what_is_not_ready() -> None:
    stage = Stage(
        unit(1),
        script={("download", "1"): [answer(Means.NOT_READY, code=404)] * 99},
        polls=False,
        not_ready_counts=False,
        timeout=10.0,
    ).play()

    assert 10.0 == stage.times("download", "r1")[-1]
    assert (
        "not completed within jobs.timeout of 10 s; its status could not be read (the API answered 404)"
        == stage.lane_error().message
    )
    assert ["r1"] == list(stage.kept.jobs)


@pytest.mark.promise(6)
def test_without_a_polling_requester_tries_that_are_configured_count() -> None:
    stage = Stage(
        unit(1), script={("download", "1"): [answer(Means.NOT_READY)] * 99}, polls=False, download=Tries(4), aborts=True
    ).play()

    assert 4 == len(stage.calls("download"))
    assert 1 == len(stage.calls("abort")), "it may still be alive"


@pytest.mark.promise(22)
@pytest.mark.parametrize(("verb", "aborts"), [("create", 0), ("poll", 1), ("download", 0)])
def test_a_window_that_is_too_large_is_halved_and_written_in_order(verb: str, aborts: int) -> None:
    stage = Stage(days(1, 2), script={(verb, "1"): [answer(Means.TOO_LARGE)]}, aborts=True, deletes=True).play()

    assert ["write 1+0.5", "write 1.5+0.5", "write 2"] == [line.split(" ", 1)[1] for line in stage.calls("write")]
    assert aborts == len(stage.calls("abort"))
    assert stage.lane_error() is None
    assert {} == stage.kept.jobs


@pytest.mark.promise(22)
def test_halves_wait_until_the_job_that_was_too_large_is_cancelled() -> None:
    stage = Stage(
        days(1, 2),
        script={("poll", "1"): [answer(Means.TOO_LARGE), running()], ("abort", "1"): [after(3.0, ok())]},
        aborts=True,
    ).play()

    assert ["0.25 abort r1"] == stage.calls("abort")
    assert [0.25, 4.25, 5.75] == stage.times("poll", "r1"), "3 s of abort, a poll that says it runs, one that does not"
    assert [5.75] == stage.times("create", "1+0.5")
    assert [5.75] == stage.times("create", "1.5+0.5")


@pytest.mark.promise(22)
def test_what_cannot_be_halved_fails_and_says_what_to_do() -> None:
    stage = Stage(unit(1), script={("create", "1"): [answer(Means.TOO_LARGE)]}, split=lambda _: None).play()

    assert "the API answered 503" == stage.lane_error().message
    assert "the window cannot be halved: lower incremental.granularity, or add a partition" == stage.lane_error().hint


def test_a_half_that_fails_again_is_halved_again_and_stays_in_its_place() -> None:
    stage = Stage(
        days(1, 3),
        script={("create", "1"): [answer(Means.TOO_LARGE)], ("create", "1.5+0.5"): [answer(Means.TOO_LARGE)]},
    ).play()

    assert ["1+0.5", "1.5+0.25", "1.75+0.25", "2", "3"] == [line.split()[2] for line in stage.calls("write")]


def test_a_chain_of_jobs_is_one_window() -> None:
    stage = Stage(
        days(1, 2),
        limit=2,
        script={
            ("poll", "1"): [completed(follow=unit(1, link=1))],
            ("poll", "1.1"): [completed(follow=unit(1, link=2))],
        },
    )
    links: list[tuple[str, bool]] = []
    written = stage.orchestrator.written

    def note(task, rows, now, **more) -> None:
        links.append((name_of(task.unit), task.last_link))
        written(task, rows, now, **more)

    stage.orchestrator.written = note
    stage.play()

    assert [("1", False), ("1.1", False), ("1.2", True), ("2", True)] == links
    assert stage.idle


def test_a_link_that_fails_leaves_the_rest_of_its_window_unwritten() -> None:
    stage = Stage(
        days(1, 2),
        script={("poll", "1"): [completed(follow=unit(1, link=1))], ("poll", "1.1"): [failed()] * 9},
        max_attempts=2,
    ).play()

    assert ["write 1"] == [line.split(" ", 1)[1] for line in stage.calls("write")]
    assert "the job failed: its status is 'FAILED' (attempt 2 of 2)" == stage.lane_error().message
    assert stage.idle


def test_links_that_follow_a_job_that_is_made_again_are_dropped_with_it() -> None:
    stage = Stage(
        unit(1),
        script={
            ("poll", "r1"): [completed(follow=unit(1, link=1))],
            ("download", "r1"): [after(2.0, answer(Means.JOB_GONE, code=404))],
            ("poll", "r2"): [running()] * 2,
            ("poll", "r3"): [completed(follow=unit(1, link=1))],
        },
        aborts=True,
        deletes=True,
    ).play()

    assert ["0 create 1", "0.25 create 1.1", "3.25 create 1", "3.5 create 1.1"] == stage.calls("create")
    assert ["2.25 abort r2"] == stage.calls("abort")
    assert ["write 1", "write 1.1"] == [line.split(" ", 1)[1] for line in stage.calls("write")]
    assert {} == stage.kept.jobs


@pytest.mark.promise(8)
@pytest.mark.parametrize("keeps", [True, False])
def test_a_later_link_is_never_left_in_state_without_the_links_before_it(keeps: bool) -> None:
    """To the next run it would say that they were written."""
    script = {
        ("poll", "1"): [completed(follow=unit(1, link=1))],
        ("download", "1"): [after(5.0, answer(Means.FAIL))],
        ("poll", "1.1"): [running()] * 99,
    }
    stage = Stage(unit(1), script=script, timeout=2.0, keep_on_timeout=keeps, deletes=True).play()

    assert {} == stage.kept.jobs
    assert ["r1", "r2"] == sorted(line.split()[2] for line in stage.calls("delete"))


@pytest.mark.promise(8)
def test_a_link_that_is_just_being_created_when_its_chain_begins_anew_is_dropped_and_waited_for() -> None:
    script = {
        ("poll", "r1"): [completed(follow=unit(1, link=1))],
        ("create", "1.1"): [after(5.0, ok())],
        ("download", "r1"): [answer(Means.JOB_GONE, code=404)],
        ("poll", "r2"): [answer(Means.FAIL)] * 9,
    }
    stage = Stage(unit(1), script=script, aborts=True, deletes=True).play()

    assert ["0 create 1", "0.25 create 1.1", "6.25 create 1"] == stage.calls("create")
    assert ["5.25 abort r2"] == stage.calls("abort")
    assert ["creating", "created", "dropped"] == stage.kinds("r2")[:3]
    assert ["6.5 write 1"] == stage.calls("write")
