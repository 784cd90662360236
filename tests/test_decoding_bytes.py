"""Bytes as they come: compression by the bytes alone, archives, bounds, damage, and which format they turn out to be."""

from __future__ import annotations

import gzip
import io
import itertools
import zipfile
import zlib

import pytest
from decoding_kit import Body, read, rows, stream

from tap_asyncreport.decoding.compression import Budget, members
from tap_asyncreport.errors import DecodeError, TransferError

CSV = b"id,name\n1,a\n2,b\n"
JSON = b'[{"id":"1","name":"a"},{"id":"2","name":"b"}]'
JSONL = b'{"id":"1","name":"a"}\n{"id":"2","name":"b"}\n'
XML = b"<r><i><id>1</id><name>a</name></i><i><id>2</id><name>b</name></i></r>"
ROWS = [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]


def zipped(*members: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return data.getvalue()


def halves(data: bytes) -> bytes:
    return gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :])


FRAMINGS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "gzip twice": lambda data: gzip.compress(gzip.compress(data)),
    "gzip members": halves,
    "gzip padded": lambda data: gzip.compress(data) + b"\0" * 1000,
    "gzip members padded between": lambda data: gzip.compress(data[:7]) + b"\0" * 9 + gzip.compress(data[7:]),
    "gzip empty member": lambda data: gzip.compress(b"") + gzip.compress(data) + gzip.compress(b""),
    "gzip byte by byte": lambda data: b"".join(gzip.compress(data[i : i + 1]) for i in range(len(data))),
    "zip": lambda data: zipped(("report.csv", data)),
    "zip stored": lambda data: zipped(("report.csv", data), how=zipfile.ZIP_STORED),
    "zip of gzip": lambda data: zipped(("report.csv.gz", gzip.compress(data))),
    "gzip of zip": lambda data: gzip.compress(zipped(("report.csv", data))),
    "zip of zip": lambda data: zipped(("inner.csv.zip", zipped(("report.csv", data)))),
}
HEADERS = {
    "none": {},
    "says gzip": {"content_encoding": "gzip"},
    "says identity": {"content_encoding": "identity"},
    "type gzip": {"content_type": "application/gzip"},
    "type zip": {"content_type": "application/zip", "name": "x.zip"},
    "type text": {"content_type": "text/plain; charset=utf-8", "name": "x.csv"},
    "type binary": {"content_type": "application/octet-stream", "content_encoding": "deflate", "name": "x.gz"},
}
FORMATS = {"csv": CSV, "json": JSON, "jsonl": JSONL, "xml": XML}


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("framing", "headers", "format_"), list(itertools.product(FRAMINGS, HEADERS, FORMATS))
)
def test_compression_is_found_from_the_bytes_whatever_the_headers_say(framing: str, headers: str, format_: str) -> None:
    body = Body(FRAMINGS[framing](FORMATS[format_]), **HEADERS[headers])
    assert ROWS == rows(body)


@pytest.mark.promise(11)
@pytest.mark.parametrize("framing", [name for name in FRAMINGS if name != "plain"])
@pytest.mark.parametrize("left", [0.3, 0.6, 0.9, 0.99])
def test_a_cut_archive_is_a_transfer_error(framing: str, left: float) -> None:
    data = FRAMINGS[framing](CSV * 20).rstrip(b"\0")
    with pytest.raises((TransferError, DecodeError)):
        rows(data[: int(len(data) * left)])


@pytest.mark.promise(11)
@pytest.mark.parametrize("framing", ["gzip", "gzip twice", "zip", "zip stored", "zip of gzip"])
def test_a_flipped_byte_in_the_data_is_a_transfer_error(framing: str) -> None:
    text = "id,name\n" + "".join(f"{i},{i * i}\n" for i in range(200))
    data = bytearray(FRAMINGS[framing](text.encode()))
    data[60] ^= 0xFF
    with pytest.raises(TransferError):
        rows(bytes(data), decode={"format": "csv"})


@pytest.mark.promise(13)
def test_what_follows_the_gzip_data_and_is_no_padding_is_an_error() -> None:
    with pytest.raises(TransferError, match="something else: b'hello'"):
        rows(gzip.compress(CSV) + b"hello")


