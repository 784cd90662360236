"""Tables of whole runs with the clock frozen at each: what the API is asked for, what comes out, where the bookmark is.

Every table is played twice: as it stands, and for each of two partitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from fake_api import FakeApi, FakeJob
from frozen import Ended, Frozen, frozen  # noqa: F401

pytestmark = [pytest.mark.promise(22), pytest.mark.promise(23)]

ACCOUNTS = ("a", "b")
Pair = tuple[object, object]


@dataclass(frozen=True)
class Run:
    """One run: when, what is asked for and where the bookmark is afterwards; settings changed; windows that fail."""

    now: str
    asked: Sequence[Pair]
    value: str | None
    until: str | None
    changes: Mapping[str, Any] = field(default_factory=dict)
    fails: Sequence[object] = ()
    warns: str | None = None


@dataclass(frozen=True)
class Table:
    """Runs one after another with the same `incremental`; `state` is what stood in state before the first."""

    incremental: Mapping[str, Any]
    runs: Sequence[Run]
    state: Mapping[str, Any] | None = None
    top: Mapping[str, Any] = field(default_factory=dict)


def days(*spans: str, month: str = "2026-01") -> list[Pair]:
    """Inclusive windows of a month from `3-5`; a lone day is a window of its own."""
    pairs = [(span.partition("-")[0], span.rpartition("-")[2]) for span in spans]
    return [(f"{month}-{int(first):02}", f"{month}-{int(last):02}") for first, last in pairs]


DAY = {"start": "2026-01-01", "step": "1d", "format": "date", "end_is": "inclusive"}
WHOLE = {"start": "2026-01-01", "format": "date", "end_is": "inclusive"}
ISO = {"step": "1d", "granularity": "1s"}

TABLES: dict[str, Table] = {
    "look-back, with a failure in it": Table(
        {**DAY, "lookback": "2d"},
        [
            Run("2026-01-04T12:00:00Z", days("1", "2", "3"), "2026-01-03", "2026-01-04T00:00:00Z"),
            Run("2026-01-05T12:00:00Z", days("2", "3", "4"), "2026-01-03", "2026-01-04T00:00:00Z", fails=["2026-01-02"]),
            Run("2026-01-06T12:00:00Z", days("2", "3", "4", "5"), "2026-01-05", "2026-01-06T00:00:00Z"),
        ],
    ),
    "lag: what is young is read and read again until it is final": Table(
        {**DAY, "lag": "2d"},
        [
            Run("2026-01-05T12:00:00Z", days("1", "2", "3", "4"), "2026-01-03", "2026-01-04T00:00:00Z"),
            Run("2026-01-06T12:00:00Z", days("4", "5"), "2026-01-04", "2026-01-05T00:00:00Z"),
            Run("2026-01-07T12:00:00Z", days("5", "6"), "2026-01-05", "2026-01-06T00:00:00Z"),
        ],
    ),
    "a failure in the middle, then another one before it, then recovery": Table(
        DAY,
        [
            Run("2026-01-06T12:00:00Z", days("1", "2", "3", "4", "5"), "2026-01-03", "2026-01-04T00:00:00Z", fails=["2026-01-04"]),
            Run("2026-01-07T12:00:00Z", days("4", "5", "6"), "2026-01-04", "2026-01-05T00:00:00Z", fails=["2026-01-05"]),
            Run("2026-01-08T12:00:00Z", days("5", "6", "7"), "2026-01-07", "2026-01-08T00:00:00Z"),
        ],
    ),
    "start_date moved back and forward against state": Table(
        {name: DAY[name] for name in ("step", "format", "end_is")},
        [
            Run("2026-01-06T12:00:00Z", days("4", "5"), "2026-01-05", "2026-01-06T00:00:00Z", {"start_date": "2026-01-04"}),
            Run("2026-01-07T12:00:00Z", days("6"), "2026-01-06", "2026-01-07T00:00:00Z", {"start_date": "2026-01-01"}),
            Run("2026-01-11T12:00:00Z", days("9", "10"), "2026-01-10", "2026-01-11T00:00:00Z", {"start_date": "2026-01-09"}),
            Run("2026-01-12T12:00:00Z", days("11"), "2026-01-11", "2026-01-12T00:00:00Z", {"start_date": "2026-01-02"}),
        ],
    ),
    "end_date runs never lower a bookmark": Table(
        {**DAY, "lookback": "3d"},
        [
            Run("2026-01-06T12:00:00Z", days("1", "2", "3", "4", "5"), "2026-01-05", "2026-01-06T00:00:00Z"),
            Run("2026-01-06T13:00:00Z", days("3"), "2026-01-05", "2026-01-06T00:00:00Z", {"end_date": "2026-01-03"}),
            Run("2026-01-06T14:00:00Z", [], "2026-01-05", "2026-01-06T00:00:00Z", {"end_date": "2026-01-02"}),
            Run("2026-01-07T12:00:00Z", days("3", "4", "5", "6"), "2026-01-06", "2026-01-07T00:00:00Z", {"end_date": "2027-01-01"}),
        ],
    ),
    "a date as end is the last day, an instant is exclusive": Table(
        DAY,
        [
            Run("2026-01-06T12:00:00Z", days("1", "2"), "2026-01-02", "2026-01-03T00:00:00Z", {"end_date": "2026-01-02"}),
            Run("2026-01-06T12:00:00Z", days("3"), "2026-01-03", "2026-01-04T00:00:00Z", {"end_date": "2026-01-04T00:00:00Z"}),
            Run("2026-01-06T12:00:00Z", days("4", "5"), "2026-01-05", "2026-01-06T00:00:00Z"),
        ],
    ),
    "the day that is not over, in New York": Table(
        {**DAY, "timezone": "America/New_York"},
        [
            Run("2026-01-03T04:59:59Z", days("1"), "2026-01-01", "2026-01-02T05:00:00Z"),
            Run("2026-01-03T05:00:00Z", days("2"), "2026-01-02", "2026-01-03T05:00:00Z"),
            Run("2026-01-04T04:59:59Z", [], "2026-01-02", "2026-01-03T05:00:00Z"),
        ],
    ),
    "the day that is not over, in Kathmandu": Table(
        {**DAY, "timezone": "Asia/Kathmandu"},
        [
            Run("2026-01-02T18:14:59Z", days("1"), "2026-01-01", "2026-01-01T18:15:00Z"),
            Run("2026-01-02T18:15:00Z", days("2"), "2026-01-02", "2026-01-02T18:15:00Z"),
            Run("2026-01-03T18:15:00.9Z", days("3"), "2026-01-03", "2026-01-03T18:15:00Z"),
        ],
    ),
    "the day that is not over, at the far side of the date line": Table(
        {**WHOLE, "timezone": "Pacific/Kiritimati", "complete_only": False},
        [
            Run("2026-01-02T09:59:59Z", days("1-2"), "2026-01-01", "2026-01-01T10:00:00Z"),
            Run("2026-01-02T10:00:01Z", days("2-3"), "2026-01-02", "2026-01-02T10:00:00Z"),
            Run("2026-01-02T11:00:00Z", days("3"), "2026-01-02", "2026-01-02T10:00:00Z"),
        ],
    ),
    "align week: the first and the last are partial": Table(
        {**WHOLE, "align": "week", "step": "1w"},
        [
            Run("2026-01-14T12:00:00Z", days("1-4", "5-11", "12-13"), "2026-01-13", "2026-01-14T00:00:00Z"),
            Run("2026-01-19T00:00:00Z", days("14-18"), "2026-01-18", "2026-01-19T00:00:00Z"),
            Run("2026-01-27T12:00:00Z", days("19-25", "26"), "2026-01-26", "2026-01-27T00:00:00Z"),
        ],
    ),
    "align month": Table(
        {**WHOLE, "start": "2025-12-20", "align": "month", "step": "1mo"},
        [
            Run("2026-01-10T12:00:00Z", [("2025-12-20", "2025-12-31"), ("2026-01-01", "2026-01-09")], "2026-01-09", "2026-01-10T00:00:00Z"),
            Run("2026-02-01T12:00:00Z", days("10-31"), "2026-01-31", "2026-02-01T00:00:00Z"),
            Run("2026-03-02T12:00:00Z", [("2026-02-01", "2026-02-28"), ("2026-03-01", "2026-03-01")], "2026-03-01", "2026-03-02T00:00:00Z"),
        ],
    ),
    "max_history clamps, and says so": Table(
        {**DAY, "max_history": "3d"},
        [
            Run("2026-01-06T12:00:00Z", days("3", "4", "5"), "2026-01-05", "2026-01-06T00:00:00Z", warns="max_history"),
            Run("2026-01-07T12:00:00Z", days("6"), "2026-01-06", "2026-01-07T00:00:00Z"),
            Run("2026-01-12T12:00:00Z", days("9", "10", "11"), "2026-01-11", "2026-01-12T00:00:00Z", warns="max_history"),
        ],
    ),
    "days of 23 and of 25 hours": Table(
        {**ISO, "start": "2026-03-28", "timezone": "Europe/Berlin"},
        [
            Run(
                "2026-03-29T22:00:00Z",
                [("2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"), ("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00")],
                "2026-03-29T22:00:00Z", "2026-03-29T22:00:00Z",
            ),
            Run(
                "2026-10-25T23:00:00Z", [("2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00"), ("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")],
                "2026-10-25T23:00:00Z", "2026-10-25T23:00:00Z", {"start_date": "2026-10-24", "start": None},
            ),
            Run(
                "2026-10-26T00:00:00Z", [("2026-10-26T00:00:00+01:00", "2026-10-26T01:00:00+01:00")],
                "2026-10-26T00:00:00Z", "2026-10-26T00:00:00Z",
            ),
        ],
    ),
    "a midnight that was skipped: Sao Paulo 2018": Table(
        {"start": "2018-11-03", "step": "1d", "format": "date", "timezone": "America/Sao_Paulo"},
        [
            Run("2018-11-04T03:00:00Z", [("2018-11-03", "2018-11-04")], "2018-11-03", "2018-11-04T03:00:00Z"),
            Run("2018-11-05T01:59:59Z", [], "2018-11-03", "2018-11-04T03:00:00Z"),
            Run("2018-11-05T02:00:00Z", [("2018-11-04", "2018-11-05")], "2018-11-04", "2018-11-05T02:00:00Z"),
        ],
    ),
    "a midnight that was skipped, asked for in instants: Cairo 2023": Table(
        {**ISO, "start": "2023-04-27", "timezone": "Africa/Cairo"},
        [
            Run("2023-04-27T22:00:00Z", [("2023-04-27T00:00:00+02:00", "2023-04-28T01:00:00+03:00")], "2023-04-27T22:00:00Z", "2023-04-27T22:00:00Z"),
            Run("2023-04-28T21:00:00Z", [("2023-04-28T01:00:00+03:00", "2023-04-29T00:00:00+03:00")], "2023-04-28T21:00:00Z", "2023-04-28T21:00:00Z"),
            Run("2023-04-28T21:00:01Z", [("2023-04-29T00:00:00+03:00", "2023-04-29T00:00:01+03:00")], "2023-04-28T21:00:01Z", "2023-04-28T21:00:01Z"),
        ],
    ),
    "a midnight that came twice: Beirut": Table(
        {**DAY, "start": "2026-10-24", "timezone": "Asia/Beirut"},
        [
            Run("2026-10-24T21:30:00Z", [], None, None),
            Run("2026-10-24T22:00:00Z", [("2026-10-24", "2026-10-24")], "2026-10-24", "2026-10-24T22:00:00Z"),
            Run("2026-10-26T22:00:00Z", [("2026-10-25", "2026-10-25"), ("2026-10-26", "2026-10-26")], "2026-10-26", "2026-10-26T22:00:00Z"),
        ],
    ),
    "month steps from the 31st": Table(
        {"start": "2025-10-31", "step": "1mo", "format": "date"},
        [
            Run(
                "2026-02-28T12:00:00Z",
                [("2025-10-31", "2025-11-30"), ("2025-11-30", "2025-12-31"), ("2025-12-31", "2026-01-31"), ("2026-01-31", "2026-02-28")],
                "2026-02-27", "2026-02-28T00:00:00Z",
            ),
            Run("2026-03-31T12:00:00Z", [("2026-02-28", "2026-03-31")], "2026-03-30", "2026-03-31T00:00:00Z"),
            Run("2026-05-01T12:00:00Z", [("2026-03-31", "2026-04-30"), ("2026-04-30", "2026-05-01")], "2026-04-30", "2026-05-01T00:00:00Z"),
        ],
    ),
    "a leap day": Table(
        {**DAY, "start": "2024-02-28"},
        [
            Run("2024-02-29T12:00:00Z", days("28", month="2024-02"), "2024-02-28", "2024-02-29T00:00:00Z"),
            Run("2024-03-01T12:00:00Z", days("29", month="2024-02"), "2024-02-29", "2024-03-01T00:00:00Z"),
            Run("2024-03-02T12:00:00Z", days("1", month="2024-03"), "2024-03-01", "2024-03-02T00:00:00Z"),
        ],
    ),
    "a clock of hours, the running one too": Table(
        {"start": "2026-01-05T00:00:00Z", "granularity": "1h", "step": "6h"},
        [
            Run(
                "2026-01-05T07:20:00Z",
                [("2026-01-05T00:00:00Z", "2026-01-05T06:00:00Z"), ("2026-01-05T06:00:00Z", "2026-01-05T08:00:00Z")],
                "2026-01-05T07:00:00Z", "2026-01-05T07:00:00Z",
            ),
            Run("2026-01-05T07:40:00Z", [("2026-01-05T07:00:00Z", "2026-01-05T08:00:00Z")], "2026-01-05T07:00:00Z", "2026-01-05T07:00:00Z"),
            Run("2026-01-05T08:00:00Z", [("2026-01-05T07:00:00Z", "2026-01-05T08:00:00Z")], "2026-01-05T08:00:00Z", "2026-01-05T08:00:00Z"),
            Run("2026-01-05T08:00:00Z", [], "2026-01-05T08:00:00Z", "2026-01-05T08:00:00Z"),
        ],
    ),
    "a clock of hours, inclusive": Table(
        {"start": "2026-01-05T00:00:00Z", "granularity": "1h", "step": "6h", "end_is": "inclusive", "format": "%d.%H", "complete_only": True},
        [
            Run("2026-01-05T13:59:59Z", [("05.00", "05.05"), ("05.06", "05.11"), ("05.12", "05.12")], "2026-01-05T13:00:00Z", "2026-01-05T13:00:00Z"),
            Run("2026-01-05T13:59:59Z", [], "2026-01-05T13:00:00Z", "2026-01-05T13:00:00Z"),
            Run("2026-01-05T20:00:00Z", [("05.13", "05.18"), ("05.19", "05.19")], "2026-01-05T20:00:00Z", "2026-01-05T20:00:00Z"),
        ],
    ),
    "a clock of seconds, inclusive, as epoch": Table(
        {"start": "2026-01-05T00:00:00Z", "step": "1h", "end_is": "inclusive", "format": "epoch"},
        [
            Run("2026-01-05T01:00:00.9Z", [(1767571200, 1767574799)], "2026-01-05T01:00:00Z", "2026-01-05T01:00:00Z"),
            Run("2026-01-05T01:00:02Z", [(1767574800, 1767574801)], "2026-01-05T01:00:02Z", "2026-01-05T01:00:02Z"),
            Run("2026-01-05T01:00:02.5Z", [], "2026-01-05T01:00:02Z", "2026-01-05T01:00:02Z"),
        ],
    ),
    "a clock of milliseconds, inclusive, as epoch_ms": Table(
        {"start": "2026-01-05T00:00:00Z", "granularity": "1ms", "end_is": "inclusive", "format": "epoch_ms"},
        [
            Run("2026-01-05T00:00:00.5007Z", [(1767571200000, 1767571200499)], "2026-01-05T00:00:00.500Z", "2026-01-05T00:00:00.500000Z"),
            Run("2026-01-05T00:00:00.501Z", [(1767571200500, 1767571200500)], "2026-01-05T00:00:00.501Z", "2026-01-05T00:00:00.501000Z"),
            Run("2026-01-05T00:00:00.5019Z", [], "2026-01-05T00:00:00.501Z", "2026-01-05T00:00:00.501000Z"),
        ],
    ),
    "instants of milliseconds as text": Table(
        {"start": "2026-01-05T00:00:00Z", "granularity": "1ms", "end_is": "inclusive", "step": "12h"},
        [
            Run("2026-01-05T12:00:00Z", [("2026-01-05T00:00:00.000Z", "2026-01-05T11:59:59.999Z")], "2026-01-05T12:00:00.000Z", "2026-01-05T12:00:00Z"),
            Run("2026-01-05T12:00:00.250Z", [("2026-01-05T12:00:00.000Z", "2026-01-05T12:00:00.249Z")], "2026-01-05T12:00:00.250Z", "2026-01-05T12:00:00.250000Z"),
            Run("2026-01-05T12:00:00.251Z", [("2026-01-05T12:00:00.250Z", "2026-01-05T12:00:00.250Z")], "2026-01-05T12:00:00.251Z", "2026-01-05T12:00:00.251000Z"),
        ],
    ),
    "whole months, inclusive": Table(
        {"start": "2025-12-15", "granularity": "1mo", "step": "1mo", "end_is": "inclusive", "format": "%Y-%m"},
        [
            Run("2026-01-31T12:00:00Z", [("2025-12", "2025-12")], "2025-12-31", "2026-01-01T00:00:00Z"),
            Run("2026-02-01T00:00:00Z", [("2026-01", "2026-01")], "2026-01-31", "2026-02-01T00:00:00Z"),
            Run("2026-02-28T23:59:59Z", [], "2026-01-31", "2026-02-01T00:00:00Z"),
        ],
    ),
    "a start and an end that move with the clock: the API has nothing yet of the last two days": Table(
        {"step": "1d", "format": "date", "end_is": "inclusive"},
        [
            Run("2026-01-10T12:00:00Z", days("6", "7", "8"), "2026-01-08", "2026-01-09T00:00:00Z"),
            Run("2026-01-10T13:00:00Z", [], "2026-01-08", "2026-01-09T00:00:00Z"),
            Run("2026-01-12T12:00:00Z", days("9", "10"), "2026-01-10", "2026-01-11T00:00:00Z"),
        ],
        top={"start_date": "{{ now | minus('4d') | strftime('%Y-%m-%d') }}", "end_date": "{{ now | minus('2d') }}"},
    ),
    "a bookmark without until names a day, which is read again": Table(
        DAY,
        [
            Run("2026-01-04T12:00:00Z", days("2", "3"), "2026-01-03", "2026-01-04T00:00:00Z"),
            Run("2026-01-05T12:00:00Z", days("4"), "2026-01-04", "2026-01-05T00:00:00Z"),
            Run("2026-01-05T12:00:00Z", [], "2026-01-04", "2026-01-05T00:00:00Z"),
        ],
        state={"replication_key_value": "2026-01-02"},
    ),
    "a bookmark without until names a second, which is read again": Table(
        {"start": "2026-01-01", "end_is": "inclusive"},
        [
            Run("2026-01-04T12:00:00Z", [("2026-01-04T11:00:00Z", "2026-01-04T11:59:59Z")], "2026-01-04T12:00:00Z", "2026-01-04T12:00:00Z"),
            Run("2026-01-04T12:00:01Z", [("2026-01-04T12:00:00Z", "2026-01-04T12:00:00Z")], "2026-01-04T12:00:01Z", "2026-01-04T12:00:01Z"),
            Run("2026-01-04T12:00:01Z", [], "2026-01-04T12:00:01Z", "2026-01-04T12:00:01Z"),
        ],
        state={"replication_key_value": "2026-01-04T12:00:00.7+01:00"},
    ),
    "a bookmark without until names a month, which is read again": Table(
        {"start": "2025-01-01", "granularity": "1mo", "format": "%Y-%m", "end_is": "inclusive", "step": "1mo"},
        [
            Run("2026-01-15T12:00:00Z", [("2025-11", "2025-11"), ("2025-12", "2025-12")], "2025-12-31", "2026-01-01T00:00:00Z"),
            Run("2026-02-15T12:00:00Z", [("2026-01", "2026-01")], "2026-01-31", "2026-02-01T00:00:00Z"),
            Run("2026-02-15T12:00:00Z", [], "2026-01-31", "2026-02-01T00:00:00Z"),
        ],
        state={"replication_key_value": "2025-11-17"},
    ),
    "a bookmark without until names an hour, which is read again": Table(
        {"start": "2026-01-01", "granularity": "1h", "format": "%d.%H", "end_is": "inclusive", "complete_only": True},
        [
            Run("2026-01-04T12:00:00Z", [("04.10", "04.11")], "2026-01-04T12:00:00Z", "2026-01-04T12:00:00Z"),
            Run("2026-01-04T13:30:00Z", [("04.12", "04.12")], "2026-01-04T13:00:00Z", "2026-01-04T13:00:00Z"),
            Run("2026-01-04T13:31:00Z", [], "2026-01-04T13:00:00Z", "2026-01-04T13:00:00Z"),
        ],
        state={"replication_key_value": 1767522600},
    ),
}


def rows(job: FakeJob) -> str:
    """A row that says what was asked for; its own date lies in the far past, for rows move no bookmark."""
    return f"id,day\n{job.spec['from']}/{job.spec['to']},2001-01-01\n"


def config(api: FakeApi, table: Table, run: Run, partitions: Sequence[str]) -> dict[str, Any]:
    top = {name: value for name, value in run.changes.items() if name.endswith("_date")}
    changes = {name: value for name, value in run.changes.items() if not name.endswith("_date")}
    body = {"from": "{{ window.start }}", "to": "{{ window.end }}"}
    stream = {
        "name": "orders",
        "primary_keys": ["id"],
        "columns": {"id": "string", "day": "date"},
        "incremental": {**table.incremental, **changes},
        "creation_requester": {"request": "POST /exports", "json": {**body, **({"account": "{{ partition.account }}"} if partitions else {})}},
        "polling_requester": "GET /exports/{{ creation_response.id }}",
        "download_retriever": "GET {{ polling_response.url }}",
        "delete_requester": "DELETE /exports/{{ creation_response.id }}",
        "jobs": {"max_attempts": 1, "poll_interval": "10ms"},
    }  # fmt: skip
    if partitions:
        stream["partitions"] = [{"name": "account", "values": list(partitions)}]
    return {"base_url": api.url, **table.top, **top, "streams": [stream]}


def entries(state: Mapping[str, Any], partitions: Sequence[str]) -> list[dict[str, Any]]:
    """The stream's bookmark, or those of its partitions."""
    stream = state["bookmarks"].get("orders", {})
    if not partitions:
        return [stream]
    found = {entry["context"]["account"]: entry for entry in stream.get("partitions", [])}
    return [found.get(account, {}) for account in partitions]


