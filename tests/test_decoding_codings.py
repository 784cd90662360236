"""Content-Encoding that nobody asked for: deflate is undone, any other is told of."""

from __future__ import annotations

import zlib

import pytest
from decoding_kit import Body, read
from fake_api import FakeApi, Reply
from test_sync import ROWS as ROWS_BY_DAY
from test_sync import config
from warm import WarmProcess

from tap_asyncreport.errors import DecodeError, TransferError

CSV = b"id,name\n1,a\n2,b\n"
ROWS = [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]


@pytest.mark.promise(12)
def test_deflate_is_undone() -> None:
    assert ROWS == read(Body(zlib.compress(CSV), content_encoding="deflate")).rows


def test_a_file_is_as_it_stands_where_the_header_is_wrong() -> None:
    assert ROWS == read(Body(CSV, content_encoding="deflate")).rows
    assert [{"h\u2713": "1"}] == read(Body(b"h\xe2\x9c\x93\n1\n", content_encoding="deflate")).rows


@pytest.mark.promise(11)
def test_deflate_that_was_cut_short_is_no_report() -> None:
    with pytest.raises(TransferError, match="the deflate data ends in the middle"):
        read(Body(zlib.compress(CSV * 100)[:-5], content_encoding="deflate"))


@pytest.mark.parametrize("coding", ["br", "Deflate"])
def test_a_coding_that_is_not_undone_is_named(coding: str) -> None:
    packed = zlib.compressobj(wbits=-15)
    body = packed.compress(CSV * 9) + packed.flush()
    with pytest.raises(DecodeError) as caught:
        read(Body(body, content_encoding=coding), primary_keys=["id"])
    assert f"the answer came with `Content-Encoding: {coding}`, which is not undone" in str(caught.value.hint)


@pytest.mark.promise(11)
def test_a_deflated_download_is_verified_before_a_row_leaves(tap: WarmProcess) -> None:
    cut = Reply(200, zlib.compress(CSV * 100)[:-5], {"Content-Type": "text/csv", "Content-Encoding": "deflate"})
    with FakeApi(faults={("download", 1): cut}, rows=ROWS_BY_DAY) as api:
        run = tap.run(config(api))
    assert 0 == run.exit_code, run.stderr
    assert 4 == len(api.calls("download")), "three days, and the first one twice"
