"""A JSON object that says no, where a report should be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tap_asyncreport.errors import DecodeError, excerpt
from tap_asyncreport.response import Response
from tap_asyncreport.templates.suggestions import refusal

_WORDS = frozenset({"message", "msg", "detail", "details", "description", "error_description", "reason"})
_ALONE = ("error", "errors", "__type")
_MOST_KEYS = 8  # of an error; what has more is rather a row


def refusal_hint(head: str) -> str | None:
    """What to write for a body, of which this is the beginning, that refuses; None where it does not."""
    body = _whole(head)
    rule = refusal(Response(body)) if _refuses(body) else None
    return rule and f"if this is a refusal, say so in `download_retriever.responses`, for example by the rule {rule}"


def hold_off_refusals(head: str) -> None:
    """Raise DecodeError where the whole body is an error, and neither a key nor a column tells it from a row."""
    hint = refusal_hint(head)
    if hint is not None:
        raise DecodeError(
            "a JSON error came instead of the report",
            excerpt=excerpt(head),
            hint=f"{hint}; if it is a row, set `decode.records: $`",
        )


def _whole(head: str) -> dict[str, Any]:
    try:
        body = json.loads(head)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _refuses(body: Mapping[str, Any]) -> bool:
    """Whether it is what an API says to refuse: a code with words to it, or an error that is more than a number."""
    if len(body) > _MOST_KEYS or any(_holds_rows(name, value) for name, value in body.items()):
        return False
    has_words = any(isinstance(body.get(name), str) and body[name] for name in _WORDS)
    return has_words or any(isinstance(body.get(name), str | dict | list) for name in _ALONE)


def _holds_rows(name: str, value: Any) -> bool:
    return name not in _ALONE and isinstance(value, list) and bool(value) and isinstance(value[0], list | dict)
