"""Templates and extractors: what they may say, what they give, what they never show."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_asyncreport.errors import TemplateError
from tap_asyncreport.lifecycle.keeping import pruned as kept_in_state
from tap_asyncreport.response import Response
from tap_asyncreport.templates import BadTemplate, NullInText, Templates, is_template, look_up
from tap_asyncreport.templates.jsonpath import _parsed, _Simple, compile_path
from tap_asyncreport.templates.limits import LONGEST, MOST_ROUNDS

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SECRET = "s3cr3t-value"


@pytest.fixture
def templates() -> Templates:
    return Templates(now=NOW)


CREATED = Response(
    {"id": 7, "name": "r", "items": [1, 2], "urls": ["/a", "/b"], "empty": None, "a b": 1, "deep": {"x": {"y": "z"}}},
    headers={"Location": "/jobs/7", "X-Request-Id": "q1"},
    status_code=202,
    url="https://api.example.com/v1/jobs?x=1",
)
SCOPE: dict[str, Any] = {
    "secrets": {"token": SECRET},
    "vars": {"region": "eu", "n": "123"},
    "partition": {"account": 7},
    "creation_response": CREATED,
    "polling_response": Response({"url": "files/1", "percent": 100, "big": 2**60, "none": None}, url="https://api.example.com/v2/p/"),
    "window": {"start": "2026-01-31", "end": "2026-02-01"},
    "download_target": {"url": "u", "items": [3]},
}


def said(templates: Templates, source: Any, scope: Mapping[str, Any] = SCOPE) -> str:
    """The message and the hint of the error that a template ends in."""
    with pytest.raises(TemplateError) as raised:
        templates.template(source, "k").render(scope)
    return raised.value.message + (f" | {raised.value.hint}" if raised.value.hint else "")


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


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ '2026-01-31' | plus('1mo') }}", "2026-02-28"),
        ("{{ '2024-02-29' | plus('1y') }}", "2025-02-28"),
        ("{{ '2026-03-31' | minus('1mo') }}", "2026-02-28"),
        ("{{ '2026-01-01' | minus('1d') }}", "2025-12-31"),
        ("{{ '2026-01-01' | plus('1w') }}", "2026-01-08"),
        ("{{ '20260131' | plus('1d') }}", "20260201"),
        ("{{ '0999-12-31' | plus('1d') }}", "1000-01-01"),
        ("{{ '2026-01-01T00:00:00Z' | plus('90m') }}", "2026-01-01T01:30:00Z"),
        ("{{ '2026-01-01T00:00:00+02:00' | plus('1d') }}", "2026-01-02T00:00:00+02:00"),
        ("{{ '2026-01-01 00:00:00' | plus('1d') }}", "2026-01-02 00:00:00"),
        ("{{ '2026-01-01T00:00:00.000Z' | plus('1d') }}", "2026-01-02T00:00:00.000Z"),
        ("{{ '2026-01-01T00:00:00Z' | minus('200ms') }}", "2025-12-31T23:59:59.800Z"),
        ("{{ day | plus('1d') }}", date(2026, 1, 2)),
        ("{{ now | minus('1h') }}", datetime(2026, 1, 5, 11, tzinfo=UTC)),
        ("{{ '2026-01-31' | strftime('%d/%m/%Y') }}", "31/01/2026"),
        ("{{ now | strftime('%H') }}", "12"),
        ("{{ now | epoch }}", 1767614400),
        ("{{ '2026-01-01' | epoch }}", 1767225600),
        ("{{ '2026-01-01T00:00:00.5Z' | epoch }}", 1767225600.5),
        ("{{ now | iso }}", "2026-01-05T12:00:00Z"),
        ("{{ day | iso }}", "2026-01-01"),
        ("{{ now | in_zone('Europe/Berlin') | iso }}", "2026-01-05T13:00:00+01:00"),
        ("{{ '2026-01-01' | in_zone('America/New_York') | iso }}", "2025-12-31T19:00:00-05:00"),
        ("{{ 'a' | hash }}", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        # RFC 4231, test case 2
        ("{{ 'what do ya want for nothing?' | hmac('Jefe') }}", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ("{{ {'b': 1, 'a': 2} | hash == {'a': 2, 'b': 1} | hash }}", True),
        ("{{ 'é?' | b64 }}", "w6k/"),
        ("{{ 'a b/c&d~é' | urlencode }}", "a%20b%2Fc%26d~%C3%A9"),
        ("{{ {'a': 1, 'b c': 'd&'} | urlencode }}", "a=1&b%20c=d%26"),
        ("{{ {'a': [1, none, 'é', true, now]} | to_json }}", '{"a":[1,null,"é",true,"2026-01-05T12:00:00Z"]}'),
        ("{{ '/x' | absolute }}", "https://api.example.com/x"),
        ("{{ polling_response.url | absolute }}", "https://api.example.com/v2/p/files/1"),
        ("{{ creation_response.headers.location | absolute }}", "https://api.example.com/jobs/7"),
        ("{{ '?page=2' | absolute(creation_response) }}", "https://api.example.com/v1/jobs?page=2"),
        ("{{ 'c' | absolute('https://a.example/b/') }}", "https://a.example/b/c"),
        ("{{ 'https://other.example/a?b=%2F' | absolute }}", "https://other.example/a?b=%2F"),
        ("{{ '2026-01-01' | replace('-', '') }}", "20260101"),
        ("{{ [1, 'a', true] | join(',') }}", "1,a,true"),
        ("{{ 'x' | center(5) }}", "  x  "),
        ("{{ 'a\nb' | indent(2) }}", "a\n  b"),
        ("{{ '%05d' | format(7) }}", "00007"),
        ("{{ '%05d' % 7 }}", "00007"),
        ("{{ '{:03d}'.format(7) }}", "007"),
        ("{{ [1, 2, 3] | batch(2) }}", [[1, 2], [3]]),
    ],
)
def test_filters(templates: Templates, source: str, expected: Any) -> None:
    assert expected == templates.template(source).render({**SCOPE, "day": date(2026, 1, 1)})


def test_days_keep_the_time_of_day_and_hours_do_not_where_clocks_change(templates: Templates) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    scope = {"at": datetime(2026, 3, 28, 12, 0, tzinfo=berlin)}
    assert "2026-03-29T12:00:00+02:00" == templates.template("{{ at | plus('1d') | iso }}").render(scope)
    assert "2026-03-29T13:00:00+02:00" == templates.template("{{ at | plus('24h') | iso }}").render(scope)
    gap = {"at": datetime(2026, 3, 28, 2, 30, tzinfo=berlin)}
    assert "2026-03-29T03:30:00+02:00" == templates.template("{{ at | plus('1d') | iso }}").render(gap)


def test_a_link_resolves_against_the_answer_that_it_came_from(templates: Templates) -> None:
    scope = {
        "response": Response({"next": "?page=2"}, url="https://r.example/list"),
        "polling_response": Response({"next": "x"}, url="https://p.example/a/"),
        "creation_responses": {"run": Response({"next": "y"}, url="https://c.example/b/")},
    }
    assert "https://r.example/list?page=2" == templates.template("{{ response.next | absolute }}").render(scope)
    assert "https://p.example/a/x" == templates.template("{{ polling_response.next | absolute }}").render(scope)
    assert "https://c.example/b/y" == templates.template("{{ creation_responses.run.next | absolute }}").render(scope)
    assert "`absolute` knows no answer" in said(templates, "{{ '/x' | absolute }}", {})


@pytest.mark.promise(30)
@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ ['__class__'] | map('attr', '__mro__') | list }}{{ ''.__class__ }}",
        "{{ ().__class__.__bases__[0].__subclasses__() }}",
        "{{ uuid.__globals__ }}",
        "{{ range.__init__ }}",
        "{{ now.__class__ }}",
        "{{ creation_response._text }}",
        "{{ creation_response.body }}",
        "{{ creation_response.lookup('id') }}",
        "{{ creation_response.view() }}",
        "{{ secrets.clear() }}",
        "{{ vars.update({'a': 1}) }}",
        "{{ [1].append(2) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '{0.__class__}' | format(1) | length > 0 and ''.__class__ }}",
        "{{ self }}",
        "{{ self.__init__ }}",
        "{{ lipsum }}",
        "{{ cycler }}",
        "{{ joiner }}",
        "{{ config.items }}",
        "{{ environment }}",
        "{{ __builtins__ }}",
        "{{ open('/etc/passwd') }}",
        "{{ dict.mro() }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ creation_response.headers.__class__ }}",
        "{{ windows_object.method() }}",
        "{{ windows_object._private }}",
        "{{ function_in_scope.__code__ }}",
        "{{ (range(3) | map('string')).gi_frame }}",
        "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
    ],
)
def test_templates_reach_no_code(templates: Templates, source: str) -> None:
    class Thing:
        _private = SECRET

        def method(self) -> str:
            return SECRET

    said(templates, source, {**SCOPE, "windows_object": Thing(), "function_in_scope": lambda: SECRET})


@pytest.mark.promise(30)
@pytest.mark.parametrize(
    "source",
    [
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% call x() %}{% endcall %}",
        "{% for a in [1] recursive %}{{ loop(a) }}{% endfor %}",
        "{{ x | pprint }}",
        "{{ x | xmlattr }}",
    ],
)
def test_templates_know_no_other_templates_and_do_not_recur(templates: Templates, source: str) -> None:
    with pytest.raises(BadTemplate):
        templates.template(source)


@pytest.mark.promise(30)
@pytest.mark.parametrize(
    "source",
    [
        "{{ range(1000000) }}",
        "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ 1000000000 * 'a' }}",
        "{{ [1] * 1000000000 }}",
        "{{ 10 ** 10000 }}",
        "{{ (10 ** 1000) ** 1000 }}",
        "{% set x = namespace(v=10) %}{% for i in range(100) %}{% set x.v = x.v * x.v %}{% endfor %}",
        "{% set x = namespace(v='aaaaaaaaaa') %}{% for i in range(100) %}{% set x.v = x.v ~ x.v %}{% endfor %}",
        "{% set x = namespace(v='aaaaaaaaaa') %}{% for i in range(100) %}{% set x.v = x.v + x.v %}{% endfor %}",
        "{{ 'a'.center(1000000000) }}",
        "{{ 'a'.ljust(1000000000) }}",
        "{{ 'a'.zfill(1000000000) }}",
        "{{ 'a' | center(1000000000) }}",
        "{{ 'a\n' | indent(1000000000) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '{:1000000000d}'.format(1) }}",
        "{{ '{:{}d}'.format(1, 1000000000) }}",
        "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
        "{{ ('a' * 1000000) | replace('', 'b' * 1000000) }}",
        "{{ ('a' * 1000000).join(range(100000) | map('string')) }}",
        "{{ range(100000) | join('a' * 1000000) }}",
        "{{ [1] | batch(1000000000, 0) | list }}",
        "{{ [1] | slice(1000000000) | list }}",
        "{% for a in range(100) %}{{ 'a' * 1000000 }}{% endfor %}",
        "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    ],
)
def test_templates_end_soon_and_stay_small(templates: Templates, source: str) -> None:
    with pytest.raises(TemplateError):
        templates.template(source).render(SCOPE)


def test_what_people_need_is_within_the_limits(templates: Templates) -> None:
    assert 50_000 == len(templates.template("{{ range(50000) | list }}").render({}))
    assert LONGEST == len(templates.template("{{ 'a' * n }}").render({"n": LONGEST}))
    text = templates.template("{% for a in range(50000) %}{{ a }},{% endfor %}").render({})
    assert 288_890 == len(text)
    assert MOST_ROUNDS >= 100_000


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
