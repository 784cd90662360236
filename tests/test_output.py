"""Standard output: every byte of every line, however it is buffered and however full the pipe."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tap_asyncreport.output import Output

LINES = b"".join(b'{"n":%d}\n' % number for number in range(60_000))


class Reader(threading.Thread):
    """Reads a pipe to its end, a little at a time."""

    def __init__(self, end: int) -> None:
        super().__init__(daemon=True)
        self.end, self.got = end, bytearray()
        self.start()

    def run(self) -> None:
        while piece := os.read(self.end, 30_000):
            self.got += piece


def unbuffered(end: int) -> Any:
    return io.TextIOWrapper(io.FileIO(end, "wb"), write_through=True)  # type: ignore[type-var]


def buffered(end: int) -> Any:
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(end, "wb")))


class Short(io.RawIOBase):
    """A file that a signal cuts short again and again: it takes a part of what it is given."""

    def __init__(self) -> None:
        self.got = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data[:1000])
        self.got += part
        return len(part)


def test_a_write_that_is_cut_short_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Short()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(short, write_through=True))  # type: ignore[type-var]
    output = Output()
    output.write(LINES)
    output.write(b"{}\n")
    output.flush()

    assert LINES + b"{}\n" == short.got
    assert not output.gone


@pytest.mark.parametrize("opened", [unbuffered, buffered])
def test_a_pipe_that_does_not_wait_is_waited_for(opened: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started us may have made the pipe non-blocking: then a full one is no error."""
    end, start = os.pipe()
    os.set_blocking(start, False)
    reader = Reader(end)
    stdout = opened(start)
    monkeypatch.setattr(sys, "stdout", stdout)
    output = Output()
    for at in range(0, len(LINES), 100_000):
        output.write(LINES[at : at + 100_000])
    output.flush()
    stdout.close()
    reader.join(10)

    assert LINES == reader.got
    assert not output.gone
