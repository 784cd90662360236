"""A new user with an API's documentation: what goes wrong at first says what to write, and each command leads to the next."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commanding import Said, plain, run, written
from fake_api import FakeApi, Hang, Reply, json_reply
from process import TAP
from test_sync import ROWS, config
from warm import WarmProcess

from tap_asyncreport.config.loading import load

KEY = "acme-s3cret-key"
FILE = """\
base_url: {url}
authenticator: {{type: api_key, in: header, name: X-Api-Key, value: "{{{{ secrets.api_key }}}}"}}
streams:
  - name: campaigns
    primary_keys: [Datum, Kampagne ID]
    creation_requester:
      request: POST /exports
      json: {{type: campaigns}}
    polling_requester: GET /exports/{{{{ creation_response.id }}}}
    download_retriever:
      request: GET {{{{ polling_response.url }}}}
      retry: {{max_tries: 2, wait: 50ms}}
    jobs: {{poll_interval: 50ms}}
"""
CSV = b"Datum;Kampagne ID;Kosten\r\n2026-01-01;0001;1.234,50\r\n2026-01-02;0002;17,25\r\n"


def acme(**more: Any) -> FakeApi:
    """An API whose answers lie within `data`, and whose words are its own."""

    def create(api: FakeApi, request: Any) -> Reply:
        if request.header("X-Api-Key") != KEY:
            return json_reply({"error": {"message": "invalid key"}}, 401)
        return json_reply({"data": {"reportId": api.new_job().id, "state": "IN_QUEUE"}}, 201)

    def poll(api: FakeApi, request: Any) -> Reply:
        job = api.jobs[request.job]
        job.end()
        return json_reply({"data": {"reportId": job.id, "state": "READY", "downloadUrl": api.files.link(job)}})

    return FakeApi(hooks={"create": create, "poll": poll}, rows=CSV, **more)


class Desk:
    """The user's file, and the commands about it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    def says(self, *words: str) -> Said:
        return run(self._capsys, *words, "--config", self.path)

    def change(self, old: str, new: str) -> None:
        text = self.path.read_text()
        assert old in text
        self.path.write_text(text.replace(old, new))