@pytest.mark.promise(14)
def test_members_are_read_in_order_of_name_each_with_its_own_header() -> None:
    data = zipped(("b.csv", b"name,id\nb,2\n"), ("a.csv", b"id,name\n1,a\n"), ("c/a.csv", b"id,name\n3,c\n"))
    assert [*ROWS, {"id": "3", "name": "c"}] == rows(data)


@pytest.mark.promise(14)
def test_files_are_read_in_order_each_with_its_own_header_and_format() -> None:
    assert [*ROWS, *ROWS, *ROWS] == rows(CSV, b"name\tid\na\t1\nb\t2\n", JSON)


@pytest.mark.promise(13)
def test_litter_directories_and_unknown_files_of_an_archive_are_passed_over() -> None:
    data = zipped(
        ("__MACOSX/._report.csv", b"\0\5\x16"), (".DS_Store", b"\0\0\0\1Bud1"), ("Thumbs.db", b"x"), ("dir/", b""),
        ("readme.pdf", b"%PDF"), ("dir/._x.csv", b"\0"), ("dir/report.csv", CSV),
    )  # fmt: skip
    assert ROWS == rows(data)


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("pattern", "expected"), [("a.*", ["1"]), ("dir/*", ["2"]), ("b.*", ["2"]), ("*.csv", ["1", "2"]), ("x*.dat", ["9"])]
)
def test_members_picks_by_pattern(pattern: str, expected: list[str]) -> None:
    data = zipped(("a.csv", b"id\n1\n"), ("dir/b.csv", b"id\n2\n"), ("x1.dat", b"id\n9\n"))
    assert expected == [row["id"] for row in rows(data, decode={"members": pattern})]


@pytest.mark.promise(13)
def test_a_pattern_that_picks_nothing_is_an_error_that_lists_the_archive() -> None:
    with pytest.raises(DecodeError, match=r"no member of the archive matches '\*\.json'; it holds a\.csv"):
        rows(zipped(("a.csv", CSV)), decode={"members": "*.json"})


@pytest.mark.promise(13)
def test_an_archive_without_a_known_name_is_read_all_the_same() -> None:
    assert ROWS == rows(zipped(("report_20260105", CSV)))


@pytest.mark.promise(13)
def test_paths_in_an_archive_are_never_used_on_disk() -> None:
    assert ROWS == rows(zipped(("../../../../tmp/escape.csv", CSV)))
    assert ROWS == rows(zipped(("/etc/x.csv.zip", zipped(("../y.csv", CSV)))))


@pytest.mark.promise(13)
def test_an_encrypted_member_is_a_clear_error() -> None:
    data = bytearray(zipped(("a.csv", CSV)))
    data[6] |= 1
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    with pytest.raises(DecodeError, match=r"the member 'a\.csv' of the archive is encrypted"):
        rows(bytes(data))


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("data", "kind"), [(b"\x28\xb5\x2f\xfd\x04", "zstd"), (b"\xfd7zXZ\0\0", "xz"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"BZh91AY", "bzip2")]
)
def test_other_compressions_are_named(data: bytes, kind: str) -> None:
    with pytest.raises(DecodeError, match=f"the file is {kind}, which is not supported"):
        rows(data)


@pytest.mark.promise(13)
@pytest.mark.parametrize(("compression", "data"), [("gzip", CSV), ("zip", CSV), ("gzip", zipped(("a", CSV))), ("zip", gzip.compress(CSV))])
def test_a_declared_compression_that_the_bytes_deny_is_an_error(compression: str, data: bytes) -> None:
    with pytest.raises(DecodeError, match=f"the file is not {compression}: it begins with"):
        rows(data, decode={"compression": compression})


@pytest.mark.promise(13)
@pytest.mark.parametrize(("compression", "framing"), [("gzip", "gzip"), ("gzip", "gzip of zip"), ("zip", "zip of gzip"), ("none", "plain")])
def test_a_declared_compression_that_holds_is_no_matter(compression: str, framing: str) -> None:
    assert ROWS == rows(FRAMINGS[framing](CSV), decode={"compression": compression})


