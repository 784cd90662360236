"""`trace --save` and `test`: a recording without secrets that replays without network, and says what differs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from commanding import Said, run, written
from fake_api import FakeApi, Reply, json_reply
from test_commands_trace import SMALL, TOKEN
from test_sync import ROWS, config, stream

COLUMNS = {"date": "date", "campaign": "integer", "clicks": "integer", "cost": "decimal"}


def recorded(
    capsys: pytest.CaptureFixture[str], directory: Path, settings: dict[str, Any], *arguments: Any, code: int = 0
) -> Path:
    """The file of a recording."""
    path = directory / "recording.json"
    said = run(capsys, "trace", "clicks", "--config", written(directory, settings), "--save", path, *arguments)
    assert code == said.code, said.all
    assert "a replay of it is not the same" not in said.out, said.out
    return path


def replayed(capsys: pytest.CaptureFixture[str], path: Path, directory: Path, **changes: Any) -> Said:
    """The report of a replay, through the recorded configuration, or through one that differs."""
    if not changes:
        return run(capsys, "test", path)
    settings = json.loads(path.read_text())["config"]
    settings["streams"][0] |= changes
    return run(capsys, "test", path, "--config", written(directory, settings, "changed.json"))


def test_a_recording_replays_without_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Requests, rows and outcome are the same, the API long gone."""
    with FakeApi(["RUNNING", "DONE"], rows=ROWS, token="secret-7", presigned=True) as api:
        path = recorded(capsys, tmp_path, config(api, {**SMALL, "columns": COLUMNS}, **TOKEN))
        url, files = api.url, api.files_url
    said = replayed(capsys, path, tmp_path)
    golden = f"""\
request 1  ok  POST {url}/exports
request 2  ok  GET {url}/exports/job-1
request 3  ok  GET {url}/exports/job-1
request 4  ok  GET {files}/files/job-1/0?…1
request 5  ok  DELETE {url}/exports/job-1
rows       ok  2
outcome    ok  finished

all is as recorded
"""
    assert golden == said.out.partition("\n\n")[2]
    assert (0, "") == (said.code, said.err)


def test_a_recording_holds_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the configuration's secrets nor links' signatures; their kinds are kept, for stand-ins."""
    with FakeApi(["DONE"], rows=ROWS, token="secret-7", presigned=True) as api:
        path = recorded(capsys, tmp_path, config(api, SMALL, **TOKEN))
    text = path.read_text()
    assert "secret-7" not in text
    assert "signature" not in text and "sig=" not in text
    found = json.loads(text)
    assert {"token": "text"} == found["secrets"]
    assert "secrets" not in found["config"]
    assert {"count": 2} == {"count": found["rows"]["count"]}


CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"creation_requester": {"request": "POST /exports", "json": {"from": "{{ window.start }}", "until": "x"}}},
     ["json.$.to\n      recorded  2026-01-01\n      now       (none)", "json.$.until\n      recorded  (none)\n      now       x"]),
    ({"creation_requester": {"request": "PUT /exports", "json": {"from": "{{ window.start }}", "to": "{{ window.end }}"}}},
     ["method\n      recorded  POST\n      now       PUT"]),
    ({"polling_requester": {"request": "GET /exports/{{ creation_response.id }}", "params": {"full": 1}}},
     ["params.full\n      recorded  (none)\n      now       1"]),
    ({"polling_requester": {"request": "GET /exports/{{ creation_response.id }}", "headers": {"X-Version": "2"}}},
     ["headers.x-version\n      recorded  (none)\n      now       2"]),
    ({"polling_requester": "GET /export/{{ creation_response.id }}"}, ["url\n      recorded  URL/exports/job-1\n      now       URL/export/job-1"]),
    ({"delete_requester": None}, ["recorded 4  differs  DELETE URL/exports/job-1\n    was not made (delete_requester)"]),
    ({"abort_requester": "POST /x", "status": {"mapping": {"failed": ["DONE"]}}},
     ["POST URL/x\n    is not in the recording (abort_requester)", "GET URL/files/job-1/0\n    was not made (download_retriever)",
      "ended\n      recorded  finished\n      now       failed: the job failed: its status is 'DONE'"]),
    ({"columns": {**COLUMNS, "clicks": "string"}}, ['row 1, clicks\n      recorded  11\n      now       "11"']),
    ({"columns": {**COLUMNS, "clicks": "date"}}, ["count\n      recorded  2\n      now       0", "now       failed: "]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "lines"), CHANGES)
def test_what_differs_is_told(
    changes: dict[str, Any], lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through a configuration that does something else: which request, which part of it, rows, outcome; exit code 1."""
    with FakeApi(["DONE"], rows=ROWS) as api:
        path = recorded(capsys, tmp_path, config(api, {**SMALL, "columns": COLUMNS}))
        url = api.url
    said = replayed(capsys, path, tmp_path, **changes)
    assert 1 == said.code, said.all
    out = said.out.replace(url, "URL")
    assert [] == [line for line in lines if line not in out], out
    assert "lines differ\n" in said.out


