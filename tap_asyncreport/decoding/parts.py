"""One member of one file in the format it has: tables by column, records one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from tap_asyncreport.config.streams import Stream
from tap_asyncreport.decoding import json_path
from tap_asyncreport.decoding.casters import Caster
from tap_asyncreport.decoding.compression import ByteStream
from tap_asyncreport.decoding.delimited import Batch, Delimited
from tap_asyncreport.decoding.detect import beginning, format_of, refuse_page
from tap_asyncreport.decoding.dialect import Dialect
from tap_asyncreport.decoding.fields import Field
from tap_asyncreport.decoding.json_rows import JsonRows, finder
from tap_asyncreport.decoding.json_scan import Block, json_blocks, line_blocks
from tap_asyncreport.decoding.layout import Columns, Given, Layout
from tap_asyncreport.decoding.lines import Cast, Lines
from tap_asyncreport.decoding.shaping import Shaper, shaper
from tap_asyncreport.decoding.source import Observed, Source
from tap_asyncreport.decoding.text import texts
from tap_asyncreport.templates import Extractor, Templates

Scope = Mapping[str, Any]
Pieces = Iterator[tuple[bytes, int]]

_ROWS = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


@dataclass(frozen=True)
class Setup:
    """What the parts of a stream's files share."""

    stream: Stream
    templates: Templates
    columns: Columns
    observed: Observed

    def extractor(self, source: str, key: str) -> Extractor:
        """An extractor of this stream's `decode`."""
        return self.templates.extractor(source, f"streams.{self.stream.name}.decode.{key}")


class Part(Protocol):
    """A member that knows its number of rows, and its rows as message lines; read once, for one of the two."""

    def count(self) -> int: ...
    def lines(self, given: Given, prefix: bytes, suffix: bytes) -> Pieces: ...


def part_of(setup: Setup, file: Source, stream: ByteStream, scope: Scope) -> Part:
    """The part for a member, by its format; raises DecodeError for what is no report."""
    kind = format_of(stream, file, setup.stream.decode)
    if kind in ("csv", "tsv"):
        return TablePart(setup, file, stream, scope, kind)
    return JsonPart(setup, file, stream, scope, kind)


def names_given(setup: Setup, scope: Scope) -> list[str] | None:
    """The column names of `decode.fields`: a list, or what its extractor finds in the polling or creation answer."""
    fields = setup.stream.decode.fields
    if fields is None or isinstance(fields, list):
        return fields
    extractor = setup.extractor(fields, "fields")
    found: list[Any] = []
    for answer in ("polling_response", "creation_response"):
        if not found and (answer in scope or not fields.startswith("$")):
            found = extractor.all(scope.get(answer), scope)
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    return [str(name) for name in found]


class TablePart:
    """A CSV or TSV member."""

    def __init__(self, setup: Setup, file: Source, stream: ByteStream, scope: Scope, kind: str) -> None:
        decode = setup.stream.decode
        self._columns = setup.columns
        self._observed = setup.observed
        self._watched = setup.stream.replication_key
        self._head = beginning(stream, decode, file.charset)
        self._texts = texts(stream, decode, file.charset, setup.observed)
        self._table = Delimited(self._texts, decode, Dialect.of(decode, kind), names_given(setup, scope))

    def count(self) -> int:
        """Rows, none of them converted."""
        return sum(batch.count for batch in self._table.batches(self._table.header()))

    def lines(self, given: Given, prefix: bytes, suffix: bytes) -> Pieces:
        """The rows as message lines, a block at a time."""
        names = self._table.header()
        if not names:
            return
        layout = self._columns.layout(names, "string", given, self._head)
        if not self._columns.declared and not self._columns.keys:
            refuse_page(self._head)
        writer = _RowWriter(layout, self._columns, given, self._observed, self._watched, prefix, suffix)
        for batch in self._table.batches(names):
            yield writer.lines(batch), batch.count


