"""State: what is kept of bookmarks and jobs, in which bytes, and that it comes back the same from any target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_asyncreport.job import partition_key
from tap_asyncreport.state import Forgotten, Reading, StateBook

pytestmark = pytest.mark.promise(24)

MIDNIGHT = datetime(2026, 1, 31, tzinfo=UTC)
JOB = {
    "id": "r-101",
    "window": ["2026-01-31T00:00:00Z", "2026-02-07T00:00:00Z"],
    "request": "sha256:1",
    "created_at": "2026-02-07T01:00:00Z",
    "attempt": 1,
    "creation_response": {"id": "r-101"},
}


def resume_at(_: Mapping[str, Any], value: Any) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


PLAIN = {"orders": Reading("updated_at", (), resume_at)}
BY_ACCOUNT = {"orders": Reading("updated_at", ("account",), resume_at)}


def echo(book: StateBook) -> Any:
    """The state as a target gives it back."""
    return json.loads(book.message())["value"]


def test_a_fresh_state_says_nothing() -> None:
    book = StateBook.read(None, PLAIN)
    assert b'{"type":"STATE","value":{"bookmarks":{}}}\n' == book.message()
    assert (None, None, []) == (book.until("orders", {}), book.value("orders", {}), book.jobs("orders", {}))


def test_the_shape_of_a_stream_s_bookmark() -> None:
    book = StateBook.read({}, PLAIN)
    book.finish("orders", {}, "2026-01-30", MIDNIGHT)
    book.set_job("orders", {}, JOB)
    expected = {
        "replication_key": "updated_at",
        "replication_key_value": "2026-01-30",
        "until": "2026-01-31T00:00:00Z",
        "jobs": [JOB],
    }
    assert {"bookmarks": {"orders": expected}} == echo(book)


def test_a_stream_without_a_replication_key_keeps_its_bookmark_all_the_same() -> None:
    book = StateBook.read({}, {"orders": Reading(None, (), resume_at)})
    book.finish("orders", {}, "2026-01-30", MIDNIGHT)
    expected = {"replication_key_value": "2026-01-30", "until": "2026-01-31T00:00:00Z"}
    assert {"bookmarks": {"orders": expected}} == echo(book)


def test_the_shape_of_partitions() -> None:
    book = StateBook.read({}, BY_ACCOUNT)
    book.finish("orders", {"account": "7"}, "2026-01-30", MIDNIGHT)
    book.set_job("orders", {"account": "8"}, JOB)
    expected = [
        {"context": {"account": "7"}, "replication_key_value": "2026-01-30", "until": "2026-01-31T00:00:00Z"},
        {"context": {"account": "8"}, "jobs": [JOB]},
    ]
    assert {"bookmarks": {"orders": {"partitions": expected}}} == echo(book)
    assert [{"account": "7"}, {"account": "8"}] == book.partitions("orders")


def test_a_bookmark_moves_forward_only() -> None:
    book = StateBook.read({}, PLAIN)
    assert [True, False, False, True] == [
        book.finish("orders", {}, "2026-01-30", MIDNIGHT),
        book.finish("orders", {}, "2026-01-30", MIDNIGHT),
        book.finish("orders", {}, "2026-01-29", MIDNIGHT - timedelta(days=1)),
        book.finish("orders", {}, "2026-01-31", MIDNIGHT + timedelta(days=1)),
    ]
    assert ("2026-01-31", MIDNIGHT + timedelta(days=1)) == (book.value("orders", {}), book.until("orders", {}))


def test_it_is_dirty_from_a_change_to_the_message_that_says_it() -> None:
    book = StateBook.read({"bookmarks": {"orders": {"until": "2026-01-31T00:00:00Z"}}}, PLAIN)
    seen = [book.dirty]
    for change in (
        lambda: book.finish("orders", {}, "2026-01-29", MIDNIGHT - timedelta(days=1)),
        lambda: book.finish("orders", {}, "2026-02-01", MIDNIGHT + timedelta(days=2)),
        lambda: book.set_job("orders", {}, JOB),
        lambda: book.set_job("orders", {}, JOB),
        lambda: book.set_job("orders", {}, {**JOB, "attempt": 2}),
        lambda: book.drop_job("orders", {}, {**JOB, "id": "r-102"}),
        lambda: book.drop_job("orders", {}, JOB),
    ):
        change()
        seen.append(book.dirty)
        book.to_dict()
        assert seen[-1] == book.dirty
        book.message()
    assert [False, False, True, True, False, True, False, True] == seen
    assert not book.dirty


def test_a_job_is_known_by_its_id_and_its_window() -> None:
    book = StateBook.read({}, PLAIN)
    later = {**JOB, "window": ["2026-02-07T00:00:00Z", "2026-02-14T00:00:00Z"]}
    for job in (JOB, later, {**JOB, "written": True}):
        book.set_job("orders", {}, job)
    assert [{**JOB, "written": True}, later] == book.jobs("orders", {})
    assert (True, False) == (book.is_written("orders", {}, JOB), book.is_written("orders", {}, later))
    book.drop_job("orders", {}, JOB)
    assert [later] == book.jobs("orders", {})
    book.drop_job("orders", {"account": "9"}, later)
    assert [later] == book.jobs("orders", {})


def test_a_job_is_found_again_when_a_target_turned_its_number_into_text() -> None:
    book = StateBook.read({"bookmarks": {"orders": {"jobs": [{**JOB, "id": "101"}]}}}, PLAIN)
    book.drop_job("orders", {}, {**JOB, "id": 101})
    assert [] == book.jobs("orders", {})


def test_what_a_caller_does_with_a_job_it_got_changes_nothing() -> None:
    book = StateBook.read({}, PLAIN)
    book.set_job("orders", {}, JOB)
    book.jobs("orders", {})[0]["attempt"] = 9
    assert [JOB] == book.jobs("orders", {})


def test_everything_else_in_a_state_is_carried_along() -> None:
    state = {
        "bookmarks": {
            "elsewhere": {"anything": [1, {"x": None}], "until": "rubbish"},
            "orders": {"replication_key_value": "2026-01-30", "note": {"of": "another tool"}},
        },
        "currently_syncing": "orders",
        "version": 3,
    }
    book = StateBook.read(state, PLAIN)
    assert state == echo(book)
    assert state == book.to_dict()
    book.finish("orders", {}, "2026-01-31", MIDNIGHT + timedelta(days=1))
    after = echo(book)
    assert state["bookmarks"]["elsewhere"] == after["bookmarks"]["elsewhere"]
    assert {"of": "another tool"} == after["bookmarks"]["orders"]["note"]
    assert ("orders", 3) == (after["currently_syncing"], after["version"])


def test_the_sdk_s_notes_about_an_unfinished_run_are_left_out() -> None:
    notes = {
        "progress_markers": {"replication_key_value": "2026-09-09"},
        "starting_replication_value": "2026-01-01",
        "replication_key_signpost": "2026-10-10",
    }
    mark = {"replication_key": "updated_at", "replication_key_value": "2026-01-30"}
    state = {"bookmarks": {"orders": {**mark, **notes, "partitions": [{"context": {"account": 7}, **mark, **notes}]}}}
    book = StateBook.read(state, BY_ACCOUNT)
    assert {"bookmarks": {"orders": {**mark, "partitions": [{"context": {"account": 7}, **mark}]}}} == echo(book)
    assert datetime(2026, 1, 30, tzinfo=UTC) == book.until("orders", {"account": 7})


@pytest.mark.parametrize("seen", [7, "7", 7.0, Decimal(7)])
@pytest.mark.parametrize("kept", [7, "7", 7.0])
def test_a_partition_is_found_again_when_a_target_turned_numbers_into_text_or_back(seen: object, kept: object) -> None:
    state = {"bookmarks": {"orders": {"partitions": [{"context": {"account": kept}, "until": "2026-01-31T00:00:00Z"}]}}}
    book = StateBook.read(state, BY_ACCOUNT)
    assert MIDNIGHT == book.until("orders", {"account": seen})
    book.finish("orders", {"account": seen}, "2026-01-31", MIDNIGHT + timedelta(days=1))
    assert 1 == len(echo(book)["bookmarks"]["orders"]["partitions"])


def test_the_order_of_a_partition_s_names_does_not_matter_and_values_may_be_lists() -> None:
    context = {"accounts": ["1", "2"], "kind": "a"}
    book = StateBook.read({}, {"orders": Reading(None, ("kind", "accounts"), resume_at)})
    book.finish("orders", context, "2026-01-30", MIDNIGHT)
    again = StateBook.read(echo(book), {"orders": Reading(None, ("kind", "accounts"), resume_at)})
    assert MIDNIGHT == again.until("orders", {"kind": "a", "accounts": [1, 2]})
    assert again.until("orders", {"kind": "a", "accounts": [2, 1]}) is None


def test_a_vanished_partition_is_marked_in_one_run_and_forgotten_in_the_next() -> None:
    one, two, three = ({"account": name} for name in ("1", "2", "3"))
    book = StateBook.read({}, BY_ACCOUNT)
    for partition in (one, two, three):
        book.finish("orders", partition, "2026-01-30", MIDNIGHT)
    book = StateBook.read(echo(book), BY_ACCOUNT)
    assert [] == book.forget_absent("orders", [one])
    assert book.dirty
    assert [None, True, True] == [each.get("absent") for each in echo(book)["bookmarks"]["orders"]["partitions"]]
    assert MIDNIGHT == book.until("orders", two)
    book = StateBook.read(echo(book), BY_ACCOUNT)
    assert [Forgotten(three, [], gone=True)] == book.forget_absent("orders", [one, two])
    assert [(one, None), (two, None)] == [
        (each["context"], each.get("absent")) for each in echo(book)["bookmarks"]["orders"]["partitions"]
    ]
    assert book.until("orders", three) is None


def test_nothing_is_marked_while_every_partition_is_there() -> None:
    book = StateBook.read({}, BY_ACCOUNT)
    book.finish("orders", {"account": "1"}, "2026-01-30", MIDNIGHT)
    before = book.message()
    assert [] == book.forget_absent("orders", [{"account": "1"}, {"account": "2"}])
    assert not book.dirty
    assert before == book.message()


@pytest.mark.parametrize("text", ["Zürich", "日本", "\ud800", 'a"b\\c', "line\nline", ""])
def test_any_text_makes_one_line_of_strict_utf_8(text: str) -> None:
    book = StateBook.read({}, BY_ACCOUNT)
    book.finish("orders", {"account": text}, "2026-01-30", MIDNIGHT)
    message = book.message()
    assert (1, b"\n") == (message.count(b"\n"), message[-1:])
    message.decode("utf-8")
    assert {"account": text} == echo(book)["bookmarks"]["orders"]["partitions"][0]["context"]


def test_a_thousand_partitions_stay_under_200_kb() -> None:
    book = StateBook.read({}, {"orders": Reading("updated_at", ("account_id",), resume_at)})
    for number in range(1000):
        book.finish("orders", {"account_id": f"act_{10**15 + number}"}, "2026-01-30", MIDNIGHT)
        book.set_job("orders", {"account_id": f"act_{10**15 + number}"}, JOB)
        book.drop_job("orders", {"account_id": f"act_{10**15 + number}"}, JOB)
    assert len(book.message()) < 200_000


contexts = st.fixed_dictionaries({"account": st.integers(0, 5) | st.sampled_from("abc"), "kind": st.sampled_from(["x", "y"])})
moves = st.tuples(contexts, st.integers(-9, 9), st.sampled_from(["finish", "set", "drop", "message", "echo", "absent"]))


@settings(max_examples=150, deadline=None)
@given(st.lists(moves, max_size=40))
def test_a_message_is_always_what_a_plain_dictionary_would_say(changes: list[tuple[dict[str, Any], int, str]]) -> None:
    readings = {"orders": Reading(None, ("account", "kind"), resume_at)}
    book = StateBook.read({}, readings)
    bookmarks: dict[str, datetime] = {}
    jobs: dict[str, set[int]] = {}
    marked: set[str] = set()
    for context, number, kind in changes:
        key = partition_key(context)
        if kind == "finish":
            until = MIDNIGHT + timedelta(days=number)
            assert (until > bookmarks.get(key, until - timedelta(1))) == book.finish("orders", context, "x", until)
            bookmarks[key] = max(bookmarks.get(key, until), until)
        elif kind == "set":
            book.set_job("orders", context, {"id": number})
            jobs.setdefault(key, set()).add(number)
        elif kind == "drop":
            book.drop_job("orders", context, {"id": number})
            jobs.get(key, set()).discard(number)
        elif kind == "absent":
            known = {partition_key(each) for each in book.partitions("orders")} - {key}
            book.forget_absent("orders", [context])
            for gone in known & marked:
                bookmarks.pop(gone, None)
                jobs.pop(gone, None)
            marked = known - marked
        elif kind == "echo":
            book = StateBook.read(echo(book), readings)
        listed = echo(book)["bookmarks"].get("orders", {}).get("partitions", [])
        assert dict(bookmarks.items()) == {
            partition_key(each["context"]): datetime.fromisoformat(each["until"]) for each in listed if "until" in each
        }
        assert {key: ids for key, ids in jobs.items() if ids} == {
            partition_key(each["context"]): {job["id"] for job in each["jobs"]} for each in listed if "jobs" in each
        }


@pytest.mark.promise(23)
def test_the_readable_bookmark_does_not_go_back_as_text_either_from_an_instant_to_its_day() -> None:
    given = {"bookmarks": {"orders": {"replication_key_value": "2026-01-30T10:00:00+01:00"}}}
    book = StateBook.read(given, {"orders": Reading("date", (), lambda *_: datetime(2026, 1, 30, tzinfo=UTC))})
    book.finish("orders", {}, "2026-01-30", datetime(2026, 1, 31, tzinfo=UTC))
    assert ("2026-01-30T10:00:00+01:00", "2026-01-31T00:00:00Z") == tuple(
        echo(book)["bookmarks"]["orders"][name] for name in ("replication_key_value", "until")
    )
    book.finish("orders", {}, "2026-01-31", datetime(2026, 2, 1, tzinfo=UTC))
    assert "2026-01-31" == book.value("orders", {})