@pytest.mark.promise(13)
def test_a_bomb_is_stopped_at_its_bound(tmp_path) -> None:
    inner = zlib.compressobj(9, wbits=31)
    path = tmp_path / "bomb"
    path.write_bytes(inner.compress(b"\0" * 20_000_000) + inner.flush())
    from decoding_kit import File

    file = File(path, path.stat().st_size)
    unpacked = 0
    with pytest.raises(DecodeError, match="bytes unpack to more than"):
        for member in members(file, stream().decode, Budget(file.size, free=1_000_000, ratio=100)):
            for block in member:
                unpacked += len(block)
    assert unpacked < 5_000_000
    large = Budget(file.size, free=30_000_000, ratio=100)
    assert 20_000_000 == sum(len(block) for member in members(file, stream().decode, large) for block in member)


@pytest.mark.promise(13)
def test_nesting_has_an_end() -> None:
    data = CSV
    for _ in range(6):
        data = gzip.compress(data)
    with pytest.raises(DecodeError, match="compressed more than 4 times over"):
        rows(data)


# -- which format


@pytest.mark.promise(12)
@pytest.mark.parametrize("page", [
    b"<!DOCTYPE html><html><body>Sign in</body></html>", b"\n  <html><head><title>502</title>", b"<!doctype HTML>", b"\xef\xbb\xbf<HTML>",
    b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">',
])  # fmt: skip
@pytest.mark.parametrize("format_", ["auto", "csv", "tsv", "json", "jsonl"])
def test_an_html_page_is_an_error_that_quotes_it(page: bytes, format_: str) -> None:
    with pytest.raises(DecodeError, match="an HTML page came instead of the report") as caught:
        rows(page, decode={"format": format_})
    assert caught.value.excerpt.startswith("<")


@pytest.mark.promise(12)
@pytest.mark.parametrize("body", [b'{"error":{"code":401,"message":"expired"}}', b'{"message":"no"}', b'[{"errorCode":"X"}]'])
@pytest.mark.parametrize("keys", [
    {"primary_keys": ["id"]}, {"replication_key": "day"}, {"columns": {"id": "integer"}}, {"decode": {"format": "csv"}},
    {"decode": {"format": "csv"}, "columns": {"id": "integer"}, "primary_keys": ["id"]}, {"decode": {"records": "$.data[*]"}},
])  # fmt: skip
def test_an_error_object_instead_of_rows_is_an_error_that_quotes_it(body: bytes, keys: dict) -> None:
    with pytest.raises(DecodeError) as caught:
        rows(body, **keys)
    assert body.decode()[:20].strip("[]{}") in caught.value.excerpt


@pytest.mark.promise(12)
@pytest.mark.parametrize("format_", ["auto", "csv", "json", "jsonl", "tsv", "xml"])
@pytest.mark.parametrize(
    "body", [b"", b" \n", b"\xef\xbb\xbf", gzip.compress(b""), zipped(("a.csv", b"")), zipped(), gzip.compress(zipped(("a/", b""), ("a/b.zip", zipped())))]
)
def test_zero_bytes_are_an_error_unless_the_configuration_says_that_they_are_empty(format_: str, body: bytes) -> None:
    with pytest.raises(DecodeError, match="the body is empty|the archive holds no file"):
        rows(body, decode={"format": format_})
    assert [] == rows(body, decode={"format": format_, "empty_body": "ok"})


@pytest.mark.promise(12)
@pytest.mark.parametrize("decode", [{}, {"encoding": "utf-8"}, {"empty_body": "ok", "format": "csv"}])
@pytest.mark.parametrize("blank", [b"\0", b"\n", b" \r\n"])
def test_a_file_that_was_begun_and_never_written_is_no_empty_one(blank: bytes, decode: dict) -> None:
    with pytest.raises(DecodeError, match="bytes are blank, and no report begins so"):
        rows(blank * 100_000 + CSV, decode=decode)


@pytest.mark.promise(12)
@pytest.mark.parametrize("body", [b"id,name\n", b"id,name", b"\xef\xbb\xbfid,name\r\n", b"[]", b" [ ] \n"])
def test_a_report_without_rows_is_empty_and_no_error(body: bytes) -> None:
    assert [] == rows(body, primary_keys=["id"], columns={"id": "integer", "name": "string"})


