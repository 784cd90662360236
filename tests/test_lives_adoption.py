"""Whole runs that go on with what a killed one left: which jobs are taken over, and which are made anew."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_api import FakeApi, FakeJob, Hang, Reply, Request
from lives import DAY, Death, by_job, days, ended_well, one_by_one, polled, story
from test_sync import ROWS, typed
from warm import WarmProcess

DAY_1 = typed(ROWS[:2])
ENDS = {"abort_requester", "delete_requester"}


class Held:
    """Jobs run until they are released."""

    def __init__(self) -> None:
        self.released = False

    def __call__(self, job: FakeJob, _: int) -> str:
        return "DONE" if self.released else "RUNNING"


def without(keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in days(1, 1).items() if key not in keys}


def changed(stream: dict[str, Any], **more: Any) -> dict[str, Any]:
    requester = stream["creation_requester"]
    return {**stream, "creation_requester": {**requester, "json": {**requester["json"], **more}}}


# -- another request, or too old


@pytest.mark.promise(8, 1)
@pytest.mark.parametrize(
    ("why", "missing", "ends"),
    [
        ("too old", set(), ["abort job-1", "poll job-1", "delete job-1"]),
        ("another request", set(), ["abort job-1", "poll job-1", "delete job-1"]),
        ("another request", {"abort_requester"}, ["delete job-1"]),
        ("another request", {"delete_requester"}, ["abort job-1", "poll job-1"]),
        ("another request", ENDS, []),
    ],
    ids=["too old", "abort and delete", "delete only", "abort only", "neither"],
)
def test_a_job_that_is_not_taken_over_is_ended_before_its_window_gets_another(
    why: str, missing: set[str], ends: list[str], tap: WarmProcess
) -> None:
    held = Held()
    with FakeApi(held, rows=ROWS) as api:
        first = tap.run(one_by_one(api, without(missing)), while_running=Death(polled(api, 2)))
        assert ["job-1"] == [job["id"] for job in first.jobs("clicks")]
        began, held.released = time.monotonic(), True
        after, state = without(missing), first.state
        if why == "another request":
            after = changed(after, detail="more")
        else:
            state["bookmarks"]["clicks"]["jobs"][0]["created_at"] = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
        second = tap.run(one_by_one(api, after), state=state)
        asked = story(api, began)
        third = tap.run(one_by_one(api, after), state=second.state)

    ended_well(second)
    assert DAY_1 == second.records("clicks")
    assert ends == [line for line in asked if line.endswith(" job-1")]
    new = ["create 2026-01-01", "poll job-2", "download job-2", *(["delete job-2"] if "delete_requester" not in missing else [])]
    assert new == [line for line in asked if not line.endswith(" job-1")]
    if ends:
        assert asked.index(ends[0]) < asked.index("create 2026-01-01")
        assert [] == api.doubles
    ended_well(third)
    assert [] == third.records("clicks")
    assert len(asked) == len(story(api, began)), "a third run asks for nothing"



# -- windows that move


@pytest.mark.promise(8, 22)
def test_a_window_that_ends_now_is_taken_over_as_it_was_and_only_what_came_since_is_asked_for(tap: WarmProcess) -> None:
    """The clock moves between the runs, the job's window does not."""
    held = Held()
    start = (datetime.now(UTC) - timedelta(days=3)).replace(microsecond=0)
    open_end = days(1, 1, incremental={"start": start.isoformat(), "granularity": "1s"}, replication_key=None)
    with FakeApi(held, rows=ROWS[:1], date_key="none") as api:
        first = tap.run(one_by_one(api, open_end), while_running=Death(polled(api, 2)))
        began, held.released = time.monotonic(), True
        time.sleep(1.0)
        second = tap.run(one_by_one(api, open_end), state=first.state)
        (one, two) = api.specs()
        asked = by_job(api, began)

    ended_well(second)
    assert start.strftime("%Y-%m-%dT%H:%M:%SZ") == one["from"]
    assert one["to"] == two["from"]
    assert one["to"] < two["to"]
    again = ["poll job-2", "download job-2", "delete job-2"]
    assert ["poll job-1", "download job-1", "delete job-1", f"create {two['from']}", *again] == asked
    assert 2 == len(second.records("clicks")), "a row from each window"
    assert second.state["bookmarks"]["clicks"]["until"] == two["to"]


