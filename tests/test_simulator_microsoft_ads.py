"""The simulator of Microsoft Advertising, walked through by a plain client."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from simulators.microsoft_ads import MicrosoftAds
from simulators.walking import Answer, ask

ROWS = {"180": [{"TimePeriod": "2026-01-01", "CampaignId": 7, "Impressions": 3, "CampaignName": 'A "b"'}], "181": []}
DAY = {"Day": 1, "Month": 1, "Year": 2026}
SPEC = {
    "Type": "CampaignPerformanceReportRequest", "ReportName": "r", "Format": "Csv", "FormatVersion": "2.0",
    "ExcludeColumnHeaders": False, "ExcludeReportHeader": True, "ExcludeReportFooter": True, "ReturnOnlyCompleteData": False,
    "Aggregation": "Daily", "Columns": ["TimePeriod", "CampaignId", "CampaignName", "Impressions"],
    "Scope": {"AccountIds": ["180"]}, "Time": {"CustomDateRangeStart": DAY, "CustomDateRangeEnd": {**DAY, "Day": 31}},
}  # fmt: skip


def login(api: MicrosoftAds, refresh_token: str | None = None) -> Any:
    form = {
        "client_id": api.CLIENT, "client_secret": api.SECRET, "grant_type": "refresh_token",
        "refresh_token": refresh_token or api.first_refresh_token,
        "scope": "https://ads.microsoft.com/msads.manage offline_access",
    }  # fmt: skip
    return ask("POST", f"{api.origin('login')}/common/oauth2/v2.0/token", form=form)


def headers(api: MicrosoftAds, account: str = "180") -> dict[str, str]:
    token = login(api).json()["access_token"]
    ids = {"CustomerId": "900", "CustomerAccountId": account}
    return {"Authorization": f"Bearer {token}", "DeveloperToken": api.DEVELOPER, **ids}


def submit(api: MicrosoftAds, spec: Any = SPEC, sent: Any = None) -> Answer:
    url = f"{api.url}/Reporting/v13/GenerateReport/Submit"
    return ask("POST", url, headers=sent or headers(api), json_body={"ReportRequest": spec})


def poll(api: MicrosoftAds, id: str) -> Answer:
    url = f"{api.url}/Reporting/v13/GenerateReport/Poll"
    return ask("POST", url, headers=headers(api), json_body={"ReportRequestId": id})


def code(answer: Answer) -> int:
    body = answer.json()
    return (body.get("OperationErrors") or body.get("Errors"))[0]["Code"]


def test_a_report_is_submitted_polled_and_fetched() -> None:
    with MicrosoftAds(ROWS) as api:
        id = submit(api).json()["ReportRequestId"]
        assert {"ReportDownloadUrl": None, "Status": "Pending"} == poll(api, id).json()["ReportRequestStatus"]
        link = poll(api, id).json()["ReportRequestStatus"]["ReportDownloadUrl"]
        assert 400 == ask("GET", link, headers=headers(api)).status
        archive = zipfile.ZipFile(io.BytesIO(ask("GET", link).body))
        (name,) = archive.namelist()
        assert f"CampaignPerformanceReport_{id}.csv" == name
        text = '\ufeff"TimePeriod","CampaignId","CampaignName","Impressions"\r\n"2026-01-01","7","A ""b""","3"\r\n'
        assert text == archive.read(name).decode()
        api.clock.advance(minutes=6)
        assert 403 == ask("GET", link).status
        assert 200 == ask("GET", poll(api, id).json()["ReportRequestStatus"]["ReportDownloadUrl"]).status
        api.clock.advance(days=1)
        assert (2101, 2100) == (code(poll(api, id)), code(poll(api, "1")))


