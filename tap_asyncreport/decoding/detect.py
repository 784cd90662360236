"""Which format a member is in: from its bytes, then from Content-Type, then from its name."""

from __future__ import annotations

import re

from tap_asyncreport.config.decoding import Decode, Header
from tap_asyncreport.decoding.compression import ByteStream
from tap_asyncreport.decoding.source import Source
from tap_asyncreport.decoding.text import encoding_of
from tap_asyncreport.errors import DecodeError, excerpt

LOOK_BYTES = 64 * 1024
BINARY = (b"PAR1", b"PK\x03\x04")
_HTML = re.compile(
    r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|title)\b", re.IGNORECASE | re.DOTALL
)
_JSON_START = re.compile(r'\{\s*["}]|\[\s*(?:[\[{"\]\d]|-\d|true\b|false\b|null\b)')
_JSON_OBJECTS = re.compile(r'\{\s*["}]|\[\s*[\[{"\]]')
_TYPES = (
    ("tab-separated", "tsv"),
    ("csv", "csv"),
    ("ndjson", "jsonl"),
    ("jsonl", "jsonl"),
    ("json", "json"),
    ("xml", "xml"),
)
_NAMES = re.compile(r"\.(csv|tsv|tab|jsonl|ndjson|json|xml)(?:\.gz|\.gzip|\.zip)*$", re.IGNORECASE)


def beginning(stream: ByteStream, decode: Decode, charset: str | None) -> str:
    """The first characters of a member, for looking at and for quoting; what cannot be decoded there is left out."""
    codec, skip = encoding_of(stream, decode, charset)
    return stream.peek(LOOK_BYTES)[skip:].decode(codec, "ignore")


def format_of(stream: ByteStream, source: Source, decode: Decode) -> str:
    """The member's format; raises DecodeError for an HTML page, which no report is."""
    if decode.format in ("xlsx", "parquet"):
        return decode.format
    head = stream.peek(4)
    if decode.format == "auto" and head in BINARY:
        return "parquet" if head == b"PAR1" else "xlsx"
    text = beginning(stream, decode, source.charset).lstrip()
    if _HTML.match(text) and decode.format != "xml":
        raise DecodeError(
            "an HTML page came instead of the report",
            excerpt=excerpt(text),
            hint="a login or error page? see `download_retriever` and `responses`",
        )
    return _from_text(text, source, stream.name, decode) if decode.format == "auto" else decode.format


def _from_text(text: str, source: Source, name: str | None, decode: Decode) -> str:
    if _JSON_START.match(text):
        first, _, rest = text.partition("\n")
        return "jsonl" if text[0] == "{" and first.rstrip().endswith("}") and rest.lstrip().startswith("{") else "json"
    if text.startswith("<"):
        return "xml"
    if decode.delimiter is not None:
        return "csv"
    line = _header_line(text, decode)
    tabs, commas = line.count("\t"), line.count(",")
    if tabs != commas:
        return "tsv" if tabs > commas else "csv"
    return _said(source.content_type, name or source.name) or "csv"


def _header_line(text: str, decode: Decode) -> str:
    lines = re.split(r"[\r\n]+", text)
    if isinstance(decode.header, Header) and decode.header.match:
        for line in lines:
            if all(column in line for column in decode.header.match):
                return line
    return lines[0]


def _said(content_type: str | None, name: str | None) -> str | None:
    media = (content_type or "").partition(";")[0].lower()
    for part, known in _TYPES:
        if part in media:
            return known
    match = _NAMES.search(name or "")
    if match is None:
        return None
    ending = match[1].lower()
    return {"tab": "tsv", "ndjson": "jsonl"}.get(ending, ending)


def refuse_page(head: str, *, nothing_known: bool) -> None:
    """Raise DecodeError where JSON came instead of a table, or markup where no column is known that would tell."""
    if _JSON_OBJECTS.match(head.lstrip()) or (nothing_known and re.match(r"\s*<[?!\w]", head)):
        raise DecodeError(
            "JSON or markup came where a table was expected",
            excerpt=excerpt(head),
            hint="an error page? else see `decode.format`",
        )
