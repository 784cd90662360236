"""Public APIs that a first configuration reads wrongly without any call that fails: what is lost is told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commanding import run, written
from decoding_kit import read
from rig import rig, serving

from tap_asyncreport.errors import DecodeError
from tap_asyncreport.job import Job, Means, Unit
from wire import Reply, Request, json_reply


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    "poll",
    [
        {"request": "GET /jobs", "params": {"job_ids": "{{ job.id }}"}},
        {"request": "GET /jobs", "headers": {"X-Job": "{{ job.id }}"}},
        {"request": "POST /jobs", "json": {"job": {"id": "{{ job.id }}"}}},
        {"request": "POST /jobs", "json": {"ids": "{{ jobs | map(attribute='id') | list }}"}, "batch": 5},
    ],
)
def test_a_job_whose_id_the_poll_would_leave_out_is_none(poll: dict[str, Any]) -> None:
    """Without it the poll asks for every job there is, and would read another's status and file."""

    def api(request: Request) -> Reply:
        return json_reply({"data": {"id": "112", "status": "QUEUED"}})

    with serving(api) as server, rig(server.origin, stream={"polling_requester": poll}) as it:
        outcome = it.repository.create(Job(Unit("orders")))
    assert (Means.FAIL, "creating the job: the answer (200) holds no job id at $.id") == (outcome.means, outcome.error.message)
    assert "set `creation_requester.job_id: $.data.id`, if that is it" in str(outcome.error.hint)


def test_a_null_that_has_nothing_to_do_with_the_job_is_left_out_as_ever() -> None:
    params = {"job": "{{ job.id or 'last' }}", "fields": "{{ none }}"}
    poll = {"request": "GET /jobs", "params": params}

    def api(request: Request) -> Reply:
        return json_reply({"status": "done", "url": "/f"})

    with serving(api) as server, rig(server.origin, stream={"polling_requester": poll}) as it:
        it.completed()
    assert "/jobs?job=last" == it.exchanges[-1].request_line.split(server.origin)[1]


def warnings(caplog: pytest.LogCaptureFixture, polled: Any, **stream: Any) -> list[str]:
    """What is warned of when two jobs have completed with this answer."""

    def api(request: Request) -> Reply:
        return json_reply({"id": "r1"} if request.method == "POST" else polled)

    with serving(api) as server, rig(server.origin, stream=stream) as it:
        it.completed()
        it.completed()
    return [record.getMessage() for record in caplog.records]


