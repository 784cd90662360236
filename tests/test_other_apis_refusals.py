"""What goes wrong with APIs that ship no definition: told in their words, and with the key to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from strangers import Api, Stranger
from wire import Reply, Request, json_reply

from tap_asyncreport.errors import LoginError


@pytest.fixture
def stranger(tmp_path: Path, capfd: Any) -> Stranger:
    return Stranger(tmp_path, capfd)


PLAIN = """
base_url: $URL
streams:
  - name: plain
    creation_requester: POST /jobs
    polling_requester: GET /jobs/{{ job.id }}
    download_retriever: GET /jobs/{{ job.id }}/file
"""


def plain(_: Api, request: Request) -> Any:
    return {"POST /jobs": {"id": "j1"}, "GET /jobs/j1": {"status": "done"}}.get(f"{request.method} {request.path}", "a\n1\n")


@pytest.mark.promise(28)
def test_a_creation_without_the_id_that_its_poll_needs_is_told_with_the_apis_words(stranger: Stranger) -> None:
    run = stranger.run(PLAIN, lambda _, request: {"reportId": "x-7"} if request.method == "POST" else {})
    assert "holds no job id at $.id" in run.told
    assert "creation_requester.job_id" in run.told
    assert "x-7" in run.told
    assert ["POST /jobs"] == run.requests
    assert {} == run.state["bookmarks"]


@pytest.mark.promise(8)
def test_a_kept_job_that_a_changed_poll_cannot_ask_for_is_made_again(stranger: Stranger) -> None:
    wrong = PLAIN.replace("{{ job.id }}\n    down", "{{ creation_response.jobId }}\n    down")
    first = stranger.run(wrong, lambda api, request: {"id": "j1", "key": "k"} if request.method == "POST" else {})
    assert ["j1"] == [job["id"] for job in first.state["bookmarks"]["plain"]["jobs"]]

    right = wrong.replace("jobId", "key").replace("/jobs/{{ creation", "/keys/{{ creation")

    def api(_: Api, request: Request) -> Any:
        found = {"POST /jobs": {"id": "j2", "key": "k"}, "GET /keys/k": {"status": "done"}}
        return found.get(f"{request.method} {request.path}", "a\n1\n")

    again = stranger.run(right, api, first.state)
    assert [{"a": "1"}] == again.rows, again.told
    assert ["POST /jobs", "GET /keys/k", "GET /jobs/j2/file"] == again.requests


CHAIN = """
base_url: $URL
streams:
  - name: leads
    creation_requester:
      request: POST /read
      json: {query: {page: 1}}
      job_id: "$.data[0].details.id"
      paginator:
        type: cursor
        extractor: "{{ polling_response.result.page + 1 if polling_response.result.more else none }}"
        into: {json: query.page}
    polling_requester: GET /read/{{ job.id }}
    download_retriever: GET {{ polling_response.result.url }}
"""


def chain(_: Api, request: Request) -> Any:
    if request.method == "POST":
        return {"data": [{"details": {"id": request.json()["query"]["page"]}}]}
    page = int(request.path.split("/")[2])
    if request.path.endswith("file"):
        return f"page\n{page}\n"
    return {"status": "COMPLETED", "result": {"page": page, "more": page < 3, "url": f"/read/{page}/file"}}


def test_a_cursor_goes_to_a_path_in_the_body(stranger: Stranger) -> None:
    """Zoho: the next page is another job."""
    assert [{"page": "1"}, {"page": "2"}, {"page": "3"}] == stranger.run(CHAIN, chain).rows


@pytest.mark.promise(3)
def test_a_chain_that_does_not_move_is_an_error(stranger: Stranger) -> None:
    run = stranger.run(CHAIN.replace("json: query.page", "param: seite"), chain)
    assert "leads to a job like itself: the cursor is 2 again" in run.told
    assert "creation_requester.paginator" in run.told
    assert 4 >= run.requests.count("POST /read?seite=2") + run.requests.count("POST /read")


XML = """
base_url: $URL
streams:
  - name: batches
    creation_requester:
      - {name: job, request: POST /job, body: <jobInfo/>, headers: {Content-Type: application/xml}}
      - name: batch
        request: "POST /job/{{ creation_responses.job.text.split('<id>')[1].split('<')[0] }}/batch"
        body: select Id from Account
        job_id: "{{ response.text.split('<id>')[1].split('<')[0] }}"
    polling_requester: "GET /job/{{ creation_responses.job.text.split('<id>')[1].split('<')[0] }}/batch/{{ job.id }}"
    status:
      extractor: "{{ response.text.split('<state>')[1].split('<')[0] }}"
      message: "{{ response.text.split('<stateMessage>')[1].split('<')[0] }}"
    download_target_requester: GET /result/{{ job.id }}
    download_target_extractor: "{{ response.text.split('<result>')[1:] | map('replace', '</result>', '') | list }}"
    download_retriever: GET /result/{{ job.id }}/{{ download_target }}
