"""Whole runs that are ended among their rows, by a target that hangs, or in a storm with stalls."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi, Hang, Reply, Request, Reset, json_reply
from lives import by_job, days, ended_well, most_in_a_second, one_by_one
from process import Outcome
from test_sync import ROWS, typed
from warm import WarmProcess

MANY = [{**row, "campaign": number} for row in ROWS[::2] for number in range(6_000)]
PIPE = 65_536


# -- signals among rows


class Target:
    """A target behind a pipe: takes the first rows, upon which the run gets a signal, pauses, and takes the rest.

    One that `hangs` takes nothing more, and keeps its end of the pipe open.
    """

    def __init__(self, tap: WarmProcess, *, pause: float = 0.0, hangs: bool = False) -> None:
        self.pause, self.hangs = pause, hangs
        self.got = bytearray()
        self.hit_at = 0.0
        self._path = tap.directory / f"stdout{tap.count + 1}"
        self._over = threading.Event()
        os.mkfifo(self._path)

    def __call__(self, process: Any) -> None:
        with self._path.open("rb", buffering=0) as pipe:
            while b'"RECORD"' not in self.got:
                self.got += pipe.read(PIPE)
            self.hit_at = time.monotonic()
            process.send_signal(signal.SIGTERM)
            time.sleep(self.pause)
            while self.hangs and process.poll() is None:
                time.sleep(0.02)
            while piece := pipe.read(PIPE):
                self.got += piece
        self._over.set()

    def saw(self, run: Outcome) -> Outcome:
        """The run as the target saw it."""
        self.seconds = time.monotonic() - self.hit_at
        assert self._over.wait(30)
        lines = [line for line in bytes(self.got).split(b"\n")[:-1] if line]
        return Outcome(run.exit_code, lines, run.stderr)


def numbers(*runs: Outcome) -> Counter[tuple[str, int]]:
    return Counter((row["date"], row["campaign"]) for run in runs for row in run.records("clicks"))


def spooled(tap: WarmProcess, api: FakeApi, stream: dict[str, Any], **changes: Any) -> dict[str, Any]:
    (tap.directory / "spool").mkdir(exist_ok=True)
    return {**one_by_one(api, stream), "spool": {"directory": str(tap.directory / "spool")}, **changes}


def left_in_spool(tap: WarmProcess) -> list[Path]:
    return list((tap.directory / "spool").iterdir())


@pytest.mark.promise(9, 8)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_window_whose_first_rows_are_out_is_finished_after_a_signal_and_does_not_come_again(
    unbuffered: str, tap: WarmProcess
) -> None:
    tap.environment = {"PYTHONUNBUFFERED": unbuffered}
    with FakeApi(rows=MANY) as api:
        target = Target(tap, pause=0.3)
        first = target.saw(tap.run(spooled(tap, api, days(1, 3)), while_running=target))
        began = time.monotonic()
        second = tap.run(spooled(tap, api, days(1, 3)), state=first.state)
        again = [call.job for call in api.calls("download", since=began)]

        assert 3 == len(api.jobs) - len([job for job in api.jobs.values() if job.aborted])
        assert [] == api.left()
    assert 143 == first.exit_code, first.stderr
    assert "STATE" == first.messages[-1]["type"]
    assert "2026-01-01" == first.bookmark("clicks")
    assert 6_000 == len(first.records("clicks"))
    assert [] == left_in_spool(tap)
    ended_well(second)
    assert "job-1" not in again
    assert {1} == set(numbers(first, second).values())
    assert 18_000 == len(numbers(first, second))


@pytest.mark.promise(9)
def test_a_window_that_would_take_too_long_after_a_signal_is_left_and_comes_whole_in_the_next_run(tap: WarmProcess) -> None:
    tap.changes = "import tap_asyncreport.run as run; run.FINISH_WITHIN = 0.2"
    with FakeApi(rows=MANY) as api:
        target = Target(tap, pause=0.5)
        first = target.saw(tap.run(spooled(tap, api, days(1, 1)), while_running=target))
        began = time.monotonic()
        second = tap.run(spooled(tap, api, days(1, 1)), state=first.state)

        assert ["poll job-1", "download job-1", "delete job-1"] == by_job(api, began)
    assert 143 == first.exit_code, first.stderr
    assert "STATE" == first.messages[-1]["type"]
    assert first.bookmark("clicks") is None
    assert ["job-1"] == [job["id"] for job in first.jobs("clicks")]
    assert 0 < len(first.records("clicks")) < 6_000
    assert [] == left_in_spool(tap)
    ended_well(second)
    assert 6_000 == len(numbers(second))


class Leaver:
    """A target that closes its end of the pipe at the first row."""

    def __init__(self, tap: WarmProcess) -> None:
        self._path = tap.directory / f"stdout{tap.count + 1}"
        self.left_at = 0.0
        os.mkfifo(self._path)

    def __call__(self, process: Any) -> None:
        got = bytearray()
        with self._path.open("rb", buffering=0) as pipe:
            while b'"RECORD"' not in got:
                got += pipe.read(PIPE)
        self.left_at = time.monotonic()


@pytest.mark.promise(1, 9)
def test_rows_that_no_state_will_cover_do_not_keep_a_run_whose_target_left(tap: WarmProcess) -> None:
    """STATE is so slow here that the window is written before it is told of; nobody will be told of it any more."""
    tap.changes = "import tap_asyncreport.books as books, tap_asyncreport.runner as runner; books.BYTES_PER_SECOND = 100; runner.GRACE = 60"
    with FakeApi(("DONE",), rows=ROWS) as api:
        target = Leaver(tap)
        run = tap.run(one_by_one(api, days(1, 1)), while_running=target)
        seconds = time.monotonic() - target.left_at

        assert 1 == run.exit_code, run.stderr
        assert [] == api.calls("delete")
    assert seconds < 30
    assert "the target closed its input" in run.stderr


@pytest.mark.promise(9)
def test_a_target_that_hangs_with_its_pipe_open_does_not_keep_an_interrupted_run(tap: WarmProcess) -> None:
    """No STATE can be written then; live jobs are aborted all the same, and what was said before holds."""
    tap.changes = "import tap_asyncreport.run as run; run.END_WITHIN = 1.5"
    script = lambda job, k: "DONE" if job.spec["from"] == "2026-01-01" else "RUNNING"  # noqa: E731
    with FakeApi(script, rows=MANY) as api:
        target = Target(tap, hangs=True)
        settings = spooled(tap, api, days(1, 3), max_concurrent_jobs=3, run_report="run.html")
        first = target.saw(tap.run(settings, while_running=target))
        (tap.directory / "run.json").rename(tap.directory / "first.json")
        assert [] == left_in_spool(tap)  # before the next run, which would sweep up after a dead one
        state = next(m["value"] for m in reversed(first.messages) if m["type"] == "STATE")
        api.script = ("DONE",)
        began = time.monotonic()
        second = tap.run(settings, state=state)

        assert {"job-2", "job-3"} == {job.id for job in api.jobs.values() if job.aborted}
        assert 3 + 2 == len(api.jobs)
        assert [] == [call for call in api.calls("create", since=began) if call.json()["from"] == "2026-01-01"]
        assert [] == api.doubles
        page = json.loads((tap.directory / "first.json").read_text())
    assert 143 == first.exit_code, first.stderr
    assert ("interrupted", 143) == (page["outcome"], page["exit_code"])
    assert re.search(r"clicks +- +0/3 +[\d,]+ +interrupted.*\n\Z", first.stderr), first.stderr
    assert target.seconds < 30
    ended_well(second)
    assert 18_000 == len(numbers(second))


@pytest.mark.promise(9)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_test_with_all_its_streams(number: int, code: int, tap: WarmProcess) -> None:
    def hit(process: Any) -> None:
        while len(api.calls("poll")) < 2 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(number)

    with FakeApi(("RUNNING",)) as api:
        run = tap.run(spooled(tap, api, days(1, 3), streams=[days(1, 3), days(1, 3, name="other")]), "--test", while_running=hit)

        assert ["create", "abort", "delete"] == [step for step in api.steps() if step != "poll"]
    assert code == run.exit_code, run.stderr
    assert "Traceback" not in run.stderr
    assert [] == left_in_spool(tap)


EARLY = """
from tap_asyncreport.tap import TapAsyncReport
import json, sys

