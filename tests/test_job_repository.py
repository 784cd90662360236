"""The verbs together: the order of the steps, what state keeps of a job, and which request is the same one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fake_api import FakeApi, Lost
from rig import NOW, rig, serving
from tap_asyncreport.job import Job, Means, Outcome, Unit, Window
from wire import Reply, Request, json_reply

WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC))
ABORT = {"abort_requester": "POST /exports/{{ creation_response.id }}/abort"}
DELETE = {"delete_requester": "DELETE /exports/{{ creation_response.id }}"}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi(rows="a\n1\n") as api:
        yield api


@pytest.mark.promise(1)
def test_the_verbs_ask_in_the_order_of_a_jobs_life(api: FakeApi, tmp_path: Path) -> None:
    with rig(api.url, tmp_path, DELETE) as it:
        job = it.targeted()
        assert Means.OK == it.repository.download(job).means
        assert (Means.OK, Means.OK) == (it.repository.abort(job).means, it.repository.delete(job).means)
    assert [
        "POST /exports", "GET /exports/job-1", "GET /exports/job-1", "GET /files/job-1/0", "DELETE /exports/job-1",
    ] == api.lines()  # fmt: skip


@pytest.mark.promise(1)
@pytest.mark.parametrize("step", ["abort", "delete"])
@pytest.mark.parametrize(
    ("fault", "means"),
    [(Reply(204), "ok"), (Reply(404), "ok"), (Reply(409), "ok"), (Reply(410), "ok"), (Reply(500), "retry"), (Reply(429), "retry"),
     (Reply(400), "fail"), (Reply(401), "fail"), (Lost("reset"), "retry")],
)  # fmt: skip
def test_neither_abort_nor_delete_turns_success_into_failure(api: FakeApi, step: str, fault: Any, means: str) -> None:
    api.faults[step, "*"] = fault
    with rig(api.url, stream={**ABORT, **DELETE}) as it:
        outcome: Outcome = getattr(it.repository, step)(it.job())
    assert means == outcome.means
    assert (means == "ok") == (outcome.error is None)


@pytest.mark.promise(1)
def test_a_template_that_an_abort_cannot_render_is_an_outcome(api: FakeApi) -> None:
    with rig(api.url, stream={"abort_requester": "POST /{{ creation_response.nothing }}"}) as it:
        outcome = it.repository.abort(it.job())
    assert Means.FAIL == outcome.means
    assert "there is no `nothing`" in outcome.error.message


@pytest.mark.promise(2)
def test_every_later_step_sees_the_earlier_answers(api: FakeApi, tmp_path: Path) -> None:
    stream = {
        "download_target_extractor": "$.url",
        "download_retriever": {"request": "GET {{ download_target }}", "headers": {
            "X-Created": "{{ creation_response.id }} {{ creation_response.status_code }}",
            "X-Polled": "{{ polling_response.percent }} {{ polling_response.headers['content-type'] }}",
            "X-Job": "{{ job.id }} {{ job.attempt }}"}},
        "delete_requester": {"request": "DELETE /exports/{{ job.id }}", "params": {"percent": "{{ polling_response.percent }}"}},
    }  # fmt: skip
    with rig(api.url, tmp_path, stream) as it:
        job = it.targeted()
        it.repository.download(job), it.repository.delete(job)
    (call,) = api.calls("download")
    assert ["job-1 202", "100 application/json", "job-1 1"] == [call.header(f"X-{name}") for name in ("Created", "Polled", "Job")]
    assert ["DELETE /exports/job-1?percent=100"] == api.lines("delete")


def test_the_window_is_rendered_as_its_view_has_it() -> None:
    seen: list[Any] = []
    stream = {"creation_requester": {"request": "POST /exports", "json": {"from": "{{ window.start }}", "p": "{{ partition.account }}"}}}
    with serving(lambda r: seen.append(r.json()) or json_reply({"id": 1})) as server, rig(server.origin, stream=stream) as it:  # type: ignore[func-returns-value]
        it.repository.create(Job(Unit("orders", {"account": 7}, WINDOW, view={"start": "01/01/2026"})))
    assert [{"from": "01/01/2026", "p": 7}] == seen


# -- state


def kept_of(answer: Reply, stream: dict[str, Any], **top: Any) -> dict[str, Any]:
    with serving(lambda _: answer) as server, rig(server.origin, stream=stream, **top) as it:
        return dict(it.repository.kept(it.job(window=WINDOW)))


@pytest.mark.promise(8)
def test_state_keeps_what_the_next_run_needs_to_go_on() -> None:
    answer = json_reply({"id": "r1", "token": "t", "big": ["x"] * 100, "links": {"self": "/r1", "other": "/x"}})
    stream = {**DELETE, "polling_requester": "GET {{ creation_response.links.self }}"}
    kept = kept_of(answer, stream)
    request = kept.pop("request")
    assert {
        "id": "r1", "window": ["2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z"], "created_at": "2026-02-01T12:00:00Z", "attempt": 1,
        "creation_response": {"id": "r1", "links": {"self": "/r1"}},
    } == kept  # fmt: skip
    assert request.startswith("sha256:")
    assert 71 == len(request)


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    ("answer", "used", "expected"),
    [
        (Reply(202, "", {"Location": "/t/1", "Set-Cookie": "s=1"}), "{{ creation_response.headers.location }}", {"headers": {"location": "/t/1"}}),
        (Reply(202, "", {"X-Next-Url": "/t/1"}), "{{ creation_response.headers['X-Next-Url'] }}", {"headers": {"x-next-url": "/t/1"}}),
        (json_reply({"runs": [{"id": 7}, {"id": 8}]}), "/{{ creation_response.runs[0].id }}", {"runs": [{"id": 7}]}),
        (json_reply({"runs": [{"id": 7}, {"id": 8, "by": "me"}, {}]}), "/{{ creation_response.runs[1].id }}", {"runs": [None, {"id": 8}]}),
        (json_reply({"runs": [{"id": 7}, {"id": 8}]}), "/{{ creation_response.runs[-1].id }}", {"runs": [{"id": 7}, {"id": 8}]}),
        (json_reply({"runs": [{"id": 7}]}), "/{{ creation_response.runs[0].id }}/{{ creation_response.runs | length }}", {"runs": [{"id": 7}]}),
        (json_reply({"a": 1, "b": {"c": 2}}), "/{{ creation_response['b'].c }}", {"b": {"c": 2}}),
        (json_reply({"id": 1, "b": 2}), "/{% for x in creation_response %}{{ x }}{% endfor %}", {"id": 1, "b": 2}),
        (json_reply([1, 2, 3]), "/{{ creation_response[1] }}", [None, 2]),
        (Reply(200, "plain"), "/{{ creation_response.text }}", {"text": "plain"}),
        (json_reply({"id": 1}), "/{{ creation_response.status_code }}", {"status_code": 200}),
        (json_reply({"id": 1, "next": "/n"}), "{{ polling_response.next }}", {"next": "/n"}),
        (json_reply({"id": 1, "next": "/n"}), "/fixed", {}),
    ],
)
def test_of_the_creations_answer_only_what_later_templates_use(answer: Reply, used: str, expected: Any) -> None:
    stream = {"polling_requester": f"GET {used}", "download_retriever": "GET /file", "creation_requester": "POST /exports"}
    with serving(lambda _: answer) as server, rig(server.origin, stream=stream) as it:
        job = it.job()
        kept = it.repository.kept(job)
        assert expected == kept["creation_response"]
        again = it.repository.adopt(job.unit, json.loads(json.dumps(kept)))
        if used != "/{% for x in creation_response %}{{ x }}{% endfor %}":
            it.poll(again)
            it.poll(job)
            assert 1 == len({request.target for request in server.log[1:]})


def test_named_creation_answers_are_kept_too() -> None:
    steps = [{"name": "create", "request": "POST /a"}, {"name": "run", "request": "POST /b"}]
    stream = {"creation_requester": steps, "polling_requester": "GET /{{ creation_responses.create.id }}/{{ creation_response.x }}"}
    kept = kept_of(json_reply({"id": "r1", "x": 2, "y": 3}), stream)
    assert ({"create": {"id": "r1"}}, {"x": 2}) == (kept["creation_responses"], kept["creation_response"])


@pytest.mark.promise(8)
@pytest.mark.promise(26)
def test_state_holds_no_secret_and_still_the_id() -> None:
    answer = json_reply({"id": "r-123", "key": "hush-hush", "url": "/x?key=hush-hush", "list": ["hush-hush", 1]})
    stream = {"polling_requester": "GET /{{ creation_response.id }}/{{ creation_response }}"}
    kept = kept_of(answer, stream, secrets={"s": "hush-hush", "n": "123"})
    assert "hush" not in json.dumps(kept)
    assert ("r-123", {"id": "r-123", "list": [None, 1]}) == (kept["id"], kept["creation_response"])


@pytest.mark.promise(8)
def test_a_job_from_state_goes_on_where_it_was(api: FakeApi, tmp_path: Path) -> None:
    with rig(api.url, tmp_path, DELETE) as first:
        job = first.job(window=WINDOW)
        kept = json.loads(json.dumps(first.repository.kept(job)))
    with rig(api.url, tmp_path, DELETE) as second:
        again = second.repository.adopt(Unit("orders", {}, WINDOW), kept)
        assert ("job-1", True, NOW, job.request_hash, 1) == (again.id, again.adopted, again.created_at, again.request_hash, again.attempt)
        assert kept == second.repository.kept(again)
        second.poll(again), second.poll(again)
        assert Means.OK == second.repository.targets(again).means
        assert Means.OK == second.repository.download(again).means
        second.repository.delete(again)
    assert ["create", "poll", "poll", "download", "delete"] == api.steps()


def test_a_number_stays_one_through_state() -> None:
    stream = {"polling_requester": {"request": "POST /poll", "json": {"id": "{{ job.id }}"}}}
    with serving(lambda _: json_reply({"id": 7, "status": "done"})) as server, rig(server.origin, stream=stream) as it:
        job = it.repository.adopt(Unit("orders"), it.repository.kept(it.job()))
        it.poll(job)
        assert ("7", {"id": 7}) == (job.id, server.log[-1].json())


# -- the same request


def hash_of(unit: Unit | None = None, stream: dict[str, Any] | None = None, **top: Any) -> str:
    with rig(top.pop("base_url", "http://127.0.0.1:9"), stream=stream, **top) as it:
        return it.repository.request_hash(unit or Unit("orders"))


def creation(**more: Any) -> dict[str, Any]:
    return {"creation_requester": {"request": "POST /exports", **more}}


@pytest.mark.promise(8)
def test_what_changes_from_run_to_run_does_not_change_the_request() -> None:
    body = {"key": "{{ secrets.key }}", "at": "{{ now.isoformat() }}", "run": "{{ run.id }}", "n": "{{ uuid() }}", "x": "{{ vars.x }}"}
    stream = creation(json=body, headers={"Authorization": "{{ secrets.other }}"}, idempotency_header="Key")
    top = {"vars": {"x": 1}}
    one = hash_of(None, stream, secrets={"key": "one", "other": "three"}, **top)
    assert one == hash_of(None, stream, secrets={"key": "two", "other": "four"}, **top)
    assert one != hash_of(None, stream, secrets={"key": "one", "other": "three"}, vars={"x": 2})


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    "other",
    [
        {"stream": creation(json={"a": 2})},
        {"stream": creation(params={"a": 1})},
        {"stream": {"creation_requester": "POST /other"}},
        {"stream": {"creation_requester": "PUT /exports"}},
        {"base_url": "http://127.0.0.1:10"},
        {"unit": Unit("orders", {"account": "7"})},
        {"unit": Unit("orders", link=1, cursor="c")},
    ],
)
def test_what_is_asked_for_does(other: dict[str, Any]) -> None:
    assert hash_of(stream=creation(json={"a": 1})) != hash_of(**{"stream": creation(json={"a": 1}), **other})


def test_a_step_that_needs_the_answer_before_it_counts_as_it_is_written() -> None:
    def steps(path: str) -> dict[str, Any]:
        return {"creation_requester": [{"name": "a", "request": "POST /a"}, {"request": f"POST /{{{{ creation_responses.a.id }}}}/{path}"}]}

    assert hash_of(stream=steps("x")) == hash_of(stream=steps("x")) != hash_of(stream=steps("y"))


# -- chains


def test_a_completed_job_leads_to_the_next_of_its_window() -> None:
    def api(request: Request) -> Reply:
        if request.method == "POST":
            return json_reply({"id": f"r{(request.json() or {}).get('after', 0)}"})
        return json_reply({"status": "done", "next": {"/exports/r0": 1, "/exports/r1": 2}.get(request.target)})

    paginator = {"type": "cursor", "extractor": "$.next", "into": {"json": "after"}}
    with serving(api) as server, rig(server.origin, stream=creation(json={"a": 1}, paginator=paginator)) as it:
        seen, unit = [], Unit("orders", {}, WINDOW, view="v")
        while unit is not None:
            job = Job(unit)
            it.repository.create(job)
            seen.append((unit.link, unit.cursor, job.id))
            assert (WINDOW, "v") == (unit.window, unit.view)
            unit = it.poll(job).follow
        kept = it.repository.kept(job)
    assert [(0, None, "r0"), (1, 1, "r1"), (2, 2, "r2")] == seen
    assert (2, 2) == (kept["link"], kept["cursor"])
    assert [{"a": 1}, {"a": 1, "after": 1}, {"a": 1, "after": 2}] == [r.json() for r in server.log if r.method == "POST"]


def test_a_running_job_leads_nowhere_yet() -> None:
    paginator = {"type": "cursor", "extractor": "$.next", "into": {"param": "after"}}
    with serving(lambda _: json_reply({"id": 1, "status": "running", "next": 1})) as server:
        with rig(server.origin, stream=creation(paginator=paginator)) as it:
            assert it.poll(it.job()).follow is None


@pytest.mark.promise(1)
@pytest.mark.parametrize(
    ("named", "lines"), [("creation_responses.first.id", ["POST /exports/job-1/abort"]), ("job.id", [])]
)
def test_a_job_made_in_part_is_cleaned_up_by_requests_that_can_name_it(
    api: FakeApi, named: str, lines: list[str]
) -> None:
    """Where the second of two creation steps fails, what the first made must not be left behind."""
    stream = {
        "creation_requester": [{"name": "first", "request": "POST /exports"}, {"name": "second", "request": "POST /no"}],
        "abort_requester": f"POST /exports/{{{{ {named} }}}}/abort",
        "delete_requester": "DELETE /exports/{{ creation_responses.first.id }}{{ creation_responses.second.at }}",
    }
    with rig(api.url, stream=stream) as it:
        job = Job(Unit("orders"))
        assert Means.FAIL == it.repository.create(job).means
        assert (True, ["first"]) == (job.in_part, list(job.creation_responses))
        assert (Means.OK, Means.OK) == (it.repository.abort(job).means, it.repository.delete(job).means)
    assert lines == api.lines("abort")
    assert [] == api.lines("delete")
