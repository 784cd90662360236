"""JSON lines in bulk: the right ones pass as they are, others are rebuilt by column; what is odd is left alone."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat, starmap
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
from msgspec.structs import astuple

from tap_asyncreport.decoding.fields import Field, undeclared
from tap_asyncreport.decoding.json_types import (
    AS_IT_IS,
    CHECKS,
    NULL,
    SHAPES,
    TO_BUILD,
    order_type,
    record_type,
    texts_of,
)
from tap_asyncreport.decoding.layout import Columns
from tap_asyncreport.decoding.source import Observed
from tap_asyncreport.errors import DecodeError

_DIGITS = bytes(ord("0" if byte in b"0123456789" else " ") for byte in range(256))
_MANY_DIGITS = re.compile(rb"[0-9]{309}")
_SAMPLE = 30
_LEARN_FROM = 200
_LONGEST_REST = 64
_DATES = ("date", "date-time")
_DICTS = msgspec.json.Decoder(dict[str, Any])
_RAW_DICTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW_LISTS = msgspec.json.Decoder(list[msgspec.Raw])
_FIRST, _LAST = itemgetter(0), itemgetter(-1)
_OPEN, _CLOSED = {ord("{")}, {ord("}")}
_ENCODER = msgspec.json.Encoder()

Served = tuple[bytes, int]


def may_hold_long_number(data: bytes) -> bool:
    """Whether a number of 309 digits or more may stand in the text: such a one shows in any sample of it."""
    return b"0000000000" in data[::_SAMPLE].translate(_DIGITS) and bool(_MANY_DIGITS.search(data))


class _Way:
    """One way to serve a block, left alone for a while when it fails."""

    def __init__(self, serve: Callable[[bytes, Sequence[bytes]], Served | None]) -> None:
        self._serve = serve
        self._rest = self._wait = 0

    def __call__(self, data: bytes, lines: Sequence[bytes]) -> Served | None:
        if self._wait:
            self._wait -= 1
            return None
        try:
            served = self._serve(data, lines)
        except (ValueError, TypeError, IndexError, RecursionError, DecodeError):
            served = None  # whoever reads it value by value finds out what is wrong, and where
        self._rest = 0 if served else min(_LONGEST_REST, 2 * self._rest + 1)
        self._wait = self._rest
        return served

    def refresh(self) -> None:
        """Try it again at the next block."""
        self._rest = self._wait = 0


class QuickJson:
    """Serves blocks of JSON lines for one set of columns, kept from file to file; None for what it does not serve.

    `given` are the names that the context gives to each row, `order` the names of positional rows.
    """

    def __init__(
        self,
        columns: Columns,
        observed: Observed,
        given: frozenset[str],
        watched: str | None,
        order: Sequence[str] | None,
    ) -> None:
        self._columns = columns
        self._observed = observed
        self._given = given
        self._watched = watched
        self._order = order
        self._known: dict[tuple[str, ...], list[str]] = {}
        self._loose: frozenset[str] = frozenset()
        declared = columns.declared
        if declared is None:
            declared = [undeclared(name, "any", columns.decode) for name in order or ()]
        self._fields = [of for of in declared if columns.emitted(of.name) and of.name not in given]
        self._shared = any(of.name in given for of in declared)
        self._typed = self._as_it_is(declared)
        self._ways = [_Way(self._unchanged), _Way(self._rebuilt)]
        self._built_for: Any = None
        self._reads: msgspec.json.Decoder[Any] | None = None
        self._writes: type[msgspec.Struct] | None = None
        self._unused = 0

    def served(self, data: bytes, lines: Sequence[bytes]) -> Served | None:
        """The records as lines `{...}`, and how many, where they can be had in bulk."""
        if data and not may_hold_long_number(data):
            for way in self._ways:
                before = dict(vars(self._observed))
                served = way(data, lines)
                if served is not None:
                    return served
                vars(self._observed).update(before)
        return None

    # -- as they stand

    def _as_it_is(self, fields: Sequence[Field]) -> msgspec.json.Decoder[Any] | None:
        for of in fields:
            nulls = bool(of.nulls) and of.type in ("string", "any")
            if of.source != of.name or of.rules is not None or of.format or nulls or of not in self._fields:
                return None
        if not fields or self._order is not None:
            return None
        return msgspec.json.Decoder(record_type(fields, [AS_IT_IS[of.type] for of in fields], strict=True))

    def _unchanged(self, data: bytes, lines: Sequence[bytes]) -> Served | None:
        declared = self._columns.declared is not None
        if (declared and self._typed is None) or set(map(_FIRST, lines)) != _OPEN or set(map(_LAST, lines)) != _CLOSED:
            return None
        if b"{}" in lines:
            return None
        if not declared:
            return self._undeclared(data, len(lines))
        rows = self._typed.decode_lines(data) if self._typed is not None else ()
        if len(rows) != len(lines):
            return None
        for number, of in enumerate(self._fields):
            if of.type in _DATES or of.name == self._watched:
                values = list(map(attrgetter(f"f{number}"), rows))
                if of.type in _DATES and self._changed_texts(of, values) is not None:
                    return None
                self._watch(of.name, values)
        return data, len(lines)

    def _undeclared(self, data: bytes, lines: int) -> Served | None:
        rows = _DICTS.decode_lines(data)
        if len(rows) != lines:
            return None
        kinds = set(map(tuple, rows))
        for keys in kinds - self._known.keys():
            drop = self._to_drop(keys)
            if drop is None:
                return None
            self._known[keys] = drop
        if self._watched is not None and self._watched not in self._given:
            self._watch(self._watched, [row[self._watched] for row in rows])
        return (self._thinned(data) if any(self._known[keys] for keys in kinds) else data), lines

    def _to_drop(self, keys: tuple[str, ...]) -> list[str] | None:
        """Which of these keys are not written; None where something else is to be done about them."""
        columns = self._columns
        drop = [key for key in keys if not columns.emitted(key)]
        fits = (
            all(key in keys or key in self._given for key in columns.keys)
            and not self._given.intersection(keys)
            and len({key.casefold() for key in keys}) == len(keys)
            and len(drop) < len(keys)
        )
        return drop if fits else None

    def _thinned(self, data: bytes) -> bytes:
        rows = _RAW_DICTS.decode_lines(data)
        for row in rows:
            for key in self._known[tuple(row)]:
                del row[key]
        return _ENCODER.encode_lines(rows)

    # -- rebuilt by column

    def _rebuilt(self, data: bytes, lines: Sequence[bytes]) -> Served | None:
        self._prepare()
        rows = self._reads.decode_lines(data) if self._reads is not None else ()
        if not rows or len(rows) != len(lines):
            return None
        first = [getattr(rows[0], f"f{number}") for number in range(len(self._fields))]
        if all(value is None or value is NULL for value in first):
            return None  # perhaps no record of this stream at all
        for number, of in enumerate(self._fields):
            fixed = self._fixed(of, rows, attrgetter(f"f{number}"))
            if fixed is not None:
                _set_each(rows, f"f{number}", fixed)
        for number in range(self._unused):
            _set_each(rows, f"x{number}", repeat(msgspec.UNSET))
        return _ENCODER.encode_lines(rows if self._writes is None else self._under_their_names(rows)), len(rows)

    def _under_their_names(self, rows: Sequence[Any]) -> list[Any]:
        make: Any = self._writes
        if self._order is None:
            return list(starmap(make, map(astuple, rows)))
        return list(map(make, *(map(attrgetter(f"f{number}"), rows) for number in range(len(self._fields)))))

    def _prepare(self) -> None:
        """Have the types for reading and writing, anew when something was learnt."""
        columns, fields = self._columns, self._fields
        strict = columns.unknown == "error" or self._shared or not columns.warned
        if self._built_for == (strict, self._loose):
            return
        self._built_for = (strict, self._loose)
        self._reads = None
        if not fields or columns.unknown == "include" or any(of.is_path or of.rules is not None for of in fields):
            return
        types = {of.name: msgspec.Raw if of.name in self._loose else TO_BUILD[of.type] for of in fields}
        taken = {of.source for of in fields}
        others = [of for of in columns.declared or () if of.source not in taken and of.name not in self._given]
        unused = [of.source for of in others] if self._order is None else []
        self._unused = len(unused)
        if self._order is not None:
            read = order_type(fields, types, self._order) if self._in_order() else None
        else:
            read = record_type(
                fields, list(types.values()), strict=strict, optional=set(types) - set(columns.keys), ignored=unused
            )
        same = self._order is None and all(of.source == of.name for of in fields)
        self._writes = None if same else record_type(fields, [Any] * len(fields), by_name=True, ignored=unused)
        self._reads = None if read is None else msgspec.json.Decoder(read)

    def _in_order(self) -> bool:
        """Whether positional rows have all columns, each once, and none that is to be told of."""
        order, columns = self._order or (), self._columns
        sources = {of.source for of in self._fields}
        known = columns.declared is None or columns.warned or not columns.strangers(order)
        keys = all(of.source in order for of in self._fields) and all(
            k in order or k in self._given for k in columns.keys
        )
        folded = len({name.casefold() for name in order}) == len(order)
        return (
            bool(known)
            and keys
            and folded
            and len(sources) == len(self._fields)
            and not self._given.intersection(order)
        )

    def _fixed(self, of: Field, rows: Sequence[Any], get: Callable[[Any], Any]) -> list[Any] | None:
        """The column as it is to be written, or None where that is as it was read; ValueError where it is odd."""
        if of.name in self._loose:
            texts = texts_of(list(map(get, rows)))
            self._watch(of.name, texts)
            return self._cast(of, texts)
        checked = CHECKS.get(of.type)
        values: list[Any] = []
        if checked is not None:
            joined = b",".join(map(get, rows))
            if len(checked.decode(b"[%b]" % joined)) != len(rows) or (of.nulls and of.type == "any"):
                raise ValueError(of.name)
            if not of.nullable and b"null" in joined:
                raise ValueError(of.name)
        elif of.type in _DATES or of.nulls or of.name == self._watched:
            values = list(map(get, rows))
            if of.type in _DATES or (of.nulls and of.type == "string"):
                fixed = self._changed_texts(of, values)
                self._watch(
                    of.name,
                    values if fixed is None else [str(value).strip('"') for value in fixed if value is not NULL],
                )
                return fixed
            self._watch(of.name, values)
        return None

    def _changed_texts(self, of: Field, texts: Sequence[str | None]) -> list[Any] | None:
        cast, lacks = self._columns.caster(of).column(texts, _nowhere)
        if lacks:
            return None if cast is texts else list(cast)
        if _as_written(texts) == "\n".join(cast):
            return None
        return list(map(msgspec.Raw, cast))

    def _cast(self, of: Field, texts: Sequence[str | None]) -> list[Any]:
        cast, lacks = self._columns.caster(of).column(texts, _nowhere)
        return list(cast) if lacks else list(map(msgspec.Raw, cast))

    def learn(self, data: bytes) -> None:
        """Look which columns come in another shape than declared, such as numbers as text; expect it from now on."""
        sample = b"\n".join(data.split(b"\n", _LEARN_FROM)[:_LEARN_FROM])
        try:
            rows = self._samples(sample)
        except (ValueError, RecursionError):
            return
        loose = {
            of.name
            for of in self._fields
            if of.type in SHAPES and any(of.source in row and not SHAPES[of.type].match(row[of.source]) for row in rows)
        }
        if not loose <= self._loose:
            self._loose |= loose
            self._ways[1].refresh()

    def _samples(self, sample: bytes) -> list[dict[str, Any]]:
        if self._order is None:
            return _RAW_DICTS.decode_lines(sample)
        return [dict(zip(self._order, row, strict=False)) for row in _RAW_LISTS.decode_lines(sample)]

    def _watch(self, name: str, values: Sequence[Any]) -> None:
        if name == self._watched:
            known = [value for value in values if isinstance(value, str)]
            if known:
                self._observed.span(min(known), max(known))


def _set_each(rows: Iterable[Any], field: str, values: Iterable[Any]) -> None:
    deque(map(setattr, rows, repeat(field), values), maxlen=0)


def _as_written(texts: Sequence[str | None]) -> str:
    """The JSON of texts without anything to escape, a line each."""
    try:
        return '"' + '"\n"'.join(texts) + '"'  # type: ignore[arg-type]
    except TypeError:
        return "\n".join("null" if text is None else f'"{text}"' for text in texts)


def _nowhere(_: int) -> str:
    return ""
