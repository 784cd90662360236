"""Databricks SQL statement execution API, as its reference has it.

What is modelled: tokens of service principals by client credentials, asynchronous statements with named parameters,
results as chunks of JSON arrays behind links that end after 15 minutes at most and want their own headers but no
Authorization, truncated results, statements that fail, are cancelled, or are closed and forgotten.

The SQL it knows: SELECT names FROM table [WHERE name >= :a AND name < :b].
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, Tokens, route
from wire import Change, Reply, Request, json_reply

SQL = re.compile(r"SELECT (?P<columns>.+?) FROM (?P<table>[\w.]+)(?: WHERE (?P<where>.+))?", re.DOTALL)
BOUNDS = re.compile(r"(\w+) >= :(\w+) AND \1 < :(\w+)")
KNOWN = {
    "statement", "warehouse_id", "catalog", "schema", "parameters", "row_limit", "byte_limit", "disposition", "format",
    "wait_timeout", "on_wait_timeout",
}  # fmt: skip
LINK_LIFE, KEPT = timedelta(minutes=15), timedelta(hours=12)
KEY_HEADER = "x-amz-server-side-encryption-customer-key"


def problem(status: int, code: str, message: str) -> Reply:
    return json_reply({"error_code": code, "message": message}, status)


class Databricks(Simulator):
    """`tables` are rows by the table's name; values are those of Python, and written as the API writes them.

    script          the states of a statement's polls, or a dict of such lists by the statements' numbers
    rows_per_chunk  where a result is cut
    truncated       results say that rows are missing
    """

    HOSTS = ("api", "storage")
    CLIENT, SECRET, WAREHOUSE = "00000000-aaaa", "dose-secret", "a1b2c3d4e5f6a7b8"

    def __init__(
        self,
        tables: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        script: Script = ("PENDING", "SUCCEEDED"),
        rows_per_chunk: int = 2,
        truncated: bool = False,
        good_for: int | None = None,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.tables = {name: list(rows) for name, rows in tables.items()}
        self.script, self.rows_per_chunk, self.truncated, self.good_for = script, rows_per_chunk, truncated, good_for
        self.access = Tokens(self.clock, "eyJ-")
        self.links: dict[str, tuple[bytes, str, datetime]] = {}

    def guard(self, request: Request) -> None:
        if request.step in ("token", "download"):
            return
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if scheme != "Bearer" or not self.access.check(value):
            raise Refused(problem(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type"))

    @route("POST", "/oidc/v1/token")
    def token(self, request: Request) -> Reply:
        wanted = base64.b64encode(f"{self.CLIENT}:{self.SECRET}".encode()).decode()
        if request.header("Authorization") != f"Basic {wanted}":
            return json_reply({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        if dict(request.form()) != {"grant_type": "client_credentials", "scope": "all-apis"}:
            return json_reply({"error": "invalid_request"}, 400)
        value = self.access.issue(lifetime=timedelta(hours=1), good_for=self.good_for)
        return json_reply({"access_token": value, "scope": "all-apis", "token_type": "Bearer", "expires_in": 3600})

    # Statements

    @route("POST", "/api/2.0/sql/statements")
    def create(self, request: Request) -> Reply:
        job = self.new_job(f"01ed92c5-3583-{len(self.jobs) + 1:04d}", self._checked(request))
        return json_reply({"statement_id": job.id, "status": {"state": "PENDING"}})

    @route("GET", "/api/2.0/sql/statements/{id}")
    def poll(self, request: Request, id: str) -> Reply:
        job = self._job(id)
        if job.status not in ("SUCCEEDED", "FAILED", "CANCELED", "CLOSED"):
            job.status = job.step_on(self.script)
        answer: dict[str, Any] = {"statement_id": id, "status": {"state": job.status}}
        if job.status == "FAILED":
            error = {"error_code": "BAD_REQUEST", "message": "[TABLE_OR_VIEW_NOT_FOUND] no such table"}
            answer["status"] |= {"error": job.facts.get("error", error), "sql_state": "42P01"}
        if job.status == "SUCCEEDED":
            columns, rows = self._rows(job.spec)
            chunks = self._chunks(rows)
            answer["manifest"] = {
                "format": "JSON_ARRAY",
                "schema": {
                    "column_count": len(columns),
                    "columns": [
                        {"name": name, "type_name": "STRING", "position": number} for number, name in enumerate(columns)
                    ],
                },
                "total_chunk_count": len(chunks),
                "total_row_count": len(rows),
                "truncated": self.truncated,
            }
            answer["result"] = self._links(job, 0, chunks) if chunks else {}
        return json_reply(answer)

    @route("GET", "/api/2.0/sql/statements/{id}/result/chunks/{number}")
    def chunk(self, request: Request, id: str, number: str) -> Reply:
        job = self._job(id)
        chunks = self._chunks(self._rows(job.spec)[1])
        if job.status != "SUCCEEDED" or int(number) >= len(chunks):
            return problem(404, "NOT_FOUND", f"chunk {number} does not exist")
        return json_reply(self._links(job, int(number), chunks))

    @route("POST", "/api/2.0/sql/statements/{id}/cancel")
    def cancel(self, request: Request, id: str) -> Reply:
        job = self._job(id)
        if job.status not in ("SUCCEEDED", "FAILED"):
            job.status, job.aborted = "CANCELED", True
        return json_reply({})

    @route("GET", "/{name:path}", host="storage")
    def download(self, request: Request, name: str) -> Reply:
        body, key, ends_at = self.links.get(request.target, (b"", "", self.clock.now()))
        if request.header("Authorization"):
            return Reply(400, "<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"})
        if request.header(KEY_HEADER) != key or self.clock.now() >= ends_at:
            return Reply(403, "<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        return Reply(200, body, {"Content-Type": "application/octet-stream"})

    def _job(self, id: str) -> Job:
        job = self.jobs.get(id)
        if job is None or self.clock.now() > job.created_at + KEPT:
            raise Refused(problem(404, "NOT_FOUND", f"The statement {id} was not found."))
        return job

    def _chunks(self, rows: list[list[str | None]]) -> list[list[list[str | None]]]:
        return [rows[at : at + self.rows_per_chunk] for at in range(0, len(rows), self.rows_per_chunk)]

    def _links(self, job: Job, number: int, chunks: list[list[list[str | None]]]) -> dict[str, Any]:
        """A new link to a chunk, each with a key of its own."""
        path = f"/results/{job.number}/{number}?X-Amz-Signature={len(self.links) + 1}%2Fz"
        key, ends_at = f"key-{len(self.links) + 1}=", self.clock.now() + LINK_LIFE
        self.links[path] = (json.dumps(chunks[number]).encode(), key, ends_at)
        link = {
            "chunk_index": number,
            "row_offset": number * self.rows_per_chunk,
            "row_count": len(chunks[number]),
            "external_link": self.origin("storage") + path,
            "expiration": ends_at.isoformat(),
            "http_headers": {KEY_HEADER: key},
        }
        if number + 1 < len(chunks):
            following = f"/api/2.0/sql/statements/{job.id}/result/chunks/{number + 1}?row_offset=2"
            link |= {"next_chunk_index": number + 1, "next_chunk_internal_link": following}
        return {"external_links": [link]}

    def _rows(self, spec: Mapping[str, Any]) -> tuple[list[str], list[list[str | None]]]:
        found = SQL.fullmatch(" ".join(spec["statement"].split()))
        assert found is not None
        columns = [part.split()[-1] for part in found["columns"].split(", ")]
        rows = self.tables[found["table"]]
        if found["where"]:
            bounds = BOUNDS.fullmatch(found["where"])
            assert bounds is not None
            given = {entry["name"]: entry["value"] for entry in spec["parameters"]}
            first, end = (aware(datetime.fromisoformat(given[bounds[key]])) for key in (2, 3))
            rows = [row for row in rows if first <= aware(row[bounds[1]]) < end]
        return columns, [[written(row.get(name)) for name in columns] for row in rows]

    def _checked(self, request: Request) -> dict[str, Any]:
        body = request.json()
        bad = set(body) - KNOWN or {"statement", "warehouse_id"} - set(body)
        if request.query or bad:
            raise Refused(problem(400, "INVALID_PARAMETER_VALUE", f"wrong fields: {sorted(bad)}"))
        if body["warehouse_id"] != self.WAREHOUSE:
            raise Refused(problem(404, "RESOURCE_DOES_NOT_EXIST", "warehouse not found"))
        chosen = (body.get("disposition", "INLINE"), body.get("format", "JSON_ARRAY"), body.get("wait_timeout", "10s"))
        if chosen != ("EXTERNAL_LINKS", "JSON_ARRAY", "0s"):
            raise Refused(problem(400, "INVALID_PARAMETER_VALUE", f"not simulated: {chosen}"))
        marks = set(re.findall(r":(\w+)", body["statement"]))
        if marks != {entry["name"] for entry in body.get("parameters", [])}:
            raise Refused(problem(400, "BAD_REQUEST", "[UNBOUND_SQL_PARAMETER]"))
        return dict(body)


def aware(at: date | datetime) -> datetime:
    at = at if isinstance(at, datetime) else datetime(at.year, at.month, at.day, tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def written(value: Any) -> str | None:
    """A value as a result holds it: text, also for numbers and instants."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    if isinstance(value, dict):
        return json.dumps(value)
    return None if value is None else str(value)
