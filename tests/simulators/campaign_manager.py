"""Campaign Manager 360 API v5: user profiles, reports, runs and files, as its description and guides have them.

What is modelled: profiles as the way to accounts, reports that are defined and run, files that are processing, available,
failed or cancelled, CSV with lines about the report before it and a line of totals behind it, media downloads from
Google's other host with the same token, reports that are deleted with their files, and quotas told by 403 and a reason.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from simulators.base import Job, Script, route
from simulators.google import GoogleApi, problem
from wire import Reply, Request, json_reply

NAMES = {
    "date": "Date", "advertiserId": "Advertiser ID", "advertiser": "Advertiser", "campaignId": "Campaign ID",
    "campaign": "Campaign", "siteId": "Site ID (CM360)", "site": "Site (CM360)", "placementId": "Placement ID",
    "placement": "Placement", "adId": "Ad ID", "ad": "Ad", "creativeId": "Creative ID", "creative": "Creative",
    "impressions": "Impressions", "clicks": "Clicks", "mediaCost": "Media Cost", "totalConversions": "Total Conversions",
    "activityClickThroughConversions": "Click-through Conversions",
    "activityViewThroughConversions": "View-through Conversions",
}  # fmt: skip
METRICS = list(NAMES)[13:]


class CampaignManager(GoogleApi):
    """`rows` are the facts by profile, each with `date` and values by the API's names.

    script          statuses of a file's polls
    runs_per_day    runs that an account may have
    """

    HOSTS = ("api", "media")
    SCOPE = "https://www.googleapis.com/auth/dfareporting"

    def __init__(
        self,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        script: Script = ("QUEUED", "PROCESSING", "REPORT_AVAILABLE"),
        runs_per_day: int | None = None,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.rows, self.script, self.runs_per_day = rows, script, runs_per_day
        self.reports: dict[str, dict[str, Any]] = {}

    @route("GET", "/dfareporting/v5/userprofiles")
    def profiles(self, request: Request) -> Reply:
        items = [
            {"kind": "dfareporting#userProfile", "profileId": each, "userName": "tap", "accountId": f"9{each}"}
            for each in self.rows
        ]
        return json_reply({"kind": "dfareporting#userProfileList", "items": items})

    @route("POST", "/dfareporting/v5/userprofiles/{profile}/reports")
    def define(self, request: Request, profile: str) -> Reply:
        self._known(profile)
        spec = self._checked(request)
        id = str(986 + len(self.reports) + 1)
        self.reports[id] = {
            "kind": "dfareporting#report", "id": id, "ownerProfileId": profile, "accountId": f"9{profile}", **spec,
        }  # fmt: skip
        return json_reply(self.reports[id])

    @route("POST", "/dfareporting/v5/userprofiles/{profile}/reports/{report}/run")
    def run(self, request: Request, profile: str, report: str) -> Reply:
        self._owned(profile, report)
        if self.runs_per_day is not None and len(self.jobs) >= self.runs_per_day:
            text = f"This account has exceeded its reports quota of {self.runs_per_day} reports per day."
            raise problem(403, text, "quotaExceeded")
        job = self.new_job(str(654 + len(self.jobs)), self.reports[report], profile=profile)
        return json_reply(self.view(job, "PROCESSING"))

    @route("GET", "/dfareporting/v5/reports/{report}/files/{file}", step="poll")
    def poll(self, request: Request, report: str, file: str) -> Reply:
        job = self._file(report, file)
        job.status = job.step_on(self.script)
        return json_reply(self.view(job, job.status))

    @route("GET", "/dfareporting/v5/reports/{report}/files/{file}", host="media")
    def download(self, request: Request, report: str, file: str) -> Reply:
        job = self._file(report, file)
        if request.query != {"alt": "media"} or job.status != "REPORT_AVAILABLE":
            raise problem(404, "The requested file was not found.", "notFound")
        return Reply(200, self.csv(job), {"Content-Type": "text/csv; charset=UTF-8"})

    @route("DELETE", "/dfareporting/v5/userprofiles/{profile}/reports/{report}")
    def delete(self, request: Request, profile: str, report: str) -> Reply:
        self._owned(profile, report)
        del self.reports[report]
        for job in self.jobs.values():
            job.deleted |= job.spec["id"] == report
        return Reply(204)

    def view(self, job: Job, status: str) -> dict[str, Any]:
        report = job.spec["id"]
        seen = {
            "kind": "dfareporting#file", "reportId": report, "id": job.id, "status": status, "fileName": job.spec["name"],
            "lastModifiedTime": str(int(job.created_at.timestamp() * 1000)), "dateRange": job.spec["criteria"]["dateRange"],
        }  # fmt: skip
        if status == "REPORT_AVAILABLE":
            path = f"/dfareporting/v5/reports/{report}/files/{job.id}?alt=media"
            seen |= {"format": "CSV", "urls": {"browserUrl": "https://x.test", "apiUrl": self.origin("media") + path}}
        return seen

    def csv(self, job: Job) -> bytes:
        spec, span = job.spec, job.spec["criteria"]["dateRange"]
        dimensions = [each["name"] for each in spec["criteria"]["dimensions"]]
        metrics = spec["criteria"]["metricNames"]
        rows = [
            row for row in self.rows[job.facts["profile"]]
            if span["startDate"] <= row["date"] <= span["endDate"] and set(dimensions) <= set(row)
        ]  # fmt: skip
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(
            [
                [spec["name"]], ["Report ID", spec["id"]], ["Date/Time Generated", "1/8/26 3:00 AM"],
                ["Report Time Zone", "America/New_York"], ["Account ID", spec["accountId"]],
                ["Date Range", f"{span['startDate']} - {span['endDate']}"], [], ["Report Fields"],
            ]
        )  # fmt: skip
        writer.writerow([NAMES[name] for name in (*dimensions, *metrics)])
        writer.writerows([row[name] for name in (*dimensions, *metrics)] for row in rows)
        totals = [sum(float(row[name]) for row in rows) for name in metrics]
        writer.writerow(["Grand Total:", *["---"] * (len(dimensions) - 1), *totals])
        return text.getvalue().encode()

    def _known(self, profile: str) -> None:
        if profile not in self.rows:
            raise problem(403, f"User profile {profile} is not yours.", "forbidden")

    def _owned(self, profile: str, report: str) -> None:
        self._known(profile)
        if self.reports.get(report, {}).get("ownerProfileId") != profile:
            raise problem(404, "The requested report was not found.", "notFound")

    def _file(self, report: str, file: str) -> Job:
        job = self.jobs.get(file)
        if job is None or job.spec["id"] != report or job.deleted:
            raise problem(404, "The requested file was not found.", "notFound")
        return job

    def _checked(self, request: Request) -> dict[str, Any]:
        spec = request.json()
        if not isinstance(spec, dict) or not spec.get("name"):
            raise problem(400, "Required field is missing: name", "required")
        if spec.get("type") != "STANDARD" or spec.get("format", "CSV") not in ("CSV", "EXCEL"):
            raise problem(400, "Invalid value for field type or format", "invalid")
        criteria = spec.get("criteria", {})
        span = criteria.get("dateRange", {})
        ends = [span.get("startDate", ""), span.get("endDate", "")]
        if not all(re.fullmatch(r"\d{4}-\d\d-\d\d", end) for end in ends):
            raise problem(400, "Invalid date range", "invalid")
        if date.fromisoformat(ends[0]) > date.fromisoformat(ends[1]):
            raise problem(400, "The start date is after the end date", "invalid")
        dimensions = [each.get("name") for each in criteria.get("dimensions", [])]
        for name in dimensions:
            if name not in NAMES or name in METRICS:
                raise problem(400, f"Invalid dimension: {name}", "invalid")
        for name in criteria.get("metricNames", []):
            if name not in METRICS:
                raise problem(400, f"Invalid metric: {name}", "invalid")
        if not dimensions or not criteria.get("metricNames"):
            raise problem(400, "A report needs dimensions and metrics", "required")
        return spec
