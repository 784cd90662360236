"""Configurations as people bring them: from curl, from another tool's manifest, in camelCase, on the wrong level.

Each file in `faulty` has ten faults and more; beside it stands what is told of it, each fault once, all at once.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from commanding import run
from config_told import BASE

from tap_asyncreport.commands.remarks import remarks
from tap_asyncreport.config.loading import load
from tap_asyncreport.config.problems import render
from tap_asyncreport.config.shown import confidential
from tap_asyncreport.errors import ConfigurationError

FAULTY = Path(__file__).parent / "faulty"
NAMES = sorted(path.stem for path in FAULTY.glob("*.yaml"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(name: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load([name], environ={})
    return render(raised.value.problems)


def told_of(text: str) -> str:
    Path("tap.yaml").write_text(text)
    return told("tap.yaml")


@pytest.mark.promise(28)
@pytest.mark.parametrize("name", NAMES)
def test_ten_faults_are_told_each_once_with_its_place_and_what_to_write(name: str) -> None:
    shutil.copy(FAULTY / f"{name}.yaml", f"{name}.yaml")
    found = told(f"{name}.yaml")
    assert (FAULTY / f"{name}.txt").read_text() == found + "\n"
    places = re.findall(rf"^{name}\.yaml:(\d+:\d+: .*)", found, re.MULTILINE)
    assert 10 <= len(places) == len(set(places))


@pytest.mark.promise(28)
@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig", "cp1252"])
def test_a_file_in_another_encoding_is_told_of_as_well_as_what_it_holds(codec: str) -> None:
    """What PowerShell and old editors write; lines and columns are those that an editor shows."""
    text = (FAULTY / "crlf.yaml").read_bytes().decode().replace("\r\n", "\r\n# café\r\n", 1)
    Path("crlf.yaml").write_bytes(text.encode(codec))
    found = told("crlf.yaml").splitlines()
    moved = [re.sub(r"^crlf.yaml:(\d+)", lambda at: f"crlf.yaml:{int(at[1]) + 1}", line) for line in (FAULTY / "crlf.txt").read_text().splitlines()]
    assert moved == found[0 if codec == "utf-8-sig" else 2 :]
    assert ("save it as UTF-8" in found[1]) is (codec != "utf-8-sig")


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('authenticator: {type: bearer, token: "${API_TOKEN}"}', 'try: write "{{ secrets.api_token }}" in its place, and set TAP_ASYNCREPORT_SECRETS_API_TOKEN'),
        ('authenticator: {type: bearer, token: "$API_TOKEN"}', "token: `${API_TOKEN}` is a shell's, which nothing fills in"),
        ('headers: {X-Key: "Token ${KEY:-none}"}', "headers.X-Key: `${KEY}` is a shell's, which nothing fills in"),
        ("secrets: {token: '${TOKEN}'}", "try: leave it out and set TAP_ASYNCREPORT_SECRETS_TOKEN"),
        ("authenticator: {type: bearer, token: ${API_TOKEN}}", 'fills in variables of a shell: write "{{ secrets.api_token }}"'),
        ("stream_defaults: {abort_requester: {request: GET /x, headers: 'Accept: */*'}}", "headers: it must be a mapping; write `name: value`"),
        ("end_date: 2025-12-31", "end_date: the end, 2025-12-31, is before the start, 2026-01-01: nothing would be read"),
        ("end_date: yesterday", "end_date: 'yesterday' is no date; write \"{{ now | minus('1d') }}\""),
        ("schedule: '@daily'", "try: leave it out: when the tap runs is for what starts it to say"),
        ("authenticator: oauth2", 'try: write `authenticator: {"token_url":'),
    ],
)
def test_what_is_brought_along_from_elsewhere_is_told_with_what_to_write(line: str, expected: str) -> None:
    incremental = "    incremental: {step: 1d}\n" if "end_date" in line else ""
    assert expected in told_of(f"{BASE}{incremental}{line}\n")


def test_what_looks_like_a_variable_elsewhere_is_left_alone() -> None:
    """A GraphQL query in a body, JavaScript in a text, a column's name, a template that holds one."""
    body = "    creation_requester: {request: POST /x, body: 'query($id: ID!) { a(id: $id) } ${js}'}\n"
    Path("tap.yaml").write_text(f"{BASE.replace('    creation_requester: POST /exports', body.rstrip())}vars: {{a: $HOME}}\n")
    assert load(["tap.yaml"], environ={})


@pytest.mark.promise(26)
def test_a_credential_in_a_header_is_hidden_and_remarked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tap.yaml").write_text(f"{BASE}headers:\n  Accept: text/csv\n  Authorization: Bearer canary-7-canary\n")
    loaded = load(["tap.yaml"], environ={})
    key = "headers.Authorization: a credential stands here in clear; write `authenticator`, or"
    (said,) = remarks(loaded)
    assert said.startswith(f"tap.yaml:10:3: {key}")
    assert "canary-7-canary" in confidential(loaded)
    checked = run(capsys, "check", "--offline", "--config", "tap.yaml").all
    assert (True, False) == (key in checked, "canary" in checked)
