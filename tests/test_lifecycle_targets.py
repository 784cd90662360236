"""Where the files of a completed job are, and what it means that they are nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from fake_api import FakeApi
from rig import Rig, rig, serving
from tap_asyncreport.job import Job, Means, Outcome
from wire import Reply, Request, json_reply

FILES = {
    "download_target_requester": "GET /exports/{{ creation_response.id }}/files",
    "download_target_extractor": "$.files[*].url",
    "download_retriever": "GET {{ download_target }}",
}


def found(answer: Any, stream: dict[str, Any]) -> tuple[Outcome, Job]:
    """The targets of a job whose polling answer is this."""

    def api(request: Request) -> Reply:
        return json_reply({"id": "r1"} if request.method == "POST" else answer)

    with serving(api) as server, rig(server.origin, stream=stream) as it:
        job = it.job()
        it.poll(job)
        return it.repository.targets(job), job


def targets(answer: Any, extractor: Any, retriever: Any = "GET {{ download_target }}") -> Any:
    outcome, job = found(
        {"status": "done", **answer}, {"download_target_extractor": extractor, "download_retriever": retriever}
    )
    return job.targets if outcome.means is Means.OK else outcome.means


@pytest.mark.promise(2)
@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("answer", "extractor", "expected"),
    [
        ({"url": "/a"}, "$.url", ["/a"]),
        ({"urls": ["/a", "/b"]}, "$.urls", ["/a", "/b"]),
        ({"urls": ["/a", "/b"]}, "$.urls[*]", ["/a", "/b"]),
        ({"files": [{"u": "/a"}, {"u": "/b"}]}, "$.files[*].u", ["/a", "/b"]),
        ({"url": "/a"}, "{{ polling_response.url }}", ["/a"]),
        ({"n": 3}, "{{ range(polling_response.n) }}", [0, 1, 2]),
        ({"url": None}, "$.url", Means.NOT_READY),
        ({"url": ""}, "$.url", Means.NOT_READY),
        ({}, "$.url", Means.NOT_READY),
        ({}, "{{ polling_response.url }}", Means.NOT_READY),
        ({"urls": []}, "$.urls", Means.NOT_READY),
        ({"urls": ["/a", None]}, "$.urls", Means.NOT_READY),
        ({"urls": ["/a", None]}, {"extractor": "$.urls", "none": "empty"}, ["/a"]),
        ({"url": None}, {"extractor": "$.url", "none": "empty"}, Means.EMPTY),
        ({}, {"extractor": "$.url", "none": "empty"}, Means.EMPTY),
    ],
)
def test_an_extractor_reads_the_polling_answer(answer: Any, extractor: Any, expected: Any) -> None:
    assert expected == targets(answer, extractor)


@pytest.mark.promise(14)
def test_targets_are_any_json_values() -> None:
    files = [{"u": "/a", "h": {"X-Key": "1"}}, {"u": "/b", "h": {}}]
    assert files == targets({"files": files}, "$.files[*]", "GET {{ download_target.u }}")


@pytest.mark.promise(6)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [({"url": "/a"}, Means.OK), ({"url": None}, Means.NOT_READY), ({"url": ""}, Means.NOT_READY), ({}, Means.NOT_READY)],
)
def test_without_an_extractor_there_is_one_download_unless_its_url_is_null(answer: Any, expected: Means) -> None:
    outcome, job = found({"status": "done", **answer}, {"download_retriever": "GET {{ polling_response.url }}"})
    assert (expected, [None] if expected is Means.OK else None) == (outcome.means, job.targets)


@pytest.mark.promise(6)
def test_a_null_in_the_middle_of_the_url_is_not_there_yet_either() -> None:
    stream = {"download_retriever": "GET /files/{{ polling_response.fileId }}/file"}
    outcome, _ = found({"status": "done", "fileId": None}, stream)
    assert Means.NOT_READY == outcome.means
    expected = "the job is completed, and `download_retriever` finds no target in the answer (/files/{{ polling_response.fileId }}/file)"
    assert expected == outcome.error.message


def test_a_name_that_the_answer_lacks_is_an_error_that_lists_what_it_has() -> None:
    outcome, _ = found({"status": "done"}, {"download_retriever": "GET {{ polling_response.ulr }}"})
    assert Means.FAIL == outcome.means
    assert "`polling_response` has status, headers, status_code, url, text; there is no `ulr`" in outcome.error.message


@pytest.mark.promise(6)
@pytest.mark.parametrize(("rows", "expected"), [(0, Means.EMPTY), ("0", Means.EMPTY), (1, Means.NOT_READY), (None, Means.NOT_READY)])
def test_no_target_and_no_rows_expected_is_empty(rows: Any, expected: Means) -> None:
    stream = {"expect": {"rows": "$.rows"}, "download_target_extractor": "$.url", "download_retriever": "GET {{ download_target }}"}
    assert expected == found({"status": "done", "url": None, "rows": rows}, stream)[0].means


def test_the_error_names_the_extractor_and_quotes_the_answer() -> None:
    stream = {"download_target_extractor": "$.url", "download_retriever": "GET {{ download_target }}"}
    outcome, _ = found({"status": "done", "url": None}, stream)
    expected = "the job is completed, and `download_target_extractor` finds no target in the answer ($.url)"
    assert (expected, '{"status": "done", "url": null}') == (outcome.error.message, outcome.error.excerpt)


@pytest.mark.promise(2)
def test_with_a_requester_the_extractor_reads_its_answer() -> None:
    with FakeApi(parts=2) as api, rig(api.url, stream=FILES) as it:
        job = it.targeted()
        assert [f"{api.url}/files/job-1/{part}" for part in range(2)] == job.targets


@pytest.mark.promise(14)
def test_every_page_of_targets_is_read() -> None:
    requester = {"request": FILES["download_target_requester"], "paginator": {"type": "next_url", "extractor": "$.next"}}
    with FakeApi(parts=5, page_size=2) as api, rig(api.url, stream={**FILES, "download_target_requester": requester}) as it:
        assert 5 == len(it.targeted().targets)
        assert ["?page=1", "?page=2"] == [line[-7:] for line in api.lines("target")[1:]]


def test_a_page_of_targets_that_comes_round_again_is_an_error() -> None:
    def api(request: Request) -> Reply:
        if request.target.endswith("/files") or "page" in request.target:
            return json_reply({"files": [{"url": "/a"}], "next": "/x?page=1"})
        return json_reply({"id": "r1", "status": "done"})

    requester = {"request": FILES["download_target_requester"], "paginator": {"type": "next_url", "extractor": "$.next"}}
    with serving(api) as server, rig(server.origin, stream={**FILES, "download_target_requester": requester}) as it:
        outcome = it.repository.targets(it.completed())
    assert (Means.FAIL, "page 2 of the download targets repeats the one before it") == (outcome.means, outcome.error.message)


@pytest.mark.parametrize(("status", "means"), [(404, Means.NOT_READY), (500, Means.RETRY), (429, Means.RETRY), (400, Means.FAIL)])
def test_what_refusals_of_the_target_request_mean(status: int, means: Means) -> None:
    with FakeApi(faults={("target", 1): Reply(status)}) as api, rig(api.url, stream=FILES) as it:
        job = it.completed()
        assert means == it.repository.targets(job).means
        assert Means.OK == it.repository.targets(job).means


def test_two_hops_and_a_fan_out() -> None:
    def api(request: Request) -> Reply:
        if request.target == "/reports/r1":
            return json_reply({"documents": ["d1", "d2"]})
        if request.target.startswith("/documents/"):
            return json_reply({"url": f"/files/{request.target[-2:]}"})
        return json_reply({"id": "r1", "status": "done"})

    stream = {
        "download_target_requester": [
            {"name": "report", "request": "GET /reports/{{ creation_response.id }}"},
            {
                "name": "document", "request": "GET /documents/{{ report.documents[download_target] }}",
                "paginator": {"type": "range", "count": "{{ report.documents | length }}"},
            },
        ],
        "download_target_extractor": "$.url",
        "download_retriever": "GET {{ download_target }}",
    }  # fmt: skip
    with serving(api) as server, rig(server.origin, stream=stream) as it:
        assert ["/files/d1", "/files/d2"] == it.targeted().targets


@pytest.mark.parametrize(
    ("count", "answer", "expected"),
    [
        ("$.parts", {"parts": 3}, [0, 1, 2]),
        ("$.parts", {"parts": "2"}, [0, 1]),
        ("$.parts", {"parts": ["a", "b"]}, [0, 1]),
        ("{{ polling_response.parts | length }}", {"parts": [1]}, [0]),
        (2, {}, [0, 1]),
        ("$.parts", {"parts": 0}, Means.EMPTY),
        ("$.parts", {}, Means.NOT_READY),
        ("$.parts", {"parts": "many"}, Means.FAIL),
    ],
)
def test_a_range_gives_numbers_as_targets(count: Any, answer: Any, expected: Any) -> None:
    retriever = {"request": "GET /files/{{ download_target }}", "paginator": {"type": "range", "count": count}}
    outcome, job = found({"status": "done", **answer}, {"download_retriever": retriever})
    assert expected == (job.targets if outcome.means is Means.OK else outcome.means)


def test_a_job_without_polls_finds_its_targets_in_the_creations_answer() -> None:
    stream = {"polling_requester": None, "download_target_extractor": "$.url", "download_retriever": "GET {{ download_target }}"}
    with serving(lambda _: json_reply({"id": "r1", "url": "/a"})) as server, rig(server.origin, stream=stream) as it:
        job = it.completed()
        assert (Means.OK, ["/a"]) == (it.repository.targets(job).means, job.targets)


def asked_again(it: Rig, job: Job) -> Any:
    it.poll(job)
    return it.repository.targets(job).means


def test_a_target_may_come_later() -> None:
    answers = iter([{"status": "done", "url": None}, {"status": "done"}, {"status": "done", "url": "/a"}])

    def api(request: Request) -> Reply:
        return json_reply({"id": "r1"} if request.method == "POST" else next(answers))

    stream = {"download_target_extractor": "$.url", "download_retriever": "GET {{ download_target }}"}
    with serving(api) as server, rig(server.origin, stream=stream) as it:
        job = it.job()
        assert [Means.NOT_READY, Means.NOT_READY, Means.OK] == [asked_again(it, job) for _ in range(3)]


def test_targets_on_pages_that_nobody_asks_for_are_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    with FakeApi(parts=5, page_size=2) as api, rig(api.url, stream=FILES) as it:
        assert [2, 2] == [len(it.targeted().targets) for _ in range(2)]
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.endswith(
        "the API lists more download targets than are read; `$.next` leads to them: "
        "set `download_target_requester.paginator`, such as `{type: next_url, extractor: $.next}`"
    )
