"""Everything at DEBUG, with secrets of every odd shape at once, against APIs that repeat them wherever they can.

Searched are logs, errors, traces, recordings, states, run pages and tracebacks. What is not searched are RECORD messages,
and the rows that commands print: rows are the API's data, and leave as they came.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from canaries import FORMS, SECRETS, leaked
from commanding import run, written
from fake_api import FakeApi, Reply, json_reply
from test_commands_trace import SMALL
from test_sync import config
from warm import WarmProcess

FETCHED = {
    "access": "acc3ss-t0ken/9aZ+kq==", "refresh": "r3fresh-0ld%41&x", "rotated": 'r0tated "nww" t0k3n-7',
    "id": "eyJhbGciOi.JJ99canary.x7Yq0", "cookie": "sess10n-c00kie-1a2b-99xx",
}  # fmt: skip
ALL = {**{name: secret.strip() for name, secret in SECRETS.items()}, **FETCHED}
DAY = "date,key\n2026-01-01,1\n"


def repeated() -> str:
    """What an API says that repeats what it was sent, each secret in some of the forms."""
    spelt = [spell(ALL[name]) for at, name in enumerate(SECRETS) for spell in list(FORMS.values())[at % 7 :: 20] if name not in ("PEM", "long")]
    return " ;; ".join(["you sent", *spelt, ALL["PEM"][:200] + "…", ALL["long"][:300] + "..."])


def in_header(name: str) -> str:
    return ALL[name].encode().decode("latin-1")


HEADERS = {
    "X-Url": in_header("url"), "X-Astral": quote(ALL["astral"]), "X-Unicode": in_header("unicode"),
    "Set-Cookie": f"sid={FETCHED['cookie']}; Path=/; HttpOnly", "WWW-Authenticate": f'Bearer error="{in_header("quotes")}"',
    "Link": f'<https://other.example/p?k={quote(ALL["json"])}>; rel="next"',
}  # fmt: skip
LINK = f"http://127.0.0.1:9/{quote(ALL['html'], safe='')}/{ALL['number']}?X-Signature={FETCHED['cookie']}"
STREAM = {
    **SMALL,
    "creation_requester": {
        "request": "POST /exports",
        "params": {"url": "{{ secrets.url }}", "json": "{{ secrets.json }}"},
        "headers": {"X-Key": "{{ secrets.unicode | urlencode }}", "X-Quotes": "{{ secrets.quotes | b64 }}"},
        "json": {"from": "{{ window.start }}", "all": "{{ secrets }}"},
        "retry": {"wait": "10ms", "max_tries": 2},
    },
    "polling_requester": {"request": "GET /exports/{{ creation_response.id }}", "params": {"k": "{{ secrets.percents }}"}},
    "download_retriever": {"request": "GET {{ polling_response.url }}", "retry": {"wait": "10ms", "max_tries": 2}},
    "abort_requester": "POST /exports/{{ creation_response.id }}/abort",
    "status": {"message": "$.reason"},
    "jobs": {"poll_interval": "20ms", "poll_backoff": 1, "max_attempts": 1, "creation_max_tries": 2},
}  # fmt: skip
LOGIN = {
    "type": "oauth2", "grant": "refresh_token", "token_url": "/oauth/token", "client_id": "me", "client_auth": "basic",
    "client_secret": "{{ secrets.astral }}", "refresh_token": FETCHED["refresh"],
}  # fmt: skip


def token(api: FakeApi, request: Any) -> Reply:
    body = {"access_token": FETCHED["access"], "refresh_token": FETCHED["rotated"], "id_token": FETCHED["id"], "expires_in": 3600}
    return json_reply(body, headers={"Set-Cookie": HEADERS["Set-Cookie"]})


def refused(step: str, status: int) -> dict[str, Any]:
    return {"faults": {(step, "*"): Reply(status, json.dumps({"error": repeated(), "id": "job-1"}), headers=HEADERS)}}


APIS: dict[str, dict[str, Any]] = {
    "does well": {},
    "rejects the creation": refused("create", 400),
    "is down": refused("create", 500),
    "rejects the poll": refused("poll", 418),
    "rejects the login": refused("token", 400),
    "names the token oddly": {"hooks": {"token": lambda api, request: json_reply({"acess": FETCHED["access"]})}},
    "fails the job": {"script": [{"status": "FAILED", "reason": repeated()}]},
    "gives a link full of them": {"script": [{"status": "DONE", "url": LINK}]},
    "redirects": {"faults": {("download", "*"): Reply(302, "", headers={"Location": LINK})}},
    "sends odd rows": {"rows": DAY + '2026-99-99,"{}"\n'.format(ALL["quotes"].replace('"', '""')), "columns": {"date": "date"}},
    "sends a row too long": {"rows": DAY + f"2026-01-01,{ALL['number']},{ALL['short']},{ALL['base64-ish']}\n"},
}  # fmt: skip


def everything(directory: Path, api: FakeApi, stream: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What a sync, a trace and a check leave behind, by the name of the output."""
    top = {"secrets": SECRETS, "authenticator": LOGIN, "run_report": str(directory / "page.html")}
    path = written(directory, config(api, stream, **top))
    environment = {"TAP_ASYNCREPORT_LOGLEVEL": "DEBUG"}
    ran = WarmProcess(directory, environment).run(config(api, stream, **top))
    found = {"log": ran.stderr, "messages": b"\n".join(line for line in ran.lines if b'"RECORD"' not in line).decode()}
    for command in (["trace", "--limit", "0", "--save", directory / "saved.json"], ["trace", "--limit", "0", "--curl"], ["check", "--json"]):
        found[str(command[:4])] = run(capsys, *command, "--config", path).all
    return {**found, **{name.name: name.read_text() for name in directory.glob("[ps]a*.*")}}


