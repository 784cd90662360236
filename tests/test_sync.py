"""Whole runs of the tap against a scripted API, as a process of its own."""

from __future__ import annotations

import signal
import time
from decimal import Decimal
from typing import Any

import pytest
from fake_api import FakeApi
from process import Process

COLUMNS = {"date": "date", "campaign": "integer", "clicks": "integer", "cost": "number"}
ROWS = [
    {"date": f"2026-01-0{day}", "campaign": campaign, "clicks": 10 * day + campaign, "cost": "1.50"}
    for day in (1, 2, 3)
    for campaign in (1, 2)
]


def stream(name: str = "clicks", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "primary_keys": ["date", "campaign"],
        "replication_key": "date",
        "columns": COLUMNS,
        "incremental": {"start": "2026-01-01", "end": "2026-01-03", "step": "1d", "format": "date", "end_is": "inclusive"},
        "creation_requester": {
            "request": "POST /exports",
            "json": {"stream": name, "from": "{{ window.start }}", "to": "{{ window.end }}"},
        },
        "polling_requester": "GET /exports/{{ creation_response.id }}",
        "download_retriever": "GET {{ polling_response.url }}",
        "abort_requester": "POST /exports/{{ creation_response.id }}/abort",
        "delete_requester": "DELETE /exports/{{ creation_response.id }}",
        "jobs": {"poll_interval": "50ms", "poll_backoff": 1},
        **changes,
    }


def config(api: FakeApi, *streams: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"base_url": api.url, "streams": list(streams or [stream()]), **changes}


def typed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "cost": Decimal(row["cost"])} for row in rows]


def test_every_window_becomes_rows_in_order_and_moves_the_bookmark(tap: Process) -> None:
    with FakeApi(rows=ROWS) as api:
        run = tap.run(config(api))

    assert 0 == run.exit_code, run.stderr
    assert "SCHEMA" == run.messages[0]["type"]
    assert typed(ROWS) == run.records("clicks")
    assert "2026-01-03" == run.bookmark("clicks")
    assert "2026-01-04T00:00:00Z" == run.state["bookmarks"]["clicks"]["until"]
    assert [] == run.jobs("clicks")
    assert 3 == len(api.calls("create"))
    assert 3 == len(api.calls("delete"))
    assert 0 == len(api.calls("abort"))


def test_a_second_run_asks_for_nothing(tap: Process) -> None:
    with FakeApi(rows=ROWS) as api:
        first = tap.run(config(api))
        second = tap.run(config(api), state=first.state)

    assert 0 == second.exit_code, second.stderr
    assert [] == second.records("clicks")
    assert first.state == second.state
    assert 3 == len(api.calls("create"))


@pytest.mark.promise(8)
def test_a_killed_runs_successor_goes_on_with_its_jobs(tap: Process) -> None:
    with FakeApi(script=lambda job, k: "DONE" if released else "RUNNING", rows=ROWS) as api:
        released: list[bool] = []

        def kill(process: Any) -> None:
            while len(api.jobs) < 3 or any(job.polls < 4 for job in api.jobs.values()):
                time.sleep(0.01)
            process.kill()

        killed = tap.run(config(api), while_running=kill)
        assert 3 == len(killed.jobs("clicks"))
        released.append(True)
        second = tap.run(config(api), state=killed.state)

    assert 0 == second.exit_code, second.stderr
    assert typed(ROWS) == second.records("clicks")
    assert 3 == len(api.calls("create"))
    assert [] == second.jobs("clicks")


@pytest.mark.promise(9)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_aborts_live_jobs_and_ends_with_the_whole_state(tap: Process, number: int, code: int) -> None:
    script = lambda job, k: "DONE" if job.spec["from"] < "2026-01-03" else "RUNNING"  # noqa: E731
    with FakeApi(script=script, rows=ROWS) as api:

        def interrupt(process: Any) -> None:
            while len(api.calls("delete")) < 2:
                time.sleep(0.01)
            process.send_signal(number)
            process.send_signal(number)

        run = tap.run(config(api), while_running=interrupt)

    assert code == run.exit_code, run.stderr
    assert "STATE" == run.messages[-1]["type"]
    assert "2026-01-02" == run.bookmark("clicks")
    assert 1 == len(api.calls("abort"))
    assert [] == run.jobs("clicks")


@pytest.mark.promise(10)
def test_a_failed_window_fails_its_stream_at_that_bookmark_and_no_other(tap: Process) -> None:
    script = lambda job, k: "FAILED" if job.spec == BAD else "DONE"  # noqa: E731
    BAD = {"stream": "clicks", "from": "2026-01-02", "to": "2026-01-02"}
    with FakeApi(script=script, rows=ROWS) as api:
        run = tap.run(config(api, stream(jobs={"max_attempts": 1}), stream("other")))

    assert 1 == run.exit_code
    assert "2026-01-01" == run.bookmark("clicks")
    assert typed(ROWS[:2]) == run.records("clicks")
    assert typed(ROWS) == run.records("other")
    assert "2026-01-03" == run.bookmark("other")
    assert "clicks" in run.stderr.splitlines()[-2] or "clicks" in run.stderr


def test_an_api_that_refuses_the_login_ends_with_77(tap: Process) -> None:
    with FakeApi(rows=ROWS, token="good") as api:
        run = tap.run(
            config(api, authenticator={"type": "bearer", "token": "{{ secrets.token }}"}, secrets={"token": "wrong-one"})
        )

    assert 77 == run.exit_code
    assert "Traceback" not in run.stderr
    assert "wrong-one" not in run.stderr


@pytest.mark.promise(9)
def test_discovery_makes_no_call(tap: Process) -> None:
    with FakeApi(rows=ROWS) as api:
        run = tap.run(config(api), "--discover")

    assert 0 == run.exit_code, run.stderr
    assert [] == api.log


@pytest.mark.promise(23)
def test_rows_outside_the_window_are_emitted_with_one_warning_and_move_no_bookmark(tap: Process) -> None:
    stray = [{"date": "2026-03-01", "campaign": day, "clicks": 1, "cost": "1.00"} for day in (7, 8)]
    text = "date,campaign,clicks,cost\n"
    rows = lambda job: text + "".join(  # noqa: E731
        ",".join(map(str, row.values())) + "\n" for row in [*ROWS, *stray] if row["date"] in (job.spec["from"], "2026-03-01")
    )
    with FakeApi(rows=rows) as api:
        run = tap.run(config(api))

    assert 0 == run.exit_code, run.stderr
    assert len(ROWS) + 6 == len(run.records("clicks"))
    assert "2026-01-03" == run.bookmark("clicks")
    assert 1 == run.stderr.count("rows lie outside the window")


def test_rows_inside_their_windows_give_no_warning(tap: Process) -> None:
    with FakeApi(rows=ROWS) as api:
        run = tap.run(config(api))

    assert "outside the window" not in run.stderr
