"""JSON records to message lines: lines that are right as they are pass as they are, others are read value by value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from tap_asyncreport.decoding import json_text
from tap_asyncreport.decoding.casters import Caster
from tap_asyncreport.decoding.fields import Field, undeclared
from tap_asyncreport.decoding.further import records_hint
from tap_asyncreport.decoding.json_quick import QuickJson
from tap_asyncreport.decoding.json_scan import Block
from tap_asyncreport.decoding.layout import Given
from tap_asyncreport.decoding.refusals import refusal_hint
from tap_asyncreport.decoding.setup import Setup
from tap_asyncreport.decoding.shaping import Shaper
from tap_asyncreport.decoding.source import shown
from tap_asyncreport.errors import DecodeError, excerpt
from tap_asyncreport.templates import json_path

Record = dict[str, Any]


class JsonRows:
    """Turns blocks of JSON records of one file into message lines."""

    def __init__(
        self,
        setup: Setup,
        given: Given,
        prefix: bytes,
        suffix: bytes,
        *,
        head: str,
        shape: Shaper | None,
        find: Callable[[Field], Callable[[Any], Any]],
        quick: QuickJson | None,
    ) -> None:
        columns = setup.columns
        self._columns = columns
        self._given = given
        self._observed = setup.observed
        self._prefix = prefix
        self._head = head
        self._watched = setup.stream.replication_key
        self._rows_of = shape
        self._found_any = False
        self._constants = {
            name: columns.constant(name, value) for name, value in given.values.items() if columns.emitted(name)
        }
        self._partition = {
            name: columns.constant(name, value)
            for name, value in given.partition.items()
            if columns.emitted(name) and name not in self._constants
        }
        fixed = "".join(f",{encode_basestring(n)}:{v}" for n, v in {**self._partition, **self._constants}.items())
        self._ending = f"{fixed}}}".encode() + suffix + b"\n"
        self._suffix = suffix
        self._quick = quick
        self._readers = [(of, find(of), columns.caster(of)) for of in columns.declared or () if self._reads(of)]
        self._others: dict[str, Caster] = {}

    def _reads(self, of: Field) -> bool:
        return (
            of.name not in self._given.values and of.name not in self._given.per_row and self._columns.wanted(of.name)
        )

    def lines(self, block: Block) -> tuple[bytes, int]:
        """The message lines of a block, and how many; raises DecodeError."""
        if self._quick is None:
            return self.written(parsed(block))
        data = block.lines()
        if data is None:
            return self.written(parsed(block))
        served = self._quick.served(data, block.items)
        if served is None:
            written = self.written(parsed(block))
            self._quick.learn(data)
            return written
        found, count = served
        self._observed.rows += count
        self._found_any = True
        if self._ending.startswith(b"}"):  # one byte is looked for at several times the speed of two
            middle = found[:-1].replace(b"\n", self._ending[1:] + self._prefix)
            return b"%b%b%b" % (self._prefix, middle, self._ending[1:]), count
        return b"%b%b%b" % (self._prefix, found[:-2].replace(b"}\n", self._ending + self._prefix), self._ending), count

    # -- value by value

    def written(self, values: Iterable[tuple[str, Any]]) -> tuple[bytes, int]:
        """The message lines of records given with their places, and how many; raises DecodeError."""
        made: list[str] = []
        for place, value in values:
            rows = (value,) if self._rows_of is None else self._rows_of(value, place)
            made.extend(self._line(row, place) for row in rows)
        self._observed.rows += len(made)
        prefix, ending = self._prefix.decode(), self._suffix.decode() + "\n"
        return "".join(f"{prefix}{line}{ending}" for line in made).encode(), len(made)

    def _line(self, record: Any, place: str) -> str:
        if not isinstance(record, dict):
            kind = "a list" if isinstance(record, list) else "no object"
            raise DecodeError(
                f"{place}: {shown(json_text.write(record, lambda _: None))} is {kind}, and records are objects",
                excerpt=excerpt(self._head),
                hint="see `decode.records`; rows that are lists need `decode.fields`",
            )
        written = (
            self._declared(record, place) if self._columns.declared is not None else self._undeclared(record, place)
        )
        for name, value in self._partition.items():
            written.setdefault(name, value)
        seen = self._template_view(written) if self._given.per_row else {}
        for name, render in self._given.per_row.items():
            if self._columns.emitted(name):
                written[name] = self._columns.constant(name, render(seen))
        written.update(self._constants)
        watched = written.get(self._watched) if self._watched else None
        if watched and watched[:1] == '"':
            self._observed.span(watched[1:-1], watched[1:-1])
        parts = (f"{encode_basestring(n)}:{v}" for n, v in written.items() if self._columns.emitted(n))
        return "{" + ",".join(parts) + "}"

    def _template_view(self, written: dict[str, str]) -> Record:
        text = "{" + ",".join(f"{encode_basestring(name)}:{value}" for name, value in written.items()) + "}"
        return dict(json.loads(text, parse_float=Decimal))

    def _undeclared(self, record: Record, place: str) -> dict[str, str]:
        columns, given = self._columns, self._given.names
        for key in columns.keys:
            if key not in record and key not in given:
                raise self._lacks(key, record, place)
        folded: dict[str, str] = {}
        for name in record:
            other = folded.setdefault(name.casefold(), name)
            if other != name:
                raise DecodeError(f"{place}: the names {other!r} and {name!r} differ in case only")
        return {name: self._other(name).value(value, place) for name, value in record.items() if columns.wanted(name)}

    def _other(self, name: str) -> Caster:
        caster = self._others.get(name)
        if caster is None:
            caster = self._others[name] = self._columns.caster(undeclared(name, "any", self._columns.decode))
        return caster

    def _declared(self, record: Record, place: str) -> dict[str, str]:
        written: dict[str, str] = {}
        found = False
        for of, find, caster in self._readers:
            value = find(record)
            if value is _MISSING:
                if of.name in self._partition:
                    written[of.name] = self._partition[of.name]
                    continue
                if of.name in self._columns.keys:
                    raise self._lacks(of.name, record, place)
                value = None
            else:
                found = True
            written[of.name] = caster.value(value, place)
        self._found_any = self._found_any or found
        if not self._found_any and self._readers and record:
            raise DecodeError(
                f"{place}: none of the declared columns is in it",
                excerpt=excerpt(self._head),
                hint=refusal_hint(self._head) or self._deeper(record) or "an error page? else see `decode.records`",
            )
        names = self._columns.strangers(record)
        if names:
            for of in self._columns.unknown_fields(names, "any"):
                if self._columns.wanted(of.name):
                    written[of.name] = self._other(of.name).value(record[of.name], place)
        return written

    def _lacks(self, key: str, record: Record, place: str) -> DecodeError:
        error = self._columns.not_the_report(key, list(record), self._head)
        error.message = f"{place}: {error.message}"
        error.args = (error.message,)
        error.hint = refusal_hint(self._head) or self._deeper(record) or error.hint
        return error

    def _deeper(self, record: Record) -> str | None:
        columns = self._columns
        names = frozenset([*(json_path.first_key(of.source) for of in columns.declared or ()), *columns.keys])
        return records_hint(columns.decode.records, record, names)


class _Missing:
    pass


_MISSING: Any = _Missing()


def finder(of: Field, complex_path: Callable[[str], Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """How a column's value is found in a record; gives `_MISSING` where it is not there."""
    if not of.is_path:
        return lambda record: record.get(of.source, _MISSING)
    steps = json_path.steps_of(of.source)
    if steps is None:
        return complex_path(of.source)
    return lambda record: next(json_path.look(record, steps), _MISSING)


def parsed(block: Block, read: Callable[[str], Any] = json_text.parse) -> Iterator[tuple[str, Any]]:
    """Each record of a block with its place."""
    for number, text in enumerate(block.items, block.first):
        if block.data is not None and not text.strip():
            continue
        place = f"{block.unit} {number}"
        try:
            yield place, read(text.decode().strip())
        except (ValueError, RecursionError) as error:
            raise DecodeError(
                f"{place}: not JSON ({error})",
                excerpt=excerpt(text),
                hint="`decode.format: json` where records go over several lines" if block.unit == "line" else None,
            ) from None
