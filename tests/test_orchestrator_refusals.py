"""An API that refuses creations: no place for us, too many requests, a quota that is spent."""

from __future__ import annotations

from typing import Any

import pytest
from orchestra import Stage, add, after, answer, busy, completed, days, failed, ok, retry, running, unit

from tap_asyncreport.job import Means
from tap_asyncreport.orchestrator.budgets import Tries


def written(stage: Stage) -> list[str]:
    return [line.split()[2] for line in stage.calls("write")]


@pytest.mark.promise(7)
def test_busy_waits_for_one_of_our_own_jobs_and_spends_nothing() -> None:
    script = {("create", "3"): [busy()], ("poll", "1"): [running()] * 2, ("poll", "2"): [running()] * 4}
    stage = Stage(days(1, 3), script=script, max_attempts=1, creation=Tries(1, wait=100.0)).play()

    assert [0, 2.75] == stage.times("create", "3")
    assert stage.lane_error() is None


@pytest.mark.promise(7)
def test_busy_backs_off_where_nothing_of_ours_can_end() -> None:
    stage = Stage(unit(1), script={("create", "1"): [busy()] * 5}, creation=Tries(1)).play()

    assert [0, 1, 3, 7, 15, 31] == stage.times("create", "1")


@pytest.mark.promise(7)
def test_busy_waits_as_long_as_the_api_says() -> None:
    stage = Stage(unit(1), script={("create", "1"): [busy(wait=42.0)]}).play()

    assert [0, 42] == stage.times("create", "1")


@pytest.mark.promise(7)
def test_a_job_that_is_left_to_the_next_run_makes_no_place_for_another() -> None:
    script = {("poll", "a1"): [retry(86400.0)], ("create", "b1"): [busy(wait=50.0)]}
    stage = Stage([unit(1, account="a"), unit(1, account="b")], script=script).play()

    assert [0, 50] == stage.times("create", "b1")


@pytest.mark.promise(7)
def test_busy_for_ever_is_bounded_by_the_timeout_and_fails_the_stream() -> None:
    stage = Stage(
        [*days(1, 2, account="a"), *days(1, 2, account="b")], script={("create", "*"): [busy()] * 99}, timeout=100.0
    ).play()

    expected = "the API has had no place for a job within jobs.timeout of 100 s (the API answered 400)"
    assert expected == stage.lane_error(account="a").message
    assert expected == stage.lane_error(account="b").message
    assert stage.now <= 100.0
    assert stage.orchestrator.streams["orders"].quota is None
    assert stage.idle


@pytest.mark.promise(7)
def test_busy_that_lasts_longer_than_there_is_time_ends_at_once() -> None:
    stage = Stage(unit(1), script={("create", "1"): [busy(wait=86400.0)]}, timeout=3600.0).play()

    assert ["0 create 1"] == stage.log
    assert (
        "the API asks to wait 86400 s for a place, longer than jobs.timeout of 3600 s (the API answered 400)"
        == stage.lane_error().message
    )


@pytest.mark.promise(7)
def test_a_busy_stream_does_not_hold_up_another() -> None:
    stage = Stage(
        [*days(1, 2), *days(1, 2, stream="users")],
        script={("create", "1"): [busy()] * 3, ("create", "2"): [busy()] * 3},
    ).play()

    assert ["users:1", "users:2"] == sorted(written(stage))[-2:]
    assert [0, 0] == [*stage.times("create", "users:1"), *stage.times("create", "users:2")]


@pytest.mark.promise(7)
@pytest.mark.parametrize(("jobs", "places"), [(20, 2), (200, 20)])
def test_an_api_with_fewer_places_is_not_asked_again_and_again(jobs: int, places: int) -> None:
    stage = Stage(days(1, jobs), limit=places * 4, poll_interval=4.0)
    taken: set[str] = set()
    stage.usual["poll"] = lambda name: taken.discard(name) or completed()

    def create(name: str):
        if len(taken) >= places:
            return busy()
        taken.add(name)
        return ok()

    stage.usual["create"] = create
    stage.play()

    assert jobs == len(written(stage))
    refused = len(stage.calls("create")) - jobs
    assert refused <= 3 * places + jobs, "the first rush, and one for each job that ended"
    assert 0.25 * jobs / places == float(stage.log[-1].split()[0]), "a quarter of a second each"


@pytest.mark.promise(7)
def test_jobs_that_count_until_they_are_deleted_make_way_for_the_window_that_is_written_next() -> None:
    """Windows 2 to 4 got the API's three places before window 1 did, and none of them can be written before it."""
    stored: set[str] = set()
    stage = Stage(days(1, 4), deletes=True, max_attempts=1)

    def create(name: str):
        if name == "1" and not stage.now:
            return busy()
        if len(stored) >= 3:
            return busy()
        stored.add(name)
        return ok()

    def delete(name: str):
        stored.discard(name)
        return ok()

    stage.usual |= {"create": create, "delete": delete}
    stage.play()

    assert ["1", "2", "3", "4"] == written(stage)
    assert {"4"} == {
        line.split()[2] for line in stage.calls("create") if stage.times("create", line.split()[2])[1:]
    } - {"1"}
    assert stage.lane_error() is None
    assert stage.idle


@pytest.mark.promise(4)
def test_too_many_requests_for_one_creation_hold_up_the_stream_s_others() -> None:
    script = {("create", "1"): [retry(30.0, code=429)]}
    stage = Stage(days(1, 9), limit=3, script=script).play()

    assert ["0 create 1", "0 create 2", "0 create 3", "30 create 1", "30 create 4"] == stage.calls("create")[:5]


