"""JSONPaths: the plain ones read here, the rest by jsonpath-ng's extended grammar."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

_NAME = r"(?!(?:where|wherenot|true|false|null)(?![\w-]))[A-Za-z_][A-Za-z0-9_-]*"
_PARTS = rf"""\.({_NAME})|\[(\d+)\]|\['([^'\\*]+)'\]|\["([^"\\*]+)"\]|(\[\*\]|\.\*)"""
_SIMPLE = re.compile(rf"\$(?:{_PARTS})*", re.ASCII)
_PART = re.compile(_PARTS, re.ASCII)
_ABSENT = object()

Find = Callable[[Any], list[Any]]


class BadPath(ValueError):  # noqa: N818
    """Not a JSONPath; the message says where it stops being one."""


def compile_path(path: str) -> Find:
    """What finds all that a JSONPath matches in plain JSON; raises BadPath."""
    if _SIMPLE.fullmatch(path):
        return _Simple(path)
    return _parsed(path)


class _Simple:
    """Names, indices and wildcards only, such as `$.a.b[0]['c'][*]`."""

    def __init__(self, path: str) -> None:
        self._parts: list[str | int | None] = [
            int(index) if index else None if every else name or single or double
            for name, index, single, double, every in _PART.findall(path)
        ]

    def __call__(self, value: Any) -> list[Any]:
        found = [value]
        for part in self._parts:
            found = [inner for outer in found for inner in _inside(outer, part)]
        return found


def _inside(value: Any, part: str | int | None) -> Iterable[Any]:
    """What stands at one part of a path; None is the wildcard."""
    if part is None:
        return value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    if isinstance(part, int):
        return value[part : part + 1] if isinstance(value, list | tuple) else ()
    inner = value.get(part, _ABSENT) if isinstance(value, Mapping) else _ABSENT
    return () if inner is _ABSENT else (inner,)


def _parsed(path: str) -> Find:
    from jsonpath_ng.exceptions import JSONPathError
    from jsonpath_ng.ext import parser

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            parsed = parser.parse(path)
    except JSONPathError as error:
        raise BadPath(_fault(path, str(error))) from None
    except Exception as error:  # noqa: BLE001 - its operators raise bare exceptions of many kinds
        raise BadPath(f"it is not a JSONPath ({type(error).__name__})") from None

    def find(value: Any) -> list[Any]:
        return [match.value for match in parsed.find(value)]

    def compare(value: Any) -> list[Any]:
        return [_exact(found) for found in find(_comparable(value))]

    return compare if "?" in path else find


class _Compared(float):
    """A decimal as filters compare numbers, which know no Decimal; it keeps what it was."""

    exact: Decimal


def _comparable(value: Any) -> Any:
    if isinstance(value, Decimal):
        number = _Compared(value)
        number.exact = value
        return number
    return _each(value, _comparable)


def _exact(value: Any) -> Any:
    return value.exact if isinstance(value, _Compared) else _each(value, _exact)


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if type(value) is dict:
        return {key: change(part) for key, part in value.items()}
    if type(value) is list:
        return [change(part) for part in value]
    return value


def _fault(path: str, said: str) -> str:
    """Where the path stops being one, counted in characters from 1."""
    place = re.search(r"at \d+:(\d+) near|col (\d+)", said)
    if place is None:
        return "it ends too early"
    at = int(place[1] or place[2])
    return f"unexpected `{path[at : at + 1]}` at character {at + 1}"
