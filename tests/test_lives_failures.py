"""Whole runs in which one step fails for ever: bounded in tries and in pace, red where rows are missing, and gone on with."""

from __future__ import annotations

import time
from typing import Any

import pytest
from fake_api import FakeApi, Hang, Reply, json_reply
from lives import days, ended_well, failed, most_in_a_second, one_by_one, story
from process import Outcome
from test_sync import ROWS, typed
from warm import WarmProcess

DAY_1 = typed(ROWS[:2])
PACE = 25  # requests in any second, where waits begin at 50 ms
QUICK = {"wait": "50ms", "max_tries": 4}
ABORT = {"request": "POST /exports/{{ creation_response.id }}/abort", "retry": {"wait": "50ms"}}
DELETE = {"request": "DELETE /exports/{{ creation_response.id }}", "retry": {"wait": "50ms"}}


def quick(**changes: Any) -> dict[str, Any]:
    made = days(1, 1, **changes)
    made["jobs"] = {"poll_interval": "100ms", "poll_backoff": 1, "timeout": "1s", "creation_max_tries": 5}
    made["creation_requester"]["retry"] = {"wait": "50ms"}
    return made


def with_targets() -> dict[str, Any]:
    return quick(
        download_target_requester={"request": "GET /exports/{{ creation_response.id }}/files", "retry": QUICK},
        download_target_extractor="$.files[*].url",
        download_retriever={"request": "GET {{ download_target }}", "retry": QUICK},
    )


def without_a_target() -> dict[str, Any]:
    return quick(download_retriever={"request": "GET {{ polling_response.url }}", "retry": QUICK})


OOPS = Reply(500, "oops")
NOTHING = json_reply({"files": []})
LOST = Reply(404, "no such file")
CREATE, POLL, TARGET = "create 2026-01-01", "poll job-1", "target job-1"

FAILURES = {
    "creation": (quick, "create", OOPS, [CREATE] * 5, ["500", "oops"]),
    "creation refused": (quick, "create", Reply(400, "bad field x"), [CREATE], ["400", "bad field x"]),
    "no target": (with_targets, "target", NOTHING, [CREATE, *[POLL, POLL, TARGET], *[POLL, TARGET] * 3], ["$.files[*].url"]),
    "targets": (with_targets, "target", OOPS, [CREATE, POLL, POLL, *[TARGET] * 4], ["500", "oops"]),
    "download lost": (without_a_target, "download", LOST, [CREATE, POLL, *[POLL, "download job-1"] * 4, "delete job-1"], ["404"]),
    "download": (without_a_target, "download", OOPS, [CREATE, POLL, POLL, *["download job-1"] * 4, "delete job-1"], ["500", "oops"]),
}
KEPT = {"no target", "targets"}


@pytest.mark.promise(3, 4, 10)
@pytest.mark.parametrize("step", FAILURES)
def test_a_step_that_fails_for_ever_is_tried_so_often_and_the_next_run_goes_on(step: str, tap: WarmProcess) -> None:
    make, call, answer, expected, said = FAILURES[step]
    with FakeApi(rows=ROWS, hooks={call: lambda _, __: answer}) as api:
        first = tap.run(one_by_one(api, make()))
        assert expected == story(api)
        assert most_in_a_second(api) <= PACE
        began = time.monotonic()
        api.hooks.clear()
        second = tap.run(one_by_one(api, make()), state=first.state)
        jobs = len(api.calls("create", since=began))

    failed(first, *said)
    assert [] == first.records("clicks")
    assert (["job-1"] if step in KEPT else []) == [job["id"] for job in first.jobs("clicks")]
    assert (0 if step in KEPT else 1) == jobs
    ended_well(second)
    assert DAY_1 == second.records("clicks")


