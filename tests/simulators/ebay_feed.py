"""eBay Sell Feed API v1: download tasks for orders and inventory, as its documentation has them.

What is modelled: access tokens from a refresh token (which stays) by HTTP Basic, tasks answered with 202, an empty body
and a Location, ranges of less than ten days, ten tasks at a time and 48 order tasks a day, the states of a task, and
result files: XML in a zip, wrapped as the samples show it.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from simulators.base import Job, Refused, Script, Simulator, Tokens, route
from wire import Change, Reply, Request, json_reply

SCOPE = "https://api.ebay.com/oauth/api_scope/sell."
DONE = {"COMPLETED", "COMPLETED_WITH_ERROR", "FAILED", "PARTIALLY_PROCESSED"}


def problem(status: int, code: int, message: str) -> Reply:
    error = {"errorId": code, "domain": "API_FEED", "category": "REQUEST", "message": message}
    return json_reply({"errors": [error]}, status)


class EbayFeed(Simulator):
    """`orders` are mappings of elements, with CreatedTime and TransactionArray (a list); `listings` are SKUDetails.

    script   the states of a task's polls, or a dict of such lists by the tasks' numbers
    a_day    order tasks in 24 hours
    """

    CLIENT, SECRET, REFRESH = "App-1", "cert-secret", "v^1.1#refresh"

    def __init__(
        self,
        orders: Iterable[Mapping[str, Any]] = (),
        listings: Iterable[Mapping[str, Any]] = (),
        *,
        script: Script = ("QUEUED", "COMPLETED"),
        a_day: int = 48,
        good_for: int | None = None,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.orders, self.listings = list(orders), list(listings)
        self.script, self.a_day, self.good_for = script, a_day, good_for
        self.access = Tokens(self.clock, "v^1.1#access-")

    @route("POST", "/identity/v1/oauth2/token")
    def token(self, request: Request) -> Reply:
        form, wanted = dict(request.form()), base64.b64encode(f"{self.CLIENT}:{self.SECRET}".encode()).decode()
        if request.header("Authorization") != f"Basic {wanted}":
            return json_reply({"error": "invalid_client"}, 401)
        if (form.get("grant_type"), form.get("refresh_token")) != ("refresh_token", self.REFRESH):
            return json_reply({"error": "invalid_grant"}, 400)
        if not all(scope.startswith(SCOPE) for scope in form.get("scope", "").split()):
            return json_reply({"error": "invalid_scope"}, 400)
        value = self.access.issue(lifetime=timedelta(hours=2), good_for=self.good_for)
        return json_reply({"access_token": value, "expires_in": 7200, "token_type": "User Access Token"})

    def guard(self, request: Request) -> None:
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if request.step != "token" and (scheme != "Bearer" or not self.access.check(value)):
            raise Refused(problem(401, 1001, "Invalid access token"))

    # Tasks

    @route("POST", "/sell/feed/v1/order_task")
    def create_orders(self, request: Request) -> Reply:
        body = self._checked(request, "LMS_ORDER_REPORT", {"filterCriteria"})
        filters = body.get("filterCriteria", {})
        if not set(filters) <= {"creationDateRange", "orderStatus"}:
            raise Refused(problem(400, 160006, "The filter criteria are invalid"))
        if filters.get("orderStatus", "ACTIVE") not in ("ACTIVE", "COMPLETED"):
            raise Refused(problem(400, 160006, "The order status is invalid"))
        first, last = (instant(filters["creationDateRange"][key]) for key in ("from", "to"))
        if not first < last or last - first >= timedelta(days=10):
            raise Refused(problem(400, 160011, "The date range must be less than 10 days"))
        since = self.clock.now() - timedelta(hours=24)
        today = [job for job in self.jobs.values() if job.facts["kind"] == "order" and job.created_at > since]
        if len(today) >= self.a_day:
            raise Refused(problem(409, 160025, "The maximum number of order jobs in 24 hours is reached"))
        return self._created("order", body)

    @route("POST", "/sell/feed/v1/inventory_task")
    def create_inventory(self, request: Request) -> Reply:
        return self._created("inventory", self._checked(request, "LMS_ACTIVE_INVENTORY_REPORT", {"filterCriteria"}))

    @route("GET", "/sell/feed/v1/{kind}_task/{id}")
    def poll(self, request: Request, kind: str, id: str) -> Reply:
        job = self._job(id, kind)
        if job.status not in DONE:
            job.status = job.step_on(self.script)
        made = job.created_at.isoformat()
        about = {"taskId": id, "status": job.status, "feedType": job.spec["feedType"], "creationDate": made}
        return json_reply({**about, "completionDate": made} if job.status in DONE else about)

    @route("GET", "/sell/feed/v1/task/{id}/download_result_file")
    def download(self, request: Request, id: str) -> Reply:
        job = self._job(id)
        if job.status not in ("COMPLETED", "COMPLETED_WITH_ERROR"):
            return problem(404, 160013, "The result file is not there")
        name = f"{id}-report"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{name}.xml", self._report(job))
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename={name}.zip",
        }
        return Reply(200, packed.getvalue(), headers)

    def _created(self, kind: str, body: Mapping[str, Any]) -> Reply:
        if len([job for job in self.jobs.values() if job.status not in DONE]) >= 10:
            raise Refused(problem(409, 160024, "The maximum number of concurrent jobs is reached"))
        job = self.new_job(f"task-14-{1234 + len(self.jobs)}", body, kind=kind)
        return Reply(202, "", {"Location": f"{self.url}/sell/feed/v1/{kind}_task/{job.id}"})

    def _job(self, id: str, kind: str | None = None) -> Job:
        job = self.jobs.get(id)
        if job is None or kind not in (None, job.facts["kind"]):
            raise Refused(problem(404, 160004, "The task was not found"))
        return job

    def _checked(self, request: Request, feed: str, more: set[str]) -> dict[str, Any]:
        body = request.json()
        if (
            "json" not in (request.header("Content-Type") or "")
            or not set(body) <= {"feedType", "schemaVersion"} | more
        ):
            raise Refused(problem(400, 160001, "The request is invalid"))
        if body.get("feedType") != feed:
            raise Refused(problem(400, 160002, "The feed type is invalid"))
        if int(body.get("schemaVersion", 0)) < 1113:
            raise Refused(problem(400, 160003, "The schema version is invalid"))
        return dict(body)

    def _report(self, job: Job) -> str:
        if job.facts["kind"] == "inventory":
            inner = "".join(element("SKUDetails", listing) for listing in self.listings)
            return wrapped("ActiveInventoryReport", inner)
        asked = job.spec["filterCriteria"]["creationDateRange"]
        first, last = instant(asked["from"]), instant(asked["to"])
        found = [order for order in self.orders if first <= instant(order["CreatedTime"]) <= last]
        return wrapped("OrderReport", element("OrderArray", {"Order": found}))


def instant(text: str) -> datetime:
    """An instant as eBay writes them, with milliseconds and `Z`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def wrapped(name: str, inner: str) -> str:
    root = 'BulkDataExchangeResponses xmlns="urn:ebay:apis:eBLBaseComponents"'
    version = "<Ack>Success</Ack><Version>1113</Version>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}><{name}>{version}{inner}</{name}></BulkDataExchangeResponses>'
    )


def element(name: str, value: Any) -> str:
    """A mapping as an element of elements; a list repeats its name; a pair is an amount and its currency."""
    if isinstance(value, list):
        return "".join(element(name, item) for item in value)
    if isinstance(value, tuple):
        return f'<{name} currencyID="{value[1]}">{value[0]}</{name}>'
    inner = "".join(element(*pair) for pair in value.items()) if isinstance(value, Mapping) else escape(str(value))
    return f"<{name}>{inner}</{name}>"
