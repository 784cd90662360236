"""The definition `snowflake_sql` as it ships, against the simulator."""

from __future__ import annotations

import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.snowflake import Snowflake
from warm import Child
from wire import Lost, Reply, json_reply

START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=9)
QUERIES = "SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY"
METERING = "SNOWFLAKE.ACCOUNT_USAGE.WAREHOUSE_METERING_HISTORY"
ROWS = [
    {
        "QUERY_ID": f"q{number}", "QUERY_TEXT": 'select "ä"\nfrom t', "START_TIME": START + timedelta(hours=7 * number),
        "BYTES_SCANNED": 2**60 + number, "CREDITS_USED_CLOUD_SERVICES": Decimal("0.000123"),
    }
    for number in range(6)
]  # fmt: skip


def settings(api: Snowflake, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "snowflake_sql",
        "base_url": api.url,
        "vars": {"account": api.ACCOUNT, "user": api.USER},
        "secrets": {"private_key": api.private_key, "public_key_fingerprint": api.fingerprint},
        "start_date": START.isoformat(),
        "end_date": (START + timedelta(days=2)).isoformat(),
        **changes,
    }


def test_two_days_of_queries_in_partitions(tap: Process) -> None:
    with Snowflake({QUERIES: ROWS}) as api:
        run = run_definition(tap, settings(api), ["query_history"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("query_history")
    assert [f"q{number}" for number in range(6)] == [record["QUERY_ID"] for record in records]
    assert (2**60 + 1, Decimal("0.000123"), None, 'select "ä"\nfrom t') == tuple(
        records[1][name] for name in ("BYTES_SCANNED", "CREDITS_USED_CLOUD_SERVICES", "END_TIME", "QUERY_TEXT")
    )
    assert f"{START + timedelta(hours=7):%Y-%m-%dT%H:%M:%S}Z" == records[1]["START_TIME"]
    assert 2 == len(api.jobs)
    counted = Counter(api.lines())
    for job in api.jobs.values():
        path = f"GET /api/v2/statements/{job.id}"
        first_day = job.spec["bindings"]["1"]["value"].startswith(f"{START:%Y-%m-%d}")
        partitions = [f"{path}?partition={number}" for number in range(2 if first_day else 1)]
        assert [2] + [1] * len(partitions) == [counted.pop(line) for line in (path, *partitions)]
    assert 2 == len(counted) and all(line.startswith("POST /api/v2/statements?async=true") for line in counted)
    assert f"{START + timedelta(days=2):%Y-%m-%d}" in str(run.bookmark("query_history"))


def test_an_answer_that_is_lost_a_busy_server_and_a_broken_partition_run_no_statement_twice(tap: Process) -> None:
    faults: dict[tuple[str, int | str], Any] = {
        ("create", 1): Lost("close"),
        ("result", 1): Reply(429, '{"code": "390509", "message": "Too many requests"}', {"Retry-After": "0.1"}),
        ("result", 5): Reply(503, ""),
    }
    with Snowflake({QUERIES: ROWS}, script=[200], faults=faults) as api:
        day = settings(api, end_date=(START + timedelta(days=1)).isoformat())
        run = run_definition(tap, day, ["query_history"])

    assert 0 == run.exit_code, run.stderr
    assert 4 == len(run.records("query_history"))
    assert 1 == len(api.jobs)
    created = [call.query for call in api.calls("create")]
    assert 2 == len(created) and created[0] == created[1]


def test_an_own_statement_with_a_warehouse_and_an_empty_view(tap: Process) -> None:
    own = {
        "name": "mine", "columns": {"ID": "integer", "NAME": "string"},
        "creation_requester": {"json": {"statement": "SELECT ID, NAME FROM MY.TABLE"}},
    }  # fmt: skip
    defaults = {"creation_requester": {"json": {"warehouse": "W"}}}
    with Snowflake({"MY.TABLE": [{"ID": 1, "NAME": None}], METERING: []}, script=[200]) as api:
        config = settings(api, streams=[own], stream_defaults=defaults)
        run = run_definition(tap, config, ["mine", "warehouse_metering_history"])

    assert 0 == run.exit_code, run.stderr
    assert [{"ID": 1, "NAME": None}] == run.records("mine")
    assert [] == run.records("warehouse_metering_history")
    assert {"W"} == {job.spec["warehouse"] for job in api.jobs.values()}
    assert 2 == len(api.request_ids)


def test_a_statement_that_fails_is_told_and_not_tried_again(tap: Process) -> None:
    with Snowflake({QUERIES: ROWS}, script=[202, 422]) as api:
        run = run_definition(tap, settings(api), ["query_history"])

    assert 1 == run.exit_code
    assert "SQL compilation error" in run.stderr
    assert 2 >= len(api.jobs)
    assert [] == run.records("query_history")


def test_an_interrupted_run_cancels_its_statement(tap: Process) -> None:
    with Snowflake({QUERIES: ROWS}, script=[202]) as api:

        def interrupt(process: Child) -> None:
            while len(api.calls("result")) < 2:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)

        day = settings(api, end_date=(START + timedelta(days=1)).isoformat())
        run = run_definition(tap, day, ["query_history"], while_running=interrupt)

    assert 143 == run.exit_code, run.stderr
    assert [True] == [job.aborted for job in api.jobs.values()]
    assert 1 == len(api.calls("cancel"))


def test_a_refused_token_ends_the_run(tap: Process) -> None:
    refusal = json_reply({"code": "390144", "message": "JWT token is invalid."}, 401)
    with Snowflake({QUERIES: ROWS}, faults={("create", "*"): refusal}) as api:
        run = run_definition(tap, settings(api), ["query_history"])

    assert 77 == run.exit_code
    assert "JWT token is invalid" in run.stderr
    assert api.private_key not in run.stderr
