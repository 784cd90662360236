"""The definition `microsoft_ads` as it ships, against the simulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.microsoft_ads import MicrosoftAds, fault, generic
from wire import Cut, Reply, Reset, json_reply

END = datetime.now(UTC).date() - timedelta(days=3)
START = END - timedelta(days=40)


def row(day: int, campaign: int, account: int = 180, **more: Any) -> dict[str, Any]:
    return {
        "TimePeriod": str(START + timedelta(days=day)), "AccountId": account, "AccountName": "Acme", "CurrencyCode": "EUR",
        "CampaignId": campaign, "CampaignName": 'Shoes, "best"', "CampaignStatus": "Active", "Impressions": 2348, "Clicks": 50,
        "Ctr": "2.13%", "AverageCpc": "0.16", "Spend": "8.00", "ConversionsQualified": "1.50", "ConversionRate": "3.00%",
        "Revenue": "1000.00", **more,
    }  # fmt: skip


BIG = 9007199254740993
ROWS = {"180": [row(0, 7), row(15, BIG), row(40, 7), row(41, 9)], "181": [row(3, 20, 181)]}


def settings(api: MicrosoftAds, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "microsoft_ads",
        "base_url": f"{api.url}/Reporting/v13",
        "vars": {
            "login_url": f"{api.origin('login')}/common/oauth2/v2.0/token",
            "customer_url": f"{api.origin('customers')}/CustomerManagement/v13",
        },
        "secrets": {
            "developer_token": api.DEVELOPER,
            "client_id": api.CLIENT,
            "client_secret": api.SECRET,
            "refresh_token": api.first_refresh_token,
        },
        "start_date": str(START),
        "end_date": str(END),
        **changes,
    }


def test_two_windows_of_the_accounts_of_two_customers(tap: Process) -> None:
    with MicrosoftAds(ROWS, customers={"900": ["180"], "901": ["181"]}) as api:
        run = run_definition(tap, settings(api), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("campaigns_daily")
    assert sorted(
        (r["AccountId"], r["TimePeriod"], r["CampaignId"]) for r in (*ROWS["180"][:3], *ROWS["181"])
    ) == sorted((r["AccountId"], r["TimePeriod"], r["CampaignId"]) for r in records)
    assert ('Shoes, "best"', Decimal("2.13"), Decimal(8), Decimal("1.5"), Decimal(3), None) == tuple(
        records[0][name]
        for name in (
            "CampaignName",
            "Ctr",
            "Spend",
            "ConversionsQualified",
            "ConversionRate",
            "ViewThroughConversionsQualified",
        )
    )
    assert {("900", "180"), ("901", "181")} == {
        (call.header("CustomerId"), call.header("CustomerAccountId"))
        for call in (*api.calls("create"), *api.calls("poll"))
    }
    spans = {
        tuple(n for end in ("Start", "End") for n in job.spec["Time"][f"CustomDateRange{end}"].values())
        for job in api.jobs.values()
    }
    assert 2 == len(spans)
    assert {(START.day, START.month, START.year)} <= {span[:3] for span in spans}
    assert {(END.day, END.month, END.year)} <= {span[3:] for span in spans}
    steps = {step: api.steps().count(step) for step in set(api.steps())}
    assert {"token": 1, "user": 1, "accounts": 2, "create": 4, "poll": 8, "download": 3} == steps  # one has no rows
    assert {str(END)} == {
        each["replication_key_value"] for each in run.state["bookmarks"]["campaigns_daily"]["partitions"]
    }


def test_other_reports_have_columns_of_their_own(tap: Process) -> None:
    names = ["ad_groups_daily", "ads_daily", "keywords_daily", "search_terms_daily"]
    more = {
        "AdGroupId": 2,
        "AdGroupName": "G",
        "AdId": 3,
        "KeywordId": 4,
        "Keyword": "shoe",
        "SearchQuery": "red, shoe",
    }
    with MicrosoftAds({"180": [row(40, 7, **more)]}, script=["Success"]) as api:
        run = run_definition(tap, settings(api, start_date=str(END)), names)

    assert 0 == run.exit_code, run.stderr
    assert [2, 3, 4, "red, shoe"] == [
        run.records(name)[0][key]
        for name, key in zip(names, ("AdGroupId", "AdId", "KeywordId", "SearchQuery"), strict=True)
    ]
    assert {f"{kind}PerformanceReportRequest" for kind in ("AdGroup", "Ad", "Keyword", "SearchQuery")} == {
        job.spec["Type"] for job in api.jobs.values()
    }


def test_a_place_for_one_report_dead_tokens_and_links_that_end(tap: Process) -> None:
    gone = Reply(403, "<Error><Code>AuthenticationFailed</Code></Error>", {"Content-Type": "application/xml"})
    faults = {
        ("poll", 1): fault(0, "InternalError", "An internal error has occurred.", 500).reply, ("poll", 3): Reset(),
        ("download", 1): gone, ("download", 2): Cut(50), ("create", 1): json_reply({"ReportRequestId": None}),
    }  # fmt: skip
    with MicrosoftAds({"180": ROWS["180"]}, most=1, good_for=4, faults=faults) as api:
        run = run_definition(tap, settings(api), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    assert [7, BIG, 7] == [record["CampaignId"] for record in run.records("campaigns_daily")]
    assert (2, True) == (len(api.jobs), api.steps().count("token") > 1)
    assert {api.first_refresh_token} != {dict(call.form())["refresh_token"] for call in api.calls("token")}
    assert api.access.issued[0].value not in run.stderr


def test_an_account_that_may_not_be_read_is_passed_by(tap: Process) -> None:
    with MicrosoftAds(ROWS, forbidden=["181"]) as api:
        run = run_definition(tap, settings(api, start_date=str(END)), ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    assert [7] == [record["CampaignId"] for record in run.records("campaigns_daily")]
    assert "181" in run.stderr


def test_reports_with_the_lines_around_them_can_be_held_to_be_complete(tap: Process) -> None:
    """What a user may override: the lines about the report, read past, and data that is not complete a failure."""
    around = {
        "name": "campaigns_daily",
        "creation_requester": {"json": {"ReportRequest": {"ExcludeReportHeader": False, "ExcludeReportFooter": False}}},
        "download_retriever": {
            "request": "GET {{ download_target }}",
            "responses": [{"text": "Potential Incomplete Data: true", "means": "fail"}],
        },
        "decode": {"header": {"match": ["TimePeriod"]}, "stop_at": '^"?@20'},
    }
    with MicrosoftAds({"180": ROWS["180"]}, script=["Success"]) as api:
        run = run_definition(tap, settings(api, start_date=str(END), streams=[around]), ["campaigns_daily"])
        api.incomplete = True
        secrets = {**settings(api)["secrets"], "refresh_token": api.refresh.issued[-1].value}
        again = settings(api, start_date=str(END), streams=[around], secrets=secrets)
        incomplete = run_definition(tap, again, ["campaigns_daily"])

    assert 0 == run.exit_code, run.stderr
    assert [7] == [record["CampaignId"] for record in run.records("campaigns_daily")]
    assert (1, []) == (incomplete.exit_code, incomplete.records("campaigns_daily"))


def test_forgotten_and_failed_requests_are_made_again_and_refused_logins_end_the_run(tap: Process) -> None:
    forgotten = fault(2101, "ReportingServiceReportNotFound", "The report was not found.").reply
    with MicrosoftAds({"180": ROWS["180"]}, script=["Error"], faults={("poll", 1): forgotten}) as api:
        run = run_definition(tap, settings(api, start_date=str(END)), ["campaigns_daily"])
        made = len(api.jobs)
        api.faults["create", "*"] = generic(105, "InvalidCredentials", "Authentication failed.", 401).reply
        secrets = {**settings(api)["secrets"], "refresh_token": api.refresh.issued[-1].value}
        refused = run_definition(tap, settings(api, start_date=str(END), secrets=secrets), ["campaigns_daily"])

    assert (1, 3) == (run.exit_code, made)
    assert "Error" in run.stderr
    assert (77, True) == (refused.exit_code, "InvalidCredentials" in refused.stderr)
