"""What can go wrong between us and a server, told apart by whether the request may have arrived.

NetworkError           `sent` says whether any byte of the request left
├── ConnectionRefused  nothing was sent: refused, no such host, connect timeout, TLS or proxy trouble
│   └── NotReady       nothing was sent, for want of a token or of the base URL: who gives them did not answer
├── ReadTimeout        sent, and no answer within the read timeout
└── Broken             sent, and the connection was closed, reset, or the body fell short
"""

from __future__ import annotations

import http.client
from typing import ClassVar

from urllib3 import exceptions as urllib3_errors

from tap_asyncreport.errors import Where


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
        return ConnectionRefused(
            f"no secure connection to {server}{through}: {cause}",
            hint="Where the certificate is signed by your own authority, name its file in REQUESTS_CA_BUNDLE.",
        )
    if isinstance(error, urllib3_errors.NewConnectionError):
        return ConnectionRefused(f"no connection to {server}{through}: {cause}")
    if isinstance(error, urllib3_errors.TimeoutError):
        return ConnectionRefused(
            f"no connection to {server}{through} within the connect timeout", hint="See `request_timeout.connect`."
        )
    return ConnectionRefused(f"no connection to {server}{through}: {cause}")


def lost(error: BaseException, server: str) -> NetworkError:
    """What to say when a request had been sent to `server` and no whole answer came."""
    if isinstance(error, urllib3_errors.ReadTimeoutError | TimeoutError):
        return ReadTimeout(f"no answer from {server} within the read timeout", hint="See `request_timeout.read`.")
    for link in _chain(error):
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
