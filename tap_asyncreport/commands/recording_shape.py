"""What a recording must look like to be replayed: people edit them, cut them short, and send them on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """A kind of value: its name, whether a value is of it, and whether it may be missing."""

    name: str
    holds: Callable[[Any], bool]
    optional: bool = False

    def or_missing(self) -> Kind:
        """The same, where it need not be there."""
        return self._replace(optional=True)


def _is_instant(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _is_body(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return isinstance(value, str)
    try:
        base64.b64decode(value["base64"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return False
    return True


def _are_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values())


def _is_window(value: Any) -> bool:
    if not isinstance(value, list) or list(map(_is_instant, value)) != [True, True]:
        return value is None
    start, end = map(datetime.fromisoformat, value)
    return start < end


TEXT = Kind("text", lambda value: isinstance(value, str))
INSTANT = Kind("an instant with its offset", _is_instant)
SECONDS = Kind("a number of seconds", _is_seconds)
MAPPING = Kind("a mapping", lambda value: isinstance(value, Mapping))
ROWS = Kind("a list of rows", lambda value: isinstance(value, list) and all(isinstance(row, Mapping) for row in value))
LIST = Kind("a list of mappings", ROWS.holds)
HEADERS = Kind("a mapping of texts", _are_texts)
BODY = Kind("text, or {base64: ...}", _is_body)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
COUNT = Kind("a count", _is_count)
STATUS = Kind("a status code", lambda value: _is_count(value) and 100 <= value <= 599)  # noqa: PLR2004
WINDOW = Kind("two instants in order", _is_window)

RECORDING = {
    "version": TEXT, "stream": TEXT, "now": INSTANT, "config": MAPPING, "exchanges": LIST, "outcome": MAPPING,
    "rows": MAPPING, "partition": MAPPING.or_missing(), "window": WINDOW.or_missing(), "secrets": MAPPING.or_missing(),
}  # fmt: skip
EXCHANGE = {
    "step": TEXT, "method": TEXT, "url": TEXT, "at": INSTANT, "seconds": SECONDS.or_missing(),
    "headers": HEADERS.or_missing(), "body": BODY.or_missing(), "answer": MAPPING.or_missing(),
    "error": TEXT.or_missing(), "lost": TEXT.or_missing(),
}  # fmt: skip
ANSWER = {
    "status": STATUS, "headers": HEADERS.or_missing(), "body": BODY.or_missing(), "whole": FLAG.or_missing(),
}  # fmt: skip
OUTCOME = {"ended": TEXT, "error": TEXT.or_missing()}
FIRST_ROWS = {"count": COUNT, "sha256": TEXT.or_missing(), "first": ROWS.or_missing()}


def fault_in(document: Mapping[str, Any]) -> str | None:
    """Why a recording cannot be replayed: the first place where it is not as `trace --save` writes it."""
    return next(_faults(document), None)


def _faults(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _unlike(document, RECORDING, "")
    yield from _unlike(document["outcome"], OUTCOME, "outcome.")
    yield from _unlike(document["rows"], FIRST_ROWS, "rows.")
    for number, exchange in enumerate(document["exchanges"]):
        yield from _unlike(exchange, EXCHANGE, f"exchanges[{number}].")
        if "answer" in exchange:
            yield from _unlike(exchange["answer"], ANSWER, f"exchanges[{number}].answer.")


def _unlike(value: Mapping[str, Any], shape: Mapping[str, Kind], above: str) -> Iterator[str]:
    for name, kind in shape.items():
        if name not in value and not kind.optional:
            yield f"{above}{name} is missing"
        elif name in value and not kind.holds(value[name]):
            yield f"{above}{name} is not {kind.name}"
