"""Whole runs against an API that refuses, forgets, splits, slows down: the exact requests, and what the next run does."""

from __future__ import annotations

import time
from typing import Any

import pytest
from fake_api import FakeApi, FakeJob, Reply, Request, json_reply
from lives import by_job, days, ended_well, failed, most_in_a_second, one_by_one, story
from test_sync import ROWS, typed
from warm import WarmProcess
import itertools


def life(day: int, job: int) -> list[str]:
    return [f"create 2026-01-{day:02}", f"poll job-{job}", f"poll job-{job}", f"download job-{job}", f"delete job-{job}"]


def answering(stream: dict[str, Any], *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The stream, whose creation's answers are read by these rules."""
    return {**stream, "creation_requester": {**stream["creation_requester"], "responses": list(rules), **more}}


# -- no more jobs


@pytest.mark.promise(7, 10)
def test_a_quota_ends_the_stream_in_order_and_the_next_run_goes_on(tap: WarmProcess) -> None:
    limited = answering(days(1, 3), {"status": 403, "text": "daily", "means": "quota_exhausted"})
    with FakeApi(rows=ROWS, faults={("create", 2): Reply(403, "daily quota reached")}) as api:
        first = tap.run(one_by_one(api, limited))
        began = time.monotonic()
        assert [*life(1, 1), "create 2026-01-02"] == by_job(api)
        second = tap.run(one_by_one(api, limited), state=first.state)

        assert [*life(2, 2), *life(3, 3)] == by_job(api, began)
    failed(first, "daily quota reached", "quota exhausted")
    assert typed(ROWS[:2]) == first.records("clicks")
    assert "2026-01-01" == first.bookmark("clicks")
    assert [] == first.jobs("clicks")
    ended_well(second)
    assert typed(ROWS[2:]) == second.records("clicks")


@pytest.mark.promise(10)
def test_a_partition_that_cannot_be_read_is_told_of_once_and_asked_for_again_in_the_next_run(tap: WarmProcess) -> None:
    split = days(1, 2, partitions=[{"name": "account", "values": ["a", "b"]}])
    split["creation_requester"]["json"]["account"] = "{{ partition.account }}"
    split = answering(split, {"status": 403, "means": "skip_partition"})
    refuses = lambda _, request: Reply(403, "no access to b") if request.json()["account"] == "b" else None  # noqa: E731
    with FakeApi(rows=ROWS, hooks={"create": refuses}) as api:
        first = tap.run(one_by_one(api, split))
        began = time.monotonic()
        asked = [(spec["account"], spec["from"]) for spec in api.specs()]
        second = tap.run(one_by_one(api, split), state=first.state)
        again = [(call.json()["account"], call.json()["from"]) for call in api.calls("create", since=began)]

    assert [("a", "2026-01-01"), ("a", "2026-01-02"), ("b", "2026-01-01")] == sorted(asked)
    ended_well(first)
    assert 1 == first.stderr.count("no access to b")
    assert [{**row, "account": "a"} for row in typed(ROWS[:4])] == first.records("clicks")
    marks = {entry["context"]["account"]: entry.get("until") for entry in first.state["bookmarks"]["clicks"]["partitions"]}
    assert {"a": "2026-01-03T00:00:00Z"} == marks
    assert [("b", "2026-01-01")] == again
    ended_well(second)
    assert [] == second.records("clicks")


@pytest.mark.promise(7)
def test_busy_for_ever_is_asked_ever_more_seldom_and_bounded_by_the_timeout(tap: WarmProcess) -> None:
    rule = {"status": 400, "json": {"$.code": "TOO_MANY"}, "means": "busy"}
    crowded = answering(days(1, 3, jobs={"timeout": "1s"}), rule, retry={"wait": "100ms"})
    with FakeApi(rows=ROWS, hooks={"create": lambda api, _: json_reply({"code": "TOO_MANY"}, 400)}) as api:
        first = tap.run({**one_by_one(api, crowded), "max_concurrent_jobs": 3})
        calls = [call.received_at for call in api.calls()]
        span = calls[-1] - calls[0]
        api.hooks.clear()
        second = tap.run(one_by_one(api, crowded), state=first.state)

    failed(first, "no place for a job within jobs.timeout of 1 s", "TOO_MANY")
    assert 3 + 4 >= len(calls), "the first rush, then at 0.1, 0.3, 0.7 s"
    assert span <= 1.1
    assert {} == first.state["bookmarks"].get("clicks", {})
    ended_well(second)
    assert typed(ROWS) == second.records("clicks")


@pytest.mark.promise(7)
def test_busy_waits_for_a_job_of_ours_and_spends_neither_tries_nor_attempts(tap: WarmProcess) -> None:
    rule = {"status": 429, "text": "too many jobs", "means": "busy"}
    crowded = answering(days(1, 3), rule)
    crowded["jobs"] |= {"creation_max_tries": 1, "max_attempts": 1}
    with FakeApi(("RUNNING", "RUNNING", "DONE"), rows=ROWS, max_live=1) as api:
        run = tap.run({**one_by_one(api, crowded), "max_concurrent_jobs": 3})

        assert 3 == len(api.jobs)
        assert len(api.calls("create")) <= 3 + 2 * 3, "three at once, and one for each that ended or was deleted"
    ended_well(run)
    assert typed(ROWS) == run.records("clicks")


# -- too large


@pytest.mark.promise(22, 8)
@pytest.mark.parametrize("step", ["create", "poll"])
def test_a_window_that_is_too_large_is_halved_until_it_fits_and_its_halves_come_in_order(step: str, tap: WarmProcess) -> None:
    rule = {"status": 413, "means": "too_large"}
    large = days(1, 4)
    large["incremental"].pop("step")
    large[{"create": "creation_requester", "poll": "polling_requester"}[step]] = {
        **({"request": large["polling_requester"]} if step == "poll" else large["creation_requester"]), "responses": [rule],
    }  # fmt: skip

    def too_large(spec: dict[str, Any]) -> bool:
        return spec["from"] != spec["to"]

    def refuses(api: FakeApi, request: Request) -> Reply | None:
        spec = request.json() if step == "create" else api.jobs[request.job or ""].spec
        return Reply(413, "too many rows") if too_large(spec) else None

    rows = [*ROWS, {**ROWS[0], "date": "2026-01-04"}]
    with FakeApi(rows=rows, hooks={step: refuses}) as api:
        run = tap.run(one_by_one(api, large))
        spans = [(spec["from"][-2:], spec["to"][-2:]) for spec in api.specs()]
        began = time.monotonic()
        again = tap.run(one_by_one(api, large), state=run.state)
        assert [] == story(api, began)
        assert [] == [job.id for job in api.jobs.values() if not job.deleted]
        assert [] == [job.id for job in api.jobs.values() if bool(job.aborted) != too_large(job.spec)]

    pairs = [("01", "04"), ("01", "02"), ("01", "01"), ("02", "02"), ("03", "04"), ("03", "03"), ("04", "04")]
    assert pairs == spans
    ended_well(run)
    assert typed(rows) == run.records("clicks")
    assert "2026-01-04" == run.bookmark("clicks")
    assert run.state == again.state


# -- stuck, slow, gone


@pytest.mark.promise(5)
def test_a_job_that_is_stuck_is_left_to_the_next_run_and_one_that_moves_is_not_stuck(tap: WarmProcess) -> None:
    watched = days(1, 2, jobs={"poll_interval": "50ms", "poll_backoff": 1, "stall_timeout": "400ms", "progress": "$.stage"})
    released: list[bool] = []

    def script(job: FakeJob, k: int) -> dict[str, Any]:
        moves = job.spec["from"] == "2026-01-01"
        done = released or (moves and k >= 16)
        return {"status": "DONE" if done else "RUNNING", "stage": k // 4 if moves else 1}

    with FakeApi(script, rows=ROWS) as api:
        first = tap.run({**one_by_one(api, watched), "max_concurrent_jobs": 2})
        began = time.monotonic()
        released.append(True)
        second = tap.run(one_by_one(api, watched), state=first.state)
        (stuck,) = [job for job in api.jobs.values() if job.spec["from"] == "2026-01-02"]

        assert [f"poll {stuck.id}", f"download {stuck.id}", f"delete {stuck.id}"] == story(api, began)
        assert 2 == len(api.jobs)
        assert [] == api.calls("abort")
    failed(first, "no change for 0.4 s", stuck.id, "jobs.stall_timeout")
    assert typed(ROWS[:2]) == first.records("clicks"), "the other took twice as long, and moved"
    assert [stuck.id] == [job["id"] for job in first.jobs("clicks")]
    ended_well(second)
    assert typed(ROWS[2:4]) == second.records("clicks")


@pytest.mark.promise(3, 1)
def test_a_job_that_the_api_forgets_while_it_runs_is_made_again_within_its_attempts(tap: WarmProcess) -> None:
    forgetful = days(1, 1)
    forgetful["jobs"] |= {"max_attempts": 2}
    gone = Reply(404, '{"error": "no such export"}')
    with FakeApi({1: ["RUNNING", gone], None: ["RUNNING", "DONE"]}, rows=ROWS) as api:
        run = tap.run(one_by_one(api, forgetful))
        expected = ["create 2026-01-01", "poll job-1", "poll job-1", "delete job-1", *life(1, 2)]
        assert expected == by_job(api)
    ended_well(run)
    assert typed(ROWS[:2]) == run.records("clicks")

    with FakeApi(["RUNNING", gone], rows=ROWS) as api:
        run = tap.run(one_by_one(api, forgetful))
        each = [["create 2026-01-01", *[f"poll job-{n}"] * 2, f"delete job-{n}"] for n in (1, 2)]
        assert each[0] + each[1] == by_job(api)
    failed(run, "attempt 2 of 2", "job-2")
    assert [] == run.jobs("clicks")


@pytest.mark.promise(5, 8)
def test_a_job_that_completes_after_our_deadline_is_not_made_again(tap: WarmProcess) -> None:
    """Its deadline passes in the first run; the second finds it done. It was one job all the time."""
    released: list[bool] = []
    short = days(1, 1, jobs={"poll_interval": "50ms", "poll_backoff": 1, "timeout": "300ms"})
    with FakeApi(lambda job, k: "DONE" if released else "RUNNING", rows=ROWS) as api:
        first = tap.run(one_by_one(api, short))
        began = time.monotonic()
        released.append(True)
        second = tap.run(one_by_one(api, short), state=first.state)
        assert ["poll job-1", "download job-1", "delete job-1"] == story(api, began)
        assert [] == api.calls("abort")
    failed(first, "not completed within jobs.timeout of 0.3 s", "RUNNING", "job-1")
    ended_well(second)
    assert typed(ROWS[:2]) == second.records("clicks")


# -- limits


@pytest.mark.promise(7)
def test_rates_hold_over_all_streams_and_partitions(tap: WarmProcess) -> None:
    limits = [{"match": {"step": "creation_requester"}, "rate": "10/1s"}, {"match": {"path": "^/exports/"}, "rate": "20/1s", "burst": 2}]
    with FakeApi(("DONE",), rows=ROWS) as api:
        settings = {**one_by_one(api, days(1, 3), {**days(1, 3), "name": "other"}), "max_concurrent_jobs": 6}
        run = tap.run({**settings, "rate_limits": limits})
        creations = [call.received_at for call in api.calls("create")]
        others = [call.received_at for call in api.log if call.path.startswith("/exports/")]

    ended_well(run)
    assert 6 == len(creations)
    assert creations[-1] - creations[0] >= 0.45
    assert min(after - before for before, after in itertools.pairwise(creations)) >= 0.05  # a call may be long on its way
    assert min(after - before for before, after in zip(others, others[2:], strict=False)) >= 0.04
    assert 12 == len(others), "a poll and a delete each"


@pytest.mark.promise(7)
def test_no_partition_has_more_jobs_alive_than_its_limit_and_the_others_use_the_slots(tap: WarmProcess) -> None:
    split = days(1, 3, partitions=[{"name": "account", "values": ["a", "b"]}])
    split["creation_requester"]["json"]["account"] = "{{ partition.account }}"
    split["jobs"] |= {"max_concurrent_per": {"account": 1}}
    most: dict[str, int] = {}

    def count(api: FakeApi, request: Request) -> None:
        account = request.json()["account"]
        most[account] = max(most.get(account, 0), 1 + sum(job.spec["account"] == account for job in api.live()))

    with FakeApi(("RUNNING", "RUNNING", "DONE"), rows=ROWS, hooks={"create": count}) as api:
        run = tap.run({**one_by_one(api, split), "max_concurrent_jobs": 4})
        assert 2 == api.most_live
        assert most_in_a_second(api) <= 60

    ended_well(run)
    assert {"a": 1, "b": 1} == most
    assert 2 * len(ROWS) == len(run.records("clicks"))
