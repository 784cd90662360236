"""A log that can be read when thousands of jobs fail: the first few for each reason, and how many there were."""

from __future__ import annotations

import itertools
import logging

import pytest

from tap_asyncreport.reporting.lines import BURST, LogLines
from tap_asyncreport.reporting.repeats import FIRST, MOST_REASONS
from tests.told import Told, day, failed, ledger


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "tap-asyncreport")
    return caplog


@pytest.mark.promise(29)
def test_failures_alike_are_told_a_few_times_and_counted(log: pytest.LogCaptureFixture) -> None:
    """Thousands of partitions that fail for one reason are a few lines, and one at the end that says how many."""
    book = ledger()
    lines = LogLines(book)
    for count in range(3000):
        told = Told(window=day(1), job=f"r-{count}", account=count)
        refused = told.failed(100, error=failed(f"the API answered 403 (try {count})", excerpt=f"no account {count}"))
        left = told.warning(100, error=failed("deleting the job: the API answered 500", excerpt=f"no {count}"))
        book.observe([refused, left])
        lines.observe([refused, left])
    other = Told(window=day(2)).failed(100, error=failed("the job failed"))
    book.observe([other])
    lines.observe([other])
    assert 2 * FIRST + 1 == len(log.messages)
    assert "no account 4" in log.messages[-3]
    lines.close()
    refusal = "of which 2,995 are not told one by one: the API answered 403 (try 0)"
    leaving = "of which 2,995 are not told one by one: deleting the job: the API answered 500"
    assert [
        (logging.ERROR, f"orders: 3,000 windows failed, {refusal}"),
        (logging.WARNING, f"orders: 3,000 warnings, {leaving}"),
    ] == [(record.levelno, record.getMessage()) for record in log.records[-2:]]
    assert 3001 == len(book.failures)


@pytest.mark.promise(29)
def test_failures_of_a_thousand_kinds_are_bounded_too(log: pytest.LogCaptureFixture) -> None:
    lines = LogLines(ledger())
    names = ("".join(letters) for letters in itertools.product("abcdefgh", repeat=4))
    for count, name in enumerate(itertools.islice(names, 2000)):
        lines.observe([Told(window=day(1), job=name, account=count).failed(100, error=failed(f"no table {name}"))])
    lines.close()
    assert MOST_REASONS + 1 == len(log.messages)
    assert "orders: 1,980 windows failed for other reasons, and are not told one by one" == log.messages[-1]


@pytest.mark.promise(29)
def test_a_sum_says_why_jobs_are_made_again(log: pytest.LogCaptureFixture) -> None:
    """Who does not log at DEBUG learns the reasons too, the most usual first."""
    book = ledger()
    book.plan("orders", 1000)
    lines = LogLines(book)
    rest = ["the job failed: its status is 'FAILED'"] * 13 + ["it timed out"] * 3 + ["gone"] * 2 + ["asleep"]
    for count, why in enumerate(["the job failed"] * BURST + rest):
        lines.observe([Told(window=day(count + 1), job=f"r-{count}").retrying(100, error=failed(why))])
    lines.close()
    assert (
        "orders: jobs since the last line: 19 made again; 0/1,000 windows, 0 rows; made again because: "
        "the job failed: its status is 'FAILED' (13 times); it timed out (3 times); gone (2 times); 1 time for other reasons"
    ) == log.messages[-1]


@pytest.mark.promise(29)
def test_a_heartbeat_counts_what_failed(log: pytest.LogCaptureFixture) -> None:
    book = ledger()
    book.plan("orders", 9)
    lines = LogLines(book)
    told, running = Told(window=day(1), account=1), Told(window=day(1), account=2)
    for event in (told.creating(100), told.failed(101, error=failed()), running.creating(102), running.created(103)):
        book.observe([event])
        lines.observe([event])
    lines.tick(161)
    assert "; 1 failed;" in log.messages[-1]
