"""Snowflake SQL API v2, as its reference and its page on handling responses have it.

What is modelled: key-pair JWTs with their issuer, subject and life of an hour at most, the headers that are required,
statements sent with a requestId that are not run twice when they come again with `retry`, 202 until a result is there,
results in partitions whose first stands in the answer itself and whose others come as gzip, values that are all text
(days and seconds since 1970), 422 for statements that fail, 408 for those that run out of time, and cancelling.

The SQL it knows: SELECT names FROM view [WHERE name >= f(?) AND name < f(?)].
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from simulators.base import Job, Refused, Script, Simulator, route
from wire import Change, Reply, Request, json_reply

SQL = re.compile(r"SELECT (?P<columns>.+?) FROM (?P<view>[\w.]+)(?: WHERE (?P<where>.+))?", re.DOTALL)
BOUNDS = re.compile(r"(\w+) >= (\w+)\(\?\) AND \1 < \2\(\?\)")
KNOWN = {
    "statement",
    "timeout",
    "database",
    "schema",
    "warehouse",
    "role",
    "bindings",
    "parameters",
    "resultSetMetaData",
}
KEPT = timedelta(hours=24)


def key_pair() -> tuple[str, str, rsa.RSAPublicKey]:
    """A private key as PEM, and the fingerprint that DESCRIBE USER shows of its public key."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return pem, "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode(), private.public_key()


def problem(status: int, code: str, message: str, **more: Any) -> Reply:
    return json_reply({"code": code, "message": message, **more}, status)


