"""How windows and bookmarks are written: dates, ISO instants, epochs, strftime patterns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from tap_asyncreport.config.patterns import window_format
from tap_asyncreport.zones import EPOCH

_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)
_FIELD = re.compile(r"%(?:%|[-_0^#]?[EO]?([A-Za-z+]))")
_TIME_FIELDS = frozenset("HIklMSfpPXTRrcs")


def iso(at: datetime, granularity: timedelta, *, is_utc: bool = True) -> str:
    """ISO 8601 with `Z` (in UTC) or the offset; milliseconds or microseconds only where the granularity has them."""
    if not granularity % _SECOND:
        precision = "seconds"
    else:
        precision = "microseconds" if granularity % _MILLISECOND else "milliseconds"
    if is_utc:
        return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
    return at.isoformat(timespec=precision)


class WindowFormat:
    """One `format` of the configuration; raises ValueError for a text that is neither a word nor a strftime pattern.

    `is_dates`: it writes days and no time of day, so that the API is asked in days.
    """

    def __init__(self, pattern: str, granularity: timedelta = _SECOND, *, is_utc: bool = True) -> None:
        self._pattern = window_format(pattern)
        self._granularity = granularity
        self._is_utc = is_utc
        fields = {field[1] for field in _FIELD.finditer(pattern)}
        self.is_dates = pattern == "date" or ("%" in pattern and not fields & _TIME_FIELDS)

    def render(self, at: datetime) -> str | int:
        """The instant, which is in the stream's zone, as this format writes it; an epoch is a number."""
        match self._pattern:
            case "date":
                return at.date().isoformat()
            case "iso":
                return iso(at, self._granularity, is_utc=self._is_utc)
            case "epoch":
                return (at - EPOCH) // _SECOND
            case "epoch_ms":
                return (at - EPOCH) // _MILLISECOND
        # strftime's own %s would ask the machine's time zone
        epoch = str((at - EPOCH) // _SECOND)
        return at.strftime(_FIELD.sub(lambda field: epoch if field[1] == "s" else field[0], self._pattern))
