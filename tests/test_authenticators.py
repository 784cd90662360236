"""Who we are to the API: every authenticator, its token fetched once and renewed when it must be."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl

import pytest
from http_kit import NOW, Kit
from sockets import answer, serving

from tap_asyncreport.errors import LoginError, RequestError, TemplateError, Where
from tap_asyncreport.http.network import NotReady

OAUTH = {"type": "oauth2", "client_id": "me", "client_secret": "{{ secrets.client_secret }}"}
SECRETS = {"client_secret": "s3cret/+x", "refresh": "refresh-1234", "password": "pass-12345"}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def fields(asked):
    return dict(parse_qsl(asked.body.decode(), keep_blank_values=True))


class Api:
    """An API whose token endpoint gives `tokens` one after the other; every other path is answered with {}."""

    def __init__(self, *answers, path="/token"):
        self.answers = list(answers)
        self.path = path

    def __call__(self, asked):
        if asked.target.split("?")[0] != self.path:
            return answer("{}")
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return given if isinstance(given, bytes) else answer(json.dumps(given))


def asked_of(server, path="/token"):
    return [asked for asked in server.asked if asked.target.split("?")[0] == path]


def sent(server, header="authorization"):
    return [asked.headers.get(header) for asked in server.asked if not asked.target.startswith(("/token", "/login"))]


def test_no_authenticator_and_none_send_nothing():
    with serving(answer("{}")) as api:
        Kit(base_url=api.url).send("GET", "/a")
        Kit(base_url=api.url, authenticator={"type": "none"}).send("GET", "/a", "inherit")
    assert [None, None] == sent(api)


def test_an_api_key_in_a_header():
    with serving(answer("{}")) as api:
        Kit(base_url=api.url, secrets={"key": "k-12345"}, authenticator={"type": "api_key", "name": "X-Key", "value": "{{ secrets.key }}"}).send("GET", "/a")
    assert ["k-12345"] == sent(api, "x-key")


def test_an_api_key_in_the_query_leaves_the_rest_as_it_is_and_is_not_doubled():
    auth = {"type": "api_key", "in": "query", "name": "key", "value": "k 12345"}
    with serving(answer("{}")) as api:
        kit = Kit(base_url=api.url, authenticator=auth)
        kit.send("GET", "/a?x=%2f")
        kit.send("GET", "/a?key=k%2012345")
        assert f"GET {api.url}/a?x=%2f&key=***" == kit.send("GET", "/a?x=%2f").request_line
    assert ["/a?x=%2f&key=k%2012345", "/a?key=k%2012345", "/a?x=%2f&key=k%2012345"] == [asked.target for asked in api.asked]


@pytest.mark.parametrize(("password", "header"), [("pä:ss", basic("me", "pä:ss")), ("", basic("me", ""))])
def test_basic(password, header):
    with serving(answer("{}")) as api:
        Kit(base_url=api.url, authenticator={"type": "basic", "username": "me", "password": password}).send("GET", "/a")
    assert [header] == sent(api)


def test_a_bearer_token_loses_the_line_break_of_the_file_it_came_from():
    with serving(answer("{}")) as api:
        Kit(base_url=api.url, secrets={"t": "tok-123456\n"}, authenticator={"type": "bearer", "token": "{{ secrets.t }}"}).send("GET", "/a")
    assert ["Bearer tok-123456"] == sent(api)


def test_an_empty_secret_is_a_login_error_that_says_where_to_set_it():
    kit = Kit(base_url="http://127.0.0.1:1", secrets={"t": ""}, authenticator={"type": "bearer", "token": "{{ secrets.t }}"})
    with pytest.raises(LoginError, match="`authenticator.token` is empty") as caught:
        kit.send("GET", "/a")
    assert "Its value is '{{ secrets.t }}'; is the secret set, here or as TAP_ASYNCREPORT_SECRETS_<NAME>?" == caught.value.hint


def test_an_unknown_secret_is_a_template_error():
    kit = Kit(base_url="http://127.0.0.1:1", authenticator={"type": "bearer", "token": "{{ secrets.t }}"})
    with pytest.raises(TemplateError):
        kit.send("GET", "/a")


def test_a_step_may_have_an_authenticator_whose_token_an_earlier_answer_gave():
    with serving(answer("{}")) as api:
        from tap_asyncreport.config.authenticators import Bearer

        spec = Bearer(type="bearer", token="{{ creation_response.token }}")
        kit = Kit(base_url=api.url)
        for token in ("one-1234", "two-1234"):
            kit.send("GET", api.url + "/a", spec, scope={"creation_response": {"token": token}})
    assert ["Bearer one-1234", "Bearer two-1234"] == sent(api)
    assert "***" == kit.redactor.redact("one-1234")


# OAuth 2.0


@pytest.mark.parametrize(
    ("more", "form", "headers"),
    [
        ({}, {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s3cret/+x"}, {}),
        ({"client_auth": "basic"}, {"grant_type": "client_credentials"}, {"authorization": basic("me", "s3cret/+x")}),
        (
            {"scopes": ["a", "b"], "audience": "https://x", "extra": {"resource": "{{ vars.r }}", "none": None, "n": 1}},
            {"grant_type": "client_credentials", "client_id": "me", "client_secret": "s3cret/+x", "scope": "a b", "audience": "https://x", "resource": "r 1", "n": "1"},
            {},
        ),
        (
            {"grant": "refresh_token", "refresh_token": "{{ secrets.refresh }}", "scopes": "a,b"},
            {"grant_type": "refresh_token", "refresh_token": "refresh-1234", "client_id": "me", "client_secret": "s3cret/+x", "scope": "a,b"},
            {},
        ),
        (
            {"grant": "password", "username": "joe", "password": "{{ secrets.password }}", "client_secret": None},
            {"grant_type": "password", "username": "joe", "password": "pass-12345", "client_id": "me"},
            {},
        ),
        ({"token_headers": {"accept": "application/x", "X-Tenant": "{{ vars.r }}"}}, None, {"accept": "application/x", "x-tenant": "r 1"}),
    ],
)
def test_what_an_oauth2_grant_asks_for(more, form, headers):
    with serving(Api({"access_token": "tok-abc", "expires_in": 3600})) as api:
        Kit(base_url=api.url, secrets=SECRETS, vars={"r": "r 1"}, authenticator={**OAUTH, "token_url": "/token", **more}).send("GET", "/a")
    [asked] = asked_of(api)
    assert ("POST", "application/x-www-form-urlencoded") == (asked.method, asked.headers["content-type"])
    assert form in (None, fields(asked))
    assert {"accept": "application/json", **headers}.items() <= asked.headers.items()
    assert ["Bearer tok-abc"] == sent(api)


def test_a_token_may_be_asked_for_by_get():
    with serving(Api({"access_token": "tok-abc"})) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": api.url + "/token?v=1", "method": "GET"})
        kit.send("GET", "/a")
    [asked] = asked_of(api)
    assert "GET /token?v=1&grant_type=client_credentials&client_id=me&client_secret=s3cret%2F%2Bx HTTP/1.1" == asked.line
    assert (b"", "content-type" in asked.headers) == (asked.body, False)
    assert "client_secret=***" in kit.exchanges[0].request_line


@pytest.mark.parametrize(
    ("placement", "name", "value"),
    [
        ({}, "authorization", "Bearer tok-abc"),
        ({"prefix": "Zoho-oauthtoken "}, "authorization", "Zoho-oauthtoken tok-abc"),
        ({"prefix": "Zoho-oauthtoken"}, "authorization", "Zoho-oauthtoken tok-abc"),
        ({"prefix": "Token token="}, "authorization", "Token token=tok-abc"),
        ({"prefix": ""}, "authorization", "tok-abc"),
        ({"header": "x-amz-access-token"}, "x-amz-access-token", "tok-abc"),
        ({"header": "TTD-Auth", "prefix": "T "}, "ttd-auth", "T tok-abc"),
        ({"token": "$.data.token"}, "authorization", "Bearer tok-def"),
        ({"token": "{{ response.headers['x-token'] }}"}, "authorization", "Bearer tok-ghi"),
    ],
)
def test_where_a_token_comes_from_and_goes(placement, name, value):
    given = answer('{"access_token": "tok-abc", "data": {"token": "tok-def"}}', X_Token="tok-ghi")
    with serving(Api(given)) as api:
        Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token", **placement}).send("GET", "/a")
    assert [value] == sent(api, name)


def test_a_token_may_come_as_a_form():
    with serving(Api(answer("access_token=tok-abc&expires_in=60&token_type=bearer"))) as api:
        Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"}).send("GET", "/a")
    assert ["Bearer tok-abc"] == sent(api)


def test_many_threads_fetch_one_token():
    with serving(Api({"access_token": "tok-abc", "expires_in": 3600})) as api, ThreadPoolExecutor(16) as pool:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        list(pool.map(lambda n: kit.send("GET", f"/{n}"), range(64)))
    assert (1, ["Bearer tok-abc"] * 64) == (len(asked_of(api)), sent(api))


@pytest.mark.parametrize(
    ("expires_in", "early", "until"),
    [(3600, "60s", 3540), ("3600", "60s", 3540), (30, "60s", 15), (int(NOW.timestamp()) + 3600, "60s", 3540), ("2026-01-31T13:00:00Z", "10m", 3000)],
)
def test_a_token_is_renewed_ahead_of_its_end(expires_in, early, until):
    with serving(Api({"access_token": "tok-one", "expires_in": expires_in}, {"access_token": "tok-two"})) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token", "refresh_before": early})
        kit.send("GET", "/a")
        kit.clock.wait(until - 0.5)
        kit.send("GET", "/a")
        kit.clock.wait(0.5)
        kit.send("GET", "/a")
        kit.clock.wait(10_000_000)
        kit.send("GET", "/a")
    assert ["Bearer tok-one", "Bearer tok-one", "Bearer tok-two", "Bearer tok-two"] == sent(api)


def test_a_token_that_ends_while_a_call_waits_for_its_turn_is_renewed_before_it():
    """Credentials are put on when a call is sent, not when it is decided on: rates, and waits between tries."""
    with serving(Api({"access_token": "tok-one", "expires_in": 600}, {"access_token": "tok-two"})) as api:
        rates = [{"match": {"path": "/a"}, "rate": "1/1h", "burst": 1}]
        kit = Kit(base_url=api.url, secrets=SECRETS, rate_limits=rates, authenticator={**OAUTH, "token_url": "/token"})
        kit.send("GET", "/a")
        kit.send("GET", "/a")
    assert ["Bearer tok-one", "Bearer tok-two"] == sent(api)


def test_a_refused_token_is_renewed_once_for_all_threads():
    with serving(Api({"access_token": "tok-one"}, {"access_token": "tok-two"}, {"access_token": "tok-three"})) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        stale = [kit.send("GET", "/a").token for _ in range(8)]
        credentials = kit.http.credentials(None, "/a")
        with ThreadPoolExecutor(8) as pool:
            assert [True] * 8 == list(pool.map(credentials.refresh, stale))
        assert "tok-two" == kit.send("GET", "/a").token
        assert (["tok-one"] * 8, 2) == (stale, len(asked_of(api)))


@pytest.mark.parametrize(
    "auth",
    [{"type": "bearer", "token": "x-123456"}, {"type": "basic", "username": "a"}, {"type": "api_key", "name": "k", "value": "v-123456"}],
)
def test_what_cannot_be_renewed_says_so(auth):
    credentials = Kit(base_url="http://127.0.0.1:1", authenticator=auth).http.credentials(None, "/a")
    assert False is credentials.refresh(None)


def test_the_same_authenticator_written_twice_shares_its_token():
    with serving(Api({"access_token": "tok-abc"})) as api:
        from tap_asyncreport.config.authenticators import OAuth2

        kit = Kit(base_url=api.url, secrets=SECRETS)
        for _ in range(3):
            kit.send("GET", "/a", OAuth2.model_validate({**OAUTH, "token_url": "/token"}))
    assert 1 == len(asked_of(api))


def test_partitions_that_log_in_differently_have_tokens_of_their_own():
    secrets = {**SECRETS, "accounts": {"a": "refresh-a-1", "b": "refresh-b-2"}}
    auth = {**OAUTH, "token_url": "/token", "grant": "refresh_token", "refresh_token": "{{ secrets.accounts[partition.account] }}"}
    with serving(Api({"access_token": "tok-one"}, {"access_token": "tok-two"})) as api:
        kit = Kit(base_url=api.url, secrets=secrets, authenticator=auth)
        for account in ("a", "b", "a", "b"):
            kit.send("GET", "/a", scope={"partition": {"account": account, "other": 1}})
    assert ["Bearer tok-one", "Bearer tok-two", "Bearer tok-one", "Bearer tok-two"] == sent(api)
    assert ["refresh-a-1", "refresh-b-2"] == [fields(asked)["refresh_token"] for asked in asked_of(api)]


def test_a_rotating_refresh_token_is_used_for_the_rest_of_the_run(caplog):
    answers = [{"access_token": f"tok-{n}00", "refresh_token": f"refresh-new-{n}"} for n in (1, 2, 3)]
    auth = {**OAUTH, "token_url": "/token", "grant": "refresh_token", "refresh_token": "{{ secrets.refresh }}"}
    with serving(Api(*answers)) as api, caplog.at_level(logging.WARNING):
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator=auth)
        for _ in range(3):
            kit.http.credentials(None, "/a").refresh(kit.send("GET", "/a").token)
    assert ["refresh-1234", "refresh-new-1", "refresh-new-2", "refresh-new-3"][: len(asked_of(api))] == [fields(asked)["refresh_token"] for asked in asked_of(api)]
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.endswith("sign in again and put the token in TAP_ASYNCREPORT_SECRETS_REFRESH")
    assert "***" == kit.redactor.redact("refresh-new-2")


# logins that fail


@pytest.mark.promise(28)
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_login_quotes_the_api_and_no_secret(status):
    refused = answer('{"error": "invalid_client", "error_description": "s3cret/+x is wrong"}', status)
    with serving(Api(refused)) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        with pytest.raises(LoginError, match=f"the login was refused with {status}") as caught:
            kit.send("GET", "/a")
        caught.value.within(Where(stream="one"))
        with pytest.raises(LoginError) as again:
            kit.send("GET", "/a")
    assert (None, caught.value.excerpt) == (again.value.where.stream, again.value.excerpt)
    error = caught.value
    assert (77, "login", status, f"POST {api.url}/token") == (error.exit_code, error.where.step, error.where.status_code, error.where.request_line)
    assert '{"error": "invalid_client", "error_description": "*** is wrong"}' == error.excerpt
    assert 1 == len(api.asked)


@pytest.mark.parametrize(
    ("client_auth", "said", "hint"),
    [
        ("body", "invalid_client", "look at `client_id` and `client_secret` of `authenticator`; or the API wants `client_auth: basic`"),
        ("basic", "Client not found", "look at `client_id` and `client_secret` of `authenticator`; or the API wants `client_auth: body`"),
        ("body", "invalid_grant", "look at the secrets of `authenticator`"),
    ],
)
def test_a_refused_client_may_be_looked_for_elsewhere(client_auth, said, hint):
    with serving(Api(answer(json.dumps({"error": said}), 400))) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token", "client_auth": client_auth})
        with pytest.raises(LoginError) as caught:
            kit.send("GET", "/a")
    assert hint == caught.value.hint


def test_a_login_without_a_token_names_what_the_answer_holds_and_shows_no_value():
    with serving(Api({"accessToken": "tok-abc", "error": "no scope"})) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        with pytest.raises(LoginError, match=r"the login's answer holds no token at \$\.access_token") as caught:
            kit.send("GET", "/a")
    assert "accessToken, error: no scope" == caught.value.excerpt


def test_trouble_that_passes_while_logging_in_is_waited_out():
    answers = [answer("", 503), answer("", 429, Retry_After="7"), {"access_token": "tok-abc"}]
    with serving(Api(*answers)) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        kit.send("GET", "/a")
    assert ([1.0, 7.0], ["Bearer tok-abc"]) == (kit.clock.waits, sent(api))
    assert [1, 2, 3, 1] == [exchange.attempt for exchange in kit.exchanges]


def test_a_login_that_never_answers_is_an_error_after_five_tries():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    kit = Kit(base_url=url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
    with pytest.raises(NotReady, match=f"login: no connection to {url}") as caught:
        kit.send("POST", "/exports")
    assert ([1.0, 2.0, 4.0, 8.0], f"POST {url}/token") == (kit.clock.waits, caught.value.request_line)
    assert False is caught.value.sent


@pytest.mark.promise(4)
def test_a_token_endpoint_that_is_down_for_a_while_does_no_lasting_harm():
    answers = [*[answer('{"say": "s3cret/+x down"}', 503)] * 5, {"access_token": "tok-abc"}]
    with serving(Api(*answers)) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        with pytest.raises(NotReady, match="login was answered with 503") as caught:
            kit.send("GET", "/a")
        assert '{"say": "*** down"}' == caught.value.excerpt
        assert 200 == kit.send("GET", "/a").status_code


@pytest.mark.promise(4)
def test_a_login_that_gets_no_answer_is_tried_once_for_all_who_waited_for_it():
    asked, all_here = [], threading.Barrier(4)

    def down(request):
        asked.append(request.line)
        threading.Event().wait(0.5 if len(asked) == 1 else 0)  # until all have come
        return answer("down", 503)

    def send(path):
        all_here.wait()
        return kit.send("GET", path)

    with serving(down) as api, ThreadPoolExecutor(4) as pool:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        calls = [pool.submit(send, f"/{n}") for n in range(4)]
        assert [True] * 4 == [isinstance(call.exception(), NotReady) for call in calls]
    assert ["POST /token HTTP/1.1"] * 5 == asked


def test_logging_in_before_any_call_needs_it():
    with serving(Api({"access_token": "tok-abc"})) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        kit.http.log_in()
    assert ["POST /token HTTP/1.1"] == [asked.line for asked in api.asked]
    with pytest.raises(RequestError, match="login: no connection to") as caught:
        Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"}).http.log_in()
    assert f"POST {api.url}/token" == caught.value.where.request_line
    Kit().http.log_in()


@pytest.mark.promise(26)
@pytest.mark.parametrize("renewed", ["refresh-new-token-0001", "pinr.2"])
def test_observers_never_see_a_token_not_even_in_the_answer_that_brings_it(renewed):
    """Nor what comes along with it, however short."""
    given = {"access_token": "tok-abc-1", "refresh_token": renewed, "id_token": "eyJhbGciOi.eyJzdWIi.c2ln", "scope": "a"}
    with serving(Api(given)) as api:
        kit = Kit(base_url=api.url, secrets=SECRETS, authenticator={**OAUTH, "token_url": "/token"})
        kit.send("GET", "/a")
    login, call = kit.exchanges
    assert {"access_token": "***", "refresh_token": "***", "id_token": "***", "scope": "a"} == json.loads(login.body)
    assert ("Authorization", "Bearer ***") in call.call.headers
    assert b"grant_type=client_credentials&client_id=me&client_secret=***" == login.call.body
