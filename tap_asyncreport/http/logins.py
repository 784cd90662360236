"""The ways to log in: OAuth 2.0 grants, a session, signed JSON Web Tokens, a Google service account."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tap_asyncreport.config.authenticators import GoogleServiceAccount, Jwt, OAuth2, SessionLogin, TokenPlacement
from tap_asyncreport.config.reading import SECRETS, in_capitals
from tap_asyncreport.errors import LoginError
from tap_asyncreport.http.asking import Manner, Sender, render
from tap_asyncreport.http.bodies import FORM_TYPE, form, pairs
from tap_asyncreport.http.calls import Call
from tap_asyncreport.http.credentials import Credentials, Rendering, basic_header
from tap_asyncreport.http.redaction import HIDDEN
from tap_asyncreport.http.tokens import Slot, Token, TokenCredentials

log = logging.getLogger("tap-asyncreport.http")
STEP = "login"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105


def token_call(
    rendering: Rendering,
    url: str,
    fields: Mapping[str, Any],
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Call:
    """The call that asks a token endpoint for a token."""
    sent = {"Accept": "application/json"}
    if method == "POST":
        sent["Content-Type"] = FORM_TYPE
    for name, value in (headers or {}).items():
        sent = {key: kept for key, kept in sent.items() if key.lower() != name.lower()} | {name: value}
    if method == "POST":
        return Call(
            STEP,
            None,
            None,
            method,
            url,
            headers=tuple(sent.items()),
            body=form(fields),
            scope=rendering.scope,
            confidential=True,
        )
    params = tuple(pairs(fields))
    return Call(
        STEP,
        None,
        None,
        method,
        url,
        params=params,
        headers=tuple(sent.items()),
        scope=rendering.scope,
        confidential=True,
    )


class OAuth2Credentials(TokenCredentials):
    """RFC 6749: client_credentials, refresh_token or password."""

    def __init__(self, model: OAuth2, rendering: Rendering, sender: Sender, slot: Slot) -> None:
        super().__init__(model, rendering, sender, slot)
        self._model = model

    def fetch(self) -> Token:
        model, rendering = self._model, self.rendering
        fields: dict[str, Any] = {"grant_type": model.grant, **self._grant()}
        headers = {name: rendering.text(value, "token_headers") or "" for name, value in model.token_headers.items()}
        client_id = rendering.text(model.client_id, "client_id")
        client_secret = (
            rendering.secret(model.client_secret, "client_secret") if model.client_secret is not None else None
        )
        if model.client_auth == "basic":
            headers.setdefault("Authorization", basic_header(client_id or "", client_secret or "", rendering.redactor))
        else:
            fields |= {"client_id": client_id, "client_secret": client_secret}
        fields |= {"scope": self._scope(), "audience": rendering.text(model.audience, "audience")}
        fields |= rendering.value(model.extra, "extra")
        url = rendering.text(model.token_url, "token_url") or ""
        call = token_call(rendering, url, fields, method=model.method, headers=headers)
        token = self.ask(call)
        self._keep_rotated(token, fields.get("refresh_token"))
        return token

    def refused(self, said: str) -> str:
        """Where it is the client that is refused, the API may look for it elsewhere."""
        if "client" not in said.lower():
            return super().refused(said)
        other = "body" if self._model.client_auth == "basic" else "basic"
        return f"look at `client_id` and `client_secret` of `authenticator`; or the API wants `client_auth: {other}`"

    def _grant(self) -> dict[str, Any]:
        model, rendering = self._model, self.rendering
        if model.grant == "refresh_token":
            return {"refresh_token": self.slot.rotated or rendering.secret(model.refresh_token, "refresh_token")}
        if model.grant == "password":
            return {
                "username": rendering.text(model.username, "username"),
                "password": rendering.secret(model.password, "password"),
            }
        return {}

    def _scope(self) -> str | None:
        scopes = self.rendering.value(self._model.scopes, "scopes") if self._model.scopes is not None else None
        return " ".join(map(str, scopes)) if isinstance(scopes, list | tuple) else scopes

    def _keep_rotated(self, token: Token, sent: str | None) -> None:
        body = token.answer.body if token.answer else None
        given = body.get("refresh_token") if isinstance(body, Mapping) else None
        if sent is None or not isinstance(given, str) or given in ("", sent, HIDDEN):  # a recording hides it
            return
        self.rendering.redactor.add(given)
        if self.slot.rotated is None:
            log.warning(
                "the API replaced the refresh token; this run uses the new one, but cannot store it. Where the old one "
                "stops working, sign in again and put the token in %s",
                self._variable(),
            )
        self.slot.rotated = given

    def _variable(self) -> str:
        paths = self.rendering.templates.template(self._model.refresh_token, "authenticator.refresh_token").paths
        names = [in_capitals(path[1]) for path in sorted(paths) if path[0] == "secrets" and len(path) > 1]
        return f"{SECRETS}{names[0] if names else '<NAME>'}"


class SessionCredentials(TokenCredentials):
    """A request of the user's own that answers with a token."""

    def __init__(
        self, model: SessionLogin, rendering: Rendering, sender: Sender, slot: Slot, authenticator: Credentials | None
    ) -> None:
        super().__init__(model, rendering, sender, slot)
        self._login = model.login
        self._authenticator = authenticator

    def fetch(self) -> Token:
        rendering = self.rendering
        call = render(self._login, rendering.templates, rendering.scope, STEP)
        manner = Manner.of(self._login, rendering.templates, "authenticator.login")
        return self.ask(replace(call, confidential=True), self._authenticator, manner)


