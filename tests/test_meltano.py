"""The tap under Meltano: state on two backends over three runs, commands, two runs of one project at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import peers
import pytest
from fake_api import FakeApi
from test_sync import ROWS, config
from test_targets import KEYS, until

ROOT = Path(__file__).parent.parent
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


class Project:
    """A Meltano project whose plugins are programs that are installed already."""

    def __init__(self, directory: Path, **top: Any) -> None:
        self.directory = directory
        self.meltano = peers.installed("meltano~=4.4", "meltano")
        self.target = peers.installed("target-jsonl", "target-jsonl")
        self.top = top
        directory.mkdir(exist_ok=True)

    def configure(self, settings: dict[str, Any]) -> None:
        """Writes meltano.yml; JSON is YAML."""
        tap = self.directory / "tap.sh"
        tap.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tap_asyncreport "$@"\n')
        tap.chmod(0o755)
        project = {
            "default_environment": "dev",
            "environments": [{"name": "dev"}],
            "send_anonymous_usage_stats": False,
            **self.top,
            "plugins": {
                "extractors": [
                    {
                        "name": "tap-asyncreport", "namespace": "tap_asyncreport", "executable": str(tap),
                        "capabilities": ["state", "catalog", "discover", "about", "stream-maps", "structured-logging"],
                        "settings": [
                            {"name": "base_url"}, {"name": "streams", "kind": "array"},
                            {"name": "secrets", "kind": "object", "sensitive": True},
                            {"name": "only", "kind": "array"}, {"name": "run_report"},
                            {"name": "max_concurrent_jobs", "kind": "integer"},
                        ],
                        "commands": {"check": "check --config ENV", "trace": "trace --config ENV"},
                        "config": settings,
                    }
                ],
                "loaders": [
                    {
                        "name": "target-jsonl", "namespace": "target_jsonl", "executable": self.target,
                        "config": {"destination_path": str(self.directory), "do_timestamp_file": False},
                        "settings": [{"name": "destination_path"}, {"name": "do_timestamp_file", "kind": "boolean"}],
                    }
                ],
            },
        }  # fmt: skip
        (self.directory / "meltano.yml").write_text(json.dumps(project, indent=1))

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MELTANO_", "PYTHONPATH"))}
        return subprocess.Popen(
            [self.meltano, *words], cwd=self.directory, env={**environment, "NO_COLOR": "1"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *words: str) -> str:
        process = self.start(*words)
        said, _ = process.communicate(timeout=180)
        assert 0 == process.returncode, said[-3000:]
        return said

    def rows(self) -> list[tuple[str, int]]:
        lines = (self.directory / "clicks.jsonl").read_text().splitlines()
        return sorted((row["date"], row["campaign"]) for row in map(json.loads, lines))


@pytest.mark.promise(24)
@pytest.mark.parametrize("backend", ["systemdb", "file"])
def test_three_runs_read_each_day_once_on_each_state_backend(tmp_path: Path, backend: str) -> None:
    top = {} if backend == "systemdb" else {"state_backend": {"uri": f"file://{tmp_path}/states"}}
    project = Project(tmp_path / "project", **top)
    with FakeApi(rows=ROWS) as api:
        for day in (DAYS[0], DAYS[-1], DAYS[-1]):
            project.configure(config(api, until(day)))
            project.run("run", "tap-asyncreport", "target-jsonl")

    assert KEYS == project.rows()
    assert 3 == len(api.calls("create"))
    if backend == "file":
        assert any(path.name == "state.json" for path in (tmp_path / "states").rglob("*"))


def test_full_refresh_reads_everything_again(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    with FakeApi(rows=ROWS) as api:
        project.configure(config(api, until(DAYS[2])))
        project.run("run", "tap-asyncreport", "target-jsonl")
        project.run("run", "--full-refresh", "tap-asyncreport", "target-jsonl")

    assert sorted(KEYS * 2) == project.rows()
    assert 6 == len(api.calls("create"))


def test_a_second_run_of_the_same_project_is_refused_by_meltanos_lock_and_harms_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    released: list[bool] = []
    with FakeApi(script=lambda job, k: "DONE" if released else "RUNNING", rows=ROWS) as api:
        project.configure(config(api, until(DAYS[2])))
        first = project.start("run", "tap-asyncreport", "target-jsonl")
        while not api.calls("poll"):
            assert first.poll() is None, first.communicate()[0]
        second = project.start("run", "tap-asyncreport", "target-jsonl")
        refused, _ = second.communicate(timeout=60)
        released.append(True)
        said, _ = first.communicate(timeout=60)

    assert 0 == first.returncode, said
    assert 0 != second.returncode, refused
    assert KEYS == project.rows()
    assert 3 == len(api.calls("create"))
    assert [] == api.doubles


def test_what_check_names_next_runs_through_meltano(tmp_path: Path) -> None:
    """A stream and options that follow a command are appended to it."""
    project = Project(tmp_path / "project")
    with FakeApi(rows=ROWS) as api:
        project.configure(config(api, until(DAYS[2])))
        said = project.run("invoke", "tap-asyncreport:trace", "clicks", "--limit", "1")

    assert f"{api.url}/" in said
    assert 1 == len(api.calls("create"))


@pytest.mark.promise(23)
@pytest.mark.promise(24)
def test_a_run_that_failed_is_gone_on_with_where_its_bookmark_is_under_each_suffix(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    failing = {DAYS[1]}
    command = ("run", "tap-asyncreport", "target-jsonl")
    suffix = "--state-id-suffix={}"
    with FakeApi(lambda job, _: "FAILED" if job.spec["from"] in failing else "DONE", rows=ROWS) as api:
        project.configure(config(api, {**until(DAYS[2]), "jobs": {"max_attempts": 1, "poll_interval": "50ms"}}))
        failed = project.start("run", suffix.format("eu"), *command[1:])
        said, _ = failed.communicate(timeout=180)
        assert 0 != failed.returncode, said
        assert KEYS[:2] == project.rows()
        failing.clear()
        made = len(api.calls("create"))
        project.run("run", suffix.format("eu"), *command[1:])
        assert KEYS == project.rows()
        assert DAYS[1:] == sorted({job.spec["from"] for job in list(api.jobs.values())[made:]} | set(DAYS[2:]))
        project.run("run", suffix.format("us"), *command[1:])

    assert sorted(KEYS * 2) == project.rows()
    assert [] == api.doubles


@pytest.mark.promise(29)
def test_what_happens_comes_as_fields_in_meltanos_structured_log(tmp_path: Path) -> None:
    """Events, windows, jobs and levels are values there; a failure is an error, with all its lines in one event."""
    project = Project(tmp_path / "project")
    with FakeApi(lambda job, _: "FAILED" if job.spec["from"] == DAYS[1] else "DONE", rows=ROWS) as api:
        project.configure(config(api, {**until(DAYS[1]), "jobs": {"max_attempts": 1, "poll_interval": "50ms"}}))
        run = project.start("--log-format", "json", "run", "tap-asyncreport", "target-jsonl")
        said, _ = run.communicate(timeout=180)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    told = {line["job_event"]: line for line in lines if "job_event" in line}

    assert 0 != run.returncode
    written, failed = told["written"], told["failed"]
    assert ("clicks", f"{DAYS[0]} to {DAYS[1]}", 2, "info") == tuple(written[key] for key in ("stream_name", "window", "rows", "level"))
    assert ("clicks", f"{DAYS[1]} to {DAYS[2]}", 1, "error") == tuple(failed[key] for key in ("stream_name", "window", "attempt", "level"))
    assert failed["job_id"] in failed["event"] and "API's words" in failed["event"]
