"""APIs that ship no definition, each as it behaves in public, read by a configuration that is written from the contract."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from strangers import Api, Stranger
from wire import Reply, Request, json_reply


@pytest.fixture
def stranger(tmp_path: Path, capfd: Any) -> Stranger:
    return Stranger(tmp_path, capfd)


ATHENA = """
base_url: $URL
authenticator: {type: aws_sigv4, access_key: AK, secret_key: "{{ secrets.sk }}", region: eu-west-1, service: athena}
secrets: {sk: secretkey}
headers: {Content-Type: application/x-amz-json-1.1}
streams:
  - name: athena
    creation_requester:
      request: POST /
      headers: {X-Amz-Target: AmazonAthena.StartQueryExecution}
      json: {QueryString: select 1, ClientRequestToken: "{{ job.idempotency_key }}"}
      job_id: $.QueryExecutionId
      responses: [{status: 400, json: {$.__type: TooManyRequestsException}, means: busy, wait: "{{ 0.01 }}"}]
    polling_requester:
      request: POST /
      headers: {X-Amz-Target: AmazonAthena.GetQueryExecution}
      json: {QueryExecutionId: "{{ job.id }}"}
      select: $.QueryExecution
    status: {extractor: "{{ response.Status.State }}", mapping: {failed: [FAILED, CANCELLED]}}
    download_retriever:
      request: POST /
      headers: {X-Amz-Target: AmazonAthena.GetQueryResults}
      json: {QueryExecutionId: "{{ job.id }}"}
      paginator: {type: cursor, extractor: $.NextToken, into: {json: NextToken}}
    decode:
      records: "$.ResultSet.Rows[*].Data[*].VarCharValue"
      fields: "$.ResultSet.ResultSetMetadata.ColumnInfo[*].Name"
      skip_rows_where: {id: "^id$"}
"""


def athena(api: Api, request: Request) -> Any:
    assert request.header("Authorization").startswith("AWS4-HMAC-SHA256 Credential=AK/")
    assert "application/x-amz-json-1.1" == request.header("Content-Type")
    verb = request.header("X-Amz-Target").split(".")[1]
    if verb == "StartQueryExecution":
        busy = json_reply({"__type": "TooManyRequestsException"}, 400)
        return busy if api.count("start") == 1 else {"QueryExecutionId": "q-1"}
    if verb == "GetQueryExecution":
        return {"QueryExecution": {"Status": {"State": "QUEUED" if api.count("poll") == 1 else "SUCCEEDED"}}}
    names = {"ResultSetMetadata": {"ColumnInfo": [{"Name": "id"}, {"Name": "n"}]}}
    rows = [["2", None]] if "NextToken" in request.json() else [["id", "n"], ["1", "a"]]
    cells = [{"Data": [{"VarCharValue": cell} if cell else {} for cell in row]} for row in rows]
    more = {} if "NextToken" in request.json() else {"NextToken": "t"}
    return {"ResultSet": {"Rows": cells, **names}, **more}


def test_one_media_type_for_all_requests_and_rows_of_cells(stranger: Stranger) -> None:
    """Athena: a Content-Type in `headers` holds for JSON bodies; cells are objects; `select` and a status by template."""
    run = stranger.run(ATHENA, athena)
    assert [{"id": "1", "n": "a"}, {"id": "2", "n": None}] == run.rows, run.told


FORMS = """
base_url: $URL
headers: {Content-Type: application/json}
streams:
  - name: forms
    creation_requester: {request: POST /jobs, form: {search: "*"}}
    polling_requester: {request: POST /jobs/1, json: {}, headers: {Content-Type: application/vnd.x+json}}
    download_retriever: {request: POST /file, json: {}}
