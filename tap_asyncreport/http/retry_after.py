"""How long a server asks us to wait, in the many ways that servers say it."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

_SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_RFC_850 = re.compile(r"\w+, (\d\d)-(\w{3})-(\d\d) (\d\d:\d\d:\d\d) GMT", re.ASCII | re.IGNORECASE)
LONGEST = timedelta(days=366)  # what is longer is no wait, but a mistake
_EPOCH_SECONDS = range(10**9, 10**11)  # from 2001 on: no wait is as long as that
_EPOCH_MILLISECONDS = range(10**12, 10**14)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or an HTTP date in any of its three forms.

    None for what is rubbish, zero, negative, past, or further away than a year.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return _sound(float(text))
    at = _http_date(text, now)
    return None if at is None else _sound((at - now).total_seconds())


def parse_wait(value: Any, now: datetime) -> float | None:
    """Seconds to wait from what an extractor found.

    Takes seconds, seconds or milliseconds since 1970, an ISO instant or an HTTP date; None for what Retry-After would
    ignore too.
    """
    if isinstance(value, datetime):
        return _sound((_aware(value) - now).total_seconds())
    if isinstance(value, timedelta):
        return _sound(value.total_seconds())
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    if _SECONDS.fullmatch(text):
        return _number(float(text), now)
    try:
        at = _aware(datetime.fromisoformat(text))
    except ValueError:
        return parse_retry_after(text, now)
    return _sound((at - now).total_seconds())


def _number(number: float, now: datetime) -> float | None:
    if math.isfinite(number):
        if int(number) in _EPOCH_SECONDS:
            return _sound(number - now.timestamp())
        if int(number) in _EPOCH_MILLISECONDS:
            return _sound(number / 1000 - now.timestamp())
    return _sound(number)


def _sound(seconds: float) -> float | None:
    return seconds if 0 < seconds <= LONGEST.total_seconds() else None


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _http_date(text: str, now: datetime) -> datetime | None:
    if old := _RFC_850.fullmatch(text):
        year = now.year - now.year % 100 + int(old[3])
        if year > now.year + 50:  # RFC 9110, 5.6.7: what seems over 50 years ahead is the past
            year -= 100
        text = f"{old[1]} {old[2]} {year:04} {old[4]} GMT"
    if not re.search("[A-Za-z]{3}", text):
        return None
    try:
        return _aware(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
