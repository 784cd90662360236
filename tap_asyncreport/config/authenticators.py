"""How calls are authenticated: one model per type; what each does stands in `http.authenticators`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from tap_asyncreport.config.values import Duration, Model, Renders, kind_of

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Requester  # noqa: TC004 - given to model_rebuild there

Text = Annotated[str, Renders.TEMPLATE]
Value = Annotated[Any, Renders.TEMPLATE]
Found = Annotated[str, Renders.EXTRACTOR]
Scopes = Annotated[Annotated[list[Text], Tag("list")] | Annotated[Text, Tag("text")], Discriminator(kind_of)]


class NoAuthenticator(Model):
    """Sends no credentials."""

    type: Literal["none"]


class ApiKey(Model):
    """A fixed value in a header or in the query."""

    type: Literal["api_key"]
    in_: Literal["header", "query"] = Field(
        "header", alias="in", description="Where the key goes.", examples=["header"]
    )
    name: str = Field(description="Name of the header or query parameter.", examples=["X-API-TOKEN"])
    value: Text = Field(description="The key.", examples=["{{ secrets.api_key }}"])


class Basic(Model):
    """HTTP Basic, RFC 7617."""

    type: Literal["basic"]
    username: Text = Field(description="User name.", examples=["{{ secrets.username }}"])
    password: Text = Field("", description="Password.", examples=["{{ secrets.password }}"])


class Bearer(Model):
    """A fixed bearer token, RFC 6750."""

    type: Literal["bearer"]
    token: Text = Field(description="The token.", examples=["{{ secrets.token }}"])


class TokenPlacement(Model):
    """How a fetched token is sent with each call."""

    header: str = Field("Authorization", description="Header that carries the token.", examples=["x-amz-access-token"])
    prefix: str | None = Field(
        None,
        description="Text before the token in the header; a blank follows where it ends in a letter or a digit. "
        "`Bearer` where the header is Authorization, else none.",
        examples=["Zoho-oauthtoken"],
    )
    token: Found = Field(
        "$.access_token", description="Extractor of the token from the answer.", examples=["$.access_token"]
    )
    expires_in: Found = Field(
        "$.expires_in",
        description="Extractor of the token's life in seconds; none means until it is refused.",
        examples=["$.expires_in"],
    )
    refresh_before: Duration = Field(
        timedelta(seconds=60), description="Fetch a new token this long before the old one ends.", examples=["60s"]
    )


class OAuth2(TokenPlacement):
    """OAuth 2.0 (RFC 6749) with the client_credentials, refresh_token or password grant."""

    type: Literal["oauth2"]
    grant: Literal["client_credentials", "refresh_token", "password"] = Field(
        "client_credentials", description="The grant.", examples=["refresh_token"]
    )
    token_url: Text = Field(
        description="Where tokens are fetched; a path is appended to `base_url`.",
        examples=["https://login.example.com/oauth/token"],
    )
    method: Literal["POST", "GET"] = Field("POST", description="Method of the token call.", examples=["POST"])
    client_id: Text | None = Field(None, description="The client's id.", examples=["{{ secrets.client_id }}"])
    client_secret: Text | None = Field(
        None, description="The client's secret.", examples=["{{ secrets.client_secret }}"]
    )
    refresh_token: Text | None = Field(
        None,
        description="The refresh token; one that the API renews is kept for the run.",
        examples=["{{ secrets.refresh_token }}"],
    )
    username: Text | None = Field(
        None, description="User name, for the password grant.", examples=["{{ secrets.username }}"]
    )
    password: Text | None = Field(
        None, description="Password, for the password grant.", examples=["{{ secrets.password }}"]
    )
    client_auth: Literal["body", "basic"] = Field(
        "body", description="Where the client's id and secret go.", examples=["basic"]
    )
    scopes: Scopes | None = Field(None, description="Scopes asked for.", examples=[["reports.read"]])
    audience: Text | None = Field(None, description="Audience asked for.", examples=["https://api.example.com"])
    extra: dict[str, Value] = Field(
        {}, description="Further parameters of the token call.", examples=[{"resource": "x"}]
    )
    token_headers: dict[str, Text] = Field(
        {}, description="Headers of the token call.", examples=[{"Accept": "application/json"}]
    )


class SessionLogin(TokenPlacement):
    """Logs in with a request of its own and sends the token that the answer holds."""

    type: Literal["session"]
    login: Requester = Field(description="The request that logs in.", examples=["POST /login"])
    token: Found = Field("$.token", description="Extractor of the token from the login's answer.", examples=["$.token"])


class Jwt(TokenPlacement):
    """A signed JSON Web Token (RFC 7519), sent itself or exchanged at `token_url` (RFC 7523)."""

    type: Literal["jwt"]
    algorithm: Literal["RS256", "ES256", "HS256"] = Field(
        "RS256", description="Signature algorithm.", examples=["ES256"]
    )
    key: Text = Field(
        description="The key that signs: PEM for RS256 and ES256, the shared secret for HS256.",
        examples=["{{ secrets.private_key }}"],
    )
    claims: dict[str, Value] = Field(
        {},
        description="Claims; `iat` and `exp` are added.",
        examples=[{"iss": "{{ vars.issuer }}", "aud": "appstoreconnect-v1"}],
    )
    lifetime: Duration = Field(timedelta(minutes=20), description="Life of a signed token.", examples=["20m"])
    headers: dict[str, Value] = Field(
        {}, description="JOSE headers beside `alg` and `typ`.", examples=[{"kid": "{{ vars.key_id }}"}]
    )
    token_url: Text | None = Field(
        None,
        description="Where the signed token is exchanged for an access token.",
        examples=["https://oauth2.example.com/token"],
    )
    grant_type: str = Field(
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        description="grant_type of the exchange.",
        examples=["client_credentials"],
    )
    assertion_field: str = Field(
        "assertion",
        description="Form field that carries the signed token in the exchange.",
        examples=["client_assertion"],
    )
    extra: dict[str, Value] = Field({}, description="Further form fields of the exchange.", examples=[{"scope": "x"}])


class GoogleServiceAccount(Model):
    """A Google service account's key, with its access tokens."""

    type: Literal["google_service_account"]
    key: Value = Field(
        description="The key file's content (mapping or JSON text) or, for the file's owner, a template over `secrets`.",
        examples=["{{ secrets.google_key }}"],
    )
    scopes: list[Text] = Field(
        description="Scopes asked for.", examples=[["https://www.googleapis.com/auth/dfareporting"]]
    )
    subject: Text | None = Field(
        None, description="User to act for (domain-wide delegation).", examples=["ads@example.com"]
    )


