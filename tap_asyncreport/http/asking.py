"""Calls that are no step of a job, such as logins: rendered from configuration, and repeated while the trouble passes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import quote_plus

from tap_asyncreport.clock import Clock
from tap_asyncreport.config.requesters import Requester
from tap_asyncreport.errors import RequestError, Where
from tap_asyncreport.http.calls import Call
from tap_asyncreport.http.credentials import Credentials
from tap_asyncreport.http.network import NetworkError
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.reply import Reply
from tap_asyncreport.http.retry_after import parse_retry_after

FORM = "application/x-www-form-urlencoded"
TRIES = 5
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Sender(Protocol):
    """What sends one call once."""

    clock: Clock
    redactor: Redactor

    def send(self, call: Call, authenticator: Credentials | None, *, stream: bool = False) -> Reply:
        """As `Http.send`."""
        ...


def ask(sender: Sender, call: Call, authenticator: Credentials | None, *, tries: int = TRIES) -> Reply:
    """Sends a call that may be repeated until it has an answer other than 429 or 5xx, with growing waits between.

    Raises RequestError when the tries ran out or the run is to stop; any other answer is the caller's to judge.
    """
    wait = 1.0
    for attempt in range(1, tries + 1):
        asked: float | None = None
        try:
            reply = sender.send(replace(call, attempt=attempt), authenticator)
        except NetworkError as error:
            failure = RequestError(error.message, where=_where(call, error.request_line), hint=error.hint)
        else:
            if reply.status_code not in _PASSING:
                return reply
            reply.tell()
            failure = refusal(sender.redactor, call, reply)
            asked = parse_retry_after(reply.headers.get("Retry-After"), sender.clock.now())
        if attempt == tries or sender.clock.wait(asked or wait):
            break
        wait *= 2
    raise failure


def refusal(redactor: Redactor, call: Call, reply: Reply) -> RequestError:
    """The error for an answer that is no success."""
    return RequestError(
        f"{call.step} was answered with {reply.status_code}",
        where=_where(call, reply.request_line, reply.status_code),
        excerpt=redactor.excerpt(reply.text),
    )


def _where(call: Call, request_line: str | None, status_code: int | None = None) -> Where:
    return Where(
        stream=call.stream, step=call.step, job_id=call.job_id, request_line=request_line, status_code=status_code
    )


def render(requester: Requester, templates: Any, scope: Mapping[str, Any], step: str) -> Call:
    """The call that a requester makes within these names."""
    content_type, body = _body(requester, templates, scope, step)
    headers = _pairs(templates.template(requester.headers, f"{step}.headers").render(scope))
    if content_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", content_type), *headers)
    return Call(
        step, None, None, requester.method,
        templates.template(requester.url, f"{step}.request").text(scope) or "",
        params=_pairs(templates.template(requester.params, f"{step}.params").render(scope)),
        headers=headers, body=body, scope=scope,
    )  # fmt: skip


def _body(requester: Requester, templates: Any, scope: Mapping[str, Any], step: str) -> tuple[str | None, bytes | None]:
    def rendered(value: Any, key: str) -> Any:
        return value if requester.raw else templates.template(value, f"{step}.{key}").render(scope)

    if requester.json_ is not None:
        return "application/json", json.dumps(rendered(requester.json_, "json"), ensure_ascii=False).encode()
    if requester.form is not None:
        return FORM, form(rendered(requester.form, "form")).encode()
    if requester.body is not None:
        body = rendered(requester.body, "body")
        return None, (body if isinstance(body, str) else json.dumps(body)).encode()
    return None, None


def _pairs(fields: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, value in fields.items() for text in _plain(value))


def _plain(value: Any) -> Iterable[str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _plain(item)
    elif value is not None:
        yield plain(value)


def plain(value: Any) -> str:
    """A value as text in a header, a query or a form: booleans in lower case, structures as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def form(fields: Mapping[str, Any]) -> str:
    """A form body: nested mappings become `a[b]`, lists `a[]`; null drops the field."""
    return "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in _flat(fields.items(), "{}"))


def _flat(items: Iterable[tuple[str, Any]], pattern: str) -> Iterable[tuple[str, str]]:
    for key, value in items:
        name = pattern.format(key)
        if isinstance(value, Mapping):
            yield from _flat(value.items(), name.replace("{", "{{").replace("}", "}}") + "[{}]")
        elif isinstance(value, list | tuple):
            yield from _flat((("", item) for item in value), name.replace("{", "{{").replace("}", "}}") + "[{}]")
        elif value is not None:
            yield name, plain(value)
