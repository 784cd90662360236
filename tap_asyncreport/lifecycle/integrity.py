"""Whether a file is whole inside: gzip trailers of every member, zip CRCs, nested too; and what its beginning says."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

GZIP = b"\x1f\x8b\x08"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
DEEPEST = 4
_ZIP_HEADER = 30
_CHUNK = 256 * 1024


class BrokenFile(Exception):  # noqa: N818
    """The file's own check sums or lengths do not hold; the message says which."""


def verify(path: Path) -> None:
    """Reads a compressed file to its end; raises BrokenFile. What is not compressed has nothing to check."""
    with path.open("rb") as file:
        magic = file.read(4)
        if magic in ZIP:
            _verify_zip(file)
        elif magic.startswith(GZIP):
            file.seek(0)
            _drain(inflated(_chunks(file)))


def contents(path: Path) -> Iterator[bytes]:
    """The file's bytes without its compression; of a zip, its first member. Raises BrokenFile."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic in ZIP:
            with zipfile.ZipFile(file) as archive:
                for name in archive.namelist()[:1]:
                    with archive.open(name) as member:
                        yield from inflated(_chunks(member))
        else:
            yield from inflated(_chunks(file))


def _verify_zip(file: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                if info.flag_bits & 1:
                    continue  # encrypted: for the decoder to refuse
                with archive.open(info) as member:
                    _drain(inflated(_chunks(member)))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise BrokenFile(f"the zip archive is broken: {error}") from error
    except NotImplementedError:
        return  # a compression that Python does not know: for the decoder to refuse


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while data := file.read(_CHUNK):
        yield data


def _drain(chunks: Iterator[bytes]) -> None:
    for _ in chunks:
        pass


def inflated(chunks: Iterator[bytes], depth: int = DEEPEST) -> Iterator[bytes]:
    """The bytes without gzip, however often it was applied; raises BrokenFile at the first thing that is wrong."""
    first = b""
    for data in chunks:
        first += data
        if len(first) >= len(GZIP):
            break
    rest = chain([first] if first else [], chunks)
    if depth == 0 or not first.startswith(GZIP):
        return rest
    return inflated(_gunzipped(rest), depth - 1)


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Every member of a gzip file; zero bytes after the last are padding."""
    inflate = zlib.decompressobj(31)
    try:
        for data in chunks:
            pending = data
            while pending:
                if inflate.eof:
                    pending = pending.lstrip(b"\0")
                    if not pending:
                        break
                    inflate = zlib.decompressobj(31)
                yield inflate.decompress(pending, _CHUNK)
                pending = inflate.unconsumed_tail or inflate.unused_data
    except zlib.error as error:
        raise BrokenFile(f"the gzip data is broken: {error}") from error
    if not inflate.eof:
        raise BrokenFile("the gzip data ends before its trailer")


def beginning(data: bytes, limit: int) -> bytes:
    """The first bytes of a file that begins with `data`, without its compression, as far as they can be had."""
    for _ in range(DEEPEST):
        if data.startswith(GZIP):
            data = _inflate(data, 31, limit)
        elif data.startswith(ZIP[0]) and len(data) > _ZIP_HEADER:
            method, names = data[8], int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
            data = data[_ZIP_HEADER + names :] if method == 0 else _inflate(data[_ZIP_HEADER + names :], -15, limit)
        else:
            break
    return data[:limit]


def _inflate(data: bytes, bits: int, limit: int) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(data, limit)
    except zlib.error:
        return b""
