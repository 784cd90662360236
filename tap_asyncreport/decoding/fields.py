"""The declared columns of a stream, from `columns` or from a JSON Schema, ready for reading values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tap_asyncreport.config.decoding import Column, Decode
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.errors import ConfigurationError, Problem

ANY_TYPE = ["array", "boolean", "integer", "null", "number", "object", "string"]
_PLAIN_KEYWORDS = frozenset(
    {"type", "format", "title", "description", "default", "examples", "$comment", "properties", "items", "deprecated"}
)


@dataclass(frozen=True)
class Field:
    """One column as it is emitted: its name, its type, and how its text is read."""

    name: str
    type: str
    source: str
    nulls: frozenset[str]
    format: str | None = None
    decimal_mark: str = "."
    thousands: str | None = None
    percent: bool = False
    nullable: bool = True
    rules: Mapping[str, Any] | None = None

    @property
    def is_path(self) -> bool:
        """Whether the source is a JSONPath into the record, not a name."""
        return self.source.startswith("$")


def default_nulls(kind: str, decode: Decode) -> frozenset[str]:
    """Texts that are null where a column says nothing of its own."""
    if decode.null_values is not None:
        return frozenset(decode.null_values)
    return frozenset() if kind in ("string", "any") else frozenset({""})


def undeclared(name: str, kind: str, decode: Decode) -> Field:
    """A column that nobody declared: `string` in CSV, `any` in JSON."""
    return Field(name, kind, name, default_nulls(kind, decode))


def declared_fields(stream: Stream, schema: Mapping[str, Any] | None) -> list[Field] | None:
    """The columns in the order of their declaration, or None where the stream declares none."""
    if stream.columns is not None:
        fields = [_from_column(name, column, stream.decode) for name, column in stream.columns.items()]
    elif stream.schema_ is not None and schema is not None:
        fields = [_from_schema(name, part, stream.decode) for name, part in schema.get("properties", {}).items()]
    else:
        return None
    collide([field.name for field in fields], stream.name)
    return fields


def _from_column(name: str, column: Column, decode: Decode) -> Field:
    nulls = default_nulls(column.type, decode) if column.null_values is None else frozenset(column.null_values)
    return Field(
        name,
        column.type,
        column.source or name,
        nulls,
        column.format,
        column.decimal_mark,
        column.thousands,
        column.percent,
    )


def _from_schema(name: str, part: Any, decode: Decode) -> Field:
    part = part if isinstance(part, Mapping) else {}
    kind = kind_of(part)
    types = part.get("type")
    nullable = types is None or types == "null" or "null" in types
    rules = part if set(part) - _PLAIN_KEYWORDS or (kind == "any" and part) or _nested(part) else None
    return Field(name, kind, name, default_nulls(kind, decode), nullable=nullable, rules=rules)


def _nested(part: Mapping[str, Any]) -> bool:
    return bool(part.get("properties") or part.get("items"))


def kind_of(part: Mapping[str, Any]) -> str:
    """The contract's type for a property of a JSON Schema; `any` where it allows several."""
    types = part.get("type")
    named = [types] if isinstance(types, str) else [kind for kind in types or [] if kind != "null"]
    if len(named) != 1:
        return "any"
    if named[0] == "string" and part.get("format") in ("date", "date-time"):
        return str(part["format"])
    return str(named[0])


def collide(names: Sequence[str], stream: str) -> None:
    """Raise ConfigurationError where two declared names differ in case only."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            problem = Problem(
                f"the columns {other!r} and {name!r} of stream {stream!r} differ in case only",
                key=f"streams.{stream}.columns",
                hint="give one of them another name, with `source` for its name in the file",
            )
            raise ConfigurationError([problem])


def read_schema(stream: Stream) -> dict[str, Any] | None:
    """The declared JSON Schema, read from its file where a path is given; raises ConfigurationError."""
    if not isinstance(stream.schema_, str):
        return stream.schema_
    key = f"streams.{stream.name}.schema"
    try:
        schema = json.loads(Path(stream.schema_).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError([Problem(f"the schema cannot be read: {error}", key=key)]) from None
    except ValueError as error:
        raise ConfigurationError([Problem(f"the schema is not JSON: {error}", key=key, file=stream.schema_)]) from None
    if not isinstance(schema, dict):
        raise ConfigurationError([Problem("the schema is not a JSON object", key=key, file=stream.schema_)])
    return schema
