"""The definition `salesforce_bulk` as it ships, against the simulator."""

from __future__ import annotations

import signal
import time
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.salesforce_bulk import SalesforceBulk
from wire import Cut, json_reply

ALL = ["accounts", "contacts", "leads", "opportunities", "cases", "users"]


def account(number: int, stamp: str, **more: str) -> dict[str, str]:
    return {
        "Id": f"001R00000{number:06}", "Name": f'Größe, "{number}"\nGmbH', "SystemModstamp": stamp, "IsDeleted": "false",
        "AnnualRevenue": "1200000.50", "NumberOfEmployees": "12", "LastActivityDate": "2026-01-03", "Tier__c": "gold", **more,
    }  # fmt: skip


ACCOUNTS = [
    account(1, "2026-01-01T00:00:00.000Z"),
    account(2, "2026-02-10T08:00:00.000Z", IsDeleted="true", AnnualRevenue=""),
    account(3, "2026-03-31T23:59:59.000Z"),
    account(4, "2026-04-01T00:00:00.000Z"),
    account(5, "2026-05-01T00:00:00.000Z"),
]


def settings(api: SalesforceBulk, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "salesforce_bulk",
        "vars": {"login_url": api.origin("login")},
        "start_date": "2026-01-01",
        "end_date": "2026-04-30",
        "secrets": {"client_id": api.CLIENT, "client_secret": api.SECRET, "refresh_token": api.REFRESH},
        **changes,
    }


def numbers(records: list[dict[str, Any]]) -> list[int]:
    return [int(record["Id"].removeprefix("001R")) for record in records]


def test_two_windows_in_pages_with_a_column_of_the_users_own(tap: Process) -> None:
    streams = [{"name": "accounts", "columns": {"Tier__c": "string"}}]
    with SalesforceBulk({"Account": ACCOUNTS}, page=2) as api:
        run = run_definition(tap, settings(api, streams=streams), ["accounts"])

    assert 0 == run.exit_code, run.stderr
    assert [1, 2, 3, 4] == numbers(run.records("accounts"))
    first, second = run.records("accounts")[:2]
    assert ('Größe, "1"\nGmbH', Decimal("1200000.50"), 12, "2026-01-03", False, "gold", None) == tuple(
        first[name]
        for name in ("Name", "AnnualRevenue", "NumberOfEmployees", "LastActivityDate", "IsDeleted", "Tier__c", "Phone")
    )
    assert (True, None) == (second["IsDeleted"], second["AnnualRevenue"])
    assert [
        "SystemModstamp >= 2026-01-01T00:00:00Z AND SystemModstamp < 2026-04-01T00:00:00Z",
        "SystemModstamp >= 2026-04-01T00:00:00Z AND SystemModstamp < 2026-05-01T00:00:00Z",
    ] == sorted(job.spec["where"] for job in api.jobs.values())
    jobs = {job.spec["where"][-21:]: f"/services/data/v62.0/jobs/query/{job.id}" for job in api.jobs.values()}
    early, late = jobs[" 2026-04-01T00:00:00Z"], jobs[" 2026-05-01T00:00:00Z"]
    assert ["POST /services/oauth2/token"] == api.lines("token")
    assert ["POST /services/data/v62.0/jobs/query"] * 2 == api.lines("create")
    assert sorted([f"GET {early}"] * 3 + [f"GET {late}"] * 3) == sorted(api.lines("poll"))
    assert sorted(
        [
            f"GET {early}/results?maxRecords=100000",
            f"GET {early}/results?maxRecords=100000&locator=Mg",
            f"GET {late}/results?maxRecords=100000",
        ]
    ) == sorted(api.lines("results"))
    assert sorted([f"DELETE {early}", f"DELETE {late}"]) == sorted(api.lines("delete"))
    assert 1 + 2 + 6 + 3 + 2 == len(api.log)
    assert "2026-05-01T00:00:00Z" == run.bookmark("accounts")


