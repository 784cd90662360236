"""What the decoders are handed, and what they say about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tap_asyncreport.errors import DecodeError

VALUE_CHARACTERS = 100
LARGEST_RECORD = 64 * 1024 * 1024  # what one record may hold of memory, in any format


class Source(Protocol):
    """A downloaded file, whole on disk, with what the API said about it."""

    @property
    def path(self) -> Path: ...
    @property
    def size(self) -> int: ...
    @property
    def content_type(self) -> str | None: ...
    @property
    def content_encoding(self) -> str | None: ...
    @property
    def charset(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def target(self) -> Any: ...


@dataclass
class Observed:
    """What was seen while rows went by: their number, the span of the watched column, and what was put right."""

    rows: int = 0
    minimum: str | None = None
    maximum: str | None = None
    nul_stripped: int = 0
    non_finite: int = 0

    def span(self, low: str, high: str) -> None:
        """Widen the span of the watched column."""
        self.minimum = low if self.minimum is None or low < self.minimum else self.minimum
        self.maximum = high if self.maximum is None or high > self.maximum else self.maximum

    def span_of_numbers(self, low: str, high: str) -> None:
        """Widen the span of a watched column of numbers."""
        self.minimum = low if self.minimum is None or float(low) < float(self.minimum) else self.minimum
        self.maximum = high if self.maximum is None or float(high) > float(self.maximum) else self.maximum


class Misfit(Exception):  # noqa: N818
    """A value does not fit its declared type; says why, the caller knows where."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def shown(value: Any) -> str:
    """A value as errors quote it: at most 100 characters, on one line, what is no text as JSON writes it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return repr(str(text) if len(text) <= VALUE_CHARACTERS else text[:VALUE_CHARACTERS] + "…")


def misfit(place: str, column: str, value: Any, why: Misfit) -> DecodeError:
    """The error for one value: where it stands, what it is, why it does not fit."""
    usual = f"give `columns.{column}` another type, or `null_values` for texts that mean nothing"
    return DecodeError(f"{place}, column {column!r}: {shown(value)} {why.reason}", hint=why.hint or usual)
