"""The definition `meta_ads` as it ships, against the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from definition_run import run_definition
from process import Process
from simulators.meta_ads import LATER, LIMITED, MetaAds

TODAY = datetime.now(UTC).date()


def day(ago: int) -> str:
    return (TODAY - timedelta(days=ago)).isoformat()


def row(ago: int, ad: int, **more: Any) -> dict[str, Any]:
    return {
        "date_start": day(ago), "date_stop": day(ago), "account_id": "123", "campaign_id": "5", "adset_id": "6", "ad_id": str(ad),
        "ad_name": "Größe \U0001f600", "impressions": "10", "spend": "1.20", "reach": "9",
        "actions": [{"action_type": "link_click", "value": "3"}], **more,
    }  # fmt: skip


ROWS = {
    "123": [row(40, 1), row(40, 2), row(37, 1), row(34, 1), row(29, 1), row(28, 1)],
    "456": [row(33, 7, account_id="456")],
}


def settings(api: MetaAds, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "meta_ads",
        "base_url": api.base_url,
        "vars": {"throttle_wait": 0.1},
        "start_date": day(40),
        "end_date": day(29),
        "secrets": {"access_token": api.TOKEN},
        **changes,
    }


def spans(api: MetaAds, account: str = "123") -> list[tuple[str, str]]:
    bounds = (job.spec["time_range"] for job in api.jobs.values() if job.spec["account"] == account)
    return sorted((bound["since"], bound["until"]) for bound in bounds)


def test_two_windows_of_two_accounts_page_by_page(tap: Process) -> None:
    with MetaAds(ROWS, page_size=1) as api:
        run = run_definition(tap, settings(api), ["ads_insights"])

    assert 0 == run.exit_code, run.stderr
    assert sorted(
        [(day(40), "1"), (day(40), "2"), (day(37), "1"), (day(34), "1"), (day(29), "1"), (day(33), "7")]
    ) == sorted((row["date_start"], row["ad_id"]) for row in run.records("ads_insights"))
    assert {(10, Decimal("1.20"), 9, "Größe \U0001f600", None)} == {
        (row["impressions"], row["spend"], row["reach"], row["ad_name"], row["clicks"])
        for row in run.records("ads_insights")
    }
    assert [{"action_type": "link_click", "value": "3"}] == run.records("ads_insights")[0]["actions"]
    windows = [(day(40), day(34)), (day(33), day(29))]
    assert windows == spans(api) == spans(api, "456")
    assert {"ad"} == {job.spec["level"] for job in api.jobs.values()}
    assert 2 == len(api.calls("accounts"))
    assert 4 * 4 == len(api.calls("poll"))
    assert (4 + 1) + 1 + 1 == len(api.calls("results"))  # a page for each row, one for the account without any
    assert 2 + 4 + 16 + 7 == len(api.log)
    assert api.TOKEN not in run.stderr
    assert api.TOKEN not in str(run.states)


@pytest.mark.parametrize("refuses", [True, False])
def test_what_is_too_much_is_halved(tap: Process, refuses: bool) -> None:
    with MetaAds({"123": ROWS["123"]}, most_days=4, refuses=refuses, script=["Job Completed"]) as api:
        run = run_definition(tap, settings(api, end_date=day(34)), ["ads_insights"])

    assert 0 == run.exit_code, run.stderr
    assert [day(40), day(40), day(37), day(34)] == [row["date_start"] for row in run.records("ads_insights")]
    halves = [(day(40), day(38)), (day(37), day(34))]
    assert (halves if refuses else [halves[0], (day(40), day(34)), halves[1]]) == spans(api)


def test_limits_are_waited_for_utilisation_slows_polls_and_failed_runs_are_made_again(tap: Process) -> None:
    faults = {("create", 1): LIMITED, ("poll", 1): LATER, ("poll", 2): LIMITED, ("results", 1): LIMITED}
    script = {1: ["Job Skipped"], 2: ["Job Failed"], 3: ["Job Running", "Job Completed"]}
    with MetaAds({"123": ROWS["123"]}, script=script, faults=faults, utilisation=95, forbidden=["9"]) as api:
        config = settings(api, end_date=day(38), vars={"throttle_wait": 0.7})
        run = run_definition(tap, config, ["ads_insights"])

    assert 0 == run.exit_code, run.stderr
    assert ["1", "2"] == [row["ad_id"] for row in run.records("ads_insights")]
    assert 3 == len(api.jobs)
    assert "account=9" in run.stderr
    polls = [call.received_at for call in api.calls("poll")][-2:]
    assert 0.7 <= polls[1] - polls[0]


def test_empty_reports_at_every_level_and_with_breakdowns(tap: Process) -> None:
    names = [
        "account_insights",
        "campaigns_insights",
        "adsets_insights",
        "ads_insights_age_and_gender",
        "ads_insights_platform",
    ]
    with MetaAds({"123": []}, script=["Job Completed"]) as api:
        run = run_definition(tap, settings(api, start_date=day(30)), names)

    assert 0 == run.exit_code, run.stderr
    assert [] == [message for message in run.messages if message["type"] == "RECORD"]
    assert ["account", "ad", "ad", "adset", "campaign"] == sorted(job.spec["level"] for job in api.jobs.values())
    assert [["age", "gender"], ["publisher_platform", "platform_position", "impression_device"]] == sorted(
        job.spec["breakdowns"] for job in api.jobs.values() if job.spec["breakdowns"]
    )


def test_a_dead_token_ends_with_77_and_a_failure_tells_why(tap: Process) -> None:
    with MetaAds({"123": ROWS["123"]}, script=["Job Failed"], reason=(1, "the warehouse is on fire", None)) as api:
        failed = run_definition(tap, settings(api, start_date=day(30)), ["ads_insights"], jobs={"max_attempts": 2})
        assert 2 == len(api.jobs)
        api.tokens.revoke()
        refused = run_definition(tap, settings(api, start_date=day(30)), ["ads_insights"])

    assert (1, 77) == (failed.exit_code, refused.exit_code), refused.stderr
    assert "the warehouse is on fire" in failed.stderr
    assert "session has been invalidated" in refused.stderr
    assert api.TOKEN not in failed.stderr + refused.stderr


def test_runs_may_be_polled_in_a_batch(tap: Process) -> None:
    polling = {
        "request": "POST {{ vars.graph_url }}/",
        "form": {"batch": "[{% for job in jobs %}{{ ',' if not loop.first }}{\"method\": \"GET\", \"relative_url\": \"v25.0/{{ job.id }}\"}{% endfor %}]"},
        "batch": 50,
        "select": "$[?(@.body =~ '\"id\": \"{{ job.id }}\"')].body",
    }  # fmt: skip
    with MetaAds({"123": ROWS["123"]}, script=["Job Running", "Job Completed"]) as api:
        streams = [{"name": "ads_insights", "polling_requester": polling}]
        config = settings(api, vars={"throttle_wait": 0.1, "graph_url": api.url}, streams=streams)
        run = run_definition(
            tap, config, ["ads_insights"], jobs={"poll_interval": "400ms", "poll_interval_max": "400ms"}
        )

    assert 0 == run.exit_code, run.stderr
    assert 5 == len(run.records("ads_insights"))
    assert 2 == len(api.jobs)
    assert [] == api.calls("poll")
    assert any(all(id.encode() in call.body for id in api.jobs) for call in api.calls("batch"))
