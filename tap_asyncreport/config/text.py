"""The text of a file: its physical lines, and how its faults are told."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from tap_asyncreport.config.sources import Place
from tap_asyncreport.errors import Problem

_BREAK = re.compile(r"\r\n|\r|\n")


class BadSyntax(Exception):  # noqa: N818
    """The text is not JSON or YAML; carries the one Problem that ends its reading.

    `meant` are texts without that fault, the likeliest first, for those who read on to find the others; `reached` is
    how far this one was read, where that is beyond the place of the problem.
    """

    def __init__(self, problem: Problem, meant: Sequence[FileText] = (), reached: Place | None = None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.meant = meant
        self.reached = reached or Place(problem.file, problem.line, problem.column)


class Change(NamedTuple):
    """The characters from `start` up to `end` become `text`, which holds no line end that was not there."""

    start: int
    end: int
    text: str


class FileText:
    """A file's text and where in it an index stands: lines are physical, from 1 (LF, CR and CRLF count)."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.doubtful: tuple[Place, ...] = ()  # where a change had to guess a value
        self._starts = [0, *(found.end() for found in _BREAK.finditer(text))]
        self._before: FileText | None = None
        self._changes: Sequence[Change] = ()

    def changed(self, *changes: Change, doubtful: bool = False) -> FileText:
        """The text with these changes, in order; its places are those of the text as it was read."""
        pieces, at = [], 0
        for change in changes:
            pieces += [self.text[at : change.start], change.text]
            at = change.end
        other = FileText(self.name, "".join([*pieces, self.text[at:]]))
        other._before, other._changes = self, changes
        other.doubtful = (*self.doubtful, *([self.place(changes[0].start)] if doubtful else []))
        return other

    def place(self, index: int) -> Place:
        """The line and column of a character."""
        if self._before is not None:
            return self._before.place(self._unchanged(index))
        line = bisect_right(self._starts, index)
        return Place(self.name, line, index - self._starts[line - 1] + 1)

    def _unchanged(self, index: int) -> int:
        """Where a character stood before the changes."""
        shift = 0
        for change in self._changes:
            start = change.start + shift
            if index < start + len(change.text):
                return min(index - shift, change.start)
            shift += len(change.text) - (change.end - change.start)
        return index - shift

    def number(self, index: int) -> int:
        """The line in which a character stands; changes leave it as it was."""
        return bisect_right(self._starts, index)

    def start(self, number: int) -> int:
        """Where a physical line begins."""
        return self._starts[number - 1] if number <= len(self._starts) else len(self.text)

    def line(self, number: int) -> str:
        """A physical line, without its end."""
        return self.text[self.start(number) : self.start(number + 1)].rstrip("\r\n")

    @property
    def lines(self) -> int:
        """How many physical lines there are."""
        return len(self._starts)

    def problem(self, index: int, message: str, hint: str | None = None, key: str = "") -> Problem:
        """A fault at a character."""
        place = self.place(index)
        return Problem(message, key, place.file, place.line, place.column, hint)
