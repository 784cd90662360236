"""Stripe's report runs, as its API reference and the pages about reports have it.

What is modelled: bearer keys on both hosts, forms with brackets, idempotency keys that give the first answer again and
refuse other parameters, report types with the span of their data, intervals in Unix seconds that must lie within it,
columns, runs that are pending, succeeded or failed, files on a host of their own that expire, and Stripe's errors.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, route
from wire import Change, Reply, Request, json_reply

DATE_OF = {
    "balance_change_from_activity.itemized.3": "created_utc",
    "payouts.itemized.3": "effective_at_utc",
    "payout_reconciliation.itemized.5": "automatic_payout_effective_at_utc",
}
PARAMETERS = {
    "interval_start",
    "interval_end",
    "timezone",
    "currency",
    "reporting_category",
    "decimal_separator",
    "columns",
}
FILE_LIFE = timedelta(days=7)


def problem(status: int, message: str, param: str | None = None, code: str | None = None) -> Refused:
    error = {"type": "invalid_request_error", "message": message, "code": code, "param": param}
    return Refused(
        json_reply({"error": {k: v for k, v in error.items() if v is not None}}, status, {"Request-Id": "req_1"})
    )


class Stripe(Simulator):
    """`rows` are the facts by report type, with dates as `YYYY-MM-DD hh:mm:ss` in UTC.

    available    the span of data of all types: from and until when there is any
    script       statuses of a run's polls
    """

    HOSTS = ("api", "files")
    KEY = "sk_live_51Abc"

    def __init__(
        self,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        available: tuple[datetime, datetime] = (datetime(2012, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)),
        script: Script = ("pending", "succeeded"),
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.rows, self.available, self.script = rows, available, script
        self.answers: dict[str, tuple[list[tuple[str, str]], Reply]] = {}

    def guard(self, request: Request) -> None:
        if request.header("Authorization") != f"Bearer {self.KEY}":
            raise problem(401, "Invalid API Key provided: sk_live_***")

    def not_found(self, request: Request) -> Reply:
        return problem(404, f"Unrecognized request URL ({request.method}: {request.path}).").reply

    @route("GET", "/v1/reporting/report_types/{name}")
    def report_type(self, request: Request, name: str) -> Reply:
        if name not in DATE_OF:
            raise problem(404, f"No such report type: '{name}'", "report_type", "resource_missing")
        start, end = (int(each.timestamp()) for each in self.available)
        span = {"data_available_start": start, "data_available_end": end}
        return json_reply({"id": name, "object": "reporting.report_type", **span, "version": int(name[-1])})

    @route("POST", "/v1/reporting/report_runs")
    def create(self, request: Request) -> Reply:
        form, key = request.form(), request.header("Idempotency-Key")
        if key in self.answers:
            before, answer = self.answers[key]
            if before != form:
                text = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with."
                )
                return json_reply({"error": {"type": "idempotency_error", "message": text}}, 400)
            return answer.with_headers(Idempotent_Replayed="true")
        job = self.new_job(f"frr_{len(self.jobs) + 1}MtxxKLkdIwHu7ix", self._checked(request, form))
        answer = json_reply(self.view(job, "pending"))
        if key is not None:
            self.answers[key] = (form, answer)
        return answer

    @route("GET", "/v1/reporting/report_runs/{id}")
    def poll(self, request: Request, id: str) -> Reply:
        if id not in self.jobs:
            raise problem(404, f"No such report run: '{id}'", "id", "resource_missing")
        job = self.jobs[id]
        job.status = job.step_on(self.script)
        return json_reply(self.view(job, job.status))

    @route("GET", "/v1/reporting/report_runs")
    def list_runs(self, request: Request) -> Reply:
        runs = [self.view(job, job.status or "pending") for job in reversed(self.jobs.values())]
        after = request.query.get("starting_after")
        runs = runs[next((n + 1 for n, run in enumerate(runs) if run["id"] == after), 0) :]
        limit = int(request.query.get("limit", 10))
        return json_reply({"object": "list", "data": runs[:limit], "has_more": len(runs) > limit, "url": request.path})

    @route("GET", "/v1/files/{id}/contents", host="files")
    def download(self, request: Request, id: str) -> Reply:
        job = next((job for job in self.jobs.values() if f"file_{job.number}xs8vrJzC" == id), None)
        if job is None or job.status != "succeeded" or self.clock.now() > job.created_at + FILE_LIFE:
            raise problem(404, f"No such file upload: '{id}'", "file", "resource_missing")
        return Reply(200, self.file(job), {"Content-Type": "text/csv"})

    def view(self, job: Job, status: str) -> dict[str, Any]:
        made = int(job.created_at.timestamp())
        seen = {
            "id": job.id, "object": "reporting.report_run", "created": made, "error": None, "livemode": True,
            "parameters": job.spec["parameters"], "report_type": job.spec["report_type"], "result": None, "status": status,
            "succeeded_at": None,
        }  # fmt: skip
        if status == "failed":
            seen["error"] = "An error occurred while running the report."
        if status == "succeeded":
            url = f"{self.origin('files')}/v1/files/file_{job.number}xs8vrJzC/contents"
            seen["succeeded_at"] = made
            seen["result"] = {
                "id": f"file_{job.number}xs8vrJzC", "object": "file", "created": made,
                "expires_at": made + int(FILE_LIFE.total_seconds()), "filename": f"{job.id}.csv",
                "purpose": "finance_report_run", "size": len(self.file(job)), "type": "csv", "url": url,
            }  # fmt: skip
        return seen

    def file(self, job: Job) -> bytes:
        parameters, name = job.spec["parameters"], DATE_OF[job.spec["report_type"]]
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(parameters["columns"])
        for row in self.rows.get(job.spec["report_type"], ()):
            at = datetime.fromisoformat(row[name]).replace(tzinfo=UTC).timestamp()
            if parameters["interval_start"] <= at < parameters["interval_end"]:
                writer.writerow([row.get(column) for column in parameters["columns"]])
        return text.getvalue().encode()

    def _checked(self, request: Request, form: list[tuple[str, str]]) -> dict[str, Any]:
        if "application/x-www-form-urlencoded" not in (request.header("Content-Type") or ""):
            raise problem(400, "Invalid request")
        given = {name: value for name, value in form if not name.endswith("[]")}
        columns = [value for name, value in form if name == "parameters[columns][]"]
        kind = given.pop("report_type", None)
        if kind not in DATE_OF:
            raise problem(400, f"Unrecognized report type: {kind}", "report_type")
        names = {name.removeprefix("parameters[").removesuffix("]"): value for name, value in given.items()}
        for name in names:
            if name not in PARAMETERS:
                raise problem(400, f"Received unknown parameter: {name}", name, "parameter_unknown")
        known = {column for row in self.rows.get(kind, ()) for column in row}
        wrong = [column for column in columns if known and column not in known]
        if wrong:
            raise problem(400, f"Invalid column: {wrong[0]}", "parameters[columns]")
        start, end = (self._instant(names, end) for end in ("interval_start", "interval_end"))
        if start >= end:
            raise problem(400, "interval_start must be before interval_end", "parameters[interval_start]")
        interval = {"interval_start": start, "interval_end": end, "columns": columns}
        return {"report_type": kind, "parameters": {**names, **interval}}

    def _instant(self, names: Mapping[str, str], name: str) -> int:
        param = f"parameters[{name}]"
        if not names.get(name, "").isdigit():
            raise problem(400, f"Invalid integer: {names.get(name)}", param, "parameter_invalid_integer")
        at = int(names[name])
        first, last = (int(each.timestamp()) for each in self.available)
        if not first <= at <= last:
            text = f"{name} must be between data_available_start ({first}) and data_available_end ({last})"
            raise problem(400, text, param, "parameter_invalid_integer")
        return at
