"""An API that answers oddly in each step, as a stranger meets it: the golden text of each failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_api import Cut, Reply, Reset, json_reply
from odd import HTML, failing
from odd_polls import POLLS

DONE = {"status": "DONE"}

GOLDEN: dict[str, tuple[dict[tuple[Any, ...], Any], Any, str]] = {
    "creation refused": (
        {("create", "*"): json_reply({"error": "bad date"}, 400, {"X-Request-Id": "rq-17"})},
        ("DONE",),
        """\
ERROR orders: creating the job: the API answered 400
  step        creation_requester
  request     POST URL/exports
  status      400
  API's words {"error": "bad date"}
  request id  rq-17
  key         streams.orders.creation_requester (FILE)
  try         compare the request of `creation_requester` with the API's documentation:
              `tap-asyncreport trace orders` shows what was sent""",
    ),
    "creation 503": (
        {("create", "*"): Reply(503, "down")},
        ("DONE",),
        """\
ERROR orders: creating the job: the API answered 503
  step        creation_requester
  request     POST URL/exports
  status      503
  API's words down
  key         streams.orders.jobs.creation_max_tries (FILE)
  try         run again when the API is well; where its trouble lasts longer, raise
              `jobs.creation_max_tries`""",
    ),
    "creation 429": (
        {("create", "*"): Reply(429, "slow down")},
        ("DONE",),
        """\
ERROR orders: creating the job: the API answered 429
  step        creation_requester
  request     POST URL/exports
  status      429
  API's words slow down
  try         make fewer calls, by `rate_limits` or `max_concurrent_jobs`; or be more patient, by
              `jobs.creation_max_tries`""",
    ),
    "creation without an answer": (
        {("create", "*"): Reset()},
        ("DONE",),
        """\
ERROR orders: creating the job: URL reset the connection; the job may exist, so the call is not repeated
  step        creation_requester
  request     POST URL/exports
  key         streams.orders.creation_requester.idempotency_header (FILE)
  try         set `idempotency_header`, or `retry: {on: [timeout]}` where a second job does no harm""",
    ),
    "creation by a page for people": (
        {("create", "*"): HTML},
        ("DONE",),
        """\
ERROR orders: creating the job: the answer (200) holds no job id at $.id: it is an HTML page
  step        creation_requester
  request     POST URL/exports
  status      200
  API's words <!doctype html><title>Sign in</title>
  key         streams.orders.creation_requester.request (FILE)
  try         is `creation_requester.request` right, and is a login needed? `tap-asyncreport trace
              orders` shows the exchange""",
    ),
    "creation by an empty answer": (
        {("create", "*"): Reply(202, "")},
        ("DONE",),
        """\
ERROR orders: creating the job: the answer (202) holds no job id at $.id: it is empty
  step        creation_requester
  request     POST URL/exports
  status      202
  key         streams.orders.creation_requester.job_id (FILE)
  try         name what tells the job from others by `creation_requester.job_id`, for example `'{{
              response.headers.location }}'`; `tap-asyncreport trace orders` shows the exchange""",
    ),
    "creation by an error at 200": (
        {("create", "*"): json_reply({"error": "quota store down"})},
        ("DONE",),
        """\
ERROR orders: creating the job: the answer (200) holds no job id at $.id
  step        creation_requester
  request     POST URL/exports
  status      200
  API's words {"error": "quota store down"}
  key         streams.orders.creation_requester.responses (FILE)
  try         `creation_requester.responses`: if this is a refusal, say what it means (retry, busy,
              fail …), for example by the rule {json: {$.error: "quota store down"}, means: retry};
              else check `creation_requester.job_id`""",
    ),
    "creation in a circle": (
        {("create", "*"): Reply(307, "", {"Location": "/exports"})},
        ("DONE",),
        """\
ERROR orders: creating the job: more than 10 redirects, the last to URL/exports
  step        creation_requester
  request     POST URL/exports
  status      307
  key         streams.orders.creation_requester.request (FILE)
  try         check scheme, host and path of `creation_requester.request`: the API sends such calls
              round in a circle""",
    ),
    "job failed": (
        {},
        ("FAILED",),
        """\
ERROR orders: the job failed: its status is 'FAILED' (attempt 2 of 2)
  step        polling_requester
  job         job-2
  request     GET URL/exports/job-2
  status      200
  API's words {"id": "job-2", "percent": 10, "status": "FAILED"}
  key         streams.orders.status.message (FILE)
  try         where the API tells the reason elsewhere, name it by `status.message` or
              `error_requester`; where such failures pass, raise `jobs.max_attempts` or
              `jobs.retry_wait`""",
    ),
    "no link": (
        {},
        ({**DONE, "url": None},),
        """\
ERROR orders: the job is completed, and `download_retriever` finds no target in the answer ({{ polling_response.url }})
  step        download_retriever
  job         job-1
  request     GET URL/exports/job-1
  status      200
  API's words {"id": "job-1", "percent": 100, "url": null, "rows": null, "status": "DONE"}
  key         streams.orders.download_retriever (FILE)
  try         check `download_retriever`; where there are no rows then, set
              `download_target_extractor.none: empty`""",
    ),
    "link of another scheme": (
        {},
        ({**DONE, "url": "s3://bucket/key"},),
        """\