NESTED: dict[str, Any] = {
    "status": {"extractor": "$.data[0].state"},
    "download_retriever": "GET {{ polling_response.data[0].result.url }}",
}


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("polled", "stream", "path"),
    [
        ({"data": [{"state": "done", "result": {"url": "/f", "more_records": True}}]}, NESTED, "$.data[0].result.more_records"),
        ({"status": "done", "url": "/f", "hasMore": True}, {}, "$.hasMore"),
    ],
)
def test_a_job_that_says_there_is_more_than_it_read_is_told_of_once(
    polled: Any, stream: Any, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = f"`{path}` is true: set `creation_requester.paginator`, which makes the next job"
    assert [f"orders: the API has more rows than this job holds; {said}"] == warnings(caplog, polled, **stream)


@pytest.mark.parametrize(
    "stream",
    [
        {},
        {"download_retriever": {"request": "GET /f", "paginator": {"type": "page", "param": "page"}}},
    ],
)
@pytest.mark.parametrize("more", [{"has_more": False}, {"has_more": True, "jobs": [{"id": "r1"}, {"id": "r2"}]}])
def test_a_mark_of_other_things_is_not_told_of(stream: Any, more: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert [] == warnings(caplog, {"status": "done", "url": "/f", **more}, **stream)


def test_who_asks_for_what_the_mark_speaks_of_is_told_nothing(caplog: pytest.LogCaptureFixture) -> None:
    chained = {"request": "POST /x", "json": {}, "paginator": {"type": "cursor", "extractor": "$.at", "into": {"json": "$.at"}}}
    assert [] == warnings(caplog, {"status": "done", "url": "/f", "has_more": True}, creation_requester=chained)


@pytest.mark.promise(14)
def test_targets_on_further_pages_of_the_polls_own_answer_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    polled = {"status": "done", "files": [{"url": "/f"}], "links": {"next": "/exports/r1?cursor=1"}}
    stream = {"download_target_extractor": "$.files[*].url", "download_retriever": "GET {{ download_target }}"}
    assert [
        "orders: the API lists more download targets than are read; `$.links.next` leads to them: set "
        "`download_target_requester` to the request of the poll, with a `paginator`, such as "
        "`{type: next_url, extractor: $.links.next}`"
    ] == warnings(caplog, polled, **stream)


def test_a_status_that_has_no_word_is_said_by_a_template() -> None:
    def api(request: Request) -> Reply:
        return json_reply({"id": "r1"} if request.method == "POST" else {"data": [{"kind": "segment"}]})

    with serving(api) as server, rig(server.origin) as it:
        outcome = it.poll(it.job())
    assert "`{{ 'completed' if polling_response.KEY else 'running' }}`" in str(outcome.error and outcome.error.hint)


@pytest.mark.parametrize(
    ("decode", "key"),
    [
        ({"explode": {"path": "$.days[*].rows"}}, "explode.path"),
        ({"explode": {"path": "$..rows"}}, "explode.path"),
        ({"skip_rows_where": {"$..kind": "total"}}, "skip_rows_where.$..kind"),
    ],
)
def test_a_path_that_decoding_cannot_follow_is_told_before_a_job_is_made(
    decode: Any, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {
        "base_url": "https://api.example.com",
        "streams": [{
            "name": "orders", "creation_requester": "POST /x", "polling_requester": "GET /x/{{ job.id }}",
            "download_retriever": "GET /x/{{ job.id }}/file", "decode": decode,
        }],
    }  # fmt: skip
    said = run(capsys, "check", "--offline", "--config", written(tmp_path, config))
    assert 78 == said.code
    assert f"streams.orders.decode.{key}: a JSONPath of keys and positions only is possible here" in said.out + said.err


@pytest.mark.parametrize(("path", "is_told"), [("$.days.rows", False), ("$.days.row", True)])
def test_a_path_to_explode_that_no_record_has_is_told_of(path: str, is_told: bool, caplog: pytest.LogCaptureFixture) -> None:
    records = [{"id": 1, "days": {"rows": []}}, {"id": 2, "days": {"rows": None}}, {"id": 3}]
    for _ in range(2):
        assert [] == read(json.dumps(records), decode={"explode": {"path": path}}).rows
    said = f"stream s: no record of the file has anything at {path}, and none gives a row; see `decode.explode.path`"
    assert ([said] * 2 if is_told else []) == [record.getMessage() for record in caplog.records]


REFUSALS = [
    '{"error": "expired"}', '{"error": {"message": "expired"}}', '{"errors": [{"code": "X"}], "request": {}}',
    '{"code": 40105, "message": "expired", "data": {}}', '{"success": false, "msg": "no"}',
]  # fmt: skip
ROWS = [
    '{"id": 1, "code": "AB"}', '{"total": 3, "errors": 2}', '{"code": 0, "message": "OK"}', '{"id": 1, "error": null}',
    '{"code": 7, "message": "x", "rows": [{"id": 1}]}', '{"id": 1, "status": "error", "message": "x"}',
]  # fmt: skip


@pytest.mark.promise(12)
@pytest.mark.parametrize("body", REFUSALS)
def test_a_json_error_is_no_row_where_neither_key_nor_column_tells(body: str) -> None:
    with pytest.raises(DecodeError, match="a JSON error came instead of the report") as caught:
        read(body)
    assert "`download_retriever.responses`, for example by the rule {json: {$." in str(caught.value.hint)
    assert body == caught.value.excerpt
    assert 1 == len(read(body, decode={"records": "$"}).rows)


@pytest.mark.parametrize("body", ROWS)
def test_an_object_that_only_looks_like_an_error_is_a_row(body: str) -> None:
    assert [json.loads(body)] == read(body).rows


@pytest.mark.parametrize("stream", [{"primary_keys": ["date"]}, {"columns": {"day": "string"}}])
def test_a_json_error_without_the_columns_is_told_with_its_rule(stream: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        read('{"code": 50000, "message": "System error", "data": {}}', **stream)
    rule = "{json: {$.code: 50000}, means: retry}"
    said = f"if this is a refusal, say so in `download_retriever.responses`, for example by the rule {rule}"
    assert said == caught.value.hint


def test_an_empty_list_where_the_job_should_be_may_mean_nothing() -> None:
    creation = {"request": "POST /x", "job_id": "$.data[0].id"}

    def api(request: Request) -> Reply:
        return json_reply({"data": []})

    with serving(api) as server, rig(server.origin, stream={"creation_requester": creation}) as it:
        outcome = it.repository.create(Job(Unit("orders")))
    assert (
        "where an empty list means that there is nothing, add to `creation_requester.responses`: "
        "{status: 200, json: {'$.data[0]': absent}, means: empty}"
    ) == (outcome.error and outcome.error.hint)


@pytest.mark.parametrize(
    ("rule", "is_told"),
    [
        ({"json": {"$.data[0]": "absent"}, "means": "empty"}, True),
        ({"json": {"$.data[0]": "absent"}, "means": "empty", "status": 200}, False),
        ({"json": {"$.data[0]": "absent", "$.links": "exists"}, "means": "ok"}, False),
        ({"json": {"$.data[0]": "absent"}, "means": "retry"}, False),
    ],
)
def test_a_rule_that_takes_every_error_for_a_good_answer_is_remarked_on(
    rule: Any, is_told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {
        "base_url": "https://api.example.com",
        "streams": [{
            "name": "orders", "creation_requester": {"request": "POST /x", "responses": [rule]},
            "polling_requester": "GET /x/{{ job.id }}", "download_retriever": "GET /x/{{ job.id }}/file",
        }],
    }  # fmt: skip
    said = run(capsys, "check", "--offline", "--config", written(tmp_path, config))
    assert (0, is_told) == (said.code, "an error page or a 500 lacks it too, and would mean `empty`; add `status: 200`" in said.out)


@pytest.mark.parametrize(
    ("text", "key"),
    [("12,50", 'set `decimal_mark: ","`'), ("1.234,5", 'set `decimal_mark: ","`'), ("1,001", "`thousands` of the column"), ("12.5 %", "set `percent`")],
)
@pytest.mark.parametrize("kind", ["number", "integer"])
def test_a_number_that_is_written_for_people_is_told_with_the_key_that_reads_it(text: str, key: str, kind: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read(f'id,a\n1,"{text}"\n', columns={"id": "string", "a": kind})
    assert str(caught.value.hint).startswith(key)
