"""Units of work on a real Dagster: an instance in a folder, assets of a configuration, and what the target got.

As a module of its own (`dagster ... -f dagster_kit.py`) it defines the assets that `Plant.write` described.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from tap_asyncreport.dagster import assets_from

TARGET = Path(__file__).with_name("unit_target.py")
DESCRIBED = "UNITS_DESCRIBED_IN"
INSTANCE = {"telemetry": {"enabled": False}, "concurrency": {"pools": {"default_limit": 2}}}


@dataclass
class Plant:
    """A place for instance, states and rows; `given` is for `assets_from`."""

    folder: Path
    config: Mapping[str, Any]
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def assets(self) -> list[dg.AssetsDefinition]:
        usual = {
            "target": [sys.executable, str(TARGET), str(self.folder / "rows.jsonl")],
            "state_path": str(self.folder / "units"),
        }
        return assets_from(self.config, **{**usual, **self.given})

    @contextmanager
    def instance(self, **settings: Any) -> Iterator[dg.DagsterInstance]:
        """The instance of this folder."""
        self.write(**settings)
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def write(self, **settings: Any) -> dict[str, str]:
        """Describes instance and assets for other processes; returns the environment which they need."""
        self.home.mkdir(exist_ok=True)
        (self.home / "dagster.yaml").write_text(json.dumps({**INSTANCE, **settings}))
        described = self.folder / "described.json"
        given = {name: value for name, value in self.given.items() if name != "retries"}
        retries = self.given.get("retries")
        described.write_text(json.dumps({"config": self.config, "given": given, "retries": retries}))
        return {
            "DAGSTER_HOME": str(self.home), DESCRIBED: str(described), "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": os.pathsep.join([str(TARGET.parents[1]), str(TARGET.parent)]),
        }  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """What the target got, in order."""
        path = self.folder / "rows.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def kept(self) -> dict[str, Any]:
        """The states of units that are under way."""
        units = self.folder / "units"
        return {
            str(path.relative_to(units)): json.loads(path.read_text())
            for path in sorted(units.rglob("*.json"))
            if path.name != "partitions.json"
        }


def described() -> Plant:
    """The plant of this process's environment."""
    path = Path(os.environ[DESCRIBED])
    content = json.loads(path.read_text())
    given = content["given"]
    if content["retries"]:
        given["retry_policy"] = dg.RetryPolicy(max_retries=content["retries"])
    return Plant(path.parent, content["config"], given)


def units_job() -> dg.JobDefinition:
    """The job of all assets, for executors that make it anew in each process."""
    return definitions().resolve_job_def("units")


def definitions() -> dg.Definitions:
    """The assets, and a job of them."""
    assets = described().assets()
    executor = dg.in_process_executor if "IN_PROCESS" in os.environ else dg.multiprocess_executor
    job = dg.define_asset_job("units", selection=dg.AssetSelection.all(), executor_def=executor)
    return dg.Definitions(assets=assets, jobs=[job])


if DESCRIBED in os.environ:
    defs = definitions()
