"""Credentials, cookies and bodies go where they belong, also along redirects."""

from __future__ import annotations

import pytest
from http_kit import Kit
from sockets import answer, serving
from test_http import redirect, secretive

from tap_asyncreport.errors import RequestError


@pytest.mark.promise(17)
def test_credentials_are_inherited_on_the_own_origin_and_nowhere_else():
    with serving(answer("{}")) as api, serving(answer("{}")) as other:
        kit = secretive(api.url)
        kit.send("GET", "/a")
        kit.send("GET", api.url + "/a")
        kit.send("GET", api.url + "/a", "none")
        kit.send("GET", other.url + "/a")
        kit.send("GET", other.url + "/a", "inherit")
    assert ["Bearer tok-123456", "Bearer tok-123456", None] == [asked.headers.get("authorization") for asked in api.asked]
    assert [None, "Bearer tok-123456"] == [asked.headers.get("authorization") for asked in other.asked]
    assert "x-api-header" not in other.asked[1].headers


@pytest.mark.promise(17)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_carries_nothing_that_says_who_asks(status):
    def api_script(asked):
        return answer("", status, Location=bucket.url + "/signed?sig=1", Set_Cookie="sid=secret")

    with serving(answer("rows")) as bucket, serving(api_script) as api:
        kit = secretive(api.url)
        kit.send("GET", "/login-like")
        headers = (("X-Mine", "1"), ("Range", "bytes=5-"), ("Accept", "text/csv"), ("Cookie", "a=b"), ("Host", "api.example"))
        reply = kit.send("GET", "/file", headers=headers, stream=True)
        assert b"rows" == reply.read()
    sent = bucket.asked[1].headers
    assert {"host", "user-agent", "accept", "accept-encoding", "range"} == set(sent)
    assert ("text/csv", f"127.0.0.1:{bucket.port}") == (sent["accept"], sent["host"])
    assert bucket.url + "/signed?sig=1" == reply.url


@pytest.mark.promise(17)
def test_credentials_do_not_come_back_on_a_redirect_home():
    def elsewhere(asked):
        return redirect(api.url + "/back")

    def api_script(asked):
        return answer("{}") if asked.target == "/back" else redirect(other.url + "/x")

    with serving(api_script) as api, serving(elsewhere) as other:
        secretive(api.url).send("GET", "/start")
    assert "authorization" in api.asked[0].headers
    assert "authorization" not in api.asked[1].headers
    assert "x-api-header" not in api.asked[1].headers


@pytest.mark.promise(17)
def test_credentials_do_not_come_back_on_a_further_redirect_within_the_other_origin():
    def elsewhere(asked):
        return answer("{}") if asked.target == "/second" else redirect(other.url + "/second")

    with serving(elsewhere) as other, serving(lambda _: redirect(other.url + "/first")) as api:
        secretive(api.url).send("GET", "/start", headers=(("X-Mine", "1"),))
    assert ["/first", "/second"] == [asked.target for asked in other.asked]
    for asked in other.asked:
        assert set() == {"authorization", "cookie", "x-api-header", "x-mine"} & set(asked.headers)


@pytest.mark.promise(17)
def test_a_redirect_within_the_origin_keeps_credentials_and_headers():
    def script(asked):
        return answer("{}") if asked.target == "/new" else redirect("/new")

    with serving(script) as api:
        secretive(api.url).send("GET", "/old", headers=(("X-Mine", "1"),))
    assert [("Bearer tok-123456", "mine", "1")] * 2 == [
        (asked.headers.get("authorization"), asked.headers.get("x-api-header"), asked.headers.get("x-mine")) for asked in api.asked
    ]


@pytest.mark.promise(17)
def test_a_key_in_the_query_is_not_put_on_another_origins_url():
    def script(asked):
        return redirect(other.url + "/x?sig=1")

    with serving(answer("{}")) as other, serving(script) as api:
        Kit(base_url=api.url, authenticator={"type": "api_key", "in": "query", "name": "api key", "value": "k-12345"}).send("GET", "/a?b=%2f")
    assert ["/a?b=%2f&api%20key=k-12345"] == [asked.target for asked in api.asked]
    assert ["/x?sig=1"] == [asked.target for asked in other.asked]


@pytest.mark.promise(17)
def test_cookies_are_kept_for_the_own_origin_and_no_other():
    def api_script(asked):
        return redirect(other.url + "/x") if asked.target == "/away" else answer("{}", Set_Cookie="sid=abc; Path=/")

    with serving(lambda asked: answer("{}", Set_Cookie="track=1")) as other, serving(api_script) as api:
        kit = Kit(base_url=api.url)
        for url in ("/a", "/b", other.url + "/c", other.url + "/d", "/away"):
            kit.send("GET", url)
    assert [None, "sid=abc", "sid=abc"] == [asked.headers.get("cookie") for asked in api.asked]
    assert [None, None, None] == [asked.headers.get("cookie") for asked in other.asked]


@pytest.mark.promise(17)
def test_a_body_with_a_secret_is_not_carried_to_another_origin():
    with serving(answer("{}")) as other, serving(lambda asked: redirect(other.url + "/x", 307)) as api:
        kit = secretive(api.url)
        with pytest.raises(RequestError, match=f"the API redirects to {other.url}, and the body to be sent there holds a secret"):
            kit.send("POST", "/token", body=b"client_secret=tok-123456")
        kit.send("POST", "/harmless", body=b"a=1")
    assert [b"a=1"] == [asked.body for asked in other.asked]


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (303, "HEAD", "HEAD", b""),
        (301, "PUT", "PUT", b"body"),
        (307, "POST", "POST", b"body"),
        (308, "POST", "POST", b"body"),
        (302, "GET", "GET", b""),
    ],
)
def test_the_method_after_a_redirect(status, method, then, body):
    def script(asked):
        return answer() if asked.target == "/new" else redirect("/new", status)

    with serving(script) as api:
        sent = None if method in ("GET", "HEAD") else b"body"
        Kit(base_url=api.url).send(method, "/old", body=sent, headers=(("Content-Type", "text/plain"),) if sent else ())
    last = api.asked[-1]
    assert (then, body, bool(body)) == (last.method, last.body, "content-type" in last.headers)


def test_a_redirect_is_an_answer_where_the_step_wants_to_see_it():
    with serving(redirect("/new", 303)) as api:
        reply = Kit(base_url=api.url).send("GET", "/poll", follow=False)
    assert (303, "/new", 1) == (reply.status_code, reply.headers["location"], len(api.asked))


@pytest.mark.parametrize("status", [300, 304])
def test_what_is_no_redirect_is_an_answer(status):
    with serving(answer("", status, Location="/new")) as api:
        assert status == Kit(base_url=api.url).send("GET", "/a").status_code


def test_a_redirect_without_a_location_is_an_answer():
    with serving(answer("", 302)) as api:
        assert 302 == Kit(base_url=api.url).send("GET", "/a").status_code


def test_redirects_without_end_are_an_error():
    with serving(redirect("/again")) as api:
        with pytest.raises(RequestError, match="more than 10 redirects") as caught:
            Kit(base_url=api.url).send("GET", "/a")
    assert 11 == len(api.asked)
    assert (f"GET {api.url}/again (redirected from GET {api.url}/a)", 302) == (caught.value.where.request_line, caught.value.where.status_code)
