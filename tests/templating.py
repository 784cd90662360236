"""What tests of templates render: answers, a scope, and the words of an error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tap_asyncreport.errors import TemplateError
from tap_asyncreport.response import Response
from tap_asyncreport.templates import Templates

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SECRET = "s3cr3t-value"
CREATED = Response(
    {"id": 7, "name": "r", "items": [1, 2], "urls": ["/a", "/b"], "empty": None, "a b": 1, "deep": {"x": {"y": "z"}}},
    headers={"Location": "/jobs/7", "X-Request-Id": "q1"},
    status_code=202,
    url="https://api.example.com/v1/jobs?x=1",
)
SCOPE: dict[str, Any] = {
    "secrets": {"token": SECRET},
    "vars": {"region": "eu", "n": "123"},
    "partition": {"account": 7},
    "creation_response": CREATED,
    "polling_response": Response({"url": "files/1", "percent": 100, "big": 2**60, "none": None}, url="https://api.example.com/v2/p/"),
    "window": {"start": "2026-01-31", "end": "2026-02-01"},
    "download_target": {"url": "u", "items": [3]},
}


def said(templates: Templates, source: Any, scope: Mapping[str, Any] = SCOPE) -> str:
    """The message and the hint of the error that a template ends in."""
    with pytest.raises(TemplateError) as raised:
        templates.template(source, "k").render(scope)
    return raised.value.message + (f" | {raised.value.hint}" if raised.value.hint else "")
