"""The definition `amazon_sp` as it ships, against the simulator."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from definition_run import run_definition
from process import Process
from simulators.amazon_sp import AmazonSellingPartner, tsv
from wire import Reply, Reset, json_reply

ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
TRAFFIC = "GET_SALES_AND_TRAFFIC_REPORT"
INVENTORY = "GET_FBA_MYI_UNSUPPRESSED_INVENTORY_DATA"
COLUMNS = ["amazon-order-id", "purchase-date", "last-updated-date", "product-name", "sku", "quantity", "item-price"]
US, MX = "ATVPDKIKX0DER", "A1AM78C64UM0Y8"


def order(id: str, updated: str, marketplace: str = US, **more: str) -> dict[str, str]:
    return {
        "amazon-order-id": id, "purchase-date": "2026-01-01T08:00:00+00:00", "last-updated-date": updated, "sku": "A-1",
        "product-name": 'Röhre 2" "lang" – €', "quantity": "2", "item-price": "19.90", "marketplace": marketplace, **more,
    }  # fmt: skip


ROWS = [
    order("111", "2026-01-01T10:00:00+00:00"),
    order("112", "2026-01-30T23:59:59+00:00", **{"item-price": ""}),
    order("113", "2026-01-31T00:00:00+00:00"),
    order("700", "2026-02-03T00:00:00+00:00", MX),
]


def orders(spec: dict[str, Any]) -> bytes | None:
    start, end = (datetime.fromisoformat(spec[key]) for key in ("dataStartTime", "dataEndTime"))
    rows = [row for row in ROWS if row["marketplace"] in spec["marketplaceIds"]]
    rows = [row for row in rows if start <= datetime.fromisoformat(row["last-updated-date"]) < end]
    return tsv(rows, [*COLUMNS, "is-iba"]) if rows else None


def settings(api: AmazonSellingPartner, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "amazon_sp",
        "base_url": api.url,
        "vars": {"login_url": api.origin("login")},
        "start_date": "2026-01-01",
        "end_date": "2026-02-04",
        "secrets": {"client_id": api.CLIENT, "client_secret": api.SECRET, "refresh_token": api.REFRESH},
        **changes,
    }


def test_orders_of_two_marketplaces_in_windows_of_thirty_days(tap: Process) -> None:
    with AmazonSellingPartner({ORDERS: orders}, marketplaces=[US, MX]) as api:
        run = run_definition(tap, settings(api), ["orders"])

    assert 0 == run.exit_code, run.stderr
    found = {row["amazon-order-id"]: row for row in run.records("orders")}
    assert [row["amazon-order-id"] for row in ROWS] == sorted(found)
    assert (US, 2, Decimal("19.90"), 'Röhre 2" "lang" – €', "2026-01-01T10:00:00+00:00", "") == (
        *(found["111"][name] for name in ("marketplace_id", "quantity", "item-price", "product-name")),
        found["111"]["last-updated-date"].replace("Z", "+00:00"),
        found["111"]["is-iba"],
    )
    assert (MX, None) == (found["700"]["marketplace_id"], found["112"]["item-price"])
    assert ["POST /auth/o2/token"] == api.lines("token")
    assert ["GET /sellers/v1/marketplaceParticipations"] == api.lines("participations")
    windows = [("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z"), ("2026-01-31T00:00:00Z", "2026-02-05T00:00:00Z")]
    asked = [{"reportType": ORDERS, "marketplaceIds": [place], "dataStartTime": start, "dataEndTime": end}
             for place in (US, MX) for start, end in windows]  # fmt: skip
    assert sorted(map(json.dumps, asked)) == sorted(
        json.dumps({key: job.spec[key] for key in asked[0]}) for job in api.jobs.values()
    )
    assert 4 * 3 == len(api.calls("poll"))
    assert (3, 3, 0) == tuple(
        len(api.calls(step)) for step in ("document", "download", "cancel")
    )  # Mexico's January: none
    assert 2 + 4 + 12 + 6 == len(api.log)
    partitions = run.state["bookmarks"]["orders"]["partitions"]
    assert {"2026-02-05T00:00:00Z"} == {partition["replication_key_value"] for partition in partitions}


def test_an_expired_token_an_ended_link_and_a_quota(tap: Process) -> None:
    denied = {"code": "Unauthorized", "message": "Access to requested resource is denied."}
    expired = json_reply({"errors": [{**denied, "details": "The access token you provided has expired."}]}, 403)
    rate = {"x-amzn-RateLimit-Limit": "0.625"}  # a call in 1.6 s
    quota = json_reply({"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota."}]}, 429, rate)
    faults = {
        ("create", 1): quota,
        ("poll", 2): expired,
        ("poll", 3): Reset(),
        ("download", 1): Reply(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
    }
    with AmazonSellingPartner({ORDERS: orders}, faults=faults, compressed=False) as api:
        run = run_definition(tap, settings(api, end_date="2026-01-25"), ["orders"])

    assert 0 == run.exit_code, run.stderr
    assert ["111"] == [row["amazon-order-id"] for row in run.records("orders")]
    assert 1 == len(api.jobs)
    first, second = (call.received_at for call in api.calls("create"))
    assert 1.6 <= second - first
    assert 2 == len(api.calls("token"))
    assert 2 == len(set(api.lines("download")))
    assert 2 == len(api.calls("document"))
    assert not any(token.value in run.stderr for token in api.tokens.issued)


def test_sales_and_traffic_by_day_and_by_asin(tap: Process) -> None:
    def report(spec: dict[str, Any]) -> bytes:
        assert spec["reportOptions"]["dateGranularity"] == "DAY"
        first, last = (datetime.fromisoformat(spec[key]).date() for key in ("dataStartTime", "dataEndTime"))
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        money = {"amount": 238.44, "currencyCode": "USD"}
        by_date = [
            {"date": str(day), "salesByDate": {"orderedProductSales": money}, "trafficByDate": {"sessions": day.day}}
            for day in days
        ]
        sold = {"unitsOrdered": len(days), "orderedProductSales": {"amount": 16.79, "currencyCode": "USD"}}
        by_asin = {"parentAsin": "B1", "childAsin": "B2", "salesByAsin": sold, "trafficByAsin": {"sessions": 18}}
        return json.dumps(
            {"reportSpecification": spec, "salesAndTrafficByDate": by_date, "salesAndTrafficByAsin": [by_asin]}
        ).encode()

    with AmazonSellingPartner({TRAFFIC: report}, script=["DONE"]) as api:
        names = ["sales_and_traffic_by_date", "sales_and_traffic_by_asin"]
        run = run_definition(tap, settings(api, end_date="2026-01-03"), names)

    assert 0 == run.exit_code, run.stderr
    by_date, by_asin = (run.records(name) for name in names)
    days = ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert [(day, US, "USD", Decimal("238.44"), n) for n, day in enumerate(days, 1)] == [
        (row["date"], row["marketplace_id"], row["currencyCode"], row["orderedProductSales"], row["sessions"])
        for row in by_date
    ]
    assert [(day, "B2", 1, Decimal("16.79"), 18) for day in days] == [
        (row["date"], row["childAsin"], row["unitsOrdered"], row["orderedProductSales"], row["sessions"])
        for row in by_asin
    ]
    assert 1 + 3 == len(api.jobs)


def test_settlements_that_amazon_made_are_listed_and_fetched(tap: Process) -> None:
    now = datetime.now(UTC)
    columns = ["settlement-id", "total-amount", "amount-type", "amount", "quantity-purchased"]
    settled = {
        now - timedelta(days=days): tsv(
            [
                {"settlement-id": days, "total-amount": "1,5"},
                {"settlement-id": days, "amount": "0,75", "quantity-purchased": 2},
            ],
            columns,
        )
        for days in (95, 85, 84, 83, 40)
    }
    with AmazonSellingPartner(settled=settled, page_limit=2) as api:
        start = (now - timedelta(days=200)).date().isoformat()
        yesterday = (now - timedelta(days=1)).date().isoformat()
        run = run_definition(tap, settings(api, start_date=start, end_date=yesterday), ["settlements"])

    assert 0 == run.exit_code, run.stderr
    assert [
        ("83", "1,5"),
        ("83", ""),
        ("84", "1,5"),
        ("84", ""),
        ("85", "1,5"),
        ("85", ""),
        ("40", "1,5"),
        ("40", ""),
    ] == [
        (row["settlement-id"], row["total-amount"])
        for row in sorted(run.records("settlements"), key=lambda row: row["settlement-id"] == "40")
    ]
    assert {(None, ""), (2, "0,75")} == {
        (row["quantity-purchased"], row["amount"]) for row in run.records("settlements")
    }
    assert 4 == len({row["report_document_id"] for row in run.records("settlements")})
    assert 4 == len(api.calls("document")) == len(api.calls("download"))
    assert [] == api.calls("create") + api.calls("poll") + api.calls("cancel") + api.calls("participations")
    alone = [unquote(line) for line in api.lines("listing") if "nextToken" in line]
    assert 1 == len(alone) == sum("&" not in line for line in alone)


def test_a_fatal_report_quotes_its_document_and_no_data_is_no_failure(tap: Process) -> None:
    reason = b"This report type requires the reportPeriod reportOption to be specified"
    script = {1: ["FATAL"], 2: ["IN_PROGRESS", "FATAL"], None: ["CANCELLED"]}
    with AmazonSellingPartner({INVENTORY: b"x"}, script=script, reason=reason) as api:
        run = run_definition(tap, settings(api), ["fba_inventory"], jobs={"max_attempts": 2})
        jobs = len(api.jobs)
        empty = run_definition(tap, settings(api), ["listings"])

    assert (1, 0) == (run.exit_code, empty.exit_code), run.stderr
    assert reason.decode() in run.stderr
    assert 2 == jobs
    assert [] == run.records("fba_inventory") + empty.records("listings")
    assert 2 == len(api.calls("cancel"))
