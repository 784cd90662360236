"""Downloads and the room that the spool has: bounded, given back, and clear when there is none."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fake_api import FakeApi
from rig import rig, serving
from tap_asyncreport.errors import SpoolError
from tap_asyncreport.job import Job, Means
from test_lifecycle_download import CSV, LONG
from wire import Reply, Request, json_reply

@pytest.mark.promise(18)
def test_a_download_that_nobody_waits_for_stops_at_the_bound_and_later_has_it_whole(tmp_path: Path) -> None:
    rows = [{"date": "2026-01-01", "n": n} for n in range(3)]
    stream = {
        "download_target_requester": "GET /exports/{{ creation_response.id }}/files",
        "download_target_extractor": "$.files[*].url",
        "download_retriever": "GET {{ download_target }}",
    }
    with FakeApi(rows=rows, parts=3) as api, rig(api.url, tmp_path, stream, spool={"max_bytes": 45}) as it:
        job = it.targeted()
        assert Means.NO_ROOM == it.repository.download(job, urgent=False).means
        assert it.spool.used <= 45
        assert Means.OK == it.repository.download(job, urgent=True).means
        assert [f"date,n\n2026-01-01,{n}\n" for n in range(3)] == it.texts(job)
        it.repository.release(job)
        assert 0 == it.spool.used


@pytest.mark.promise(18)
def test_a_size_that_cannot_fit_is_not_even_begun(tmp_path: Path) -> None:
    with FakeApi(rows=LONG) as api, rig(api.url, tmp_path, spool={"max_bytes": 1_000_000}) as it:
        job = it.targeted()
        assert Means.NO_ROOM == it.repository.download(job).means
        assert 0 == it.spool.used
        assert api.calls("download")[0].sent < len(LONG)


@pytest.mark.promise(9)
def test_releasing_a_job_under_its_download_leaves_nothing(tmp_path: Path) -> None:
    arrived, go_on = threading.Event(), threading.Event()

    def api(request: Request) -> Reply:
        if request.target == "/f2":
            arrived.set()
            go_on.wait(10)
        return Reply(200, CSV) if request.target.startswith("/f") else json_reply({"id": "r1", "status": "done", "u": ["/f1", "/f2"]})

    stream = {"download_target_extractor": "$.u", "download_retriever": "GET {{ download_target }}"}
    with serving(api) as server, rig(server.origin, tmp_path, stream) as it:
        job = it.targeted()
        thread = threading.Thread(target=it.repository.download, args=(job,))
        thread.start()
        assert arrived.wait(10)
        it.repository.release(job)
        go_on.set()
        thread.join(10)
        assert 0 == it.spool.used
        assert [["lock"]] == [[path.name for path in home.iterdir()] for home in tmp_path.iterdir()]


def test_a_spool_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with FakeApi(rows=CSV) as api, rig(api.url, tmp_path / "file" / "x") as it:
        outcome = it.repository.download(it.targeted())
    assert Means.FAIL == outcome.means
    assert isinstance(outcome.error, SpoolError)
    assert "job-1" == outcome.error.where.job_id


def test_jobs_download_side_by_side(tmp_path: Path) -> None:
    with FakeApi(rows=LONG) as api, rig(api.url, tmp_path) as it:
        jobs: list[Job] = [it.targeted() for _ in range(4)]
        threads = [threading.Thread(target=it.repository.download, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert [[LONG]] * 4 == [it.texts(job) for job in jobs]
        assert 4 * len(LONG) == it.spool.used
