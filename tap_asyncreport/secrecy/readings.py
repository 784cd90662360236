"""The readings of a text: as it stands, and with the escapes undone that URLs, JSON, code and HTML put in.

A text that went through several hands is escaped several times over, in any order: so is it read.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple

DEEPEST = 3

Meaning = Callable[[re.Match[bytes]], bytes]


class _Escapes(NamedTuple):
    sign: bytes  # without which there is none
    pattern: re.Pattern[bytes]
    meaning: Meaning


_HEX = "0123456789abcdefABCDEF"
_PERCENT = {f"%{high}{low}".encode(): bytes.fromhex(high + low) for high in _HEX for low in _HEX}
_BYTES = range(0xDC80, 0xDD00)  # how Python keeps a byte that is no text
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a", b"0": b"\0"}
_BACKSLASHES = re.compile(
    rb"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    rb"|u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|([\0-\xff]))"
)


# Blanks beyond ASCII: some hands join words that they part, others escape them.
_BLANKS = re.compile(rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|\xe3\x80\x80")


def _percent(found: re.Match[bytes]) -> bytes:
    return _PERCENT[found[0]]


def _entity(found: re.Match[bytes]) -> bytes:
    number, hexadecimal = found.groups()
    if number or hexadecimal:
        return _character(int(number or hexadecimal, 10 if number else 16))
    return html.unescape(found[0].decode()).encode("utf-8", "surrogatepass")


def _backslash(found: re.Match[bytes]) -> bytes:
    high, low, *codes, other = found.groups()
    if other is not None:
        return _LETTERS.get(other, other)
    if high is not None:
        return _character(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    return _character(next(int(code, 16) for code in codes if code is not None))


def _backslash_of_bytes(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[6].decode()) if found[6] else _backslash(found)


def _character(code: int) -> bytes:
    if code in _BYTES:
        return bytes([code - _BYTES.start + 0x80])
    return chr(min(code, 0x10FFFF)).encode("utf-8", "surrogatepass")


_KINDS = (
    _Escapes(b"\\", _BACKSLASHES, _backslash),
    _Escapes(b"\\x", _BACKSLASHES, _backslash_of_bytes),  # what Python shows of bytes
    _Escapes(b"%", re.compile(rb"%[0-9A-Fa-f]{2}"), _percent),
    _Escapes(b"&", re.compile(rb"&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|[A-Za-z][A-Za-z0-9]{1,7});"), _entity),
    *(_Escapes(sign, _BLANKS, lambda _: b" ") for sign in (b"\xc2", b"\xe1", b"\xe2", b"\xe3")),
)


class Reading:
    """Bytes read in one way."""

    def __init__(self, data: bytes, of: Reading | None = None, escapes: _Escapes | None = None) -> None:
        self.data = data
        self._of = of
        self._escapes = escapes
        self._undone: list[tuple[int, int, int, int]] | None = None

    def undone(self) -> Iterator[Reading]:
        """The same without one layer of escapes, for each kind of them that is there."""
        for escapes in _KINDS:
            if escapes.sign in self.data:
                yield Reading(escapes.pattern.sub(escapes.meaning, self.data), self, escapes)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of this reading stands in the bytes that were read first."""
        if self._of is None:
            return start, end
        return self._of.place(self._read_from(start)[0], self._read_from(end - 1)[1])

    def _read_from(self, at: int) -> tuple[int, int]:
        """The place that a byte of this reading was read from."""
        undone = self._undone = self._undone or list(self._escapes_undone())
        before = bisect_right(undone, at, key=itemgetter(0)) - 1
        if before < 0:
            return at, at + 1
        _, end, first, last = undone[before]
        return (first, last) if at < end else (last + at - end, last + at - end + 1)

    def _escapes_undone(self) -> Iterator[tuple[int, int, int, int]]:
        """Of each escape where it begins and ends, in this reading and in the one that this is made of."""
        assert self._of is not None
        assert self._escapes is not None
        shorter = 0
        for found in self._escapes.pattern.finditer(self._of.data):
            first, last = found.span()
            length = len(self._escapes.meaning(found))
            yield first - shorter, first - shorter + length, first, last
            shorter += last - first - length


def readings(data: bytes) -> Iterator[Reading]:
    """Every reading that differs from the others, as it stands first."""
    latest = [Reading(data)]
    seen = {data}
    for _ in range(DEEPEST):
        yield from latest
        found = {new.data: new for reading in latest for new in reading.undone()}
        latest = [reading for read, reading in found.items() if read not in seen]
        seen.update(found)
    yield from latest