@pytest.mark.promise(26)
@pytest.mark.parametrize("does", APIS)
def test_no_output_holds_a_secret_whatever_the_api_does(
    does: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAP_ASYNCREPORT_LOGLEVEL", "DEBUG")
    options = {"script": ["DONE"], "rows": DAY, "hooks": {"token": token}, **APIS[does]}
    columns = options.pop("columns", None)
    with FakeApi(**options) as api:
        found = everything(tmp_path, api, {**STREAM, **({"columns": columns} if columns else {})}, capsys)
    assert {"page.html", "page.json"} <= set(found)
    assert {} == {name: shown for name, text in found.items() if (shown := leaked(text, ALL))}


RICH = """
version: 1
disable_existing_loggers: false
formatters: {structured: {(): singer_sdk.logging.StructuredFormatter}}
handlers:
  lines: {class: logging.StreamHandler, stream: ext://sys.stderr, formatter: structured}
  rich: {class: rich.logging.RichHandler, rich_tracebacks: true, tracebacks_show_locals: true}
  later: {class: logging.handlers.MemoryHandler, capacity: 1000, target: lines}
root: {level: DEBUG, handlers: [lines, rich, later]}
"""
BROKEN = """
import tap_asyncreport.stream_run as room
from tap_asyncreport.run import logger
def broken(work, *_, **__):
    held = work.run.settings.secrets if hasattr(work, "run") else {}
    try:
        raise ValueError("first " + repr(SECRETS))
    except ValueError as error:
        try:
            raise KeyError(*SECRETS.values()) from error
        except KeyError:
            logger.exception("it broke with %s", SECRETS, extra={"held": SECRETS})
            raise
room.StreamRun.plan_lane = broken
"""


@pytest.mark.promise(26)
@pytest.mark.parametrize("logging", ["plain", "configured"])
def test_a_fault_of_our_own_shows_no_secret_in_any_log(logging: str, tmp_path: Path) -> None:
    """Chained exceptions, structured lines, rich's tracebacks with their variables, and handlers that write later."""
    environment = {"TAP_ASYNCREPORT_LOGLEVEL": "DEBUG"}
    if logging == "configured":
        (tmp_path / "logging.yaml").write_text(RICH)
        environment["SINGER_SDK_LOG_CONFIG"] = str(tmp_path / "logging.yaml")
    changes = f"SECRETS = {ALL!r}\n{BROKEN}"
    top = {"base_url": "http://127.0.0.1:9", "streams": [STREAM], "secrets": ALL}
    ran = WarmProcess(tmp_path, environment, changes=changes).run(top)
    said = ran.stderr + b"\n".join(ran.lines).decode()
    assert 1 == ran.exit_code
    assert "unexpected KeyError" in said
    assert "it broke with" in said
    assert {} == leaked(re.sub(r'(File|"line":).*', "", said), ALL)
