"""The definition `stripe_reports` as it ships, against the simulator."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.stripe import Stripe
from warm import WarmProcess
from wire import Cut, Lost, Reply, json_reply

from tap_asyncreport.config.loading import load

KINDS = {
    "balance_change_from_activity": "balance_change_from_activity.itemized.3",
    "payouts": "payouts.itemized.3",
    "payout_reconciliation": "payout_reconciliation.itemized.5",
}


def columns_of(stream: str) -> list[str]:
    loaded = load([{"definition": "stripe_reports", "start_date": "2026-01-01"}], environ={}, require_secrets=False)
    (found,) = (each for each in loaded.settings.streams if each.name == stream)
    return list(found.columns or {})


def row(stream: str, number: int, **values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(columns_of(stream)), "balance_transaction_id": f"txn_{number}", **values}


ACTIVITY = [
    row("balance_change_from_activity", 1, created_utc="2026-01-01 00:00:00", gross="1234567890.10", currency="usd",
        description='Paid, "in full"\nand more'),
    row("balance_change_from_activity", 2, created_utc="2026-01-31 23:59:59", gross="-5", available_on_utc="2026-02-02 00:00:00"),
    row("balance_change_from_activity", 3, created_utc="2026-02-01 00:00:00", gross="7.00"),
    row("balance_change_from_activity", 4, created_utc="2026-02-10 00:00:00", gross="8.00"),
]  # fmt: skip


def settings(api: Stripe, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "stripe_reports",
        "base_url": f"{api.url}/v1",
        "secrets": {"api_key": api.KEY},
        "start_date": "2026-01-01",
        "end_date": "2026-02-10",
        **changes,
    }


def epoch(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def spans(api: Stripe) -> list[tuple[int, int]]:
    """The intervals of the runs that were made."""
    found = [job.spec["parameters"] for job in api.jobs.values()]
    return sorted((each["interval_start"], each["interval_end"]) for each in found)


def test_two_months_of_activity(tap: Process) -> None:
    with Stripe({KINDS["balance_change_from_activity"]: ACTIVITY}) as api:
        run = run_definition(tap, settings(api), ["balance_change_from_activity"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("balance_change_from_activity")
    assert ["txn_1", "txn_2", "txn_3", "txn_4"] == [record["balance_transaction_id"] for record in records]
    assert (Decimal("1234567890.10"), Decimal(-5)) == (records[0]["gross"], records[1]["gross"])
    assert ('Paid, "in full"\nand more', "2026-01-31T23:59:59Z", "2026-02-02T00:00:00Z", None) == (
        records[0]["description"], records[1]["created_utc"], records[1]["available_on_utc"], records[1]["charge_id"],
    )  # fmt: skip
    assert [(epoch(2026, 1, 1), epoch(2026, 2, 1)), (epoch(2026, 2, 1), epoch(2026, 2, 11))] == spans(api)
    (one, two) = (job.id for job in api.jobs.values())
    assert ["POST /v1/reporting/report_runs"] * 2 == api.lines("create")
    assert sorted(f"GET /v1/reporting/report_runs/{id}" for id in (one, two) for _ in range(2)) == sorted(
        api.lines("poll")
    )
    assert ["GET /v1/files/file_1xs8vrJzC/contents", "GET /v1/files/file_2xs8vrJzC/contents"] == sorted(
        api.lines("download")
    )
    assert 2 + 4 + 2 == len(api.log)
    form = api.calls("create")[0].form()
    assert columns_of("balance_change_from_activity") == [
        value for name, value in form if name == "parameters[columns][]"
    ]
    assert ("parameters[timezone]", "Etc/UTC") in form
    assert "2026-02-10" == run.bookmark("balance_change_from_activity")


def test_the_other_reports_and_what_was_there_already(tap: Process) -> None:
    rows = {
        KINDS["payouts"]: [
            row("payouts", 1, effective_at_utc="2026-02-05 00:00:00", payout_status="paid", net="-12.30")
        ],
        KINDS["payout_reconciliation"]: [],
    }
    with Stripe(rows, script=["succeeded"]) as api:
        names = ["payouts", "payout_reconciliation"]
        run = run_definition(tap, settings(api, start_date="2026-02-01"), names)
        later = run_definition(tap, settings(api, end_date="2026-02-20"), names, state=run.state)

    assert (0, 0) == (run.exit_code, later.exit_code), run.stderr + later.stderr
    (payout,) = run.records("payouts")
    assert ("paid", Decimal("-12.30"), "2026-02-05T00:00:00Z") == (
        payout["payout_status"], payout["net"], payout["effective_at_utc"],
    )  # fmt: skip
    assert [] == run.records("payout_reconciliation")
    assert (epoch(2026, 2, 4), epoch(2026, 2, 21)) == spans(api)[-1]
    assert "2026-02-20" == later.bookmark("payout_reconciliation")


AVAILABLE = (datetime(2012, 1, 1, tzinfo=UTC), datetime(2026, 2, 8, 12, tzinfo=UTC))
ELEVENTH = """
from datetime import UTC, datetime
from tap_asyncreport.clock import SystemClock
SystemClock.now = lambda self: datetime(2026, 2, 11, tzinfo=UTC)
"""


def test_days_whose_data_is_not_prepared_yet_are_left_to_the_next_run(tap: WarmProcess) -> None:
    tap.changes = ELEVENTH
    with Stripe({KINDS["balance_change_from_activity"]: ACTIVITY}, available=AVAILABLE) as api:
        run = run_definition(tap, settings(api), ["balance_change_from_activity"])
        refused = [call for call in api.calls("create") if call.status == 400]

    assert 0 == run.exit_code, run.stderr
    assert ["txn_1", "txn_2", "txn_3"] == [
        r["balance_transaction_id"] for r in run.records("balance_change_from_activity")
    ]
    assert "2026-02-07" == run.bookmark("balance_change_from_activity")
    assert epoch(2026, 2, 8) == spans(api)[-1][1]
    assert len(refused) <= 5
    assert "data_available_end" in run.stderr


def test_a_window_that_begins_behind_what_is_there_is_left_to_the_next_run(tap: WarmProcess) -> None:
    """As the second half of a window is, when it is asked for before the first has been refused."""
    tap.changes = ELEVENTH
    with Stripe({}, available=AVAILABLE) as api:
        run = run_definition(tap, settings(api, start_date="2026-02-09"), ["balance_change_from_activity"])

    assert 0 == run.exit_code, run.stderr
    assert "data_available_end" in run.stderr
    assert run.bookmark("balance_change_from_activity") is None


def test_a_start_before_any_data_is_an_error(tap: WarmProcess) -> None:
    tap.changes = ELEVENTH
    with Stripe({}, available=AVAILABLE) as api:
        run = run_definition(tap, settings(api, start_date="2011-12-31"), ["balance_change_from_activity"])

    assert 1 == run.exit_code
    assert "interval_start must be between data_available_start" in run.stderr


def test_one_run_per_window_whatever_happens_to_answers_and_transfers(tap: Process) -> None:
    limit = json_reply({"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many"}}, 429)
    faults = {
        ("create", 1): Lost("reset"), ("create", 2): limit, ("create", 3): json_reply({"error": {}}, 409),
        ("poll", 1): limit, ("poll", 2): Reply(500), ("download", 1): Cut(30),
    }  # fmt: skip
    with Stripe({KINDS["balance_change_from_activity"]: ACTIVITY}, faults=faults) as api:
        run = run_definition(tap, settings(api, start_date="2026-02-01"), ["balance_change_from_activity"])
        keys = {call.header("Idempotency-Key") for call in api.calls("create")}

    assert 0 == run.exit_code, run.stderr
    assert ["txn_3", "txn_4"] == [r["balance_transaction_id"] for r in run.records("balance_change_from_activity")]
    assert (1, 1, 4) == (len(api.jobs), len(keys), len(api.calls("create")))
    assert {f"Bearer {api.KEY}"} == {call.header("Authorization") for call in api.log}


def test_months_without_anything_are_read_and_done(tap: Process) -> None:
    with Stripe({}, script=["succeeded"]) as api:
        run = run_definition(tap, settings(api), ["payouts"])
    assert (0, []) == (run.exit_code, run.records("payouts")), run.stderr
    assert "2026-02-10" == run.bookmark("payouts")
    assert 2 == len(api.jobs)


def test_a_failed_run_is_made_again_and_then_said(tap: Process) -> None:
    with Stripe({}, script=["failed"]) as api:
        run = run_definition(tap, settings(api, start_date="2026-02-01"), ["payouts"])

    assert (1, 3) == (run.exit_code, len(api.jobs))
    assert "An error occurred while running the report." in run.stderr
    assert api.KEY not in run.stderr