def test_waits_of_hours_pass_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A replay waits for nothing, whatever the configuration says."""
    with FakeApi(["RUNNING", "DONE"], rows=ROWS) as api:
        path = recorded(capsys, tmp_path, config(api, SMALL))
    slow = {"poll_interval": "1h", "poll_interval_max": "1h", "initial_delay": "30m", "timeout": "9h"}
    assert 0 == replayed(capsys, path, tmp_path, jobs=slow).code


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ({"script": ["FAILED"]}, {}),
        ({"script": ["DONE"], "faults": {("poll", 1): Reply(503), ("download", 1): Reply(500)}}, {}),
        ({"script": ["NO_DATA"]}, {"status": {"mapping": {"skipped": ["NO_DATA"]}}}),
        ({"script": ["DONE"], "parts": 3, "page_size": 2, "presigned": True},
         {"download_target_requester": {"request": "GET /exports/{{ creation_response.id }}/files",
                                        "paginator": {"type": "next_url", "extractor": "$.next"}},
          "download_target_extractor": "$.files[*].url", "download_retriever": "GET {{ download_target }}"}),
        ({"script": ["DONE"], "gzip": True}, {}),
        ({"script": ["DONE"]}, {"creation_requester": {
            "request": "POST /exports", "idempotency_header": "Idempotency-Key",
            "json": {"from": "{{ window.start }}", "to": "{{ window.end }}", "key": "{{ uuid() }}", "at": "{{ now | iso }}"}}}),
    ],
)  # fmt: skip
def test_every_kind_of_ending_replays(
    options: dict[str, Any], changes: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Failure, trouble on the way, emptiness, several links, packed files, made-up values."""
    with FakeApi(**{"rows": ROWS, **options}) as api:
        path = recorded(capsys, tmp_path, config(api, {**SMALL, **changes}), code=options["script"] == ["FAILED"])
    said = replayed(capsys, path, tmp_path)
    assert 0 == said.code, said.all


LOGINS: list[dict[str, Any]] = [
    {"type": "oauth2", "token_url": "/oauth/token", "client_id": "{{ secrets.id }}", "client_secret": "{{ secrets.key }}"},
    {"type": "basic", "username": "{{ secrets.id }}", "password": "{{ secrets.key }}"},
    {"type": "api_key", "in": "query", "name": "key", "value": "{{ secrets.key }}"},
    {"type": "aws_sigv4", "access_key": "{{ secrets.id }}", "secret_key": "{{ secrets.key }}", "region": "eu", "service": "x"},
    {"type": "session", "login": {"request": "POST /oauth/token", "json": {"key": "{{ secrets.key }}"}}, "token": "$.access_token"},
]  # fmt: skip


