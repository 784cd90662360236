"""Paths into answers: those that templates name, and those that extractors are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from templating import CREATED, NOW, SCOPE

from tap_asyncreport.errors import TemplateError
from tap_asyncreport.lifecycle.keeping import pruned as kept_in_state
from tap_asyncreport.response import Response
from tap_asyncreport.templates import BadTemplate, Templates
from tap_asyncreport.templates.jsonpath import _parsed, _Simple, compile_path


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ creation_response.id }}", {"creation_response.id"}),
        ("{{ creation_response['id'] }}", {"creation_response.id"}),
        ("{{ creation_response.a['b'].c }}", {"creation_response.a.b.c"}),
        ("{{ creation_responses.create.id }}", {"creation_responses.create.id"}),
        ("{{ creation_response }}", {"creation_response"}),
        ("{{ creation_response.a[0].b }}", {"creation_response.a"}),
        ("{{ creation_response[vars.key] }}", {"creation_response", "vars.key"}),
        ("{{ creation_response.a[creation_response.b.c].d }}", {"creation_response.a", "creation_response.b.c"}),
        ("{{ creation_response.a[1:creation_response.n] }}", {"creation_response.a", "creation_response.n"}),
        ("{{ creation_response.id | default(creation_response.key) }}", {"creation_response.id", "creation_response.key"}),
        ("{{ creation_response.name.upper() }}", {"creation_response.name"}),
        ("{{ creation_response.get('id') }}", {"creation_response"}),
        ("{{ creation_response.items() }}", {"creation_response"}),
        ("{{ creation_response.get('a').b }}", {"creation_response"}),
        ("{{ (creation_response | first).x }}", {"creation_response"}),
        ("{{ creation_response | to_json }}", {"creation_response"}),
        ("{{ creation_response.urls | map(attribute='x') | list }}", {"creation_response.urls"}),
        ("{% for x in creation_response.list %}{{ x.y }}{% endfor %}", {"creation_response.list", "x.y"}),
        ("{% set r = creation_response %}{{ r.id }}", {"creation_response", "r.id"}),
        ("{% if creation_response.a and creation_response.b %}{{ creation_response.c }}{% endif %}",
         {"creation_response.a", "creation_response.b", "creation_response.c"}),
        ("{{ 'x' if creation_response.a is defined else creation_response.b }}", {"creation_response.a", "creation_response.b"}),
        ("{{ f(creation_response.a, k=creation_response.b) }}", {"f", "creation_response.a", "creation_response.b"}),
        ("{{ [creation_response.a, {'k': creation_response.b}] }}", {"creation_response.a", "creation_response.b"}),
        ("{{ creation_response.a ~ creation_response.b }}", {"creation_response.a", "creation_response.b"}),
        ("{{ creation_response.location | absolute }}", {"creation_response.location", "creation_response.url"}),
        ("{{ download_target | absolute }}", {"download_target", "creation_response.url", "polling_response.url"}),
        ("{{ creation_response.headers['Location'] }}", {"creation_response.headers.Location"}),
        ("x {{ creation_response.a }} {{ job.id }}", {"creation_response.a", "job.id"}),
        ("no names {{ 1 }}", set()),
        ({"a": "{{ creation_response.a }}", "b": ["{{ creation_response.b }}"]}, {"creation_response.a", "creation_response.b"}),
        ({"{{ creation_response.k }}": 1}, {"creation_response.k"}),
    ],
)  # fmt: skip
def test_paths_are_the_names_that_a_template_uses(templates: Templates, source: Any, expected: set[str]) -> None:
    assert expected == {".".join(path) for path in templates.template(source).paths}


def test_guarded_and_assigned_names_are_told_apart(templates: Templates) -> None:
    template = templates.template("{% set a = vars.x | default(1) %}{{ a }}{{ b if b is defined }}")
    assert {("vars", "x"), ("b",)} == template.optional
    assert {"a", "loop"} == template.assigned


def test_extractors_tell_the_names_of_the_templates_in_them(templates: Templates) -> None:
    assert {("job", "id")} == templates.extractor("$.data[?(@.id == '{{ job.id }}')]").paths
    assert {("response", "headers", "location")} == templates.extractor("{{ response.headers.location }}").paths
    assert frozenset() == templates.extractor("$.a").paths


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.integers(0, 9) | st.sampled_from(["x", "y"]),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1) | st.lists(inner, min_size=1, max_size=2),
    max_leaves=8,
)
CHAINS = st.lists(
    NAMES.map(lambda name: f".{name}") | NAMES.map(lambda name: f"['{name}']") | st.just("[0]") | NAMES.map(lambda name: f"[vars.{name}]"),
    min_size=1,
    max_size=3,
).map(lambda parts: "creation_response" + "".join(parts))
EXPRESSIONS = st.one_of(
    CHAINS.map(lambda chain: f"{chain} | default('-')"),
    st.tuples(CHAINS, CHAINS).map(lambda two: f"[{two[0]} | default(1), {two[1]} | default(2)]"),
    st.tuples(CHAINS, CHAINS).map(lambda two: f"{two[0]} if {two[1]} is defined else 0" + " | default(3)"),
    CHAINS.map(lambda chain: f"({chain} | default([])) | list | to_json"),
    CHAINS.map(lambda chain: f"({chain} | default({{}})) | to_json"),
)


def pruned(body: Any, paths: set[tuple[str, ...]]) -> Any:
    """What is left of a body when only these paths of it are kept."""
    if () in paths or not isinstance(body, dict):
        return body
    heads = {path[0] for path in paths}
    return {name: pruned(item, {path[1:] for path in paths if path[0] == name}) for name, item in body.items() if name in heads}


@settings(max_examples=150, deadline=None)
@given(body=st.dictionaries(NAMES, VALUES, min_size=1), expression=EXPRESSIONS)
def test_a_template_gives_the_same_from_the_parts_that_its_paths_name(body: dict[str, Any], expression: str) -> None:
    templates = Templates(now=NOW)
    template = templates.template("{{ " + expression + " }}")
    names = {"vars": {"a": "b", "b": "c", "c": "a"}}
    paths = {path[1:] for path in template.paths if path[0] == "creation_response"}
    deep = {path[1:] for path in template.deep_paths if path[0] == "creation_response"}

    def rendered(of: Any) -> Any:
        try:
            return template.render({**names, "creation_response": Response(of)})
        except TemplateError as error:
            return type(error)

    assert rendered(body) == rendered(pruned(body, paths))
    assert rendered(body) == rendered(kept_in_state(Response(body), deep, lambda _: False))


@pytest.mark.parametrize(
    ("source", "first", "every"),
    [
        ("$.id", 7, [7]),
        (" $.id ", 7, [7]),
        ("$.nope", None, []),
        ("$.empty", None, [None]),
        ("$.urls", ["/a", "/b"], [["/a", "/b"]]),
        ("$.urls[*]", "/a", ["/a", "/b"]),
        ("$.urls[1]", "/b", ["/b"]),
        ("$.deep..y", "z", ["z"]),
        ("$.headers.Location", "/jobs/7", ["/jobs/7"]),
        ("$.status_code", 202, [202]),
        ("$['a b']", 1, [1]),
        ("$.urls[?(@ == '{{ '/b' }}')]", "/b", ["/b"]),
        ("$.{{ vars.region }}", None, []),
        ("{{ creation_response.id }}", 7, [7]),
        ("{{ creation_response.urls }}", ["/a", "/b"], ["/a", "/b"]),
        ("{{ none }}", None, []),
        ("id-{{ creation_response.id }}", "id-7", ["id-7"]),
        ("x", None, None),
    ],
)
def test_extractors_give_the_first_match_or_all(templates: Templates, source: str, first: Any, every: list[Any] | None) -> None:
    if every is None:
        with pytest.raises(BadTemplate, match=r"^`x`: it is neither a JSONPath, which begins with `\$`, nor a template$") as raised:
            templates.extractor(source, "k")
        assert "write `$.x`" == raised.value.hint
        return
    extractor = templates.extractor(source, "k")
    assert first == extractor.first(CREATED, SCOPE)
    assert every == extractor.all(CREATED, SCOPE)


def test_a_template_that_asks_an_answer_for_what_it_does_not_hold_gives_null(templates: Templates) -> None:
    for source in (
        "{{ polling_response.nope }}",
        "{{ polling_response.none.deeper }}",
        "{{ polling_response.headers['x-rate-limit-reset'] }}",
        "{{ polling_response.none | absolute }}",
        "{{ polling_response.none | epoch }}",
        "id-{{ polling_response.none }}",
    ):
        assert templates.extractor(source).first(None, SCOPE) is None, source
        assert [] == templates.extractor(source).all(None, SCOPE), source
    for source in ("{{ vars.nope }}", "{{ nope }}", "{{ secrets.nope }}", "{{ 1 / 0 }}"):
        with pytest.raises(TemplateError):
            templates.extractor(source).first(None, SCOPE)


def test_wildcards_see_the_body_only(templates: Templates) -> None:
    answer = Response({"1": [{"x": 1}], "2": [{"x": 2}]}, headers={"a": "b"})
    assert [{"x": 1}, {"x": 2}] == templates.extractor("$.*[*]").all(answer, {})
    assert [1, 2] == templates.extractor("$..x").all(answer, {})
    assert [3] == templates.extractor("$[*].a").all(Response([{"a": 3}]), {})
    assert [204] == templates.extractor("$.status_code").all(Response(None, status_code=204), {})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.a[", "it ends too early"),
        ("$.a b", "unexpected `b` at character 5"),
        ("$..", "it ends too early"),
        ("$.a[?(@.b ==]", "unexpected `]` at character 13"),
        ("$.a.%", "unexpected `%` at character 5"),
        ("$.a['b", "it ends too early"),
    ],
)
def test_a_bad_path_says_where_it_stops_being_one(templates: Templates, path: str, expected: str) -> None:
    with pytest.raises(BadTemplate) as raised:
        templates.extractor(path, "streams.orders.status.extractor")
    assert f"`{path}`: not a JSONPath: {expected}" == raised.value.message


def test_a_path_made_of_values_does_not_show_them(templates: Templates) -> None:
    extractor = templates.extractor("$.a[{{ secrets.token }}", "k")
    with pytest.raises(TemplateError) as raised:
        extractor.first({}, SCOPE)
    assert "`$.a[{{ secrets.token }}`: what it renders to is not a JSONPath" == raised.value.message


@pytest.mark.promise(19)
@pytest.mark.parametrize(
    ("condition", "found"),
    [("> 0", ["2.50", "0.1"]), ("== 2.5", ["2.50"]), ("== 0.1", ["0.1"]), (">= 2", ["2.50"]), ("< 0", ["-1.5"]), ("!= 0.1", ["2.50", "-1.5"]), ("<= -1.5", ["-1.5"])],
)  # fmt: skip
def test_filters_compare_numbers_that_keep_every_digit(condition: str, found: list[str]) -> None:
    rows = [{"a": Decimal(text), "deep": [Decimal("1.10")]} for text in ("2.50", "0.1", "-1.5")]

    matched = compile_path(f"$.d[?(@.a {condition})]")({"d": rows})

    assert [(text, "1.10") for text in found] == [(str(row["a"]), str(row["deep"][0])) for row in matched]
    assert {Decimal} == {type(row["a"]) for row in matched}


PATHS = st.lists(
    st.sampled_from([".a", ".b", ".a-b", "['a']", '["b"]', "['a b']", "[0]", "[1]", "[*]", ".*", "._x", ".c"]), max_size=4
).map(lambda parts: "$" + "".join(parts))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.just("text"),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "a-b", "a b", "_x"]), inner) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(path=PATHS, document=DOCUMENTS)
def test_plain_paths_find_what_jsonpath_ng_finds(path: str, document: Any) -> None:
    assert isinstance(compile_path(path), _Simple)
    assert _parsed(path)(document) == compile_path(path)(document)


@pytest.mark.parametrize("path", ["$.true", "$.null", "$.where", "$.a[-1]", "$..a", "$.a[0:2]", "$.a,b", "$.a.`len`", "$.*['*']"])
def test_all_other_paths_are_left_to_jsonpath_ng(path: str) -> None:
    from tap_asyncreport.templates.jsonpath import _SIMPLE

    assert _SIMPLE.fullmatch(path) is None