def early():
    tap = TapAsyncReport(config=json.load(open(sys.argv[2])))
    records = tap.streams["clicks"].get_records(None)
    for _ in range({rows}):
        next(records)
    records.close()

import tap_asyncreport.cli as cli
cli.main = early
"""


@pytest.mark.promise(9)
@pytest.mark.parametrize("rows", [1, 2, 3], ids=["in a window", "at its end", "in the next"])
def test_whoever_asked_for_rows_and_has_enough_of_them_leaves_no_job_behind(rows: int, tap: WarmProcess) -> None:
    """As the SDK's own tests do: nothing is kept for a next run, for there is none."""
    tap.changes = EARLY.format(rows=rows)
    script = lambda job, k: "RUNNING" if job.spec["from"] == "2026-01-03" else "DONE"  # noqa: E731
    with FakeApi(script, rows=ROWS) as api:
        run = tap.run(spooled(tap, api, days(1, 3), max_concurrent_jobs=3))

        assert [] == api.left()
        assert "2026-01-01" not in {job.spec["from"] for job in api.jobs.values() if job.aborted}, "it was done"
    assert 0 == run.exit_code, run.stderr
    assert "Traceback" not in run.stderr
    assert [] == left_in_spool(tap)


# -- a storm with stalls


class Weather:
    """Three of ten answers are 429, 500, a reset or no answer at all; a creation that got none may have been acted on.

    The API knows a creation by its idempotency key, and gives the job that it made for it.
    """

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.keys: dict[str, str] = {}
        self.bad: Counter[str] = Counter()

    def __call__(self, api: FakeApi, request: Request) -> Reply | None:
        if self.dice.random() >= 0.3:
            return self.known(api, request) if request.step == "create" else None
        kind = self.dice.choice(("429", "500", "reset", "stall"))
        self.bad[kind] += 1
        if kind == "429":
            return Reply(429, "slow down", {"Retry-After": self.dice.choice(("0.05", "soon", "-1"))})
        if kind == "500":
            return Reply(500, "oops")
        if request.step == "create":
            self.known(api, request)
        return Reset() if kind == "reset" else Hang()

    def known(self, api: FakeApi, request: Request) -> Reply:
        key = request.header("Idempotency-Key") or ""
        if key not in self.keys:
            self.keys[key] = api.new_job(request.json()).id
        return json_reply({"id": self.keys[key]}, 202)


