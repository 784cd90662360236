"""XLSX: a sheet's rows as delimited text, so that headers, footers and odd rows are treated as in CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime, time
from typing import IO, Any

from tap_asyncreport.errors import DecodeError

_ROWS_AT_ONCE = 2000


def sheet_texts(file: IO[bytes], name: str | None) -> Iterator[str]:
    """The rows of the named sheet, or of the first, as CSV text; the workbook is held in memory.

    Raises DecodeError where it cannot be read, has no such sheet, or python-calamine is not installed.
    """
    try:
        import python_calamine as calamine
    except ImportError:
        raise DecodeError("reading XLSX needs python-calamine", hint="pip install 'tap-asyncreport[xlsx]'") from None
    try:
        book = calamine.CalamineWorkbook.from_filelike(file)
        names = book.sheet_names
        if not names or (name is not None and name not in names):
            raise DecodeError(
                f"the workbook has no sheet {name!r}; it has {', '.join(map(repr, names))}", hint="see `decode.records`"
            )
        rows = book.get_sheet_by_name(name if name is not None else names[0]).to_python(skip_empty_area=False)
    except (calamine.CalamineError, OSError) as error:
        raise DecodeError(f"the workbook cannot be read: {error}") from None
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for row in rows[start : start + _ROWS_AT_ONCE]:
            if any(cell != "" for cell in row):
                writer.writerow(map(cell_text, row))
            else:
                text.write("\n")
        yield text.getvalue()


def cell_text(cell: Any) -> str:
    """A cell as text: whole numbers without a point, date and time as ISO 8601, at midnight the date alone."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat()
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)
