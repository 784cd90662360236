"""Where an answer holds what an extractor looked for in vain: a JSONPath, or a template for what is no JSON."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from tap_asyncreport.response import Response
from tap_asyncreport.templates.lookup import look_up, path_like, spelt
from tap_asyncreport.templates.text import to_json

_TAG = re.compile(r"<([A-Za-z_][\w.:-]*)>([^<>]+)</")
_LINKS = ("content-location", "location", "operation-location")
_CODES = ("code", "errorCode", "error_code", "error", "__type", "api_error_code", "errors", "success")
_FINE = frozenset({"", "0", "200", "ok", "success", "true", "none", "null"})
_LONGEST_CODE = 60


def elsewhere(response: Response | None, name: str) -> str | None:
    """An extractor of something named like `name`; None where the answer holds nothing like it."""
    if response is None:
        return None
    if response.body is not None:
        path = path_like(response, name)
        return None if path is None or _is_itself(response, path) else f"${spelt(path)}"
    tags = dict(reversed(_TAG.findall(response.text)))
    path = path_like({tag.rpartition(":")[2]: tag for tag in tags}, name)
    if path is not None:
        tag = next(tag for tag in tags if tag.rpartition(":")[2] == path[-1])
        return f"{{{{ response.text.split('<{tag}>')[1].split('<')[0] }}}}"
    if name in ("id", "url"):
        found = next((link for link in _LINKS if link in response.headers), None)
        return found and f"{{{{ response.headers['{found}'] }}}}"
    return None


def missing(response: Response | None, key: str, name: str) -> str:
    """What to write under `key`, whose extractor found nothing in the answer."""
    found = elsewhere(response, name)
    if found is not None:
        return f"set `{key}: {found if found.startswith('$') else to_json(found)}`, if that is it"
    if response is not None and response.body is None and response.text.strip():
        return f"the answer is no JSON, where a JSONPath finds nothing: let `{key}` be a template over `response.text`"
    return f"check `{key}`"


def refusal(response: Response) -> str | None:
    """A rule for an answer that looks like a refusal; None where nothing in it does."""
    body = response.body if isinstance(response.body, dict) else {}
    for name in _CODES:
        value = body.get(name)
        if name in body and _is_refusal(name, value):
            is_code = isinstance(value, str | int) and len(str(value)) <= _LONGEST_CODE
            return f"{{json: {{$.{name}: {to_json(value) if is_code else 'exists'}}}, means: retry}}"
    return None


def _is_refusal(name: str, value: Any) -> bool:
    if value is False or value is None or isinstance(value, list | dict):
        return name == "success" if value is False else bool(value)
    return str(value).strip().casefold() not in _FINE


def _is_itself(response: Response, path: list[str | int]) -> bool:
    """Whether it is the answer's link to itself, which leads nowhere."""
    value: Any = response.body
    for part in path:
        value = look_up(value, part)
    if not isinstance(value, str) or not value.startswith(("http", "/")):
        return False
    return urlsplit(value).path == urlsplit(response.url).path
