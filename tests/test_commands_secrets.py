"""No secret in anything that any command says or writes, whatever the API does, at DEBUG; nor a traceback otherwise."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from commanding import Said, run, written
from fake_api import Cut, FakeApi, Reply, Reset, json_reply
from hypothesis import given, settings
from hypothesis import strategies as st
from test_commands_trace import SMALL
from test_sync import ROWS, config
from warm import WarmProcess

from tap_asyncreport.errors import ConfigurationError, JobError, Problem, ReportError, StateError, TapError, TemplateError, Where
from tap_asyncreport.telling import Telling

CANARY = 'cAn+ary/7 "é%&=\\z'
SPELLINGS = {
    "raw": CANARY,
    "quoted": quote(CANARY, safe=""),
    "quoted for a form": quote_plus(CANARY),
    "JSON": json.dumps(CANARY)[1:-1],
    "JSON, letters kept": json.dumps(CANARY, ensure_ascii=False)[1:-1],
    "base64": base64.b64encode(CANARY.encode()).decode().rstrip("="),
    "base64 behind a user": base64.b64encode(f"me:{CANARY}".encode()).decode()[4:].rstrip("="),
    "a piece": "ary/7",
}
ECHO = json.dumps({"error": f"bad key {CANARY} ({SPELLINGS['quoted']}, {SPELLINGS['base64']})", "id": "job-1"})
ABORTS = {**SMALL, "abort_requester": "POST /exports/{{ creation_response.id }}/abort"}


def leaks(text: str) -> list[str]:
    """The spellings in which the canary stands in a text."""
    return [name for name, spelt in SPELLINGS.items() if spelt in text]


LOGINS: dict[str, dict[str, Any]] = {
    "bearer": {"type": "bearer", "token": "{{ secrets.key }}"},
    "basic": {"type": "basic", "username": "me", "password": "{{ secrets.key }}"},
    "query": {"type": "api_key", "in": "query", "name": "key", "value": "{{ secrets.key }}"},
    "oauth2": {"type": "oauth2", "token_url": "/oauth/token", "client_id": "me", "client_secret": "{{ secrets.key }}"},
}  # fmt: skip

# What the API does: it repeats the canary wherever it can, and fails at every step.
MISBEHAVIOUR: dict[str, dict[str, Any]] = {
    "well": {},
    "refuses": {"faults": {("create", "*"): Reply(401, ECHO)}},
    "rejects the creation": {"faults": {("create", "*"): Reply(400, ECHO)}},
    "resets the creation": {"faults": {("create", "*"): Reset()}},
    "cuts the creation": {"faults": {("create", "*"): Cut(3)}},
    "fails to poll": {"faults": {("poll", "*"): Reply(418, ECHO)}},
    "fails the job": {"script": [{"status": "FAILED", "reason": ECHO}]},
    "knows odd words": {"script": [{"status": CANARY}]},
    "refuses the file": {"faults": {("download", "*"): Reply(418, ECHO)}},
    "sends a page": {"rows": f"<html>{CANARY}</html>"},
    "sends rows with it": {"rows": "date,key\n2026-01-01,\"{}\"\n".format(CANARY.replace('"', '""'))},
    "packs it": {"rows": gzip.compress(f"date,key\n2026-01-01,{CANARY}".encode())},
    "fails to end": {"script": ["FAILED"], "faults": {("abort", "*"): Reply(418, ECHO), ("delete", "*"): Reply(418, ECHO)}},
    "echoes in headers": {"faults": {("poll", "*"): Reply(418, ECHO, headers={"X-Key": quote(CANARY), "Set-Cookie": f"k={quote(CANARY)}"})}},
    "gives no token": {"faults": {("token", "*"): Reply(400, ECHO)}},
}  # fmt: skip


def everything(capsys: pytest.CaptureFixture[str], directory: Path, api: FakeApi, login: str) -> list[tuple[str, Said]]:
    """What every command that looks at a configuration says, at DEBUG."""
    creation = {**SMALL["creation_requester"], "headers": {"X-Key": "{{ secrets.key | urlencode }}"}}
    creation["json"] = {**creation["json"], "key": "{{ secrets.key }}", "hash": "{{ secrets.key | b64 }}"}
    columns = {"date": "date"} if "html" in str(api.files.rows) else None
    one = {**ABORTS, "creation_requester": creation, **({"columns": columns} if columns else {}), "unknown_columns": "include"}
    path = written(directory, config(api, one, authenticator=LOGINS[login], secrets={"key": CANARY}))
    job = {"id": "job-1", "window": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], "creation_response": {"id": "job-1"}}
    state = written(directory, {"bookmarks": {"clicks": {"jobs": [job]}}}, "state.json")
    commands = (
        ["check"], ["check", "--json"], ["trace"], ["trace", "--curl"], ["trace", "--save", directory / "saved.json"],
        ["columns"], ["jobs", "--state", state], ["jobs", "--state", state, "--abort", "--out", directory / "after.json"],
        ["plan"],
    )  # fmt: skip
    return [(" ".join(map(str, each)), run(capsys, *each, "--config", path)) for each in commands]


@pytest.fixture
def at_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAP_ASYNCREPORT_LOGLEVEL", "DEBUG")


@pytest.mark.promise(26)
@pytest.mark.usefixtures("at_debug")
@pytest.mark.parametrize("misbehaviour", MISBEHAVIOUR)
def test_no_command_shows_a_secret(misbehaviour: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not on stdout, not in the log or an error, not in a curl command or a recording, in no spelling."""
    options = {"script": ["DONE"], "rows": ROWS, **MISBEHAVIOUR[misbehaviour]}
    login = "oauth2" if "token" in misbehaviour else "query"
    with FakeApi(**options) as api:
        said = everything(capsys, tmp_path, api, login)
    found = {command: shown for command, each in said if (shown := leaks(each.all))}
    files = {path.name: shown for path in tmp_path.glob("[as]*.json") if (shown := leaks(path.read_text()))}
    assert ({}, {}) == (found, files)


