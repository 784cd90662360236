"""Lengths of time as people write them, and moving along the calendar by them."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_MONTHS = {"mo": 1, "y": 12}
_DAYS_OF_MONTHS = {"mo": timedelta(days=30), "y": timedelta(days=365)}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|mo|m|h|d|w|y)\s*", re.ASCII)
_HOW = "a number and a unit: 200ms 30s 5m 6h 1d 1w 1mo 1y"
_ISO = re.compile(r"p(t?)(\d+(?:\.\d+)?)([smhdwy])", re.ASCII)
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_WORDS = re.compile(r"(?:every\s+)?(\d+(?:[.,]\d+)?)?\s*([a-z]+\.?)", re.ASCII)
_SUM = re.compile(r"(\d+\s*[dhms]\s*){2,}", re.ASCII)
_QUARTER = 3  # months
_CRON = re.compile(r"@\w+|([\d*/,-]+\s+){4}\S+")
_ALIASES = {"daily": "day", "hourly": "hour", "weekly": "week", "monthly": "month", "yearly": "year"}
_SPELT = {
    "ms": ("millisecond", "milli", "msec"), "s": ("second", "sec", "s"), "m": ("minute", "min"),
    "h": ("hour", "hr", "h"), "d": ("day", "d"), "w": ("week", "wk", "w"),
    "mo": ("month", "mon", "mth", "mo"), "y": ("year", "yr", "y"),
}  # fmt: skip
_MOST_MONTHS = 120_000  # ten thousand years: beyond it no date exists

Moved = TypeVar("Moved", date, datetime)


@dataclass(frozen=True, slots=True)
class Step:
    """A length on the calendar: whole months (`1mo`, `1y`) or an exact time (`6h`, `1d`); days are calendar days."""

    text: str
    months: int = 0
    length: timedelta = timedelta()

    def __str__(self) -> str:
        return self.text

    @property
    def by_calendar(self) -> bool:
        """True for days, weeks, months and years: they keep the time of day, whatever the clocks do."""
        return bool(self.months) or self.text.endswith(("d", "w"))


def parse_step(value: object) -> Step:
    """`200ms 0.2s 30s 5m 6h 1d 7d 1w 1mo 1y` or 0; raises ValueError that says how to write one."""
    if isinstance(value, Step):
        return value
    if isinstance(value, timedelta):
        return Step(f"{value.total_seconds():g}s", 0, value)
    if value in (0, "0") and not isinstance(value, bool):
        return Step("0")
    is_number = isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdecimal())
    if is_number and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit; write for example {value}s, {value}m or {value}d")
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write {_meant(value)}")
    number, unit = match.groups()
    text = number + unit
    try:
        if unit in _MONTHS:
            return Step(text, months=_whole_months(text, float(number) * _MONTHS[unit]))
        return Step(text, length=float(number) * _UNITS[unit])
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any calendar") from None


def _meant(value: object) -> str:
    """The duration that a text means in other words, as it is written here; where that is not plain, how one is."""
    text = value.strip() if isinstance(value, str) else ""
    small = text.casefold()
    of_iso, clock, words = _ISO.fullmatch(small), _CLOCK.fullmatch(small), _WORDS.fullmatch(small)
    if _CRON.fullmatch(text):
        return f"how long, not when, which is for what starts the tap to say: {_HOW}"
    if re.fullmatch(r"\d+M", text, re.ASCII):
        return f"{text[:-1]}mo for months, {text[:-1]}m for minutes"
    if of_iso:
        return of_iso[2] + ("mo" if of_iso[3] == "m" and not of_iso[1] else of_iso[3])
    if clock or _SUM.fullmatch(small):
        parts = zip(clock.groups(), "hms", strict=True) if clock else re.findall(r"(\d+)\s*([a-z])", small)
        return _largest(sum((int(number or 0) * _UNITS[unit] for number, unit in parts), timedelta()))
    if words is not None and words[2].startswith("quarter"):
        return f"{float(words[1] or 1) * _QUARTER:g}mo" if "," not in (words[1] or "") else _HOW
    if words is not None:
        word = _ALIASES.get(words[2], words[2].rstrip("s.") or words[2])
        unit = next((unit for unit, names in _SPELT.items() if word in names), None)
        return f"{(words[1] or '1').replace(',', '.')}{unit}" if unit is not None and text != "s" else _HOW
    return _HOW


def _largest(length: timedelta) -> str:
    unit = next(unit for unit in ("d", "h", "m", "s") if not length % _UNITS[unit])
    return f"{length // _UNITS[unit]}{unit}"


def _whole_months(text: str, months: float) -> int:
    if months > _MOST_MONTHS:
        raise OverflowError
    if months != int(months):
        raise ValueError(f"{text!r} is not a whole number of months")
    return int(months)


def parse_duration(value: object) -> timedelta:
    """An exact length, spelt as a step is; away from any calendar a month is 30 days and a year 365."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _DAYS_OF_MONTHS:
        return parse_step(value).length
    try:
        return float(match[1]) * _DAYS_OF_MONTHS[match[2]]
    except OverflowError:
        raise ValueError(f"{value!r} is longer than any calendar") from None


def shift(at: Moved, step: Step, times: int = 1) -> Moved:
    """`at` moved by `times` steps: days and longer by the calendar of its zone, hours and shorter by the clock.

    A day that the target month lacks becomes that month's last; a time of day that the clocks skip becomes the next
    that exists. A date moves by whole days only (ValueError else). Raises OverflowError outside the years 1 to 9999.
    """
    if step.months:
        return _existing(_by_months(at, step.months * times))
    length = step.length * times
    if not isinstance(at, datetime):
        if length % timedelta(days=1):
            raise ValueError(f"a date moves by whole days, not by {step}")
        return at + length
    if at.tzinfo is None or step.by_calendar:
        return _existing(at + length)
    return (at.astimezone(UTC) + length).astimezone(at.tzinfo)


def _by_months(at: Moved, months: int) -> Moved:
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        raise OverflowError("no such year")
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def _existing(at: Moved) -> Moved:
    if isinstance(at, datetime) and at.tzinfo is not None:
        return at.astimezone(UTC).astimezone(at.tzinfo)
    return at
