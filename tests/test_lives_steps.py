"""What each step of a job's life may know, and what it takes for done: whole runs, told by the requests they made."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
from fake_api import FakeApi, FakeJob, Hang, Reply, Request, json_reply
from lives import ended_well, failed, one_by_one
from test_sync import ROWS, stream, typed
from warm import WarmProcess
from wire import Server

ONCE = {"replication_key": None, "incremental": None, "creation_requester": "POST /exports"}
QUICK = {"poll_interval": "50ms", "poll_backoff": 1}
SOON = {"wait": "50ms", "wait_max": "50ms"}
LIFE = ["create", "poll", "poll", "target", "download", "delete"]
NAMES = "id={{ creation_response.id }}&percent={{ polling_response.percent }}"


def whole(**changes: Any) -> dict[str, Any]:
    """A stream that is one job, with a target requester; a step's URL says what the step knows."""
    steps = {
        "download_target_requester": "GET /exports/{{ creation_response.id }}/files?" + NAMES,
        "download_target_extractor": "$.files[*].url",
        "download_retriever": "GET {{ download_target }}?" + NAMES,
        "delete_requester": "DELETE /exports/{{ creation_response.id }}?" + NAMES,
    }
    return stream(**{**ONCE, **steps, **changes})


@pytest.mark.promise(1, 2)
def test_every_later_step_sees_the_answers_of_the_steps_before_it(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS) as api:
        run = tap.run(one_by_one(api, whole()))

    ended_well(run)
    assert typed(ROWS) == run.records("clicks")
    assert LIFE == api.steps()
    assert [{"id": "job-1", "percent": "100"}] * 3 == [call.query for call in api.calls()[3:]]


@pytest.mark.promise(1, 2)
def test_an_abort_sees_the_creation_and_the_last_poll_and_comes_before_the_delete(tap: WarmProcess) -> None:
    abort = {"abort_requester": "POST /exports/{{ creation_response.id }}/abort?" + NAMES}
    with FakeApi(["RUNNING", "FAILED"], rows=ROWS) as api:
        run = tap.run(one_by_one(api, whole(**abort, jobs={**QUICK, "max_attempts": 1})))

    failed(run, "FAILED")
    assert ["create", "poll", "poll", "abort", "delete"] == api.steps()
    assert [{"id": "job-1", "percent": "20"}] * 2 == [call.query for call in api.calls()[3:]]


@pytest.mark.promise(2)
@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ({"download_target_extractor": "$.url", "download_retriever": "GET {{ download_target }}"}, 0),
        ({"download_retriever": "GET /files/{{ creation_response.id }}/0"}, 0),
        (
            {
                "download_target_requester": "GET /exports/{{ creation_response.id }}/files",
                "download_target_extractor": "$.files[*].url",
                "download_retriever": "GET {{ download_target }}",
            },
            1,
        ),
    ],
    ids=["the polling answer's", "none", "the requester's answer's"],
)
def test_targets_come_from_the_requester_s_answer_else_from_the_poll_s_else_there_is_one_download(
    steps: dict[str, str], asked: int, tap: WarmProcess
) -> None:
    with FakeApi(rows=ROWS) as api:
        run = tap.run(one_by_one(api, stream(**ONCE, **steps)))

    ended_well(run)
    assert typed(ROWS) == run.records("clicks")
    assert [asked, 1] == [len(api.calls(step)) for step in ("target", "download")]


@pytest.mark.promise(2)
def test_a_target_requester_without_an_extractor_is_a_wrong_configuration_and_no_call(tap: WarmProcess) -> None:
    steps = {"download_target_requester": "GET /exports/{{ creation_response.id }}/files"}
    with FakeApi(rows=ROWS) as api:
        run = tap.run(one_by_one(api, stream(**ONCE, **steps)))

    assert 78 == run.exit_code
    assert "download_target_extractor" in run.stderr
    assert [] == api.log


@pytest.mark.promise(1)
def test_a_job_that_the_api_has_let_go_of_already_is_done_with(tap: WarmProcess) -> None:
    codes = {("abort", 1): 404, ("delete", 1): 409, ("abort", 2): 410, ("delete", 2): 404, ("delete", 3): 410}
    faults = {call: Reply(code, "gone") for call, code in codes.items()}
    with FakeApi({1: ["FAILED"], 2: ["FAILED"], None: ["DONE"]}, rows=ROWS, faults=faults) as api:
        run = tap.run(one_by_one(api, whole(jobs=QUICK)))

    ended_well(run)
    assert typed(ROWS) == run.records("clicks")
    ending = ["create", "poll", "abort", "delete"]
    assert [*ending, *ending, "create", "poll", "target", "download", "delete"] == api.steps()
    assert "WARNING" not in run.stderr


@pytest.mark.promise(3)
def test_a_creation_that_gets_no_answer_is_not_repeated(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS, faults={("create", 1): Hang()}) as api:
        run = tap.run(one_by_one(api, whole(), request_timeout={"read": "1s"}))

    failed(run, "within the read timeout")
    assert ["create"] == api.steps()


@pytest.mark.promise(3)
def test_a_creation_that_the_api_can_tell_from_another_is_repeated_with_the_same_key(tap: WarmProcess) -> None:
    creation = {"request": "POST /exports", "idempotency_header": "Idempotency-Key", "retry": SOON}
    with FakeApi(rows=ROWS, faults={("create", 1): Hang()}) as api:
        run = tap.run(one_by_one(api, whole(creation_requester=creation), request_timeout={"read": "1s"}))

    ended_well(run)
    keys = [call.header("Idempotency-Key") for call in api.calls("create")]
    assert 2 <= len(keys)
    assert 1 == len(set(keys))
    assert all(keys)


