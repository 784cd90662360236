"""Shopify's Admin GraphQL API as far as bulk queries go, as shopify.dev has it.

What is modelled: the three operations on one endpoint, GraphQL's errors at 200, bulk queries read with their selections (unknown
fields, several top-level fields, no connection, too many or too deep connections are refused), at most five at once
(one before 2026-01), filters on `updated_at`, JSONL whose children name their parent in `__parentId`, counts as texts,
no URL without objects, cancellation, partial data, results that end after seven days.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, route
from wire import Change, Reply, Request, json_reply

MONEY = {"amount": None, "currencyCode": None}
BAG = {"shopMoney": MONEY, "presentmentMoney": MONEY}
ID = {"id": None}


def fields(names: str, **nested: Any) -> dict[str, Any]:
    return {**dict.fromkeys(names.split()), **nested}


LINE_ITEM = fields(
    "id name title variantTitle vendor sku quantity currentQuantity taxable requiresShipping",
    product=ID, variant=ID, originalUnitPriceSet=BAG, discountedTotalSet=BAG,
)  # fmt: skip
VARIANT = fields(
    "id title displayName sku barcode position price compareAtPrice inventoryQuantity availableForSale taxable createdAt "
    "updatedAt",
    product=ID, inventoryItem=ID,
)  # fmt: skip
# Types as what may be selected; a list of one type is a connection.
TYPES: dict[str, Any] = {
    "products": fields(
        "id title handle status vendor productType tags totalInventory descriptionHtml onlineStoreUrl createdAt updatedAt "
        "publishedAt",
        variants=[VARIANT],
    ),
    "productVariants": VARIANT,
    "customers": fields(
        "id firstName lastName state tags note locale taxExempt verifiedEmail numberOfOrders createdAt updatedAt",
        amountSpent=MONEY, defaultEmailAddress=fields("emailAddress"), defaultPhoneNumber=fields("phoneNumber"),
    ),
    "orders": fields(
        "id name email note tags test sourceName currencyCode displayFinancialStatus displayFulfillmentStatus cancelReason "
        "cancelledAt closedAt processedAt createdAt updatedAt",
        customer=ID, lineItems=[LINE_ITEM], totalPriceSet=BAG, subtotalPriceSet=BAG, totalTaxSet=BAG,
        totalDiscountsSet=BAG, totalShippingPriceSet=BAG, totalRefundedSet=BAG, currentTotalPriceSet=BAG,
    ),
}  # fmt: skip
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|\.\.\.|[{}():]')
RANGE = re.compile(r"updated_at:(>=|<)'([^']+)'")
ENDS = ("COMPLETED", "FAILED", "CANCELED", "EXPIRED")
RESULT_LIFE = timedelta(days=7)


class Invalid(Exception):
    """A bulk query that Shopify would not run."""


def selections(tokens: Iterator[str]) -> dict[str, Any]:
    """What stands between braces: fields, their arguments under `(`, and what is selected of them."""
    found: dict[str, Any] = {}
    name = ""
    for token in tokens:
        if token == "}":
            return found
        if token == "{":
            found[name] |= selections(tokens)
        elif token == "(":
            found[name]["("] = list(iter(lambda: next(tokens), ")"))
        else:
            name = token
            found[name] = {}
    raise Invalid("syntax error, unexpected end of file")


def check(selected: Mapping[str, Any], type_: Mapping[str, Any], depth: int = 1) -> int:
    """The number of connections in a selection; raises Invalid for what the type has not."""
    connections = 0
    for name, inner in selected.items():
        if name not in type_:
            raise Invalid(f"Field '{name}' doesn't exist")
        below = type_[name]
        if isinstance(below, list):
            if depth >= 3:
                raise Invalid("Bulk queries cannot contain more than 2 levels of nested connections.")
            connections += 1 + check(inner.get("edges", {}).get("node", {}), below[0], depth + 1)
        elif (below is None) == bool(set(inner) - {"("}):
            raise Invalid(f"Field '{name}' must {'not ' if below is None else ''}have selections")
        elif below is not None:
            connections += check(inner, below, depth)
    return connections


def picked(node: Mapping[str, Any], selected: Mapping[str, Any]) -> dict[str, Any]:
    """The selected part of an object, without its connections."""
    part: dict[str, Any] = {}
    for name, inner in selected.items():
        if "edges" in inner:
            continue
        value = node.get(name)
        part[name] = picked(value, inner) if isinstance(value, Mapping) else value
    return part


class ShopifyBulk(Simulator):
    """`objects` are the shop's, by top-level connection; connections below are lists of objects.

    script       the `status` of an operation's polls
    error_code   of those that fail
    running      operations of the app that somebody else started; `end` ends one
    """

    HOSTS = ("api", "storage")
    TOKEN, VERSION = "shpat_0123456789abcdef", "2026-01"

    def __init__(
        self,
        objects: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        script: Script = ("CREATED", "RUNNING", "COMPLETED"),
        error_code: str = "INTERNAL_SERVER_ERROR",
        running: int = 0,
        version: str = VERSION,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.objects = {name: [dict(node) for node in nodes] for name, nodes in objects.items()}
        self.script, self.error_code, self.version = script, error_code, version
        self.limit = 5 if version >= "2026-01" else 1
        self.links: dict[str, Job] = {}
        self.others = running

    @property
    def base_url(self) -> str:
        return f"{self.url}/admin/api/{self.version}"

    def end(self) -> None:
        """One of the operations that somebody else started ends."""
        self.others -= 1

    def live(self) -> int:
        return self.others + sum(job.status not in ENDS for job in self.jobs.values())

    def guard(self, request: Request) -> None:
        if request.step == "graphql" and request.header("X-Shopify-Access-Token") != self.TOKEN:
            text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            raise Refused(json_reply({"errors": text}, 401))

    @route("POST", "/admin/api/{version}/graphql.json")
    def graphql(self, request: Request, version: str) -> Reply:
        if version != self.version:
            return json_reply({"errors": "Not Found"}, 404)
        body = request.json()
        document, variables = body["query"], body.get("variables") or {}
        for step, name in (("create", "bulkOperationRunQuery"), ("cancel", "bulkOperationCancel"), ("poll", "node")):
            if re.search(rf"\b{name}\s*\(", document):
                request.step = step
                fault = self._fault(step)
                if isinstance(fault, Reply):
                    return fault
                usual = getattr(self, f"_{step}")(variables)
                reply = json_reply({"data": usual, "extensions": self._cost()})
                return reply if fault is None else fault(reply)
        return json_reply({"errors": [{"message": "Field doesn't exist on type 'QueryRoot'"}]})

    def _cost(self) -> dict[str, Any]:
        status = {"maximumAvailable": 2000.0, "currentlyAvailable": 1990, "restoreRate": 100.0}
        return {"cost": {"requestedQueryCost": 10, "actualQueryCost": 10, "throttleStatus": status}}

    # The three operations

    def _create(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        def refused(code: str, message: str, field: list[str] | None = None) -> dict[str, Any]:
            error = {"code": code, "field": field, "message": message}
            return {"bulkOperationRunQuery": {"bulkOperation": None, "userErrors": [error]}}

        try:
            parsed = self._parsed(variables["query"])
        except (Invalid, StopIteration) as error:
            return refused("INVALID", f"Invalid bulk query: {error}", ["query"])
        if self.live() >= self.limit:
            text = (
                "A bulk query operation for this app and shop is already in progress: gid://shopify/BulkOperation/403."
            )
            return refused("OPERATION_IN_PROGRESS", text)
        number = 4039184154813 + len(self.jobs)
        job = self.new_job(f"gid://shopify/BulkOperation/{number}", {"query": variables["query"], "parsed": parsed})
        job.status = "CREATED"
        said = {"id": job.id, "status": "CREATED", "createdAt": job.created_at.isoformat(timespec="seconds")}
        return {"bulkOperationRunQuery": {"bulkOperation": said, "userErrors": []}}

    def _parsed(self, query: str) -> tuple[str, list[str], dict[str, Any]]:
        """The connection, its filter and what is selected of its nodes; raises Invalid."""
        tokens = iter(TOKEN.findall(query))
        if next(tokens) == "query":
            next(tokens)
        found = selections(tokens)
        if len(found) != 1:
            raise Invalid("Bulk queries must have exactly one top-level field.")
        ((name, inner),) = found.items()
        node = inner.get("edges", {}).get("node")
        if name not in TYPES or node is None:
            raise Invalid("Bulk queries must contain at least one connection.")
        if 1 + check(node, TYPES[name]) > 5:
            raise Invalid("Bulk queries cannot contain more than 5 connections.")
        return name, inner.get("(", []), node

    def _poll(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        job = self.jobs.get(variables["id"])
        if job is None:
            return {"node": None}
        if job.aborted:
            job.status = "CANCELED" if job.status == "CANCELING" else "CANCELING"
        elif job.status not in ENDS:
            job.status = job.step_on(self.script)
        if job.status in ENDS and self.clock.now() - job.created_at > RESULT_LIFE:
            job.status = "EXPIRED"
        lines = self.lines_of(job) if job.status in ("COMPLETED", "FAILED", "CANCELED") else []
        body = b"".join(lines)
        whole = job.status == "COMPLETED"
        link = self._link(job) if body else None
        return {
            "node": {
                "id": job.id,
                "status": job.status,
                "errorCode": self.error_code if job.status == "FAILED" else None,
                "createdAt": job.created_at.isoformat(timespec="seconds"),
                "completedAt": self.clock.now().isoformat(timespec="seconds") if job.status in ENDS else None,
                "objectCount": str(len(lines)),
                "rootObjectCount": str(sum(b"__parentId" not in line for line in lines)),
                "fileSize": str(len(body)) if body else None,
                "url": link if whole else None,
                "partialDataUrl": None if whole else link,
            }
        }

    def _cancel(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        job = self.jobs.get(variables["id"])
        if job is None or job.status in ENDS:
            text = "A bulk operation cannot be canceled when it is completed"
            errors = [{"field": None if job else ["id"], "message": text if job else "Bulk operation does not exist"}]
            said = None if job is None else {"id": job.id, "status": job.status}
            return {"bulkOperationCancel": {"bulkOperation": said, "userErrors": errors}}
        job.aborted = True
        return {"bulkOperationCancel": {"bulkOperation": {"id": job.id, "status": "CANCELING"}, "userErrors": []}}

    # Results

    def lines_of(self, job: Job) -> list[bytes]:
        """The JSONL lines of an operation: children stand anywhere after their parents."""
        name, arguments, node = job.spec["parsed"]
        wanted = json.loads(arguments[arguments.index("query") + 2]) if "query" in arguments else ""
        roots = [found for found in self.objects.get(name, []) if self._within(found, wanted)]
        lines = [picked(found, node) for found in roots]
        for connection, inner in node.items():
            if "edges" in inner:
                below = inner["edges"]["node"]
                lines += [
                    {**picked(child, below), "__parentId": found["id"]}
                    for found in roots
                    for child in found[connection]
                ]
        return [json.dumps(line).replace("/", "\\/").encode() + b"\n" for line in lines]

    def _within(self, node: Mapping[str, Any], wanted: str) -> bool:
        at = datetime.fromisoformat(node["updatedAt"])
        bounds = [(sign, datetime.fromisoformat(text)) for sign, text in RANGE.findall(wanted)]
        return all(at >= bound if sign == ">=" else at < bound for sign, bound in bounds)

    def _link(self, job: Job) -> str:
        target = (
            f"/bulk-operation-outputs/{job.number}?GoogleAccessId=assets&Expires=1&Signature={len(self.links) + 1}%3D"
        )
        self.links[target] = job
        return self.origin("storage") + target

    @route("GET", "/bulk-operation-outputs/{name}", host="storage")
    def download(self, request: Request, name: str) -> Reply:
        xml = {"Content-Type": "application/xml"}
        if request.header("Authorization") or request.header("X-Shopify-Access-Token"):
            return Reply(400, "<Error><Code>AuthenticationConflict</Code></Error>", xml)
        job = self.links.get(request.target)
        if job is None or self.clock.now() - job.created_at > RESULT_LIFE:
            return Reply(403, "<Error><Code>ExpiredToken</Code></Error>", xml)
        headers = {"Content-Type": "application/jsonl", "ETag": f'"{job.number}"'}
        return Reply(200, b"".join(self.lines_of(job)), headers)
