"""Requests on the wire: pooled connections, the environment's proxies and certificates, targets byte for byte."""

from __future__ import annotations

import http.client
import os
import re
import ssl
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection

from tap_asyncreport.clock import Clock
from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.network import SpokeTls, lost, refused
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.urls import Url

# Servers close idle connections after a few seconds, and a request lost in that race cannot be told from one that
# arrived; so a connection that idled longer is not used again.
LONGEST_IDLE = 2.0
CONNECTIONS = 64
_TLS_ALERT = b"\x15\x03"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(slots=True)
class _Progress:
    """Whether any byte of the request was handed to the network."""

    sent: bool = False


class _Lines:
    """A stream whose lines must be whole: http.client takes a head that was cut off for one that has ended."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._begun = False

    def readline(self, limit: int = -1) -> bytes:
        line: bytes = self._stream.readline(limit)
        if not self._begun and line.startswith(_TLS_ALERT):
            raise SpokeTls
        if not line.endswith(b"\n") and len(line) != limit and (line or self._begun):
            raise ConnectionError("the head of the answer is not whole")
        self._begun = True
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Answer(http.client.HTTPResponse):
    def begin(self) -> None:
        stream = self.fp
        self.fp = _Lines(stream)  # type: ignore[assignment]
        try:
            super().begin()
        finally:
            if self.fp is not None:
                self.fp = stream


class _Connection(HTTPConnection):
    progress: _Progress | None = None
    response_class = _Answer

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        if self.progress is not None:
            self.progress.sent = True
        super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    """A pool that sends the request target as given: urllib3 would normalise percent-encodings."""

    ConnectionCls = _Connection
    clock: Clock

    def _make_request(  # type: ignore[override]
        self, conn: Any, method: str, _url: str, *, target: str, progress: _Progress, **how: Any
    ) -> Any:
        conn.progress = progress
        return super()._make_request(conn, method, target, **how)

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn = super()._get_conn(timeout)
        if self.clock.monotonic() - getattr(conn, "idle_since", 0.0) > LONGEST_IDLE:
            conn.close()
        return conn

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.progress = None
            conn.idle_since = self.clock.monotonic()
        super()._put_conn(conn)


class _SecurePool(_Pool, urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _pool_classes(clock: Clock, plain: type, secure: type) -> dict[str, Any]:
    return {
        "http": type("Pool", (_Pool,), {"clock": clock, "ConnectionCls": plain}),
        "https": type("SecurePool", (_SecurePool,), {"clock": clock, "ConnectionCls": secure}),
    }


class _Adapter(HTTPAdapter):
    """requests' proxies and pools, with our pool classes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        super().__init__(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._clock, _Connection, _SecureConnection)

    def pools(self, proxy: str | None) -> Any:
        """The pools for a proxy, or for none; raises InvalidSchema for a SOCKS proxy without PySocks."""
        if proxy is None:
            return self.poolmanager
        with self._lock:
            known = proxy in self.proxy_manager
            pools = self.proxy_manager_for(proxy)
            if not known:
                plain, secure = _through_socks() if is_socks(proxy) else (_Connection, _SecureConnection)
                pools.pool_classes_by_scheme = _pool_classes(self._clock, plain, secure)
            return pools


def is_socks(proxy: str) -> bool:
    """Whether the proxy speaks SOCKS."""
    return proxy.lower().startswith("socks")


def _through_socks() -> tuple[type, type]:
    from urllib3.contrib.socks import SOCKSConnection, SOCKSHTTPSConnection

    plain = type("SocksConnection", (_Connection, SOCKSConnection), {})
    return plain, type("SecureSocksConnection", (_Connection, SOCKSHTTPSConnection), {})


class Wire:
    """The one way out: every request gets the environment's proxy and CA, both timeouts, and its target untouched."""

    def __init__(self, connect: float, read: float, clock: Clock, redactor: Redactor) -> None:
        self._timeout = urllib3.Timeout(connect=connect, read=read)
        self._adapter = _Adapter(clock)
        self._redactor = redactor

    def send(
        self,
        method: str,
        url: Url,
        headers: dict[str, str],
        body: bytes | None,
        step: str = "",  # noqa: ARG002
    ) -> urllib3.BaseHTTPResponse:
        """Sends one request and returns the answer with its body unread and undecoded; raises NetworkError."""
        origin, progress = url.origin, _Progress()
        proxy = proxy_for(url)
        self._redactor.add(urlsplit(proxy or "").password)
        try:
            pool = self._adapter.pools(proxy).connection_from_host(
                origin.host.strip("[]"), origin.port, origin.scheme, pool_kwargs=_trust(origin.scheme)
            )
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise RequestError(
                f"{origin} cannot be asked: {error}",
                hint="A SOCKS proxy needs the package PySocks." if proxy and is_socks(proxy) else None,
            ) from error
        through_proxy = proxy is not None and origin.scheme == "http" and not is_socks(proxy)
        try:
            answer: urllib3.BaseHTTPResponse = pool.urlopen(
                method, f"{origin}/", body=body, headers={name: _field(name, value) for name, value in headers.items()},
                retries=False, redirect=False, assert_same_host=False, timeout=self._timeout,
                preload_content=False, decode_content=False,
                target=f"{url}" if through_proxy else url.target, progress=progress,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if progress.sent:
                raise lost(error, str(origin)) from error
            raise refused(error, str(origin), shown_proxy(proxy)) from error
        return answer

    def close(self) -> None:
        """Closes every idle connection."""
        self._adapter.close()


def _field(name: str, value: str) -> str | bytes:
    value = value.strip()
    if _TOKEN.fullmatch(name) is None:
        raise RequestError(f"{name!r} is no name of a header", hint="Look at `headers`.")
    if any(mark in value for mark in "\r\n\0"):
        raise RequestError(
            f"the header {name!r} holds a line break", hint="Look at the value that its template renders to."
        )
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
    return value


def proxy_for(url: Url) -> str | None:
    """The environment's proxy for a URL, NO_PROXY heeded."""
    plain = f"{url.origin}/"
    proxy = select_proxy(plain, get_environ_proxies(plain))
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def shown_proxy(proxy: str | None) -> str | None:
    """The proxy without its user and password."""
    if proxy is None:
        return None
    parts = urlsplit(proxy)
    return parts.netloc.rpartition("@")[2] or None


@cache
def _holds_certificates(bundle: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
    except OSError:
        return False
    return True


def _trust(scheme: str) -> dict[str, Any]:
    if scheme != "https":
        return {}
    variable = next((name for name in _CA_VARIABLES if os.environ.get(name)), None)
    bundle = Path(os.environ[variable] if variable else DEFAULT_CA_BUNDLE_PATH)
    if not bundle.exists():
        raise RequestError(
            f"{variable} names {bundle}, which does not exist", hint="Name a file of certificates in PEM."
        )
    if variable and bundle.is_file() and not _holds_certificates(bundle):
        raise RequestError(
            f"{variable} names {bundle}, which holds no certificates", hint="Name a file of certificates in PEM."
        )
    return {"ca_cert_dir" if bundle.is_dir() else "ca_certs": str(bundle), "cert_reqs": "CERT_REQUIRED"}
