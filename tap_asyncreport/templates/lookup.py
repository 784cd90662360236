"""How a name inside a value is found: the keys of mappings and answers win, then data attributes, then safe methods."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from tap_asyncreport.response import PARTS, Headers, Response

_TEXT_METHODS = """
    capitalize casefold center count endswith find format format_map index isalnum isalpha isascii isdecimal isdigit
    islower isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix removesuffix replace rfind
    rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title upper zfill
"""
_TIME_METHODS = """
    astimezone date isocalendar isoformat isoweekday replace strftime time timestamp timetuple toordinal tzname
    utcoffset weekday
"""
_METHODS: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    (str, frozenset(_TEXT_METHODS.split())),
    (Mapping, frozenset({"get", "items", "keys", "values"})),
    ((list, tuple), frozenset({"count", "index"})),
    ((date, time), frozenset(_TIME_METHODS.split())),
    (timedelta, frozenset({"total_seconds"})),
    ((int, float, Decimal), frozenset({"bit_length", "is_integer"})),
)
_SEALED = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.CodeType,
    types.FrameType,
    types.TracebackType,
    types.GeneratorType,
    types.CoroutineType,
    type,
)


def look_up(value: Any, name: Any) -> Any:
    """The key, index or part of an answer of that name, as templates see it; raises KeyError where there is none.

    Header names are found in any case, with underscores for dashes.
    """
    if isinstance(value, Response):
        return _hashable(value.lookup, name)
    if isinstance(value, Headers):
        return _header(value, name)
    if isinstance(value, Mapping):
        return _hashable(value.__getitem__, name)
    if isinstance(value, list | tuple | str | range) and isinstance(name, int) and not isinstance(name, bool):
        try:
            return value[name]
        except IndexError:
            raise KeyError(name) from None
    raise KeyError(name)


def _hashable(get: Any, name: Any) -> Any:
    try:
        return get(name)
    except TypeError:  # a key that cannot be hashed is in no mapping
        raise KeyError(type(name).__name__) from None


def _header(headers: Headers, name: Any) -> Any:
    if isinstance(name, str):
        for spelling in (name, name.replace("_", "-")):
            if spelling in headers:
                return headers[spelling]
    raise KeyError(type(name).__name__)


def is_open(value: Any, name: str, found: Any) -> bool:
    """Whether a template may have the attribute `found` that `value` holds under `name`."""
    if name.startswith("_") or isinstance(value, _SEALED):
        return False
    if callable(found):
        return any(isinstance(value, kind) and name in names for kind, names in _METHODS)
    return not isinstance(found, _SEALED)


def known_names(value: Any) -> list[str]:
    """What stands at this level, by name; for messages, so never a value."""
    if isinstance(value, Response):
        body = [str(key) for key in value.body] if isinstance(value.body, Mapping) else []
        return [*body, *(part for part in PARTS if part not in body)]
    if isinstance(value, Mapping):
        return [str(key) for key in value if not str(key).startswith("\0")]
    fields: Iterable[str] = getattr(type(value), "__dataclass_fields__", ()) if not isinstance(value, type) else ()
    return [name for name in fields if not name.startswith("_")]


def kind_of(value: Any) -> str:
    """What a value is, in the words of JSON."""
    if value is None:
        return "null"
    kinds: list[tuple[Any, str]] = [
        (bool, "true or false"),
        ((int, float, Decimal), "a number"),
        (str, "a text"),
        (Response, "an answer"),
        (Mapping, "a mapping"),
        ((list, tuple), "a list"),
        (date, "a time"),
    ]
    return next((name for kind, name in kinds if isinstance(value, kind)), f"a {type(value).__name__}")
