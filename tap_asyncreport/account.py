"""The account a run gives of itself: progress while it lasts, measurements, and the closing table."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tap_asyncreport.error_text import Sources, place_of, render
from tap_asyncreport.errors import ReportError, Where
from tap_asyncreport.job import Job, JobEvent, Unit, partition_key
from tap_asyncreport.reporting import (
    MetricsFeed,
    Progress,
    RunFacts,
    RunLedger,
    StreamEnd,
    closing_table,
    on_terminal,
    write_report,
)

if TYPE_CHECKING:
    from tap_asyncreport.clock import Clock
    from tap_asyncreport.http.calls import Call
    from tap_asyncreport.http.redaction import Redactor
    from tap_asyncreport.reporting.metrics import Emit

logger = logging.getLogger("tap-asyncreport")

PAGE_EVERY = 60.0
SPARE = 50  # how much longer than the writing of a page the wait for the next one is, at least


class Account:
    """Hears of everything on the main thread and tells it on stderr."""

    def __init__(
        self,
        clock: Clock,
        now: datetime,
        redactor: Redactor,
        emit: Emit,
        *,
        page: str | None = None,
        sources: Sources | None = None,
    ) -> None:
        self.ledger = RunLedger((clock.monotonic(), now), keep_lanes=page is not None)
        self._page = page
        self._sources = sources
        self._clock = clock
        self._redactor = redactor
        self._progress = Progress(self.ledger, clock, live=on_terminal(), redact=redactor.redact)
        self._metrics = MetricsFeed(self.ledger, emit)
        self._facts: Callable[[], RunFacts] | None = None
        self._page_at = float("-inf")
        self._closing = threading.Lock()
        self._closed = False

    def held(self, call: Call, seconds: float) -> None:
        """A call waits for `rate_limits`; on any thread."""
        now = self._clock.monotonic()
        self.ledger.observe_wait(call, now, now + seconds)

    def sending(self, under_way: bool) -> None:
        """A piece of output waits for the target to take it, or was taken."""
        self.ledger.sending_since = self._clock.monotonic() if under_way else None

    def begin(self, facts: Callable[[], RunFacts]) -> None:
        """Begins to tell; `facts` is what a page of a run that is under way says of it, asked on the main thread."""
        self._facts = facts
        self._progress.start()
        self._write_meanwhile()

    def plan(self, stream: str, *, windows: int, partitions: int) -> None:
        """What a stream has to do."""
        self.ledger.plan(stream, windows, partitions, at=self._clock.monotonic())

    def hear(self, events: Sequence[JobEvent]) -> None:
        """What happened to jobs; a failure is told at once, whole."""
        for event in events:
            if event.error is not None:
                self._locate(event.error, event.unit.stream)
        self.ledger.observe(events)
        self._progress.observe(events)
        self._metrics.observe(events)
        self._write_meanwhile()

    def _write_meanwhile(self) -> None:
        """A page about the run so far, now and then: all that is left where the process is killed."""
        now = self._clock.monotonic()
        if self._page is None or self._facts is None or now < self._page_at:
            return
        write_report(self._page, self.ledger, self._facts(), now=now, redact=self._redactor.redact, warn=False)
        took = self._clock.monotonic() - now
        self._page_at = now + max(PAGE_EVERY, SPARE * took)

    def failed(self, error: ReportError) -> None:
        """A stream that could not even be planned."""
        self._locate(error, error.where.stream)
        logger.error("%s", render(error))

    def _locate(self, error: ReportError, stream: str | None) -> None:
        where = error.where.within(Where(stream=stream))
        error.place = error.place or place_of(error, where, self._sources)

    def close(self, ends: dict[str, tuple[StreamEnd, ReportError | None]], facts: Callable[[], RunFacts]) -> None:
        """Ends progress, writes the run page where one is wanted, and the closing table as the last word; once."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._close(ends, facts)

    def _close(self, ends: dict[str, tuple[StreamEnd, ReportError | None]], facts: Callable[[], RunFacts]) -> None:
        self._metrics.flush()
        now = self._clock.monotonic()
        for name, (end, error) in ends.items():
            self.ledger.stream_ended(name, end, error, at=now)
        self.ledger.finish(now)
        self._progress.close()
        if self._page is not None:
            write_report(self._page, self.ledger, facts(), now=now, redact=self._redactor.redact)
        sys.stderr.write(closing_table(self.ledger, redact=self._redactor.redact))
        sys.stderr.flush()


def place(unit: Unit, job: Job | None) -> Where:
    """The piece of work that an error is about."""
    return Where(
        stream=unit.stream,
        partition=partition_key(unit.partition) if unit.partition else None,
        window=str(unit.window) if unit.window else None,
        job_id=job.id if job else None,
    )


def log_metric(kind: str, metric: str, value: float, tags: dict[str, Any]) -> None:
    """Hands a point to the SDK's metrics log."""
    from singer_sdk import metrics

    point = metrics.Point(kind, metrics.Metric(metric), value, tags)
    metrics.log(metrics.get_metrics_logger(), point)
