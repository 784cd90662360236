"""Files on their way into the spool: whole or not at all, going on where they broke off, and only from where they should."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fake_api import Chunked, Cut, FakeApi, Lie, Reset, Stall, Unframed
from rig import Rig, rig, serving
from tap_asyncreport.errors import SpoolError, TransferError
from tap_asyncreport.job import Job, Means
from wire import Reply, Request, json_reply

CSV = "date,n\n2026-01-01,1\n2026-01-02,2\n"
LONG = ("x" * 99 + "\n") * 40_000


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def downloaded(body: bytes | str | Reply, tmp_path: Path, answer: Any = None, **stream: Any) -> tuple[Any, list[bytes], Rig]:
    """What one try of a download of this body came to, and the files."""
    file = body if isinstance(body, Reply) else Reply(200, body)

    def api(request: Request) -> Reply:
        return file if request.target.startswith("/file") else json_reply({"id": "r1", "status": "done", **(answer or {})})

    stream = {"download_retriever": "GET /file/report.csv?x=1", **stream}
    with serving(api) as server, rig(server.origin, tmp_path, stream) as it:
        job = it.targeted()
        outcome = it.repository.download(job)
        return outcome, [file.path.read_bytes() for file in it.repository.files(job)], it


# -- one file


@pytest.mark.promise(11)
def test_a_file_is_spooled_as_it_came_with_what_the_answer_said(tmp_path: Path) -> None:
    headers = {"Content-Type": "text/csv; charset=latin-1", "Content-Disposition": 'attachment; filename="a b.csv"'}
    with serving(lambda r: Reply(200, "é".encode("latin-1"), headers) if r.target == "/f" else json_reply({"id": 1, "status": "done"})) as server:
        with rig(server.origin, tmp_path, {"download_retriever": "GET /f"}) as it:
            job = it.targeted()
            assert Means.OK == it.repository.download(job).means
            (file,) = it.repository.files(job)
            assert ("a b.csv", "latin-1", "text/csv; charset=latin-1", 1, 0) == (
                file.name, file.charset, file.content_type, file.size, file.page)  # fmt: skip
            assert b"\xe9" == file.path.read_bytes()
            assert tmp_path in file.path.parents
            it.repository.release(job)
            assert ([], 0, False) == (it.repository.files(job), it.spool.used, file.path.exists())
            it.repository.release(job)


def test_without_a_disposition_the_url_names_the_file(tmp_path: Path) -> None:
    with FakeApi(rows=CSV) as api, rig(api.url, tmp_path) as it:
        job = it.targeted()
        it.repository.download(job)
        assert "0" == it.repository.files(job)[0].name


@pytest.mark.promise(17)
def test_a_presigned_link_is_asked_byte_for_byte_and_without_credentials(tmp_path: Path) -> None:
    top = {"authenticator": {"type": "bearer", "token": "{{ secrets.t }}"}, "secrets": {"t": "tok-secret"}, "headers": {"X-Api": "1"}}
    with FakeApi(rows=CSV, presigned=True, token="tok-secret") as api, rig(api.url, tmp_path, **top) as it:
        job = it.targeted()
        assert Means.OK == it.repository.download(job).means
        (call,) = api.calls("download")
        assert job.polling_response.body["url"].endswith(call.target)
        assert (None, None, None) == tuple(call.header(name) for name in ("Authorization", "X-Api", "Cookie"))


@pytest.mark.promise(17)
def test_targets_may_bring_headers_of_their_own(tmp_path: Path) -> None:
    seen: list[Request] = []

    def api(request: Request) -> Reply:
        if request.target == "/a":
            seen.append(request)
            return Reply(200, CSV)
        return json_reply({"id": 1, "status": "done", "links": [{"u": "/a", "http_headers": {"X-Key": "k1"}}]})

    stream = {
        "download_target_extractor": "$.links[*]",
        "download_retriever": {"request": "GET {{ download_target.u }}", "headers": {"X-Key": "{{ download_target.http_headers['X-Key'] }}"}},
    }
    with serving(api) as server, rig(server.origin, tmp_path, stream) as it:
        assert Means.OK == it.repository.download(it.targeted()).means
    assert ["k1"] == [request.header("X-Key") for request in seen]


@pytest.mark.promise(14)
def test_every_target_is_fetched_in_order(tmp_path: Path) -> None:
    rows = [{"date": "2026-01-01", "n": n} for n in range(3)]
    stream = {
        "download_target_requester": "GET /exports/{{ creation_response.id }}/files",
        "download_target_extractor": "$.files[*].url",
        "download_retriever": "GET {{ download_target }}",
    }
    with FakeApi(rows=rows, parts=3) as api, rig(api.url, tmp_path, stream) as it:
        job = it.targeted()
        outcome = it.repository.download(job)
        assert (Means.OK, (3, 0)) == (outcome.means, outcome.progress)
        assert [f"date,n\n2026-01-01,{n}\n" for n in range(3)] == it.texts(job)
        assert job.targets == [file.target for file in it.repository.files(job)]


# -- broken transfers


@pytest.mark.promise(11)
@pytest.mark.parametrize("fault", [Cut(2_000_000), Cut(100), Cut(0), Lie(5), Chunked(end=False), Reset(), Cut(2_000_000, "reset"), Stall(100)])
@pytest.mark.parametrize("ranges", [False, True])
def test_a_broken_transfer_is_told_and_the_next_try_has_it_whole(tmp_path: Path, fault: Any, ranges: bool) -> None:
    with FakeApi(rows=LONG, ranges=ranges, faults={("download", 1): fault}) as api:
        with rig(api.url, tmp_path, request_timeout={"read": "0.3s"}) as it:
            job = it.targeted()
            first = it.repository.download(job)
            assert (Means.RETRY, []) == (first.means, it.repository.files(job))
            assert first.error.message.startswith("downloading: ")
            assert Means.OK == it.repository.download(job).means
            assert [LONG] == it.texts(job)
            assert len(LONG) == it.spool.used
            assert 2 == len(api.calls("download"))


@pytest.mark.promise(11)
@pytest.mark.parametrize("framing", [Chunked(), Chunked(7), Unframed()])
def test_every_framing_of_a_whole_file_is_good(tmp_path: Path, framing: Any) -> None:
    with FakeApi(rows=CSV, faults={("download", 1): framing}) as api, rig(api.url, tmp_path) as it:
        job = it.targeted()
        assert Means.OK == it.repository.download(job).means
        assert [CSV] == it.texts(job)


@pytest.mark.promise(11)
def test_where_the_server_has_ranges_only_the_rest_is_fetched(tmp_path: Path) -> None:
    faults = {("download", 1): Cut(1_000_000), ("download", 2): Cut(1_000_000), ("download", 3): Cut(0)}
    with FakeApi(rows=LONG, ranges=True, faults=faults) as api, rig(api.url, tmp_path) as it:
        job = it.targeted()
        outcomes = [it.repository.download(job) for _ in range(4)]
        calls = api.calls("download")
        assert [Means.RETRY, Means.RETRY, Means.RETRY, Means.OK] == [outcome.means for outcome in outcomes]
        assert [None, "bytes=1000000-", "bytes=2000000-", "bytes=2000000-"] == [call.header("Range") for call in calls]
        assert 1 == len({call.header("If-Range") for call in calls[1:]})
        assert [(0, 0), (0, 1_000_000), (0, 2_000_000), (1, 0)] == [outcome.progress for outcome in outcomes]
        assert [LONG] == it.texts(job)


@pytest.mark.promise(11)
def test_a_file_that_changed_meanwhile_is_fetched_anew(tmp_path: Path) -> None:
    bodies = iter([LONG, LONG.upper()])
    body = {"now": next(bodies)}
    with FakeApi(rows=lambda _: body["now"], ranges=True, faults={("download", 1): Cut(1_000_000)}) as api:
        with rig(api.url, tmp_path) as it:
            job = it.targeted()
            it.repository.download(job)
            body["now"] = next(bodies)
            assert Means.OK == it.repository.download(job).means
            assert [LONG.upper()] == it.texts(job)
            assert len(LONG) == it.spool.used


@pytest.mark.promise(11)
@pytest.mark.parametrize(
    "second",
    [
        Reply(416, "", {"Content-Range": "bytes */7"}),
        Reply(206, "wrong", {"Content-Range": "bytes 3-7/8", "ETag": '"1"'}),
        Reply(206, "other", {"Content-Range": "bytes 10-14/15", "ETag": '"2"'}),
        Reply(206, "no range", {"ETag": '"1"'}),
        Reply(503, "later"),
    ],
)
def test_a_server_that_goes_on_wrongly_is_not_believed(tmp_path: Path, second: Reply) -> None:
    whole = Reply(200, "0123456789 and the rest", {"ETag": '"1"'})
    with FakeApi(faults={("download", 1): Cut(10)(whole), ("download", 2): second, ("download", "*"): whole}) as api:
        with rig(api.url, tmp_path) as it:
            job = it.targeted()
            outcomes = [it.repository.download(job).means for _ in range(2)]
            while outcomes[-1] is not Means.OK:
                outcomes.append(it.repository.download(job).means)
            assert len(outcomes) <= 3
            assert ["0123456789 and the rest"] == it.texts(job)


@pytest.mark.promise(11)
@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (gzip.compress(CSV.encode() * 999)[:-4], "the gzip data ends in the middle: the file was cut short"),
        (gzip.compress(CSV.encode())[:-6] + b"\0" * 6, "the gzip data is damaged"),
        (gzip.compress(b"whole") + gzip.compress(CSV.encode() * 999)[:50], "the gzip data ends in the middle: the file was cut short"),
        (gzip.compress(gzip.compress(CSV.encode() * 999)[:-4]), "the gzip data ends in the middle: the file was cut short"),
        (gzip.compress(b"whole") + b"rubbish", "after the gzip data stands something else"),
        (zipped(("a.csv", CSV.encode()))[:-30], "the zip archive is cut short or damaged"),
        (flipped(zipped(("a.csv", CSV.encode()), ("b.csv", CSV.encode())), 40), "the member 'a.csv' of the archive is damaged"),
        (zipped(("a.csv.gz", gzip.compress(CSV.encode() * 999)[:-4])), "the gzip data ends in the middle: the file was cut short"),
    ],
)
def test_a_compressed_file_that_is_broken_inside_is_fetched_again(tmp_path: Path, broken: bytes, said: str) -> None:
    with FakeApi(rows=broken) as api, rig(api.url, tmp_path) as it:
        job = it.targeted()
        outcome = it.repository.download(job)
        assert (Means.RETRY, []) == (outcome.means, it.repository.files(job))
        assert said in outcome.error.message
        assert 0 == it.spool.used


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x1f", CSV.encode(), gzip.compress(b""), gzip.compress(CSV.encode()), gzip.compress(gzip.compress(CSV.encode())),
        gzip.compress(b"a") + gzip.compress(b"b"), gzip.compress(b"a") + b"\0" * 512, gzip.compress(LONG.encode() * 3),
        zipped(), zipped(("a.csv", b"a"), ("b.csv.gz", gzip.compress(b"b"))), b"PK is how this text begins",
    ],
)  # fmt: skip
def test_whole_files_of_every_compression_are_kept_as_they_are(tmp_path: Path, body: bytes) -> None:
    outcome, files, _ = downloaded(body, tmp_path)
    assert (Means.OK, [body]) == (outcome.means, files)


def test_a_content_encoding_is_left_on_the_bytes_and_told(tmp_path: Path) -> None:
    body = gzip.compress(CSV.encode())
    with serving(lambda r: Reply(200, body, {"Content-Encoding": "gzip"}) if r.target == "/f" else json_reply({"id": 1, "status": "done"})) as server:
        with rig(server.origin, tmp_path, {"download_retriever": "GET /f"}) as it:
            job = it.targeted()
            it.repository.download(job)
            (file,) = it.repository.files(job)
            assert ("gzip", body) == (file.content_encoding, file.path.read_bytes())


# -- what is expected

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
    outcome, files, it = downloaded(Reply(200, CSV, headers), tmp_path, answer, expect=expect)
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


# -- what answers mean


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_expired_link_asks_for_a_fresh_one(tmp_path: Path, status: int) -> None:
    with FakeApi(rows=CSV, faults={("download", 1): Reply(status)}) as api, rig(api.url, tmp_path) as it:
        job = it.targeted()
        assert Means.LINK_EXPIRED == it.repository.download(job).means
        assert "completed" == it.poll(job).status
        assert [Means.OK, Means.OK] == [it.repository.targets(job).means, it.repository.download(job).means]


def test_a_401_of_a_presigned_link_is_an_expired_link(tmp_path: Path) -> None:
    with FakeApi(rows=CSV, presigned=True, faults={("download", 1): Reply(401)}) as api, rig(api.url, tmp_path) as it:
        assert Means.LINK_EXPIRED == it.repository.download(it.targeted()).means


@pytest.mark.promise(11)
def test_a_fresh_link_to_the_same_file_goes_on_where_the_old_one_broke(tmp_path: Path) -> None:
    faults = {("download", 1): Cut(1_000_000), ("download", 2): Reply(403)}
    with FakeApi(rows=LONG, ranges=True, presigned=True, faults=faults) as api, rig(api.url, tmp_path) as it:
        job = it.targeted()
        assert [Means.RETRY, Means.LINK_EXPIRED] == [it.repository.download(job).means for _ in range(2)]
        it.poll(job), it.repository.targets(job)
        assert Means.OK == it.repository.download(job).means
        assert "bytes=1000000-" == api.calls("download")[-1].header("Range")
        assert [LONG] == it.texts(job)


@pytest.mark.parametrize(
    ("body", "rule", "expected"),
    [
        (Reply(204), {}, Means.EMPTY),
        (Reply(404), {"status": 404, "means": "not_ready"}, Means.NOT_READY),
        (Reply(202, "soon"), {"status": 202, "means": "not_ready"}, Means.NOT_READY),
        ("The dates have no data", {"text": "no data", "means": "empty"}, Means.EMPTY),
        (gzip.compress(b"no data here"), {"text": "^no data", "means": "empty"}, Means.EMPTY),
        (zipped(("a.txt", b"no data here")), {"text": "^no data", "means": "empty"}, Means.EMPTY),
        (json_reply({"success": False, "code": "610"}), {"json": {"$.code": 610}, "means": "job_gone"}, Means.JOB_GONE),
        ("x" * 65_536 + "no data", {"text": "no data", "means": "empty"}, Means.OK),
        ("x" * 65_529 + "no data", {"text": "no data", "means": "empty"}, Means.EMPTY),
        (CSV, {"text": "no data", "means": "empty"}, Means.OK),
        (Reply(502), {"status": 502, "means": "too_large"}, Means.TOO_LARGE),
    ],
)  # fmt: skip
def test_rules_on_downloads(tmp_path: Path, body: Any, rule: Any, expected: Means) -> None:
    retriever = {"request": "GET /file", "responses": [rule] if rule else []}
    outcome, files, _ = downloaded(body, tmp_path, download_retriever=retriever)
    assert (expected, 1 if expected is Means.OK else 0) == (outcome.means, len(files))


def test_an_error_page_quotes_its_beginning_decoded(tmp_path: Path) -> None:
    reply = Reply(500, gzip.compress(b"the warehouse is on fire"), {"Content-Encoding": "gzip"})
    outcome, _, _ = downloaded(reply, tmp_path)
    assert (Means.RETRY, "the warehouse is on fire") == (outcome.means, outcome.error.excerpt)


# -- pages

ROWS = [f"r{n}" for n in range(5)]


def paged(tmp_path: Path, paginator: dict[str, Any], page: Any, retriever: Any = None, **stream: Any) -> tuple[Any, list[str], list[Request]]:
    seen: list[Request] = []

    def api(request: Request) -> Reply:
        if request.target.startswith("/rows"):
            seen.append(request)
            return page(request)
        return json_reply({"id": "r1", "status": "done"})

    retriever = {"request": "GET /rows", **(retriever or {}), "paginator": paginator}
    with serving(api) as server, rig(server.origin, tmp_path, {"download_retriever": retriever, **stream}) as it:
        job = it.targeted()
        outcome = it.repository.download(job)
        return outcome, it.texts(job), seen


@pytest.mark.promise(14)
def test_pages_by_the_next_url(tmp_path: Path) -> None:
    def page(request: Request) -> Reply:
        n = int(request.query.get("after", 0))
        return json_reply({"data": [ROWS[n]], "next": f"/rows?after={n + 1}" if n < 4 else None})

    outcome, texts, seen = paged(tmp_path, {"type": "next_url", "extractor": "$.next"}, page, {"params": {"limit": 1}})
    assert (Means.OK, 5) == (outcome.means, len(texts))
    assert ["/rows?limit=1", *(f"/rows?after={n}" for n in range(1, 5))] == [request.target for request in seen]


@pytest.mark.promise(14)
@pytest.mark.parametrize("last", [{}, {"Locator": ""}, {"Locator": "null"}])
def test_pages_by_a_cursor_in_a_header(tmp_path: Path, last: dict[str, str]) -> None:
    def page(request: Request) -> Reply:
        n = int(request.query.get("locator", 0))
        return Reply(200, f"id\n{ROWS[n]}\n", {"Locator": str(n + 1)} if n < 2 else last)

    paginator = {"type": "cursor", "extractor": "{{ response.headers.locator }}", "into": {"param": "locator"}, "stop_on": ["null"]}
    outcome, texts, seen = paged(tmp_path, paginator, page)
    assert (Means.OK, ["id\nr0\n", "id\nr1\n", "id\nr2\n"]) == (outcome.means, texts)
    assert ["/rows", "/rows?locator=1", "/rows?locator=2"] == [request.target for request in seen]


def test_cursors_in_headers_and_bodies(tmp_path: Path) -> None:
    def page(request: Request) -> Reply:
        n = int(request.header("X-Next") or (request.json() or {}).get("variables", {}).get("after", 0))
        return json_reply({"data": [ROWS[n]], "after": n + 1 if n < 2 else None})

    cursor = {"type": "cursor", "extractor": "$.after"}
    outcome, texts, _ = paged(tmp_path, {**cursor, "into": {"header": "X-Next"}}, page)
    assert (Means.OK, 3) == (outcome.means, len(texts))
    body = {"request": "POST /rows", "json": {"q": "x", "variables": {"n": 1}}}
    outcome, texts, seen = paged(tmp_path, {**cursor, "into": {"json": "$.variables.after"}}, page, body)
    assert (Means.OK, 3) == (outcome.means, len(texts))
    assert {"q": "x", "variables": {"n": 1, "after": 2}} == seen[-1].json()


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("rows", "total", "targets"),
    [
        (5, None, ["/rows?offset=0&limit=2", "/rows?offset=2&limit=2", "/rows?offset=4&limit=2"]),
        (4, None, ["/rows?offset=0&limit=2", "/rows?offset=2&limit=2", "/rows?offset=4&limit=2"]),
        (4, "$.total", ["/rows?offset=0&limit=2", "/rows?offset=2&limit=2"]),
        (0, None, ["/rows?offset=0&limit=2"]),
    ],
)
def test_pages_by_offset(tmp_path: Path, rows: int, total: str | None, targets: list[str]) -> None:
    def page(request: Request) -> Reply:
        at = int(request.query["offset"])
        return json_reply({"data": ROWS[:rows][at : at + 2], "total": rows})

    outcome, texts, seen = paged(tmp_path, {"type": "offset", "limit": 2, **({"total": total} if total else {})}, page)
    assert (Means.OK, max(1, -(-rows // 2))) == (outcome.means, len(texts))
    assert targets == [request.target for request in seen]


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    "render",
    [
        lambda rows: json_reply(rows),
        lambda rows: Reply(200, "id,t\n" + "".join(f'{row},"two\nlines"\n' for row in rows), {"Content-Type": "text/csv"}),
        lambda rows: Reply(200, gzip.compress(("id\r\n" + "".join(f"{row}\r\n" for row in rows)).encode())),
    ],
)
def test_pages_by_number_until_one_is_empty(tmp_path: Path, render: Any) -> None:
    def page(request: Request) -> Reply:
        n = int(request.query["page"])
        return render(ROWS[n * 2 : n * 2 + 2])

    seen = _numbered(tmp_path, page)
    assert (Means.OK, 3, ["/rows?page=0", "/rows?page=1", "/rows?page=2", "/rows?page=3"]) == seen


@pytest.mark.promise(14)
def test_pages_of_xml_are_counted_by_their_elements(tmp_path: Path) -> None:
    def page(request: Request) -> Reply:
        n = int(request.query["offset"])
        rows = "".join(f"<row><id>{row}</id></row>" for row in ROWS[n : n + 2])
        return Reply(200, f"<r><rows>{rows}</rows></r>")

    outcome, texts, seen = paged(
        tmp_path, {"type": "offset", "limit": 2, "limit_param": None}, page, decode={"format": "xml", "records": "r/rows/row"}
    )
    assert (Means.OK, 3) == (outcome.means, len(texts))
    assert ["/rows?offset=0", "/rows?offset=2", "/rows?offset=4"] == [request.target for request in seen]


def _numbered(tmp_path: Path, page: Any) -> tuple[Any, int, list[str]]:
    def api(request: Request) -> Reply:
        return page(request) if request.target.startswith("/rows") else json_reply({"id": "r1", "status": "done"})

    retriever = {"request": "GET /rows", "paginator": {"type": "page", "first": 0}}
    with serving(api) as server, rig(server.origin, tmp_path, {"download_retriever": retriever}) as it:
        job = it.targeted()
        outcome = it.repository.download(job)
        targets = [request.target for request in server.log if request.target.startswith("/rows")]
        return outcome.means, len(it.repository.files(job)), targets


def test_a_rule_that_says_empty_ends_the_pages(tmp_path: Path) -> None:
    def page(request: Request) -> Reply:
        n = int(request.query["page"])
        return Reply(404) if n > 2 else json_reply([ROWS[n]])

    rules = {"responses": [{"status": 404, "means": "empty"}]}
    outcome, texts, _ = paged(tmp_path, {"type": "page"}, page, rules)
    assert (Means.OK, 2) == (outcome.means, len(texts))


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("paginator", "said"),
    [
        ({"type": "page"}, "page 2 repeats the page before it"),
        ({"type": "next_url", "extractor": "{{ '/rows?x' }}"}, "page 2 repeats the page before it"),
    ],
)
def test_a_page_that_repeats_the_one_before_is_an_error(tmp_path: Path, paginator: Any, said: str) -> None:
    outcome, texts, _ = paged(tmp_path, paginator, lambda _: json_reply(["same"]))
    assert (Means.FAIL, f"downloading: {said}") == (outcome.means, outcome.error.message)


def test_pages_that_go_round_in_a_circle_are_an_error(tmp_path: Path) -> None:
    def page(request: Request) -> Reply:
        n = int(request.query.get("n", 0))
        return json_reply({"n": n, "next": f"?n={(n + 1) % 3}"})

    outcome, _, seen = paged(tmp_path, {"type": "next_url", "extractor": "$.next"}, page)
    assert Means.FAIL == outcome.means
    assert "is one that was here before" in outcome.error.message
    assert len(seen) <= 5


@pytest.mark.promise(14)
def test_a_try_that_fails_in_the_middle_of_the_pages_goes_on_with_that_page(tmp_path: Path) -> None:
    calls: list[str] = []

    def api(request: Request) -> Reply:
        if not request.target.startswith("/rows"):
            return json_reply({"id": "r1", "status": "done"})
        calls.append(request.target)
        n = int(request.query.get("after", 0))
        return Reply(503) if len(calls) == 3 else json_reply({"data": ROWS[n], "next": f"/rows?after={n + 1}" if n < 3 else None})

    retriever = {"request": "GET /rows", "paginator": {"type": "next_url", "extractor": "$.next"}}
    with serving(api) as server, rig(server.origin, tmp_path, {"download_retriever": retriever}) as it:
        job = it.targeted()
        outcomes = [it.repository.download(job) for _ in range(2)]
        assert [(Means.RETRY, (2, 0)), (Means.OK, (4, 0))] == [(outcome.means, outcome.progress) for outcome in outcomes]
        assert [0, 1, 2, 3] == [file.page for file in it.repository.files(job)]
    assert ["/rows", "/rows?after=1", "/rows?after=2", "/rows?after=2", "/rows?after=3"] == calls


def test_a_link_that_expires_among_the_pages_begins_that_target_anew(tmp_path: Path) -> None:
    calls: list[str] = []

    def api(request: Request) -> Reply:
        if not request.target.startswith("/rows"):
            return json_reply({"id": "r1", "status": "done"})
        calls.append(request.target)
        n = int(request.query.get("after", 0))
        return Reply(403) if len(calls) == 3 else json_reply({"data": ROWS[n], "next": f"/rows?after={n + 1}" if n < 2 else None})

    retriever = {"request": "GET /rows", "paginator": {"type": "next_url", "extractor": "$.next"}}
    with serving(api) as server, rig(server.origin, tmp_path, {"download_retriever": retriever}) as it:
        job = it.targeted()
        assert Means.LINK_EXPIRED == it.repository.download(job).means
        assert 0 == it.spool.used
        it.poll(job), it.repository.targets(job)
        assert Means.OK == it.repository.download(job).means
        assert 3 == len(it.repository.files(job))
        assert sum(file.size for file in it.repository.files(job)) == it.spool.used


@pytest.mark.promise(11)
@pytest.mark.parametrize("faults", [{}, {("download", 2): Cut(10)}, {("download", 1): Reset()}])
def test_ranges_of_bytes_make_one_file(tmp_path: Path, faults: Any) -> None:
    body = "".join(f"{n:09d}\n" for n in range(10))
    retriever = {"request": "GET {{ polling_response.url }}", "paginator": {"type": "byte_range", "size": 30}}
    with FakeApi(rows=body, ranges=True, faults=faults) as api, rig(api.url, tmp_path, {"download_retriever": retriever}) as it:
        job = it.targeted()
        while it.repository.download(job).means is Means.RETRY:
            pass
        assert [body] == it.texts(job)
        assert "bytes=0-29" == api.calls("download")[0].header("Range")


@pytest.mark.parametrize("body", ["", "x" * 29, "x" * 30, "x" * 31, "x" * 60])
def test_ranges_of_bytes_end_at_the_end(tmp_path: Path, body: str) -> None:
    retriever = {"request": "GET {{ polling_response.url }}", "paginator": {"type": "byte_range", "size": 30}}
    with FakeApi(rows=body, ranges=True) as api, rig(api.url, tmp_path, {"download_retriever": retriever}) as it:
        job = it.targeted()
        assert Means.OK == it.repository.download(job).means
        assert [body] == it.texts(job)


def test_a_server_without_ranges_gives_the_whole_file_at_once(tmp_path: Path) -> None:
    retriever = {"request": "GET {{ polling_response.url }}", "paginator": {"type": "byte_range", "size": 10}}
    with FakeApi(rows=CSV) as api, rig(api.url, tmp_path, {"download_retriever": retriever}) as it:
        job = it.targeted()
        assert Means.OK == it.repository.download(job).means
        assert [CSV] == it.texts(job)


# -- rows without a request


@pytest.mark.parametrize("source", ["polling_response", "creation_response"])
def test_rows_may_be_in_an_answer_that_is_already_here(tmp_path: Path, source: str) -> None:
    text = '{"id": "r1", "status": "done", "data": [1.10, 12345678901234567890.123]}'
    with serving(lambda _: Reply(200, text, {"Content-Type": "application/json"})) as server:
        with rig(server.origin, tmp_path, {"download_retriever": {"source": source}}) as it:
            job = it.targeted()
            assert Means.OK == it.repository.download(job).means
            assert [text] == it.texts(job)
            assert "application/json" == it.repository.files(job)[0].content_type


def test_selected_rows_keep_every_digit(tmp_path: Path) -> None:
    text = '{"jobs": [{"id": "r1", "status": "done", "data": [1.10, 0.1234567890123456789]}]}'
    stream = {
        "download_retriever": {"source": "polling_response"},
        "polling_requester": {"request": "GET /jobs", "select": "$.jobs[?(@.id == '{{ job.id }}')]"},
    }
    with serving(lambda r: json_reply({"id": "r1"}) if r.method == "POST" else Reply(200, text)) as server:
        with rig(server.origin, tmp_path, stream) as it:
            job = it.targeted()
            it.repository.download(job)
            assert ['{"id":"r1","status":"done","data":[1.10,0.1234567890123456789]}'] == it.texts(job)


# -- the spool's bounds


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
