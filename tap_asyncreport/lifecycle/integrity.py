"""Whether a file is whole inside, and what the beginning of one says."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from tap_asyncreport.decoding.compression import GZIP, HEAD, ZIP, is_deflated, members
from tap_asyncreport.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_asyncreport.config.streams import Decode
    from tap_asyncreport.spool import SpooledFile

_DEEPEST = 4
_ZIP_HEADER = 30


def verify(file: SpooledFile, decode: Decode) -> None:
    """Reads a compressed file to its end; raises TransferError where a trailer or a check sum does not hold.

    What cannot be unpacked at all is for the decoder to refuse, which says it better.
    """
    with file.path.open("rb") as opened:
        magic = opened.read(HEAD)
    if not magic.startswith((GZIP, *ZIP)) and not is_deflated(magic, file):
        return
    try:
        for _ in contents(file, decode):
            pass
    except DecodeError:
        return


def contents(file: SpooledFile, decode: Decode) -> Iterator[bytes]:
    """The bytes inside a file, of all its members; raises TransferError and DecodeError."""
    for member in members(file, decode):
        yield from member


def beginning(data: bytes, limit: int) -> bytes:
    """The first bytes of a file that begins with `data`, without its compression, as far as they can be had."""
    for _ in range(_DEEPEST):
        if data.startswith(GZIP):
            data = _inflate(data, 31, limit)
        elif data.startswith(ZIP[0]) and len(data) > _ZIP_HEADER:
            method, names = data[8], int.from_bytes(data[26:28], "little") + int.from_bytes(data[28:30], "little")
            data = data[_ZIP_HEADER + names :]
            data = data if method == 0 else _inflate(data, -15, limit)
        else:
            break
    return data[:limit]


def _inflate(data: bytes, bits: int, limit: int) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(data, limit)
    except zlib.error:
        return b""
