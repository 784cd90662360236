"""The simulator of Amazon Ads, walked through by a plain client."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simulators.amazon_ads import CREATION, AmazonAds
from simulators.walking import ask

BIG = 158410630682987123


def day(ago: int) -> str:
    return (datetime.now(UTC).date() - timedelta(days=ago)).isoformat()


ROWS = {3312345: [{"reportTypeId": "spCampaigns", "date": day(3), "campaignId": BIG, "clicks": 13, "cost": 14.5}]}
SETUP = {
    "adProduct": "SPONSORED_PRODUCTS", "groupBy": ["campaign"], "columns": ["date", "campaignId", "clicks", "cost"],
    "reportTypeId": "spCampaigns", "timeUnit": "DAILY", "format": "GZIP_JSON",
}  # fmt: skip
SPEC = {"name": "x", "startDate": day(5), "endDate": day(1), "configuration": SETUP}


def me(api: AmazonAds, profile: int | None = 3312345) -> dict[str, str]:
    form = {"grant_type": "refresh_token", "client_id": api.CLIENT, "client_secret": api.SECRET}
    answer = ask("POST", f"{api.origin('login')}/auth/o2/token", form={**form, "refresh_token": api.REFRESH}).json()
    keys = {"Authorization": f"Bearer {answer['access_token']}", "Amazon-Advertising-API-ClientId": api.CLIENT}
    return keys if profile is None else {**keys, "Amazon-Advertising-API-Scope": str(profile)}


def test_a_report_is_made_polled_and_fetched() -> None:
    with AmazonAds(ROWS) as api:
        keys = me(api)
        made = ask("POST", f"{api.url}/reporting/reports", headers={**keys, "Content-Type": CREATION}, json_body=SPEC)
        report = made.json()
        assert (200, "PENDING", None, None) == (made.status, report["status"], report["url"], report["fileSize"])
        asked = f"{api.url}/reporting/reports/{report['reportId']}"
        statuses = [ask("GET", asked, headers=keys).json() for _ in range(3)]
        assert ["PENDING", "PROCESSING", "COMPLETED"] == [answer["status"] for answer in statuses]
        file = ask("GET", statuses[2]["url"])
        assert statuses[2]["fileSize"] == len(file.body)
        rows = [{"date": day(3), "campaignId": BIG, "clicks": 13, "cost": 14.5}]
        assert rows == json.loads(gzip.decompress(file.body))
        assert 400 == ask("GET", statuses[2]["url"], headers=keys).status
        api.clock.advance(minutes=61)
        assert 403 == ask("GET", statuses[2]["url"]).status
        assert 401 == ask("GET", asked, headers=keys).status
        assert 200 == ask("GET", ask("GET", asked, headers=me(api)).json()["url"]).status


def test_a_duplicate_is_named_and_only_pending_reports_are_cancelled() -> None:
    with AmazonAds(ROWS) as api:
        keys = me(api)
        first = ask("POST", f"{api.url}/reporting/reports", headers=keys, json_body=SPEC).json()["reportId"]
        twin = ask("POST", f"{api.url}/reporting/reports", headers=keys, json_body={**SPEC, "name": "y"})
        assert (425, {"code": "425", "detail": f"The Request is a duplicate of : {first}"}) == (
            twin.status,
            twin.json(),
        )
        for _ in range(2):
            ask("GET", f"{api.url}/reporting/reports/{first}", headers=keys)
        assert 400 == ask("DELETE", f"{api.url}/reporting/reports/{first}", headers=keys).status
        other = {**SPEC, "endDate": day(2)}
        second = ask("POST", f"{api.url}/reporting/reports", headers=keys, json_body=other).json()["reportId"]
        assert 200 == ask("DELETE", f"{api.url}/reporting/reports/{second}", headers=keys).status
        assert 404 == ask("GET", f"{api.url}/reporting/reports/{second}", headers=keys).status


@pytest.mark.parametrize(
    "change",
    [
        {"startDate": day(40)},
        {"startDate": day(99), "endDate": day(98)},
        {"startDate": "20260101"},
        {"dimensions": []},
        {"configuration": {**SETUP, "columns": []}},
        {"configuration": {**SETUP, "columns": ["date", "searchTerm"]}},
        {"configuration": {**SETUP, "columns": ["date", "startDate"]}},
        {"configuration": {**SETUP, "groupBy": ["searchTerm"]}},
        {"configuration": {**SETUP, "adProduct": "SPONSORED_BRANDS"}},
        {"configuration": {**SETUP, "format": "CSV"}},
        {"configuration": {key: value for key, value in SETUP.items() if key != "timeUnit"}},
    ],
)
def test_wrong_bodies_are_refused(change: dict[str, Any]) -> None:
    with AmazonAds(ROWS) as api:
        answer = ask("POST", f"{api.url}/reporting/reports", headers=me(api), json_body={**SPEC, **change})
        assert (400, "400") == (answer.status, answer.json()["code"])
        assert {} == api.jobs


def test_scopes_clients_and_media_types_are_checked() -> None:
    with AmazonAds(ROWS, forbidden=[77]) as api:
        reports = f"{api.url}/reporting/reports"
        answers = [ask("POST", reports, headers=me(api, profile), json_body=SPEC) for profile in (None, 77, 78)]
        assert [(401, text) for text in ("Scope header", "Not authorized to access scope 77", "No matching")] == [
            (answer.status, text)
            for answer, text in zip(
                answers, ("Scope header", "Not authorized to access scope 77", "No matching"), strict=True
            )
            if text in answer.json()["detail"]
        ]
        assert 415 == ask("POST", reports, headers={**me(api), "Content-Type": "text/plain"}, json_body=SPEC).status
        assert 401 == ask("GET", f"{api.url}/v2/profiles", headers={"Authorization": me(api)["Authorization"]}).status
        found = ask("GET", f"{api.url}/v2/profiles?profileTypeFilter=seller,vendor", headers=me(api, None)).json()
        assert [3312345, 77] == [profile["profileId"] for profile in found]


def test_a_report_without_data_is_an_empty_list_and_a_failed_one_says_why() -> None:
    with AmazonAds({3312345: []}, script={1: ["COMPLETED"], 2: ["FAILED"]}, reason="Internal Error") as api:
        keys, reports = me(api), f"{api.url}/reporting/reports"
        empty, failed = (
            ask("POST", reports, headers=keys, json_body={**SPEC, "startDate": day(ago)}).json()["reportId"]
            for ago in (5, 4)
        )
        done, over = (ask("GET", f"{reports}/{id}", headers=keys).json() for id in (empty, failed))
        assert b"[]" == gzip.decompress(ask("GET", done["url"]).body)
        assert ("FAILED", "Internal Error", None) == (over["status"], over["failureReason"], over["url"])
