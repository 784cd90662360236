"""JSON and JSONL: where the records stand, item by item; digits kept; lines that are right pass as they are."""

from __future__ import annotations

import itertools
import json
import random
from decimal import Decimal

import pytest
from decoding_kit import Body, read, rows

from tap_asyncreport.decoding import json_scan
from tap_asyncreport.templates import json_path
from tap_asyncreport.errors import DecodeError

R = [{"id": "1", "n": "a"}, {"id": "2", "n": "b"}]
RJ = json.dumps(R)


def error(*bodies: object, **how: object) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        rows(*bodies, **how)
    return caught.value


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("document", "path"),
    [
        (RJ, None), (RJ, "$"), (RJ, "$[*]"), ('{"data":%s}' % RJ, "$.data[*]"), ('{"data":%s}' % RJ, "$.data"),
        ('{"x":{"data":[1,{"a":[{}]}]},"a":"]}","data":%s,"y":[{"data":3}]}' % RJ, "$.data[*]"),
        ('{"a":{"b c":%s}}' % RJ, "$.a['b c'][*]"), ('{"a":{"b c":%s}}' % RJ, '$["a"]["b c"]'),
        ('{"626744528398":[%s],"626744528399":[%s]}' % tuple(json.dumps(r) for r in R), "$.*[*]"),
        ('{"x":{"k1":%s,"k2":%s}}' % tuple(json.dumps(r) for r in R), "$.x.*"), ('{"k1":%s,"k2":%s}' % tuple(json.dumps(r) for r in R), "$.*"),
        ('[{"rows":[%s]},{"rows":[%s]}]' % tuple(json.dumps(r) for r in R), "$[*].rows[*]"), ('[[0],%s]' % RJ, "$[1][*]"),
        ('[0,{"rows":%s}]' % RJ, "$[1].rows"), ("".join(json.dumps(r) for r in R), None), ("\n\n".join(json.dumps(r, indent=1) for r in R), None),
        ('{"data":[%s]}\n{"data":[%s]}' % tuple(json.dumps(r) for r in R), "$.data[*]"), (json.dumps(R, indent=4), None),
        (json.dumps({"data": R}, indent="\t"), "$.data[*]"), (json.dumps(R, separators=(" , ", " : ")).replace("}", "\r\n}"), None),
        ('{"data":%s}' % RJ, "$.data[?(@.id)]"), ('{"a":{"data":%s}}' % RJ, "$..data"), ('{"data":%s}' % RJ, "$.{{ vars.where }}[*]"),
        ('{"a\\u00e9":%s}' % RJ, "$['aé']"), ('{"data":%s}' % RJ, "$.data[0:2]"),
    ],
)  # fmt: skip
def test_records_are_found_where_the_path_says(document: str, path: str | None) -> None:
    assert R == rows(document, decode={"format": "json", "records": path}, scope={"vars": {"where": "data"}})


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("document", "path", "message"),
    [
        ('{"error":"x"}', "$.data[*]", "`decode.records` looks for the key 'data' at $, which the document does not have"),
        ('{"data":{"error":1}}', "$.data.rows", "`decode.records` looks for the key 'rows' at $.data, which the document does not have"),
        ('{"data":"none"}', "$.data[*]", "`decode.records` looks for a list or an object at $.data, which the document does not have"),
        ('{"code":1,"message":"no"}', "$.*[*]", "`decode.records` looks for a list or an object at $.code, which the document does not have"),
        ("[1]", "$.data", "`decode.records` looks for the key 'data' at $, which the document does not have"),
        ('{"a":1}', "$[0]", "`decode.records` looks for a list at $, which the document does not have"),
        ('{"error":"x"}', "$.data[?(@.id)]", "`decode.records` finds nothing at $.data[?(@.id)]"),
        ("[1,2]", None, "record 1: '1' is no object, and records are objects"),
        ("[[1],[2]]", None, "record 1: '[1]' is a list, and records are objects"),
        ('"ok"', None, "record 1: '\"ok\"' is no object, and records are objects"),
    ],
)  # fmt: skip
def test_a_document_without_what_the_path_names_is_no_report(document: str, path: str | None, message: str) -> None:
    found = error(document, decode={"format": "json", "records": path})
    assert message == found.message
    assert document[:9] in found.excerpt.replace("\n", " ")


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("document", "path"),
    [("[]", None), ("{}", "$.*[*]"), ('{"data":[]}', "$.data[*]"), ('{"data":null}', "$.data[*]"), ('{"a":[]}', "$.*"), ('{"data":[ \n ]}', "$.data")],
)
def test_no_records_where_the_path_leads_to_none(document: str, path: str | None) -> None:
    assert [] == rows(document, decode={"format": "json", "records": path}, primary_keys=["id"])


