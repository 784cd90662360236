"""Twilio SendGrid: exports of marketing contacts, as its API reference has them.

What is modelled: API keys, lists in pages that are linked by `_metadata.next`, segments, exports of everything or of
lists or segments, gzipped CSV with headings in capitals in one file or several, presigned links that end, the end of an
export, refusals of wrong bodies, and 429 with X-RateLimit-Reset.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, route
from wire import Change, Reply, Request, json_reply

HEADINGS = (
    "EMAIL", "FIRST_NAME", "LAST_NAME", "ADDRESS_LINE_1", "ADDRESS_LINE_2", "CITY", "STATE_PROVINCE_REGION",
    "POSTAL_CODE", "COUNTRY", "ALTERNATE_EMAILS", "PHONE_NUMBER", "WHATSAPP", "LINE", "FACEBOOK", "UNIQUE_NAME",
    "CREATED_AT", "UPDATED_AT", "CONTACT_ID",
)  # fmt: skip
KNOWN = {"list_ids", "segment_ids", "notifications", "file_type", "max_file_size"}
LINK_LIFE, EXPORT_LIFE = timedelta(minutes=60), timedelta(days=3)


def problem(status: int, message: str, field: str | None = None) -> Reply:
    return json_reply({"errors": [{"field": field, "message": message}]}, status)


class SendGrid(Simulator):
    """`contacts` are mappings of headings to values; their `lists` and `segments` name where they belong.

    script         the statuses of an export's polls, or a dict of such lists by the exports' numbers
    rows_per_file  contacts in one file, in place of `max_file_size`
    miscount       what `contact_count` is off by
    """

    HOSTS = ("api", "files")
    KEY = "SG.an-api-key"

    def __init__(
        self,
        contacts: Iterable[Mapping[str, Any]],
        *,
        lists: Iterable[str] = (),
        segments: Iterable[str] = (),
        script: Script = ("pending", "ready"),
        rows_per_file: int = 1000,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.contacts = list(contacts)
        self.lists, self.segments = list(lists), list(segments)
        self.script, self.rows_per_file = script, rows_per_file
        self.page_limit, self.miscount = 1000, 0
        self.links: dict[str, tuple[bytes, datetime]] = {}

    def guard(self, request: Request) -> None:
        if request.step != "download" and request.header("Authorization") != f"Bearer {self.KEY}":
            raise Refused(problem(401, "authorization required"))

    # Lists and segments

    @route("GET", "/v3/marketing/lists")
    def list_lists(self, request: Request) -> Reply:
        size = int(request.query.get("page_size", "100"))
        if not 1 <= size <= 1000:
            return problem(400, "page_size must be between 1 and 1000", "page_size")
        start = int(request.query.get("page_token") or 0)
        end = start + min(size, self.page_limit)
        found = [{"id": name, "name": f"List {name}", "contact_count": 1} for name in self.lists[start:end]]
        about = {"count": len(self.lists), "self": self.url + request.target}
        if end < len(self.lists):
            about["next"] = f"{self.url}/v3/marketing/lists?page_size={size}&page_token={end}"
        return json_reply({"result": found, "_metadata": about})

    @route("GET", "/v3/marketing/segments/2.0")
    def list_segments(self, request: Request) -> Reply:
        return json_reply({"results": [{"id": name, "name": f"Segment {name}"} for name in self.segments]})

    # Exports

    @route("POST", "/v3/marketing/contacts/exports")
    def create(self, request: Request) -> Reply:
        job = self.new_job(spec=self._checked(request))
        del self.jobs[job.id]
        job.id = f"bb2314f1-b9ab-4876-ac48-{job.number:012d}"
        self.jobs[job.id] = job
        return json_reply({"_metadata": {"self": f"{self.url}{request.path}/{job.id}"}, "id": job.id}, 202)

    @route("GET", "/v3/marketing/contacts/exports/{id}")
    def poll(self, request: Request, id: str) -> Reply:
        job = self.jobs.get(id)
        if job is None or self.clock.now() > job.created_at + EXPORT_LIFE:
            return problem(404, "export not found", "id")
        status = job.step_on(self.script)
        made, ends = job.created_at.isoformat(), (job.created_at + EXPORT_LIFE).isoformat()
        about = {"id": id, "status": status, "created_at": made, "updated_at": made, "expires_at": ends}
        if status == "failure":
            about["message"] = "could not build the export"
        if status == "ready":
            rows = self._rows(job)
            about |= {"completed_at": made, "urls": self._urls(job, rows), "contact_count": len(rows) + self.miscount}
        return json_reply(about)

    @route("GET", "/{name:path}", host="files")
    def download(self, request: Request, name: str) -> Reply:
        if request.header("Authorization"):
            return self._storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        found = self.links.get(request.target)
        if found is None or self.clock.now() > found[1]:
            return self._storage_error(403, "AccessDenied", "Request has expired")
        return Reply(200, found[0], {"Content-Type": "application/octet-stream"})

    @staticmethod
    def _storage_error(status: int, code: str, message: str) -> Reply:
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return Reply(status, text, {"Content-Type": "application/xml"})

    def _rows(self, job: Job) -> list[Mapping[str, Any]]:
        lists, segments = set(job.spec.get("list_ids") or ()), set(job.spec.get("segment_ids") or ())
        if not lists and not segments:
            return self.contacts
        return [c for c in self.contacts if lists & set(c.get("lists", ())) or segments & set(c.get("segments", ()))]

    def _urls(self, job: Job, rows: list[Mapping[str, Any]]) -> list[str]:
        """New links for each poll; an export of nobody has one file with headings only."""
        urls = []
        for number, start in enumerate(range(0, max(len(rows), 1), self.rows_per_file), 1):
            path = f"/exports/{job.number}-{number}.csv.gzip?X-Amz-Signature={len(self.links) + 1}%2Fxyz"
            body = csv_file(rows[start : start + self.rows_per_file])
            self.links[path] = (body, self.clock.now() + LINK_LIFE)
            urls.append(self.origin("files") + path)
        return urls

    def _checked(self, request: Request) -> dict[str, Any]:
        if request.query or "json" not in (request.header("Content-Type") or ""):
            raise Refused(problem(400, "invalid content type"))
        spec = request.json()
        for name in set(spec) - KNOWN:
            raise Refused(problem(400, "unknown parameter", name))
        if spec.get("file_type", "csv") not in ("csv", "json"):
            raise Refused(problem(400, "file_type must be csv or json", "file_type"))
        size = spec.get("max_file_size", 5000)
        if not isinstance(size, int) or not 1 <= size <= 5000:
            raise Refused(problem(400, "max_file_size is invalid", "max_file_size"))
        for name, known in (("list_ids", self.lists), ("segment_ids", self.segments)):
            if not set(spec.get(name) or ()) <= set(known):
                raise Refused(problem(404, "not found", name))
        return dict(spec)


def csv_file(rows: Iterable[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADINGS, extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode())
