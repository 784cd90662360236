"""JSON read with the place of every key, and with keys that stand twice told."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from math import inf
from typing import Any, NoReturn

from tap_asyncreport.config.sources import Located, Place
from tap_asyncreport.config.text import BadSyntax, FileText
from tap_asyncreport.errors import Problem

_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}
_DEEPEST = 200
_MOST_DIGITS = 4000


def read_json(file: FileText) -> tuple[Located, list[Problem]]:
    """The text's value, and the faults that do not end its reading; raises BadSyntax for those that do."""
    reader = _Reader(file)
    return reader.whole(), reader.problems


class _Reader:
    def __init__(self, file: FileText) -> None:
        self._file = file
        self._text = file.text
        self._at = 0
        self._depth = 0
        self.problems: list[Problem] = []

    def whole(self) -> Located:
        self._skip()
        value = self._value(self._file.place(self._at))
        self._skip()
        if self._at < len(self._text):
            self._fail("there is more after the end of the JSON")
        return value

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _fail(self, message: str, hint: str | None = None) -> NoReturn:
        raise BadSyntax(self._file.problem(self._at, message, hint))

    def _value(self, place: Place) -> Located:
        start = self._next()
        if start == "{":
            return Located(self._within(self._mapping), place)
        if start == "[":
            return Located(self._within(self._list), place)
        return Located(self._scalar(start), place)

    def _within(self, read: Any) -> Any:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail(f"nested more than {_DEEPEST} deep")
        value = read()
        self._depth -= 1
        return value

    def _scalar(self, start: str) -> Any:
        if start == '"':
            return self._string()
        word = next((word for word in _WORDS if self._text.startswith(word, self._at)), None)
        if word is not None:
            self._at += len(word)
            return _WORDS[word]
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            self._fail("a JSON value is expected here")
        value = float(number[0]) if number[1] or number[2] else int(number[0][:_MOST_DIGITS])
        if value in (inf, -inf) or len(number[0]) > _MOST_DIGITS:
            self._fail("no number that large can be read")
        self._at = number.end()
        return value

    def _string(self) -> str:
        try:
            text: str
            text, self._at = scanstring(self._text, self._at + 1, True)
        except json.JSONDecodeError as error:
            self._at = min(error.pos, len(self._text))
            self._fail(f"{error.msg[0].lower()}{error.msg[1:]}")
        return text

    def _mapping(self) -> dict[str, Located]:
        mapping: dict[str, Located] = {}
        self._at += 1
        self._skip()
        while self._next() != "}":
            if self._next() != '"':
                self._fail("a key in double quotes is expected here", self._comma_hint())
            start = self._at
            key = self._string()
            self._expect(":", f"a colon is expected after the key `{key}`")
            if key in mapping:
                before = mapping[key].place.line
                self.problems.append(
                    self._file.problem(start, f"the key stands twice, first in line {before}", key=key)
                )
            mapping[key] = self._value(self._file.place(start))
            self._comma("}")
        self._at += 1
        return mapping

    def _list(self) -> list[Located]:
        items = []
        self._at += 1
        self._skip()
        while self._next() != "]":
            items.append(self._value(self._file.place(self._at)))
            self._comma("]")
        self._at += 1
        return items

    def _expect(self, character: str, message: str) -> None:
        self._skip()
        if self._next() != character:
            self._fail(message)
        self._at += 1
        self._skip()

    def _comma(self, end: str) -> None:
        self._skip()
        if self._next() == ",":
            self._at += 1
            self._skip()
            if self._next() == end:
                self._fail(f"no comma may stand before `{end}` in JSON")
        elif self._next() != end:
            self._fail(f"a comma or `{end}` is expected here")

    def _comma_hint(self) -> str | None:
        stranger = self._next() in ("/", "#", "'")
        return "JSON has no comments and no single quotes; a .yaml file may have both" if stranger else None
