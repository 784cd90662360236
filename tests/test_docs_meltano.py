"""Every command of Meltano that the pages show, typed in a project as the pages show it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import peers
import pytest
import yaml
from desk import Desk
from fake_api import FakeApi
from shown import ROOT, blocks, shown
from test_docs_commands import PAGE, examples
from test_sync import ROWS, stream

PLUGIN = next(block.text for block in blocks(ROOT / "README.md") if block.text.startswith("plugins:"))
RUNNING = shown("README.md", "Running it", "console", 0).commands
IN_HELP = [line for command in PAGE for line in examples(command) if line.startswith("meltano")]
ALSO = shown("docs/running.md", "Meltano", "console", 0).commands
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)
    desk.program("meltano", f'exec {peers.installed("meltano~=4.4", "meltano")} "$@"')
    monkeypatch.delenv("PYTHONPATH")
    return desk


def project(desk: Desk, *, with_plugin: str | None = None) -> None:
    """This repository's project, or with another extractor; its plugins are programs that are installed already."""
    found = yaml.safe_load((ROOT / "meltano.yml").read_text())
    plugins = found["plugins"]
    if with_plugin is not None:
        plugins["extractors"] = yaml.safe_load(with_plugin)["plugins"]["extractors"]
    for plugin in [*plugins["extractors"], *plugins["loaders"]]:
        del plugin["pip_url"]
        plugin["executable"] = str(desk.programs / plugin["name"])
    desk.write("meltano.yml", yaml.safe_dump(found))


def orders(url: str) -> dict[str, Any]:
    days = {"start": DAYS[0], "end": DAYS[-1], "step": "1d", "format": "date", "end_is": "inclusive"}
    token = {"type": "bearer", "token": "{{ secrets.token }}"}
    return {"base_url": url, "authenticator": token, "streams": [stream("orders", incremental=days)]}


@pytest.mark.promise(24)
def test_the_plugin_of_the_readme_with_each_command_that_is_shown(desk: Desk) -> None:
    """The second run, by its job, reads nothing again; what the help shows is typed after it."""
    project(desk, with_plugin=PLUGIN)
    with FakeApi(["DONE"], rows=ROWS, token="secret-7") as api:
        desk.write("orders.yaml", yaml.safe_dump(orders(api.url)))
        desk.write(".env", "TAP_ASYNCREPORT_SECRETS_TOKEN=secret-7\n")
        run = desk.type(RUNNING, timeout=180)
        asked = [call.json()["from"] for call in api.calls("create")]
        said = desk.type([line for line in IN_HELP if line not in RUNNING], timeout=180, TAP_ASYNCREPORT_SECRETS_TOKEN="secret-7")

    assert {*ALSO, IN_HELP[0]} <= set(RUNNING)
    assert DAYS == sorted(asked)
    assert "next: meltano invoke tap-asyncreport:trace orders runs one job" in run.stdout
    assert ROWS == [{**row, "cost": f"{row['cost']:.2f}"} for row in desk.rows("orders")]
    assert f"POST {api.url}/exports" in said.stdout
    assert "the state holds no job" in said.stdout
    assert "secret-7" not in said.stdout + said.stderr


def test_the_increments_of_the_example_project(desk: Desk) -> None:
    """As many windows and rows as the page says."""
    project(desk)
    block = shown("README.md", "The example API", "console")
    told = re.findall(r"\((\d+) windows, ([\d,]+) rows\)", (ROOT / "README.md").read_text())
    for command, (windows, rows) in zip(block.commands, told, strict=True):
        before = len(desk.rows("seattle_weather"))
        said = desk.type([command], timeout=180)
        assert re.search(rf"seattle_weather +- +{windows}/{windows} +{rows} +ok", said.stderr + said.stdout)
        assert int(rows.replace(",", "")) == len(desk.rows("seattle_weather")) - before
    days = [row["date"] for row in desk.rows("seattle_weather")]

    assert 1461 == len(days) == len(set(days))
    assert "years" in json.dumps(block.commands)
