"""The definition `yandex_direct` as it ships, against the simulator."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.yandex_direct import YandexDirect, problem
from warm import Child
from wire import Reset

MONTH = (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
START = MONTH - timedelta(days=10)
END = MONTH + timedelta(days=14)


def row(day: date, campaign: int, clicks: int, **more: Any) -> dict[str, Any]:
    metrics = dict.fromkeys(
        "AvgPageviews BounceRate Bounces Sessions Conversions ConversionRate CostPerConversion Revenue".split()
    )
    return {
        "Date": day.isoformat(), "CampaignId": campaign, "CampaignName": '"quoted', "CampaignType": "TEXT_CAMPAIGN",
        "AdGroupId": 5, "Query": "buy a | \"thing\"", "Impressions": 9, "Clicks": clicks, "Cost": 12.5, "Ctr": 1.25,
        "AvgCpc": 0.5, **metrics, **more,
    }  # fmt: skip


ROWS = [row(START, 7, 3), row(MONTH, 7, 4), row(END, 7, 5), row(END + timedelta(days=1), 7, 6)]
BIG = 626744528398123456


def settings(api: YandexDirect, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "yandex_direct", "base_url": api.url, "secrets": {"token": api.TOKEN},
        "start_date": START.isoformat(), "end_date": END.isoformat(), **changes,
    }  # fmt: skip


def days(api: YandexDirect) -> list[tuple[str, str]]:
    criteria = [job.spec["SelectionCriteria"] for job in api.jobs.values()]
    return sorted((entry["DateFrom"], entry["DateTo"]) for entry in criteria)


def test_two_months_by_the_same_request_over_and_over(tap: Process) -> None:
    with YandexDirect({"": ROWS}, script=[202, 202, 200]) as api:
        run = run_definition(tap, settings(api), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("campaigns_daily")
    assert [(str(START), 3), (str(MONTH), 4), (str(END), 5)] == sorted((r["Date"], r["Clicks"]) for r in records)
    assert ("", '"quoted', Decimal("12.5"), None) == tuple(
        records[0][name] for name in ("client_login", "CampaignName", "Cost", "Conversions")
    )
    before = MONTH - timedelta(days=1)
    assert [(str(START), str(before)), (str(MONTH), str(END))] == days(api)
    assert ["POST /json/v5/reports"] * 8 == api.lines()
    assert 2 == len({json.dumps(call.json(), sort_keys=True) for call in api.calls()})
    assert {None} == {call.header("Client-Login") for call in api.calls()}
    assert [END.isoformat()] == [
        partition["replication_key_value"] for partition in run.state["bookmarks"]["campaigns_daily"]["partitions"]
    ]


def test_clients_of_an_agency_and_one_that_may_not_be_read(tap: Process) -> None:
    clients = {"a": [row(END, 1, 1)], "b": [row(END, BIG, 2)]}
    with YandexDirect(clients, forbidden=["c"], script=[200]) as api:
        logins = {"client_logins": ["a", "b", "c"]}
        run = run_definition(tap, settings(api, vars=logins, start_date=END.isoformat()), ["search_queries_daily"])

    assert 0 == run.exit_code, run.stderr
    assert [("a", 1, 'buy a | "thing"'), ("b", BIG, 'buy a | "thing"')] == sorted(
        (r["client_login"], r["CampaignId"], r["Query"]) for r in run.records("search_queries_daily")
    )
    assert 2 * 2 + 1 == len(api.log)
    assert "No rights" in run.stderr


def test_a_slow_report_a_full_queue_and_a_lost_connection(tap: Process) -> None:
    full = problem(9000, "Cannot create report", "Exceeded the limit of reports in the queue").reply
    faults = {("report", 1): full, ("report", 5): Reset()}
    with YandexDirect({"": ROWS}, script=[202] * 14 + [200], faults=faults) as api:
        run = run_definition(tap, settings(api, start_date=END.isoformat()), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    assert [5] == [record["Clicks"] for record in run.records("campaigns_daily")]
    assert 1 == len(api.jobs)
    assert 1 + 1 + 1 + 15 == len(api.log)


def test_a_report_that_is_too_large_is_halved(tap: Process) -> None:
    with YandexDirect({"": ROWS}, script=[200], too_large=8) as api:
        run = run_definition(tap, settings(api, start_date=MONTH.isoformat()), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    assert [4, 5] == sorted(record["Clicks"] for record in run.records("campaigns_daily"))
    middle = MONTH + timedelta(days=7)
    firsts, lasts = zip(*days(api), strict=True)
    assert (str(MONTH), str(END), 2) == (firsts[0], lasts[-1], len(firsts))
    assert middle - date.fromisoformat(lasts[0]) in (timedelta(0), timedelta(days=1))


def test_no_statistics_and_a_second_run_that_asks_anew(tap: Process) -> None:
    with YandexDirect({"": []}, script=[200]) as api:
        one_day = settings(api, start_date=END.isoformat())
        first = run_definition(tap, one_day, ["campaigns_daily", "ads_daily"])
        assert 0 == first.exit_code, first.stderr
        second = run_definition(tap, one_day, ["campaigns_daily"], state=first.state)

    assert 0 == second.exit_code, second.stderr
    assert [] == first.records("campaigns_daily") + second.records("campaigns_daily")
    assert 3 == len(api.jobs)


def test_a_report_under_way_is_taken_up_by_the_next_run(tap: Process) -> None:
    with YandexDirect({"": ROWS}, script=[202]) as api:

        def interrupt(process: Child) -> None:
            while len(api.log) < 3:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)

        day = settings(api, start_date=END.isoformat())
        first = run_definition(tap, day, ["campaigns_daily"], while_running=interrupt)
        api.script = [200]
        second = run_definition(tap, day, ["campaigns_daily"], state=first.state)

    assert (143, 0) == (first.exit_code, second.exit_code), second.stderr
    assert [5] == [record["Clicks"] for record in second.records("campaigns_daily")]
    assert 1 == len(api.jobs)
    assert 1 == len({call.json()["params"]["ReportName"] for call in api.calls()})


def test_a_wrong_request_and_a_refused_token_are_told_in_the_words_of_the_api(tap: Process) -> None:
    with YandexDirect({"": ROWS}) as api:
        bad = settings(api, vars={"include_vat": "MAYBE"}, start_date=END.isoformat())
        wrong = run_definition(tap, bad, ["campaigns_daily"])
        refused = run_definition(tap, settings(api, secrets={"token": "stale"}), ["campaigns_daily"])

    assert (1, 77) == (wrong.exit_code, refused.exit_code)
    assert "invalid value" in wrong.stderr
    assert "Invalid OAuth token" in refused.stderr
