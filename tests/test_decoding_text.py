"""Text: encodings, byte order marks, strictness with the byte offset, NUL characters; nothing is ever replaced."""

from __future__ import annotations

import codecs
import itertools

import pytest
from decoding_kit import Body, read, rows

from tap_asyncreport.errors import DecodeError

WORDS = {
    "utf-8": "Zürich €, 東京, 😀", "utf-16-le": "Zürich €, 東京, 😀", "utf-16-be": "Zürich €, 東京, 😀", "utf-32-le": "Zürich 😀",
    "utf-32-be": "Zürich 😀", "utf-16": "Zürich 東京", "utf-8-sig": "Zürich 東京", "cp1252": "Zürich €", "latin-1": "Zürich ÿ",
    "shift_jis": "東京テスト表ソ", "cp932": "東京①髙ソ", "gbk": "北京测试", "gb18030": "北京😀", "big5": "臺北", "euc-jp": "東京", "euc-kr": "서울",
    "koi8-r": "Москва", "cp1251": "Москва", "iso-8859-15": "Zürich €",
}  # fmt: skip
MARKS = {
    "utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE,
}  # fmt: skip


def table(word: str) -> tuple[str, list[dict[str, str]]]:
    return f'id,name\n1,"{word}"\n2,x\n', [{"id": "1", "name": word}, {"id": "2", "name": "x"}]


@pytest.mark.promise(16)
@pytest.mark.parametrize("codec", WORDS)
@pytest.mark.parametrize("said", ["declared", "charset", "charset over"])
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_every_encoding_that_is_declared_or_said_is_read(codec: str, said: str, format_: str) -> None:
    text, expected = table(WORDS[codec])
    if format_ == "json":
        import json

        text = json.dumps(expected, ensure_ascii=False)
    charset = {"declared": None, "charset": codec, "charset over": "utf-7"}[said]
    decode = {} if said == "charset" else {"encoding": codec.upper()}
    assert expected == rows(Body(text.encode(codec), charset=charset), decode=decode)


@pytest.mark.promise(16)
@pytest.mark.parametrize(("codec", "claim"), list(itertools.product(MARKS, [None, "utf-8", "latin-1", "utf-16", "cp932"])))
def test_a_byte_order_mark_wins_over_every_claim(codec: str, claim: str | None) -> None:
    text, expected = table(WORDS[codec])
    data = MARKS[codec] + text.encode(codec)
    assert expected == rows(Body(data, charset=claim))
    assert expected == rows(Body(data), decode={"encoding": claim})
    assert expected == rows(Body(data, charset="koi8-r"), decode={"encoding": claim, "format": "csv"})


