"""Creating jobs: what is sent, when it may be sent again, and which job is adopted instead."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fake_api import FakeApi, Hang, Lost, Reset
from rig import STREAM, rig, serving
from tap_asyncreport.job import Job, Means, Unit, Window
from wire import Reply, Request, json_reply

POST = STREAM["creation_requester"]


def created(api: FakeApi, job: Job | None = None, **creation: Any) -> tuple[Any, Job]:
    job = job or Job(Unit("orders"))
    with rig(api.url, stream={"creation_requester": {**POST, **creation}}) as it:
        return it.repository.create(job), job


# -- what is sent


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        ({"json": {"a": "{{ vars.n }}", "b": "n={{ vars.n }}", "c": None, "d": []}}, "application/json", b'{"a":7,"b":"n=7","c":null,"d":[]}'),
        (
            {"form": {"type": "x", "p": {"from": "{{ vars.n }}", "columns": ["a", "b"]}, "none": None, "rows": [{"k": 1}, {"k": 2}]}},
            "application/x-www-form-urlencoded",
            b"type=x&p%5Bfrom%5D=7&p%5Bcolumns%5D%5B%5D=a&p%5Bcolumns%5D%5B%5D=b&rows%5B0%5D%5Bk%5D=1&rows%5B1%5D%5Bk%5D=2",
        ),
        ({"body": "SELECT {{ vars.n }} -- é"}, None, "SELECT 7 -- é".encode()),
        ({"body": "query { a(first: 1) {{ b }} }", "raw": True}, None, b"query { a(first: 1) {{ b }} }"),
        ({"json": {"q": "{{ untouched }}"}, "raw": True}, "application/json", b'{"q":"{{ untouched }}"}'),
        ({}, None, b""),
    ],
)
def test_bodies(body: dict[str, Any], media_type: str | None, expected: bytes) -> None:
    seen: list[Request] = []
    with serving(lambda request: seen.append(request) or json_reply({"id": "r1"})) as server:  # type: ignore[func-returns-value]
        with rig(server.origin, stream={"creation_requester": {"request": "POST /exports", **body}}, vars={"n": 7}) as it:
            assert Means.OK == it.repository.create(Job(Unit("orders"))).means
    assert (media_type, expected) == (seen[0].header("Content-Type"), seen[0].body)


def test_parameters_and_headers_drop_nulls_and_repeat_lists() -> None:
    seen: list[Request] = []
    creation = {
        "request": "POST /exports?fixed=1",
        "params": {"ids": ["a b", "c"], "none": None, "n": "{{ vars.n }}", "yes": True},
        "headers": {"X-N": "{{ vars.n }}", "X-None": "{{ vars.none }}", "Content-Type": "application/vnd.x+json"},
        "json": {},
    }
    with serving(lambda request: seen.append(request) or json_reply({"id": "r1"})) as server:  # type: ignore[func-returns-value]
        with rig(server.origin, stream={"creation_requester": creation}, vars={"n": 7, "none": None}) as it:
            it.repository.create(Job(Unit("orders")))
    (request,) = seen
    assert "/exports?fixed=1&ids=a%20b&ids=c&n=7&yes=true" == request.target
    assert ("7", None, "application/vnd.x+json") == tuple(request.header(name) for name in ("X-N", "X-None", "Content-Type"))


# -- the id


@pytest.mark.parametrize(
    ("answer", "job_id", "expected"),
    [
        (json_reply({"id": "r1"}), None, ("r1", "r1")),
        (json_reply({"id": 12345678901234567890}), None, ("12345678901234567890", 12345678901234567890)),
        (json_reply({"reportId": "x"}), "$.reportId", ("x", "x")),
        (json_reply({"reportId": "x"}), None, (None, None)),
        (Reply(202, b"", {"Location": "/tasks/task-14"}), "{{ response.headers.location.split('/')[-1] }}", ("task-14", "task-14")),
    ],
)
def test_the_id_of_the_job(answer: Reply, job_id: str | None, expected: tuple[Any, Any]) -> None:
    with serving(lambda _: answer) as server:
        with rig(server.origin, stream={"creation_requester": {**POST, **({"job_id": job_id} if job_id else {})}}) as it:
            job = it.job()
    assert expected == (job.id, job.id_value)


def test_a_good_answer_without_the_configured_id_is_an_error_with_the_apis_words() -> None:
    with serving(lambda _: json_reply({"success": False, "errors": [{"message": "no such field"}]})) as server:
        with rig(server.origin, stream={"creation_requester": {**POST, "job_id": "$.result[0].exportId"}}) as it:
            outcome = it.repository.create(Job(Unit("orders")))
    assert Means.FAIL == outcome.means
    assert "creating the job: the answer (200) holds no job id at $.result[0].exportId" == outcome.error.message
    assert '{"success": false, "errors": [{"message": "no such field"}]}' == outcome.error.excerpt


# -- what may be repeated


@pytest.mark.promise(3)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_busy_servers_are_worth_another_try(status: int) -> None:
    with FakeApi(faults={("create", 1): Reply(status, "later", {"Retry-After": "7"})}) as api:
        outcome, job = created(api)
    assert (Means.RETRY, 7.0, None) == (outcome.means, outcome.wait, job.creation_response)
    assert f"creating the job: the API answered {status} (Retry-After: 7)" == outcome.error.message


@pytest.mark.promise(3)
def test_a_refused_connection_is_worth_another_try(tmp_path: Path) -> None:
    with rig("http://127.0.0.1:9", tmp_path) as it:
        outcome = it.repository.create(Job(Unit("orders")))
    assert Means.RETRY == outcome.means
    assert outcome.error.message.startswith("creating the job: no connection to http://127.0.0.1:9")


@pytest.mark.promise(3)
@pytest.mark.parametrize("fault", [Lost(), Lost("reset"), Reset(), Hang()])
@pytest.mark.parametrize(
    ("safe", "means"),
    [({}, Means.FAIL), ({"idempotency_header": "Idempotency-Key"}, Means.RETRY), ({"retry": {"on": ["timeout"]}}, Means.RETRY)],
)
def test_an_answer_that_never_came_is_repeated_only_where_that_does_no_harm(fault: Any, safe: dict[str, Any], means: Means) -> None:
    with FakeApi(faults={("create", 1): fault}) as api:
        with rig(api.url, stream={"creation_requester": {**POST, **safe}}, request_timeout={"read": "0.2s"}) as it:
            outcome = it.repository.create(Job(Unit("orders")))
    assert means == outcome.means
    assert (means is Means.FAIL) == ("the job may exist, so the call is not repeated" in outcome.error.message)


@pytest.mark.promise(3)
def test_the_idempotency_key_is_the_same_for_each_try_of_a_job_and_another_for_the_next() -> None:
    with FakeApi(faults={("create", 1): Reply(503)}) as api:
        with rig(api.url, stream={"creation_requester": {**POST, "idempotency_header": "Idempotency-Key"}}) as it:
            job = Job(Unit("orders"))
            assert [Means.RETRY, Means.OK] == [it.repository.create(job).means for _ in range(2)]
            it.job()
        keys = [call.header("Idempotency-Key") for call in api.calls("create")]
    assert keys[0] == keys[1] != keys[2]
    assert all(keys)


# -- several steps

STEPS = [
    {"name": "create", "request": "POST /create", "json": {"name": "n"}},
    {"name": "enqueue", "request": "POST /{{ creation_responses.create.exportId }}/enqueue", "job_id": "$.queueId"},
]


def test_each_step_sees_the_earlier_ones_and_a_step_that_is_done_is_not_repeated() -> None:
    seen: list[str] = []

    def answer(request: Request) -> Reply:
        seen.append(request.target)
        if request.target == "/create":
            return json_reply({"exportId": "e1"})
        return Reply(503) if seen.count("/e1/enqueue") == 1 else json_reply({"queueId": "q1"})

    with serving(answer) as server, rig(server.origin, stream={"creation_requester": STEPS}) as it:
        job = Job(Unit("orders"))
        assert [Means.RETRY, Means.OK] == [it.repository.create(job).means for _ in range(2)]
    assert ["/create", "/e1/enqueue", "/e1/enqueue"] == seen
    assert ("q1", {"queueId": "q1"}, ["create", "enqueue"]) == (job.id, job.creation_response.body, list(job.creation_responses))


# -- jobs that exist


@pytest.mark.parametrize(
    ("answer", "rule", "path", "expected"),
    [
        (json_reply({"detail": "running, id=r9"}, 425), {"status": 425, "text": r"id=(\w+)"}, None, "r9"),
        (json_reply({"existing": {"id": "r9"}}, 409), {"status": 409, "job_id": "$.existing.id"}, None, "r9"),
        (json_reply({"id": "r9"}, 409), {"status": 409}, None, "r9"),
        (json_reply({"id": "r9"}, 409), {"status": 409, "job_id": "$.other", "text": "no(.)?thing|id"}, None, "r9"),
        (Reply(409, "job r9 exists"), {"status": 409, "text": "job (.*) exists"}, None, "r9"),
        (json_reply([{"id": 1}], 409), {"status": 409, "job_id": "{{ 9 }}"}, "$.data.run.id", 9),
        (json_reply({"data": None, "e": 9}, 409), {"status": 409, "job_id": "$.e"}, "$.data.run.id", 9),
    ],
)
def test_a_duplicate_is_adopted_and_its_id_stands_where_the_creations_would(
    answer: Reply, rule: dict[str, Any], path: str | None, expected: Any
) -> None:
    creation = {**POST, "responses": [{**rule, "means": "duplicate"}], **({"job_id": path} if path else {})}
    with serving(lambda _: answer) as server, rig(server.origin, stream={"creation_requester": creation}) as it:
        job = Job(Unit("orders"))
        outcome = it.repository.create(job)
    assert (Means.DUPLICATE, True, str(expected), expected) == (outcome.means, job.adopted, job.id, job.id_value)
    found = job.creation_response.body
    if path and not (isinstance(answer, Reply) and "null" in str(answer.body)):
        found = found["data"]["run"]
    assert expected == found["id"]


def test_a_duplicate_of_nobody_knows_what_is_busy_and_counts() -> None:
    creation = {**POST, "responses": [{"status": 425, "text": "same", "means": "duplicate"}]}
    with serving(lambda _: json_reply({"detail": "same request"}, 425)) as server:
        with rig(server.origin, stream={"creation_requester": creation}) as it:
            outcome = it.repository.create(Job(Unit("orders")))
    assert (Means.BUSY, True) == (outcome.means, outcome.counts)
    expected = "creating the job: the API answered 425, which means that the job exists, but not which it is"
    assert expected == outcome.error.message


# -- refusals


@pytest.mark.parametrize("means", ["busy", "quota_exhausted", "too_large", "skip_partition", "empty", "retry", "fail"])
def test_what_a_rule_says_is_what_comes_back_with_the_wait_that_it_extracts(means: str) -> None:
    rule = {"json": {"$.code": 1029}, "means": means, "wait": "$.seconds"}
    with serving(lambda _: json_reply({"code": "1029", "seconds": 90}, 400)) as server:
        with rig(server.origin, stream={"creation_requester": {**POST, "responses": [rule]}}) as it:
            outcome = it.repository.create(Job(Unit("orders")))
    assert (means, 90.0) == (outcome.means, outcome.wait)
    assert '{"code": "1029", "seconds": 90}' == outcome.error.excerpt


@pytest.mark.promise(28)
def test_an_error_says_where_it_happened_and_what_the_api_said() -> None:
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC))
    body = {"message": "bad dates", "errors": ["x" * 600]}
    with serving(lambda _: json_reply(body, 400, {"X-Request-Id": "req-7"})) as server:
        with rig(server.origin, stream={"status": {"message": "$.message"}}) as it:
            error = it.repository.create(Job(Unit("orders", {"account": "7"}, window))).error
        origin = server.origin
    assert "creating the job: the API answered 400" == error.message
    assert ("orders", '{"account": "7"}', "2026-01-01 to 2026-01-08") == (error.where.stream, error.where.partition, error.where.window)
    assert ("creation_requester", f"POST {origin}/exports", 400, "req-7") == (
        error.where.step, error.where.request_line, error.where.status_code, error.where.request_id)  # fmt: skip
    assert error.excerpt.startswith('bad dates: {"message": "bad dates"')
    assert 501 == len(error.excerpt)
    assert "`tap-asyncreport trace orders`" in error.hint


def test_a_template_may_give_all_headers_at_once() -> None:
    seen: list[Request] = []
    given = {"all": {"X-Key": "k", "X-None": None}, "none": None, "list": [1]}
    with serving(lambda request: seen.append(request) or json_reply({"id": "r1"})) as server:  # type: ignore[func-returns-value]
        for name in given:
            creation = {"request": "POST /exports", "headers": f"{{{{ vars.{name} }}}}"}
            with rig(server.origin, stream={"creation_requester": creation}, vars=given) as it:
                outcome = it.repository.create(Job(Unit("orders")))
    assert ["k", None] == [request.header("X-Key") for request in seen]
    assert {None} == {request.header("X-None") for request in seen}
    assert (Means.FAIL, "creating the job: the headers are no mapping") == (outcome.means, outcome.error.message)


def test_a_path_without_a_base_url_is_told_without_a_traceback() -> None:
    with rig(None) as it:
        outcome = it.repository.create(Job(Unit("orders")))
    assert Means.FAIL == outcome.means
    assert "there is no `base_url`" in outcome.error.message


def test_a_template_that_cannot_be_rendered_fails_without_a_call() -> None:
    with FakeApi() as api:
        outcome, _ = created(api, json={"a": "{{ vars.nothing }}"})
        assert [] == api.lines()
    assert Means.FAIL == outcome.means
    assert "streams.orders.creation_requester.json.a" == outcome.error.key
    assert outcome.error.message.startswith("`{{ vars.nothing }}`: ")
    assert "orders" == outcome.error.where.stream
