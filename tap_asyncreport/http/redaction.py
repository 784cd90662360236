"""Secrets taken out of every text by their values, whatever the spelling they come in."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from tap_asyncreport.errors import excerpt
from tap_asyncreport.http.urls import Origin, origin_of

HIDDEN = "***"
SHORTEST_ANYWHERE = 4  # shorter values are hidden only as whole words
SHORTEST_BASE64 = 6
_LONG_LINE = 16
_EXCERPT_SOURCE = 16 * 1024
_URL_WITH_QUERY = re.compile(
    r"""(https?:(?:\\?/){2}[^\s"'<>?#\\]*(?:\\/[^\s"'<>?#\\]*)*)\?(?!…)([^\s"'<>\\]|\\(?=[u/]))+""", re.IGNORECASE
)
_PUBLIC_IN_GOOGLE_KEY = (
    "type",
    "auth_uri",
    "token_uri",
    "auth_provider_x509_cert_url",
    "client_x509_cert_url",
    "universe_domain",
)


class Redactor:
    """Hides every value that was added, raw, URL-encoded, base64 or escaped; safe to use from any thread.

    Query strings of URLs are cut too, except those of the origins that were told to be `own`.
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._own: frozenset[Origin] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        for value in values:
            self.add(value)

    def add(self, value: Any) -> None:
        """Hides the value from now on; of mappings and lists, every value inside."""
        found = set(_texts(value))
        with self._lock:
            if not found <= self._values:
                self._values |= found
                self._pattern = None

    def own(self, origin: Origin | None) -> None:
        """Query strings of this origin are shown, without the secrets in them."""
        if origin is not None:
            with self._lock:
                self._own |= {origin}

    def redact(self, text: str) -> str:
        """The text with every secret replaced by `***`."""
        pattern = self._compiled()
        if pattern is not None:
            text = pattern.sub(HIDDEN, text)
        return _URL_WITH_QUERY.sub(self._cut, text) if "?" in text and "http" in text.lower() else text

    def excerpt(self, data: str | bytes | None) -> str | None:
        """The beginning of what an API said; redacted before it is cut, so that no half of a secret is left."""
        if isinstance(data, bytes):
            data = data[:_EXCERPT_SOURCE].decode("utf-8", "backslashreplace")
        return excerpt(self.redact(data[:_EXCERPT_SOURCE])) if data else None

    def redact_value(self, value: Any) -> Any:
        """The same for JSON-like data: texts in it are redacted, keys too."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {self.redact(str(key)): self.redact_value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact_value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = self.redact(str(value))
            return value if shown == str(value) else shown
        return value

    def holds_secret(self, data: str | bytes | None) -> bool:
        """Whether a secret stands in the data."""
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data or ""
        pattern = self._compiled()
        return pattern is not None and pattern.search(text) is not None

    def _cut(self, found: re.Match[str]) -> str:
        return found[0] if origin_of(found[1].replace("\\/", "/")) in self._own else f"{found[1]}?…"

    def _compiled(self) -> re.Pattern[str] | None:
        pattern = self._pattern
        if pattern is None and self._values:
            with self._lock:
                longest_first = sorted(self._values, key=lambda value: (-len(value), value))
                pattern = self._pattern = re.compile("|".join(_spellings(longest_first)))
        return pattern


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        public = _PUBLIC_IN_GOOGLE_KEY if value.get("type") == "service_account" else ()
        for key, item in value.items():
            if key not in public:
                yield from _texts(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, bytes):
        yield from _texts(value.decode("utf-8", "replace"))
    elif value is not None and not isinstance(value, bool):
        yield from _texts_of(str(value).strip())


def _texts_of(text: str) -> Iterable[str]:
    if len(text) > 1:  # one character is no secret, and would hide every other word
        yield text
    if text.startswith(("{", "[")):
        with suppress(ValueError):
            yield from _texts(json.loads(text))
    lines = [line.strip() for line in text.replace("\\n", "\n").split("\n")]
    if len(lines) > 1:  # keys in PEM: logs may show single lines of them
        yield from (line for line in lines if len(line) >= _LONG_LINE and not line.startswith("-----"))


def _spellings(values: Iterable[str]) -> Iterable[str]:
    encoded = []
    for value in values:
        spelt = "".join(_spelt(character) for character in value)
        yield spelt if len(value) >= SHORTEST_ANYWHERE else rf"(?<!\w){spelt}(?!\w)"
        if len(value) >= SHORTEST_BASE64:
            encoded += list(_base64(value.encode()))
    yield from sorted(encoded, key=len, reverse=True)


def _any_case(hexadecimal: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in hexadecimal)


def _spelt(character: str) -> str:
    """A pattern for the character raw, percent-encoded (once or twice), or escaped as JSON, repr and HTML do."""
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    ways = {
        rf"\\*{re.escape(character)}",
        "".join(f"%(?:25)?{_any_case(f'{byte:02x}')}" for byte in character.encode("utf-8", "surrogatepass")),
        re.escape(html.escape(character)),
        f"&#(?:{code}|x{_any_case(f'{code:x}')});",
        *(_escaped(text) for text in (json.dumps(character)[1:-1], ascii(character)[1:-1], f"\\u{code:04x}")),
    }
    if character.isspace():  # excerpts join lines, and a form writes a space as a plus
        ways |= {r"\s+", r"\+"}
    return f"(?:{'|'.join(sorted(ways))})"


def _escaped(text: str) -> str:
    r"""A pattern for `\n` or `\u00e9`, however often its backslashes were escaped again."""
    return "".join(rf"\\+{_any_case(part)}" if part.isalnum() else re.escape(part) for part in text.split("\\") if part)


def _base64(value: bytes) -> Iterable[str]:
    """Patterns for the value inside base64 text, at each of the three places where a byte can begin in it."""
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"\0" * before + value).decode()[unsure:]
        whole = text.rstrip("=")
        padding = len(text) - len(whole)
        sure = whole[:-1] if padding else whole  # the last character depends on what follows
        tail = f"(?:{_spelt64(whole[-1])}(?:=|%3[dD]){{0,2}})?" if padding else ""
        yield "".join(map(_spelt64, sure)) + tail


def _spelt64(character: str) -> str:
    return {"+": r"(?:[+-]|%2[bB])", "/": r"(?:\\?/|_|%2[fF])"}.get(character, character)
