"""The small types of the configuration: durations, calendar steps, sizes, moments, rates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema, model_validator

from tap_asyncreport.durations import Step, parse_duration, parse_step

__all__ = [
    "MAY_BE_TEMPLATE",
    "ByteSize",
    "CalendarStep",
    "CallRate",
    "Duration",
    "Lacks",
    "Model",
    "Moment",
    "MovingMoment",
    "Rate",
    "Renders",
    "Step",
    "all_defaults",
    "kind_of",
    "parse_duration",
    "parse_moment",
    "parse_rate",
    "parse_size",
    "parse_step",
    "timedelta",
]

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]i?B?|B)?\s*", re.ASCII | re.IGNORECASE)
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\S.*)", re.ASCII)
_ORDERS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", "%Y%m%d", "%d %b %Y", "%b %d, %Y",
)  # fmt: skip
_MOVING = {"today": "{{ now }}", "now": "{{ now }}", "yesterday": "{{ now | minus('1d') }}"}
_MILLISECOND = timedelta(milliseconds=1)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Renders(Enum):
    """Marks a field, in its annotation, as one whose text is more than text."""

    TEMPLATE = "template"
    EXTRACTOR = "extractor"
    PATH = "path"  # a JSONPath where it begins with `$`


class Model(BaseModel):
    """Base of every configuration model: unknown keys are errors, values do not change after loading.

    A text stands for the key named by `shorthand`. Null is the default where null itself is no value of the field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True)
    shorthand: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        if cls.shorthand and isinstance(value, str):
            return {cls.shorthand: value}
        if isinstance(value, Mapping):
            unset = {key for key in value if value[key] is None} & _never_null(cls)
            return {key: item for key, item in value.items() if key not in unset}
        return value


class Lacks(ValueError):  # noqa: N818
    """A value is wrong because `key`, which would stand in it, is not there."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


def all_defaults() -> Any:
    """What a model is made of where nothing is written; validated with the rest, so that it needs no building of its own."""
    return {}


@cache
def _never_null(model: type[Model]) -> frozenset[str]:
    """The keys of a model that have a default and no null among their values."""
    fields = model.model_fields.items()
    return frozenset(
        field.alias or name
        for name, field in fields
        if not field.is_required() and field.annotation is not Any and type(None) not in get_args(field.annotation)
    )


def kind_of(value: object) -> str | None:
    """Tells the members of a union apart by how they are written."""
    kinds = ((str, "text"), ((list, tuple), "list"), ((Mapping, BaseModel), "mapping"), ((int, float), "number"))
    return next((kind for type_, kind in kinds if isinstance(value, type_)), None)


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
    said = f"{value!r} is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)"
    raise ValueError("; write ".join(filter(None, (said, _meant_date(value) if isinstance(value, str) else None))))


def _meant_date(text: str) -> str | None:
    """The date that is written in another order, each that it may be."""
    found = {}
    for order in _ORDERS:
        with suppress(ValueError):
            found[datetime.strptime(text.strip(), order).date().isoformat()] = order  # noqa: DTZ007
    return " or ".join(found) or None


def parse_moving_moment(value: object) -> date | datetime | str:
    """A moment, or a template that gives one when the run begins."""
    moving = _MOVING.get(value.strip().lower()) if isinstance(value, str) else None
    if moving is not None:
        raise ValueError(f'{value!r} is no date; write "{moving}"')
    return value if isinstance(value, str) and "{{" in value else parse_moment(value)


def written_duration(length: timedelta) -> str:
    """A length as people write it, in the largest unit that it is a whole number of."""
    units = (
        ("d", timedelta(days=1)),
        ("h", timedelta(hours=1)),
        ("m", timedelta(minutes=1)),
        ("s", timedelta(seconds=1)),
    )
    unit, size = next(((unit, size) for unit, size in units if length and not length % size), ("ms", _MILLISECOND))
    return f"{length / size:g}{unit}" if length else "0s"


def written_size(size: int) -> str:
    """A number of bytes as people write it."""
    units = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))
    return next((f"{size // factor} {unit}" for unit, factor in units if size and not size % factor), str(size))


def _written_rate(rate: Rate) -> str:
    return f"{rate.calls:g}/{written_duration(rate.per)}"


def _written_moment(moment: date | datetime | str) -> str:
    return moment if isinstance(moment, str) else moment.isoformat()


def _written(parse: Callable[[object], Any], write: Callable[[Any], str], pattern: str, example: str) -> list[Any]:
    return [
        BeforeValidator(parse),
        PlainSerializer(write, return_type=str),
        WithJsonSchema({"type": ["string", "integer"], "pattern": pattern, "examples": [example]}),
    ]


Duration = Annotated[
    timedelta, *_written(parse_duration, written_duration, r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w|mo|y)\s*$|^0$", "30s")
]
CalendarStep = Annotated[Step, *_written(parse_step, str, r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w|mo|y)\s*$|^0$", "1d")]
ByteSize = Annotated[int, *_written(parse_size, written_size, r"^\s*\d+(\.\d+)?\s*([kKmMgGtT]i?)?[bB]?\s*$", "4 GiB")]
CallRate = Annotated[Rate, *_written(parse_rate, _written_rate, r"^\s*\d+(\.\d+)?\s*/\s*\S+", "60/1m")]
MAY_BE_TEMPLATE = "May be a template over `now` and `vars`."
Moment = Annotated[date | datetime, *_written(parse_moment, _written_moment, r"^\d{4}-\d\d-\d\d", "2026-01-01")]
MovingMoment = Annotated[
    date | datetime | str,
    *_written(parse_moving_moment, _written_moment, r"^\d{4}-\d\d-\d\d|\{\{", "2026-01-01"),
    Renders.TEMPLATE,
]
