"""Creates the job: one request or several named ones, never blindly repeated."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from tap_asyncreport.errors import ReportError, RequestError
from tap_asyncreport.job import Job, Means, Outcome, Unit
from tap_asyncreport.lifecycle.hints import unusable
from tap_asyncreport.lifecycle.paginators import UNCHANGED, Changes, Page, pages_of, put_json
from tap_asyncreport.lifecycle.requester import Answer, Asking, Requester
from tap_asyncreport.lifecycle.rules import Step
from tap_asyncreport.response import Response, answered
from tap_asyncreport.templates import json_path
from tap_asyncreport.templates.lookup import path_like
from tap_asyncreport.templates.suggestions import elsewhere, missing, refusal
from tap_asyncreport.templates.text import as_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_asyncreport.config.requesters import CreationRequester as Config
    from tap_asyncreport.lifecycle.context import StreamContext

DEFAULT_ID = "$.id"
_LISTED = re.compile(r"(\$[^\[]*)\[(?:0|\*)\]")
_SIMPLE_PATH = re.compile(r"\$(\.[\w-]+|\[\d+\]|\['[^']*'\])+")


class Polls(Protocol):
    """What the creation must know of the polls."""

    def needs_id(self, job: Job) -> bool:
        """Whether a poll cannot do without the id that the job has not."""
        ...

    def names_id(self, source: str) -> bool:
        """Whether a poll names the job by what stands at this path of the creation's answer."""
        ...

    def settled(self, job: Job) -> bool:
        """Whether the creation's answer says all that a poll could say."""
        ...


