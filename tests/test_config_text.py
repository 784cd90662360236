"""What ends the reading of a YAML or JSON text is told by name, and reading goes on behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tap_asyncreport.config.json_text import read_json
from tap_asyncreport.config.mending import Read, read_on
from tap_asyncreport.config.sources import plain
from tap_asyncreport.config.text import Change, FileText
from tap_asyncreport.config.yaml_text import read_yaml

QUOTED = "put the value in double quotes"
BRACES = "a value that begins with `{{` must stand in quotes"
IN_BRACKETS = "a text with `{{` in it must stand in quotes within `{ }` and `[ ]`"
COLUMN = "keys of one mapping begin in one column, and what is under a key is indented further"
FITS_NONE = f"the indentation of this line fits none of the lines above it | {COLUMN}"
COMMA = "a text that holds one of , : [ ] { } stands in double quotes there"
CLOSED = "put the whole value in quotes; a quote within single quotes is written twice: ''"
COMMENTS = "JSON has no comments | remove it, or write the configuration as YAML"
SINGLE = "JSON has no single quotes | use double quotes"
WORDS = "JSON spells it true, false and null | write it in small letters; None is null"
OPEN = 'a text ends on the line on which it begins | close it with `"`, or write \\n for a line end'


def told(read: Read, text: str) -> tuple[list[str], Any]:
    """What is told of a text, and what it is taken for."""
    found = read_on(read, FileText("f", text))
    lines = [f"{p.line}:{p.column} {p.message}" + (f" | {p.hint}" if p.hint else "") for p in found.problems]
    return lines, plain(found.tree) if found.tree is not None else None


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    ("text", "expected", "value"),
    [
        ("a: {{ x }}\n", [f'1:4 {BRACES} | write "{{{{ x }}}}"'], {"a": "{{ x }}"}),
        ("a:\n  - {{ x }}\n", [f'2:5 {BRACES} | write "{{{{ x }}}}"'], {"a": ["{{ x }}"]}),
        ("a: {{ x }}/b?c=1 d # e\n", [f'1:4 {BRACES} | write "{{{{ x }}}}/b?c=1 d"'], {"a": "{{ x }}/b?c=1 d"}),
        ("a: {{ x }}{{ y }}\n", [f'1:4 {BRACES} | write "{{{{ x }}}}{{{{ y }}}}"'], {"a": "{{ x }}{{ y }}"}),
        ('a: {{ x("b") }} c\n', [f"1:4 {BRACES} | write '{{{{ x(\"b\") }}}} c'"], {"a": '{{ x("b") }} c'}),
        ('a: {{ x("b") }}\n', [f"1:4 {BRACES} | write '{{{{ x(\"b\") }}}}'"], {"a": '{{ x("b") }}'}),
        ("a: {b: {{ x.y }}, c: s3cret}\n", [f'1:8 {BRACES} | write "{{{{ x.y }}}}"'], {"a": {"b": "{{ x.y }}", "c": "s3cret"}}),
        ("a: {b: GET /x/{{ y }}, c: [d]}\n", [f'1:8 {IN_BRACKETS} | write "GET /x/{{{{ y }}}}"'], {"a": {"b": "GET /x/{{ y }}", "c": ["d"]}}),
        (
            "a: {b: {\n  c: {{ x }}, d: GET {{ y }}\n}}\n",
            [f'2:6 {BRACES} | write "{{{{ x }}}}"', f'2:18 {IN_BRACKETS} | write "GET {{{{ y }}}}"'],
            {"a": {"b": {"c": "{{ x }}", "d": "GET {{ y }}"}}},
        ),
        ("a:\n\tb: 1\n", ["2:1 YAML is indented with spaces, and this line has a tab | replace the tab with spaces"], {"a": {"b": 1}}),
        (
            "a:\n  b: 1\n\tc:\n\t\td: 2\ne: 3\n",
            ["3:1 YAML is indented with spaces, and this line has a tab | replace the tab with spaces, here and in 1 more line"],
            {"a": {"b": 1, "c": {"d": 2}}, "e": 3},
        ),
        ("a: b: c # d\n", [f"1:4 a text with `: ` in it must stand in quotes | {QUOTED}"], {"a": "b: c"}),
        ("a:b\nc: d\n", ["1:2 a space must follow the colon after a key | write `key: value`"], {"a": "b", "c": "d"}),
        ("a\nb: 1\n", ["1:1 this line has no key with a colon behind it | write `key: value`"], {"b": 1}),
        ("a: @b\n", [f"1:4 a text that begins with @ must stand in quotes | {QUOTED}"], {"a": "@b"}),
        ("a: `b`\n", [f"1:4 a text that begins with ` must stand in quotes | {QUOTED}"], {"a": "`b`"}),
        ("a: %d\nb: [*.csv]\n", [f"1:4 a text that begins with % must stand in quotes | {QUOTED}", f"2:5 a text that begins with * must stand in quotes | {QUOTED}"], {"a": "%d", "b": ["*.csv"]}),
        ("a: > b\n", [f"1:4 a text that begins with > must stand in quotes | {QUOTED}"], {"a": "> b"}),
        ("a: - b\n", ["1:4 a list with dashes begins on a line of its own | or write it in brackets: [a, b]"], {"a": ["b"]}),
        ("a: {b: c: d}\n", [f"1:9 a comma or `}}` is expected here | {COMMA}"], {"a": {"b": "c: d"}}),
        ("a: [1, 2\nb: 3\n", ["1:4 this bracket is not closed: a `]` is missing"], {"a": [1, 2], "b": 3}),
        ("a: {b: {c: 1}\nd: 2\n", ["1:4 this bracket is not closed: a `}` is missing"], {"a": {"b": {"c": 1}}, "d": 2}),
        ("a: &x {b: 1}\nc: *y\n", ["2:4 there is no anchor `&y` that `*y` could stand for | a text that begins with * stands in quotes; an anchor is written `&y`"], {"a": {"b": 1}, "c": None}),
        ("a: &some {b: 1}\nc: {<<: *sume, d: 2}\n", ["2:9 there is no anchor `&sume` that `*sume` could stand for | did you mean `some`?"], {"a": {"b": 1}, "c": {"d": 2}}),
        (
            "a: 1\n---\nb: 2\n",
            ["2:1 a second document begins here, and a file holds one | remove the line, or put what follows into a file of its own: `--config a.yaml --config b.yaml`"],
            {"a": 1, "b": 2},
        ),
        ('a: "b\n', ["1:4 this quote is not closed"], {"a": "b"}),
        ('a: "b\nc: "d"\n', ["1:4 this quote is not closed"], {"a": "b", "c": "d"}),
        ("a: 'it's'\n", [f"1:4 more follows where the quotes have closed | {CLOSED}"], {"a": "'it's'"}),
        ('a: "C:\\data"\n', ["1:7 `\\` begins an escape within double quotes, and there is none of that name | use single quotes, or write `\\\\`"], {"a": "C:\\data"}),
        ("a:\n b: 1\n  c: 2\n", [f"3:3 {FITS_NONE}"], {"a": {"b": 1, "c": 2}}),
        ("a:\n  - b: 1\n   c: 2\nd: 3\n", [f"3:4 {FITS_NONE}"], {"a": [{"b": 1, "c": 2}], "d": 3}),
        ("a: 1\nb: 2\na: 3\n", ["3:1 the key stands twice, first in line 1"], {"a": 3, "b": 2}),
        ("a: {b: 1, b: 2}\n", ["1:11 the key stands twice, first in line 1"], {"a": {"b": 2}}),
        ("a: !x 1\n", ["1:4 tags have no meaning here | leave out the word that begins with `!`"], {"a": 1}),
        ("a: &a [*a]\n", ["1:4 an alias holds itself"], {}),
        ("? [a]\n: b\n", ["1:3 a key must be text"], {}),
        ("a: {<<: 5}\n", ["1:9 `<<` takes a mapping, or a list of them"], {"a": {}}),
    ],
)  # fmt: skip
def test_yamls_traps_are_told_by_name_and_read_over(text: str, expected: list[str], value: Any) -> None:
    assert (expected, value) == told(read_yaml, text)


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    ("text", "expected", "value"),
    [
        ("", ["1:1 a JSON value is expected here"], None),
        ('{"a": 1,}', ["1:9 no comma may stand before `}` in JSON"], {"a": 1}),
        ("[1, ]", ["1:5 no comma may stand before `]` in JSON"], [1]),
        ('{"a": 1\n "b": 2}', ["2:2 a comma or `}` is expected here"], {"a": 1, "b": 2}),
        ('[{"a": 1} {"b": 2}]', ["1:11 a comma or `]` is expected here"], [{"a": 1}, {"b": 2}]),
        ("{a: 1}", ["1:2 a key in double quotes is expected here"], {"a": 1}),
        ("{'a': 'b'}", [f"1:2 {SINGLE}", f"1:7 {SINGLE}"], {"a": "b"}),
        ('{"a" 1}', ["1:6 a colon is expected after the key `a`"], {"a": 1}),
        ('{"a" = 1}', ["1:6 a colon is expected after the key `a`"], {"a": 1}),
        ('{"a": tru}', ["1:7 a JSON value is expected here | a text stands in double quotes"], {"a": "tru"}),
        ('{"a": [True, None]}', [f"1:8 {WORDS}", f"1:14 {WORDS}"], {"a": [True, None]}),
        ('{"a": 007}', ["1:7 no number of JSON begins with 0 | write it without, or in double quotes where the text is meant"], {"a": 7}),
        ('{ // c\n "a": 1, # c\n "b": 2 /* c */}', [f"1:3 {COMMENTS}", f"2:10 {COMMENTS}", f"3:9 {COMMENTS}"], {"a": 1, "b": 2}),
        ('{"a": "b', [f"1:7 {OPEN}", "1:9 the JSON ends here, and `}` is missing"], {"a": "b"}),
        ('{"a": "b,\n "c": 1}', [f"1:7 {OPEN}"], {"a": "b", "c": 1}),
        ('{"a": "b\nc"}', [f"1:7 {OPEN}"], {"a": "b\nc"}),
        ('{"a": "C:\\data"}', ["1:10 `\\` begins an escape in JSON, and there is none of that name | write `\\\\`"], {"a": "C:\\data"}),
        ("[1] 2", ["1:5 there is more after the end of the JSON"], None),
        ('{"a": 1}}', ["1:9 there is more after the end of the JSON"], {"a": 1}),
        ("[1e999]", ["1:2 no number that large can be read"], None),
        ('{"a": 1, "a": 2}', ["1:10 the key stands twice, first in line 1"], {"a": 2}),
        ("[" * 300, ["1:201 nested more than 200 deep"], None),
        ('{"a": [{"b": 1', ["1:15 the JSON ends here, and `}]}` is missing"], {"a": [{"b": 1}]}),
    ],
)  # fmt: skip
def test_faults_of_json_are_told_with_line_and_column_and_read_over(text: str, expected: list[str], value: Any) -> None:
    assert (expected, value) == told(read_json, text)


def test_what_stands_before_a_fault_that_nobody_knows_is_read_all_the_same() -> None:
    lines, value = told(read_yaml, "a: 1\nb:\n  - c\n %x: d\ne: 2\n")
    assert [
        "4:2 it cannot be read as YAML from here on: found character that cannot start any token | look at this line and "
        "the one above it: a quote or a bracket that is not closed, or the indentation"
    ] == lines
    assert {"a": 1, "b": ["c"]} == value


@pytest.mark.promise(26)
def test_where_not_all_was_read_no_hint_quotes_what_may_be_a_secret() -> None:
    lines, _ = told(read_yaml, "secrets:\n  a: {{ s3cr3t }} x\n  b: c\n %x: d\n")
    assert f"2:6 {BRACES} | put it in quotes" == lines[0]


def test_places_behind_a_change_are_those_of_the_file() -> None:
    """Later faults are told where they stand in the file, whatever was put in before them."""
    text = FileText("f", "ab\ncd\n")
    changed = text.changed(Change(1, 1, "XY"), Change(3, 4, "")).changed(Change(0, 1, "ZZZ"))
    assert "ZZZXYb\nd\n" == changed.text
    assert [(1, 1), (1, 1), (1, 1), (1, 2), (1, 2), (1, 2), (1, 3), (2, 2), (2, 3), (3, 1)] == [
        (place.line, place.column) for place in map(changed.place, range(len(changed.text) + 1))
    ]


@pytest.mark.parametrize(("read", "text"), [(read_yaml, "a: @x\n" * 200), (read_json, "{" + "'a': 1, " * 200)])
def test_reading_on_has_an_end(read: Callable[..., Any], text: str) -> None:
    assert 50 == len(told(read, text)[0])
