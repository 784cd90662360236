"""The simulator of Campaign Manager 360, walked through by a plain client."""

from __future__ import annotations

from typing import Any

import pytest
from simulators.campaign_manager import CampaignManager
from simulators.google import of_google
from simulators.walking import ask

ROWS = {"111": [{"date": "2026-01-01", "campaign": "C, 1", "impressions": 10, "clicks": 1}], "222": []}
SPEC = {
    "name": "r", "type": "STANDARD", "format": "CSV",
    "criteria": {
        "dateRange": {"startDate": "2026-01-01", "endDate": "2026-01-07"},
        "dimensions": [{"name": "date"}, {"name": "campaign"}], "metricNames": ["impressions", "clicks"],
    },
}  # fmt: skip


def test_a_report_is_defined_run_polled_fetched_and_deleted() -> None:
    with CampaignManager(ROWS) as api:
        me, base = of_google(api), f"{api.url}/dfareporting/v5"
        profiles = ask("GET", f"{base}/userprofiles", headers=me).json()["items"]
        assert ["111", "222"] == [each["profileId"] for each in profiles]
        report = ask("POST", f"{base}/userprofiles/111/reports", headers=me, json_body=SPEC).json()
        assert SPEC["criteria"] == report["criteria"]
        file = ask("POST", f"{base}/userprofiles/111/reports/{report['id']}/run", headers=me).json()
        url = f"{base}/reports/{report['id']}/files/{file['id']}"
        seen = [ask("GET", url, headers=me).json() for _ in range(3)]
        assert ["QUEUED", "PROCESSING", "REPORT_AVAILABLE"] == [each["status"] for each in seen]
        media = seen[-1]["urls"]["apiUrl"]
        assert 401 == ask("GET", media).status
        text = ask("GET", media, headers=me).text
        assert text.startswith("r\nReport ID,987\n")
        assert (
            'Report Fields\nDate,Campaign,Impressions,Clicks\n2026-01-01,"C, 1",10,1\nGrand Total:,---,10.0,1.0\n'
            in text
        )
        one = f"{base}/userprofiles/111/reports/{report['id']}"
        assert [204, 404] == [ask("DELETE", one, headers=me).status for _ in range(2)]
        assert 404 == ask("GET", url, headers=me).status


def test_quotas_are_told_by_403_and_a_reason() -> None:
    with CampaignManager(ROWS, runs_per_day=0) as api:
        me, base = of_google(api), f"{api.url}/dfareporting/v5/userprofiles"
        report = ask("POST", f"{base}/111/reports", headers=me, json_body=SPEC).json()
        refused = ask("POST", f"{base}/111/reports/{report['id']}/run", headers=me)
        assert (403, "quotaExceeded") == (refused.status, refused.json()["error"]["errors"][0]["reason"])
        assert 403 == ask("POST", f"{base}/333/reports", headers=me, json_body=SPEC).status
        assert 404 == ask("POST", f"{base}/222/reports/{report['id']}/run", headers=me).status


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"type": "OTHER"},
        {"criteria": {**SPEC["criteria"], "dateRange": {"startDate": "2026-01-08", "endDate": "2026-01-07"}}},
        {"criteria": {**SPEC["criteria"], "dateRange": {"relativeDateRange": "TODAY"}}},
        {"criteria": {**SPEC["criteria"], "dimensions": [{"name": "dfa:date"}]}},
        {"criteria": {**SPEC["criteria"], "metricNames": ["date"]}},
        {"criteria": {**SPEC["criteria"], "metricNames": []}},
    ],
)
def test_wrong_bodies_are_refused(change: dict[str, Any]) -> None:
    with CampaignManager(ROWS) as api:
        url = f"{api.url}/dfareporting/v5/userprofiles/111/reports"
        assert 400 == ask("POST", url, headers=of_google(api), json_body={**SPEC, **change}).status
        assert {} == api.reports


def test_tokens_are_for_those_who_sign_with_the_key_and_end() -> None:
    with CampaignManager(ROWS, good_for=1) as api:
        me, url = of_google(api), f"{api.url}/dfareporting/v5/userprofiles"
        assert [200, 401] == [ask("GET", url, headers=me).status for _ in range(2)]
        forged = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"}
        assert 400 == ask("POST", f"{api.url}/token", form=forged).status
        assert 400 == ask("POST", f"{api.url}/token", form={"grant_type": "password"}).status
