"""An API that answers oddly: lists that are none, waits, and jobs that cannot be named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fake_api import FakeApi, Reply, json_reply
from odd import HTML, failing, orders, told
from warm import WarmProcess

# -- lists of partitions


ACCOUNTS = {"name": "account", "records": "$.accounts[*]", "value": "$.id"}


@pytest.mark.promise(12)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(200, ""), "the answer holds nothing at $.accounts[*]: it is empty"),
        (HTML, "the answer holds nothing at $.accounts[*]: it is an HTML page"),
        (json_reply([1]), "the answer holds nothing at $.accounts[*]: it is a JSON list"),
        (json_reply({"error": "down"}), "the answer holds nothing at $.accounts[*]"),
        (json_reply({"accounts": [{"name": "x"}]}), "none of the 1 records holds anything at $.id"),
        (json_reply({"accounts": [{"id": 1}], "next": "/accounts"}), "page 2 repeats the one before it"),
        (Reply(429, "", {"Retry-After": "99999"}), "that is longer than jobs.timeout of 5 s"),
        (Reply(503, "down"), "the API answered 503"),
    ],
)
def test_a_list_of_partitions_that_is_none_is_no_empty_one(answer: Reply, said: str, tmp_path: Path) -> None:
    """The stream fails with the API's words; else it would end well, without a row."""
    paginator = {"type": "next_url", "extractor": "$.next"}
    request = {"request": "GET /accounts", "retry": {"wait": "10ms", "max_tries": 2}, "paginator": paginator}
    with FakeApi(rows="id\n1\n", hooks={"other": lambda *_: answer}) as api:
        run = WarmProcess(tmp_path).run(orders(api, partitions=[{**ACCOUNTS, "request": request}]))
        shown = told(run, api)
    assert 1 == run.exit_code
    assert said in shown[-1].splitlines()[0]
    assert "\n  request     GET URL/accounts\n" in shown[-1]
    assert "\n  try  " in shown[-1]


def test_an_empty_list_of_partitions_is_one_and_said(tmp_path: Path) -> None:
    with FakeApi(rows="id\n1\n", hooks={"other": lambda *_: json_reply({"accounts": []})}) as api:
        run = WarmProcess(tmp_path).run(orders(api, partitions=[{**ACCOUNTS, "request": "GET /accounts"}]))
        assert ["WARNING orders: the API lists no account, so there is nothing to read"] == told(run, api)
    assert 0 == run.exit_code


# -- waits


@pytest.mark.promise(28, 4)
def test_a_wait_says_who_asks_for_it_and_what_ends_it(tmp_path: Path) -> None:
    """Try by try, with the key that says how many; none is announced that does not come."""
    faults = {("create", 1): Reply(429, "slow", {"Retry-After": "0.1"}), ("download", "*"): Reply(500, "oops")}
    run, _, steps = failing(tmp_path, faults)
    waits = re.findall(r"tries again in .*", run.stderr)
    assert [
        "tries again in 0.1 s (as the API asks, try 1 of 2, by `jobs.creation_max_tries`): "
        "creating the job: the API answered 429 (Retry-After: 0.1): slow",
        "tries again in 0.1 s (try 1 of 2 in 0.1 s, by `download_retriever.retry.max_tries`): "
        "downloading: the API answered 500: oops",
    ] == waits
    assert ["create", "create", "poll", "download", "download", "delete"] == steps


@pytest.mark.promise(4)
def test_a_wait_that_is_too_long_is_not_announced(tmp_path: Path) -> None:
    run, said, _ = failing(tmp_path, {("poll", "*"): Reply(429, "slow", {"Retry-After": "99999"})})
    assert "tries again" not in run.stderr
    assert "the API asks to wait 99999 s, longer than the 5 s left" in said[0]
    assert ["job-1"] == [job["id"] for job in run.jobs("orders")]


# -- cleaning up


@pytest.mark.promise(1, 28)
def test_a_clean_up_that_cannot_be_asked_for_names_its_template(tmp_path: Path) -> None:
    """One warning for each, with the key; the failure itself is told once."""
    nope = {"abort_requester": "POST /x/{{ creation_response.nope }}", "delete_requester": "DELETE {{ creation_response.x }}"}
    run, said, steps = failing(tmp_path, script=("HALTED",), **nope)
    assert ["create", "poll"] == steps
    assert 3 == len(said)
    assert said[0].startswith("ERROR orders: the status 'HALTED' is not known")
    assert said[1].startswith("WARNING orders: job job-1: aborting the job: `")
    assert said[2].startswith("WARNING orders: job job-1: deleting the job: `")
    assert said[1].endswith("(see streams.orders.abort_requester.request (FILE))")
    assert 1 == len(run.jobs("orders"))


@pytest.mark.promise(8)
def test_a_job_that_nobody_can_name_is_told_once_and_leaves_nothing_in_state(tmp_path: Path) -> None:
    run, said, steps = failing(tmp_path, {("create", "*"): json_reply({"error": "down"})})
    assert ["create"] == steps
    assert 1 == len(said)
    assert {"bookmarks": {}} == run.state