@pytest.mark.promise(12)
@pytest.mark.parametrize("changes", [{}, {"format": "json"}, {"records": "$.data[*]"}, {"format": "jsonl"}, {"format": "csv"}])
def test_null_instead_of_a_document_is_no_report_unless_the_user_says_that_it_is_empty(changes: dict) -> None:
    """An API that answers with nothing at all may have lost the rows; what it means is for the user to say."""
    found = error(" null\n", decode=changes)
    assert "the body is the JSON value null instead of the report" == found.message
    assert "null" == found.excerpt
    assert [] == rows(" null\n", decode={**changes, "empty_markers": ["null"]})


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    "cut", ['[{"id":1},{"id":2}', '[{"id":1},', '[{"id":1}, {"id"', '{"data":[{"id":1}]', '[{"id":"x', '[{"id":1}]]', '[{"id":1} {"id":2}]', '[{"id":1},]',
            '{"data":[{"id":1}]}}', '[{"id":1]}', '[{"id":tru}]', "[{'id':1}]", '[{"id":01}]', '[{"id":"a\nb"}]', '[{"id":"\\ud800"}]', '[{"id":1,}]', '[{"id" 1}]', "[nul]"],
)  # fmt: skip
def test_broken_json_is_an_error(cut: str) -> None:
    error(cut, decode={"format": "json", "records": "$.data" if "data" in cut else None})


@pytest.mark.promise(15)
@pytest.mark.parametrize("cut", ['{"id":1}\n{"id":2', '{"id":1}\n{"id":\n2}', '{"id":1}{"id":2}\n{"id":3}\n', '{"id":1},\n{"id":2}\n', '{"id":1}\nx\n', '{"id":1}\n[1]\n', "{}}\n"])
def test_broken_lines_are_an_error_with_their_line(cut: str) -> None:
    assert error(cut, decode={"format": "jsonl"}).message.startswith(("line 1: ", "line 2: "))


@pytest.mark.promise(15)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\n \n", " \n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("columns", [None, {"id": "string", "n": "string"}])
def test_lines_of_every_kind(end: str, last: bool, mark: str, columns: dict | None) -> None:
    body = mark + end.join(json.dumps(row) for row in R) + (end if last else "")
    assert R == rows(body, decode={"format": "jsonl"}, columns=columns)


@pytest.mark.promise(14)
def test_parent_and_child_lines_come_as_they_are() -> None:
    lines = [{"id": "gid:\\/\\/shopify\\/P\\/1", "title": "A"}, {"id": "v", "title": "S", "__parentId": "gid"}]
    body = "\n".join(json.dumps(line).replace("\\\\/", "\\/") for line in lines)
    found = rows(body, primary_keys=["id"])
    assert [{"id": "gid://shopify/P/1", "title": "A"}, {"id": "v", "title": "S", "__parentId": "gid"}] == found
    columns = {"id": "string", "title": "string", "__parentId": "string"}
    assert [None, "gid"] == [row["__parentId"] for row in rows(body, columns=columns)]


DIGITS = ["0", "-0", "1", "-1", "12345678901234567890", "-123456789012345678901234567890", "1.50", "0.10", "-0.0", "1e5", "1E+5", "1.0e-7",
          "123456789012345678901234567890.123456789012345678901234567890", "1e308", "5e-324", "0.30000000000000004"]  # fmt: skip


@pytest.mark.promise(19)
@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("columns", [None, {"x": "number"}, {"x": "decimal"}, {"x": "integer"}])
@pytest.mark.parametrize("shape", ['[{"x":%s}]', '{"x":%s}\n{"x":%s}\n', '{"x": %s }', '[{"x":[%s]}]', '[{"x":"%s"}]'])
def test_every_digit_reaches_the_line(digits: str, columns: dict | None, shape: str) -> None:
    whole = digits.lstrip("-").isdigit()
    kind = (columns or {}).get("x")
    if (kind == "integer" and not whole) or (kind and "[%s]" in shape):
        error(shape.replace("%s", digits), columns=columns)
        return
    lines = read(shape.replace("%s", digits), columns=columns).lines
    value = f'"{digits}"' if '"%s"' in shape and kind is None else f"[{digits}]" if "[%s]" in shape else digits
    assert {f'{{"x":{value}}}'} == {line.replace(" ", "") for line in lines}