"""


def test_a_media_type_for_all_requests_is_not_put_on_a_body_of_another_kind(stranger: Stranger) -> None:
    sent: list[str | None] = []

    def api(_: Api, request: Request) -> Any:
        sent.append(request.header("Content-Type"))
        return {"/jobs": {"id": 1}, "/jobs/1": {"status": "done"}}.get(request.path, "a\n1\n")

    assert [{"a": "1"}] == stranger.run(FORMS, api).rows
    assert ["application/x-www-form-urlencoded", "application/vnd.x+json", "application/json"] == sent


TRINO = """
base_url: $URL
headers: {X-Trino-User: me}
streams:
  - name: trino
    creation_requester: {request: POST /v1/statement, body: select 1}
    download_retriever:
      request: GET {{ creation_response.nextUri }}
      paginator: {type: next_url, extractor: $.nextUri}
      responses:
        - {json: {$.error: exists}, means: fail}
        - {json: {$.data: absent}, means: empty}
        - {status: 503, means: not_ready}
    decode: {records: "$.data[*]", fields: "$.columns[*].name"}
"""


def trino(api: Api, request: Request, *, broken: bool = False) -> Any:
    at = 0 if request.method == "POST" else int(request.path.rsplit("/")[-1])
    answer: dict[str, Any] = {"columns": [{"name": "id"}, {"name": "x"}]}
    answer |= {"data": [[at, "a"]]} if at in (2, 3) else {}
    answer |= {"nextUri": f"{api.url}/v1/statement/executing/{at + 1}"} if at < 5 else {}
    return {"error": {"message": "line 1:8: no such column"}} if broken and at == 3 else answer


def test_a_page_without_rows_leads_to_the_next(stranger: Stranger) -> None:
    """Trino: the link moves on with every answer, and not every answer has rows."""
    run = stranger.run(TRINO, trino)
    assert [{"id": 2, "x": "a"}, {"id": 3, "x": "a"}] == run.rows, run.told
    assert 6 == len(run.requests)


@pytest.mark.promise(12)
def test_an_error_on_a_later_page_is_told_and_no_row_is_written(stranger: Stranger) -> None:
    run = stranger.run(TRINO, lambda api, request: trino(api, request, broken=True))
    assert [] == run.rows
    assert "line 1:8: no such column" in run.told


LISTED = """
base_url: $URL
streams:
  - name: settlements
    incremental: {start: 2026-01-01, end: 2026-01-31, format: "%Y-%m-%dT%H:%M:%SZ", granularity: 1d}
    creation_requester: {request: POST /report, json: {begin_date: "{{ window.start }}"}, job_id: "{{ window.start }}"}
    polling_requester: {request: GET /report/list, select: "$[?(@.begin_date == '{{ window.start }}')]"}
    status: {extractor: "{{ response.status | default('pending') }}", mapping: {completed: [processed], running: [pending]}}
    download_target_extractor: $.file_name
    download_retriever: GET /report/{{ download_target }}
    decode: {delimiter: ";", encoding: cp1252}
    columns: {REFERENCE: string, AMOUNT: {type: decimal, decimal_mark: ",", thousands: "."}}
"""


def listed(api: Api, request: Request) -> Any:
    if request.method == "POST":
        return Reply(202)
    if request.path != "/report/list":
        assert "/report/one%20file.csv" == request.path
        return Reply(200, "REFERENCE;AMOUNT\nÑandú;1.234,50\n".encode("cp1252"), {"Content-Type": "text/csv"})
    mine = {"begin_date": "2026-01-01T00:00:00Z", "file_name": "one file.csv"}
    seen = api.count("list")
    done = [mine | {"status": "processed"}] if seen > 2 else [mine] if seen > 1 else []
    return [{"begin_date": "2025-12-01T00:00:00Z", "file_name": "no.csv", "status": "processed"}, *done]


def test_what_select_picks_is_the_answer_for_the_status_too(stranger: Stranger) -> None:
    """Mercado Pago: an empty answer to the creation, a list to look in, and no status before the last."""
    assert [{"REFERENCE": "Ñandú", "AMOUNT": 1234.5}] == stranger.run(LISTED, listed).rows


ELASTIC = """
base_url: $URL
streams:
  - name: hits
    creation_requester: {request: POST /idx/_async_search, json: {query: {match_all: {}}}}
    polling_requester: GET /_async_search/{{ job.id }}
    status: {extractor: $.is_running, mapping: {running: [true], completed: [false]}}
    download_retriever: {source: polling_response}
    decode: {records: "$.response.hits[*]"}
    delete_requester: DELETE /_async_search/{{ job.id }}
