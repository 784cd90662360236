"""Dates and date-times: any ISO 8601 spelling, strptime patterns and epochs, to one normal form in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from tap_asyncreport.decoding.source import Misfit

_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{8}", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8})"
    r"(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)? ?(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_EXPONENT = 15


def parse_date(text: str) -> str:
    """`2026-01-31` from that or from `20260131`; raises Misfit."""
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
    raise Misfit(
        "is not a date", "write `format` (strptime, epoch) where dates are not ISO 8601, or declare a `date-time`"
    )


def parse_instant(text: str) -> str:
    """`2026-01-31T10:00:00.123Z` from ISO 8601 in any spelling; without an offset it counts as UTC; raises Misfit.

    24:00:00 is the midnight at a day's end (ISO 8601-1:2019/Amd 1:2022).
    """
    match = _INSTANT.fullmatch(text)
    if match:
        day, hour, minute, second, fraction, zone = match.groups(default="")
        try:
            day = date.fromisoformat(day).isoformat()
            return _instant(day, f"{hour or '00'}:{minute or '00'}:{second or '00'}", fraction, zone)
        except (ValueError, OverflowError):
            pass
    raise Misfit("is not a date-time", "write `format` (strptime, epoch, epoch_ms) where it is not ISO 8601")


def _of_a_day(clock: str) -> str:
    if clock[:2] == "24":  # Python 3.13 reads more of these than 3.12
        raise ValueError(clock)
    return clock


def _instant(day: str, clock: str, fraction: str, zone: str) -> str:
    ends = clock == "24:00:00" and not fraction.strip("0")
    at = datetime.fromisoformat(f"{day}T{'00:00:00' if ends else _of_a_day(clock)}") + timedelta(days=ends)
    if zone[:1] in ("+", "-"):
        digits = zone[1:].replace(":", "")
        hours, minutes = int(digits[:2]), int(digits[2:] or 0)
        if hours > 23 or minutes > 59:  # noqa: PLR2004
            raise ValueError(zone)
        offset = timedelta(hours=hours, minutes=minutes)
        at = at - offset if zone[0] == "+" else at + offset
    return f"{at.isoformat()}{'.' + fraction if fraction else ''}Z"


def _spelt(at: datetime) -> str:
    """An aware datetime in the normal form, its fraction without trailing zeros."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def _epoch(text: str, unit: int) -> datetime:
    number = Decimal(text) if _NUMBER.fullmatch(text) else None
    if number is None or (number and number.adjusted() > _LARGEST_EXPONENT):
        raise Misfit("is not an epoch")
    micro = int(number * (1_000_000 // unit))
    try:
        return _EPOCH + timedelta(microseconds=micro)
    except OverflowError:
        raise Misfit("is an epoch outside the years 1 to 9999") from None


def _patterned(text: str, pattern: str) -> datetime:
    if not text.isascii() and any(mark.isdigit() and not mark.isascii() for mark in text):
        raise Misfit(f"does not match the format {pattern!r}")
    try:
        at = datetime.strptime(text, pattern)  # noqa: DTZ007
    except ValueError:
        raise Misfit(f"does not match the format {pattern!r}") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def moment_parser(kind: str, pattern: str | None) -> Callable[[str], str]:
    """The reading of a `date` or `date-time` column: text to its normal form, or Misfit."""
    if pattern is None:
        return parse_date if kind == "date" else parse_instant
    if pattern in ("epoch", "epoch_ms"):
        unit = 1 if pattern == "epoch" else 1000
        if kind == "date":
            return lambda text: _epoch(text, unit).date().isoformat()
        return lambda text: _spelt(_epoch(text, unit))
    if kind == "date":
        return lambda text: _patterned(text, pattern).date().isoformat()
    return lambda text: _in_range(text, pattern)


def _in_range(text: str, pattern: str) -> str:
    try:
        return _spelt(_patterned(text, pattern))
    except OverflowError:
        raise Misfit("is outside the years 1 to 9999 in UTC") from None
