"""What stands beside the records: pages that nobody asks for are told of, and records that lie deeper are found."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from decoding_kit import Body, read

from tap_asyncreport.errors import DecodeError

ROWS = [{"id": 1}, {"id": 2}]


def told(caplog: pytest.LogCaptureFixture, document: Any, **stream: Any) -> list[str]:
    """What is warned of when the rows at `$.rows` of a document are read."""
    with caplog.at_level(logging.WARNING):
        read(json.dumps(document), **{"decode": {"records": "$.rows"}, **stream})
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("beside", "hint"),
    [
        ({"cursor": "1"}, "`$.cursor` leads to them: set `download_retriever.paginator`, such as `{type: cursor, extractor: $.cursor, into: {param: cursor}}`"),
        ({"nextRecordsUrl": "/v1/x?2"}, "`$.nextRecordsUrl` leads to them: set `download_retriever.paginator`, such as `{type: next_url, extractor: $.nextRecordsUrl}`"),
        ({"paging": {"cursors": {}, "next": "https://a/2"}}, "`$.paging.next` leads to them: set `download_retriever.paginator`, such as `{type: next_url, extractor: $.paging.next}`"),
        ({"has_more": True}, "`$.has_more` is true: set `download_retriever.paginator`"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("behind", [False, True])
def test_an_answer_that_leads_to_more_rows_is_told_of(
    beside: dict[str, Any], hint: str, behind: bool, caplog: pytest.LogCaptureFixture
) -> None:
    document = {"rows": ROWS, **beside} if behind else {**beside, "rows": ROWS}
    assert [f"stream s: the API has more rows than are read; {hint}"] == told(caplog, document)


@pytest.mark.parametrize(
    "beside",
    [
        {"cursor": None}, {"next": ""}, {"hasMore": False}, {"hasMore": "false"}, {"paging": {"cursors": {"before": "a"}}},
        {"page": "a"}, {"total": "7"}, {"meta": {"rows": 5 * [{"next": "x"}]}}, {"links": {"self": "/a"}},
        {"next": [{"id": 1}]},
    ],
)  # fmt: skip
def test_an_answer_without_further_pages_is_not_told_of(beside: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    assert [] == told(caplog, {**beside, "rows": ROWS})


@pytest.mark.parametrize(
    "steps",
    [
        {"download_retriever": {"request": "GET /x", "paginator": {"type": "cursor", "extractor": "$.cursor", "into": {"param": "c"}}}},
        {"download_retriever": {"source": "polling_response"}},
    ],
)  # fmt: skip
def test_who_asks_for_pages_or_makes_no_request_is_told_nothing(steps: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert [] == told(caplog, {"cursor": "1", "rows": ROWS}, **steps)


@pytest.mark.parametrize(
    ("link", "times"),
    [('<https://a/2>; rel="next", <https://a/9>; rel="last"', 1), ("</x?p=2>; title=a; rel=next", 1), ('<https://a/1>; rel="prev"', 0)],
)
def test_a_header_that_leads_to_the_next_page_is_told_of_once(link: str, times: int, caplog: pytest.LogCaptureFixture) -> None:
    pages = [Body(b"id,name\n1,a\n", headers={"LINK": link})] * 2
    with caplog.at_level(logging.WARNING):
        read(*pages)
    told_of = [text for text in map(str, (record.getMessage() for record in caplog.records)) if "more rows than are read" in text]
    assert times == len(told_of)


def test_fields_of_the_records_themselves_lead_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    document = {"rows": [{"id": 1, "next": "https://a/2", "cursor": "x"}]}
    assert [] == told(caplog, document)
    assert [] == told(caplog, {"rows": [{"cursor": "1", "of": ROWS}]}, decode={"records": "$.rows[*].of"})


@pytest.mark.parametrize(
    ("document", "records", "path"),
    [
        ({"conversations": ROWS, "cursor": None}, None, "$.conversations"),
        ({"data": {"report": {"rows": ROWS}}}, None, "$.data.report.rows"),
        ({"data": {"my rows": ROWS}}, "$.data", "$.data['my rows']"),
    ],
)
@pytest.mark.parametrize("declared", [{"primary_keys": ["id"]}, {"columns": {"id": "integer"}}])
def test_records_that_lie_deeper_are_found(document: Any, records: str | None, path: str, declared: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as caught:
        read(json.dumps(document), decode={"records": records} if records else {}, **declared)
    assert f"the records lie deeper: set `decode.records: {path}`" == caught.value.hint


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({"columns": ["id", "n"]}, "`decode.fields: $.columns`"),
        ({"meta": {"columns": [{"t": 1, "name": "n"}, {"t": 1, "name": "id"}]}}, "`decode.fields: $.meta.columns[*].name`"),
        ({"columns": [{"label": "Id"}]}, "`decode.fields`, the names of the columns"),
    ],
)
def test_rows_by_position_are_found_and_their_names(document: Any, fields: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read(json.dumps({**document, "data": [[1, 2.5]]}), primary_keys=["id"])
    assert f"the records lie deeper, and are lists: set `decode.records: $.data` and {fields}" == caught.value.hint


def test_what_is_no_list_of_such_records_is_not_proposed() -> None:
    with pytest.raises(DecodeError) as caught:
        read(json.dumps({"errors": [{"code": 1}], "of": {"id": 1}}), primary_keys=["id"])
    assert "lie deeper" not in str(caught.value.hint)