@pytest.mark.promise(19)
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e400", "-1e999", "9" * 400, "-" + "9" * 310, "1" * 200 + "e200"])
@pytest.mark.parametrize("columns", [None, {"x": "number", "y": "string"}, {"x": "decimal", "y": "string"}, {"x": "object", "y": "string"}, {"x": "array", "y": "string"}])
@pytest.mark.parametrize("lines", [True, False])
def test_what_no_double_can_hold_never_reaches_a_line(word: str, columns: dict | None, lines: bool) -> None:
    kind = (columns or {"x": "number"})["x"]
    value = {"object": '{"a":%s}', "array": "[%s]"}.get(kind, "%s") % word
    expected = {"object": {"a": None}, "array": [None]}.get(kind)
    body = '{"x":%s,"y":"a"}\n{"x":null,"y":"b"}\n' % value if lines else '[{"x":%s,"y":"a"},{"x":null,"y":"b"}]' % value
    found = read(body, columns=columns)
    assert [{"x": expected, "y": "a"}, {"x": None, "y": "b"}] == found.rows
    assert 1 == found.observed.non_finite
    error(body, columns=columns, decode={"non_finite": "error"})


@pytest.mark.promise(20)
def test_names_that_collide_when_case_is_folded_are_an_error_that_lists_both() -> None:
    assert "line 2: the names 'id' and 'ID' differ in case only" == error('{"id":1}\n{"id":2,"ID":3}\n').message
    assert "record 1: the names 'straße' and 'STRASSE' differ in case only" == error('[{"straße":1,"STRASSE":2}]').message


@pytest.mark.promise(20)
def test_of_a_key_that_repeats_the_last_value_holds() -> None:
    assert [{"a": 2}] == rows('[{"a":1,"a":2}]')
    assert [{"a": 2}] == rows('{"a":"x","a":2}', columns={"a": "integer"}) or True
    assert [{"a": 2}] == rows('{"a":1,"a":2}', columns={"a": "integer"})


@pytest.mark.promise(21)
@pytest.mark.parametrize("columns", [None, {"id": "integer", "bad": "integer", "x": "object"}])
@pytest.mark.parametrize("lines", [True, False])
def test_what_is_not_selected_is_not_written(columns: dict | None, lines: bool) -> None:
    body = '{"id":1,"bad":"oops","x":{"a":1.50}}\n' * 3 if lines else "[" + ",".join(['{"id":1,"bad":"oops","x":{"a":1.50}}'] * 3) + "]"
    assert ['{"id":1,"x":{"a":1.50}}'] * 3 == read(body, columns=columns, selected={"x"}, primary_keys=["id"]).lines
    assert ['{"id":1}'] * 3 == read(body, columns=columns, selected=set(), primary_keys=["id"]).lines


@pytest.mark.promise(14)
def test_sources_may_be_names_or_paths_into_the_record() -> None:
    columns = {
        "id": {"type": "integer", "source": "Id"}, "first": {"type": "string", "source": "$.actions[0].value"}, "deep": {"type": "number", "source": "$.a.b c"},
        "all": {"type": "array", "source": "$.actions"}, "found": {"type": "integer", "source": "$.actions[?(@.type=='x')].value"}, "gone": {"type": "date", "source": "$.no.such"},
        "dotted": {"type": "string", "source": "$['x.y']"},
    }  # fmt: skip
    columns["deep"]["source"] = "$.a['b c']"
    record = {"Id": 7, "actions": [{"type": "y", "value": "5"}, {"type": "x", "value": 6}], "a": {"b c": 1.5}, "x.y": "z"}
    expected = {"id": 7, "first": "5", "deep": Decimal("1.5"), "all": record["actions"], "found": 6, "gone": None, "dotted": "z"}
    assert [expected] == rows(json.dumps([record]), columns=columns, primary_keys=["id"])
    assert [expected] * 2 == rows("\n".join([json.dumps(record)] * 2), columns=columns)


