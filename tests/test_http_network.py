"""Connections that fail, stall or break off: what is known of the call then."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from http_kit import Kit
from sockets import Reset, Silent, answer, chunked, serving
from test_http import free_port, secretive

from tap_asyncreport.http.network import Broken, ConnectionRefused, ReadTimeout


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
        began = time.monotonic()
        with pytest.raises(ConnectionRefused, match="within the connect timeout"):
            Kit(base_url=url, request_timeout={"connect": "50ms"}).send("GET", "/a")
        assert time.monotonic() - began < 30, "the system itself gives up only after two minutes"
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
