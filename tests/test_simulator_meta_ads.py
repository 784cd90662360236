"""The simulator of Meta's insights, walked through by a plain client."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simulators.meta_ads import MetaAds
from simulators.walking import Answer, ask

DAY = (datetime.now(UTC) - timedelta(days=10)).date().isoformat()
ROWS = {
    "123": [
        {"ad_id": str(n), "date_start": DAY, "date_stop": DAY, "impressions": "10", "spend": "1.20"} for n in range(3)
    ]
}
FORM = {
    "level": "ad",
    "fields": "ad_id,impressions",
    "time_range": json.dumps({"since": DAY, "until": DAY}),
    "time_increment": "1",
}


def me(api: MetaAds) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.TOKEN}"}


def start(api: MetaAds, **form: str) -> Answer:
    return ask("POST", f"{api.base_url}/act_123/insights", headers=me(api), form={**FORM, **form})


def test_a_run_is_started_polled_and_read_page_by_page() -> None:
    with MetaAds(ROWS, page_size=2) as api:
        answer = start(api)
        assert 12.5 == json.loads(answer.headers["x-fb-ads-insights-throttle"])["acc_id_util_pct"]
        run = f"{api.base_url}/{answer.json()['report_run_id']}"
        assert 2601 == ask("GET", f"{run}/insights", headers=me(api)).json()["error"]["code"]
        polls = [ask("GET", run, headers=me(api)).json() for _ in range(4)]
        assert [("Job Not Started", 0), ("Job Running", 60), ("Job Completed", 0), ("Job Completed", 100)] == [
            (poll["async_status"], poll["async_percent_completion"]) for poll in polls
        ]
        first = ask("GET", f"{run}/insights?limit=500", headers=me(api)).json()
        assert [("0", "10", DAY), ("1", "10", DAY)] == [
            (row["ad_id"], row["impressions"], row["date_start"]) for row in first["data"]
        ]
        assert "spend" not in first["data"][0]
        assert api.TOKEN in first["paging"]["next"]
        second = ask("GET", first["paging"]["next"]).json()
        assert (["2"], False) == ([row["ad_id"] for row in second["data"]], "next" in second["paging"])


def test_nothing_is_an_empty_list_without_paging() -> None:
    with MetaAds({"123": []}, script=["Job Completed"]) as api:
        run = f"{api.base_url}/{start(api).json()['report_run_id']}"
        ask("GET", run, headers=me(api))
        assert {"data": []} == ask("GET", f"{run}/insights", headers=me(api)).json()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"fields": "ad_id,colour"}, 100),
        ({"level": "creative"}, 100),
        ({"breakdowns": "mood"}, 100),
        ({"time_range": "2026-01-01"}, 100),
        ({"time_range": json.dumps({"since": DAY, "until": "2020-01-01"})}, 100),
        ({"time_range": json.dumps({"since": "2020-01-01", "until": DAY})}, 3018),
        ({"time_increment": "0"}, 100),
        ({"columns": "x"}, 100),
    ],
)
def test_wrong_parameters_are_refused(change: dict[str, str], code: int) -> None:
    with MetaAds(ROWS) as api:
        answer = start(api, **change)
        assert (400, code) == (answer.status, answer.json()["error"]["code"])


def test_tokens_versions_and_permissions() -> None:
    with MetaAds(ROWS, forbidden=["456"]) as api:
        assert 104 == ask("GET", f"{api.base_url}/me/adaccounts").json()["error"]["code"]
        found = ask("GET", f"{api.base_url}/me/adaccounts?access_token={api.TOKEN}").json()
        assert ["123", "456"] == [item["account_id"] for item in found["data"]]
        refused = ask("POST", f"{api.base_url}/act_456/insights", headers=me(api), form=FORM)
        assert (403, 200) == (refused.status, refused.json()["error"]["code"])
        assert 2635 == ask("GET", f"{api.url}/v3.0/me/adaccounts", headers=me(api)).json()["error"]["code"]
        assert 33 == ask("GET", f"{api.base_url}/42", headers=me(api)).json()["error"]["error_subcode"]
        api.tokens.revoke()
        assert (190, 460) == tuple(
            ask("GET", f"{api.base_url}/me/adaccounts", headers=me(api)).json()["error"][key]
            for key in ("code", "error_subcode")
        )


@pytest.mark.parametrize("refuses", [True, False])
def test_too_many_days_are_refused_or_fail(refuses: bool) -> None:
    with MetaAds(ROWS, most_days=1, refuses=refuses, script=["Job Completed"]) as api:
        later = (datetime.now(UTC) - timedelta(days=9)).date().isoformat()
        answer: Any = start(api, time_range=json.dumps({"since": DAY, "until": later})).json()
        if not refuses:
            answer = ask("GET", f"{api.base_url}/{answer['report_run_id']}", headers=me(api)).json()
            assert "Job Failed" == answer["async_status"]
            answer = {"error": answer}
        assert 1487534 == answer["error"]["error_subcode"]
        assert "report_run_id" in start(api).json()


def test_runs_are_polled_in_a_batch() -> None:
    with MetaAds(ROWS) as api:
        ids = [start(api).json()["report_run_id"] for _ in range(2)] + ["42"]
        batch = json.dumps([{"method": "GET", "relative_url": f"{api.version}/{id}"} for id in ids])
        answers = ask("POST", f"{api.url}/", headers=me(api), form={"batch": batch}).json()
        assert [200, 200, 400] == [answer["code"] for answer in answers]
        assert ids[:2] == [json.loads(answer["body"])["id"] for answer in answers[:2]]
