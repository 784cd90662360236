"""`trace`: one job with the real steps, every request and answer, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from commanding import Said, plain, run, written
from fake_api import FakeApi, Hang, Reply, Reset, json_reply
from test_sync import ROWS, config, stream

ROOT = Path(__file__).parent.parent
TOKEN = {"authenticator": {"type": "bearer", "token": "{{ secrets.token }}"}, "secrets": {"token": "secret-7"}}
ONE_DAY = {"start": "2026-01-01", "end": "2026-01-01", "step": "1d", "format": "date", "end_is": "inclusive"}
SMALL = {
    "name": "clicks",
    "incremental": ONE_DAY,
    "creation_requester": {"request": "POST /exports", "json": {"from": "{{ window.start }}", "to": "{{ window.end }}"}},
    "polling_requester": "GET /exports/{{ creation_response.id }}",
    "download_retriever": "GET {{ polling_response.url }}",
    "delete_requester": "DELETE /exports/{{ creation_response.id }}",
    "jobs": {"poll_interval": "50ms", "poll_backoff": 1},
}


def trace(capsys: pytest.CaptureFixture[str], path: Path, *arguments: Any) -> Said:
    return run(capsys, "trace", "clicks", "--config", path, *arguments)


def test_a_job_from_beginning_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each step with what its templates became, its request, the answer, what was found in it; then the first rows."""
    with FakeApi(["DONE"], rows=ROWS, token="secret-7") as api:
        said = trace(capsys, written(tmp_path, config(api, SMALL, **TOKEN)), "--limit", 1)
        assert ["create", "poll", "download", "delete"] == api.steps()
    golden = """\
clicks 2026-01-01 to 2026-01-02

creation_requester
  template  json.from: {{ window.start }} becomes 2026-01-01
  template  json.to: {{ window.end }} becomes 2026-01-01
  request   POST URL/exports
            Content-Type: application/json
            Authorization: Bearer $TAP_ASYNCREPORT_SECRETS_TOKEN
            {"from":"2026-01-01","to":"2026-01-01"}
  answer    202 after TIME, 15 B
            Content-Type: application/json
            {"id": "job-1"}
  found     job_id: $.id gives job-1
  job       job job-1 created

polling_requester
  template  request: /exports/{{ creation_response.id }} becomes /exports/job-1
  request   GET URL/exports/job-1
            Authorization: Bearer $TAP_ASYNCREPORT_SECRETS_TOKEN
  answer    200 after TIME, 102 B
            Content-Type: application/json
            {"id": "job-1", "percent": 100, "url": "URL/files/job-1/0", "rows": 2, "status": "DONE"}
  found     status.extractor: $.status gives DONE
  status    DONE
  job       job job-1 completed

download_retriever
  template  request: {{ polling_response.url }} becomes URL/files/job-1/0
  request   GET URL/files/job-1/0
            Authorization: Bearer $TAP_ASYNCREPORT_SECRETS_TOKEN
  answer    200 after TIME, 68 B
            Content-Type: text/csv
            date,campaign,clicks,cost
            2026-01-01,1,11,1.50
            2026-01-01,2,12,1.50

delete_requester
  template  request: /exports/{{ creation_response.id }} becomes /exports/job-1
  request   DELETE URL/exports/job-1
            Authorization: Bearer $TAP_ASYNCREPORT_SECRETS_TOKEN
  answer    204 after TIME, 0 B
  job       job job-1 deleted

rows
  {"date":"2026-01-01","campaign":"1","clicks":"11","cost":"1.50"}
  1 row, the first 1 of the file
next: tap-asyncreport columns clicks --config FILE --write proposes types for the columns
"""
    out = plain(said.out, URL=api.url, FILE=str(tmp_path / "config.json"))
    assert golden == re.sub(r"200 after TIME, 10\d B", "200 after TIME, 102 B", out)
    assert (0, "") == (said.code, said.err)


