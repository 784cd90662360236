"""What is known of one stream, and of one failure, while and after it runs."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from tap_asyncreport.error_text import render, summary
from tap_asyncreport.errors import ReportError, TapError, Where
from tap_asyncreport.job import JobEvent, Unit, Window, partition_key
from tap_asyncreport.reporting import words
from tap_asyncreport.reporting.lanes import Lane, Phase

LATEST = 500


class StreamEnd(StrEnum):
    """How a stream ended, in the words of the closing table."""

    OK = "ok"
    FAILED = "failed"
    QUOTA_EXHAUSTED = "quota exhausted"
    INTERRUPTED = "interrupted"
    NOT_FINISHED = "not finished"


@dataclass(frozen=True, slots=True)
class Failure:
    """A window that failed, or a stream that could not go on."""

    stream: str
    partition: str
    window: str
    job_id: str | None
    words: str
    text: str
    at: float
    hint: str | None = None
    key: str | None = None

    @property
    def place(self) -> str:
        """`orders account=7 2026-01-01 to 2026-01-02, job r-1`."""
        place = " ".join(part for part in (self.stream, self.partition, self.window) if part)
        return f"{place}, job {self.job_id}" if self.job_id else place


def place_of(unit: Unit, job_id: str | None) -> Where:
    """The unit as the place of an error."""
    return Where(
        stream=unit.stream,
        partition=partition_key(unit.partition) if unit.partition else None,
        window=str(unit.window) if unit.window else None,
        job_id=job_id,
    )


def failure(event: JobEvent, job_id: str | None) -> Failure:
    """The failure that an event tells of."""
    error = event.error or TapError("failed without a reason given")
    unit = event.unit
    text = render(error, where=place_of(unit, job_id))
    place = (unit.stream, words.partition(unit), words.window(unit), job_id)
    return Failure(*place, summary(error), text, event.at, error.hint, key_of(error))


def key_of(error: TapError) -> str | None:
    """The key of the configuration to look at, with its line, where one is known."""
    return error.place if isinstance(error, ReportError) else None


@dataclass(slots=True, eq=False)
class Tally:
    """Counts of one stream; `live` holds the units that have begun and have no verdict yet."""

    name: str
    since: float
    planned: int | None = None
    partitions: int | None = None
    written: int = 0
    failed: int = 0
    rows: int = 0
    writing_rows: int = 0
    size: int = 0
    jobs: int = 0
    adopted: int = 0
    retried: int = 0
    warnings: int = 0
    kept: int = 0
    held_until: float = 0.0
    end: str | None = None
    error: str | None = None
    skipped: set[str] = field(default_factory=set)
    live: dict[Unit, Lane] = field(default_factory=dict)
    chains: set[tuple[str, Window | None]] = field(default_factory=set)
    run_times: deque[float] = field(default_factory=lambda: deque(maxlen=LATEST))
    births: dict[str, list[tuple[Window, float]]] = field(default_factory=dict)

    @property
    def windows_done(self) -> int:
        """Windows whose rows are all out, those of chained jobs included."""
        return self.written - len(self.chains)

    @property
    def rows_out(self) -> int:
        """Rows emitted, those of the unit being written included."""
        return self.rows + self.writing_rows

    @property
    def usual(self) -> float | None:
        """Seconds that a job of this stream usually runs: the median of those that completed."""
        return statistics.median(self.run_times) if self.run_times else None

    @property
    def outcome(self) -> str:
        """The closing table's word for how it went, with what else to know."""
        notes = []
        if self.failed:
            notes.append(words.many(self.failed, "window") + " failed")
        if self.skipped:
            notes.append(words.many(len(self.skipped), "partition") + " skipped")
        if self.kept:
            notes.append(words.many(self.kept, "job") + " kept for the next run")
        end = self.end or StreamEnd.NOT_FINISHED
        return f"{end} ({', '.join(notes)})" if notes else end

    def in_phase(self, *phases: Phase) -> list[Lane]:
        """The live lanes that are in one of these phases."""
        return [lane for lane in self.live.values() if lane.phase in phases]

    def running(self) -> list[Lane]:
        """The lanes whose job runs at the API, as far as we know."""
        return [lane for lane in self.live.values() if lane.created_at is not None and not lane.completed]

    def born_at(self, unit: Unit, at: float) -> float:
        """Since when the unit has waited: since the stream was planned, or its window was split or made longer."""
        if unit.link:
            return at
        births = self.births.get(unit.lane[1], ()) if unit.window else ()
        inside = [since for whole, since in births if unit.window and _holds(whole, unit.window)]
        return max([self.since, *inside])


def _holds(whole: Window, part: Window) -> bool:
    return whole.start <= part.start and part.end <= whole.end
