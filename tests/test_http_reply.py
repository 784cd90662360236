"""Bodies: decoded for the steps, whatever the header says about them."""

from __future__ import annotations

import gzip
import zlib

import pytest
from http_kit import Kit
from sockets import answer, serving

from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.network import Broken
from tap_asyncreport.http.reply import decoded, json_of, text_of

ROWS = b'{"id": "1"}'
RAW_DEFLATE = zlib.compress(ROWS)[2:-4]


@pytest.mark.promise(13)
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (ROWS, None),
        (ROWS, "identity"),
        (gzip.compress(ROWS), "gzip"),
        (gzip.compress(ROWS), "X-GZIP"),
        (gzip.compress(ROWS[:5]) + gzip.compress(ROWS[5:]), "gzip"),
        (gzip.compress(ROWS) + b"\0\0\0", "gzip"),
        (gzip.compress(gzip.compress(ROWS)), "gzip, gzip"),
        (zlib.compress(ROWS), "deflate"),
        (RAW_DEFLATE, "deflate"),
        (ROWS, "gzip"),
        (ROWS, "deflate"),
        (ROWS, "br"),
        (ROWS, "no, such, thing"),
    ],
)
def test_a_body_is_decoded_as_it_is_not_as_its_header_says(body, encoding):
    assert ROWS == decoded(body, encoding)


def test_an_empty_body_is_empty_whatever_its_encoding():
    assert [b"", b"", b""] == [decoded(b"", encoding) for encoding in ("gzip", "deflate", None)]


@pytest.mark.promise(13)
@pytest.mark.parametrize("body", [gzip.compress(ROWS), gzip.compress(gzip.compress(ROWS)), ROWS])
def test_a_step_reads_a_packed_answer_that_no_header_announces(body):
    with serving(answer(body, Content_Type="application/json")) as api:
        assert {"id": "1"} == Kit(base_url=api.url).send("GET", "/x").answer().body


@pytest.mark.parametrize("cut", [12, 20, len(gzip.compress(ROWS)) - 1])
def test_a_cut_gzip_is_broken(cut):
    with pytest.raises(Broken, match="the compressed answer"):
        decoded(gzip.compress(ROWS)[:cut], "gzip")


def test_an_answer_that_unpacks_to_too_much_is_an_error():
    bomb = gzip.compress(b"\0" * (65 * 1024 * 1024))
    with serving(answer(bomb, Content_Encoding="gzip")) as api:
        with pytest.raises(RequestError, match="the answer is larger than 64 MiB"):
            Kit(base_url=api.url).send("GET", "/a")


def test_an_answer_that_is_too_large_is_an_error():
    with serving(answer(b"x" * (65 * 1024 * 1024))) as api:
        with pytest.raises(RequestError, match="the answer is larger than 64 MiB") as caught:
            Kit(base_url=api.url).send("GET", "/a")
    assert f"GET {api.url}/a" == caught.value.where.request_line


def test_a_file_stays_as_it_was_sent():
    body = gzip.compress(ROWS)
    with serving(answer(body, Content_Encoding="gzip")) as api:
        kit = Kit(base_url=api.url)
        assert body == b"".join(kit.send("GET", "/a", stream=True).chunks())
        assert ROWS == kit.send("GET", "/a", stream=True).read()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_in_any_unicode_encoding(encoding):
    assert {"ü": 1} == json_of('{"ü": 1}'.encode(encoding))


@pytest.mark.parametrize("body", [b"", b"nope", b"<html>", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_has_no_json(body):
    assert None is json_of(body)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("ü".encode(), None, "ü"),
        ("ü".encode("latin-1"), "text/plain; charset=ISO-8859-1", "ü"),
        ("ü".encode("utf-8-sig"), "text/plain", "ü"),
        (b"\xfc", "text/plain", "\\xfc"),
        ("ü".encode(), "text/plain; charset=nonsense", "ü"),
        ("ü".encode("utf-16"), 'text/plain; charset="utf-16"', "ü"),
    ],
)
def test_text_in_the_charset_of_the_answer(body, content_type, text):
    assert text == text_of(body, content_type)


def test_an_answer_as_later_steps_see_it():
    with serving(answer(ROWS, 202, X_Id="r-1", Content_Type="application/json")) as api:
        seen = Kit(base_url=api.url).send("GET", "/a").answer()
    assert ({"id": "1"}, 202, "r-1", f"{api.url}/a", ROWS.decode()) == (
        seen.body, seen.status_code, seen.headers["x-id"], seen.url, seen.text,
    )


def test_closing_a_reply_tells_observers_and_lets_the_rest_go():
    with serving(answer(b"x" * 3_000_000)) as api:
        kit = Kit(base_url=api.url)
        reply = kit.send("GET", "/a", stream=True)
        assert b"x" * 10 == next(reply.chunks(10))
        reply.close()
    [exchange] = kit.exchanges
    assert (10, False) == (exchange.size, exchange.whole)