def test_lines_about_the_report_stand_around_it_unless_they_are_not_wanted() -> None:
    with MicrosoftAds(ROWS, script=["Success"]) as api:
        id = submit(api, {**SPEC, "ExcludeReportHeader": False, "ExcludeReportFooter": False}).json()["ReportRequestId"]
        link = poll(api, id).json()["ReportRequestStatus"]["ReportDownloadUrl"]
        archive = zipfile.ZipFile(io.BytesIO(ask("GET", link).body))
        lines = archive.read(archive.namelist()[0]).decode("utf-8-sig").split("\r\n")
        assert ['"Report Name: r"', '"Report Aggregation: Daily"', '"Report Filter: "'] == lines[:3]
        assert ['"Potential Incomplete Data: false"', '"Rows: 1"', ""] == lines[3:6]
        assert '"@2026 Microsoft Corporation. All rights reserved. "' == lines[-2]


def test_no_rows_are_a_success_without_a_link() -> None:
    with MicrosoftAds(ROWS, script=["Success"]) as api:
        id = submit(api, {**SPEC, "Scope": {"AccountIds": ["181"]}}).json()["ReportRequestId"]
        assert {"ReportDownloadUrl": None, "Status": "Success"} == poll(api, id).json()["ReportRequestStatus"]


@pytest.mark.parametrize(
    "change",
    [
        {"Type": "CampaignReport"},
        {"Other": 1},
        {"Aggregation": "Often"},
        {"Columns": ["CampaignId", "Impressions"]},
        {"Scope": {"AccountIds": [180]}},
        {"Time": {"CustomDateRangeStart": {**DAY, "Day": "1"}, "CustomDateRangeEnd": DAY}},
        {"Time": {"CustomDateRangeStart": {**DAY, "Day": 2}, "CustomDateRangeEnd": DAY}},
        {"Time": {"CustomDateRangeStart": DAY, "CustomDateRangeEnd": {**DAY, "Year": 2999}}},
    ],
)
def test_wrong_requests_are_refused(change: dict[str, Any]) -> None:
    with MicrosoftAds(ROWS) as api:
        assert 400 == submit(api, {**SPEC, **change}).status
        assert {} == api.jobs


def test_headers_tokens_and_limits() -> None:
    with MicrosoftAds(ROWS, most=1, forbidden=["181"], good_for=1) as api:
        me = headers(api)
        assert 105 == code(submit(api, sent={**me, "DeveloperToken": "x"}))
        assert 116 == code(submit(api, sent={**headers(api), "CustomerId": ""}))
        assert 106 == code(submit(api, sent=headers(api, "181")))
        assert 200 == submit(api).status
        assert 207 == code(submit(api))
        assert (
            200
            == ask(
                "POST", f"{api.origin('customers')}/CustomerManagement/v13/User/Query", headers=me, json_body={}
            ).status
        )
        assert 109 == code(submit(api, sent=me))
        assert 400 == login(api, "M.other").status
        assert login(api).json()["refresh_token"] != api.first_refresh_token


def test_customers_and_their_accounts() -> None:
    with MicrosoftAds(ROWS, customers={"900": ["180"], "901": ["181"]}) as api:
        url, me = f"{api.origin('customers')}/CustomerManagement/v13", headers(api)
        roles = ask("POST", f"{url}/User/Query", headers=me, json_body={"UserId": None}).json()["CustomerRoles"]
        assert ["900", "901"] == [each["CustomerId"] for each in roles]
        found = ask("POST", f"{url}/AccountsInfo/Query", headers=me, json_body={"CustomerId": "901"}).json()
        assert ["181"] == [each["Id"] for each in found["AccountsInfo"]]
        assert 106 == code(ask("POST", f"{url}/AccountsInfo/Query", headers=me, json_body={"CustomerId": "9"}))


def test_a_request_that_fails_has_to_be_submitted_again() -> None:
    with MicrosoftAds(ROWS, script={1: ["Error"], 2: ["Success"]}) as api:
        first, second = (submit(api).json()["ReportRequestId"] for _ in range(2))
        assert {"ReportDownloadUrl": None, "Status": "Error"} == poll(api, first).json()["ReportRequestStatus"]
        assert poll(api, second).json()["ReportRequestStatus"]["ReportDownloadUrl"]
