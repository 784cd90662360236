"""Secrets of odd shapes, every form in which one may come out, and a search that knows nothing of how they are hidden.

`leaks(text, secret)` undoes whatever may have been done to a text, in every order that tools do it, and looks for eight
characters in a row of the secret: a part that whoever knows the secret would recognise.
"""

from __future__ import annotations

import base64
import binascii
import csv
import html
import io
import json
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from urllib.parse import quote, quote_plus, unquote
from xml.sax.saxutils import escape, quoteattr

PART = 8
PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n"
    "NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ\n"
    "-----END PRIVATE KEY-----\n"
)
LONG = "".join(base64.b32encode(f"{n:05}canary".encode()).decode().rstrip("=").lower() for n in range(230))[:4096]

SECRETS: Mapping[str, str] = {
    "short": "q7Zk!x9W",
    "quotes": """it's"so'"said""",
    "backslashes": r"C:\new\table\u0041\\x",
    "percents": "100%25%2F+a b%zz/=?&",
    "base64-ish": "kR8+/Zt0uVw1/9+aBcD3eF==",
    "unicode": "pä߀wörd-ключ-鍵鍵鍵",
    "astral": "𝔠𝔞𝔫𝔞𝔯𝔶-🐤🐥-key",
    "combining": "cafe\u0301-re\u0301sume\u0301-a\u030a\u0323",
    "newline": "first-half\nsecond-half\ttab",
    "padded": "  padded-on-both-sides  ",
    "regex": "^(a+)+$.*[x-y]{2}|\\d?",
    "json": '{"k":"v0-canary",[1]}',
    "csv": 'a,"b";c|d,""e"\tf',
    "html": "<b>&amp;\"'&#39;</b>x",
    "url": "x#y?z=1&u:v@w/../;,%",
    "number": "902718281828459045",
    "PEM": PEM,
    "long": LONG,
}


# -- forms


