"""What differs between two requests: the method, the URL, a parameter, a header, a part of the body."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from tap_asyncreport.commands.recording import bytes_of
from tap_asyncreport.templates import to_json

MISSING = "(none)"
# What a request has for the wire's sake, what is secret anyway, and what is signed with the time of day.
_NOT_COMPARED = frozenset({
    "user-agent", "accept-encoding", "authorization", "proxy-authorization", "cookie", "content-length", "host", "date",
    "connection", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token",
})  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


class Difference(NamedTuple):
    """One thing that differs: its name, as it was, as it is."""

    what: str
    was: str
    now: str


class Comparison:
    """Compares requests; a UUID that no answer and no configuration holds was made up, and equals any other."""

    def __init__(self, known: str) -> None:
        self._known = {found.lower() for found in _UUID.findall(known)}

    def requests(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
        """Everything that differs between a recorded request and one that was made."""
        yield from self._texts("method", was["method"], now["method"])
        was_url, _, was_query = str(was["url"]).partition("?")
        now_url, _, now_query = str(now["url"]).partition("?")
        yield from self._texts("url", was_url, now_url)
        yield from self._pairs("params", _query(was_query), _query(now_query))
        yield from self._pairs("headers", _fields(was), _fields(now))
        yield from self._bodies(bytes_of(was.get("body")), bytes_of(now.get("body")), was)

    def same(self, was: Any, now: Any) -> bool:
        """Whether two values are the same, made-up UUIDs aside."""
        return self._plain(was) == self._plain(now)

    def _texts(self, what: str, was: str, now: str) -> Iterator[Difference]:
        if not self.same(was, now):
            yield Difference(what, was, now)

    def _pairs(self, what: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
        for name in dict.fromkeys([*was, *now]):
            if name not in was or name not in now or not self.same(was[name], now[name]):
                yield Difference(f"{what}.{name}", _shown(was, name), _shown(now, name))

    def _bodies(self, was: bytes, now: bytes, request: Mapping[str, Any]) -> Iterator[Difference]:
        if self.same(was.decode("utf-8", "backslashreplace"), now.decode("utf-8", "backslashreplace")):
            return
        kind = {name.lower(): value for name, value in request.get("headers", {}).items()}.get("content-type", "")
        if "form-urlencoded" in kind:
            yield from self._pairs("form", _query(was.decode("latin-1")), _query(now.decode("latin-1")))
            return
        try:
            yield from self._pairs("json", dict(_leaves(json.loads(was))), dict(_leaves(json.loads(now))))
        except ValueError:
            yield Difference("body", _text(was), _text(now))

    def _plain(self, value: Any) -> str:
        text = value if isinstance(value, str) else to_json(value)
        return _UUID.sub(lambda found: found[0] if found[0].lower() in self._known else "<uuid>", text)


def _query(text: str) -> dict[str, str]:
    """The parameters of a query; one that comes several times has a number."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        number = sum(key == name or key.startswith(f"{name}[") for key in found)
        found[name if not number else f"{name}[{number}]"] = value
    return found


def _fields(request: Mapping[str, Any]) -> dict[str, str]:
    fields = request.get("headers", {}).items()
    return {name.lower(): value for name, value in fields if name.lower() not in _NOT_COMPARED}


def _leaves(value: Any, key: str = "$") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}")
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, f"{key}[{number}]")
    else:
        yield key, value


def _shown(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return MISSING
    value = values[name]
    return value if isinstance(value, str) else to_json(value)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace") or MISSING


def _json(row: Mapping[str, Any], name: str) -> str:
    return to_json(row[name]) if name in row else MISSING


def first_rows_differing(was: Sequence[Any], now: Sequence[Any]) -> Iterator[Difference]:
    """The first row that differs, column by column."""
    for number, (old, new) in enumerate(zip(was, now, strict=False), 1):
        if old != new:
            columns = dict.fromkeys([*old, *new])
            yield from (
                Difference(f"row {number}, {name}", _json(old, name), _json(new, name))
                for name in columns
                if old.get(name, MISSING) != new.get(name, MISSING)
            )
            return