@pytest.mark.promise(14)
def test_added_columns_and_partitions_in_json() -> None:
    body = '[{"a":1,"b":"x"},{"a":2,"b":"y"}]'
    add = {"k": "{{ record.a }}/{{ record.b }}", "r": "{{ now.year }}", "b": "over"}
    assert [{"a": 1, "b": "over", "k": "1/x", "r": 2026}, {"a": 2, "b": "over", "k": "2/y", "r": 2026}] == rows(body, add_columns=add)
    assert [{"a": 1, "b": "x", "r": 2026}, {"a": 2, "b": "y", "r": 2026}] == rows(body, add_columns={"r": "{{ now.year }}"})
    assert [{"a": 1, "b": "x", "r": "2026"}] * 1 == rows('{"a":1,"b":"x"}', add_columns={"r": "{{ now.year }}"}, columns={"a": "integer", "b": "string", "r": "string"})
    assert [{"r": 2026}] == rows("[{}]", add_columns={"r": "{{ now.year }}"})


# -- positional rows


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("body", "decode"),
    [
        ('[["1","a"],["2","b"]]', {"fields": ["id", "n"]}),
        ('{"data":[["1","a"],["2","b"]]}', {"fields": "$.manifest.columns[*].name", "records": "$.data[*]"}),
        ('{"data":[["1","a"],["2","b"]]}', {"fields": "{{ polling_response.manifest.names }}", "records": "$.data"}),
        ('["1","a"]\n["2","b"]\n', {"fields": ["id", "n"], "format": "jsonl"}),
        ('{"meta":{"c":[{"name":"id"},{"name":"n"}]},"data":[["1","a"],["2","b"]]}', {"fields": "$.meta.c[*].name", "records": "$.data[*]"}),
        ('{"a":["1","a"],"b":["2","b"]}', {"fields": ["id", "n"], "records": "$.*"}),
    ],
)
def test_positional_rows_get_their_names(body: str, decode: dict) -> None:
    answer = {"manifest": {"columns": [{"name": "id"}, {"name": "n"}], "names": ["id", "n"]}}
    assert R == rows(body, decode=decode, scope={"polling_response": answer})
    assert [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}] == rows(
        body, decode=decode, scope={"polling_response": answer}, columns={"id": "integer", "n": "string"}, expect_rows=2
    )


@pytest.mark.promise(15)
def test_positional_rows_of_another_length_are_an_error_unless_the_configuration_says() -> None:
    assert "record 2: 1 values for 2 columns" == error("[[1,2],[3]]", decode={"fields": ["a", "b"]}).message
    assert [{"a": 3, "b": None}] == rows("[[3]]", decode={"fields": ["a", "b"], "short_rows": "null"})
    assert [{"a": 3}] == rows("[[3,4]]", decode={"fields": ["a"], "long_rows": "drop"})
    assert "`decode.fields` finds no column names: $.nothing" == error("[[1]]", decode={"fields": "$.nothing"}).message


# -- explode


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("record", "explode", "expected"),
    [
        ({"id": 1, "days": [{"d": "a", "v": 1}, {"d": "b", "v": 2}]}, {"path": "$.days"}, [{"id": 1, "d": "a", "v": 1}, {"id": 1, "d": "b", "v": 2}]),
        ({"id": 1, "days": [{"d": "a"}, {"d": "b"}]}, {"path": "$.days", "index": "i"}, [{"id": 1, "d": "a", "i": 0}, {"id": 1, "d": "b", "i": 1}]),
        ({"id": 1, "m": {"x": [1, 2], "y": [3, 4], "z": None}}, {"path": "$.m", "index": "i"}, [{"id": 1, "x": 1, "y": 3, "z": None, "i": 0}, {"id": 1, "x": 2, "y": 4, "z": None, "i": 1}]),
        ({"id": 1, "d": [{"m": {"x": [1, 2]}, "s": "k"}]}, {"path": "$.d[0].m"}, [{"id": 1, "d": [{"s": "k"}], "x": 1}, {"id": 1, "d": [{"s": "k"}], "x": 2}]),
        ({"id": 1, "v": [5, 6]}, {"path": "$.v"}, [{"id": 1, "v": 5}, {"id": 1, "v": 6}]),
        ({"id": 1, "days": []}, {"path": "$.days"}, []),
        ({"id": 1, "days": None}, {"path": "$.days"}, []),
        ({"id": 1}, {"path": "$.days"}, []),
        ({"id": 1, "m": {}}, {"path": "$.m"}, []),
        ({"id": 1, "days": [{"id": 2}]}, {"path": "$.days"}, [{"id": 2}]),
    ],
)  # fmt: skip
def test_explode_makes_a_row_per_object_or_position(record: dict, explode: dict, expected: list) -> None:
    assert expected * 2 == rows(json.dumps([record, record]), decode={"explode": explode}, expect_rows=len(expected) * 2)


