"""A plain client for walking through a simulator: one request, no session, no retries."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass(frozen=True)
class Answer:
    """What came back; `headers` with names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    json_body: Any = None,
    form: Mapping[str, Any] | None = None,
    body: str | bytes | None = None,
) -> Answer:
    """Sends one request; `json_body` and `form` set their Content-Type where `headers` do not."""
    parts = urlsplit(url)
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if json_body is not None:
        body = json.dumps(json_body)
        sent.setdefault("content-type", "application/json")
    if form is not None:
        body = urlencode(form)
        sent.setdefault("content-type", "application/x-www-form-urlencoded")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, sent)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()
