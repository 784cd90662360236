"""When STATE is said: at once while it is small, and no more of it than the rows are worth."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tap_asyncreport.books import Books
from tap_asyncreport.job import Job, JobEvent, JobEventKind, Unit, Window
from tap_asyncreport.state import Reading, StateBook

DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


class Keeper:
    """Keeps a job that is so long in state."""

    def __init__(self, size: int) -> None:
        self.size = size

    def kept(self, job: Job) -> dict[str, Any]:
        window = job.unit.window
        assert window is not None
        return {"id": job.id, "window": [window.start.isoformat(), window.end.isoformat()], "pad": "x" * self.size}


class Told:
    """Books with a clock, and the messages that they wrote."""

    def __init__(self, size: int = 10) -> None:
        self.clock = Hand()
        self.written: list[bytes] = []
        state = StateBook.read({}, {"orders": Reading()})
        self.books = Books(
            state, {"orders": Keeper(size)}, deletes=lambda _: True, write=self.written.append, clock=self.clock
        )

    def event(self, kind: JobEventKind, number: int) -> JobEvent:
        window = Window(DAY + timedelta(days=number), DAY + timedelta(days=number + 1))
        return JobEvent(kind, 0.0, Unit("orders", {}, window), Job(Unit("orders", {}, window), id=f"r{number}"))

    def enter(self, kind: JobEventKind, number: int) -> None:
        self.books.enter([self.event(kind, number)])

    def jobs(self) -> list[str]:
        """The jobs in the last message."""
        value = json.loads(self.written[-1])["value"]["bookmarks"].get("orders", {})
        return [job["id"] for job in value.get("jobs", [])]


@pytest.mark.promise(8)
def test_a_job_is_in_a_message_as_soon_as_it_exists_and_gone_as_soon_as_it_is_deleted() -> None:
    told = Told()
    told.enter(JobEventKind.CREATED, 1)
    assert ["r1"] == told.jobs()
    told.enter(JobEventKind.CREATED, 2)
    assert ["r1", "r2"] == told.jobs()
    told.enter(JobEventKind.DELETED, 1)
    assert ["r2"] == told.jobs()


@pytest.mark.promise(1, 8)
def test_a_job_that_could_not_be_cleaned_up_stays_unless_its_rows_are_out() -> None:
    told = Told()
    for number in (1, 2):
        told.enter(JobEventKind.CREATED, number)
    done = told.event(JobEventKind.WRITTEN, 2)
    told.books.written(done.unit, done.job)
    for number in (1, 2):
        told.enter(JobEventKind.WARNING, number)
    assert ["r1"] == told.jobs()


@pytest.mark.promise(24)
@pytest.mark.parametrize("kind", [JobEventKind.POLLED, JobEventKind.COMPLETED, JobEventKind.READY])
def test_nothing_is_said_when_nothing_has_changed(kind: JobEventKind) -> None:
    told = Told()
    told.enter(JobEventKind.CREATED, 1)
    told.enter(kind, 1)
    told.enter(JobEventKind.CREATED, 1)

    assert 1 == len(told.written)
    assert told.books.due() is None


@pytest.mark.promise(24)
@pytest.mark.parametrize("size", [1_000, 20_000, 400_000])
def test_state_takes_half_a_megabyte_a_second_at_most_however_often_it_changes(size: int) -> None:
    told = Told(size)
    for change in range(2_000):
        told.enter(JobEventKind.CREATED if change % 2 == 0 else JobEventKind.DELETED, 1)
        told.clock.at += 0.005

    assert sum(map(len, told.written)) <= 500_000 * (10 + 2) + 2 * size


@pytest.mark.promise(24)
def test_what_was_not_said_is_said_when_it_is_due_and_at_the_end_in_any_case() -> None:
    told = Told(200_000)
    told.enter(JobEventKind.CREATED, 1)
    told.enter(JobEventKind.CREATED, 2)
    told.enter(JobEventKind.DELETED, 1)
    assert ["r1", "r2"] == told.jobs()

    wait = told.books.due()
    assert wait is not None
    assert 1.1 <= wait <= 1.2
    told.clock.at += wait
    told.books.enter([])
    assert ["r2"] == told.jobs()

    told.enter(JobEventKind.DELETED, 2)
    told.books.say(last=True)
    assert {} == json.loads(told.written[-1])["value"]["bookmarks"]


@pytest.mark.promise(8)
def test_jobs_that_were_made_and_rows_that_are_out_are_said_at_once_also_in_a_large_state() -> None:
    told = Told(100_000)
    for number in range(1, 4):
        told.enter(JobEventKind.CREATED, number)
        assert number == len(told.jobs())
    told.books.written(told.event(JobEventKind.WRITTEN, 1).unit, told.event(JobEventKind.WRITTEN, 1).job)
    told.books.say()

    assert 4 == len(told.written)
    assert told.books.due() is None
