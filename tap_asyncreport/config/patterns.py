"""How dates are written: words and patterns of strftime and strptime, told apart from those of other tools."""

from __future__ import annotations

import difflib
import re
import warnings
from datetime import datetime

WORDS = ("date", "iso", "epoch", "epoch_ms")
EPOCHS = ("epoch", "epoch_ms")
_YEAR = re.compile(r"%[YyGcx]")
_FIELD = re.compile(r"%[-_0^#]?[EO]?(.?)", re.DOTALL)
_FIELDS = frozenset("aAbBcCdDeFfgGhHIjklmMnpPrRsStTuUVwWxXyYzZ+%")
# YYYY-MM-DD and the like, as spreadsheets, Java and moment.js write it
_ELSEWHERE = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_LETTERS = re.compile(r"yyyy|YYYY|yy|YY|MM|dd|DD|HH|hh|mm|ss|SS|'T'|[A-Za-z]+")


def window_format(text: str) -> str:
    """A word or a strftime pattern; raises ValueError that says what to write instead."""
    if text in WORDS:
        return text
    if "%" not in text:
        near = difflib.get_close_matches(text, WORDS, 1)
        known = f"{', '.join(WORDS)} or a strftime pattern such as %Y-%m-%d"
        raise ValueError(f"{text!r} is no format; write {near[0] if near else as_pattern(text) or known}")
    odd = next((found[0] for found in _FIELD.finditer(text) if found[1] not in _FIELDS or not found[1]), None)
    if odd is not None:
        raise ValueError(f"{text!r} is no strftime pattern: there is no field {odd}; write for example %Y-%m-%dT%H:%M:%S")
    return text


def column_format(text: str) -> str:
    """A word for epochs or a strptime pattern; raises ValueError that says what to write instead."""
    if text in EPOCHS:
        return text
    if "%" not in text:
        known = as_pattern(text) or f"{', '.join(EPOCHS)} or a strptime pattern such as %d/%m/%Y"
        raise ValueError(f"{text!r} is no format; write {known}")
    try:
        with warnings.catch_warnings(action="ignore"):  # of a day without a year, which is told of below
            datetime.strptime("", text)  # noqa: DTZ007
    except ValueError as error:
        if "bad directive" in str(error) or "stray" in str(error):
            raise ValueError(f"{text!r} is no strptime pattern: {error}") from None
    except re.error:
        raise ValueError(f"{text!r} is no strptime pattern: a field stands in it twice") from None
    if not _YEAR.search(text):
        raise ValueError(f"{text!r} is no strptime pattern of a date: without %Y or %y each would be in 1900")
    return text


def as_pattern(text: str) -> str | None:
    """`%Y-%m-%d` for `YYYY-MM-DD`; None for what is no such pattern."""
    pattern = _LETTERS.sub(lambda found: _field(found[0]), text)
    return pattern if "%" in pattern and "\0" not in pattern else None


def _field(letters: str) -> str:
    if letters in ("T", "'T'", "Z"):
        return letters.strip("'")
    same = {"YYYY": "yyyy", "YY": "yy", "DD": "dd", "hh": "HH", "SS": "ss"}.get(letters, letters)
    return _ELSEWHERE.get(same, "\0")
