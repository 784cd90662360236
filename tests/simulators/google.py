"""What Google's APIs share: access tokens for service accounts and users, and the shape of errors."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simulators.base import Refused, Simulator, Tokens, route
from wire import Reply, Request, json_reply

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
}
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@lru_cache(maxsize=1)
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def problem(status: int, message: str, reason: str) -> Refused:
    """A refusal as Google's APIs word it."""
    errors = [{"message": message, "domain": "global", "reason": reason}]
    error = {"code": status, "message": message, "status": STATUSES[status], "errors": errors}
    return Refused(json_reply({"error": error}, status))


class GoogleApi(Simulator):
    """An API of Google's; `SCOPE` is what its calls need, `PUBLIC` are the steps that want no token and refuse one."""

    SCOPE = ""
    PUBLIC: tuple[str, ...] = ()
    EMAIL = "tap@project.iam.gserviceaccount.com"

    def __init__(self, *, good_for: int | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.good_for = good_for
        self.tokens = Tokens(self.clock, "ya29.")

    @property
    def key(self) -> dict[str, str]:
        """The service account's key, as its JSON file has it."""
        pem = private_key().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account", "project_id": "project", "private_key_id": "0123456789abcdef",
            "private_key": pem.decode(), "client_email": self.EMAIL, "client_id": "1", "token_uri": f"{self.url}/token",
        }  # fmt: skip

    @route("POST", "/token")
    def token(self, request: Request) -> Reply:
        form = dict(request.form())
        if form.get("grant_type") != JWT_GRANT:
            return json_reply({"error": "unsupported_grant_type"}, 400)
        try:
            claims = jwt.decode(
                form.get("assertion", ""), private_key().public_key(), ["RS256"], audience=f"{self.url}/token"
            )
        except jwt.PyJWTError as error:
            return json_reply({"error": "invalid_grant", "error_description": f"Invalid JWT: {error}"}, 400)
        if (claims.get("iss"), claims.get("scope")) != (self.EMAIL, self.SCOPE):
            return json_reply({"error": "invalid_scope"}, 400)
        value = self.tokens.issue(lifetime=timedelta(seconds=3599), good_for=self.good_for)
        return json_reply({"access_token": value, "expires_in": 3599, "token_type": "Bearer"})

    def guard(self, request: Request) -> None:
        scheme, _, value = (request.header("Authorization") or "").partition(" ")
        if request.step == "token":
            return
        if request.step in self.PUBLIC:
            if scheme:
                raise Refused(Reply(400, "<Error><Code>InvalidArgument</Code></Error>"))
        elif scheme != "Bearer" or not self.tokens.check(value):
            raise problem(401, "Request had invalid authentication credentials.", "authError")


def of_google(api: GoogleApi) -> dict[str, str]:
    """The header of a plain client that has logged in."""
    from simulators.walking import ask

    now = int(api.clock.now().timestamp())
    claims = {"iss": api.EMAIL, "scope": api.SCOPE, "aud": f"{api.url}/token", "iat": now, "exp": now + 3600}
    form = {"grant_type": JWT_GRANT, "assertion": jwt.encode(claims, private_key(), "RS256")}
    return {"Authorization": f"Bearer {ask('POST', f'{api.url}/token', form=form).json()['access_token']}"}
