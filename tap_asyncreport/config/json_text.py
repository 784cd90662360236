"""JSON read with the place of every key, and with keys that stand twice told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.decoder import scanstring  # type: ignore[attr-defined]
from math import inf
from typing import Any, NoReturn

from tap_asyncreport.config.sources import Located, Place
from tap_asyncreport.config.text import BadSyntax, Change, FileText
from tap_asyncreport.errors import Problem

_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"-?0\d")
_WORDS = {"true": True, "false": False, "null": None}
_TO_LINE_END = re.compile(r'"(?:\\.|[^"\\\r\n])*?(?=[ \t]*,?[ \t]*(?:[\r\n]|\Z))')
_OVER_LINES = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_WORD = re.compile(r"[^\s\"',:{}\[\]]+")
_MARKS = '"\\,:}] '  # what is added without any guess at a value
_BARE = re.compile(r"[A-Za-z_][\w-]*(?=\s*:)")
_NO_COMMENTS = ("JSON has no comments", "remove it, or write the configuration as YAML")
_NO_SINGLE = ("JSON has no single quotes", "use double quotes")
_LOWER = {"True": "true", "False": "false", "None": "null"}
# What stands where something else is expected, how it is told, and how it was meant.
_TRAPS: tuple[tuple[re.Pattern[str], tuple[str, str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?://|#)[^\r\n]*"), _NO_COMMENTS, lambda _: ""),
    (re.compile(r"/\*[^*]*\*/"), _NO_COMMENTS, lambda _: ""),
    (re.compile(r"'([^'\r\n]*)'"), _NO_SINGLE, lambda found: json.dumps(found[1])),
    (
        re.compile(r"(?:True|False|None)\b"),
        ("JSON spells it true, false and null", "write it in small letters; None is null"),
        lambda found: _LOWER[found[0]],
    ),
    (
        re.compile(r"(-?)0+(\d+)"),
        ("no number of JSON begins with 0", "write it without, or in double quotes where the text is meant"),
        lambda found: found[1] + found[2],
    ),
)
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
        self._open: list[str] = []  # what is still to be closed
        self._opening = 0
        self.problems: list[Problem] = []

    def whole(self) -> Located:
        self._skip()
        value = self._value(self._file.place(self._at))
        self._skip()
        if self._at < len(self._text):
            stray = [Change(self._at, self._at + 1, "")] if self._next() in ("}", "]") else []
            self._fail("there is more after the end of the JSON", None, *stray)
        return value

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _fail(self, message: str, hint: str | None = None, *meant: Change) -> NoReturn:
        """Ends the reading; where what stands here is a trap that people know from elsewhere, it is told by name."""
        for written, said, how in _TRAPS:
            if found := written.match(self._text, self._at):
                change = Change(found.start(), found.end(), how(found))
                raise BadSyntax(self._file.problem(self._at, *said), [self._file.changed(change)])
        texts = [self._file.changed(change, doubtful=bool(change.text.strip(_MARKS))) for change in meant]
        raise BadSyntax(self._file.problem(self._at, message, hint), texts)

    def _value(self, place: Place) -> Located:
        start = self._next()
        if start == "{":
            return Located(self._within(self._mapping, "}"), place)
        if start == "[":
            return Located(self._within(self._list, "]"), place)
        return Located(self._scalar(start), place)

    def _within(self, read: Any, close: str) -> Any:
        self._open.append(close)
        if len(self._open) > _DEEPEST:
            self._fail(f"nested more than {_DEEPEST} deep")
        value = read()
        self._open.pop()
        return value

    def _scalar(self, start: str) -> Any:
        if start == '"':
            return self._string()
        word = next((word for word in _WORDS if self._text.startswith(word, self._at)), None)
        if word is not None:
            self._at += len(word)
            return _WORDS[word]
        number = _NUMBER.match(self._text, self._at)
        if number is None or _LEADING_ZERO.match(self._text, self._at):
            bare = _WORD.match(self._text, self._at)
            meant = [Change(bare.start(), bare.end(), json.dumps(bare[0]))] if bare else []
            self._fail("a JSON value is expected here", "a text stands in double quotes" if bare else None, *meant)
        value = float(number[0]) if number[1] or number[2] else int(number[0][:_MOST_DIGITS])
        if value in (inf, -inf) or len(number[0]) > _MOST_DIGITS:
            self._fail("no number that large can be read")
        self._at = number.end()
        return value

    def _string(self) -> str:
        self._opening = self._at
        try:
            text: str
            text, self._at = scanstring(self._text, self._at + 1, True)
        except json.JSONDecodeError as error:
            self._open_text(error)
        return text

    def _open_text(self, error: json.JSONDecodeError) -> NoReturn:
        """A text that cannot be read: an escape that does not exist, or no end on its line."""
        if "escape" in error.msg:
            self._at = min(error.pos, len(self._text))
            said = "`\\` begins an escape in JSON, and there is none of that name"
            self._fail(said, "write `\\\\`", Change(self._at, self._at, "\\"))
        self._at = self._opening
        line, whole = _TO_LINE_END.match(self._text, self._at), _OVER_LINES.match(self._text, self._at)
        end = line.end() if line else len(self._text)
        meant = [Change(end, end, '"')]
        if whole:
            meant.append(Change(whole.start(), whole.end(), json.dumps(whole[1])))
        self._fail("a text ends on the line on which it begins", 'close it with `"`, or write \\n for a line end', *meant)

    def _mapping(self) -> dict[str, Located]:
        mapping: dict[str, Located] = {}
        self._at += 1
        self._skip()
        while self._next() != "}":
            if self._next() != '"':
                self._ended()
                bare = _BARE.match(self._text, self._at)
                meant = [Change(self._at, bare.end(), f'"{bare[0]}"')] if bare else []
                self._fail("a key in double quotes is expected here", None, *meant)
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
            self._ended()
            items.append(self._value(self._file.place(self._at)))
            self._comma("]")
        self._at += 1
        return items

    def _expect(self, character: str, message: str) -> None:
        self._skip()
        if self._next() != character:
            self._fail(message, None, Change(self._at, self._at + (self._next() == "="), character))
        self._at += 1
        self._skip()

    def _comma(self, end: str) -> None:
        before = self._at
        self._skip()
        if self._next() == ",":
            comma = Change(self._at, self._at + 1, "")
            self._at += 1
            self._skip()
            if self._next() == end:
                self._fail(f"no comma may stand before `{end}` in JSON", None, comma)
        elif self._next() != end:
            self._ended()
            goes_on = self._next() == '"' or (end == "]" and self._next() in ("{", "["))
            meant = [Change(before, before, ",")] if goes_on else []
            self._fail(f"a comma or `{end}` is expected here", None, *meant)

    def _ended(self) -> None:
        """Fails where the text ends before a mapping or a list does."""
        if not self._next():
            close = "".join(reversed(self._open))
            self._fail(f"the JSON ends here, and `{close}` is missing", None, Change(self._at, self._at, close))
