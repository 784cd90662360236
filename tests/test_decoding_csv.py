"""CSV and TSV: dialects and their faults, each with its exact outcome; headers, preambles, footers, odd rows."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from decoding_kit import Body, read, rows

from tap_asyncreport.decoding.compression import READ_BYTES
from tap_asyncreport.decoding.dialect import Dialect
from tap_asyncreport.errors import DecodeError

SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\xa0\u3000"


def error(*bodies: object, **how: object) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        rows(*bodies, **how)
    return caught.value


@pytest.mark.promise(15)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "\x01"])
@pytest.mark.parametrize("inside", ["plain", "separators", "quoted"])
def test_every_dialect_gives_the_same_rows(end: str, last: bool, quoting: int, delimiter: str, inside: str) -> None:
    value = {"plain": "x", "separators": SEPARATORS, "quoted": f'a{delimiter}b "c"\nd\r\ne\rf'}[inside]
    table = [["id", "name"], *([str(i), value] for i in range(1, 8)), ["8", ""], ["9", " y "]]
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=quoting, delimiter=delimiter).writerows(table)
    body = text.getvalue() if last else text.getvalue().removesuffix(end)
    expected = [dict(zip(table[0], row, strict=True)) for row in table[1:]]
    assert expected == rows(body, decode={"format": "csv", "delimiter": delimiter})


@pytest.mark.promise(15)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("style", ["bare", "quoted", "mixed", "odd"])
def test_large_tables_are_the_same_in_every_style(end: str, style: str) -> None:
    def field(value: str, row: int) -> str:
        if style == "quoted" or (style == "mixed" and row % 9 == 0) or (style == "odd" and row % 2):
            return '"' + value.replace('"', '""') + '"'
        return value

    table = []
    for number in range(20_000):
        free = style in ("quoted",) or (style == "mixed" and number % 9 == 0) or (style == "odd" and number % 2)
        note = f"a,b\n\"{number}\"\r\nc" if free and style != "mixed" else f"a,b \"{number}\"" if free else f"n{number}"
        table.append([str(number), note, "é€" if number % 1000 == 7 else "z"])
    body = f"id,note,z{end}" + "".join(",".join(field(v, i) for v in row) + end for i, row in enumerate(table))
    assert [dict(zip(("id", "note", "z"), row, strict=True)) for row in table] == rows(body)


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('a,b\n1,"x\n2,y\n', "line 2: a quote opens here and is never closed"),
        ('a,b\n1,x\n2,"y', "line 3: a quote opens here and is never closed"),
        ('a,b\n1,"x\ny"\n2,"z\n3,w\n', "line 4: a quote opens here and is never closed"),
        ('a,b\r\n1,"x\r\ny"\r\n2,"z\r\n', "line 4: a quote opens here and is never closed"),
        ('a,b\r1,"x\ry"\r2,"z\r', "line 4: a quote opens here and is never closed"),
        ('a,"b\n1,x\n', "line 1: a quote opens here and is never closed"),
        ('a,b\n1,"x"y\n', "line 2: text follows the closing quote of the field that opens in line 2"),
        ('a,b\n1,"x\n2,y\n3,"z"\n', "line 4: text follows the closing quote of the field that opens in line 2"),
        ('a,b\n1,"x" \n', "line 2: text follows the closing quote of the field that opens in line 2"),
        ('a,b\n1,2\n3\n', "line 3: 1 fields where the header has 2"),
        ('a,b\n1,2\n\n\n3,4,5\n', "line 5: 3 fields where the header has 2"),
        ('a,b\n"1\n1",2\n3\n', "line 4: 1 fields where the header has 2"),
        ('a,b\r\n"1\r\n1",2\r\n3\r\n', "line 4: 1 fields where the header has 2"),
        ('a,b,c\n5,"x\n6,y,"\n', "line 2: 2 fields where the header has 3"),
        ("a,b,a\n1,2,3\n", "line 1: the header repeats 'a'"),
        ("a,b,A\n1,2,3\n", "line 1: the header repeats 'A', 'a'"),
        ('"a\nx",b,b\n1,2,3\n', "line 2: the header repeats 'b'"),
    ],
)  # fmt: skip
def test_each_fault_is_an_error_with_its_physical_line(body: str, message: str) -> None:
    assert message == error(body, decode={"format": "csv"}).message


@pytest.mark.promise(15)
@pytest.mark.parametrize("rows_before", [0, 5_000, 40_000])
@pytest.mark.parametrize("style", ["bare", "quoted"])
def test_a_fault_deep_in_a_file_has_its_line(rows_before: int, style: str) -> None:
    row = '"1","x\ny"\n' if style == "quoted" else "1,x\n"
    line = 2 + rows_before * (2 if style == "quoted" else 1)
    start = "a,b\n" + row * rows_before
    assert f"line {line}: 1 fields where the header has 2" == error(start + "7\n" + row * 10).message
    assert f"line {line}: a quote opens here and is never closed" == error(start + '7,"z\n' + "1,x\n" * 10).message
    columns = {"a": "integer", "b": "string"}
    assert f"line {line}, column 'a': 'oops' is not an integer" == error(start + "oops,z\n" + row, columns=columns).message


@pytest.mark.promise(15)
def test_an_open_quote_never_swallows_a_whole_file() -> None:
    body = 'a,b\n1,"x\n' + "2,y\n" * 500_000
    found = error(body, decode={"max_field_bytes": 100_000})
    assert "line 2: a field is longer than 100000 bytes" == found.message
    assert found.excerpt.startswith('"x 2,y')


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("decode", "expected"),
    [
        ({"short_rows": "null"}, [{"a": "1", "b": None, "c": None}, {"a": "1", "b": "2", "c": "3"}]),
        ({"short_rows": None}, [{"a": "1", "b": None, "c": None}, {"a": "1", "b": "2", "c": "3"}]),
        ({"skip_rows_where": {"a": "^1$"}}, []),
    ],
)
def test_short_rows_are_filled_or_left_out_where_the_configuration_says(decode: dict, expected: list) -> None:
    assert expected == rows("a,b,c\n1\n1,2,3\n", decode=decode)


@pytest.mark.promise(15)
def test_long_rows_are_cut_where_the_configuration_says() -> None:
    assert [{"a": "1", "b": "2"}, {"a": "4", "b": "5"}] == rows("a,b\n1,2,3\n4,5\n", decode={"long_rows": "drop"})


@pytest.mark.promise(15)
@pytest.mark.parametrize(("row", "decode"), [("1", {"long_rows": "drop"}), ("1,2,3", {"short_rows": "null"})])
def test_leave_for_rows_of_one_kind_is_none_for_the_other(row: str, decode: dict) -> None:
    with pytest.raises(DecodeError, match="line 3: . fields? where the header has 2"):
        rows(f"a,b\n1,2\n{row}\n", decode=decode)


@pytest.mark.promise(15)
def test_a_line_end_that_two_blocks_share_is_one() -> None:
    first = "a,b\r\n" + "x" * (READ_BYTES - len("a,b\r\n") - len(",1\r")) + ",1\r"
    with pytest.raises(DecodeError, match="line 3, column 'b'"):
        rows(first + "\nx,bad\r\n", columns={"a": "string", "b": "integer"})


@pytest.mark.promise(15)
def test_short_rows_and_typed_columns() -> None:
    columns = {"a": "integer", "b": "string", "c": "date"}
    assert [{"a": 1, "b": None, "c": None}] == rows("a,b,c\n1\n", decode={"short_rows": "null"}, columns=columns)


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("header", "names"),
    [("a,a,a", ["a", "a_2", "a_3"]), ("a,A,a_2", ["a", "A_3", "a_2"]), ("A,a", ["A", "a_2"]), ("a,b,B,a", ["a", "b", "B_2", "a_2"]), (",", ["", "_2"])],
)
def test_repeated_names_get_a_suffix_where_the_configuration_says(header: str, names: list[str]) -> None:
    values = [str(i) for i in range(len(names))]
    found = rows(f"{header}\n{','.join(values)}\n", decode={"duplicate_headers": "suffix", "format": "csv"})
    assert [dict(zip(names, values, strict=True))] == found


# -- header, preamble, footer

CM360 = """tap-x
Report ID,987
Date Range,2026-01-01 - "2026
Account "ID,7

