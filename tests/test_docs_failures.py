"""The guide for the morning: every night that it shows is played, and ends in the very lines that it quotes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi, Reply, Request, json_reply
from process import TAP, Outcome
from warm import WarmProcess

GUIDE = Path(__file__).parent.parent / "docs" / "failures.md"
DAYS = ("2026-01-01", "2026-01-02")


def orders(api: FakeApi, **changes: Any) -> dict[str, Any]:
    """The configuration of every night: two days of orders, one after the other, and one table of items."""
    steps = {
        "polling_requester": "GET /exports/{{ creation_response.id }}",
        "download_retriever": "GET {{ polling_response.url }}",
        "delete_requester": "DELETE /exports/{{ creation_response.id }}",
    }
    by_day = {
        "name": "orders", "primary_keys": ["order_id"], "replication_key": "day",
        "columns": {"order_id": "integer", "day": "date", "total": "decimal"},
        "incremental": {"start": DAYS[0], "end": DAYS[1], "step": "1d", "format": "date", "end_is": "inclusive"},
        "creation_requester": {"request": "POST /exports", "json": {"day": "{{ window.start }}", "of": "orders"}},
        **steps,
        "status": {"message": "$.reason"},
        "jobs": {"poll_interval": "20ms", "max_concurrent": 1, "max_attempts": 2},
    }  # fmt: skip
    items = {"name": "items", "creation_requester": {"request": "POST /exports", "json": {"of": "items"}}, **steps}
    return {"base_url": api.url, "streams": [{**by_day, **changes.pop("stream", {})}, items], **changes}


def day_of(job: Any) -> str:
    return str(job.spec.get("day"))


def rows_of(job: Any) -> str:
    if job.spec["of"] == "items":
        return "sku,name\n1,pen\n2,ink\n3,cap\n"
    return f"order_id,day,total\n1,{day_of(job)},9.50\n2,{day_of(job)},9.50\n"


def on_the_second_day(answer: Any) -> Any:
    return lambda job, k: answer if day_of(job) == DAYS[1] else "DONE"


def with_rows(text: str) -> Any:
    return lambda job: text if day_of(job) == DAYS[1] else rows_of(job)


QUOTA = {
    "request": "POST /exports", "json": {"day": "{{ window.start }}", "of": "orders"},
    "responses": [{"status": 403, "text": "quota", "means": "quota_exhausted"}],
}  # fmt: skip
FULL_DISK = """
import errno
from tap_asyncreport.spool import Piece

write = Piece.write

def full(self, data, room):
    if b"2026-01-02" in bytes(data):
        raise self.spool.unwritable(OSError(errno.ENOSPC, ""))
    write(self, data, room)

