"""Login with Amazon: a refresh token for an access token that ends after an hour."""

from __future__ import annotations

from datetime import timedelta

from simulators.base import Simulator, Tokens, route
from wire import Reply, Request, json_reply


class LoginWithAmazon(Simulator):
    """An API whose tokens Amazon's login gives; `tokens` are those that it gave."""

    HOSTS = ("api", "login", "s3")
    CLIENT = SECRET = REFRESH = ""
    tokens: Tokens

    @route("POST", "/auth/o2/token", host="login")
    def token(self, request: Request) -> Reply:
        form = dict(request.form())
        if (form.get("client_id"), form.get("client_secret")) != (self.CLIENT, self.SECRET):
            return json_reply({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.REFRESH:
            return json_reply({"error": "invalid_grant", "error_description": "The request has an invalid grant"}, 400)
        value = self.tokens.issue(lifetime=timedelta(hours=1))
        return json_reply(
            {"access_token": value, "refresh_token": self.REFRESH, "token_type": "bearer", "expires_in": 3600}
        )
