"""What to look for, so that a secret is found in every spelling that is more than escapes."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import compress

PART = 8  # so many characters in a row are a part of a secret that somebody would recognise
SHORTEST_ANYWHERE = 4  # shorter values are hidden only as whole words
SHORTEST_ENCODED = 6
KEY_MARK = "-----"  # so does a key in PEM begin, which is then told line by line

_CONTROLS = bytes(range(0x21)) + b"\x7f"
_LONGEST_CUT = 3
_LONGEST_ESCAPE = 16
# What marks a cut. Beside it something of an escape may be left: of %3A, of \u00e9 or a pair of those, of &quot;
_MARK = rb"\xe2\x80\xa6|\.\.\."
_CUT_BEFORE = re.compile(
    rb"(?:\A|" + _MARK + rb")(?:(?:u?[0-9a-f]{1,8})?(?:\xed[\xb0-\xbf]?[\x80-\xbf]?)?|#?[0-9a-z]{0,7};)\Z"
)
_CUT_AFTER = re.compile(
    rb"(?:(?:\xed[\xa0-\xaf][\x80-\xbf])?[ux]?[0-9a-f]{0,7}|%[0-9a-f]?|&#?[0-9a-z]{0,7})(?:\Z|" + _MARK + rb")"
)


class Form(Enum):
    """What a text is made before it is searched, so that layouts, quotations, wraps and capitals hide nothing.

    `LOOSE` is without blanks, quotes and backslashes, in small letters; `BASE64` is base64 without its variants.
    """

    EXACT = (None, b"")
    LOOSE = (bytes(range(256)).lower(), _CONTROLS + b"+\\\"'")
    BASE64 = (bytes.maketrans(b"-_", b"+/"), _CONTROLS + b"\\\"'")

    def __init__(self, table: bytes | None, dropped: bytes) -> None:
        self._table = table
        self._dropped = dropped
        self._kept = bytes(byte not in dropped for byte in range(256))

    def of(self, data: bytes) -> bytes:
        """The data in this form."""
        return data.translate(self._table, self._dropped)

    def dropped_around(self, data: bytes) -> tuple[bytes, bytes]:
        """What is dropped of its beginning and of its end."""
        behind, before = data.lstrip(self._dropped), data.rstrip(self._dropped)
        return data[: len(data) - len(behind)], data[len(before) :]

    def places(self, data: bytes) -> list[int]:
        """For each byte of the form its place in the data."""
        return list(compress(range(len(data)), data.translate(self._kept)))


class Needle:
    """One thing to look for; a long one is found too where somebody has cut off its beginning or its end."""

    def __init__(
        self,
        data: bytes,
        form: Form,
        *,
        of: bytes = b"",
        maybe: bytes = b"",
        word: bool = False,
        public_head: bool = False,
    ) -> None:
        self.data = data
        self.form = form
        self._word = word
        self._maybe = maybe  # what may stand behind it and belongs to it then
        self._can_be_cut = form is not Form.EXACT and len(data) > PART and not public_head
        self._before, self._behind = form.dropped_around(of)
        self.head = data[:PART] if self._can_be_cut else data
        self.foot = data[-PART:] if self._can_be_cut else data

    def found_in(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Where it stands in a text of its form, as (start, end)."""
        yield from self._from_heads(text)
        if self._can_be_cut:
            yield from self._from_feet(text)

    def with_ends(self, data: bytes, start: int, end: int) -> tuple[int, int]:
        """Its place in the data, with what its form has dropped at its ends, where that stands there as it is."""
        if data.endswith(self._before, 0, start):
            start -= len(self._before)
        if data.startswith(self._behind, end):
            end += len(self._behind)
        return start, end

    def _from_heads(self, text: bytes) -> Iterator[tuple[int, int]]:
        at = text.find(self.head)
        while at >= 0:
            if text.startswith(self.data, at):
                end = at + len(self.data)
                if not self._word or _is_word(text, at, end):
                    yield at, end + self._rest(text, end)
            else:
                end = at + _same(text[at : at + len(self.data)], self.data)
                ends = (end - back for back in range(_LONGEST_CUT))  # what marks the cut may begin like what was cut
                end = next((end for end in ends if _ends_cut(text, end)), at)
                if end > at:
                    yield at, end
            at = text.find(self.head, at + 1)

    def _from_feet(self, text: bytes) -> Iterator[tuple[int, int]]:
        at = text.find(self.foot)
        while at >= 0:
            end = at + PART
            before = text[max(0, end - len(self.data)) : end]
            start = end - _same(before[::-1], self.data[::-1])
            if start > end - len(self.data):
                start = next((new for new in range(start, start + _LONGEST_CUT) if _begins_cut(text, new)), end)
                if start < end:
                    yield start, end + self._rest(text, end)
            at = text.find(self.foot, at + 1)

    def _rest(self, text: bytes, end: int) -> int:
        """How many bytes behind its end belong to it."""
        if not self._maybe or not text.startswith(self._maybe, end):
            return 0
        padding = text[end + 1 : end + 3]
        return 1 + len(padding) - len(padding.lstrip(b"="))


