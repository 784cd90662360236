"""Runs against an API that answers oddly, and what they tell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fake_api import FakeApi, Reply
from process import Outcome
from warm import WarmProcess

HTML = Reply(200, "<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"})
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \| (\w+) +\| [\w.-]+ +\| ")


def orders(api: FakeApi, **changes: Any) -> dict[str, Any]:
    """A configuration of one quick stream with every step but the targets."""
    patient = {"wait": "10ms", "max_tries": 2}
    stream = {
        "name": "orders",
        "primary_keys": ["id"],
        "jobs": {"poll_interval": "20ms", "poll_backoff": 1, "max_attempts": 2, "timeout": "5s", "creation_max_tries": 2},
        "creation_requester": {"request": "POST /exports", "json": {"kind": "all"}, "retry": {"wait": "10ms"}},
        "polling_requester": {"request": "GET /exports/{{ creation_response.id }}", "retry": patient},
        "download_retriever": {"request": "GET {{ polling_response.url }}", "retry": patient},
        "abort_requester": {"request": "POST /exports/{{ creation_response.id }}/abort", "retry": patient},
        "delete_requester": {"request": "DELETE /exports/{{ creation_response.id }}", "retry": patient},
    }
    return {"base_url": api.url, "max_concurrent_jobs": 1, "streams": [{**stream, **changes}]}


def told(run: Outcome, api: FakeApi) -> list[str]:
    """What stderr holds of warnings and errors, each as it stands, without times, ports, files and metrics."""
    said = STAMP.sub(r"\0\1 ", run.stderr.partition("\nfailed: ")[0].partition("\nstream  ")[0])
    parts = [part.rstrip() for part in said.split("\0")]
    shown = [part.replace(api.url, "URL") for part in parts if part.startswith(("ERROR", "WARNING"))]
    return [re.sub(r"\(\S*config\d+\.json:1:\d+\)", "(FILE)", part) for part in shown]


def failing(
    tmp_path: Path, faults: dict[tuple[Any, ...], Any] | None = None, *, script: Any = ("DONE",), **changes: Any
) -> tuple[Outcome, list[str], list[str]]:
    """A run against an API with these faults: how it ended, what it told, and the steps that were asked for."""
    with FakeApi(script, rows="id\n1\n", faults=faults) as api:
        run = WarmProcess(tmp_path).run(orders(api, **changes))
        assert "Traceback" not in run.stderr
        assert run.stderr.count("\nstream  ") == 1, "the table at the end"
        return run, told(run, api), api.steps()
