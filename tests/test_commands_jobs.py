"""`jobs`: what a state file holds, how it is now, and its end."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from commanding import run, written
from fake_api import FakeApi, Reply
from test_commands_trace import ABORTS, SMALL
from test_sync import config


def kept(name: str, day: int, **more: Any) -> dict[str, Any]:
    window = [f"2026-01-0{day}T00:00:00Z", f"2026-01-0{day + 1}T00:00:00Z"]
    return {"id": name, "window": window, "created_at": "2020-01-01T00:00:00Z", "creation_response": {"id": name}, **more}


def state(directory: Path, *jobs: dict[str, Any], **more: Any) -> Path:
    bookmark = {"replication_key_value": "2025-12-31", "until": "2026-01-01T00:00:00Z", "jobs": list(jobs)}
    return written(directory, {"bookmarks": {"clicks": {**bookmark, **more}, "foreign": {"x": 1}}}, "state.json")


def test_jobs_are_listed_with_their_status_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One poll each: running, done, gone, broken, or written and still to be deleted."""
    with FakeApi({1: ["RUNNING"], 2: ["DONE"]}, faults={("poll", "*", "job-4"): Reply(500)}) as api:
        for _ in range(2):
            api.new_job({"from": "2026-01-01", "to": "2026-01-01"})
        jobs = [kept("job-1", 1), kept("job-2", 2, attempt=2), kept("job-3", 3), kept("job-4", 4), kept("job-5", 5, written=True)]
        said = run(capsys, "jobs", "--config", written(tmp_path, config(api, SMALL)), "--state", state(tmp_path, *jobs))
        assert {"poll"} == set(api.steps())
        assert 4 == len(api.steps())
    golden = """\
stream  partition  window                    job  AGE  attempt  status
clicks  -          2026-01-01 to 2026-01-02  job-1  AGE        1  running
clicks  -          2026-01-02 to 2026-01-03  job-2  AGE        2  completed (DONE)
clicks  -          2026-01-03 to 2026-01-04  job-3  AGE        1  gone: the API does not know it
clicks  -          2026-01-04 to 2026-01-05  job-4  AGE        1  unknown: asking for the job's status: the API answered 500
clicks  -          2026-01-05 to 2026-01-06  job-5  AGE        1  its rows are out, it is still to be deleted
"""
    assert golden == re.sub(r"  +(?:age|\d+ d(?: \d+ h)?) ", "  AGE ", said.out)
    assert 0 == said.code


def test_where_no_status_can_be_read_the_command_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi(faults={("poll", "*"): Reply(500)}) as api:
        jobs = state(tmp_path, kept("job-1", 1), kept("job-2", 2))
        said = run(capsys, "jobs", "--config", written(tmp_path, config(api, SMALL)), "--state", jobs)
    assert (1, 2) == (said.code, said.out.count("unknown: asking for the job's status: the API answered 500"))


def test_jobs_of_partitions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dimension = {"name": "account", "values": ["7", "8"]}
    path = state(tmp_path, partitions=[{"context": {"account": "7"}, "jobs": [kept("job-1", 1)]}])
    with FakeApi(["RUNNING"]) as api:
        api.new_job()
        said = run(capsys, "jobs", "--config", written(tmp_path, config(api, {**SMALL, "partitions": [dimension]})), "--state", path)
    assert "clicks  account=7  2026-01-01 to 2026-01-02  job-1" in said.out


def test_abort_ends_them_and_writes_the_state_without_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not ours in the state stays; a job whose rows are out is only deleted."""
    path, out = state(tmp_path, kept("job-1", 1), kept("job-2", 2, written=True)), tmp_path / "after.json"
    with FakeApi(["RUNNING"]) as api:
        api.new_job(), api.new_job()
        settings = written(tmp_path, config(api, ABORTS))
        said = run(capsys, "jobs", "--config", settings, "--state", path, "--abort", "--out", out)
        assert ["abort", "delete"] == api.steps("job-1")
        assert ["delete"] == api.steps("job-2")
    assert 0 == said.code, said.all
    assert re.search(r"job-1 .* aborted, deleted\n", said.out)
    assert f"2 of 2 jobs are ended\nwrote the state without them to {out}\n" in said.out
    left = json.loads(out.read_text())["bookmarks"]
    assert {"x": 1} == left["foreign"]
    assert ("2026-01-01T00:00:00Z", False) == (left["clicks"]["until"], "jobs" in left["clicks"])
    assert "job-1" in path.read_text()


def test_a_job_that_cannot_be_ended_stays_in_the_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = state(tmp_path, kept("job-1", 1), kept("job-2", 2)), tmp_path / "after.json"
    refuse = {("delete", "*", "job-1"): Reply(403, "not yours"), ("abort", "*", "job-1"): Reply(403, "not yours")}
    with FakeApi(["RUNNING"], faults=refuse) as api:
        api.new_job(), api.new_job()
        said = run(capsys, "jobs", "--config", written(tmp_path, config(api, ABORTS)), "--state", path, "--abort", "--out", out)
    assert 1 == said.code
    assert "not aborted: aborting the job: the API answered 403: not yours" in said.out
    assert "1 of 2 jobs are ended" in said.out
    assert ["job-1"] == [job["id"] for job in json.loads(out.read_text())["bookmarks"]["clicks"]["jobs"]]


def test_without_out_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi(["RUNNING"]) as api:
        api.new_job()
        said = run(capsys, "jobs", "--config", written(tmp_path, config(api, ABORTS)), "--state", state(tmp_path, kept("job-1", 1)), "--abort")
    assert "the state file still names them: add --out FILE" in said.out


def test_nothing_to_list(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = written(tmp_path, {"base_url": "http://127.0.0.1:9", "streams": [SMALL]})
    monkeypatch.setattr("sys.stdin", io.StringIO("{}"))
    said = run(capsys, "jobs", "--config", settings, "--state", "-")
    assert (0, "the state holds no job\n") == (said.code, said.out)
    assert 2 == run(capsys, "jobs", "--config", settings).code
    assert 78 == run(capsys, "jobs", "--config", settings, "--state", tmp_path / "none.json").code
    said = run(capsys, "jobs", "--config", settings, "--state", tmp_path / "none.json", "--out", "x")
    assert "add --abort" in said.err
