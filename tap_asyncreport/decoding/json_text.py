"""JSON read without losing a digit, and written again: numbers stay the text they were."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from tap_asyncreport.decoding.source import Misfit

_SURROGATE = re.compile("[\ud800-\udfff]")
_SAFE_DIGITS = 300


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


class Constant(str):
    """NaN, Infinity or -Infinity, which JSON does not have but APIs send."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=Constant)


def parse(text: str) -> Any:
    """The value of a whole JSON text, numbers as Number; of repeated keys the last holds; raises ValueError."""
    return _DECODER.decode(text)


def parse_at(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends; raises ValueError."""
    return _DECODER.raw_decode(text, start)


def is_finite(number: str) -> bool:
    """Whether a double can hold it."""
    if len(number) <= _SAFE_DIGITS and "e" not in number and "E" not in number:
        return True
    return abs(float(number)) != float("inf")


def text_of(text: str) -> str:
    """A JSON string; raises Misfit for half of a surrogate pair, which no UTF-8 can hold."""
    if not text.isascii() and _SURROGATE.search(text):
        raise Misfit("holds half of a surrogate pair, which is no character")
    return encode_basestring(text)


def write(value: Any, non_finite: Callable[[str], None]) -> str:
    """The value as compact JSON; `non_finite` hears of each number that becomes null, and may raise."""
    if value is None:
        return "null"
    if isinstance(value, Number | Constant):
        if isinstance(value, Number) and is_finite(value):
            return str(value)
        non_finite(value)
        return "null"
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ",".join(f"{text_of(str(key))}:{write(part, non_finite)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(write(part, non_finite) for part in value) + "]"
    return write(from_python(value), non_finite)


def from_python(value: Any) -> Any:
    """A plain Python value in the form that `parse` gives; what lists and mappings hold stays as it is."""
    if value is None or isinstance(value, str | bool | dict | list | tuple):
        return value
    if isinstance(value, int):
        return Number(value)
    if isinstance(value, float):
        return Number(repr(value)) if math.isfinite(value) else Constant(value)
    if isinstance(value, Decimal):
        return Number(value) if value.is_finite() else Constant(value)
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def exact(value: Any) -> Any:
    """A plain Python value, with all inside it, in the form that `parse` gives."""
    if isinstance(value, dict):
        return {str(key): exact(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [exact(part) for part in value]
    if isinstance(value, bytes):
        return value.decode()
    return from_python(value)
