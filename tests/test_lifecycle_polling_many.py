"""Many jobs in one poll."""

from __future__ import annotations

import json

from fake_api import FakeApi
from rig import rig, serving
from test_lifecycle_polling import POLL, polled
from wire import Reply, Request, json_reply

from tap_asyncreport.job import Means

LIST = {
    "polling_requester": {
        "request": "GET /exports", "params": {"ids": "{{ jobs | map(attribute='id') | join(',') }}"},
        "select": "$.exports[?(@.id == '{{ job.id }}')]", "batch": 2,
    },
}  # fmt: skip


def test_jobs_share_a_poll_up_to_the_batch_and_each_finds_its_own_object() -> None:
    with FakeApi(script={1: ["RUNNING"], 2: ["DONE"], 3: ["FAILED"]}) as api, rig(api.url, stream=LIST) as it:
        jobs = [it.job() for _ in range(3)]
        outcomes = it.repository.poll(jobs)
        assert ["GET /exports?ids=job-1%2Cjob-2", "GET /exports?ids=job-3"] == api.lines("poll")
    assert ["running", "completed", "failed"] == [outcome.status for outcome in outcomes]
    assert ["job-1", "job-2", "job-3"] == [job.polling_response.body["id"] for job in jobs]
    assert "job-3" == outcomes[2].error.where.job_id


def test_jobs_of_other_partitions_are_asked_for_in_a_poll_of_their_own() -> None:
    seen: list[str] = []

    def api(request: Request) -> Reply:
        if request.method == "POST":
            return json_reply({"id": f"r{len(seen)}"})
        seen.append(request.target)
        return json_reply({"exports": [{"id": name, "status": "done"} for name in request.query["ids"].split(",")]})

    stream = {"polling_requester": {**LIST["polling_requester"], "request": "GET /{{ partition.account }}/exports"}}
    with serving(api) as server, rig(server.origin, stream=stream) as it:
        outcomes = it.repository.poll([it.job(partition={"account": name}) for name in ("a", "b")])
    assert ["/a/exports?ids=r0", "/b/exports?ids=r0"] == seen
    assert ["completed", "completed"] == [outcome.status for outcome in outcomes]


def test_one_bad_answer_for_many_says_so_of_each_and_a_404_forgets_none() -> None:
    with FakeApi(faults={("poll", "*"): Reply(404)}) as api, rig(api.url, stream=LIST) as it:
        outcomes = it.repository.poll([it.job(), it.job()])
    assert [Means.RETRY, Means.RETRY] == [outcome.means for outcome in outcomes]
    assert ["job-1", "job-2"] == [outcome.error.where.job_id for outcome in outcomes]


def test_a_job_that_the_list_lacks_is_looked_for_again() -> None:
    (outcome,) = polled({"exports": []}, LIST)
    assert (Means.RETRY, None) == (outcome.means, outcome.status)
    assert outcome.error.message.startswith("the answer lists no object for this job")


def test_a_list_in_pages_is_read_until_the_job_is_found() -> None:
    def api(request: Request) -> Reply:
        if request.method == "POST":
            return json_reply({"id": "r7"})
        page = int(request.query.get("page", 0))
        return json_reply({"exports": [{"id": f"r{page + 5}", "status": "done"}], "next": f"?page={page + 1}" if page < 9 else None})

    select = {"select": LIST["polling_requester"]["select"], "paginator": {"type": "next_url", "extractor": "$.next"}}
    with serving(api) as server, rig(server.origin, stream={"polling_requester": {"request": "GET /exports", **select}}) as it:
        assert "completed" == it.poll(it.job()).status
        assert ["/exports", "/exports?page=1", "/exports?page=2"] == [r.target for r in server.log[1:]]


def test_json_in_a_text_is_read_where_a_batch_call_holds_it() -> None:
    answer = [{"code": 200, "body": json.dumps({"id": "r1", "status": "done"})}]
    (outcome,) = polled(json_reply(answer), {"polling_requester": {**POLL, "select": "$[0].body"}})
    assert "completed" == outcome.status


def test_a_job_that_may_stand_on_a_page_that_nobody_asks_for_is_told_so() -> None:
    (outcome,) = polled({"jobs": [{"id": "other"}], "next": "/jobs?2"}, {"polling_requester": {**POLL, "select": "$.jobs[?(@.id == 'r1')]"}})
    assert outcome.error.hint.startswith("there are more pages; `$.next` leads to them: set `polling_requester.paginator`, such as")
