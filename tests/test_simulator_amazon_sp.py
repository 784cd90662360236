"""The simulator of Amazon's Selling Partner API, walked through by a plain client."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simulators.amazon_sp import AmazonSellingPartner, tsv
from simulators.walking import Answer, ask

ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
FILE = tsv([{"amazon-order-id": "1", "sku": 'Rohr 2"'}], ["amazon-order-id", "sku"])
BODY = {
    "reportType": ORDERS,
    "marketplaceIds": ["ATVPDKIKX0DER"],
    "dataStartTime": "2026-01-01T00:00:00Z",
    "dataEndTime": "2026-01-31T00:00:00Z",
}
REPORTS = "/reports/2021-06-30/reports"


def login(api: AmazonSellingPartner, **form: str) -> Answer:
    given = {"grant_type": "refresh_token", "client_id": api.CLIENT, "client_secret": api.SECRET}
    return ask("POST", f"{api.origin('login')}/auth/o2/token", form={**given, "refresh_token": api.REFRESH, **form})


def me(api: AmazonSellingPartner) -> dict[str, str]:
    return {"x-amz-access-token": login(api).json()["access_token"], "User-Agent": "walk/1 (Language=Python)"}


def test_a_report_is_made_polled_looked_up_and_fetched() -> None:
    with AmazonSellingPartner({ORDERS: FILE}) as api:
        keys = me(api)
        made = ask("POST", api.url + REPORTS, headers=keys, json_body=BODY)
        assert (202, {"reportId": "ID323"}, "0.0167") == (
            made.status,
            made.json(),
            made.headers["x-amzn-ratelimit-limit"],
        )
        statuses = [ask("GET", f"{api.url}{REPORTS}/ID323", headers=keys).json() for _ in range(3)]
        assert ["IN_QUEUE", "IN_PROGRESS", "DONE"] == [answer["processingStatus"] for answer in statuses]
        assert "reportDocumentId" not in statuses[1]
        path = f"{api.url}/reports/2021-06-30/documents/{statuses[2]['reportDocumentId']}"
        document = ask("GET", path, headers=keys).json()
        assert "GZIP" == document["compressionAlgorithm"]
        file = ask("GET", document["url"])
        assert "text/plain; charset=Cp1252" == file.headers["content-type"]
        assert 'amazon-order-id\tsku\r\n1\tRohr 2"\r\n' == gzip.decompress(file.body).decode("cp1252")
        assert 400 == ask("GET", document["url"], headers={"Authorization": "Bearer x"}).status
        assert 403 == ask("GET", document["url"], headers=keys).status
        api.clock.advance(minutes=6)
        assert 403 == ask("GET", document["url"]).status
        assert 200 == ask("GET", ask("GET", path, headers=keys).json()["url"]).status


def test_without_data_a_report_is_cancelled_and_orders_span_thirty_days() -> None:
    with AmazonSellingPartner({}, script=["DONE"]) as api:
        keys = me(api)
        ask("POST", api.url + REPORTS, headers=keys, json_body=BODY)
        assert "CANCELLED" == ask("GET", f"{api.url}{REPORTS}/ID323", headers=keys).json()["processingStatus"]
        ask("POST", api.url + REPORTS, headers=keys, json_body={**BODY, "dataEndTime": "2026-02-02T00:00:00Z"})
        fatal = ask("GET", f"{api.url}{REPORTS}/ID324", headers=keys).json()
        assert "FATAL" == fatal["processingStatus"]
        path = f"{api.url}/reports/2021-06-30/documents/{fatal['reportDocumentId']}"
        link = ask("GET", path, headers=keys).json()["url"]
        assert b"only upto 30 days" in gzip.decompress(ask("GET", link).body)


def test_tokens_expire_with_403_and_logins_are_checked() -> None:
    with AmazonSellingPartner() as api:
        keys = me(api)
        api.clock.advance(minutes=61)
        refused = ask("GET", f"{api.url}{REPORTS}/ID323", headers=keys)
        assert (403, "The access token you provided has expired.") == (
            refused.status,
            refused.json()["errors"][0]["details"],
        )
        assert 403 == ask("GET", f"{api.url}{REPORTS}/ID323", headers={"Authorization": "Bearer x"}).status
        assert (401, "invalid_client") == (
            login(api, client_secret="x").status,
            login(api, client_secret="x").json()["error"],
        )
        assert "invalid_grant" == login(api, refresh_token="x").json()["error"]
        assert 404 == ask("GET", f"{api.url}{REPORTS}/ID323", headers=me(api)).status


@pytest.mark.parametrize(
    "change",
    [
        {"reportType": "GET_NOTHING"},
        {"reportType": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"},
        {"marketplaceIds": []},
        {"marketplaceIds": ["A6W85IYQ5WB1C"]},
        {"dataStartTime": "2026-01-01"},
        {"dataStartTime": "2026-02-01T00:00:00Z"},
        {"reportOptions": {"custom": True}},
        {"columns": ["sku"]},
    ],
)
def test_wrong_bodies_are_refused(change: dict[str, Any]) -> None:
    with AmazonSellingPartner() as api:
        answer = ask("POST", api.url + REPORTS, headers=me(api), json_body={**BODY, **change})
        assert (400, "InvalidInput") == (answer.status, answer.json()["errors"][0]["code"])


def test_only_queued_reports_are_cancelled_and_quotas_end() -> None:
    with AmazonSellingPartner({ORDERS: FILE}) as api:
        keys = me(api)
        answers = [ask("POST", api.url + REPORTS, headers=keys, json_body=BODY) for _ in range(16)]
        assert [202] * 15 + [429] == [answer.status for answer in answers]
        assert "QuotaExceeded" == answers[-1].json()["errors"][0]["code"]
        assert 200 == ask("DELETE", f"{api.url}{REPORTS}/ID323", headers=keys).status
        assert "CANCELLED" == ask("GET", f"{api.url}{REPORTS}/ID323", headers=keys).json()["processingStatus"]
        for _ in range(2):
            ask("GET", f"{api.url}{REPORTS}/ID324", headers=keys)
        assert 400 == ask("DELETE", f"{api.url}{REPORTS}/ID324", headers=keys).status


def test_what_amazon_made_is_listed_in_pages_with_the_token_alone() -> None:
    now = datetime.now(UTC)
    settled = {now - timedelta(days=days): b"x" for days in (5, 20, 80)}
    with AmazonSellingPartner(settled=settled, page_limit=2) as api:
        keys = me(api)
        since = (now - timedelta(days=85)).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = f"{api.url}{REPORTS}?reportTypes=GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2&createdSince={since}"
        first = ask("GET", asked, headers=keys).json()
        assert ["50003", "50002"] == [report["reportId"] for report in first["reports"]]
        second = ask("GET", f"{api.url}{REPORTS}?nextToken={first['nextToken']}", headers=keys).json()
        assert ["50001"] == [report["reportId"] for report in second["reports"]]
        assert "nextToken" not in second
        assert 400 == ask("GET", f"{asked}&nextToken={first['nextToken']}", headers=keys).status
        assert 400 == ask("GET", f"{api.url}{REPORTS}?createdSince={since}", headers=keys).status
        old = (now - timedelta(days=91)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert 400 == ask("GET", asked.replace(since, old), headers=keys).status
