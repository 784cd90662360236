"""URLs as they stand: taken apart and put together without touching a byte that was given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin

from tap_asyncreport.errors import RequestError

DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(
    r"(?:(?P<user>[^@\\]*)@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]\\%<>\"|^`{}@,;]+)(?::(?P<port>\d{1,5})?)?"
)
_NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what credentials and cookies belong to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        shown = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{shown}"


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL in the parts that a request needs; `target` is what stands in the request line."""

    origin: Origin
    target: str
    user: str | None = None
    password: str = ""

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"

    @property
    def path(self) -> str:
        """The path as it stands, without the query."""
        return self.target.partition("?")[0]


def is_absolute(url: str) -> bool:
    """Whether the text begins with `http://` or `https://`."""
    return re.match(r"https?://", url.strip(), re.IGNORECASE) is not None


def parse(url: str) -> Url:
    """Takes an absolute URL apart: what no request line can hold is percent-encoded, the fragment dropped, no more.

    Raises RequestError where the text is no http or https URL; its message does not repeat the query.
    """
    match = _URL.fullmatch(url.strip())
    authority = _AUTHORITY.fullmatch(match[2]) if match else None
    port = int(authority["port"] or 0) if authority else 0
    if match is None or authority is None or port > 65535:  # noqa: PLR2004
        shown = re.split(r"[?#]", url.strip())[0].rpartition("@")[2]
        raise RequestError(
            f"{shown!r} is not an http or https URL"
        )
    scheme = match[1].lower()
    origin = Origin(scheme, _ascii_host(authority["host"]), port or DEFAULT_PORTS[scheme])
    target = match[3] if match[3].startswith("/") else "/" + match[3]
    user, _, password = (authority["user"] or "").partition(":")
    return Url(origin, printable(target), unquote(user) if authority["user"] is not None else None, unquote(password))


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host.lower()
    import idna

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        raise RequestError(f"{host!r} is not the name of a host", hint="Look at the URL.") from None


def printable(text: str) -> str:
    """The text with spaces, control and non-ASCII characters percent-encoded, and nothing else."""
    return _NOT_PRINTABLE.sub(lambda found: quote(found[0], safe=""), text)


def origin_of(url: str) -> Origin | None:
    """The origin of an absolute URL; None for a path or what is no URL."""
    try:
        return parse(url).origin if is_absolute(url) else None
    except RequestError:
        return None


def with_params(url: str, params: Iterable[tuple[str, str]]) -> str:
    """The URL with query parameters appended; what it held before stays as it is, its fragment goes."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params)
    url = url.partition("#")[0]
    if not query:
        return url
    if "?" not in url:
        return f"{url}?{query}"
    return url + query if url.endswith(("?", "&")) else f"{url}&{query}"


def join_path(base_url: str, path: str) -> str:
    """A path appended to `base_url`, with one slash between."""
    path = path.strip()
    if not path or path.startswith(("?", "#")):
        return base_url + path
    return f"{base_url.rstrip('/')}/{path.removeprefix('/')}"


def resolve(location: str, current: str) -> str:
    """Where a redirect leads: an absolute location stays byte for byte, a relative one is resolved."""
    try:  # fields arrive as Latin-1; most servers mean UTF-8
        location = location.strip().encode("latin-1").decode("utf-8")
    except UnicodeError:
        location = location.strip()
    if is_absolute(location):
        return location
    path = re.split(r"[?#]", location, maxsplit=1)[0]
    rest = location[len(path) :]
    if not path:
        return re.split(r"[?#]" if rest.startswith("?") else "#", current, maxsplit=1)[0] + rest
    return str(urljoin(re.split(r"[?#]", current, maxsplit=1)[0], path)) + rest
