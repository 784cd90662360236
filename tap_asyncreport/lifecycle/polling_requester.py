"""Asks for the status of one job, or of several in one request, and says what its words mean."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.status_words import classify, normal
from tap_asyncreport.errors import JobError, ReportError
from tap_asyncreport.http.reply import json_of
from tap_asyncreport.http.retry_after import parse_retry_after, parse_wait
from tap_asyncreport.job import Job, JobStatus, Means, Outcome
from tap_asyncreport.lifecycle.context import job_view
from tap_asyncreport.lifecycle.hints import unusable
from tap_asyncreport.lifecycle.paginators import FIRST, Page, pages_of
from tap_asyncreport.lifecycle.requester import Answer, Asking, Requester
from tap_asyncreport.lifecycle.rules import Step
from tap_asyncreport.lifecycle.status_words import combined, flattened, shown, words_to_add
from tap_asyncreport.response import Response
from tap_asyncreport.templates.further_pages import said_in
from tap_asyncreport.templates.suggestions import elsewhere, missing
from tap_asyncreport.templates.text import to_json

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import PollingRequester as Config
    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.templates import Extractor

logger = logging.getLogger("tap-asyncreport")
_FALSE = ("", "false", "no", "0", "none", "null")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A job's own answer, and the names with which it is judged."""

    answer: Answer
    response: Response
    scope: Mapping[str, Any]


_BY_CODE = (
    'where the code of the answer is the status, set `status: {{extractor: "{{{{ polling_response.status_code }}}}", '
    "mapping: {{running: [{code}], completed: [200]}}}}`; else check `status.extractor`"
)
_NO_WORD = (
    "; where the API has no word for it, let a template say it, such as "
    "`{{ 'completed' if polling_response.KEY else 'running' }}`"
)


