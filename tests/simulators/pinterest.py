"""Pinterest API v5: asynchronous analytics reports, as its OpenAPI description and reference pages have it.

What is modelled: the refresh of tokens with HTTP Basic (a continuous refresh token is renewed each time), the listing of ad
accounts by bookmarks, reports as JSON only, their limits (186 days at once, 914 days back; by the hour 3 and 8), the
link that is good for five minutes and the report that is kept for one hour, JSON keyed by the id of the entity, and
rows whose metrics are all zero left out.
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

ENTITY = {
    "ADVERTISER": "AD_ACCOUNT_ID",
    "CAMPAIGN": "CAMPAIGN_ID",
    "AD_GROUP": "AD_GROUP_ID",
    "PIN_PROMOTION": "AD_ID",
    "PRODUCT_GROUP": "PRODUCT_GROUP_ID",
}
GRANULARITIES = {"TOTAL", "DAY", "HOUR", "WEEK", "MONTH"}
KNOWN = {
    "start_date", "end_date", "granularity", "level", "columns", "report_format", "click_window_days",
    "engagement_window_days", "view_window_days", "conversion_report_time", "attribution_types", "primary_sort",
    "campaign_ids", "ad_group_ids", "ad_ids", "start_hour", "end_hour", "reporting_timezone",
}  # fmt: skip
LINK_LIFE, REPORT_LIFE = timedelta(minutes=5), timedelta(hours=1)


def problem(status: int, code: int, message: str) -> Reply:
    return json_reply({"code": code, "message": message}, status)


class Pinterest(Simulator):
    """`rows` are the facts that reports are made of, by ad account; each has DATE and every column ever asked for.

    script      the `report_status` of a job's polls, or a dict of such lists by the jobs' numbers
    forbidden   accounts that are listed but may not be read
    good_for    calls that an access token is good for
    """

    HOSTS = ("api", "files")
    CLIENT, SECRET = "1234567", "a-client-secret"

    def __init__(
        self,
        rows: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        script: Script = ("IN_PROGRESS", "FINISHED"),
        forbidden: Iterable[str] = (),
        good_for: int | None = None,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.rows = {account: [dict(row) for row in given] for account, given in rows.items()}
        self.script, self.forbidden, self.good_for = script, set(forbidden), good_for
        self.access, self.refresh = Tokens(self.clock, "pina_"), Tokens(self.clock, "pinr.")
        self.first_refresh_token = self.refresh.issue()
        self.links: dict[str, tuple[Job, datetime]] = {}

    # Tokens

    @route("POST", "/v5/oauth/token")
    def token(self, request: Request) -> Reply:
        wanted = base64.b64encode(f"{self.CLIENT}:{self.SECRET}".encode()).decode()
        if request.header("Authorization") != f"Basic {wanted}":
            return problem(401, 2, "Authentication failed.")
        form = dict(request.form())
        if form.get("grant_type") != "refresh_token" or not self.refresh.check(form.get("refresh_token")):
            return problem(401, 1104, "The token you provided is not valid or has expired.")
        self.refresh.revoke()
        return json_reply(
            {
                "access_token": self.access.issue(lifetime=timedelta(days=30), good_for=self.good_for),
                "response_type": "refresh_token",
                "token_type": "bearer",
                "expires_in": 2592000,
                "refresh_token": self.refresh.issue(),
                "refresh_token_expires_in": 5184000,
                "scope": "ads:read",
            }
        )

    def guard(self, request: Request) -> None:
        if request.step in ("token", "download"):
            return
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if scheme != "Bearer" or not self.access.check(value):
            raise Refused(problem(401, 2, "Authentication failed."))

    # Accounts

    @route("GET", "/v5/ad_accounts")
    def accounts(self, request: Request) -> Reply:
        size = request.query.get("page_size", "25")
        if not size.isdigit() or not 1 <= int(size) <= 250:
            return problem(400, 1, f"Parameter 'page_size' was not numeric (was {size})")
        names = sorted({*self.rows, *self.forbidden})
        start = int(request.query.get("bookmark") or 0)
        end = start + min(int(size), self.page_limit)
        items = [
            {"id": name, "name": f"Account {name}", "currency": "EUR", "country": "DE"} for name in names[start:end]
        ]
        return json_reply({"items": items, "bookmark": str(end) if end < len(names) else None})

    page_limit = 250

    # Reports

    @route("POST", "/v5/ad_accounts/{account}/reports")
    def create(self, request: Request, account: str) -> Reply:
        self._permit(account)
        job = self.new_job(spec={"account": account, **self._checked(request)})
        del self.jobs[job.id]
        job.id = "dGVzdA==" + f"{job.number}/report+{account}="  # tokens hold what URLs must encode
        self.jobs[job.id] = job
        return json_reply({"report_status": "IN_PROGRESS", "token": job.id, "message": None})

    @route("GET", "/v5/ad_accounts/{account}/reports")
    def poll(self, request: Request, account: str) -> Reply:
        self._permit(account)
        if "token" not in request.query:
            return problem(400, 1, "Invalid ad account ads analytics parameters.")
        job = self.jobs.get(request.query["token"])
        if job is None or job.spec["account"] != account:
            return json_reply({"report_status": "DOES_NOT_EXIST", "url": None, "size": None})
        if self.clock.now() - job.created_at > REPORT_LIFE:
            return json_reply({"report_status": "EXPIRED", "url": None, "size": None})
        status = job.step_on(self.script)
        if status != "FINISHED":
            return json_reply({"report_status": status, "url": None, "size": None})
        body = self.report(job)
        path = f"/async_reporting_v3/x-y/{job.number}/metrics_report.json?X-Amz-Signature={len(self.links) + 1}%2Fabc"
        self.links[path] = (job, self.clock.now() + LINK_LIFE)
        return json_reply({"report_status": "FINISHED", "url": self.origin("files") + path, "size": len(body)})

    @route("GET", "/{name:path}", host="files")
    def download(self, request: Request, name: str) -> Reply:
        if request.header("Authorization"):
            return Reply(400, "<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"})
        job, ends_at = self.links.get(request.target, (None, None))
        if job is None or ends_at is None or self.clock.now() > ends_at:
            text = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return Reply(403, text, {"Content-Type": "application/xml"})
        return Reply(200, self.report(job), {"Content-Type": "application/json", "ETag": f'"{job.number}"'})

    def report(self, job: Job) -> bytes:
        """The file of a job: rows by the id of their entity, with the columns asked for and the date."""
        spec, entity = job.spec, ENTITY[job.spec["level"]]
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows[spec["account"]]:
            if spec["start_date"] <= row["DATE"] <= spec["end_date"] and entity in row:
                kept = {name: value for name, value in row.items() if name == "DATE" or name in spec["columns"]}
                if any(
                    value for name, value in kept.items() if isinstance(value, int | float) and not name.endswith("_ID")
                ):
                    found.setdefault(str(row[entity]), []).append(kept)
        return json.dumps(found).encode()

    def _permit(self, account: str) -> None:
        if account in self.forbidden:
            raise Refused(problem(403, 29, "You are not permitted to access that resource."))
        if account not in self.rows:
            raise Refused(problem(404, 2, "AdAccount not found."))

    def _checked(self, request: Request) -> dict[str, Any]:
        """The body of a creation call, or the API's refusal."""
        refusal = Refused(problem(400, 1, "Invalid ad account ads analytics parameters."))
        if request.query or "json" not in (request.header("Content-Type") or ""):
            raise refusal
        spec = request.json()
        required = {"start_date", "end_date", "granularity", "level", "columns"}
        if (
            not required <= set(spec) <= KNOWN
            or spec["level"] not in ENTITY
            or spec["granularity"] not in GRANULARITIES
        ):
            raise refusal
        if not spec["columns"] or not all(re.fullmatch(r"[A-Z0-9_]+", name) for name in spec["columns"]):
            raise refusal
        if spec.get("report_format", "JSON") not in ("JSON", "CSV") or "DATE" in spec["columns"]:
            raise refusal
        self._check_dates(spec, refusal)
        return spec

    def _check_dates(self, spec: Mapping[str, Any], refusal: Refused) -> None:
        days, back = (3, 8) if spec["granularity"] == "HOUR" else (186, 914)
        if not all(re.fullmatch(r"\d{4}-\d\d-\d\d", spec[key]) for key in ("start_date", "end_date")):
            raise refusal
        start, end = date.fromisoformat(spec["start_date"]), date.fromisoformat(spec["end_date"])
        oldest = datetime.now(UTC).date() - timedelta(days=back)
        if not oldest <= start <= end or (end - start).days > days:
            raise refusal
