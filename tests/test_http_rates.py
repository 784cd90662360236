"""Rates of calls, kept by all threads together."""

from __future__ import annotations

import threading

import pytest
from http_kit import FakeClock

from tap_asyncreport.config.settings import RateLimit
from tap_asyncreport.http.rates import Rates


def rates(*limits, base_url=None):
    clock = FakeClock()
    return clock, Rates([RateLimit.model_validate(limit) for limit in limits], clock, lambda: base_url)


def waits(limiter, calls):
    return [limiter.take(step, url) for step, url in calls]


def test_calls_are_spread_evenly():
    _, limiter = rates({"rate": "60/1m"})
    assert [0.0, 1.0, 1.0] == waits(limiter, [("creation_requester", "https://a/x")] * 3)


def test_a_burst_may_go_at_once():
    _, limiter = rates({"rate": "60/1m", "burst": 3})
    assert [0.0, 0.0, 0.0, 1.0] == waits(limiter, [("creation_requester", "https://a/x")] * 4)


def test_a_burst_is_earned_again_by_waiting():
    clock, limiter = rates({"rate": "1/1s", "burst": 2})
    assert [0.0, 0.0] == waits(limiter, [("s", "https://a/x")] * 2)
    clock.wait(100.0)
    assert [0.0, 0.0, 1.0] == waits(limiter, [("s", "https://a/x")] * 3)


@pytest.mark.parametrize(
    ("match", "held"),
    [
        ({}, True),
        ({"step": "creation_requester"}, True),
        ({"step": "creation"}, True),
        ({"step": "creat*"}, True),
        ({"step": "polling_requester"}, False),
        ({"path": "/v1/exports/*"}, True),
        ({"path": "/exports/*"}, True),
        ({"path": r"/v1/exports/\d+"}, True),
        ({"path": r"/exports/\d+"}, True),
        ({"path": "/exports"}, False),
        ({"path": "^/exports"}, True),
        ({"path": r"\d+$"}, True),
        ({"path": "^exports"}, False),
        ({"path": "/v1/exports/[0-9"}, False),
        ({"step": "creation_requester", "path": "/other"}, False),
        ({"step": "polling_requester", "path": "/exports/*"}, False),
    ],
)
def test_a_limit_holds_for_the_calls_that_it_matches(match, held):
    _, limiter = rates({"match": match, "rate": "1/10s"}, base_url="https://a/v1/")
    call = ("creation_requester", "https://a/v1/exports/17?x=1")
    assert [0.0, 10.0 if held else 0.0] == waits(limiter, [call] * 2)


def test_every_limit_that_matches_is_kept():
    _, limiter = rates({"rate": "1/1s"}, {"match": {"step": "creation_requester"}, "rate": "1/10s"})
    assert [0.0, 1.0, 9.0] == waits(
        limiter, [("creation_requester", "https://a/x"), ("polling_requester", "https://a/x"), ("creation_requester", "https://a/x")]
    )


def test_when_the_next_call_may_go_is_known_without_taking_its_place():
    _, limiter = rates({"rate": "1/10s"})
    assert 0.0 == limiter.next_free("s", "https://a/x")
    limiter.take("s", "https://a/x")
    assert [10.0, 10.0] == [limiter.next_free("s", "https://a/x") for _ in range(2)]


def test_a_stopped_run_is_not_held_back():
    clock, limiter = rates({"rate": "1/1h"})
    clock.stop()
    waits(limiter, [("abort_requester", "https://a/x")] * 3)
    assert 0.0 == clock.passed


def test_threads_take_turns():
    class Standing(FakeClock):
        def wait(self, seconds):
            self.waits.append(seconds)
            return False

    clock = Standing()
    limiter = Rates([RateLimit.model_validate({"rate": "1/1s"})], clock)
    threads = [threading.Thread(target=limiter.take, args=("s", "https://a/x")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [float(n) for n in range(1, 20)] == sorted(clock.waits)


def test_without_limits_nothing_waits():
    clock, limiter = rates()
    assert ([0.0] * 5, []) == (waits(limiter, [("s", "/x")] * 5), clock.waits)
