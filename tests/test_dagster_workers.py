"""Units of work on a real Dagster in processes of their own: a backfill, workers that are killed or interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from fake_api import FakeApi
from test_sync import ROWS, stream

if "CI" not in os.environ:
    pytest.importorskip("dagster", reason="the extra `dagster` is not installed here")

import dagster as dg
import dagster_kit
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster_kit import TARGET, Plant
from test_dagster import by_account, plant

AT_ONCE = {"run_coordinator": {"module": "dagster.core.run_coordinator", "class": "DefaultRunCoordinator"}}  # no daemon


def children(parent: int) -> list[int]:
    """The processes that this one started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def is_tap(pid: int) -> bool:
    try:
        return b"tap_asyncreport" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def worker_of_tap() -> int:
    """The process below this one that started the tap."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for child in children(os.getpid()):
            if any(map(is_tap, children(child))):
                return child
        time.sleep(0.05)
    raise AssertionError("no worker has started the tap")


class Strike:
    """A signal to the worker once the API has been polled and the unit's state knows of the job; at the first time only."""

    def __init__(self, api: FakeApi, number: int, here: Plant) -> None:
        self.api, self.number, self.here, self.is_over = api, number, here, False
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        worker = worker_of_tap()
        while not (self.api.calls("poll") and self._is_known()):
            time.sleep(0.02)
        os.kill(worker, self.number)
        self.is_over = True

    def _is_known(self) -> bool:
        return any('"jobs"' in path.read_text() for path in (self.here.folder / "units").rglob("*.json"))


def execute(here: Plant, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Runs one unit on the multiprocess executor; whether it succeeded."""
    for name, value in here.write().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(TARGET.parent)  # from where the worker imports
    job = ReconstructableJob.for_file(dagster_kit.__file__, "units_job")
    with dg.DagsterInstance.from_config(str(here.home)) as instance:
        return dg.execute_job(job, instance, tags={"dagster/partition": "2026-01-02"}).success


def test_the_retry_of_a_killed_worker_goes_on_with_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strikes: list[Strike] = []
    with FakeApi(script=lambda job, k: "DONE" if strikes[0].is_over else "RUNNING", rows=ROWS) as api:
        keeping = stream(jobs={"poll_interval": "100ms", "poll_backoff": 1, "on_exit": "keep"})
        here = plant(tmp_path, api, keeping, given={"retries": 1})
        strikes.append(Strike(api, signal.SIGKILL, here))
        assert execute(here, monkeypatch)

    assert strikes[0].is_over
    assert 1 == len(api.calls("create"))
    assert 1 == len(api.calls("delete"))
    assert 2 == len(here.rows())
    assert {} == here.kept()


def test_a_worker_that_is_ended_ends_the_tap_which_aborts_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeApi(script=["RUNNING"], rows=ROWS) as api:
        here = plant(tmp_path, api, stream(jobs={"poll_interval": "100ms", "poll_backoff": 1}))
        Strike(api, signal.SIGTERM, here)
        assert not execute(here, monkeypatch)

    assert 1 == len(api.calls("abort"))
    assert [] == api.live()
    assert [] == here.rows()


def test_a_backfill_from_the_command_line_reads_every_unit_once_within_the_pools_limit(tmp_path: Path) -> None:
    """Short form of `benchmarks/dagster_backfill.py`."""
    units = [f"{account}|2026-01-0{day}" for account, day in ((7, 1), (8, 1), (7, 2))]
    with FakeApi(script=["RUNNING"] * 3 + ["DONE"], rows=ROWS) as api:
        here = plant(tmp_path, api, by_account())
        command = [sys.executable, "-m", "dagster", "job", "backfill", "-j", "units", "--noprompt"]
        command += ["-f", dagster_kit.__file__, "--partitions", ",".join(units)]
        environment = {**os.environ, **here.write(**AT_ONCE), "IN_PROCESS": "1"}
        said = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=240)
        with dg.DagsterInstance.from_config(str(here.home)) as instance:
            runs = finished_runs(instance)

    assert 0 == said.returncode, said.stderr
    assert ["SUCCESS"] * 3 == [run.status.value for run in runs]
    assert api.most_live <= 2
    assert {1: 3, 2: 3} == Counter(row["campaign"] for row in here.rows())
    assert 3 == len(api.calls("create")) == len(api.calls("delete"))


def finished_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """The runs, once none goes on any more."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        runs = list(instance.get_runs())
        if runs and all(run.is_finished for run in runs):
            return runs
        time.sleep(0.3)
    raise AssertionError([run.status for run in runs])