@pytest.mark.promise(12)
@pytest.mark.parametrize("body", [b"No data found", b"  No data found\r\n", b"\xef\xbb\xbfNo data found"])
@pytest.mark.parametrize("framing", ["plain", "gzip", "zip"])
def test_a_whole_body_marker_means_no_rows(body: bytes, framing: str) -> None:
    frame = FRAMINGS[framing]
    assert [] == rows(frame(body), primary_keys=["id"], decode={"empty_markers": ["nothing", "No data found"]})
    with pytest.raises(DecodeError):
        rows(frame(body + b"?"), primary_keys=["id"], decode={"empty_markers": ["No data found"]})


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("body", "keys", "message"),
    [
        ("a,b\n1,2\n", {"primary_keys": ["id"]}, "the key column 'id' is not in the file; its columns are: a, b"),
        ("a,b\n1,2\n", {"columns": {"id": "integer", "a": "string"}, "primary_keys": ["id"]}, "the key column 'id' is not in the file"),
        ("a,b\n1,2\n", {"replication_key": "day"}, "the key column 'day' is not in the file"),
        ("oops\n", {"columns": {"id": "integer"}}, "none of the declared columns is in the file"),
        ('[{"a":1}]', {"primary_keys": ["id"]}, "record 1: the key column 'id' is not in the file"),
        ('{"a":1}\n{"a":2}\n', {"columns": {"id": "integer"}}, "line 1: none of the declared columns is in it"),
    ],
)
def test_a_body_without_its_key_columns_is_no_report(body: str, keys: dict, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        rows(body, **keys)
    assert caught.value.message.startswith(message)
    assert body.split()[0] in caught.value.excerpt


@pytest.mark.promise(12)
def test_keys_that_the_context_gives_need_not_be_in_the_file() -> None:
    found = rows(
        "a\n1\n", primary_keys=["account", "run", "a"], add_columns={"run": "{{ now.year }}"},
        partitions=[{"name": "account", "values": ["7"]}], scope={"partition": {"account": "7"}},
    )  # fmt: skip
    assert [{"a": "1", "account": "7", "run": 2026}] == found


@pytest.mark.parametrize(
    ("data", "said", "expected"),
    [
        (b"a,b\n1,2\n", {}, [{"a": "1", "b": "2"}]),
        (b"a\tb\n1\t2,5\n", {}, [{"a": "1", "b": "2,5"}]),
        (b"a,b\tc\n1,2\t3\n", {"content_type": "text/tab-separated-values"}, [{"a,b": "1,2", "c": "3"}]),
        (b"a,b\tc\n1,2\t3\n", {"name": "x.tsv.gz"}, [{"a,b": "1,2", "c": "3"}]),
        (b"a,b\tc\n1,2\t3\n", {"name": "x.tsv", "content_type": "text/csv"}, [{"a": "1", "b\tc": "2\t3"}]),
        (b"a,b\tc\n1,2\t3\n", {}, [{"a": "1", "b\tc": "2\t3"}]),
        (b"[Account] Name,b\n1,2\n", {}, [{"[Account] Name": "1", "b": "2"}]),
        (b"{x},b\n1,2\n", {"content_type": "application/json"}, [{"{x}": "1", "b": "2"}]),
        (b'{"a":1}', {"content_type": "text/csv", "name": "x.csv"}, [{"a": 1}]),
        (b'{"a":1}{"a":2}', {}, [{"a": 1}, {"a": 2}]),
        (b'{\n"a":1}\n{\n"a":2}', {}, [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\n{"a":2}', {}, [{"a": 1}, {"a": 2}]),
        (b'{"a":1}', {}, [{"a": 1}]),
        (b"<r><x><a>1</a></x></r>", {}, [{"a": "1"}]),
        (b"<?xml version='1.0'?><r><x><a>1</a></x></r>", {"content_type": "text/html"}, [{"a": "1"}]),
    ],
)
def test_the_format_is_found_from_the_bytes_then_the_type_then_the_name(data: bytes, said: dict, expected: list) -> None:
    assert expected == rows(Body(data, **said))


@pytest.mark.promise(11)
@pytest.mark.parametrize("body", [CSV, JSON, JSONL, XML, gzip.compress(CSV), zipped(("a.csv", CSV[:-4]), ("b.csv", b"id,name\n2,b\n"))])
def test_the_expected_number_of_rows_is_checked_before_the_first_row(body: bytes) -> None:
    assert ROWS == rows(body, expect_rows=2)
    given = []
    with pytest.raises(TransferError, match="the API announced 3 rows, and the files hold 2"):
        from tempfile import NamedTemporaryFile
        from pathlib import Path

        from decoding_kit import File, reader

        with NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            for row in reader(stream()).rows([File(Path(file.name), len(body))], {}, expect_rows=3):
                given.append(row)
    assert [] == given


def test_what_was_put_right_is_observed_per_reading() -> None:
    found = read(b"id,x\n1,\0NaN\n2,inf\n3,1\0.5\n", columns={"id": "integer", "x": "number"}, replication_key="id")
    assert [None, None, 1.5] == [row["x"] and float(row["x"]) for row in found.rows]
    assert (3, "1", "3", 2, 2) == (
        found.observed.rows, found.observed.minimum, found.observed.maximum, found.observed.nul_stripped, found.observed.non_finite,
    )  # fmt: skip


@pytest.mark.promise(14)
def test_an_error_names_the_file_or_member_where_there_are_several() -> None:
    columns = {"id": "integer", "name": "string"}
    with pytest.raises(DecodeError) as caught:
        rows(Body(CSV, name="one.csv"), Body(b"id,name\nx,a\n", name="two.csv"), columns=columns)
    assert "two.csv: line 2, column 'id': 'x' is not an integer" == caught.value.message
    with pytest.raises(DecodeError) as caught:
        rows(Body(zipped(("a.csv", CSV), ("b.csv", b"id,name\n1\n")), name="x.zip"), columns=columns, expect_rows=3)
    assert "b.csv: line 2: 1 fields where the header has 2" == caught.value.message == str(caught.value)


@pytest.mark.promise(13)
def test_a_tar_archive_is_named() -> None:
    import tarfile

    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = len(CSV)
        archive.addfile(info, io.BytesIO(CSV))
    with pytest.raises(DecodeError, match="the file is a tar archive, which is not supported"):
        rows(data.getvalue())


@pytest.mark.promise(18)
@pytest.mark.parametrize(
    ("body", "decode", "message"),
    [
        (b'{"data":[' + b",".join([b'{"id":1}'] * 60_000) + b"]}", {}, "byte 0: one record is longer than"),
        (b'{"id":"' + b"x" * 600_000 + b'"}', {"format": "jsonl"}, "line 1 is longer than"),
        (b"<r><rows>" + b"<i><id>1</id></i>" * 40_000 + b"</rows></r>", {}, "one record, an element <rows>, is longer than"),
        (b"id,name" + b",x" * 400_000, {"format": "csv", "max_field_bytes": 1000}, "line 1: a row is longer than"),
        (b"id,name\n" + b"1,x," * 200_000, {"format": "csv", "max_field_bytes": 1000}, "line 2: a row is longer than"),
    ],
)
def test_a_record_without_end_is_an_error_before_it_fills_the_memory(body: bytes, decode: dict, message: str, monkeypatch) -> None:
    from tap_asyncreport.decoding import delimited, json_lines, json_scan, xml_rows

    for module in (delimited, json_lines, json_scan, xml_rows):
        monkeypatch.setattr(module, "LARGEST_RECORD", 200_000)
    with pytest.raises(DecodeError) as caught:
        rows(body, decode=decode)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("columns", [None, {"x": "array"}, {"x": "object"}, {"x": "string"}, {"x": "integer"}])
@pytest.mark.parametrize("depth", [400, 5_000, 50_000])
@pytest.mark.parametrize("shape", ['[{"x":%s}]', '{"x":%s}\n', "x,y\n1,%s\n", "<r><i>%s</i></r>"])
def test_deep_nesting_is_read_or_refused(columns: dict | None, depth: int, shape: str) -> None:
    value = "<a>" * depth + "</a>" * depth if shape[0] == "<" else "[" * depth + "NaN" + "]" * depth
    try:
        rows(shape % value, columns=columns, decode={"format": "csv"} if shape[:2] == "x," else {})
    except DecodeError as error:
        assert len(error.message) < 1_000