@pytest.mark.parametrize("authenticator", LOGINS, ids=lambda each: each["type"])
def test_logins_replay_with_stand_ins(
    authenticator: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever has the recording needs none of the secrets."""
    secrets = {"id": "id-12345678", "key": "key+/87654321"}
    with FakeApi(["DONE"], rows=ROWS) as api:
        path = recorded(capsys, tmp_path, config(api, SMALL, authenticator=authenticator, secrets=secrets))
    text = path.read_text()
    assert [] == [word for word in ("id-12345678", "key+/", "key%2B", "fake-token") if word in text]
    said = replayed(capsys, path, tmp_path)
    assert 0 == said.code, said.all


def test_a_key_replays_with_a_fresh_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tap_asyncreport.http.stand_ins import kind_of, private_key, stand_in

    for kind, algorithm in (("RSA key", "RS256"), ("EC key", "ES256")):
        login = {"type": "jwt", "algorithm": algorithm, "key": "{{ secrets.key }}", "claims": {"iss": "me"}}
        with FakeApi(["DONE"], rows=ROWS) as api:
            settings = config(api, SMALL, authenticator=login, secrets={"key": private_key(kind)})
            path = recorded(capsys, tmp_path, settings)
        assert {"key": kind} == json.loads(path.read_text())["secrets"]
        assert "PRIVATE" not in path.read_text()
        assert 0 == replayed(capsys, path, tmp_path).code
    google = {"type": "service_account", "private_key": "x", "client_email": "y"}
    assert ["google key", "google key as text", {"a": "text"}] == [kind_of(each) for each in (google, json.dumps(google), {"a": "b"})]
    assert "service_account" == json.loads(stand_in("g", "google key as text"))["type"]


def test_partitions_are_listed_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accounts = {"other": lambda api, request: json_reply([{"id": 11}, {"id": 12}])}
    creation = {"request": "POST /exports", "json": {"account": "{{ partition.account }}", "from": "2026-01-01", "to": "2026-01-01"}}
    dimension = {"name": "account", "request": "GET /accounts", "value": "$.id"}
    with FakeApi(["DONE"], rows=ROWS, hooks=accounts) as api:
        path = recorded(capsys, tmp_path, config(api, {**SMALL, "creation_requester": creation, "partitions": [dimension]}))
    assert 0 == replayed(capsys, path, tmp_path).code
    said = replayed(capsys, path, tmp_path, partitions=[{**dimension, "value": "$.name"}])
    assert 1 == said.code
    assert "cannot be listed: listing the partitions: none of the 2 records holds anything at $.name" in said.out


def test_a_secret_that_is_a_number_leaves_json_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An account's number among the secrets is hidden in answers, which stay JSON."""
    script = [{"status": "DONE", "account": 987654321}]
    creation = {"request": "POST /exports", "json": {"from": "2026-01-01", "to": "2026-01-01", "id": "{{ secrets.account }}"}}
    with FakeApi(script, rows=ROWS) as api:
        path = recorded(capsys, tmp_path, config(api, {**SMALL, "creation_requester": creation}, secrets={"account": 987654321}))
    assert "987654321" not in path.read_text()
    assert 0 == replayed(capsys, path, tmp_path).code


def test_of_a_large_file_the_beginning_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of more than 1 MiB is not recorded whole: requests are compared, rows are not, and that is said."""
    rows = "a,b\n" + "".join(f"{number},{'x' * 40}\n" for number in range(40_000))
    with FakeApi(["DONE"], rows=rows) as api:
        path = tmp_path / "large.json"
        said = run(capsys, "trace", "--config", written(tmp_path, config(api, SMALL)), "--save", path)
    assert 0 == said.code
    assert path.stat().st_size < 1_500_000
    said = run(capsys, "test", path)
    assert 0 == said.code, said.out
    assert 2 == said.out.count("not compared: the recording has only the beginning of a file")


def test_what_is_packed_and_holds_a_secret_is_withheld(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A packed file cannot be redacted without breaking it, so it is left out."""
    rows = gzip.compress(b"a,b\n1,secret-7\n")
    with FakeApi(["DONE"], rows=rows, token="secret-7") as api:
        path = tmp_path / "packed.json"
        said = run(capsys, "trace", "--config", written(tmp_path, config(api, SMALL, **TOKEN)), "--save", path)
    assert 0 == said.code
    assert "secret-7" not in said.all
    (download,) = [each for each in json.loads(path.read_text())["exchanges"] if each["step"] == "download_retriever"]
    assert "body" not in download["answer"]


def test_a_definition_is_replayed_as_it_is_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a contributor attaches names the definition, so that a change of it shows."""
    path = tmp_path / "demo.json"
    settings = written(tmp_path, {"definition": "demo", "end_date": "2012-03-31"})
    assert 0 == run(capsys, "trace", "--config", settings, "--save", path).code
    found = json.loads(path.read_text())
    assert {"definition": "demo", "end_date": "2012-03-31"} == found["config"]
    assert "http://demo.invalid/v1/reports" == found["exchanges"][0]["url"]
    said = run(capsys, "test", path)
    assert 0 == said.code, said.out
    assert "rows       ok  31" in said.out


def test_a_recording_of_another_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi(["DONE"], rows=ROWS) as api:
        path = recorded(capsys, tmp_path, config(api, SMALL))
        other = written(tmp_path, config(api, stream("views")), "other.json")
    said = run(capsys, "test", path, "--config", other)
    assert 78 == said.code
    assert "the recording is of the stream 'clicks', which the configuration does not have" in said.err
