"""From the bytes on disk to the members inside them: gzip and zip, nested, mislabelled, padded; bounded and checked."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tap_asyncreport.config.decoding import Decode
from tap_asyncreport.decoding.source import Source
from tap_asyncreport.errors import DecodeError, TransferError, piece

READ_BYTES = 128 * 1024
GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_UNSUPPORTED = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"BZh9": "bzip2",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
}
_DEEPEST = 4
_GZIP_FRAMED = 31
HEAD = 64  # bytes that tell what a file is
_KNOWN_NAME = re.compile(r"\.(csv|tsv|tab|txt|json|jsonl|ndjson|xml|xlsx|parquet)(\.gz|\.gzip|\.zip)?$", re.IGNORECASE)
_BY_FORMAT = {
    "csv": r"\.(csv|txt|tsv|tab)", "tsv": r"\.(tsv|tab|txt|csv)", "json": r"\.json",
    "jsonl": r"\.(jsonl|ndjson|json|txt)",
    "xml": r"\.xml", "xlsx": r"\.xlsx", "parquet": r"\.(parquet|pq)",
}  # fmt: skip
_LITTER = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|\._|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


@dataclass
class Budget:
    """Bounds what a file may unpack to: 1 GiB always, beyond that 1,000 times its size."""

    size: int
    free: int = 1024**3
    ratio: int = 1000
    spent: int = 0

    def spend(self, count: int) -> None:
        """Count unpacked bytes; raises DecodeError when they are out of all proportion."""
        self.spent += count
        if self.spent > self.free and self.spent > self.size * self.ratio:
            raise DecodeError(
                f"{self.size} bytes unpack to more than {self.spent} bytes, over {self.ratio} times as much",
                hint="this looks like a decompression bomb; ask for less data per job if it is not",
            )


class ByteStream:
    """Bytes of one member, block by block, of which the beginning can be looked at first."""

    def __init__(self, blocks: Iterator[bytes], name: str | None = None, file: IO[bytes] | None = None) -> None:
        self.name = name
        self._blocks = blocks
        self._head: list[bytes] = []
        self._file = file

    def peek(self, count: int) -> bytes:
        """The first `count` bytes, fewer only where there are no more; nothing is used up."""
        have = sum(map(len, self._head))
        while have < count and (block := next(self._blocks, None)) is not None:
            self._head.append(block)
            have += len(block)
        if len(self._head) > 1:
            self._head = [b"".join(self._head)]
        return self._head[0][:count] if self._head else b""

    def __iter__(self) -> Iterator[bytes]:
        head, self._head = self._head, []
        yield from head
        yield from self._blocks

    @contextmanager
    def seekable(self, directory: Path) -> Iterator[IO[bytes]]:
        """The member as a file to seek in: itself where it lies open on disk, else a nameless temporary copy."""
        if self._file is not None:
            self._file.seek(0)
            yield self._file
            return
        with TemporaryFile(dir=directory) as copy:
            for block in self:
                copy.write(block)
            copy.seek(0)
            yield copy


def members(source: Source, decode: Decode, budget: Budget | None = None) -> Iterator[ByteStream]:
    """The members of a file in the order in which they are read; a plain file is one.

    Raises TransferError for what was cut or damaged under way, DecodeError for what cannot be unpacked at all.
    """
    budget = budget or Budget(source.size)
    with source.path.open("rb", buffering=0) as file:
        stream = ByteStream(_read(file), source.name, file)
        if decode.compression == "none":
            yield stream
            return
        wanted = {"gzip": GZIP, "zip": b"PK"}.get(decode.compression)
        head = stream.peek(2)
        if wanted and head and not head.startswith(wanted[:2]):
            raise DecodeError(
                f"the file is not {decode.compression}: it begins with {stream.peek(20)!r}",
                hint="leave `decode.compression` at `auto`",
            )
        if decode.compression == "auto" and is_deflated(stream.peek(HEAD), source):
            stream = ByteStream(_undeflated(iter(stream), budget), source.name)
        yield from _unpacked(stream, decode, budget, source.path.parent, _DEEPEST)


def is_deflated(head: bytes, source: Source) -> bool:
    """Whether a file came by `Content-Encoding: deflate`: the header says so, and its bytes do (RFC 1950)."""
    if not head or "deflate" not in (source.content_encoding or "").lower():
        return False
    try:
        zlib.decompressobj().decompress(head, 1)
    except zlib.error:
        return False
    return True


def _read(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(READ_BYTES):
        yield block


def _unpacked(stream: ByteStream, decode: Decode, budget: Budget, room: Path, depth: int) -> Iterator[ByteStream]:
    head = stream.peek(6)
    if head.startswith(GZIP) or head.startswith(ZIP):
        if depth == 0:
            raise DecodeError(f"compressed more than {_DEEPEST} times over")
        if head.startswith(GZIP):
            inner = ByteStream(_gunzipped(iter(stream), budget), stream.name)
            yield from _unpacked(inner, decode, budget, room, depth - 1)
        else:
            yield from _unzipped(stream, decode, budget, room, depth - 1)
        return
    for magic, kind in _UNSUPPORTED.items():
        if head.startswith(magic):
            raise DecodeError(
                f"the file is {kind}, which is not supported", hint="ask the API for gzip, zip or plain data"
            )
    if stream.peek(262)[257:262] == b"ustar":
        raise DecodeError("the file is a tar archive, which is not supported", hint="ask the API for zip or plain data")
    yield stream


def _gunzipped(blocks: Iterator[bytes], budget: Budget) -> Iterator[bytes]:
    """All members of a gzip stream, each with its checksum and length; zero padding may follow the last."""
    inflater: zlib._Decompress | None = zlib.decompressobj(_GZIP_FRAMED)
    for block in blocks:
        rest = block
        while rest:
            if inflater is None:
                rest = _next_gzip_member(rest, blocks)
                if not rest:
                    break
                inflater = zlib.decompressobj(_GZIP_FRAMED)
            yield from _inflated(inflater, rest, budget)
            if not inflater.eof:
                break
            rest, inflater = inflater.unused_data, None
    if inflater is not None:
        raise TransferError("the gzip data ends in the middle: the file was cut short")


def _undeflated(blocks: Iterator[bytes], budget: Budget) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    for block in blocks:
        yield from _inflated(inflater, block, budget, "deflate")
    if not inflater.eof:
        raise TransferError("the deflate data ends in the middle: the file was cut short")


def _next_gzip_member(rest: bytes, blocks: Iterator[bytes]) -> bytes:
    """What follows a gzip member, without padding: the next, or nothing; raises TransferError for anything else."""
    rest = rest.lstrip(b"\0")
    if len(rest) == 1:
        rest += next(blocks, b"")
    if rest and not rest.startswith(GZIP):
        raise TransferError(f"after the gzip data stands something else: {piece(rest, 0, 20)}")
    return rest


def _inflated(
    inflater: zlib._Decompress, block: bytes, budget: Budget, kind: str = "gzip"
) -> Iterator[bytes]:
    try:
        while block and not inflater.eof:
            plain = inflater.decompress(block, READ_BYTES)
            block = inflater.unconsumed_tail
            budget.spend(len(plain))
            if plain:
                yield plain
    except zlib.error as error:
        raise TransferError(f"the {kind} data is damaged: {error}") from None


def _unzipped(stream: ByteStream, decode: Decode, budget: Budget, room: Path, depth: int) -> Iterator[ByteStream]:
    with stream.seekable(room) as file:
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise TransferError(f"the zip archive is cut short or damaged: {error}") from None
        infos = archive.infolist()
        if any(info.filename == "[Content_Types].xml" for info in infos):
            file.seek(0)
            yield ByteStream(_read(file), stream.name, file)
            return
        for info in chosen(infos, decode):
            inner = ByteStream(_member(archive, info, budget), info.filename)
            yield from _unpacked(inner, decode, budget, room, depth)


def chosen(infos: list[zipfile.ZipInfo], decode: Decode) -> list[zipfile.ZipInfo]:
    """The members to read, in order of name; raises DecodeError where a pattern picks none."""
    infos = sorted(
        (info for info in infos if not info.is_dir() and not _LITTER.search(info.filename)),
        key=lambda info: info.filename,
    )
    if decode.members is not None:
        pattern = decode.members
        picked = [
            i for i in infos if fnmatchcase(i.filename, pattern) or fnmatchcase(i.filename.rpartition("/")[2], pattern)
        ]
        if not picked:
            names = ", ".join(info.filename for info in infos[:20]) or "nothing"
            raise DecodeError(
                f"no member of the archive matches {pattern!r}; it holds {names}", hint="see `decode.members`"
            )
        return picked
    by_format = _BY_FORMAT.get(decode.format)
    known = re.compile(by_format + r"(\.gz|\.gzip|\.zip)?$", re.IGNORECASE) if by_format else _KNOWN_NAME
    return [info for info in infos if known.search(info.filename)] or infos


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: Budget) -> Iterator[bytes]:
    if info.flag_bits & 1:
        raise DecodeError(
            f"the member {info.filename!r} of the archive is encrypted", hint="ask for it without a password"
        )
    try:
        with archive.open(info) as file:
            while block := file.read(READ_BYTES):
                budget.spend(len(block))
                yield block
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise TransferError(f"the member {info.filename!r} of the archive is damaged: {error}") from None
    except NotImplementedError as error:
        raise DecodeError(f"the member {info.filename!r} of the archive cannot be read: {error}") from None