"""


def xml(_: Api, request: Request, *, state: str = "Completed") -> str:
    return {
        "POST /job": "<jobInfo><id>750</id><state>Open</state></jobInfo>",
        "POST /job/750/batch": "<batchInfo><id>751</id><state>Queued</state></batchInfo>",
        "GET /job/750/batch/751": f"<batchInfo><state>{state}</state><stateMessage>too complex</stateMessage></batchInfo>",
        "GET /result/751": "<result>1</result><result>2</result>",
    }.get(f"{request.method} {request.path}", f'"Id"\n"{request.path[-1]}"\n')


def test_answers_in_xml_and_a_message_that_only_failures_have(stranger: Stranger) -> None:
    """Salesforce's Bulk API 1: several steps, ids and words in XML, files by a list of names."""
    run = stranger.run(XML, xml)
    assert [{"Id": "1"}, {"Id": "2"}] == run.rows, run.told
    assert "too complex" in stranger.run(XML, lambda api, request: xml(api, request, state="Failed")).told


WATERMARK = """
base_url: $URL
streams:
  - name: talks
    incremental: {start: "2026-01-01T00:00:00Z", end: "2026-01-03T00:00:00Z", step: 1d}
    jobs: {max_concurrent: 1}
    creation_requester:
      - name: available
        request: GET /available
        responses: [{json: {"{{ response.until < window.end }}": true}, means: quota_exhausted}]
      - {name: run, request: POST /jobs, json: {interval: "{{ window.start }}/{{ window.end }}"}}
    polling_requester: GET /jobs/{{ job.id }}
    download_retriever: GET /jobs/{{ job.id }}/file
"""


def test_a_rule_may_compare_what_the_api_says_with_the_window(stranger: Stranger) -> None:
    """Genesys and Stripe tell how far their data go: what is not there yet is left to the next run."""

    def api(given: Api, request: Request) -> Any:
        return {"until": "2026-01-02T12:00:00Z"} if request.path == "/available" else plain(given, request)

    run = stranger.run(WATERMARK, api)
    assert [{"a": "1"}] == run.rows
    assert "2026-01-02T00:00:00Z" == run.state["bookmarks"]["talks"]["until"]
    assert 1 == run.requests.count("POST /jobs")
    assert "2026-01-02T12:00:00Z" in run.told


SESSION = """
base_url: {request: {request: GET $OTHER/id, responses: [%s]}, extractor: $.url}
authenticator: {type: session, login: {request: POST $OTHER/login, responses: [%s]}, token: $.token}
streams:
  - name: plain
    creation_requester: POST /jobs
    polling_requester: GET /jobs/{{ job.id }}
    download_retriever: GET /jobs/{{ job.id }}/file
"""
TENANT = "{json: {$.url: absent}, means: %s, wait: '{{ 0.01 }}'}"
LOGIN = "{status: [200, 403], json: {$.state: %s}, means: %s, wait: '{{ 0.01 }}'}"


