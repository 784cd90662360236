"""What answers mean: rules first, then each step's own view of the status code."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_asyncreport.config.requesters import Rule
from tap_asyncreport.errors import ConfigurationError
from tap_asyncreport.http.rules import CompiledRule, parse_codes
from tap_asyncreport.job import Means
from tap_asyncreport.lifecycle.rules import Step, Verdict, classify, default_means, in_step
from tap_asyncreport.response import Response
from tap_asyncreport.templates import Templates

TEMPLATES = Templates(now=datetime(2026, 2, 1, tzinfo=UTC))
JSON = {"errors": [{"code": "1029", "message": "Too many jobs in queue"}], "success": False, "count": 3, "url": None}


def compiled(**rule: Any) -> CompiledRule:
    return CompiledRule(Rule.model_validate({"means": "busy", **rule}), TEMPLATES, "responses[0]")


def judged(response: Response, *rules: dict[str, Any], step: Step = Step.CREATION, repeated: Any = ()) -> Verdict:
    return classify(step, [compiled(**rule) for rule in rules], response, {"response": response}, repeated=parse_codes(repeated))


def matches(response: Response, **rule: Any) -> bool:
    return bool(compiled(**rule).matches(response, {"response": response}))


DEFAULTS = {
    Step.CREATION: {200: "ok", 201: "ok", 202: "ok", 204: "ok", 301: "fail", 400: "fail", 401: "auth_expired", 403: "fail", 404: "fail",
                    408: "fail", 409: "fail", 410: "fail", 422: "fail", 425: "fail", 429: "retry", 500: "retry", 502: "retry",
                    503: "retry", 504: "retry", 599: "retry"},
    Step.POLLING: {200: "ok", 202: "ok", 204: "ok", 400: "fail", 401: "auth_expired", 403: "fail", 404: "job_gone", 408: "retry",
                   410: "fail", 425: "retry", 429: "retry", 500: "retry", 502: "retry", 503: "retry", 504: "retry"},
    Step.TARGET: {200: "ok", 400: "fail", 401: "auth_expired", 403: "fail", 404: "not_ready", 408: "retry", 429: "retry", 500: "retry",
                  503: "retry"},
    Step.DOWNLOAD: {200: "ok", 204: "empty", 206: "ok", 400: "fail", 401: "auth_expired", 403: "link_expired", 404: "link_expired",
                    408: "retry", 410: "link_expired", 416: "fail", 429: "retry", 500: "retry", 503: "retry"},
    Step.ABORT: {200: "ok", 202: "ok", 204: "ok", 400: "fail", 401: "auth_expired", 403: "fail", 404: "ok", 409: "ok", 410: "ok",
                 429: "retry", 500: "retry"},
    Step.DELETE: {200: "ok", 204: "ok", 400: "fail", 401: "auth_expired", 403: "fail", 404: "ok", 409: "ok", 410: "ok", 429: "retry",
                  500: "retry"},
    Step.ERROR: {200: "ok", 404: "fail", 500: "retry"},
}  # fmt: skip


@pytest.mark.promise(1)
@pytest.mark.promise(3)
@pytest.mark.promise(4)
@pytest.mark.parametrize(("step", "status", "means"), [(s, c, m) for s, codes in DEFAULTS.items() for c, m in codes.items()])
def test_each_step_takes_a_status_code_its_own_way(step: Step, status: int, means: str) -> None:
    assert means == default_means(step, status).value


@given(st.sampled_from(list(Step)), st.integers(100, 599))
def test_every_code_means_something_to_every_step(step: Step, status: int) -> None:
    assert default_means(step, status) in set(Means) - {Means.NO_ROOM, Means.BUSY, Means.DUPLICATE}


@pytest.mark.parametrize(
    ("written", "codes"),
    [
        (404, {404}),
        ("404", {404}),
        ("4xx", set(range(400, 500))),
        ("5XX", set(range(500, 600))),
        ("500-502", {500, 501, 502}),
        ([404, "410", "500-501"], {404, 410, 500, 501}),
        ("404, 410", {404, 410}),
    ],
)
def test_status_codes_are_written_as_numbers_ranges_and_lists(written: Any, codes: set[int]) -> None:
    assert codes == {code for each in parse_codes(written) for code in each}


@pytest.mark.parametrize("written", ["", "4x", "xx", "abc", "4000", "6xx"])
def test_what_is_no_status_code_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a status code; write 404, 4xx, 500-599 or a list of such"):
        parse_codes(written)


def test_a_broken_pattern_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        compiled(text="id=(")
    assert "responses[0].text" == caught.value.problems[0].key


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"status": 400}, True),
        ({"status": "5xx"}, False),
        ({}, True),
        ({"json": {"$.errors[0].code": "1029"}}, True),
        ({"json": {"$.errors[0].code": 1029}}, True),
        ({"json": {"$.errors[0].code": ["606", "1029"]}}, True),
        ({"json": {"$.errors[*].code": "606"}}, False),
        ({"json": {"$.count": "3"}}, True),
        ({"json": {"$.count": 3}}, True),
        ({"json": {"$.count": 4}}, False),
        ({"json": {"$.success": False}}, True),
        ({"json": {"$.success": 0}}, False),
        ({"json": {"$.success": "false"}}, True),
        ({"json": {"$.errors": "exists"}}, True),
        ({"json": {"$.nothing": "exists"}}, False),
        ({"json": {"$.nothing": "absent"}}, True),
        ({"json": {"$.url": "absent"}}, True),
        ({"json": {"$.url": "exists"}}, False),
        ({"json": {"$.url": None}}, True),
        ({"json": {"$.nothing": None}}, False),
        ({"json": {"$.count": 3, "$.success": True}}, False),
        ({"header": {"X-Throttled": "exists"}}, True),
        ({"header": {"x-throttled": "5"}}, True),
        ({"header": {"x-throttled": 5}}, True),
        ({"header": {"X-Other": "absent"}}, True),
        ({"header": {"X-Other": "5"}}, False),
        ({"text": "Too many"}, True),
        ({"text": "^Too"}, False),
        ({"status": 400, "json": {"$.count": 3}, "header": {"X-Throttled": ["4", "5"]}, "text": "queue"}, True),
        ({"status": 400, "text": "nowhere"}, False),
    ],
)
def test_a_rule_holds_when_all_of_its_conditions_do(rule: dict[str, Any], expected: bool) -> None:
    text = '{"errors": [{"code": "1029", "message": "Too many jobs in queue"}]}'
    answer = Response(JSON, headers={"X-Throttled": "5"}, status_code=400, text=text)
    assert expected == matches(answer, **rule)


def test_conditions_on_json_say_nothing_about_other_answers() -> None:
    assert not matches(Response(None, text="a,b\n1,2\n"), json={"$.url": "absent"})


def test_the_first_rule_that_matches_wins_and_then_the_code_decides() -> None:
    answer = Response(status_code=400)
    assert Means.TOO_LARGE == judged(answer, {"status": 404}, {"means": "too_large", "status": 400}, {"means": "fail"}).means
    assert Means.FAIL == judged(answer, {"status": 404}).means


def test_the_match_of_a_text_is_kept_for_its_groups() -> None:
    verdict = judged(Response(status_code=425, text="duplicate of : r9"), {"text": r"of : (\w+)", "means": "duplicate"})
    assert verdict.match is not None
    assert "r9" == verdict.match.group(1)


def test_further_codes_are_worth_another_try_where_no_rule_speaks() -> None:
    answer = Response(status_code=409)
    assert Means.RETRY == judged(answer, repeated=[409]).means
    assert Means.FAIL == judged(answer, {"status": 409, "means": "fail"}, repeated=["4xx"]).means


@pytest.mark.parametrize(
    ("means", "step", "expected"),
    [
        ("busy", Step.CREATION, "busy"),
        ("busy", Step.POLLING, "retry"),
        ("busy", Step.DOWNLOAD, "retry"),
        ("busy", Step.DELETE, "retry"),
        ("duplicate", Step.POLLING, None),
        ("duplicate", Step.DELETE, "ok"),
        ("not_ready", Step.DOWNLOAD, "not_ready"),
        ("not_ready", Step.CREATION, "retry"),
        ("link_expired", Step.POLLING, None),
        ("link_expired", Step.TARGET, "not_ready"),
        ("job_gone", Step.ABORT, "ok"),
        ("job_gone", Step.POLLING, "job_gone"),
        ("empty", Step.DELETE, "ok"),
        ("fail", Step.DELETE, "fail"),
    ],
)
def test_a_rule_for_every_step_comes_to_what_each_can_do(means: str, step: Step, expected: str | None) -> None:
    found = in_step(Means(means), step)
    assert expected == (None if found is None else found.value)


def test_a_rule_that_says_nothing_in_a_step_does_not_hide_the_next() -> None:
    answer = Response(status_code=409)
    verdict = judged(answer, {"status": 409, "means": "duplicate"}, {"status": 409, "means": "empty"}, step=Step.POLLING)
    assert Means.EMPTY == verdict.means
