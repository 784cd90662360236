"""Rows as message lines: the pattern of a line prepared once, the values put between its constant parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from json.encoder import encode_basestring

CHUNK_BYTES = 256 * 1024

Cast = tuple[Sequence[str], bool]


class Lines:
    """Joins columns to lines `prefix{"name":value,...}suffix`; `constants` are JSON that every row of the file has."""

    def __init__(
        self, names: Sequence[str], constants: Sequence[tuple[str, str]], prefix: bytes, suffix: bytes
    ) -> None:
        self._names = [encode_basestring(name) for name in names]
        fixed = ",".join(f"{encode_basestring(name)}:{value}" for name, value in constants)
        self._before = prefix.decode() + "{"
        self._after = ("," if fixed and names else "") + fixed + "}" + suffix.decode() + "\n"
        self._patterns: dict[tuple[bool, ...], list[str]] = {}

    def _pattern(self, quoted: tuple[bool, ...]) -> list[str]:
        """The constant parts before each value, for values that bring their quotes and values that lack them."""
        parts: list[str] = []
        closing = ""
        for name, lacks in zip(self._names, quoted, strict=True):
            opening = '"' if lacks else ""
            parts.append(f"{closing}{',' if parts else ''}{name}:{opening}")
            closing = opening
        return [*parts, closing]

    def join(self, columns: Sequence[Cast], count: int) -> bytes:
        """The lines of `count` rows."""
        if not count:
            return b""
        if not columns:
            return ((self._before + self._after) * count).encode()
        quoted = tuple(lacks for _, lacks in columns)
        parts = self._patterns.get(quoted)
        if parts is None:
            parts = self._patterns[quoted] = self._pattern(quoted)
        step = 2 * len(columns)
        between = parts[-1] + self._after + self._before + parts[0]
        row = [between, "", *(part for name in parts[1:-1] for part in (name, ""))]
        flat = row * count
        for number, (values, _) in enumerate(columns):
            flat[2 * number + 1 :: step] = values
        flat[0] = self._before + parts[0]
        flat.append(parts[-1] + self._after)
        return "".join(flat).encode()


def gathered(pieces: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """The pieces joined to chunks of at least 256 KiB, the last perhaps shorter, with the number of rows in each."""
    held: list[bytes] = []
    size = rows = 0
    for piece, count in pieces:
        held.append(piece)
        size += len(piece)
        rows += count
        if size >= CHUNK_BYTES:
            yield b"".join(held), rows
            held, size, rows = [], 0, 0
    if rows:
        yield b"".join(held), rows
