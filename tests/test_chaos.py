"""Whole runs that end in the middle: targets that die, APIs that hang, signals at any moment, storms of errors."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deaths import Life
from fake_api import FakeApi, FakeJob, Hang, Reply, Reset, Slow, Stall
from process import TAP, Outcome, Process
from test_sync import ROWS, config, stream, typed
from warm import Child, WarmProcess

from tap_asyncreport.run import END_WITHIN

LONG = 30.0
MANY = [{**row, "campaign": number} for row in ROWS[::2] for number in range(20_000)]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    directory = tmp_path / "spool"
    directory.mkdir()
    return directory


def spooled(api: FakeApi, spool: Path, *streams: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return config(api, *streams, spool={"directory": str(spool)}, **changes)


def until(condition: Callable[[], bool], process: Any) -> None:
    """Waits for a moment of the run, no longer than that lasts."""
    while not condition() and process.poll() is None:
        time.sleep(0.005)


class Signals:
    """Sends signals at a moment, and says how long the run then took."""

    def __init__(self, condition: Callable[[], bool], *numbers: int) -> None:
        self.condition, self.numbers = condition, numbers
        self.sent_at = float("inf")

    def __call__(self, process: Child) -> None:
        until(self.condition, process)
        self.sent_at = time.monotonic()
        for number in self.numbers:
            process.send_signal(number)
            time.sleep(0.03)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.sent_at


def steps(api: FakeApi) -> dict[str, int]:
    """How many calls of each step that ends a job."""
    return {step: len(api.calls(step)) for step in ("create", "abort", "delete")}


# -- the target dies


class Target:
    """A target that reads so many lines and then closes its input."""

    def __init__(self, tap: Process, settings: dict[str, Any]) -> None:
        path = tap._file("config", settings)
        self.errors = tap.directory / "stderr"
        self.process = subprocess.Popen(
            [*TAP, "--config", path], stdout=subprocess.PIPE, stderr=self.errors.open("wb"),
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )  # fmt: skip

    def die(self, condition: Callable[[], bool] = lambda: True, *, lines: int = 0) -> None:
        assert self.process.stdout is not None
        for _ in range(lines):
            self.process.stdout.readline()
        until(condition, self.process)
        self.died_at = time.monotonic()
        self.process.stdout.close()

    def wait(self) -> Outcome:
        code = self.process.wait(LONG)
        self.seconds = time.monotonic() - self.died_at
        return Outcome(code, [], self.errors.read_text())


@pytest.mark.promise(9)
@pytest.mark.parametrize("polls", ["100ms", "60s"], ids=["while there is news", "with nothing to write for minutes"])
def test_a_target_that_dies_while_jobs_run_ends_the_run_and_the_jobs(polls: str, tap: Process, spool: Path) -> None:
    with FakeApi(("RUNNING",)) as api:
        target = Target(tap, spooled(api, spool, stream(jobs={"poll_interval": polls})))
        target.die(lambda: len(api.calls("poll")) >= 3)
        run = target.wait()

        assert 1 == run.exit_code, run.stderr
        assert target.seconds < 10
        assert {"create": 3, "abort": 3, "delete": 3} == steps(api)
    assert "the target closed its input; the run ends here, and the next one goes on" in run.stderr
    assert "Traceback" not in run.stderr
    assert [] == list(spool.iterdir())


@pytest.mark.promise(9, 1)
def test_a_target_that_dies_among_rows_leaves_the_jobs_to_the_next_run(tap: Process, spool: Path) -> None:
    with FakeApi(rows=MANY) as api:
        target = Target(tap, spooled(api, spool))
        target.die(lines=500)
        run = target.wait()

        assert 1 == run.exit_code, run.stderr
        deleted, aborted = ({call.job for call in api.calls(step)} for step in ("delete", "abort"))
        assert set() == deleted - aborted, "no job that is done is deleted before its rows are out"
    assert "Traceback" not in run.stderr
    assert "clicks" in run.stderr.splitlines()[-1], "the closing table"
    assert [] == list(spool.iterdir())


@pytest.mark.promise(9)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device on this system")
def test_a_stdout_that_cannot_be_written_is_one_clear_line(tap: Process) -> None:
    with FakeApi(rows=ROWS) as api, Path("/dev/full").open("wb") as full:
        command = [*TAP, "--config", tap._file("config", config(api))]
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=LONG, check=False)

    assert 1 == run.returncode
    assert b"stdout cannot be written (No space left on device)" in run.stderr
    assert b"Traceback" not in run.stderr
    assert [] == api.left()


# -- signals


@pytest.mark.promise(9)
def test_signals_of_both_kinds_and_any_number_are_one(tap: Process, spool: Path) -> None:
    with FakeApi(("RUNNING",), faults={("abort", "*"): Slow(0.3)}) as api:
        signals = Signals(lambda: len(api.calls("poll")) >= 4, *[signal.SIGTERM, signal.SIGINT] * 10)
        run = tap.run(spooled(api, spool), while_running=signals)

    assert 143 == run.exit_code, run.stderr
    assert "STATE" == run.messages[-1]["type"]
    assert [] == run.jobs("clicks")
    assert {"create": 3, "abort": 3, "delete": 3} == steps(api)
    assert [] == list(spool.iterdir())


HANGS = {
    "abort": ({"script": ("RUNNING",)}, ("abort", "*"), 3),
    "poll": ({"script": ("RUNNING",)}, ("poll", "*"), 0),
    "download": ({"rows": ROWS}, ("download", "*"), 3),
}


@pytest.mark.promise(9)
@pytest.mark.parametrize("step", HANGS)
def test_an_api_that_hangs_does_not_keep_the_run_alive(step: str, tap: Process, spool: Path) -> None:
    """What could not be aborted, and what was finished, is in the state; the rest is aborted and deleted."""
    arguments, fault, kept = HANGS[step]
    with FakeApi(**arguments, faults={fault: Stall(5) if step == "download" else Hang()}) as api:
        at = "poll" if step == "abort" else step
        signals = Signals(lambda: len(api.calls(at)) >= 3, signal.SIGINT)
        run = tap.run(spooled(api, spool), while_running=signals)

    assert 130 == run.exit_code, run.stderr
    assert signals.seconds < 10
    assert "STATE" == run.messages[-1]["type"]
    assert kept == len(run.jobs("clicks"))
    assert kept == len(api.left())
    assert [] == list(spool.iterdir())


@pytest.mark.promise(9)
def test_a_hanging_list_of_partitions_does_not_outlive_a_signal_and_forgets_no_partition(tap: Process) -> None:
    split = stream(partitions=[{"name": "account", "request": "GET /accounts", "records": "$.accounts[*]"}])
    bookmark = {"context": {"account": "7"}, "replication_key_value": "2026-01-01", "until": "2026-01-02T00:00:00Z"}
    given = {"bookmarks": {"clicks": {"partitions": [bookmark]}}}
    with FakeApi(faults={("other", "*"): Hang()}) as api:
        signals = Signals(lambda: bool(api.log), signal.SIGTERM)
        run = tap.run(config(api, split), state=given, while_running=signals)

    assert 143 == run.exit_code, run.stderr
    assert signals.seconds < END_WITHIN, "the signal itself ends the wait, not force"
    assert given == run.state


# -- tests that keep nothing


@pytest.mark.promise(9)
def test_a_test_leaves_no_job_behind_and_moves_no_bookmark(tap: Process) -> None:
    with FakeApi(rows=ROWS) as api:
        run = tap.run(config(api, stream(), stream("other")), "--test")

    assert 0 == run.exit_code, run.stderr
    assert 1 == len(run.records("clicks"))
    assert 1 == len(run.records("other"))
    assert [] == api.left()
    assert 1 == api.most_live
    assert all({} == state["bookmarks"].get("clicks", {}) for state in run.states[-1:])


# -- chains


@pytest.mark.promise(8)
def test_a_chain_that_was_killed_goes_on_at_its_link(tap: Process) -> None:
    """Each job's answer names where the next one begins; every job's rows come once."""
    chained = stream(incremental=None, replication_key=None)
    paginator = {"type": "cursor", "extractor": "$.next", "into": {"json": "after"}}
    chained["creation_requester"] = {"request": "POST /exports", "json": {"stream": "clicks"}, "paginator": paginator}
    released: list[bool] = []

    def link(job: FakeJob) -> int:
        return int(job.spec.get("after") or 0)

    def script(job: FakeJob, _: int) -> Any:
        if link(job) == 2 and not released:
            return "RUNNING"
        return {"status": "DONE", "next": str(link(job) + 1) if link(job) < 3 else None}

    rows = lambda job: [{**ROWS[0], "campaign": link(job)}]  # noqa: E731
    with FakeApi(script, rows=rows) as api:

        def kill(process: Child) -> None:
            until(lambda: len(api.calls("delete")) >= 2 and len(api.calls("poll", "job-3")) >= 4, process)
            process.kill()

        killed = tap.run(config(api, chained), while_running=kill)
        released.append(True)
        second = tap.run(config(api, chained), state=killed.state)

    assert 0 == second.exit_code, second.stderr
    assert [0, 1] == [row["campaign"] for row in killed.records("clicks")]
    assert [2, 3] == [row["campaign"] for row in second.records("clicks")]
    assert 4 == len(api.calls("create"))
    assert [] == api.left()
    assert "1/1" in second.stderr


# -- storms, and deaths at random


@pytest.mark.promise(3, 4)
def test_a_storm_of_errors_changes_no_row(tap: Process) -> None:
    """Three of ten answers are 429, 500 or a reset; every window is still read once, by one job."""
    dice = random.Random(7)
    weather = (Reply(429, "slow down"), Reply(500, "oops"), Reset())

    def stormy(_: FakeApi, __: Any) -> Reply | None:
        return dice.choice(weather) if dice.random() < 0.3 else None

    hooks = dict.fromkeys(("poll", "download", "delete"), stormy)
    hooks["create"] = lambda _, __: weather[dice.randrange(2)] if dice.random() < 0.3 else None
    patient = stream(
        jobs={"poll_interval": "50ms", "poll_backoff": 1, "creation_max_tries": 12},
        download_retriever={"request": "GET {{ polling_response.url }}", "retry": {"wait": "100ms", "max_tries": 20}},
    )
    patient["creation_requester"]["retry"] = {"wait": "100ms"}
    with FakeApi(("RUNNING", "RUNNING", "DONE"), rows=ROWS, hooks=hooks) as api:
        run = tap.run(config(api, patient))

    assert 0 == run.exit_code, run.stderr
    assert typed(ROWS) == run.records("clicks")
    assert "2026-01-03" == run.bookmark("clicks")
    assert 3 == len(api.jobs)
    assert [] == api.doubles
    span = max(1.0, api.log[-1].received_at - api.log[0].received_at)
    assert len(api.log) / span <= 100, "calls a second"


@pytest.mark.promise(8, 9)
@pytest.mark.parametrize("cleans_up", [True, False])
def test_runs_that_die_at_random_lose_no_row_and_double_no_job(cleans_up: bool, tmp_path: Path) -> None:
    """The short form of benchmarks/kills.py."""
    life = Life(tmp_path, random.Random(f"short {cleans_up}"), cleans_up=cleans_up, process=WarmProcess, most_deaths=2)
    life.live()

    assert [] == life.wrong
    assert sum(life.deaths.values()) >= 1