def test_from_the_documentation_to_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fault of the first file is told with what to write instead, until the rows come typed."""
    with acme() as api:
        desk = Desk(tmp_path / "acme.yaml", capsys)
        desk.path.write_text(FILE.format(url=api.url))
        said = desk.says("check")
        assert (78, True) == (said.code, "TAP_ASYNCREPORT_SECRETS_API_KEY" in said.out)

        monkeypatch.setenv("TAP_ASYNCREPORT_SECRETS_API_KEY", "wrong-key")
        said = desk.says("trace", "campaigns")
        assert (77, True) == (said.code, '"invalid key"' in said.err)
        assert f"key         authenticator ({desk.path}:2:1)" in said.err

        monkeypatch.setenv("TAP_ASYNCREPORT_SECRETS_API_KEY", KEY)
        said = desk.says("check")
        assert f"next: tap-asyncreport trace campaigns --config {desk.path} runs one job" in said.out
        said = desk.says("trace", "campaigns")
        assert "job_id: $.id gives nothing; did you mean $.data.reportId?" in said.out
        assert "the job is left at the API: the stream has no `abort_requester` and no `delete_requester`" in said.out
        assert "did you mean `creation_response.data.reportId`?" in said.err
        assert f"streams.campaigns.polling_requester.request ({desk.path}:9:5)" in said.err
        assert 'API\'s words {"data": {"reportId": "job-1", "state": "IN_QUEUE"}}' in said.err

        desk.change("creation_response.id", "creation_response.data.reportId")
        desk.change("POST /exports\n", "POST /exports\n      job_id: $.data.reportId\n")
        said = desk.says("trace", "campaigns")
        assert "set `status.extractor: $.data.state`, if that is it" in said.err

        desk.change("    jobs:", "    status: {extractor: $.data.state}\n    jobs:")
        said = desk.says("trace", "campaigns")
        assert "did you mean `polling_response.data.downloadUrl`?" in said.all

        desk.change("polling_response.url", "polling_response.data.downloadUrl")
        assert 'set `decode.delimiter: ";"`' in desk.says("trace", "campaigns").err
        assert 'set `decode.delimiter: ";"`' in desk.says("columns", "campaigns").err

        desk.change("    jobs:", '    decode: {delimiter: ";"}\n    jobs:')
        said = desk.says("trace", "campaigns")
        assert f"next: tap-asyncreport columns campaigns --config {desk.path} --write" in said.out
        said = desk.says("columns", "campaigns", "--write")
        assert f"wrote the columns of campaigns into {desk.path}" in said.out
        assert f"next: tap-asyncreport --config {desk.path} | TARGET" in said.out
        columns = load([desk.path], environ=os.environ).settings.streams[0].columns or {}
        assert ["date", "string", "number"] == [column.type for column in columns.values()]
        assert 0 == desk.says("check").code

        outcome = WarmProcess(tmp_path).run(load([desk.path], environ=os.environ).raw, timeout=30)
        assert (0, 2) == (outcome.exit_code, len(outcome.records("campaigns"))), outcome.stderr
        assert ["1234.50", "17.25"] == [str(row["Kosten"]) for row in outcome.records("campaigns")]
        assert KEY not in said.all


WRONG = {"creation_requester": "POST /exports", "download_retriever": "GET {{ polling_response.url }}"}
NESTED = {"jobs": {"poll_interval": "50ms"}}


def nested(api: FakeApi, _: Any) -> Reply:
    return json_reply({"report": {"reportId": api.new_job().id}}, 202)


def bare(api: FakeApi, template: str) -> dict[str, Any]:
    stream = {"name": "orders", **WRONG, **NESTED, "polling_requester": f"GET /exports/{template}"}
    return {"base_url": api.url, "streams": [stream]}


@pytest.mark.promise(28)
def test_a_template_error_of_a_run_says_where_it_stands(tmp_path: Path) -> None:
    """File, line and column of the key, the answer that it looked into, and what was meant."""
    with FakeApi(hooks={"create": nested}) as api:
        outcome = WarmProcess(tmp_path).run(bare(api, "{{ creation_response.id }}"))
        line = '{"report": {"reportId": "job-1"}}'
    assert 1 == outcome.exit_code
    told = outcome.stderr.split("ERROR")[1].split("\n202")[0]
    assert re.search(r"\n  key         streams\.orders\.polling_requester\.request \(\S*config1\.json:1:\d+\)\n", told), told
    assert f"\n  API's words {line}\n" in told
    assert "\n  try         did you mean `creation_response.report.reportId`?" in told
    assert "Traceback" not in outcome.stderr


@pytest.mark.promise(8)
def test_a_job_that_nobody_can_ask_about_is_made_again(tmp_path: Path) -> None:
    """A run whose template was wrong keeps a job without what the corrected template needs; the next run is not stuck."""
    tap = WarmProcess(tmp_path)
    with FakeApi(hooks={"create": nested}, rows="id\n1\n") as api:
        first = tap.run(bare(api, "{{ creation_response.id }}"))
        assert (1, 1) == (first.exit_code, len(first.jobs("orders")))
        again = tap.run(bare(api, "{{ creation_response.report.reportId }}"), state=first.state)
        assert (0, 1) == (again.exit_code, len(again.records("orders"))), again.stderr
        assert 2 == len(api.calls("create"))
    assert "orders: the state does not hold what `polling_requester` needs of the job for" in again.stderr
    assert ": another one is made" in again.stderr


def test_a_request_is_shown_when_it_is_sent(tmp_path: Path) -> None:
    """Whoever waits for an answer sees for what."""
    with FakeApi(faults={("poll", 1): Hang()}) as api:
        path = written(tmp_path, bare(api, "{{ creation_response.id }}"))
        with subprocess.Popen(
            [*TAP, "trace", "--config", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            seen = []
            for line in process.stdout:
                seen.append(line)
                if f"request   GET {api.url}/exports/job-1" in line:
                    break
            process.terminate()
            rest = process.stdout.read()
    assert "answer    202" in "".join(seen)
    assert 1 == "".join([*seen, rest]).count("request   GET")


def test_a_terminal_is_not_littered(tmp_path: Path) -> None:
    """No metrics and no idle words of the SDK on a terminal; in a log the metrics are."""
    said = {}
    for terminal in (True, False):
        with FakeApi(rows=ROWS) as api:
            path = written(tmp_path, config(api))
            said[terminal] = _on_terminal(path) if terminal else WarmProcess(tmp_path).run(config(api)).stderr
    assert ("METRIC" in said[True], "METRIC" in said[False]) == (False, True)
    assert [] == [words for words in ("Skipping parse", "Beginning sync") if words in "".join(said.values())]
    assert "outcome" in said[True]


def _on_terminal(path: Path) -> str:
    """What a run says on a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, "-m", "tap_asyncreport", "--config", str(path)], stdout=subprocess.DEVNULL, stderr=theirs,
        env=environment,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        try:
            while piece := os.read(ours, 65536):
                said += piece
        except OSError:
            pass
        process.wait(30)
    os.close(ours)
    return said.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base_url: api.example.com/v1", "base_url: it is no full URL, which begins with https:// or http://\n    write https://api.example.com/v1"),
        ("base_url: /v1", "base_url: it is no full URL"),
        ("base_url: ftp://example.com", "base_url: it is no full URL"),
        ("base_url: '{{ vars.host }}'\nvars: {host: 'https://a.example.com'}", None),
        ("base_url: HTTPS://api.example.com", None),
    ],
)
def test_a_base_url_without_its_scheme(text: str, said: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text + "\nstreams:\n  - name: orders\n    creation_requester: POST /x\n    polling_requester: GET /x\n    download_retriever: GET /y\n")
    told = run(capsys, "check", "--offline", "--config", path)
    assert (78 if said else 0) == told.code, told.all
    assert said is None or said in told.out


def test_a_method_that_is_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, {"base_url": "https://a.example.com", "streams": [{"name": "orders", "creation_requester": "POTS /x"}]})
    assert "POST, PUT, PATCH, DELETE, HEAD; did you mean POST?" in run(capsys, "check", "--offline", "--config", path).out


def test_write_needs_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--write` alone means the one file that was given."""
    with FakeApi(["DONE"], rows="id\n1\n") as api:
        path = written(tmp_path, bare(api, "{{ creation_response.id }}"))
        said = run(capsys, "columns", "orders", "--config", path, "--config", path, "--write")
        assert [] == api.log
    assert (78, True) == (said.code, "`--write FILE`" in said.err)


@pytest.mark.parametrize("environment", [{}, {"MELTANO_PROJECT_ROOT": "/p"}])
def test_what_is_next_under_meltano(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command to go on with is one that works where the user is."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with FakeApi() as api:
        path = written(tmp_path, bare(api, "{{ creation_response.id }}"))
        out = plain(run(capsys, "check", "--config", path).out, FILE=str(path))
    command = "meltano invoke tap-asyncreport:trace orders" if environment else "tap-asyncreport trace orders --config FILE"
    assert f"next: {command} runs one job" in out
