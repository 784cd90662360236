"""The simulator of Yandex Direct's reports, walked through by a plain client."""

from __future__ import annotations

from typing import Any

import pytest
from simulators.walking import Answer, ask
from simulators.yandex_direct import YandexDirect

ROWS = {
    "": [
        {"Date": "2026-01-01", "CampaignId": 7, "Clicks": 3, "Cost": 1.5, "Ctr": None},
        {"Date": "2026-01-03", "CampaignId": 7, "Clicks": 1, "Cost": 0.25, "Ctr": 12.5},
    ],
    "client-a": [],
}
PARAMS = {
    "SelectionCriteria": {"DateFrom": "2026-01-01", "DateTo": "2026-01-02"},
    "FieldNames": ["Date", "CampaignId", "Cost", "Ctr"], "ReportName": "n1",
    "ReportType": "CAMPAIGN_PERFORMANCE_REPORT", "DateRangeType": "CUSTOM_DATE", "Format": "TSV", "IncludeVAT": "YES",
}  # fmt: skip


def asked(api: YandexDirect, headers: dict[str, str] | None = None, **params: Any) -> Answer:
    sent = {"Authorization": f"Bearer {api.TOKEN}", "processingMode": "offline", **(headers or {})}
    return ask("POST", f"{api.url}/json/v5/reports", headers=sent, json_body={"params": {**PARAMS, **params}})


def test_the_same_request_is_sent_until_the_report_is_there() -> None:
    with YandexDirect(ROWS) as api:
        codes = [asked(api) for _ in range(4)]
        assert [201, 202, 200, 200] == [answer.status for answer in codes]
        assert (b"", "0", "1") == (codes[0].body, codes[0].headers["retryin"], codes[0].headers["reportsinqueue"])
        lines = codes[2].text.splitlines()
        assert ['"n1 (2026-01-01 - 2026-01-02)"', "Date\tCampaignId\tCost\tCtr"] == lines[:2]
        assert ["2026-01-01\t7\t1500000\t--", "Total rows: 1"] == lines[2:]


def test_headers_leave_lines_out_and_say_how_money_is_written() -> None:
    with YandexDirect(ROWS, script=[200]) as api:
        plain = {"skipReportHeader": "true", "skipColumnHeader": "true", "skipReportSummary": "true"}
        headers = {**plain, "returnMoneyInMicros": "false", "processingMode": "online"}
        assert "2026-01-01\t7\t1.50\t--\n" == asked(api, headers).text


def test_automatic_mode_answers_at_once_but_not_for_search_queries() -> None:
    with YandexDirect(ROWS) as api:
        assert 200 == asked(api, {"processingMode": "auto"}).status
        query = {"ReportType": "SEARCH_QUERY_PERFORMANCE_REPORT", "ReportName": "n2"}
        assert 201 == asked(api, {"processingMode": "auto"}, **query).status


def test_the_queue_holds_five_and_a_name_stands_for_its_parameters() -> None:
    with YandexDirect(ROWS) as api:
        assert [201] * 5 == [asked(api, ReportName=f"r{number}").status for number in range(5)]
        full = asked(api, ReportName="r5")
        assert (400, "9000") == (full.status, full.json()["error"]["error_code"])
        assert 201 == asked(api, {"Client-Login": "client-a"}).status
        other = asked(api, ReportName="r1", IncludeVAT="NO")
        assert (400, "4000") == (other.status, other.json()["error"]["error_code"])


def test_a_report_is_kept_for_five_hours() -> None:
    with YandexDirect(ROWS, script=[200]) as api:
        assert [201, 200] == [asked(api).status for _ in range(2)]
        api.clock.advance(hours=6)
        assert 201 == asked(api).status


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"FieldNames": []}, "4000"),
        ({"Format": "CSV"}, "4000"),
        ({"SelectionCriteria": {"DateFrom": "2026-01-03", "DateTo": "2026-01-02"}}, "4000"),
        ({"SelectionCriteria": {"DateFrom": "2026-01-03T00:00:00Z", "DateTo": "2026-01-02"}}, "4000"),
        ({"Filter": []}, "8000"),
    ],
)
def test_wrong_bodies_are_refused(change: dict[str, Any], code: str) -> None:
    with YandexDirect(ROWS) as api:
        answer = asked(api, **change)
        assert (400, code) == (answer.status, answer.json()["error"]["error_code"])


def test_tokens_and_clients_are_checked() -> None:
    with YandexDirect(ROWS, forbidden=["client-b"], too_large=1) as api:
        assert "53" == asked(api, {"Authorization": "Bearer x"}).json()["error"]["error_code"]
        assert "54" == asked(api, {"Client-Login": "client-b"}).json()["error"]["error_code"]
        assert (502, b"") == (asked(api).status, asked(api).body)
