"""What a downloaded file must be, and what becomes of it on the way to the output: whole runs of the tap."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from fake_api import Chunked, Cut, FakeApi, Reply, Request
from lives import ended_well, failed, one_by_one
from test_sync import ROWS, stream
from warm import WarmProcess

SOON = {"wait": "50ms", "wait_max": "50ms", "max_tries": 3}
TABLE = b"id,name\n1,one\n2,two\n"
BOTH = [{"id": "1", "name": "one"}, {"id": "2", "name": "two"}]


def once(**changes: Any) -> dict[str, Any]:
    """A stream that is one job with two columns."""
    plain = {"replication_key": None, "incremental": None, "creation_requester": "POST /exports", "columns": None}
    download = {"request": "GET {{ polling_response.url }}", "retry": SOON}
    return stream(**{**plain, "primary_keys": ["id"], "download_retriever": download, **changes})


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def answered(body: bytes, **headers: str) -> Callable[[FakeApi, Request], Reply]:
    """Every download's answer."""
    return lambda _, __: Reply(200, body, {"Content-Type": "text/csv"}).with_headers(**headers)


def runs_of(tap: WarmProcess, bodies: dict[str, tuple[bytes, dict[str, Any]]], headers: dict[str, dict[str, str]] | None = None) -> Any:
    """One run with a stream for each body, named as that is; each with changes of its own."""

    def answer(api: FakeApi, request: Request) -> Reply:
        name = api.jobs[str(request.job)].spec["stream"]
        return answered(bodies[name][0], **(headers or {}).get(name, {}))(api, request)

    def asked(name: str) -> dict[str, Any]:
        return {"request": "POST /exports", "json": {"stream": name}}

    changes = {"jobs": {"max_attempts": 1, "poll_interval": "50ms"}}
    streams = [once(**{**changes, "name": name, "creation_requester": asked(name), **own}) for name, (_, own) in bodies.items()]
    with FakeApi(["DONE"], hooks={"download": answer}) as api:
        return tap.run({"base_url": api.url, "max_concurrent_jobs": 8, "streams": streams})


def told_of(run: Any, said: dict[str, str]) -> None:
    """Every stream failed, without a row, and says why."""
    failed(run)
    lines = run.stderr.split(" | ")
    for name, words in said.items():
        assert [] == run.records(name), name
        assert any(line.startswith(f"{name}: ") and words in line for line in lines), (name, words, run.stderr)


def run_of(tap: WarmProcess, body: bytes, headers: dict[str, str] | None = None, **changes: Any) -> Any:
    with FakeApi(["DONE"], hooks={"download": answered(body, **headers or {})}) as api:
        return tap.run(one_by_one(api, once(**changes)))


# -- whole, and once


@pytest.mark.promise(11)
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda body: Reply(200, body[:-8]), id="gzip trailer"),
        pytest.param(lambda body: Reply(200, body + b"\x1f\x8b"), id="second member"),
        pytest.param(lambda body: Reply(200, zipped(("a.csv", TABLE))[:-40]), id="zip directory"),
        pytest.param(lambda body: Reply(200, zipped(("a.csv", TABLE)).replace(b"PK\1\2", b"PK\1\3")), id="zip"),
        pytest.param(lambda body: Chunked(4, end=False)(Reply(200, body)), id="chunk end"),
        pytest.param(lambda body: Cut(10)(Reply(200, body)), id="content-length"),
    ],
)
def test_a_file_that_is_never_whole_gives_no_row_and_one_that_is_at_last_gives_each_once(
    broken: Callable[[bytes], Reply], tap: WarmProcess
) -> None:
    body = gzip.compress(TABLE)
    answers = [broken(body), Reply(200, body)]
    with FakeApi(["DONE"], hooks={"download": lambda _, __: answers.pop(0) if len(answers) > 1 else answers[0]}) as api:
        healed = tap.run(one_by_one(api, once()))
        answers[:] = [broken(body)]
        failing = tap.run(one_by_one(api, once(jobs={"max_attempts": 1})))

    ended_well(healed)
    assert BOTH == healed.records("clicks")
    failed(failing)
    assert [] == failing.records("clicks")


@pytest.mark.promise(11)
@pytest.mark.parametrize("changed", [False, True])
def test_a_broken_transfer_goes_on_where_it_was_unless_the_file_has_changed(changed: bool, tap: WarmProcess) -> None:
    def rows(_: Any) -> list[dict[str, Any]]:
        more = changed and len(api.calls("download")) > 1
        return [{"id": str(n), "name": "other" if more else "same"} for n in range(500)]

    with FakeApi(["DONE"], rows=rows, ranges=True, faults={("download", 1): Cut(2000)}) as api:
        run = tap.run(one_by_one(api, once()))

    ended_well(run)
    assert rows(None) == run.records("clicks")
    first, second = api.calls("download")
    assert [None, "bytes=2000-"] == [call.header("Range") for call in (first, second)]
    assert [200, 200 if changed else 206] == [call.status for call in (first, second)]


KEYS = {"too_many": "rows"}


