"""Units that Meltano runs, and states that are kept in other places than a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_api import FakeApi
from test_meltano import Project
from test_sync import ROWS, config, stream

if "CI" not in os.environ:
    pytest.importorskip("dagster", reason="the extra `dagster` is not installed here")

import dagster as dg

from tap_asyncreport.dagster import Meltano, assets_from
from tap_asyncreport.dagster.unit_state import Place
from tap_asyncreport.errors import StateError


def test_meltano_runs_a_unit_restricted_by_its_environment_with_a_state_of_its_own(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    with FakeApi(rows=ROWS) as api:
        settings = config(api, stream())
        project.configure(settings)
        meltano = Meltano(project.directory, "target-jsonl", executable=project.meltano)
        assets = assets_from(settings, target=meltano, state_path=f"file://{tmp_path}/units")
        run = dg.materialize(assets, partition_key="2026-01-02")

    assert run.success
    assert ["2026-01-02"] == [call.json()["from"] for call in api.calls("create")]
    assert sorted((row["date"], row["campaign"]) for row in ROWS if row["date"] == "2026-01-02") == project.rows()
    (event,) = run.get_asset_materialization_events()
    assert 2 == event.materialization.metadata["rows"].value
    assert "tap-asyncreport-to-target-jsonl:clicks-2026-01-02-" in project.run("state", "list")


def test_a_place_can_be_any_file_system() -> None:
    place = Place("memory://units/nightly")
    place.write("clicks/2026-01-01.json", {"bookmarks": {}})
    again = Place("memory://units/nightly")

    assert {"bookmarks": {}} == again.read("clicks/2026-01-01.json")
    again.remove("clicks/2026-01-01.json")
    again.remove("clicks/2026-01-01.json")
    assert {} == place.read("clicks/2026-01-01.json")


def test_what_is_no_state_is_said(tmp_path: Path) -> None:
    (tmp_path / "clicks.json").write_text("[]")

    with pytest.raises(StateError, match="clicks.json cannot be read"):
        Place(str(tmp_path)).read("clicks.json")
