"""Job events for tests of reporting: a unit's life in one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tap_asyncreport.errors import ReportError
from tap_asyncreport.http.calls import Call, Exchange
from tap_asyncreport.job import Job, JobEvent, JobEventKind, Unit, Window
from tap_asyncreport.reporting import RunLedger

STARTED = (100.0, datetime(2026, 2, 1, 3, 0, tzinfo=UTC))


def ledger(**options: Any) -> RunLedger:
    """A ledger whose run began at 100 s, which was 03:00 on the wall."""
    return RunLedger(STARTED, **options)


def day(number: int, days: int = 1) -> Window:
    """A window that begins on that day of January 2026."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number - 1)
    return Window(start, start + timedelta(days=days))


class Told:
    """Events of one unit, in order; `told.created(at)` and so on return the event."""

    def __init__(
        self, stream: str = "orders", window: Window | None = None, job: str | None = "r-1", **partition: Any
    ) -> None:
        self.unit = Unit(stream, partition, window)
        self.job = Job(self.unit, id=None)
        self.job_id = job

    def event(self, kind: JobEventKind, at: float, **what: Any) -> JobEvent:
        if kind not in (JobEventKind.CREATING, JobEventKind.WAITING):
            self.job.id = self.job_id
        return JobEvent(kind, at, self.unit, self.job, **what)

    def again(self, job: str) -> None:
        """The next attempt, with a job of its own."""
        self.job = Job(self.unit, attempt=self.job.attempt + 1)
        self.job_id = job

    def __getattr__(self, name: str) -> Any:
        kind = JobEventKind(name)
        return lambda at, **what: self.event(kind, at, **what)

    def life(self, at: float, rows: int = 10) -> list[JobEvent]:
        """A whole life: 1 s to create, 4 s to run, 2 s to download, 1 s to wait, 1 s to write."""
        return [
            self.creating(at),
            self.created(at + 1),
            self.polled(at + 2, word="RUNNING"),
            self.polled(at + 5, word="DONE"),
            self.completed(at + 5),
            self.downloading(at + 5),
            self.ready(at + 7),
            self.writing(at + 8),
            self.written(at + 9, rows=rows),
            self.deleted(at + 10),
        ]


def exchange(step: str, status: int | None, seconds: float, size: int, job: str | None = "r-1") -> Exchange:
    """One call of the stream orders and its answer."""
    call = Call(step=step, stream="orders", job_id=job, method="GET", url="https://api.example.com/")
    return Exchange(call, "GET https://api.example.com/", STARTED[1], seconds, status_code=status, size=size)


def call(unit: Unit, step: str = "creation_requester") -> Call:
    """A call about that unit, before it is sent."""
    return Call(step=step, stream=unit.stream, job_id=None, method="POST", url="https://api.example.com/", unit=unit)


def failed(message: str = "the job failed", excerpt: str | None = "no quota", **more: Any) -> ReportError:
    return ReportError(message, excerpt=excerpt, **more)


__all__ = ["STARTED", "Told", "call", "day", "exchange", "failed", "ledger"]
