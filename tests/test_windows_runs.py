"""Bookmarks over several runs with the clock frozen at each: exact windows asked for, exact state left behind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tap_asyncreport.config.streams import Incremental
from tap_asyncreport.state import Reading, StateBook
from tap_asyncreport.windows import Calendar

pytestmark = pytest.mark.promise(23)


@dataclass(frozen=True)
class Run:
    """One run: when, with what settings changed, how many windows finish (all, unless told), what is expected."""

    now: str
    asked: Sequence[tuple[object, object]]
    value: str | None
    until: str | None
    finishes: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def days(*spans: str) -> list[tuple[str, str]]:
    """Inclusive windows of January 2026 from `3-5`."""
    return [(f"2026-01-{int(first):02}", f"2026-01-{int(last):02}") for first, last in (span.split("-") for span in spans)]


def midnight(day: int) -> str:
    return f"2026-01-{day:02}T00:00:00Z"


DAILY = {"start": "2026-01-01", "step": "1d", "format": "date", "end_is": "inclusive"}
WHOLE = {"start": "2026-01-01", "format": "date", "end_is": "inclusive"}

SCENARIOS: dict[str, tuple[dict[str, Any], list[Run]]] = {
    "a day each night": (
        DAILY,
        [
            Run("2026-01-03T01:00:00Z", days("1-1", "2-2"), "2026-01-02", midnight(3)),
            Run("2026-01-03T23:00:00Z", [], "2026-01-02", midnight(3)),
            Run("2026-01-04T01:00:00Z", days("3-3"), "2026-01-03", midnight(4)),
            Run("2026-01-07T01:00:00Z", days("4-4", "5-5", "6-6"), "2026-01-06", midnight(7)),
        ],
    ),
    "one job for the whole span, then what is new": (
        WHOLE,
        [
            Run("2026-01-10T12:00:00Z", days("1-9"), "2026-01-09", midnight(10)),
            Run("2026-01-11T12:00:00Z", days("10-10"), "2026-01-10", midnight(11)),
            Run("2026-01-15T12:00:00Z", days("11-14"), "2026-01-14", midnight(15)),
        ],
    ),
    "weeks go on from where the last run ended": (
        {**DAILY, "step": "7d"},
        [
            Run("2026-01-20T12:00:00Z", days("1-7", "8-14", "15-19"), "2026-01-19", midnight(20)),
            Run("2026-01-25T12:00:00Z", days("20-24"), "2026-01-24", midnight(25)),
            Run("2026-01-31T12:00:00Z", days("25-30"), "2026-01-30", midnight(31)),
        ],
    ),
    "aligned weeks wait for nothing but end on Sundays": (
        {**DAILY, "step": "7d", "align": "week"},
        [
            Run("2026-01-14T12:00:00Z", days("1-4", "5-11", "12-13"), "2026-01-13", midnight(14)),
            Run("2026-01-20T12:00:00Z", days("14-18", "19-19"), "2026-01-19", midnight(20)),
            Run("2026-01-27T12:00:00Z", days("20-25", "26-26"), "2026-01-26", midnight(27)),
        ],
    ),
    "a failure in the middle holds the bookmark, and the next run goes on there": (
        DAILY,
        [
            Run("2026-01-06T01:00:00Z", days("1-1", "2-2", "3-3", "4-4", "5-5"), "2026-01-02", midnight(3), finishes=2),
            Run("2026-01-06T02:00:00Z", days("3-3", "4-4", "5-5"), "2026-01-02", midnight(3), finishes=0),
            Run("2026-01-06T03:00:00Z", days("3-3", "4-4", "5-5"), "2026-01-05", midnight(6)),
        ],
    ),
    "look-back reads finished days again and never moves the bookmark back": (
        {**WHOLE, "lookback": "3d"},
        [
            Run("2026-01-10T12:00:00Z", days("1-9"), "2026-01-09", midnight(10)),
            Run("2026-01-11T12:00:00Z", days("7-10"), "2026-01-10", midnight(11)),
            Run("2026-01-11T13:00:00Z", days("8-10"), "2026-01-10", midnight(11)),
            Run("2026-01-12T12:00:00Z", days("8-11"), "2026-01-10", midnight(11), finishes=0),
        ],
    ),
    "look-back by the day, broken off before it reaches the bookmark": (
        {**DAILY, "lookback": "2d"},
        [
            Run("2026-01-05T12:00:00Z", days("1-1", "2-2", "3-3", "4-4"), "2026-01-04", midnight(5)),
            Run("2026-01-06T12:00:00Z", days("3-3", "4-4", "5-5"), "2026-01-04", midnight(5), finishes=1),
            Run("2026-01-06T13:00:00Z", days("3-3", "4-4", "5-5"), "2026-01-05", midnight(6)),
        ],
    ),
    "look-back never goes before the start": (
        {**WHOLE, "lookback": "1mo"},
        [
            Run("2026-01-03T12:00:00Z", days("1-2"), "2026-01-02", midnight(3)),
            Run("2026-01-04T12:00:00Z", days("1-3"), "2026-01-03", midnight(4)),
            Run("2026-01-05T12:00:00Z", days("1-4"), "2026-01-04", midnight(5)),
        ],
    ),
    "a lag of a day: today may be read, and yesterday is final": (
        {**WHOLE, "complete_only": False, "lag": "1d"},
        [
            Run("2026-01-05T12:00:00Z", days("1-5"), "2026-01-04", midnight(5)),
            Run("2026-01-05T18:00:00Z", days("5-5"), "2026-01-04", midnight(5)),
            Run("2026-01-06T12:00:00Z", days("5-6"), "2026-01-05", midnight(6)),
        ],
    ),
    "a lag of three days is read every time and bookmarked late": (
        {**DAILY, "lag": "3d"},
        [
            Run("2026-01-03T12:00:00Z", days("1-1", "2-2"), None, None),
            Run("2026-01-06T12:00:00Z", days("1-1", "2-2", "3-3", "4-4", "5-5"), "2026-01-03", midnight(4)),
            Run("2026-01-07T12:00:00Z", days("4-4", "5-5", "6-6"), "2026-01-04", midnight(5)),
        ],
    ),
    "a lag of hours is exact": (
        {**WHOLE, "lag": "6h"},
        [
            Run("2026-01-05T03:00:00Z", days("1-4"), "2026-01-03", midnight(4)),
            Run("2026-01-05T07:00:00Z", days("4-4"), "2026-01-04", midnight(5)),
            Run("2026-01-06T05:59:59Z", days("5-5"), "2026-01-04", midnight(5)),
        ],
    ),
    "today may be read and is read again until it is over": (
        {**WHOLE, "complete_only": False},
        [
            Run("2026-01-05T12:00:00Z", days("1-5"), "2026-01-04", midnight(5)),
            Run("2026-01-05T18:00:00Z", days("5-5"), "2026-01-04", midnight(5)),
            Run("2026-01-06T00:00:00Z", days("5-5"), "2026-01-05", midnight(6)),
        ],
    ),
    "a start moved back changes nothing: the bookmark holds": (
        WHOLE,
        [
            Run("2026-01-05T12:00:00Z", days("1-4"), "2026-01-04", midnight(5)),
            Run("2026-01-06T12:00:00Z", days("5-5"), "2026-01-05", midnight(6), settings={"start": "2025-01-01"}),
            Run("2026-01-07T12:00:00Z", days("6-6"), "2026-01-06", midnight(7), settings={"start": "2025-01-01"}),
        ],
    ),
    "a start moved beyond the bookmark is where reading goes on": (
        WHOLE,
        [
            Run("2026-01-05T12:00:00Z", days("1-4"), "2026-01-04", midnight(5)),
            Run("2026-01-10T12:00:00Z", days("8-9"), "2026-01-09", midnight(10), settings={"start": "2026-01-08"}),
            Run("2026-01-11T12:00:00Z", days("10-10"), "2026-01-10", midnight(11)),
        ],
    ),
    "a run up to an earlier end reads nothing and never lowers the bookmark": (
        WHOLE,
        [
            Run("2026-01-10T12:00:00Z", days("1-9"), "2026-01-09", midnight(10)),
            Run("2026-01-11T12:00:00Z", [], "2026-01-09", midnight(10), settings={"end": "2026-01-05"}),
            Run("2026-01-11T12:00:00Z", days("7-8"), "2026-01-09", midnight(10), settings={"end": "2026-01-08", "lookback": "3d"}),
            Run("2026-01-12T12:00:00Z", days("10-11"), "2026-01-11", midnight(12)),
        ],
    ),
    "an end that is reached, then moved on": (
        {**WHOLE, "end": "2026-01-05"},
        [
            Run("2026-01-10T12:00:00Z", days("1-5"), "2026-01-05", midnight(6)),
            Run("2026-01-11T12:00:00Z", [], "2026-01-05", midnight(6)),
            Run("2026-01-12T12:00:00Z", days("6-8"), "2026-01-08", midnight(9), settings={"end": "2026-01-08"}),
        ],
    ),
    "instants go on from exactly where the last run ended": (
        {"start": "2026-01-05T00:00:00Z", "step": "6h", "end_is": "inclusive"},
        [
            Run(
                "2026-01-05T13:00:00.5Z",
                [("2026-01-05T00:00:00Z", "2026-01-05T05:59:59Z"), ("2026-01-05T06:00:00Z", "2026-01-05T11:59:59Z"), ("2026-01-05T12:00:00Z", "2026-01-05T12:59:59Z")],
                "2026-01-05T13:00:00Z",
                "2026-01-05T13:00:00Z",
            ),
            Run("2026-01-05T13:00:00.9Z", [], "2026-01-05T13:00:00Z", "2026-01-05T13:00:00Z"),
            Run("2026-01-05T14:00:00Z", [("2026-01-05T13:00:00Z", "2026-01-05T13:59:59Z")], "2026-01-05T14:00:00Z", "2026-01-05T14:00:00Z"),
        ],
    ),
    "instants with a lag of an hour and a look-back of half of one": (
        {"start": "2026-01-05T00:00:00Z", "lag": "1h", "lookback": "30m", "format": "%H:%M:%S"},
        [
            Run("2026-01-05T12:00:00Z", [("00:00:00", "12:00:00")], "2026-01-05T11:00:00Z", "2026-01-05T11:00:00Z"),
            Run("2026-01-05T12:10:00Z", [("10:30:00", "12:10:00")], "2026-01-05T11:10:00Z", "2026-01-05T11:10:00Z"),
            Run("2026-01-05T14:00:00Z", [("10:40:00", "14:00:00")], "2026-01-05T13:00:00Z", "2026-01-05T13:00:00Z"),
        ],
    ),
    "whole months": (
        {"start": "2025-11-10", "granularity": "1mo", "step": "1mo", "format": "%Y-%m", "end_is": "inclusive"},
        [
            Run("2026-01-05T12:00:00Z", [("2025-11", "2025-11"), ("2025-12", "2025-12")], "2025-12-31", "2026-01-01T00:00:00Z"),
            Run("2026-01-31T23:59:59Z", [], "2025-12-31", "2026-01-01T00:00:00Z"),
            Run("2026-02-01T00:00:00Z", [("2026-01", "2026-01")], "2026-01-31", "2026-02-01T00:00:00Z"),
        ],
    ),
    "an API that forgets: what is lost is passed over": (
        {**WHOLE, "max_history": "3d"},
        [
            Run("2026-01-10T12:00:00Z", days("7-9"), "2026-01-09", midnight(10)),
            Run("2026-01-20T12:00:00Z", days("17-19"), "2026-01-19", midnight(20)),
            Run("2026-01-21T12:00:00Z", days("20-20"), "2026-01-20", midnight(21)),
        ],
    ),
    "a clock that was put back reads nothing and lowers nothing": (
        WHOLE,
        [
            Run("2026-01-10T12:00:00Z", days("1-9"), "2026-01-09", midnight(10)),
            Run("2026-01-05T12:00:00Z", [], "2026-01-09", midnight(10)),
            Run("2026-01-12T12:00:00Z", days("10-11"), "2026-01-11", midnight(12)),
        ],
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_over_several_runs(name: str) -> None:
    base, runs = SCENARIOS[name]
    state: Any = None
    for number, run in enumerate(runs):
        calendar = Calendar(
            Incremental(**{**base, **run.settings}), now=datetime.fromisoformat(run.now), timezone="UTC"
        )
        book = StateBook.read(state, {"orders": Reading("date", (), lambda _, value, c=calendar: c.resume_at(value))})
        plan = calendar.windows(book.until("orders", {}))
        assert (number, list(run.asked)) == (number, [(v.start, v.end) for v in map(calendar.view, plan.windows)])
        for window in plan.windows[: run.finishes]:
            earned = calendar.bookmark(window)
            if earned is not None:
                book.finish("orders", {}, earned.value, earned.until)
        state = json.loads(book.message())["value"]
        kept = state["bookmarks"].get("orders", {})
        assert (number, run.value, run.until) == (number, kept.get("replication_key_value"), kept.get("until"))


@pytest.mark.parametrize(
    ("zone", "now", "value", "until"),
    [
        ("America/New_York", "2026-01-05T04:59:59Z", "2026-01-03", "2026-01-04T05:00:00Z"),
        ("America/New_York", "2026-01-05T05:00:00Z", "2026-01-04", "2026-01-05T05:00:00Z"),
        ("Pacific/Auckland", "2026-01-05T11:00:00Z", "2026-01-05", "2026-01-05T11:00:00Z"),
        ("Pacific/Apia", "2011-12-31T09:59:59Z", "2011-12-29", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-31T10:00:00Z", "2011-12-31", "2011-12-31T10:00:00Z"),
        ("America/Sao_Paulo", "2017-10-16T01:00:00Z", "2017-10-14", "2017-10-15T03:00:00Z"),
    ],
)
def test_the_readable_bookmark_is_the_last_day_that_is_over_in_the_stream_s_zone(
    zone: str, now: str, value: str, until: str
) -> None:
    calendar = Calendar(Incremental(start="2011-12-01", format="date"), now=datetime.fromisoformat(now), timezone=zone)
    [window] = calendar.windows(None).windows
    earned = calendar.bookmark(window)
    assert earned is not None
    assert (value, until) == (earned.value, earned.until.astimezone(UTC).isoformat().replace("+00:00", "Z"))


def test_bookmarks_of_instants_keep_their_order_as_text_when_the_clocks_go_back() -> None:
    calendar = Calendar(
        Incremental(start="2026-10-25", step="30m", format="iso"),
        now=datetime(2026, 10, 25, 6, tzinfo=UTC),
        timezone="Europe/Berlin",
    )
    values = [earned.value for window in calendar.windows(None).windows if (earned := calendar.bookmark(window))]
    assert sorted(values) == values
    assert ("2026-10-24T22:30:00Z", "2026-10-25T06:00:00Z") == (values[0], values[-1])


def test_when_the_api_s_clock_became_coarser_a_half_day_is_read_again_and_not_called_finished() -> None:
    state = {"bookmarks": {"orders": {"replication_key_value": "2026-01-03T12:00:00Z", "until": "2026-01-03T12:00:00Z"}}}
    calendar = Calendar(Incremental(**WHOLE), now=datetime(2026, 1, 5, 12, tzinfo=UTC), timezone="UTC")
    book = StateBook.read(state, {"orders": Reading("date", (), lambda _, value: calendar.resume_at(value))})
    plan = calendar.windows(book.until("orders", {}))
    assert days("3-4") == [(v.start, v.end) for v in map(calendar.view, plan.windows)]
    half = type(plan.windows[0])(plan.windows[0].start, datetime(2026, 1, 4, 12, tzinfo=UTC))
    assert ("2026-01-03", datetime(2026, 1, 4, tzinfo=UTC)) == calendar.bookmark(half)
