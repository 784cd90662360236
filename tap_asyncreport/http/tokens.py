"""Credentials that log in: a token is fetched once, shared by all threads, and renewed ahead of its end."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from tap_asyncreport.config.authenticators import TokenPlacement
from tap_asyncreport.errors import LoginError, excerpt
from tap_asyncreport.http.asking import USUAL, Manner, Sender, answered_by, as_response, ask
from tap_asyncreport.http.calls import Call, Outgoing
from tap_asyncreport.http.credentials import Credentials, Rendering
from tap_asyncreport.http.network import NotReady
from tap_asyncreport.http.reply import Reply
from tap_asyncreport.http.retry_after import parse_wait
from tap_asyncreport.http.urls import is_absolute
from tap_asyncreport.response import Response
from tap_asyncreport.secrecy.values import LIKELY_SECRET
from tap_asyncreport.templates.text import as_text

_SECRET_FIELDS = ("access_token", "refresh_token", "id_token")  # of any length: RFC 6749, OpenID Connect
_WORDS = ("error", "message", "detail", "reason", "code", "description", "status")


@dataclass(frozen=True, slots=True)
class Token:
    """A token, the answer it came from, and how many seconds it lives; None is until it is refused."""

    value: str
    lifetime: float | None = None
    answer: Response | None = None


@dataclass
class Slot:
    """Where the threads of a run share one token."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    token: Token | None = None
    renew_at: float | None = None
    refused: LoginError | None = None
    failed: NotReady | None = None  # the last login that got no answer, and when it was given up
    failed_at: float = float("-inf")
    rotated: str | None = None  # the refresh token that replaced the configured one


class TokenCredentials(Credentials):
    """Puts a token in a header; a subclass says how one is fetched."""

    def __init__(self, model: TokenPlacement, rendering: Rendering, sender: Sender, slot: Slot) -> None:
        self.rendering = rendering
        self.sender = sender
        self.slot = slot
        self._placement = model

    @abstractmethod
    def fetch(self) -> Token:
        """Gets a token from the API, and has it hidden before anyone is told of the answer.

        Raises LoginError where it is refused, NotReady where there is no answer.
        """

    def apply(self, outgoing: Outgoing) -> str:
        token = self._current().value
        header, prefix = self._placement.header, self._placement.prefix
        if prefix is None:
            prefix = "Bearer " if header.lower() == "authorization" else ""
        between = " " if prefix[-1:].isalnum() else ""
        outgoing.put_header(header, f"{prefix}{between}{token}")
        return token

    def refresh(self, stale: str | None) -> bool:
        wanted_at = self.sender.clock.monotonic()
        with self.slot.lock:
            if self.slot.token is None or self.slot.token.value == stale:
                self._renew(wanted_at)
            return True

    def login(self) -> None:
        self._current()

    @property
    def token_response(self) -> Response | None:
        return self._current().answer

    def _current(self) -> Token:
        wanted_at = self.sender.clock.monotonic()
        with self.slot.lock:
            if self.slot.token is None or self._ends_soon():
                self._renew(wanted_at)
            assert self.slot.token is not None
            return self.slot.token

    def _ends_soon(self) -> bool:
        return self.slot.renew_at is not None and self.sender.clock.monotonic() >= self.slot.renew_at

    def _renew(self, wanted_at: float) -> None:
        if self.slot.refused is not None:  # asking again would lock the account, and gain nothing
            raise copy(self.slot.refused)
        if self.slot.failed is not None and self.slot.failed_at > wanted_at:  # who waited for it need not try it again
            raise copy(self.slot.failed)
        self.slot.token = None
        try:
            token = self.fetch()
        except LoginError as error:
            self.slot.refused = copy(error)  # each stream adds its own place to what it raises
            raise
        except NotReady as error:
            self.slot.failed, self.slot.failed_at = copy(error), self.sender.clock.monotonic()
            raise
        self.slot.token = token
        self.slot.renew_at = None
        if token.lifetime is not None:
            early = min(self._placement.refresh_before.total_seconds(), token.lifetime / 2)
            self.slot.renew_at = self.sender.clock.monotonic() + token.lifetime - early

    def ask(self, call: Call, authenticator: Credentials | None = None, manner: Manner = USUAL) -> Token:
        """Sends a login, and takes the token from its answer."""
        reply, good = ask(self.sender, call, authenticator, manner)
        try:
            return self.extracted(call, reply, good=good)
        finally:
            reply.tell()

    def refused(self, said: str) -> str:  # noqa: ARG002
        """What to try where a login was refused with these words."""
        return "look at the secrets of `authenticator`"

    def extracted(self, call: Call, reply: Reply, *, good: bool) -> Token:
        """The token that an answer holds; raises LoginError where it holds none or is no success."""
        answer = as_response(reply)
        where = answered_by(call, reply)
        if not good:
            led = reply.redirect is not None
            is_there = not led and reply.status_code not in (404, 405, 410, *range(300, 400))
            raise LoginError(
                f"the login was {'redirected, and ' if led else ''}refused with {reply.status_code}",
                where=where,
                excerpt=self.rendering.redactor.excerpt(reply.text),
                hint=self.refused(reply.text) if is_there else "check the URL in `authenticator`",
            )
        templates, scope = self.rendering.templates, {**self.rendering.scope, "response": answer}
        token = templates.extractor(self._placement.token, "authenticator.token").first(answer, scope)
        for secret in (token, *_likely_secrets(answer.body)):
            self.rendering.redactor.add(secret)
        if token is None or token == "" or isinstance(token, Mapping | list | bool):
            nature = f": it is {answer.nature}" if answer.nature else ""
            raise LoginError(
                f"the login's answer holds no token at {self._placement.token}{nature}",
                where=where,
                excerpt=self.rendering.redactor.excerpt(_without_values(answer.body)),
                hint="check the URL in `authenticator`" if nature else _where_it_may_stand(answer.body),
            )
        expires_in = templates.extractor(self._placement.expires_in, "authenticator.expires_in").first(answer, scope)
        return Token(str(token), parse_wait(expires_in, self.sender.clock.now()), answer)


def _likely_secrets(body: Any) -> Iterator[str]:
    """What else a login's answer may hold beside the token: id tokens, refresh tokens, signatures."""
    if isinstance(body, Mapping):
        yield from (value for name, value in body.items() if name in _SECRET_FIELDS and isinstance(value, str))
    if isinstance(body, Mapping | list):
        for item in body.values() if isinstance(body, Mapping) else body:
            yield from _likely_secrets(item)
    elif isinstance(body, str) and len(body) >= LIKELY_SECRET and not is_absolute(body) and len(body.split()) == 1:
        yield body


def _where_it_may_stand(body: Any) -> str:
    if isinstance(body, Mapping) and any(str(key).lower().startswith("error") for key in body):
        return "look at the secrets of `authenticator`; else set `authenticator.token` to where the token stands"
    return "set `authenticator.token` to where the token stands"


def _without_values(body: Any) -> str | None:
    """The shape of an answer that may hold a token nobody has found: what is no error message is not shown."""
    if not isinstance(body, Mapping):
        return None
    shown = [
        f"{key}: {as_text(value)}" if any(word in str(key).lower() for word in _WORDS) else str(key)
        for key, value in body.items()
    ]
    return excerpt(", ".join(shown))