def test_curl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Requests to send again by hand: secrets are variables, and the shell makes of the rest what was sent."""
    spec = {"request": "POST /exports", "json": {"name": "it's \"$HOME\"", "from": "{{ window.start }}"}}
    with FakeApi(["DONE"], rows="a\n1\n", token="secret-7", presigned=True) as api:
        said = trace(capsys, written(tmp_path, config(api, {**SMALL, "creation_requester": spec}, **TOKEN)), "--curl")
    assert 0 == said.code
    golden = """\
  request   curl -X POST URL/exports \\
              -H 'Content-Type: application/json' \\
              -H 'Authorization: Bearer '"$TAP_ASYNCREPORT_SECRETS_TOKEN" \\
              --data-binary '{"name":"it'"'"'s \\"$HOME\\"","from":"2026-01-01"}'
"""
    out = plain(said.out, URL=api.url)
    assert golden in out
    assert re.search(r"request   curl 'http://127.0.0.1:PORT/files/job-1/0\?'\"\$HIDDEN_QUERY1\"\n", out)
    assert "secret-7" not in said.all
    command = golden.replace("  request   curl", "python3 -c 'import sys, json; print(json.dumps(sys.argv[1:]))'")
    shell = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"], "TAP_ASYNCREPORT_SECRETS_TOKEN": "secret-7"},
    )  # fmt: skip
    sent = json.loads(shell.stdout)
    assert "Authorization: Bearer secret-7" in sent
    assert {"name": 'it\'s "$HOME"', "from": "2026-01-01"} == json.loads(sent[-1])


@pytest.mark.parametrize(
    ("authenticator", "golden"),
    [
        ({"type": "basic", "username": "{{ secrets.user }}", "password": "{{ secrets.pass }}"},
         '-u "$TAP_ASYNCREPORT_SECRETS_USER":"$TAP_ASYNCREPORT_SECRETS_PASS"'),
        ({"type": "basic", "username": "{{ secrets.user }}", "password": "literal-5"},
         '-u "$TAP_ASYNCREPORT_SECRETS_USER":"$TOKEN"'),
        ({"type": "api_key", "in": "header", "name": "X-Key", "value": "{{ secrets.user }}"},
         "-H 'X-Key: '\"$TAP_ASYNCREPORT_SECRETS_USER\""),
        ({"type": "api_key", "in": "query", "name": "key", "value": "{{ secrets.pass }}"},
         "exports?key='\"$TAP_ASYNCREPORT_SECRETS_PASS\""),
        ({"type": "bearer", "token": "literal-token"}, "-H 'Authorization: Bearer '\"$TOKEN\""),
        ({"type": "oauth2", "token_url": "/oauth/token", "client_id": "me", "client_secret": "{{ secrets.pass }}"},
         "-H 'Authorization: Bearer '\"$TOKEN\""),
    ],
)  # fmt: skip
def test_secrets_by_name(
    authenticator: dict[str, Any], golden: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which secret went where is told, and none is shown."""
    secrets = {"user": "user-12345", "pass": "p@ss w0rd/+"}
    with FakeApi(["DONE"], rows=ROWS) as api:
        path = written(tmp_path, config(api, SMALL, authenticator=authenticator, secrets=secrets))
        said = trace(capsys, path, "--curl")
    assert golden in said.out
    assert [] == [word for word in ("user-12345", "p@ss", "p%40ss", "literal", "fake-token") if word in said.all]