def test_a_session_that_dies_and_a_second_page_that_breaks_off(tap: Process) -> None:
    with SalesforceBulk({"Account": ACCOUNTS}, page=2, good_for=2, faults={("results", 2): Cut(20)}) as api:
        run = run_definition(tap, settings(api, end_date="2026-03-31"), ["accounts"])

    assert 0 == run.exit_code, run.stderr
    assert [1, 2, 3] == numbers(run.records("accounts"))
    assert 1 == len(api.jobs)
    assert all(job.deleted for job in api.jobs.values())
    assert 1 < len(api.calls("token"))
    assert not any(token.value in run.stderr for token in api.sessions.issued)


def test_nothing_found_and_the_list_of_result_pages_instead_of_locators(tap: Process) -> None:
    paged = {
        "name": "accounts",
        "download_target_requester": {
            "request": "GET /services/data/{{ vars.version }}/jobs/query/{{ creation_response.id }}/resultPages",
            "paginator": {"type": "next_url", "extractor": "$.nextRecordUrl"},
        },
        "download_target_extractor": "$.resultPages[*].resultUrl",
        "download_retriever": {"request": "GET {{ download_target }}", "params": None, "paginator": None},
    }
    with SalesforceBulk({"Account": ACCOUNTS * 3}, page=1, script=["JobComplete"]) as api:
        run = run_definition(tap, settings(api, end_date="2026-03-31", streams=[paged]), ALL)

    assert 0 == run.exit_code, run.stderr
    assert [1, 2, 3] * 3 == numbers(run.records("accounts"))
    assert [] == [m for m in run.messages if m["type"] == "RECORD" and m["stream"] != "accounts"]
    assert sorted(ALL) == sorted(run.state["bookmarks"])
    assert 2 == len(api.calls("result_pages"))
    assert 6 == len(api.calls("delete"))


def test_a_job_that_fails_tells_why_and_is_cleaned_up_and_one_that_times_out_is_halved(tap: Process) -> None:
    timeout = "QUERY_TIMEOUT: Your query request was running for too long."
    with SalesforceBulk({"Account": ACCOUNTS}, script={1: ["Failed"], None: ["JobComplete"]}, reason=timeout) as api:
        halved = run_definition(tap, settings(api, end_date="2026-03-31"), ["accounts"])
        assert 3 == len(api.jobs)
        streams = [{"name": "accounts", "columns": {"Nobody__c": "string"}}]
        failed = run_definition(tap, settings(api, streams=streams, end_date="2026-03-31"), ["accounts"])

    assert (0, 1) == (halved.exit_code, failed.exit_code), halved.stderr
    assert [1, 2, 3] == numbers(halved.records("accounts"))
    assert "No such column 'Nobody__c'" in failed.stderr
    assert 3 + 1 == len(api.jobs)
    assert all(job.deleted for job in api.jobs.values())


def test_limits_end_the_stream_in_good_order_and_a_signal_aborts(tap: Process) -> None:
    limit = json_reply([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}], 403)
    streams = [{"name": "accounts", "jobs": {"max_concurrent": 1}}]
    with SalesforceBulk({"Account": ACCOUNTS}, daily=1, faults={("poll", 1): limit}) as api:
        spent = run_definition(tap, settings(api, streams=streams), ["accounts"])
        api.daily, api.script = 9, ["InProgress"]

        def interrupt(process: Any) -> None:
            while len(api.calls("poll")) < 6:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)

        stopped = run_definition(tap, settings(api), ["accounts"], state=spent.state, while_running=interrupt)

    assert (1, 143) == (spent.exit_code, stopped.exit_code), spent.stderr
    assert [1, 2, 3] == numbers(spent.records("accounts"))
    assert "2026-04-01T00:00:00Z" == spent.bookmark("accounts") == stopped.bookmark("accounts")
    assert "TotalRequests Limit exceeded" in spent.stderr
    assert [True, True] == [job.deleted for job in api.jobs.values()]
    assert [False, True] == [job.aborted for job in api.jobs.values()]