class AwsSigV4(Model):
    """AWS Signature Version 4."""

    type: Literal["aws_sigv4"]
    access_key: Text = Field(description="Access key id.", examples=["{{ secrets.access_key }}"])
    secret_key: Text = Field(description="Text access key.", examples=["{{ secrets.secret_key }}"])
    session_token: Text | None = Field(
        None, description="Session token of temporary credentials.", examples=["{{ secrets.session_token }}"]
    )
    region: Text = Field(description="AWS region.", examples=["eu-central-1"])
    service: Text = Field(description="AWS service name.", examples=["athena"])


class OAuth1(Model):
    """OAuth 1.0a, RFC 5849."""

    type: Literal["oauth1"]
    consumer_key: Text = Field(description="The client's key.", examples=["{{ secrets.consumer_key }}"])
    consumer_secret: Text = Field(description="The client's secret.", examples=["{{ secrets.consumer_secret }}"])
    token: Text | None = Field(None, description="The user's token.", examples=["{{ secrets.token }}"])
    token_secret: Text | None = Field(
        None, description="The secret of the user's token.", examples=["{{ secrets.token_secret }}"]
    )
    signature_method: Literal["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"] = Field(
        "HMAC-SHA1", description="Signature method.", examples=["HMAC-SHA256"]
    )
    realm: Text | None = Field(None, description="Realm of the Authorization header.", examples=["1234567"])


Authenticator = Annotated[
    NoAuthenticator | ApiKey | Basic | Bearer | OAuth2 | SessionLogin | Jwt | GoogleServiceAccount | AwsSigV4 | OAuth1,
    Field(discriminator="type"),
]
# At the top, `none` says the same as leaving it out.
TopAuthentication = Annotated[
    Annotated[Literal["none"], Tag("text")] | Annotated[Authenticator, Tag("mapping")],
    Discriminator(kind_of),
    AfterValidator(lambda given: None if given == "none" else given),
]
Authentication = Annotated[
    Annotated[Literal["inherit", "none"], Tag("text")] | Annotated[Authenticator, Tag("mapping")],
    Discriminator(kind_of),
]
