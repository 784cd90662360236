"""Commands that need no network: help, init, definitions, schema, explain, demo; and that none needs the SDK."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from commanding import run
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_asyncreport.commands import HELP, MODULES
from tap_asyncreport.commands.init import STARTER
from tap_asyncreport.config.json_schema import json_schema
from tap_asyncreport.config.loading import load, secrets_used
from tap_asyncreport.config.reading import in_capitals, shipped
from tap_asyncreport.tap import TapAsyncReport

ROOT = Path(__file__).parent.parent
TAP = [sys.executable, "-m", "tap_asyncreport"]
NAMES = sorted(name for name, _ in shipped())


def test_help_lists_the_commands_and_the_flags_of_the_tap(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` shows both halves of the tool; the tap's flags are those that it has."""
    said = run(capsys, "--help")
    assert 0 == said.code
    assert [] == [name for name in MODULES if f"\n  {name} " not in said.out]
    flags = {option for parameter in TapAsyncReport.cli.params for option in parameter.opts} - {"--format"}
    assert [] == [flag for flag in flags if f"  {flag} " not in HELP]


@pytest.mark.parametrize("name", MODULES)
def test_help_teaches_by_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, name, "--help")
    assert 0 == said.code
    assert "Example" in said.out
    assert f"tap-asyncreport {name}" in said.out


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "chekc")
    assert 2 == said.code
    assert "there is no command 'chekc'; did you mean check?" in said.err


@pytest.mark.parametrize("arguments", [["--help"], ["explain", "jobs.timeout"], ["check", "--config", "demo.yaml", "--offline"]])
def test_no_command_imports_the_sdk(arguments: list[str], tmp_path: Path) -> None:
    """The SDK takes longer to import than most commands take."""
    (tmp_path / "demo.yaml").write_text("definition: demo\n")
    code = (
        "import sys; from tap_asyncreport.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(' '.join(sorted({m.split('.')[0] for m in sys.modules} & {'singer_sdk', 'sqlalchemy', 'rich'})))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
    assert "" == done.stderr
    assert done.stdout


# -- definitions, schema, explain


def test_definitions_are_listed_with_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "definitions")
    assert NAMES == [line.split()[0] for line in said.out.splitlines()]
    assert [] == [line for line in said.out.splitlines() if len(line.split()) < 3]
    assert said == run(capsys, "definitions", "list")


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_is_shown_as_it_ships(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "definitions", "show", name)
    assert dict(shipped())[name].read_text(encoding="utf-8") == said.out


def test_an_unknown_definition_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "definitions", "show", "pintrest")
    assert 78 == said.code
    assert "there is no definition 'pintrest'\n  try         did you mean `pinterest`?; these ship: " in said.err


def test_the_schema_is_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert json_schema() == json.loads(run(capsys, "schema").out)


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    """A key by its end, or by its whole name with a stream's name in it."""
    golden = """\
streams.jobs.timeout
  From creation, or from adoption by this run, to completed.
  takes     duration, such as 30s 5m 1d
  default   3h
  example   timeout: 3h
"""
    assert golden == run(capsys, "explain", "jobs.timeout").out
    assert golden == run(capsys, "explain", "streams.orders.jobs.timeout").out


def test_explain_says_what_a_key_takes(capsys: pytest.CaptureFixture[str]) -> None:
    golden = """\
authenticator.grant  (type: oauth2)
  The grant.
  takes     word
  default   client_credentials
  allowed   client_credentials, refresh_token, password
  example   grant: refresh_token
  also in   streams.creation_requester.authenticator, streams.polling_requester.authenticator,
            streams.download_target_requester.authenticator,
            streams.download_retriever.authenticator, streams.abort_requester.authenticator,
            streams.delete_requester.authenticator and 11 more
"""
    assert golden == run(capsys, "explain", "authenticator.grant").out
    assert "  keys      max_concurrent, max_concurrent_per, poll_interval" in run(capsys, "explain", "jobs").out
    assert "\n  required\n" in run(capsys, "explain", "creation_requester.request").out