@pytest.mark.promise(16)
@pytest.mark.parametrize(
    ("data", "decode", "message"),
    [
        (b"id,name\n1,Z\xfcrich\n", {}, r"byte 11: b'\xfc' is not utf-8 (invalid start byte)"),
        (b"\xef\xbb\xbfid,name\n1,Z\xfcrich\n", {}, r"byte 14: b'\xfc' is not utf-8 (invalid start byte)"),
        (b"id,name\n1,a\xe2\x82", {}, r"byte 11: b'\xe2\x82' is not utf-8 (unexpected end of data)"),
        (b"id,name\n1,\xed\xa0\x80\n", {}, r"byte 10: b'\xed' is not utf-8 (invalid continuation byte)"),
        (b"id,name\n1,\xc0\x80\n", {}, r"byte 10: b'\xc0' is not utf-8 (invalid start byte)"),
        (b"id,name\n1,a\x81\n", {"encoding": "cp1252"}, r"byte 11: b'\x81' is not cp1252 (character maps to <undefined>)"),
        (b"id,name\n1,a\xfd\xfd\n", {"encoding": "shift_jis"}, r"byte 11: b'\xfd' is not shift_jis (illegal multibyte sequence)"),
        (b"id,name\n1,a\x82", {"encoding": "shift_jis"}, r"byte 11: b'\x82' is not shift_jis (incomplete multibyte sequence)"),
        (b"\xff\xfei\0d\0\n\0\x01\xd8\n\0", {}, r"byte 8: b'\x01\xd8' is not utf-16-le (illegal UTF-16 surrogate)"),
        (b"\xff\xfei\0d\0\n\0x", {}, r"byte 8: b'x' is not utf-16-le (truncated data)"),
        (b"id,n\xe4me\n1,a\n", {"encoding": "ascii"}, r"byte 4: b'\xe4' is not ascii (ordinal not in range(128))"),
        (b'[{"a":"\xfc"}]', {}, r"byte 7: b'\xfc' is not utf-8 (invalid start byte)"),
        (b'{"a":"\xfc"}\n{"a":1}\n', {}, r"byte 6: b'\xfc' is not utf-8 (invalid start byte)"),
        (b"<r><a><b>\xfc</b></a></r>", {}, r"byte 9: b'\xfc' is not utf-8 (invalid start byte)"),
    ],
)
def test_a_byte_that_does_not_fit_is_an_error_with_codec_and_offset(data: bytes, decode: dict, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        rows(data, decode=decode)
    assert message == caught.value.message


@pytest.mark.promise(16)
@pytest.mark.parametrize("codec", ["utf-8", "cp932", "utf-16-le", "gb18030", "cp1252"])
@pytest.mark.parametrize("near", [256 * 1024 - 3, 256 * 1024 - 2, 256 * 1024 - 1, 256 * 1024])
def test_the_offset_holds_and_characters_survive_across_blocks(codec: str, near: int) -> None:
    mark = MARKS.get(codec, b"")
    word = {"cp1252": "é"}.get(codec, "東")
    start = mark + "a\n".encode(codec)
    unit = "x".encode(codec)
    start += unit * ((near - len(start)) // len(unit))
    good = start + (word * 9).encode(codec)
    found = rows(good, decode={"encoding": codec, "format": "csv"})
    assert (start[len(mark) :].decode(codec) + word * 9)[2:] == found[0]["a"]
    bad = {"utf-8": b"\xff", "cp932": b"\x81\xff", "utf-16-le": b"\x00\xdc", "gb18030": b"\xff", "cp1252": b"\x8d"}[codec]
    with pytest.raises(DecodeError, match=f"^byte {len(good)}: "):
        rows(good + bad + unit * 50, decode={"encoding": codec, "format": "csv"})


@pytest.mark.promise(16)
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_without_a_mark_or_a_word_about_it_is_an_error(codec: str) -> None:
    with pytest.raises(DecodeError, match="this is UTF-16 or UTF-32 without a byte order mark"):
        rows("id,name\n1,abc\n".encode(codec))


@pytest.mark.promise(16)
@pytest.mark.parametrize(
    ("body", "decode", "message"),
    [
        (Body(b"a\n1\n"), {"encoding": "klingon"}, "decode.encoding is 'klingon', which is no known encoding"),
        (Body(b"a\n1\n", charset="x-none"), {}, "the charset of Content-Type is 'x-none', which is no known encoding"),
        (Body(b"a\n1\n"), {"encoding": "base64"}, "decode.encoding is 'base64', which is not an encoding of text"),
        (Body(b"a\n1\n"), {"encoding": "rot13"}, "decode.encoding is 'rot13', which is not an encoding of text"),
    ],
)
def test_an_encoding_that_is_none_is_an_error(body: Body, decode: dict, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        rows(body, decode=decode)
    assert message == caught.value.message


@pytest.mark.promise(16)
def test_an_xml_declaration_names_the_encoding_unless_the_header_does() -> None:
    data = "<?xml version='1.0' encoding='iso-8859-1'?><r><i><n>é</n></i></r>"
    assert [{"n": "é"}] == rows(data.encode("latin-1"))
    assert [{"n": "é"}] == rows(Body(data.encode("utf-8"), charset="utf-8"))


@pytest.mark.promise(15)
@pytest.mark.parametrize("data", [b'id,n\n1,"a\0b"\n2,\0\n', b'[{"id":"1","n":"a\0b"},{"id":"2","n":"\0"}]', b'{"id":"1","n":"a\0b"}\n{"id":"2","n":"\0"}\n'])
def test_nul_characters_are_stripped_and_counted_or_an_error(data: bytes) -> None:
    found = read(data)
    assert [{"id": "1", "n": "ab"}, {"id": "2", "n": ""}] == found.rows
    assert 2 == found.observed.nul_stripped
    with pytest.raises(DecodeError, match="the text holds a NUL character after"):
        rows(data, decode={"nul": "error"})


@pytest.mark.promise(15)
def test_nul_characters_may_be_kept_where_the_format_has_room_for_them() -> None:
    assert [{"id": "1", "n": "a\0b"}, {"id": "2", "n": "\0"}] == rows(b'id,n\n1,"a\0b"\n2,\0\n', decode={"nul": "keep"})


@pytest.mark.promise(16)
@pytest.mark.parametrize("text", ["a\nx\0y\n", "a\n\0\n", "a,b\n\0x,\0y\n", "a\n" + "x\0y\0z\0" * 4 + "z\n1\n"])
def test_litter_of_nul_bytes_is_not_taken_for_wide_text(text: str) -> None:
    """However short the text is: lines that end in one byte are no UTF-16."""
    rows(text.encode())
