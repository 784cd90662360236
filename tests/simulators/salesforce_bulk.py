"""Salesforce's Bulk API 2.0 as far as query jobs go, as its developer guide has it.

What is modelled: a login whose answer names the instance and says nothing of the token's end, sessions that die, one API version per
job, queries read with their object, fields and range, what the Bulk API cannot query, jobs that fail with a message,
results in pages whose locator stands in a header, each with the header row, the list of result pages, abortion and
deletion by the job's state, daily limits.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, Tokens, route
from wire import Change, Reply, Request, json_reply

STAMPS = " CreatedDate CreatedById LastModifiedDate LastModifiedById SystemModstamp"
ADDRESS = "{0}Street {0}City {0}State {0}PostalCode {0}Country "
OBJECTS = {
    "Account": "Id IsDeleted MasterRecordId Name Type ParentId Phone Fax Website Industry AnnualRevenue NumberOfEmployees "
    "Description AccountSource LastActivityDate OwnerId Tier__c " + ADDRESS.format("Billing") + STAMPS,
    "Contact": "Id IsDeleted MasterRecordId AccountId Name FirstName LastName Salutation Title Department Email Phone "
    "MobilePhone LeadSource Birthdate LastActivityDate OwnerId " + ADDRESS.format("Mailing") + STAMPS,
    "Lead": "Id IsDeleted MasterRecordId Name FirstName LastName Title Company Email Phone Website LeadSource Status Industry "
    "Rating AnnualRevenue NumberOfEmployees IsConverted ConvertedDate ConvertedAccountId ConvertedContactId "
    "ConvertedOpportunityId LastActivityDate OwnerId " + ADDRESS.format("") + STAMPS,
    "Opportunity": "Id IsDeleted AccountId Name Description StageName Amount Probability ExpectedRevenue "
    "TotalOpportunityQuantity CloseDate Type NextStep LeadSource IsClosed IsWon ForecastCategory CampaignId "
    "LastActivityDate OwnerId" + STAMPS,
    "Case": "Id IsDeleted CaseNumber ContactId AccountId SuppliedEmail Type Status Reason Origin Subject Priority Description "
    "IsClosed ClosedDate IsEscalated OwnerId" + STAMPS,
    "User": "Id Username Name FirstName LastName CompanyName Department Title Email IsActive UserRoleId ProfileId UserType "
    "TimeZoneSidKey ManagerId LastLoginDate" + STAMPS,
    "ContentVersion": "Id",
}  # fmt: skip
NOT_FOR_BULK = {"ContentVersion"}
SOQL = re.compile(r"\s*SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<object>\w+)(?:\s+WHERE\s+(?P<where>.+?))?\s*", re.I | re.S)
BOUND = re.compile(r"SystemModstamp\s*(>=|<=|<|>)\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))")
ENDS = ("JobComplete", "Failed", "Aborted")


def problem(status: int, code: str, message: str) -> Reply:
    return json_reply([{"errorCode": code, "message": message}], status)


class SalesforceBulk(Simulator):
    """`records` are the organization's, by object, as texts; each has Id and SystemModstamp.

    script     the `state` of a job's polls
    reason     `errorMessage` of jobs that fail
    page       records in a page of results, at most
    good_for   calls that a session is good for
    daily      query jobs that may be made
    """

    HOSTS = ("instance", "login")
    CLIENT, SECRET, REFRESH = "3MVG9.client", "a-client-secret", "5Aep861.a-refresh-token"

    def __init__(
        self,
        records: Mapping[str, Iterable[Mapping[str, str]]],
        *,
        script: Script = ("UploadComplete", "InProgress", "JobComplete"),
        reason: str = "InternalServerError: something went wrong",
        page: int = 100_000,
        good_for: int | None = None,
        daily: int = 10_000,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.records = {name: [dict(record) for record in given] for name, given in records.items()}
        self.script, self.reason, self.page, self.good_for, self.daily = script, reason, page, good_for, daily
        self.sessions = Tokens(self.clock, "00D50000000IZ3Z!AQ0AQ")

    # Login

    @route("POST", "/services/oauth2/token", host="login")
    def token(self, request: Request) -> Reply:
        form = dict(request.form())
        if (form.get("client_id"), form.get("client_secret")) != (self.CLIENT, self.SECRET):
            return json_reply({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.REFRESH:
            return json_reply({"error": "invalid_grant", "error_description": "expired access/refresh token"}, 400)
        return json_reply(
            {
                "access_token": self.sessions.issue(good_for=self.good_for),
                "signature": "SIG=",
                "scope": "refresh_token api",
                "instance_url": self.origin("instance"),
                "id": "https://login.salesforce.com/id/00D50000000IZ3ZEAW/00550000001fg5OAAQ",
                "token_type": "Bearer",
                "issued_at": str(int(self.clock.now().timestamp() * 1000)),
            }
        )

    def guard(self, request: Request) -> None:
        if request.step == "token":
            return
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if scheme not in ("Bearer", "OAuth") or not self.sessions.check(value):
            raise Refused(problem(401, "INVALID_SESSION_ID", "Session expired or invalid"))

    # Jobs

    @route("POST", "/services/data/{version}/jobs/query")
    def create(self, request: Request, version: str) -> Reply:
        if "application/json" not in (request.header("Content-Type") or ""):
            return problem(415, "UNSUPPORTED_MEDIA_TYPE", "Content type is not supported")
        if len(self.jobs) >= self.daily:
            return problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        body = request.json()
        if (
            not {"operation", "query"}
            <= set(body)
            <= {"operation", "query", "contentType", "columnDelimiter", "lineEnding"}
        ):
            return problem(400, "INVALIDJOB", "Unrecognized or missing field")
        if body["operation"] not in ("query", "queryAll") or body.get("contentType", "CSV") != "CSV":
            return problem(400, "INVALIDJOB", "operation must be query or queryAll, and contentType CSV")
        spec = {**body, **self._parsed(body["query"]), "version": version}
        job = self.new_job(f"750R000000{len(self.jobs) + 1:05}IAA", spec)
        job.status = "UploadComplete"
        return json_reply(self._info(job))

    def _parsed(self, query: str) -> dict[str, Any]:
        found = SOQL.fullmatch(query)
        if found is None:
            raise Refused(problem(400, "MALFORMED_QUERY", f"unexpected token: {query[:20]}"))
        if re.search(r"\b(GROUP BY|OFFSET|TYPEOF)\b|\bCOUNT\s*\(", query, re.I):
            raise Refused(problem(400, "API_ERROR", "Bulk API 2.0 Query does not support this clause"))
        name = found["object"]
        if name in NOT_FOR_BULK:
            raise Refused(problem(400, "INVALIDENTITY", f"Entity '{name}' is not supported by the Bulk API."))
        if name not in OBJECTS:
            raise Refused(problem(400, "API_ERROR", f"INVALID_TYPE: sObject type '{name}' is not supported."))
        return {"object": name, "fields": re.split(r"\s*,\s*", found["fields"]), "where": found["where"] or ""}

    def _info(self, job: Job) -> dict[str, Any]:
        spec = job.spec
        said = {
            "id": job.id,
            "operation": spec["operation"],
            "object": spec["object"],
            "createdById": "00550000001fg5OAAQ",
            "createdDate": job.created_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "systemModstamp": job.created_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            "state": job.status,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(spec["version"].removeprefix("v")),
            "lineEnding": spec.get("lineEnding", "LF"),
            "columnDelimiter": spec.get("columnDelimiter", "COMMA"),
        }
        if job.polls:
            count = len(self.found(job)) if job.status == "JobComplete" else 0
            said |= {"jobType": "V2Query", "numberRecordsProcessed": count, "retries": 0, "totalProcessingTime": 334}
        if job.status == "Failed":
            said["errorMessage"] = job.facts.get("reason", self.reason)
        return said

    def _job(self, id: str, version: str) -> Job:
        job = self.jobs.get(id)
        if job is None or job.deleted:
            raise Refused(problem(404, "NOT_FOUND", "The requested resource does not exist"))
        return job

    @route("GET", "/services/data/{version}/jobs/query/{id}")
    def poll(self, request: Request, version: str, id: str) -> Reply:
        job = self._job(id, version)
        if job.status not in ENDS:
            unknown = [name for name in job.spec["fields"] if name not in OBJECTS[job.spec["object"]].split()]
            if unknown:
                job.facts["reason"] = f"INVALID_FIELD: No such column '{unknown[0]}' on entity '{job.spec['object']}'."
            job.status = "Failed" if unknown else job.step_on(self.script)
            job.polls += bool(unknown)
        return json_reply(self._info(job))

    @route("PATCH", "/services/data/{version}/jobs/query/{id}")
    def abort(self, request: Request, version: str, id: str) -> Reply:
        job = self._job(id, version)
        if request.json() != {"state": "Aborted"}:
            return problem(400, "INVALIDJOBSTATE", "state may be set to Aborted only")
        if job.status in ENDS:
            return problem(400, "INVALIDJOBSTATE", f"Aborting already {job.status} Job not allowed")
        job.status, job.aborted = "Aborted", True
        return json_reply(self._info(job))

    @route("DELETE", "/services/data/{version}/jobs/query/{id}")
    def delete(self, request: Request, version: str, id: str) -> Reply:
        job = self._job(id, version)
        if job.status == "InProgress":
            return problem(400, "INVALIDJOBSTATE", "Deleting a job in state InProgress is not allowed")
        job.deleted = True
        return Reply(204)

    # Results

    def found(self, job: Job) -> list[dict[str, str]]:
        """The records of a job's query."""
        bounds = [(sign, datetime.fromisoformat(text)) for sign, text in BOUND.findall(job.spec["where"])]

        def fits(record: Mapping[str, str]) -> bool:
            at = datetime.fromisoformat(record["SystemModstamp"])
            if record.get("IsDeleted") == "true" and job.spec["operation"] == "query":
                return False
            return all(
                {">=": at >= bound, "<": at < bound, "<=": at <= bound, ">": at > bound}[sign] for sign, bound in bounds
            )

        return [record for record in self.records.get(job.spec["object"], []) if fits(record)]

    def _results_of(self, id: str, version: str) -> Job:
        job = self._job(id, version)
        if version != job.spec["version"]:
            raise Refused(problem(409, "VERSION_MISMATCH", "Use the API version with which the job was created"))
        if job.status != "JobComplete":
            raise Refused(problem(400, "INVALIDJOBSTATE", f"Results are not available in state {job.status}"))
        return job

    def _locator(self, start: int) -> str:
        return base64.b64encode(str(start).encode()).decode().rstrip("=")

    @route("GET", "/services/data/{version}/jobs/query/{id}/results")
    def results(self, request: Request, version: str, id: str) -> Reply:
        job = self._results_of(id, version)
        size = request.query.get("maxRecords", str(self.page))
        if not size.isdigit() or not int(size):
            return problem(400, "INVALID_MAX_RECORDS", "maxRecords is a positive number")
        locator = request.query.get("locator", "")
        try:
            start = int(base64.b64decode(locator + "=" * (-len(locator) % 4))) if locator else 0
        except ValueError:
            return problem(400, "INVALID_QUERY_LOCATOR", f"Invalid locator: {locator}")
        records, size = self.found(job), min(int(size), self.page)
        part = records[start : start + size]
        following = self._locator(start + size) if start + size < len(records) else "null"
        headers = {"Content-Type": "text/csv", "Sforce-NumberOfRecords": str(len(part)), "Sforce-Locator": following}
        return Reply(200, self._csv(job, part), headers)

    def _csv(self, job: Job, records: list[dict[str, str]]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows(
            [job.spec["fields"], *([record.get(name, "") for name in job.spec["fields"]] for record in records)]
        )
        return text.getvalue().encode()

    @route("GET", "/services/data/{version}/jobs/query/{id}/resultPages")
    def result_pages(self, request: Request, version: str, id: str) -> Reply:
        """Up to five links at once; the last answer is done."""
        job = self._results_of(id, version)
        base = f"/services/data/{version}/jobs/query/{id}"
        starts = range(0, max(1, len(self.found(job))), self.page)
        first = int(request.query.get("queryLocator") or 0)
        links = [{"resultUrl": f"{base}/results?locator={self._locator(start)}"} for start in starts[first : first + 5]]
        done = first + 5 >= len(starts)
        following = None if done else f"{base}/resultPages?queryLocator={first + 5}"
        return json_reply({"resultPages": links, "nextRecordUrl": following, "done": done})
