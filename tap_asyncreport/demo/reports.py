"""The example API's reports: asked for, queued, run a few at a time, done, forgotten. No network here."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import threading
import uuid
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_asyncreport.clock import Clock

DATASET = "seattle_weather"
MOST_DAYS = 31
MOST_UNFINISHED = 50


class InvalidRequestError(ValueError):
    """What was asked for makes no sense; `field` says where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TooManyReportsError(Exception):
    """So many reports are unfinished that no further one is taken."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which days of the dataset, both ends included."""

    first: date
    last: date

    @classmethod
    def parse(cls, asked: object) -> Query:
        """Reads the body of a creation request; raises InvalidRequestError."""
        if not isinstance(asked, dict):
            raise InvalidRequestError("body", 'send an object: {"dataset", "from", "to"}')
        if asked.get("dataset") != DATASET:
            raise InvalidRequestError("dataset", f"there is one dataset: {DATASET}")
        first, last = (_day(asked, name) for name in ("from", "to"))
        days = (last - first).days + 1
        if not 1 <= days <= MOST_DAYS:
            raise InvalidRequestError("to", f"a report covers 1 to {MOST_DAYS} days, not {days}")
        return cls(first, last)


def _day(asked: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(asked[name])
    except (KeyError, TypeError, ValueError):
        raise InvalidRequestError(name, f"{asked.get(name)!r} is not a day like 2012-01-31") from None


@dataclass(frozen=True, slots=True)
class File:
    """A finished report: CSV, compressed."""

    content: bytes
    rows: int

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Weather:
    """The dataset, read from the package once."""

    def __init__(self) -> None:
        text = resources.files(__package__).joinpath(f"{DATASET}.csv").read_text(encoding="utf-8")
        self._header, *self._days = csv.reader(io.StringIO(text))

    def file(self, query: Query) -> File:
        """The days of a query; none is a header line alone."""
        first, last = query.first.isoformat(), query.last.isoformat()
        days = [row for row in self._days if first <= row[0] <= last]
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([self._header, *days])
        return File(gzip.compress(out.getvalue().encode(), mtime=0), len(days))


@dataclass(slots=True)
class Report:
    """One report; instants are seconds of the monotonic clock."""

    id: str
    query: Query
    created_at: float
    started_at: float | None = None
    ends_at: float | None = None

    def status(self, now: float) -> str:
        if self.started_at is None or self.ends_at is None:
            return "QUEUED"
        return "SUCCEEDED" if self.ends_at <= now else "RUNNING"

    def percent(self, now: float) -> int:
        if self.started_at is None or self.ends_at is None:
            return 0
        return min(100, int(100 * (now - self.started_at) / (self.ends_at - self.started_at)))


class Reports:
    """All reports; at most `slots` run at once, each for `seconds`; the others wait in order of creation."""

    def __init__(self, clock: Clock, *, slots: int = 4, seconds: float = 0.25) -> None:
        self._clock = clock
        self._seconds = seconds
        self._slots_free_at = [clock.monotonic()] * slots
        self._weather = Weather()
        self._reports: dict[str, Report] = {}
        self._lock = threading.Lock()

    def create(self, query: Query) -> Report:
        """A queued report; raises TooManyReportsError."""
        with self._lock:
            now = self._advance()
            unfinished = sum(report.status(now) != "SUCCEEDED" for report in self._reports.values())
            if unfinished >= MOST_UNFINISHED:
                raise TooManyReportsError
            report = Report(f"rep-{uuid.uuid4().hex[:12]}", query, now)
            self._reports[report.id] = report
            return report

    def describe(self, report_id: str) -> dict[str, Any] | None:
        """What the API says of a report, except where its file lies; None for one that it does not know."""
        with self._lock:
            now = self._advance()
            report = self._reports.get(report_id)
            if report is None:
                return None
            return {"report_id": report.id, "status": report.status(now), "percent": report.percent(now)}

    def file(self, report_id: str) -> File | None:
        """The file of a report that succeeded."""
        with self._lock:
            now = self._advance()
            report = self._reports.get(report_id)
            if report is None or report.status(now) != "SUCCEEDED":
                return None
            return self._weather.file(report.query)

    def delete(self, report_id: str) -> bool:
        """Forgets a report and frees the slot it runs in; false for one that is not there."""
        with self._lock:
            now = self._advance()
            report = self._reports.pop(report_id, None)
            if report is not None and report.status(now) == "RUNNING" and report.ends_at is not None:
                self._slots_free_at.remove(report.ends_at)
                self._slots_free_at.append(now)
            return report is not None

    def _advance(self) -> float:
        """Starts the queued reports for which a slot has come free by now, each when it came free."""
        now = self._clock.monotonic()
        for report in self._reports.values():
            if report.started_at is None:
                free_at = min(self._slots_free_at)
                if free_at > now:
                    break
                self._slots_free_at.remove(free_at)
                report.started_at = max(free_at, report.created_at)
                report.ends_at = report.started_at + self._seconds
                self._slots_free_at.append(report.ends_at)
        return now
