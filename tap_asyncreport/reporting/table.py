"""The closing table: how each stream ended, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tap_asyncreport.error_text import printable
from tap_asyncreport.reporting import words
from tap_asyncreport.reporting.ledger import RunLedger
from tap_asyncreport.reporting.tally import Tally

MOST_FAILURES = 20
HEADINGS = ("stream", "partitions", "windows", "rows", "outcome")
LEFT = (True, False, False, False, True)


def closing_table(ledger: RunLedger, *, redact: Callable[[str], str] = str) -> str:
    """The failures with the API's own words and job ids, then a line per stream; plain text that ends in a newline."""
    with ledger.lock:
        rows = [_row(tally) for tally in ledger.streams.values()]
        failures = [f"failed: {failure.place}: {failure.words}" for failure in ledger.failures]
    lines = failures[:MOST_FAILURES]
    if len(failures) > MOST_FAILURES:
        lines.append(f"… and {words.many(len(failures) - MOST_FAILURES, 'more failure')}")
    if lines:
        lines.append("")
    lines += _aligned([HEADINGS, *rows])
    return redact("".join(f"{printable(line)}\n" for line in lines))


def _row(tally: Tally) -> tuple[str, ...]:
    planned = words.number(tally.planned) if tally.planned is not None else "?"
    return (
        tally.name,
        words.number(tally.partitions) if tally.partitions else "-",
        f"{words.number(tally.windows_done)}/{planned}",
        words.number(tally.rows_out),
        tally.outcome,
    )


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return ["  ".join(_cells(row, widths)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if left else cell.rjust(width) for cell, width, left in zip(row, widths, LEFT, strict=True)
    ]