class CreationRequester:
    """The creation of a stream's jobs; `paginator` chains jobs of one window."""

    def __init__(self, configs: Sequence[Config], context: StreamContext, polls: Polls) -> None:
        self._context = context
        self._polls = polls
        many = len(configs) > 1
        keys = [f"creation_requester[{n}]" if many else "creation_requester" for n in range(len(configs))]
        self.requesters = [
            Requester(config, Step.CREATION, context, key, name=config.name)
            for config, key in zip(configs, keys, strict=True)
        ]
        last, key = configs[-1], f"{context.key}.{keys[-1]}"
        self._id_is_required = last.job_id is not None
        self._id_source = last.job_id or DEFAULT_ID
        self._job_id = context.templates.extractor(self._id_source, f"{key}.job_id")
        self._pages = pages_of(last.paginator, context.templates, f"{key}.paginator")

    def create(self, job: Job) -> Outcome:
        """Makes the job, or adopts the one that exists; a step that is done is not repeated when called again."""
        job.idempotency_key = job.idempotency_key or str(uuid.uuid4())
        job.begun_at = job.begun_at or self._context.clock.now()
        for requester in self.requesters[:-1]:
            if requester.name in job.creation_responses:
                continue
            answer = self._ask(requester, job)
            if answer.means is Means.DUPLICATE:
                answer = self._adopted(answer, self._existing(answer, job))
            if not answer.good:
                return self._refused(answer)
            job.creation_responses[requester.name or ""] = answer.response
        return self._last(job)

    def next_link(self, job: Job) -> Unit | None:
        """The next job of a completed one's window, where jobs are chained and its answer says that there is more."""
        answer = job.polling_response or job.creation_response
        if self._pages is None or answer is None:
            return None
        unit = job.unit
        page = self._pages.after(Page(unit.link, unit.cursor), answer, self._context.scope(job), 0)
        if page is not None and unit.cursor is not None and page.value == unit.cursor:
            raise RequestError(
                f"the job's answer leads to a job like itself: the cursor is {page.value!r} again",
                excerpt=self._context.said(answer, self._context.scope(job)),
                hint="check `creation_requester.paginator`: is the cursor put where the API looks for it?",
            )
        return None if page is None else replace(unit, link=unit.link + 1, cursor=page.value)

    def content(self, number: int, unit: Unit, scope: Mapping[str, Any]) -> dict[str, Any]:
        """What the request of this number would be for a unit, without its headers."""
        last = number == len(self.requesters) - 1
        return self.requesters[number].content(scope, self._changes(unit) if last else UNCHANGED)

    def _last(self, job: Job) -> Outcome:
        requester = self.requesters[-1]
        answer = self._ask(requester, job, self._changes(job.unit))
        means = answer.means
        if means is Means.DUPLICATE:
            answer, found = self._adopt(answer, job)
        elif answer.good:
            found = self._job_id.first(answer.response, self._scope(requester, job, answer))
            found = None if found == "" and self._polls.names_id(self._id_source) else found
            if found is None and self._needs_id(job, answer.response):
                return answer.outcome(means=Means.FAIL, error=self._no_id(answer))
        if not answer.good:
            return self._refused(answer)
        job.id_value, job.id = found, None if found is None else as_text(found)
        job.created_at = self._context.clock.now()
        job.adopted = means is Means.DUPLICATE
        if requester.name is not None:
            job.creation_responses[requester.name] = answer.response
        job.creation_response = answer.response
        return Outcome(means)

    def _needs_id(self, job: Job, response: Response) -> bool:
        """Whether a job without an id is lost: nobody could ask for it, and its answer is not final."""
        nameless = replace(job, creation_response=response)
        required = self._id_is_required or self._polls.needs_id(nameless)
        return required and not self._polls.settled(nameless)

    def _changes(self, unit: Unit) -> Changes:
        if self._pages is None or unit.cursor is None:
            return UNCHANGED
        return self._pages.changes(Page(unit.link, unit.cursor))

    def _ask(self, requester: Requester, job: Job, changes: Changes = UNCHANGED) -> Answer:
        key = job.idempotency_key
        if requester is not self.requesters[-1]:
            key = str(uuid.uuid5(uuid.UUID(key), requester.name or ""))
        return requester.ask(Asking(job.unit, job, self._context.scope(job)), changes, key=key)

    def _scope(self, requester: Requester, job: Job, answer: Answer) -> dict[str, Any]:
        return requester.answer_scope(self._context.scope(job), answer.response)

    def _adopt(self, answer: Answer, job: Job) -> tuple[Answer, Any]:
        found = self._existing(answer, job)
        return self._adopted(answer, found), found

    def _existing(self, answer: Answer, job: Job) -> Any:
        """The id of the job that a refusal speaks of: by its rule, by the rule's text, or where ids stand anyway."""
        scope = self._scope(self.requesters[-1], job, answer)
        found = None
        if answer.rule is not None and answer.rule.job_id is not None:
            found = answer.rule.job_id.first(answer.response, scope)
        if found is None and answer.match is not None and answer.match.groups():
            found = answer.match.group(1)
        return self._job_id.first(answer.response, scope) if found is None else found

    def _adopted(self, answer: Answer, found: Any) -> Answer:
        """The refusal as if it were the creation's answer; without an id it stays a refusal."""
        if found is None:
            return answer
        response = answer.response
        path = self._id_source if _SIMPLE_PATH.fullmatch(self._id_source) else DEFAULT_ID
        if not isinstance(response.body, dict):
            body: Any = put_json({}, path, found)
        else:
            try:
                body = put_json(response.body, path, found)
            except (KeyError, IndexError, TypeError):
                body = {**response.body, "id": found}
        patched = Response(body, headers=response.headers, status_code=response.status_code, url=response.url)
        return replace(answer, means=Means.OK, response=patched)

    def _refused(self, answer: Answer) -> Outcome:
        if answer.means is not Means.DUPLICATE:
            return answer.outcome()
        code = answer.response.status_code
        error = answer.complaint(
            f"creating the job: the API answered {code}, which means that the job exists, but not which it is",
            hint="let the rule's `job_id`, or a group in its `text`, find the id of the job that exists",
        )
        return answer.outcome(means=Means.BUSY, error=error, counts=True)

    def _id_hint(self, response: Response) -> str:
        rule = refusal(response)
        if rule is not None:
            return (
                "`creation_requester.responses`: if this is a refusal, say what it means (retry, busy, fail …), for "
                f"example by the rule {rule}; else check `creation_requester.job_id`"
            )
        if elsewhere(response, "id") is None:
            about = unusable(Step.CREATION, response, self._context.stream.name)
            if about is not None:
                return about
        found = missing(response, "creation_requester.job_id", "id")
        listed = _LISTED.match(self._id_source)
        if listed is not None and list(json_path.look(response.body, json_path.steps_of(listed[1]) or ())) == [[]]:
            rule = f"{{status: {response.status_code}, json: {{'{listed[0]}': absent}}, means: empty}}"
            return f"where an empty list means that there is nothing, add to `creation_requester.responses`: {rule}"
        return f"{found}; if this is a refusal, say so in `creation_requester.responses`"

    def may_be_named(self, job: Job) -> bool:
        """Whether the answer looks as if a job was made: it holds something like an id, where no template looks."""
        return path_like(job.creation_response or Response(), "id") is not None

    def nameless(self, job: Job) -> ReportError:
        """The error for a job that no later step can name, from the answer that should have said how."""
        response = job.creation_response or Response()
        place = answered(self._context.where(job.unit, job), response)
        said = self._context.said(response, self._context.scope(job))
        return self._no_id(Answer(Means.OK, response, replace(place, request_line=response.request_line), said))

    def _no_id(self, answer: Answer) -> ReportError:
        response = answer.response
        nature = f": it is {response.nature}" if response.nature else ""
        return answer.complaint(
            f"creating the job: the answer ({response.status_code}) holds no job id at {self._id_source}{nature}",
            hint=self._id_hint(response),
        )
