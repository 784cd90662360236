"""Calls that are no step of a job, such as logins: rendered, and repeated while the trouble passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from tap_asyncreport.clock import Clock
from tap_asyncreport.config.requesters import Requester, Retry
from tap_asyncreport.errors import RequestError, Where
from tap_asyncreport.http.bodies import body, header_pairs, pairs
from tap_asyncreport.http.calls import Call
from tap_asyncreport.http.credentials import Credentials
from tap_asyncreport.http.network import NetworkError, NotReady
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.reply import Reply
from tap_asyncreport.http.retry_after import parse_retry_after

if TYPE_CHECKING:
    from tap_asyncreport.templates import Templates

TRIES = 5
UNAUTHORIZED = 401
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Sender(Protocol):
    """What sends one call once."""

    clock: Clock
    redactor: Redactor

    def send(self, call: Call, authenticator: Credentials | None, *, stream: bool = False) -> Reply:
        """As `Http.send`."""
        ...


def ask(sender: Sender, call: Call, authenticator: Credentials | None, retry: Retry | None = None) -> Reply:
    """Sends a call until it has an answer other than 429 or 5xx, with growing waits; a 401 renews the token once.

    Raises NotReady when the tries ran out or the run is to stop; any other answer is the caller's to judge.
    """
    retry = retry or Retry()
    began, wait = sender.clock.monotonic(), retry.wait.total_seconds()
    tries = retry.max_tries or TRIES
    renewed = False
    for attempt in range(1, tries + 1):
        asked: float | None = None
        try:
            reply = sender.send(replace(call, attempt=attempt), authenticator)
            if reply.status_code == UNAUTHORIZED and authenticator is not None and not renewed:
                renewed = True
                if authenticator.refresh(reply.token):
                    reply.tell()
                    reply = sender.send(replace(call, attempt=attempt), authenticator)
        except NetworkError as error:
            failure = NotReady(f"{call.step}: {error.message}", hint=error.hint, request_line=error.request_line)
        else:
            if reply.status_code not in _PASSING:
                return reply
            reply.tell()
            refused = refusal(sender.redactor, call, reply)
            said = f": {refused.excerpt}" if refused.excerpt else ""
            failure = NotReady(f"{refused.message}{said}", request_line=reply.request_line)
            asked = parse_retry_after(reply.headers.get("Retry-After"), sender.clock.now())
        late = retry.max_time and sender.clock.monotonic() + (asked or wait) - began > retry.max_time.total_seconds()
        if attempt == tries or late or sender.clock.wait(asked or wait):
            break
        wait = min(wait * 2, retry.wait_max.total_seconds())
    raise failure


def refusal(redactor: Redactor, call: Call, reply: Reply) -> RequestError:
    """The error for an answer that is no success."""
    return RequestError(
        f"{call.step} was answered with {reply.status_code}",
        where=Where(step=call.step, request_line=reply.request_line, status_code=reply.status_code),
        excerpt=redactor.excerpt(reply.text),
    )


def render(requester: Requester, templates: Templates, scope: Mapping[str, Any], step: str) -> Call:
    """The call that a requester makes within these names."""
    content, media_type = body(requester, templates, scope, step)
    headers = dict(header_pairs(templates.template(requester.headers, f"{step}.headers").render(scope)))
    url = templates.template(requester.url, f"{step}.request").text(scope)
    params = tuple(pairs(templates.template(requester.params, f"{step}.params").render(scope)))
    fields = tuple(headers.items())
    return Call(
        step, None, None, requester.method, url or "", params, fields, content, media_type=media_type, scope=scope
    )
