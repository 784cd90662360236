"""From bytes to text: byte order marks, declared encodings, strictness with the byte offset, NUL characters."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from tap_asyncreport.config.decoding import Decode
from tap_asyncreport.decoding.compression import ByteStream
from tap_asyncreport.decoding.source import Observed
from tap_asyncreport.errors import DecodeError, piece

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOK_BYTES = 4096
_NUL_SHARE = 0.3
_FEW_NULS = 1  # as many are litter, however short the text


def encoding_of(stream: ByteStream, decode: Decode, charset: str | None) -> tuple[str, int]:
    """The codec of a member and the length of its byte order mark; a mark wins over what anybody says.

    Raises DecodeError for a codec that nobody knows, and for UTF-16 without a mark or a declaration.
    """
    head = stream.peek(_LOOK_BYTES)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec, len(mark)
    for name, key in ((decode.encoding, "decode.encoding"), (charset, "the charset of Content-Type")):
        if name:
            return _codec(name, key), 0
    odd, even = head[1::2].count(0), head[::2].count(0)
    wide = max(odd, even) > max(_FEW_NULS, _NUL_SHARE * len(head) / 2) and _ends_lines_wide(head)
    if wide and head.strip(b"\0"):
        guess = "utf-16-le" if odd > even else "utf-16-be"
        raise DecodeError(
            "every other byte is NUL: this is UTF-16 or UTF-32 without a byte order mark",
            excerpt=piece(head, 0, 40),
            hint=f"set `decode.encoding`, for example to {guess}",
        )
    return "utf-8", 0


def _ends_lines_wide(head: bytes) -> bool:
    """Whether the line ends, where there are any, may be those of UTF-16 or UTF-32, which have a NUL beside them."""
    return b"\n" not in head or b"\n\0" in head or b"\0\n" in head


def _codec(name: str, key: str) -> str:
    try:
        codec = codecs.lookup(name.strip().strip("\"'"))
    except LookupError:
        raise DecodeError(f"{key} is {name!r}, which is no known encoding", hint="set `decode.encoding`") from None
    if not codec._is_text_encoding:  # noqa: SLF001  # base64, zip and the like would change the bytes
        raise DecodeError(f"{key} is {name!r}, which is not an encoding of text", hint="set `decode.encoding`")
    return codec.name


def texts(stream: ByteStream, decode: Decode, charset: str | None, observed: Observed) -> Iterator[str]:
    """The member's text, block by block; raises DecodeError with codec and byte offset where a byte does not fit."""
    codec, skip = encoding_of(stream, decode, charset)
    decoder = codecs.getincrementaldecoder(codec)("strict")
    done = skip
    for block in stream:
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block[skip:] if skip else block)
        except UnicodeDecodeError as error:
            raise _undecodable(error, codec, done - pending) from None
        done += len(block) - skip
        skip = 0
        if "\0" in text and decode.nul != "keep":
            text = _without_nul(text, decode, observed)
        if text:
            yield text
    pending = len(decoder.getstate()[0])
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _undecodable(error, codec, done - pending) from None


def _undecodable(error: UnicodeDecodeError, codec: str, before: int) -> DecodeError:
    seen = error.object[error.start : error.end][:8]
    return DecodeError(
        f"byte {before + error.start}: {bytes(seen)!r} is not {codec} ({error.reason})",
        excerpt=piece(error.object, error.start - 40, error.start + 40),
        hint="set `decode.encoding` to the encoding the API uses, for example cp1252",
    )


def _without_nul(text: str, decode: Decode, observed: Observed) -> str:
    if decode.nul == "error":
        before = text[: text.index("\0")]
        raise DecodeError(
            f"the text holds a NUL character after {before[-40:]!r}", hint="`decode.nul: strip` takes them out"
        )
    observed.nul_stripped += text.count("\0")
    return text.replace("\0", "")
