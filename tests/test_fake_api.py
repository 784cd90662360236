"""The fake API does what the tests rely on."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from fake_api import Chunked, Cut, FakeApi, Hang, Lie, Lost, Reply, Reset, Slow, Stall, Unframed, csv_text

DAYS = [{"date": f"2026-01-{day:02}", "clicks": day} for day in range(1, 11)]
WINDOW = {"from": "2026-01-03", "to": "2026-01-04"}


def call(url: str, method: str = "GET", target: str | None = None, body: Any = None, timeout: float = 5, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One call on a connection of its own; raises what http.client raises."""
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=timeout)
    try:
        whole = target or at.path + (f"?{at.query}" if at.query else "")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, whole, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def create(api: FakeApi, spec: Any = WINDOW, **headers: str) -> Any:
    return json.loads(call(api.url + "/exports", "POST", body=spec, **headers)[2])


def poll(api: FakeApi, job: str = "job-1") -> Any:
    return json.loads(call(f"{api.url}/exports/{job}")[2])


def test_a_job_lives_from_creation_to_deletion() -> None:
    with FakeApi(rows=DAYS) as api:
        assert {"id": "job-1"} == create(api)
        assert {"id": "job-1", "percent": 10, "status": "RUNNING"} == poll(api)
        done = poll(api)
        assert {"id": "job-1", "percent": 100, "status": "DONE", "rows": 2, "url": f"{api.url}/files/job-1/0"} == done
        assert b"date,clicks\n2026-01-03,3\n2026-01-04,4\n" == call(done["url"])[2]
        assert 204 == call(api.url + "/exports/job-1", "DELETE")[0]
        assert 404 == call(api.url + "/exports/job-1")[0]
        assert ["create", "poll", "poll", "download", "delete", "poll"] == api.steps()
        assert ["POST /exports"] == api.lines("create")
        assert [WINDOW] == api.specs()
        assert ([], []) == (api.left(), api.live())


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (["QUEUED", {"status": "DONE", "url": None}], [("QUEUED", "absent"), ("DONE", None)]),
        ({1: ["FAILED"]}, [("FAILED", "absent"), ("FAILED", "absent")]),
        ({2: ["FAILED"], None: ["PENDING"]}, [("PENDING", "absent"), ("PENDING", "absent")]),
        (lambda job, k: f"{job.id}-{k}", [("job-1-0", "absent"), ("job-1-1", "absent")]),
    ],
)
def test_statuses_come_from_the_script(script: Any, expected: list[Any]) -> None:
    with FakeApi(script) as api:
        create(api)
        assert expected == [(said["status"], said.get("url", "absent")) for said in (poll(api), poll(api))]


def test_a_poll_can_be_scripted_as_a_reply() -> None:
    with FakeApi([Reply(500, "boom"), "DONE"]) as api:
        create(api)
        assert (500, b"boom") == call(api.url + "/exports/job-1")[::2]
        assert "DONE" == poll(api)["status"]


def test_a_fault_strikes_the_call_it_is_planned_for() -> None:
    faults = {("poll", 2): Reply(503), ("poll", 1, "job-2"): Reply(429, headers={"Retry-After": "7"}), ("delete", "*"): Reply(500)}
    with FakeApi(["RUNNING"], faults=faults) as api:
        create(api, 1)
        create(api, 2)
        statuses = [call(f"{api.url}/exports/{job}")[0] for job in ("job-1", "job-1", "job-2", "job-2")]
        assert [200, 503, 429, 200] == statuses
        assert [500, 500] == [call(api.url + "/exports/job-1", "DELETE")[0] for _ in range(2)]
        assert [200, 503, 429, 200] == [request.status for request in api.calls("poll")]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Reset(), (ConnectionResetError, http.client.RemoteDisconnected)),
        (Hang(), (socket.timeout,)),
        (Lost(), (socket.timeout,)),
        (Cut(4), (http.client.IncompleteRead,)),
        (Cut(4, "reset"), (ConnectionResetError, http.client.IncompleteRead)),
        (Stall(4), (socket.timeout,)),
        (Lie(+1), (http.client.IncompleteRead,)),
        (Chunked(3, end=False), (http.client.IncompleteRead,)),
    ],
)
def test_broken_framing_breaks_the_client(fault: Any, raised: tuple[type[Exception], ...]) -> None:
    with FakeApi(rows=b"0123456789", faults={("download", 1): fault}) as api:
        create(api)
        with pytest.raises(raised):
            call(api.url + "/files/job-1/0", timeout=0.3)
        assert b"0123456789" == call(api.url + "/files/job-1/0")[2]


@pytest.mark.parametrize("fault", [Chunked(3), Unframed(), Slow(piece=4, pause=0.001)])
def test_unusual_framing_is_still_whole(fault: Any) -> None:
    with FakeApi(rows=b"0123456789", faults={("download", 1): fault}) as api:
        create(api)
        assert b"0123456789" == call(api.url + "/files/job-1/0")[2]


def test_reset_comes_before_the_api_acts_and_lost_after() -> None:
    with FakeApi(faults={("create", 1): Reset(), ("create", 2): Lost("reset")}) as api:
        for jobs in (0, 1):
            with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
                create(api)
            assert jobs == len(api.jobs)


