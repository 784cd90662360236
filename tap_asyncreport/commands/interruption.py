"""Calls that a signal can end, and the order in which things end then."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tap_asyncreport.clock import Clock
from tap_asyncreport.commands.foreground import GaveUp
from tap_asyncreport.errors import Interrupted

END_WITHIN = 9.0
LOOK = 0.1


class Interruptible:
    """Makes each call on a thread of its own, so that SIGINT and SIGTERM are heard while the API hangs.

    After the first signal only patient calls (a creation under way, clean-up) are waited for, for nine seconds in all;
    further signals change nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end_at = float("inf")
        self.signal: int | None = None

    @property
    def stopping(self) -> bool:
        """Whether a signal came."""
        return self.signal is not None

    @property
    def late(self) -> bool:
        """Whether it came nine seconds ago."""
        return self._clock.monotonic() > self._end_at

    def make(self, call: Callable[[], Any], *, patient: bool) -> Any:
        """What the call gives, or raises; GaveUp where it is not waited for."""
        answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=_answer, args=(call, answers), daemon=True, name="call").start()
        while True:
            try:
                value, error = answers.get(timeout=LOOK)
            except queue.Empty:
                if self.late or (self.stopping and not patient):
                    raise GaveUp from None
                continue
            if error is not None:
                raise error
            return value

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hears signals; raises Interrupted at the end where one came."""
        heard = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
        before = {number: signal.signal(number, self._hear) for number in heard}
        try:
            with suppress(GaveUp):
                yield
        finally:
            for number, handler in before.items():  # once the process is to end, no further signal changes how
                signal.signal(number, handler if self.signal is None else signal.SIG_IGN)
        if self.signal is not None:
            raise Interrupted(f"stopped by {signal.Signals(self.signal).name}", 128 + self.signal)

    def _hear(self, signum: int, frame: Any) -> None:  # noqa: ARG002
        if self.signal is None:
            self.signal = signum
            self._end_at = self._clock.monotonic() + END_WITHIN
            self._clock.stop()


def _answer(call: Callable[[], Any], answers: queue.SimpleQueue[tuple[Any, BaseException | None]]) -> None:
    try:
        answers.put((call(), None))
    except BaseException as error:  # noqa: BLE001 - handed on to whoever waits for it
        answers.put((None, error))