# -- between the rows and the delete


@pytest.mark.promise(8, 24)
@pytest.mark.parametrize("deletes", [True, False])
def test_the_message_that_moves_the_bookmark_says_that_the_job_s_rows_are_out(deletes: bool, tap: WarmProcess) -> None:
    """Else whoever goes on from it would take the job for one whose rows nobody has."""
    with FakeApi(("DONE",), rows=ROWS) as api:
        changes = {} if deletes else {"delete_requester": None}
        run = tap.run(one_by_one(api, days(1, 3, **changes)))

    ended_well(run)
    for state in run.states:
        entry = state["bookmarks"].get("clicks", {})
        unwritten = [job["window"][0] for job in entry.get("jobs", []) if not job.get("written")]
        assert [] == [start for start in unwritten if start < entry.get("until", "")], entry


@pytest.mark.promise(1, 8)
def test_a_job_whose_rows_were_out_is_only_deleted(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS, faults={("delete", 1): Hang()}) as api:
        first = tap.run(one_by_one(api, days(1, 1)), while_running=Death(lambda: bool(api.calls("delete"))))
        began = time.monotonic()
        second = tap.run(one_by_one(api, days(1, 1)), state=first.state)
        assert ["delete job-1"] == story(api, began)

    assert DAY_1 == first.records("clicks")
    assert [True] == [job.get("written") for job in first.jobs("clicks")]
    assert DAY == first.bookmark("clicks")
    ended_well(second)
    assert [] == second.records("clicks")


def heavy(partitions: int) -> dict[str, Any]:
    """A state so large that STATE messages go out only every few tenths of a second."""
    entries = [
        {"context": {"account": f"{number:06}"}, "replication_key_value": DAY, "until": "2026-01-02T00:00:00Z"}
        for number in range(partitions)
    ]
    return {"bookmarks": {"other": {"partitions": entries}}}


@pytest.mark.promise(1, 24)
def test_a_delete_never_comes_before_the_state_that_covers_its_rows_however_seldom_that_is_said(tap: WarmProcess) -> None:
    """What is on standard output at the moment of each delete says that the job's rows are out."""
    early: list[str] = []

    def look(api: FakeApi, request: Request) -> Reply | None:
        lines = (tap.directory / "stdout1").read_bytes().split(b"\n")[:-1]
        state = next(json.loads(line) for line in reversed(lines) if b'"STATE"' in line)["value"]
        jobs = {job["id"]: job for job in state["bookmarks"]["clicks"]["jobs"]}
        if not jobs[request.job or ""].get("written"):
            early.append(request.job or "")
        return None

    with FakeApi(("DONE",), rows=ROWS, hooks={"delete": look}) as api:
        config = {**one_by_one(api, days(1, 3)), "max_concurrent_jobs": 3}
        run = tap.run(config, state=heavy(2_500))

        assert 3 == len(api.calls("delete"))
    ended_well(run)
    assert typed(ROWS) == run.records("clicks")
    assert [] == early


@pytest.mark.promise(8)
def test_a_run_that_dies_at_a_delete_is_never_followed_by_another_job(tap: WarmProcess) -> None:
    with FakeApi(("DONE",), rows=ROWS) as api:
        config = {**one_by_one(api, days(1, 3)), "max_concurrent_jobs": 3}
        death = Death(lambda: bool(api.calls("delete")), after=0.0)
        first = tap.run(config, state=heavy(2_500), while_running=death)
        second = tap.run(config, state=first.state)

        assert 3 == len(api.jobs)
        assert [] == api.left()
    ended_well(second)


