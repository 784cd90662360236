"""What the README shows works, as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from fake_api import FakeApi
from tap_asyncreport.commands import MODULES, Tools
from tap_asyncreport.config.loading import load
from tap_asyncreport.config.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MELTANO = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
SECRETS = {"TAP_ASYNCREPORT_SECRETS_TOKEN": "secret-7"}
CI = os.environ.get("CI") == "true"


def section(title: str) -> str:
    """The text below a heading of the second level."""
    return README.split(f"\n## {title}\n", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


CONFIGURATIONS = [block for block in blocks("yaml") if block.startswith("base_url:")]


def tap(*arguments: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the tap in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    command = [sys.executable, "-m", "tap_asyncreport", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=60, check=False)


def messages(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_the_quick_start_is_two_lines() -> None:
    found = blocks("sh", section("Quick start"))
    assert [1, 1] == [block.count("\n") for block in found]
    assert found == blocks("sh")
    assert "meltano run tap-asyncreport target-jsonl" in found[0]
    assert "pytest" in found[1]


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_every_configuration_shown_is_valid(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    assert [] != load([path], environ=SECRETS).settings.streams


def test_the_smallest_configuration_works_as_it_stands(tmp_path: Path) -> None:
    rows = [{"order_id": "007", "amount": "1.50"}, {"order_id": "008", "amount": "2.25"}]
    with FakeApi(["pending", "ready"], rows=rows, token="secret-7", gzip=True) as api:
        path = tmp_path / "orders.yaml"
        path.write_text(CONFIGURATIONS[0].replace("https://api.example.com/v1", api.url), encoding="utf-8")
        done = tap("--config", path, env=SECRETS)
        said = messages(done.stdout)
        assert 0 == done.returncode, done.stderr
        assert rows == [message["record"] for message in said if message["type"] == "RECORD"]
        assert ["create", "poll", "poll", "download", "delete"] == api.steps()
        assert ["POST /exports"] == api.lines("create")
        assert ["GET /exports/job-1", "GET /exports/job-1"] == api.lines("poll")
        assert "secret-7" not in done.stdout + done.stderr


def test_the_table_of_exit_codes_is_the_code() -> None:
    shown = {int(code) for cell in re.findall(r"^\| ([\d, ]+) \|", section("When it ends"), re.MULTILINE) for code in cell.split(",")}
    assert {0, 1, 77, 78, 130, 143} == shown


@pytest.mark.parametrize("command", sorted(set(re.findall(r"(?:`|\$ )tap-asyncreport ([a-z]+)", README))))
def test_every_command_shown_exists(command: str) -> None:
    assert 0 == tap(command, "--help").returncode


def test_meltano_knows_every_setting() -> None:
    extractor = MELTANO["plugins"]["extractors"][0]
    kinds = {setting["name"]: setting.get("kind") for setting in extractor["settings"]}
    assert set(Settings.model_fields) == set(kinds)
    assert {"string", "integer", "boolean", "array", "object", None} >= set(kinds.values())
    assert ["base_url"] == [name for name, kind in kinds.items() if kind is None]


def test_meltano_asks_no_hub_and_no_lock_file() -> None:
    plugins = MELTANO["plugins"]["extractors"] + MELTANO["plugins"]["loaders"]
    assert [True] * 3 == ["namespace" in plugin and "pip_url" in plugin for plugin in plugins]
    assert "version" not in MELTANO
    shown = yaml.safe_load(next(block for block in blocks("yaml") if block.startswith("plugins:")))
    ours = shown["plugins"]["extractors"][0]
    assert MELTANO["plugins"]["extractors"][0]["capabilities"] == ours["capabilities"]


def test_meltano_has_every_command() -> None:
    """A stream and options are appended to a command, so that none of them may name a stream itself."""
    commands: dict[str, str] = MELTANO["plugins"]["extractors"][0]["commands"]
    assert set(MODULES) == set(commands)
    for name, line in commands.items():
        takes_configuration = any("--config" in option.opts for option in params_of(name))
        assert line == (f"{name} --config ENV" if takes_configuration and name != "test" else name)
    shown = yaml.safe_load(next(block for block in blocks("yaml") if block.startswith("plugins:")))
    assert shown["plugins"]["extractors"][0]["commands"].items() <= commands.items()


def params_of(name: str) -> list[click.Parameter]:
    """The options and arguments of a command."""
    tools = Tools("tap-asyncreport")
    command = tools.get_command(click.Context(tools), name)
    assert command is not None
    return command.params


def copy_of_the_repository(target: Path) -> Path:
    """The files under version control, as a clone would have them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        if name and (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.mark.skipif(not CI, reason="installs Meltano: a minute, in CI only")
def test_the_first_line_of_the_quick_start_leaves_every_day_once_and_a_second_run_adds_none(tmp_path: Path) -> None:
    clone = copy_of_the_repository(tmp_path)
    line = blocks("sh", section("Quick start"))[0]
    for _ in range(2):
        done = subprocess.run(["bash", "-c", line], cwd=clone, capture_output=True, text=True, timeout=600, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr
        rows = [json.loads(row) for row in (clone / "output/seattle_weather.jsonl").read_text().splitlines()]
        assert 1461 == len(rows) == len({row["date"] for row in rows})
    expected = {"date": "2012-01-02", "precipitation": 10.9, "temp_max": 10.6, "temp_min": 2.8, "wind": 4.5, "weather": "rain"}
    assert expected == next(row for row in rows if row["date"] == "2012-01-02")