def given(table: Table, partitions: Sequence[str]) -> Any:
    if table.state is None:
        return None
    parts = [{"context": {"account": account}, **table.state} for account in partitions]
    return {"bookmarks": {"orders": {"partitions": parts} if partitions else dict(table.state)}}


def play(frozen: Frozen, table: Table, partitions: Sequence[str]) -> None:  # noqa: F811
    state = given(table, partitions)
    failing: set[object] = set()
    with FakeApi(lambda job, _: "FAILED" if job.spec["from"] in failing else "DONE", rows=rows) as api:
        for number, run in enumerate(table.runs):
            failing = set(run.fails)
            before = len(api.jobs)
            ended = frozen.run(run.now, config(api, table, run, partitions), state)
            state = ended.state
            assert (number, 1 if run.fails else 0) == (number, ended.exit_code)
            made = [(job.spec["from"], job.spec["to"]) for job in list(api.jobs.values())[before:]]
            check(number, run, partitions, made, ended)


def check(number: int, run: Run, partitions: Sequence[str], made: Sequence[Pair], ended: Ended) -> None:
    """Every window's row is out once, but for a failed one and those behind it; these may have been asked for, or not."""
    first_bad = min((str(at) for at in run.fails), default="~")
    out = [f"{start}/{end}" for start, end in run.asked if str(start) < first_bad]
    assert (number, sorted(out * max(1, len(partitions)))) == (number, sorted(ended.rows("id")))
    assert (number, set()) == (number, set(made) - set(run.asked))
    for entry in entries(ended.state, partitions):
        assert (number, run.value, run.until) == (number, entry.get("replication_key_value"), entry.get("until"))
        assert run.fails or "jobs" not in entry
    assert (number, run.warns is not None) == (number, any((run.warns or "orders") in each for each in ended.warnings))


@pytest.mark.parametrize("partitions", [(), ACCOUNTS], ids=["plain", "partitioned"])
@pytest.mark.parametrize("name", TABLES)
def test_runs_one_after_another(frozen: Frozen, name: str, partitions: Sequence[str]) -> None:  # noqa: F811
    play(frozen, TABLES[name], partitions)
