"""Display & Video 360's Bid Manager API v2: queries, runs and reports, as its description and guides have it.

What is modelled: queries that are stored and run, dates as year, month and day, group-bys and metrics by their API
names, reports that are queued, running, done or failed, files behind signed URLs without credentials, with columns
named for people, a row of totals without a date and lines about the report behind it, queries that are deleted with
their reports, and quotas told by 403 and a reason.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from simulators.base import Job, Script, route
from simulators.google import GoogleApi, problem
from wire import Reply, Request, json_reply

COLUMNS = {
    "FILTER_DATE": "Date", "FILTER_PARTNER": "Partner ID", "FILTER_PARTNER_NAME": "Partner",
    "FILTER_ADVERTISER": "Advertiser ID", "FILTER_ADVERTISER_NAME": "Advertiser",
    "FILTER_ADVERTISER_CURRENCY": "Advertiser Currency", "FILTER_MEDIA_PLAN": "Campaign ID",
    "FILTER_MEDIA_PLAN_NAME": "Campaign", "FILTER_INSERTION_ORDER": "Insertion Order ID",
    "FILTER_INSERTION_ORDER_NAME": "Insertion Order", "FILTER_LINE_ITEM": "Line Item ID",
    "FILTER_LINE_ITEM_NAME": "Line Item", "FILTER_CREATIVE_ID": "Creative ID", "FILTER_CREATIVE": "Creative",
    "METRIC_IMPRESSIONS": "Impressions", "METRIC_BILLABLE_IMPRESSIONS": "Billable Impressions",
    "METRIC_CLICKS": "Clicks", "METRIC_REVENUE_ADVERTISER": "Revenue (Adv Currency)",
    "METRIC_MEDIA_COST_ADVERTISER": "Media Cost (Advertiser Currency)",
    "METRIC_TOTAL_CONVERSIONS": "Total Conversions", "METRIC_LAST_CLICKS": "Post-Click Conversions",
    "METRIC_LAST_IMPRESSIONS": "Post-View Conversions",
}  # fmt: skip
LINK_LIFE = timedelta(days=7)


class DisplayVideo(GoogleApi):
    """`rows` are the facts by partner, with values by the API's names and FILTER_DATE as `YYYY-MM-DD`.

    script           states of a report's polls
    calls_per_day    calls that the project may make
    """

    HOSTS = ("api", "storage")
    SCOPE = "https://www.googleapis.com/auth/doubleclickbidmanager"
    PUBLIC = ("download",)

    def __init__(
        self,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        script: Script = ("QUEUED", "RUNNING", "DONE"),
        calls_per_day: int | None = None,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.rows, self.script, self.calls_per_day = rows, script, calls_per_day
        self.queries: dict[str, dict[str, Any]] = {}
        self.links: dict[str, Job] = {}
        self.calls_made = 0

    def guard(self, request: Request) -> None:
        super().guard(request)
        if request.step not in ("token", "download", "delete"):
            self.calls_made += 1
            if self.calls_per_day is not None and self.calls_made > self.calls_per_day:
                raise problem(403, "Daily Limit Exceeded", "dailyLimitExceeded")

    @route("POST", "/v2/queries")
    def store(self, request: Request) -> Reply:
        spec = self._checked(request)
        id = str(55 + len(self.queries) + len(self.jobs))
        self.queries[id] = {"queryId": id, **spec}
        return json_reply(self.queries[id])

    @route("POST", "/v2/queries/{id}:run")
    def run(self, request: Request, id: str) -> Reply:
        query = self._query(id)
        job = self.new_job(str(77 + len(self.jobs)), query)
        return json_reply(self.view(job, "QUEUED"))

    @route("GET", "/v2/queries/{id}/reports/{report}")
    def poll(self, request: Request, id: str, report: str) -> Reply:
        self._query(id)
        job = self.jobs.get(report)
        if job is None or job.spec["queryId"] != id:
            raise problem(404, "Requested entity was not found.", "notFound")
        job.status = job.step_on(self.script)
        return json_reply(self.view(job, job.status))

    @route("DELETE", "/v2/queries/{id}")
    def delete(self, request: Request, id: str) -> Reply:
        self._query(id)
        del self.queries[id]
        self.links = {path: job for path, job in self.links.items() if job.spec["queryId"] != id}
        return json_reply({})

    @route("GET", "/{name:path}", host="storage")
    def download(self, request: Request, name: str) -> Reply:
        job = self.links.get(request.target)
        if job is None or self.clock.now() > job.created_at + LINK_LIFE:
            return Reply(403, "<Error><Code>ExpiredToken</Code></Error>", {"Content-Type": "application/xml"})
        return Reply(200, self.csv(job), {"Content-Type": "text/csv", "ETag": f'"{job.number}"'})

    def view(self, job: Job, state: str) -> dict[str, Any]:
        query, metadata = job.spec, {"status": {"state": state, "format": "CSV"}}
        span = query["metadata"]["dataRange"]
        metadata |= {"reportDataStartDate": span["customStartDate"], "reportDataEndDate": span["customEndDate"]}
        if state == "DONE":
            path = (
                f"/xbid/report_{job.id}_{query['queryId']}.csv?X-Goog-Signature=a%2Bb{job.number}&GoogleAccessId=x%40y"
            )
            self.links[path] = job
            metadata["googleCloudStoragePath"] = self.origin("storage") + path
        return {
            "key": {"queryId": query["queryId"], "reportId": job.id},
            "metadata": metadata,
            "params": query["params"],
        }

    def csv(self, job: Job) -> bytes:
        params, span = job.spec["params"], job.spec["metadata"]["dataRange"]
        groups, metrics = params["groupBys"], params["metrics"]
        start, end = _date(span["customStartDate"]), _date(span["customEndDate"])
        partners = [each["value"] for each in params["filters"] if each["type"] == "FILTER_PARTNER"]
        rows = [
            row for partner in partners for row in self.rows.get(partner, ())
            if start <= date.fromisoformat(row["FILTER_DATE"]) <= end and set(groups) <= set(row)
        ]  # fmt: skip
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([COLUMNS[name] for name in (*groups, *metrics)])
        for row in rows:
            values = {**row, "FILTER_DATE": row["FILTER_DATE"].replace("-", "/")}
            writer.writerow([values[name] for name in (*groups, *metrics)])
        if rows:
            writer.writerow([*([""] * len(groups)), *(sum(float(row[name]) for row in rows) for name in metrics)])
        about = [[], ["Report Time:", "2026/02/01 03:00 GMT"], ["Date Range:", f"{start:%Y/%m/%d} to {end:%Y/%m/%d}"]]
        writer.writerows([*about, ["Group By:", "Date"], ["Filter by Partner:", *partners]])
        return text.getvalue().encode()

    def _query(self, id: str) -> dict[str, Any]:
        if id not in self.queries:
            raise problem(404, "Requested entity was not found.", "notFound")
        return self.queries[id]

    def _checked(self, request: Request) -> dict[str, Any]:
        spec = request.json()
        refusal = problem(400, "Request contains an invalid argument.", "badRequest")
        if not isinstance(spec, dict) or set(spec) != {"metadata", "params", "schedule"}:
            raise refusal
        metadata, params = spec["metadata"], spec["params"]
        span = metadata.get("dataRange", {})
        if span.get("range") != "CUSTOM_DATES" or metadata.get("format") not in ("CSV", "XLSX"):
            raise refusal
        ends = [span.get("customStartDate", {}), span.get("customEndDate", {})]
        if not all(set(end) == {"year", "month", "day"} and all(type(n) is int for n in end.values()) for end in ends):
            raise refusal
        if _date(ends[0]) > _date(ends[1]) or spec["schedule"].get("frequency") != "ONE_TIME":
            raise refusal
        names = [*params.get("groupBys", []), *params.get("metrics", [])]
        if params.get("type") != "STANDARD" or not params.get("metrics") or not set(names) <= set(COLUMNS):
            raise refusal
        if not all(type(each["value"]) is str and each["value"] in self.rows for each in params.get("filters", [])):
            raise problem(403, "The caller does not have permission", "forbidden")
        return spec


def _date(value: Mapping[str, int]) -> date:
    return date(value["year"], value["month"], value["day"])
