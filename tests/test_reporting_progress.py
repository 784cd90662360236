"""Progress: log lines and heartbeats without a terminal, a live region on one, and measurements."""

from __future__ import annotations

import io
import logging
import sys
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from tap_asyncreport.job import JobEventKind, Unit
from tap_asyncreport.reporting import MetricsFeed, Progress, RunLedger
from tap_asyncreport.reporting.lines import BURST, LogLines
from tap_asyncreport.reporting.views import views
from tests.told import STARTED, Told, day, exchange, failed, ledger

LOGGER = "tap-asyncreport"


class StoodClock:
    """A clock that stands where it is put; nobody sleeps on it."""

    def __init__(self, at: float = 100.0) -> None:
        self.at = at

    def now(self) -> datetime:
        return STARTED[1]

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> bool:
        return True

    def stop(self) -> None:
        pass


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, LOGGER)
    return caplog


def observe(book: RunLedger, to: LogLines | Progress | MetricsFeed, events: list[Any]) -> None:
    book.observe(events)
    to.observe(events)


# log lines


@pytest.mark.promise(29)
def test_a_line_per_change(log: pytest.LogCaptureFixture) -> None:
    """Without a terminal each change is a line with the stream, the window and the job."""
    book = ledger()
    told = Told(window=day(1), account="7")
    observe(book, LogLines(book), told.life(100, rows=1200))
    place = "orders account=7 2026-01-01 to 2026-01-02"
    assert [
        f"{place}: job r-1 created",
        f"{place}: job r-1 is RUNNING",
        f"{place}: job r-1 is DONE",
        f"{place}: job r-1 completed after 4.0 s",
        f"{place}: job r-1: 1,200 rows written",
    ] == log.messages


@pytest.mark.promise(29)
def test_a_line_has_fields(log: pytest.LogCaptureFixture) -> None:
    """A structured log finds what the line says as values."""
    book = ledger()
    observe(book, LogLines(book), Told(window=day(1), account="7").life(100, rows=1200))
    record = log.records[-1]
    expected = {
        "job_event": "written", "stream_name": "orders", "partition": {"account": "7"}, "window": "2026-01-01 to 2026-01-02",
        "job_id": "r-1", "attempt": 1, "rows": 1200, "status_word": None, "wait_seconds": None,
    }  # fmt: skip
    assert expected == {name: getattr(record, name) for name in expected}


@pytest.mark.promise(29)
def test_the_same_status_is_told_once(log: pytest.LogCaptureFixture) -> None:
    """A poll that finds nothing new is no line at INFO."""
    told = Told()
    book = ledger()
    events = [told.creating(100), told.created(100), *(told.polled(101 + n, word="QUEUED") for n in range(5))]
    observe(book, LogLines(book), events)
    assert ["orders: job r-1 created", "orders: job r-1 is QUEUED"] == log.messages


@pytest.mark.promise(29)
@pytest.mark.parametrize(
    ("kind", "what", "level", "text"),
    [
        ("adopted", {}, logging.INFO, "orders: goes on with job r-1, which the API has already"),
        ("delayed", {"wait": 30.0, "error": failed("429", None)}, logging.INFO, "orders: tries again in 30 s: 429"),
        ("busy", {"wait": 5.0}, logging.INFO, "orders: the API has no slot; tries again in 5.0 s"),
        ("retrying", {"wait": 0.0, "error": failed()}, logging.INFO, "orders: job r-1 is made again: the job failed: no quota"),
        ("split", {}, logging.INFO, "orders: too large; the window is halved"),
        ("skipped", {"error": failed("no access", None)}, logging.WARNING, "orders: the partition is skipped: no access"),
        ("kept", {}, logging.INFO, "orders: job r-1 is kept for the next run"),
        ("aborted", {}, logging.INFO, "orders: job r-1 aborted"),
        ("warning", {"error": failed("deleting: 500", None)}, logging.WARNING, "orders: job r-1: deleting: 500"),
        ("failed", {"error": failed()}, logging.ERROR, "orders: the job failed\n  job         r-1\n  API's words no quota"),
        ("failed", {}, logging.ERROR, "orders: job r-1 failed"),
    ],
)
def test_what_a_change_is_called(kind: str, what: dict[str, Any], level: int, text: str, log: pytest.LogCaptureFixture) -> None:
    """Each kind of change has its own words and its own level."""
    book = ledger()
    observe(book, LogLines(book), [Told().event(JobEventKind(kind), 100, **what)])
    assert [(level, text)] == [(record.levelno, record.getMessage()) for record in log.records]


