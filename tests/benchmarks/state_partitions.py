"""State of many partitions: what a message costs after one change, how large it is, how much of it a run writes.

Each partition lives as in a run: its job is created, its rows are written, its bookmark moves, its job is deleted. Exits
with 1 where a bound does not hold. `python tests/benchmarks/state_partitions.py [partitions]`
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tap_asyncreport.books import Books
from tap_asyncreport.clock import SystemClock
from tap_asyncreport.config.streams import Incremental
from tap_asyncreport.job import Job, JobEvent, JobEventKind, Unit
from tap_asyncreport.response import Response
from tap_asyncreport.state import Reading, StateBook
from tap_asyncreport.windows import Calendar

ROWS = 1000  # of a window, to set the cost of state beside that of records
SECONDS_PER_RECORD = 1 / 500_000


class Keeper:
    """Keeps of a job what a job repository keeps of a plain one."""

    def kept(self, job: Job) -> dict[str, Any]:
        window = job.unit.window
        assert window is not None
        span = [each.isoformat().replace("+00:00", "Z") for each in (window.start, window.end)]
        return {
            "id": job.id, "window": span, "request": "sha256:" + "0" * 64, "created_at": "2026-01-31T00:00:01Z",
            "attempt": 1, "creation_response": {"id": job.id},
        }  # fmt: skip


class Lives:
    """Partitions going through their windows, day after day."""

    def __init__(self, count: int) -> None:
        self.now = datetime(2026, 1, 31, 12, tzinfo=UTC)
        self.contexts = [{"account": f"act_{10**9 + number}"} for number in range(count)]
        self.bytes = self.messages = 0
        self.state = StateBook.read({}, {"orders": self.reading()})
        self.clock = SystemClock()
        self.books = Books(
            self.state, {"orders": Keeper()}, deletes=lambda _: True, write=self._write, clock=self.clock
        )

    def calendar(self) -> Calendar:
        return Calendar(Incremental(start="2026-01-30", format="date"), now=self.now, timezone="UTC")

    def reading(self) -> Reading:
        calendar = self.calendar()
        return Reading("date", ("account",), lambda _, value: calendar.resume_at(value))

    def day(self) -> float:
        """One run over every partition; seconds per window."""
        started = time.perf_counter()
        calendar = self.calendar()
        for number, context in enumerate(self.contexts):
            for window in calendar.windows(self.state.until("orders", context)).windows:
                unit = Unit("orders", context, window)
                job = Job(unit, id=f"r-{number}", creation_response=Response({"id": f"r-{number}"}))
                self._enter(JobEventKind.CREATED, unit, job)
                earned = calendar.bookmark(window)
                assert earned is not None
                self.state.finish("orders", context, *earned)
                self.books.written(unit, job)
                self.books.say()
                self._enter(JobEventKind.DELETED, unit, job)
        self.books.say(last=True)
        self.now += timedelta(days=1)
        return (time.perf_counter() - started) / len(self.contexts)

    def _enter(self, kind: JobEventKind, unit: Unit, job: Job) -> None:
        self.books.enter([JobEvent(kind, 0.0, unit, job)])

    def _write(self, message: bytes) -> None:
        self.bytes += len(message)
        self.messages += 1


def message_after_one_change(lives: Lives, times: int = 300) -> float:
    """Seconds for a whole message when one partition has moved."""
    until = lives.now + timedelta(days=1)
    started = time.perf_counter()
    for number in range(times):
        context = lives.contexts[number % len(lives.contexts)]
        lives.state.finish("orders", context, "2026-02-01", until + timedelta(seconds=number))
        lives.state.message()
    return (time.perf_counter() - started) / times


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    failures = []

    def row(what: str, value: float, unit: str, most: float | None = None) -> None:
        bound = "" if most is None else f"  (at most {most:,.3f})"
        print(f"{what:<58} {value:>14,.3f} {unit}{bound}")
        if most is not None and value > most:
            failures.append(what)

    one = Lives(1)
    for _ in range(50):
        one.day()
    single = min(one.day() for _ in range(200))
    lives = Lives(count)
    started = time.perf_counter()
    first, again = lives.day(), lives.day()
    seconds = time.perf_counter() - started
    print(f"{count:,} partitions, two runs")
    row("a window's state, one partition", single * 1e6, "µs")
    row("a window's state, first run", first * 1e6, "µs")
    row("a window's state, second run", again * 1e6, "µs")
    records = ROWS * SECONDS_PER_RECORD
    row(f"cost per record against one partition, {ROWS} rows a window", (records + again) / (records + single), "times", 1.2)
    row("STATE messages", lives.messages, "")
    row("STATE bytes per second", lives.bytes / seconds / 1e6, "MB/s", 20)
    message = lives.state.message()
    row("bytes of one message, per partition", len(message) / count, "bytes", 200)
    row("a message after one change", message_after_one_change(lives) * 1e3, "ms", 2)
    value = json.loads(message)["value"]
    started = time.perf_counter()
    StateBook.read(value, {"orders": lives.reading()})
    row("reading it back", (time.perf_counter() - started) * 1e3, "ms", 1000)
    for failure in failures:
        print(f"too much: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
