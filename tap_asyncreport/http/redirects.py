"""Where a redirect leads, what is sent there, and what may come along (RFC 9110, section 15.4)."""

from __future__ import annotations

from dataclasses import dataclass

from tap_asyncreport.http.urls import Origin, parse, resolve
from tap_asyncreport.response import Redirect

MOST_REDIRECTS = 10
SEE_OTHER = 303
_CODES = (301, 302, 303, 307, 308)
# fields that say nothing about who asks
HARMLESS = frozenset({
    "accept", "accept-encoding", "accept-language", "user-agent", "range", "if-range", "if-match", "if-none-match",
    "content-type",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hop:
    """One request of a call: its own, or a redirect's. Once an origin was `crossed`, nothing secret goes along."""

    method: str
    url: str
    body: bytes | None
    own: bool
    crossed: bool = False

    def after(self, status_code: int, location: str | None) -> Hop | None:
        """The next request, None where the answer is no redirect; raises RequestError where it leads to no URL."""
        if status_code not in _CODES or not location:
            return None
        url = resolve(location, self.url)
        crossed = self.crossed or not _same(parse(self.url).origin, parse(url).origin)
        method, body = self.method, self.body
        if (status_code == SEE_OTHER and method != "HEAD") or (status_code < SEE_OTHER and method == "POST"):
            method, body = "GET", None
        return Hop(method, url, body, self.own and not crossed, crossed)

    def led_from(self, first: Hop, request_line: str) -> Redirect | None:
        """What is to be said of an answer to this request, when the call was `first`; None where it is that one."""
        if first is self:
            return None
        elsewhere = _end(first.url) != _end(self.url)
        return Redirect(request_line, elsewhere=elsewhere, taken=first.method != self.method)


def _end(url: str) -> str:
    """The last part of a path: it stays where an API has moved, or adds a slash."""
    return parse(url).path.rstrip("/").rpartition("/")[2]


def _same(one: Origin, other: Origin) -> bool:
    """The same origin, or the same host with TLS added: credentials are no less safe there."""
    upgraded = one == Origin("http", one.host, 80) and other == Origin("https", one.host, 443)
    return one == other or upgraded