@pytest.mark.promise(4)
def test_other_errors_of_a_creation_hold_up_nobody() -> None:
    stage = Stage(days(1, 4), limit=2, script={("create", "1"): [retry(code=500)]}).play()

    assert ["0 create 1", "0 create 2", "0 create 3", "0.25 create 4", "1 create 1"] == stage.calls("create")


@pytest.mark.promise(4)
def test_an_api_that_takes_few_creations_a_minute_costs_no_window_its_tries() -> None:
    made: list[float] = []
    stage = Stage(days(1, 60), limit=20, creation=Tries(5))

    def create(name: str):
        if len([at for at in made if at > stage.now - 60]) >= 10:
            return retry(60.0, code=429)
        made.append(stage.now)
        return ok()

    stage.usual["create"] = create
    stage.play()

    assert 60 == len(written(stage))


@pytest.mark.promise(7)
def test_a_quota_starts_nothing_more_of_the_stream_and_lets_live_jobs_finish() -> None:
    script = {("create", "3"): [answer(Means.QUOTA_EXHAUSTED, code=403)], ("poll", "1"): [running()] * 2}
    stage = Stage([*days(1, 5), *days(1, 2, stream="users")], limit=3, script=script, deletes=True).play()

    assert ["1", "2"] == [name for name in written(stage) if ":" not in name]
    assert ["users:1", "users:2"] == [name for name in written(stage) if ":" in name]
    assert [0] == stage.times("create", "3")
    assert [] == stage.times("create", "4")
    assert "the API answered 403" == stage.orchestrator.streams["orders"].quota.message
    assert stage.lane_error() is stage.orchestrator.streams["orders"].quota
    assert {} == stage.kept.jobs
    assert 1 == stage.kinds().count("warning")


@pytest.mark.promise(7)
@pytest.mark.parametrize("deletes", [True, False])
def test_the_last_of_a_quota_goes_to_the_windows_that_are_written_first(deletes: bool) -> None:
    """Though calls overtake each other: what was made is finished, and nothing made has to wait for the next run."""
    left = [ok(), ok()]

    def create(name: str) -> Any:
        return after(0.5 / int(name), left.pop() if left else answer(Means.QUOTA_EXHAUSTED))

    stage = Stage(days(1, 4), limit=4, deletes=deletes, in_turn=True, usual={"create": create}).play()

    assert ["1", "2"] == written(stage)
    assert {} == stage.kept.jobs
    assert ["0 create 1", "0.5 create 2", "0.75 create 3"] == stage.calls("create")


def test_a_creation_that_takes_long_holds_those_behind_it_for_a_while_only() -> None:
    stage = Stage(days(1, 3), in_turn=True, usual={"create": lambda name: after(30.0 if name == "2" else 0.1, ok())})

    assert ["0 create 1", "0.1 create 2", "1.1 create 3"] == stage.play().calls("create")


@pytest.mark.promise(7)
def test_a_quota_keeps_live_jobs_whose_rows_cannot_be_written_in_this_run() -> None:
    script = {
        ("create", "1"): [retry()],
        ("create", "3"): [after(0.5, answer(Means.QUOTA_EXHAUSTED))],
        ("poll", "2"): [running()] * 9,
    }
    stage = Stage(days(1, 3), script=script, aborts=True, deletes=True, keep_on_exit=False).play()

    assert [0] == stage.times("create", "1")
    assert [] == stage.calls("abort", "write")
    assert ["r1"] == list(stage.kept.jobs)


@pytest.mark.promise(7)
@pytest.mark.parametrize(("verb", "expected"), [("poll", ["1"]), ("targets", ["1", "2"]), ("download", ["1", "2"])])
def test_a_quota_told_elsewhere_lets_live_jobs_go_on_and_starts_no_other(verb: str, expected: list[str]) -> None:
    stage = Stage(days(1, 3), limit=1, script={(verb, "1"): [answer(Means.QUOTA_EXHAUSTED)]}).play()

    assert expected == written(stage)
    assert stage.orchestrator.streams["orders"].quota is not None
    assert stage.idle


@pytest.mark.promise(7)
@pytest.mark.parametrize("verb", ["targets", "download"])
def test_a_quota_told_for_ever_is_bounded(verb: str) -> None:
    stage = Stage(unit(1), script={(verb, "1"): [answer(Means.QUOTA_EXHAUSTED)] * 999}).play()

    assert 10 == len(stage.calls(verb))


@pytest.mark.promise(7)
def test_after_a_quota_a_failed_job_is_not_made_again() -> None:
    script = {("create", "2"): [answer(Means.QUOTA_EXHAUSTED)], ("poll", "1"): [failed()]}
    stage = Stage(days(1, 2), script=script, retry_wait=100.0).play()

    assert [0] == stage.times("create", "1")
    assert 0.25 == stage.now
    assert stage.lane_error() is not None


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    "late", [busy(), busy(counts=True), retry(), answer(Means.FAIL), answer(Means.QUOTA_EXHAUSTED)]
)
def test_a_creation_that_is_refused_after_the_quota_is_not_repeated(late) -> None:
    stage = Stage(
        days(1, 2), script={("create", "1"): [after(1.0, late)], ("create", "2"): [answer(Means.QUOTA_EXHAUSTED)]}
    ).play()

    assert ["0 create 1", "0 create 2"] == stage.log
    assert stage.lane_error() is not None
    assert stage.idle
    assert 0 == stage.orchestrator.slots.alive


@pytest.mark.promise(7)
def test_after_a_quota_units_that_are_added_are_not_started() -> None:
    stage = Stage(unit(1, account="a"), script={("create", "a1"): [answer(Means.QUOTA_EXHAUSTED)]})
    stage.at(5.0, lambda: add(stage.orchestrator, "orders", days(1, 2, account="b"), now=5.0))
    stage.play()

    assert ["0 create a1"] == stage.log
    assert stage.lane_error(account="b") is not None
    assert stage.idle
