"""The run page in the morning: however a run ended, a page says so."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi, Reply
from process import Outcome
from test_sync import ROWS, config, stream
from warm import WarmProcess

LIVE = {"jobs": {"poll_interval": "50ms"}}


@pytest.fixture
def tap(tmp_path: Path) -> WarmProcess:
    return WarmProcess(tmp_path)


def page_of(directory: Path) -> tuple[str, dict[str, Any]]:
    """The words of the page, without the data that its script reads, and the JSON beside it."""
    html = (directory / "run.html").read_text("utf-8")
    words = " ".join(re.sub(r"<[^>]+>", " ", html.partition('<script type="application/json"')[0].partition("</style>")[2]).split())
    return words, json.loads((directory / "run.json").read_text("utf-8"))


def reported(tap: WarmProcess, api: FakeApi, *streams: dict[str, Any], act: Any = None, **changes: Any) -> Outcome:
    return tap.run(config(api, *(streams or [stream(**LIVE)]), run_report="run.html", **changes), while_running=act)


def polled(api: FakeApi, count: int = 3) -> None:
    while len(api.calls("poll")) < count:
        time.sleep(0.01)


@pytest.mark.promise(9)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_has_its_page_however_often_it_is_told(tap: WarmProcess, number: int, code: int) -> None:
    with FakeApi(["RUNNING"]) as api:

        def act(process: Any) -> None:
            polled(api)
            for each in (number, number, signal.SIGTERM):
                process.send_signal(each)
                time.sleep(0.05)  # of two that wait together Python does not say which came first

        assert code == reported(tap, api, act=act).exit_code
    words, report = page_of(tap.directory)
    assert ("interrupted", code) == (report["outcome"], report["exit_code"])
    assert f"interrupted tap-asyncreport {report['version']}, ended {report['ended_at']}, exit code {code}" in words


@pytest.mark.promise(9)
def test_a_run_whose_target_left_has_its_page(tap: WarmProcess) -> None:
    path = tap.directory / f"stdout{tap.count + 1}"
    os.mkfifo(path)
    with FakeApi(["RUNNING"]) as api:

        def act(process: Any) -> None:
            with path.open("rb", buffering=0) as pipe:
                pipe.read(10)

        assert 1 == reported(tap, api, act=act).exit_code
    assert ("interrupted", 1) == tuple(page_of(tap.directory)[1][key] for key in ("outcome", "exit_code"))


@pytest.mark.parametrize(
    ("faults", "code", "said"),
    [({("create", "*"): Reply(401, "who are you?")}, 77, "who are you?"), ({("download", "*"): Reply(200, "<html>Sorry")}, 1, "Sorry")],
    ids=["login", "download"],
)
def test_a_failed_run_has_its_page(tap: WarmProcess, faults: Any, code: int, said: str) -> None:
    with FakeApi(["DONE"], faults=faults) as api:
        assert code == reported(tap, api).exit_code
    words, report = page_of(tap.directory)
    assert ("failed", code) == (report["outcome"], report["exit_code"])
    assert said in report["failures"][0]["words"]
    assert f"What to try: {report['failures'][0]['try']}" in words


def test_a_run_that_was_killed_leaves_the_page_of_the_run_so_far(tap: WarmProcess) -> None:
    """It replaces last night's, and says that its run has not ended: nobody takes an old page for this one."""
    (tap.directory / "run.html").write_text("of the night before")
    with FakeApi(["RUNNING"]) as api:

        def act(process: Any) -> None:
            polled(api)
            process.send_signal(signal.SIGKILL)

        assert -signal.SIGKILL == reported(tap, api, act=act).exit_code
    words, report = page_of(tap.directory)
    assert ("running", None) == (report["outcome"], report["exit_code"])
    assert "if it runs no more, it was killed: run again" in words


def test_a_page_that_has_no_place_costs_the_run_nothing_but_a_warning(tap: WarmProcess) -> None:
    (tap.directory / "reports").write_text("not a folder")
    with FakeApi(["DONE"], rows=ROWS) as api:
        run = tap.run(config(api, run_report="reports/run.html"))

    assert 0 == run.exit_code, run.stderr
    assert len(ROWS) == len(run.records("clicks"))
    assert 1 == run.stderr.count("the run report could not be written to reports/run.html: File exists")


@pytest.mark.promise(10)
def test_a_stream_map_that_fails_on_a_row_fails_its_stream_alone(tap: WarmProcess) -> None:
    with FakeApi(["DONE"], rows=ROWS) as api:
        run = reported(tap, api, stream("clicks"), stream("views"), stream_maps={"clicks": {"share": "1 / 0"}})

    assert 1 == run.exit_code
    assert "the stream map cannot be applied: division by zero" in run.stderr
    assert re.search(r"clicks +- +0/3 +0 +failed .*\nviews +- +3/3 +\d+ +ok\n\Z", run.stderr), run.stderr
    assert "unexpected" not in run.stderr
    assert "failed" == page_of(tap.directory)[1]["outcome"]
