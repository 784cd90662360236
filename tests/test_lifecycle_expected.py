"""What a file is expected to be: sizes, hashes and rows, by the answers own words."""

from __future__ import annotations

import base64
import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest
from rig import rig, serving
from test_lifecycle_download import CSV, downloaded
from wire import Reply, Request, json_reply

from tap_asyncreport.errors import TemplateError, TransferError
from tap_asyncreport.job import Means

SHA, MD5 = hashlib.sha256(CSV.encode()).hexdigest(), hashlib.md5(CSV.encode()).hexdigest()


@pytest.mark.promise(11)
@pytest.mark.parametrize(
    ("expect", "answer", "good"),
    [
        ({"bytes": "$.size"}, {"size": len(CSV)}, True),
        ({"bytes": "$.size"}, {"size": str(len(CSV))}, True),
        ({"bytes": "$.size"}, {"size": len(CSV) + 1}, False),
        ({"bytes": "$.size"}, {"size": None}, True),
        ({"sha256": "$.sum"}, {"sum": f"sha256:{SHA}"}, True),
        ({"sha256": "$.sum"}, {"sum": SHA.upper()}, True),
        ({"sha256": "$.sum"}, {"sum": base64.b64encode(bytes.fromhex(SHA)).decode()}, True),
        ({"sha256": "$.sum"}, {"sum": MD5}, False),
        ({"md5": "$.sum"}, {"sum": MD5}, True),
        ({"md5": "{{ response.headers['content-md5'] }}"}, {}, True),
        ({"md5": "{{ response.headers['etag'] }}"}, {}, True),
        ({"sha256": "{{ response.headers['etag'] }}"}, {}, False),
    ],
)
def test_expected_sizes_and_hashes(tmp_path: Path, expect: Any, answer: Any, good: bool) -> None:
    headers = {"Content-MD5": base64.b64encode(bytes.fromhex(MD5)).decode(), "ETag": f'"{MD5}"'}
    outcome, files, _it = downloaded(Reply(200, CSV, headers), tmp_path, answer, expect=expect)
    assert (Means.OK if good else Means.RETRY, 1 if good else 0) == (outcome.means, len(files))
    if not good:
        assert isinstance(outcome.error, TransferError)
        assert "was expected" in outcome.error.message


@pytest.mark.promise(11)
@pytest.mark.parametrize("size", [len(CSV), len(gzip.compress(CSV.encode(), mtime=0))])
def test_a_size_may_speak_of_the_file_or_of_what_is_in_it(tmp_path: Path, size: int) -> None:
    body = gzip.compress(CSV.encode(), mtime=0)
    assert Means.OK == downloaded(body, tmp_path, {"size": size}, expect={"bytes": "$.size"})[0].means


@pytest.mark.parametrize(
    ("rows", "expected"), [(3, 3), ("3", 3), ("1,234", 1234), ([1, 2], 3), (None, None), (0, 0)]
)
def test_expected_rows_are_for_the_reader(tmp_path: Path, rows: Any, expected: int | None) -> None:
    def api(request: Request) -> Reply:
        return Reply(200, CSV) if request.target == "/f" else json_reply({"id": "r1", "status": "done", "rows": rows})

    with serving(api) as server, rig(server.origin, tmp_path, {"download_retriever": "GET /f", "expect": {"rows": "$.rows"}}) as it:
        job = it.targeted()
        assert Means.OK == it.repository.download(job).means
        assert expected == it.repository.expected_rows(job)


@pytest.mark.parametrize("name", ["rows", "bytes", "md5"])
def test_a_path_that_is_not_there_would_check_nothing_and_is_an_error(tmp_path: Path, name: str) -> None:
    with serving(lambda r: Reply(200, CSV) if r.target == "/f" else json_reply({"id": "r1", "status": "done"})) as server:
        with rig(server.origin, tmp_path, {"download_retriever": "GET /f", "expect": {name: "$.count"}}) as it:
            outcome = it.repository.download(it.targeted())
    assert isinstance(outcome.error, TemplateError)
    assert (Means.FAIL, f"streams.orders.expect.{name}") == (outcome.means, outcome.error.key)
    assert "`$.count` finds nothing in the polling answer" == outcome.error.message


def test_each_page_may_say_how_many_rows_it_has(tmp_path: Path) -> None:
    def api(request: Request) -> Reply:
        if not request.target.startswith("/rows"):
            return json_reply({"id": "r1", "status": "done"})
        n = int(request.query.get("locator", 0))
        return Reply(200, f"id\n{n}\n", {"X-Rows": str(n + 1), **({"X-Next": str(n + 1)} if n < 2 else {})})

    paginator = {"type": "cursor", "extractor": "{{ response.headers['x-next'] }}", "into": {"param": "locator"}}
    stream = {
        "download_retriever": {"request": "GET /rows", "paginator": paginator},
        "expect": {"rows": "{{ response.headers['x-rows'] }}"},
    }
    with serving(api) as server, rig(server.origin, tmp_path, stream) as it:
        job = it.targeted()
        assert Means.OK == it.repository.download(job).means
        assert 1 + 2 + 3 == it.repository.expected_rows(job)


@pytest.mark.parametrize(
    "expect",
    [
        {"bytes": "{{ download_target.size }}"}, {"bytes": "$.sizes"}, {"bytes": "$.total"}, {"bytes": "{{ polling_response.total }}"},
        {"bytes": "$.files[*].size"},
    ],
)  # fmt: skip
def test_sizes_of_several_files_each_or_together(tmp_path: Path, expect: dict[str, str]) -> None:
    bodies = {"/f1": "a,b\n", "/f2": "a,b\n1,2\n"}
    files = [{"u": path, "size": len(body)} for path, body in bodies.items()]
    answer = {"id": "r1", "status": "done", "files": files, "sizes": [4, 8], "total": 12}
    stream = {"download_target_extractor": "$.files[*]", "download_retriever": "GET {{ download_target.u }}", "expect": expect}
    with serving(lambda r: Reply(200, bodies[r.target]) if r.target in bodies else json_reply(answer)) as server:
        with rig(server.origin, tmp_path, stream) as it:
            assert Means.OK == it.repository.download(it.targeted()).means


def test_expected_rows_that_are_no_number_fail(tmp_path: Path) -> None:
    outcome, _, _ = downloaded(CSV, tmp_path, {"rows": "many"}, expect={"rows": "$.rows"})
    assert (Means.FAIL, "the expected rows are no number: 'many'") == (outcome.means, outcome.error.message)
