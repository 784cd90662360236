"""Files on their way into the spool: whole or not at all, going on where they broke off, and only from where they should."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fake_api import Chunked, Cut, FakeApi, Lie, Reset, Stall, Unframed
from rig import Rig, rig, serving
from wire import Reply, Request, json_reply

from tap_asyncreport.job import Means

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
