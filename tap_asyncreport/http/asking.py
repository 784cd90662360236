"""Calls that are no step of a job, such as logins: rendered, and repeated while the trouble passes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl

from tap_asyncreport.clock import Clock
from tap_asyncreport.config.requesters import Requester, Retry
from tap_asyncreport.errors import RequestError, Where
from tap_asyncreport.http.bodies import body, header_pairs, pairs
from tap_asyncreport.http.calls import Call
from tap_asyncreport.http.credentials import Credentials
from tap_asyncreport.http.network import ConnectionRefused, NetworkError, NotReady, Untrusted
from tap_asyncreport.http.patience import Patience
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.reply import Reply
from tap_asyncreport.http.retry_after import parse_retry_after, parse_wait
from tap_asyncreport.http.rules import CompiledRule, parse_codes
from tap_asyncreport.job import Means
from tap_asyncreport.response import Response, answered

if TYPE_CHECKING:
    from tap_asyncreport.templates import Templates

log = logging.getLogger("tap-asyncreport.http")
TRIES = 5
LONGEST_ASKED = 600.0  # seconds that nobody waits longer for a login, however long it asks to
UNAUTHORIZED = 401
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
# What a rule comes to in a call that is no step; any other meaning is a refusal.
_MEANT = dict.fromkeys((Means.RETRY, Means.BUSY, Means.NOT_READY), Means.RETRY) | {
    means: means for means in (Means.OK, Means.AUTH_EXPIRED)
}


class Sender(Protocol):
    """What sends one call once."""

    clock: Clock
    redactor: Redactor

    def send(self, call: Call, authenticator: Credentials | None, *, stream: bool = False) -> Reply:
        """As `Http.send`."""
        ...


@dataclass(frozen=True)
class Manner:
    """How such a call is asked: how often again, and what its answers mean beside what their codes say."""

    retry: Retry = field(default_factory=Retry)
    rules: Sequence[CompiledRule] = ()

    @classmethod
    def of(cls, requester: Requester, templates: Templates, key: str) -> Manner:
        """That of a requester; raises ConfigurationError where a rule cannot be read."""
        rules = [CompiledRule(rule, templates, f"{key}.responses[{n}]") for n, rule in enumerate(requester.responses)]
        return cls(requester.retry, rules)

    def means(self, reply: Reply, scope: Mapping[str, Any] | None, now: datetime) -> tuple[Means, float | None]:
        """Whether the answer is good, worth another try, the end of a token, or a refusal; and the wait it asks for."""
        asked = parse_retry_after(reply.headers.get("Retry-After"), now)
        answer = as_response(reply)
        seen = {**(scope or {}), "response": answer}
        for rule in self.rules:
            if rule.matches(answer, seen):
                wait = None if rule.wait is None else parse_wait(rule.wait.first(answer, seen), now)
                return _MEANT.get(rule.means, Means.FAIL), wait or asked
        if reply.status_code in _PASSING or any(reply.status_code in codes for codes in self._repeated):
            return Means.RETRY, asked
        if reply.status_code == UNAUTHORIZED:
            return Means.AUTH_EXPIRED, None
        return Means.OK if 200 <= reply.status_code < 300 else Means.FAIL, None  # noqa: PLR2004

    @property
    def _repeated(self) -> Sequence[range]:
        return parse_codes([code for code in self.retry.on if code != "timeout"])


USUAL = Manner()


def ask(sender: Sender, call: Call, authenticator: Credentials | None, manner: Manner = USUAL) -> tuple[Reply, bool]:
    """Sends a call until its answer is no 429 or 5xx, with growing waits; and whether that is a good one.

    An answer that means so renews the token once. Raises NotReady when the tries ran out or the run is to stop.
    """
    patience = Patience(manner.retry, sender.clock, log, usual=TRIES, longest=LONGEST_ASKED)
    renewed = False
    while True:
        asked: float | None = None
        try:
            reply = sender.send(replace(call, attempt=patience.attempt), authenticator)
            means, asked = manner.means(reply, call.scope, sender.clock.now())
            if means is Means.AUTH_EXPIRED and authenticator is not None and not renewed:
                renewed = True
                if authenticator.refresh(reply.token):
                    reply.tell()
                    reply = sender.send(replace(call, attempt=patience.attempt), authenticator)
                    means, asked = manner.means(reply, call.scope, sender.clock.now())
        except Untrusted as error:
            lost = _unanswered(call, error)
            where = replace(lost.where, request_line=error.request_line)
            raise RequestError(lost.message, where=where, hint=lost.hint) from None
        except NotReady:  # what this call needs has had its own tries
            raise
        except NetworkError as error:
            failure = _unanswered(call, error)
        except RequestError as error:
            error.hint = error.hint or f"check {_key_of(call)}"
            raise error.within(Where(step=call.step)) from None
        else:
            if means is not Means.RETRY:
                return reply, means is Means.OK
            reply.tell()
            refused = refusal(sender.redactor, call, reply)
            failure = NotReady(
                refused.message, hint=refused.hint, request_line=reply.request_line, where=refused.where,
                excerpt=refused.excerpt,
            )  # fmt: skip
        if not patience.has_more(failure, asked):
            raise failure


def as_response(reply: Reply) -> Response:
    """An answer as JSON, or as the form fields that some token endpoints send."""
    answer = reply.answer()
    if answer.body is None and "=" in answer.text and "\n" not in answer.text.strip():
        answer.body = dict(parse_qsl(answer.text.strip()))
    return answer


def refusal(redactor: Redactor, call: Call, reply: Reply) -> RequestError:
    """The error for an answer that is no success."""
    code = reply.status_code
    passes = "run again when the API is well"
    return RequestError(
        f"{call.step} was answered with {code}",
        where=answered_by(call, reply),
        excerpt=redactor.excerpt(reply.text),
        hint=passes if code in _PASSING else f"check {_key_of(call)}",
    )


def answered_by(call: Call, reply: Reply) -> Where:
    """The place of an error about the answer to a call that is no step of a job."""
    return answered(Where(step=call.step, request_line=reply.request_line), reply.answer())


def _unanswered(call: Call, error: NetworkError) -> NotReady:
    usual = "run again later"
    if isinstance(error, ConnectionRefused):
        usual = f"is the host in {_key_of(call)} right, and can it be reached from here?"
    return NotReady(
        f"{call.step}: {error.message}",
        hint=error.hint or usual,
        request_line=error.request_line,
        where=Where(step=call.step),
    )


def _key_of(call: Call) -> str:
    return "`base_url`" if call.step == "base_url" else "`authenticator.token_url`, or where else it logs in"


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