@pytest.mark.promise(3, 4)
@pytest.mark.parametrize("seed", [1, 3])
def test_a_storm_with_stalls_changes_no_row_and_makes_no_second_job(seed: int, tap: WarmProcess) -> None:
    weather = Weather(seed)
    retry = {"wait": "50ms", "max_tries": 30}
    stormy = days(1, 3, jobs={"poll_interval": "50ms", "poll_backoff": 1, "creation_max_tries": 30})
    stormy["creation_requester"] |= {"idempotency_header": "Idempotency-Key", "retry": {"wait": "50ms"}}
    stormy["download_retriever"] = {"request": "GET {{ polling_response.url }}", "retry": retry}
    stormy["delete_requester"] = {"request": "DELETE /exports/{{ creation_response.id }}", "retry": retry}
    with FakeApi(("RUNNING", "RUNNING", "DONE"), rows=ROWS, hooks=dict.fromkeys(("create", "poll", "download", "delete"), weather)) as api:
        settings = {**one_by_one(api, stormy), "max_concurrent_jobs": 3, "request_timeout": {"read": "150ms"}}
        run = tap.run(settings)
        assert 3 == len(api.jobs)
        assert [] == api.left()
        assert most_in_a_second(api) <= 60
        asked = len(api.log)
        again = tap.run(settings, state=run.state)
        assert asked == len(api.log)

    ended_well(run)
    assert sum(weather.bad.values()) >= 3
    assert typed(ROWS) == run.records("clicks")
    assert "2026-01-03" == run.bookmark("clicks")
    ended_well(again)


@pytest.mark.promise(9)
def test_an_error_that_nobody_thought_of_ends_the_run_and_not_only_its_stream(tap: WarmProcess) -> None:
    """Neither the window at hand nor jobs that run on for hours at the API are waited for; their ids are in the state."""
    tap.changes = """
from tap_asyncreport.state import StateBook

def finish(*_):
    raise KeyError("nobody thought of this")

StateBook.finish = finish
"""
    with FakeApi(lambda job, _: "DONE" if job.number == 1 else "RUNNING", rows=ROWS) as api:
        streams = [days(1, 3, jobs={"poll_interval": "20ms", "on_exit": "keep"})]
        run = tap.run({"base_url": api.url, "streams": streams}, timeout=20)

    assert 1 == run.exit_code, run.stderr
    assert "unexpected KeyError: 'nobody thought of this'" in run.stderr
    assert set(api.left()) <= {job["id"] for job in run.jobs("clicks")}
