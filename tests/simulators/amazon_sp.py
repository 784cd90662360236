"""Amazon Selling Partner API, Reports 2021-06-30, as Amazon's models and guides have it.

What is modelled: tokens of Login with Amazon in `x-amz-access-token`, 403 for one that expired, usage plans with burst, the
marketplaces of a seller (with the odd ones that no report knows), reports that may be asked for and reports that Amazon makes by
itself, cancellation of queued reports only, documents with a presigned URL that refuses credentials and ends after
five minutes, files in Cp1252 with or without gzip, FATAL with a document that says why, CANCELLED for no data.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Tokens, route
from simulators.login_with_amazon import LoginWithAmazon
from wire import Change, Reply, Request, json_reply

ON_DEMAND = {
    "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",
    "GET_SALES_AND_TRAFFIC_REPORT",
    "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA",
    "GET_MERCHANT_LISTINGS_ALL_DATA",
}
BY_ITSELF = {"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"}
BODY_KEYS = {"reportType", "marketplaceIds", "dataStartTime", "dataEndTime", "reportOptions"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
LINK_LIFE, ORDERS_SPAN, LISTED = timedelta(minutes=5), timedelta(days=30), timedelta(days=90)


def problem(status: int, code: str, message: str, details: str = "") -> Reply:
    return json_reply({"errors": [{"code": code, "message": message, "details": details}]}, status)


def invalid(message: str) -> Refused:
    return Refused(problem(400, "InvalidInput", message))


def tsv(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> bytes:
    """A flat file: tabs, no quoting at all, Cp1252."""
    names = list(columns)
    lines = ["\t".join(names), *("\t".join(str(row.get(name, "")) for name in names) for row in rows)]
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


class AmazonSellingPartner(LoginWithAmazon):
    """`files` gives a report's body: report type to bytes, or to a function of the creation's body; None is no data.

    script       the `processingStatus` of a report's polls; the last entry counts if there is data
    settled      when Amazon made each settlement report, with its body
    compressed   files are gzipped, and their documents say so
    reason       what the document of a FATAL report says; None: it has no document
    """

    CLIENT, SECRET, REFRESH = "amzn1.application-oa2-client.1", "amzn1.oa2-cs.v1.secret", "Atzr|a refresh token"

    def __init__(
        self,
        files: Mapping[str, Any] | None = None,
        *,
        marketplaces: Iterable[str] = ("ATVPDKIKX0DER",),
        script: Script = ("IN_QUEUE", "IN_PROGRESS", "DONE"),
        settled: Mapping[datetime, bytes] | None = None,
        compressed: bool = True,
        reason: bytes | None = b"Internal error",
        page_limit: int = 100,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.files, self.marketplaces, self.script = dict(files or {}), list(marketplaces), script
        self.compressed, self.reason, self.page_limit = compressed, reason, page_limit
        self.tokens = Tokens(self.clock, "Atza|token-")
        self.documents: dict[str, bytes] = {}
        self.links: dict[str, tuple[str, datetime]] = {}
        self.spent: dict[str, int] = {}
        for number, (made_at, body) in enumerate(sorted((settled or {}).items()), 1):
            job = self.new_job(
                f"5{number:04}", {"reportType": next(iter(BY_ITSELF)), "marketplaceIds": ["ATVPDKIKX0DER"]}
            )
            job.created_at, job.status = made_at, "DONE"
            job.facts["document"] = self._document(job, body)

    def guard(self, request: Request) -> None:
        if request.step in ("token", "download"):
            return
        value = request.header("x-amz-access-token")
        denied = "Access to requested resource is denied."
        if value is None or request.header("Authorization"):
            raise Refused(problem(403, "Unauthorized", denied, "Access token is missing in the request header."))
        if not request.header("User-Agent"):
            raise Refused(problem(403, "Unauthorized", denied, "User-Agent is missing in the request header."))
        if not self.tokens.check(value):
            raise Refused(problem(403, "Unauthorized", denied, "The access token you provided has expired."))

    def _spend(self, plan: str, burst: int, rate: str) -> dict[str, str]:
        """One call of a usage plan whose bucket does not fill again within a test; the header that tells the rate."""
        self.spent[plan] = self.spent.get(plan, 0) + 1
        if self.spent[plan] > burst:
            text = "You exceeded your quota for the requested resource."
            raise Refused(problem(429, "QuotaExceeded", text).with_headers(x_amzn_RateLimit_Limit=rate))
        return {"x-amzn-RateLimit-Limit": rate}

    # Marketplaces

    @route("GET", "/sellers/v1/marketplaceParticipations")
    def participations(self, request: Request) -> Reply:
        def entry(id: str, domain: str, taking_part: bool = True) -> dict[str, Any]:
            place = {"id": id, "countryCode": "US", "name": domain, "defaultCurrencyCode": "USD", "domainName": domain}
            return {
                "marketplace": place,
                "participation": {"isParticipating": taking_part, "hasSuspendedListings": False},
            }

        own = [entry(id, f"www.amazon.{n}") for n, id in enumerate(self.marketplaces)]
        odd = [entry("A6W85IYQ5WB1C", "sim1.stores.amazon.com"), entry("A2EUQ1WTGCTBG2", "www.amazon.ca", False)]
        return json_reply({"payload": [*own, *odd]})

    # Reports

    @route("POST", "/reports/2021-06-30/reports")
    def create(self, request: Request) -> Reply:
        rate = self._spend("createReport", 15, "0.0167")
        if "json" not in (request.header("Content-Type") or ""):
            return problem(415, "InvalidInput", "Invalid Content-Type.")
        job = self.new_job(f"ID{323 + len(self.jobs)}", self._checked(request.json()))
        return json_reply({"reportId": job.id}, 202, rate)

    def _checked(self, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or not set(body) <= BODY_KEYS:
            raise invalid("Request has missing or invalid parameters and cannot be parsed.")
        places = body.get("marketplaceIds")
        if not places or not set(places) <= set(self.marketplaces):
            raise invalid(f"Invalid marketplaceIds: {places}")
        if body.get("reportType") in BY_ITSELF:
            raise invalid(f"Report type {body['reportType']} may not be requested")
        if body.get("reportType") not in ON_DEMAND:
            raise invalid(f"Invalid Report Type {body.get('reportType')}")
        times = [body[key] for key in ("dataStartTime", "dataEndTime") if key in body]
        if not all(isinstance(text, str) and INSTANT.fullmatch(text) for text in times):
            raise invalid("dataStartTime and dataEndTime are ISO 8601 date times")
        if len(times) == 2 and datetime.fromisoformat(times[0]) > datetime.fromisoformat(times[1]):
            raise invalid("dataStartTime is after dataEndTime")
        if any(not isinstance(value, str) for value in body.get("reportOptions", {}).values()):
            raise invalid("reportOptions holds texts")
        return body

    @route("GET", "/reports/2021-06-30/reports")
    def listing(self, request: Request) -> Reply:
        rate, query = self._spend("getReports", 10, "0.0222"), request.query
        if "nextToken" in query:
            if len(query) > 1:
                raise invalid("nextToken must be the only parameter")
            query, start = json.loads(bytes.fromhex(query["nextToken"])), 0
            start = query.pop("start")
        else:
            start = 0
        if "reportTypes" not in query:
            raise invalid("Either reportTypes or nextToken is required")
        since = datetime.fromisoformat(query.get("createdSince") or str(self.clock.now() - LISTED))
        until = datetime.fromisoformat(query.get("createdUntil") or str(self.clock.now()))
        if self.clock.now() - since > LISTED:
            raise invalid(f"RequestedFromDate {since.isoformat()} is more than 90 days old")
        wanted = [
            self._report(job)
            for job in sorted(self.jobs.values(), key=lambda job: job.created_at, reverse=True)
            if job.spec["reportType"] in query["reportTypes"].split(",")
            and since <= job.created_at < until
            and job.status in query.get("processingStatuses", job.status or "").split(",")
        ]
        size = min(int(query.get("pageSize", 10)), self.page_limit)
        answer: dict[str, Any] = {"reports": wanted[start : start + size]}
        if start + size < len(wanted):
            answer["nextToken"] = json.dumps({**query, "start": start + size}).encode().hex()
        return json_reply(answer, 200, rate)

    def _report(self, job: Job) -> dict[str, Any]:
        said = {
            **{key: value for key, value in job.spec.items() if key != "reportOptions"},
            "reportId": job.id,
            "createdTime": job.created_at.isoformat(timespec="seconds"),
            "processingStatus": job.status,
        }
        if "document" in job.facts:
            said["reportDocumentId"] = job.facts["document"]
        return said

    def _job(self, id: str) -> Job:
        if id not in self.jobs:
            raise Refused(problem(404, "NotFound", f"Report {id} is not found"))
        return self.jobs[id]

    @route("GET", "/reports/2021-06-30/reports/{id}")
    def poll(self, request: Request, id: str) -> Reply:
        job = self._job(id)
        if job.status not in ("DONE", "CANCELLED", "FATAL"):
            job.status = job.step_on(self.script)
            self._finish(job)
        return json_reply(self._report(job), 200, {"x-amzn-RateLimit-Limit": "2.0"})

    def _finish(self, job: Job) -> None:
        if job.status == "FATAL" and self.reason is not None:
            job.facts["document"] = self._document(job, self.reason)
        elif job.status == "DONE":
            body = self._body(job)
            too_long = job.spec["reportType"].startswith("GET_FLAT_FILE_ALL_ORDERS") and self._span(job) > ORDERS_SPAN
            if too_long:
                job.status, body = "FATAL", b"Date range exceeded. Report can be requested only upto 30 days"
            if body is None:
                job.status = "CANCELLED"
            else:
                job.facts["document"] = self._document(job, body)

    def _body(self, job: Job) -> bytes | None:
        found = self.files.get(job.spec["reportType"])
        return found(job.spec) if callable(found) else found

    def _span(self, job: Job) -> timedelta:
        end = datetime.fromisoformat(job.spec.get("dataEndTime") or datetime.now(UTC).isoformat())
        return end - datetime.fromisoformat(job.spec.get("dataStartTime") or end.isoformat())

    @route("DELETE", "/reports/2021-06-30/reports/{id}")
    def cancel(self, request: Request, id: str) -> Reply:
        job = self._job(id)
        if job.status not in (None, "IN_QUEUE"):
            return problem(400, "InvalidInput", f"Report {id} can not be cancelled in status {job.status}")
        job.status, job.aborted = "CANCELLED", True
        return Reply(200)

    # Documents

    def _document(self, job: Job, body: bytes) -> str:
        name = f"amzn1.spdoc.1.4.na.{job.number:08x}-{len(self.documents)}"
        self.documents[name] = gzip.compress(body, mtime=0) if self.compressed else body
        return name

    @route("GET", "/reports/2021-06-30/documents/{name}")
    def document(self, request: Request, name: str) -> Reply:
        rate = self._spend("getReportDocument", 15, "0.0167")
        if name not in self.documents:
            return problem(404, "NotFound", f"Document {name} is not found")
        target = f"/{name}?X-Amz-Expires=300&X-Amz-Security-Token=IQoJ%2Fb3&X-Amz-Signature={len(self.links) + 1:064x}"
        self.links[target] = (name, self.clock.now() + LINK_LIFE)
        answer = {"reportDocumentId": name, "url": self.origin("s3") + target}
        return json_reply({**answer, "compressionAlgorithm": "GZIP"} if self.compressed else answer, 200, rate)

    @route("GET", "/{name}", host="s3")
    def download(self, request: Request, name: str) -> Reply:
        xml = {"Content-Type": "application/xml"}
        if request.header("Authorization"):
            text = (
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header"
            )
            return Reply(400, f"<Error><Code>InvalidArgument</Code><Message>{text}</Message></Error>", xml)
        if any(key.lower().startswith("x-amz-") for key, _ in request.headers):
            text = "There were headers present in the request which were not signed"
            return Reply(403, f"<Error><Code>AccessDenied</Code><Message>{text}</Message></Error>", xml)
        document, ends_at = self.links.get(request.target, ("", None))
        if ends_at is None or self.clock.now() > ends_at:
            text = "Request has expired" if ends_at else "The request signature we calculated does not match"
            return Reply(403, f"<Error><Code>AccessDenied</Code><Message>{text}</Message></Error>", xml)
        kind = {"Content-Type": "text/plain; charset=Cp1252", "ETag": f'"{document}"'}
        return Reply(200, self.documents[document], kind)
