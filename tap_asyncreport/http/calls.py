"""One call: as the steps ask for it, as it leaves, and as observers are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tap_asyncreport.http.urls import Url, parse, with_params
from tap_asyncreport.job import Unit


@dataclass(frozen=True, slots=True)
class Call:
    """What a step wants sent; `url` is absolute, or a path that is appended to `base_url`.

    A header of None is not sent, whoever else would put it on. `media_type` is that of the body where no header, the
    step's or the configuration's, says a fitting one. `unit` is the piece of work that it is for, where it is for one.
    `scope` holds the names that templates of `headers` and authenticators may use beside the run's own.
    Without `follow`, a redirect is an answer like any other. Of a `confidential` call observers are told when its
    secrets are known, by `Reply.tell`.
    """

    step: str
    stream: str | None
    job_id: str | None
    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str | None], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    media_type: str | None = None
    attempt: int = 1
    scope: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    follow: bool = True
    confidential: bool = False
    unit: Unit | None = field(default=None, repr=False, compare=False)


@dataclass(slots=True)
class Outgoing:
    """One request on its way: what credentials are put on, just before it is sent."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def parsed(self) -> Url:
        """The URL in parts."""
        return parse(self.url)

    def header(self, name: str) -> str | None:
        """The value of a header, its name in any case."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    def put_header(self, name: str, value: str | None) -> None:
        """Sets a header, in place of one of that name in any case; None only takes that one off."""
        self.drop_header(name)
        if value is not None:
            self.headers[name] = value

    def drop_header(self, name: str) -> None:
        """Removes a header, its name in any case."""
        for key in [key for key in self.headers if key.lower() == name.lower()]:
            del self.headers[key]

    def put_param(self, name: str, value: str) -> None:
        """Appends a query parameter, unless the URL has one of that name."""
        names = {pair.partition("=")[0] for pair in self.url.partition("?")[2].split("&")}
        if with_params("", [(name, "")])[1:-1] not in names:
            self.url = with_params(self.url, [(name, value)])


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call and what became of it, redacted; `body` is the beginning of the answer's bytes, all of them if `whole`.

    Where no answer came at all, `lost` names the kind of NetworkError.
    """

    call: Call
    request_line: str
    started_at: datetime
    seconds: float
    status_code: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    excerpt: str | None = None
    body: bytes = field(default=b"", repr=False)
    size: int = 0
    whole: bool = False
    error: str | None = None
    lost: str | None = None

    @property
    def attempt(self) -> int:
        """Which try of the same call this was, from 1."""
        return self.call.attempt