def _lower_hex(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _units(text: str) -> Iterator[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return (data[at] << 8 | data[at + 1] for at in range(0, len(data), 2))


def _csv(text: str) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([text])
    return out.getvalue().rstrip("\r\n")


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS: Mapping[str, Callable[[str], str]] = {
    "raw": str,
    "URL": lambda text: quote(text, safe=""),
    "URL, slashes kept": quote,
    "URL as browsers do": lambda text: quote(text, safe="!*'();:@,/?"),
    "URL in lower case": lambda text: _lower_hex(quote(text, safe="")),
    "URL of a form": quote_plus,
    "URL twice": lambda text: quote(quote(text, safe=""), safe=""),
    "URL of a form, then of a URL": lambda text: quote(quote_plus(text), safe=""),
    "URL thrice": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "URL, every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "JSON": json.dumps,
    "JSON, letters kept": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON as PHP does": lambda text: json.dumps(text).replace("/", "\\/"),
    "JSON as for HTML": lambda text: re.sub("[<>&'+]", lambda found: f"\\u{ord(found[0]):04X}", json.dumps(text)),
    "JSON, every character": lambda text: "".join(f"\\u{unit:04x}" for unit in _units(text)),
    "JSON in JSON": lambda text: json.dumps({"body": json.dumps({"key": text})}),
    "JSON thrice": lambda text: json.dumps(json.dumps(json.dumps(text))),
    "HTML": html.escape,
    "HTML, quotes kept": lambda text: html.escape(text, quote=False),
    "HTML twice": lambda text: html.escape(html.escape(text)),
    "HTML by number": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "HTML by hexadecimal number": lambda text: "".join(f"&#x{ord(character):X};" for character in text),
    "XML": escape,
    "XML attribute": quoteattr,
    "XML, both quotes": lambda text: escape(text, {"'": "&apos;", '"': "&quot;"}),
    "JSON in HTML": lambda text: html.escape(json.dumps(text)),
    "base64": _b64,
    "base64 without padding": lambda text: _b64(text).rstrip("="),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in a URL": lambda text: quote(_b64(text), safe=""),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 in JSON as PHP does": lambda text: _b64(text).replace("/", "\\/"),
    "Basic with a user": lambda text: _b64(f"me:{text}"),
    "Basic with a longer user": lambda text: _b64(f"user:{text}"),
    "Basic with yet another": lambda text: _b64(f"another:{text}"),
    "Basic as the user": lambda text: _b64(f"{text}:x"),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
    "CSV": _csv,
    "repr": repr,
    "repr of bytes": lambda text: repr(text.encode()),
    "repr of a mapping": lambda text: repr({"key": text}),
    "ascii": ascii,
    "shell": shlex.quote,
    "shell in double quotes": lambda text: '"' + re.sub(r'([$`"\\])', r"\\\1", text) + '"',
    "capitals": str.upper,
    "small letters": str.lower,
    "bytes taken for Latin-1": lambda text: text.encode().decode("latin-1"),
    "backslash replaced": lambda text: text.encode("ascii", "backslashreplace").decode(),
    "surrogates": lambda text: text.encode().decode("ascii", "surrogateescape"),
    "on one line": lambda text: " ".join(text.split()),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "wrapped": lambda text: textwrap.fill(text, 20, initial_indent="   ", subsequent_indent="   "),
    "wrapped by a terminal": lambda text: "\n".join(text[at : at + 7] for at in range(0, len(text), 7)),
    "stripped": str.strip,
}


# -- search


def _unjson(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        part = found[1]
        if part[0] in "uUx" and len(part) > 1:
            return chr(min(int(part[1:], 16), 0x10FFFF))
        return {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}.get(part, part)

    text = re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", one, text, flags=re.DOTALL)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _decoded64(text: str) -> str:
    """What every run of base64 in a text holds, wherever in it a byte may begin."""
    found = []
    for run in re.findall(r"[A-Za-z0-9+/_-]{10,}", text.translate({ord("-"): "+", ord("_"): "/"})):
        for skip in range(4):
            piece = run[skip:]
            piece = piece if len(piece) % 4 != 1 else piece[:-1]
            found.append(_text(base64.b64decode(piece + "=" * (-len(piece) % 4))))
    return "\n".join(found)


def _unhexed(text: str) -> str:
    found = []
    for run in re.findall(r"(?:[0-9a-fA-F]{2}[: -]?){8,}", text):
        digits = re.sub("[^0-9a-fA-F]", "", run)
        found += [_text(binascii.unhexlify(digits[skip : len(digits) - (len(digits) - skip) % 2])) for skip in (0, 1)]
    return "\n".join(found)


UNDO: tuple[Callable[[str], str], ...] = (unquote, html.unescape, _unjson)


def _views(text: str) -> Iterator[str]:
    """The text, and what it is when escapes are undone, up to three times over, in any order."""
    seen = {text}
    latest = [text]
    for _ in range(3):
        latest = [new for view in latest for undo in UNDO if (new := undo(view)) not in seen]
        latest = list(dict.fromkeys(latest))
        seen.update(latest)
    yield from seen
    packed = {text, text.replace("\\/", "/"), unquote(text)}
    packed |= {re.sub(r"\s|\\[rn]", "", each) for each in packed}
    for each in packed:
        yield _decoded64(each)
        yield _unhexed(each)


def _bare(text: str) -> Iterator[str]:
    """The bytes of a text, as characters, without controls and what layouts, quotations and letters' cases change."""
    text = re.sub(r"[\s\x00-\x1f\x7f+\\\"'│┃|]", "", text)
    yield "".join(map(chr, text.casefold().encode("utf-8", "surrogatepass")))
    yield "".join(chr(ord(character) & 0xFF) for character in text if not 0xFF < ord(character) < 0xDC00).lower()


def _parts(text: str) -> set[str]:
    return {text[at : at + PART] for at in range(len(text) - PART + 1)}


_MARKS = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
PUBLIC = frozenset(part for mark in _MARKS for bare in _bare(mark) for part in _parts(bare))


def leaks(text: str, secret: str) -> list[str]:
    """The parts of a secret that can be found in a text, whatever was done to it."""
    return leaked(text, {"": secret}).get("", [])


def leaked(text: str, secrets: Mapping[str, str]) -> dict[str, list[str]]:
    """The parts of each secret that can be found in a text, by the secret's name."""
    there = {part for view in _views(text) for bare in _bare(view) for part in _parts(bare)}
    return {name: sorted(found) for name, secret in secrets.items() if (found := there & _parts_of(secret))}


@cache
def _parts_of(secret: str) -> frozenset[str]:
    spelt = (secret, secret.encode().decode("latin-1"))
    return frozenset(part for each in spelt for bare in _bare(each) for part in _parts(bare)) - PUBLIC
