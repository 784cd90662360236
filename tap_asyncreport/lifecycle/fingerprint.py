"""A request without what changes from run to run, so that two runs can tell whether they mean the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import ReportError

if TYPE_CHECKING:
    from tap_asyncreport.job import Unit
    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.lifecycle.creation_requester import CreationRequester

_STILL = datetime(2000, 1, 1, tzinfo=UTC)


def request_hash(creation: CreationRequester, context: StreamContext, unit: Unit) -> str:
    """`sha256:` and the hash of a unit's creation requests; tokens, clocks and random values do not change it."""
    scope = {
        **context.unit_scope(unit),
        "secrets": _named(context.settings.secrets, "secrets"),
        "now": _STILL,
        "uuid": lambda: "uuid",
        "run": {"id": "run", "started_at": _STILL},
        "job": {
            "id": None,
            "attempt": 1,
            "idempotency_key": "key",
            "created_at": None,
            "link": unit.link,
            "cursor": unit.cursor,
        },
    }
    told = {
        "base_url": context.settings.base_url if isinstance(context.settings.base_url, str) else None,
        "partition": dict(unit.partition),
        "link": [unit.link, unit.cursor],
        "requests": _requests(creation, unit, scope),
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, default=str)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _requests(creation: CreationRequester, unit: Unit, scope: Mapping[str, Any]) -> list[Any]:
    """The requests; one that cannot be rendered before its turn counts as it is written, with its window."""
    requests: list[Any] = []
    for number in range(len(creation.requesters)):
        try:
            requests.append(creation.content(number, unit, scope))
        except ReportError:
            config = creation.requesters[number].config
            requests.append([config.model_dump(mode="json", exclude={"headers"}), str(scope.get("window"))])
    return requests


def _named(secrets: Any, name: str) -> Any:
    """The secrets with their names in place of their values."""
    if isinstance(secrets, Mapping):
        return {key: _named(value, f"{name}.{key}") for key, value in secrets.items()}
    return name
