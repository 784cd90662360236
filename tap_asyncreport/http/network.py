"""What can go wrong between us and a server, told apart by whether the request may have arrived.

NetworkError           `sent` says whether any byte of the request left
├── ConnectionRefused  nothing was sent: refused, no such host, connect timeout, TLS or proxy trouble
│   ├── NotReady       nothing was sent, for want of a token or of the base URL: who gives them did not answer
│   └── Untrusted      nothing was sent, and no other try will do: no TLS there, or a certificate that proves nothing
├── ReadTimeout        sent, and no answer within the read timeout
└── Broken             sent, and the connection was closed, reset, or the body fell short
"""

from __future__ import annotations

import http.client
import ssl
from typing import ClassVar

from urllib3 import exceptions as urllib3_errors

from tap_asyncreport.errors import Where

_OWN_AUTHORITY = "where it is signed by an authority of your own, name that one's file in REQUESTS_CA_BUNDLE"
_RUN_OUT = "its owner has to renew it; or is the clock of this machine wrong?"
_OTHER_NAME = "is the host in the URL right? The certificate is another's"
_CERTIFICATE = {9: _RUN_OUT, 10: _RUN_OUT, 62: _OTHER_NAME, 64: _OTHER_NAME}  # X509_V_ERR_… of OpenSSL
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG",
                     "RECORD_LAYER_FAILURE"})  # fmt: skip
_OTHER_TLS = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "SSLV3_ALERT_HANDSHAKE_FAILURE",
                        "NO_PROTOCOLS_AVAILABLE", "DH_KEY_TOO_SMALL"})  # fmt: skip


class NetworkError(Exception):
    """A call that got no whole answer; the message is plain and holds no secret."""

    sent: ClassVar[bool] = True

    def __init__(self, message: str, *, hint: str | None = None, request_line: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.request_line = request_line


class ConnectionRefused(NetworkError):  # noqa: N818
    """No connection came about, so the API saw nothing of the request."""

    sent = False


class NotReady(ConnectionRefused):
    """What the call needs first, a token or the base URL, could not be had just now; `where` and `excerpt` say why."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        request_line: str | None = None,
        where: Where | None = None,
        excerpt: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, request_line=request_line)
        self.where = where or Where()
        self.excerpt = excerpt


class Untrusted(ConnectionRefused):
    """The other side is not who it should be, or both speak no common TLS: that does not pass by waiting."""


class SpokeTls(ConnectionError):  # noqa: N818
    """A plain request was answered with a TLS alert."""


class ReadTimeout(NetworkError):  # noqa: N818
    """The request was sent, and nothing came back in time; the API may have acted on it."""


class Broken(NetworkError):  # noqa: N818
    """The connection ended before the answer was whole; the API may have acted on the request."""


def _innermost(error: BaseException) -> BaseException:
    return _chain(error)[-1]


def refused(error: BaseException, server: str, proxy: str | None) -> ConnectionRefused:
    """What to say when there was no connection to `server`."""
    cause = str(_innermost(error)) or type(error).__name__
    through = f" through the proxy {proxy}" if proxy else ""
    if isinstance(error, urllib3_errors.ProxyError):
        return ConnectionRefused(
            f"the proxy {proxy} gave no connection to {server}: {cause}",
            hint="Look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment.",
        )
    if isinstance(error, urllib3_errors.NameResolutionError):
        return ConnectionRefused(f"there is no host of that name: {server}{through}")
    if isinstance(error, urllib3_errors.SSLError):
        return _insecure(_innermost(error), server, through)
    if isinstance(error, urllib3_errors.NewConnectionError):
        return ConnectionRefused(f"no connection to {server}{through}: {cause}")
    if isinstance(error, urllib3_errors.TimeoutError):
        return ConnectionRefused(
            f"no connection to {server}{through} within the connect timeout", hint="See `request_timeout.connect`."
        )
    return ConnectionRefused(f"no connection to {server}{through}: {cause}")


def _insecure(cause: BaseException, server: str, through: str) -> ConnectionRefused:
    """What to say when no secure connection came about."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = cause.verify_message.rstrip(".")
        return Untrusted(
            f"no secure connection to {server}{through}: its certificate is not trusted: {why}",
            hint=_CERTIFICATE.get(cause.verify_code, _OWN_AUTHORITY),
        )
    reason = getattr(cause, "reason", None) or ""
    if reason in _NO_TLS:
        return Untrusted(
            f"no secure connection to {server}{through}: what answers there speaks no TLS",
            hint="is the port right, and is it to be `http://` rather than `https://`?",
        )
    if reason in _OTHER_TLS:
        words = reason.lower().replace("_", " ")
        return Untrusted(
            f"no secure connection to {server}{through}: it takes no TLS that is offered here ({words})",
            hint="the server may be too old for this machine's OpenSSL, or want a certificate of the caller",
        )
    return ConnectionRefused(f"no secure connection to {server}{through}: {cause}")


def lost(error: BaseException, server: str) -> NetworkError:
    """What to say when a request had been sent to `server` and no whole answer came."""
    if isinstance(error, urllib3_errors.ReadTimeoutError | TimeoutError):
        return ReadTimeout(f"no answer from {server} within the read timeout", hint="See `request_timeout.read`.")
    for link in _chain(error):
        if isinstance(link, SpokeTls):
            return Untrusted(
                f"{server} speaks TLS, and was asked without", hint="is it to be `https://` rather than `http://`?"
            )
        if isinstance(link, urllib3_errors.IncompleteRead) and isinstance(link.expected, int) and link.expected > 0:
            return Broken(f"the answer of {server} ended too soon: {link.partial} bytes came, {link.expected} to go")
        if isinstance(link, ConnectionResetError) and not isinstance(link, http.client.RemoteDisconnected):
            return Broken(f"{server} reset the connection")
        if isinstance(link, ConnectionError | EOFError | http.client.IncompleteRead):
            return Broken(f"{server} closed the connection before its answer was whole")
    return Broken(f"the answer of {server} is no HTTP: {_innermost(error)}")


def _chain(error: BaseException) -> list[BaseException]:
    links = [error]
    while (inner := links[-1].__cause__ or links[-1].__context__) is not None:
        links.append(inner)
    return links
