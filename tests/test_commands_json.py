"""What machines read of the commands: JSON and nothing else on standard output, whatever goes wrong, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commanding import run, written
from fake_api import FakeApi, Reply
from test_commands_trace import SMALL
from test_sync import ROWS, config

BEARER = {"type": "oauth2", "token_url": "/oauth/token", "client_id": "me", "client_secret": "x-y-z-secret"}
WRONG: dict[str, tuple[int, dict[str, Any]]] = {
    "well": (0, {}),
    "no configuration": (78, {"configs": []}),
    "no such file": (78, {"configs": ["nosuch.yaml"]}),
    "not JSON": (78, {"text": '{"base_url": '}),
    "not UTF-8": (78, {"text": "\udcff"}),
    "faults": (78, {"top": {"base_ur": 1, "max_concurrent_jobs": "four"}}),
    "a template that fails": (78, {"top": {"headers": {"A": "{{ 1 / 0 }}", "B": "{{ vars.nothing }}"}}}),
    "a state that is none": (78, {"state": "{]"}),
    "a bookmark that cannot be read": (78, {"state": '{"bookmarks": {"clicks": {"until": "soon"}}}'}),
    "a state file that is not there": (78, {"state": None}),
    "a login that is refused": (77, {"top": {"authenticator": BEARER}, "token": Reply(401, '{"error": "bad \\u001b[31m client"}')}),
}


@pytest.mark.promise(28)
@pytest.mark.parametrize("what", WRONG)
def test_check_prints_json_whatever_is_wrong(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, how = WRONG[what]
    with FakeApi(["DONE"], rows=ROWS, faults={("token", "*"): how["token"]} if "token" in how else {}) as api:
        path = written(tmp_path, config(api, SMALL, **how.get("top", {})))
        if "text" in how:
            path.write_text(how["text"], errors="surrogateescape")
        words = [word for name in how.get("configs", [path]) for word in ("--config", name)]
        if "state" in how:
            state = tmp_path / "state.json"
            _ = state.write_text(how["state"]) if how["state"] is not None else None
            words += ["--state", state]
        said = run(capsys, "check", "--json", *words)
    found = json.loads(said.out)
    assert (code, code, code == 0) == (said.code, found["exit_code"], found["ok"])
    told = [problem["message"] for stage in found["stages"] for problem in stage["problems"]]
    assert (code == 0) is (told == [])
    assert ["keys", "templates", "secrets", "windows", "login"] == [stage["stage"] for stage in found["stages"]]
    assert ("Traceback", False) == ("Traceback", "Traceback" in said.err)


@pytest.mark.parametrize("command", [["plan"], ["plan", "--only", "clicks"], ["schema"], ["state", "merge", "state.json"], ["state", "merge", "nosuch.json"], ["plan", "--only", "a b c"]])
def test_what_is_json_elsewhere_is_json_alone(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line each, or one document; nothing at all where it cannot be done."""
    monkeypatch.chdir(tmp_path)
    Path("state.json").write_text('{"bookmarks": {}}')
    with FakeApi(["DONE"], rows=ROWS) as api:
        path = written(tmp_path, config(api, SMALL))
        said = run(capsys, *command, *(["--config", path] if command[0] == "plan" else []))
    documents = [said.out] if command[0] == "schema" else said.out.splitlines()
    assert (said.code == 0) is bool([json.loads(each) for each in documents if each])
    assert said.code in (0, 78)
