"""Jobs in a state that a person or a database has changed: read where they can be, else told of before any call."""

from __future__ import annotations

from typing import Any

import pytest

from tap_asyncreport.errors import StateError
from tap_asyncreport.state import Reading, StateBook
from tap_asyncreport.state_merge import merge_states

pytestmark = pytest.mark.promise(24)

JOB = {
    "id": "r-1", "window": ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"], "request": "sha256:x",
    "created_at": "2026-01-03T01:00:00Z", "attempt": 1, "creation_response": {"id": "r-1"},
}  # fmt: skip


def of(fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"bookmarks": {"orders": fields}}, {"bookmarks": {"orders": {"partitions": [{"context": {"a": 1}, **fields}]}}}]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"window": None, "created_at": None, "link": None}, {"window": None, "created_at": None, "link": None}),
        ({"created_at": "2026-01-03T01:00:00"}, {"created_at": "2026-01-03T01:00:00+00:00"}),
        ({"created_at": 1767402000}, {"created_at": "2026-01-03T01:00:00+00:00"}),
        ({"window": ["2026-01-02", "2026-01-03 00:00:00"]}, {"window": ["2026-01-02T00:00:00+00:00", "2026-01-03T00:00:00+00:00"]}),
        ({"attempt": "2", "link": "1"}, {"attempt": 2, "link": 1}),
    ],
)
def test_a_job_is_read_in_the_spelling_that_a_database_left(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    for state, partition in zip(of({"jobs": [{**JOB, **changes}]}), ({}, {"a": 1}), strict=True):
        book = StateBook.read(state, {"orders": Reading(dimensions=tuple(partition))})
        assert [{**JOB, **expected}] == book.jobs("orders", partition)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"created_at": "…"}, "created_at of job r-1 is '…'"),
        ({"created_at": [1]}, "created_at of job r-1 is [1]"),
        ({"window": "x"}, "window of job r-1 is 'x'"),
        ({"window": ["2026-01-02"]}, "window of job r-1 is ['2026-01-02']"),
        ({"window": ["a", "b"]}, "window of job r-1 is ['a', 'b']"),
        ({"window": 7}, "window of job r-1 is 7"),
        ({"attempt": "x"}, "attempt of job r-1 is 'x'"),
        ({"link": [1]}, "link of job r-1 is [1]"),
        ({"creation_responses": [1]}, "creation_responses of job r-1 is [1]"),
    ],
)
def test_a_job_that_cannot_be_read_is_told_of_with_what_to_do(changes: dict[str, Any], told: str) -> None:
    for state in of({"jobs": [{**JOB, **changes}]}):
        for read in (lambda state: StateBook.read(state, {"orders": Reading()}), lambda state: merge_states([state])):
            with pytest.raises(StateError) as caught:
                read(state)
            assert f"the state of stream 'orders' cannot be read: {told}" == caught.value.message
            assert "correct it, or take the job out of the state: its window is then asked for anew" == caught.value.hint


@pytest.mark.parametrize("finished", ["x", 7, [["a", "b", "c"]], [[1, 2]], {"a": 1}])
def test_finished_spans_that_cannot_be_read_are_told_of(finished: Any) -> None:
    for state in of({"finished": finished}):
        for read in (lambda state: StateBook.read(state, {"orders": Reading()}), lambda state: merge_states([state])):
            with pytest.raises(StateError, match="the state of stream 'orders' cannot be read: `finished` is not a list of"):
                read(state)


def test_finished_spans_without_an_offset_are_those_of_utc() -> None:
    one, two = ({"bookmarks": {"orders": {"finished": [span]}}} for span in (["2026-01-05", "2026-01-06", "x"], ["2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z", "y"]))
    joined = [["2026-01-05T00:00:00Z", "2026-01-07T00:00:00Z", "y"]]

    assert {"bookmarks": {"orders": {"finished": joined}}} == merge_states([one, two])
