"""What every simulator relies on."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from simulators.base import Clock, Refused, Simulator, Tokens, route
from wire import Reply, json_reply

OPEN = build_opener(ProxyHandler({})).open


def ask(url: str, method: str = "GET") -> tuple[int, Any]:
    try:
        with OPEN(Request(url, method=method)) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, json.loads(error.read() or "null")


class Shop(Simulator):
    HOSTS = ("api", "files")

    def guard(self, request: Any) -> None:
        if request.query.get("key") == "wrong":
            raise Refused(json_reply({"error": "key"}, 401))

    @route("POST", "/reports/{kind}")
    def create(self, request: Any, kind: str) -> Reply:
        return json_reply({"id": self.new_job(spec=kind).id})

    @route("GET", "/reports/{kind}/{id}")
    @route("GET", "/jobs/{id}", step="other_poll")
    def poll(self, request: Any, id: str, kind: str | None = None) -> Reply:
        return json_reply({"status": self.jobs[id].step_on(["RUNNING", "DONE"]), "kind": kind})

    @route("GET", "/{name:path}", host="files")
    def download(self, request: Any, name: str) -> Reply:
        return json_reply({"name": name})


def test_routes_name_steps_and_give_parts_of_the_path() -> None:
    with Shop() as shop:
        assert (200, {"id": "job-1"}) == ask(f"{shop.url}/reports/a", "POST")
        assert (200, {"status": "RUNNING", "kind": "a"}) == ask(f"{shop.url}/reports/a/job-1")
        assert (200, {"status": "DONE", "kind": None}) == ask(f"{shop.url}/jobs/job-1")
        assert (200, {"name": "x/y"}) == ask(f"{shop.origin('files')}/x/y?sig=1")
        assert 404 == ask(f"{shop.url}/x/y")[0]
        assert 401 == ask(f"{shop.url}/jobs/job-1?key=wrong")[0]

    assert ["create", "poll", "other_poll", "download", "other", "other_poll"] == shop.steps()
    assert ["GET /x/y?sig=1"] == shop.lines("download")


def test_faults_come_at_the_planned_call_and_keep_the_api_from_acting() -> None:
    with Shop(faults={("create", 2): Reply(503), ("poll", "*"): Reply(500)}) as shop:
        assert [200, 503, 200] == [ask(f"{shop.url}/reports/a", "POST")[0] for _ in range(3)]
        assert [500, 500] == [ask(f"{shop.url}/reports/a/job-1")[0] for _ in range(2)]
        assert ["job-1", "job-2"] == list(shop.jobs)
        assert 0 == shop.jobs["job-1"].polls


def test_tokens_end_by_time_by_use_and_by_will() -> None:
    clock = Clock()
    tokens = Tokens(clock)
    brief, twice, plain = tokens.issue(lifetime=timedelta(hours=1)), tokens.issue(good_for=2), tokens.issue()

    assert [True, False, False] == [tokens.check(brief), tokens.check("forged"), tokens.check(None)]
    clock.advance(hours=2)
    assert not tokens.check(brief)
    assert [True, True, False] == [tokens.check(twice) for _ in range(3)]
    assert tokens.check(plain)
    tokens.revoke()
    assert not tokens.check(plain)
