"""The whole configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from tap_asyncreport.config.authenticators import Authentication, TopAuthentication
from tap_asyncreport.config.only import Only, parts_of
from tap_asyncreport.config.requesters import Extractor, Requester, Template
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.config.values import (
    MAY_BE_TEMPLATE,
    ByteSize,
    CallRate,
    Duration,
    Model,
    MovingMoment,
    Renders,
    all_defaults,
)


class FoundBaseUrl(Model):
    """A base URL asked for once per run."""

    request: Requester = Field(description="The request.", examples=["GET https://login.example.com/id"])
    extractor: Extractor = Field(description="The base URL in the answer.", examples=["$.urls.base"])
    authenticator: Authentication = Field(
        "inherit", description="How that request is authenticated.", examples=["inherit"]
    )


class TokenBaseUrl(Model):
    """A base URL that the token's answer holds."""

    token: Extractor = Field(description="The base URL in the token's answer.", examples=["$.instance_url"])


def _kind_of_base_url(value: object) -> str:
    if isinstance(value, TokenBaseUrl) or (isinstance(value, Mapping) and "token" in value):
        return "token"
    return "text" if isinstance(value, str) else "request"


BaseUrl = Annotated[
    Annotated[str, Tag("text"), Renders.TEMPLATE]
    | Annotated[FoundBaseUrl, Tag("request")]
    | Annotated[TokenBaseUrl, Tag("token")],
    Discriminator(_kind_of_base_url),
]


class RateLimit(Model):
    """A rate for the calls that match, shared over all streams."""

    match: dict[Literal["step", "path"], str] = Field(
        {},
        description="`step` (a requester's name) or `path` (like a file name's pattern, or a regular expression); none: every call.",
        examples=[{"step": "creation_requester"}],
    )
    rate: CallRate = Field(description="Calls per time.", examples=["60/1m"])
    burst: int = Field(1, ge=1, description="Calls that may go at once.", examples=[10])


class RequestTimeout(Model):
    """Timeouts of every call."""

    connect: Duration = Field(timedelta(seconds=10), description="To connect.", examples=["10s"])
    read: Duration = Field(timedelta(seconds=60), description="Between two bytes of an answer.", examples=["60s"])


class Spool(Model):
    """Where downloaded files wait until their rows are written."""

    directory: str | None = Field(
        None, description="Directory; default the system's temporary one.", examples=["/data/spool"]
    )
    max_bytes: ByteSize = Field(4 * 1024**3, description="How much prefetch may fill.", examples=["4 GiB"])


class Settings(Model):
    """The whole configuration, as a user writes it, with definitions and defaults merged in."""

    definition: str | None = Field(None, description="A definition that ships, or a path to one.", examples=["demo"])
    base_url: BaseUrl | None = Field(
        None, description="Where paths are appended.", examples=["https://api.example.com/v1"]
    )
    headers: dict[str, Template] = Field(
        {},
        description="Headers of every request on `base_url`'s origin.",
        examples=[{"DeveloperToken": "{{ secrets.developer_token }}"}],
    )
    authenticator: TopAuthentication | None = Field(
        None, description="How calls are authenticated.", examples=[{"type": "bearer", "token": "{{ secrets.token }}"}]
    )
    secrets: dict[str, Any] = Field(
        {},
        description="Values redacted everywhere; each also from the environment, TAP_ASYNCREPORT_SECRETS_<NAME>.",
        examples=[{"token": "…"}],
        json_schema_extra={"secret": True, "writeOnly": True},  # as the SDK marks them
    )
    vars: dict[str, Any] = Field({}, description="Your own knobs.", examples=[{"region": "eu"}])
    start_date: MovingMoment | None = Field(
        None,
        description=f"Default start of every stream. {MAY_BE_TEMPLATE}",
        examples=["2026-01-01", "{{ now | minus('90d') }}"],
    )
    end_date: MovingMoment | None = Field(
        None,
        description=f"Default end of every stream. {MAY_BE_TEMPLATE}",
        examples=["2026-01-31"],
    )
    timezone: str = Field("UTC", description="Default zone of every stream.", examples=["Europe/Berlin"])
    stream_defaults: dict[str, Any] = Field(
        {}, description="Merged under every stream.", examples=[{"jobs": {"timeout": "1h"}}]
    )
    streams: list[Stream] = Field(min_length=1, description="The streams.", examples=[[{"name": "orders"}]])
    max_concurrent_jobs: int = Field(
        4, ge=1, description="Jobs alive at the API at once, over all streams.", examples=[4]
    )
    rate_limits: list[RateLimit] = Field(
        [], description="Rates of calls.", examples=[[{"match": {"step": "creation_requester"}, "rate": "60/1m"}]]
    )
    request_timeout: RequestTimeout = Field(
        default_factory=all_defaults,
        validate_default=True,
        description="Timeouts of every call.",
        examples=[{"connect": "10s", "read": "60s"}],
    )
    spool: Spool = Field(
        default_factory=all_defaults,
        validate_default=True,
        description="Where downloaded files wait.",
        examples=[{"max_bytes": "4 GiB"}],
    )
    only: Annotated[list[Only], BeforeValidator(parts_of)] = Field(
        [],
        description="Restricts a run to these parts, which it reads whether or not they are finished.",
        examples=[["orders account=7 2026-01-01/2026-02-01"]],
    )
    run_report: str | None = Field(None, description="Path of the HTML page about the run.", examples=["report.html"])
    unknown_columns: Literal["include", "warn", "error"] = Field(
        "warn", description="When a file holds a column that the declared schema lacks.", examples=["error"]
    )
    stream_maps: dict[str, Any] | None = Field(
        None, description="The SDK's stream maps.", examples=[{"orders": {"total": "float(amount)"}}]
    )
    stream_map_config: dict[str, Any] | None = Field(
        None, description="The SDK's stream map settings.", examples=[{"hash_seed": "x"}]
    )
    faker_config: dict[str, Any] | None = Field(None, description="The SDK's faker settings.", examples=[{"seed": 1}])
    flattening_enabled: bool | None = Field(None, description="The SDK's flattening.", examples=[True])
    flattening_max_depth: int | None = Field(None, description="Depth of the SDK's flattening.", examples=[1])
    flattening_max_key_length: int | None = Field(
        None, description="Longest key of the SDK's flattening.", examples=[64]
    )
    flattening_separator: str | None = Field(None, description="Separator of the SDK's flattening.", examples=["__"])
    emit_activate_version_messages: bool | None = Field(
        None, description="The SDK's ACTIVATE_VERSION messages for full tables.", examples=[True]
    )

    @model_validator(mode="after")
    def _one_word_for_unknown_columns(self) -> Settings:
        """What holds for all streams stands on each, so that schemas and records cannot differ over it."""
        said = {"unknown_columns": self.unknown_columns}
        self.streams[:] = [one if one.unknown_columns else one.model_copy(update=said) for one in self.streams]
        return self