class PollingRequester:
    """The polls of a stream's jobs; without a request a job counts as completed as soon as it exists."""

    def __init__(self, config: Config | None, context: StreamContext) -> None:
        stream, templates = context.stream, context.templates
        self._context = context
        self._status = stream.status
        self.requester = None if config is None else Requester(config, Step.POLLING, context, Step.POLLING)
        self._batch = 1 if config is None else config.batch or 1
        self._select = None if config is None else context.extractor(config.select, "polling_requester.select")
        key = f"{context.key}.polling_requester.paginator"
        self._pages = None if config is None else pages_of(config.paginator, templates, key)
        self._word = templates.extractor(stream.status.extractor, f"{context.key}.status.extractor")
        ready = stream.status.ready_when
        self._ready = None if ready is None else templates.template(ready, f"{context.key}.status.ready_when")
        self._wait = context.extractor(stream.jobs.poll_wait, "jobs.poll_wait")
        self._progress = context.extractor(stream.jobs.progress, "jobs.progress")
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    def can_ask(self, job: Job) -> bool:
        """Whether all that a poll says of the job is known."""
        if self.requester is None:
            return True
        scope, named = self._known(job), self._known(replace(job, id="known"))
        return self.requester.renders(scope) and not (job.id is None and self.requester.loses(scope, named))

    def _known(self, job: Job) -> dict[str, Any]:
        return {**self._context.scope(job), "jobs": [job_view(job)]}

    def needs_id(self, job: Job) -> bool:
        """Whether a poll cannot do without the id that the job has not."""
        asked = self.requester
        named = asked is not None and (("job", "id") in asked.paths() or asked.uses("jobs"))
        return named and job.id is None and not self.can_ask(job)

    def names_id(self, source: str) -> bool:
        """Whether a poll names the job by what stands at this path of the creation's answer."""
        wanted = {("job", "id"), ("creation_response", source.removeprefix("$."))}
        return self.requester is not None and not wanted.isdisjoint(self.requester.paths())

    def settled(self, job: Job) -> bool:
        """Whether the creation's answer holds the rows already, under a final status: then nothing is left to ask."""
        if self._context.stream.download_retriever.source is None:
            return False
        return self._at_once(copy(job)).status not in (None, JobStatus.RUNNING)

    def _at_once(self, job: Job) -> Outcome:
        """What the creation's answer says of a job that has no id to ask with."""
        response = job.creation_response or Response()
        answer = Answer(Means.OK, response, self._context.where(job.unit, job, step=Step.CREATION.value))
        return self._judged(answer, job, last=True) or Outcome(Means.FAIL)

    def poll(self, jobs: Sequence[Job]) -> list[Outcome]:
        """One outcome for each job, in their order; jobs whose requests differ are asked for separately."""
        if self.requester is None:
            return [Outcome(Means.OK, status=JobStatus.COMPLETED) for _ in jobs]
        outcomes = {job: self._at_once(job) for job in jobs if self.needs_id(job)}
        for group in self._groups([job for job in jobs if job not in outcomes]):
            outcomes.update(self._poll_group(self.requester, group))
        return [outcomes[job] for job in jobs]

    def _groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        if len(jobs) == 1 or self.requester is None or self._batch == 1:
            return [[job] for job in jobs]
        alike: dict[str, list[Job]] = {}
        for job in jobs:
            alike.setdefault(self._rest(self.requester, job), []).append(job)
        return [group[at : at + self._batch] for group in alike.values() for at in range(0, len(group), self._batch)]

    def _rest(self, requester: Requester, job: Job) -> str:
        """The request of a job without the job: the same for all that may share a poll."""
        try:
            return repr(requester.content({**self._context.unit_scope(job.unit), "jobs": []}))
        except ReportError:
            return repr((job.unit.partition, job.unit.window and requester.uses("window")))

    def _poll_group(self, requester: Requester, jobs: list[Job]) -> Iterator[tuple[Job, Outcome]]:
        views = [job_view(job) for job in jobs]
        waiting = {id(job): job for job in jobs}
        page, last = FIRST, ""
        while True:
            asking = Asking(jobs[0].unit, jobs[0], {**self._context.scope(jobs[0]), "jobs": views})
            changes = self._pages.changes(page) if self._pages else None
            answer = requester.ask(asking, changes) if changes else requester.ask(asking)
            if not answer.good:
                yield from ((job, self._unanswered(answer, job, alone=len(jobs) == 1)) for job in waiting.values())
                return
            following = None
            if self._pages is not None:
                seen = requester.answer_scope(asking.scope, answer.response)
                following = self._pages.after(page, answer.response, seen, 1)
            for job in list(waiting.values()):
                outcome = self._judged(answer, job, last=following is None)
                if outcome is not None:
                    del waiting[id(job)]
                    yield job, outcome
            if following is not None and answer.response.text == last:
                for job in waiting.values():
                    yield job, answer.outcome(means=Means.FAIL, error=self._repeats(answer, job, page))
                return
            last = answer.response.text
            if following is None or not waiting:
                return
            page = following

    def _repeats(self, answer: Answer, job: Job, page: Page) -> ReportError:
        said = f"asking for the job's status: page {page.number + 1} repeats the one before it"
        error = answer.complaint(said, hint="check `polling_requester.paginator`")
        return error.within(self._context.where(job.unit, job))

    def _unanswered(self, answer: Answer, job: Job, *, alone: bool) -> Outcome:
        if answer.means is Means.NOT_READY:
            return answer.outcome(means=Means.OK, status=JobStatus.RUNNING, word="not ready", error=None)
        if answer.means is Means.JOB_GONE and answer.rule is None and not alone:
            # one 404 for many jobs says nothing of each
            return answer.outcome(means=Means.RETRY, error=self._of(answer, job))
        return answer.outcome(error=self._of(answer, job))

    def _of(self, answer: Answer, job: Job) -> ReportError | None:
        """The shared answer's error, told of this job."""
        error = answer.error
        if error is None:
            return None
        told = copy(error)
        told.where = self._context.where(job.unit, job).within(error.where)
        return told

    def _judged(self, answer: Answer, job: Job, *, last: bool) -> Outcome | None:
        """What the answer says of one job; None where it stands on a later page."""
        try:
            response, scope = answer.response, self._context.scope(job)
            if self._select is not None:
                part = self._picked(self._select, response, scope)
                if part is None:
                    return self._unlisted(answer, job) if last else None
                response = part
            job.polling_response = response
            scope = {**scope, "response": response, "polling_response": response}
            return self._outcome(_Seen(answer, response, scope), job)
        except ReportError as error:
            return Outcome(Means.FAIL, error=error.within(self._context.where(job.unit, job).within(answer.where)))

    def _picked(self, select: Extractor, response: Response, scope: Mapping[str, Any]) -> Response | None:
        """The selected part as an answer of its own; JSON in a text, as batch calls hold it, is read."""
        source = response
        if self._context.stream.download_retriever.source == "polling_response":  # its rows keep every digit
            exact = exact_json(response.text)
            source = Response(exact, headers=response.headers, status_code=response.status_code, url=response.url)
        value = select.first(source, {**scope, "response": source, "polling_response": source})
        if value is None:
            return None
        text = None if isinstance(value, str) else to_json(value)
        if isinstance(value, str):
            parsed = json_of(value.encode())
            value, text = (parsed, value) if isinstance(parsed, dict | list) else (value, value)
        elif source is not response:
            value = json_of(to_json(value).encode())
        return Response(value, headers=response.headers, status_code=response.status_code, url=response.url, text=text)

    def _unlisted(self, answer: Answer, job: Job) -> Outcome:
        more = said_in("`polling_requester.paginator`", answer.response) if self._pages is None else None
        error = answer.complaint(
            f"the answer lists no object for this job ({self._select.source if self._select else ''})",
            hint=f"there are more pages; {more}" if more else "check `polling_requester.select`",
        )
        error = error.within(self._context.where(job.unit, job))
        return Outcome(Means.RETRY, wait=self._asked(answer.response, {}), error=error)

    def _outcome(self, seen: _Seen, job: Job) -> Outcome:
        words = flattened(self._word.all(seen.response, seen.scope))
        found = [classify(self._status, word) for word in words]
        word = shown(words)
        if not words or None in found:
            unknown = shown([word for word, status in zip(words, found, strict=True) if status is None])
            if self._status.unknown == "fail":
                return Outcome(Means.FAIL, error=self._unknown(seen, job, unknown), word=word)
            self._warn(unknown)
            found = [status or JobStatus.RUNNING for status in found]
        status = combined([each for each in found if each is not None])
        if status is JobStatus.COMPLETED and not self._is_ready(seen.scope):
            status = JobStatus.RUNNING
        progress = None if self._progress is None else self._progress.first(seen.response, seen.scope)
        failed = status in (JobStatus.FAILED, JobStatus.TIMED_OUT)
        return Outcome(
            Means.OK,
            wait=self._asked(seen.response, seen.scope),
            error=self._failed(seen, job, status, word) if failed else None,
            status=status,
            word=word,
            progress=progress,
        )

    def _is_ready(self, scope: Mapping[str, Any]) -> bool:
        if self._ready is None:
            return True
        ready = self._ready.render(scope)
        return ready.strip().lower() not in _FALSE if isinstance(ready, str) else bool(ready)

    def _asked(self, response: Response, scope: Mapping[str, Any]) -> float | None:
        """The wait until the next poll that the answer asks for."""
        now = self._context.clock.now()
        wait = None if self._wait is None else parse_wait(self._wait.first(response, scope), now)
        return wait or parse_retry_after(response.headers.get("retry-after"), now)

    def _complaint(self, seen: _Seen, job: Job, message: str, hint: str | None) -> JobError:
        said = self._context.said(seen.response, seen.scope)
        place = self._context.where(job.unit, job).within(seen.answer.where)
        return JobError(message, where=place, excerpt=said, hint=hint)

    def _failed(self, seen: _Seen, job: Job, status: JobStatus, word: str) -> JobError:
        what = "failed" if status is JobStatus.FAILED else "timed out at the API"
        hint = (
            "where the API tells the reason elsewhere, name it by `status.message` or `error_requester`; where such "
            "failures pass, raise `jobs.max_attempts` or `jobs.retry_wait`"
        )
        return self._complaint(seen, job, f"the job {what}: its status is {word!r}", hint)

    def _unknown(self, seen: _Seen, job: Job, word: str) -> JobError:
        if not word or word == "null":
            return self._no_status(seen, job)
        if word.startswith("{"):
            hint = f"point `status.extractor` at the word in it, such as `{self._status.extractor}.KEY`"
            return self._complaint(seen, job, f"the status is a mapping, not a word: {word}", hint)
        known, line = words_to_add(self._status, word)
        message = f"the status {word!r} is not known"
        hint = (
            f"say what it means under `status.mapping`, for example `{line}`; or set `status.unknown: running`. "
            f"Known are {known}"
        )
        return self._complaint(seen, job, message, hint)

    def _no_status(self, seen: _Seen, job: Job) -> JobError:
        """There is no word where one should be: the answer is of another kind, or has it elsewhere, or none yet."""
        source, nature = self._status.extractor, seen.response.nature
        message = f"the answer holds no status at {source}" + (f": it is {nature}" if nature else "")
        found = elsewhere(seen.response, "status")
        if found == source:
            hint = "where an empty status means that the job still runs, set `status.unknown: running`"
            return self._complaint(seen, job, f"the status at {source} is empty", hint)
        about = unusable(Step.POLLING, seen.response, self._context.stream.name) if found is None else None
        if found is None and about is None and seen.response.status_code != HTTPStatus.OK:
            about = _BY_CODE.format(code=seen.response.status_code)
        hint = about or missing(seen.response, "status.extractor", "status")
        if found is None and about is None and seen.response.body is not None:
            hint += _NO_WORD
        return self._complaint(seen, job, message, hint)

    def _warn(self, word: str) -> None:
        with self._lock:
            fresh = normal(word) not in self._warned
            self._warned.add(normal(word))
        if fresh:
            stream = self._context.stream.name
            logger.warning("%s: the status %r is not known, and taken as running; see `status.mapping`", stream, word)


def exact_json(text: str) -> Any:
    """The JSON value with every digit of its numbers; None where the text is none."""
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
