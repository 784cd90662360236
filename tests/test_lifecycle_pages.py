"""Downloads that come in pages or ranges: every one once, in order, to the last; rows that are in an answer already."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fake_api import Cut, FakeApi, Reset
from rig import Rig, rig, serving
from tap_asyncreport.job import Means
from test_lifecycle_download import CSV
from wire import Reply, Request, json_reply

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
    outcome, _texts, _ = paged(tmp_path, paginator, lambda _: json_reply(["same"]))
    assert (Means.FAIL, f"downloading: {said}") == (outcome.means, outcome.error.message)


def test_pages_that_go_round_in_a_circle_are_an_error(tmp_path: Path) -> None:
    def page(request: Request) -> Reply:
        n = int(request.query.get("n", 0))
        return json_reply({"n": n, "next": f"?n={(n + 1) % 3}"})

    outcome, _, seen = paged(tmp_path, {"type": "next_url", "extractor": "$.next"}, page)
    assert Means.FAIL == outcome.means
    assert "is one that was here before" in outcome.error.message
    assert len(seen) <= 5


@contextmanager
def third_page_answered(code: int, *, last: int, directory: Path) -> Iterator[tuple[Rig, list[str]]]:
    """Pages that name the next, up to `last`, and what was asked for; the third such is answered with this code."""
    asked: list[str] = []

    def api(request: Request) -> Reply:
        if not request.target.startswith("/rows"):
            return json_reply({"id": "r1", "status": "done"})
        asked.append(request.target)
        n = int(request.query.get("after", 0))
        following = f"/rows?after={n + 1}" if n < last else None
        return Reply(code) if len(asked) == 3 else json_reply({"data": ROWS[n], "next": following})

    retriever = {"request": "GET /rows", "paginator": {"type": "next_url", "extractor": "$.next"}}
    with serving(api) as server, rig(server.origin, directory, {"download_retriever": retriever}) as it:
        yield it, asked


@pytest.mark.promise(14)
def test_a_try_that_fails_in_the_middle_of_the_pages_goes_on_with_that_page(tmp_path: Path) -> None:
    with third_page_answered(503, last=3, directory=tmp_path) as (it, calls):
        job = it.targeted()
        outcomes = [it.repository.download(job) for _ in range(2)]
        assert [(Means.RETRY, (2, 0)), (Means.OK, (4, 0))] == [(outcome.means, outcome.progress) for outcome in outcomes]
        assert [0, 1, 2, 3] == [file.page for file in it.repository.files(job)]
    assert ["/rows", "/rows?after=1", "/rows?after=2", "/rows?after=2", "/rows?after=3"] == calls


def test_a_link_that_expires_among_the_pages_begins_that_target_anew(tmp_path: Path) -> None:
    with third_page_answered(403, last=2, directory=tmp_path) as (it, _):
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
