"""Every definition that ships, traced and replayed: what a contributor attaches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commanding import run, written
from definition_cases import CASES, secrets_of
from definition_run import QUICK
from test_definitions import FOLDER


@pytest.mark.promise(26)
@pytest.mark.parametrize("name", CASES)
def test_a_recording_replays_and_holds_no_secret(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`trace --save`, then `test` without the API and without secrets: the same requests, rows and outcome."""
    case, file = CASES[name], tmp_path / "recording.json"
    with case.simulator(script=[case.running, case.done]) as api:
        settings = {**case.settings(api), "streams": [{"name": case.stream, "jobs": QUICK}]}
        traced = run(capsys, "trace", case.stream, "--config", written(tmp_path, settings), "--save", file)
        secrets = secrets_of(settings, api)
    assert 0 == traced.code, traced.all
    assert "a replay of it is not the same" not in traced.out, traced.out
    text = file.read_text()
    assert name == json.loads(text)["config"]["definition"]
    assert [] == [
        secret
        for secret in secrets
        for said in (text, traced.all)
        if secret in said or json.dumps(secret)[1:-1] in said
    ]
    tested = run(capsys, "test", file)
    said = [line for line in tested.err.splitlines() if "columns that are declared are not in the file" not in line]
    assert (0, []) == (tested.code, said)
    assert tested.out.endswith("all is as recorded\n")


def test_a_changed_definition_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which request, which part of it, the rows, and how it ends."""
    case, file = CASES["sendgrid_contacts"], tmp_path / "recording.json"
    with case.simulator(script=["ready"]) as api:
        settings = {**case.settings(api), "streams": [{"name": case.stream, "jobs": QUICK}]}
        assert 0 == run(capsys, "trace", case.stream, "--config", written(tmp_path, settings), "--save", file).code
    text = (FOLDER / "sendgrid_contacts.yaml").read_text(encoding="utf-8")
    for was, now in (
        ("max_file_size: 5000", "max_file_size: 100"),
        ("exports/{{ job.id }}", "exports/{{ job.id }}/status"),
        ("first_name: {type: string", "first_name: {type: integer"),
    ):
        assert was in text
        text = text.replace(was, now)
    (tmp_path / "mine.yaml").write_text(text)
    said = run(
        capsys, "test", file, "--config", written(tmp_path, {**settings, "definition": str(tmp_path / "mine.yaml")})
    )
    assert (1, "") == (said.code, said.err)
    assert DIFFERENCES == said.out.partition("\n\n")[2].replace(api.url, "API").replace(api.origin("files"), "FILES")


DIFFERENCES = """\
request 1  differs  POST API/v3/marketing/contacts/exports
    json.$.max_file_size
      recorded  5000
      now       100
request 2  differs  GET API/v3/marketing/contacts/exports/bb2314f1-b9ab-4876-ac48-000000000001/status
    url
      recorded  API/v3/marketing/contacts/exports/bb2314f1-b9ab-4876-ac48-000000000001
      now       API/v3/marketing/contacts/exports/bb2314f1-b9ab-4876-ac48-000000000001/status
request 3  ok       GET FILES/exports/1-1.csv.gzip?…1
rows       differs  0
    count
      recorded  3
      now       0
outcome    differs  failed: line 2, column 'first_name': 'ann' is not an integer
    ended
      recorded  finished
      now       failed: line 2, column 'first_name': 'ann' is not an integer

4 of 5 lines differ
"""


def test_an_override_of_the_users_is_recorded_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What lies over the definition goes along; what else stands in the file does not."""
    case, file = CASES["sendgrid_contacts"], tmp_path / "recording.json"
    column = {"town": {"type": "string", "source": "CITY"}}
    with case.simulator(script=["ready"]) as api:
        streams = [
            {"name": "contacts", "jobs": QUICK, "columns": column},
            {"name": "contacts_by_list", "jobs": {"timeout": "5m"}},
        ]
        settings = {**case.settings(api), "streams": streams, "vars": {"max_file_size": 7}}
        assert 0 == run(capsys, "trace", "contacts", "--config", written(tmp_path, settings), "--save", file).code
    recorded = json.loads(file.read_text())
    assert [streams[0]] == recorded["config"]["streams"]
    assert {"max_file_size": 7} == recorded["config"]["vars"]
    assert {'Åbo, "FI"'} == {row["town"] for row in recorded["rows"]["first"]}
    assert 0 == run(capsys, "test", file).code
    without = {**recorded["config"], "vars": {}, "streams": [{"name": "contacts", "jobs": QUICK}]}
    said = run(capsys, "test", file, "--config", written(tmp_path, without, "without.json"))
    assert 1 == said.code
    assert "    json.$.max_file_size\n      recorded  7\n      now       5000\n" in said.out
    assert '    row 1, town\n      recorded  "Åbo, \\"FI\\""\n      now       (none)\n' in said.out
