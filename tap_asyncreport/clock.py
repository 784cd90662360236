"""Time: the one place that reads the clocks and sleeps."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rest of the house knows of time."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        ...

    def wait(self, seconds: float) -> bool:
        """Sleeps; true when it was woken early because the run is to stop."""
        ...

    def stop(self) -> None:
        """Wakes every sleeper, now and from now on."""
        ...


class SystemClock:
    """The machine's clocks."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        return self._stopped.wait(max(0.0, seconds))

    def stop(self) -> None:
        self._stopped.set()
