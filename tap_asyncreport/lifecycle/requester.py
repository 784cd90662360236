"""What the steps share: one request from configuration and context, its answer classified."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import ConfigurationError, LoginError, ReportError, RequestError, TemplateError, Where
from tap_asyncreport.http.bodies import header_pairs, pairs
from tap_asyncreport.http.calls import Call
from tap_asyncreport.http.network import ConnectionRefused, NetworkError, NotReady, Untrusted
from tap_asyncreport.http.retry_after import parse_retry_after, parse_wait
from tap_asyncreport.http.rules import CompiledRule, parse_codes
from tap_asyncreport.job import Means, Outcome
from tap_asyncreport.lifecycle.hints import expired_link, hint_for, patience, unusable
from tap_asyncreport.lifecycle.paginators import UNCHANGED, Changes
from tap_asyncreport.lifecycle.rendering import Body, nulls
from tap_asyncreport.lifecycle.rules import Step, Verdict, classify
from tap_asyncreport.response import Response, answered
from tap_asyncreport.templates.lookup import kind_of
from tap_asyncreport.templates.text import as_text

if TYPE_CHECKING:
    from datetime import datetime

    from tap_asyncreport.config.requesters import Requester as Config
    from tap_asyncreport.http.reply import Reply
    from tap_asyncreport.job import Job, Unit
    from tap_asyncreport.lifecycle.context import StreamContext

logger = logging.getLogger("tap-asyncreport")

DOING: Mapping[Step, str] = {
    Step.CREATION: "creating the job",
    Step.POLLING: "asking for the job's status",
    Step.TARGET: "asking for the download targets",
    Step.DOWNLOAD: "downloading",
    Step.ABORT: "aborting the job",
    Step.DELETE: "deleting the job",
    Step.ERROR: "asking why the job failed",
    Step.PARTITION: "listing the partitions",
}
# Names that say something only of a job that was made as a whole.
_WHOLE = frozenset({"job", "jobs", "creation_response", "polling_response", "download_target"})
_OTHER_SCHEME = re.compile(r"\s*(?!https?:)([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_MAY_EXIST = "; the job may exist, so the call is not repeated"
_ONCE_ONLY = "set `idempotency_header`, or `retry: {on: [timeout]}` where a second job does no harm"
_ANSWER_NAMES = {Step.CREATION: "creation_response", Step.POLLING: "polling_response"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to; `error` says what to tell where it is not a good answer."""

    means: Means
    response: Response = field(default_factory=Response)
    where: Where = field(default_factory=Where)
    said: str | None = None
    wait: float | None = None
    error: ReportError | None = None
    rule: CompiledRule | None = None
    match: re.Match[str] | None = None

    @property
    def good(self) -> bool:
        """Whether the step may go on with this answer."""
        return self.means is Means.OK

    def outcome(self, **changes: Any) -> Outcome:
        """The answer as the outcome of a verb."""
        return replace(Outcome(self.means, wait=self.wait, error=self.error), **changes)

    def complaint(self, message: str, *, hint: str | None = None) -> ReportError:
        """An error about this answer, with its place and the API's words."""
        return RequestError(message, where=self.where, excerpt=self.said, hint=hint)


@dataclass(frozen=True, slots=True)
class Asking:
    """For whom a request is made: the unit, its job if there is one, and the names that templates see."""

    unit: Unit
    job: Job | None
    scope: Mapping[str, Any]


def read_whole(reply: Reply) -> Response:
    """The answer with its whole body, decoded."""
    return reply.answer()


