"""Progress while jobs run: a live region on a terminal, log lines anywhere else. All of it on stderr."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Self

from tap_asyncreport.clock import Clock
from tap_asyncreport.job import JobEvent
from tap_asyncreport.reporting.ledger import RunLedger
from tap_asyncreport.reporting.lines import LogLines
from tap_asyncreport.reporting.live import LiveRegion

REDRAW = 0.25
LISTEN = 1.0


class Progress:
    """Tells of a run as it goes on; `observe` gets the events after the ledger has them.

    A thread of its own redraws and sends heartbeats, since the main thread may be waiting or writing; after `close`
    nothing more is written.
    """

    def __init__(
        self, ledger: RunLedger, clock: Clock, *, live: bool = False, redact: Callable[[str], str] = str
    ) -> None:
        self._clock = clock
        self._region = LiveRegion(ledger, redact=redact) if live else None
        self._lines = LogLines(ledger, quiet=live)
        self._lock = threading.Lock()
        self._open = False
        self._drawn_at = ledger.started

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begins to tell."""
        self._open = True
        if self._region:
            self._region.start()
        threading.Thread(target=self._keep_telling, daemon=True, name="progress").start()

    def observe(self, events: Sequence[JobEvent]) -> None:
        """Tells what happened."""
        with self._lock:
            if self._open:
                self._lines.observe(events)
                now = self._clock.monotonic()
                if self._region and now - self._drawn_at >= REDRAW:
                    self._draw(self._region, now)

    def tick(self) -> None:
        """Tells how things stand now, where that is due."""
        with self._lock:
            if self._open:
                now = self._clock.monotonic()
                self._lines.tick(now)
                if self._region:
                    self._draw(self._region, now)

    def close(self) -> None:
        """Tells what is left, and gives the terminal back; more calls change nothing."""
        with self._lock:
            if self._open:
                self._open = False
                self._lines.close()
                if self._region:
                    self._region.stop()

    def _draw(self, region: LiveRegion, now: float) -> None:
        self._drawn_at = now
        region.draw(now)

    def _keep_telling(self) -> None:
        interval = REDRAW if self._region else LISTEN
        while self._open and not self._clock.wait(interval):
            self.tick()
