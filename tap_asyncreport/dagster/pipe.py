"""The tap piped into a target, with what both say on the way."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, Self

from tap_asyncreport.clock import Clock

PIECE = 1024 * 1024
STATE = b'{"type":"STATE"'
END_WITHIN = 20.0  # seconds that an interrupted tap and its target have; the tap itself needs ten at most
TAIL_WITHIN = 5.0  # seconds that output may stay open behind a process that has ended


class Source(StrEnum):
    """Who said it."""

    TAP = "tap"
    TAP_STATE = "state of the tap"
    TARGET = "target"
    TARGET_STATE = "state of the target"


@dataclass(frozen=True)
class Said:
    """A line, without its end."""

    source: Source
    line: bytes


@dataclass(frozen=True)
class Command:
    """A program with its arguments and its environment."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def start(self, **streams: int) -> subprocess.Popen[bytes]:
        """Starts it in a session of its own, so that a terminal's Ctrl-C comes through us alone."""
        return subprocess.Popen(self.words, env=self.environment, start_new_session=True, **streams)  # type: ignore[call-overload,no-any-return]  # noqa: S603


class Pipe:
    """Two programs at work, or one that needs no other; leaving the context ends whatever still runs.

    `look` sees every whole block of lines that passes from one to the other. A target that leaves ends the tap, and a
    worker that dies ends both: their pipes close.
    """

    def __init__(
        self, tap: Command, target: Command | None, clock: Clock, look: Callable[[bytes], None] | None = None
    ) -> None:
        self._clock = clock
        self._look = look
        self._said: queue.SimpleQueue[Said | None] = queue.SimpleQueue()
        self._deadline = float("inf")
        self.target: subprocess.Popen[bytes] | None = None
        self.tap = tap.start(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            if target is not None:
                self.target = target.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError:
            self.tap.kill()
            raise
        self._open = self._listen()

    def _listen(self) -> int:
        """Starts a thread for each output; returns how many there are."""
        jobs: list[Callable[[], None]] = [lambda: self._hear(self.tap.stderr, Source.TAP)]
        if self.target is None:
            jobs.append(lambda: self._hear(self.tap.stdout, Source.TAP))
        else:
            target = self.target
            jobs.append(self._relay)
            jobs.append(lambda: self._hear(target.stdout, Source.TARGET_STATE))
            jobs.append(lambda: self._hear(target.stderr, Source.TARGET))
        for job in jobs:
            threading.Thread(target=self._until_end, args=(job,), daemon=True).start()
        return len(jobs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in filter(None, (self.tap, self.target)):
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def interrupt(self) -> None:
        """The tap is to abort or keep its jobs and to end; what it says until then may still be heard."""
        self._deadline = self._clock.monotonic() + END_WITHIN
        if self.tap.poll() is None:
            self.tap.send_signal(signal.SIGTERM)

    def lines(self) -> Iterator[Said | None]:
        """Everything that is said, as it comes, until both have ended; None now and then while nothing is."""
        ended_at: float | None = None
        while self._open:
            try:
                said = self._said.get(timeout=0.2)
            except queue.Empty:
                now = self._clock.monotonic()
                if self._has_ended():
                    ended_at = now if ended_at is None else ended_at
                if now > self._deadline or (ended_at is not None and now > ended_at + TAIL_WITHIN):
                    return
                yield None
                continue
            if said is None:
                self._open -= 1
            else:
                yield said
        while not self._has_ended() and self._clock.monotonic() < self._deadline:
            with suppress(subprocess.TimeoutExpired):
                self.tap.wait(0.2)
                if self.target is not None:
                    self.target.wait(0.2)

    def _has_ended(self) -> bool:
        return self.tap.poll() is not None and (self.target is None or self.target.poll() is not None)

    def _until_end(self, job: Callable[[], None]) -> None:
        try:
            with suppress(OSError, ValueError):  # the other end is gone
                job()
        finally:
            self._said.put(None)

    def _hear(self, output: IO[bytes] | None, source: Source) -> None:
        for line in output or ():
            self._said.put(Said(source, line.rstrip(b"\r\n")))

    def _relay(self) -> None:
        """Passes whole lines on; what a dying tap left of a line is nobody's."""
        assert self.target is not None
        source, sink = self.tap.stdout, self.target.stdin
        assert source is not None
        assert sink is not None
        tail = b""
        try:
            while piece := source.read1(PIECE):  # type: ignore[attr-defined]
                whole, end, rest = piece.rpartition(b"\n")
                if not end:
                    tail += piece
                    continue
                block, tail = tail + whole + end, rest
                for line in states_in(block):
                    self._said.put(Said(Source.TAP_STATE, line))
                if self._look is not None:
                    self._look(block)
                sink.write(block)
                sink.flush()
        finally:
            source.close()
            with suppress(OSError):
                sink.close()


def states_in(block: bytes) -> list[bytes]:
    """The STATE messages among whole lines."""
    found = []
    at = 0 if block.startswith(STATE) else block.find(b"\n" + STATE) + 1
    while at or block.startswith(STATE, at):
        end = block.index(b"\n", at)
        found.append(block[at:end])
        at = block.find(b"\n" + STATE, end) + 1
        if not at:
            break
    return found