def test_the_wait_and_what_is_new(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every poll is shown; what a template or an extractor gave, and headers, only when they are new."""
    slow = {**SMALL, "jobs": {"poll_interval": "400ms", "poll_backoff": 1}}
    with FakeApi(["RUNNING", "RUNNING", "DONE"], rows=ROWS) as api:
        said = trace(capsys, written(tmp_path, config(api, slow)))
    polls = said.out.split("polling_requester\n")[1].split("download_retriever")[0]
    assert 3 == polls.count("request   GET")
    assert 1 == polls.count("template  request")
    assert ["RUNNING", "DONE"] == re.findall(r"status.extractor: \$.status gives (\w+)", polls)
    assert ["RUNNING", "RUNNING", "DONE"] == re.findall(r"  status    (\w+)", polls)
    assert 2 == polls.count("  wait      0.4 s\n")


# -- which window, which partition


@pytest.mark.parametrize(
    ("window", "asked"),
    [
        (None, "2026-01-01"), ("1", "2026-01-01"), ("3", "2026-01-03"), ("-1", "2026-01-03"), ("-3", "2026-01-01"),
        ("2026-01-02", "2026-01-02"), ("20260102", "2026-01-02"), ("2026-01-02T23:59:59Z", "2026-01-02"),
    ],
)  # fmt: skip
def test_the_window_is_chosen(window: str | None, asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By number from either end, by a day or an instant in it; the first by default."""
    with FakeApi(["DONE"], rows=ROWS) as api:
        arguments = ["--window", window] if window else []
        said = trace(capsys, written(tmp_path, config(api, stream())), *arguments)
        assert [{"stream": "clicks", "from": asked, "to": asked}] == api.specs()
    assert 0 == said.code, said.all


@pytest.mark.parametrize("window", ["0", "4", "-4", "2026-02-01", "soon"])
def test_a_window_that_is_not_there(window: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi() as api:
        said = trace(capsys, written(tmp_path, config(api, stream())), "--window", window)
        assert [] == api.log
    assert 78 == said.code
    assert re.search("has no window|neither a number nor a date", said.err)
    assert "  try         " in said.err


def partitioned(**dimension: Any) -> dict[str, Any]:
    creation = {"request": "POST /exports", "json": {"account": "{{ partition.account }}"}}
    return {**SMALL, "partitions": [{"name": "account", **dimension}], "creation_requester": creation}


@pytest.mark.parametrize(("chosen", "asked"), [([], 7), (["--partition", "account=8"], 8)])
def test_the_partition_is_chosen(
    chosen: list[str], asked: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first by default; a value that is named stays a number where it is one."""
    with FakeApi(["DONE"], rows=ROWS) as api:
        said = trace(capsys, written(tmp_path, config(api, partitioned(values=[7, 8]))), *chosen)
        assert [{"account": asked}] == api.specs()
    assert said.out.startswith(f"clicks account={asked} 2026-01-01 to 2026-01-02\n")


def test_partitions_are_listed_once_and_the_first_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accounts = {"other": lambda api, request: json_reply([{"id": "a-1"}, {"id": "a-2"}])}
    with FakeApi(["DONE"], rows=ROWS, hooks=accounts) as api:
        path = written(tmp_path, config(api, partitioned(request="GET /accounts", value="$.id")))
        said = trace(capsys, path)
        assert [{"account": "a-1"}] == api.specs()
        named = trace(capsys, path, "--partition", "account=a-9")
        assert {"account": "a-9"} == api.specs()[-1]
    assert 1 == said.out.count("\npartitions\n")
    assert "\npartitions\n" not in named.out


@pytest.mark.parametrize(
    ("dimension", "arguments", "words"),
    [
        ({"values": [7]}, ["--partition", "acount=7"], "has no partition 'acount'"),
        ({"values": [7]}, ["--partition", "account=9"], "its values are 7"),
        ({"values": []}, [], "a dimension has no values"),
        ({"stream": "accounts", "key": "id"}, [], "--partition account=VALUE"),
    ],
)
def test_a_partition_that_is_not_there(
    dimension: dict[str, Any], arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = {**SMALL, "name": "accounts", "columns": {"id": "string"}}
    with FakeApi() as api:
        said = trace(capsys, written(tmp_path, config(api, partitioned(**dimension), accounts)), *arguments)
        assert [] == api.log
    assert (78, True) == (said.code, words in said.err), said.err


def test_the_only_stream_need_not_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi(["DONE"], rows=ROWS) as api:
        assert 0 == run(capsys, "trace", "--config", written(tmp_path, config(api, SMALL))).code
        both = written(tmp_path, config(api, SMALL, {**SMALL, "name": "views"}))
        said = run(capsys, "trace", "--config", both)
        assert "several streams are configured\n  try         name one of clicks, views\n" == said.err
        said = run(capsys, "trace", "cliks", "--config", both)
        assert "there is no stream 'cliks'\n  try         did you mean `clicks`?; the streams are clicks, views\n" == said.err


def test_a_state_says_where_to_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a state the first window is the next one; that it has a job there already is told."""
    job = {"id": "job-9", "window": ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]}
    bookmark = {"replication_key_value": "2026-01-01", "until": "2026-01-02T00:00:00Z", "jobs": [job]}
    (tmp_path / "state.json").write_text(json.dumps({"bookmarks": {"clicks": bookmark}}))
    with FakeApi(["DONE"], rows=ROWS) as api:
        said = trace(capsys, written(tmp_path, config(api, stream())), "--state", tmp_path / "state.json")
        assert ["2026-01-02"] == [spec["from"] for spec in api.specs()]
    assert "the state has job job-9 for this window; the one made here is another" in said.out


# -- when something goes wrong


ABORTS = {**SMALL, "abort_requester": "POST /exports/{{ creation_response.id }}/abort"}
WRONG: list[tuple[dict[str, Any], dict[str, Any], str, list[str]]] = [
    ({"script": ["FAILED"]}, {}, "the job failed: its status is 'FAILED'", ["create", "poll", "abort", "delete"]),
    ({"script": ["ODD"]}, {}, "the status 'ODD' is not known", ["create", "poll", "abort", "delete"]),
    ({"faults": {("create", "*"): Reply(400, "no such report")}}, {}, "the API answered 400", ["create"]),
    ({"faults": {("create", "*"): Reset()}}, {}, "the job may exist", ["create"]),
    ({"faults": {("poll", "*"): Reply(404)}}, {}, "the API answered 404", ["create", "poll", "delete"]),
    ({"faults": {("download", "*"): Reply(500)}}, {"download_retriever": {"request": "GET {{ polling_response.url }}",
      "retry": {"max_tries": 2, "wait": "10ms"}}}, "downloading: the API answered 500",
     ["create", "poll", "download", "download", "delete"]),
    ({"rows": "<html>busy</html>"}, {"columns": {"date": "date"}}, "busy", ["create", "poll", "download", "delete"]),
    ({"rows": "date,clicks\n2026-01-01,many\n"}, {"columns": {"date": "date", "clicks": "integer"}},
     "column 'clicks': 'many' is not an integer", ["create", "poll", "download", "delete"]),
    ({"script": ["RUNNING"]}, {"jobs": {"timeout": "100ms", "poll_interval": "30ms"}}, "not completed within jobs.timeout",
     ["create", "poll", "abort", "delete"]),
]  # fmt: skip


@pytest.mark.parametrize(("api_options", "changes", "words", "steps"), WRONG)
def test_whatever_goes_wrong_is_told_and_nothing_is_left(
    api_options: dict[str, Any],
    changes: dict[str, Any],
    words: str,
    steps: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One attempt; the error says what happened and where, on stderr; the job is aborted and deleted."""
    with FakeApi(**{"script": ["DONE"], "rows": ROWS, **api_options}) as api:
        said = trace(capsys, written(tmp_path, config(api, {**ABORTS, **changes})))
        assert steps == list(dict.fromkeys(api.steps())) if len(set(steps)) == len(steps) else steps == api.steps()
    assert 1 == said.code
    assert words in said.err
    assert said.err.startswith("clicks: ")
    assert "Traceback" not in said.all


def test_a_job_that_cannot_be_ended_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without abort and delete nothing can be done about a failed job; it is said which it is."""
    bare = {key: value for key, value in SMALL.items() if key != "delete_requester"}
    with FakeApi(["RUNNING"]) as api:
        path = written(tmp_path, config(api, {**bare, "jobs": {"timeout": "50ms", "poll_interval": "30ms"}}))
        said = trace(capsys, path)
    assert 1 == said.code
    assert "job job-1 is left at the API: the stream has no `abort_requester` and no `delete_requester`" in said.out


def test_a_refused_login_is_77(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi(token="another") as api:
        said = trace(capsys, written(tmp_path, config(api, SMALL, **TOKEN)))
    assert 77 == said.code
    assert "the API refused the credentials (401)" in said.err


def test_a_window_that_is_too_large_is_gone_on_with_by_half(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse = {"create": lambda api, request: Reply(400, "too much") if len(api.calls("create")) == 1 else None}
    week = {**SMALL, "incremental": {**ONE_DAY, "end": "2026-01-08", "step": "8d"}}
    week["creation_requester"] = {**SMALL["creation_requester"], "responses": [{"status": 400, "means": "too_large"}]}
    with FakeApi(["DONE"], rows=ROWS, hooks=refuse) as api:
        said = trace(capsys, written(tmp_path, config(api, week)))
        assert [("2026-01-01", "2026-01-08"), ("2026-01-01", "2026-01-04")] == [(s["from"], s["to"]) for s in api.specs()]
    assert 0 == said.code, said.all
    assert "the window is too large: its first half is gone on with" in said.out


def test_of_a_chain_of_jobs_the_first_is_traced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = {"type": "cursor", "extractor": "$.next", "into": {"json": "after"}}
    chained = {**SMALL, "creation_requester": {**SMALL["creation_requester"], "paginator": page}}
    with FakeApi([{"status": "DONE", "next": "c-2"}], rows=ROWS) as api:
        said = trace(capsys, written(tmp_path, config(api, chained)))
        assert 1 == len(api.calls("create"))
    assert (0, True) == (said.code, 'a run would go on with another job of this window, at "c-2"' in said.out), said.all


def test_no_rows_and_right_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi(["NO_DATA"]) as api:
        path = written(tmp_path, config(api, {**SMALL, "status": {"mapping": {"skipped": ["NO_DATA"]}}}))
        said = trace(capsys, path)
    assert (0, True) == (said.code, "rows: none, and that is right so\n" in said.out), said.all


# -- interrupted


def interrupted(path: Path, api: FakeApi, step: str, number: int, times: int = 1) -> subprocess.CompletedProcess[str]:
    """A trace in a process of its own that gets the signal once it has made a call of that step."""
    command = [sys.executable, "-m", "tap_asyncreport", "trace", "clicks", "--config", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:

        def send() -> None:
            while not api.calls(step) and process.poll() is None:
                time.sleep(0.01)
            for _ in range(times):
                process.send_signal(number)
                time.sleep(0.05)

        threading.Thread(target=send, daemon=True).start()
        out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.parametrize(("number", "code", "times"), [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 3)])
def test_ctrl_c_aborts_and_deletes(number: int, code: int, times: int, tmp_path: Path) -> None:
    """The first signal ends it in order, and further ones change nothing."""
    with FakeApi(["RUNNING"]) as api:
        done = interrupted(written(tmp_path, config(api, ABORTS)), api, "poll", number, times)
        assert ["abort", "delete"] == api.steps()[-2:]
        assert [] == api.left()
    assert code == done.returncode, done.stderr
    assert f"stopped by {signal.Signals(number).name}\n" == done.stderr
    assert "job job-1 aborted\n" in done.stdout


def test_ctrl_c_while_the_api_hangs(tmp_path: Path) -> None:
    """A poll that hangs is not waited for; the job is ended all the same."""
    with FakeApi(["RUNNING"], faults={("poll", "*"): Hang()}) as api:
        began = time.monotonic()
        done = interrupted(written(tmp_path, config(api, ABORTS)), api, "poll", signal.SIGINT)
        assert [] == api.left()
        assert time.monotonic() - began < 12
    assert 130 == done.returncode, done.stderr


def test_quoting_is_the_shells() -> None:
    from tap_asyncreport.commands.curl import quoted

    assert ["a b", "it's", "$HOME `x` \\ \"q\""] == shlex.split(" ".join(map(quoted, ["a b", "it's", "$HOME `x` \\ \"q\""])))
    assert '\'a \'"$TOKEN"\' b\'' == quoted("a *** b")
