"""A run with failing streams on a terminal: every error once and whole, nothing of the live region left."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi, FakeJob
from odd import HTML, orders
from terminals import run_on_terminal

FAILED = "the job failed: its status is 'FAILED'"
PAGE = "the answer holds no status at $.status: it is an HTML page"


def three_streams(api: FakeApi) -> dict[str, Any]:
    """Streams whose jobs fail, answer with a page for people, and end well, one after the other."""
    config = orders(api, jobs={"poll_interval": "100ms", "poll_backoff": 1, "max_attempts": 1})
    stream = config["streams"][0]
    request = stream["creation_requester"]
    streams = [{**stream, "name": f"s{n}", "creation_requester": {**request, "json": {"n": n}}} for n in range(3)]
    return {**config, "streams": streams, "max_concurrent_jobs": 3}


def life(job: FakeJob, poll: int) -> Any:
    endings = [(3, "FAILED"), (5, HTML), (7, "DONE")]
    polls, end = endings[job.spec["n"]]
    return end if poll >= polls else "RUNNING"


@pytest.mark.promise(28, 29)
@pytest.mark.parametrize(("columns", "environment"), [(40, {}), (80, {"NO_COLOR": "1"}), (160, {})])
def test_errors_stand_once_and_whole(columns: int, environment: dict[str, str], tmp_path: Path) -> None:
    """However narrow the terminal is, and with colours or without."""
    with FakeApi(life, rows="id\n1\n") as api:
        run = run_on_terminal(tmp_path, three_streams(api), columns=columns, environment=environment)
    assert 1 == run.exit_code
    text = "\n".join(run.lines)
    assert "waits for" in run.raw
    assert "waits for" not in text, "the region is gone"
    joined = text.replace("\n", "").replace(" ", "")
    errors = joined.partition("failed:s0,")[0]
    for message in (FAILED, PAGE, "`tap-asyncreport trace s1`"):
        assert 1 == errors.count(message.replace(" ", "")), message
    assert 1 == joined.count("streampartitionswindowsrowsoutcome")
    assert ("NO_COLOR" in environment) == (re.search(r"\x1b\[(?:\d+;)*3\dm", run.raw) is None)
    assert all(len(line) <= columns for line in run.lines)
    advice = run.lines[next(n for n, line in enumerate(run.lines) if line.startswith("  try ")) :][:2]
    assert all(re.match(r"  try  |              \S", line) for line in advice), "wrapped where the terminal ends"


@pytest.mark.promise(9, 29)
def test_nothing_of_the_region_is_left_after_the_keyboard_interrupted_it(tmp_path: Path) -> None:
    """The terminal writes ^C into the region, and that moves it nowhere."""
    with FakeApi(("RUNNING",)) as api:

        def interrupt(process: Any, keyboard: int) -> None:
            while len(api.calls("poll")) < 4:
                time.sleep(0.02)
            time.sleep(0.5)
            os.write(keyboard, b"\x03")
            process.send_signal(signal.SIGINT)

        config = orders(api, jobs={"poll_interval": "100ms"})
        run = run_on_terminal(tmp_path, config, meanwhile=interrupt)
    assert 130 == run.exit_code
    assert "^C" in run.raw
    assert "waits for" in run.raw
    text = "\n".join(line.removeprefix("^C") for line in run.lines)
    assert re.fullmatch(
        r"\S+ \S+ \| WARNING  \| tap-asyncreport +\| stopped by.*10 seconds\n"
        r"stream  partitions  windows  rows  outcome\norders           -      0/1     0  interrupted",
        text,
        re.DOTALL,
    )
