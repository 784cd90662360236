"""What the canary run of a sync leaves out: every other command and flag, with secrets from everywhere they may come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from canaries import SECRETS, leaked
from commanding import run, written
from fake_api import FakeApi
from test_commands_trace import SMALL
from test_sync import ROWS, config
from warm import WarmProcess

from tap_asyncreport.config.reading import shipped

HIDDEN = {
    "environment": 'env1ronment "canary"\\x',
    "file": SECRETS["percents"],
    "definition": "def1nition-canary-+/=",
    "default": "défaut-canary-9001",
    "written": "wr1tten-canary-token-77",
    "header": "h3ader-canary-key-55",
    "misspelt": "m1sspelt-canary-31",
}
DEFINITION = {
    "secrets": {"definition": HIDDEN["definition"]},
    "stream_defaults": {"creation_requester": {"headers": {"X-Default": "{{ secrets.default | default('" + HIDDEN["default"] + "') }}"}}},
    "authenticator": {"type": "bearer", "token": HIDDEN["written"]},
}
STREAM = {
    **SMALL,
    "creation_requester": {
        **SMALL["creation_requester"],
        "headers": {"X-Api-Key": HIDDEN["header"], "X-All": "{{ secrets.environment | b64 }}", "X-File": "{{ secrets.file | urlencode }}"},
        "params": {"d": "{{ secrets.definition }}"},
    },
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A configuration over a definition of its own, at DEBUG, and secrets in the environment."""
    monkeypatch.setenv("TAP_ASYNCREPORT_LOGLEVEL", "DEBUG")
    monkeypatch.setenv("TAP_ASYNCREPORT_SECRETS_ENVIRONMENT", HIDDEN["environment"])
    monkeypatch.setenv("TAP_ASYNCREPORT_SECRETS_DEFAULT", HIDDEN["default"])
    monkeypatch.setenv("TAP_ASYNCREPORT_SECRET_ENVIRONMENT", HIDDEN["misspelt"])
    written(tmp_path, DEFINITION, "definition.json")
    with FakeApi(["DONE"], rows=ROWS) as api:
        top = {"definition": "./definition.json", "secrets": {"file": HIDDEN["file"]}}
        yield written(tmp_path, config(api, STREAM, **top))


@pytest.mark.promise(26)
def test_no_flag_of_the_tap_shows_a_secret(path: Path, tmp_path: Path) -> None:
    """--about in every format, --discover, --test in both kinds; what --test prints of rows is the API's data."""
    environment = {
        "TAP_ASYNCREPORT_LOGLEVEL": "DEBUG", "TAP_ASYNCREPORT_SECRETS_ENVIRONMENT": HIDDEN["environment"],
        "TAP_ASYNCREPORT_SECRET_ENVIRONMENT": HIDDEN["misspelt"], "TAP_ASYNCREPORT_SECRETS_DEFAULT": HIDDEN["default"],
    }  # fmt: skip
    tap = WarmProcess(tmp_path, environment)
    flags = [["--about"], *(["--about", f"--format={form}"] for form in ("json", "markdown")), ["--discover"], ["--test"], ["--test=schema"]]
    ends = {" ".join(each): tap.call(*each, "--config", path) for each in [*flags, ["--config", "ENV", "--discover"]]}
    assert dict.fromkeys(ends, 0) == {name: end.exit_code for name, end in ends.items()}
    assert {} == {name: found for name, end in ends.items() if (found := leaked(end.stdout + end.stderr, HIDDEN))}


@pytest.mark.promise(26)
def test_no_command_shows_a_secret_of_any_origin(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also those that need none, and those that fail."""
    state = {"bookmarks": {"clicks": {"replication_key_value": "2026-01-01", "until": "2026-01-02T00:00:00Z"}}}
    states = [written(tmp_path, state, f"state{number}.json") for number in (1, 2)]
    saved = tmp_path / "saved.json"
    with_config = [
        ["check"], ["check", "--json"], ["check", "--offline", "--json"], ["plan"], ["plan", "--only", "clicks"], ["trace", "--save", saved],
        ["columns"], ["columns", "--write", tmp_path / "columns.yaml"], ["jobs", "--state", states[0]], ["trace", "nosuch"], ["plan", path],
    ]  # fmt: skip
    commands = [[*each, "--config", path] for each in with_config] + [
        ["test", saved], ["test", saved, "--config", path], ["state", "merge", *states], ["schema"], ["definitions"], ["explain"],
        *(["explain", key] for key in ("secrets", "authenticator", "authenticator.oauth2", "token", "headers", "nosuchkey")),
        *(["init", name] for name, _ in shipped()), ["init"], ["definitions", "show", "demo"], ["init", "--write", tmp_path / "new.yaml"],
        ["check", "--config", "ENV"], ["plan", path],
    ]  # fmt: skip
    said = {" ".join(map(str, each)): run(capsys, *each) for each in commands}
    assert {0, 2, 78} == {each.code for each in said.values()}
    assert {} == {name: found for name, each in said.items() if (found := leaked(each.all, HIDDEN))}
    files = [saved, tmp_path / "columns.yaml", tmp_path / "new.yaml"]
    assert {} == {file.name: found for file in files if (found := leaked(file.read_text(), HIDDEN))}
    assert json.loads(saved.read_text())["exchanges"]
