"""Microsoft Advertising: the Reporting API v13 by REST, with logins and customer management, as Microsoft documents it.

What is modelled: refresh tokens that are renewed, a developer token and ids in headers, customers by the roles of the
user and their accounts, report requests whose bodies are checked, POST polls that are Pending, Success or Error, a
download URL that is null where there are no rows, links to blob storage that are good for five minutes and refuse
credentials, zip files with one CSV that begins with a byte order mark, requests that are known for a day, and faults with
Microsoft's codes.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, Tokens, route
from wire import Change, Reply, Request, json_reply

TYPES = {
    f"{kind}PerformanceReportRequest"
    for kind in ("Account", "Campaign", "AdGroup", "Ad", "Keyword", "SearchQuery", "ProductDimension")
}
KNOWN = {
    "Type", "ReportName", "Format", "FormatVersion", "ExcludeColumnHeaders", "ExcludeReportHeader", "ExcludeReportFooter",
    "ReturnOnlyCompleteData", "Aggregation", "Columns", "Scope", "Time", "Filter",
}  # fmt: skip
LINK_LIFE, REQUEST_LIFE = timedelta(minutes=5), timedelta(days=1)
TRACKING = "65602e3d-f6ff-4968-920c-e420989c9e31"


def fault(code: int, name: str, message: str, status: int = 400) -> Refused:
    """ApiFaultDetail: what is wrong with an operation."""
    errors = [{"Code": code, "ErrorCode": name, "Details": None, "Message": message}]
    body = {"OperationErrors": errors, "BatchErrors": [], "TrackingId": TRACKING, "Type": "ApiFaultDetail"}
    return Refused(json_reply(body, status))


def generic(code: int, name: str, message: str, status: int = 400) -> Refused:
    """AdApiFaultDetail: what is wrong with a call, whatever its operation."""
    errors = [{"Code": code, "Detail": None, "ErrorCode": name, "Message": message}]
    return Refused(json_reply({"TrackingId": TRACKING, "Type": "AdApiFaultDetail", "Errors": errors}, status))


class MicrosoftAds(Simulator):
    """`rows` are the facts by account, with a date in TimePeriod; `customers` says whose the accounts are.

    script       statuses of a request's polls
    forbidden    accounts that are listed but may not be read
    most         report requests that may be under way at once
    good_for     calls that an access token is good for
    incomplete   whether the last day may not be processed yet, which the lines before the header say
    """

    HOSTS = ("api", "customers", "login", "blobs")
    CLIENT, SECRET, DEVELOPER = "3f2a-client", "a-client-secret", "145DEVTOKEN"

    def __init__(
        self,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        customers: Mapping[str, Sequence[str]] | None = None,
        script: Script = ("Pending", "Success"),
        forbidden: Iterable[str] = (),
        most: int = 100,
        good_for: int | None = None,
        incomplete: bool = False,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.rows, self.script, self.forbidden, self.most = rows, script, set(forbidden), most
        self.customers = customers or {"900": list(rows)}
        self.good_for, self.incomplete = good_for, incomplete
        self.access, self.refresh = Tokens(self.clock, "EwB4A8l6BAAU"), Tokens(self.clock, "M.C105_BAY.")
        self.first_refresh_token = self.refresh.issue()
        self.links: dict[str, Job] = {}

    # Tokens

    @route("POST", "/common/oauth2/v2.0/token", host="login")
    def token(self, request: Request) -> Reply:
        form = dict(request.form())
        wanted = {
            "client_id": self.CLIENT, "client_secret": self.SECRET, "grant_type": "refresh_token",
            "scope": "https://ads.microsoft.com/msads.manage offline_access",
        }  # fmt: skip
        if {key: form.get(key) for key in wanted} != wanted or not self.refresh.check(form.get("refresh_token")):
            return json_reply({"error": "invalid_grant", "error_description": "AADSTS70000"}, 400)
        access = self.access.issue(lifetime=timedelta(seconds=3599), good_for=self.good_for)
        body = {"token_type": "Bearer", "scope": wanted["scope"], "expires_in": 3599, "ext_expires_in": 3599}
        return json_reply({**body, "access_token": access, "refresh_token": self.refresh.issue()})

    def guard(self, request: Request) -> None:
        if request.step == "token":
            return
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if request.step == "download":
            if scheme or request.header("DeveloperToken"):
                raise Refused(Reply(400, "<Error><Code>InvalidHeaderValue</Code></Error>"))
            return
        if request.header("DeveloperToken") != self.DEVELOPER:
            raise generic(105, "InvalidCredentials", "Authentication failed.", 401)
        if scheme != "Bearer" or value not in {token.value for token in self.access.issued}:
            raise generic(105, "InvalidCredentials", "Authentication failed.", 401)
        if not self.access.check(value):
            raise generic(109, "AuthenticationTokenExpired", "Authentication token expired.")
        if "application/json" not in (request.header("Content-Type") or "") or not isinstance(request.json(), dict):
            raise fault(100, "NullRequest", "The request message is null.")
        if request.step in ("create", "poll"):
            self._account(request)

    def _account(self, request: Request) -> None:
        customer, account = request.header("CustomerId"), request.header("CustomerAccountId")
        if not customer or not account:
            raise fault(116, "RequestMissingHeaders", "One or more required header elements are missing.")
        if account not in self.customers.get(customer, ()) or account in self.forbidden:
            raise fault(106, "UserIsNotAuthorized", "The user is not authorized to perform this action.")

    # Customers

    @route("POST", "/CustomerManagement/v13/User/Query", host="customers")
    def user(self, request: Request) -> Reply:
        roles = [
            {"RoleId": 41, "CustomerId": each, "AccountIds": None, "LinkedAccountIds": None} for each in self.customers
        ]
        return json_reply({"User": {"Id": "77", "UserName": "tap@example.com"}, "CustomerRoles": roles})

    @route("POST", "/CustomerManagement/v13/AccountsInfo/Query", host="customers")
    def accounts(self, request: Request) -> Reply:
        customer = str(request.json().get("CustomerId"))
        if customer not in self.customers:
            raise fault(106, "UserIsNotAuthorized", "The user is not authorized to perform this action.")
        found = [
            {"Id": each, "Name": f"Account {each}", "Number": f"F{each}", "AccountLifeCycleStatus": "Active"}
            for each in self.customers[customer]
        ]
        return json_reply({"AccountsInfo": found})

    # Reports

    @route("POST", "/Reporting/v13/GenerateReport/Submit")
    def create(self, request: Request) -> Reply:
        spec = request.json().get("ReportRequest")
        if spec is None:
            raise fault(100, "NullRequest", "The request message is null.")
        self._check(spec)
        if sum(job.status in (None, "Pending") for job in self.jobs.values()) >= self.most:
            text = "You have already reached the maximum number of concurrent report requests."
            raise fault(207, "ConcurrentRequestOverLimit", text)
        job = self.new_job(str(30000005702395 + len(self.jobs)), spec)
        return json_reply({"ReportRequestId": job.id})

    @route("POST", "/Reporting/v13/GenerateReport/Poll")
    def poll(self, request: Request) -> Reply:
        job = self.jobs.get(str(request.json().get("ReportRequestId")))
        if job is None:
            raise fault(2100, "ReportingServiceInvalidReportId", "The report identifier is not valid.")
        if self.clock.now() - job.created_at > REQUEST_LIFE:
            raise fault(2101, "ReportingServiceReportNotFound", "The report was not found.")
        job.status = job.step_on(self.script)
        link = None
        if job.status == "Success" and self._rows(job):
            path = f"/bingadsappsstorageprod/{job.id}.zip?sv=2019&sig=a%2Bb{len(self.links)}%3D"
            self.links[path] = job
            job.facts[path] = self.clock.now() + LINK_LIFE
            link = self.origin("blobs") + path
        return json_reply({"ReportRequestStatus": {"ReportDownloadUrl": link, "Status": job.status}})

    @route("GET", "/{name:path}", host="blobs")
    def download(self, request: Request, name: str) -> Reply:
        job = self.links.get(request.target)
        if job is None or self.clock.now() > job.facts[request.target]:
            text = "<Error><Code>AuthenticationFailed</Code><Message>Signature not valid in the specified time</Message></Error>"
            return Reply(403, text, {"Content-Type": "application/xml"})
        return Reply(200, self.zip(job), {"Content-Type": "application/x-zip-compressed", "ETag": f'"0x{job.number}"'})

    def zip(self, job: Job) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        spec, rows = job.spec, self._rows(job)
        if not spec["ExcludeReportHeader"]:
            about = [
                f"Report Name: {spec['ReportName']}", "Report Aggregation: Daily", "Report Filter: ",
                f"Potential Incomplete Data: {str(self.incomplete).lower()}", f"Rows: {len(rows)}",
            ]  # fmt: skip
            writer.writerows([line] for line in about)
            text.write("\r\n")
        writer.writerow(spec["Columns"])
        writer.writerows([row.get(name, "") for name in spec["Columns"]] for row in rows)
        if not spec["ExcludeReportFooter"]:
            text.write('\r\n"@2026 Microsoft Corporation. All rights reserved. "\r\n')
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            member = zipfile.ZipInfo(f"{spec['Type'].removesuffix('Request')}_{job.id}.csv", (2026, 1, 1, 0, 0, 0))
            archive.writestr(member, text.getvalue().encode("utf-8-sig"))
        return packed.getvalue()

    def _rows(self, job: Job) -> list[Mapping[str, Any]]:
        start, end = (_date(job.spec["Time"][f"CustomDateRange{end}"]) for end in ("Start", "End"))
        return [
            row for account in job.spec["Scope"]["AccountIds"] for row in self.rows.get(account, ())
            if start <= date.fromisoformat(row["TimePeriod"]) <= end
        ]  # fmt: skip

    def _check(self, spec: Mapping[str, Any]) -> None:
        if spec.get("Type") not in TYPES or not set(spec) <= KNOWN:
            raise fault(2012, "ReportingServiceInvalidReportType", "The report request is not valid.")
        if spec.get("Format") not in ("Csv", "Tsv", "Xml") or spec.get("Aggregation") not in (
            "Daily",
            "Hourly",
            "Summary",
        ):
            raise fault(2007, "ReportingServiceInvalidReportAggregation", "The aggregation is not valid.")
        columns = spec.get("Columns") or []
        if "TimePeriod" not in columns or "Impressions" not in columns or len(set(columns)) != len(columns):
            raise fault(2014, "ReportingServiceMandatoryColumnsMissing", "Required columns are missing.")
        ids = spec.get("Scope", {}).get("AccountIds") or []
        if not ids or not all(isinstance(each, str) for each in ids):
            raise fault(2047, "ReportingServiceInvalidAccountIds", "The account identifiers are not valid.")
        for end in ("Start", "End"):
            given = spec.get("Time", {}).get(f"CustomDateRange{end}") or {}
            if set(given) != {"Day", "Month", "Year"} or not all(type(n) is int for n in given.values()):
                raise fault(2009, f"ReportingServiceInvalidCustomDateRange{end}", "The date is not valid.")
        start, end = (_date(spec["Time"][f"CustomDateRange{end}"]) for end in ("Start", "End"))
        if start > end or end > self.clock.now().date():
            raise fault(2050, "ReportingServiceInvalidCustomDateRange", "The date range is not valid.")


def _date(value: Mapping[str, int]) -> date:
    return date(value["Year"], value["Month"], value["Day"])
