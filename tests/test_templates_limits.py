"""Templates from strangers: no code, no recursion, no long work, no large text."""

from __future__ import annotations

import pytest
from templating import SCOPE, SECRET, said

from tap_asyncreport.errors import TemplateError
from tap_asyncreport.templates import BadTemplate, Templates
from tap_asyncreport.templates.limits import LONGEST, MOST_ROUNDS


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