@pytest.mark.promise(11)
def test_a_file_that_is_not_what_the_api_announced_gives_no_row(tap: WarmProcess) -> None:
    announced = {"rows": "3", "too_many": "1", "bytes": "19", "md5": "0" * 32, "sha256": "0" * 64}
    run = runs_of(tap, {name: (TABLE, {"expect": {KEYS.get(name, name): "{{ '%s' }}" % value}}) for name, value in announced.items()})

    told_of(run, {name: f"expect.{KEYS.get(name, name)}" for name in announced})


# -- what is not the report


NOT_THE_REPORT = {
    "html": (b"<html><body>Bad gateway</body></html>", "Bad gateway"),
    "json": (b'{"error": "quota used up"}', "quota used up"),
    "nothing": (b"", "the body is empty"),
    "nuls": (b"\0" * 512, "the body is empty"),
    "another": (b"message\nyour session has ended\n", "your session has ended"),
}


@pytest.mark.promise(12)
def test_what_is_not_the_report_is_an_error_that_quotes_it(tap: WarmProcess) -> None:
    run = runs_of(tap, {name: (body, {}) for name, (body, _) in NOT_THE_REPORT.items()})

    told_of(run, {name: said for name, (_, said) in NOT_THE_REPORT.items()})


@pytest.mark.promise(12, 20)
def test_a_report_without_rows_is_a_success_with_its_schema(tap: WarmProcess) -> None:
    run = run_of(tap, b"id,name\n")

    ended_well(run)
    assert ["SCHEMA", []] == [run.messages[0]["type"], run.records("clicks")]


# -- compression, targets, members


PACKED = {
    "gzip": (gzip.compress(TABLE), {}),
    "double": (gzip.compress(gzip.compress(TABLE)), {}),
    "members": (gzip.compress(TABLE[:12]) + gzip.compress(TABLE[12:]), {}),
    "padding": (gzip.compress(TABLE) + b"\0" * 512, {}),
    "both": (zipped(("a.csv.gz", gzip.compress(TABLE))), {}),
    "encoded": (gzip.compress(TABLE), {"Content_Encoding": "gzip"}),
    "not_encoded": (TABLE, {"Content_Encoding": "gzip"}),
    "encoded_twice": (gzip.compress(gzip.compress(TABLE)), {"Content_Encoding": "gzip"}),
}


@pytest.mark.promise(13)
def test_compression_is_found_from_the_bytes_whatever_the_header_says(tap: WarmProcess) -> None:
    headers = {name: headers for name, (_, headers) in PACKED.items()}
    run = runs_of(tap, {name: (body, {}) for name, (body, _) in PACKED.items()}, headers)

    ended_well(run)
    assert dict.fromkeys(PACKED, BOTH) == {name: run.records(name) for name in PACKED}


@pytest.mark.promise(14)
def test_every_page_of_targets_and_every_member_is_read_in_order_its_columns_by_name(tap: WarmProcess) -> None:
    files = [
        zipped(("b.csv", b"name,id\nthird,3\n"), ("a.csv", b"id,name\n1,first\n2,second\n")),
        b"name,id\nfourth,4\n",
        b"id,name\n5,fifth\n",
    ]
    steps = {
        "download_target_requester": {
            "request": "GET /exports/{{ creation_response.id }}/files",
            "paginator": {"type": "next_url", "extractor": "$.next"},
        },
        "download_target_extractor": "$.files[*].url",
        "download_retriever": "GET {{ download_target }}",
    }
    hooks = {"download": lambda _, request: Reply(200, files[int(request.path[-1])])}
    with FakeApi(["DONE"], parts=3, page_size=2, hooks=hooks) as api:
        run = tap.run(one_by_one(api, once(**steps)))

    ended_well(run)
    names = ["first", "second", "third", "fourth", "fifth"]
    assert [{"id": str(n), "name": name} for n, name in enumerate(names, 1)] == run.records("clicks")


# -- tables and texts


@pytest.mark.promise(15, 16, 19)
def test_a_table_s_texts_come_out_as_they_stand(tap: WarmProcess) -> None:
    texts = ["two\nlines", "a\r\nb", "\x1c\x1d\x85\u2028\u2029\x0b\x0c", 'say ""', "01234", "NA", "NULL", "\u00fc\u20ac\U0001f600", "x" * 200_000]
    lines = ['"' + text.replace('"', '""') + '"' for text in texts]
    tap.environment = {"PYTHONIOENCODING": "latin-1", "LC_ALL": "C", "PYTHONUTF8": "0"}
    ends = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
    table = ["id,name", *(f"{n},{line}" for n, line in enumerate(lines)), ""]
    run = runs_of(tap, {name: (end.join(table).encode(), {}) for name, end in ends.items()})

    ended_well(run)
    for name in ends:
        assert texts == [record["name"] for record in run.records(name)]