ERROR orders: what should be a URL has the scheme 's3': s3://bucket/key
  step        download_retriever
  job         job-1
  key         streams.orders.download_retriever.request (FILE)
  try         check `download_retriever.request`; only http and https are spoken here""",
    ),
    "link that is a mapping": (
        {},
        ({**DONE, "url": {"href": "x"}},),
        """\
ERROR orders: what should be a URL is a mapping: {"href":"x"}
  step        download_retriever
  job         job-1
  key         streams.orders.download_retriever.request (FILE)
  try         check `download_retriever.request`; only http and https are spoken here""",
    ),
    "link that is no URL": (
        {},
        ({**DONE, "url": "http://"},),
        """\
ERROR orders: downloading: 'http://' is not an http or https URL
  step        download_retriever
  job         job-1
  key         streams.orders.download_retriever.request (FILE)
  try         check `download_retriever.request`""",
    ),
    "link to nobody": (
        {},
        ({**DONE, "url": "http://127.0.0.1:1/x"},),
        """\
ERROR orders: downloading: no connection to http://127.0.0.1:1: [Errno 111] Connection refused
  step        download_retriever
  job         job-1
  request     GET http://127.0.0.1:1/x
  key         streams.orders.download_retriever.request (FILE)
  try         is the host in `download_retriever.request`, or in its link, right, and can it be
              reached from here?""",
    ),
    "download 403": (
        {("download", "*"): Reply(403, "expired")},
        ("DONE",),
        """\
ERROR orders: downloading: the API answered 403
  step        download_retriever
  job         job-1
  request     GET URL/files/job-1/0
  status      403
  API's words expired
  key         streams.orders.download_retriever.responses (FILE)
  try         the link was no longer good, or never was: compare it with the answer that it came
              from; where the file is only not there yet, add to `download_retriever.responses`:
              `{status: 403, means: not_ready}`""",
    ),
    "download 401": (
        {("download", "*"): Reply(401, "who")},
        ("DONE",),
        """\
ERROR orders: downloading: the API answered 401
  step        download_retriever
  job         job-1
  request     GET URL/files/job-1/0
  status      401
  API's words who
  key         streams.orders.download_retriever.responses (FILE)
  try         the link was no longer good, or never was: compare it with the answer that it came
              from; where the file is only not there yet, add to `download_retriever.responses`:
              `{status: 401, means: not_ready}`""",
    ),
    "download 500": (
        {("download", "*"): Reply(500, "oops")},
        ("DONE",),
        """\
ERROR orders: downloading: the API answered 500
  step        download_retriever
  job         job-1
  request     GET URL/files/job-1/0
  status      500
  API's words oops
  key         streams.orders.download_retriever.retry.max_tries (FILE)
  try         run again when the API is well; where its trouble lasts longer, raise
              `download_retriever.retry.max_tries`""",
    ),
    "download by a page for people": (
        {("download", "*"): HTML},
        ("DONE",),
        """\
ERROR orders: an HTML page came instead of the report
  step        decode
  job         job-1
  request     GET URL/files/job-1/0
  status      200
  API's words <!doctype html><title>Sign in</title>
  key         streams.orders.download_retriever (FILE)
  try         a login or error page? see `download_retriever` and `responses`""",
    ),
    "download reset": (
        {("download", "*"): Reset()},
        ("DONE",),
        """\
ERROR orders: downloading: URL reset the connection
  step        download_retriever
  job         job-1
  request     GET URL/files/job-1/0
  key         streams.orders.download_retriever.retry.max_tries (FILE)
  try         run again when the API is well; where its trouble lasts longer, raise
              `download_retriever.retry.max_tries`""",
    ),
    "download without the key": (
        {("download", "*"): Reply(200, "ERROR: timed out\n")},
        ("DONE",),
        """\
ERROR orders: the key column 'id' is not in the file; its columns are: ERROR: timed out
  step        decode
  job         job-1
  request     GET URL/files/job-1/0
  status      200
  API's words ERROR: timed out
  key         streams.orders.primary_keys (FILE)
  try         see `primary_keys`; or is it an error page? else see `decode.header` and
              `decode.records`""",
    ),
    "download with a value that does not fit": (
        {("download", "*"): Reply(200, "id\nmany\n")},
        ("DONE",),
        """\
ERROR orders: line 2, column 'id': 'many' is not an integer
  step        decode
  job         job-1
  request     GET URL/files/job-1/0
  status      200
  key         streams.orders.columns.id (FILE)
  try         give `columns.id` another type, or `null_values` for texts that mean nothing""",
    ),
    "download cut short": (
        {("download", "*"): Cut(3)},
        ("DONE",),
        """\
ERROR orders: downloading: the answer of URL ended too soon: 3 bytes came, 2 to go
  step        download_retriever
  job         job-1
  request     GET URL/files/job-1/0
  status      200
  key         streams.orders.download_retriever.retry.max_tries (FILE)
  try         run again when the API is well; where its trouble lasts longer, raise
              `download_retriever.retry.max_tries`""",
    ),
}


@pytest.mark.promise(28)
@pytest.mark.parametrize(("faults", "script", "text"), [*GOLDEN.values(), *POLLS.values()], ids=[*GOLDEN, *POLLS])
def test_golden_text(faults: dict[tuple[Any, ...], Any], script: Any, text: str, tmp_path: Path) -> None:
    """What happened, where, what was seen and what to try, said once."""
    run, said, _ = failing(tmp_path, faults, script=script, columns={"id": "integer"})
    assert 1 == run.exit_code
    assert [text] == said
