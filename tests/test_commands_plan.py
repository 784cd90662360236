"""`plan` prints what a run would do, unit by unit; `state merge` joins what its parts left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fake_api import FakeApi
from test_sync import ROWS, config, stream
from warm import WarmProcess


def planned(tap: WarmProcess, settings: dict[str, Any], *words: str) -> list[dict[str, Any]]:
    (tap.directory / "config.json").write_text(json.dumps(settings))
    said = tap.call("plan", "--config", "config.json", *words)
    assert 0 == said.exit_code, said.stderr
    return said.messages


def test_every_window_of_every_partition_is_a_line(tap: WarmProcess, tmp_path: Path) -> None:
    partitions = [{"name": "account", "values": ["7", "8"]}]
    with FakeApi() as api:
        units = planned(tap, config(api, stream(partitions=partitions)))

    assert [("7", 1), ("8", 1), ("7", 2), ("8", 2), ("7", 3), ("8", 3)] == [
        (unit["partition"]["account"], int(unit["start"][8:10])) for unit in units
    ]
    assert "2026-01-02T00:00:00+00:00" == units[0]["end"]
    assert 6 == len({unit["request"] for unit in units})
    assert [] == api.log


def test_each_line_can_be_read_on_its_own_and_the_states_merge(tap: WarmProcess, tmp_path: Path) -> None:
    with FakeApi(rows=ROWS) as api:
        for number, unit in enumerate(planned(tap, config(api))):
            run = tap.run(config(api), "--only", f"{unit['stream']} {unit['start']}/{unit['end']}")
            assert 2 == len(run.records("clicks"))
            (tmp_path / f"part{number}.json").write_text(json.dumps(run.state))
        whole = tap.run(config(api)).state
        merged = tap.call("state", "merge", "part2.json", "part0.json", "part1.json")
        left = planned(tap, config(api), "--state", "part0.json")

    assert whole == json.loads(merged.stdout)
    assert ["2026-01-02", "2026-01-03"] == [unit["start"][:10] for unit in left]


def test_only_restricts_the_plan_and_the_least_time_is_told(tap: WarmProcess, tmp_path: Path) -> None:
    with FakeApi() as api:
        limits = [{"match": {"step": "creation_requester"}, "rate": "1/1m"}]
        settings = config(api, rate_limits=limits)
        units = planned(tap, settings, "--only", "clicks 2026-01-01/2026-01-02")
        said = tap.call("plan", "--config", "config.json")

    assert 1 == len(units)
    assert "clicks: 3 units" in said.stderr
    assert "at least 2 min" in said.stderr or "at least 2m" in said.stderr, said.stderr


def test_a_state_that_cannot_be_merged_is_told(tap: WarmProcess, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"bookmarks": {"clicks": {"until": "soon"}}}')
    said = tap.call("state", "merge", "bad.json")

    assert 78 == said.exit_code
    assert "clicks" in said.stderr
    assert "Traceback" not in said.stderr