def test_a_presigned_link_lies_on_another_port_and_takes_no_credentials() -> None:
    with FakeApi(["DONE"], rows=b"a\n", gzip=True, presigned=True, link_uses=1, token="t") as api:
        create(api, Authorization="Bearer t")
        link = json.loads(call(api.url + "/exports/job-1", Authorization="Bearer t")[2])["url"]
        assert urlsplit(link).port != urlsplit(api.url).port
        assert 400 == call(link, Authorization="Bearer t")[0]
        assert 400 == call(link, Cookie="a=b")[0]
        assert 403 == call(link.replace("%2f", "%2F"))[0]
        assert b"a\n" == gzip.decompress(call(link)[2])
        assert 403 == call(link)[0]
        assert link == api.files_url + api.calls("download")[-1].target


def test_tokens_are_wanted_counted_and_revoked() -> None:
    with FakeApi(["RUNNING"], oauth=True, token_calls=2) as api:
        assert 401 == call(api.url + "/exports", "POST", body={})[0]
        first = json.loads(call(api.url + "/oauth/token", "POST")[2])["access_token"]
        calls = [call(api.url + "/exports", "POST", body={}, Authorization=f"Bearer {first}")[0] for _ in range(3)]
        assert [202, 202, 401] == calls
        second = json.loads(call(api.url + "/oauth/token", "POST")[2])["access_token"]
        assert 202 == call(api.url + "/exports", "POST", body={}, Authorization=f"Bearer {second}")[0]
        api.revoke()
        assert 401 == call(api.url + "/exports", "POST", body={}, Authorization=f"Bearer {second}")[0]


def test_limits_and_doubles_are_kept_in_the_books() -> None:
    with FakeApi(["RUNNING"], max_live=2) as api:
        create(api, 1)
        create(api, 1)
        assert 429 == call(api.url + "/exports", "POST", body=2)[0]
        assert (2, [1]) == (api.most_live, api.doubles)
        call(api.url + "/exports/job-1/abort", "POST")
        assert "CANCELLED" == poll(api)["status"]
        assert 202 == call(api.url + "/exports", "POST", body=2)[0]
        assert ["job-2", "job-3"] == [job.id for job in api.live()]


def test_a_double_can_be_refused_with_the_id_of_the_first() -> None:
    with FakeApi(["RUNNING"], refuse_doubles=True) as api:
        create(api)
        assert {"error": "duplicate", "existing": "job-1"} == create(api)


def test_targets_come_in_pages_and_parts_share_the_rows() -> None:
    with FakeApi(["DONE"], rows=DAYS, parts=3, page_size=2, format="jsonl") as api:
        create(api, {"from": "2026-01-01", "to": "2026-01-05"})
        first = json.loads(call(api.url + "/exports/job-1/files")[2])
        second = json.loads(call(first["next"])[2])
        links = [file["url"] for file in first["files"] + second["files"]]
        assert ([2, 1], None) == ([len(first["files"]), len(second["files"])], second["next"])
        days = sorted(json.loads(line)["clicks"] for link in links for line in call(link)[2].splitlines())
        assert [1, 2, 3, 4, 5] == days


def test_ranges_are_served_to_whom_still_has_the_same_file() -> None:
    with FakeApi(rows=b"0123456789", ranges=True) as api:
        create(api)
        link = api.url + "/files/job-1/0"
        etag = call(link)[1]["ETag"]
        status, headers, body = call(link, Range="bytes=4-", If_Range=etag)
        assert (206, "bytes 4-9/10", b"456789") == (status, headers["Content-Range"], body)
        assert (200, b"0123456789") == call(link, Range="bytes=4-", If_Range='"other"')[::2]
        assert 416 == call(link, Range="bytes=10-")[0]


def test_one_poll_may_ask_for_many_jobs() -> None:
    with FakeApi({1: ["DONE"], 2: ["RUNNING"]}) as api:
        create(api, 1)
        create(api, 2)
        said = json.loads(call(api.url + "/exports?ids=job-1,job-2")[2])["exports"]
        assert [("job-1", "DONE"), ("job-2", "RUNNING")] == [(one["id"], one["status"]) for one in said]


def test_hooks_answer_instead_and_their_mistakes_fail_the_test() -> None:
    with FakeApi(hooks={"create": lambda api, request: Reply(418)}) as api:
        assert 418 == call(api.url + "/exports", "POST", body={})[0]
    with pytest.raises(AssertionError, match="ZeroDivisionError"), FakeApi(hooks={"create": lambda api, request: 1 / 0}) as api:
        call(api.url + "/exports", "POST", body={})


def test_an_empty_window_still_has_the_header_line() -> None:
    with FakeApi(rows=DAYS) as api:
        create(api, {"from": "2030-01-01", "to": "2030-01-02"})
        assert b"date,clicks\n" == call(api.url + "/files/job-1/0")[2]
    assert "a\tb\n1\t\n" == csv_text([{"a": 1}], "\t", ["a", "b"])


def test_a_connection_carries_many_calls() -> None:
    with FakeApi() as api:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(api.url).port)
        for _ in range(3):
            connection.request("POST", "/exports", "{}")
            connection.getresponse().read()
        connection.close()
        assert [202, 202, 202] == [request.status for request in api.log]
        assert 1 == api.connections
