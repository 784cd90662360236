"""Measurements as points, for whoever has a place to send them: the Singer SDK's metrics log."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tap_asyncreport.job import JobEvent, JobEventKind, Unit
from tap_asyncreport.reporting.lanes import ENDS
from tap_asyncreport.reporting.ledger import RunLedger

Emit = Callable[[str, str, float, dict[str, Any]], None]
"""Takes the type of a point (`counter`, `timer`), the metric's name, its value and its tags."""

Point = tuple[str, str, float, dict[str, Any]]

EVERY = 60.0


class MetricsFeed:
    """Emits time per job, and calls per step and status, each counted once; rows are the SDK's own to count.

    Names are those of the SDK: `job_duration` (the median of the jobs that ended since the last point, and how many
    those are), `http_request_count`, `http_request_duration` (all seconds of a step's calls).
    """

    def __init__(self, ledger: RunLedger, emit: Emit) -> None:
        self._ledger = ledger
        self._emit = emit
        self._told: dict[tuple[str, ...], float] = {}
        self._told_at = ledger.started
        self._created_at: dict[Unit, float] = {}
        self._times: dict[tuple[str, str], list[float]] = {}

    def observe(self, events: Sequence[JobEvent]) -> None:
        """Takes the times of jobs, and emits each minute what was counted since; after the ledger."""
        for event in events:
            self._time(event)
        if events and events[-1].at - self._told_at >= EVERY:
            self._told_at = events[-1].at
            self.flush()

    def flush(self) -> None:
        """Emits what was counted since the last time."""
        times, self._times = self._times, {}
        for (stream, status), seconds in times.items():
            tags = {"stream": stream, "status": status, "count": len(seconds)}
            self._emit("timer", "job_duration", statistics.median(seconds), tags)
        with self._ledger.lock:
            points = list(self._calls())
        for kind, metric, value, tags in points:
            self._emit(kind, metric, value, tags)

    def _time(self, event: JobEvent) -> None:
        if event.kind in (JobEventKind.CREATED, JobEventKind.ADOPTED):
            self._created_at[event.unit] = event.at
        elif event.kind in ENDS or event.kind in (JobEventKind.RETRYING, JobEventKind.COMPLETED):
            created_at = self._created_at.pop(event.unit, None)
            if created_at is not None and event.kind is not JobEventKind.KEPT:
                status = "succeeded" if event.kind is JobEventKind.COMPLETED else "failed"
                self._times.setdefault((event.unit.stream, status), []).append(event.at - created_at)

    def _calls(self) -> Iterator[Point]:
        for step, calls in self._ledger.calls.items():
            for status, count in calls.statuses.items():
                if more := self._more(("calls", step, status), count):
                    tags = {"endpoint": step, "http_status_code": status}
                    yield "counter", "http_request_count", more, tags
            if seconds := self._more(("seconds", step), calls.seconds):
                yield "timer", "http_request_duration", seconds, {"endpoint": step}

    def _more(self, key: tuple[str, ...], value: float) -> float:
        more = value - self._told.get(key, 0)
        self._told[key] = value
        return more
