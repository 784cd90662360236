"""Polls that are answered oddly, and the golden text of each failure; test_odd_answers plays them."""

from __future__ import annotations

from typing import Any

from fake_api import Reply
from odd import HTML

DONE = {"status": "DONE"}

POLLS: dict[str, tuple[dict[tuple[Any, ...], Any], Any, str]] = {
    "poll empty": (
        {("poll", "*"): Reply(200, "")},
        ("DONE",),
        """\
ERROR orders: the answer holds no status at $.status: it is empty
  step        polling_requester
  job         job-1
  request     GET URL/exports/job-1
  status      200
  key         streams.orders.polling_requester.responses (FILE)
  try         say what an empty answer means in `polling_requester.responses`, for example `{text:
              '^\\s*$', means: retry}`""",
    ),
    "poll by a page for people": (
        {("poll", "*"): HTML},
        ("DONE",),
        """\
ERROR orders: the answer holds no status at $.status: it is an HTML page
  step        polling_requester
  job         job-1
  request     GET URL/exports/job-1
  status      200
  API's words <!doctype html><title>Sign in</title>
  key         streams.orders.polling_requester.request (FILE)
  try         is `polling_requester.request` right, and is a login needed? `tap-asyncreport trace
              orders` shows the exchange""",
    ),
    "poll with an empty status": (
        {},
        ({"status": ""},),
        """\
ERROR orders: the status at $.status is empty
  step        polling_requester
  job         job-1
  request     GET URL/exports/job-1
  status      200
  API's words {"id": "job-1", "percent": 10, "status": ""}
  key         streams.orders.status.unknown (FILE)
  try         where an empty status means that the job still runs, set `status.unknown: running`""",
    ),
    "poll with a status that is a mapping": (
        {},
        ({"status": {"code": "DONE"}},),
        """\
ERROR orders: the status is a mapping, not a word: {"code": "DONE"}
  step        polling_requester
  job         job-1
  request     GET URL/exports/job-1
  status      200
  API's words {"id": "job-1", "percent": 10, "status": {"code": "DONE"}}
  key         streams.orders.status.extractor (FILE)
  try         point `status.extractor` at the word in it, such as `$.status.KEY`""",
    ),
    "poll with a status nobody knows": (
        {},
        ("CANCELLED",),
        """\
ERROR orders: the status 'CANCELLED' is not known
  step        polling_requester
  job         job-1
  request     GET URL/exports/job-1
  status      200
  API's words {"id": "job-1", "percent": 10, "status": "CANCELLED"}
  key         streams.orders.status.mapping (FILE)
  try         say what it means under `status.mapping`, for example `failed: ["failed", "failure",
              "error", "errored", "fatal", "CANCELLED"]`; or set `status.unknown: running`. Known
              are running: pending, queued, in queue, created, accepted, submitted, started,
              running, processing, in progress, active; completed: completed, complete, done,
              finished, success, succeeded, successful, ready, available; failed: failed, failure,
              error, errored, fatal; timed_out: expired, timed out, timeout""",
    ),
    "poll of a job nobody knows": (
        {("poll", "*"): Reply(404, "no such job")},
        ("DONE",),
        """\
ERROR orders: asking for the job's status: the API answered 404 (attempt 2 of 2)
  step        polling_requester
  job         job-2
  request     GET URL/exports/job-2
  status      404
  API's words no such job
  key         streams.orders.polling_requester.request (FILE)
  try         the API knows no such job: is the request right? see `polling_requester.request`;
              where a new job is not found at first, add to `polling_requester.responses`: `{status:
              404, means: retry}`""",
    ),
    "poll 500": (
        {("poll", "*"): Reply(500, "oops")},
        ("DONE",),
        """\
ERROR orders: the status could not be read in 2 tries (asking for the job's status: the API answered 500)
  step        polling_requester
  job         job-1
  request     GET URL/exports/job-1
  status      500
  API's words oops
  key         streams.orders.polling_requester.retry.max_tries (FILE)
  try         raise polling_requester.retry.max_tries; the next run goes on with this job""",
    ),
}
