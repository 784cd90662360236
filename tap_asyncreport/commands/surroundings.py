"""What a command finds around itself: its streams in UTF-8, its log, and a way to write that keeps secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from tap_asyncreport.error_text import printable
from tap_asyncreport.http.guard import guard_logging
from tap_asyncreport.telling import Telling, log_level

if TYPE_CHECKING:
    from tap_asyncreport.http.redaction import Redactor


@contextmanager
def surroundings(telling: Telling) -> Iterator[None]:
    """Logs to stderr, without secrets, at the level that the environment says; stdout takes any character."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    root, handler = logging.getLogger(), logging.StreamHandler(sys.stderr)
    level, levels = root.level, logging.getLevelNamesMapping()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(min(levels.get(log_level(), logging.INFO), logging.WARNING))
    try:
        with guard_logging(telling.redactor):
            yield
            sys.stdout.flush()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


class Console:
    """Writes lines of text, on stdout unless told otherwise: secrets hidden, and nothing that a terminal obeys."""

    def __init__(self, redactor: Redactor, out: TextIO | None = None) -> None:
        self._redactor = redactor
        self._out = out or sys.stdout

    def shown(self, text: str) -> str:
        """The text as it is written."""
        return printable(self._redactor.redact(text))

    def line(self, text: str = "") -> None:
        """One line, or several where the text has line ends; out at once, for people watch."""
        self._out.write(self.shown(text).rstrip() + "\n")
        self._out.flush()

    def lines(self, texts: Iterable[str]) -> None:
        """Several lines."""
        for text in texts:
            self.line(text)

    def text(self, text: str) -> None:
        """A whole document of ours or the user's, as it stands but for secrets."""
        self._out.write(self._redactor.redact(text))
        self._out.flush()


def table(rows: Sequence[Sequence[str]], *, right: Iterable[int] = ()) -> list[str]:
    """Rows in columns that line up; `right` are the columns of numbers."""
    to_right = set(right)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number in to_right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
