"""Whatever comes: rows out equal rows in, or an error; never a crash, a hang or a lost row; lines valid against the schema."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import zipfile
from decimal import Decimal
from typing import Any

import jsonschema
import msgspec
import pytest
from decoding_kit import Body, read, rows, stream
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tap_asyncreport.decoding import json_scan, schema_of
from tap_asyncreport.templates import json_path
from tap_asyncreport.decoding.dialect import Dialect, Incomplete
from tap_asyncreport.errors import DecodeError, ReportError

settings.register_profile("decoding", deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
settings.load_profile("decoding")

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
FIELD = TEXT | st.sampled_from(["", '"', '""', ",", "\n", "\r", "\r\n", ",,", '","', '"\n"', "\u2028", "\x85", "a\tb", " ", "'", "\\", "é€😀"])
TABLES = st.integers(2, 5).flatmap(lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), min_size=1, max_size=12))
ODD_CSV = st.text(st.sampled_from([*list('ab1",\n\r\t;\\ '), "\u2028"]), max_size=40)


@pytest.mark.promise(15)
@given(TABLES, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]), st.sampled_from(",;\t|"), st.booleans())
@example([['","', "\n"], ["\r\n", ","]], "\n", csv.QUOTE_ALL, ",", True)
@example([["\n", "\n"]], "\n", csv.QUOTE_ALL, ",", True)
def test_tables_come_out_as_they_went_in(table: list, end: str, quoting: int, delimiter: str, final: bool) -> None:
    text = io.StringIO()
    names = [f"c{number}" for number in range(len(table[0]))]
    writer = csv.writer(text, lineterminator=end, quoting=quoting, delimiter=delimiter)
    writer.writerow(names)
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL if any("\r" in f or "\n" in f for r in table for f in r) else quoting, delimiter=delimiter).writerows(table)
    body = text.getvalue() if final else text.getvalue().removesuffix(end)
    assert [dict(zip(names, row, strict=True)) for row in table] == rows(body, decode={"format": "csv", "delimiter": delimiter})


@pytest.mark.promise(15)
@given(ODD_CSV, st.integers(1, 4))
@settings(max_examples=1500)
@example('"a\n"",\n', 2)
@example('a,"b\n"c,d"\n', 2)
def test_every_cut_of_fields_agrees_with_the_csv_module(text: str, width: int) -> None:
    dialect = Dialect(",", '"', None, 2**20)
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        expected = None
    try:
        found = dialect.columns(text, width) if text else None
    except (csv.Error, Incomplete):
        assert expected is None
        assert dialect.fault(text) is not None
        return
    assert expected is not None
    assert dialect.fault(text) is None
    if text and all(len(row) == width for row in expected):
        columns, plain = found
        assert expected == [list(row) for row in zip(*columns, strict=True)]
        assert not plain or not re.search(r'[\x00-\x1f"\\]', "".join(map("".join, expected)))
    else:
        assert found is None
    starts = list(dialect.record_starts(text))
    assert len(expected) == len(starts)


@pytest.mark.promise(15)
@given(ODD_CSV)
@settings(max_examples=400)
def test_any_text_gives_every_row_or_an_error(text: str) -> None:
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        table = None
    fits = table is not None and all(len(row) == len(table[0]) for row in table)
    try:
        found = rows(text, decode={"format": "csv", "duplicate_headers": "suffix", "empty_body": "ok"})
    except DecodeError:
        assert not fits or text.lstrip().startswith(('{"', "[,", '["')) or not text.strip()
        return
    if text.strip():
        assert fits
        assert [list(row.values()) for row in found] == table[1:]


SCALARS = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6)
RECORDS = st.lists(st.dictionaries(st.sampled_from(["id", "b", "c d", "é", "x.y", '"', "}{"]), VALUES, min_size=1), min_size=1, max_size=8)


def plain(value: Any) -> Any:
    """The value as JSON holds it: a decimal that no double can hold is null."""
    if isinstance(value, Decimal):
        return None if float(value) in (float("inf"), float("-inf")) else value
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


@pytest.mark.promise(19)
@given(RECORDS, st.sampled_from([-1, 0, 2]), st.sampled_from(["array", "lines", "path", "concatenated"]))
@settings(max_examples=80)
def test_records_come_out_as_they_went_in(records: list, indent: int, shape: str) -> None:
    encode = msgspec.json.Encoder(decimal_format="number").encode
    indent = min(indent, 0) if shape == "lines" else indent
    texts = [msgspec.json.format(encode(record), indent=indent).decode() for record in records]
    body = {
        "array": f"[{','.join(texts)}]", "lines": "\n".join(texts), "path": f'{{"a":[1],"data":[{" ,".join(texts)}]}}', "concatenated": " ".join(texts),
    }[shape]  # fmt: skip
    decode = {"format": "jsonl" if shape == "lines" else "json", "records": "$.data[*]" if shape == "path" else None}
    assert [plain(record) for record in records] == rows(body, decode=decode)


@pytest.mark.promise(15)
@given(st.lists(st.sampled_from([*'{}[]",:1-.eE tfnu\\\n', "true", "null", '"a"', '{"a":1}', "NaN"]), max_size=30).map("".join))
@settings(max_examples=300)
def test_any_json_text_gives_what_it_holds_or_an_error(text: str) -> None:
    decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _: None)
    at, documents = 0, []
    try:
        while rest := text[at:].lstrip(" \t\r\n"):
            at = len(text) - len(rest)
            value, at = decoder.raw_decode(text, at)
            documents.append(value)
    except ValueError:
        documents = None
    try:
        found = rows(text, decode={"format": "json", "empty_body": "ok"})
    except DecodeError:
        records = [r for d in documents or [None] for r in (d if isinstance(d, list) else [d])]
        alike = any(len({key.casefold() for key in r}) < len(r) for r in records if isinstance(r, dict))
        assert alike or "\\u" in text or not all(isinstance(r, dict) for r in records)
        return
    assert documents is not None
    assert [plain(r) for d in documents if d is not None for r in (d if isinstance(d, list) else [d])] == found


@pytest.mark.promise(14)
@given(st.lists(VALUES, max_size=6), st.lists(st.integers(1, 60), max_size=30))
def test_a_cursor_finds_the_same_items_wherever_blocks_are_cut(values: list, sizes: list[int]) -> None:
    text = msgspec.json.encode({"x": values[:2], "data": values, "y": 1})
    blocks, at = [], 0
    for size in sizes:
        blocks.append(text[at : at + size])
        at += size
    found = json_scan.records(json_scan.Cursor(iter([*filter(None, blocks), text[at:]])), json_path.steps_of("$.data[*]"), expand=True)
    assert [msgspec.json.encode(value) for value in values] == [item for items in found for item in items]


KINDS = ["string", "integer", "number", "decimal", "boolean", "date", "date-time", "object", "array"]
WORDS = st.sampled_from(["", "1", "-1", "+1", "007", "1.0", "1e5", "1e400", "NaN", "inf", "true", "no", "2026-01-05", "20260105", "2026-01-05T10:00:00Z",
                         "2026-01-05 10:00:00.5+02:00", "9999-12-31T23:59:59-01:00", "{}", '{"a":NaN}', "[1,2.50]", "null", "x", " 1", "\u0661", "1_0", "0001-01-01T00:00:00+00:01"])  # fmt: skip
CHECKER = jsonschema.FormatChecker(["date", "date-time"])


@pytest.mark.promise(20)
@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(KINDS), min_size=1), st.data())
@settings(max_examples=150)
def test_whatever_is_accepted_is_valid_against_the_schema(columns: dict[str, str], data: st.DataObject) -> None:
    schema = schema_of(stream(columns=columns))
    texts = [data.draw(WORDS | TEXT) for _ in columns]
    body = io.StringIO()
    csv.writer(body).writerows([list(columns), texts])
    found = []
    for source in (body.getvalue(), json.dumps([dict(zip(columns, texts, strict=True))])):
        try:
            found.append(read(source, columns=columns, decode={"format": "json" if source[0] == "[" else "csv"}).lines)
        except DecodeError as error:
            found.append(error.message.partition("column ")[2])
    in_csv, in_json = found
    if isinstance(in_csv, list) and "\r" not in "".join(texts):
        record = json.loads(in_csv[0])
        jsonschema.validate(record, schema, format_checker=CHECKER)
        assert record == json.loads(in_json[0])
    elif isinstance(in_csv, str):
        assert in_csv == in_json


@pytest.mark.promise(19)
@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-(10**25), 10**25), st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)), min_size=1, max_size=20))
def test_numbers_keep_every_digit(numbers: list[tuple[int, Decimal]]) -> None:
    columns = {"i": "integer", "n": "number"}
    expected = [(i, Decimal(str(n))) for i, n in numbers]
    body = "i,n\n" + "".join(f"{i},{n}\n" for i, n in numbers)
    lines = "".join(f'{{"i":{i},"n":{n}}}\n' for i, n in numbers)
    for source in (body, lines, f"[{','.join(lines.split())}]"):
        assert expected == [(row["i"], row["n"]) for row in rows(source, columns=columns)]
        assert [str(n) for _, n in expected] == [line.partition('"n":')[2].removesuffix("}") for line in read(source, columns=columns).lines]


@pytest.mark.promise(11)
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("kind", ["gzip", "zip", "csv", "json", "jsonl", "xml", "xlsx"])
def test_damaged_bytes_give_an_error_or_rows_and_never_anything_else(kind: str, seed: int) -> None:
    chance = random.Random(f"{kind}{seed}")
    table = "id,name,x\n" + "".join(f'{i},"n{i}",{i}.5\n' for i in range(60))
    records = [{"id": str(i), "name": f"n{i}", "x": i} for i in range(60)]
    if kind == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", table)
            archive.writestr("b.csv.gz", gzip.compress(table.encode()))
        data = packed.getvalue()
    else:
        data = {
            "gzip": lambda: gzip.compress(table.encode()), "csv": lambda: table.encode(), "json": lambda: json.dumps(records).encode(), "xlsx": lambda: b"PK\x03\x04" + table.encode(),
            "jsonl": lambda: "\n".join(map(json.dumps, records)).encode(), "xml": lambda: ("<r>" + "".join(f"<i><id>{i}</id></i>" for i in range(60)) + "</r>").encode(),
        }[kind]()  # fmt: skip
    broken = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(max(1, len(broken)))
        how = chance.randrange(4)
        if how == 0:
            broken[at : at + 1] = bytes(byte ^ (1 << chance.randrange(8)) for byte in broken[at : at + 1])
        elif how == 1:
            del broken[at : at + chance.randint(1, 30)]
        elif how == 2:
            broken[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
        else:
            broken = broken[: max(1, at)]
    try:
        rows(Body(bytes(broken)))
    except ReportError as error:
        assert error.message
