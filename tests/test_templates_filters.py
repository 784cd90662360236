"""The filters of templates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from templating import SCOPE, said

from tap_asyncreport.response import Response
from tap_asyncreport.templates import Templates


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
