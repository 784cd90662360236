"""A new user meets an API that is not so simple: what is odd about its answers and files is told with what to write."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from commanding import Said, run, written
from decoding_kit import rows as decoded
from fake_api import FakeApi, Reply, json_reply
from test_commands_trace import SMALL
from test_sync import config

from tap_asyncreport.config.loading import load
from tap_asyncreport.errors import DecodeError

SOAP = '<s:Envelope xmlns:s="http://x/"><s:Body><rval><id>{id}</id><status>{word}</status></rval></s:Body></s:Envelope>'
INVOICES = "Invoice Number,Date,Total\nI-1,01-Nov-2026 00:00,7\nI-2,02-Nov-2026 12:30,8\n"
LINES = "Invoice Number,Line Item Id,Amount\nI-1,L-1,7\n"


def soap(word: str) -> Any:
    def answer(api: FakeApi, request: Any) -> Reply:
        job = api.jobs[request.job] if request.job else api.new_job()
        return Reply(200, SOAP.format(id=job.id, word=word).encode(), {"Content-Type": "text/xml"})

    return answer


def archive(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, text in members.items():
            file.writestr(f"{name}.csv", text)
    return packed.getvalue()


def trace(tmp_path: Path, capsys: pytest.CaptureFixture[str], api: FakeApi, **keys: Any) -> Said:
    return run(capsys, "trace", "--config", written(tmp_path, config(api, {**SMALL, **keys})))


def test_an_answer_in_xml_is_read_by_a_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The template that reads the id, then the status, is proposed; with both written, the job goes on."""
    with FakeApi(hooks={"create": soap("NEW"), "poll": soap("DONE")}) as api:
        said = trace(tmp_path, capsys, api, polling_requester="GET /exports/{{ job.id }}")
        text = "{{ response.text.split('<id>')[1].split('<')[0] }}"
        assert f"job_id: $.id gives nothing; did you mean {text}?" in said.out, said.all
        assert f'set `creation_requester.job_id: "{text}"`' in " ".join(said.err.split())

        creation = {"request": "POST /exports", "job_id": text, "body": "<run>\n <day>{{ window.start }}</day>\n</run>"}
        ask = {"creation_requester": creation, "polling_requester": "GET /exports/{{ job.id }}"}
        said = trace(tmp_path, capsys, api, **ask)
        text = text.replace("<id>", "<status>")
        assert f'set `status.extractor: "{text}"`' in " ".join(said.err.split()), said.all
        assert "body: <run> <day>{{ window.start }}</day> </run> becomes <run> <day>2026-01-01</day> </run>" in said.out

        said = trace(tmp_path, capsys, api, **ask, status={"extractor": text})
        assert "status.extractor: {{ response.text" in said.out
        assert "  status    DONE\n" in said.out


def test_a_refusal_at_200_is_told_with_a_rule_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No id that it happens to hold is proposed, and the rule stands as it must be written."""
    refused = {"code": 40100, "message": "Too many requests", "request_id": "r-1", "data": {}}
    with FakeApi(hooks={"create": lambda *_: json_reply(refused)}) as api:
        said = trace(tmp_path, capsys, api)
        assert "did you mean" not in said.all
        assert "a rule in the `responses` of its step says so, for example {json: {$.code" in " ".join(said.err.split())
        said = trace(tmp_path, capsys, api, polling_requester="GET /exports/{{ job.id }}")
        assert "did you mean" not in said.all
        assert "for example by the rule {json: {$.code: 40100}, means: retry}" in " ".join(said.err.split())
        assert "streams.clicks.creation_requester" in said.err
        creation = {**SMALL["creation_requester"], "responses": [{"json": {"$.code": 40100}, "means": "fail"}]}  # type: ignore[dict-item]
        said = trace(tmp_path, capsys, api, creation_requester=creation)
        assert "Too many requests" in said.err


def test_an_accept_of_ones_own_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi(["DONE"]) as api:
        creation = {"request": "POST /exports", "headers": {"Accept": "application/fhir+json"}}
        said = trace(tmp_path, capsys, api, creation_requester=creation)
    assert 1 == said.out.count("Accept: application/fhir+json\n")
    assert 1 == said.out.count("Accept:")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"primary_keys": ["invoice_number"]}, "`primary_keys`: is it `Invoice Number`? write that, or `columns: {invoice_number: {type: string, source: \"Invoice Number\"}}`"),
        ({"replication_key": "zzz"}, "see `replication_key`, which may be left out, for the bookmark is no value of a row; or is it an error page?"),
        ({"primary_keys": ["zzz"]}, "see `primary_keys`; or is it an error page?"),
        ({"primary_keys": ["n"], "columns": {"n": {"type": "string", "source": "InvoiceNumber"}, "Total": "integer"}}, "`columns.n.source`: is it `Invoice Number`? else an error page?"),
    ],
)  # fmt: skip
def test_a_key_that_the_file_calls_otherwise(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decoded(INVOICES, **keys)
    assert str(caught.value.hint).startswith(said)


def test_columns_are_written_under_the_names_of_the_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `columns --write` writes can be read: keys that the file spells otherwise get their `source`."""
    keys = {"primary_keys": ["invoice_number"], "replication_key": "date"}
    with FakeApi(["DONE"], rows=INVOICES) as api:
        path = tmp_path / "mine.yaml"
        lines = [f"    {key}: {json.dumps(value)}" for key, value in {**SMALL, **keys}.items() if key != "name"]
        path.write_text(f"base_url: {api.url}\nstreams:\n  - name: clicks\n" + "\n".join(lines) + "\n")
        said = run(capsys, "columns", "--config", path, "--write")
        assert "next: tap-asyncreport" in said.out
        columns = load([path], environ={}).settings.streams[0].columns or {}
        assert ["invoice_number", "date", "Total"] == list(columns)
        assert ("Invoice Number", "%d-%b-%Y %H:%M") == (columns["invoice_number"].source, columns["date"].format)

        keys = {"primary_keys": ["order_id"], "replication_key": "day"}
        lines = [f"    {key}: {json.dumps(value)}" for key, value in {**SMALL, **keys}.items() if key != "name"]
        path.write_text(f"base_url: {api.url}\nstreams:\n  - name: clicks\n" + "\n".join(lines) + "\n")
        said = run(capsys, "columns", "--config", path, "--write")
    assert "next:" not in said.out
    assert "no column is called order_id: change `primary_keys` of clicks\n" in said.err
    assert "no column is called day: change `replication_key` of clicks; it may be left out" in said.err


def test_two_tables_in_one_archive_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are read as one unless `decode.members` says otherwise, which a warning says once; parts of one are no two."""
    told = "tables with different columns are read as one: one has 'Invoice Number', 'Date', 'Total', another"
    with FakeApi(["DONE"], rows=archive(a=INVOICES, b=LINES, c=LINES)) as api:
        said = run(capsys, "columns", "--config", written(tmp_path, config(api, SMALL)))
        assert 1 == said.err.count(told), said.all
        assert '"Line Item Id": string' in said.out
        assert "# 2 of 4; " in said.out
        said = run(capsys, "columns", "--config", written(tmp_path, config(api, {**SMALL, "decode": {"members": "a.csv"}})))
        assert ("", False) == (said.err.partition("stream clicks")[2], "Line Item" in said.out)
    with FakeApi(["DONE"], rows=archive(a=INVOICES, b="Invoice Number,Date\nI-3,03-Nov-2026 00:00\n")) as api:
        said = run(capsys, "columns", "--config", written(tmp_path, config(api, SMALL)))
    assert "tables with different columns" not in said.err
