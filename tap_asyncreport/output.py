"""Singer messages on stdout: in UTF-8 whatever the locale, in large pieces, and aware of a target that died."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from singer_sdk.contrib.msgspec import enc_hook
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message

PIECE = 256 * 1024
LONGEST_WAIT = 1.0

encoder = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="number")


def _write_all(file: Any, lines: bytes | bytearray) -> None:
    """Writes every byte: without a buffer (PYTHONUNBUFFERED) a signal cuts a write short; a full pipe may say so."""
    left = memoryview(lines)
    while left:
        try:
            done = file.write(left)
        except BlockingIOError as full:
            done = full.characters_written
        if done is None:
            done = 0 if isinstance(file, io.RawIOBase) else len(left)
        left = left[done:]
        if left and not done:
            select.select([], [file], [], LONGEST_WAIT)
    while not _flushed(file):
        select.select([], [file], [], LONGEST_WAIT)


def _flushed(file: Any) -> bool:
    try:
        file.flush()
    except BlockingIOError:
        return False
    return True


class Output(GenericSingerWriter[bytearray, Message]):
    """Writes to whatever `sys.stdout` is at the time, until nobody reads it any more or it cannot be written.

    Then `when_gone` is told why, once, and all that follows goes nowhere: writing raises nothing. `when_sending` is
    told when a piece begins to be taken by the target, and when it is taken.
    """

    def __init__(self) -> None:
        self.gone = False
        self.when_gone: Callable[[str], None] = lambda _: None
        self.when_sending: Callable[[bool], None] = lambda _: None
        self._waiting = bytearray()

    def serialize_message(self, message: Message) -> bytearray:
        """One line of JSON, numbers digit for digit."""
        line = bytearray(encoder.encode(message.to_dict()))
        line += b"\n"
        return line

    def write_message(self, message: Message) -> None:
        """Writes a message, sooner or later."""
        self.write(self.serialize_message(message))

    def write(self, lines: bytes | bytearray) -> None:
        """Writes whole lines, at the latest when `flush` is called."""
        if len(lines) >= PIECE:
            self.flush()
            self._send(lines)
            return
        self._waiting += lines
        if len(self._waiting) >= PIECE:
            self.flush()

    def flush(self) -> None:
        """Everything written so far is out."""
        if self._waiting:
            lines, self._waiting = self._waiting, bytearray()
            self._send(lines)

    def look(self) -> None:
        """Looks whether the other end of the pipe is closed, without writing."""
        if not self.gone and self._reader_left():
            self._leave("the target closed its input")

    def _reader_left(self) -> bool:
        try:
            watch = select.poll()
            watch.register(sys.stdout.fileno(), select.POLLERR)
            return any(event & (select.POLLERR | select.POLLNVAL) for _, event in watch.poll(0))
        except (OSError, ValueError, AttributeError):  # not a file of the system's, or a system without poll
            return False

    def _leave(self, why: str) -> None:
        """Nothing more is written; what the interpreter would flush at its end goes nowhere."""
        self.gone = True
        self._waiting.clear()
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, sys.stdout.fileno())
            os.close(devnull)
        except (OSError, ValueError):
            pass
        self.when_gone(why)

    def _send(self, lines: Any) -> None:
        if self.gone:
            return
        stdout: Any = sys.stdout
        self.when_sending(True)
        try:
            stdout.flush()
            raw = getattr(stdout, "buffer", None)
            if raw is None:
                stdout.write(lines.decode("utf-8"))
            else:
                _write_all(raw, lines)
        except (BrokenPipeError, ConnectionResetError):
            self._leave("the target closed its input")
        except (OSError, ValueError) as error:
            self._leave(f"stdout cannot be written ({getattr(error, 'strerror', None) or error})")
        finally:
            self.when_sending(False)
