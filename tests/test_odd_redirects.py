"""An API that redirects to what is not its answer: a login page, a maintenance page, nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi, Reply, json_reply
from odd import HTML, orders, told
from process import Outcome
from warm import WarmProcess

AWAY = Reply(302, "", {"Location": "/signin"})


def redirected(
    tmp_path: Path, step: str, answer: Reply, *, away: Reply = AWAY, script: Any = ("DONE",), **changes: Any
) -> tuple[Outcome, list[str], list[str]]:
    """A run in which the calls of a step are redirected, and what answers them there."""
    with FakeApi(script, rows="id\n1\n", faults={(step, "*"): away}, hooks={"other": lambda *_: answer}) as api:
        run = WarmProcess(tmp_path).run(orders(api, **changes))
        return run, told(run, api), api.steps()


@pytest.mark.promise(4, 28)
def test_a_poll_that_is_redirected_to_nothing_makes_no_second_job(tmp_path: Path) -> None:
    """Only the API's own answer about a job says that it is gone; the request that was redirected is named."""
    run, said, steps = redirected(tmp_path, "poll", Reply(404, "no such page"))
    assert 1 == run.exit_code
    assert [
        """\
ERROR orders: asking for the job's status: the API redirected the call, and answered 404
  step        polling_requester
  job         job-1
  request     GET URL/signin (redirected from GET URL/exports/job-1)
  status      404
  API's words no such page
  key         streams.orders.polling_requester.request (FILE)
  try         is `polling_requester.request` right, and is a login needed?"""
    ] == said
    assert 1 == steps.count("create")


@pytest.mark.promise(8)
@pytest.mark.parametrize("to", ["/v2/exports/job-1", "/exports/job-1/"])
def test_a_job_that_is_gone_where_the_api_has_moved_is_gone(to: str, tmp_path: Path) -> None:
    """A path that ends alike is the same job's, elsewhere: what answers there speaks of it."""
    away = Reply(301, "", {"Location": to})
    _, said, steps = redirected(tmp_path, "poll", Reply(404, "no such job"), away=away)
    assert 2 == steps.count("create")
    assert "job-2" in said[-1]


@pytest.mark.promise(1)
@pytest.mark.parametrize("answer", [HTML, Reply(404, "no such page"), Reply(409, "busy")])
def test_a_clean_up_that_is_redirected_to_a_page_is_not_done_and_that_is_said(answer: Reply, tmp_path: Path) -> None:
    run, said, _ = redirected(tmp_path, "delete", answer)
    assert 0 == run.exit_code
    assert [
        f"WARNING orders: job job-1: deleting the job: the API redirected the call, and answered {answer.status}"
    ] == [line.rpartition(": ")[0] for line in said]


@pytest.mark.promise(3)
@pytest.mark.parametrize(("code", "created", "says"), [(303, 1, "the job may exist"), (307, 2, "answered 503")])
def test_a_creation_that_was_taken_before_its_redirect_is_not_repeated(
    code: int, created: int, says: str, tmp_path: Path
) -> None:
    """After a 303 the job is there, and only its page is out of order; a 307 asks to send the same elsewhere."""
    away = Reply(code, "", {"Location": "/exports/job-1/page"})
    _, said, steps = redirected(tmp_path, "create", Reply(503, "down"), away=away)
    assert says in said[0].splitlines()[0]
    assert created == steps.count("create")


@pytest.mark.promise(28)
def test_a_login_that_is_redirected_says_so(tmp_path: Path) -> None:
    with FakeApi(oauth=True, faults={("token", 1): AWAY}, hooks={"other": lambda *_: json_reply({})}) as api:
        login = {"type": "oauth2", "grant": "client_credentials", "client_id": "me", "client_secret": "hush-hush-hush"}
        config = {**orders(api), "authenticator": {**login, "token_url": f"{api.url}/oauth/token"}}
        run = WarmProcess(tmp_path).run(config)
        said = told(run, api)
    assert 77 == run.exit_code
    assert "orders: the login was redirected, and refused with 401" in said[0]
    assert "\n  request     GET URL/signin (redirected from POST URL/oauth/token)\n" in said[0]
    assert "\n  try         check the URL in `authenticator`" in said[0]