Report Fields
Date,Campaign,Clicks
2026-01-01,C1,10
2026-01-02,"C,2",1
Grand Total:,,11
"""


@pytest.mark.promise(15)
@pytest.mark.parametrize("decode", [{"stop_at": "^Grand Total:"}, {"skip_rows_where": {"Date": "^Grand"}}])
def test_preamble_and_totals(decode: dict) -> None:
    found = rows(CM360, decode={"header": {"match": ["Campaign", "Date"]}, **decode})
    expected = [("2026-01-01", "C1", "10"), ("2026-01-02", "C,2", "1")]
    assert [dict(zip(("Date", "Campaign", "Clicks"), row, strict=True)) for row in expected] == found


@pytest.mark.promise(15)
def test_a_footer_may_be_anything_once_the_data_ends() -> None:
    body = 'a,b\n1,2\n\n"Report Time:\n"x"y,,,\n'
    assert [{"a": "1", "b": "2"}] == rows(body, decode={"stop_at": "^$"})
    assert [{"a": "1", "b": "2"}] == rows('a,b\n1,2\n© "x\n', decode={"stop_at": "^©"})
    assert [{"a": "1", "b": "x\nTotal\ny"}] == rows('a,b\n1,"x\nTotal\ny"\nTotal,3\n"', decode={"stop_at": "^Total"})


@pytest.mark.promise(15)
def test_a_footer_far_from_the_start() -> None:
    body = "a,b\n" + "1,2\n" * 90_000 + "Total,9\n" + '"' * 7 + "\n"
    assert 90_000 == len(rows(body, decode={"stop_at": "^Total"}))


@pytest.mark.promise(12)
def test_a_header_that_is_nowhere_is_an_error_that_quotes_the_beginning() -> None:
    found = error(CM360, decode={"header": {"match": ["Date", "Spend"]}})
    assert f"no row in the first {len(CM360)} characters holds all of 'Date', 'Spend'" == found.message
    assert found.excerpt.startswith("tap-x Report ID,987")


@pytest.mark.promise(15)
@pytest.mark.parametrize("decode", [
    {"skip_after": 2}, {"header": "first", "skip_after": 2}, {"header": {"skip_after": 2}},
    {"header": {"match": ["End"]}, "skip_after": 2}, {"header": {"match": ["End"], "skip_after": 2}},
    {"header": {"match": ["End"], "skip_after": 2}, "skip_after": 2},
])
def test_extra_header_rows_are_records_not_lines(decode: dict) -> None:
    body = 'Start,End,Q1\n"Start Date","End Date","How, exactly?\nsecond line"\n"{""ImportId"":""a""}",x,y\n1,2,3\n'
    assert [{"Start": "1", "End": "2", "Q1": "3"}] == rows(body, decode={"format": "csv", **decode})


@pytest.mark.promise(15)
@pytest.mark.parametrize("fields", [["a", "b"], "$.columns[*].name", "$.names", "{{ polling_response.names }}"])
def test_names_come_from_elsewhere_where_there_is_no_header(fields: object) -> None:
    answer = {"columns": [{"name": "a"}, {"name": "b"}], "names": ["a", "b"]}
    scope = {"polling_response": answer}
    assert [{"a": "1", "b": "2"}] == rows("1,2\n", decode={"header": "none", "fields": fields}, scope=scope)
    assert [{"a": "1", "b": "2"}] == rows("日,期\n1,2\n", decode={"fields": fields}, scope=scope)


@pytest.mark.promise(15)
def test_no_header_and_no_names_is_an_error() -> None:
    assert "the file has no header, and no names are given" == error("1,2\n", decode={"header": "none"}).message
    assert "line 1: the header has 3 columns, `decode.fields` names 2" == error("x,y,z\n1,2,3\n", decode={"fields": ["a", "b"]}).message
    assert "`decode.fields` finds no column names: $.x" == error("1,2\n", decode={"header": "none", "fields": "$.x"}, scope={"polling_response": {}}).message


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("where", "ids"),
    [({"a": "^Total"}, ["1", "2"]), ({"a": "^(Total|1)$"}, ["2"]), ({"a": "^Total$", "b": "^y$"}, ["1"]), ({"b": ""}, [])],
)
def test_rows_that_match_are_left_out_for_any_of_the_columns(where: dict, ids: list[str]) -> None:
    assert ids == [row["a"] for row in rows("a,b\n1,x\n2,y\nTotal,z\n", decode={"skip_rows_where": where})]


@pytest.mark.promise(15)
def test_a_pattern_for_no_column_is_an_error() -> None:
    assert "`decode.skip_rows_where` looks at 'z', which is no column of the file" == error("a,b\n1,2\n", decode={"skip_rows_where": {"z": "x"}}).message


@pytest.mark.promise(15)
def test_left_out_rows_do_not_move_the_lines_of_others() -> None:
    body = "a,b\n1,x\nTotal,9\n2,y\noops,z\n"
    found = error(body, columns={"a": "integer", "b": "string"}, decode={"skip_rows_where": {"a": "^Total"}})
    assert "line 5, column 'a': 'oops' is not an integer" == found.message


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("body", "decode", "expected"),
    [
        ('a,b\n"x",y"z\n', {"quote_char": None}, {"a": '"x"', "b": 'y"z'}),
        ("a,b\n'x,1',y\n", {"quote_char": "'"}, {"a": "x,1", "b": "y"}),
        ('a,b\n"x\\"1",y\\,z\n', {"escape_char": "\\"}, {"a": 'x"1', "b": "y,z"}),
        ('a,b\n"x\\\n1",y\n', {"escape_char": "\\"}, {"a": "x\n1", "b": "y"}),
        ("a,b\nx\\\n1,y\n", {"escape_char": "\\"}, {"a": "x\n1", "b": "y"}),
        ("a,b\nx\\\\,y\n", {"escape_char": "\\"}, {"a": "x\\", "b": "y"}),
        ("a\tb\n1\t2\n", {"delimiter": "\\t"}, {"a": "1", "b": "2"}),
        ("a||b\n1||2|3\n", {"delimiter": "||"}, {"a": "1", "b": "2|3"}),
        ('a||b\n"1||x"||2|3\n', {"delimiter": "||"}, {"a": "1||x", "b": "2|3"}),
        ("a,b\nx,y\"z\n", {}, {"a": "x", "b": 'y"z'}),
        ("a,b\n x , y \n", {}, {"a": " x ", "b": " y "}),
    ],
)  # fmt: skip
def test_quotes_escapes_and_delimiters(body: str, decode: dict, expected: dict) -> None:
    assert [expected] == rows(body, decode={"format": "csv", **decode})
    tail = body.split("\n", 1)[1]
    assert [expected] * 50_001 == rows(body + tail * 50_000, decode={"format": "csv", **decode})


@pytest.mark.promise(15)
def test_one_column_and_blank_lines() -> None:
    assert [{"a": "1"}, {"a": "2"}, {"a": ""}] == rows('a\n\n1\n\n\n2\n""\n\n')
    assert [{"a": "1", "b": "2"}, {"a": "", "b": ""}] == rows("\n\na,b\n\n1,2\n\n,\n\n")


@pytest.mark.promise(15)
def test_long_fields_up_to_the_limit_and_no_further() -> None:
    value = "x" * 300_000
    assert [{"a": value, "b": "1"}] == rows(f"a,b\n{value},1\n")
    assert [{"a": value, "b": "1"}] == rows(f'a,b\n"{value}",1\n')
    for body in (f"a,b\n1,2\n{value},1\n", f'a,b\n1,2\n"{value}",1\n'):
        assert "line 3: a field is longer than 1000 bytes" == error(body, decode={"max_field_bytes": 1000}).message
    wide = "é" * 600
    assert "line 2: a field is longer than 1000 bytes" == error(f"a,b\n{wide},1\n", decode={"max_field_bytes": 1000}).message
    assert [{"a": "é" * 500, "b": "1"}] == rows(f"a,b\n{'é' * 500},1\n", decode={"max_field_bytes": 1000})


@pytest.mark.promise(15)
def test_the_limit_of_the_csv_module_is_left_as_it_was() -> None:
    limit = csv.field_size_limit()
    rows('a,b\n"1\n",2\n')
    error('a,b\n"1,2\n')
    assert limit == csv.field_size_limit()


# -- columns of a file


@pytest.mark.promise(14)
def test_columns_are_mapped_by_name_per_file_and_missing_ones_are_null() -> None:
    columns = {"id": "integer", "n": {"type": "string", "source": "Campaign Name"}, "x": "number"}
    found = rows("x,id,Campaign Name\n1.0,1,a\n", "Campaign Name,id\nb,2\n", "id,x\n3,\n", columns=columns, primary_keys=["id"])
    assert [{"id": 1, "n": "a", "x": 1.0}, {"id": 2, "n": "b", "x": None}, {"id": 3, "n": None, "x": None}] == [
        {**row, "x": row["x"] and float(row["x"])} for row in found
    ]


@pytest.mark.promise(19)
def test_undeclared_columns_are_strings_as_they_stand() -> None:
    assert [{"a": "01234", "b": "NA", "c": "NULL", "d": "", "e": "1.0"}] == rows("a,b,c,d,e\n01234,NA,NULL,,1.0\n")


@pytest.mark.promise(20)
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_columns_that_the_schema_lacks(format_: str, caplog: pytest.LogCaptureFixture) -> None:
    body = {"csv": "id,x,y\n1,2,3\n4,5,6\n", "json": '[{"id":1,"x":"2","y":"3"},{"id":4,"x":"5","y":"6"}]'}[format_]
    columns = {"id": "integer"}
    assert [{"id": 1}, {"id": 4}] == rows(body, body[:0] + body, columns=columns)[:2]
    told = [record.getMessage() for record in caplog.records]
    assert ["stream s: columns that are not declared are left out: 'x', 'y'"] == told
    assert [{"id": 1, "x": "2", "y": "3"}, {"id": 4, "x": "5", "y": "6"}] == rows(body, columns=columns, unknown="include")
    message = "the file holds columns that are not declared: 'x', 'y'"
    assert message == error(body, columns=columns, unknown="error").message


@pytest.mark.promise(21)
def test_columns_that_are_not_selected_are_neither_written_nor_converted() -> None:
    columns = {"id": "integer", "bad": "integer", "x": "number"}
    assert [{"id": 1, "x": 2}] == rows("id,bad,x\n1,oops,2\n", columns=columns, selected={"x"}, primary_keys=["id"])
    assert [{"id": 1, "x": 2}] == rows("id,bad,x\n1,oops,2\n", columns=columns, selected=lambda name: name != "bad")
    assert [{"id": "1"}] == rows("id,bad,x\n1,oops,2\n", selected={"id"})
    assert [{"id": "1"}] == rows("id,bad,x\n1,oops,2\n", selected=set(), primary_keys=["id"])


@pytest.mark.promise(14)
def test_added_columns_see_the_row_the_target_and_the_context() -> None:
    add = {"run": "{{ now.year }}", "file": "{{ download_target.name }}", "key": "{{ record.a }}-{{ record.b }}", "all": "{{ record }}"}
    body = Body(b"a,b,c\n1,2.50,\n", target={"name": "f1"})
    found = rows(body, columns={"a": "integer", "b": "number", "c": "date"}, add_columns=add)
    assert {"a": 1, "c": None, "run": 2026, "file": "f1", "key": "1-2.50"} == {k: v for k, v in found[0].items() if k not in ("b", "all")}
    assert ["a", "b", "c"] == list(found[0]["all"])
    found = rows(body, columns={"a": "integer", "b": "number", "c": "date"}, add_columns={"key": "{{ record.b }}"}, selected={"key"})
    assert [{"key": "2.50"}] == found or [{"key": found[0]["key"]}] == found


@pytest.mark.promise(14)
def test_partition_values_go_along_unless_the_file_has_the_column() -> None:
    partitions = [{"name": "account", "values": ["7"]}]
    scope = {"partition": {"account": "7"}}
    assert [{"a": "1", "account": "7"}] == rows("a\n1\n", partitions=partitions, scope=scope)
    assert [{"a": "1", "account": "8"}] == rows("a,account\n1,8\n", partitions=partitions, scope=scope)
    assert [{"a": "1", "account": 7}] == rows("a\n1\n", partitions=partitions, scope=scope, columns={"a": "string", "account": "integer"})
    assert [{"a": 1, "account": "7"}] == rows('[{"a":1}]', partitions=partitions, scope=scope)
    assert [{"a": 1, "account": "8"}] == rows('[{"a":1,"account":"8"}]', partitions=partitions, scope=scope)


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("table", "delimiter"),
    list(itertools.product([
        [["1", "2"]] * 5, [["a,b", 'q"'], ["", "x"]], [["x\ny", "1"], ["2", "3"]], [["1", "\n"], ["2", "\r\n"]], [['"', '""'], ["''", ","]],
        [["\n", "\n"], ["\n", "\n"]], [["1", "2"], ["3", '4 "5"']], [["1", "2"]] * 9 + [['"x", y', "z"]],
    ], [",", "\t"])),
)  # fmt: skip
def test_the_quick_cuts_agree_with_the_csv_module(table: list[list[str]], delimiter: str) -> None:
    for end, quoting in itertools.product(("\n", "\r\n", "\r"), (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)):
        text = io.StringIO()
        csv.writer(text, lineterminator=end, quoting=quoting, delimiter=delimiter).writerows(table)
        read_back = csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=delimiter, strict=True)
        expected = [row for row in read_back if row]
        cut = Dialect(delimiter, '"', None, 2**20).columns(text.getvalue(), 2)
        if {len(row) for row in expected} == {2}:  # the csv module does not quote what its line end does not hold
            assert expected == [list(row) for row in zip(*cut[0], strict=True)]
        else:
            assert cut is None


def test_both_ways_of_reading_count_the_same() -> None:
    found = read("id,d\n" + "".join(f"{i},2026-01-{i % 28 + 1:02}\n" for i in range(30_000)), columns={"id": "integer", "d": "date"}, replication_key="d")
    assert (30_000, "2026-01-01", "2026-01-28") == (found.observed.rows, found.observed.minimum, found.observed.maximum)


@pytest.mark.parametrize("decode", [{"stop_at": "("}, {"skip_rows_where": {"a": "("}}])
def test_a_pattern_that_is_none_is_an_error(decode: dict) -> None:
    key = next(iter(decode))
    assert f"`decode.{key}` is not a regular expression: '('" in error("a,b\n1,2\n", decode=decode).message


@pytest.mark.promise(20)
@pytest.mark.parametrize("body", ["id,a,day\n7,x,2026-01-05\n", '[{"id":"7","a":"x","day":"2026-01-05"}]'])
def test_keys_are_columns_even_where_they_are_not_declared(body: str) -> None:
    found = rows(body, columns={"a": "string"}, primary_keys=["id"], replication_key="day", selected={"a"})
    assert [{"a": "x", "id": "7", "day": "2026-01-05"}] == found
