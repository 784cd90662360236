"""JSONL, a record on each line, cut into blocks at whole lines."""

from __future__ import annotations

from collections.abc import Iterator

from tap_asyncreport.decoding.json_scan import Block
from tap_asyncreport.decoding.source import LARGEST_RECORD
from tap_asyncreport.errors import DecodeError


def line_blocks(texts: Iterator[str]) -> Iterator[Block]:
    """The lines of JSONL text in blocks, cut at LF, CR and CRLF."""
    pending, first = b"", 1
    for text in texts:
        pending += text.encode()
        if b"\r" in pending:
            hold = b"\r" if pending.endswith(b"\r") else b""
            pending = pending[: len(pending) - len(hold)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + hold
        cut = pending.rfind(b"\n") + 1
        if cut:
            block = _lines(first, pending[:cut])
            yield block
            first += len(block.items)
            pending = pending[cut:]
        elif len(pending) > LARGEST_RECORD:
            raise DecodeError(
                f"line {first} is longer than {LARGEST_RECORD} bytes", hint="`decode.format: json` if it is no JSONL"
            )
    pending = pending.replace(b"\r", b"\n")
    if pending.strip():
        yield _lines(first, pending if pending.endswith(b"\n") else pending + b"\n")


def _lines(first: int, data: bytes) -> Block:
    return Block(first, data.split(b"\n")[:-1], data)  # which finds line ends much faster than `count` does
