"""Parquet: batches of rows as records, numbers with the digits of their own type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

from tap_asyncreport.decoding import json_text
from tap_asyncreport.decoding.moments import parse_instant
from tap_asyncreport.errors import DecodeError

_ROWS_AT_ONCE = 5000


def parquet_records(file: IO[bytes], wanted: Callable[[str], bool]) -> Iterator[dict[str, Any]]:
    """The rows of the columns that are wanted; raises DecodeError where they cannot be read, or pyarrow is missing."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise DecodeError("reading Parquet needs pyarrow", hint="pip install 'tap-asyncreport[parquet]'") from None
    try:
        table = parquet.ParquetFile(file)
        names = [name for name in table.schema_arrow.names if wanted(name)]
        for batch in table.iter_batches(batch_size=_ROWS_AT_ONCE, columns=names):
            columns = [_values(pa, batch.column(name)) for name in names]
            for row in range(batch.num_rows):
                yield {name: column[row] for name, column in zip(names, columns, strict=True)}
    except (pa.ArrowException, OSError) as error:
        raise DecodeError(f"the Parquet file cannot be read: {error}") from None


def _values(pa: Any, column: Any) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            column = column.cast(pa.timestamp(kind.unit, "UTC"))
        return [None if text is None else parse_instant(text) for text in column.cast(pa.string()).to_pylist()]
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        texts = column.cast(pa.float32()).cast(pa.string()).to_pylist()
        return [None if text is None else _float(text) for text in texts]
    return [json_text.exact(value) for value in column.to_pylist()]


def _float(text: str) -> json_text.Number | json_text.Constant:
    return json_text.Constant(text) if text.strip("+-") in ("nan", "inf") else json_text.Number(text)
