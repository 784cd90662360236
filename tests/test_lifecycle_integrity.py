"""Whether compressed files are whole, and what the beginning of any file says."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_asyncreport.config.streams import Decode
from tap_asyncreport.decoding import compression
from tap_asyncreport.errors import TransferError
from tap_asyncreport.lifecycle.integrity import beginning, contents, verify
from tap_asyncreport.spool import SpooledFile

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def spooled(path: Path) -> SpooledFile:
    return SpooledFile(path, path.stat().st_size)


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", data)
    return file.getvalue()


@pytest.mark.promise(11)
@SETTINGS
@given(st.binary(min_size=1, max_size=500), st.data())
def test_any_cut_of_a_gzip_file_is_noticed(tmp_path: Path, data: bytes, draw: st.DataObject) -> None:
    whole = gzip.compress(b"text: " + data)
    file = tmp_path / "f"
    file.write_bytes(whole[: draw.draw(st.integers(3, len(whole) - 1))])
    with pytest.raises(TransferError):
        verify(spooled(file), Decode())


@pytest.mark.promise(11)
@SETTINGS
@given(st.binary(min_size=20, max_size=500), st.data())
def test_any_cut_of_a_zip_file_and_any_change_of_its_data_is_noticed(tmp_path: Path, data: bytes, draw: st.DataObject) -> None:
    whole = zipped(b"text: " + data)
    file = tmp_path / "f"
    file.write_bytes(whole[: draw.draw(st.integers(5, len(whole) - 1))])
    with pytest.raises(TransferError):
        verify(spooled(file), Decode())
    at = draw.draw(st.integers(35, 35 + len(data) // 2))
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
    with pytest.raises(TransferError):
        verify(spooled(file), Decode())


@SETTINGS
@given(st.binary(max_size=300))
def test_contents_are_the_bytes_without_compression(tmp_path: Path, data: bytes) -> None:
    data = b"no magic number: " + data
    file = tmp_path / "f"
    for stored in (data, gzip.compress(data), zipped(data)):
        file.write_bytes(stored)
        verify(spooled(file), Decode())
        assert data == b"".join(contents(spooled(file), Decode()))


@pytest.mark.parametrize("limit", [40, 64])
@pytest.mark.parametrize("cut", [None, -9])
def test_the_beginning_is_read_through_compression_even_of_half_a_file(limit: int, cut: int | None) -> None:
    text = b"there is no data for these dates, and many more words to fill the page with"
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.txt", text)
    for data in (text, gzip.compress(text), gzip.compress(gzip.compress(text)), zipped(text), zipped(gzip.compress(text)), stored.getvalue()):
        found = beginning(data[:cut] if data is not text else data, limit)
        assert text[: len(found)] == found[: len(text)]
        assert found or data != text


@pytest.mark.parametrize("data", [b"", b"\x1f", b"\x1f\x8b\x08", b"\x1f\x8b\x08garbage", b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 40])
def test_the_beginning_of_rubbish_is_no_error(data: bytes) -> None:
    beginning(data, 64)


@pytest.mark.promise(13)
@pytest.mark.parametrize("more", [0, 1, 2, 3])
def test_a_member_may_begin_at_any_place_of_the_blocks_that_are_read(
    more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = gzip.compress(b"id\n"), gzip.compress(b"1\n")
    monkeypatch.setattr(compression, "READ_BYTES", len(first) + more)
    file = tmp_path / "f"
    file.write_bytes(first + second)
    assert b"id\n1\n" == b"".join(contents(spooled(file), Decode()))


@pytest.mark.promise(13)
@pytest.mark.parametrize("most", [1, 2, 7, 258])
def test_what_unpacks_to_more_than_is_read_at_once_comes_whole(most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"x" * 1032 + bytes(range(256)) + b"y" * 258
    monkeypatch.setattr(compression, "READ_BYTES", most)
    file = tmp_path / "f"
    file.write_bytes(gzip.compress(data))
    assert data == b"".join(contents(spooled(file), Decode()))
