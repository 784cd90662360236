"""Whole runs of the tap inside a test, with the wall clock standing still."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

import tap_asyncreport.run
from tap_asyncreport.clock import SystemClock
from tap_asyncreport.tap import TapAsyncReport


@dataclass
class Ended:
    """What a run left behind."""

    exit_code: int
    messages: list[dict[str, Any]]
    warnings: list[str]
    errors: list[str]

    @property
    def state(self) -> dict[str, Any]:
        return [message["value"] for message in self.messages if message["type"] == "STATE"][-1]

    def rows(self, column: str, stream: str | None = None) -> list[Any]:
        records = [message for message in self.messages if message["type"] == "RECORD"]
        return [message["record"][column] for message in records if stream in (None, message["stream"])]


class Frozen:
    """Runs the tap as of an instant; every run is a new tap, given the state that is handed to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        self._monkeypatch = monkeypatch
        self._caplog = caplog

    def run(
        self, now: str, config: Mapping[str, Any], state: Any = None, *, selected: Collection[str] | None = None
    ) -> Ended:
        """Runs all streams, or those `selected`."""
        at = datetime.fromisoformat(now)

        class Clock(SystemClock):
            def now(self) -> datetime:
                return at

        self._caplog.clear()
        with self._monkeypatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
            patch.setattr(tap_asyncreport.run, "SystemClock", Clock)
            tap = TapAsyncReport(config=dict(config))
            if state is not None:
                tap.load_state(json.loads(json.dumps(state)))
            for name, stream in tap.streams.items():
                stream.selected = selected is None or name in selected
            code = tap.sync()
        told = {
            level: [record.getMessage() for record in self._caplog.records if record.levelno == level]
            for level in (logging.WARNING, logging.ERROR)
        }
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        return Ended(code, lines, told[logging.WARNING], told[logging.ERROR])


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Frozen:
    """Whole runs as of an instant."""
    return Frozen(monkeypatch, caplog)
