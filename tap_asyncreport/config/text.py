"""The text of a file: its physical lines, and how its faults are told."""

from __future__ import annotations

import re
from bisect import bisect_right

from tap_asyncreport.config.sources import Place
from tap_asyncreport.errors import Problem

_BREAK = re.compile(r"\r\n|\r|\n")


class BadSyntax(Exception):  # noqa: N818
    """The text is not JSON or YAML; carries the one Problem that ends its reading."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class FileText:
    """A file's text and where in it an index stands: lines are physical, from 1 (LF, CR and CRLF count)."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]

    def place(self, index: int) -> Place:
        """The line and column of a character."""
        line = bisect_right(self._starts, index)
        return Place(self.name, line, index - self._starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """A physical line, without its end."""
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def problem(self, index: int, message: str, hint: str | None = None, key: str = "") -> Problem:
        """A fault at a character."""
        place = self.place(index)
        return Problem(message, key, place.file, place.line, place.column, hint)
