"""Logins by a request of the configuration's own, base URLs that come with a token, and logins before the first call."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from http_kit import Kit
from sockets import answer, serving
from test_authenticators import OAUTH, SECRETS, Api, asked_of, basic, sent

from tap_asyncreport.errors import RequestError


def test_a_session_logs_in_with_a_request_of_its_own():
    auth = {
        "type": "session",
        "login": {
            "request": "POST /login",
            "json": {"user": "{{ vars.user }}", "password": "{{ secrets.password }}"},
            "headers": {"X-A": "1", "X-Null": None},
            "params": {"v": 2},
            "authenticator": {"type": "basic", "username": "app", "password": "app-pass-1"},
        },
        "token": "$.session.id",
        "header": "X-Session",
    }
    with serving(Api({"session": {"id": "sid-12345"}}, path="/login")) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, vars={"user": "joe"}, authenticator=auth)
        kit.send("GET", "/a")
        kit.send("GET", "/a")
    [login] = asked_of(api, "/login")
    assert "POST /login?v=2 HTTP/1.1" == login.line
    assert {"user": "joe", "password": "pass-12345"} == json.loads(login.body)
    assert {"content-type": "application/json", "x-a": "1", "authorization": basic("app", "app-pass-1")}.items() <= login.headers.items()
    assert ["sid-12345", "sid-12345"] == sent(api, "x-session")


@pytest.mark.parametrize("authenticator", [None, "inherit", "none"])
def test_a_login_does_not_use_the_session_that_it_makes(authenticator):
    auth = {"type": "session", "login": {"request": "POST /login", "form": {"a": {"b": [1, 2]}}, "authenticator": authenticator}}
    with serving(Api({"token": "sid-12345"}, path="/login")) as api:
        Kit(base_url=api.url, authenticator=auth).send("GET", "/a")
    [login] = asked_of(api, "/login")
    assert (None, b"a%5Bb%5D%5B%5D=1&a%5Bb%5D%5B%5D=2") == (login.headers.get("authorization"), login.body)
    assert ["Bearer sid-12345"] == sent(api)


def test_cookies_of_the_login_are_kept():
    with serving(Api(answer('{"token": "sid-12345"}', Set_Cookie="s=1"), path="/login")) as api:
        Kit(base_url=api.url, authenticator={"type": "session", "login": "POST /login"}).send("GET", "/a")
    assert ["s=1"] == sent(api, "cookie")


def test_a_cookie_that_a_step_says_for_itself_wins_over_the_login_s():
    with serving(Api(answer('{"token": "sid-12345"}', Set_Cookie="s=1"), path="/login")) as api:
        kit = Kit(base_url=api.url, authenticator={"type": "session", "login": "POST /login"})
        kit.send("GET", "/a", headers=(("Cookie", "mine=1"),))
    assert ["mine=1"] == sent(api, "cookie")


@pytest.mark.promise(26)
@pytest.mark.parametrize("cookie", ["sid=0123456789abcdefghij; Path=/", "sid=0123456789; HttpOnly; Path=/"])
def test_what_a_cookie_says_of_the_session_is_hidden_from_then_on(cookie):
    value = cookie.partition(";")[0].partition("=")[2]
    with serving(Api(answer('{"token": "t0k3n-12345"}', Set_Cookie=cookie), path="/login")) as api:
        kit = Kit(base_url=api.url, authenticator={"type": "session", "login": "POST /login"})
        kit.send("GET", "/a")
    assert "the server knows *** no more" == kit.redactor.redact(f"the server knows {value} no more")


def test_the_base_url_may_stand_in_the_tokens_answer():
    with serving(answer("{}")) as instance:
        with serving(Api({"access_token": "tok-abc", "instance_url": instance.url})) as login:
            kit = Kit(base_url={"token": "$.instance_url"}, secrets=SECRETS, authenticator={**OAUTH, "token_url": login.url + "/token"})
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda n: kit.send("GET", "/services"), range(16)))
        assert (1, 16) == (len(login.asked), len(instance.asked))
        assert {"Bearer tok-abc"} == set(sent(instance))


def test_a_base_url_from_a_token_needs_an_authenticator_that_fetches_one():
    kit = Kit(base_url={"token": "$.instance_url"}, authenticator={"type": "bearer", "token": "x-123456"})
    with pytest.raises(RequestError, match="`base_url.token` needs an authenticator that fetches a token"):
        kit.send("GET", "/a")


def test_a_token_url_that_hangs_on_the_base_url_it_is_to_find_does_not_hang_the_run():
    from tap_asyncreport.errors import ConfigurationError

    kit = Kit(base_url={"token": "$.instance_url"}, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
    failures = []

    def attempt():
        try:
            kit.send("GET", "/a")
        except ConfigurationError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=attempt, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ["finding `base_url` needs a call whose URL is appended to `base_url`"] * 4 == failures


def test_a_login_can_be_made_sure_of_before_the_first_call():
    with serving(Api({"access_token": "tok-abc"})) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        credentials = kit.http.credentials("inherit", "/")
        credentials.login()
        assert {"access_token": "tok-abc"} == credentials.token_response.body
    assert 1 == len(api.asked)
