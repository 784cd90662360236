"""The ledger and the closing table: what happened in a run, as plain data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_asyncreport.errors import LoginError
from tap_asyncreport.job import JobEvent, JobEventKind, Unit
from tap_asyncreport.reporting import StreamEnd, closing_table
from tap_asyncreport.reporting.calls import StepCalls, quantile
from tap_asyncreport.reporting.lanes import MOST_SPANS, Lane, LaneEnd, Phase, Span
from tap_asyncreport.reporting.words import duration, number, size
from tests.told import Told, day, exchange, failed, ledger
import itertools


def spans(lane: Lane) -> list[tuple[str, float, float]]:
    return [(span.phase.name, span.start, span.end) for span in lane.spans]


# a lane


def test_a_life_is_a_lane() -> None:
    """A job's lane tells each phase with its time, from the moment at which its stream was planned."""
    book = ledger()
    book.plan("orders", 1, at=101.0)
    book.observe(Told(window=day(1)).life(103, rows=12))
    (lane,) = book.lanes
    assert [
        ("WAITING", 101, 103), ("CREATING", 103, 104), ("RUNNING", 104, 108),
        ("DOWNLOADING", 108, 110), ("READY", 110, 111), ("WRITING", 111, 112),
    ] == spans(lane)  # fmt: skip
    assert (LaneEnd.WRITTEN, 12, ["r-1"], 2) == (lane.end, lane.rows, lane.job_ids, lane.polls)
    assert ("orders", "", "2026-01-01 to 2026-01-02") == (lane.stream, lane.partition, lane.window)


def test_a_job_made_again_stays_in_its_lane() -> None:
    """A failed attempt leaves a mark, then the lane backs off and goes on with the next job."""
    told = Told()
    book = ledger()
    book.observe([told.creating(100), told.created(101), told.retrying(105, wait=2.0, error=failed())])
    told.again("r-2")
    book.observe([told.creating(107), told.created(108), told.polled(110, word="RUNNING")])
    (lane,) = book.lanes
    assert [
        ("CREATING", 100, 101), ("RUNNING", 101, 105), ("FAILED", 105, 105), ("BACKING_OFF", 105, 107), ("CREATING", 107, 108),
    ] == spans(lane)  # fmt: skip
    assert (["r-1", "r-2"], 2, 1) == (lane.job_ids, lane.attempts, book.streams["orders"].retried)
    assert Span(Phase.RUNNING, 108, 120) == lane.spans_until(120)[-1]


def test_an_error_while_polling_is_a_stretch_of_backing_off() -> None:
    """A delayed poll shows as backing off until the next answer."""
    told = Told()
    book = ledger()
    book.observe([told.creating(100), told.created(101), told.delayed(104, wait=5.0, error=failed("429"))])
    lane = book.lane_of(told.unit)
    assert lane is not None
    assert (Phase.BACKING_OFF, 109.0, "429: no quota") == (lane.phase, lane.next_at, lane.reason)
    book.observe([told.polled(109, word="RUNNING")])
    assert (Phase.RUNNING, None, None) == (lane.phase, lane.next_at, lane.reason)


def test_a_poll_for_a_fresh_link_is_part_of_the_download() -> None:
    """Once a job has completed, it does not run at the API any more, whatever is asked."""
    told = Told()
    book = ledger()
    book.observe([*told.life(100)[:6], told.delayed(107, wait=1.0), told.polled(108, word="DONE")])
    lane = book.lane_of(told.unit)
    assert lane is not None
    assert (Phase.DOWNLOADING, []) == (lane.phase, book.streams["orders"].running())


def test_halves_of_a_window_wait_from_the_split_on() -> None:
    """The halves of a window that was too large have waited since it was split, and count instead of it."""
    whole, left = Told(window=day(1, 4)), Told(window=day(1, 2), job="r-2")
    book = ledger()
    book.plan("orders", 1)
    book.observe([whole.creating(100), whole.split(103), left.creating(105)])
    assert [LaneEnd.SPLIT, LaneEnd.OPEN] == [lane.end for lane in book.lanes]
    assert [("WAITING", 103, 105)] == spans(book.lanes[1])
    assert 2 == book.streams["orders"].planned


def test_a_window_of_chained_jobs_is_done_with_the_last() -> None:
    """A window whose jobs are chained counts once, when all the jobs that are known are written."""
    first = Told(window=day(1))
    second = Told(window=day(1), job="r-2")
    second.unit = Unit("orders", {}, day(1), link=1)
    book = ledger()
    book.plan("orders", 1)
    book.observe(first.life(100, rows=5)[:6])
    book.observe([second.creating(106), *first.life(100, rows=5)[6:]])
    assert 0 == book.streams["orders"].windows_done
    book.observe(second.life(106, rows=6)[1:])
    assert (1, 11) == (book.streams["orders"].windows_done, book.streams["orders"].rows)
    assert "2026-01-01 to 2026-01-02 (job 2)" == book.lanes[1].window


