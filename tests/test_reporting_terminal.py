"""The live region of a terminal: what it shows, how it fits, when it is shown."""

from __future__ import annotations

import io
import logging
import re
import sys

import pytest
from rich.console import Console

from tap_asyncreport.reporting import RunLedger, on_terminal
from tap_asyncreport.reporting.live import LiveRegion, Rates, rows_of
from tap_asyncreport.reporting.views import views
from tests.told import Told, day, failed, ledger


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.promise(29)
def test_a_terminal_shows_a_line_per_stream() -> None:
    """The region shows windows, jobs with their age against the usual, rows and rate, the next poll, what is waited for."""
    book = ledger()
    book.plan("orders", 40)
    book.plan("clicks", 7)
    book.observe(Told(window=day(1)).life(100, rows=81200))
    told = Told(window=day(2), job="r-2")
    book.observe([told.creating(110), told.created(111), told.polled(130, word="QUEUED", wait=40.0)])
    screen = Terminal()
    region = LiveRegion(book, console=Console(file=screen, force_terminal=True, width=160, height=24, color_system=None))
    region.start()
    region.draw(160)
    region.stop()
    lines = [" ".join(line.split()) for line in screen.getvalue().splitlines()]
    assert "stream windows jobs oldest usual rows rows/s next poll waits for" in lines[0]
    assert "orders 1/40 1 49 s 4.0 s 81,200 10 s the API (1 QUEUED)" == lines[1]
    assert "clicks 0/7 0 a slot" == lines[2]


@pytest.mark.promise(29)
@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_digit_is_left_out_where_there_is_little_room(width: int) -> None:
    """Columns that do not fit are left out, the least wanted first; what a stream waits for always has a place."""
    lines = shown(several_streams(), width)
    assert all(len(line) <= width for line in lines)
    assert ["stream", "windows"] == lines[0].split()[:2]
    assert lines[0].rstrip().endswith("waits for")
    assert re.match(r"orders +1/40 ", lines[1])
    assert "the API (1 IN_PROGRESS)" in lines[1]
    assert re.match(r"clicks +12/1,070 .*backing off 2", lines[2])
    assert re.match(r"inventory_by_wareho\S* +0/7 ", lines[3])
    assert not re.search(r"\d…", "\n".join(lines))
    assert ("usual" in lines[0]) == (width >= 100)
    assert ("next poll" in lines[0]) == (width == 140)


def test_forty_streams_on_a_small_terminal() -> None:
    """Those at work are shown; of the others it is said how many are over, and how many of them failed."""
    book = several_streams()
    for count in range(37):
        book.plan(f"s{count}", 1)
        book.stream_ended(f"s{count}", "failed" if count < 3 else "ok", at=120)
    lines = shown(book, 80, height=12)
    assert 1 + 7 + 1 == len(lines)
    assert re.fullmatch(r"… 33 more streams +33 over", lines[-1].strip()), lines[-1]


def several_streams() -> RunLedger:
    book = ledger()
    book.plan("orders", 40)
    book.plan("clicks", 1070)
    book.plan("inventory_by_warehouse_and_day", 7)
    book.observe(Told(window=day(1)).life(100, rows=81_200))
    for count in range(12):
        book.observe(Told("clicks", day(count + 1)).life(100, rows=324_800))
    running, refused = Told(window=day(2), job="r-2"), Told("clicks", day(20))
    book.observe([running.creating(110), running.created(111), running.polled(130, word="IN_PROGRESS", wait=40.0)])
    book.observe([refused.creating(110), refused.busy(140, wait=42.0, error=failed("creating the job: the API answered 429"))])
    return book


def shown(book: RunLedger, width: int, height: int = 24) -> list[str]:
    screen = Terminal()
    region = LiveRegion(book, console=Console(file=screen, force_terminal=True, width=width, height=height, color_system=None))
    region.start()
    region.draw(160)
    lines = re.sub(r"\x1b\[[?\d;]*[a-zA-Z]", "", screen.getvalue()).replace("\r", "").splitlines()
    region.stop()
    return [line for line in lines if line.strip()]


@pytest.mark.promise(29)
def test_log_lines_go_above_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that writes to stderr writes through the region while that is open, and as before afterwards."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    handler = logging.StreamHandler(sys.stderr)
    logger = logging.getLogger("test-above-the-region")
    logger.addHandler(handler)
    book = ledger()
    book.plan("orders", 1)
    region = LiveRegion(book, console=Console(file=screen, force_terminal=True, width=80, height=24, color_system=None))
    region.start()
    region.draw(100)
    logger.error("a line of the log")
    drawn = screen.getvalue()
    region.stop()
    assert (handler.stream, sys.stderr) == (screen, screen)
    before, after = drawn.split("a line of the log\n")
    assert "orders" in before
    assert "0/1" in after
    logger.removeHandler(handler)


def test_streams_at_work_come_first_when_there_is_little_room() -> None:
    """A terminal of few lines shows what is at work, and counts the rest."""
    book = ledger()
    for count in range(9):
        book.plan(f"s{count}", 1)
        book.stream_ended(f"s{count}", "ok")
    told = Told("busy")
    book.observe([told.creating(100), told.created(101)])
    rows = [cells for cells, _ in rows_of(views(book, 110), 3, Rates(), 110)]
    assert ["busy", "s0", "s1", "… 7 more streams"] == [row[0] for row in rows]
    assert "7 over" == rows[-1][-1]


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """Rows per second over ten seconds, so that what was long ago does not count."""
    rates = Rates()
    assert [0.0, 100.0, 100.0, 50.0, 0.0] == [
        rates.rate("orders", rows, at) for at, rows in ((0, 0), (5, 500), (10, 1000), (20, 1500), (40, 1500))
    ]


@pytest.mark.promise(29)
@pytest.mark.parametrize(
    ("stderr", "stdout", "environ", "live"),
    [
        (True, False, {}, True),
        (True, True, {}, False),
        (False, False, {}, False),
        (True, False, {"TERM": "dumb"}, False),
        (True, False, {"SINGER_SDK_LOG_CONFIG": "logging.json"}, False),
    ],
)
def test_when_the_region_is_shown(
    stderr: bool, stdout: bool, environ: dict[str, str], live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only on a terminal that does not also get the records, and not where a structured log was asked for."""
    monkeypatch.setattr(sys, "stderr", Terminal() if stderr else io.StringIO())
    monkeypatch.setattr(sys, "stdout", Terminal() if stdout else io.StringIO())
    assert live == on_terminal(environ)
