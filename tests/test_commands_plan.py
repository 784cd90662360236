"""`plan` prints what a run would do, unit by unit; `state merge` joins what its parts left."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from fake_api import FakeApi
from process import TAP, Process
from test_sync import ROWS, config, stream


def tool(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TAP, *words], capture_output=True, text=True, cwd=directory)


def planned(directory: Path, settings: dict[str, Any], *words: str) -> list[dict[str, Any]]:
    (directory / "config.json").write_text(json.dumps(settings))
    said = tool(directory, "plan", "--config", "config.json", *words)
    assert 0 == said.returncode, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_every_window_of_every_partition_is_a_line(tmp_path: Path) -> None:
    partitions = [{"name": "account", "values": ["7", "8"]}]
    with FakeApi() as api:
        units = planned(tmp_path, config(api, stream(partitions=partitions)))

    assert [("7", 1), ("8", 1), ("7", 2), ("8", 2), ("7", 3), ("8", 3)] == [
        (unit["partition"]["account"], int(unit["start"][8:10])) for unit in units
    ]
    assert "2026-01-02T00:00:00+00:00" == units[0]["end"]
    assert 6 == len({unit["request"] for unit in units})
    assert [] == api.log


def test_each_line_can_be_read_on_its_own_and_the_states_merge(tmp_path: Path) -> None:
    tap = Process(tmp_path)
    with FakeApi(rows=ROWS) as api:
        for number, unit in enumerate(planned(tmp_path, config(api))):
            run = tap.run(config(api), "--only", f"{unit['stream']} {unit['start']}/{unit['end']}")
            assert 2 == len(run.records("clicks"))
            (tmp_path / f"part{number}.json").write_text(json.dumps(run.state))
        whole = tap.run(config(api)).state
        merged = tool(tmp_path, "state", "merge", "part2.json", "part0.json", "part1.json")
        left = planned(tmp_path, config(api), "--state", "part0.json")

    assert whole == json.loads(merged.stdout)
    assert ["2026-01-02", "2026-01-03"] == [unit["start"][:10] for unit in left]


def test_only_restricts_the_plan_and_the_least_time_is_told(tmp_path: Path) -> None:
    with FakeApi() as api:
        limits = [{"match": {"step": "creation_requester"}, "rate": "1/1m"}]
        settings = config(api, rate_limits=limits)
        units = planned(tmp_path, settings, "--only", "clicks 2026-01-01/2026-01-02")
        said = tool(tmp_path, "plan", "--config", "config.json")

    assert 1 == len(units)
    assert "clicks: 3 units" in said.stderr
    assert "at least 2 min" in said.stderr or "at least 2m" in said.stderr, said.stderr


def test_a_state_that_cannot_be_merged_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"bookmarks": {"clicks": {"until": "soon"}}}')
    said = tool(tmp_path, "state", "merge", "bad.json")

    assert 78 == said.returncode
    assert "clicks" in said.stderr
    assert "Traceback" not in said.stderr
