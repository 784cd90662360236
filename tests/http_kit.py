"""What the tests of the network share: an Http over a configuration, and a clock that does not sleep."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from tap_asyncreport.config.settings import Settings
from tap_asyncreport.http.calls import Call, Exchange
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.session import Http
from tap_asyncreport.templates import Templates

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
STREAM = {
    "name": "orders",
    "creation_requester": "POST /exports",
    "polling_requester": "GET /exports/1",
    "download_retriever": "GET /exports/1/file",
}


class FakeClock:
    """Waiting moves it on at once; `waits` keeps how long each was."""

    def __init__(self, now: datetime = NOW) -> None:
        self.started_at = now
        self.passed = 0.0
        self.waits: list[float] = []
        self.stopped = False
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.started_at + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    def wait(self, seconds: float) -> bool:
        with self._lock:
            self.waits.append(seconds)
            if not self.stopped:
                self.passed += seconds
            return self.stopped

    def stop(self) -> None:
        self.stopped = True


class Kit:
    """An Http over a configuration, with its clock, redactor and what its observers saw."""

    def __init__(self, **settings: Any) -> None:
        self.clock = FakeClock()
        self.redactor = Redactor()
        self.exchanges: list[Exchange] = []
        self.settings = Settings.model_validate({"streams": [STREAM], **settings})
        self.http = Http(
            self.settings,
            Templates(now=NOW),
            clock=self.clock,
            redactor=self.redactor,
            observers=[self.exchanges.append],
        )

    def send(self, method: str, url: str, spec: Any = None, *, stream: bool = False, scope: Any = None, **more: Any) -> Any:
        """Sends a call as a step would, with the credentials that belong to it."""
        call = Call("polling_requester", "orders", "1", method, url, scope=scope, **more)
        return self.http.send(call, self.http.credentials(spec, url, scope), stream=stream)