def test_a_job_of_an_earlier_run_that_is_discarded_is_no_lane() -> None:
    """Cleaning up what nobody waits for is counted, not drawn."""
    told = Told()
    book = ledger()
    book.observe([told.aborted(100), told.dropped(101), told.deleted(102), told.warning(103, error=failed())])
    assert ([], 1) == (book.lanes, book.streams["orders"].warnings)


def test_the_memory_of_a_lane_is_bounded() -> None:
    """A job that backs off for days keeps a lane of bounded length, and its whole time."""
    told = Told()
    book = ledger()
    book.observe([told.creating(100), told.created(101)])
    for turn in range(MOST_SPANS):
        book.observe([told.delayed(102 + 2 * turn, wait=1.0), told.polled(103 + 2 * turn, word="RUNNING")])
    (lane,) = book.lanes
    assert MOST_SPANS == len(lane.spans)
    assert 102 + 2 * MOST_SPANS - 1 == lane.spans[-1].end


def test_without_lanes_only_counts_grow() -> None:
    """A run without a run page forgets what is over."""
    book = ledger(keep_lanes=False)
    for number_ in range(1, 4):
        book.observe(Told(window=day(number_)).life(100))
    assert ([], {}, 3) == (book.lanes, book.streams["orders"].live, book.streams["orders"].windows_done)


kinds = st.sampled_from(list(JobEventKind))


@given(st.lists(st.tuples(kinds, st.floats(0, 10), st.booleans()), max_size=40))
def test_any_order_of_events_is_taken(steps: list[tuple[JobEventKind, float, bool]]) -> None:
    """Whatever comes, spans follow one another, do not run backwards, and add up to the lane's time."""
    book, told, at = ledger(), Told(window=day(1)), 100.0
    for kind, seconds, wrong in steps:
        at += seconds
        book.observe([told.event(kind, at, error=failed() if wrong else None, rows=3)])
    book.finish(at + 1)
    for lane in book.lanes:
        covered = lane.spans_until(at + 1)
        assert all(span.start <= span.end for span in covered)
        assert all(one.end == two.start for one, two in itertools.pairwise(covered))
    closing_table(book)


# a stream


def test_the_usual_time_is_the_median_of_what_completed() -> None:
    """Jobs that completed say how long a job usually runs."""
    book = ledger()
    for seconds in (10, 30, 20):
        told = Told(window=day(seconds))
        book.observe([told.creating(100), told.created(100), told.completed(100 + seconds)])
    assert 20 == book.streams["orders"].usual


def test_nothing_is_usual_before_a_job_has_completed() -> None:
    """A job that still runs says nothing about how long jobs take."""
    told = Told()
    book = ledger()
    book.observe([told.creating(100), told.created(101)])
    assert None is book.streams["orders"].usual


def test_bytes_belong_to_the_stream_and_the_job() -> None:
    """What a download brought counts for its job; what other calls brought for their step only."""
    told = Told()
    book = ledger()
    book.observe([told.creating(100), told.created(101)])
    book.observe_exchange(exchange("polling_requester", 200, 0.1, 50))
    book.observe_exchange(exchange("download_retriever", 206, 0.5, 1000))
    book.observe_exchange(exchange("download_retriever", 206, 0.5, 500, job="other"))
    assert (1500, 1000) == (book.streams["orders"].size, book.lanes[0].size)
    assert (50, 1500) == (book.calls["polling_requester"].size, book.calls["download_retriever"].size)


def test_rows_that_are_out_stay_counted() -> None:
    """Rows emitted before a file turned out to be unreadable were emitted all the same."""
    told = Told()
    book = ledger()
    book.observe(told.life(100)[:8])
    book.writing("orders", 7)
    assert 7 == book.streams["orders"].rows_out
    book.observe([told.failed(109, error=failed())])
    assert (7, 7) == (book.streams["orders"].rows, book.streams["orders"].rows_out)


def test_the_wall_clock_of_a_moment() -> None:
    """Monotonic moments are told as instants."""
    assert datetime(2026, 2, 1, 3, 1, 30, tzinfo=UTC) == ledger().wall(190.0)


# calls


def test_calls_per_step() -> None:
    """Count, answers, median and 95th percentile."""
    calls = StepCalls("polling_requester")
    for hundredth in range(1, 101):
        calls.add(200 if hundredth > 2 else None, hundredth / 100, 10)
    assert (100, 1000, {"200": 98, "no answer": 2}) == (calls.count, calls.size, dict(calls.statuses))
    assert (0.505, 0.95) == (pytest.approx(calls.median), calls.p95)


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_quantile_is_not_exceeded_by_its_share(values: list[float], share: float) -> None:
    """The quantile is one of the values, and the share of them is no greater."""
    found = quantile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)