# -- gone, shared, and told of by the API


@pytest.mark.promise(8)
@pytest.mark.parametrize("when", ["at the first look", "later"])
def test_a_job_that_is_gone_is_made_again_and_its_predecessor_deleted(when: str, tap: WarmProcess) -> None:
    held = Held()
    gone = Reply(404, '{"error": "no such export"}')
    with FakeApi(held, rows=ROWS) as api:
        first = tap.run(one_by_one(api, days(1, 1)), while_running=Death(polled(api, 2)))
        began, looks = time.monotonic(), 1 if when == "at the first look" else 3
        api.script = lambda job, k: "DONE" if job.id != "job-1" else gone if len(api.calls("poll", since=began)) >= looks else "RUNNING"
        second = tap.run(one_by_one(api, days(1, 1)), state=first.state)
        asked = story(api, began)

    ended_well(second)
    assert DAY_1 == second.records("clicks")
    assert ["poll job-1"] * looks == asked[:looks]
    assert ["create 2026-01-01", "poll job-2", "download job-2", "delete job-2"] == [
        line for line in asked if not line.endswith("job-1")
    ]
    assert 1 == asked.count("delete job-1")
    assert 0 == asked.count("abort job-1")


@pytest.mark.promise(4, 8)
def test_jobs_that_share_their_polls_are_taken_over_with_one_poll_for_all(tap: WarmProcess) -> None:
    held = Held()
    shared = days(1, 3)
    shared["polling_requester"] = {
        "request": "GET /exports",
        "params": {"ids": "{{ jobs | map(attribute='id') | join(',') }}"},
        "batch": 10,
        "select": "$.exports[?(@.id == '{{ job.id }}')]",
    }
    with FakeApi(held, rows=ROWS) as api:
        config = {**one_by_one(api, shared), "max_concurrent_jobs": 3}
        together = lambda: sum(len(call.query["ids"].split(",")) == 3 for call in api.calls("poll")) >= 3  # noqa: E731
        first = tap.run(config, while_running=Death(together))
        assert 3 == len(first.jobs("clicks"))
        began, held.released = time.monotonic(), True
        second = tap.run(config, state=first.state)
        asked = story(api, began)

    ended_well(second)
    assert typed(ROWS) == second.records("clicks")
    assert [{"job-1", "job-2", "job-3"}] == [set(line.split()[1].split(",")) for line in asked if line.startswith("poll")]
    assert [] == [line for line in asked if line.startswith("create")]


@pytest.mark.promise(3, 8)
def test_a_job_that_the_api_calls_a_duplicate_is_adopted_and_outlives_a_death(tap: WarmProcess) -> None:
    """Nobody told of the job: the run that made it died too soon. The API knows it, and says so."""
    held = Held()
    rule = {"status": 409, "means": "duplicate", "job_id": "$.existing"}
    adopting = days(1, 1)
    adopting["creation_requester"] = {**adopting["creation_requester"], "responses": [rule]}
    for step, path in (("polling", ""), ("abort", "/abort"), ("delete", "")):
        method = {"polling": "GET", "abort": "POST", "delete": "DELETE"}[step]
        adopting[f"{step}_requester"] = f"{method} /exports/{{{{ job.id }}}}{path}"
    with FakeApi(held, rows=ROWS, refuse_doubles=True) as api:
        api.new_job({"stream": "clicks", "from": DAY, "to": DAY})
        first = tap.run(one_by_one(api, adopting), while_running=Death(polled(api, 2)))
        assert ["job-1"] == [job["id"] for job in first.jobs("clicks")]
        began, held.released = time.monotonic(), True
        second = tap.run(one_by_one(api, adopting), state=first.state)

        assert ["poll job-1", "download job-1", "delete job-1"] == story(api, began)
        assert 1 == len(api.jobs)
    ended_well(second)
    assert DAY_1 == second.records("clicks")
