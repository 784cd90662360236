"""The API's jobs behind a few verbs; the only place that knows the order of the steps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.requesters import Range
from tap_asyncreport.decoding.further import asks_for_one_page
from tap_asyncreport.errors import LoginError, ReportError
from tap_asyncreport.job import Job, JobStatus, Means, Outcome, Unit
from tap_asyncreport.lifecycle.abort_requester import AbortRequester
from tap_asyncreport.lifecycle.context import StreamContext
from tap_asyncreport.lifecycle.creation_requester import CreationRequester
from tap_asyncreport.lifecycle.delete_requester import DeleteRequester
from tap_asyncreport.lifecycle.download_retriever import DownloadRetriever
from tap_asyncreport.lifecycle.download_target_extractor import DownloadTargetExtractor, no_target
from tap_asyncreport.lifecycle.download_target_requester import MORE_TARGETS, Answers, DownloadTargetRequester
from tap_asyncreport.lifecycle.error_requester import ErrorRequester
from tap_asyncreport.lifecycle.fingerprint import request_hash
from tap_asyncreport.lifecycle.keeping import Path, pruned, used_parts
from tap_asyncreport.lifecycle.paginators import range_of
from tap_asyncreport.lifecycle.partition_requester import PartitionRequester
from tap_asyncreport.lifecycle.polling_requester import PollingRequester
from tap_asyncreport.lifecycle.rules import Step
from tap_asyncreport.response import Response, answered
from tap_asyncreport.spool import Room, Spool, SpooledFile
from tap_asyncreport.templates.further_pages import Unread, marked_in, said_in
from tap_asyncreport.templates.text import as_text, to_json

if TYPE_CHECKING:
    from tap_asyncreport.clock import Clock
    from tap_asyncreport.config.settings import Settings
    from tap_asyncreport.config.streams import Partition, Stream
    from tap_asyncreport.http.session import Http
    from tap_asyncreport.templates import Extractor, Templates

logger = logging.getLogger("tap-asyncreport")


class JobRepository:
    """The jobs of one stream. Each verb makes one try and says what it came to; waiting is for who calls.

    Safe to use from several threads for different jobs. Verbs raise LoginError when the API refuses the credentials,
    and nothing else. Raises ConfigurationError and TemplateError when the stream's steps cannot be compiled.
    """

    def __init__(
        self, settings: Settings, stream: Stream, http: Http, templates: Templates, spool: Spool, *, clock: Clock
    ) -> None:
        context = self._context = StreamContext(settings, stream, http, templates, clock)
        self._stream = stream
        self._unread = Unread()
        self._polling = PollingRequester(stream.polling_requester, context)
        self._creation = CreationRequester(stream.creation_requester, context, self._polling)
        self._partitions: dict[str, PartitionRequester] = {}
        self._errors = ErrorRequester(stream.error_requester or [], context)
        asked = stream.download_target_requester
        hops = asked if isinstance(asked, list) else [asked] if asked is not None else []
        self._target_requester = DownloadTargetRequester(hops, context) if hops else None
        extractor = stream.download_target_extractor
        self._extractor = None if extractor is None else DownloadTargetExtractor(extractor, context)
        paginator = stream.download_retriever.paginator
        self._range: Extractor | int | None = None
        if isinstance(paginator, Range):
            count = paginator.count
            key = f"{context.key}.download_retriever.paginator.count"
            self._range = count if isinstance(count, int) else templates.extractor(count, key)
        self._download = DownloadRetriever(context, spool)
        self._abort = None if stream.abort_requester is None else AbortRequester(stream.abort_requester, context)
        self._delete = None if stream.delete_requester is None else DeleteRequester(stream.delete_requester, context)

    # -- the verbs

    def create(self, job: Job) -> Outcome:
        """Creates the job, or adopts the one that the API has already (DUPLICATE); the job then has its answer."""
        job.request_hash = job.request_hash or self.request_hash(job.unit)
        outcome = self._tried(Step.CREATION, job, lambda: self._creation.create(job))
        if outcome.means is Means.OK and job.id is None and not self._can_be_named(job):
            error = self._creation.nameless(job).within(self._context.where(job.unit, job, step=Step.CREATION.value))
            job.creation_response = None
            return Outcome(Means.FAIL, error=error)
        return outcome

    def poll(self, jobs: Sequence[Job]) -> list[Outcome]:
        """One outcome for each job; `status` is the class of its words, `follow` the next job of a chain."""
        outcomes = self._polling.poll(jobs)
        return [self._after_poll(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)]

    def targets(self, job: Job) -> Outcome:
        """Finds the targets of a completed job; NOT_READY or EMPTY where there are none."""
        return self._tried(Step.TARGET, job, lambda: self._targets(job))

    def download(self, job: Job, *, urgent: bool = False) -> Outcome:
        """Fetches the files of a job whose targets are known; NO_ROOM where nobody waits for it and the spool is full.

        `progress` only grows while the download gets on.
        """
        room = Room(self._context.settings.spool.max_bytes, urgent)
        return self._tried(Step.DOWNLOAD, job, lambda: self._download.download(job, room))

    def abort(self, job: Job) -> Outcome:
        """Stops the job, or what there is of one made in part where the request can name it; never raises.

        Of one without an id that it cannot name, FAIL without an error: the poll that could not either tells it.
        """
        if self._abort is None or not self._abort.requester.can_name(job):
            return Outcome(Means.OK if self._abort is None or job.in_part else Means.FAIL)
        return self._abort.abort(job)

    def delete(self, job: Job) -> Outcome:
        """Deletes the job, or what there is of one made in part where the request can name it; never raises.

        Of one that it cannot name, as `abort`.
        """
        if self._delete is None or not self._delete.requester.can_name(job):
            return Outcome(Means.OK if self._delete is None or job.in_part else Means.FAIL)
        return self._delete.delete(job)

    # -- what a download brought

    def files(self, job: Job) -> list[SpooledFile]:
        """The job's files in the order of targets and pages, once `download` said OK."""
        return self._download.files(job)

    def expected_rows(self, job: Job) -> int | None:
        """How many rows the files must hold, by `expect.rows`; None where that is not said."""
        return self._download.rows(job)

    def release(self, job: Job) -> None:
        """Removes the job's files; safe to call at any time, and more than once."""
        self._download.release(job)

    def scope(self, job: Job) -> dict[str, Any]:
        """The names that templates about the job's rows may use."""
        return self._context.scope(job)

    # -- before there is a job

    def unit_scope(self, unit: Unit) -> dict[str, Any]:
        """The names that templates may use before there is a job."""
        return self._context.unit_scope(unit)

    def partition_values(self, dimension: Partition, before: Mapping[str, Any]) -> list[Any]:
        """The values that the API lists for a dimension of partitions; raises ReportError."""
        if dimension.name not in self._partitions:
            self._partitions[dimension.name] = PartitionRequester(dimension, self._context)
        return self._partitions[dimension.name].values(before)

    def first_request(self, unit: Unit) -> dict[str, Any]:
        """Method, URL, parameters and body of what creates the unit's job; nothing is sent. Raises ReportError."""
        return self._creation.content(0, unit, self._context.scope(Job(unit)))

    # -- what state holds of a job

    def request_hash(self, unit: Unit) -> str:
        """What the unit's creation request is, without tokens and clocks."""
        return request_hash(self._creation, self._context, unit)

    def kept(self, job: Job) -> dict[str, Any]:
        """The job for state: plain JSON without secrets, enough for `adopt` in a later run."""
        unit = job.unit

        def holds_secret(text: str) -> bool:
            return text != job.id and self._context.http.redactor.holds_secret(text)

        kept: dict[str, Any] = {
            "id": job.id if job.id_value is None else job.id_value,
            "window": None if unit.window is None else [_iso(unit.window.start), _iso(unit.window.end)],
            "request": job.request_hash or None,
            "created_at": None if job.created_at is None else _iso(job.created_at),
            "attempt": job.attempt,
            "link": unit.link or None,
            "cursor": unit.cursor if not holds_secret(to_json(unit.cursor)) else None,
        }
        if job.creation_response is not None:
            kept["creation_response"] = pruned(job.creation_response, self._paths["creation_response"], holds_secret)
        earlier = {
            name: pruned(response, paths, holds_secret)
            for name, response in job.creation_responses.items()
            if (paths := {path[1:] for path in self._paths["creation_responses"] if not path or path[0] == name})
        }
        kept["creation_responses"] = earlier or None
        return {name: value for name, value in kept.items() if value is not None}

    def adopt(self, unit: Unit, kept: Mapping[str, Any]) -> Job:
        """The job that state holds, as a job of this run."""
        found, created_at = kept.get("id"), kept.get("created_at")
        return Job(
            unit,
            attempt=int(kept.get("attempt") or 1),
            id=None if found is None else as_text(found),
            id_value=found,
            request_hash=str(kept.get("request") or ""),
            created_at=datetime.fromisoformat(created_at) if created_at else None,
            adopted=True,
            creation_response=Response.restored(kept.get("creation_response") or {}),
            creation_responses={
                name: Response.restored(part) for name, part in (kept.get("creation_responses") or {}).items()
            },
        )

    def can_poll(self, job: Job) -> bool:
        """Whether the job is known well enough to ask for its status: a changed poll may name what state lacks."""
        return self._polling.can_ask(job)

    def _can_be_named(self, job: Job) -> bool:
        """Whether any later step can speak of the job, or could if its template were right: else it is lost."""
        requests = [each.requester for each in (self._abort, self._delete) if each is not None]
        return (
            self._polling.can_ask(job)
            or self._polling.settled(job)
            or any(request.can_name(job) for request in requests)
            or self._creation.may_be_named(job)
        )

    # -- between the steps

    def _tried(self, step: Step, job: Job, verb: Callable[[], Outcome]) -> Outcome:
        try:
            return verb()
        except LoginError:
            raise
        except ReportError as error:
            return Outcome(Means.FAIL, error=error.within(self._context.where(job.unit, job, step=step.value)))

    def _after_poll(self, job: Job, outcome: Outcome) -> Outcome:
        if outcome.status is JobStatus.COMPLETED:
            self._tell_of_more(job)
            try:
                return replace(outcome, follow=self._creation.next_link(job))
            except ReportError as error:
                return Outcome(Means.FAIL, error=error.within(self._context.where(job.unit, job, step=Step.CREATION)))
        if outcome.status in (JobStatus.FAILED, JobStatus.TIMED_OUT):
            return self._with_reason(job, outcome)
        return outcome

    def _tell_of_more(self, job: Job) -> None:
        """Warns, once, of what a completed job's answer announces and nobody asks for: further targets, another job."""
        response = job.polling_response
        if self._unread.told or response is None or not asks_for_one_page(self._stream):
            return
        if self._target_requester is None and self._extractor is not None:
            more = said_in("`download_target_requester` to the request of the poll, with a `paginator`", response)
            self._unread.tell(job.unit, MORE_TARGETS, more)
        if (mark := marked_in(response)) is not None:
            more = f"`{mark}` is true: set `creation_requester.paginator`, which makes the next job"
            self._unread.tell(job.unit, "has more rows than this job holds", more)

    def _with_reason(self, job: Job, outcome: Outcome) -> Outcome:
        """A failed job's outcome with what the API says when it is asked why."""
        answer = self._errors.ask(job)
        if answer is None:
            return outcome
        if answer.means is Means.EMPTY:
            return replace(outcome, means=Means.EMPTY, error=None)
        if answer.means is Means.OK and outcome.error is not None:
            outcome.error.excerpt = answer.said or outcome.error.excerpt
        elif answer.error is not None:
            logger.debug("%s: the reason could not be read: %s", self._stream.name, answer.error.message)
        return outcome

    def _targets(self, job: Job) -> Outcome:
        answers = self._answers(job)
        if isinstance(answers, Outcome):
            return answers
        found = self._found(job, answers)
        if not found or any(self._download.url(job, target, at) is None for at, target in enumerate(found)):
            return self._none(job, answers, counted=self._range is not None and found == [])
        job.targets = found
        return Outcome(Means.OK)

    def _found(self, job: Job, answers: Answers) -> list[Any] | None:
        """The targets as far as they are known; without any way to find them there is one, which is null."""
        if self._range is not None:
            counts = [range_of(self._range, response, scope) for response, scope in answers[:1]]
            return None if counts == [None] else list(range(sum(filter(None, counts))))
        if self._extractor is None:
            return [None]
        found = self._extractor.targets(answers)
        job.target_origins = [url for _, url in found]
        return [target for target, _ in found]

    def _answers(self, job: Job) -> Answers | Outcome:
        if self._target_requester is not None:
            return self._target_requester.answers(job)
        scope = self._context.scope(job)
        polled = scope.get("polling_response", Response())
        return [(polled, {**scope, "response": polled})]

    def _none(self, job: Job, answers: Answers, *, counted: bool) -> Outcome:
        """What a completed job without a target means."""
        if counted or self._download.expectations.rows(self._context.scope(job)) == 0:
            return Outcome(Means.EMPTY)
        if self._extractor is not None and self._extractor.none is Means.EMPTY:
            return Outcome(Means.EMPTY)
        extractor = None if self._extractor is None else self._extractor.source
        step = Step.TARGET.value if self._target_requester else "download_target_extractor"
        response, scope = answers[-1] if answers else (Response(), self._context.scope(job))
        place = self._context.where(job.unit, job, step=step if extractor else Step.DOWNLOAD.value)
        error = no_target(self._stream, response, extractor)
        error.excerpt = self._context.said(response, scope)
        seen = answered(place, response) if response.request_line else place
        return Outcome(Means.NOT_READY, error=error.within(replace(seen, request_line=response.request_line)))

    @cached_property
    def _paths(self) -> dict[str, set[Path]]:
        return used_parts(self._stream, self._context.templates)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
