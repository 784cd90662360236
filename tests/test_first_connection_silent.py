"""Public APIs that a first configuration reads wrongly without any call that fails: what is lost is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commanding import run, written
from rig import rig, serving

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
