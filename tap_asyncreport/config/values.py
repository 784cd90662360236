"""The small types of the configuration: durations, calendar steps, sizes, moments, rates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from tap_asyncreport.durations import Step, parse_duration, parse_step

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]i?B?|B)?\s*", re.ASCII | re.IGNORECASE)
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\S.*)", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Model(BaseModel):
    """Base of every configuration model: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, arbitrary_types_allowed=True)


def parse_size(value: object) -> int:
    """Bytes from `16 MiB`, `4GiB`, `500kB` or a whole number of bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a size; write for example 512 MiB or 4 GiB")
    number, unit = match.groups()
    unit = (unit or "b").lower()
    power = "bkmgt".index(unit[0])
    return int(float(number) * (1024 if "i" in unit else 1000) ** power)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` in each `per`."""

    calls: float
    per: timedelta


def parse_rate(value: object) -> Rate:
    """`60/1m`, `1/60s`, `100/20s`, `2/s`."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a rate; write calls per time, for example 60/1m")
    calls, per = match.groups()
    length = parse_duration(per if per[0].isdigit() else f"1{per}")
    if float(calls) <= 0 or not length:
        raise ValueError(f"{value!r} allows no calls at all")
    return Rate(float(calls), length)


def parse_moment(value: object) -> date | datetime:
    """A date (`2026-01-31`) or an instant (`2026-01-31T12:00:00Z`; without an offset, in the stream's zone)."""
    if isinstance(value, date | datetime):
        return value
    if isinstance(value, str):
        text = value.strip()
        try:
            return date.fromisoformat(text) if _DATE.fullmatch(text) else datetime.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError(f"{value!r} is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)")


def _written(parse: Callable[[object], Any], pattern: str, example: str) -> list[Any]:
    return [
        BeforeValidator(parse),
        PlainSerializer(str, return_type=str),
        WithJsonSchema({"type": ["string", "integer"], "pattern": pattern, "examples": [example]}),
    ]


Duration = Annotated[timedelta, *_written(parse_duration, r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*$|^0$", "30s")]
CalendarStep = Annotated[Step, *_written(parse_step, r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w|mo|y)\s*$|^0$", "1d")]
ByteSize = Annotated[int, *_written(parse_size, r"^\s*\d+(\.\d+)?\s*([kKmMgGtT]i?)?[bB]?\s*$", "4 GiB")]
CallRate = Annotated[Rate, *_written(parse_rate, r"^\s*\d+(\.\d+)?\s*/\s*\S+", "60/1m")]
Moment = Annotated[date | datetime, *_written(parse_moment, r"^\d{4}-\d\d-\d\d", "2026-01-01")]