# words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"), (-1, "0.0 s"), (0.44, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min"), (252, "4 min 12 s"),
        (3600, "1 h"), (7500, "2 h 5 min"), (7199.7, "2 h"), (273600, "3 d 4 h"),
    ],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    """Two units at most, and no more digits than matter."""
    assert text == duration(seconds)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_960, "100 kB"), (999_600, "1.0 MB"), (5e12, "5.0 TB")]
)
def test_sizes(count: float, text: str) -> None:
    """Three digits and a unit."""
    assert text == size(count)
    assert "1,234,567" == number(1234567)


# the closing table


def fail(told: Told, at: float, message: str = "the job failed") -> list[JobEvent]:
    return [told.creating(at), told.created(at + 1), told.failed(at + 2, error=failed(message)), told.kept(at + 2)]


@pytest.mark.promise(10)
def test_the_closing_table() -> None:
    """A line per stream with partitions, windows, rows and outcome, after each failure in the API's own words."""
    book = ledger()
    book.plan("orders", 2, partitions=3)
    book.plan("a_stream_with_a_long_name", 1)
    book.plan("later", 4)
    book.observe(Told(window=day(1), account="7").life(100, rows=1234567))
    book.observe(fail(Told(window=day(2), job="r-2", account="7"), 110))
    book.observe(Told("a_stream_with_a_long_name", job="x").life(100, rows=0))
    book.stream_ended("orders", StreamEnd.FAILED)
    book.stream_ended("a_stream_with_a_long_name", StreamEnd.OK)
    book.stream_ended("later", StreamEnd.INTERRUPTED)
    assert (
        """\
failed: orders account=7 2026-01-02 to 2026-01-03, job r-2: the job failed: no quota

stream                     partitions  windows       rows  outcome
orders                              3      1/2  1,234,567  failed (1 window failed, 1 job kept for the next run)
a_stream_with_a_long_name           -      1/1          0  ok
later                               -      0/4          0  interrupted
"""
        == closing_table(book)
    )


@pytest.mark.promise(10)
def test_a_stream_that_ended_without_a_window_is_told_with_its_error() -> None:
    """What failed before any window, and for every stream at once, is told once for each stream."""
    book = ledger()
    for stream in ("orders", "clicks"):
        book.plan(stream, 1)
        book.stream_ended(stream, StreamEnd.FAILED, LoginError("the API refused the credentials (401)"))
    lines = closing_table(book).splitlines()
    assert [
        "failed: orders: the API refused the credentials (401)",
        "failed: clicks: the API refused the credentials (401)",
    ] == lines[:2]
    assert "orders           -      0/1     0  failed" == lines[4]


@pytest.mark.promise(10)
def test_a_window_s_failure_is_not_told_again_for_its_stream() -> None:
    """The stream's error that a window has told of already adds nothing."""
    book = ledger()
    book.observe(fail(Told(), 100))
    book.stream_ended("orders", StreamEnd.FAILED, failed())
    assert 1 == len(book.failures)


@pytest.mark.promise(10)
def test_many_streams_and_failures_stay_readable() -> None:
    """A hundred streams are a hundred lines; of the failures the first twenty are told, then a count."""
    book = ledger()
    for count in range(100):
        book.plan(f"s{count}", 1)
        book.observe(fail(Told(f"s{count}", job=f"r-{count}"), 100, message=f"failure {count}"))
        book.stream_ended(f"s{count}", StreamEnd.FAILED)
    lines = closing_table(book).splitlines()
    assert "failed: s19, job r-19: failure 19: no quota" == lines[19]
    assert ["… and 80 more failures", ""] == lines[20:22]
    assert 100 == sum(line.startswith("s") and "0/1" in line for line in lines[23:])


@pytest.mark.promise(10)
def test_what_a_run_left_open_is_told() -> None:
    """A stream without a verdict is not finished; skipped partitions are counted."""
    book = ledger()
    book.plan("orders", 2, partitions=2)
    skipped, live = Told(account="7"), Told(account="8", job="r-8")
    book.observe([skipped.creating(100), skipped.skipped(101, error=failed()), live.creating(100), live.created(101)])
    book.finish(105)
    assert "orders           2      0/2     0  not finished (1 partition skipped)" == closing_table(book).splitlines()[-1]
    assert ("RUNNING", 101, 105) == spans(book.lanes[1])[-1]


@pytest.mark.promise(26)
def test_the_table_is_redacted() -> None:
    """No secret that an API repeats in its words is printed."""
    book = ledger()
    book.observe(fail(Told(), 100, message="key s3cret is not known"))
    assert "key *** is not known" in closing_table(book, redact=lambda text: text.replace("s3cret", "***"))
