"""Templates and extractors: what they may say, what they give, what they never show."""

from __future__ import annotations

import re
import threading
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from templating import CREATED, NOW, SCOPE, SECRET, said

from tap_asyncreport.errors import TemplateError
from tap_asyncreport.response import Response
from tap_asyncreport.templates import BadTemplate, NullInText, Templates, is_template, look_up


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ creation_response.id }}", 7),
        ("{{ creation_response.id }}\n", 7), ("  {{ creation_response.id }}", "  7"), ("{{ creation_response.id }} ", "7 "),
        ("{{- creation_response.id -}}", 7),
        ("{{ creation_response.id }}{{ creation_response.id }}", "77"),
        ("x{{ creation_response.id }}", "x7"),
        ("{{ vars.n }}", "123"),
        ("{{ 1 + 1 }}", 2),
        ("{{ 1.5 }}", 1.5),
        ("{{ true }}", True),
        ("{{ none }}", None),
        ("{{ [1, 'a', none] }}", [1, "a", None]),
        ("{{ {'a': creation_response.id} }}", {"a": 7}),
        ("{{ (1, 2) }}", [1, 2]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ creation_response.urls | map('upper') }}", ["/A", "/B"]),
        ("{{ polling_response.percent == 100 }}", True),
        ("{{ polling_response.big }}", 2**60),
        ("{{ 'text' }}", "text"),
        ("{{ '123' }}", "123"),
        ("{% if true %}{{ creation_response.id }}{% endif %}", "7"),
        ("no template", "no template"),
        ("", ""),
        (None, None),
        (5, 5),
        (True, True),
        ({"a": ["{{ creation_response.id }}", None, 5], "b": {"c": "x{{ 1 }}"}}, {"a": [7, None, 5], "b": {"c": "x1"}}),
        ({"{{ vars.region }}-key": 1}, {"eu-key": 1}),
        ([], []),
        ({}, {}),
    ],
)
def test_a_single_expression_keeps_its_type_and_all_else_is_text(templates: Templates, source: Any, expected: Any) -> None:
    given = templates.template(source).render(SCOPE)
    assert expected == given
    assert type(expected) is type(given)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a\r\nb {{ 1 }}\r\n", "a\r\nb 1\r\n"),
        ("a\n{{ 1 }}\n\n", "a\n1\n\n"),
        ("\ta  {{ 1 }}  ", "\ta  1  "),
        ("{{ 'a\r\nb' }}x", "a\nbx"),
        ("é🙂{{ 1 }}", "é🙂1"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ],
)
def test_the_text_around_expressions_is_kept_to_the_byte(templates: Templates, source: str, expected: str) -> None:
    assert expected == templates.template(source).render(SCOPE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ none }}", None),
        ("{{ true }}", "true"),
        ("{{ 5 }}", "5"),
        ("{{ {'a': [1, none, true]} }}", '{"a":[1,null,true]}'),
        ("{{ creation_response }}", '{"id":7,"name":"r","items":[1,2],"urls":["/a","/b"],"empty":null,"a b":1,"deep":{"x":{"y":"z"}}}'),
        ("{{ now }}", "2026-01-05T12:00:00Z"),
        ("is {{ false }} {{ 1.5 }} {{ [1] }}", "is false 1.5 [1]"),
        (None, None),
        (7, "7"),
    ],
)
def test_as_text_values_are_spelt_as_in_json(templates: Templates, source: Any, expected: str | None) -> None:
    assert expected == templates.template(source).text(SCOPE)


def test_numbers_keep_every_digit(templates: Templates) -> None:
    scope = {"x": Decimal("0.10"), "big": Decimal("12345678901234567890.123")}
    assert Decimal("0.10") == templates.template("{{ x }}").render(scope)
    assert "0.10 12345678901234567890.123" == templates.template("{{ x }} {{ big }}").render(scope)
    assert '{"x":0.10,"l":[12345678901234567890.123]}' == templates.template("{{ {'x': x, 'l': [big]} | to_json }}").render(scope)


def test_an_answer_without_json_is_its_text(templates: Templates) -> None:
    scope = {"response": Response(None, text="job 5 queued", headers={"A": "b"})}
    assert "job 5 queued" == templates.template("{{ response }}").render(scope)
    assert "job 5 queued!" == templates.template("{{ response.text }}!").render(scope)


