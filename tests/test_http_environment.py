"""The environment's proxies and certificates hold for every call."""

from __future__ import annotations

import datetime
import importlib.util
import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from http_kit import Kit
from sockets import answer, serving

from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.network import ConnectionRefused

OAUTH = {"type": "oauth2", "client_id": "me", "client_secret": "s3cret-x"}


@pytest.fixture(autouse=True)
def no_certificates_of_ones_own(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate for 127.0.0.1 that signs itself, as a file and as a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tls")
    file = folder / "ca.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / "key.pem"
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return str(file), context


class Tunnel:
    """A proxy that understands CONNECT and nothing else."""

    def __init__(self):
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            self.heads.append(head.decode())
            host, port = head.split(b" ")[1].decode().split(":")
            upstream = socket.create_connection((host, int(port)))
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            for one, other in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


@pytest.mark.promise(27)
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_plain_calls_go_through_the_proxy_byte_for_byte(monkeypatch, name):
    with serving(answer("{}")) as proxy:
        monkeypatch.setenv(name, proxy.url.replace("//", "//joe:proxy-pass@"))
        kit = Kit(base_url="http://api.example", authenticator={"type": "bearer", "token": "tok-123456"})
        kit.send("GET", "/a%2fb?x=%41+;[1]#part")
        kit.send("GET", "http://bucket.example:8080/x?sig=%2f")
    own, other = proxy.asked
    assert "GET http://api.example/a%2fb?x=%41+;[1] HTTP/1.1" == own.line
    assert "GET http://bucket.example:8080/x?sig=%2f HTTP/1.1" == other.line
    assert ["Basic am9lOnByb3h5LXBhc3M="] * 2 == [asked.headers["proxy-authorization"] for asked in proxy.asked]
    assert ("Bearer tok-123456", None) == (own.headers.get("authorization"), other.headers.get("authorization"))
    assert "***" == kit.redactor.redact("proxy-pass")


def test_a_host_with_an_umlaut_reaches_the_proxy_in_its_ascii_form(monkeypatch):
    with serving(answer("{}")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        Kit().send("GET", "http://müller.example/x")
    [asked] = proxy.asked
    assert ("http://xn--mller-kva.example/x", "xn--mller-kva.example") == (asked.target, asked.headers["host"])


@pytest.mark.promise(27)
def test_a_proxy_may_be_named_without_a_scheme(monkeypatch):
    with serving(answer("{}")) as proxy:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
        assert 200 == Kit(base_url="http://api.example").send("GET", "/a").status_code


@pytest.mark.promise(27)
@pytest.mark.parametrize("hosts", ["127.0.0.1", "*", "other.example,127.0.0.0/8"])
def test_hosts_that_need_no_proxy(monkeypatch, hosts):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", hosts)
    with serving(answer("{}")) as api:
        assert 200 == Kit(base_url=api.url).send("GET", "/a").status_code


@pytest.mark.promise(27)
def test_tokens_are_fetched_through_the_proxy_too(monkeypatch):
    with serving(answer('{"access_token": "tok-123456"}')) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        Kit(base_url="http://api.example", authenticator={**OAUTH, "token_url": "http://login.example/token"}).send("GET", "/a")
    assert ["http://login.example/token", "http://api.example/a"] == [asked.target for asked in proxy.asked]


@pytest.mark.promise(27)
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_of_the_environment_are_trusted(monkeypatch, authority, name):
    file, context = authority
    monkeypatch.setenv(name, file)
    with serving(answer("{}"), context) as api:
        kit = Kit(base_url=api.url, authenticator={**OAUTH, "token_url": "/token", "token": "{{ 'tok-123456' }}"})
        assert 200 == kit.send("GET", "/a%2f").status_code
    assert ["/token", "/a%2f"] == [asked.target for asked in api.asked]


@pytest.mark.promise(27)
def test_a_certificate_that_nobody_vouches_for_is_refused_and_nothing_is_sent(authority):
    with serving(answer("{}"), authority[1]) as api:
        with pytest.raises(ConnectionRefused, match=f"no secure connection to {api.url}: .*self-signed certificate") as caught:
            Kit(base_url=api.url).send("POST", "/exports")
    assert (False, []) == (caught.value.sent, api.asked)
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


@pytest.mark.promise(27)
def test_a_bundle_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/ca.pem")
    with pytest.raises(RequestError, match="REQUESTS_CA_BUNDLE names /no/such/ca.pem, which does not exist"):
        Kit().send("GET", "https://127.0.0.1:1/x")


@pytest.mark.promise(27)
def test_secure_calls_go_through_a_tunnel_of_the_proxy(monkeypatch, authority):
    file, context = authority
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", file)
    tunnel = Tunnel()
    monkeypatch.setenv("HTTPS_PROXY", f"http://joe:proxy-pass@127.0.0.1:{tunnel.port}")
    with serving(answer("{}"), context) as api:
        kit = Kit(base_url=api.url, authenticator={"type": "bearer", "token": "tok-123456"})
        kit.send("GET", "/a%2fb?x=%41")
        kit.send("GET", "/c")
    tunnel.listener.close()
    [head] = tunnel.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{api.port} HTTP/1.")
    assert ("Proxy-Authorization: Basic am9lOnByb3h5LXBhc3M=" in head, "tok-123456" in head) == (True, False)
    assert ["/a%2fb?x=%41", "/c"] == [asked.target for asked in api.asked]
    assert [None, None] == [asked.headers.get("proxy-authorization") for asked in api.asked]


@pytest.mark.promise(27)
@pytest.mark.parametrize("status", [407, 502])
def test_a_proxy_that_refuses_is_named_and_nothing_was_sent(monkeypatch, status):
    with serving(answer("no", status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//joe:proxy-pass@"))
        with pytest.raises(ConnectionRefused, match=f"the proxy 127.0.0.1:{proxy.port} gave no connection to https://api.example: .*{status}") as caught:
            Kit(base_url="https://api.example").send("POST", "/exports")
    assert (False, True) == (caught.value.sent, "HTTPS_PROXY" in caught.value.hint)
    assert "proxy-pass" not in str(caught.value)


@pytest.mark.promise(27)
def test_a_proxy_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(ConnectionRefused, match="the proxy 127.0.0.1:9 gave no connection to http://api.example: .*refused"):
        Kit(base_url="http://api.example").send("GET", "/a")


@pytest.mark.skipif(importlib.util.find_spec("socks") is not None, reason="PySocks is installed")
def test_a_socks_proxy_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(RequestError, match="http://api.example cannot be asked: Missing dependencies for SOCKS support") as caught:
        Kit(base_url="http://api.example").send("GET", "/a")
    assert "A SOCKS proxy needs the package PySocks." == caught.value.hint


@pytest.mark.promise(17)
def test_a_netrc_file_adds_no_credentials(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login joe password netrc-pass\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with serving(answer("{}")) as api:
        Kit(base_url=api.url).send("GET", "/a")
        Kit().send("GET", api.url + "/a", stream=True).read()
    assert [None, None] == [asked.headers.get("authorization") for asked in api.asked]
