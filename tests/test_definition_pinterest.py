"""The definition `pinterest` as it ships, against the simulator."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from definition_run import run_definition
from process import Outcome, Process
from simulators.pinterest import Pinterest
from wire import Reply, Reset

TODAY = datetime.now(UTC).date()
END = TODAY - timedelta(days=10)
START = END - timedelta(days=199)
MIDDLE = START + timedelta(days=186)
METRICS = 27


def row(day: date, campaign: int, impressions: int, **more: Any) -> dict[str, Any]:
    return {
        "DATE": day.isoformat(), "CAMPAIGN_ID": campaign, "AD_ACCOUNT_ID": 549, "CAMPAIGN_NAME": f"C {campaign}",
        "IMPRESSION_1": impressions, "SPEND_IN_MICRO_DOLLAR": 1250000, "CTR": 0.25, **more,
    }  # fmt: skip


BIG = 626744528398123456
ROWS = {
    "549": [
        row(START, 7, 3),
        row(START, BIG, 5),
        row(MIDDLE, 7, 8),
        row(END, 7, 9),
        row(END + timedelta(days=1), 7, 1),
    ],
    "550": [row(START, 70, 2, AD_ACCOUNT_ID=550)],
}


def settings(api: Pinterest, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "pinterest",
        "base_url": f"{api.url}/v5",
        "start_date": START.isoformat(),
        "end_date": END.isoformat(),
        "secrets": {
            "client_id": api.CLIENT,
            "client_secret": api.SECRET,
            "refresh_token": api.first_refresh_token,
        },
        **changes,
    }


def sorted_records(run: Outcome, stream: str = "campaigns_daily") -> list[tuple[str, int, int]]:
    return sorted((r["DATE"], r["CAMPAIGN_ID"], r["IMPRESSION_1"]) for r in run.records(stream))


def expected(*rows: dict[str, Any]) -> list[tuple[str, int, int]]:
    return sorted((r["DATE"], r["CAMPAIGN_ID"], r["IMPRESSION_1"]) for r in rows)


def test_two_windows_of_two_accounts(tap: Process) -> None:
    with Pinterest(ROWS) as api:
        api.page_limit = 1
        run = run_definition(tap, settings(api), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    assert expected(*ROWS["549"][:4], *ROWS["550"]) == sorted_records(run)
    assert Decimal("0.25") == run.records("campaigns_daily")[0]["CTR"]
    assert ["POST /v5/oauth/token"] == api.lines("token")
    assert ["GET /v5/ad_accounts?page_size=250", "GET /v5/ad_accounts?page_size=250&bookmark=1"] == api.lines(
        "accounts"
    )
    windows = [(START, MIDDLE - timedelta(days=1)), (MIDDLE, END)]
    assert sorted((account, str(a), str(b)) for account in ("549", "550") for a, b in windows) == sorted(
        (job.spec["account"], job.spec["start_date"], job.spec["end_date"]) for job in api.jobs.values()
    )
    assert {("CAMPAIGN", "DAY", "JSON", METRICS + 4)} == {
        (job.spec["level"], job.spec["granularity"], job.spec["report_format"], len(job.spec["columns"]))
        for job in api.jobs.values()
    }
    assert sorted(
        f"GET /v5/ad_accounts/{job.spec['account']}/reports?token={quote(job.id, safe='')}"
        for job in api.jobs.values()
        for _ in range(2)
    ) == sorted(api.lines("poll"))
    assert 4 == len(api.lines("download"))
    assert 1 + 2 + 4 + 8 + 4 == len(api.log)
    assert {END.isoformat()} == {
        partition["replication_key_value"] for partition in run.state["bookmarks"]["campaigns_daily"]["partitions"]
    }


def test_the_next_run_reads_the_attribution_window_again(tap: Process) -> None:
    with Pinterest({"549": ROWS["549"]}) as api:
        first = run_definition(
            tap, settings(api, start_date=(END - timedelta(days=60)).isoformat()), ["campaigns_daily"]
        )
        api.refresh.issue(value=api.first_refresh_token + "-next")
        later = settings(api, end_date=(END + timedelta(days=1)).isoformat())
        later["secrets"]["refresh_token"] = api.first_refresh_token + "-next"
        second = run_definition(tap, later, ["campaigns_daily"], state=first.state)

    assert 0 == second.exit_code, second.stderr
    spec = list(api.jobs.values())[-1].spec
    assert (str(END - timedelta(days=29)), str(END + timedelta(days=1))) == (spec["start_date"], spec["end_date"])
    assert 2 == len(api.jobs)


def test_a_token_that_dies_a_forbidden_account_and_links_that_end(tap: Process) -> None:
    faults = {
        ("download", 1): Reply(403, "<Error><Code>AccessDenied</Code></Error>"),
        ("poll", 1): Reply(429, '{"code": 8, "message": "You have exceeded your rate limit."}', {"Retry-After": "0.1"}),
        ("poll", 2): Reset(),
    }
    with Pinterest({"549": ROWS["549"]}, forbidden=["551"], good_for=5, faults=faults) as api:
        start = (END - timedelta(days=5)).isoformat()
        run = run_definition(tap, settings(api, start_date=start), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    assert expected(ROWS["549"][3]) == sorted_records(run)
    assert 1 == len(api.jobs)
    assert 2 == len(api.lines("download"))
    assert 2 == len(set(api.lines("download")))
    assert api.lines("token") == ["POST /v5/oauth/token"] * 2
    assert "ad_account=551" in run.stderr
    assert api.access.issued[0].value not in run.stderr


def test_empty_reports_end_well_at_every_level(tap: Process) -> None:
    streams = ["ad_accounts_daily", "campaigns_daily", "ad_groups_daily", "ads_daily", "product_groups_daily"]
    with Pinterest({"549": []}, script=["FINISHED"]) as api:
        run = run_definition(tap, settings(api, start_date=END.isoformat()), streams)

    assert 0 == run.exit_code, run.stderr
    assert [] == [message for message in run.messages if message["type"] == "RECORD"]
    assert ["ADVERTISER", "AD_GROUP", "CAMPAIGN", "PIN_PROMOTION", "PRODUCT_GROUP"] == sorted(
        job.spec["level"] for job in api.jobs.values()
    )


def test_a_report_that_is_gone_or_failed_is_made_again_and_then_said(tap: Process) -> None:
    scripts = {1: ["DOES_NOT_EXIST"], 2: ["FAILED"], 3: ["IN_PROGRESS", "CANCELLED"]}
    with Pinterest({"549": ROWS["549"]}, script=scripts) as api:
        run = run_definition(tap, settings(api, start_date=END.isoformat()), ["campaigns_daily"])

    assert 1 == run.exit_code
    assert 3 == len(api.jobs)
    assert 1 + 1 + 3 + 4 == len(api.log)
    assert "CANCELLED" in run.stderr
    assert [] == run.records("campaigns_daily")
