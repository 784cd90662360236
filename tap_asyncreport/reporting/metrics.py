"""Measurements as points, for whoever has a place to send them: the Singer SDK's metrics log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tap_asyncreport.job import JobEvent, JobEventKind, Unit
from tap_asyncreport.reporting.lanes import ENDS
from tap_asyncreport.reporting.ledger import RunLedger

Emit = Callable[[str, str, float, dict[str, Any]], None]
"""Takes the type of a point (`counter`, `timer`), the metric's name, its value and its tags."""

EVERY = 60.0


class MetricsFeed:
    """Emits rows per stream, time per job, and calls per step and status, each counted once.

    Names are those of the SDK: `record_count`, `job_duration`, `http_request_count`, `http_request_duration`.
    """

    def __init__(self, ledger: RunLedger, emit: Emit) -> None:
        self._ledger = ledger
        self._emit = emit
        self._told: dict[tuple[str, ...], float] = {}
        self._told_at = ledger.started
        self._created_at: dict[Unit, float] = {}

    def observe(self, events: Sequence[JobEvent]) -> None:
        """Emits the time of each job that ended, and each minute what was counted since; after the ledger."""
        for event in events:
            self._time(event)
        if events and events[-1].at - self._told_at >= EVERY:
            self._told_at = events[-1].at
            self.flush()

    def flush(self) -> None:
        """Emits what was counted since the last time."""
        with self._ledger.lock:
            counted = list(self._counted())
        for kind, metric, value, tags in counted:
            self._emit(kind, metric, value, tags)

    def _time(self, event: JobEvent) -> None:
        if event.kind in (JobEventKind.CREATED, JobEventKind.ADOPTED):
            self._created_at[event.unit] = event.at
        elif event.kind in ENDS or event.kind in (JobEventKind.RETRYING, JobEventKind.COMPLETED):
            created_at = self._created_at.pop(event.unit, None)
            if created_at is not None and event.kind is not JobEventKind.KEPT:
                status = "succeeded" if event.kind is JobEventKind.COMPLETED else "failed"
                tags = {"stream": event.unit.stream, "job_id": event.job.id if event.job else None, "status": status}
                self._emit("timer", "job_duration", event.at - created_at, tags)

    def _counted(self) -> Sequence[tuple[str, str, float, dict[str, Any]]]:
        points: list[tuple[str, str, float, dict[str, Any]]] = []
        for name, tally in self._ledger.streams.items():
            if rows := self._more(("rows", name), tally.rows_out):
                points.append(("counter", "record_count", rows, {"stream": name}))
        for step, calls in self._ledger.calls.items():
            for status, count in calls.statuses.items():
                if more := self._more(("calls", step, status), count):
                    tags = {"endpoint": step, "http_status_code": status}
                    points.append(("counter", "http_request_count", more, tags))
            if seconds := self._more(("seconds", step), calls.seconds):
                points.append(("timer", "http_request_duration", seconds, {"endpoint": step}))
        return points

    def _more(self, key: tuple[str, ...], value: float) -> float:
        more = value - self._told.get(key, 0)
        self._told[key] = value
        return more