@pytest.mark.promise(3, 5)
def test_a_job_that_the_server_calls_timed_out_is_a_failed_one_and_its_rows_are_not_read(tap: WarmProcess) -> None:
    said = {"status": "EXPIRED", "url": "/files/job-1/0"}
    with FakeApi({1: [said], None: ["DONE"]}, rows=ROWS) as api:
        run = tap.run(one_by_one(api, stream(**ONCE)))

    ended_well(run)
    assert typed(ROWS) == run.records("clicks")
    assert ["create", "poll", "abort", "delete", "create", "poll", "download", "delete"] == api.steps()
    assert [] == api.calls("download", "job-1")


@pytest.mark.promise(6)
@pytest.mark.parametrize("lacking", [{"url": None}, {"rows": 0}])
def test_completed_needs_the_word_and_ready_when_and_targets_that_are_not_null(
    lacking: dict[str, Any], tap: WarmProcess
) -> None:
    steps = {"download_target_extractor": "$.url", "download_retriever": {"request": "GET {{ download_target }}", "retry": SOON}}
    status = {"ready_when": "{{ polling_response.rows > 0 }}"}
    with FakeApi(["RUNNING", {"status": "DONE", **lacking}, {"status": "DONE", **lacking}, "DONE"], rows=ROWS) as api:
        run = tap.run(one_by_one(api, stream(**ONCE, **steps, status=status)))

    ended_well(run)
    assert typed(ROWS) == run.records("clicks")
    assert ["create", *["poll"] * 4, "download", "delete"] == api.steps()


@pytest.mark.promise(7)
def test_the_api_works_on_the_next_stream_s_job_while_this_one_s_is_awaited(tap: WarmProcess) -> None:
    """The first stream's job ends only when the second's was made: one after the other they would never end."""

    def script(job: FakeJob, _: int) -> str:
        return "DONE" if job.number > 1 or len(api.jobs) > 1 else "RUNNING"

    with FakeApi(script, rows=ROWS) as api:
        run = tap.run({"base_url": api.url, "streams": [stream(**ONCE), stream("views", **ONCE)]})

    ended_well(run)
    assert [typed(ROWS)] * 2 == [run.records(name) for name in ("clicks", "views")]
    assert 2 == api.most_live


@pytest.mark.promise(25)
def test_a_table_that_was_interrupted_is_not_called_whole(tap: WarmProcess) -> None:
    def polled_twice(process: Any) -> None:
        while len(api.calls("poll")) < 3 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)

    with FakeApi({1: ["DONE"], None: ["RUNNING"]}, rows=ROWS) as api:
        streams = [stream(name, **ONCE) for name in ("clicks", "views")]
        run = tap.run(one_by_one(api, *streams, emit_activate_version_messages=True), while_running=polled_twice)

    assert 143 == run.exit_code
    whole_tables = [each["stream"] for each in run.messages if each["type"] == "ACTIVATE_VERSION"]
    assert "views" not in whole_tables


@pytest.mark.promise(27)
def test_every_call_of_a_run_goes_through_the_proxy_of_the_environment(tap: WarmProcess) -> None:
    """No name of the host is known here: whoever goes past the proxy gets nowhere."""
    seen: list[str] = []

    def proxy(request: Request) -> Reply:
        seen.append(f"{request.method} {request.target}")
        if request.target.endswith("/token"):
            return json_reply({"access_token": "t0k3n-of-the-run", "expires_in": 60})
        if request.target.endswith("/files/1"):
            return Reply(200, b"date,campaign,clicks,cost\n2026-01-01,1,1,1.5\n", {"Content-Type": "text/csv"})
        return json_reply({"id": 1, "status": "DONE", "url": "http://storage.invalid/files/1"})

    login = {"type": "oauth2", "grant": "client_credentials", "token_url": "http://login.invalid/token",
             "client_id": "me", "client_secret": "{{ secrets.client }}"}  # fmt: skip
    with Server(proxy) as server:
        tap.environment = {"HTTP_PROXY": server.origin, "http_proxy": server.origin, "NO_PROXY": "", "no_proxy": ""}
        settings = {"base_url": "http://api.invalid", "authenticator": login, "secrets": {"client": "s3cr3t-of-mine"}}
        run = tap.run({**settings, "streams": [stream(**ONCE)]})

    ended_well(run)
    assert 1 == len(run.records("clicks"))
    assert [
        "POST http://login.invalid/token",
        "POST http://api.invalid/exports",
        "GET http://api.invalid/exports/1",
        "GET http://storage.invalid/files/1",
        "DELETE http://api.invalid/exports/1",
    ] == seen


@pytest.mark.promise(27)
def test_a_poll_without_an_answer_ends_with_the_read_timeout_and_is_asked_again(tap: WarmProcess) -> None:
    with FakeApi(rows=ROWS, faults={("poll", 1): Hang()}) as api:
        run = tap.run(one_by_one(api, stream(**ONCE), request_timeout={"read": "1s"}))

    ended_well(run)
    assert ["create", "poll", "download", "delete"] == list(dict.fromkeys(api.steps()))
    assert 1 == len(api.calls("create"))
    assert 3 <= len(api.calls("poll"))
