"""A base URL that is found by a request."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from http_kit import Kit
from sockets import answer, serving
from test_http import BEARER

from tap_asyncreport.errors import ConfigurationError, RequestError
from tap_asyncreport.http.network import NotReady


def test_a_base_url_found_by_a_request_is_asked_for_once():
    def script(asked):
        if asked.target == "/id?who=me":
            return answer('{"urls": {"rest": "%s/v2"}}' % api.url)
        return answer("{}")

    with serving(script) as login, serving(answer("{}")) as api:
        kit = Kit(
            base_url={"request": {"request": f"GET {login.url}/id", "params": {"who": "{{ vars.who }}"}}, "extractor": "$.urls.rest"},
            vars={"who": "me"},
            authenticator=BEARER,
            secrets={"token": "tok-123456"},
        )
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: kit.send("GET", f"/{n}"), range(20)))
    assert ["Bearer tok-123456"] == [asked.headers.get("authorization") for asked in login.asked]
    assert {f"/v2/{n}" for n in range(20)} == {asked.target for asked in api.asked}
    assert {"Bearer tok-123456"} == {asked.headers.get("authorization") for asked in api.asked}


def test_a_base_url_that_cannot_be_found_is_an_error_each_time_and_asked_for_once():
    with serving(answer('{"error": "no tenant"}', 404)) as login:
        kit = Kit(base_url={"request": f"GET {login.url}/id", "extractor": "$.url"})
        for _ in range(2):
            with pytest.raises(RequestError, match="base_url was answered with 404") as caught:
                kit.send("GET", "/a")
    assert 1 == len(login.asked)
    assert '{"error": "no tenant"}' == caught.value.excerpt


@pytest.mark.parametrize("found", ['{"base": null}', '{"base": "/v1"}', "{}"])
def test_a_base_url_that_is_no_url_is_an_error(found):
    with serving(answer(found)) as login, pytest.raises(RequestError, match="the base URL is"):
        Kit(base_url={"request": f"GET {login.url}/id", "extractor": "$.base"}).send("GET", "/a")


def test_a_base_url_request_that_needs_the_base_url_is_a_configuration_error():
    kit = Kit(base_url={"request": "GET /id", "extractor": "$.url"})
    with pytest.raises(ConfigurationError, match="finding `base_url` needs a call whose URL is appended to `base_url`"):
        kit.send("GET", "/a")


def test_trouble_that_passes_while_the_base_url_is_asked_for_is_waited_out():
    replies = [answer("", 503), answer("", 429, Retry_After="7"), answer('{"url": "%s"}')]

    def script(asked):
        return replies.pop(0).replace(b"%s", api.url.encode()).replace(b"Content-Length: 13", b"Content-Length: %d" % (11 + len(api.url)))

    with serving(script) as login, serving(answer("{}")) as api:
        kit = Kit(base_url={"request": f"POST {login.url}/id", "extractor": "$.url"})
        kit.send("GET", "/a")
    assert [1.0, 7.0] == kit.clock.waits


def test_a_base_url_request_whose_token_is_refused_renews_it_once():
    def script(asked):
        if asked.target == "/token":
            return answer('{"access_token": "tok-%d00"}' % len(login.asked))
        return answer('{"url": "%s"}' % login.url) if asked.headers["authorization"] == "Bearer tok-300" else answer("", 401)

    with serving(script) as login:
        oauth = {"type": "oauth2", "client_id": "me", "token_url": login.url + "/token"}
        Kit(base_url={"request": f"GET {login.url}/id", "extractor": "$.url"}, authenticator=oauth).http.base_url()
    assert ["/token", "/id", "/token", "/id"] == [asked.target for asked in login.asked]


def test_how_often_the_base_url_is_asked_for_can_be_said():
    with serving(answer("", 503)) as login:
        retry = {"max_tries": 9, "wait": "3s", "wait_max": "5s", "max_time": "14s"}
        kit = Kit(base_url={"request": {"request": f"GET {login.url}/id", "retry": retry}, "extractor": "$.url"})
        with pytest.raises(NotReady, match="base_url was answered with 503"):
            kit.send("GET", "/a")
    assert ([3.0, 5.0, 5.0], 4) == (kit.clock.waits, len(login.asked))


def test_a_stopped_run_asks_no_more():
    with serving(answer("", 503)) as login:
        kit = Kit(base_url={"request": f"GET {login.url}/id", "extractor": "$.url"})
        kit.clock.stop()
        with pytest.raises(NotReady):
            kit.send("GET", "/a")
    assert 1 == len(login.asked)


def test_a_login_that_is_out_of_order_is_tried_as_often_for_a_base_url_as_for_any_call():
    """Tries of one do not multiply with those of the other: else a person waits minutes to hear of it."""
    login = {"type": "oauth2", "grant": "client_credentials", "client_id": "me", "client_secret": "s3cret"}
    with serving(answer("down", 503)) as api:
        found = {"request": {"request": f"GET {api.url}/where"}, "extractor": "$.url"}
        kit = Kit(base_url=found, authenticator={**login, "token_url": f"{api.url}/token"})
        with pytest.raises(NotReady, match="login was answered with 503"):
            kit.send("GET", "/a")
    assert ["/token"] * 5 == [asked.target for asked in api.asked]