def session(api: Api, request: Request, *, login: list[Any], tenant: list[Any]) -> Any:
    """An API whose login and tenant answer these, one after the other, and are good at last."""
    if request.path == "/login":
        at = api.count("login")
        return login[at - 1] if at <= len(login) else {"token": "T"}
    assert "Bearer T" == request.header("Authorization")
    if request.path == "/id":
        at = api.count("tenant")
        return tenant[at - 1] if at <= len(tenant) else {"url": api.url}
    return plain(api, request)


@pytest.mark.parametrize(
    ("means", "login"),
    [
        ("retry", [{"state": "busy"}, json_reply({"state": "busy"}, 403)]),
        ("not_ready", [{"state": "busy"}]),
        ("ok", [json_reply({"state": "busy", "token": "T"}, 403)]),
    ],
)
def test_a_login_follows_the_rules_of_its_own(stranger: Stranger, means: str, login: list[Any]) -> None:
    config = SESSION % (TENANT % "retry", LOGIN % ("busy", means))
    run = stranger.run(config, lambda api, request: session(api, request, login=login, tenant=[{}, {}]))
    assert [{"a": "1"}] == run.rows, run.told
    assert len(login) + (means != "ok") == run.requests.count("*POST /login")
    assert 3 == run.requests.count("*GET /id")


def test_a_login_that_a_rule_calls_failed_is_told_in_the_apis_words(stranger: Stranger) -> None:
    config = SESSION % (TENANT % "fail", LOGIN % ("locked", "fail"))
    refused = [{"state": "locked", "message": "the account is locked"}]
    run = stranger.run(config, lambda api, request: session(api, request, login=refused, tenant=[]))
    assert isinstance(run.error, LoginError)
    assert "the account is locked" in run.told
    assert ["*POST /login"] == run.requests

    run = stranger.run(config, lambda api, request: session(api, request, login=[], tenant=[{"message": "no such tenant"}]))
    assert "no such tenant" in run.told
    assert ["*POST /login", "*GET /id"] == run.requests


def test_a_url_that_is_not_there_is_never_the_answers_own(stranger: Stranger) -> None:
    """Every answer has a URL of its own; `$.url` means the one that its body holds."""
    rule = "responses: [{json: {$.url: absent}, means: not_ready}]"
    config = PLAIN.replace("GET /jobs/{{ job.id }}\n", f'{{request: "GET /jobs/{{{{ job.id }}}}", {rule}}}\n')

    def api(given: Api, request: Request) -> Any:
        ready = {"url": f"{given.url}/file"} if given.count(request.path) > 2 else {}
        return {"status": "done", **ready} if request.path == "/jobs/j1" else plain(given, request)

    run = stranger.run(config, api)
    assert [{"a": "1"}] == run.rows, run.told
    assert ["POST /jobs", *["GET /jobs/j1"] * 3, "GET /jobs/j1/file"] == run.requests


COOKIE = """
base_url: $URL
authenticator:
  type: session
  login: {request: POST /login, form: {user: me}}
  token: "{{ response.headers['set-cookie'].split(';')[0] }}"
  header: Cookie
streams:
  - name: plain
    creation_requester: POST /jobs
    polling_requester: GET /jobs/{{ job.id }}
    download_retriever: GET /jobs/{{ job.id }}/file
"""


def test_a_login_may_answer_with_a_cookie_alone(stranger: Stranger) -> None:
    """And a session that ends in the middle is opened again, once."""

    def api(given: Api, request: Request) -> Any:
        if request.path == "/login":
            return Reply(204, b"", {"Set-Cookie": f"sid={given.count('login')}; Path=/; HttpOnly"})
        ended = request.path == "/jobs/j1" and given.count("poll") == 1
        valid = request.header("Cookie") == f"sid={given.asked['login']}"
        return json_reply({}, 401) if ended or not valid else plain(given, request)

    run = stranger.run(COOKIE, api)
    assert [{"a": "1"}] == run.rows, run.told
    assert 2 == run.requests.count("POST /login")