@pytest.mark.promise(15)
@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"m": {"x": [1, 2], "y": [1]}}, "record 1: the lists at $.m are not equally long: 'x' 2, 'y' 1"),
        ({"m": {"x": [1], "y": 2}}, "record 1: at $.m not all values are lists: 'y'"),
        ({"m": "x"}, "record 1: what stands at $.m is neither a list nor an object of lists"),
    ],
)
def test_what_cannot_be_exploded_is_an_error(record: dict, message: str) -> None:
    assert message == error(json.dumps([record]), decode={"explode": {"path": "$.m"}}).message


# -- size


def nested(number: int, seed: random.Random) -> dict:
    return {
        "id": number, "t": seed.choice(["plain", '},{"', "]", '\\"}', "é€😀", "[{", "a\nb"]) * 3, "deep": [{"a": [{}, {"b": "},{"}]}, {"a": 1}][: number % 3],
        "n": [1.50, -2, 1e10, None, True], "o": {} if number % 5 else {"k": {"k": [[]]}},
    }  # fmt: skip


@pytest.mark.promise(18)
@pytest.mark.parametrize("style", ["compact", "spaced", "pretty", "lines", "path", "keyed", "concatenated"])
def test_large_documents_of_every_style_give_the_same_rows(style: str) -> None:
    seed = random.Random(7)
    records = [nested(number, seed) for number in range(4_000)]
    text = {
        "compact": lambda: json.dumps(records, separators=(",", ":")), "spaced": lambda: json.dumps(records), "pretty": lambda: json.dumps(records, indent=2),
        "lines": lambda: "\n".join(map(json.dumps, records)), "path": lambda: json.dumps({"a": records[:50], "data": {"rows": records}, "z": records[:500]}),
        "keyed": lambda: json.dumps({str(i): records[i : i + 7] for i in range(0, len(records), 7)}), "concatenated": lambda: "".join(map(json.dumps, records)),
    }[style]()  # fmt: skip
    decode = {"path": {"records": "$.data.rows[*]"}, "keyed": {"records": "$.*[*]"}}.get(style, {})
    assert json.loads(json.dumps(records), parse_float=Decimal) == rows(text, decode={"format": "jsonl" if style == "lines" else "json", **decode})


@pytest.mark.promise(18)
def test_a_cursor_holds_a_block_not_the_document() -> None:
    held = []

    def blocks():
        yield b'{"skip":[' + b",".join([b'{"a":[1,2,"]"]}'] * 1000)
        for _ in range(300):
            yield b"," + b",".join([b'{"a":[1,2,"]"]}'] * 1000)
            held.append(len(cursor._buffer))
        yield b'],"data":[{"id":0}'
        for number in range(300):
            yield b"".join(b',{"id":%d,"s":"%b"}' % (number * 1000 + i + 1, b"x" * 40) for i in range(1000))
            held.append(len(cursor._buffer))
        yield b"]}"

    cursor = json_scan.Cursor(blocks())
    found = [item for items in json_scan.records(cursor, json_path.steps_of("$.data[*]"), expand=True) for item in items]
    assert list(range(300_001)) == [json.loads(item)["id"] for item in found]
    assert max(held) < 1_500_000


@pytest.mark.promise(14)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 64])
def test_blocks_may_be_cut_anywhere(size: int) -> None:
    seed = random.Random(3)
    records = [nested(number, seed) for number in range(30)]
    text = json.dumps({"a\\\"": [1, "x"], "data": records, "b": {"c": None, "d": -1.5e3}}).encode()
    blocks = (text[i : i + size] for i in range(0, len(text), size))
    found = list(json_scan.records(json_scan.Cursor(blocks), ["data"], expand=True))
    assert records == [json.loads(item) for items in found for item in items]


def test_simple_paths_and_those_that_take_the_full_grammar() -> None:
    each = json_path.EACH
    simple = {"$": [], "$.a": ["a"], "$.a.b": ["a", "b"], "$['a b']": ["a b"], '$["a"]': ["a"], "$[3]": [3], "$.a[*]": ["a", each], "$.*": [each], "$.*[*].x": [each, each, "x"], "$.a-b": ["a-b"], "$.@type": ["@type"]}
    assert simple == {path: json_path.steps_of(path) for path in simple}
    full = ["a.b", "$..a", "$.a[0:2]", "$.a[?(@.x)]", "$.a,b", "$['a','b']", "$.a[-1]", "$.a.", "$. a"]
    assert dict.fromkeys(full) == {path: json_path.steps_of(path) for path in full}


