"""Asking for the status: words, waits, progress, many jobs at once, and the API's reason for a failure."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fake_api import FakeApi, Hang, Lost, Reset
from rig import rig, serving
from wire import Reply, Request, json_reply

from tap_asyncreport.config.status_words import classify
from tap_asyncreport.config.streams import Status
from tap_asyncreport.errors import LoginError
from tap_asyncreport.job import Job, JobStatus, Means, Outcome
from tap_asyncreport.lifecycle.status_words import combined

POLL = {"request": "GET /exports/{{ creation_response.id }}"}


def polled(answer: Any, stream: dict[str, Any] | None = None, *, times: int = 1) -> list[Outcome]:
    """The outcomes of polls that are answered like this."""
    answers = iter(answer if isinstance(answer, list) else [answer] * times)

    def api(request: Request) -> Reply:
        if request.method == "POST":
            return json_reply({"id": "r1", "status": "created", "next": "/poll/1"})
        given = next(answers)
        return given if isinstance(given, Reply) else json_reply(given)

    with serving(api) as server, rig(server.origin, stream=stream) as it:
        job = it.job()
        return [it.poll(job) for _ in range(len(answer) if isinstance(answer, list) else times)]


def status(answer: Any, **settings: Any) -> JobStatus | None:
    (outcome,) = polled(answer, {"status": settings})
    return outcome.status


# -- words

KNOWN = {
    "running": "pending queued in_queue In-Queue created accepted submitted started RUNNING processing in_progress inProgress active",
    "completed": "completed complete Done finished success succeeded successful ready available",
    "failed": "failed FAILURE error errored fatal",
    "timed_out": "expired timed_out Timed-Out timeout",
}


@pytest.mark.parametrize(
    ("word", "kind"),
    [(word, kind) for kind, words in KNOWN.items() for word in words.split() if word != "inProgress"]
    + [("in queue", "running"), ("  Timed  out ", "timed_out")],
)
def test_well_known_words(word: str, kind: str) -> None:
    assert kind == classify(Status(), word)


@pytest.mark.parametrize("word", ["cancelled", "canceled", "aborted", "inProgress", "", None, 3, True, "done!"])
def test_words_that_nobody_may_guess(word: Any) -> None:
    assert classify(Status(), word) is None


@pytest.mark.parametrize(
    ("mapping", "word", "kind"),
    [
        ({"completed": ["OK"]}, "ok", "completed"),
        ({"completed": ["OK"]}, "done", None),
        ({"completed": ["OK"]}, "running", "running"),
        ({"skipped": ["done"]}, "DONE", "skipped"),
        ({"skipped": ["done"]}, "complete", "completed"),
        ({"completed": [True], "running": [False]}, True, "completed"),
        ({"completed": [True], "running": [False]}, False, "running"),
        ({"completed": [True]}, "true", "completed"),
        ({"completed": [200], "running": [202]}, 202, "running"),
        ({"completed": ["200"]}, 200, "completed"),
        ({"completed": [100]}, 100.0, "completed"),
        ({"running": [None]}, None, "running"),
        ({"failed": "a b"}, "A-b", "failed"),
    ],
)
def test_the_users_words_replace_the_class_and_leave_every_default(mapping: dict[str, Any], word: Any, kind: str | None) -> None:
    assert kind == classify(Status.model_validate({"mapping": mapping}), word)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["done"], "completed"),
        (["expired"], "timed_out"),
        (["done", "running"], "running"),
        (["done", "failed", "running"], "failed"),
        (["done", "expired"], "failed"),
        (["expired", "expired"], "timed_out"),
        (["done", "nothing"], "completed"),
        (["nothing", "nothing"], "skipped"),
    ],
)
def test_several_words_together(words: list[str], expected: str) -> None:
    status = Status.model_validate({"mapping": {"skipped": ["nothing"]}})
    found = [classify(status, word) for word in words]
    assert expected == combined([each for each in found if each is not None])


@pytest.mark.parametrize(
    ("answer", "settings", "expected"),
    [
        ({"status": "RUNNING"}, {}, "running"),
        ({"a": {"state": "Done"}}, {"extractor": "$.a.state"}, "completed"),
        ({"status": [["done"], ["running"]]}, {}, "running"),
        ({"details": [{"s": "done"}, {"s": "done"}]}, {"extractor": "$.details[*].s"}, "completed"),
        (Reply(202, ""), {"extractor": "{{ response.status_code }}", "mapping": {"running": [202], "completed": [200]}}, "running"),
        ({"percent": 100}, {"extractor": "{{ polling_response.percent == 100 }}", "mapping": {"completed": [True]}}, "completed"),
        ({"url": None}, {"extractor": "{{ 'done' if polling_response.url else 'running' }}"}, "running"),
    ],
)
def test_where_the_status_stands(answer: Any, settings: dict[str, Any], expected: str) -> None:
    assert expected == status(answer, **settings)


@pytest.mark.promise(6)
@pytest.mark.parametrize(
    ("ready_when", "expected"),
    [
        ("{{ polling_response.percent == 100 }}", "running"),
        ("{{ polling_response.percent >= 60 }}", "completed"),
        ("ready: {{ polling_response.percent }}", "completed"),
        ("{% if false %}x{% endif %}", "running"),
        ("{{ 'false' }}", "running"),
    ],
)
def test_completed_needs_the_word_and_what_the_user_wants_beside_it(ready_when: str, expected: str) -> None:
    assert expected == status({"status": "done", "percent": 60}, ready_when=ready_when)
    assert "failed" == status({"status": "failed", "percent": 60}, ready_when=ready_when)


def test_an_unknown_word_fails_and_the_error_says_how_to_name_it() -> None:
    (outcome,) = polled({"status": "HELD"}, {"status": {"mapping": {"running": ["QUEUED"]}}})
    assert (Means.FAIL, "HELD") == (outcome.means, outcome.word)
    assert "the status 'HELD' is not known" == outcome.error.message
    assert "Known are running: QUEUED; completed: completed," in outcome.error.hint
    assert '`running: ["QUEUED", "HELD"]`' in outcome.error.hint


@pytest.mark.parametrize(
    ("word", "kind"),
    [("FULFILLED", "completed"), ("report generated", "completed"), ("UNSUCCESSFUL", "failed"), ("Incomplete", "failed"),
     ("NO_DATA", "skipped"), ("TimedOut_", "timed_out"), ("waiting", "running")],
)  # fmt: skip
def test_an_unknown_word_is_proposed_for_the_class_that_it_most_likely_is_of(word: str, kind: str) -> None:
    (outcome,) = polled({"status": word})
    assert f"for example `{kind}: [" in outcome.error.hint
    assert f'"{word}"]`' in outcome.error.hint


def test_an_answer_without_a_status_says_where_it_was_looked_for() -> None:
    (outcome,) = polled({"state": "done"})
    assert (Means.FAIL, "the answer holds no status at $.status") == (outcome.means, outcome.error.message)
    assert '{"state": "done"}' == outcome.error.excerpt


def test_an_unknown_word_may_be_running_with_one_warning_per_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        outcomes = polled([{"status": "HELD"}, {"status": "held"}, {"status": "PARKED"}], {"status": {"unknown": "running"}})
    assert [("running", "HELD"), ("running", "held"), ("running", "PARKED")] == [(o.status, o.word) for o in outcomes]
    assert [
        "orders: the status 'HELD' is not known, and taken as running; see `status.mapping`",
        "orders: the status 'PARKED' is not known, and taken as running; see `status.mapping`",
    ] == caplog.messages


@pytest.mark.promise(5)
@pytest.mark.parametrize(("word", "said"), [("FAILED", "the job failed"), ("EXPIRED", "the job timed out at the API")])
def test_a_failed_job_has_the_apis_reason(word: str, said: str) -> None:
    (outcome,) = polled({"status": word, "reason": "shard lost"}, {"status": {"message": "$.reason"}})
    assert (Means.OK, f"{said}: its status is '{word}'") == (outcome.means, outcome.error.message)
    assert outcome.error.excerpt.startswith("shard lost: {")
    assert "r1" == outcome.error.where.job_id


# -- waits and progress


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    ("answer", "jobs", "wait", "progress"),
    [
        ({"status": "running"}, {}, None, None),
        (json_reply({"status": "running"}, 200, {"Retry-After": "9"}), {}, 9.0, None),
        ({"status": "running", "in": 4}, {"poll_wait": "$.in"}, 4.0, None),
        (json_reply({"status": "running"}, 202, {"retryIn": "5"}), {"poll_wait": "{{ response.headers.retryIn }}"}, 5.0, None),
        (json_reply({"status": "running"}, 200, {"Retry-After": "9"}), {"poll_wait": "$.in"}, 9.0, None),
        ({"status": "running", "at": "2026-02-01T12:00:30Z"}, {"poll_wait": "$.at"}, 30.0, None),
        ({"status": "running", "done": 40}, {"progress": "$.done"}, None, 40),
    ],
)
def test_waits_and_progress(answer: Any, jobs: dict[str, Any], wait: float | None, progress: Any) -> None:
    (outcome,) = polled(answer, {"jobs": jobs})
    assert (wait, progress, "running") == (outcome.wait, outcome.progress, outcome.status)


@pytest.mark.promise(4)
@pytest.mark.parametrize("fault", [Reply(429), Reply(408), Reply(500), Reply(502), Reply(503), Reply(504), Reset(), Hang(), Lost()])
def test_errors_that_pass_are_worth_another_poll(fault: Any) -> None:
    with FakeApi(faults={("poll", 1): fault}) as api, rig(api.url, request_timeout={"read": "0.2s"}) as it:
        job = it.job()
        first, second = it.poll(job), it.poll(job)
    assert (Means.RETRY, Means.OK) == (first.means, second.means)
    assert first.error is not None


def test_a_job_that_the_api_forgot_is_gone() -> None:
    with FakeApi() as api, rig(api.url) as it:
        job = it.job()
        api.jobs["job-1"].deleted = 1
        outcome = it.poll(job)
    assert (Means.JOB_GONE, "asking for the job's status: the API answered 404") == (outcome.means, outcome.error.message)


def test_a_rule_that_says_not_ready_means_that_the_job_runs() -> None:
    rule = {"status": 400, "text": "report_not_ready", "means": "not_ready"}
    (outcome,) = polled(Reply(400, "report_not_ready"), {"polling_requester": {**POLL, "responses": [rule]}})
    assert (Means.OK, "running") == (outcome.means, outcome.status)


def test_too_large_and_empty_may_be_said_while_polling() -> None:
    rules = [{"json": {"$.code": "TOO_BIG"}, "means": "too_large"}, {"json": {"$.code": "NOTHING"}, "means": "empty"}]
    stream = {"polling_requester": {**POLL, "responses": rules}}
    assert [Means.TOO_LARGE, Means.EMPTY] == [o.means for o in polled([{"code": "TOO_BIG"}, {"code": "NOTHING"}], stream)]


# -- what a poll is asked with


def test_a_poll_follows_a_link_that_moves_beginning_at_the_creations() -> None:
    seen: list[str] = []

    def api(request: Request) -> Reply:
        seen.append(f"{request.method} {request.target}")
        number = len(seen)
        return json_reply({"id": "r1", "status": "running", "next": f"/poll/{number}"})

    with serving(api) as server, rig(server.origin, stream={"polling_requester": "GET {{ polling_response.next }}"}) as it:
        job = it.job()
        it.poll(job), it.poll(job)
    assert ["POST /exports", "GET /poll/1", "GET /poll/2"] == seen


def test_the_creation_may_be_repeated_until_it_says_200() -> None:
    answers = iter([Reply(201), Reply(202, "", {"retryIn": "5"}), Reply(200, "a,b\n1,2\n")])
    stream = {
        "creation_requester": {"request": "POST /reports", "json": {"n": 1}},
        "polling_requester": {"request": "POST /reports", "json": {"n": 1}},
        "status": {"extractor": "{{ response.status_code }}", "mapping": {"running": [201, 202], "completed": [200]}},
        "download_retriever": {"source": "polling_response"},
    }
    with serving(lambda _: next(answers)) as server, rig(server.origin, stream=stream) as it:
        job = it.job()
        assert ["running", "completed"] == [it.poll(job).status for _ in range(2)]
        assert [Means.OK, Means.OK] == [it.repository.targets(job).means, it.repository.download(job).means]
        assert ["a,b\n1,2\n"] == it.texts(job)


def test_without_a_polling_requester_a_job_is_completed_when_it_exists() -> None:
    with FakeApi() as api, rig(api.url, stream={"polling_requester": None}) as it:
        assert (Means.OK, "completed") == ((outcome := it.poll(it.job())).means, outcome.status)
        assert ["POST /exports"] == api.lines()


# -- the reason


def test_the_reason_is_asked_for_once_and_quoted() -> None:
    stream = {"error_requester": "GET /exports/{{ creation_response.id }}/error"}
    with FakeApi(script=["FAILED"]) as api, rig(api.url, stream=stream) as it:
        outcome = it.poll(it.job())
        assert ["create", "poll", "error"] == api.steps()
    assert ("failed", '{"reason": "the warehouse is on fire"}') == (outcome.status, outcome.error.excerpt)


def test_a_reason_behind_two_requests_may_turn_failure_into_no_rows() -> None:
    def api(request: Request) -> Reply:
        if request.method == "POST":
            return json_reply({"id": "r1"})
        documents = {"/exports/r1": {"status": "FATAL", "doc": "d1"}, "/documents/d1": {"url": "/files/x"}}
        return json_reply(documents[request.target]) if request.target in documents else Reply(200, "there is no data")

    steps = [
        {"name": "document", "request": "GET /documents/{{ polling_response.doc }}"},
        {"name": "text", "request": "GET {{ document.url }}", "responses": [{"text": "no data", "means": "empty"}]},
    ]
    with serving(api) as server, rig(server.origin, stream={"error_requester": steps}) as it:
        assert Means.EMPTY == it.poll(it.job()).means


def test_a_reason_that_cannot_be_read_leaves_the_failure_as_it_was() -> None:
    with FakeApi(script=["FAILED"], faults={("error", 1): Reply(500)}) as api:
        with rig(api.url, stream={"error_requester": "GET /exports/{{ creation_response.id }}/error"}) as it:
            outcome = it.poll(it.job())
    assert ("failed", "the job failed: its status is 'FAILED'") == (outcome.status, outcome.error.message)


# -- credentials

OAUTH = {"type": "oauth2", "token_url": "/oauth/token", "client_id": "me", "client_secret": "{{ secrets.s }}"}


def test_a_refused_token_is_replaced_once() -> None:
    with FakeApi(oauth=True) as api, rig(api.url, authenticator=OAUTH, secrets={"s": "hush-hush"}) as it:
        job = it.job()
        api.revoke()
        assert Means.OK == it.poll(job).means
        assert ["token", "create", "poll", "token", "poll"] == api.steps()


def test_a_fresh_token_that_is_refused_ends_the_run() -> None:
    with FakeApi(oauth=True, faults={("poll", "*"): Reply(401, "who are you")}) as api:
        with rig(api.url, authenticator=OAUTH, secrets={"s": "hush-hush"}) as it:
            job = it.job()
            with pytest.raises(LoginError) as caught:
                it.poll(job)
    assert "asking for the job's status: the API refused a fresh token (401)" == caught.value.message
    assert ("job-1", "orders", "who are you") == (caught.value.where.job_id, caught.value.where.stream, caught.value.excerpt)


@pytest.mark.promise(28)
def test_a_login_that_is_refused_on_the_way_says_for_which_job() -> None:
    with FakeApi(oauth=True, faults={("token", 2): Reply(401, "who are you")}) as api:
        with rig(api.url, authenticator=OAUTH, secrets={"s": "hush-hush"}) as it:
            job = it.job()
            api.revoke()
            with pytest.raises(LoginError) as caught:
                it.poll(job)
    where = caught.value.where
    assert ("job-1", "orders", "who are you") == (where.job_id, where.stream, caught.value.excerpt)
    assert "/oauth/token" in str(where.request_line)


def test_a_rule_may_say_that_another_answer_means_a_new_token() -> None:
    expired = json_reply({"errors": [{"code": "602"}]})
    with FakeApi(oauth=True, faults={("poll", 1): expired}) as api:
        stream = {"responses": [{"json": {"$.errors[0].code": 602}, "means": "auth_expired"}]}
        with rig(api.url, stream=stream, authenticator=OAUTH, secrets={"s": "hush-hush"}) as it:
            assert Means.OK == it.poll(it.job()).means
            assert 2 == len(api.calls("token"))


@pytest.mark.parametrize(("top", "said"), [({}, "the call carried no credentials"), ({"authenticator": {"type": "bearer", "token": "abcdef"}}, "refused the credentials")])
def test_credentials_that_cannot_be_renewed_are_refused_at_once(top: dict[str, Any], said: str) -> None:
    with FakeApi(faults={("poll", "*"): Reply(401)}) as api, rig(api.url, **top) as it:
        job = it.job()
        with pytest.raises(LoginError, match=said):
            it.poll(job)
        assert 1 == len(api.calls("poll"))


def test_outcomes_come_in_the_order_of_the_jobs() -> None:
    with FakeApi(script={1: ["DONE"], 2: ["RUNNING"]}) as api, rig(api.url) as it:
        jobs = [it.job(), it.job()]
        assert ["running", "completed"] == [outcome.status for outcome in it.repository.poll(jobs[::-1])]
        assert isinstance(jobs[0], Job)


def test_an_answer_whose_code_may_be_the_status_is_told_with_what_to_write() -> None:
    (outcome,) = polled(json_reply({"progress": 30}, 202))
    assert (
        'where the code of the answer is the status, set `status: {extractor: "{{ polling_response.status_code }}", '
        "mapping: {running: [202], completed: [200]}}`; else check `status.extractor`"
    ) == outcome.error.hint


def test_a_path_that_the_base_url_has_too_is_told_of() -> None:
    def api(request: Request) -> Reply:
        return json_reply({"id": "r1"}) if request.method == "POST" else json_reply({"error": "no"}, 404)

    with serving(api) as server, rig(f"{server.origin}/api/v2", stream={"polling_requester": "GET /api/v2/jobs/{{ job.id }}"}) as it:
        (outcome,) = it.repository.poll([it.job()])
    assert "`/api/v2` stands twice in the URL" in outcome.error.hint