@pytest.mark.promise(26)
@pytest.mark.usefixtures("at_debug")
@pytest.mark.parametrize("login", LOGINS)
def test_no_login_shows_its_secret(login: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However the API is told who asks, and whatever token it gives."""
    with FakeApi(["DONE"], rows=ROWS, hooks={"token": lambda api, request: json_reply({"access_token": "fresh-token-99"})}) as api:
        said = everything(capsys, tmp_path, api, login)
        assert api.calls("create")
    texts = [each.all for _, each in said] + [path.read_text() for path in tmp_path.glob("[as]*.json")]
    assert ([], []) == ([leaks(text) for text in texts if leaks(text)], [text for text in texts if "fresh-token-99" in text])


@pytest.mark.promise(26)
@pytest.mark.usefixtures("at_debug")
def test_a_token_that_a_step_answers_is_hidden_before_it_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A step's answer may be where an authenticator gets its token from: the trace hides it at first sight."""
    login = {"type": "bearer", "token": "{{ creation_response.pass }}"}
    polling = {"request": "GET /exports/{{ creation_response.id }}", "authenticator": login}
    give = {"create": lambda api, request: json_reply({"id": api.new_job(request.json()).id, "pass": CANARY})}
    with FakeApi(["DONE"], rows=ROWS, hooks=give) as api:
        path = written(tmp_path, config(api, {**SMALL, "polling_requester": polling}))
        said = run(capsys, "trace", "--config", path, "--save", tmp_path / "saved.json")
    assert ([], []) == (leaks(said.all), leaks((tmp_path / "saved.json").read_text()))


# -- no traceback


@pytest.mark.promise(28)
@pytest.mark.parametrize("misbehaviour", MISBEHAVIOUR)
def test_no_command_shows_a_traceback(misbehaviour: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever an API does ends in an error that says what happened, and in a code of the contract's."""
    with FakeApi(**{"script": ["DONE"], "rows": ROWS, **MISBEHAVIOUR[misbehaviour]}) as api:
        said = everything(capsys, tmp_path, api, "oauth2" if "token" in misbehaviour else "bearer")
    assert [] == [command for command, each in said if "Traceback" in each.all or "unexpected" in each.all]
    assert {0, 1, 77, 78} >= {each.code for _, each in said}


BROKEN = f"""
import tap_asyncreport.stream_run as room
def broken(*_, **__):
    raise KeyError("no " + {CANARY!r})
room.plan_lane = broken
"""


@pytest.mark.promise(28)
@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
@pytest.mark.parametrize("where", ["command", "tap"])
def test_a_fault_of_our_own_is_one_line(where: str, level: str, tmp_path: Path) -> None:
    """What nobody expected is one line and exit code 1; the traceback is for those who debug, without secrets."""
    path = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [SMALL]})
    environment = {"TAP_ASYNCREPORT_LOGLEVEL": level, "TAP_ASYNCREPORT_SECRETS_KEY": CANARY}
    done = WarmProcess(tmp_path, environment, changes=BROKEN).call(*(["plan"] if where == "command" else []), "--config", path)
    last = done.stderr.splitlines()[-1]
    assert 1 == done.exit_code
    assert last.startswith("unexpected KeyError: ") and "TAP_ASYNCREPORT_LOGLEVEL=DEBUG shows more" in last
    assert (level == "DEBUG") is ("Traceback" in done.stderr)
    assert [] == leaks(done.stdout + done.stderr)


# -- rendered errors, any secret

odd = st.text(min_size=6, max_size=30).filter(lambda text: len(text.strip()) >= 6 and "\0" not in text and "*" not in text)


def errors(secret: str) -> list[TapError]:
    """An error of every shape, with the secret wherever a text may stand."""
    said = f"before {secret} after"
    where = Where(stream="orders", job_id=said, request_line=said, request_id=said, partition=said, window=said)
    return [
        TapError(said, hint=said),
        StateError(said),
        ConfigurationError([Problem(said, "key", "file", 1, 2, said)]),
        ReportError(said, where=where, excerpt=said, hint=f"{'word ' * 16}{said} {'word ' * 16}"),
        JobError(said, where=where, excerpt=json.dumps({"a": said})),
        TemplateError(said, key="streams.orders.name", hint=said),
    ]


@pytest.mark.promise(26)
@settings(max_examples=80)
@given(odd)
def test_no_rendered_error_shows_a_secret(secret: str) -> None:
    """Line breaks, escapes and indents of the layout hide no secret from the redactor."""
    secret = secret.strip()
    telling = Telling()
    telling.redactor.add(secret)
    for error in errors(secret):
        text = telling.text(error)
        flat = " ".join(text.split())
        spelt = {secret, " ".join(secret.split()), json.dumps(secret)[1:-1], secret.encode("unicode_escape", "surrogatepass").decode()}
        assert [] == [each for each in spelt if len(each) > 5 and (each in text or each in flat)], text
        assert "***" in text
