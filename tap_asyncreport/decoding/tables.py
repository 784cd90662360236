"""Tables, CSV and TSV or what is turned into it: batches of columns to message lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from tap_asyncreport.decoding.casters import Caster, InnerCaster
from tap_asyncreport.decoding.delimited import Batch, Delimited
from tap_asyncreport.decoding.detect import refuse_page
from tap_asyncreport.decoding.dialect import Dialect
from tap_asyncreport.decoding.layout import Given, Layout
from tap_asyncreport.decoding.lines import Cast, Lines
from tap_asyncreport.decoding.setup import Scope, Setup
from tap_asyncreport.decoding.values import NUMERIC

_ROWS = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class TablePart:
    """One member that is a table."""

    def __init__(self, setup: Setup, texts: Iterator[str], dialect: Dialect, scope: Scope, head: str) -> None:
        self._setup = setup
        self._head = head
        given = setup.names(scope)
        if given == []:
            raise setup.no_names()
        self._table = Delimited(texts, setup.decode, dialect, given)

    def count(self) -> int:
        """Rows, none of them converted."""
        names = self._table.header()
        return sum(batch.count for batch in self._table.batches(names)) if names else 0

    def lines(self, given: Given, prefix: bytes, suffix: bytes) -> Iterator[tuple[bytes, int]]:
        """The rows as message lines, a block at a time."""
        columns = self._setup.columns
        refuse_page(self._head, nothing_known=not columns.declared and not columns.keys)
        names = self._table.header()
        if not names:
            return
        layout = columns.layout(names, "string", given, self._head)
        writer = _Writer(self._setup, layout, given, prefix, suffix)
        for batch in self._table.batches(names):
            yield writer.lines(batch), batch.count


class _Writer:
    """Turns batches of one table into message lines."""

    def __init__(self, setup: Setup, layout: Layout, given: Given, prefix: bytes, suffix: bytes) -> None:
        columns = setup.columns
        self._columns = columns
        self._observed = setup.observed
        self._watched = setup.stream.replication_key
        self._given = given
        self._taken = layout.taken
        names = [caster.field.name for _, caster in layout.taken]
        self._written = list(map(columns.emitted, names))
        self._added = [name for name in given.per_row if columns.emitted(name)]
        shown = [name for name in names if columns.emitted(name)]
        constants = [(name, value) for name, value in layout.constants if columns.emitted(name)]
        self._lines = Lines([*shown, *self._added], constants, prefix, suffix)
        inherent = [(name, value) for name, value in layout.constants if name not in given.values]
        self._records = Lines(names, inherent, b"", b"") if self._added else None

    def lines(self, batch: Batch) -> bytes:
        """The lines of a batch; raises DecodeError for a value that does not fit."""
        cast: list[Cast] = []
        for at, caster in self._taken:
            values = caster.column(batch.columns[at], batch.place, plain=batch.plain)
            cast.append(values)
            if caster.field.name == self._watched:
                self._watch(caster, values)
        self._observed.rows += batch.count
        written = [values for values, keep in zip(cast, self._written, strict=True) if keep]
        if self._records is not None:
            records = _ROWS.decode_lines(self._records.join(cast, batch.count))
            written += [(self._rendered(name, records), False) for name in self._added]
        return self._lines.join(written, batch.count)

    def _rendered(self, name: str, records: Sequence[dict[str, Any]]) -> list[str]:
        render = self._given.per_row[name]
        return [self._columns.constant(name, render(record)) for record in records]

    def _watch(self, caster: Caster | InnerCaster, values: Cast) -> None:
        known = values[0] if values[1] else [value for value in values[0] if value != "null"]
        if not known:
            return
        if caster.field.type in NUMERIC:
            self._observed.span_of_numbers(min(known, key=float), max(known, key=float))
        else:
            low, high = min(known), max(known)
            self._observed.span(*((low, high) if values[1] else (low[1:-1], high[1:-1])))
