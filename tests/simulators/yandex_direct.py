"""Yandex Direct API v5: the Reports service, as its documentation has it.

What is modelled: one address to which the same request is sent until the report is there (201, 202, 200), online and
offline and automatic mode, `retryIn` and `reportsInQueue`, the queue of five offline reports of an advertiser, names
that stand for their parameters, reports kept for five hours, TSV with or without title, headings and summary, money in
millionths or with decimals, `--` for no value, and errors as JSON under 400.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, route
from wire import Change, Reply, Request

TYPES = {
    "ACCOUNT_PERFORMANCE_REPORT", "CAMPAIGN_PERFORMANCE_REPORT", "ADGROUP_PERFORMANCE_REPORT", "AD_PERFORMANCE_REPORT",
    "CRITERIA_PERFORMANCE_REPORT", "CUSTOM_REPORT", "REACH_AND_FREQUENCY_PERFORMANCE_REPORT",
    "SEARCH_QUERY_PERFORMANCE_REPORT",
}  # fmt: skip
REQUIRED = {"SelectionCriteria", "FieldNames", "ReportName", "ReportType", "DateRangeType", "Format", "IncludeVAT"}
KNOWN = REQUIRED | {"Goals", "AttributionModels", "Page", "OrderBy", "IncludeDiscount"}
MONEY = {"Cost", "AvgCpc", "CostPerConversion", "Revenue"}
QUEUE, KEPT = 5, timedelta(hours=5)


def problem(code: int, string: str, detail: str, status: int = 400) -> Refused:
    error = {
        "request_id": "8695244274068608439",
        "error_code": str(code),
        "error_string": string,
        "error_detail": detail,
    }
    body = json.dumps({"error": error})
    return Refused(Reply(status, body, {"Content-Type": "application/json", "RequestId": "8695244274068608439"}))


class YandexDirect(Simulator):
    """`rows` are the statistics, by login ("" is the token's own user); each has every field that is ever asked for.

    script     the codes that a report's repetitions get, or a dict of such lists by the reports' numbers
    too_large  reports of more days than this end in a 502
    forbidden  clients that the token's user may not read
    """

    TOKEN = "y0_token"

    def __init__(
        self,
        rows: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        script: Script = (202, 200),
        too_large: int | None = None,
        forbidden: Iterable[str] = (),
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.rows = {login: [dict(row) for row in given] for login, given in rows.items()}
        self.script, self.too_large, self.forbidden = script, too_large, set(forbidden)
        self.retry_in = "0"

    @route("POST", "/json/v5/reports")
    def report(self, request: Request) -> Reply:
        login, mode = self._caller(request)
        spec = self._checked(request)
        key = f"{login}/{spec['ReportName']}"
        job = self.jobs.get(key)
        if job is not None and self._ended(job):
            del self.jobs[key]
            job = None
        if job is not None and job.spec != spec:
            raise problem(4000, "Error in request parameters", "A report with this name and other parameters exists")
        if job is not None:
            return self._repeated(request, login, job)
        if self.too_large is not None and days_of(spec) > self.too_large:
            return Reply(502, "")
        if mode == "online" or (mode == "auto" and spec["ReportType"] != "SEARCH_QUERY_PERFORMANCE_REPORT"):
            return self._file(request, login, spec)
        if len(self._queue(login)) >= QUEUE:
            raise problem(9000, "Cannot create report", "Exceeded the limit of reports in the queue")
        self.new_job(key, spec, login=login)
        return self._waiting(201, login)

    def _repeated(self, request: Request, login: str, job: Job) -> Reply:
        code = 200 if job.status == "done" else job.step_on(self.script)
        if code == 200:
            job.status = "done"
            job.facts.setdefault("done_at", self.clock.now())
            return self._file(request, login, job.spec)
        if code == 202:
            return self._waiting(202, login)
        return Reply(code, "")

    def _ended(self, job: Job) -> bool:
        return job.status == "done" and bool(self.clock.now() > job.facts["done_at"] + KEPT)

    def _queue(self, login: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.facts["login"] == login and job.status != "done"]

    def _waiting(self, status: int, login: str) -> Reply:
        return Reply(status, "", {"retryIn": self.retry_in, "reportsInQueue": str(len(self._queue(login)))})

    # What is asked for

    def _caller(self, request: Request) -> tuple[str, str]:
        if request.header("Authorization") != f"Bearer {self.TOKEN}":
            raise problem(53, "Authorization error", "Invalid OAuth token")
        login = request.header("Client-Login") or ""
        if login in self.forbidden or login not in self.rows:
            raise problem(54, "No rights", "No rights to access the client")
        mode = request.header("processingMode") or "auto"
        if mode not in ("auto", "online", "offline"):
            raise problem(8000, "Invalid request", "processingMode is invalid")
        return login, mode

    def _checked(self, request: Request) -> dict[str, Any]:
        spec = request.json().get("params", {})
        missing, unknown = REQUIRED - set(spec), set(spec) - KNOWN
        if missing or unknown:
            raise problem(8000, "Invalid request", f"missing {sorted(missing)}, unknown {sorted(unknown)}")
        chosen = (spec["ReportType"] in TYPES, spec["Format"] == "TSV", spec["IncludeVAT"] in ("YES", "NO"))
        if not all(chosen) or not spec["FieldNames"] or not 1 <= len(spec["ReportName"]) <= 255:
            raise problem(4000, "Error in request parameters", "invalid value")
        if spec["DateRangeType"] == "CUSTOM_DATE":
            dates = [spec["SelectionCriteria"].get(key, "") for key in ("DateFrom", "DateTo")]
            if not all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates) or dates[0] > dates[1]:
                raise problem(4000, "Error in request parameters", "invalid dates")
        return dict(spec)

    # What is given

    def _file(self, request: Request, login: str, spec: Mapping[str, Any]) -> Reply:
        first, last = spec["SelectionCriteria"]["DateFrom"], spec["SelectionCriteria"]["DateTo"]
        micros = request.header("returnMoneyInMicros") != "false"
        fields = spec["FieldNames"]
        rows = [row for row in self.rows[login] if first <= row["Date"] <= last and set(fields) <= set(row)]
        lines = ["\t".join(shown(name, row[name], micros) for name in fields) for row in rows]
        if request.header("skipColumnHeader") != "true":
            lines.insert(0, "\t".join(fields))
        if request.header("skipReportHeader") != "true":
            lines.insert(0, f'"{spec["ReportName"]} ({first} - {last})"')
        if request.header("skipReportSummary") != "true":
            lines.append(f"Total rows: {len(rows)}")
        text = "".join(f"{line}\n" for line in lines)
        return Reply(200, text, {"Content-Type": "text/tab-separated-values; charset=utf-8"}, "chunked")


def shown(name: str, value: Any, micros: bool) -> str:
    if value is None:
        return "--"
    if name in MONEY:
        return str(round(value * 1_000_000)) if micros else f"{value:.2f}"
    return str(value)


def days_of(spec: Mapping[str, Any]) -> int:
    between = [date.fromisoformat(spec["SelectionCriteria"][key]) for key in ("DateFrom", "DateTo")]
    return (between[1] - between[0]).days + 1
