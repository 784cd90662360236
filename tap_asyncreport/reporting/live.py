"""The live region of a terminal: a line per stream, redrawn in place; log lines go above it."""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tap_asyncreport.error_text import printable
from tap_asyncreport.reporting import words
from tap_asyncreport.reporting.ledger import RunLedger
from tap_asyncreport.reporting.views import StreamView, views

if TYPE_CHECKING:
    from rich.console import Console, Group

RATE_OVER = 10.0
SPARE_LINES = 5
HEADINGS = ("stream", "windows", "jobs", "oldest", "usual", "rows", "rows/s", "next poll", "waits for")
NAME, WAITS = 0, len(HEADINGS) - 1
SPARED = ("next poll", "rows/s", "usual", "oldest", "jobs", "rows")  # left out first where there is little room
GAP = 2
LEAST_NAME, LEAST_WAITS = 12, 22


def on_terminal(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a person watches stderr alone: a terminal, no structured log asked for, and stdout goes elsewhere."""
    structured = "SINGER_SDK_LOG_CONFIG" in environ
    return sys.stderr.isatty() and not sys.stdout.isatty() and not structured and environ.get("TERM") != "dumb"


class Rates:
    """Rows per second of each stream, over the last ten seconds."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[float, int]]] = {}

    def rate(self, stream: str, rows: int, now: float) -> float:
        """Takes a sample, and says how fast rows came lately."""
        samples = self._samples.setdefault(stream, deque())
        samples.append((now, rows))
        while len(samples) > 1 and now - samples[1][0] >= RATE_OVER:
            samples.popleft()
        since, first = samples[0]
        return (rows - first) / (now - since) if now > since else 0.0


class LiveRegion:
    """Draws the ledger on a terminal; between `start` and `stop`, what is logged to stderr appears above it."""

    def __init__(
        self, ledger: RunLedger, *, console: Console | None = None, redact: Callable[[str], str] = str
    ) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live

        self._ledger = ledger
        self._redact = redact
        self._rates = Rates()
        self._moved: list[tuple[logging.StreamHandler[Any], Any]] = []
        self._console = console or RichConsole(stderr=True, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)

    def start(self) -> None:
        """Opens the region, and sends handlers that write to stderr above it."""
        stderr = sys.stderr
        self._live.start()
        self._console.show_cursor(True)  # a process that is killed must not leave the terminal without one
        if sys.stderr is not stderr:
            for handler in set(_stream_handlers()):
                if handler.stream is stderr:
                    self._moved.append((handler, handler.setStream(sys.stderr)))

    def draw(self, now: float) -> None:
        """Shows how things stand."""
        self._live.update(self._drawn(now), refresh=True)

    def stop(self) -> None:
        """Removes the region, and gives stderr back."""
        for handler, stream in self._moved:
            handler.setStream(stream)
        self._moved.clear()
        self._live.stop()

    def _drawn(self, now: float) -> Group:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        most = self._console.height - SPARE_LINES
        shown = list(rows_of(views(self._ledger, now), most, self._rates, now))
        rows = [tuple(printable(self._redact(cell)) for cell in cells) for cells, _ in shown]
        columns, name_width = fitting([HEADINGS, *rows], self._console.width)
        table = Table.grid(padding=(0, GAP, 0, 0), expand=True)
        for column in columns:
            justify: Literal["left", "right"] = "left" if column in (NAME, WAITS) else "right"
            width = name_width if column == NAME else None
            table.add_column(justify=justify, no_wrap=True, max_width=width, ratio=1 if column == WAITS else None)
        for cells, style in [(HEADINGS, "dim"), *zip(rows, (style for _, style in shown), strict=True)]:
            table.add_row(*(Text(cells[column], style=style) for column in columns))
        return Group(table, "")  # on a line of its own the terminal's echo of ^C moves nothing


def fitting(rows: Sequence[tuple[str, ...]], width: int) -> tuple[list[int], int]:
    """The columns that fit side by side without a digit left out, and how wide the streams' names may be."""
    from rich.cells import cell_len

    needed = [max(cell_len(cells[column]) for cells in rows) + GAP for column in range(len(HEADINGS))]
    name = min(needed[NAME], max(LEAST_NAME, width // 3) + GAP)
    waits = min(needed[WAITS], LEAST_WAITS)
    columns = list(range(len(HEADINGS)))
    for spared in SPARED:
        if name + waits + sum(needed[column] for column in columns[1:-1]) <= width:
            break
        columns.remove(HEADINGS.index(spared))
    return columns, name - GAP


def rows_of(shown: Sequence[StreamView], most: int, rates: Rates, now: float) -> Iterator[tuple[tuple[str, ...], str]]:
    """Cells and style of each line: streams at work first, and as many others as there is room for."""
    speeds = {view.stream: rates.rate(view.stream, view.rows, now) for view in shown}
    if len(shown) > most:
        shown = sorted(shown, key=lambda view: (not view.live, view.outcome is not None))
    for view in shown[: max(1, most)]:
        yield _cells(view, speeds[view.stream]), _style(view)
    rest = shown[max(1, most) :]
    if rest:
        told = f"{sum(view.outcome is not None for view in rest)} over"
        failed = sum(_has_failed(view) for view in rest)
        blank = ("",) * (len(HEADINGS) - 2)
        name = f"… {words.many(len(rest), 'more stream')}"
        yield (name, *blank, f"{told}, {failed} failed" if failed else told), "red" if failed else "dim"


def _cells(view: StreamView, speed: float) -> tuple[str, ...]:
    over = view.outcome is not None
    return (
        view.stream,
        view.windows,
        words.number(view.running) if view.running else "",
        _time(view.oldest),
        "" if over else _time(view.usual),
        words.number(view.rows),
        words.number(round(speed)) if speed >= 1 and not over else "",
        "" if over else _time(view.next_poll),
        view.outcome or view.waits_for,
    )


def _time(seconds: float | None) -> str:
    return "" if seconds is None else words.duration(seconds)


def _style(view: StreamView) -> str:
    if _has_failed(view):
        return "red"
    return "" if view.live else "dim"


def _has_failed(view: StreamView) -> bool:
    return bool(view.failed) or (view.outcome or "").startswith("failed")


def _stream_handlers() -> Iterator[logging.StreamHandler[Any]]:
    root = logging.getLogger()
    loggers = [root, *(found for found in root.manager.loggerDict.values() if isinstance(found, logging.Logger))]
    for logger in loggers:
        yield from (handler for handler in logger.handlers if isinstance(handler, logging.StreamHandler))
