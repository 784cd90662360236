"""Dates and instants as other tools spell them in their bookmarks."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tap_asyncreport.zones import EPOCH

SPELLINGS = (
    "dates (2026-01-31, 20260131), months (2026-01), instants (2026-01-31T12:00:00Z, any offset, a space for the T), "
    "epoch seconds and milliseconds"
)

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_COMPACT_DAY = re.compile(r"(?:19|20|21)\d{6}", re.ASCII)
_DAY = re.compile(r"\d{4}([-/.]?)\d\d\1\d\d", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_ZONE_WORD = re.compile(r"\s*(?:z|utc|gmt)$", re.ASCII | re.IGNORECASE)
_SPACED_OFFSET = re.compile(r"\s+(?=[+-]\d\d(?::?\d\d)?$)", re.ASCII)

# An epoch is told by its size: seconds from 1973 on, then the same span in thousandths, millionths and billionths.
_EPOCH_UNITS = ((10**8, 10**11, 1), (10**11, 10**14, 10**3), (10**14, 10**17, 10**6), (10**17, 10**20, 10**9))


def read_moment(value: Any) -> date | datetime:
    """A date (its day, or a month's first day) or an instant, naive where the text names no offset.

    Raises ValueError for anything else; `SPELLINGS` says what is read.
    """
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _number(Decimal(str(value)))
    if isinstance(value, date | datetime):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a date")  # noqa: TRY004  # one kind of error for whatever cannot be read
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _number(Decimal(text))
    return _text(text)


def is_moment(value: Any) -> bool:
    """Whether `read_moment` can read it."""
    try:
        read_moment(value)
    except ValueError:
        return False
    return True


def _number(number: Decimal) -> date | datetime:
    whole = int(number) if number.is_finite() else 0
    if _COMPACT_DAY.fullmatch(str(whole)):
        return date.fromisoformat(str(whole))
    for least, most, per_second in _EPOCH_UNITS:
        if least <= whole < most:
            return EPOCH + timedelta(microseconds=int(number * 10**6 / per_second))
    raise ValueError(f"{number} is not an epoch")


def _text(text: str) -> date | datetime:
    if _DAY.fullmatch(text):
        return date.fromisoformat(re.sub(r"[/.]", "-", text))
    month = _MONTH.fullmatch(text)
    if month:
        return date(int(month[1]), int(month[2]), 1)
    if not text[:4].isdigit():
        return _mail_date(text)
    plain = _SPACED_OFFSET.sub("", _ZONE_WORD.sub("Z", text))
    return datetime.fromisoformat(plain.replace("/", "-"))


def _mail_date(text: str) -> datetime:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)
