"""Values: every type of the contract, what fits and what does not, digit for digit; records against their schema."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from decoding_kit import read, rows, stream

from tap_asyncreport.decoding import schema_of
from tap_asyncreport.errors import ConfigurationError, DecodeError


def one(text: str, column: object, **how: Any) -> str:
    """The JSON that a CSV cell, and a JSON string of the same text, become."""
    cell = '"' + text.replace('"', '""') + '"'
    line = read(f"id,x\n1,{cell}\n", columns={"id": "integer", "x": column}, **how).lines[0]
    inside = read(json.dumps([{"id": 1, "x": text}], separators=(",", ":"), ensure_ascii=False), columns={"id": "integer", "x": column}, **how).lines[0]
    assert line == inside
    return line.removeprefix('{"id":1,"x":').removesuffix("}")


def refused(text: str, column: object, **how: Any) -> str:
    """Why neither a CSV cell nor a JSON string fits."""
    cell = '"' + text.replace('"', '""') + '"'
    with pytest.raises(DecodeError) as in_csv:
        rows(f"id,x\n1,{cell}\n", columns={"id": "integer", "x": column}, **how)
    with pytest.raises(DecodeError) as in_json:
        rows(json.dumps([{"id": 1, "x": text}]), columns={"id": "integer", "x": column}, **how)
    assert in_csv.value.message.removeprefix("line 2, ") == in_json.value.message.removeprefix("record 1, ")
    return in_csv.value.message.removeprefix("line 2, column 'x': ")


FITS = [
    ("integer", "0", "0"), ("integer", "-0", "-0"), ("integer", "12", "12"), ("integer", "+12", "12"), ("integer", "-12", "-12"),
    ("integer", "007", "7"), ("integer", "-007", "-7"), ("integer", "000", "0"), ("integer", "9" * 300, "9" * 300),
    ("integer", "18446744073709551616", "18446744073709551616"),
    ("number", "1.50", "1.50"), ("number", "+1.50", "1.50"), ("number", "-1.50", "-1.50"), ("number", "007.10", "7.10"),
    ("number", ".5", "0.5"), ("number", "-.5", "-0.5"), ("number", "5.", "5"), ("number", "1e5", "1e5"), ("number", "1E+05", "1E+05"),
    ("number", "1e-400", "1e-400"), ("number", "12", "12"), ("number", "0.1" + "0" * 60 + "1", "0.1" + "0" * 60 + "1"),
    ("decimal", "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"),
    ("boolean", "true", "true"), ("boolean", "TRUE", "true"), ("boolean", "t", "true"), ("boolean", "Yes", "true"), ("boolean", "y", "true"),
    ("boolean", "1", "true"), ("boolean", "False", "false"), ("boolean", "f", "false"), ("boolean", "NO", "false"), ("boolean", "n", "false"), ("boolean", "0", "false"),
    ("date", "2026-01-31", '"2026-01-31"'), ("date", "20260131", '"2026-01-31"'), ("date", "2024-02-29", '"2024-02-29"'), ("date", "0001-01-01", '"0001-01-01"'),
    ("date-time", "2026-01-31T10:20:30Z", '"2026-01-31T10:20:30Z"'), ("date-time", "2026-01-31 10:20:30", '"2026-01-31T10:20:30Z"'),
    ("date-time", "2026-01-31T10:20", '"2026-01-31T10:20:00Z"'), ("date-time", "2026-01-31", '"2026-01-31T00:00:00Z"'),
    ("date-time", "2026-01-31T10:20:30+02:00", '"2026-01-31T08:20:30Z"'), ("date-time", "2026-01-01T00:20:30.000+0100", '"2025-12-31T23:20:30.000Z"'),
    ("date-time", "2026-12-31T23:20:30-05:30", '"2027-01-01T04:50:30Z"'), ("date-time", "2026-01-31T10:20:30+02", '"2026-01-31T08:20:30Z"'),
    ("date-time", "2026-01-31T10:20:30.123456789Z", '"2026-01-31T10:20:30.123456789Z"'), ("date-time", "2026-01-31T10:20:30,5Z", '"2026-01-31T10:20:30.5Z"'),
    ("date-time", "20260131T102030Z", '"2026-01-31T10:20:30Z"'), ("date-time", "2026-01-31 10:20:30 UTC", '"2026-01-31T10:20:30Z"'),
    ("date-time", "2026-01-31t10:20:30z", '"2026-01-31T10:20:30Z"'), ("date-time", "2026-01-31T10:20:30-00:00", '"2026-01-31T10:20:30Z"'),
    ("date-time", "2026-01-31T24:00:00+01:00", '"2026-01-31T23:00:00Z"'), ("date-time", "2026-02-28 24:00:00.0", '"2026-03-01T00:00:00.0Z"'),
    ("string", " x ", '" x "'), ("string", 'a"b\\c\n', '"a\\"b\\\\c\\n"'), ("string", "\x01\x7f\u2028€😀", '"\\u0001\x7f\u2028€😀"'), ("string", "", '""'),
    ("string", "NULL", '"NULL"'), ("string", "NaN", '"NaN"'),
    ("object", '{"a": 1.50, "b": [1e5, "x"]}', '{"a":1.50,"b":[1e5,"x"]}'), ("array", "[1, 2.0, {}]", "[1,2.0,{}]"), ("array", "[]", "[]"),
    ({"type": "date", "format": "%d/%m/%Y"}, "31/01/2026", '"2026-01-31"'), ({"type": "date", "format": "%b %d, %Y"}, "Jan 31, 2026", '"2026-01-31"'),
    ({"type": "date-time", "format": "%d.%m.%Y %H:%M"}, "31.01.2026 10:20", '"2026-01-31T10:20:00Z"'),
    ({"type": "date-time", "format": "%Y-%m-%d %H:%M:%S.%f %z"}, "2026-01-31 10:20:30.500 +0200", '"2026-01-31T08:20:30.5Z"'),
    ({"type": "date-time", "format": "epoch"}, "1767225600", '"2026-01-01T00:00:00Z"'), ({"type": "date-time", "format": "epoch"}, "1767225600.25", '"2026-01-01T00:00:00.25Z"'),
    ({"type": "date-time", "format": "epoch_ms"}, "1767225600125", '"2026-01-01T00:00:00.125Z"'), ({"type": "date-time", "format": "epoch"}, "-1", '"1969-12-31T23:59:59Z"'),
    ({"type": "date", "format": "epoch"}, "1767225600", '"2026-01-01"'), ({"type": "date", "format": "epoch_ms"}, "1767225599999", '"2025-12-31"'),
    ({"type": "date-time", "format": "epoch"}, "1.7672256e9", '"2026-01-01T00:00:00Z"'),
    ({"type": "number", "decimal_mark": ","}, "1,50", "1.50"), ({"type": "number", "decimal_mark": ",", "thousands": "."}, "-1.234.567,80", "-1234567.80"),
    ({"type": "number", "thousands": ","}, "1,234.5", "1234.5"), ({"type": "number", "thousands": ","}, "1234.5", "1234.5"),
    ({"type": "number", "thousands": ","}, "12,34,567.5", "1234567.5"), ({"type": "integer", "thousands": ","}, "1,234,567", "1234567"),
    ({"type": "integer", "thousands": "\u00a0"}, "1\u00a0234", "1234"), ({"type": "number", "thousands": "'"}, "1'234.50", "1234.50"),
    ({"type": "number", "percent": True}, "12.50%", "12.50"), ({"type": "number", "percent": True}, "12.50 %", "12.50"), ({"type": "number", "percent": True}, "3", "3"),
    ({"type": "integer", "percent": True}, "12%", "12"), ({"type": "number", "percent": True, "decimal_mark": ","}, "12,5%", "12.5"),
    ({"type": "integer", "null_values": ["--", "n/a"]}, "--", "null"), ({"type": "string", "null_values": ["", "-"]}, "-", "null"), ({"type": "string", "null_values": [""]}, "", "null"),
    ({"type": "date", "null_values": ["0000-00-00"]}, "0000-00-00", "null"), ({"type": "boolean", "null_values": ["0"]}, "0", "null"),
    *((kind, "", "null") for kind in ("integer", "number", "decimal", "boolean", "date", "date-time", "object", "array")),
]  # fmt: skip


@pytest.mark.promise(19)
@pytest.mark.parametrize(("column", "text", "expected"), FITS)
def test_what_fits_is_written_in_its_normal_form(column: object, text: str, expected: str) -> None:
    assert expected == one(text, column)


ARABIC = "\u0661\u0662"
MISFITS = [
    ("integer", "1_000", "'1_000' is not an integer"), ("integer", " 12", "' 12' is not an integer"), ("integer", "1 2", "'1 2' is not an integer"),
    ("integer", "12 ", "is not an integer"), ("integer", ARABIC, "is not an integer"), ("integer", "1.0", "'1.0' is not an integer"), ("integer", "1e3", "'1e3' is not an integer"),
    ("integer", "0x10", "'0x10' is not an integer"), ("integer", "--1", "'--1' is not an integer"), ("integer", "1,000", "'1,000' is not an integer"),
    ("integer", "true", "'true' is not an integer"), ("integer", "-", "'-' is not an integer"), ("integer", "null", "'null' is not an integer"), ("integer", "\uff11", "is not an integer"),
    ("number", "1,5", "'1,5' is not a number"), ("number", ".", "'.' is not a number"), ("number", "1e", "'1e' is not a number"), ("number", "e5", "'e5' is not a number"),
    ("number", "1.5.0", "'1.5.0' is not a number"), ("number", "12%", "'12%' is not a number"), ("number", "$5", "'$5' is not a number"), ("number", ARABIC, "is not a number"),
    ("number", "1_0.5", "'1_0.5' is not a number"), ("number", "null", "'null' is not a number"), ("number", "[1]", "'[1]' is not a number"), ("number", "1 ", "is not a number"),
    ("boolean", "2", "'2' is not a boolean (true, false, t, f, yes, no, y, n, 1, 0)"), ("boolean", "on", "is not a boolean"), ("boolean", "truE ", "is not a boolean"),
    ("date", "2026-02-30", "'2026-02-30' is not a date"), ("date", "2025-02-29", "is not a date"), ("date", "31/01/2026", "is not a date"), ("date", "2026-1-5", "is not a date"),
    ("date", "2026-01-05T00:00:00", "is not a date"), ("date", "2026-W01-1", "is not a date"), ("date", "0000-01-01", "is not a date"), ("date", "202601", "is not a date"),
    ("date-time", "2026-01-31T24:00:01Z", "is not a date-time"), ("date-time", "9999-12-31T24:00:00Z", "is not a date-time"), ("date-time", "2026-01-31T10:60:00Z", "is not a date-time"), ("date-time", "2026-01-31T23:59:60Z", "is not a date-time"),
    ("date-time", "2026-13-01T00:00:00Z", "is not a date-time"), ("date-time", "10:20:30", "is not a date-time"), ("date-time", "2026-01-31T10:20:30+25:00", "is not a date-time"),
    ("date-time", "0001-01-01T00:00:00+01:00", "is not a date-time"), ("date-time", "yesterday", "is not a date-time"), ("date-time", "2026-01-31T10:20:30 CET", "is not a date-time"),
    ("object", "[1]", "'[1]' is not an object"), ("object", "{a:1}", "is not JSON, and the column holds an object"), ("array", "{}", "'{}' is not an array"), ("array", "1", "'1' is not an array"),
    ({"type": "date", "format": "%d/%m/%Y"}, "2026-01-31", "does not match the format '%d/%m/%Y'"), ({"type": "date", "format": "%d/%m/%Y"}, "31/02/2026", "does not match"),
    ({"type": "date", "format": "%d/%m/%Y"}, f"{ARABIC}/01/2026", "does not match"),
    ({"type": "date-time", "format": "epoch"}, "1e40", "is not an epoch"), ({"type": "date-time", "format": "epoch"}, "abc", "is not an epoch"),
    ({"type": "date-time", "format": "epoch"}, "99999999999999", "is an epoch outside the years 1 to 9999"),
    ({"type": "number", "thousands": ","}, "1,23", "'1,23' is not a number"), ({"type": "number", "thousands": ","}, ",123", "is not a number"), ({"type": "number", "thousands": ","}, "1.234,5", "is not a number"),
    ({"type": "number", "decimal_mark": ","}, "1.5", "has a point where the decimal mark is ','"), ({"type": "number", "decimal_mark": ",", "thousands": "."}, "1.5", "has a point where the decimal mark is ','"),
    ({"type": "number", "percent": True}, "%", "is not a number"), ({"type": "number", "percent": True}, "5%%", "is not a number"),
    ({"type": "integer", "null_values": ["--"]}, "", "'' is not an integer"),
]  # fmt: skip


@pytest.mark.promise(19)
@pytest.mark.parametrize(("column", "text", "message"), MISFITS)
def test_what_does_not_fit_is_an_error_with_the_value(column: object, text: str, message: str) -> None:
    assert message in refused(text, column)


@pytest.mark.promise(19)
@pytest.mark.parametrize("word", ["NaN", "nan", "-NaN", "inf", "Infinity", "+Infinity", "-inf", "1e400", "-1E999", "9" * 310])
@pytest.mark.parametrize("kind", ["number", "decimal", "integer"])
def test_numbers_that_are_none_become_null_or_an_error(word: str, kind: str) -> None:
    if kind == "integer" and "e" in word.lower() and word[-1].isdigit():
        assert "is not an integer" in refused(word, kind)
        return
    assert "null" == one(word, kind)
    found = read(f"x,y\n1,a\n{word},b\n{word},c\n", columns={"x": kind, "y": "string"})
    assert ([1, None, None], 2) == ([row["x"] for row in found.rows], found.observed.non_finite)
    assert "is not a number that JSON or a double can hold" in refused(word, kind, decode={"non_finite": "error"})


@pytest.mark.promise(19)
def test_a_misfit_names_column_line_and_at_most_100_characters_of_the_value() -> None:
    with pytest.raises(DecodeError) as caught:
        rows("id,Clicks\n1,2\n2,x" + "y" * 500 + "\n", columns={"id": "integer", "Clicks": "integer"})
    assert f"line 3, column 'Clicks': 'x{'y' * 99}…' is not an integer" == caught.value.message
    with pytest.raises(DecodeError) as caught:
        rows("x\n1.0\n", columns={"x": "integer"})
    assert "declare it `number`" == caught.value.hint


@pytest.mark.promise(19)
@pytest.mark.parametrize(
    ("value", "column", "expected"),
    [
        ("5", "string", '"5"'), ("1.50", "string", '"1.50"'), ("true", "string", '"true"'), ("true", "boolean", "true"), ("1", "boolean", "true"), ("null", "string", "null"),
        ('{"a":1.0}', "string", '"{\\"a\\":1.0}"'), ("[1]", "string", '"[1]"'), ("20260131", "date", '"2026-01-31"'), ("1767225600", {"type": "date-time", "format": "epoch"}, '"2026-01-01T00:00:00Z"'),
        ('"\\u00e9\\ud83d\\ude00"', "string", '"é😀"'), ('"a\\/b"', "string", '"a/b"'), ('{"a":[1.50,null,"\\u00e9"]}', "object", '{"a":[1.50,null,"é"]}'), ("NaN", "string", "null"),
    ],
)  # fmt: skip
def test_a_json_scalar_counts_as_the_text_it_is_written_with(value: str, column: object, expected: str) -> None:
    for body in ('[{"x":%s}]' % value, '{"x":%s}' % value, '{"x":%s}\n{"x":%s}\n' % (value, value)):
        for line in read(body, columns={"x": column}).lines:
            assert json.loads(expected) == json.loads(line)["x"]
            if '"\\u' not in value and "\\/" not in value:
                assert f'{{"x":{expected}}}'.replace("\\u00e9", "é") == line.replace("\\u00e9", "é")


@pytest.mark.promise(19)
@pytest.mark.parametrize(
    ("value", "column", "message"),
    [
        ("1.0", "integer", "'1.0' is not an integer"), ("true", "integer", "'true' is not an integer"), ("{}", "integer", "'{}' is an object, not an integer"),
        ("[]", "object", "'[]' is an array, not an object"), ("5", "object", "'5' is not an object"), ("true", "array", "'true' is not an array"), ("2", "boolean", "'2' is not a boolean"),
        ('"\\ud83d"', "string", "holds half of a surrogate pair, which is no character"), ('{"\\udc00":1}', "object", "holds half of a surrogate pair"),
    ],
)  # fmt: skip
def test_json_values_of_another_type_are_an_error(value: str, column: str, message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        rows('[{"x":null},{"x":%s}]' % value, columns={"x": column})
    assert caught.value.message.startswith("record 2, column 'x': ")
    assert message in caught.value.message
    with pytest.raises(DecodeError, match="line 3, column 'x': "):
        rows('{"x":null}\n\n{"x":%s}' % value, columns={"x": column}, decode={"format": "jsonl"})


@pytest.mark.promise(19)
def test_high_cardinality_columns_of_every_type_at_once() -> None:
    columns = {"i": "integer", "n": "number", "s": "string", "d": "date", "t": "date-time", "u": "date-time", "b": "boolean", "e": "integer"}
    table = [
        (str(i), f"{i}.{i:03}", f"né {i}", f"20{i % 90 + 10}-0{i % 9 + 1}-11", f"2026-01-05T{i % 24:02}:{i % 60:02}:{i % 59:02}.{i}Z", f"2026-01-05 {i % 24:02}:00:{i % 60:02}", "TfYn"[i % 4], "" if i % 3 else str(i))
        for i in range(20_000)
    ]
    body = ",".join(columns) + "\n" + "".join(",".join(row) + "\n" for row in table)
    found = rows(body, columns=columns)
    expected = [
        {"i": int(i), "n": Decimal(n), "s": s, "d": d, "t": t, "u": u.replace(" ", "T") + "Z", "b": b in "Ty", "e": int(e) if e else None}
        for i, n, s, d, t, u, b, e in table
    ]  # fmt: skip
    assert [{**row, "b": expected[k]["b"]} for k, row in enumerate(found)] == expected
    assert ["T" == "TfYn"[i % 4] or i % 4 == 2 for i in range(20_000)] == [row["b"] for row in found]


# -- schemas

CHECKER = jsonschema.FormatChecker(["date", "date-time"])


@pytest.mark.promise(20)
@pytest.mark.parametrize(("column", "text", "expected"), FITS)
def test_every_record_is_valid_against_the_schema(column: object, text: str, expected: str) -> None:
    schema = schema_of(stream(columns={"x": column}, primary_keys=["x"]))
    jsonschema.validate({"x": json.loads(expected)}, schema, format_checker=CHECKER)


@pytest.mark.promise(20)
def test_the_schema_of_declared_columns() -> None:
    columns = {"i": "integer", "n": "number", "m": "decimal", "s": "string", "b": "boolean", "d": "date", "t": "date-time", "o": "object", "a": "array"}
    schema = schema_of(stream(columns=columns, add_columns={"k": "x"}, partitions=[{"name": "p", "values": [1]}], primary_keys=["i"]))
    assert {
        "type": "object",
        "properties": {
            "i": {"type": ["null", "integer"]}, "n": {"type": ["null", "number"]}, "m": {"type": ["null", "number"]}, "s": {"type": ["null", "string"]},
            "b": {"type": ["null", "boolean"]}, "d": {"type": ["null", "string"], "format": "date"}, "t": {"type": ["null", "string"], "format": "date-time"},
            "o": {"type": ["null", "object"]}, "a": {"type": ["null", "array"]},
            "p": {"type": ["array", "boolean", "integer", "null", "number", "object", "string"]}, "k": {"type": ["array", "boolean", "integer", "null", "number", "object", "string"]},
        },
    } == schema  # fmt: skip


@pytest.mark.promise(20)
@pytest.mark.parametrize(
    ("decode", "key", "rest"),
    [
        ({"format": "csv"}, {"type": ["null", "string"]}, {"type": ["null", "string"]}), ({"format": "tsv"}, {"type": ["null", "string"]}, {"type": ["null", "string"]}),
        ({"format": "xlsx"}, {"type": ["null", "string"]}, {"type": ["null", "string"]}),
        ({"format": "json"}, {"type": ["array", "boolean", "integer", "null", "number", "object", "string"]}, True), ({}, {"type": ["array", "boolean", "integer", "null", "number", "object", "string"]}, True),
    ],
)  # fmt: skip
def test_the_schema_where_nothing_is_declared(decode: dict, key: dict, rest: object) -> None:
    schema = schema_of(stream(decode=decode, primary_keys=["id"], replication_key="day"))
    assert {"type": "object", "properties": {"id": key, "day": key}, "additionalProperties": rest} == schema


@pytest.mark.promise(20)
def test_names_that_differ_in_case_only_are_a_configuration_error() -> None:
    for keys in ({"columns": {"id": "integer", "ID": "string"}}, {"columns": {"id": "integer"}, "add_columns": {"Id": "x"}}):
        with pytest.raises(ConfigurationError, match="differ in case only"):
            schema_of(stream(**keys))


SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"}, "d": {"type": ["null", "string"], "format": "date"}, "t": {"type": "string", "format": "date-time"}, "n": {"type": ["number", "null"], "minimum": 0},
        "k": {"enum": ["a", "b", None]}, "s": {"type": "string", "maxLength": 3}, "o": {"type": ["object", "null"], "properties": {"x": {"type": "integer"}}}, "any": {},
    },
}  # fmt: skip
GOOD = {"id": "1", "d": "20260105", "t": "2026-01-05 10:00:00", "n": "1.5", "k": "a", "s": "abc", "o": '{"x":1}', "any": "z"}


@pytest.mark.promise(20)
def test_a_declared_schema_gives_the_types() -> None:
    body = ",".join(GOOD) + "\n" + ",".join('"' + v.replace('"', '""') + '"' for v in GOOD.values()) + "\n"
    expected = {"id": 1, "d": "2026-01-05", "t": "2026-01-05T10:00:00Z", "n": Decimal("1.5"), "k": "a", "s": "abc", "o": {"x": 1}, "any": "z"}
    assert [expected] == rows(body, schema=SCHEMA)
    assert [{**expected}] == rows(json.dumps([{**GOOD, "o": {"x": 1}}]), schema=SCHEMA)
    assert SCHEMA == schema_of(stream(schema=SCHEMA))


@pytest.mark.promise(20)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "column 'id': '' is null, which the schema does not allow"), ({"t": None}, "column 't': 'null' is null, which the schema does not allow"),
        ({"n": "-1"}, "column 'n': '-1' is against the schema: minimum 0"), ({"k": "c"}, "column 'k': 'c' is against the schema: enum ['a', 'b', None]"),
        ({"s": "abcd"}, "column 's': 'abcd' is against the schema: maxLength 3"), ({"o": '{"x":"y"}'}, "is against the schema: type 'integer'"),
    ],
)  # fmt: skip
def test_what_a_declared_schema_does_not_allow_is_an_error(change: dict, message: str) -> None:
    record = {**GOOD, **change}
    with pytest.raises(DecodeError) as caught:
        rows(json.dumps([record]), schema=SCHEMA)
    assert message in caught.value.message
    if None not in record.values():
        with pytest.raises(DecodeError) as caught:
            rows(",".join(record) + "\n" + ",".join('"' + v.replace('"', '""') + '"' for v in record.values()) + "\n", schema=SCHEMA)
        assert message in caught.value.message


@pytest.mark.promise(20)
def test_a_schema_may_be_a_file(tmp_path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(SCHEMA))
    assert SCHEMA == schema_of(stream(schema=str(path)))
    path.write_text("{")
    with pytest.raises(ConfigurationError, match="the schema is not JSON"):
        schema_of(stream(schema=str(path)))
    with pytest.raises(ConfigurationError, match="the schema cannot be read"):
        schema_of(stream(schema=str(tmp_path / "no.json")))
