"""The simulator of Shopify's bulk operations, walked through by a plain client."""

from __future__ import annotations

from typing import Any

import pytest
from simulators.shopify_bulk import ShopifyBulk
from simulators.walking import Answer, ask

RUN = "mutation ($query: String!) { bulkOperationRunQuery(query: $query) { bulkOperation { id } userErrors { code message } } }"
NODE = "query ($id: ID!) { node(id: $id) { ... on BulkOperation { status } } }"
CANCEL = "mutation ($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { status } userErrors { message } } }"
PRODUCTS = """{ products(query: "updated_at:>='2026-01-01T00:00:00Z' AND updated_at:<'2026-02-01T00:00:00Z'")
  { edges { node { id title variants { edges { node { id sku product { id } } } } } } } }"""
VARIANT = {"id": "gid://shopify/ProductVariant/11", "sku": "S", "product": {"id": "gid://shopify/Product/1"}}
OBJECTS = {
    "products": [
        {"id": "gid://shopify/Product/1", "title": "A", "updatedAt": "2026-01-05T00:00:00Z", "variants": [VARIANT]},
        {"id": "gid://shopify/Product/2", "title": "B", "updatedAt": "2026-02-01T00:00:00Z", "variants": []},
    ]
}


def call(api: ShopifyBulk, document: str, **variables: Any) -> Answer:
    headers = {"X-Shopify-Access-Token": api.TOKEN}
    return ask(
        "POST", f"{api.base_url}/graphql.json", headers=headers, json_body={"query": document, "variables": variables}
    )


def run(api: ShopifyBulk, query: str = PRODUCTS) -> dict[str, Any]:
    return call(api, RUN, query=query).json()["data"]["bulkOperationRunQuery"]


def poll(api: ShopifyBulk, id: str) -> dict[str, Any]:
    return call(api, NODE, id=id).json()["data"]["node"]


def test_an_operation_is_run_polled_and_fetched() -> None:
    with ShopifyBulk(OBJECTS) as api:
        id = run(api)["bulkOperation"]["id"]
        assert "gid://shopify/BulkOperation/4039184154813" == id
        assert ["CREATED", "RUNNING"] == [poll(api, id)["status"] for _ in range(2)]
        done = poll(api, id)
        assert ("COMPLETED", "2", "1", None) == tuple(
            done[key] for key in ("status", "objectCount", "rootObjectCount", "partialDataUrl")
        )
        file = ask("GET", done["url"])
        assert done["fileSize"] == str(len(file.body))
        parent, child = file.text.splitlines()
        assert '{"id": "gid:\\/\\/shopify\\/Product\\/1", "title": "A"}' == parent
        assert child.endswith(
            '"product": {"id": "gid:\\/\\/shopify\\/Product\\/1"}, "__parentId": "gid:\\/\\/shopify\\/Product\\/1"}'
        )
        assert 400 == ask("GET", done["url"], headers={"X-Shopify-Access-Token": api.TOKEN}).status
        api.clock.advance(days=8)
        assert "EXPIRED" == poll(api, id)["status"]
        assert 403 == ask("GET", done["url"]).status


@pytest.mark.parametrize(("version", "limit"), [("2026-01", 5), ("2025-10", 1)])
def test_so_many_run_at_once_and_cancelled_ones_make_room(version: str, limit: int) -> None:
    with ShopifyBulk(OBJECTS, version=version, script=["RUNNING"]) as api:
        ids = [run(api)["bulkOperation"]["id"] for _ in range(limit)]
        refused = run(api)
        assert (None, "OPERATION_IN_PROGRESS") == (refused["bulkOperation"], refused["userErrors"][0]["code"])
        cancelled = call(api, CANCEL, id=ids[0]).json()["data"]["bulkOperationCancel"]
        assert ("CANCELING", []) == (cancelled["bulkOperation"]["status"], cancelled["userErrors"])
        assert ["CANCELING", "CANCELED"] == [poll(api, ids[0])["status"] for _ in range(2)]
        late = call(api, CANCEL, id=ids[0]).json()["data"]["bulkOperationCancel"]
        assert "cannot be canceled" in late["userErrors"][0]["message"]
        assert run(api)["bulkOperation"] is not None
        assert poll(api, "gid://shopify/BulkOperation/1") is None


def test_nothing_found_has_no_url_and_a_failure_has_what_there_is() -> None:
    with ShopifyBulk(OBJECTS, script={1: ["COMPLETED"], None: ["FAILED"]}) as api:
        nothing = poll(api, run(api, PRODUCTS.replace("2026", "2025"))["bulkOperation"]["id"])
        assert ("COMPLETED", "0", None, None) == tuple(
            nothing[key] for key in ("status", "objectCount", "url", "fileSize")
        )
        failed = poll(api, run(api)["bulkOperation"]["id"])
        assert ("FAILED", "INTERNAL_SERVER_ERROR", None) == tuple(failed[key] for key in ("status", "errorCode", "url"))
        assert 200 == ask("GET", failed["partialDataUrl"]).status


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ products { edges { node { id colour } } } }", "Field 'colour' doesn't exist"),
        ("{ products { edges { node { id title { x } } } } }", "must not have selections"),
        ("{ products { edges { node { id } } } orders { edges { node { id } } } }", "exactly one top-level field"),
        ("{ shop { name } }", "at least one connection"),
        ("{ products { edges { node { id ", "unexpected end of file"),
    ],
)
def test_queries_that_cannot_run_are_refused(query: str, words: str) -> None:
    with ShopifyBulk(OBJECTS) as api:
        (error,) = run(api, query)["userErrors"]
        assert "INVALID" == error["code"]
        assert words in error["message"]


def test_tokens_and_versions_are_checked() -> None:
    with ShopifyBulk(OBJECTS) as api:
        assert 401 == ask("POST", f"{api.base_url}/graphql.json", json_body={"query": NODE}).status
        headers = {"X-Shopify-Access-Token": api.TOKEN}
        assert (
            404
            == ask(
                "POST", f"{api.url}/admin/api/2020-01/graphql.json", headers=headers, json_body={"query": NODE}
            ).status
        )
        assert "errors" in call(api, "{ shop { name } }").json()