"""


def elastic(api: Api, request: Request, *, at_once: bool) -> Any:
    if request.method == "DELETE":
        return {}
    running = request.method == "POST" and not at_once
    hits = [] if running else [{"v": 5}]
    return {**({} if at_once else {"id": "abc"}), "is_running": running, "response": {"hits": hits}}


@pytest.mark.parametrize(
    ("at_once", "calls"),
    [
        (True, ["POST /idx/_async_search"]),
        (False, ["POST /idx/_async_search", "GET /_async_search/abc", "DELETE /_async_search/abc"]),
    ],
)
def test_an_answer_that_is_final_at_once_needs_no_id(stranger: Stranger, at_once: bool, calls: list[str]) -> None:
    """Elasticsearch names a search only where it goes on in the background."""
    run = stranger.run(ELASTIC, lambda api, request: elastic(api, request, at_once=at_once))
    assert [{"v": 5}] == run.rows, run.told
    assert calls == run.requests


SIGNED = """
base_url: $URL
secrets: {key: $KEY}
headers:
  WM_CONSUMER.ID: c-7
  WM_CONSUMER.intimestamp: "{{ now | epoch }}"
  WM_SEC.AUTH_SIGNATURE: "{{ ('c-7' ~ '\\n' ~ now | epoch ~ '\\n1\\n') | rsa_sha256(secrets.key) }}"
streams:
  - name: signed
    creation_requester:
      request: POST /jobs
      idempotency_header: Idempotency-Key
      json: {at: "{{ now | iso }}"}
    polling_requester: GET /jobs/{{ job.id }}
    download_retriever: {request: "GET /jobs/{{ job.id }}/file", params: {at: "{{ now | iso }}"}}
"""
KEY = generate_private_key(65537, 1024)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_each_request_is_signed_with_the_time_at_which_it_is_sent(stranger: Stranger, encoding: Encoding) -> None:
    """Walmart Connect: an RSA signature over a client id, a time and a version; a signature that is old is refused.

    Tries of one creation are one request: their time is that of the first.
    """
    written = KEY.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
    key = written.decode() if encoding is Encoding.PEM else base64.b64encode(written).decode()
    signed: list[float] = []
    bodies: list[bytes] = []

    def api(_: Api, request: Request) -> Any:
        at = request.header("WM_CONSUMER.intimestamp")
        told = base64.b64decode(request.header("WM_SEC.AUTH_SIGNATURE"))
        KEY.public_key().verify(told, f"c-7\n{at}\n1\n".encode(), PKCS1v15(), SHA256())
        signed.append(time.time() - float(at))
        if request.method == "POST":
            bodies.append(request.body)
            return json_reply({}, 503, {"Retry-After": "0.02"}) if len(bodies) == 1 else {"id": 1}
        return {"status": "done"} if request.path == "/jobs/1" else "a\n1\n"

    run = stranger.run(SIGNED.replace("$KEY", json.dumps(key)), api)
    assert [{"a": "1"}] == run.rows, run.told
    assert bodies[0] == bodies[1]
    assert all(0 <= late < 3 for late in signed)


@pytest.mark.parametrize(
    ("records", "document"),
    [
        ("$.rows", {"rows": [[1, "a"], [2, "b"]]}),
        ("$.rows[*]", {"rows": [[1, "a"], [2, "b"]]}),
        ("$.sets[*].rows", {"sets": [{"rows": [[1, "a"]]}, {"rows": []}, {"rows": [[2, "b"]]}]}),
        ("$.rows[*].f", {"rows": [{"f": [1, "a"]}, {"f": [2, "b"]}]}),
        ("$.rows[*].f[*].v", {"rows": [{"f": [{"v": 1}, {"v": "a"}]}, {"f": [{"v": 2}, {"v": "b"}]}]}),
        ("$..f", {"rows": [{"f": [1, "a"]}, {"f": [2, "b"]}]}),
    ],
)
def test_rows_by_position_lie_in_lists_of_any_arrangement(stranger: Stranger, records: str, document: Any) -> None:
    """A query service's answer to the creation is the result, once it is there."""
    config = """
base_url: $URL
streams:
  - name: inline
    creation_requester: {request: POST /query, responses: [{status: 202, means: retry, wait: 0.01}]}
    download_retriever: {source: creation_response}
    decode: {records: $RECORDS, fields: "$.cols[*].name"}
"""
    answer = {"cols": [{"name": "x"}, {"name": "y"}], **document}
    run = stranger.run(
        config.replace("$RECORDS", json.dumps(records)),
        lambda api, _: json_reply({}, 202) if api.count("query") == 1 else answer,
    )
    assert [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}] == run.rows, run.told


