"""How many records a downloaded page has, for paginators that must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_asyncreport.decoding import Observed
from tap_asyncreport.decoding.compression import members
from tap_asyncreport.decoding.text import texts
from tap_asyncreport.lifecycle.integrity import contents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_asyncreport.config.streams import Decode
    from tap_asyncreport.response import Response
    from tap_asyncreport.spool import SpooledFile
    from tap_asyncreport.templates import Extractor


def records_in(
    file: SpooledFile, response: Response, decode: Decode, records: Extractor | None, scope: Mapping[str, Any]
) -> int:
    """Records of a page: those at `decode.records`, the items of its list, or the lines after the header."""
    body = response.body
    if body is not None and decode.format in ("auto", "json"):
        return len(_listed(body, response, records, scope))
    if decode.format == "xml" or (decode.format == "auto" and response.text.lstrip().startswith("<")):
        return _elements(file, decode)
    lines = sum(1 for _ in _logical_lines(file, decode))
    has_header = decode.format != "jsonl" and decode.header != "none"
    return max(0, lines - has_header - decode.skip_after)


def path_of_rows(decode: Decode) -> str | None:
    """The JSONPath whose matches are the rows; None where records are found in another way."""
    path = decode.records
    if path is None or not path.startswith("$"):
        return None
    rows, _, cell = path.rpartition("[*]")
    return rows if decode.fields is not None and cell and "[*]" in rows else path


def _listed(body: Any, response: Response, records: Extractor | None, scope: Mapping[str, Any]) -> list[Any]:
    if records is not None:
        found = records.all(response, scope)
        return found[0] if len(found) == 1 and isinstance(found[0], list) else found
    if isinstance(body, dict):
        lists = [value for value in body.values() if isinstance(value, list)]
        body = lists[0] if len(lists) == 1 else [body]
    return body if isinstance(body, list) else [body]


def _elements(file: SpooledFile, decode: Decode) -> int:
    from tap_asyncreport.decoding.xml_rows import XmlRecords

    found = 0
    for member in members(file, decode):
        found += sum(1 for _ in XmlRecords(texts(member, decode, file.charset, Observed()), decode.records))
    return found


def _logical_lines(file: SpooledFile, decode: Decode) -> Iterator[None]:
    """The lines that are not empty; a line break between quotes ends none."""
    quote = (decode.quote_char or "").encode()
    inside, filled = False, False
    for data in contents(file, decode):
        for line in data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").splitlines(keepends=True):
            inside ^= bool(quote) and line.count(quote) % 2 == 1
            filled = filled or bool(line.strip())
            if line.endswith(b"\n") and not inside:
                if filled:
                    yield None
                filled = False
    if filled:
        yield None
