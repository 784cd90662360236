"""Restricted runs read exactly their part, and their states merge into what one whole run would have left."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fake_api import FakeApi
from hypothesis import given
from hypothesis import strategies as st
from warm import WarmProcess
from test_sync import ROWS, config, stream, typed

from tap_asyncreport.finished import Finished
from tap_asyncreport.state import Reading, StateBook
from tap_asyncreport.state_merge import merge_states

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def asked(api: FakeApi) -> list[str]:
    return sorted(call.json()["from"] for call in api.calls("create"))


def test_a_part_reads_its_span_and_no_more_and_the_same_again(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS) as api:
        first = tap.run(config(api), "--only", "clicks 2026-01-02/2026-01-03")
        second = tap.run(config(api), "--only", "clicks 2026-01-02/2026-01-03", state=first.state)

    assert 0 == first.exit_code, first.stderr
    assert typed(ROWS[2:4]) == first.records("clicks") == second.records("clicks")
    assert ["2026-01-02", "2026-01-02"] == asked(api)


def test_a_part_beyond_a_gap_moves_no_bookmark_until_the_gap_is_closed(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS) as api:
        beyond = tap.run(config(api), "--only", "clicks 2026-01-02/2026-01-04")
        assert None is beyond.bookmark("clicks")
        closed = tap.run(config(api), "--only", "clicks 2026-01-01/2026-01-02", state=beyond.state)

    assert "2026-01-03" == closed.bookmark("clicks")
    assert {"replication_key", "replication_key_value", "until"} == set(closed.state["bookmarks"]["clicks"])


def test_the_states_of_parts_merge_into_the_state_of_the_whole(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS) as api:
        parts = [
            tap.run(config(api), "--only", f"clicks 2026-01-0{day}/2026-01-0{day + 1}").state for day in (3, 1, 2)
        ]
        whole = tap.run(config(api)).state

    assert whole == merge_states(parts)
    assert "2026-01-01" == merge_states(parts[:2])["bookmarks"]["clicks"]["replication_key_value"]


def test_a_part_leaves_the_jobs_of_other_parts_alone(tap: WarmProcess) -> None:
    with FakeApi(script=lambda job, k: "DONE" if job.spec["from"] < "2026-01-03" else "RUNNING", rows=ROWS) as api:
        keeping = stream(jobs={"poll_interval": "50ms", "poll_backoff": 1, "timeout": "500ms"})
        first = tap.run(config(api, keeping))
        (kept,) = first.jobs("clicks")
        second = tap.run(config(api, keeping), "--only", "clicks 2026-01-01/2026-01-02", state=first.state)

    assert [kept] == second.jobs("clicks")
    assert [] == api.calls("abort")


def test_a_part_deletes_jobs_whose_rows_are_out_wherever_their_window_is(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS) as api:
        first = tap.run(config(api, stream(delete_requester=None)), "--only", "clicks 2026-01-01/2026-01-02")
        job = {"id": "job-1", "window": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], "request": "sha256:0"}
        job |= {"created_at": "2026-01-05T00:00:00Z", "creation_response": {"id": "job-1"}, "written": True}
        given_state = {"bookmarks": {"clicks": {**first.state["bookmarks"]["clicks"], "jobs": [job]}}}
        second = tap.run(config(api), "--only", "clicks 2026-01-02/2026-01-03", state=given_state)

    assert 0 == second.exit_code, second.stderr
    assert [] == second.jobs("clicks")
    assert ["job-1", "job-2"] == sorted(call.job for call in api.calls("delete"))


def test_only_comes_from_the_environment_and_leaves_other_streams_as_they_were(tmp_path: Path) -> None:
    tap = WarmProcess(tmp_path, {"TAP_ASYNCREPORT_ONLY": "clicks account=7 2026-01-01/2026-01-02"})
    partitions = [{"name": "account", "values": ["7", "8"]}]
    given_state = {"bookmarks": {"other": {"replication_key_value": "2026-01-02", "until": "2026-01-03T00:00:00Z"}}}
    with FakeApi(rows=ROWS) as api:
        run = tap.run(config(api, stream(partitions=partitions), stream("other")), "--config", "ENV", state=given_state)

    assert 0 == run.exit_code, run.stderr
    assert ["2026-01-01"] == asked(api)
    assert given_state["bookmarks"]["other"] == run.state["bookmarks"]["other"]
    (entry,) = run.state["bookmarks"]["clicks"]["partitions"]
    assert {"account": "7"} == entry["context"]


def test_a_part_that_cannot_be_read_is_told(tap: WarmProcess) -> None:
    with FakeApi() as api:
        run = tap.run(config(api), "--only", "clicks other 2026-01-01/2026-01-02")

    assert 78 == run.exit_code
    assert "names two streams" in run.stderr


def book(state: dict[str, Any]) -> StateBook:
    return StateBook.read(state, {"s": Reading("date", resume_at=lambda partition, value: START)})


def part(days: list[int], state: dict[str, Any]) -> dict[str, Any]:
    """The state that a run of these days leaves, whatever their order."""
    left = book(state)
    for day in days:
        start = START + day * DAY
        left.finish_part("s", {}, Finished(start, start + DAY, start.date().isoformat()), first=START)
    return left.to_dict()


def model(days: set[int]) -> str | None:
    """The bookmark of one whole run that came to the first missing day."""
    last = next(day for day in itertools.count() if day not in days) - 1
    return None if last < 0 else (START + last * DAY).date().isoformat()


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=5), st.randoms())
def test_any_split_in_any_order_merges_to_the_same_and_never_past_a_gap(splits: list[list[int]], order: Any) -> None:
    states = [part(days, {}) for days in splits]
    merged = merge_states(states)
    order.shuffle(states)
    found = merged["bookmarks"].get("s", {})

    assert model({day for days in splits for day in days}) == found.get("replication_key_value")
    assert merged == merge_states(states)
    assert merged == merge_states([merged, *states])
    assert merged == merge_states([merge_states(states[:2]), merge_states(states[2:])])


@given(st.lists(st.integers(0, 9), max_size=8), st.lists(st.integers(0, 9), max_size=8))
def test_parts_one_after_the_other_leave_what_merging_them_does(first: list[int], second: list[int]) -> None:
    after = part(second, part(first, {}))
    merged = merge_states([part(first, {}), part(second, {})])

    keys = ("replication_key_value", "until", "finished")
    assert [after["bookmarks"].get("s", {}).get(key) for key in keys[:2]] == [
        merged["bookmarks"].get("s", {}).get(key) for key in keys[:2]
    ]


def test_jobs_of_finished_windows_are_not_kept_and_others_are_once() -> None:
    def job(ident: str, day: int) -> dict[str, Any]:
        at = START + day * DAY
        return {"id": ident, "window": [at.isoformat(), (at + DAY).isoformat()], "attempt": 1}

    base = {"bookmarks": {"s": {"jobs": [job("r1", 0), job("r2", 1)]}}}
    done = part([0], base)
    merged = merge_states([base, done, {"bookmarks": {"s": {"jobs": [job("r2", 1)]}}}])

    assert ["r2"] == [kept["id"] for kept in merged["bookmarks"]["s"]["jobs"]]
