"""The definition `shopify_bulk` as it ships, against the simulator."""

from __future__ import annotations

import signal
import time
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.shopify_bulk import ShopifyBulk
from wire import Cut, json_reply

GID = "gid://shopify"


def money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}


def order(number: int, updated: str, *items: int) -> dict[str, Any]:
    lines = [
        {"id": f"{GID}/LineItem/{item}", "sku": f"S{item}", "quantity": 2, "originalUnitPriceSet": money("9.50"), "product": None}
        for item in items
    ]  # fmt: skip
    return {
        "id": f"{GID}/Order/{number}", "name": f"#{number}", "updatedAt": updated, "tags": ["vip", "b2b"], "test": False,
        "customer": {"id": f"{GID}/Customer/7"}, "totalPriceSet": money("19.00"), "lineItems": lines,
    }  # fmt: skip


ORDERS = [
    order(1, "2026-01-01T00:00:00Z", 11, 12),
    order(2, "2026-03-31T23:59:59Z"),
    order(3, "2026-04-01T00:00:00Z", 31),
]


def settings(api: ShopifyBulk, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "shopify_bulk",
        "base_url": api.base_url,
        "start_date": "2026-01-01",
        "end_date": "2026-04-30",
        "secrets": {"access_token": api.TOKEN},
        **changes,
    }


def windows(api: ShopifyBulk) -> list[list[str]]:
    """The bounds of `updated_at` in each operation's filter, in order of time."""
    return sorted(job.spec["parsed"][1][2].split("'")[1::2] for job in api.jobs.values())


def test_orders_and_the_items_below_them_over_two_windows(tap: Process) -> None:
    with ShopifyBulk({"orders": ORDERS}) as api:
        run = run_definition(tap, settings(api), ["orders", "order_line_items"])

    assert 0 == run.exit_code, run.stderr
    assert [f"{GID}/Order/{n}" for n in (1, 2, 3)] == [row["id"] for row in run.records("orders")]
    assert (Decimal("19.00"), f"{GID}/Customer/7", ["vip", "b2b"], False, None) == tuple(
        run.records("orders")[0][name] for name in ("totalPrice", "customer_id", "tags", "test", "cancelledAt")
    )
    assert [(11, 1), (12, 1), (31, 3)] == [
        (int(row["id"].rpartition("/")[2]), int(row["order_id"].rpartition("/")[2]))
        for row in run.records("order_line_items")
    ]
    assert {("EUR", Decimal("9.50"), None)} == {
        (row["currencyCode"], row["originalUnitPrice"], row["product_id"]) for row in run.records("order_line_items")
    }
    first, second = ["2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"], ["2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"]
    assert [first, first, second, second] == windows(api)
    assert {"create": 4, "poll": 12, "download": 4} == {step: api.steps().count(step) for step in set(api.steps())}
    assert "2026-05-01T00:00:00Z" == run.bookmark("orders") == run.bookmark("order_line_items")


def test_it_waits_for_a_free_place_and_through_throttling_and_a_broken_file(tap: Process) -> None:
    throttled = json_reply({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]})
    faults = {("create", 2): throttled, ("poll", 1): throttled, ("download", 1): Cut(100)}
    with ShopifyBulk({"orders": ORDERS}, running=5, faults=faults) as api:

        def free(process: Any) -> None:
            while not api.calls("create"):
                time.sleep(0.01)
            api.end()

        run = run_definition(tap, settings(api, end_date="2026-03-31"), ["orders"], while_running=free)

    assert 0 == run.exit_code, run.stderr
    assert [f"{GID}/Order/{n}" for n in (1, 2)] == [row["id"] for row in run.records("orders")]
    assert 1 == len(api.jobs)
    assert 2 == len(api.calls("download"))
    assert [] == api.calls("cancel")


def test_an_operation_that_times_out_is_halved(tap: Process) -> None:
    with ShopifyBulk({"orders": ORDERS}, error_code="TIMEOUT", script={1: ["FAILED"], None: ["COMPLETED"]}) as api:
        run = run_definition(tap, settings(api, end_date="2026-03-31"), ["orders"])

    assert 0 == run.exit_code, run.stderr
    assert [f"{GID}/Order/{n}" for n in (1, 2)] == [row["id"] for row in run.records("orders")]
    middle = "2026-02-15T00:00:00Z"
    assert [
        ["2026-01-01T00:00:00Z", middle],
        ["2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"],
        [middle, "2026-04-01T00:00:00Z"],
    ] == windows(api)
    assert ["cancel"] == [step for step in api.steps() if step == "cancel"]


def test_shops_without_objects_and_operations_that_fail(tap: Process) -> None:
    script = {4: ["RUNNING", "FAILED"], 5: ["CANCELED"], None: ["COMPLETED"]}
    with ShopifyBulk({"orders": ORDERS}, script=script) as api:
        empty = run_definition(tap, settings(api, end_date="2026-01-31"), ["products", "product_variants", "customers"])
        assert 3 == len(api.jobs)
        failed = run_definition(tap, settings(api, end_date="2026-01-31"), ["orders"], jobs={"max_attempts": 2})

    assert (0, 1) == (empty.exit_code, failed.exit_code), empty.stderr
    assert [] == [message for run in (empty, failed) for message in run.messages if message["type"] == "RECORD"]
    assert ["products", "product_variants", "customers"] == list(empty.state["bookmarks"])
    assert "INTERNAL_SERVER_ERROR" in failed.stderr
    assert "CANCELED" in failed.stderr
    assert 5 == len(api.jobs)
    assert [] == api.calls("download")


def test_what_the_token_may_not_read_fails_at_once(tap: Process) -> None:
    with ShopifyBulk({"orders": ORDERS}, error_code="ACCESS_DENIED", script=["FAILED"]) as api:
        run = run_definition(tap, settings(api, end_date="2026-01-31"), ["orders"])
    assert (1, 1) == (run.exit_code, len(api.jobs))
    assert "ACCESS_DENIED" in run.stderr


def test_a_query_that_the_shop_refuses_fails_at_once_and_a_signal_cancels(tap: Process) -> None:
    streams = [
        {
            "name": "orders",
            "creation_requester": {"json": {"variables": {"query": "{ orders { edges { node { id hue } } } }"}}},
        }
    ]
    with ShopifyBulk({"orders": ORDERS}, script=["RUNNING"]) as api:
        refused = run_definition(tap, settings(api, end_date="2026-01-31", streams=streams), ["orders"])
        assert 1 == len(api.calls("create"))

        def interrupt(process: Any) -> None:
            while not api.calls("poll"):
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)

        stopped = run_definition(tap, settings(api, end_date="2026-01-31"), ["orders"], while_running=interrupt)

    assert (1, 143) == (refused.exit_code, stopped.exit_code), stopped.stderr
    assert "Field 'hue' doesn't exist" in " ".join(refused.stderr.replace("\\u0027", "'").split())
    assert 1 == len(api.calls("cancel"))
    assert [] == stopped.jobs("orders")
