"""Credentials that sign each request: AWS Signature Version 4, OAuth 1.0a."""

from __future__ import annotations

import re
from datetime import UTC
from typing import Any
from urllib.parse import quote, unquote

from tap_asyncreport.clock import Clock
from tap_asyncreport.config.authenticators import AwsSigV4, OAuth1
from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.bodies import FORM_TYPE
from tap_asyncreport.http.calls import Outgoing
from tap_asyncreport.http.credentials import Credentials, Rendering

_NOT_FORM = re.compile(r"[^A-Za-z0-9_.\-~=&;:%+,*@!()/?'$]|%(?![0-9A-Fa-f]{2})")


class AwsCredentials(Credentials):
    """Signs the method, URL, body and the headers that AWS asks for, as they are sent."""

    def __init__(self, model: AwsSigV4, rendering: Rendering, clock: Clock) -> None:
        self._clock = clock
        self._access_key = rendering.secret(model.access_key, "access_key")
        self._secret_key = rendering.secret(model.secret_key, "secret_key")
        self._token = (
            rendering.secret(model.session_token, "session_token") if model.session_token is not None else None
        )
        self._region = rendering.text(model.region, "region") or ""
        self._service = rendering.text(model.service, "service") or ""

    def apply(self, outgoing: Outgoing) -> None:
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials as Keys

        signer_type = S3SigV4Auth if self._service in ("s3", "s3-object-lambda") else SigV4Auth
        signer = signer_type(Keys(self._access_key, self._secret_key, self._token), self._service, self._region)
        url = outgoing.parsed
        path, _, query = url.target.partition("?")
        params = [tuple(map(unquote, pair.partition("=")[::2])) for pair in query.split("&") if pair]
        signable = {
            name: value for name, value in outgoing.headers.items()
            if name.lower() in ("content-type", "content-md5", "host") or name.lower().startswith("x-amz-")
        }  # fmt: skip
        request = AWSRequest(outgoing.method, f"{url.origin}{path}", signable, outgoing.body or b"", params)
        request.context["timestamp"] = self._clock.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        # the steps of the signer's own add_auth, with our clock
        signer._modify_request_before_signing(request)  # noqa: SLF001
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        signer._inject_signature_to_request(request, signature)  # noqa: SLF001
        for name, value in request.headers.items():
            if name.lower() != "host":
                outgoing.put_header(name, value)


class OAuth1Credentials(Credentials):
    """RFC 5849: the signature stands in the Authorization header, and covers the query and a form body."""

    def __init__(self, model: OAuth1, rendering: Rendering, clock: Clock, nonce: str | None = None) -> None:
        self._clock = clock
        self._nonce = nonce
        self._realm = rendering.text(model.realm, "realm")
        self._method = model.signature_method
        self._keys: dict[str, Any] = {
            "client_key": rendering.secret(model.consumer_key, "consumer_key"),
            "client_secret": rendering.secret(model.consumer_secret, "consumer_secret"),
        }
        if model.token is not None:
            self._keys["resource_owner_key"] = rendering.secret(model.token, "token")
        if model.token_secret is not None:
            self._keys["resource_owner_secret"] = rendering.secret(model.token_secret, "token_secret")

    def apply(self, outgoing: Outgoing) -> None:
        from oauthlib.oauth1 import Client

        client = Client(
            **self._keys, signature_method=self._method, nonce=self._nonce,
            timestamp=str(int(self._clock.now().timestamp())),
        )  # fmt: skip
        media_type = (outgoing.header("Content-Type") or "").lower()
        signs_body = media_type.startswith(FORM_TYPE) and outgoing.method not in ("GET", "HEAD")
        body = outgoing.body.decode() if signs_body and outgoing.body else None
        url = outgoing.parsed
        path, mark, query = url.target.partition("?")
        decodable = _NOT_FORM.sub(lambda found: quote(found[0], safe=""), query)
        method: Any = outgoing.method
        fields = {"Content-Type": FORM_TYPE} if body is not None else {}
        try:
            _, headers, _ = client.sign(f"{url.origin}{path}{mark}{decodable}", method, body, fields, self._realm)
        except ValueError as error:
            raise RequestError(f"the request cannot be signed with OAuth 1.0: {error}") from None
        outgoing.put_header("Authorization", headers["Authorization"])
