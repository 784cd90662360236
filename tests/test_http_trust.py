"""Servers that are not who they should be: told at once, with the host and what to try, and not asked again."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_api import FakeApi
from http_kit import Kit
from odd import orders, told
from sockets import answer, serving
from warm import WarmProcess

from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.network import Untrusted

HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
LOGIN = {"type": "oauth2", "grant": "client_credentials", "client_id": "me", "client_secret": "hush-hush-hush"}


def certified(
    folder: Path, name: x509.GeneralName = HERE, days: tuple[int, int] = (-1, 1)
) -> tuple[str, ssl.SSLContext]:
    """A certificate that signs itself, as a file and as a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    begin, end = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=number) for number in days)
    made = x509.CertificateBuilder(title, title, key.public_key(), 1, begin, end)
    made = made.add_extension(x509.SubjectAlternativeName([name]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem, private = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return str(pem), context


@contextmanager
def talker(data: bytes) -> Iterator[int]:
    """A port that answers whatever comes with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                client.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.promise(27)
@pytest.mark.parametrize(
    ("name", "days", "known", "said", "hint"),
    [
        (HERE, (-1, 1), False, "self-signed certificate", "REQUESTS_CA_BUNDLE"),
        (x509.DNSName("api.example.com"), (-1, 1), True, "not valid for '127.0.0.1'", "is the host in the URL right"),
        (HERE, (-9, -2), True, "certificate has expired", "its owner has to renew it"),
        (HERE, (2, 9), True, "certificate is not yet valid", "is the clock of this machine wrong"),
    ],
)
def test_a_certificate_that_proves_nothing(
    name: x509.GeneralName,
    days: Any,
    known: bool,
    said: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, context = certified(tmp_path, name, days)
    if known:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", file)
    with serving(answer("{}"), context) as api:
        with pytest.raises(
            Untrusted, match=f"no secure connection to {api.url}: its certificate is not trusted: .*{said}"
        ) as caught:
            Kit(base_url=api.url).send("POST", "/exports")
    assert (False, []) == (caught.value.sent, api.asked)
    assert hint in caught.value.hint


@pytest.mark.promise(27)
@pytest.mark.parametrize(
    ("scheme", "data", "said", "hint"),
    [
        (
            "https",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "what answers there speaks no TLS",
            "`http://` rather than `https://`",
        ),
        ("https", b"\x15\x03\x01\x00\x02\x02\x46", "it takes no TLS that is offered here", "OpenSSL"),
        (
            "http",
            b"\x15\x03\x01\x00\x02\x02\x46",
            "speaks TLS, and was asked without",
            "`https://` rather than `http://`",
        ),
    ],
)
def test_a_port_of_the_other_kind(scheme: str, data: bytes, said: str, hint: str) -> None:
    with talker(data) as port, pytest.raises(Untrusted, match=said) as caught:
        Kit(base_url=f"{scheme}://127.0.0.1:{port}").send("GET", "/a")
    assert f"{scheme}://127.0.0.1:{port}" in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.promise(27)
@pytest.mark.parametrize(
    ("content", "said"), [(None, "does not exist"), ("", "holds no certificates"), ("x\n", "holds no certificates")]
)
def test_a_bundle_that_is_none_is_named(
    content: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bundle.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    with pytest.raises(RequestError, match=f"REQUESTS_CA_BUNDLE names {file}, which {said}"):
        Kit(base_url="https://api.example").send("GET", "/a")


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    ("step", "command", "request_line", "key", "steps"),
    [
        ("creation_requester", None, "POST HOST/exports", "base_url", []),
        ("polling_requester", None, "GET HOST/x", "polling_requester.request", ["create", "abort", "delete"]),
        ("download_retriever", None, "GET HOST/x", "download_retriever.request", ["create", "poll", "delete"]),
        ("login", None, "POST HOST/token", None, []),
        ("login", "check", "POST HOST/token", None, []),
        ("creation_requester", "trace", "POST HOST/exports", "base_url", []),
    ],
)
def test_it_is_told_once_and_not_tried_again(
    step: str, command: str | None, request_line: str, key: str | None, steps: list[str], tmp_path: Path
) -> None:
    """With the tries that a step has by default, which would last for minutes."""
    _, context = certified(tmp_path)
    with FakeApi(("DONE",), rows="id\n1\n") as api, serving(answer("{}"), context) as host:
        config = orders(api)
        if step == "login":
            config["authenticator"] = {**LOGIN, "token_url": f"{host.url}/token"}
        elif step == "creation_requester":
            config["base_url"] = host.url
        else:
            config["streams"][0][step] = {"request": f"GET {host.url}/x"}
        file = tmp_path / "config0.json"
        file.write_text(json.dumps(config))
        words = [] if command is None else ["check"] if command == "check" else ["trace", "orders"]
        run = WarmProcess(tmp_path).call(*words, "--config", file, timeout=20)
        said = run.stdout * (command == "check") + run.stderr if command else "\n".join(told(run, api))
        assert steps == api.steps()
    assert 1 == run.exit_code
    assert 1 == said.count("its certificate is not trusted: self-signed certificate")
    assert f"\n  step        {step}\n" in said
    assert f"\n  request     {request_line}\n" in said.replace(host.url, "HOST")
    assert "name that one's file in" in said
    assert key is None or f"; see\n              `{key}`" in said or f"see `{key}`" in said
    assert "tries again" not in run.stderr
