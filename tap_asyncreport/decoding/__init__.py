"""Bytes to rows: compression, text, formats; columns to typed values."""

from tap_asyncreport.decoding.reader import RowReader
from tap_asyncreport.decoding.schema import schema_of
from tap_asyncreport.decoding.source import Observed, Source

__all__ = ["Observed", "RowReader", "Source", "schema_of"]
