"""Spans that parts of a whole have finished, and how they join on to what is finished without a gap."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple


class Finished(NamedTuple):
    """A finished span, [start, until), and the readable bookmark of its end."""

    start: datetime
    until: datetime
    value: str

    def written(self) -> list[str]:
        """The span as state holds it."""
        return [_text(self.start), _text(self.until), self.value]


def read_spans(written: object) -> list[Finished]:
    """The spans that state holds; raises ValueError for anything else."""
    if not isinstance(written, list):
        raise ValueError("`finished` is not a list of spans")  # noqa: TRY004
    try:
        spans = [(_instant(start), _instant(end), value) for start, end, value in written]
        return [Finished(start, end, str(value)) for start, end, value in spans]
    except (TypeError, ValueError):
        raise ValueError("`finished` is not a list of [start, until, value]") from None


def joined(spans: Iterable[Finished]) -> list[Finished]:
    """The same spans in order, those that touch or overlap made one."""
    whole: list[Finished] = []
    for span in sorted(spans):
        if whole and span.start <= whole[-1].until:
            last = whole[-1]
            if span.until > last.until:
                whole[-1] = Finished(last.start, span.until, span.value)
        else:
            whole.append(span)
    return whole


def absorbed(until: datetime | None, spans: Iterable[Finished]) -> tuple[Finished | None, list[Finished]]:
    """The span that moves the bookmark on, if one joins on to `until`, and the spans that lie beyond a gap."""
    moved: Finished | None = None
    beyond: list[Finished] = []
    for span in joined(spans):
        if until is None or span.start > until:
            beyond.append(span)
        elif span.until > until:
            moved, until = span, span.until
    return moved, beyond


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