@pytest.mark.promise(29)
def test_every_kind_of_event_has_words(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG nothing that happens goes untold."""
    caplog.set_level(logging.DEBUG, LOGGER)
    book = ledger()
    for kind in JobEventKind:
        caplog.clear()
        observe(book, LogLines(book), [Told().event(kind, 100)])
        assert 1 == len(caplog.messages), kind


@pytest.mark.promise(29)
def test_thousands_of_jobs_are_summed_up(log: pytest.LogCaptureFixture) -> None:
    """After a burst a stream has a line in ten seconds, which sums up what was held back."""
    book = ledger()
    book.plan("orders", 1000)
    lines = LogLines(book)
    for count in range(1000):
        observe(book, lines, Told(window=day(count + 1), job=f"r-{count}").life(100, rows=10)[:1])
        told = Told(window=day(count + 1), job=f"r-{count}")
        observe(book, lines, [told.event(JobEventKind.CREATED, 100), told.event(JobEventKind.WRITTEN, 100, rows=10)])
    assert BURST == len(log.messages)
    lines.tick(109)
    assert BURST == len(log.messages)
    lines.tick(110)
    assert "orders: jobs since the last line: 970 created, 970 written; 1,000/1,000 windows, 10,000 rows" == log.messages[-1]
    assert (970, 10000) == (log.records[-1].jobs_written, log.records[-1].rows)  # type: ignore[attr-defined]
    lines.tick(120)
    lines.close()
    assert BURST + 1 == len(log.messages)


@pytest.mark.promise(29)
def test_a_slow_night_of_a_thousand_jobs_is_a_log_that_can_be_read(log: pytest.LogCaptureFixture) -> None:
    """A job in eleven seconds, for three hours: about a thousand lines, where each change would be five thousand."""
    book = ledger()
    book.plan("orders", 1000)
    lines = LogLines(book)
    for count in range(1000):
        for event in Told(window=day(count + 1), job=f"r-{count}").life(100 + count * 11):
            observe(book, lines, [event])
            lines.tick(event.at)
    lines.close()
    told = Counter(getattr(record, "job_event", None) for record in log.records)
    assert 2 * BURST < len(log.messages) < 1400, told
    assert 60 < told["heartbeat"] < 190


@pytest.mark.promise(29)
def test_a_failure_of_another_kind_is_always_told(log: pytest.LogCaptureFixture) -> None:
    """However much is held back, the first failures for each reason are written when they happen."""
    book = ledger()
    lines = LogLines(book)
    for count in range(100):
        told = Told(window=day(count + 1), job=f"r-{count}")
        observe(book, lines, [told.created(100), told.failed(100, error=failed(f"no {'ab'[count % 2] * (1 + count // 2 % 10)}"))])
    assert 100 == sum(record.levelno == logging.ERROR for record in log.records)
    lines.close()
    assert "orders: jobs since the last line: 40 created; 0/? windows, 0 rows" == log.messages[-1]


@pytest.mark.promise(29)
def test_the_heartbeat(log: pytest.LogCaptureFixture) -> None:
    """Each minute while jobs run, a line per stream says how long, how far and what it waits for."""
    book = ledger()
    book.plan("orders", 40)
    book.plan("idle", 1)
    lines = LogLines(book)
    observe(book, lines, Told(window=day(1)).life(100, rows=81200))
    told = Told(window=day(2), job="r-2")
    observe(book, lines, [told.creating(100), told.created(101), told.polled(130, word="QUEUED", wait=40.0)])
    log.clear()
    lines.tick(159)
    assert [] == log.messages
    lines.tick(160)
    assert [
        "orders: 1 job running, 59 s (usual 4.0 s); 1/40 windows; 81,200 rows; next poll in 10 s; waits for: the API (1 QUEUED)"
    ] == log.messages
    assert (59.0, 1, "heartbeat") == (log.records[0].oldest_seconds, log.records[0].jobs_running, log.records[0].job_event)  # type: ignore[attr-defined]
    lines.tick(219)
    assert 1 == len(log.messages)
    lines.tick(220)
    assert 2 == len(log.messages)


@pytest.mark.promise(29)
def test_the_heartbeat_of_a_hundred_streams(log: pytest.LogCaptureFixture) -> None:
    """A hundred streams at work are twenty lines and a count."""
    book = ledger()
    for count in range(100):
        told = Told(f"s{count}")
        book.observe([told.creating(100), told.created(101)])
    LogLines(book).tick(160)
    assert (21, "… and 80 more streams with 80 jobs running") == (len(log.messages), log.messages[-1])


# what a stream waits for


def waits(*events: Any, now: float = 110.0) -> str:
    book = ledger()
    book.plan("orders", 2)
    book.observe(list(events))
    return views(book, now)[0].waits_for


@pytest.mark.promise(29)
def test_what_a_stream_waits_for() -> None:
    """The one thing that is nearest to the stream's next rows."""
    told = Told()
    life = told.life(100)
    assert "a slot" == waits()
    assert "the API to take a job" == waits(life[0])
    assert "the API" == waits(*life[:2])
    assert "the API (1 RUNNING)" == waits(*life[:3])
    assert "downloading 1 file" == waits(*life[:6])
    assert "its turn to be written" == waits(*life[:7])
    assert "writing rows" == waits(*life[:8])
    assert "a slot" == waits(*life)
    assert "backing off 15 s: 429" == waits(*life[:2], told.delayed(105, wait=20.0, error=failed("429", None)))
    assert "backing off: the job failed: no quota" == waits(*life[:2], told.retrying(105, error=failed()))


@pytest.mark.promise(29)
def test_a_stream_that_is_over_waits_for_nothing() -> None:
    """A stream with all windows written, or with a verdict, waits for nothing."""
    book = ledger()
    book.plan("orders", 1)
    book.observe(Told().life(100))
    assert "" == views(book, 120)[0].waits_for
    book.stream_ended("orders", "ok")
    assert ("", "ok", False) == (views(book, 120)[0].waits_for, views(book, 120)[0].outcome, views(book, 120)[0].live)


# progress as a whole


@pytest.mark.promise(29)
def test_on_a_terminal_only_failures_are_lines(log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the region shows the changes, the log is left to what went wrong."""
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", screen)
    book, clock = ledger(), StoodClock()
    with Progress(book, clock, live=True) as progress:
        observe(book, progress, Told(window=day(1)).life(100))
        observe(book, progress, [Told(window=day(2), job="r-2").failed(110, error=failed())])
        clock.at = 170
        progress.tick()
    assert [logging.ERROR] == [record.levelno for record in log.records]


@pytest.mark.promise(29)
def test_nothing_is_told_after_the_end(log: pytest.LogCaptureFixture) -> None:
    """After `close` there is silence, whatever comes."""
    book, clock = ledger(), StoodClock()
    progress = Progress(book, clock)
    progress.start()
    observe(book, progress, Told(window=day(1)).life(100)[:2])
    progress.close()
    progress.close()
    count = len(log.messages)
    clock.at = 500
    progress.tick()
    observe(book, progress, [Told(window=day(2), job="r-2").failed(110, error=failed())])
    assert (1, count) == (count, len(log.messages))


@pytest.mark.promise(29)
def test_nothing_is_written_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress leaves stdout to the Singer messages."""
    book = ledger()
    with Progress(book, StoodClock()) as progress:
        observe(book, progress, Told(window=day(1)).life(100))
    assert "" == capsys.readouterr().out


# measurements


def test_measurements() -> None:
    """Time per job, and calls per step and status, each counted once."""
    points: list[tuple[str, str, float, dict[str, Any]]] = []
    book = ledger()
    feed = MetricsFeed(book, lambda *point: points.append(point))
    for number, extra in ((1, 0), (2, 2)):
        told = Told(window=day(number))
        observe(book, feed, [told.creating(100), told.created(101), told.completed(105 + extra)])
    book.observe_exchange(exchange("polling_requester", 200, 0.25, 10))
    book.observe_exchange(exchange("polling_requester", 503, 0.5, 10))
    feed.flush()
    feed.flush()
    assert [
        ("timer", "job_duration", 5, {"stream": "orders", "status": "succeeded", "count": 2}),
        ("counter", "http_request_count", 1, {"endpoint": "polling_requester", "http_status_code": "200"}),
        ("counter", "http_request_count", 1, {"endpoint": "polling_requester", "http_status_code": "503"}),
        ("timer", "http_request_duration", 0.75, {"endpoint": "polling_requester"}),
    ] == points


def test_a_failed_job_is_measured_too() -> None:
    """The time of a job that failed says that it failed; points go out each minute."""
    points: list[tuple[str, str, float, dict[str, Any]]] = []
    book = ledger()
    feed = MetricsFeed(book, lambda *point: points.append(point))
    told = Told()
    observe(book, feed, [told.creating(100), told.created(101)])
    assert [] == points
    observe(book, feed, [told.failed(161, error=failed())])
    assert [("timer", "job_duration", 60, {"stream": "orders", "status": "failed", "count": 1})] == points


def test_units_compare_by_identity() -> None:
    """Two readings of one window are two lanes."""
    book = ledger()
    for _ in range(2):
        told = Told(window=day(1))
        told.unit = Unit("orders", {}, day(1))
        book.observe([told.event(JobEventKind.CREATING, 100)])
    assert 2 == len(book.lanes)
