"""One member of one file, in the format it turns out to have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

from tap_asyncreport.decoding.compression import ByteStream
from tap_asyncreport.decoding.detect import beginning, format_of
from tap_asyncreport.decoding.dialect import Dialect
from tap_asyncreport.decoding.layout import Given
from tap_asyncreport.decoding.records import RecordsPart, json_part
from tap_asyncreport.decoding.setup import Scope, Setup
from tap_asyncreport.decoding.source import Source
from tap_asyncreport.decoding.tables import TablePart
from tap_asyncreport.decoding.text import texts
from tap_asyncreport.templates import json_path
from tap_asyncreport.templates.json_path import Step


class Part(Protocol):
    """A member that knows its number of rows, and its rows as message lines; read once, for one of the two."""

    def count(self) -> int: ...
    def lines(self, given: Given, prefix: bytes, suffix: bytes) -> Iterator[tuple[bytes, int]]: ...


def part_of(setup: Setup, file: Source, stream: ByteStream, scope: Scope, held: ExitStack) -> Part:
    """The part for a member, by its format; `held` keeps what must stay open while it is read.

    Raises DecodeError for what is no report.
    """
    decode = setup.decode
    kind = format_of(stream, file, decode)
    if kind == "xlsx":
        from tap_asyncreport.decoding.sheets import sheet_texts

        cells = sheet_texts(held.enter_context(stream.seekable(file.path.parent)), setup.records_path(scope))
        return TablePart(setup, cells, Dialect(",", '"', None, decode.max_field_bytes), scope, "")
    if kind == "parquet":
        return _parquet(setup, file, stream, scope, held)
    charset = file.charset
    if kind == "xml" and charset is None:
        from tap_asyncreport.decoding.xml_rows import declared_encoding

        charset = declared_encoding(stream.peek(200))
    head = beginning(stream, decode, charset)
    text = texts(stream, decode, charset, setup.observed)
    if kind in ("csv", "tsv"):
        return TablePart(setup, text, Dialect.of(decode, kind), scope, head)
    if kind == "xml":
        return _xml(setup, text, scope, head)
    return json_part(setup, text, kind, scope, head)


def _xml(setup: Setup, text: Iterator[str], scope: Scope, head: str) -> RecordsPart:
    from tap_asyncreport.decoding.xml_rows import XmlRecords, listed

    explode, lists = setup.decode.explode is not None, _lists_of(setup)

    def whole(value: Any) -> Any:
        for steps in lists:
            value = listed(value, steps, unless_lists=explode)
        return value

    records = enumerate(XmlRecords(text, setup.records_path(scope)), 1)
    values = ((f"record {number}", whole(value)) for number, value in records)
    return RecordsPart(setup, None, values, setup.names(scope), scope, head=head)


def _lists_of(setup: Setup) -> list[list[Step]]:
    """Where records hold lists: at `explode.path`, else in the columns that are arrays."""
    if setup.decode.explode is not None:
        paths = [setup.decode.explode.path]
    else:
        paths = [field.source for field in setup.columns.declared or () if field.type == "array"]
    found: list[list[Step] | None] = [json_path.steps_of(path) if path.startswith("$") else [path] for path in paths]
    return [steps for steps in found if steps]


def _parquet(setup: Setup, file: Source, stream: ByteStream, scope: Scope, held: ExitStack) -> RecordsPart:
    from tap_asyncreport.decoding.parquet_rows import parquet_records

    opened = held.enter_context(stream.seekable(file.path.parent))
    rows = parquet_records(opened, setup.columns.reads)
    return RecordsPart(setup, None, ((f"row {n}", row) for n, row in enumerate(rows, 1)), None, scope, head="")