@pytest.mark.promise(15, 19, 20)
def test_a_table_that_is_not_sound_is_an_error_with_its_line(tap: WarmProcess) -> None:
    faults = {
        "unbalanced": (b'id,name\n1,one\n2,"two\n3,three\n4,four\n', {}, "line 3"),
        "short": (b"id,name\n1,one\n2\n3,three\n", {}, "line 3"),
        "long": (b"id,name\n1,one\n2,two,zwei\n3,three\n", {}, "line 3"),
        "twice": (b"id,name,name\n1,one,eins\n", {}, "line 1: the header repeats 'name'"),
        "folded": (b"id,Name,name\n1,one,eins\n", {}, "the header repeats 'Name', 'name'"),
        "misfit": (b"id,cost\n1,1.5\n2,much\n", {"columns": {"id": "integer", "cost": "number"}}, "line 3, column 'cost': 'much'"),
    }
    run = runs_of(tap, {name: (body, own) for name, (body, own, _) in faults.items()})

    told_of(run, {name: said for name, (_, _, said) in faults.items()})


@pytest.mark.promise(15)
def test_preamble_extra_header_rows_totals_and_footers_are_no_rows(tap: WarmProcess) -> None:
    body = b"Report,of today\n\nid,name\ncount,text\n1,one\nTotal,1\n2,two\nEnd of report\nand, more, words\n"
    decode = {"header": {"match": ["id", "name"], "skip_after": 1}, "skip_rows_where": {"id": "^Total$"}, "stop_at": "^End of"}
    run = run_of(tap, body, decode=decode)

    ended_well(run)
    assert BOTH == run.records("clicks")


@pytest.mark.promise(16)
def test_a_byte_that_is_no_text_is_an_error_with_codec_and_offset(tap: WarmProcess) -> None:
    body = b"id,name\n1,Z\xfcrich\n"
    failed(run_of(tap, body), "byte 11", "utf-8")

    run = run_of(tap, body, decode={"encoding": "cp1252"})
    assert ["Z\u00fcrich"] == [record["name"] for record in run.records("clicks")]


# -- values and schemas


@pytest.mark.promise(19)
def test_numbers_keep_every_digit_and_those_that_no_double_can_hold_are_null(tap: WarmProcess) -> None:
    body = b'[{"id": 12345678901234567890, "cost": 0.1000000000000000055}, {"id": 2, "cost": NaN}, {"id": 3, "cost": 1e999}]'
    run = run_of(tap, body, columns={"id": "integer", "cost": "number"})

    ended_well(run)
    assert [12345678901234567890, 2, 3] == [record["id"] for record in run.records("clicks")]
    assert [Decimal("0.1000000000000000055"), None, None] == [record["cost"] for record in run.records("clicks")]


@pytest.mark.promise(20)
def test_names_are_kept_verbatim(tap: WarmProcess) -> None:
    run = run_of(tap, "id,Gr\u00f6\u00dfe (m\u00b2), x-y \n1,2,3\n".encode())

    ended_well(run)
    assert ["id", "Gr\u00f6\u00dfe (m\u00b2)", " x-y "] == list(run.records("clicks")[0])


# -- credentials, memory


@pytest.mark.promise(17)
def test_a_presigned_link_is_asked_byte_for_byte_and_without_what_the_api_is_told(tap: WarmProcess) -> None:
    settings = {"authenticator": {"type": "bearer", "token": "{{ secrets.t }}"}, "secrets": {"t": "s3cr3t-of-mine"}, "headers": {"X-Account": "7"}}
    with FakeApi(["DONE"], rows=ROWS, presigned=True, token="s3cr3t-of-mine") as api:
        run = tap.run(one_by_one(api, once(columns=None, primary_keys=["date"]), **settings))

    ended_well(run)
    assert len(ROWS) == len(run.records("clicks"))
    (download,) = api.calls("download")
    assert [None] * 3 == [download.header(name) for name in ("Authorization", "Cookie", "X-Account")]
    assert {"7"} == {call.header("X-Account") for call in api.calls() if call is not download}


def rows_of(kind: str, count: int) -> bytes:
    if kind == "json":
        return json.dumps([{"id": n, "name": "x" * 90} for n in range(count)]).encode()
    if kind == "jsonl":
        return b"".join(b'{"id": %d, "name": "%s"}\n' % (n, b"x" * 90) for n in range(count))
    table = b"id,name\n" + b"".join(b"%d,%s\n" % (n, b"x" * 90) for n in range(count))
    return {"csv": lambda: table, "gzip": lambda: gzip.compress(table, 1), "zip": lambda: zipped(("a.csv", table))}[kind]()


PEAK = """
import atexit, resource
open("peak", "w").close()
atexit.register(lambda: open("peak", "w").write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)))
"""


@pytest.mark.promise(18)
@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "gzip", "zip"])
def test_memory_does_not_grow_with_the_file(kind: str, tap: WarmProcess) -> None:
    """Of a file six times as long as the other, and 10 MB longer."""
    tap.changes = PEAK
    peaks = []
    for count in (20_000, 120_000):
        run = run_of(tap, rows_of(kind, count))
        assert [0, count] == [run.exit_code, sum(b'"RECORD"' in line for line in run.lines)]
        peaks.append(int((tap.directory / "peak").read_text()))

    assert peaks[1] - peaks[0] < 5 * 1024, peaks
