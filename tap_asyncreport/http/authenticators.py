"""From an authenticator's configuration to its credentials, each made once and shared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.authenticators import (
    AwsSigV4,
    GoogleServiceAccount,
    Jwt,
    NoAuthenticator,
    OAuth1,
    OAuth2,
    SessionLogin,
)
from tap_asyncreport.http.asking import Sender
from tap_asyncreport.http.credentials import Credentials, Rendering, fixed
from tap_asyncreport.http.logins import GoogleCredentials, JwtCredentials, OAuth2Credentials, SessionCredentials
from tap_asyncreport.http.signatures import AwsCredentials, OAuth1Credentials
from tap_asyncreport.http.tokens import Slot

if TYPE_CHECKING:
    from tap_asyncreport.config.values import Model
    from tap_asyncreport.templates import Templates


class Authenticators:
    """Makes credentials; the same configuration that means the same thing shares one token."""

    def __init__(self, sender: Sender, templates: Templates) -> None:
        self._sender = sender
        self._templates = templates
        self._lock = threading.Lock()
        self._slots: dict[tuple[str, str], Slot] = {}

    def credentials(
        self, model: Model, scope: Mapping[str, Any], of_login: Callable[[Any], Credentials | None]
    ) -> Credentials | None:
        """The credentials of a model within these names; `of_login` gives those of a session's login request."""
        if isinstance(model, NoAuthenticator):
            return None
        now = self._templates.at(self._sender.clock.now())
        rendering = Rendering(self._templates, {**scope, "now": now}, self._sender.redactor)
        if isinstance(model, AwsSigV4):
            return AwsCredentials(model, rendering, self._sender.clock)
        if isinstance(model, OAuth1):
            return OAuth1Credentials(model, rendering, self._sender.clock)
        if isinstance(model, OAuth2 | SessionLogin | Jwt | GoogleServiceAccount):
            return self._login(model, rendering, of_login)
        return fixed(model, rendering)

    def _login(self, model: Model, rendering: Rendering, of_login: Callable[[Any], Credentials | None]) -> Credentials:
        slot = self._slot(model, rendering)
        if isinstance(model, OAuth2):
            return OAuth2Credentials(model, rendering, self._sender, slot)
        if isinstance(model, Jwt):
            return JwtCredentials(model, rendering, self._sender, slot)
        if isinstance(model, SessionLogin):
            return SessionCredentials(model, rendering, self._sender, slot, of_login(model.login.authenticator))
        assert isinstance(model, GoogleServiceAccount)
        return GoogleCredentials(model, rendering, self._sender, slot)

    def _slot(self, model: Model, rendering: Rendering) -> Slot:
        written = model.model_dump(by_alias=True)
        key = (model.model_dump_json(by_alias=True), rendering.same(written))
        with self._lock:
            return self._slots.setdefault(key, Slot())