class _RowWriter:
    """Turns batches of one table into message lines."""

    def __init__(
        self, layout: Layout, columns: Columns, given: Given, observed: Observed, watched: str | None,
        prefix: bytes, suffix: bytes,
    ) -> None:  # fmt: skip
        self._columns = columns
        self._observed = observed
        self._watched = watched
        self._per_row = given.per_row
        self._taken = layout.taken
        self._written = [columns.emitted(caster.field.name) for _, caster in layout.taken]
        names = [caster.field.name for _, caster in layout.taken if columns.emitted(caster.field.name)]
        self._added = [name for name in given.per_row if columns.emitted(name)]
        constants = [(name, value) for name, value in layout.constants if columns.emitted(name)]
        self._lines = Lines([*names, *self._added], constants, prefix, suffix)
        all_names = [caster.field.name for _, caster in layout.taken]
        self._records = Lines(all_names, layout.constants, b"", b"") if self._added else None

    def lines(self, batch: Batch) -> bytes:
        """The lines of a batch; raises DecodeError for a value that does not fit."""
        cast: list[Cast] = []
        for at, caster in self._taken:
            values = caster.column(batch.columns[at], batch.place)
            cast.append(values)
            if caster.field.name == self._watched:
                self._watch(caster, values)
        self._observed.rows += batch.count
        written = [values for values, keep in zip(cast, self._written, strict=True) if keep]
        if self._records is not None:
            records = _ROWS.decode_lines(self._records.join(cast, batch.count))
            written += [(self._render(name, records), False) for name in self._added]
        return self._lines.join(written, batch.count)

    def _render(self, name: str, records: Sequence[dict[str, Any]]) -> list[str]:
        render = self._per_row[name]
        return [self._columns.constant(name, render(record)) for record in records]

    def _watch(self, caster: Caster, values: Cast) -> None:
        known = values[0] if values[1] else [value for value in values[0] if value != "null"]
        if not known:
            return
        if caster.field.type in ("integer", "number", "decimal"):
            self._observed.span_of_numbers(min(known, key=float), max(known, key=float))
        else:
            low, high = min(known), max(known)
            self._observed.span(*((low, high) if values[1] else (low[1:-1], high[1:-1])))


class JsonPart:
    """A JSON or JSONL member."""

    def __init__(self, setup: Setup, file: Source, stream: ByteStream, scope: Scope, kind: str) -> None:
        self._setup = setup
        self._scope = scope
        self._decode = setup.stream.decode
        self._kind = kind
        self._head = beginning(stream, self._decode, file.charset)
        self._texts = texts(stream, self._decode, file.charset, setup.observed)

    def _blocks(self) -> Iterator[Block]:
        if self._kind == "jsonl":
            return line_blocks(self._texts)
        path = self._decode.records or "$"
        steps = json_path.steps_of(path)
        positional = self._decode.fields is not None
        if steps is None:
            return iter(())
        ends_wild = bool(steps) and isinstance(steps[-1], json_path.Wild)
        return json_blocks(self._texts, steps, expand=not (positional and ends_wild))

    def _shaper(self) -> Shaper | None:
        return shaper(self._decode, names_given(self._setup, self._scope))

    def count(self) -> int:
        """Rows, none of them converted."""
        return sum(len(block.items or block.data.splitlines()) for block in self._blocks())

    def lines(self, given: Given, prefix: bytes, suffix: bytes) -> Pieces:
        """The rows as message lines, a block at a time."""
        writer = JsonRows(
            self._setup.columns, given, self._setup.observed, prefix=prefix, suffix=suffix, head=self._head,
            watched=self._setup.stream.replication_key, rows_of=self._shaper(), find=self._finder,
        )  # fmt: skip
        for block in self._blocks():
            yield writer.lines(block)

    def _finder(self, of: Field) -> Callable[[Any], Any]:
        return finder(of, lambda path: self._complex(path))

    def _complex(self, path: str) -> Callable[[Any], Any]:
        extractor = self._setup.extractor(path, "source")
        return lambda record: extractor.first(record, self._scope)
