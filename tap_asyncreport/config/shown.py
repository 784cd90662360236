"""The effective configuration as it may be shown: every value with where it came from, secrets hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded

HIDDEN = "•••"
_OPEN_IN_AUTHENTICATORS = frozenset({
    "type", "in", "name", "grant", "token_url", "method", "client_auth", "scopes", "header", "prefix", "expires_in",
    "refresh_before", "algorithm", "lifetime", "region", "service", "signature_method", "realm", "request",
})  # fmt: skip


def shown(loaded: Loaded) -> list[tuple[str, str, str]]:
    """Rows of key, value and origin (`file:line`), in the order of the configuration."""
    return [(key, _text(key, value), _origin(loaded, key)) for key, value in _leaves(loaded.raw, "")]


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