@pytest.mark.promise(4, 5)
@pytest.mark.parametrize("answer", [OOPS, Reply(429, "slow down"), Hang()], ids=["500", "429", "no answer"])
def test_polls_that_fail_for_ever_go_on_at_their_pace_until_the_deadline_and_leave_the_job(
    answer: Reply, tap: WarmProcess
) -> None:
    with FakeApi(rows=ROWS, hooks={"poll": lambda _, __: answer}) as api:
        patient = {**one_by_one(api, quick()), "request_timeout": {"read": "100ms"}}
        first = tap.run(patient)
        polls = [call.received_at for call in api.calls("poll")]
        began = time.monotonic()
        assert ["create 2026-01-01"] == [line for line in story(api) if not line.startswith("poll")]
        api.hooks.clear()
        second = tap.run(one_by_one(api, quick()), state=first.state)
        assert ["poll job-1", "poll job-1", "download job-1", "delete job-1"] == story(api, began)

    failed(first, "not completed within jobs.timeout of 1 s", "job-1")
    assert 4 <= len(polls) <= 13
    assert polls[-1] - polls[0] >= 0.8, "there is a last look at the deadline"
    assert ["job-1"] == [job["id"] for job in first.jobs("clicks")]
    ended_well(second)
    assert DAY_1 == second.records("clicks")


@pytest.mark.promise(1)
def test_a_delete_that_fails_for_ever_is_sent_twice_and_changes_no_success(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS, hooks={"delete": lambda _, __: OOPS}) as api:
        first = tap.run(one_by_one(api, quick(delete_requester=DELETE)))
        assert [CREATE, POLL, POLL, "download job-1", "delete job-1", "delete job-1"] == story(api)
        began = time.monotonic()
        second = tap.run(one_by_one(api, quick()), state=first.state)
        assert [] == story(api, began)

    ended_well(first)
    assert DAY_1 == first.records("clicks")
    assert 1 == warnings(first, "job-1")
    ended_well(second)


@pytest.mark.promise(1, 10)
def test_aborts_and_deletes_of_a_failed_job_are_tried_twice_each_before_the_next_is_made(tap: WarmProcess) -> None:
    ends = {"abort_requester": ABORT, "delete_requester": DELETE}
    hooks = dict.fromkeys(("abort", "delete"), lambda _, __: OOPS)
    with FakeApi({1: ["FAILED"], None: ["DONE"]}, rows=ROWS, hooks=hooks) as api:
        run = tap.run(one_by_one(api, quick(**ends)))
        told = story(api)
        assert ["poll job-1", *["abort job-1"] * 2, *["delete job-1"] * 2] == [line for line in told if line.endswith(" job-1")]
        assert [CREATE, CREATE] == [line for line in told if line.startswith("create")]

    ended_well(run)
    assert DAY_1 == run.records("clicks")
    assert 2 == warnings(run, "job-1")


def warnings(run: Outcome, words: str) -> int:
    """How many warnings hold these words."""
    return sum("warn" in line.lower() and words in line for line in run.stderr.splitlines())


BEFORE = {
    "partitions": {"partitions": [{"name": "account", "request": {"request": "GET /accounts", "retry": QUICK}, "records": "$[*]"}]},
    "token": {},
    "nobody listens": {},
}  # fmt: skip


@pytest.mark.promise(4, 10)
@pytest.mark.parametrize("what", BEFORE)
def test_what_comes_before_the_first_job_fails_within_its_tries(what: str, tap: WarmProcess) -> None:
    made = quick(**BEFORE[what])
    made["jobs"]["creation_max_tries"] = 2
    with FakeApi(rows=ROWS, hooks={"other": lambda _, __: OOPS}, faults={("token", "*"): OOPS}) as api:
        settings = one_by_one(api, made)
        if what == "token":
            settings["authenticator"] = {"type": "session", "login": {"request": "POST /oauth/token", "retry": QUICK}}
        if what == "nobody listens":
            settings["base_url"] = "http://127.0.0.1:9"
        run = tap.run(settings)

        assert {"partitions": 4, "token": 2 * 4, "nobody listens": 0}[what] == len(api.log), story(api)
        assert [] == api.calls("create")
    failed(run)