FAN_OUT = """
base_url: $URL/v1
streams:
  - name: analytics
    creation_requester:
      request: POST /requests
      job_id: $.data.id
      responses: [{status: 409, means: duplicate, job_id: "$.errors[0].meta.id"}]
    download_target_requester:
      - {name: reports, request: "GET /requests/{{ job.id }}/reports", paginator: {type: next_url, extractor: $.links.next}}
      - name: segments
        request: GET $OTHER/reports/{{ reports.data[download_target].id }}/segments
        paginator: {type: range, count: $.data}
    download_target_extractor: $.data[*]
    download_retriever: {request: "GET {{ download_target.href | absolute }}", responses: [{status: 503, means: not_ready}]}
"""


def fan_out(api: Api, request: Request) -> Any:
    last = request.path.rsplit("/", 1)[1]
    if request.method == "POST":
        return json_reply({"errors": [{"meta": {"id": "rq"}}]}, 409)
    if last == "reports":
        more = {} if request.query else {"next": f"{request.path}?page=2"}
        return {"data": [{"id": 3}] if request.query else [{"id": 1}, {"id": 2}], "links": more}
    if last == "segments":
        return {"data": [{"href": f"file{n}"} for n in ("a", "b")]}
    assert api.is_other(request)
    return f"file\n{request.path}\n"


def test_each_of_many_reports_has_segments_and_links_start_at_their_answer(stranger: Stranger) -> None:
    """App Store Connect: the request exists already; its reports in pages, the segments of each, their links elsewhere."""
    run = stranger.run(FAN_OUT, fan_out)
    assert [{"file": f"/reports/{report}/file{n}"} for report in (1, 2, 3) for n in "ab"] == run.rows, run.told


MOVED = """
base_url: $URL
authenticator: {type: bearer, token: for-everybody}
streams:
  - name: moved
    creation_requester: POST /jobs
    polling_requester: GET /jobs/{{ job.id }}
    download_target_requester: {request: "GET /jobs/{{ job.id }}/file", responses: [{status: 302, means: ok}]}
    download_target_extractor: "{{ response.headers.location }}"
    download_retriever: {request: "GET {{ download_target }}", authenticator: {type: bearer, token: for-files}}
"""


@pytest.mark.promise(17)
def test_credentials_go_along_with_a_redirect_only_where_it_is_taken_for_a_target(stranger: Stranger) -> None:
    seen: list[str | None] = []

    def api(given: Api, request: Request) -> Any:
        seen.append(request.header("Authorization"))
        if request.path == "/jobs/1/file":
            return Reply(302, b"", {"Location": f"{given.other}/f"})
        return {"/jobs": {"id": 1}, "/jobs/1": {"status": "done"}}.get(request.path, "a\n1\n")

    assert [{"a": "1"}] == stranger.run(MOVED, api).rows
    assert [*["Bearer for-everybody"] * 3, "Bearer for-files"] == seen
