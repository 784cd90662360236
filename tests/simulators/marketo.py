"""Marketo's bulk extract, as Adobe's developer documentation has it: leads, activities and program members.

What is modelled: tokens by GET, the same one again until it ends; errors at status 200 with their codes; jobs that are
created, queued and processed, with a shared queue and a daily quota of bytes; filters of at most 31 days; statuses that
change at most once in 60 seconds; CSV with `null` for nothing; SHA-256, size and number of records; files in ranges,
and a 404 in plain text where there is none yet; cancelling; the list of jobs; programs by offset.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, Tokens, route
from wire import Change, Reply, Request, json_reply

SPAN, RETENTION, TOKEN_LIFE = timedelta(days=31), timedelta(days=7), timedelta(hours=1)
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
LEAD_FILTERS = {"createdAt", "updatedAt", "staticListName", "staticListId", "smartListName", "smartListId"}
ACTIVITY_FILTERS = {"createdAt", "activityTypeIds", "primaryAttributeValueIds", "primaryAttributeValues"}
MEMBER_FILTERS = {"programId", "programIds", "isExhausted", "nurtureCadence", "statusNames", "updatedAt"}
LIVE = ("Queued", "Processing")


class Marketo(Simulator):
    """`rows` are the records by kind: leads, activities, program/members.

    script       statuses of a job's polls once it is queued
    refresh      how long a status stands; the API says 60 seconds
    queue        jobs that may be queued or processed at once
    quota        bytes that may be extracted in a day
    corona       whether leads may be filtered by updatedAt
    good_for     calls that an access token is good for
    unwritten    404s for a completed job's file before it is there
    """

    CLIENT, SECRET = "1a2b-client", "a-client-secret"

    def __init__(
        self,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        programs: Iterable[int] = (),
        script: Script = ("Queued", "Processing", "Completed"),
        refresh: timedelta = timedelta(),
        queue: int = 10,
        quota: int = 500_000_000,
        corona: bool = True,
        good_for: int | None = None,
        unwritten: int = 0,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.rows, self.programs, self.script, self.refresh = rows, list(programs), script, refresh
        self.queue, self.quota, self.corona, self.good_for, self.unwritten = queue, quota, corona, good_for, unwritten
        self.tokens = Tokens(self.clock, "cdf01657-110d-")
        self.token_ends_at = self.clock.now()

    # Tokens

    @route("GET", "/identity/oauth/token")
    def token(self, request: Request) -> Reply:
        query = request.query
        if (query.get("client_id"), query.get("client_secret")) != (self.CLIENT, self.SECRET):
            return json_reply({"error": "unauthorized", "error_description": "No client with requested id"}, 401)
        if query.get("grant_type") != "client_credentials":
            return json_reply({"error": "invalid_request", "error_description": "Missing grant type"}, 400)
        last = self.tokens.issued[-1] if self.tokens.issued else None
        if last is None or last.revoked or (last.good_for or 1 << 30) <= last.uses or self._left() <= 0:
            self.tokens.issue(lifetime=TOKEN_LIFE, good_for=self.good_for)
            self.token_ends_at = self.clock.now() + TOKEN_LIFE
        value = self.tokens.issued[-1].value
        return json_reply(
            {"access_token": value, "token_type": "bearer", "expires_in": int(self._left()), "scope": "api@acme.com"}
        )

    def _left(self) -> float:
        return (self.token_ends_at - self.clock.now()).total_seconds()

    def guard(self, request: Request) -> None:
        if request.step == "token":
            return
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if scheme != "Bearer":
            raise problem(600, "Access token not specified")
        if value not in {token.value for token in self.tokens.issued}:
            raise problem(601, "Access token invalid")
        if not self.tokens.check(value):
            raise problem(602, "Access token expired")

    # Programs

    @route("GET", "/rest/asset/v1/programs.json")
    def list_programs(self, request: Request) -> Reply:
        most, offset = int(request.query.get("maxReturn", 20)), int(request.query.get("offset", 0))
        if not 1 <= most <= 200:
            raise problem(701, "maxReturn must be between 1 and 200")
        found = [{"id": each, "name": f"Program {each}", "type": "Default"} for each in self.programs]
        page = found[offset : offset + most]
        if not page:
            empty = {"success": True, "errors": [], "warnings": ["No assets found for the given search criteria."]}
            return json_reply({**empty, "requestId": "7a39#1511bf8a41c"})
        return json_reply({"success": True, "errors": [], "warnings": [], "requestId": "7a39#15", "result": page})

    # Jobs

    @route("POST", "/bulk/v1/{kind:path}/export/create.json")
    def create(self, request: Request, kind: str) -> Reply:
        if kind not in self.rows:
            raise problem(610, "Requested resource not found")
        spec = self._checked(request, kind)
        self._within_quota()
        number = len(self.jobs) + 1
        job = self.new_job(f"ce45a7a1-f19d-4ce2-882c-{number:012d}", {"kind": kind, **spec})
        job.status = "Created"
        return result({**self.view(job), "format": spec.get("format", "CSV")})

    @route("POST", "/bulk/v1/{kind:path}/export/{id}/enqueue.json")
    def enqueue(self, request: Request, kind: str, id: str) -> Reply:
        job = self._job(kind, id)
        if job.status != "Created":
            raise problem(1029, "Job already queued")
        self._within_quota()
        if sum(each.status in LIVE for each in self.jobs.values()) >= self.queue:
            raise problem(1029, "Too many jobs in queue")
        job.status, job.facts["changed_at"] = "Queued", self.clock.now()
        job.facts["queuedAt"] = iso(self.clock.now())
        return result(self.view(job))

    @route("GET", "/bulk/v1/{kind:path}/export/{id}/status.json")
    def poll(self, request: Request, kind: str, id: str) -> Reply:
        job = self._job(kind, id)
        if job.status in LIVE and self.clock.now() - job.facts["changed_at"] >= self.refresh:
            job.status, job.facts["changed_at"] = job.step_on(self.script), self.clock.now()
        return result(self.view(job))

    @route("POST", "/bulk/v1/{kind:path}/export/{id}/cancel.json", step="abort")
    def cancel(self, request: Request, kind: str, id: str) -> Reply:
        job = self._job(kind, id)
        if job.status not in ("Created", *LIVE):
            raise problem(1003, "Job cannot be cancelled")
        job.status, job.aborted = "Canceled", True
        return result({**self.view(job), "status": "Cancelled"})

    @route("GET", "/bulk/v1/{kind:path}/export.json")
    def jobs_of(self, request: Request, kind: str) -> Reply:
        wanted = request.query.get("status", "").split(",")
        found = [job for job in self.jobs.values() if job.spec["kind"] == kind]
        return result(*(self.view(job) for job in found if wanted == [""] or job.status in wanted))

    @route("GET", "/bulk/v1/{kind:path}/export/{id}/file.json")
    def download(self, request: Request, kind: str, id: str) -> Reply:
        job = self.jobs.get(id)
        gone = job is not None and self.clock.now() - job.created_at > RETENTION
        if job is None or job.spec["kind"] != kind or job.status != "Completed" or gone or self.unwritten > 0:
            self.unwritten -= job is not None
            return Reply(404, "Export file not found", {"Content-Type": "text/plain"})
        data = self.file(job)
        headers = {"Content-Type": "text/csv;charset=UTF-8", "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("Range") or "")
        if asked is None:
            return Reply(200, data, headers)
        first, last = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
        if first > last:
            return Reply(416, "", {"Content-Range": f"bytes */{len(data)}"})
        return Reply(206, data[first : last + 1], {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"})

    # What jobs are

    def view(self, job: Job) -> dict[str, Any]:
        seen = {"exportId": job.id, "status": job.status, "createdAt": iso(job.created_at), "format": "CSV"}
        if "queuedAt" in job.facts:
            seen["queuedAt"] = job.facts["queuedAt"]
        if job.status == "Failed":
            seen["errorMsg"] = "Field 'leadScore' not found"
        if job.status == "Completed":
            data = self.file(job)
            seen |= {
                "startedAt": seen["queuedAt"], "finishedAt": seen["queuedAt"],
                "numberOfRecords": len(self._rows(job)), "fileSize": len(data),
                "fileChecksum": f"sha256:{hashlib.sha256(data).hexdigest()}",
            }  # fmt: skip
        return seen

    def file(self, job: Job) -> bytes:
        names, headers = list(job.spec["fields"]), job.spec.get("columnHeaderNames", {})
        if "programIds" in job.spec["filter"]:
            names.insert(0, "programId")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([headers.get(name, name) for name in names])
        for row in self._rows(job):
            values = (row.get(name) for name in names)
            writer.writerow(["null" if value is None else _text(value) for value in values])
        return text.getvalue().encode()

    def _rows(self, job: Job) -> list[Mapping[str, Any]]:
        return [row for row in self.rows[job.spec["kind"]] if _in(job.spec["filter"], row)]

    def used(self) -> int:
        """The bytes extracted so far."""
        return sum(len(self.file(job)) for job in self.jobs.values() if job.status == "Completed")

    def _within_quota(self) -> None:
        if self.used() >= self.quota:
            raise problem(1029, "Export daily quota exceeded")

    def _job(self, kind: str, id: str) -> Job:
        job = self.jobs.get(id)
        if job is None or job.spec["kind"] != kind:
            raise problem(1003, "Invalid data")
        return job

    def _checked(self, request: Request, kind: str) -> dict[str, Any]:
        if "application/json" not in (request.header("Content-Type") or ""):
            raise problem(612, "Invalid Content Type")
        spec = request.json()
        if not isinstance(spec, dict) or set(spec) - {"fields", "format", "filter", "columnHeaderNames"}:
            raise problem(609, "Invalid JSON")
        if not isinstance(spec.get("filter"), dict) or not spec.get("fields"):
            raise problem(1002, "Missing value for the required parameter")
        if spec.get("format", "CSV") not in ("CSV", "TSV", "SSV"):
            raise problem(1003, "Invalid data")
        self._check_filter(kind, spec["filter"])
        known = {name for row in self.rows[kind] for name in row}
        unknown = [name for name in spec["fields"] if known and name not in known]
        if unknown:
            raise problem(1006, f"Field '{unknown[0]}' not found")
        return spec

    def _check_filter(self, kind: str, given: Mapping[str, Any]) -> None:
        if kind == "leads" and not (len(given) == 1 and set(given) <= LEAD_FILTERS):
            raise problem(1003, "Exactly one filter type is required")
        if kind == "leads" and "updatedAt" in given and not self.corona:
            raise problem(1035, "Unsupported filter type for target subscription: updatedAt")
        if kind == "activities" and not ("createdAt" in given and set(given) <= ACTIVITY_FILTERS):
            raise problem(1003, "createdAt is required")
        if kind == "program/members":
            members = given.get("programIds", [given.get("programId")])
            if not set(given) <= MEMBER_FILTERS or not 1 <= len(members) <= 10 or None in members:
                raise problem(1003, "programId or up to 10 programIds are required")
        for span in (given[name] for name in ("createdAt", "updatedAt") if name in given):
            ends = [span.get("startAt", ""), span.get("endAt", "")]
            if not all(INSTANT.fullmatch(end) for end in ends):
                raise problem(1003, "Invalid date format")
            start, end = map(datetime.fromisoformat, ends)
            if not timedelta() <= end - start <= SPAN:
                raise problem(1003, "The date range must be 31 days or fewer")


def problem(code: int, message: str) -> Refused:
    """A refusal, which has status 200."""
    errors = [{"code": str(code), "message": message}]
    return Refused(json_reply({"requestId": "e42b#14272d07d78", "success": False, "errors": errors}))


def result(*views: Mapping[str, Any]) -> Reply:
    return json_reply({"requestId": "147e4#16b24d9b913", "result": list(views), "success": True})


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


def _in(given: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a record passes a filter; that `endAt` belongs to the range is an assumption."""
    for name, wanted in given.items():
        if name in ("createdAt", "updatedAt"):
            at = datetime.fromisoformat(row.get(name) or row["activityDate"])
            if not datetime.fromisoformat(wanted["startAt"]) <= at <= datetime.fromisoformat(wanted["endAt"]):
                return False
        elif name == "activityTypeIds" and row["activityTypeId"] not in wanted:
            return False
        elif name in ("programIds", "programId") and row["programId"] not in ([wanted] if name[-1] == "d" else wanted):
            return False
    return True