class Snowflake(Simulator):
    """`views` are rows by the view's name; values are those of Python, and written as the API writes them.

    script              codes of a statement's polls (202, 200, 422, 408), or a dict of such lists by number
    rows_per_partition  where a result is cut
    """

    ACCOUNT, USER = "xy12345.eu-central-1", "loader"

    def __init__(
        self,
        views: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        script: Script = (202, 200),
        rows_per_partition: int = 2,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.views = {name: list(rows) for name, rows in views.items()}
        self.script, self.rows_per_partition = script, rows_per_partition
        self.private_key, self.fingerprint, self._public_key = key_pair()
        self.request_ids: dict[str, Job] = {}

    def guard(self, request: Request) -> None:
        if not request.header("User-Agent") or "json" not in (request.header("Accept") or ""):
            raise Refused(problem(400, "391903", "User-Agent and Accept headers must be set"))
        scheme, _, token = (request.header("Authorization") or "").partition(" ")
        kind = request.header("X-Snowflake-Authorization-Token-Type")
        name = f"{self.ACCOUNT.split('.')[0]}.{self.USER}".upper()
        try:
            claims = jwt.decode(token, self._public_key, algorithms=["RS256"])
        except jwt.PyJWTError:
            claims = {}
        named = (claims.get("iss"), claims.get("sub")) == (f"{name}.{self.fingerprint}", name)
        if (scheme, kind) != ("Bearer", "KEYPAIR_JWT") or not named or claims["exp"] - claims["iat"] > 3600:
            raise Refused(problem(401, "390144", "JWT token is invalid."))

    @route("POST", "/api/v2/statements")
    def create(self, request: Request) -> Reply:
        body = self._checked(request)
        known = self.request_ids.get(request.query.get("requestId", ""))
        if known is not None and request.query.get("retry") == "true":
            return self._running(known)
        handle = f"019c06a4-0000-df4f-0000-{len(self.jobs) + 1:012x}"
        job = self.new_job(handle, body)
        self.request_ids[request.query.get("requestId", "")] = job
        return self._running(job)

    @route("GET", "/api/v2/statements/{handle}")
    def result(self, request: Request, handle: str) -> Reply:
        job = self._job(handle)
        if job.status not in ("done", "failed", "cancelled"):
            code = job.step_on(self.script)
            job.status = {200: "done", 422: "failed", 408: "late"}.get(code)
            if code == 408:
                return problem(408, "000630", "Statement reached its timeout and was canceled.", statementHandle=handle)
        if job.status == "cancelled":
            return problem(422, "000604", "SQL execution canceled", statementHandle=handle)
        if job.status == "failed":
            return problem(422, "002140", "SQL compilation error", sqlState="42601", statementHandle=handle)
        return self._running(job) if job.status is None else self._done(request, job)

    @route("POST", "/api/v2/statements/{handle}/cancel")
    def cancel(self, request: Request, handle: str) -> Reply:
        job = self._job(handle)
        if job.status == "done":
            return problem(422, "000709", "Statement has completed.", statementHandle=handle)
        job.status, job.aborted = "cancelled", True
        return problem(200, "000604", "SQL execution canceled", statementHandle=handle)

    def _job(self, handle: str) -> Job:
        job = self.jobs.get(handle)
        if job is None or self.clock.now() > job.created_at + KEPT:
            raise Refused(problem(404, "000709", f"Statement {handle} not found"))
        return job

    def _running(self, job: Job) -> Reply:
        text = "Asynchronous execution in progress. Use provided query id to perform query monitoring and management."
        url = f"/api/v2/statements/{job.id}?requestId=0"
        return problem(202, "333334", text, statementHandle=job.id, statementStatusUrl=url)

    def _done(self, request: Request, job: Job) -> Reply:
        columns, rows = self._rows(job.spec)
        size = self.rows_per_partition
        parts = [rows[at : at + size] for at in range(0, max(len(rows), 1), size)]
        number = int(request.query.get("partition", "0"))
        if not 0 <= number < len(parts):
            return problem(422, "391912", f"partition {number} is out of range")
        if number:
            packed = gzip.compress(json.dumps({"data": parts[number]}).encode())
            return Reply(200, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
        about = {
            "numRows": len(rows),
            "format": "jsonv2",
            "rowType": [{"name": name, "type": "text", "nullable": True} for name in columns],
            "partitionInfo": [{"rowCount": len(part), "uncompressedSize": 10} for part in parts],
        }
        text = "Statement executed successfully."
        return json_reply(
            {
                "resultSetMetaData": about,
                "data": parts[0],
                "code": "090001",
                "statementHandle": job.id,
                "message": text,
                "sqlState": "00000",
            }
        )

    def _rows(self, spec: Mapping[str, Any]) -> tuple[list[str], list[list[str | None]]]:
        found = SQL.fullmatch(" ".join(spec["statement"].split()))
        assert found is not None
        columns = [part.split()[-1] for part in re.split(r",\s*(?![^()]*\))", found["columns"])]
        rows = self.views[found["view"]]
        if found["where"]:
            bounds = BOUNDS.fullmatch(found["where"])
            assert bounds is not None
            first, end = (datetime.fromisoformat(spec["bindings"][key]["value"]) for key in ("1", "2"))
            rows = [row for row in rows if aware(first) <= aware(row[bounds[1]]) < aware(end)]
        return columns, [[written(row.get(name)) for name in columns] for row in rows]

    def _checked(self, request: Request) -> dict[str, Any]:
        query, body = request.query, request.json()
        if not set(query) <= {"requestId", "async", "nullable", "retry"} or not set(body) <= KNOWN:
            raise Refused(problem(400, "391902", "unknown parameter"))
        if "requestId" in query:
            try:
                UUID(query["requestId"])
            except ValueError:
                raise Refused(problem(400, "391904", "requestId is no UUID")) from None
        marks, bindings = body.get("statement", "").count("?"), body.get("bindings", {})
        if not body.get("statement") or sorted(bindings) != [str(n + 1) for n in range(marks)]:
            raise Refused(problem(422, "002049", "Bind variable not set", sqlState="42601"))
        if not all(set(entry) == {"type", "value"} for entry in bindings.values()):
            raise Refused(problem(400, "391911", "invalid bindings"))
        if not isinstance(body.get("timeout", 0), int):
            raise Refused(problem(400, "391908", "timeout is no number"))
        return dict(body)


def aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def written(value: Any) -> str | None:
    """A value as a result holds it: an instant as seconds with nine decimals."""
    return f"{value.timestamp():.9f}" if isinstance(value, datetime) else None if value is None else str(value)
