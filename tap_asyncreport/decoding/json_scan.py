"""JSON documents of any size, item by item: where the records stand, without building what lies around them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from tap_asyncreport.decoding import json_text
from tap_asyncreport.decoding.further import LONGEST, Listen
from tap_asyncreport.decoding.source import LARGEST_RECORD
from tap_asyncreport.errors import DecodeError, excerpt, piece
from tap_asyncreport.templates.further_pages import may_say_more
from tap_asyncreport.templates.json_path import Step, Wild

BLOCK_BYTES = 256 * 1024
_SMALL_LIST = 32 * 1024
_TRIES = 4
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+(?:([\[{])|([\]}]))', re.DOTALL)
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\]}:\[{\"]+")
_HOLDS_LISTS = re.compile(rb"\[[ \t\r\n]*+(.)", re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*+")
_BETWEEN = re.compile(rb"[}\]][ \t\r\n]*+,[ \t\r\n]*+(?=[{\[])")
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass
class Block:
    """Some records, each a JSON text, numbered from `first`; `data` is the text of whole lines, where they are such."""

    first: int
    items: list[bytes]
    data: bytes | None = None

    @property
    def unit(self) -> str:
        """What the numbers count."""
        return "record" if self.data is None else "line"

    def count(self) -> int:
        """How many records it holds."""
        return len(self.items) if self.data is None else sum(map(bool, map(bytes.strip, self.items)))

    def lines(self) -> bytes | None:
        """The text with a record on each line; None where a record goes over several."""
        if self.data is not None:
            return self.data
        data = b"\n".join(self.items) + b"\n"
        return data if len(data.split(b"\n")) == len(self.items) + 1 else None


class Cursor:
    """Goes through JSON text from the front; holds no more than one record, or one block of them."""

    def __init__(self, blocks: Iterator[bytes], listen: Listen | None = None) -> None:
        self._blocks = blocks
        self._listen = listen
        self._buffer = b""
        self._at = 0
        self._ended = False
        self._done = 0
        self._flat = True

    def _more(self, count: int = 1) -> bool:
        """Have at least so many bytes ahead, if the text has them; what is behind is let go."""
        parts = [self._buffer[self._at :]]
        have = len(parts[0])
        while have < count and not self._ended:
            block = next(self._blocks, None)
            if block is None:
                self._ended = True
            else:
                parts.append(block)
                have += len(block)
        if len(parts) > 1 or self._at:
            self._done += self._at
            self._buffer = b"".join(parts)
            self._at = 0
        return have >= count

    def _grow(self) -> None:
        ahead = len(self._buffer) - self._at
        if ahead > LARGEST_RECORD:
            raise DecodeError(
                f"byte {self._done + self._at}: one record is longer than {LARGEST_RECORD} bytes",
                hint="see `decode.records`, which says where in a document the records are",
            )
        if not self._more(2 * ahead + BLOCK_BYTES) and len(self._buffer) - self._at == ahead:
            raise self._cut_short()

    def _cut_short(self) -> DecodeError:
        return DecodeError(
            f"the JSON text ends in the middle, after byte {self._done + len(self._buffer)}",
            excerpt=self._near(len(self._buffer) - 200, len(self._buffer)),
        )

    def _near(self, start: int, end: int) -> str | None:
        """A part of what is at hand, and whether something was cut off from it."""
        start = max(0, start)
        text = self._buffer[start:end].decode("utf-8", "backslashreplace")
        return excerpt(f"{'…' if start or self._done else ''}{text}{'…' if end < len(self._buffer) else ''}")

    def peek(self) -> bytes:
        """The next byte that is not blank; nothing at the end."""
        while True:
            space = _SPACE.match(self._buffer, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._more():
                return b""

    def take(self, expected: bytes) -> bytes:
        """The next byte that is not blank, used up; raises DecodeError unless it is one of `expected`."""
        byte = self.peek()
        if not byte:
            raise self._cut_short()
        if byte not in expected:
            wanted = " or ".join(repr(chr(one)) for one in expected)
            raise DecodeError(
                f"byte {self._done + self._at}: {byte.decode('latin-1')!r} where JSON has {wanted}",
                excerpt=self._near(self._at - 100, self._at + 100),
            )
        self._at += 1
        return byte

    def key(self) -> str:
        """A key and its colon, used up."""
        self.take(b'"')
        self._at -= 1
        end = self._end()
        text = self._buffer[self._at : end].decode()
        self._at = end
        self.take(b":")
        try:
            return str(json_text.parse(text))
        except ValueError:
            raise DecodeError(f"{piece(text, 0, 100)} is not a JSON string") from None

    def value(self) -> bytes:
        """The text of the next value, used up."""
        if not self.peek():
            raise self._cut_short()
        end = self._end()
        text = self._buffer[self._at : end]
        self._at = end
        return text

    def skip(self) -> None:
        """Pass over the next value; one that is large is let go as it passes."""
        if self.peek() in (b"{", b"["):
            depth = 0
            while True:
                bracket = _TO_BRACKET.match(self._buffer, self._at)
                if bracket is None:
                    self._grow()
                    continue
                self._at = bracket.end()
                depth += 1 if bracket[1] else -1
                if not depth:
                    return
        self.value()

    def pass_by(self, path: str, key: str) -> None:
        """Pass over the value of a key; whoever listens hears of one that may tell of more pages."""
        if self._listen is not None and may_say_more(key) and "[" not in path and self._is_short():
            self._listen(path, key, self.value())
        else:
            self.skip()

    def _is_short(self) -> bool:
        first = self.peek()
        return first != b"[" and (first != b"{" or self._structure_end(LONGEST) is not None)

    def _end(self) -> int:
        """Where the value that begins here ends."""
        byte = self._buffer[self._at : self._at + 1]
        if byte in (b"{", b"["):
            return self._structure_end(None) or 0
        is_text = byte == b'"'
        pattern = _STRING if is_text else _SCALAR
        while True:
            match = pattern.match(self._buffer, self._at)
            if match and (is_text or match.end() < len(self._buffer) or self._ended):
                return match.end()
            if match is None and not is_text:
                self.take(b'{["')
            if self._ended:
                raise self._cut_short()
            self._more(2 * (len(self._buffer) - self._at) + BLOCK_BYTES)

    def _structure_end(self, within: int | None) -> int | None:
        """Where an object or list ends; None where that is further than `within`."""
        offset, depth = 0, 0
        while True:
            bracket = _TO_BRACKET.match(self._buffer, self._at + offset)
            if bracket is None:
                if within is not None and len(self._buffer) - self._at > within:
                    return None
                self._grow()
                continue
            offset = bracket.end() - self._at
            depth += 1 if bracket[1] else -1
            if not depth:
                return bracket.end()
            if within is not None and offset > within:
                return None

    def holds_lists(self) -> bool:
        """Whether the first item of the list that begins here is a list, or there is none."""
        while (first := _HOLDS_LISTS.match(self._buffer, self._at)) is None:
            if not self._more(len(self._buffer) - self._at + 1):
                return False
        return first[1] in b"[]"

    def items(self) -> Iterator[list[bytes]]:
        """The items of the list that begins here, many at a time."""
        small = self._structure_end(_SMALL_LIST)
        self.take(b"[")
        if self.peek() == b"]":
            self._at += 1
            return
        while True:
            run = None if small else self._run()
            if run is None:
                run, closed = self._some()
                yield run
                if closed:
                    return
            else:
                yield run

    def _some(self) -> tuple[list[bytes], bool]:
        """Items one by one, up to a block of them, and whether the list ended there."""
        found, size = [], 0
        while size < BLOCK_BYTES:
            found.append(self.value())
            size += len(found[-1])
            if self.take(b",]") == b"]":
                return found, True
        return found, False

    def _run(self) -> list[bytes] | None:
        """A block of items cut where one seems to end; that the items are whole JSON proves the cut."""
        self.peek()
        self._more(BLOCK_BYTES)
        data, at = self._buffer, self._at
        for cut in self._cuts():
            try:
                raws = _RAWS.decode(b"[%b]" % data[at:cut])
            except (msgspec.DecodeError, RecursionError):
                continue
            self._at = cut
            self.take(b",")
            return list(map(bytes, raws))
        return None

    def _cuts(self) -> Iterator[int]:
        """Likely ends of items, the last first: between two structures, with all brackets before it closed."""
        data, at = self._buffer, self._at
        tail = max(at, len(data) - 16 * 1024)
        ends = [match.start() + 1 for match in _BETWEEN.finditer(data, tail)]
        if ends and self._flat:  # most records hold no others: counting the brackets of a block takes longer than a try
            yield ends[-1]
            self._flat = False
        tries, after, curly, square = 0, None, 0, 0
        for end in reversed(ends):
            low, high = (at, end) if after is None else (end, after)
            sign = 1 if after is None else -1
            curly += sign * (data.count(b"{", low, high) - data.count(b"}", low, high))
            square += sign * (data.count(b"[", low, high) - data.count(b"]", low, high))
            after = end
            if curly == square == 0:
                yield end
                tries += 1
                if tries == _TRIES:
                    return


def records(cursor: Cursor, steps: Sequence[Step], *, expand: bool | None) -> Iterator[list[bytes]]:
    """The records of every document in the text; with `expand` a list that is found stands for its items.

    None: where its items are lists.

    Raises DecodeError where a document has not what the path names: that is not a report.
    """
    if not cursor.peek():
        return
    while cursor.peek():
        yield from _found(cursor, steps, "$", expand=expand)


def _found(cursor: Cursor, steps: Sequence[Step], path: str, *, expand: bool | None) -> Iterator[list[bytes]]:
    byte = cursor.peek()
    if not steps:
        if byte == b"[" and (cursor.holds_lists() if expand is None else expand):
            yield from cursor.items()
        elif byte == b"n":
            _null(cursor)
        else:
            yield [cursor.value()]
        return
    step, rest = steps[0], steps[1:]
    if byte == b"n":
        _null(cursor)
    elif byte == b"{" and not isinstance(step, int):
        yield from _in_object(cursor, step, rest, path, expand=expand)
    elif byte == b"[" and isinstance(step, Wild) and not rest:
        yield from cursor.items()
    elif byte == b"[" and not isinstance(step, str):
        yield from _in_list(cursor, step, rest, path, expand=expand)
    else:
        raise _not_there(path, step)


def _null(cursor: Cursor) -> None:
    text = cursor.value()
    if text != b"null":
        raise DecodeError("the JSON text holds a word that JSON does not know", excerpt=excerpt(text))


def _in_object(
    cursor: Cursor, step: str | Wild, rest: Sequence[Step], path: str, *, expand: bool | None
) -> Iterator[list[bytes]]:
    cursor.take(b"{")
    found, closed = False, cursor.peek() == b"}"
    if closed:
        cursor.take(b"}")
    while not closed:
        key = cursor.key()
        if isinstance(step, Wild) or key == step:
            found = True
            yield from _found(cursor, rest, f"{path}.{key}", expand=expand)
        else:
            cursor.pass_by(path, key)
        closed = cursor.take(b",}") == b"}"
    if not found and not isinstance(step, Wild):
        raise _not_there(path, step)


def _in_list(
    cursor: Cursor, step: int | Wild, rest: Sequence[Step], path: str, *, expand: bool | None
) -> Iterator[list[bytes]]:
    cursor.take(b"[")
    number, closed = 0, cursor.peek() == b"]"
    if closed:
        cursor.take(b"]")
    while not closed:
        if isinstance(step, Wild) or number == step:
            yield from _found(cursor, rest, f"{path}[{number}]", expand=expand)
        else:
            cursor.skip()
        number += 1
        closed = cursor.take(b",]") == b"]"


def _not_there(path: str, step: Step) -> DecodeError:
    wanted = (
        f"the key {step!r}" if isinstance(step, str) else "a list" if isinstance(step, int) else "a list or an object"
    )
    return DecodeError(
        f"`decode.records` looks for {wanted} at {path}, which the document does not have",
        hint="an error page? else see `decode.records`",
    )


def json_blocks(
    texts: Iterator[str], steps: Sequence[Step], *, expand: bool | None, listen: Listen | None = None
) -> Iterator[Block]:
    """The records of JSON text in blocks."""
    first = 1
    for items in records(Cursor((text.encode() for text in texts), listen), steps, expand=expand):
        yield Block(first, items)
        first += len(items)
