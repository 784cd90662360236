"""JSONL whose records lie deeper in each line: `decode.records` is followed into every one of them."""

from __future__ import annotations

import pytest
from decoding_kit import read, rows

from tap_asyncreport.errors import DecodeError

DEEP = '{"d":{"r":[{"a":1},{"a":2.50}]}}\r\n\n{"d":{"r":[{"a":12345678901234567890}]}}\n'
WRAPPED = '{"kind":"row","row":{"a":1}}\n{"kind":"end"}\n{"kind":"row","row":{"a":2}}'


@pytest.mark.promise(14)
@pytest.mark.parametrize("format_", ["auto", "jsonl"])
@pytest.mark.parametrize("path", ["$.d.r[*]", "$.d.r", "$.*.r[*]", "$..r[*]", "$.d.r[?(@.a > 0)]", "$.{{ vars.where }}.r"])
def test_the_path_is_followed_in_each_line_and_digits_are_kept(format_: str, path: str) -> None:
    decode = {"format": format_, "records": path}
    found = read(DEEP, decode=decode, expect_rows=3, scope={"vars": {"where": "d"}})
    assert ['{"a":1}', '{"a":2.50}', '{"a":12345678901234567890}'] == found.lines


@pytest.mark.parametrize("path", [None, "$", "$[*]"])
def test_a_line_is_the_record_where_the_path_leads_no_further(path: str | None) -> None:
    assert [{"a": 1}, {"a": 2}] == rows('{"a":1}\n{"a":2}\n', decode={"records": path})


def test_columns_rows_by_position_and_lines_without_records() -> None:
    assert [{"x": 1}] == rows('{"r":{"a":"1"}}\n', decode={"format": "jsonl", "records": "$.r"}, columns={"x": {"type": "integer", "source": "a"}})
    by_position = {"format": "jsonl", "records": "$.v", "fields": ["a", "b"]}
    assert [{"a": 1, "b": 2}, {"a": 3, "b": 4}] == rows('{"v":[1,2]}\n{"v":[[3,4]]}\n', decode=by_position)
    assert [] == rows('{"r":[]}\n{"r":null}\n', decode={"format": "jsonl", "records": "$.r[*]"})
    assert [{"a": 1}, {"a": 2}] == rows(WRAPPED, decode={"format": "jsonl", "records": "$..row"})


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (WRAPPED, "$.row", "line 2: `decode.records` finds nothing at $.row"),
        ('{"r":[]}\n{"r":"busy"}\n', "$.r[*]", "line 2: `decode.records` finds nothing at $.r[*]"),
        (WRAPPED, "$..nothing", "`decode.records` finds nothing at $..nothing"),
        ('{"r":{"a":1}}\n{"r":{"a":', "$.r", "line 2: not JSON"),
        ('{"r":{"a":1}}\n{"r":{"a":', "$..r", "line 2: not JSON"),
        ('{"r":{"a":1}}\n{"r":5}', "$.r", "line 2: '5' is no object, and records are objects"),
    ],
)
def test_a_line_that_is_not_as_the_path_says_is_named(body: str, path: str, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        rows(body, decode={"format": "jsonl", "records": path})
    assert caught.value.message.startswith(message)
