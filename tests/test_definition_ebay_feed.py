"""The definition `ebay_feed` as it ships, against the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.ebay_feed import EbayFeed, problem

START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=20)
MIDDLE = START + timedelta(days=10)
END = START + timedelta(days=14)


def shown(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def order(number: int, at: datetime, items: int) -> dict[str, Any]:
    lines = [
        {
            "OrderLineItemID": f"{number}-{item}", "QuantityPurchased": item + 1,
            "TransactionPrice": ("4.99", "USD"), "Item": {"ItemID": "110", "Title": "Ä & B"},
        }
        for item in range(items)
    ]  # fmt: skip
    return {
        "OrderID": f"o{number}", "OrderStatus": "Completed", "CreatedTime": shown(at), "Total": ("12.50", "USD"),
        "TransactionArray": {"Transaction": lines},
    }  # fmt: skip


LAST_MOMENT = MIDDLE - timedelta(milliseconds=1)
ORDERS = [order(0, START, 2), order(1, LAST_MOMENT, 1), order(2, MIDDLE, 1), order(3, END, 1)]


def settings(api: EbayFeed, **changes: Any) -> dict[str, Any]:
    secrets = {"client_id": api.CLIENT, "client_secret": api.SECRET, "refresh_token": api.REFRESH}
    return {
        "definition": "ebay_feed",
        "base_url": api.url,
        "secrets": secrets,
        "start_date": START.isoformat(),
        "end_date": END.isoformat(),
        **changes,
    }


def test_two_ranges_of_orders_without_a_gap(tap: Process) -> None:
    with EbayFeed(ORDERS) as api:
        run = run_definition(tap, settings(api), ["orders"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("orders")
    assert ["o0", "o1", "o2"] == [record["OrderID"] for record in records]
    assert (Decimal("12.50"), "USD", shown(START), None) == tuple(
        records[0][name] for name in ("Total", "TotalCurrency", "CreatedTime", "PaidTime")
    )
    ranges = [job.spec["filterCriteria"]["creationDateRange"] for job in api.jobs.values()]
    assert [(shown(START), shown(LAST_MOMENT)), (shown(MIDDLE), shown(END - timedelta(milliseconds=1)))] == sorted(
        (each["from"], each["to"]) for each in ranges
    )
    jobs = list(api.jobs)
    assert sorted([f"GET /sell/feed/v1/order_task/{id}" for id in jobs] * 2) == sorted(api.lines("poll"))
    assert sorted(f"GET /sell/feed/v1/task/{id}/download_result_file" for id in jobs) == sorted(api.lines("download"))
    assert 1 + 2 + 4 + 2 == len(api.log)


def test_line_items_also_of_orders_that_have_one_or_none(tap: Process) -> None:
    with EbayFeed([order(0, START, 2), order(1, START, 1), order(2, START, 0)], script=["COMPLETED"]) as api:
        day = settings(api, end_date=(START + timedelta(days=1)).isoformat())
        run = run_definition(tap, day, ["order_line_items"])

    assert 0 == run.exit_code, run.stderr
    assert [("o0", "0-0", 1), ("o0", "0-1", 2), ("o1", "1-0", 1)] == [
        (r["OrderID"], r["OrderLineItemID"], r["QuantityPurchased"]) for r in run.records("order_line_items")
    ]
    first = run.records("order_line_items")[0]
    assert (Decimal("4.99"), "USD", {"ItemID": "110", "Title": "Ä & B"}) == tuple(
        first[name] for name in ("TransactionPrice", "TransactionPriceCurrency", "Item")
    )


def test_active_listings_and_an_empty_report(tap: Process) -> None:
    listing = {"ItemID": "110", "SKU": "s", "Price": ("1.00", "EUR"), "Quantity": 3, "ReserveMet": "false"}
    with EbayFeed(listings=[listing], script=["COMPLETED"]) as api:
        day = settings(api, start_date=(END - timedelta(days=1)).isoformat())
        run = run_definition(tap, day, ["active_inventory", "orders"])

    assert 0 == run.exit_code, run.stderr
    expected = {
        "ItemID": "110", "SKU": "s", "Quantity": 3, "Price": 1, "PriceCurrency": "EUR", "BidCount": None,
        "ReserveMet": False, "Variations": None,
    }  # fmt: skip
    assert [expected] == run.records("active_inventory")
    assert [] == run.records("orders")


def test_no_slot_and_then_a_dead_token(tap: Process) -> None:
    full = problem(409, 160024, "The maximum number of concurrent jobs is reached")
    with EbayFeed(ORDERS, good_for=3, faults={("create_orders", 1): full}) as api:
        day = settings(api, end_date=(START + timedelta(days=1)).isoformat())
        run = run_definition(tap, day, ["orders"])

    assert 0 == run.exit_code, run.stderr
    assert ["o0"] == [record["OrderID"] for record in run.records("orders")]
    assert (1, 2) == (len(api.jobs), len(api.calls("create_orders")))
    assert 2 <= len(api.calls("token"))


def test_the_quota_of_a_day_ends_the_run_and_keeps_what_is_done(tap: Process) -> None:
    with EbayFeed(ORDERS, a_day=1) as api:
        config = settings(api, max_concurrent_jobs=1)
        run = run_definition(tap, config, ["orders"])
        api.clock.advance(hours=25)
        rest = run_definition(tap, config, ["orders"], state=run.state)

    assert (1, 0) == (run.exit_code, rest.exit_code), rest.stderr
    assert "160025" in run.stderr
    assert ["o0", "o1"] == [record["OrderID"] for record in run.records("orders")]
    assert {"o1", "o2"} >= {record["OrderID"] for record in rest.records("orders")} >= {"o2"}


def test_a_task_that_failed_or_has_errors_fails_the_stream(tap: Process) -> None:
    script = {1: ["FAILED"], 2: ["IN_PROCESS", "PARTIALLY_PROCESSED"], 3: ["COMPLETED_WITH_ERROR"]}
    with EbayFeed(ORDERS, script=script) as api:
        day = settings(api, end_date=(START + timedelta(days=1)).isoformat())
        run = run_definition(tap, day, ["orders"])

    assert 1 == run.exit_code
    assert "COMPLETED_WITH_ERROR" in run.stderr
    assert (3, []) == (len(api.jobs), api.calls("download"))
