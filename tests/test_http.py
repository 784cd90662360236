"""Calls over real sockets: what is sent, where, and what becomes of the answer."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from http_kit import Kit
from sockets import Reset, Silent, answer, chunked, serving

from tap_asyncreport.errors import ConfigurationError, RequestError
from tap_asyncreport.http.network import Broken, ConnectionRefused, NotReady, ReadTimeout

BEARER = {"type": "bearer", "token": "{{ secrets.token }}"}


def secretive(base_url, **more):
    """An Http with everything on it that may not leave: a token, an API header, secrets."""
    return Kit(
        base_url=base_url,
        secrets={"token": "tok-123456"},
        authenticator=BEARER,
        headers={"X-Api-Header": "mine", "X-Profile": "{{ partition.profile | default(none) }}"},
        **more,
    )


def redirect(to, status=302, body=""):
    return answer(body, status, Location=to)


# what is sent


TARGETS = [
    "/b%2fk/a%2Fb?sig=a%2Bb%3d+c;d&x=%41%7e",
    "/?X-Amz-Signature=ab%2F&[0]={x}|^`\"<>",
    "/a/../b/./c//d?q=/../",
    "/%E2%98%83?%zz=%&&==",
    "?only=query",
]


@pytest.mark.promise(17)
@pytest.mark.parametrize("target", TARGETS)
def test_a_full_url_reaches_the_request_line_byte_for_byte(target):
    with serving(answer("x")) as server:
        assert b"x" == Kit().send("GET", server.url + target, stream=True).read()
    assert [target if target.startswith("/") else "/" + target] == [asked.target for asked in server.asked]


@pytest.mark.promise(17)
@pytest.mark.parametrize("target", TARGETS)
def test_a_redirects_location_reaches_the_request_line_byte_for_byte(target):
    with serving(answer("x")) as bucket, serving(lambda asked: redirect(bucket.url + target)) as api:
        Kit(base_url=api.url).send("GET", "/file")
    assert [target if target.startswith("/") else "/" + target] == [asked.target for asked in bucket.asked]


def test_a_fragment_is_not_sent():
    with serving(answer()) as server:
        Kit().send("GET", server.url + "/x#part")
    assert ["/x"] == [asked.target for asked in server.asked]


def test_parameters_headers_and_body_are_sent_as_given():
    with serving(answer("{}")) as server:
        kit = Kit(base_url=server.url + "/v1")
        kit.send("POST", "/exports?a=%2f", params=(("b", "c d"),), headers=(("X-One", "1"), ("accept", "text/csv")), body=b'{"a": 1}')
    [asked] = server.asked
    assert "POST /v1/exports?a=%2f&b=c%20d HTTP/1.1" == asked.line
    assert b'{"a": 1}' == asked.body
    assert {"x-one": "1", "accept": "text/csv", "content-length": "8"}.items() <= asked.headers.items()
    assert asked.headers["user-agent"].startswith("tap-asyncreport/")
    assert 1 == asked.head.lower().count(b"\r\naccept:")


def test_a_post_without_a_body_says_that_it_has_none():
    with serving(answer("{}")) as server:
        Kit(base_url=server.url).send("POST", "/exports")
    assert "0" == server.asked[0].headers["content-length"]


def test_answers_may_come_compressed_and_files_as_gzip_only():
    with serving(answer("{}")) as server:
        kit = Kit(base_url=server.url)
        kit.send("GET", "/a")
        kit.send("GET", "/a", stream=True).read()
        kit.send("GET", "/a", stream=True, headers=(("Accept-Encoding", "identity"),)).read()
    assert ["gzip, deflate", "gzip", "identity"] == [asked.headers["accept-encoding"] for asked in server.asked]


def test_header_values_may_hold_any_character_but_line_breaks():
    with serving(answer("{}")) as server:
        kit = Kit(base_url=server.url)
        kit.send("GET", "/a", headers=(("X-Latin", "é"), ("X-Any", "☃"), ("X-Trimmed", " token\n")))
        with pytest.raises(RequestError, match="the header 'X-Bad' holds a line break"):
            kit.send("GET", "/a", headers=(("X-Bad", "a\r\nX-Other: b"),))
        for name in ("X Bad", "X-Bäd", "", "X:", "a\n"):
            with pytest.raises(RequestError, match="is no name of a header"):
                kit.send("GET", "/a", headers=((name, "a"),))
    [asked] = server.asked
    assert ("é", "☃".encode().decode("latin-1"), "token") == (asked.headers["x-latin"], asked.headers["x-any"], asked.headers["x-trimmed"])


def test_the_configurations_headers_are_rendered_for_each_sending_and_go_to_the_own_origin_only():
    with serving(answer("{}")) as api, serving(answer("{}")) as other:
        kit = Kit(base_url=api.url, headers={"X-Id": "{{ uuid() }}", "X-Null": None, "X-Profile": "{{ partition.profile }}", "X-Who": "us"})
        scope = {"partition": {"profile": 7}}
        for _ in range(2):
            kit.send("GET", "/a", scope=scope, headers=(("x-who", "them"),))
        kit.send("GET", other.url + "/a", scope=scope)
    one, two = api.asked
    assert ("7", "them") == (one.headers["x-profile"], one.headers["x-who"])
    assert "x-null" not in one.headers
    assert one.headers["x-id"] != two.headers["x-id"]
    assert {"host", "user-agent", "accept", "accept-encoding"} == set(other.asked[0].headers)


def test_a_step_takes_a_header_off_that_the_configuration_or_the_authenticator_puts_on():
    with serving(answer("{}")) as api:
        secretive(api.url).send("GET", "/a", headers=(("x-api-header", None), ("Authorization", None), ("X-Mine", None)))
    assert not {"x-api-header", "authorization", "x-mine"} & set(api.asked[0].headers)


def test_a_path_without_a_base_url_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="'/exports' is a path, and there is no `base_url`"):
        Kit().send("GET", "/exports")


def test_a_user_and_password_in_a_url_are_sent_as_basic_and_shown_nowhere():
    with serving(answer("{}")) as server:
        kit = Kit()
        reply = kit.send("GET", server.url.replace("//", "//me:pass-word@") + "/x")
    assert "Basic bWU6cGFzcy13b3Jk" == server.asked[0].headers["authorization"]
    assert f"GET {server.url}/x" == reply.request_line


def test_what_a_step_says_for_itself_wins_over_its_authenticator():
    with serving(answer("{}")) as api:
        secretive(api.url).send("GET", "/a", headers=(("authorization", "Special 1"), ("Cookie", "mine=1")))
    assert ("Special 1", "mine=1") == (api.asked[0].headers["authorization"], api.asked[0].headers["cookie"])


# where credentials go


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


# redirects


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
    assert (f"GET {api.url}/again", 302) == (caught.value.where.request_line, caught.value.where.status_code)


# what goes wrong, and whether the request may have arrived


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.promise(3)
def test_a_refused_connection_sent_nothing():
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ConnectionRefused, match=f"no connection to {url}: .*refused") as caught:
        Kit(base_url=url).send("POST", "/exports")
    assert (False, f"POST {url}/exports") == (caught.value.sent, caught.value.request_line)


def test_a_host_that_does_not_exist_sent_nothing():
    with pytest.raises(ConnectionRefused, match="there is no host of that name: http://no.such.host.invalid"):
        Kit().send("GET", "http://no.such.host.invalid/x?sig=abc")


@pytest.mark.promise(27)
def test_a_server_that_takes_no_connection_runs_into_the_connect_timeout():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        with pytest.raises(ConnectionRefused, match="within the connect timeout"):
            Kit(base_url=url, request_timeout={"connect": "50ms"}).send("GET", "/a")
        for each in waiting:
            each.close()


@pytest.mark.promise(27)
def test_a_server_that_does_not_answer_runs_into_the_read_timeout():
    def script(asked):
        raise Silent

    with serving(script) as api:
        with pytest.raises(ReadTimeout, match=f"no answer from {api.url} within the read timeout") as caught:
            Kit(base_url=api.url, request_timeout={"read": "50ms"}).send("POST", "/exports")
    assert (True, "See `request_timeout.read`.") == (caught.value.sent, caught.value.hint)


def test_a_connection_that_is_reset_may_have_brought_the_request():
    def script(asked):
        raise Reset

    with serving(script) as api:
        with pytest.raises(Broken, match=f"{api.url} reset the connection") as caught:
            Kit(base_url=api.url).send("POST", "/exports")
    assert (True, 1) == (caught.value.sent, len(api.asked))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "closed the connection before its answer was whole"),
        (b"HTTP/1.1 200", "closed the connection before"),
        (b"HTTP/1.1 200 OK\r\nContent-Len", "closed the connection before"),
        (answer("abc", length=10), "ended too soon: 3 bytes came, 7 to go"),
        (chunked(b"abc", end=False), "closed the connection before"),
        (chunked(b"abc")[:-9], "closed the connection before"),
        (b"nonsense\r\n\r\n", "is no HTTP: nonsense"),
    ],
)
def test_an_answer_that_is_not_whole_is_broken(sent, said):
    with serving(sent) as api:
        with pytest.raises(Broken, match=said) as caught:
            Kit(base_url=api.url).send("GET", "/a")
    assert 1 == len(api.asked)
    assert f"GET {api.url}/a" == caught.value.request_line


def test_an_answer_that_stalls_runs_into_the_read_timeout():
    def script(asked):
        return answer("abc", length=10, Connection="keep-alive")

    with serving(script) as api:
        api._may_go_on = lambda reply, asked: api.stopped.wait(30)
        with pytest.raises(ReadTimeout):
            Kit(base_url=api.url, request_timeout={"read": "50ms"}).send("GET", "/a")


def test_messages_about_the_network_hold_no_secret():
    url = f"http://127.0.0.1:{free_port()}"
    kit = Kit(base_url=url, authenticator={"type": "api_key", "in": "query", "name": "key", "value": "k-12345"})
    with pytest.raises(ConnectionRefused) as caught:
        kit.send("GET", "/a")
    assert f"GET {url}/a?key=***" == caught.value.request_line
    assert "k-12345" not in f"{caught.value} {caught.value.__cause__}"


# connections


def test_connections_are_used_again_for_a_moment_and_not_after_a_pause():
    with serving(answer("{}")) as api:
        kit = Kit(base_url=api.url)
        kit.send("GET", "/a")
        kit.send("GET", "/b")
        assert 1 == api.connections
        kit.clock.wait(2.5)
        kit.send("POST", "/c")
    assert 2 == api.connections


def test_many_threads_send_at_once():
    with serving(lambda asked: answer(asked.target)) as api, ThreadPoolExecutor(32) as pool:
        kit = secretive(api.url)
        bodies = list(pool.map(lambda n: kit.send("GET", f"/{n}").read(), range(200)))
    assert [f"/{n}".encode() for n in range(200)] == bodies


def test_the_body_of_a_file_comes_raw_in_pieces():
    with serving(chunked(b"abc", b"def", b"ghi")) as api:
        reply = Kit(base_url=api.url).send("GET", "/file", stream=True)
        pieces = list(reply.chunks(2))
    assert (b"abcdefghi", True) == (b"".join(pieces), all(0 < len(piece) <= 2 for piece in pieces))


def test_a_file_that_breaks_off_gives_what_came_and_then_an_error():
    with serving(answer(b"x" * 70000, length=100000)) as api:
        reply = Kit(base_url=api.url).send("GET", "/file", stream=True)
        got = b""
        with pytest.raises(Broken, match="70000 bytes came, 30000 to go"):
            for piece in reply.chunks():
                got += piece
    assert b"x" * 70000 == got


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answers_without_a_body(method):
    with serving(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n") as api:
        assert b"" == Kit(base_url=api.url).send(method, "/a").read()


def test_head_announces_a_length_without_a_body():
    with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n") as api:
        reply = Kit(base_url=api.url).send("HEAD", "/a")
    assert (b"", "500") == (reply.read(), reply.headers["Content-Length"])


# observers


def test_observers_are_told_of_each_exchange_without_secrets():
    def script(asked):
        return answer('{"token": "tok-123456"}', Set_Cookie="sid=abc", X_Id="r-1") if asked.target == "/new?k=1" else redirect("/new?k=1")

    with serving(script) as api:
        kit = secretive(api.url)
        kit.send("POST", "/old", params=(("q", "tok-123456"),), body=b'{"t": "tok-123456"}', attempt=2)
    first, second = kit.exchanges
    assert (f"POST {api.url}/old?q=***", 302, 2) == (first.request_line, first.status_code, first.attempt)
    assert ("polling_requester", b'{"t": "***"}') == (first.call.step, first.call.body)
    assert (f"GET {api.url}/new?k=1", 200) == (second.request_line, second.status_code)
    assert ('{"token": "***"}', b'{"token": "***"}', 23, True) == (second.excerpt, second.body, second.size, second.whole)
    assert ("sid=***", "r-1") == (second.headers["Set-Cookie"], second.headers["X-Id"])
    assert ("Authorization", "Bearer ***") in second.call.headers
    assert "tok-123456" not in repr(kit.exchanges) + repr([each.body for each in kit.exchanges])


@pytest.mark.promise(26)
def test_bodies_that_are_no_utf_8_are_redacted_too_and_packed_ones_left_alone():
    import gzip

    bodies = [b"\xfctok-123456\xff", gzip.compress(b"rows")]
    with serving(lambda asked: answer(bodies[int(asked.target[1:])])) as api:
        kit = secretive(api.url)
        for n in (0, 1):
            kit.send("GET", f"/{n}", stream=True).read()
    assert [b"\xfc***\xff", bodies[1]] == [exchange.body for exchange in kit.exchanges]


def test_observers_are_told_of_calls_that_got_no_answer():
    kit = Kit(base_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionRefused):
        kit.send("GET", "/a")
    [exchange] = kit.exchanges
    assert (None, "refused") == (exchange.status_code, exchange.error.split()[-1].lower())


@pytest.mark.promise(26)
def test_who_counts_exchanges_is_told_their_figures_and_nothing_that_was_said():
    with serving(answer('{"token": "tok-123456"}')) as api:
        kit = secretive(api.url)
        counted = []
        kit.http._counters = (counted.append,)
        kit.send("POST", "/a", params=(("q", "tok-123456"),), body=b"tok-123456")
    [figures] = counted
    assert (f"POST {api.url}/a?q=***", 200, 23) == (figures.request_line, figures.status_code, figures.size)
    assert (f"{api.url}/a?q=***", (), None, {}, b"") == (
        figures.call.url, figures.call.headers, figures.call.body, figures.headers, figures.body)  # fmt: skip


def test_an_observer_that_fails_does_not_break_the_call():
    def fails(exchange):
        raise RuntimeError("no")

    with serving(answer("{}")) as api:
        kit = Kit(base_url=api.url)
        kit.http._observers = (fails, kit.exchanges.append)
        assert 200 == kit.send("GET", "/a").status_code
    assert 1 == len(kit.exchanges)


@pytest.mark.promise(26)
def test_the_query_of_another_origins_url_is_shown_nowhere():
    with serving(answer("x")) as bucket, serving(answer("{}")) as api:
        kit = Kit(base_url=api.url)
        reply = kit.send("GET", bucket.url + "/file?X-Amz-Signature=abc", stream=True)
        own = kit.send("GET", "/a", params=(("page", "2"),))
    assert f"GET {bucket.url}/file?…" == reply.request_line
    assert f"GET {api.url}/a?page=2" == own.request_line


# rates


def test_rates_hold_back_calls_that_come_too_soon():
    with serving(answer("{}")) as api:
        kit = Kit(base_url=api.url + "/v1", rate_limits=[{"match": {"path": "/exports/*"}, "rate": "60/1m", "burst": 2}])
        for path in ("/exports/1", "/exports/2", "/exports/3", "/other"):
            kit.send("GET", path)
        assert [1.0] == kit.clock.waits
        assert 1.0 == kit.http.next_free("polling_requester", api.url + "/v1/exports/1")


# the base URL


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