def needles(value: str) -> Iterator[Needle]:
    """All that is to be looked for where a value is to be hidden."""
    data = _bytes(value)
    loose = {Form.LOOSE.of(_bytes(each)) for each in _letters(value)}
    if len(Form.LOOSE.of(data)) >= PART:
        key = value.startswith(KEY_MARK)
        yield from (Needle(each, Form.LOOSE, of=data, public_head=key) for each in sorted(loose))
    else:
        short = len(value) < SHORTEST_ANYWHERE
        yield from (Needle(_bytes(each), Form.EXACT, word=short) for each in sorted(_quoted(value)))
    if len(value) >= SHORTEST_ENCODED:
        yield Needle(data.hex().encode(), Form.LOOSE)
        yield from _base64(data)


def line_needles(line: str) -> Iterator[Needle]:
    """What is to be looked for where a value is one line of many."""
    yield Needle(Form.LOOSE.of(_bytes(line)), Form.LOOSE)


def _letters(value: str) -> Iterable[str]:
    """The value as others write its letters: in capitals, composed otherwise, or as bytes that were taken for text."""
    yield value
    if not value.isascii():
        yield from (value.lower(), value.upper(), value.casefold())
        yield from (unicodedata.normalize(form, value) for form in ("NFC", "NFD", "NFKC"))
        yield "".join(value.split())  # blanks that are not ASCII's become those that are
        yield _bytes(value).decode("latin-1")


def _quoted(value: str) -> set[str]:
    """A short value as quotations write it."""
    cased = (value.upper(), value.lower()) if len(value) >= SHORTEST_ENCODED else ()
    return {
        value, " ".join(value.split()), value.replace(" ", "+"), *cased,
        value.replace('"', '""'), value.replace("'", "''"), value.replace("'", "'\"'\"'"),
    }  # fmt: skip


def _base64(data: bytes) -> Iterator[Needle]:
    """The value inside base64 text, at each of the three places where a byte can begin in it."""
    for before, unsure in ((0, 0), (1, 2), (2, 3)):
        text = base64.b64encode(b"\0" * before + data)[unsure:]
        whole = text.rstrip(b"=")
        if whole == text:
            yield Needle(whole, Form.BASE64)
        else:  # the last character depends on what follows
            yield Needle(whole[:-1], Form.BASE64, maybe=whole[-1:])


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _same(one: bytes, other: bytes) -> int:
    """How long a beginning they share."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _is_word(text: bytes, start: int, end: int) -> bool:
    beside = text[max(0, start - 1) : start] + text[end : end + 1]
    return not any(chr(byte).isalnum() or chr(byte) == "_" or not chr(byte).isascii() for byte in beside)


def _begins_cut(text: bytes, start: int) -> bool:
    """Whether what stands there was cut off from what stood before it, if need be within an escape."""
    first = start - _LONGEST_ESCAPE
    before = text[:start] if first <= 0 else b"\0" + text[first:start]
    return _CUT_BEFORE.search(before) is not None


def _ends_cut(text: bytes, end: int) -> bool:
    """Whether what ends there was cut off from what stood behind it, if need be within an escape."""
    last = end + _LONGEST_ESCAPE
    after = text[end:] if last >= len(text) else text[end:last] + b"\0"
    return _CUT_AFTER.match(after) is not None
