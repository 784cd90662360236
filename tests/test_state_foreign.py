"""States in the wild: every spelling that is read, and the errors about what is not."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi
from warm import WarmProcess
from test_sync import ROWS, config

from tap_asyncreport.config.streams import Incremental
from tap_asyncreport.errors import StateError
from tap_asyncreport.foreign_state import state_in
from tap_asyncreport.moments import read_moment
from tap_asyncreport.state import Reading, StateBook
from tap_asyncreport.windows import Calendar

pytestmark = pytest.mark.promise(24)


def reading(*dimensions: str, key: str | None = None, zone: str = "UTC", form: str = "date") -> Reading:
    now = datetime(2026, 2, 5, 12, tzinfo=UTC)
    calendar = Calendar(Incremental(start="2025-01-01", format=form), now=now, timezone=zone)
    return Reading(key, dimensions, lambda _, value: calendar.resume_at(value))


def until(state: Any, partition: dict[str, Any] | None = None, **how: Any) -> str | None:
    found = StateBook.read(state, {"orders": reading(*(partition or {}), **how)}).until("orders", partition or {})
    return None if found is None else found.isoformat().replace("+00:00", "Z")


def bookmark(**fields: Any) -> dict[str, Any]:
    return {"bookmarks": {"orders": fields}}


JAN_30 = "2026-01-30T00:00:00Z"
AIRBYTE = {"stream_descriptor": {"name": "orders"}, "stream_state": {"updated_at": "2026-01-30T05:00:00Z"}}


@pytest.mark.parametrize(
    "state",
    [
        bookmark(until=JAN_30, replication_key_value="2026-01-29"),
        bookmark(until="2026-01-30", replication_key_value="rubbish that until makes superfluous"),
        bookmark(replication_key="date", replication_key_value="2026-01-30"),
        bookmark(replication_key_value="2026-01-30T23:59:59Z"),
        bookmark(replication_key="date", date="2026-01-30"),
        bookmark(date="2026-01-30"),
        bookmark(date_start="2026-01-30", include_deleted=False, filter_statuses=[], slices=["2026-01-31"]),
        bookmark(SystemModstamp="2026-01-30T10:11:12.000Z", version=1704067200000),
        bookmark(
            SystemModstamp="2026-01-30T10:11:12.000Z",
            version=1704067200000,
            JobID="7505",
            BatchIDs=["7515"],
            JobHighestBookmarkSeen="2026-03-01T00:00:00Z",
        ),
        bookmark(cursor=1769774400),
        bookmark(state={"updated_at": "2026-01-30"}, use_global_cursor=True, lookback_window=86400),
        bookmark(replication_key_value=None, date="2026-01-30"),
        {"bookmarks": {"orders": "2026-01-30"}},
        {"bookmarks": {"orders": 1769774400000}},
        {"orders": {"updated_at": "2026-01-30"}},
        {"orders": "2026-01-30", "current_stream": "orders"},
        {"type": "STATE", "value": bookmark(date="2026-01-30")},
        {"singer_state": bookmark(date="2026-01-30")},
        {"value": bookmark(date="2026-01-30")},
        {"value": {"singer_state": bookmark(date="2026-01-30")}, "type": "STATE"},
        {"completed": {"singer_state": bookmark(date="2026-01-30")}, "partial": {}},
        {"completed": {}, "partial": {"singer_state": bookmark(date="2026-01-30")}},
        {"completed": {"singer_state": bookmark(date="2026-01-10")}, "partial": {"singer_state": bookmark(date="2026-01-30")}},
        [{"type": "STREAM", "stream": AIRBYTE}],
        {"type": "STREAM", "stream": AIRBYTE},
        {"type": "STATE", "state": {"type": "STREAM", "stream": AIRBYTE}},
        [{"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": [AIRBYTE]}}],
        [{"streamDescriptor": {"name": "other"}}, {"type": "LEGACY", "data": {"orders": {"date": "2026-01-30"}}}],
        [{"stream": {"streamDescriptor": {"name": "orders"}, "streamState": {"date": "2026-01-30"}}}],
    ],
    ids=lambda state: json.dumps(state)[:70],
)
def test_every_shape_is_read_and_its_bookmark_s_own_day_is_read_again(state: Any) -> None:
    assert until(state) == JAN_30


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-30",
        "20260130",
        20260130,
        "2026/01/30",
        "2026-01-30T12:30:00Z",
        "2026-01-30T12:30:00+00:00",
        "2026-01-30T12:30:00+0000",
        "2026-01-30T14:30:00.123456+02:00",
        "2026-01-30 12:30:00",
        "2026-01-30 12:30:00 UTC",
        "2026-01-30 07:30:00 -0500",
        "2026-01-30T12:30:00.123456789Z",
        "2026-01-30T12:30",
        "Fri, 30 Jan 2026 12:30:00 GMT",
        " 2026-01-30 ",
        1769776200,
        1769776200.25,
        "1769776200",
        1769776200000,
        "1769776200000",
        1769776200000000,
        1769776200000000000,
        Decimal("1769776200.5"),
    ],
)
def test_every_spelling_of_a_date_is_read(value: object) -> None:
    assert until(bookmark(replication_key_value=value)) == JAN_30


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-30", date(2026, 1, 30)),
        ("2026-01", date(2026, 1, 1)),
        ("2026-01-30T12:30:00.5Z", datetime(2026, 1, 30, 12, 30, 0, 500000, UTC)),
        ("2026-01-30 12:30:00", datetime(2026, 1, 30, 12, 30)),
        (1769776200, datetime(2026, 1, 30, 12, 30, tzinfo=UTC)),
        ("1769776200500", datetime(2026, 1, 30, 12, 30, 0, 500000, UTC)),
    ],
)
def test_a_moment_keeps_what_its_spelling_says(value: object, expected: object) -> None:
    assert expected == read_moment(value)


@pytest.mark.parametrize(
    ("value", "zone", "form", "expected"),
    [
        # a date is a day of the stream's zone, an instant without an offset too, and an instant lies in the day it lies in
        ("2026-01-30", "America/New_York", "date", "2026-01-30T05:00:00Z"),
        ("2026-01-30 23:00:00", "America/New_York", "date", "2026-01-30T05:00:00Z"),
        ("2026-01-30T00:00:00Z", "America/New_York", "date", "2026-01-29T05:00:00Z"),
        ("2026-01-30T23:00:00Z", "Asia/Tokyo", "date", "2026-01-30T15:00:00Z"),
        # with a finer clock the instant itself is read again
        ("2026-01-30T12:30:00.5Z", "UTC", "iso", "2026-01-30T12:30:00Z"),
        ("2026-01-30 12:30:00", "Asia/Tokyo", "iso", "2026-01-30T03:30:00Z"),
        ("2026-01-30", "Asia/Tokyo", "iso", "2026-01-29T15:00:00Z"),
        ("2026-01", "UTC", "date", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_bookmark_without_until_is_read_in_the_stream_s_zone_at_its_api_s_clock(
    value: str, zone: str, form: str, expected: str
) -> None:
    assert expected == until(bookmark(replication_key_value=value), zone=zone, form=form)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-31T05:00:00Z", "2026-01-31T05:00:00Z"),
        ("2026-01-31T05:00:00.250Z", "2026-01-31T05:00:00.250000Z"),
        ("2026-01-31T00:00:00-05:00", "2026-01-31T05:00:00Z"),
        ("2026-01-31 05:00:00", "2026-01-31T05:00:00Z"),
    ],
)
def test_until_is_exact_whatever_a_database_made_of_its_spelling(value: str, expected: str) -> None:
    assert expected == until(bookmark(until=value, replication_key_value="2026-01-30"), zone="America/New_York")


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"bookmarks": {}},
        {"bookmarks": None},
        {"bookmarks": {"orders": None}},
        {"bookmarks": {"orders": {}}},
        {"bookmarks": {"orders": {"replication_key": "date", "replication_key_value": None}}},
        bookmark(version=1704067200000),
        bookmark(initial_full_table_complete=True),
        bookmark(offset={"page": 3}),
        bookmark(progress_markers={"replication_key_value": "2026-01-30"}, starting_replication_value="2026-01-01"),
        {"other": {"date": "2026-01-30"}},
    ],
)
def test_a_state_without_a_bookmark_for_the_stream_starts_at_the_start(state: Any) -> None:
    assert until(state) is None


@pytest.mark.parametrize(
    ("partition", "state"),
    [
        ({"account": "7"}, bookmark(partitions=[{"context": {"account": "7"}, "replication_key_value": "2026-01-30"}])),
        ({"account": "7"}, bookmark(partitions=[{"context": {"account": 7}, "date": "2026-01-30"}])),
        ({"account": "7"}, bookmark(partitions=[{"context": {"account_id": 7}, "date": "2026-01-30"}])),
        ({"account": 7, "kind": "x"}, bookmark(partitions=[{"date": "2026-01-30", "context": {"kind": "x", "account": "7"}}])),
        ({"active": True}, bookmark(partitions=[{"context": {"active": True}, "date": "2026-01-30"}])),
        ({"account": {"id": 7, "zone": "UTC"}}, bookmark(partitions=[{"context": {"account": {"zone": "UTC", "id": "7"}}, "date": "2026-01-30"}])),
        ({"account": "7"}, bookmark(partitions=[{"context": {"account": None}}, {"context": {"account": 7}, "date": "2026-01-30"}])),
        ({"account": "7"}, bookmark(**{"7": {"date_start": "2026-01-30"}, "8": {"date_start": "2026-01-01"}})),
        ({"account": 7}, bookmark(**{"7": {"segments.date": "2026-01-30"}})),
        ({"account": "7"}, bookmark(states=[{"partition": {"account": "7", "parent_slice": {}}, "cursor": {"at": "2026-01-30"}}])),
        ({"account": "7"}, bookmark(states=[{"partition": {"id": 7}, "cursor": {"at": "2026-01-30"}}], state={"at": "2026-02-01"})),
    ],
)
def test_bookmarks_of_partitions_are_read(partition: dict[str, Any], state: Any) -> None:
    assert JAN_30 == until(state, partition)
    assert until(state, dict.fromkeys(partition, "9")) is None


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (bookmark(replication_key_value="banana"), "the state of stream 'orders' cannot be read: replication_key_value is 'banana'"),
        (bookmark(replication_key_value=7), "the state of stream 'orders' cannot be read: replication_key_value is 7"),
        (bookmark(replication_key_value=True), "the state of stream 'orders' cannot be read: replication_key_value is True"),
        (bookmark(replication_key_value={"a": 1}), "the state of stream 'orders' cannot be read: replication_key_value is {'a': 1}"),
        (bookmark(replication_key_value="2026-02-30"), "the state of stream 'orders' cannot be read: replication_key_value is '2026-02-30'"),
        (bookmark(replication_key_value="31/01/2026"), "the state of stream 'orders' cannot be read: replication_key_value is '31/01/2026'"),
        (bookmark(replication_key="id", id=120345), "the state of stream 'orders' cannot be read: id is 120345"),
        (bookmark(cursor="eyJhIjoxfQ=="), "the state of stream 'orders' cannot be read: cursor is 'eyJhIjoxfQ=='"),
        (bookmark(until="soon", replication_key_value="2026-01-30"), "the state of stream 'orders' cannot be read: until is 'soon'"),
        (bookmark(until={}, replication_key_value="2026-01-30"), "the state of stream 'orders' cannot be read: until is {}"),
        (bookmark(created="2026-01-01", updated="2026-01-02"), "the state of stream 'orders' cannot be read: created and updated could each be the bookmark"),
        (bookmark(jobs="r-101"), "the state of stream 'orders' cannot be read: its `jobs` are no list of objects"),
        (bookmark(partitions={"7": {}}), "the state of stream 'orders' cannot be read: its `partitions` are {'7': {}}"),
        (bookmark(partitions=[{"replication_key_value": "2026-01-30"}]), "the state of stream 'orders' cannot be read: its `partitions` are [{'replication_key_value': '2026-01-30'}]"),
        (bookmark(partitions=[{"context": {"account": "7"}, "date": "x" * 200}]), f"the state of stream 'orders' cannot be read: date is '{'x' * 78}…"),
        ({"bookmarks": {"orders": "soon"}}, "the state of stream 'orders' cannot be read: replication_key_value is 'soon'"),
        ([], "the state is [], not a JSON object"),
        ({"bookmarks": []}, "the state's `bookmarks` are [], not an object by stream"),
        ({"bookmarks": 0}, "the state's `bookmarks` are 0, not an object by stream"),
        ({"bookmarks": [1]}, "the state's `bookmarks` are [1], not an object by stream"),
        ("2026-01-30", "the state is '2026-01-30', not a JSON object"),
        ([7], "the state holds 7 where a message about a stream is expected"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_the_stream_and_shows_it(state: Any, message: str) -> None:
    with pytest.raises(StateError) as caught:
        StateBook.read(state, {"orders": reading("account")})
    assert message == caught.value.message


def test_the_error_says_what_is_read_and_what_to_do() -> None:
    with pytest.raises(StateError) as caught:
        StateBook.read(bookmark(date="soon"), {"orders": reading()})
    assert caught.value.hint == (
        "read are dates (2026-01-31, 20260131), months (2026-01), instants (2026-01-31T12:00:00Z, any offset, a space "
        "for the T), epoch seconds and milliseconds; correct it, or remove the stream's bookmark to start it anew"
    )


def test_the_replication_key_decides_between_several_values() -> None:
    assert JAN_30 == until(bookmark(created="2026-01-01", updated="2026-01-30"), key="updated")


def test_a_stream_without_windows_keeps_a_bookmark_that_it_cannot_read() -> None:
    state = bookmark(replication_key_value="banana")
    book = StateBook.read(state, {"orders": Reading()})
    assert (None, state) == (book.until("orders", {}), book.to_dict())


def test_a_state_of_a_stream_that_is_not_read_in_this_run_is_not_looked_at() -> None:
    state = bookmark(replication_key_value="banana")
    assert state == StateBook.read(state, {}).to_dict()


@pytest.mark.parametrize("shape", ["bare", "wrapped", "airbyte"])
def test_whatever_came_in_comes_out_as_standard_singer_with_nothing_lost(shape: str) -> None:
    fields = {"date": "2026-01-30", "note": "kept"}
    state: Any = {
        "bare": {"orders": fields, "other": {"id": "x"}},
        "wrapped": {"singer_state": {"bookmarks": {"orders": fields, "other": {"id": "x"}}}},
        "airbyte": [
            {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": each}}
            for name, each in (("orders", fields), ("other", {"id": "x"}))
        ],
    }[shape]
    book = StateBook.read(state, {"orders": reading(key="date")})
    assert {"bookmarks": {"orders": fields, "other": {"id": "x"}}} == book.to_dict()
    book.finish("orders", {}, "2026-01-31", datetime(2026, 2, 1, tzinfo=UTC))
    moved = {"replication_key": "date", **fields, "replication_key_value": "2026-01-31", "until": "2026-02-01T00:00:00Z"}
    assert {"bookmarks": {"orders": moved, "other": {"id": "x"}}} == book.to_dict()
    again = StateBook.read(book.to_dict(), {"orders": reading(key="date")})
    assert datetime(2026, 2, 1, tzinfo=UTC) == again.until("orders", {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (" \n", {}),
        ("null", None),
        ("\ufeff" + json.dumps(bookmark(date="2026-01-30")), bookmark(date="2026-01-30")),
        (json.dumps(bookmark(date="2026-01-30"), indent=1), bookmark(date="2026-01-30")),
        (json.dumps(bookmark(date="2026-01-29")) + "\n" + json.dumps(bookmark(date="2026-01-30")) + "\n\n", bookmark(date="2026-01-30")),
    ],
)
def test_a_file_holds_a_state_or_a_line_for_each_that_a_target_printed(text: str, expected: Any) -> None:
    assert expected == state_in(text, "state.json")


OLD, NEW = (json.dumps(bookmark(until=f"2026-01-{day}T00:00:00Z", note="\u2028")) for day in (29, 30))
TORN = {
    "torn": (f"{OLD}\n{NEW[:40]}", OLD, 1),
    "torn within a character": (f"{OLD}\n{NEW[:40]}\udce2\udc80", OLD, 1),
    "torn twice": (f"{OLD}\r\n{NEW[:40]}{NEW[:30]}\n\n", OLD, 1),
    "a power cut's zeros": (f"{OLD}\n\0\0\0\0", OLD, 1),
    "words of a target": (f"{OLD}\n{NEW}\n3 rows written\n", NEW, 2),
    "the next run's line behind it": (f"{OLD}\n{NEW[:40]}{NEW}\n", NEW, None),
    "the next run's line behind it, and that torn": (f"{OLD}\n{NEW[:40]}{NEW}\n{NEW[:7]}", NEW, 2),
    "the very first": (f"{OLD[:40]}{NEW}\n", NEW, None),
}


@pytest.mark.parametrize("name", TORN)
def test_a_target_that_was_killed_while_it_wrote_costs_no_more_than_its_last_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    text, expected, line = TORN[name]
    said = f"the state in states.jsonl: its end is torn; line {line} is the last that is whole, and what was finished after it is read again"

    assert json.loads(expected) == state_in(text, "states.jsonl")
    assert ([said] if line else []) == caplog.messages


@pytest.mark.parametrize("indent", [None, 1])
def test_no_part_of_one_torn_document_is_taken_for_a_state(indent: int | None) -> None:
    document = json.dumps(bookmark(partitions=[{"context": {"a": 1}}, {"context": {"a": 2}}]), indent=indent)
    for end in range(1, len(document)):
        with pytest.raises(StateError, match=r"the state in state\.json is not JSON: "):
            state_in(document[:end], "state.json")


@pytest.mark.parametrize("text", ["{nope", "nope", '{"bookmarks"'])
def test_a_file_that_holds_none_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(StateError, match=r"the state in state\.json is not JSON: "):
        state_in(text, "state.json")


AS_GIVEN = [
    ({"bookmarks": {"clicks": {"replication_key": "date", "replication_key_value": "2026-01-03"}}}, 0, ["2026-01-03"]),
    ({"value": {"bookmarks": {"clicks": {"date": "2026-01-03"}}}}, 0, ["2026-01-03"]),
    ([{"type": "STREAM", "stream": {"stream_descriptor": {"name": "clicks"}, "stream_state": {"at": 1767398400}}}], 0, ["2026-01-03"]),
    ({"bookmarks": {"clicks": {"date": "1767398400000"}, "other": {"x": [1, {"y": None}]}}}, 0, ["2026-01-03"]),
    ({"bookmarks": {"clicks": {"date": "someday"}}}, 78, []),
    ([7], 78, []),
    ("2026-01-03", 78, []),
]


@pytest.mark.parametrize(("state", "code", "asked"), AS_GIVEN)
def test_a_process_reads_it_as_it_is_given_or_ends_before_any_call(
    tmp_path: Path, state: Any, code: int, asked: list[str]
) -> None:
    with FakeApi(["DONE"], rows=ROWS) as api:
        run = WarmProcess(tmp_path).run(config(api), state=state)

    assert code == run.exit_code, run.stderr
    assert asked == [job.spec["from"] for job in api.jobs.values()]
    assert "Traceback" not in run.stderr
    assert "unexpected" not in run.stderr
    if code:
        assert [] == api.calls()
        assert "someday" not in json.dumps(state) or "clicks" in run.stderr
    elif isinstance(state, dict) and "other" in state.get("bookmarks", {}):
        assert {"x": [1, {"y": None}]} == run.state["bookmarks"]["other"]
