"""The simulator of Pinterest, walked through by a plain client."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simulators.pinterest import Pinterest
from simulators.walking import Answer, ask

DAY = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
ROWS = {
    "549": [
        {"DATE": DAY, "CAMPAIGN_ID": 7, "IMPRESSION_1": 3, "CTR": 0.5},
        {"DATE": DAY, "CAMPAIGN_ID": 8, "IMPRESSION_1": 0, "CTR": 0},
    ],
    "550": [],
}
SPEC = {
    "start_date": DAY, "end_date": DAY, "granularity": "DAY", "level": "CAMPAIGN",
    "columns": ["CAMPAIGN_ID", "IMPRESSION_1"], "report_format": "JSON",
}  # fmt: skip


def login(api: Pinterest, refresh_token: str | None = None) -> Answer:
    basic = base64.b64encode(f"{api.CLIENT}:{api.SECRET}".encode()).decode()
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token or api.first_refresh_token}
    return ask("POST", f"{api.url}/v5/oauth/token", headers={"Authorization": f"Basic {basic}"}, form=form)


def bearer(api: Pinterest) -> dict[str, str]:
    return {"Authorization": f"Bearer {login(api).json()['access_token']}"}


def test_a_report_is_asked_for_polled_and_fetched() -> None:
    with Pinterest(ROWS) as api:
        me = bearer(api)
        reports = f"{api.url}/v5/ad_accounts/549/reports"
        made = ask("POST", reports, headers=me, json_body=SPEC).json()
        assert ("IN_PROGRESS", None) == (made["report_status"], made["message"])
        asked = f"{reports}?token={made['token'].replace('+', '%2B').replace('=', '%3D').replace('/', '%2F')}"
        assert {"report_status": "IN_PROGRESS", "url": None, "size": None} == ask("GET", asked, headers=me).json()
        done = ask("GET", asked, headers=me).json()
        assert "FINISHED" == done["report_status"]
        file = ask("GET", done["url"])
        assert {"7": [{"DATE": DAY, "CAMPAIGN_ID": 7, "IMPRESSION_1": 3}]} == file.json()
        assert done["size"] == len(file.body)


def test_the_link_lives_five_minutes_and_the_report_an_hour() -> None:
    with Pinterest(ROWS, script=["FINISHED"]) as api:
        me = bearer(api)
        token = ask("POST", f"{api.url}/v5/ad_accounts/549/reports", headers=me, json_body=SPEC).json()["token"]
        asked = f"{api.url}/v5/ad_accounts/549/reports?token={token.replace('+', '%2B')}"
        link = ask("GET", asked, headers=me).json()["url"]
        assert 400 == ask("GET", link, headers=me).status
        api.clock.advance(minutes=6)
        assert 403 == ask("GET", link).status
        assert 200 == ask("GET", ask("GET", asked, headers=me).json()["url"]).status
        api.clock.advance(minutes=55)
        assert "EXPIRED" == ask("GET", asked, headers=me).json()["report_status"]
        other = asked.replace("/549/", "/550/")
        assert "DOES_NOT_EXIST" == ask("GET", other, headers=me).json()["report_status"]


@pytest.mark.parametrize(
    "change",
    [
        {"columns": []},
        {"columns": ["CAMPAIGN_ID", "DATE"]},
        {"level": "CAMPAIGNS"},
        {"granularity": "DAILY"},
        {"start_date": "2026/01/01"},
        {"start_date": (datetime.now(UTC) - timedelta(days=200)).date().isoformat()},
        {"start_date": (datetime.now(UTC) - timedelta(days=920)).date().isoformat()},
        {"granularity": "HOUR", "start_date": (datetime.now(UTC) - timedelta(days=9)).date().isoformat()},
        {"dimensions": ["DATE"]},
    ],
)
def test_wrong_bodies_are_refused(change: dict[str, Any]) -> None:
    with Pinterest(ROWS) as api:
        answer = ask("POST", f"{api.url}/v5/ad_accounts/549/reports", headers=bearer(api), json_body={**SPEC, **change})
        assert (400, 1) == (answer.status, answer.json()["code"])
        assert {} == api.jobs


def test_accounts_come_in_pages_and_some_may_not_be_read() -> None:
    with Pinterest(ROWS, forbidden=["551"]) as api:
        api.page_limit = 2
        me = bearer(api)
        first = ask("GET", f"{api.url}/v5/ad_accounts?page_size=250", headers=me).json()
        assert ["549", "550"] == [item["id"] for item in first["items"]]
        second = ask("GET", f"{api.url}/v5/ad_accounts?bookmark={first['bookmark']}", headers=me).json()
        assert (["551"], None) == ([item["id"] for item in second["items"]], second["bookmark"])
        refused = ask("POST", f"{api.url}/v5/ad_accounts/551/reports", headers=me, json_body=SPEC)
        assert (403, 29) == (refused.status, refused.json()["code"])


def test_refresh_tokens_are_renewed_and_old_ones_refused() -> None:
    with Pinterest(ROWS) as api:
        renewed = login(api).json()["refresh_token"]
        assert 401 == login(api).status
        assert 200 == login(api, renewed).status
        assert 401 == ask("GET", f"{api.url}/v5/ad_accounts").status


def test_a_report_without_data_is_an_empty_object_and_a_failed_one_has_no_url() -> None:
    with Pinterest(ROWS, script={1: ["FINISHED"], 2: ["FAILED"]}) as api:
        me, reports = bearer(api), f"{api.url}/v5/ad_accounts/550/reports"
        answers = []
        for _ in range(2):
            token = ask("POST", reports, headers=me, json_body=SPEC).json()["token"].replace("+", "%2B")
            answers.append(ask("GET", f"{reports}?token={token}", headers=me).json())
        assert ["FINISHED", "FAILED"] == [answer["report_status"] for answer in answers]
        assert {} == ask("GET", answers[0]["url"]).json()
        assert answers[1]["url"] is None