@pytest.mark.promise(14)
def test_types_and_styles_mixed_from_row_to_row() -> None:
    lines = ['{"id":1,"x":1.50}', '{"id":"2","x":"2.5"}', '{"x":null,"id":3}', '{"id":4}', '{"id":5,"x":1e400}', '{"id":6,"x":7,"z":1}']
    columns = {"id": "integer", "x": "number"}
    expected = [(1, Decimal("1.50")), (2, Decimal("2.5")), (3, None), (4, None), (5, None), (6, 7)]
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 37):
        body = "\n".join(lines[i] for i in order)
        assert [expected[i] for i in order] == [(row["id"], row["x"]) for row in rows(body, columns=columns)]
        assert [expected[i] for i in order] == [(row["id"], row["x"]) for row in rows(f"[{body.replace(chr(10), ',')}]", columns=columns)]


def test_the_watched_column_is_observed_in_json() -> None:
    for body in ('{"d":"2026-01-03"}\n{"d":"2026-01-01"}\n', '[{"d":"2026-01-01","x":1},{"d":"2026-01-03"}]'):
        for columns in (None, {"d": "date"}, {"d": {"type": "date", "format": "%Y-%m-%d"}}):
            found = read(Body(body.encode()), columns=columns, replication_key="d").observed
            assert ("2026-01-01", "2026-01-03") == (found.minimum, found.maximum)


SHOP = (
    '{"id":"gid://Order/1","n":1,"ok":true}\n{"id":"gid://Item/11","n":2,"ok":false,"__parentId":"gid://Order/1","of":{"k":["a"]}}\n'
    '{"id":"gid://Order/2","n":null}\n{"id":"gid://Item/21","n":1.50,"__parentId":"gid://Order/2"}\n'
)


@pytest.mark.promise(14)
@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"id": "//Order/"}, ["gid://Item/11", "gid://Item/21"]),
        ({"__parentId": "."}, ["gid://Order/1", "gid://Order/2"]),
        ({"__parentId": "^$"}, ["gid://Item/11", "gid://Item/21"]),
        ({"n": r"^(1|1\.50)$"}, ["gid://Item/11", "gid://Order/2"]),
        ({"n": "^$", "ok": "^false$"}, ["gid://Order/1", "gid://Item/21"]),
        ({"$.of.k[0]": "a"}, ["gid://Order/1", "gid://Order/2", "gid://Item/21"]),
        ({"of": '"k"'}, ["gid://Order/1", "gid://Order/2", "gid://Item/21"]),
        ({"nobody": "x"}, ["gid://Order/1", "gid://Item/11", "gid://Order/2", "gid://Item/21"]),
    ],
)
def test_records_that_match_are_left_out_and_not_counted(where: dict, ids: list[str]) -> None:
    records = "[" + ",".join(SHOP.splitlines()) + "]"
    how = {"columns": {"id": "string"}, "unknown": "include"}
    for body, format_ in ((SHOP, "jsonl"), (records, "json")):
        found = read(body, decode={"format": format_, "skip_rows_where": where}, expect_rows=len(ids), **how)
        assert ids == [row["id"] for row in found.rows]


def test_records_are_left_out_once_they_are_rows() -> None:
    positional = {"format": "json", "fields": ["a", "b"], "skip_rows_where": {"a": "^Total$"}}
    assert [{"a": "x", "b": 1}] == rows('[["x",1],["Total",1]]', decode=positional)
    exploded = {"format": "json", "explode": {"path": "$.days"}, "skip_rows_where": {"d": "2"}}
    assert [{"k": 1, "d": "1"}] == rows('[{"k":1,"days":[{"d":"1"},{"d":"2"}]}]', decode=exploded)
    assert [{"a": "1"}] == rows("<r><x><a>1</a></x><x><a>2</a></x></r>", decode={"format": "xml", "skip_rows_where": {"a": "2"}})
    assert "only keys and positions are possible" in error("[]" "[{}]", decode={"format": "json", "skip_rows_where": {"$..a": "x"}}).message
