"""The definition `campaign_manager_360` as it ships, against the simulator."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.campaign_manager import CampaignManager
from simulators.google import problem
from wire import Reset

END = datetime.now(UTC).date() - timedelta(days=5)
START = END - timedelta(days=9)
WINDOWS = [(START, START + timedelta(days=6)), (START + timedelta(days=7), END)]
DIMENSIONS = ["date", "advertiserId", "advertiser", "campaignId", "campaign"]
METRICS = [
    "impressions",
    "clicks",
    "mediaCost",
    "totalConversions",
    "activityClickThroughConversions",
    "activityViewThroughConversions",
]


def row(day: int, campaign: int, **more: Any) -> dict[str, Any]:
    return {
        "date": str(START + timedelta(days=day)), "advertiserId": 5, "advertiser": 'Shoes, "best"', "campaignId": campaign,
        "campaign": f"C {campaign}", "impressions": 1000, "clicks": 7, "mediaCost": "12.345678", "totalConversions": "1.5",
        "activityClickThroughConversions": 1, "activityViewThroughConversions": "0.5", **more,
    }  # fmt: skip


ROWS = {"111": [row(0, 1), row(6, 2), row(7, 1), row(10, 9)], "222": [row(3, 20)]}


def settings(api: CampaignManager, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "campaign_manager_360",
        "base_url": f"{api.url}/dfareporting/v5",
        "secrets": {"google_key": api.key},
        "start_date": str(START),
        "end_date": str(END),
        "rate_limits": [],
        **changes,
    }


def test_two_windows_of_two_profiles_and_nothing_is_left_behind(tap: Process) -> None:
    with CampaignManager(ROWS) as api:
        run = run_definition(tap, settings(api), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("campaigns_daily")
    assert sorted(
        (profile, each["date"], each["campaignId"])
        for profile, rows in (("111", ROWS["111"][:3]), ("222", ROWS["222"]))
        for each in rows
    ) == sorted((r["profileId"], r["date"], r["campaignId"]) for r in records)
    assert ('Shoes, "best"', 1000, Decimal("12.345678"), Decimal("1.5")) == tuple(
        records[0][name] for name in ("advertiser", "impressions", "mediaCost", "totalConversions")
    )
    assert sorted((profile, str(start), str(end)) for profile in ROWS for start, end in WINDOWS) == sorted(
        (job.facts["profile"], *job.spec["criteria"]["dateRange"].values()) for job in api.jobs.values()
    )
    assert {(tuple(DIMENSIONS), tuple(METRICS), "STANDARD", "CSV")} == {
        (
            tuple(each["name"] for each in job.spec["criteria"]["dimensions"]),
            tuple(job.spec["criteria"]["metricNames"]), job.spec["type"], job.spec["format"],
        )
        for job in api.jobs.values()
    }  # fmt: skip
    assert {} == api.reports
    steps = {step: api.steps().count(step) for step in set(api.steps())}
    assert {"token": 1, "profiles": 1, "define": 4, "run": 4, "poll": 12, "download": 4, "delete": 4} == steps
    for job in api.jobs.values():
        deleted = next(
            n for n, line in enumerate(api.lines()) if line.startswith("DELETE") and line.endswith(job.spec["id"])
        )
        fetched = next(n for n, line in enumerate(api.lines()) if line.endswith(f"/files/{job.id}?alt=media"))
        assert fetched < deleted
    assert {str(END)} == {
        each["replication_key_value"] for each in run.state["bookmarks"]["campaigns_daily"]["partitions"]
    }
    assert api.key["private_key"] not in run.stderr


def test_other_reports_have_columns_of_their_own(tap: Process) -> None:
    more = {
        "siteId": 3,
        "site": "news",
        "placementId": 4,
        "placement": "Top",
        "adId": 5,
        "ad": "A",
        "creativeId": 6,
        "creative": "Cr",
    }
    with CampaignManager({"111": [row(0, 1, **more)]}, script=["REPORT_AVAILABLE"]) as api:
        key = json.dumps(api.key)
        one_day = settings(api, end_date=str(START), secrets={"google_key": key})
        run = run_definition(tap, one_day, ["placements_daily", "ads_daily"])

    assert 0 == run.exit_code, run.stderr
    (placement,), (ad,) = run.records("placements_daily"), run.records("ads_daily")
    assert ("news", 4, 1000, "111") == tuple(
        placement[name] for name in ("site", "placementId", "impressions", "profileId")
    )
    assert (4, 5, "A", 6, "Cr", 7) == tuple(
        ad[n] for n in ("placementId", "adId", "ad", "creativeId", "creative", "clicks")
    )


def test_tokens_that_die_and_calls_that_are_too_many(tap: Process) -> None:
    too_many = problem(403, "User Rate Limit Exceeded", "userRateLimitExceeded").reply
    faults = {("run", 1): too_many, ("poll", 1): too_many, ("poll", 3): Reset(), ("download", 1): too_many}
    with CampaignManager({"111": ROWS["111"]}, good_for=4, faults=faults) as api:
        run = run_definition(tap, settings(api, end_date=str(WINDOWS[0][1])), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    assert [1, 2] == [record["campaignId"] for record in run.records("campaigns_daily")]
    assert ({}, 1, 1) == (api.reports, api.steps().count("define"), len(api.jobs))
    assert 1 < api.steps().count("token")


def test_a_quota_between_definition_and_run_leaves_no_report_behind(tap: Process) -> None:
    with CampaignManager({"111": ROWS["111"]}, runs_per_day=1) as api:
        run = run_definition(tap, settings(api, max_concurrent_jobs=1), ["campaigns_daily"])

    assert 1 == run.exit_code
    assert "exceeded its reports quota of 1 reports per day" in run.stderr
    assert [1, 2] == [record["campaignId"] for record in run.records("campaigns_daily")]
    assert ({}, 2, 2) == (api.reports, api.steps().count("define"), api.steps().count("delete"))
    (partition,) = run.state["bookmarks"]["campaigns_daily"]["partitions"]
    assert str(WINDOWS[0][1]) == partition["replication_key_value"]


def test_empty_reports_and_failed_ones(tap: Process) -> None:
    with CampaignManager({"111": []}, script={1: ["REPORT_AVAILABLE"], None: ["PROCESSING", "FAILED"]}) as api:
        run = run_definition(tap, settings(api, max_concurrent_jobs=1), ["campaigns_daily"])

    assert (1, []) == (run.exit_code, run.records("campaigns_daily"))
    assert "FAILED" in run.stderr
    assert (4, {}) == (len(api.jobs), api.reports)
    (partition,) = run.state["bookmarks"]["campaigns_daily"]["partitions"]
    assert str(WINDOWS[0][1]) == partition["replication_key_value"]