def test_explain_lists_the_types_of_a_key_and_explains_each(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "explain", "authenticator").out
    assert "  types     none\n            api_key: in, name, value\n            basic: username, password\n" in said
    assert "  more      tap-asyncreport explain authenticator.TYPE\n" in said
    one = run(capsys, "explain", "authenticator.aws_sigv4").out
    assert one.startswith("authenticator.aws_sigv4\n  AWS Signature Version 4.\n  takes     mapping\n  example   authenticator: {")
    assert "            region: AWS region. (text or template, required)\n" in one
    assert one == run(capsys, "explain", "aws_sigv4").out
    assert "paginator.cursor" == run(capsys, "explain", "cursor").out.splitlines()[0][-16:]


def test_explain_without_a_key_lists_those_of_the_top_level(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(json_schema()["properties"]) == [line.split()[0] for line in run(capsys, "explain").out.splitlines()]


def test_explain_names_the_nearest_key(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "explain", "jobs.timout")
    assert 78 == said.code
    assert "there is no key `jobs.timout`\n  try         did you mean `" in said.err
    assert "" == said.out


@settings(max_examples=20)
@given(st.text(max_size=20))
def test_any_text_can_be_asked_for(key: str) -> None:
    """Nothing that a person types ends in a traceback."""
    from tap_asyncreport.commands import commands

    assert commands(["explain", "--", key]) in (0, 78)


# -- init


def test_the_starter_is_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It loads as it stands, and so do its suggestions when their marks are taken away."""
    said = run(capsys, "init", "--write", tmp_path / "orders.yaml")
    assert f"wrote {tmp_path}/orders.yaml; next: tap-asyncreport check --config {tmp_path}/orders.yaml\n" == said.out
    secrets = {"TAP_ASYNCREPORT_SECRETS_TOKEN": "t"}
    assert ["orders"] == [stream.name for stream in load([tmp_path / "orders.yaml"], environ=secrets).settings.streams]
    text = (tmp_path / "orders.yaml").read_text()
    assert text == run(capsys, "init").out.replace("orders.yaml", f"{tmp_path}/orders.yaml")
    whole = "\n".join(line.replace("# ", "", 1) if is_suggestion(line) else line for line in text.splitlines())
    (tmp_path / "whole.yaml").write_text(whole)
    stream = load([tmp_path / "whole.yaml"], environ=secrets).settings.streams[0]
    assert stream.incremental is not None
    assert stream.abort_requester is not None
    assert stream.columns is not None


def is_suggestion(line: str) -> bool:
    """A line that is a setting but for its mark."""
    rest = line.strip().removeprefix("# ")
    key = rest.removeprefix("- ").split(":")[0]
    return line.strip().startswith("# ") and key.replace("_", "").isalpha() and key.islower() and (": " in rest or rest.endswith(":"))


def test_init_keeps_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    said = run(capsys, "init", "--write", path)
    assert (78, f"{path} exists already\n  try         name another file, or remove that one\n") == (said.code, said.err)
    assert "precious" == path.read_text()
    assert 78 == run(capsys, "init", "--write", tmp_path / "no" / "such" / "place.yaml").code


@pytest.mark.parametrize("name", NAMES)
def test_init_of_a_definition(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It loads, and it names each secret and its variable."""
    path = tmp_path / "config.yaml"
    path.write_text(run(capsys, "init", name).out)
    secrets = dict.fromkeys(re.findall(r"or export (\w+)=", path.read_text()), "x")
    loaded = load([path], environ=secrets)
    assert name == loaded.settings.definition
    known = dict(shipped())[name].read_text(encoding="utf-8").partition("\nsecrets:")[2].split("\n\n")[0]
    used = [secret for secret in secrets_used(loaded.raw) if f"  {secret}:" not in known]
    assert sorted(secrets) == sorted(f"TAP_ASYNCREPORT_SECRETS_{in_capitals(secret)}" for secret in used)


def test_the_starter_is_no_wider_than_a_page() -> None:
    assert [] == [line for line in STARTER.replace("{{{{", "{{").splitlines() if len(line) > 120]


# -- demo


def test_demo_serves_until_it_is_interrupted() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen([*TAP, "demo", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None
        url = process.stdout.readline().split()[5]
        asked = urllib.request.Request(f"{url}/reports/none", headers={"Authorization": "Bearer demo-token-x"})
        with pytest.raises(urllib.error.HTTPError) as answered:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=10)
        assert 404 == answered.value.code
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert "" == process.stderr.read()
        assert 0 == process.returncode


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = run(capsys, "demo", "--port", taken.getsockname()[1])
    assert 78 == said.code
    assert "Address already in use\n  try         choose another --port; 0 is a free one\n" in said.err
