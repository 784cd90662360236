"""The effective configuration as it may be shown: every value with where it came from, secrets hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.settings import RequestTimeout, Settings, Spool
from tap_asyncreport.config.streams import Decode, Incremental, Jobs, Status
from tap_asyncreport.config.values import Model

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded

HIDDEN = "•••"
DEFAULT = "default"
_OF_STREAMS: dict[str, type[Model]] = {"status": Status, "jobs": Jobs, "decode": Decode, "incremental": Incremental}
_OPEN_IN_AUTHENTICATORS = frozenset({
    "type", "in", "name", "grant", "token_url", "method", "client_auth", "scopes", "header", "prefix", "expires_in",
    "refresh_before", "algorithm", "lifetime", "region", "service", "signature_method", "realm", "request",
})  # fmt: skip
_CREDENTIALS = (
    "value", "token", "password", "client_secret", "refresh_token", "key", "access_key", "secret_key", "session_token",
    "consumer_secret", "token_secret",
)  # fmt: skip


_CREDENTIAL_HEADERS = frozenset({
    "authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token",
})  # fmt: skip


def confidential(loaded: Loaded) -> list[Any]:
    """What no output may show: all under `secrets`, and credentials that are written where they are used."""
    return [loaded.settings.secrets, *_credentials(loaded.raw)]


def _credentials(value: Any) -> Iterator[Any]:
    for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
        if name == "authenticator" and isinstance(item, Mapping):
            yield from (_literal(item.get(key)) for key in _CREDENTIALS)
        if name == "headers" and isinstance(item, Mapping):
            yield from (str(item[key]).rpartition(" ")[2] for key in in_clear(item))
        if isinstance(item, Mapping | list):
            yield from _credentials(item)


def in_clear(headers: Mapping[str, Any]) -> Iterator[str]:
    """The names of headers that hold a credential as it is."""
    for name, value in headers.items():
        if str(name).lower() in _CREDENTIAL_HEADERS and _literal(value):
            yield name


def _literal(value: Any) -> str | None:
    """The credential itself; None for a template, and for where an answer holds it."""
    if isinstance(value, Mapping):  # a service account's key, most of which is public
        return _literal(value.get("private_key"))
    return value if isinstance(value, str) and "{{" not in value and not value.startswith("$") else None


def shown(loaded: Loaded) -> list[tuple[str, str, str]]:
    """Rows of key, value and origin: what was given (`file:line`), in its order, then the defaults of the rest."""
    given = [(key, _text(key, value), _origin(loaded, key)) for key, value in _leaves(loaded.raw, "")]
    return given + list(_defaults(loaded))


def _defaults(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    """Budgets, timing and decoding that nobody wrote down; under `streams.*` for the streams that say nothing else."""
    raw = loaded.raw
    for name in ("timezone", "max_concurrent_jobs", "unknown_columns"):
        if name not in raw:
            yield name, _text(name, Settings.model_fields[name].default), DEFAULT
    yield from _unsaid("request_timeout", RequestTimeout, [raw.get("request_timeout")])
    yield from _unsaid("spool", Spool, [raw.get("spool")])
    for name, model in _OF_STREAMS.items():
        said = [stream.get(name) for stream in raw["streams"]]
        yield from _unsaid(f"streams.*.{name}", model, [one for one in said if one or model is not Incremental])


def _unsaid(key: str, model: type[Model], said: Sequence[Any]) -> Iterator[tuple[str, str, str]]:
    given = [one if isinstance(one, Mapping) else {model.shorthand: one} for one in said]
    for name, value in model().model_dump(mode="json", by_alias=True).items():
        if value not in (None, {}, []) and any(name not in one for one in given):
            yield f"{key}.{name}", _text(f"{key}.{name}", value), DEFAULT


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            name = item.get("name", index) if isinstance(item, Mapping) else index
            yield from _leaves(item, f"{key}.{name}")
    else:
        yield key, value


def _text(key: str, value: Any) -> str:
    names = key.split(".")
    if names[0] == "secrets":
        return HIDDEN
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    literal = "{{" not in text
    if literal and "authenticator" in names[:-1] and names[-1] not in _OPEN_IN_AUTHENTICATORS:
        return HIDDEN
    return text


def _origin(loaded: Loaded, key: str) -> str:
    place = loaded.sources.where(key)
    if place is None or place.file is None:
        return ""
    return place.file if place.line is None else f"{place.file}:{place.line}"