class JwtCredentials(TokenCredentials):
    """RFC 7519: a signed token, sent itself or exchanged at `token_url`."""

    def __init__(self, model: Jwt, rendering: Rendering, sender: Sender, slot: Slot) -> None:
        super().__init__(model, rendering, sender, slot)
        self._model = model

    def fetch(self) -> Token:
        model, rendering = self._model, self.rendering
        lifetime = model.lifetime.total_seconds()
        issued = int(self.sender.clock.now().timestamp())
        claims = {"iat": issued, "exp": issued + int(lifetime), **rendering.value(model.claims, "claims")}
        headers = rendering.value(model.headers, "headers")
        assertion = signed(claims, rendering.secret(model.key, "key"), model.algorithm, headers)
        rendering.redactor.add(assertion)
        if model.token_url is None:
            return Token(assertion, lifetime)
        fields = {
            "grant_type": model.grant_type,
            model.assertion_field: assertion,
            **rendering.value(model.extra, "extra"),
        }
        call = token_call(rendering, rendering.text(model.token_url, "token_url") or "", fields)
        return self.ask(call)


class GoogleCredentials(TokenCredentials):
    """A Google service account: its key signs a JWT, which Google's token endpoint exchanges."""

    def __init__(self, model: GoogleServiceAccount, rendering: Rendering, sender: Sender, slot: Slot) -> None:
        super().__init__(TokenPlacement(), rendering, sender, slot)
        self._model = model

    def fetch(self) -> Token:
        key = self._key()
        url = key.get("token_uri") or GOOGLE_TOKEN_URL
        issued = int(self.sender.clock.now().timestamp())
        scopes = self.rendering.value(self._model.scopes, "scopes")
        claims = {
            "iss": key["client_email"],
            "scope": " ".join(scopes),
            "aud": url,
            "iat": issued,
            "exp": issued + 3600,
        }
        if subject := self.rendering.text(self._model.subject, "subject"):
            claims["sub"] = subject
        headers = {"kid": key["private_key_id"]} if key.get("private_key_id") else {}
        assertion = signed(claims, key["private_key"], "RS256", headers)
        self.rendering.redactor.add(assertion)
        call = token_call(self.rendering, url, {"grant_type": JWT_GRANT, "assertion": assertion})
        return self.ask(call)

    def _key(self) -> dict[str, str]:
        key = self.rendering.value(self._model.key, "key")
        if isinstance(key, str):
            try:
                key = json.loads(key)
            except ValueError:
                key = None
        missing = {"client_email", "private_key"} - set(key if isinstance(key, Mapping) else ())
        if missing:
            raise LoginError(
                f"`authenticator.key` is no service account's key: it has no {' and no '.join(sorted(missing))}",
                hint="Give the content of the JSON key file, as a mapping or as text.",
            )
        self.rendering.redactor.add(key)
        return dict(key)


def signed(claims: Mapping[str, Any], key: str, algorithm: str, headers: Mapping[str, Any]) -> str:
    """A signed JSON Web Token; raises LoginError, without the key in it, where the key does not serve."""
    import jwt

    if "-----" in key and "\\n" in key:  # a PEM that came through one line of an environment variable
        key = key.replace("\\n", "\n")
    try:
        return jwt.encode(dict(claims), key, algorithm=algorithm, headers=dict(headers))
    except (ValueError, TypeError, NotImplementedError, jwt.PyJWTError) as error:
        raise LoginError(
            f"`authenticator.key` cannot sign with {algorithm} ({type(error).__name__})",
            hint="RS256 and ES256 need the private key in PEM; HS256 takes any text.",
        ) from None
