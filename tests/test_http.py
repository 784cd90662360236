"""Calls over real sockets: what is sent, where, and what becomes of the answer."""

from __future__ import annotations

import socket

import pytest
from http_kit import Kit
from sockets import answer, chunked, serving

from tap_asyncreport.errors import ConfigurationError, RequestError
from tap_asyncreport.http.network import Broken, ConnectionRefused

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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# connections


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
