"""Real targets behind the tap: rows in files and in PostgreSQL, state echoed and resumed, also after kills."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
import pytest
from fake_api import FakeApi
from process import TAP
from test_sync import ROWS, config, stream

DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
OF_THE_SDK = "meltanolabs-target-csv meltanolabs-target-postgres"
KEYS = sorted((row["date"], row["campaign"]) for row in ROWS)


def until(day: str, **changes: Any) -> dict[str, Any]:
    windows = {"start": DAYS[0], "end": day, "step": "1d", "format": "date", "end_is": "inclusive"}
    return stream(incremental={**windows, **changes})


class Pipe:
    """`tap | target` with the target's own state, as a shell or cron runs it."""

    def __init__(self, directory: Path, target: list[str], settings: dict[str, Any]) -> None:
        self.directory = directory
        self.state: dict[str, Any] | None = None
        (directory / "target.json").write_text(json.dumps(settings))
        self.target = [*target, "--config", str(directory / "target.json")]

    def run(self, api: FakeApi, *streams: dict[str, Any], kill_when: Any = None) -> int:
        """Runs both to the end; what the target echoes is the next run's state. Returns the tap's exit code."""
        (self.directory / "tap.json").write_text(json.dumps(config(api, *streams)))
        command = [*TAP, "--config", str(self.directory / "tap.json")]
        if self.state is not None:
            (self.directory / "state.json").write_text(json.dumps(self.state))
            command += ["--state", str(self.directory / "state.json")]
        tap = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        target = subprocess.Popen(
            self.target, stdin=tap.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.directory
        )
        assert tap.stdout is not None
        tap.stdout.close()
        if kill_when is not None:
            while not kill_when() and tap.poll() is None:
                time.sleep(0.01)
            tap.kill()
        echoed, stderr = target.communicate(timeout=120)
        assert 0 == target.returncode, stderr.decode()[-2000:]
        lines = echoed.decode().split()
        states = [line for line in echoed.decode().splitlines() if line.startswith("{")]
        assert lines or kill_when
        if states:
            self.state = json.loads(states[-1])
        return tap.wait()


@pytest.mark.promise(24)
def test_target_jsonl_echoes_a_state_that_resumes(tmp_path: Path) -> None:
    target = peers.installed("target-jsonl", "target-jsonl")
    pipe = Pipe(tmp_path, [target], {"destination_path": str(tmp_path), "do_timestamp_file": False})
    with FakeApi(rows=ROWS) as api:
        for day in (DAYS[0], DAYS[-1], DAYS[-1]):
            assert 0 == pipe.run(api, until(day))
    rows = [json.loads(line) for line in (tmp_path / "clicks.jsonl").read_text().splitlines()]

    assert KEYS == sorted((row["date"], row["campaign"]) for row in rows)
    assert 3 == len(api.calls("create"))
    assert "2026-01-03" == pipe.state["bookmarks"]["clicks"]["replication_key_value"]


@pytest.mark.promise(24)
def test_target_csv_echoes_a_state_that_resumes(tmp_path: Path) -> None:
    target = peers.installed(OF_THE_SDK, "target-csv", "targets")
    pipe = Pipe(tmp_path, [target], {"output_path": str(tmp_path), "file_naming_scheme": "{stream_name}.csv"})
    with FakeApi(rows=ROWS) as api:
        assert 0 == pipe.run(api, until(DAYS[1]))
        assert 0 == pipe.run(api, until(DAYS[2]))
    with (tmp_path / "clicks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert KEYS[4:] == sorted((row["date"], int(row["campaign"])) for row in rows)[-2:]
    assert 3 == len(api.calls("create"))


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with peers.postgres() as server:
        yield server


def postgres_pipe(directory: Path, server: dict[str, str], schema: str) -> Pipe:
    target = peers.installed(OF_THE_SDK, "target-postgres", "targets")
    settings = {
        "host": server["PGHOST"], "port": int(server["PGPORT"]), "user": server["PGUSER"], "password": "none",
        "database": server["PGDATABASE"], "default_target_schema": schema,
    }  # fmt: skip
    return Pipe(directory, [target], settings)


@pytest.mark.promise(8)
@pytest.mark.promise(24)
def test_postgres_holds_each_key_once_after_kills_and_look_backs(tmp_path: Path, server: dict[str, str]) -> None:
    pipe = postgres_pipe(tmp_path, server, "kills")
    looking_back = until(DAYS[2], lookback="1d")
    slow = lambda job, k: "DONE" if k > 3 else "RUNNING"  # noqa: E731
    with FakeApi(script=slow, rows=ROWS) as api:
        pipe.run(api, looking_back, kill_when=lambda: any(job.polls >= 3 for job in api.jobs.values()))
        made = len(api.calls("create"))
        assert 0 == pipe.run(api, looking_back)
        assert made <= len(api.calls("create")) <= 6
        assert 0 == pipe.run(api, looking_back)
    found = peers.ask(server, "select date, campaign, clicks, cost from kills.clicks order by 1, 2")

    assert KEYS == [(day[:10], int(campaign)) for day, campaign, _, _ in found]
    assert [str(row["clicks"]) for row in ROWS] == [clicks for _, _, clicks, _ in found]
    assert {"1.50"} == {f"{float(cost):.2f}" for *_, cost in found}


def test_a_target_that_dies_ends_the_tap(tmp_path: Path) -> None:
    script = tmp_path / "dies.py"
    script.write_text("import sys\nsys.stdin.readline()\n")
    with FakeApi(script=["RUNNING"], rows=ROWS) as api:
        (tmp_path / "tap.json").write_text(json.dumps(config(api, until(DAYS[2]))))
        tap = subprocess.Popen([*TAP, "--config", str(tmp_path / "tap.json")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        target = subprocess.Popen([sys.executable, str(script)], stdin=tap.stdout)
        assert tap.stdout is not None
        tap.stdout.close()
        target.wait()
        _, stderr = tap.communicate(timeout=20)

    assert 1 == tap.returncode, stderr.decode()
    assert "Traceback" not in stderr.decode()
    assert all(job.aborted for job in api.jobs.values())
