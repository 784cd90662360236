"""The page about Dagster: its programs define assets that a real Dagster reads, and its commands are run by it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from desk import Desk
from fake_api import FakeApi
from shown import ROOT, shown
from test_sync import ROWS, config

if "CI" not in os.environ:
    pytest.importorskip("dagster", reason="the extra `dagster` is not installed here")

import dagster as dg
import fsspec
import peers
from fsspec.implementations.memory import MemoryFileSystem

PAGE = "docs/dagster.md"


class S3(MemoryFileSystem):
    """A bucket in memory: s3fs is the reader's to install."""

    protocol = "s3"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    for name, value in desk.environment(DAGSTER_HOME=str(desk.directory)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(desk.directory)
    return desk


def materialize(program: str, key: str) -> dg.ExecuteInProcessResult:
    found: dict[str, Any] = {}
    exec(program, found)
    return dg.materialize(found["assets"], partition_key=key, raise_on_error=False)


def test_the_assets_of_the_page_are_read_into_its_target(desk: Desk) -> None:
    fsspec.register_implementation("s3", S3, clobber=True)
    with FakeApi(rows=ROWS) as api:
        desk.write("orders.yaml", config(api))
        run = materialize(shown(PAGE, "Dagster", "python").text, "2026-01-02")

    assert run.success
    assert ["2026-01-02"] * 2 == [row["date"] for row in desk.rows("clicks")]


def test_the_assets_of_the_page_are_read_by_meltano(desk: Desk) -> None:
    desk.program("meltano", f'unset PYTHONPATH; exec {peers.installed("meltano~=4.4", "meltano")} "$@"')
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    (extractor,) = project["plugins"]["extractors"]
    loader = {"name": "target-postgres", "namespace": "target_postgres", "executable": str(desk.programs / "target-postgres")}
    del extractor["pip_url"]
    project["plugins"]["loaders"] = [loader]
    program = shown(PAGE, "Meltano", "python").text
    for folder in ("/srv/project", "/srv/units"):
        assert folder in program
        program = program.replace(folder, f"{desk.directory}/{folder[5:]}")
    (desk.directory / "project").mkdir()
    with FakeApi(rows=ROWS) as api:
        extractor |= {"executable": str(desk.programs / "tap-asyncreport"), "config": config(api)}
        desk.write("project/meltano.yml", yaml.safe_dump(project))
        desk.write("orders.yaml", config(api))
        run = materialize(program, "2026-01-02")

    assert run.success
    rows = [json.loads(line) for line in desk.read("project/clicks.jsonl").splitlines()]
    assert ["2026-01-02"] * 2 == [row["date"] for row in rows]


def typed(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's own program, in this process: it takes seconds to begin."""
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    (program,) = entry_points(group="console_scripts", name="dagster")
    with pytest.raises(SystemExit) as end:
        program.load()()
    assert not end.value.code


def example(desk: Desk) -> None:
    for file in (ROOT / "docs" / "dagster_example").iterdir():
        shutil.copy(file, desk.directory)


def test_the_limit_of_the_pool_is_set(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = shown(PAGE, "The API's limit", "console").commands
    example(desk)
    typed(command, monkeypatch)

    with dg.DagsterInstance.get() as instance:
        assert {"asyncreport": 5} == {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}


def test_a_backfill_of_the_example_has_a_run_for_each_month(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait in Dagster's queue, which a daemon would work through."""
    (command,) = shown(PAGE, "Backfills, schedules, sensors", "console").commands
    example(desk)
    typed(command, monkeypatch)

    with dg.DagsterInstance.get() as instance:
        months = sorted(run.tags["dagster/partition"] for run in instance.get_runs())
    assert [f"{year}-{month:02}-01" for year in (2012, 2013, 2014) for month in range(1, 13)] == months
