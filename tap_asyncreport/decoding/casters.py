"""A column's values to JSON, many at a time; each type has a quick way for what needs no change and an exact one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Any, NoReturn

import msgspec

from tap_asyncreport.decoding import json_text
from tap_asyncreport.decoding.fields import Field
from tap_asyncreport.decoding.json_text import Constant, Number
from tap_asyncreport.decoding.rules import rule_check
from tap_asyncreport.decoding.source import Misfit, Observed, misfit
from tap_asyncreport.decoding.values import NUMERIC, NonFinite, text_reader
from tap_asyncreport.templates.json_path import Step, look

Texts = Sequence[str | None]
Place = Callable[[int], str]

_MEMO_LIMIT = 2_000
_MEMO_CHARACTERS = 64
_STRUCTURES = ("object", "array")
_WORDS = {True: "true", False: "false"}
_SAFE_DIGITS = 300
_CONTROLS = bytes(range(0x20)) + b'"\\'
_NUMBERS = msgspec.json.Decoder(list[float])
_NUMBERS_OR_NULL = msgspec.json.Decoder(list[float | None])
_DAY = r"[1-9]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8]|(?<!02-)(?:29|30)|(?<=0[13578]-)31|(?<=1[02]-)31)"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d++)?"
_INSTANTS = tuple(
    (re.compile(rf"(?:{_DAY}{between}{_CLOCK}{re.escape(ending)}\n)*+", re.ASCII), ending)
    for between, ending in (("T", "Z"), ("[T ]", ""), ("[T ]", "+00:00"), ("[T ]", "+0000"))
)


class _Memo(dict[str | None, str]):
    """What texts became; bounded, so that memory does not grow with the file."""

    def __init__(self, read: Callable[[str | None], str]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str | None) -> str:
        value = self._read(text)
        if text is None or len(text) <= _MEMO_CHARACTERS:
            if len(self) >= _MEMO_LIMIT:
                self.clear()
            self[text] = value
        return value


class Caster:
    """Reads the values of one column; `non_finite` and nulls as the configuration says, misfits as DecodeError."""

    def __init__(self, field: Field, observed: Observed, *, non_finite: str) -> None:
        self.field = field
        self._observed = observed
        self._non_finite = non_finite
        self._read = text_reader(field)
        self._check = rule_check(field)
        self._memo = _Memo(self._text)
        self._lost: set[str] = set()
        self._nulls_seen = False
        self._quick = self._quick_way()
        self._verbatim = self._quick == self._quick_strings and not field.nulls
        self._normal: set[str] | None = set() if field.type in ("date", "date-time") and field.rules is None else None

    def column(self, texts: Texts, place: Place, *, plain: bool = False) -> tuple[Sequence[str], bool]:
        """JSON for each text, and whether it still lacks its quotes (so that they can stand in the line's pattern).

        `plain` says that no text holds anything to escape.
        """
        if plain and self._verbatim:
            return texts, True  # type: ignore[return-value]
        if self._normal is not None and self._normal.issuperset(texts):
            return texts, True  # type: ignore[return-value]
        if self._quick is not None:
            quick = self._quick(texts)
            if quick is not None:
                return quick
        values = self._exactly(texts, place)
        if self._normal is not None:
            self._normal.update(t for t, value in zip(texts, values, strict=True) if t and value == f'"{t}"')
            if len(self._normal) > _MEMO_LIMIT:
                self._normal = None
        return values, False

    def value(self, value: Any, place: str) -> str:
        """JSON for one value of a JSON record; a scalar counts as the text it is written with."""
        try:
            return self._value(value)
        except Misfit as why:
            raise misfit(place, self.field.name, value, why) from None

    def _exactly(self, texts: Texts, place: Place) -> list[str]:
        try:
            read = self._text if self.field.type in _STRUCTURES else self._memo.__getitem__
            values = list(map(read, texts))
        except Misfit:
            self._blame(texts, place)
        if self._lost:
            self._observed.non_finite += sum(text in self._lost for text in texts)
        return values

    def _blame(self, texts: Texts, place: Place) -> NoReturn:
        for row, text in enumerate(texts):
            try:
                self._text(text)
            except Misfit as why:
                raise misfit(place(row), self.field.name, text, why) from None
        raise AssertionError("a misfit that no value shows")

    def _text(self, text: str | None) -> str:
        if text is None or text in self.field.nulls:
            return self.null()
        if self.field.type in _STRUCTURES:
            return self._checked(self._structure(text))
        try:
            return self._checked(self._read(text))
        except NonFinite:
            self._lose()
            if len(self._lost) < _MEMO_LIMIT:
                self._lost.add(text)
            return self.null()

    def null(self) -> str:
        """JSON for a value that is missing; raises Misfit where the schema allows none."""
        if not self.field.nullable:
            raise Misfit("is null, which the schema does not allow")
        return "null"

    def _lose(self) -> None:
        if self._non_finite == "error":
            raise Misfit("is not a number that JSON or a double can hold", "`decode.non_finite: null` makes it null")

    def _count_lost(self, _: str) -> None:
        self._lose()
        self._observed.non_finite += 1

    def _checked(self, value: str) -> str:
        if self._check is not None:
            self._check(value)
        return value

    def _structure(self, text: str) -> str:
        """JSON text in a cell, as the object or array that it is."""
        try:
            value = json_text.parse(text)
        except (ValueError, RecursionError):
            raise Misfit(f"is not JSON, and the column holds an {self.field.type}") from None
        if not isinstance(value, dict if self.field.type == "object" else list):
            raise Misfit(f"is not an {self.field.type}")
        return json_text.write(value, self._count_lost)

    def _value(self, value: Any) -> str:
        kind, sort = self.field.type, type(value)
        if sort is Number or sort is bool:
            if kind != "any" and kind not in _STRUCTURES:
                text = str(value) if sort is Number else _WORDS[value]
                known = self._memo[text]
                self._observed.non_finite += text in self._lost
                return known
        elif sort is str:
            if kind in _STRUCTURES:
                return self._text(value)
            if kind not in ("string", "any"):
                known = self._memo[value]
                self._observed.non_finite += value in self._lost
                return known
            return self.null() if value in self.field.nulls else self._checked(json_text.text_of(value))
        elif value is None:
            return self.null()
        elif sort is Constant and kind not in NUMERIC:
            self._count_lost(value)
            return self.null()
        return self._other(value)

    def _other(self, value: Any) -> str:
        kind = self.field.type
        if kind == "any":
            return self._checked(json_text.write(value, self._count_lost))
        if isinstance(value, dict | list):
            return self._nested(value)
        if kind in _STRUCTURES:
            raise Misfit(f"is not an {kind}")
        known = self._memo[str(value)]
        self._observed.non_finite += str(value) in self._lost
        return known

    def _nested(self, value: Any) -> str:
        kind = self.field.type
        written = json_text.write(value, self._count_lost)
        if kind == "string":
            return self._checked(json_text.text_of(written))
        if kind != ("object" if isinstance(value, dict) else "array"):
            raise Misfit(f"is an {'object' if isinstance(value, dict) else 'array'}, not {_article(kind)}")
        return self._checked(written)

    def _quick_way(self) -> Callable[[Texts], tuple[Sequence[str], bool] | None] | None:
        field = self.field
        if self._check is not None or not field.nullable:
            return None
        if field.type in NUMERIC and not (field.thousands or field.percent or field.decimal_mark != "."):
            return self._quick_numbers if field.nulls <= {""} else None
        if field.type in ("string", "any"):
            return self._quick_strings
        return self._quick_instants if field.type == "date-time" and field.format is None else None

    def _quick_numbers(self, texts: Texts) -> tuple[Sequence[str], bool] | None:
        """Numbers that are JSON as they stand: checked in one go, and kept to the last digit."""
        if self._nulls_seen:
            if not self.field.nulls or "null" in texts:
                return None
            texts = [text or "null" for text in texts]
        try:
            joined = ",".join(texts)  # type: ignore[arg-type]
            decoder = _NUMBERS_OR_NULL if self._nulls_seen else _NUMBERS
            fits = len(decoder.decode(f"[{joined}]")) == len(texts)
        except (TypeError, ValueError):
            fits = False
        else:
            if self.field.type == "integer":
                fits = fits and not ("." in joined or "e" in joined or "E" in joined)
            if fits and not (" " in joined or "\t" in joined or "\n" in joined or "\r" in joined):
                return texts, False  # type: ignore[return-value]
        if not self._nulls_seen and self.field.nulls and ("" in texts or None in texts):
            self._nulls_seen = True
            return self._quick_numbers(texts)
        return None

    def _quick_strings(self, texts: Texts) -> tuple[Sequence[str], bool] | None:
        if self.field.nulls and any(text in texts for text in self.field.nulls):
            return None
        try:
            joined = "".join(texts).encode()  # type: ignore[arg-type]
        except TypeError:
            return ["null" if text is None else encode_basestring(text) for text in texts], False
        if len(joined.translate(None, _CONTROLS)) == len(joined):
            return texts, True  # type: ignore[return-value]
        return list(map(encode_basestring, texts)), False  # type: ignore[arg-type]

    def _quick_instants(self, texts: Texts) -> tuple[Sequence[str], bool] | None:
        """Date-times that are all written alike and need at most another ending."""
        if len(self._memo) and len(texts) and texts[0] in self._memo and texts[-1] in self._memo:
            return None
        try:
            joined = "\n".join(texts) + "\n"  # type: ignore[arg-type]
            for shape, ending in _INSTANTS:
                if shape.fullmatch(joined):
                    if ending == "Z":
                        return texts, True  # type: ignore[return-value]
                    return joined.replace(" ", "T").replace(f"{ending}\n", "Z\n").split("\n")[:-1], True
        except TypeError:
            pass
        return None


class InnerCaster:
    """Reads a value that lies inside the JSON text of a table's cells."""

    def __init__(self, caster: Caster, steps: Sequence[Step]) -> None:
        self.field = caster.field
        self._caster = caster
        self._steps = steps

    def column(self, texts: Texts, place: Place, *, plain: bool = False) -> tuple[Sequence[str], bool]:
        """JSON for what stands in each cell; raises DecodeError for a cell that is not JSON."""
        del plain
        return [self._caster.value(self._inside(text, place(row)), place(row)) for row, text in enumerate(texts)], False

    def _inside(self, text: str | None, place: str) -> Any:
        if not text:
            return None
        try:
            value = json_text.parse(text)
        except (ValueError, RecursionError):
            why = Misfit("is not JSON, and the column's `source` looks into it")
            raise misfit(place, self.field.name, text, why) from None
        return next(look(value, self._steps), None)


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
