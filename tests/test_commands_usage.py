"""What is said to words of the command line that cannot be understood: what to write instead."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from commanding import run

from tap_asyncreport.calling import COMMANDS
from tap_asyncreport.commands import MODULES

ROOT = Path(__file__).parent.parent

CHECK = "write tap-asyncreport check --config orders.yaml"
WRITE: dict[str, str] = {
    "check orders.yaml": CHECK,
    "check --offline orders.yaml": "write tap-asyncreport check --offline --config orders.yaml",
    "check a.yaml b.json": "write tap-asyncreport check --config a.yaml --config b.json",
    "jobs orders.yaml": "write tap-asyncreport jobs --config orders.yaml --state FILE",
    "jobs orders.yaml state.json": "write tap-asyncreport jobs --config orders.yaml --state state.json",
    "trace orders.yaml": "write tap-asyncreport trace --config orders.yaml",
    "trace orders orders.yaml": "write tap-asyncreport trace orders --config orders.yaml",
    "columns orders.yaml": "write tap-asyncreport columns --config orders.yaml",
    "plan orders.yaml": "write tap-asyncreport plan --config orders.yaml",
    "schema orders.yaml": f"`schema` reads no file; {CHECK}",
    "demo orders.yaml": f"`demo` reads no file; {CHECK}",
    "init orders.yaml": "`tap-asyncreport init --write orders.yaml` writes a file",
    "explain jobs.timeout --config orders.yaml": "leave it out: `explain` reads no configuration",
    "orders.yaml": "write tap-asyncreport --config orders.yaml",
    "orders.yaml --discover": "write tap-asyncreport --config orders.yaml --discover",
    "--config a.yaml a.yaml": "write tap-asyncreport --config a.yaml --config a.yaml",
    "--config a.yaml check": "a command is the first word: tap-asyncreport check --config a.yaml",
    "definitions demo": "write tap-asyncreport definitions show demo",
    "sync": "write tap-asyncreport --config FILE",
    "discover": "write tap-asyncreport --config FILE --discover",
    "version": "write tap-asyncreport --version",
    "help trace": "write tap-asyncreport trace --help",
    "chek": "did you mean check?",
    "definitions shw demo": "did you mean show?",
    "state merg x": "did you mean merge?",
    "state orders.yaml": "there is merge",
    "nonsense": "there are init, check, trace",
    "check --stat x": "did you mean --state?",
    "check -c orders.yaml": "did you mean --config?",
    "trace -h": "did you mean --help?",
    "--stat x": "did you mean --state?",
    "--confg x": "did you mean --config?",
    "--config x --offline": "it is an option of check",
    "check --limit 3": "it is an option of trace",
}


@pytest.mark.promise(28)
@pytest.mark.parametrize("words", WRITE)
def test_words_that_cannot_be_understood_are_told_with_what_to_write(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One suggestion, on standard error; nothing is begun."""
    said = run(capsys, *words.split())
    assert WRITE[words] in said.err
    assert 1 >= said.err.lower().count("did you mean")
    assert ("", True) == (said.out, said.code in (2, 78))


@pytest.mark.promise(28)
def test_under_meltano_its_own_command_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name that the project gives the tap."""
    monkeypatch.setenv("MELTANO_EXTRACTOR_NAME", "tap-orders")
    assert "write meltano invoke tap-orders:check --config orders.yaml" in run(capsys, "check", "--config", "ENV", "orders.yaml").err
    assert "`meltano invoke tap-orders:init` writes a file" in run(capsys, "plan").err


@pytest.fixture
def _meltano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Meltano starts a tap that the project calls otherwise."""
    for name in [name for name in os.environ if name.startswith(("MELTANO_", "TAP_ASYNCREPORT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MELTANO_EXTRACTOR_NAME", "tap-orders")
    monkeypatch.setenv("MELTANO_SYS_DIR_ROOT", str(tmp_path / ".meltano"))


@pytest.mark.promise(28)
@pytest.mark.usefixtures("_meltano")
def test_under_meltano_messages_name_where_the_configuration_stands_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the file that Meltano writes for one run and removes after it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".meltano" / "run").mkdir(parents=True)
    written = tmp_path / ".meltano" / "run" / "tap.0.config.json"
    written.write_text(json.dumps({"definition": "demo", "strat_date": "2012-01-01"}))
    assert "\n`config` of tap-orders in meltano.yml: strat_date: there is no such key\n" in run(capsys, "check", "--config", written).all
    said = run(capsys, "check", "--config", "ENV").all
    assert "streams: it is missing" in said
    assert "write `definition` or `streams` under `config` of tap-orders in meltano.yml; `meltano invoke\n    tap-orders:init` writes" in said
    monkeypatch.setenv("TAP_ASYNCREPORT_DEFINITION", "stripe_reports")
    said = run(capsys, "check", "--config", "ENV").all
    assert "put `TAP_ASYNCREPORT_SECRETS_API_KEY=...` into .env" in said
    monkeypatch.setenv("TAP_ASYNCREPORT_DEFINITION", "demo")
    monkeypatch.setenv("TAP_ASYNCREPORT_START_DATE", "2012-13-01")
    place = "environment variable TAP_ASYNCREPORT_START_DATE, from `config` of tap-orders in meltano.yml or from .env: start_date: "
    assert place in run(capsys, "check", "--config", "ENV").all
    monkeypatch.setenv("TAP_ASYNCREPORT_START_DATE", "2015-12-01")
    said = run(capsys, "check", "--config", "ENV", "--offline").out
    assert "keys       ok     meltano.yml: 1 stream\n" in said.replace("  ok  ", "  ok     ")
    assert "next: meltano invoke tap-orders:trace seattle_weather runs" in said


@pytest.mark.parametrize("file", ["meltano.yml", "README.md"])
def test_the_projects_plugin_lists_every_command(file: str) -> None:
    """What is not listed cannot be invoked through Meltano; those that read a configuration are given it."""
    text = (ROOT / file).read_text()
    if file == "README.md":
        text = next(block.partition("```")[0] for block in text.split("```yaml\n")[1:] if block.startswith("plugins:"))
    (plugin,) = (each for each in yaml.safe_load(text)["plugins"]["extractors"] if each["name"] == "tap-asyncreport")
    given = {"check", "trace", "columns", "jobs", "plan"}
    assert list(COMMANDS) == list(MODULES)
    assert {name: f"{name} --config ENV" if name in given else name for name in MODULES} == plugin["commands"]
