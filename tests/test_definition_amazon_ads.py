"""The definition `amazon_ads` as it ships, against the simulator."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.amazon_ads import AmazonAds
from warm import Child
from wire import Reply, json_reply

BIG = 158410630682987123
TODAY = datetime.now(UTC).date()


def day(ago: int) -> str:
    return (TODAY - timedelta(days=ago)).isoformat()


def row(ago: int, campaign: int = 1, **more: Any) -> dict[str, Any]:
    figures = {"impressions": 2216, "clicks": 13, "cost": 14.5, "sales14d": 100.25, "campaignStatus": "ENABLED"}
    return {"reportTypeId": "spCampaigns", "date": day(ago), "campaignId": campaign, **figures, **more}


ROWS = {3312345: [row(50), row(20, BIG), row(19), row(1)], 9007199254740993: [row(30, 5)]}


def settings(api: AmazonAds, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "amazon_ads",
        "base_url": api.url,
        "vars": {"login_url": api.origin("login")},
        "start_date": day(50),
        "end_date": day(2),
        "secrets": {"client_id": api.CLIENT, "client_secret": api.SECRET, "refresh_token": api.REFRESH},
        **changes,
    }


def test_two_windows_of_two_profiles(tap: Process) -> None:
    with AmazonAds(ROWS) as api:
        run = run_definition(tap, settings(api), ["sp_campaigns"])

    assert 0 == run.exit_code, run.stderr
    assert sorted([(day(50), 1, 3312345), (day(20), BIG, 3312345), (day(19), 1, 3312345), (day(30), 5, 9007199254740993)]) == sorted(
        (row["date"], row["campaignId"], row["profileId"]) for row in run.records("sp_campaigns")
    )  # fmt: skip
    assert {(13, Decimal("14.5"), Decimal("100.25"), None)} == {
        (row["clicks"], row["cost"], row["sales14d"], row["purchases7d"]) for row in run.records("sp_campaigns")
    }
    assert ["GET /v2/profiles?profileTypeFilter=seller%2Cvendor"] == api.lines("profiles")
    windows = [(day(50), day(20)), (day(19), day(2))]
    assert sorted((profile, *window) for profile in ROWS for window in windows) == sorted(
        (job.spec["profile"], job.spec["startDate"], job.spec["endDate"]) for job in api.jobs.values()
    )
    assert {"application/vnd.createasyncreportrequest.v3+json"} == {
        call.header("Content-Type") for call in api.calls("create")
    }
    assert 4 * 3 == len(api.calls("poll"))
    assert 1 + 1 + 4 + 12 + 4 == len(api.log)


def test_a_duplicate_is_adopted_a_dead_token_renewed_and_an_ended_link_asked_for_again(tap: Process) -> None:
    dead = json_reply({"code": "UNAUTHORIZED", "detail": "Not authorized to access this advertiser"}, 401)
    faults = {
        ("poll", 1): dead,
        ("poll", 2): Reply(429, '{"code": "429"}', {"Retry-After": "0.1"}),
        ("download", 1): Reply(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
    }
    with AmazonAds({3312345: ROWS[3312345]}, forbidden=[77], faults=faults) as api:
        run = run_definition(tap, settings(api, start_date=day(10), end_date=day(1)), ["sp_campaigns"])
        assert 0 == run.exit_code, run.stderr
        (job,) = api.jobs.values()
        job.status, job.polls = "PENDING", 0  # somebody else's report, still under way
        again = run_definition(tap, settings(api, start_date=day(10), end_date=day(1)), ["sp_campaigns"])

    assert 0 == again.exit_code, again.stderr
    assert [(day(1), 1)] == [(row["date"], row["campaignId"]) for row in run.records("sp_campaigns")]
    assert run.records("sp_campaigns") == again.records("sp_campaigns")
    assert 1 == len(api.jobs)
    assert [200, 425] == [
        call.status for call in api.calls("create") if call.header("Amazon-Advertising-API-Scope") != "77"
    ]
    assert 3 == len(api.calls("token"))
    assert 3 == len(set(api.lines("download")))
    assert "profile=77" in run.stderr
    assert [] == api.calls("cancel")


def test_accounts_without_a_report_are_skipped_and_empty_reports_are_fine(tap: Process) -> None:
    refusals = {"sbCampaigns": "KDP authors do not have access to Sponsored Brands functionality"}
    names = ["sp_search_terms", "sp_targets", "sp_advertised_products", "sb_campaigns", "sd_campaigns"]
    with AmazonAds({3312345: []}, script=["COMPLETED"], refusals=refusals) as api:
        run = run_definition(tap, settings(api, start_date=day(200), end_date=day(1)), names)

    assert 0 == run.exit_code, run.stderr
    assert [] == [message for message in run.messages if message["type"] == "RECORD"]
    first = {kind: min(job.spec["startDate"] for job in api.jobs.values() if job.spec["configuration"]["reportTypeId"] == kind)
             for kind in ("spSearchTerm", "spTargeting", "spAdvertisedProduct", "sdCampaigns")}  # fmt: skip
    assert {
        **dict.fromkeys(["spSearchTerm", "spTargeting", "spAdvertisedProduct"], day(95)),
        "sdCampaigns": day(65),
    } == first
    assert "KDP authors" in run.stderr


def test_a_failed_report_tells_why(tap: Process) -> None:
    with AmazonAds({3312345: ROWS[3312345]}, script=["PENDING", "FAILED"], reason="the columns are too many") as api:
        run = run_definition(tap, settings(api, start_date=day(5)), ["sp_campaigns"], jobs={"max_attempts": 2})

    assert 1 == run.exit_code
    assert "the columns are too many" in run.stderr
    assert 2 == len(api.jobs) == len(api.calls("cancel"))
    assert [] == run.records("sp_campaigns")


def test_an_interrupted_run_leaves_its_reports_to_the_next(tap: Process) -> None:
    """What is being made cannot be cancelled, so it is not tried."""
    with AmazonAds({3312345: [row(20)]}, script=["PROCESSING"]) as api:

        def interrupt(process: Child) -> None:
            while not api.calls("poll"):
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)

        one = settings(api, start_date=day(20))
        first = run_definition(tap, one, ["sp_campaigns"], while_running=interrupt)
        api.script = ["COMPLETED"]
        second = run_definition(tap, one, ["sp_campaigns"], state=first.state)

    assert (143, 0) == (first.exit_code, second.exit_code), second.stderr
    assert (1, 1, 0) == (len(second.records("sp_campaigns")), len(api.jobs), len(api.calls("cancel")))
