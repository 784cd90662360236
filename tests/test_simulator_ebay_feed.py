"""The simulator of eBay's feeds, walked through by a plain client."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import pytest
from simulators.ebay_feed import EbayFeed
from simulators.walking import Answer, ask

ORDERS = [
    {"OrderID": "1-a", "CreatedTime": "2026-01-02T03:04:05.678Z", "Total": ("12.50", "USD"), "TransactionArray": {}},
    {"OrderID": "2-b", "CreatedTime": "2026-01-12T00:00:00.000Z", "TransactionArray": {}},
]
RANGE = {"from": "2026-01-01T00:00:00.000Z", "to": "2026-01-10T23:59:59.999Z"}
BODY = {
    "feedType": "LMS_ORDER_REPORT",
    "schemaVersion": "1113",
    "filterCriteria": {"creationDateRange": RANGE},
}


def login(api: EbayFeed, **change: str) -> Answer:
    basic = base64.b64encode(f"{api.CLIENT}:{api.SECRET}".encode()).decode()
    form = {"grant_type": "refresh_token", "refresh_token": api.REFRESH, **change}
    return ask("POST", f"{api.url}/identity/v1/oauth2/token", headers={"Authorization": f"Basic {basic}"}, form=form)


def bearer(api: EbayFeed) -> dict[str, str]:
    return {"Authorization": f"Bearer {login(api).json()['access_token']}"}


def sent(api: EbayFeed, kind: str = "order", **change: Any) -> Answer:
    return ask("POST", f"{api.url}/sell/feed/v1/{kind}_task", headers=bearer(api), json_body={**BODY, **change})


def unzipped(answer: Answer) -> str:
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        (name,) = archive.namelist()
        return archive.read(name).decode()


def test_a_task_is_made_polled_and_its_file_fetched() -> None:
    with EbayFeed(ORDERS) as api:
        me, made = bearer(api), sent(api)
        assert (202, b"") == (made.status, made.body)
        task = made.headers["location"]
        file = f"{api.url}/sell/feed/v1/task/{task.rpartition('/')[2]}/download_result_file"
        assert "QUEUED" == ask("GET", task, headers=me).json()["status"]
        assert 404 == ask("GET", file, headers=me).status
        assert "COMPLETED" == ask("GET", task, headers=me).json()["status"]
        report = unzipped(ask("GET", file, headers=me))
        assert '<Total currencyID="USD">12.50</Total>' in report
        assert (1, 0) == (report.count("<OrderID>1-a<"), report.count("2-b"))


def test_listings_come_whole() -> None:
    listing = {"ItemID": "110", "SKU": "a&b", "Price": ("1.00", "USD")}
    with EbayFeed(listings=[listing], script=["COMPLETED"]) as api:
        made = ask(
            "POST",
            f"{api.url}/sell/feed/v1/inventory_task",
            headers=bearer(api),
            json_body={"feedType": "LMS_ACTIVE_INVENTORY_REPORT", "schemaVersion": "1113"},
        )
        task = made.headers["location"]
        ask("GET", task, headers=bearer(api))
        file = f"{api.url}/sell/feed/v1/task/{task.rpartition('/')[2]}/download_result_file"
        assert "<SKU>a&amp;b</SKU>" in unzipped(ask("GET", file, headers=bearer(api)))
        assert 404 == ask("GET", task.replace("inventory_task", "order_task"), headers=bearer(api)).status


def test_ten_at_a_time_and_so_many_a_day() -> None:
    with EbayFeed(ORDERS, a_day=11) as api:
        assert [202] * 10 == [sent(api).status for _ in range(10)]
        assert 160024 == sent(api).json()["errors"][0]["errorId"]
        for job in api.jobs.values():
            job.status = "COMPLETED"
        assert 202 == sent(api).status
        assert 160025 == sent(api).json()["errors"][0]["errorId"]
        api.clock.advance(hours=25)
        assert 202 == sent(api).status


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": "1111"},
        {"feedType": "LMS_SOLD_REPORT"},
        {"filterCriteria": {"creationDateRange": {**RANGE, "to": "2026-01-11T00:00:00.000Z"}}},
        {"filterCriteria": {"modifiedDateRange": RANGE}},
        {"filterCriteria": {"creationDateRange": RANGE, "orderStatus": None}},
        {"status": "x"},
    ],
)
def test_wrong_bodies_are_refused(change: dict[str, Any]) -> None:
    with EbayFeed(ORDERS) as api:
        assert 400 == sent(api, **change).status
        assert {} == api.jobs


def test_tokens_are_checked() -> None:
    with EbayFeed(ORDERS) as api:
        assert 400 == login(api, refresh_token="x").status
        assert 400 == login(api, scope="https://api.ebay.com/oauth/api_scope").status
        assert 401 == ask("POST", f"{api.url}/sell/feed/v1/order_task", json_body=BODY).status


def test_a_report_without_orders_and_tasks_that_fail() -> None:
    with EbayFeed([], script={1: ["COMPLETED"], 2: ["FAILED"], 3: ["COMPLETED_WITH_ERROR"]}) as api:
        me, tasks = bearer(api), [sent(api).headers["location"] for _ in range(3)]
        assert ["COMPLETED", "FAILED", "COMPLETED_WITH_ERROR"] == [
            ask("GET", task, headers=me).json()["status"] for task in tasks
        ]
        files = [f"{api.url}/sell/feed/v1/task/{task.rpartition('/')[2]}/download_result_file" for task in tasks]
        assert [200, 404, 200] == [ask("GET", file, headers=me).status for file in files]
        assert "<OrderID>" not in unzipped(ask("GET", files[0], headers=me))
