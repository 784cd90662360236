"""How a name inside a value is found: the keys of mappings and answers win, then data attributes, then safe methods."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_MOST_KEYS = 500
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


def path_like(value: Any, name: str) -> list[str | int] | None:
    """Where in an answer or a mapping a key like `name` stands, that name itself first; None where there is none."""
    found = list(_paths(value.body if isinstance(value, Response) else value))
    keys = {str(path[-1]): path for path in reversed(found)}
    wanted = name.casefold()
    same = [key for key in keys if key.casefold() == wanted]
    ending = [key for key in keys if key.casefold().endswith(wanted) or wanted.endswith(key.casefold())]
    near = difflib.get_close_matches(name, keys, 1)
    best = next(iter([*same, *ending, *near]), None)
    return None if best is None else keys[best]


def _paths(value: Any) -> Iterator[list[str | int]]:
    """The paths of all keys, those near the top first; of a list only its first item is looked at."""
    level: list[tuple[list[str | int], Any]] = [([], value)]
    looked_at = 0
    while level and looked_at < _MOST_KEYS:
        path, holder = level.pop(0)
        if isinstance(holder, list) and holder:
            level.append(([*path, 0], holder[0]))
        for key, item in holder.items() if isinstance(holder, Mapping) else ():
            looked_at += 1
            yield [*path, str(key)]
            level.append(([*path, str(key)], item))


def spelt(path: Sequence[str | int]) -> str:
    """A path as templates and JSONPaths write it, from its second part on: `.data[0].id`."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if part.isidentifier() else f"['{part}']" for part in path
    )


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