class Requester:
    """One configured request of one step; raises ConfigurationError and TemplateError when it cannot be compiled."""

    def __init__(
        self, config: Config, step: Step, context: StreamContext, key: str, *, name: str | None = None
    ) -> None:
        templates, key = context.templates, f"{context.key}.{key}"
        self.config = config
        self.step = step
        self.name = name
        self._context = context
        self._url = templates.template(config.url, f"{key}.request")
        self._params = templates.template(config.params, f"{key}.params")
        self._headers = templates.template(config.headers, f"{key}.headers")
        self.body = Body(config, templates, key)
        own = [CompiledRule(rule, templates, f"{key}.responses[{n}]") for n, rule in enumerate(config.responses)]
        self.rules = [*own, *context.rules]
        self._repeated = parse_codes([code for code in config.retry.on if code != "timeout"])
        self._follow = not any(rule.covers(range(300, 400)) for rule in own)
        self.repeats_timeouts = "timeout" in config.retry.on or config.idempotency_header is not None

    def uses(self, name: str) -> bool:
        """Whether the request's templates use this name."""
        return any(path[0] == name for path in self.paths())

    def can_name(self, job: Job) -> bool:
        """Whether all that the request says of the job is known: of one made in part, what its first steps said."""
        if not job.in_part:
            return job.id is not None or self.renders(self._context.scope(job))
        known = job.creation_responses
        return all(
            len(path) > 1 and path[1] in known if path[0] == "creation_responses" else path[0] not in _WHOLE
            for path in self.paths()
        )

    def renders(self, scope: Mapping[str, Any]) -> bool:
        """Whether the request can be made of what is known."""
        try:
            self.content(scope)
        except ReportError:
            return False
        return True

    def loses(self, scope: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
        """Whether a parameter, a header or a part of the body is null that would not be if more were known."""
        parts = [part for part in (self._params, self._headers, self.body.template) if part is not None]
        fuller = {**scope, **known}
        try:
            return any(nulls(part.told_to_nobody(scope)) - nulls(part.told_to_nobody(fuller)) for part in parts)
        except ReportError:
            return False

    def paths(self) -> Iterator[tuple[str, ...]]:
        """The names that the request's templates use, as paths from the top."""
        parts = [self._url, self._params, self._headers, self.body.template]
        return (path for part in parts if part is not None for path in part.paths)

    def url(self, scope: Mapping[str, Any]) -> str | None:
        """The rendered URL or path; None where it is null or empty, RequestError where it is nothing of the kind."""
        url = self._url.render(scope)
        if url is None or url == "":
            return None
        scheme = _OTHER_SCHEME.match(url) if isinstance(url, str) else None
        if scheme is None and not isinstance(url, bool | list | Mapping):
            return as_text(url)
        what = f"has the scheme {scheme[1]!r}" if scheme else f"is {kind_of(url)}"
        raise RequestError(
            f"what should be a URL {what}: {self._context.http.redactor.excerpt(as_text(url))}",
            where=Where(step=self.label),
            hint=f"check `{self.step}.request`; only http and https are spoken here",
        )

    def content(self, scope: Mapping[str, Any], changes: Changes = UNCHANGED) -> dict[str, Any]:
        """Method, URL, parameters and body as they would be sent, without headers."""
        params = {**({} if changes.url else self._params.render(scope)), **changes.params}
        body, _ = self.body.encoded(scope, changes.json)
        return {
            "method": self.config.method,
            "url": changes.url or self.url(scope),
            "params": list(pairs(params)),
            "body": None if body is None else body.decode("utf-8", "surrogateescape"),
        }

    def call(self, asking: Asking, changes: Changes = UNCHANGED, key: str | None = None) -> Call:
        """The request, rendered; raises TemplateError, and RequestError where its URL is null."""
        scope = {**asking.scope, "now": self._now(asking.job)}
        url = changes.url or self.url(scope)
        if url is None:
            raise RequestError("the URL is null", hint=f"check `{self.step}.request`")
        params = {**({} if changes.url else self._params.render(scope)), **changes.params}
        body, media_type = self.body.encoded(scope, changes.json)
        headers = {**dict(header_pairs(self._headers.render(scope))), **changes.headers}
        if key is not None and self.config.idempotency_header is not None:
            headers[self.config.idempotency_header] = key
        return Call(
            step=self.step,
            stream=self._context.stream.name,
            job_id=None if asking.job is None else asking.job.id,
            method=self.config.method,
            url=url,
            params=tuple(pairs(params)),
            headers=tuple(headers.items()),
            body=body,
            media_type=media_type,
            scope=scope,
            follow=self._follow,
            unit=asking.unit,
        )

    def _now(self, job: Job | None) -> datetime:
        """The time of sending; where every try of a creation is to be the same request, that of the first."""
        same = self.config.idempotency_header is not None and job is not None
        at = job.begun_at if same and job is not None else None
        return self._context.templates.at(at or self._context.clock.now())

    def ask(
        self,
        asking: Asking,
        changes: Changes = UNCHANGED,
        *,
        key: str | None = None,
        read: Callable[[Reply], Response] | None = None,
    ) -> Answer:
        """Sends the request once, and once more with fresh credentials where they were refused; raises LoginError.

        `read` takes the body in a way of its own, and then the reply is its to close.
        """
        where = self._context.where(asking.unit, asking.job, step=self.label)
        try:
            return self._ask(asking, changes, key, read, where)
        except LoginError as error:
            raise error.within(where) from error
        except ReportError as error:
            return Answer(Means.FAIL, where=where, error=self._unsendable(error, asking).within(where))
        except NetworkError as error:
            return self._lost(error, where)
        except ConfigurationError as error:
            hint = next((problem.hint for problem in error.problems), None)
            return Answer(Means.FAIL, where=where, error=RequestError(error.message, where=where, hint=hint))

    def _ask(
        self,
        asking: Asking,
        changes: Changes,
        key: str | None,
        read: Callable[[Reply], Response] | None,
        where: Where,
    ) -> Answer:
        http, refreshed = self._context.http, False
        while True:
            call = self.call(asking, changes, key)
            credentials = http.credentials(self.config.authenticator, call.url, asking.scope)
            reply = http.send(call, credentials, stream=read is not None)
            response = read_whole(reply) if read is None else read(reply)
            place = answered(replace(where, request_line=reply.request_line), response)
            response.request_line = reply.request_line
            answer = self._judged(response, asking.scope, place, anonymous=credentials is None)
            logger.debug("%s: %s answered %s: %s", self.label, reply.request_line, response.status_code, answer.means)
            if answer.means is not Means.AUTH_EXPIRED:
                return answer
            reply.close()
            if credentials is None and self.step is Step.DOWNLOAD:  # a presigned link that is no longer good
                said = f"{DOING[self.step]}: the API answered {response.status_code}"
                error = answer.complaint(said, hint=expired_link(response.status_code))
                return replace(answer, means=Means.LINK_EXPIRED, error=error)
            if refreshed or credentials is None or not credentials.refresh(reply.token):
                raise self._refused(answer, anonymous=credentials is None, refreshed=refreshed)
            refreshed = True

    @property
    def label(self) -> str:
        """The step, and its name where it has one."""
        return f"{self.step} {self.name}" if self.name else self.step.value

    def answer_scope(self, scope: Mapping[str, Any], response: Response) -> dict[str, Any]:
        """The scope in which an answer is judged: `response` is the one at hand, which also has its step's name."""
        names = {"response", _ANSWER_NAMES.get(self.step, "response"), self.name or "response"}
        return {**scope, **dict.fromkeys(names, response)}

    def _unsendable(self, error: ReportError, asking: Asking) -> ReportError:
        """The error of a request that could not be made, with what is known of the answer that it looked into."""
        if isinstance(error, TemplateError):
            answer = None if error.answer is None else asking.scope[error.answer]
            if isinstance(answer, Response):
                error.excerpt = error.excerpt or self._context.http.redactor.excerpt(answer.text)
                seen = Where(request_line=answer.request_line, status_code=answer.status_code)
                error.within(answered(seen, answer) if answer.request_line else Where())
                error.hint = error.hint or self._about(error.answer, answer)
        else:
            error.hint = error.hint or f"check `{self.step}.request`"
        if self.step in (Step.ABORT, Step.DELETE) or not isinstance(error, TemplateError):
            error.message = f"{DOING[self.step]}: {error.message}"
        return error

    def _about(self, name: str | None, answer: Response) -> str:
        """What to try where an answer lacks what a template wants of it."""
        step = next((step for step, known in _ANSWER_NAMES.items() if known == name), self.step)
        stream = self._context.stream.name
        usual = f"see what it holds with `tap-asyncreport trace {stream}`, and correct the template"
        return unusable(step, answer, stream) or usual

    def _judged(self, response: Response, scope: Mapping[str, Any], where: Where, *, anonymous: bool) -> Answer:
        scope = self.answer_scope(scope, response)
        verdict = classify(self.step, self.rules, response, scope, repeated=self._repeated)
        said = self._context.said(response, scope)
        answer = Answer(verdict.means, response, where, said, rule=verdict.rule, match=verdict.match)
        if answer.good:
            return answer
        wait, asked = self._wait(verdict, response, scope)
        led = "redirected the call, and " if response.redirect is not None and response.redirect.elsewhere else ""
        message = f"{DOING[self.step]}: the API {led}answered {response.status_code}{asked}"
        hint = hint_for(self.step, verdict, response, self._context.stream.name, anonymous=anonymous)
        taken = response.redirect is not None and response.redirect.taken
        if answer.means is Means.RETRY and verdict.rule is None and self._may_exist(sent=taken):
            answer, message, hint = replace(answer, means=Means.FAIL), message + _MAY_EXIST, _ONCE_ONLY
        return replace(answer, wait=wait, error=answer.complaint(message, hint=hint))

    def _may_exist(self, *, sent: bool) -> bool:
        """Whether a job may have been made by a request without an answer, so that no second one may be sent."""
        return self.step is Step.CREATION and sent and not self.repeats_timeouts

    def _wait(self, verdict: Verdict, response: Response, scope: Mapping[str, Any]) -> tuple[float | None, str]:
        """Seconds that the answer asks for by its rule's `wait` or by Retry-After, and the words for it."""
        now = self._context.clock.now()
        if verdict.rule is not None and verdict.rule.wait is not None:
            wait = parse_wait(verdict.rule.wait.first(response, scope), now)
            if wait is not None:
                return wait, f" (asking to wait {wait:g} s)"
        header = response.headers.get("retry-after")
        return parse_retry_after(header, now), f" (Retry-After: {header})" if header else ""

    def _refused(self, answer: Answer, *, anonymous: bool, refreshed: bool) -> LoginError:
        code = answer.response.status_code
        if anonymous:
            message = f"{DOING[self.step]}: the API answered {code}, and the call carried no credentials"
            hint = f"set `authenticator`, or `{self.step}.authenticator: inherit` for another origin"
        elif refreshed:
            message = f"{DOING[self.step]}: the API refused a fresh token ({code})"
            hint = (
                "check what the credentials of `authenticator` may do, and how the API wants the token: "
                f"`tap-asyncreport trace {self._context.stream.name}` shows what was sent, and `authenticator.header` "
                "and `authenticator.prefix` change it"
            )
        else:
            message = f"{DOING[self.step]}: the API refused the credentials ({code})"
            hint = "check `authenticator` and `secrets`"
        return LoginError(message, where=answer.where, excerpt=answer.said, hint=hint)

    def _lost(self, error: NetworkError, where: Where) -> Answer:
        """No whole answer came; no other try if a creation may have arrived, or the server is not who it should be."""
        if isinstance(error, NotReady):
            where = error.where.within(where)
        place = replace(where, request_line=error.request_line)
        message, hint = f"{DOING[self.step]}: {error.message}", error.hint or self._after_trouble(error)
        if isinstance(error, Untrusted):
            hint += f"; see {self._host_key(error).removesuffix(', or in its link,')}"
        if not self._may_exist(sent=error.sent):
            said = error.excerpt if isinstance(error, NotReady) else None
            means = Means.FAIL if isinstance(error, Untrusted) else Means.RETRY
            return Answer(
                means, where=place, error=RequestError(message, where=place, excerpt=said, hint=hint)
            )
        return Answer(Means.FAIL, where=place, error=RequestError(message + _MAY_EXIST, where=place, hint=_ONCE_ONLY))

    def _after_trouble(self, error: NetworkError) -> str:
        """What to try when no answer came, where the trouble itself gives no advice."""
        if not isinstance(error, ConnectionRefused):
            return patience(self.step)
        return f"is the host in {self._host_key(error)} right, and can it be reached from here?"

    def _host_key(self, error: NetworkError) -> str:
        """The key that says which host was asked."""
        _, url, *_ = f"{error.request_line} ".split(" ")
        return "`base_url`" if self._context.http.is_own(url) else f"`{self.step}.request`, or in its link,"
