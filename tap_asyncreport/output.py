"""Singer messages on stdout: in UTF-8 whatever the locale, in large pieces, and aware of a target that died."""

from __future__ import annotations

import os
import select
import sys
from typing import Any

import msgspec
from singer_sdk.contrib.msgspec import enc_hook
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message

from tap_asyncreport.errors import Interrupted

PIECE = 256 * 1024
TARGET_GONE = 1

encoder = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="number")


class Output(GenericSingerWriter[bytearray, Message]):
    """Writes to whatever `sys.stdout` is at the time; raises Interrupted once nobody reads it any more."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._gone = False

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

    def reader_left(self) -> bool:
        """Whether the other end of the pipe is closed, found without writing."""
        try:
            watch = select.poll()
            watch.register(sys.stdout.fileno(), select.POLLERR)
            return self._gone or any(event & (select.POLLERR | select.POLLNVAL) for _, event in watch.poll(0))
        except (OSError, ValueError, AttributeError):  # not a file of the system's, or a system without poll
            return self._gone

    def silence(self) -> None:
        """Nothing more is written; what the interpreter would flush at its end goes nowhere."""
        self._gone = True
        self._waiting.clear()
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, sys.stdout.fileno())
        except (OSError, ValueError):
            pass

    def _send(self, lines: Any) -> None:
        if self._gone:
            return
        stdout: Any = sys.stdout
        try:
            stdout.flush()
            raw = getattr(stdout, "buffer", None)
            if raw is None:
                stdout.write(lines.decode("utf-8"))
            else:
                raw.write(lines)
                raw.flush()
        except (BrokenPipeError, ConnectionResetError, ValueError) as error:
            self.silence()
            raise Interrupted("the target closed its input, so nothing more can be written", TARGET_GONE) from error