Piece.write = full
"""
NIGHTS: dict[str, tuple[int, dict[str, Any]]] = {
    "failed": (1, {"script": on_the_second_day({"status": "FAILED", "reason": "shard 7 lost"})}),
    "secret": (77, {"faults": {("create", "*"): Reply(401, '{"error": "token expired"}')}, "authenticator": {"type": "bearer", "token": "x"}}),
    "quota": (1, {"faults": {("create", 3): Reply(403, '{"error":"daily quota of 2 reports used up"}')}, "stream": {"creation_requester": QUOTA}}),
    "key": (1, {"rows": with_rows("id,day,total\n1,2026-01-02,9.50\n")}),
    "type": (1, {"rows": with_rows("order_id,day,total\n1,2026-01-02,n/a\n")}),
    "drift": (0, {"rows": with_rows("order_id,day,amount\n1,2026-01-02,9.50\n")}),
    "page": (1, {"rows": with_rows("<html><body>Down for maintenance</body></html>")}),
    "timeout": (1, {"script": on_the_second_day("RUNNING"), "stream": {"jobs": {"poll_interval": "20ms", "max_concurrent": 1, "timeout": "1s"}}}),
}


def items_are_second(api: FakeApi, request: Request) -> Reply | None:
    """The first day runs on until the job of items is there, so that each job has its number on any machine."""
    early = request.job == "job-1" and "job-2" not in api.jobs
    return json_reply({"id": request.job, "status": "RUNNING"}) if early else None


def played(tap: WarmProcess, script: Any = ("DONE",), *, rows: Any = rows_of, faults: Any = None, **changes: Any) -> Outcome:
    with FakeApi(script, rows=rows, faults=faults or {}, hooks={"poll": items_are_second}) as api:
        return tap.run(orders(api, **changes))


def quoted() -> dict[str, str]:
    """What the guide shows of each night."""
    return dict(re.findall(r"<!-- night: (\w+) -->\n```\w+\n(.*?)```", GUIDE.read_text(), re.DOTALL))


@pytest.fixture
def tap(tmp_path: Path) -> WarmProcess:
    return WarmProcess(tmp_path)


@pytest.mark.promise(10)
@pytest.mark.parametrize("night", NIGHTS)
def test_a_night_ends_in_the_lines_that_the_guide_quotes(night: str, tap: WarmProcess) -> None:
    code, options = NIGHTS[night]
    run = played(tap, **options)

    assert code == run.exit_code, run.stderr
    for line in filter(None, quoted()[night].splitlines()):
        assert line in run.stderr, run.stderr


@pytest.mark.parametrize("night", [night for night in NIGHTS if NIGHTS[night][0] == 1])
def test_running_again_is_always_right(night: str, tap: WarmProcess) -> None:
    """Once the reason is gone, the next run reads what is missing, and each row has come once."""
    first = played(tap, **NIGHTS[night][1])
    with FakeApi(rows=rows_of) as api:
        second = tap.run(orders(api), state=first.state)

    assert 0 == second.exit_code, second.stderr
    assert sorted(DAYS[:2] * 2) == sorted(row["day"] for row in [*first.records("orders"), *second.records("orders")])


@pytest.mark.promise(18)
def test_a_full_disk(tap: WarmProcess) -> None:
    tap.changes = FULL_DISK
    run = played(tap)

    (line,) = quoted()["disk"].splitlines()
    assert 1 == run.exit_code
    assert line in re.sub(r"(files in) \S+, which holds [\d,]+", r"\1 /data/spool, which holds 0", run.stderr)
    assert (DAYS[0], [DAYS[0]] * 2) == (run.bookmark("orders"), [row["day"] for row in run.records("orders")])


def test_every_night_of_the_guide_is_played() -> None:
    assert {*NIGHTS, "disk", "killed"} == set(quoted())
    assert GUIDE.read_text().count("```text\n") == len(quoted()) - 1


def ageless(line: str) -> list[str]:
    return re.sub(r"(job-\d+) .* (\d  )", r"\1 \2", line).split()


def test_a_killed_run_has_its_jobs_in_the_state(tap: WarmProcess) -> None:
    with FakeApi(on_the_second_day("RUNNING"), rows=rows_of, hooks={"poll": items_are_second}) as api:

        def kill(process: Any) -> None:
            while not api.calls("delete") or len([call for call in api.calls("poll") if call.job == "job-3"]) < 4:
                time.sleep(0.01)
            while "DONE" not in {api.jobs["job-2"].status}:
                time.sleep(0.01)
            time.sleep(0.2)
            process.send_signal(signal.SIGKILL)

        settings = orders(api)
        killed = tap.run(settings, while_running=kill)
        (tap.directory / "orders.json").write_text(json.dumps(settings))
        (tap.directory / "state.json").write_text(json.dumps(killed.state))
        command, *shown = quoted()["killed"].splitlines()
        words = command.removeprefix("$ tap-asyncreport ").split()
        said = subprocess.run([*TAP, *words], cwd=tap.directory, capture_output=True, text=True, check=True).stdout
        api.script = ("DONE",)
        again = tap.run(settings, state=killed.state)

    assert "outcome" not in killed.stderr
    assert [ageless(line) for line in shown] == [ageless(line) for line in said.splitlines()]
    assert 0 == again.exit_code, again.stderr
    assert 3 == len(api.calls("create"))
