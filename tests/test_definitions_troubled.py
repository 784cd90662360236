"""What happens to every job sooner or later, for each definition that ships: a limit, a token that dies, a link that ends.

Each in the API's own words, by its simulator; one job, from its creation to its rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from commanding import run, written
from definition_cases import CASES
from definition_run import QUICK
from simulators.base import Simulator, Tokens
from simulators.google import problem as google
from simulators.marketo import problem as marketo
from simulators.meta_ads import LIMITED
from simulators.microsoft_ads import fault as microsoft
from simulators.yandex_direct import problem as yandex
from wire import Change, Reply, json_reply

POLLS = {"snowflake_sql": "result", "yandex_direct": "report"}
SOON = {"Retry-After": "0.02"}

# How each API says that there were too many calls.
LIMITS: dict[str, Reply] = {
    "amazon_ads": json_reply({"code": "429", "detail": "Too Many Requests"}, 429, SOON),
    "amazon_sp": json_reply({"errors": [{"code": "QuotaExceeded", "message": "You exceeded your quota.", "details": ""}]}, 429,
                            {"x-amzn-RateLimit-Limit": "50.0"}),
    "campaign_manager_360": google(403, "Rate Limit Exceeded", "rateLimitExceeded").reply,
    "databricks_sql": json_reply({"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "rate limit"}, 429, SOON),
    "display_video_360": google(429, "Quota exceeded for quota metric", "rateLimitExceeded").reply,
    "ebay_feed": json_reply({"errors": [{"errorId": 2001, "domain": "ACCESS", "message": "Too many requests."}]}, 429, SOON),
    "marketo_bulk": marketo(606, "Max rate limit '100' exceeded with in '20' secs").reply,
    "meta_ads": LIMITED,
    "microsoft_ads": microsoft(117, "CallRateExceeded", "Wait for 60 seconds.", 429).reply,
    "pinterest": json_reply({"code": 8, "message": "You have exceeded your rate limit."}, 429, SOON),
    "qualtrics": json_reply({"meta": {"httpStatus": "429 - Too Many Requests", "error": {"errorCode": "RL_1"}}}, 429, SOON),
    "salesforce_bulk": json_reply([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}], 403),
    "sendgrid_contacts": json_reply({"errors": [{"field": None, "message": "too many requests"}]}, 429, {"X-RateLimit-Reset": "1"}),
    "shopify_bulk": json_reply({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}),
    "snowflake_sql": json_reply({"code": "390509", "message": "Too many requests"}, 429, SOON),
    "stripe_reports": json_reply({"error": {"type": "invalid_request_error", "code": "rate_limit"}}, 429, SOON),
    "yandex_direct": yandex(56, "Request limit exceeded", "Too many requests").reply,
}  # fmt: skip

# How long each API's links to files live.
LINKS = {
    "amazon_ads": timedelta(hours=1),
    "amazon_sp": timedelta(minutes=5),
    "databricks_sql": timedelta(minutes=15),
    "microsoft_ads": timedelta(minutes=5),
    "pinterest": timedelta(minutes=5),
}
WAITS = {name: {"throttle_wait": 0.01} for name in ("meta_ads", "microsoft_ads", "yandex_direct")}
STATIC = {
    "meta_ads",
    "qualtrics",
    "sendgrid_contacts",
    "shopify_bulk",
    "stripe_reports",
    "yandex_direct",
}  # keys, no logins
SIGNED = {"snowflake_sql"}  # each token is the tap's own


def traced(
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fault: tuple[str, int],
    trouble: Callable[[Simulator], Any],
) -> tuple[Simulator, int]:
    """The API after one job in trouble, and the rows of the job."""
    case, file = CASES[name], tmp_path / "recording.json"
    with case.simulator(script=[case.running, case.done]) as api:
        api.faults[fault] = trouble(api)
        polls = {} if name in POLLS else {"polling_requester": {"retry": {"wait": "10ms"}}}
        stream = {"name": case.stream, "jobs": QUICK, **polls}
        settings = case.settings(api)
        settings = {**settings, "vars": {**settings.get("vars", {}), **WAITS.get(name, {})}, "streams": [stream]}
        said = run(capsys, "trace", case.stream, "--config", written(tmp_path, settings), "--save", file)
    assert 0 == said.code, said.all
    return api, json.loads(file.read_text())["rows"]["count"]


@pytest.mark.parametrize("name", CASES)
def test_a_limit_delays_the_next_poll_and_nothing_else(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    poll = POLLS.get(name, "poll")
    api, rows = traced(name, tmp_path, capsys, (poll, 2 if name in POLLS else 1), lambda api: LIMITS[name])
    assert rows > 0
    assert 1 == len(api.jobs)


@pytest.mark.parametrize("name", [name for name in CASES if name not in STATIC | SIGNED])
def test_a_token_that_dies_between_two_polls_is_renewed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def dies(api: Simulator) -> Change:
        def change(reply: Reply) -> Reply:
            for found, tokens in vars(api).items():
                if isinstance(tokens, Tokens) and found != "refresh":
                    tokens.revoke()
            return reply

        return change

    api, rows = traced(name, tmp_path, capsys, ("poll", 1), dies)
    assert rows > 0
    assert (1, 2) == (len(api.jobs), len(api.calls("token")))


@pytest.mark.parametrize("name", LINKS)
def test_a_link_that_has_ended_is_replaced(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_by = {"amazon_sp": ("document", 1), "databricks_sql": ("chunk", 1)}.get(name, ("poll", 2))

    def late(api: Simulator) -> Change:
        def change(reply: Reply) -> Reply:
            api.clock.advance(seconds=LINKS[name].total_seconds() + 1)
            return reply

        return change

    api, rows = traced(name, tmp_path, capsys, made_by, late)
    assert rows > 0
    assert 1 == len(api.jobs)
