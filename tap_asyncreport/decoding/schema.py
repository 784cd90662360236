"""The JSON Schema of a stream, from its configuration alone: no call is made."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tap_asyncreport.config.streams import Stream
from tap_asyncreport.decoding.fields import ANY_TYPE, collide, read_schema

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": ["null", "string"]},
    "integer": {"type": ["null", "integer"]},
    "number": {"type": ["null", "number"]},
    "decimal": {"type": ["null", "number"]},
    "boolean": {"type": ["null", "boolean"]},
    "date": {"type": ["null", "string"], "format": "date"},
    "date-time": {"type": ["null", "string"], "format": "date-time"},
    "object": {"type": ["null", "object"]},
    "array": {"type": ["null", "array"]},
}


def schema_of(stream: Stream) -> dict[str, Any]:
    """What every record of the stream is valid against: columns, added columns, partitions; all may be null.

    Where nothing is declared, only keys and what the context adds are listed, and other properties are strings for
    tables (CSV, TSV, XLSX), and anything for other formats; so are columns that are included without being declared,
    whatever a declared schema says of others. Raises ConfigurationError for a schema file that cannot be
    read, and for names that differ in case only.
    """
    declared = read_schema(stream)
    if declared is not None:
        schema = deepcopy(declared)
        schema.setdefault("type", "object")
        properties: dict[str, Any] = schema.setdefault("properties", {})
        open_ended = stream.unknown_columns == "include"
    else:
        columns = stream.columns or {}
        properties = {name: deepcopy(_TYPES[column.type]) for name, column in columns.items()}
        schema = {"type": "object", "properties": properties}
        open_ended = stream.columns is None or stream.unknown_columns == "include"
    rest = _undeclared(stream)
    if open_ended:
        schema["additionalProperties"] = rest or True
    for name in [*_added(stream), *_keys(stream)]:
        properties.setdefault(name, deepcopy(rest) if rest and name not in _added(stream) else {"type": list(ANY_TYPE)})
    collide(list(properties), stream.name)
    return schema


def _undeclared(stream: Stream) -> dict[str, Any]:
    return deepcopy(_TYPES["string"]) if stream.decode.format in ("csv", "tsv", "xlsx") else {}


def _added(stream: Stream) -> list[str]:
    return [*(dimension.name for dimension in stream.partitions), *stream.add_columns]


def _keys(stream: Stream) -> list[str]:
    return [*stream.primary_keys, *([stream.replication_key] if stream.replication_key else [])]
