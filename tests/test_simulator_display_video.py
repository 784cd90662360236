"""The simulator of Display & Video 360's Bid Manager API, walked through by a plain client."""

from __future__ import annotations

from typing import Any

import pytest
from simulators.display_video import DisplayVideo
from simulators.google import of_google
from simulators.walking import ask

ROWS = {"1": [{"FILTER_DATE": "2026-01-01", "FILTER_ADVERTISER": 5, "METRIC_IMPRESSIONS": 10}], "2": []}
DAY = {"year": 2026, "month": 1, "day": 1}
SPEC = {
    "metadata": {
        "title": "t", "format": "CSV",
        "dataRange": {"range": "CUSTOM_DATES", "customStartDate": DAY, "customEndDate": {**DAY, "day": 31}},
    },
    "params": {
        "type": "STANDARD", "groupBys": ["FILTER_DATE", "FILTER_ADVERTISER"],
        "filters": [{"type": "FILTER_PARTNER", "value": "1"}], "metrics": ["METRIC_IMPRESSIONS"],
    },
    "schedule": {"frequency": "ONE_TIME"},
}  # fmt: skip


def test_a_query_is_stored_run_polled_fetched_and_deleted() -> None:
    with DisplayVideo(ROWS) as api:
        me, base = of_google(api), f"{api.url}/v2/queries"
        query = ask("POST", base, headers=me, json_body=SPEC).json()
        report = ask("POST", f"{base}/{query['queryId']}:run", headers=me, json_body={}).json()
        url = f"{base}/{query['queryId']}/reports/{report['key']['reportId']}"
        seen = [ask("GET", url, headers=me).json()["metadata"] for _ in range(3)]
        assert ["QUEUED", "RUNNING", "DONE"] == [each["status"]["state"] for each in seen]
        link = seen[-1]["googleCloudStoragePath"]
        assert 400 == ask("GET", link, headers=me).status
        assert 403 == ask("GET", link + "x").status
        lines = ask("GET", link).text.splitlines()
        assert [
            "Date,Advertiser ID,Impressions",
            "2026/01/01,5,10",
            ",,10.0",
            "",
            "Report Time:,2026/02/01 03:00 GMT",
        ] == lines[:5]
        assert [200, 404] == [ask("DELETE", f"{base}/{query['queryId']}", headers=me).status for _ in range(2)]
        assert (404, 403) == (ask("GET", url, headers=me).status, ask("GET", link).status)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("params", {"metrics": []}),
        ("params", {"groupBys": ["date"]}),
        ("params", {"type": "TYPE_GENERAL"}),
        ("schedule", {"frequency": "NEVER"}),
        ("metadata", {"dataRange": {"range": "CUSTOM_DATES", "customStartDate": "2026-01-01", "customEndDate": "2026-01-01"}}),
        ("metadata", {"dataRange": {"range": "CUSTOM_DATES", "customStartDate": {**DAY, "year": "2026"}, "customEndDate": DAY}}),
        ("metadata", {"dataRange": {"range": "LAST_7"}}),
    ],
)  # fmt: skip
def test_wrong_bodies_are_refused(part: str, change: dict[str, Any]) -> None:
    with DisplayVideo(ROWS) as api:
        body = {**SPEC, part: {**SPEC[part], **change}}
        assert 400 == ask("POST", f"{api.url}/v2/queries", headers=of_google(api), json_body=body).status
        assert {} == api.queries


def test_other_peoples_partners_and_too_many_calls_of_a_day() -> None:
    with DisplayVideo(ROWS, calls_per_day=2) as api:
        me, base = of_google(api), f"{api.url}/v2/queries"
        other = {**SPEC, "params": {**SPEC["params"], "filters": [{"type": "FILTER_PARTNER", "value": "3"}]}}
        assert 403 == ask("POST", base, headers=me, json_body=other).status
        assert 200 == ask("POST", base, headers=me, json_body=SPEC).status
        refused = ask("POST", base, headers=me, json_body=SPEC)
        assert (403, "dailyLimitExceeded") == (refused.status, refused.json()["error"]["errors"][0]["reason"])
        assert 401 == ask("POST", base, json_body=SPEC).status
