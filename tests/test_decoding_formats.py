"""XML, XLSX and Parquet: records and tables of the other formats, read as JSON and CSV are."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from decoding_kit import Body, read, rows

from tap_asyncreport.errors import DecodeError


def error(*bodies: object, **how: object) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        rows(*bodies, **how)
    return caught.value


# -- XML

ORDERS = """<?xml version="1.0" encoding="utf-8"?>
<!-- a comment -->
<ns:Envelope xmlns:ns="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Header><Row><Id>0</Id></Row></Header>
  <Body>
    <Row kind="a"><Id>1</Id><Price currency="EUR">1.50</Price><Note/><Gone xsi:nil="true"/></Row>
    <ns:Row kind="b"><ns:Id>2</ns:Id><Price>2</Price><Tag>x</Tag><Tag>y</Tag><Sub unit="m"><W>1</W><H>2</H></Sub><Text><![CDATA[<&>]]> &amp; é</Text></ns:Row>
  </Body>
</ns:Envelope>"""
FIRST = {"kind": "a", "Id": "1", "Price": "1.50", "Price@currency": "EUR", "Note": "", "Gone": None}
SECOND = {"kind": "b", "Id": "2", "Price": "2", "Tag": ["x", "y"], "Sub": {"unit": "m", "W": "1", "H": "2"}, "Text": "<&> & é"}


@pytest.mark.promise(14)
@pytest.mark.parametrize("path", ["Body/Row", "/Envelope/Body/Row", "Envelope/Body/Row", "ns:Body/ns:Row", "./Body/Row", "Body/*", "*/Row"])
def test_elements_at_a_path_are_records(path: str) -> None:
    expected = [FIRST, SECOND] if path != "*/Row" else [{"Id": "0"}, FIRST, SECOND]
    assert expected == rows(ORDERS, decode={"records": path})


@pytest.mark.promise(14)
def test_elements_at_any_depth_and_the_roots_children() -> None:
    assert [{"Id": "0"}, FIRST, SECOND] == rows(ORDERS, decode={"records": "//Row"})
    assert [{"a": "1"}, {"a": "2"}] == rows("<r><x><a>1</a></x><y><a>2</a></y></r>")
    assert [{"id": "1"}, {"id": "2", "text": "t"}] == rows('<r><x id="1"/><x id="2">t</x></r>')


@pytest.mark.promise(14)
def test_an_xml_element_that_stands_alone_is_a_list_of_one_where_a_list_is_meant() -> None:
    body = "<r><o><n>1</n><l><t><q>5</q></t></l></o><o><n>2</n><l><t><q>6</q></t><t><q>7</q></t></l></o><o><n>3</n><l/></o></r>"
    exploded = [{"n": "1", "l": {}, "q": "5"}, {"n": "2", "l": {}, "q": "6"}, {"n": "2", "l": {}, "q": "7"}]
    assert exploded == rows(body, decode={"explode": {"path": "$.l.t"}})
    columns = {"n": "integer", "t": {"type": "array", "source": "$.l.t"}}
    assert [{"n": 1, "t": [{"q": "5"}]}, {"n": 2, "t": [{"q": "6"}, {"q": "7"}]}, {"n": 3, "t": None}] == rows(body, columns=columns)
    columnar = "<r><o><s><a>1</a><a>2</a><b>3</b><b>4</b></s></o></r>"
    assert [{"a": "1", "b": "3"}, {"a": "2", "b": "4"}] == rows(columnar, decode={"explode": {"path": "$.s"}})


@pytest.mark.promise(19)
def test_xml_columns_are_typed_as_any_text_is() -> None:
    columns = {"Id": "integer", "Price": "number", "cur": {"type": "string", "source": "Price@currency"}, "Tag": "array", "w": {"type": "integer", "source": "$.Sub.W"}, "Gone": "date"}
    expected = [
        {"Id": 1, "Price": Decimal("1.50"), "cur": "EUR", "Tag": None, "w": None, "Gone": None},
        {"Id": 2, "Price": 2, "cur": None, "Tag": ["x", "y"], "w": 1, "Gone": None},
    ]
    assert expected == rows(ORDERS, columns=columns, primary_keys=["Id"], decode={"records": "Body/Row"}, expect_rows=2)
    bad = ORDERS.replace("<ns:Id>2", "<ns:Id>two")
    assert "record 2, column 'Id': 'two' is not an integer" == error(bad, columns=columns, decode={"records": "Body/Row"}).message


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("body", "records", "message"),
    [
        ("<Error><Code>AccessDenied</Code></Error>", None, "record 1: '\"AccessDenied\"' is no object, and records are objects"),
        ("<Error><Code>AccessDenied</Code></Error>", "Result/Row", "no element at 'Result/Row' in a document that begins with <Error>"),
        ("<Error><Code>AccessDenied</Code></Error>", "//Row", "no element at '//Row' in a document that begins with <Error>"),
        ("<r><x><a>1</a></x>", None, "the XML is not well-formed: no element found: line 1, column 18"),
        ("<r><x></y></r>", None, "the XML is not well-formed: mismatched tag: line 1, column 8"),
        ("<r>&undefined;</r>", None, "the XML is not well-formed: undefined entity: line 1, column 3"),
        ('<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r><x><y>&b;</y></x></r>', None, "the XML declares entities, which a report has no need of"),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><x><y>&x;</y></x></r>', None, "the XML declares entities, which a report has no need of"),
        ('<!DOCTYPE r [<!ENTITY % p SYSTEM "http://localhost/x">%p;]><r/>', None, "the XML declares entities, which a report has no need of"),
    ],
)  # fmt: skip
def test_xml_that_is_no_report_is_an_error(body: str, records: str | None, message: str) -> None:
    assert message == error(body, decode={"format": "xml", "records": records}).message


@pytest.mark.promise(12)
def test_xml_without_rows() -> None:
    assert [] == rows("<r/>", primary_keys=["id"])
    assert [] == rows("<r><rows></rows></r>", decode={"records": "rows/row"})
    assert [] == rows("<r></r>", decode={"records": "//row"})


@pytest.mark.promise(18)
def test_xml_is_read_as_it_comes() -> None:
    from tap_asyncreport.decoding.xml_rows import XmlRecords

    def texts():
        yield "<r>"
        for number in range(200):
            yield f"<x><a>{number}</a></x>"
            assert len(records._ready) + len(records._open) + len(records._stack) <= 2
        yield "</r>"

    records = XmlRecords(texts(), None)
    assert list(map(str, range(200))) == [record["a"] for record in records]


# -- XLSX

openpyxl = pytest.importorskip("openpyxl")


def book(**sheets: list[list[object]]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, table in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in table:
            sheet.append(row)
    data = io.BytesIO()
    workbook.save(data)
    return data.getvalue()


TABLE = [["id", "name", "day", "at", "x", "ok"], [1, 'a,"b"\nc', date(2026, 1, 5), datetime(2026, 1, 5, 10, 30), 1.5, True], [2, "01234", None, None, 12345678901234, False]]
TEXTS = [
    {"id": "1", "name": 'a,"b"\nc', "day": "2026-01-05", "at": "2026-01-05T10:30:00", "x": "1.5", "ok": "true"},
    {"id": "2", "name": "01234", "day": "", "at": "", "x": "12345678901234", "ok": "false"},
]


@pytest.mark.promise(14)
@pytest.mark.parametrize("frame", ["plain", "gzip", "zip"])
@pytest.mark.parametrize("format_", ["auto", "xlsx"])
def test_a_sheet_is_a_table(frame: str, format_: str) -> None:
    data = book(Data=TABLE)
    if frame == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("report.xlsx", data)
        data = packed.getvalue()
    data = gzip.compress(data) if frame == "gzip" else data
    assert TEXTS == rows(data, decode={"format": format_}, expect_rows=2)


@pytest.mark.promise(19)
def test_sheets_have_typed_columns_headers_and_footers() -> None:
    columns = {"id": "integer", "name": "string", "day": "date", "at": "date-time", "x": "number", "ok": "boolean"}
    data = book(Other=[["z"], [1]], Data=[["Report"], [], *TABLE, [], ["Total", None, None, None, 9]])
    decode = {"records": "Data", "header": {"match": ["id", "x"]}, "stop_at": "^Total"}
    assert [
        {"id": 1, "name": 'a,"b"\nc', "day": "2026-01-05", "at": "2026-01-05T10:30:00Z", "x": Decimal("1.5"), "ok": True},
        {"id": 2, "name": "01234", "day": None, "at": None, "x": 12345678901234, "ok": False},
    ] == rows(data, columns=columns, decode=decode)  # fmt: skip
    assert "the workbook has no sheet 'Nope'; it has 'Other', 'Data'" == error(data, decode={"records": "Nope"}).message


@pytest.mark.promise(12)
def test_a_broken_workbook_is_an_error() -> None:
    data = book(Data=TABLE)
    with pytest.raises(Exception, match="cut short or damaged|cannot be read"):
        rows(data[: len(data) // 2])
    assert error(b"id,name\n1,a\n", decode={"format": "xlsx"}).message.startswith("the workbook cannot be read")


# -- Parquet

arrow = pytest.importorskip("pyarrow")


def parquet(**columns: object) -> bytes:
    from pyarrow import parquet as writer

    data = io.BytesIO()
    writer.write_table(arrow.table(columns), data)
    return data.getvalue()


def full() -> bytes:
    at = datetime(2026, 1, 5, 10, 0, 0, 123456, tzinfo=UTC)
    return parquet(
        i=arrow.array([1, None, 2**62]), f=arrow.array([0.1, None, float("nan")], arrow.float32()), d=arrow.array([0.1, 1e300, float("inf")]),
        n=arrow.array([Decimal("1.50"), None, Decimal("-0.01")]), s=["a", "é", None], b=[True, False, None], day=[date(2026, 1, 5), None, None],
        at=arrow.array([at, None, None], arrow.timestamp("us", "Europe/Berlin")), naive=arrow.array([at.replace(tzinfo=None), None, None], arrow.timestamp("ns")),
        l=[[1, 2], None, []], o=[{"x": 1.5}, None, {"x": None}], raw=[b"ab", None, b""],
    )  # fmt: skip


@pytest.mark.promise(14)
@pytest.mark.parametrize("frame", [bytes, gzip.compress])
def test_parquet_rows_keep_the_digits_of_their_types(frame: object) -> None:
    found = read(frame(full()), expect_rows=3)
    one, two, three = found.rows
    assert {
        "i": 1, "f": Decimal("0.1"), "d": Decimal("0.1"), "n": Decimal("1.50"), "s": "a", "b": True, "day": "2026-01-05", "at": "2026-01-05T10:00:00.123456Z",
        "naive": "2026-01-05T10:00:00.123456000Z", "l": [1, 2], "o": {"x": Decimal("1.5")}, "raw": "ab",
    } == one  # fmt: skip
    assert (2**62, None, None, Decimal("-0.01"), []) == (three["i"], three["f"], three["d"], three["n"], three["l"])
    assert (None, 2) == (two["i"], found.observed.non_finite)


@pytest.mark.promise(21)
def test_parquet_reads_the_columns_it_needs() -> None:
    columns = {"id": {"type": "integer", "source": "i"}, "x": {"type": "number", "source": "$.o.x"}, "day": "date", "s": "string"}
    assert [{"id": 1, "x": Decimal("1.5"), "day": "2026-01-05"}, {"id": None, "x": None, "day": None}, {"id": 2**62, "x": None, "day": None}] == rows(
        full(), columns=columns, selected={"id", "x", "day"}
    )


@pytest.mark.promise(12)
def test_broken_parquet_is_an_error() -> None:
    assert error(full()[:-300]).message.startswith("the Parquet file cannot be read: ")
    assert error(b"PAR1" + b"x" * 50).message.startswith("the Parquet file cannot be read: ")


@pytest.mark.parametrize(
    ("module", "body", "message", "hint"),
    [
        ("python_calamine", lambda: book(Data=TABLE), "reading XLSX needs python-calamine", "pip install 'tap-asyncreport[xlsx]'"),
        ("pyarrow", full, "reading Parquet needs pyarrow", "pip install 'tap-asyncreport[parquet]'"),
    ],
)
def test_an_extra_that_is_missing_says_how_to_install_it(module: str, body, message: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = body()
    monkeypatch.setitem(sys.modules, module, None)
    found = error(Body(data))
    assert (message, hint) == (found.message, found.hint)
