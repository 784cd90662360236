"""The definition `display_video_360` as it ships, against the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.display_video import DisplayVideo
from simulators.google import problem
from wire import Cut, Reply, Reset

END = datetime.now(UTC).date() - timedelta(days=5)
START = END - timedelta(days=40)


def row(day: int, line_item: int, **more: Any) -> dict[str, Any]:
    return {
        "FILTER_DATE": str(START + timedelta(days=day)), "FILTER_PARTNER": 1, "FILTER_PARTNER_NAME": "P",
        "FILTER_ADVERTISER": 5, "FILTER_ADVERTISER_NAME": "Shoes, best", "FILTER_ADVERTISER_CURRENCY": "EUR",
        "FILTER_MEDIA_PLAN": 6, "FILTER_MEDIA_PLAN_NAME": "C", "FILTER_INSERTION_ORDER": 7,
        "FILTER_INSERTION_ORDER_NAME": "IO", "FILTER_LINE_ITEM": line_item, "FILTER_LINE_ITEM_NAME": "LI",
        "METRIC_IMPRESSIONS": 1000, "METRIC_BILLABLE_IMPRESSIONS": "998.00", "METRIC_CLICKS": 3,
        "METRIC_REVENUE_ADVERTISER": "12.340000", "METRIC_MEDIA_COST_ADVERTISER": "11.1", "METRIC_TOTAL_CONVERSIONS": "2.50",
        "METRIC_LAST_CLICKS": "1.00", "METRIC_LAST_IMPRESSIONS": "1.50", **more,
    }  # fmt: skip


ROWS = {"1": [row(0, 1), row(15, 2), row(40, 1), row(41, 9)], "2": [row(3, 20, FILTER_PARTNER=2)]}


def settings(api: DisplayVideo, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "display_video_360",
        "base_url": f"{api.url}/v2",
        "secrets": {"google_key": api.key},
        "vars": {"partners": ["1", 2]},
        "start_date": str(START),
        "end_date": str(END),
        "rate_limits": [],
        **changes,
    }


def test_two_windows_of_two_partners_and_nothing_is_left_behind(tap: Process) -> None:
    with DisplayVideo(ROWS) as api:
        run = run_definition(tap, settings(api), ["line_items_daily"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("line_items_daily")
    assert sorted(
        (r["FILTER_PARTNER"], r["FILTER_DATE"], r["FILTER_LINE_ITEM"]) for r in (*ROWS["1"][:3], *ROWS["2"])
    ) == sorted((r["partner_id"], r["date"], r["line_item_id"]) for r in records)
    assert ("Shoes, best", "EUR", 1000, Decimal("12.34"), Decimal("2.5")) == tuple(
        records[0][name]
        for name in (
            "advertiser",
            "advertiser_currency",
            "impressions",
            "revenue_advertiser_currency",
            "total_conversions",
        )
    )
    spans = [job.spec["metadata"]["dataRange"] for job in api.jobs.values()]
    assert {(START.year, START.month, START.day)} <= {tuple(span["customStartDate"].values()) for span in spans}
    assert {(END.year, END.month, END.day)} <= {tuple(span["customEndDate"].values()) for span in spans}
    assert {} == api.queries
    steps = {step: api.steps().count(step) for step in set(api.steps())}
    assert {"token": 1, "store": 4, "run": 4, "poll": 12, "download": 4, "delete": 4} == steps
    assert {None} == {call.header("Authorization") for call in api.calls("download")}


def test_other_reports_and_columns_that_nobody_asked_for(tap: Process) -> None:
    rows = {"1": [row(40, 1, FILTER_CREATIVE_ID=8, FILTER_CREATIVE="Cr")]}

    def with_status(usual: Reply) -> Reply:
        lines = usual.payload.decode().split("\n")
        more = [f"{line},Active" if line.startswith("20") else line for line in lines[1:]]
        return Reply(200, "\n".join([f"{lines[0]},Advertiser Status", *more]), usual.headers)

    with DisplayVideo(rows, script=["DONE"], faults={("download", 1): with_status}) as api:
        one_day = settings(api, start_date=str(END), vars={"partners": ["1"]})
        run = run_definition(tap, one_day, ["campaigns_daily", "creatives_daily"])

    assert 0 == run.exit_code, run.stderr
    (campaign,), (creative,) = run.records("campaigns_daily"), run.records("creatives_daily")
    assert (6, "C", 3) == tuple(campaign[name] for name in ("campaign_id", "campaign", "clicks"))
    assert (8, "Cr", 1, "IO") == tuple(
        creative[name] for name in ("creative_id", "creative", "line_item_id", "insertion_order")
    )
    assert "Advertiser Status" in run.stderr


def test_dead_tokens_expired_links_and_trouble_on_the_way(tap: Process) -> None:
    too_many = problem(403, "User Rate Limit Exceeded", "userRateLimitExceeded").reply
    expired = Reply(403, "<Error><Code>ExpiredToken</Code></Error>", {"Content-Type": "application/xml"})
    faults = {("run", 1): too_many, ("poll", 2): Reset(), ("download", 1): expired, ("download", 2): Cut(80)}
    with DisplayVideo(ROWS, good_for=3, faults=faults) as api:
        run = run_definition(tap, settings(api, start_date=str(END), vars={"partners": ["1"]}), ["line_items_daily"])

    assert 0 == run.exit_code, run.stderr
    assert [1] == [record["line_item_id"] for record in run.records("line_items_daily")]
    assert ({}, 1, 1) == (api.queries, api.steps().count("store"), len(api.jobs))
    assert "bytes=80-" in [call.header("Range") for call in api.calls("download")]


def test_calls_of_the_day_that_are_used_up_leave_no_query_behind(tap: Process) -> None:
    with DisplayVideo(ROWS, calls_per_day=1) as api:
        run = run_definition(tap, settings(api, start_date=str(END), vars={"partners": ["1"]}), ["line_items_daily"])

    assert 1 == run.exit_code
    assert "Daily Limit Exceeded" in run.stderr
    assert (1, {}) == (api.steps().count("store"), api.queries)


def test_empty_reports_and_failed_ones(tap: Process) -> None:
    with DisplayVideo({"1": [], "2": []}, script={1: ["DONE"], None: ["RUNNING", "FAILED"]}) as api:
        two = settings(api, start_date=str(END), max_concurrent_jobs=1)
        run = run_definition(tap, two, ["line_items_daily"])

    assert (1, []) == (run.exit_code, run.records("line_items_daily"))
    assert "FAILED" in run.stderr
    assert (4, {}) == (len(api.jobs), api.queries)
