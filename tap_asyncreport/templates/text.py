"""How values become text, JSON and plain data."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from jinja2.runtime import Undefined

from tap_asyncreport.response import Response


class NullFound(Exception):  # noqa: N818
    """A null stands where text is made."""


def as_text(value: Any) -> str:
    """A value in the middle of a text: JSON's spelling where it has one, instants in ISO 8601; NullFound for null."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        raise NullFound
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Undefined):
        return str(value)  # raises
    if isinstance(value, date):
        return iso(value)
    if isinstance(value, Response):
        return value.text
    if isinstance(value, Mapping | list | tuple):
        return to_json(value)
    return str(_value(value))


def iso(value: date) -> str:
    """ISO 8601: `Z` in UTC, else the offset; milliseconds only where there are any."""
    if not isinstance(value, datetime):
        return value.isoformat()
    precise = "microseconds" if value.microsecond % 1000 else "milliseconds" if value.microsecond else "seconds"
    text = value.isoformat(timespec=precise)
    return text[:-6] + "Z" if value.utcoffset() == timedelta(0) and value.tzinfo is not None else text


def plain(value: Any) -> Any:
    """What an expression gave, as plain data: answers as their bodies, iterators as lists; undefined raises."""
    if isinstance(value, str):
        return value if type(value) is str else str(value)
    if value is None or isinstance(value, bool | int | float | Decimal | date):
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises
    if isinstance(value, Response):
        return value.text if value.body is None else value.body
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range | Iterator | KeysView | ValuesView | ItemsView | set | frozenset):
        return [plain(item) for item in value]
    return _value(value)


def _value(value: Any) -> Any:
    """An object that has a meaning outside of templates: no function, no part of the template engine."""
    if callable(value) or isinstance(value, bytes) or type(value).__module__.startswith("jinja2"):
        raise TypeError(f"a {type(value).__name__} is no value")
    return value


def to_json(value: Any) -> str:
    """Compact JSON: decimals keep their digits, instants are ISO 8601 texts, answers their bodies."""
    if isinstance(value, Mapping):
        parts = (f"{json.dumps(str(key), ensure_ascii=False)}:{to_json(item)}" for key, item in value.items())
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(to_json, value)) + "]"
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, date):
        return json.dumps(iso(value))
    if value is None or isinstance(value, str | int | float):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    settled = plain(value)
    if settled is value:
        raise TypeError(f"a {type(value).__name__} has no JSON")
    return to_json(settled)


def parse_instant(text: str) -> date:
    """A date or an instant from ISO 8601 text; ValueError, which does not repeat the text, else."""
    stripped = text.strip()
    try:
        if len(stripped) <= len("2026-01-31"):
            return date.fromisoformat(stripped)
        return datetime.fromisoformat(stripped)
    except ValueError:
        raise ValueError("the text is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)") from None