def test_a_null_in_the_middle_of_a_text_is_told(templates: Templates) -> None:
    with pytest.raises(NullInText) as raised:
        templates.template("/files/{{ polling_response.none }}", "k").render(SCOPE)
    assert "`/files/{{ polling_response.none }}`: `polling_response.none` is null, and there is no text for that" == raised.value.message
    assert "where nothing should stand there write `polling_response.none or ''`" == raised.value.hint
    assert "/files/" == templates.template("/files/{{ polling_response.none or '' }}").render(SCOPE)


def test_uuid_is_new_at_each_rendering(templates: Templates) -> None:
    template = templates.template({"a": "{{ uuid() }}", "b": "{{ uuid() }}"})
    values = [value for _ in range(3) for value in template.render({}).values()]
    assert 6 == len(set(values))
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) for value in values)


def test_now_is_the_runs_one_reading_of_the_clock_in_its_zone() -> None:
    berlin = Templates(now=NOW, timezone="Europe/Berlin")
    assert "2026-01-05T13:00:00+01:00" == berlin.template("{{ now | iso }}").render({})
    assert NOW == berlin.template("{{ run.started_at }}").render({})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ creation_response.items }}", [1, 2]),
        ("{{ creation_response['items'] }}", [1, 2]),
        ("{{ download_target.items }}", [3]),
        ("{{ creation_response['a b'] }}", 1),
        ("{{ creation_response.deep.x.y }}", "z"),
        ("{{ creation_response.urls[1] }}", "/b"),
        ("{{ creation_response.urls[-1] }}", "/b"),
        ("{{ creation_response.urls[:1] }}", ["/a"]),
        ("{{ creation_response.name[0] }}", "r"),
        ("{{ creation_response.status_code }}", 202),
        ("{{ creation_response.url }}", "https://api.example.com/v1/jobs?x=1"),
        ("{{ polling_response.url }}", "files/1"),
        ("{{ creation_response.headers.location }}", "/jobs/7"),
        ("{{ creation_response.headers.Location }}", "/jobs/7"),
        ("{{ creation_response.headers['LOCATION'] }}", "/jobs/7"),
        ("{{ creation_response.headers['x-request-id'] }}", "q1"),
        ("{{ creation_response.headers.x_request_id }}", "q1"),
        ("{{ creation_response.headers.get('X-REQUEST-ID') }}", "q1"),
        ("{{ vars.get('none', 3) }}", 3),
        ("{{ vars.keys() }}", ["region", "n"]),
        ("{{ creation_response.deep.items() }}", [["x", {"y": "z"}]]),
        ("{{ now.year }}", 2026),
        ("{{ now.strftime('%Y') }}", "2026"),
        ("{{ 'a-b'.split('-') }}", ["a", "b"]),
        ("{{ creation_response.urls | map(attribute=0) }}", ["/", "/"]),
        ("{{ [creation_response, polling_response] | map(attribute='status_code') }}", [202, 200]),
        ("{{ creation_response | attr('id') }}", 7),
    ],
)
def test_keys_win_over_methods_and_headers_are_found_in_any_case(templates: Templates, source: str, expected: Any) -> None:
    assert expected == templates.template(source).render(SCOPE)


def test_a_bodys_own_keys_hide_the_parts_of_an_answer(templates: Templates) -> None:
    answer = Response({"headers": {"X": 1}, "status_code": "S", "text": "T"}, headers={"y": "2"}, status_code=200, text="raw")
    given = templates.template("{{ r.headers.X }} {{ r.status_code }} {{ r.text }}").render({"r": answer})
    assert "1 S T" == given


