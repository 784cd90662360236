"""What a stream waits for, and when its jobs are asked about next."""

from __future__ import annotations

import os
from typing import Any

import pytest
from orchestra import Stage, running, unit

from tap_asyncreport.config.settings import RateLimit
from tap_asyncreport.http.rates import Rates
from tap_asyncreport.output import Output
from tap_asyncreport.reporting.live import Rates as Speeds
from tap_asyncreport.reporting.live import rows_of
from tap_asyncreport.reporting.views import StreamView, views
from tests.told import Told, call, day, ledger

SCRIPT = {("poll", "*"): [running(), running("QUEUED", wait=20.0)]}


def view(book: Any, now: float) -> StreamView:
    (only,) = views(book, now)
    return only


@pytest.mark.promise(29)
def test_events_say_when_the_job_is_asked_about_next() -> None:
    """From its creation on each event of a running job carries the wait that really passes until the next poll."""
    stage = Stage(unit(1), script=SCRIPT, initial_delay=3.0, poll_interval=5.0).play()
    said = [event.at + event.wait for event in stage.events if event.kind in ("created", "polled") and event.wait is not None]
    assert stage.times("poll", "r1") == [round(at, 3) for at in said]
    assert [3.0, 8.0, 28.0] == [round(at, 3) for at in said]


@pytest.mark.promise(29)
def test_the_live_line_shows_the_next_poll() -> None:
    """The soonest poll of all running jobs, counted down."""
    book, one, other = ledger(), Told(window=day(1)), Told(window=day(2), job="r-2")
    book.plan("orders", 2)
    book.observe([one.creating(100), one.created(100, wait=10.0), other.creating(101), other.created(101, wait=30.0)])
    assert 8.0 == view(book, 102).next_poll
    book.observe([one.polled(110, word="RUNNING", wait=60.0)])
    ((cells, _),) = rows_of(views(book, 111), 10, Speeds(), 111)
    assert "20 s" == cells[7]
    book.observe([other.polled(131, word="DONE"), other.completed(131)])
    assert 39.0 == view(book, 131).next_poll


@pytest.mark.promise(29)
def test_calls_that_the_rates_hold_back() -> None:
    """`rate_limits` is named while a call waits for it, with the time left; rows that are written come first."""
    book, told = ledger(), Told(window=day(1))
    book.plan("orders", 1)
    book.observe([told.creating(100)])
    book.observe_wait(call(told.unit), 100.0, 112.0)
    assert "rate_limits, 12 s" == view(book, 100).waits_for
    assert "the API to take a job" == view(book, 113).waits_for
    book.observe(told.life(113)[1:8])
    book.observe_wait(call(told.unit, "polling_requester"), 121.0, 130.0)
    assert "writing rows" == view(book, 121).waits_for


@pytest.mark.promise(29)
def test_rates_tell_before_they_wait() -> None:
    """Only a call that has to wait is told of."""
    waited: list[float] = []
    told: list[float] = []

    class Clock:
        def monotonic(self) -> float:
            return 50.0

        def wait(self, seconds: float) -> bool:
            assert len(told) > len(waited)
            waited.append(seconds)
            return True

    rates = Rates([RateLimit.model_validate({"match": {}, "rate": "1/10s"})], Clock())  # type: ignore[arg-type]
    for _ in range(3):
        rates.take("polling_requester", "/x", told.append)
    assert waited == told
    assert [10.0, 20.0] == told


@pytest.mark.promise(29)
def test_files_that_have_no_room() -> None:
    """A finished job whose file the spool has no room for is told of, and does not count as a download."""
    book, told = ledger(), Told(window=day(1))
    book.plan("orders", 2)
    book.observe([*told.life(100)[:5], told.no_room(106)])
    assert "room in the spool" == view(book, 107).waits_for
    book.observe([told.downloading(108)])
    assert "downloading 1 file" == view(book, 109).waits_for
    book.observe([told.ready(110)])
    assert "its turn to be written" == view(book, 111).waits_for


@pytest.mark.promise(29)
def test_a_full_spool_is_told() -> None:
    """The download whose turn it is goes all the same; the one behind it says that it waits for room."""
    stage = Stage(unit(1), unit(2), script={("poll", "*"): [running(), running()]})
    stage.writes = False
    stage.at(0.5, lambda: setattr(stage.orchestrator, "spool_fill", 1.0)).play(until=60)
    assert ["r2"] == [event.job.id for event in stage.events if event.kind == "no_room" and event.job]
    assert stage.calls("download")


@pytest.mark.promise(29)
def test_a_target_that_takes_nothing() -> None:
    """A piece of output that is not taken for a second is what the stream waits for."""
    book, told = ledger(), Told(window=day(1))
    book.plan("orders", 1)
    book.observe(told.life(100)[:8])
    book.sending_since = 108.5
    assert "writing rows" == view(book, 109).waits_for
    assert "the target to take rows" == view(book, 110).waits_for
    book.sending_since = None
    assert "writing rows" == view(book, 111).waits_for


def test_output_tells_of_every_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is handed over and after it was taken, also where the target is gone."""
    read, write = os.pipe()
    stdout = os.fdopen(write, "w")
    monkeypatch.setattr("sys.stdout", stdout)
    output, told = Output(), []
    output.when_sending = told.append  # type: ignore[assignment]
    output.write(b"{}\n")
    output.flush()
    os.close(read)
    output.write(b"{}\n")
    output.flush()
    assert ([True, False, True, False], True) == (told, output.gone)
