"""The spellings in which a secret may stand in a text, as patterns."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

SHORTEST_ANYWHERE = 4  # shorter values are hidden only as whole words
SHORTEST_BASE64 = 6
_LONG_LINE = 16
_PUBLIC_IN_GOOGLE_KEY = (
    "type",
    "auth_uri",
    "token_uri",
    "auth_provider_x509_cert_url",
    "client_x509_cert_url",
    "universe_domain",
)


def texts_in(value: Any) -> Iterable[str]:
    """Every text inside a secret that is worth hiding: of structures their values, of JSON text what it holds."""
    if isinstance(value, Mapping):
        public = _PUBLIC_IN_GOOGLE_KEY if value.get("type") == "service_account" else ()
        for key, item in value.items():
            if key not in public:
                yield from texts_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, bytes):
        yield from texts_in(value.decode("utf-8", "replace"))
    elif value is not None and not isinstance(value, bool):
        yield from _values_of(str(value).strip())


def _values_of(text: str) -> Iterable[str]:
    if len(text) > 1:  # one character is no secret, and would hide every other word
        yield text
    if text.startswith(("{", "[")):
        with suppress(ValueError):
            yield from texts_in(json.loads(text))
    lines = [line.strip() for line in text.replace("\\n", "\n").split("\n")]
    if len(lines) > 1:  # keys in PEM: logs may show single lines of them
        yield from (line for line in lines if len(line) >= _LONG_LINE and not line.startswith("-----"))


def pattern_of(values: Iterable[str]) -> str:
    """A regular expression for the values in every spelling, tried in their order."""
    return "|".join(_spellings(values))


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
    """A pattern for the character raw, percent-encoded (once or twice), or escaped as JSON, repr, HTML and CSV do."""
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
    if character in "\"'":  # CSV and SQL double their quotes
        ways.add(character * 2)
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