def test_look_up_is_what_templates_do() -> None:
    assert 7 == look_up(CREATED, "id")
    assert "/jobs/7" == look_up(CREATED.headers, "LOCATION")
    for holder, name in [(CREATED, "nope"), (CREATED, ["x"]), ({}, "a"), ([1], 5), ([1], "a"), ("a", True), (5, "x"), (None, 0)]:
        with pytest.raises(KeyError):
            look_up(holder, name)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ nope | default(1) }}", 1),
        ("{{ creation_response.nope | default('x') }}", "x"),
        ("{{ creation_response.nope.deeper['even'].more | default('x') }}", "x"),
        ("{{ creation_response.empty.deeper | default('x') }}", "x"),
        ("{{ creation_response.empty | default('x') }}", None),
        ("{{ creation_response.empty | default('x', true) }}", "x"),
        ("{{ nope is defined }}", False),
        ("{{ creation_response.nope is defined }}", False),
        ("{{ creation_response.id is defined }}", True),
    ],
)
def test_default_and_is_defined_guard_what_is_not_there(templates: Templates, source: str, expected: Any) -> None:
    assert expected == templates.template(source).render(SCOPE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{{ creation_response.idd }}",
            "`{{ creation_response.idd }}`: `creation_response` has id, name, items, urls, empty, a b, deep, headers, "
            "status_code, url, text; there is no `idd` | did you mean `id`?",
        ),
        ("{{ creation_response.deep.x.q }}", "`{{ creation_response.deep.x.q }}`: `creation_response.deep.x` has y; there is no `q`"),
        ("{{ creation_response.empty.x }}", "`{{ creation_response.empty.x }}`: `creation_response.empty` is null; it has no `x`"),
        (
            "{{ creation_response.urls.x }}",
            "`{{ creation_response.urls.x }}`: `creation_response.urls` is a list; it has no `x` | pick one: `creation_response.urls[0]`",
        ),
        ("{{ creation_response.urls[9] }}", "`{{ creation_response.urls[9] }}`: `creation_response.urls` is a list; it has no item 9"),
        (
            "{{ windo.start }}",
            "`{{ windo.start }}`: there is no `windo`; known here: creation_response, download_target, now, partition, "
            "polling_response, run, secrets, uuid, vars, window | did you mean `window`?",
        ),
        ("{% if vars.x %}a{% endif %}", "`{% if vars.x %}a{% endif %}`: `vars` has region, n; there is no `x`"),
        (
            "{{ creation_response.headers.nope }}",
            "`{{ creation_response.headers.nope }}`: `creation_response.headers` has location, x-request-id; there is no `nope`",
        ),
        ("a\nb {{ 1 }}\n{{ vars.x }}", "`a b {{ 1 }} {{ vars.x }}` in its line 3: `vars` has region, n; there is no `x`"),
        ("{{ 1 / 0 }}", "`{{ 1 / 0 }}`: division by zero"),
        ("{{ 'a' + 1 }}", "`{{ 'a' + 1 }}`: can only concatenate str (not \"int\") to str"),
        ("{{ uuid }}", "`{{ uuid }}`: a function is no value"),
        ("{{ 'x' | plus('1d') }}", "`{{ 'x' | plus('1d') }}`: `plus`: the text is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)"),
        ("{{ window.start | plus(1) }}", "`{{ window.start | plus(1) }}`: `plus` takes a number and a unit, for example plus('1d')"),
        ("{{ 5 | iso }}", "`{{ 5 | iso }}`: `iso` takes a date, an instant or its text, not a number"),
        (
            "{{ 'a' | rsa_sha256('no key') }}",
            "`{{ 'a' | rsa_sha256('no key') }}`: `rsa_sha256` takes an RSA private key without a passphrase, in PEM, or in base64",
        ),
        (
            "{{ now | in_zone('Mars/Phobos') }}",
            "`{{ now | in_zone('Mars/Phobos') }}`: `in_zone` takes the name of a zone, for example in_zone('Europe/Berlin')",
        ),
        ("{{ [1].index('q') }}", "`{{ [1].index('q') }}`: it cannot be rendered (ValueError)"),
    ],
)
def test_errors_name_what_is_known(templates: Templates, source: str, expected: str) -> None:
    assert expected == said(templates, source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ x", "`{{ x`: unexpected end of template, expected 'end of print statement'"),
        ("{{ a b }}", "`{{ a b }}`: expected token 'end of print statement', got 'b'"),
        ("{% if %}", "`{% if %}`: expected an expression, got 'end of statement block'"),
        ("a\n{{ b }}\n{% endfor %}", "`a {{ b }} {% endfor %}` in its line 3: encountered unknown tag 'endfor'"),
        ("{{ a | zzz(1) }}", "`{{ a | zzz(1) }}`: there is no filter `zzz`"),
        ("{{ a | defalt(1) }}", "`{{ a | defalt(1) }}`: there is no filter `defalt`; did you mean `default`?"),
        ("{{ 1 if a is definde }}", "`{{ 1 if a is definde }}`: there is no test `definde`; did you mean `defined`?"),
    ],
)
def test_a_wrong_syntax_is_told_before_anything_is_rendered(templates: Templates, source: str, expected: str) -> None:
    with pytest.raises(BadTemplate) as raised:
        templates.template(source, "k")
    assert expected == raised.value.message
    assert raised.value.message.endswith(raised.value.fault)


