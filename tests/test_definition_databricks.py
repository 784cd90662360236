"""The definition `databricks_sql` as it ships, against the simulator."""

from __future__ import annotations

import signal
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from definition_run import run_definition
from process import Process
from simulators.databricks import Databricks
from warm import Child
from wire import Reply

START = datetime.now(UTC).date() - timedelta(days=60)
END = START + timedelta(days=44)


def usage(number: int, day: date) -> dict[str, Any]:
    return {
        "record_id": f"r{number}", "usage_date": day, "usage_quantity": Decimal("0.120000000000000001"),
        "usage_start_time": datetime(day.year, day.month, day.day, 7, tzinfo=UTC), "custom_tags": {"team": "Ä"},
    }  # fmt: skip


USAGE = [usage(number, START + timedelta(days=day)) for number, day in enumerate((0, 1, 29, 30, 44, 45))]
TABLES = {"system.billing.usage": USAGE, "system.billing.list_prices": [], "system.query.history": []}


def settings(api: Databricks, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "databricks_sql",
        "base_url": api.url,
        "vars": {"workspace": "dbc-1.cloud.databricks.com", "warehouse_id": api.WAREHOUSE},
        "secrets": {"client_id": api.CLIENT, "client_secret": api.SECRET},
        "start_date": START.isoformat(),
        "end_date": END.isoformat(),
        **changes,
    }


def test_two_windows_in_chunks(tap: Process) -> None:
    with Databricks(TABLES) as api:
        run = run_definition(tap, settings(api), ["billing_usage"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("billing_usage")
    assert ["r0", "r1", "r2", "r3", "r4"] == [record["record_id"] for record in records]
    assert (str(START), Decimal("0.120000000000000001"), {"team": "Ä"}, None, f"{START}T07:00:00.000Z") == tuple(
        records[0][key] for key in ("usage_date", "usage_quantity", "custom_tags", "sku_name", "usage_start_time")
    )
    middle = START + timedelta(days=30)
    assert sorted(((str(START), str(middle)), (str(middle), str(END + timedelta(days=1))))) == sorted(
        tuple(parameter["value"] for parameter in job.spec["parameters"]) for job in api.jobs.values()
    )
    counts = {step: len(api.calls(step)) for step in ("token", "create", "poll", "chunk", "download")}
    assert {"token": 1, "create": 2, "poll": 4, "chunk": 3, "download": 3} == counts
    assert len(api.log) == sum(counts.values())
    assert END.isoformat() == run.bookmark("billing_usage")


def test_a_token_that_dies_in_mid_poll_and_a_link_that_has_ended(tap: Process) -> None:
    ended = Reply(403, "<Error><Code>AccessDenied</Code></Error>")
    with Databricks(TABLES, good_for=3, faults={("download", 1): ended}, script=["PENDING"] * 2 + ["SUCCEEDED"]) as api:
        one = settings(api, end_date=(START + timedelta(days=1)).isoformat())
        run = run_definition(tap, one, ["billing_usage"])

    assert 0 == run.exit_code, run.stderr
    assert ["r0", "r1"] == [record["record_id"] for record in run.records("billing_usage")]
    assert 1 == len(api.jobs)
    assert 2 == len(set(api.lines("download")))
    assert 2 <= len(api.calls("token"))
    assert api.access.issued[0].value not in run.stderr


def test_no_rows_and_a_whole_table(tap: Process) -> None:
    with Databricks(TABLES, script=["SUCCEEDED"]) as api:
        day = settings(api, start_date=END.isoformat())
        run = run_definition(tap, day, ["list_prices", "query_history"])

    assert 0 == run.exit_code, run.stderr
    assert [] == run.records("list_prices") + run.records("query_history")
    assert 1 + 2 + 2 == len(api.log)


@pytest.mark.parametrize(("truncated", "script", "said"), [
    (False, ["RUNNING", "FAILED"], "TABLE_OR_VIEW_NOT_FOUND"),
    (True, ["SUCCEEDED"], "truncated"),
])  # fmt: skip
def test_a_wrong_statement_or_missing_rows_fail_at_once(
    tap: Process, truncated: bool, script: list[str], said: str
) -> None:
    with Databricks(TABLES, script=script, truncated=truncated) as api:
        run = run_definition(tap, settings(api, start_date=END.isoformat()), ["billing_usage"])

    assert 1 == run.exit_code
    assert said in run.stderr
    assert 1 == len(api.jobs)
    assert [] == run.records("billing_usage")


def test_a_result_that_is_gone_is_made_again_and_an_interrupted_run_cancels(tap: Process) -> None:
    with Databricks(TABLES, script={1: ["CLOSED"], None: ["RUNNING"]}) as api:

        def interrupt(process: Child) -> None:
            while len(api.calls("poll")) < 3:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)

        run = run_definition(tap, settings(api, start_date=END.isoformat()), ["billing_usage"], while_running=interrupt)

    assert 143 == run.exit_code, run.stderr
    assert [False, True] == [job.aborted for job in api.jobs.values()]