def test_an_error_knows_the_key_of_the_template(templates: Templates) -> None:
    template = templates.template({"a": ["{{ x }}"]}, "streams.orders.params")
    with pytest.raises(TemplateError) as raised:
        template.render({})
    assert "streams.orders.params.a.0" == raised.value.key
    with pytest.raises(BadTemplate) as bad:
        templates.extractor("$[", "streams.orders.status.extractor")
    assert "streams.orders.status.extractor" == bad.value.key


@pytest.mark.promise(26)
@pytest.mark.parametrize(
    "source",
    [
        "{{ creation_response[secrets.token] }}",
        "{{ secrets[secrets.token] }}",
        "{{ secrets.token.x }}",
        "{{ secrets.token | plus('1d') }}",
        "{{ now | in_zone(secrets.token) }}",
        "{{ now | plus(secrets.token) }}",
        "{{ [1].index(secrets.token) }}",
        "{{ uuid(**{secrets.token: 1}) }}",
        "{{ secrets.token + 1 }}",
        "{{ secrets.token() }}",
        "{{ now.strftime(secrets) }}",
        "{{ secrets.token | attr(secrets.token) }}",
        "{{ 1 // secrets.token }}",
        "{{ 'x' in 5 }}{{ secrets.token }}",
        "{{ {}[secrets] }}",
        "{{ '%d' % secrets.token }}",
        "{{ secrets.token.format() ~ secrets.token.nope }}",
        "{{ [secrets.token] | sum }}",
        "{{ secrets.token | absolute(secrets.token) }}",
    ],
)
def test_no_error_holds_a_value(templates: Templates, source: str) -> None:
    assert SECRET not in said(templates, source)


def test_one_template_serves_many_threads(templates: Templates) -> None:
    template = templates.template("{% for i in range(20) %}{{ x }}{% endfor %}")
    extractor = templates.extractor("$.data[?(@.id == '{{ x }}')].v")
    wrong: list[Any] = []

    def work(number: int) -> None:
        scope = {"x": str(number)}
        document = {"data": [{"id": str(n), "v": n} for n in range(8)]}
        for _ in range(50):
            if template.render(scope) != str(number) * 20 or extractor.first(document, scope) != number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == wrong


def test_a_text_is_compiled_once(templates: Templates) -> None:
    assert templates.compiled("{{ a }}", "x") is templates.compiled("{{ a }}", "y")
    assert templates.find("$.a") is templates.find("$.a")


@pytest.mark.parametrize(("text", "expected"), [("{{ x }}", True), ("{% x %}", True), ("{# x #}", True), ("{ x }", False), (5, False), (None, False)])
def test_is_template(text: object, expected: bool) -> None:
    assert expected is is_template(text)


PIECES = st.lists(
    st.sampled_from(
        [
            "{{", "}}", "{%", "%}", "{#", "#}", " ", "x", "creation_response", ".", "[", "]", "(", ")", "|", "default", "if", "else",
            "for", "in", "endfor", "endif", "set", "=", "==", "'", '"', "a", "1", "0", "-1", "~", "+", "*", "**", "/", "%", ",", ":", "is",
            "defined", "not", "none", "map", "list", "join", "plus('1d')", "hash", "absolute", "to_json", "strftime('%Y')", "epoch", "items",
            "__class__", "\n", "{", "}", "loop", "namespace", "range", "raw", "endraw", "uuid()", "now", "secrets.token", "window.start",
            "{{ creation_response", " }}", "{% for x in", "{% if", "{% set y =", "| attr('x')", "[0]", "['id']", ".headers", "()", "tojson",
        ]
    ),
    max_size=12,
)  # fmt: skip


@pytest.mark.promise(28)
@pytest.mark.promise(30)
@settings(max_examples=400, deadline=None)
@given(pieces=PIECES, spaced=st.booleans())
def test_any_text_renders_or_is_told(pieces: list[str], spaced: bool) -> None:
    templates = Templates(now=NOW)
    text = (" " if spaced else "").join(pieces)
    for source in (text, "{{ " + text + " }}", "$." + text):
        try:
            templates.template(source, "k").render(SCOPE)
            templates.extractor(source, "k").all(CREATED, SCOPE)
        except TemplateError as error:
            assert SECRET not in error.message
