"""Asks where the files of a completed job are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.requesters import Range
from tap_asyncreport.errors import RequestError
from tap_asyncreport.job import Job, Outcome
from tap_asyncreport.lifecycle.paginators import FIRST, UNCHANGED, Changes, Page, Pages, pages_of, range_of
from tap_asyncreport.lifecycle.requester import Answer, Asking, Requester
from tap_asyncreport.lifecycle.rules import Step
from tap_asyncreport.templates.further_pages import Unread, said_in

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Requester as Config
    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.response import Response
    from tap_asyncreport.templates import Extractor

MORE_TARGETS = "lists more download targets than are read"

Answers = list[tuple["Response", Mapping[str, Any]]]


class _Refused(Exception):  # noqa: N818
    """An answer on the way that is no good one; ends the walk through the requests."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.means)
        self.answer = answer


class _Hop:
    """One of the requests, with its pages."""

    def __init__(self, config: Config, context: StreamContext, key: str, name: str | None) -> None:
        self.requester = Requester(config, Step.TARGET, context, key, name=name)
        place = f"{context.key}.{key}.paginator"
        self.range: Extractor | int | None = None
        if isinstance(config.paginator, Range):
            count = config.paginator.count
            self.range = count if isinstance(count, int) else context.templates.extractor(count, f"{place}.count")
        self.pages: Pages | None = pages_of(config.paginator, context.templates, place)
        self.key, self.unread = key, Unread()


class DownloadTargetRequester:
    """One request or several named ones in a row; each is asked once for every answer of the one before it."""

    def __init__(self, configs: Sequence[Config], context: StreamContext) -> None:
        self._context = context
        many = len(configs) > 1
        self._hops = [
            _Hop(config, context, f"{Step.TARGET}[{n}]" if many else Step.TARGET, getattr(config, "name", None))
            for n, config in enumerate(configs)
        ]

    def answers(self, job: Job) -> Answers | Outcome:
        """Every answer of the last request with the names it is read with, or the outcome where one was no good."""
        answers: Answers = []
        scopes: list[Mapping[str, Any]] = [self._context.scope(job)]
        try:
            for hop in self._hops:
                answers = [answer for scope in scopes for answer in self._walk(hop, job, scope)]
                scopes = [scope for _, scope in answers]
        except _Refused as refused:
            return refused.answer.outcome()
        return answers

    def _walk(self, hop: _Hop, job: Job, scope: Mapping[str, Any]) -> Iterator[tuple[Response, Mapping[str, Any]]]:
        if hop.range is not None:
            before = scope.get("response") or scope.get("polling_response")
            for number in range(range_of(hop.range, before, scope) or 0):
                yield self._ask(hop, job, {**scope, "download_target": number})
            return
        page: Page | None = FIRST
        last: Response | None = None
        while page is not None:
            changes = UNCHANGED if hop.pages is None else hop.pages.changes(page)
            response, seen = self._ask(hop, job, scope, changes)
            if last is not None and last.text and last.text == response.text:
                raise RequestError(
                    f"page {page.number + 1} of the download targets repeats the one before it",
                    where=self._context.where(job.unit, job, step=Step.TARGET),
                    hint="check `download_target_requester.paginator`",
                )
            yield response, seen
            last = response
            page = None if hop.pages is None else hop.pages.after(page, response, seen, _records(response))
        if hop.pages is None and last is not None:
            hop.unread.tell(job.unit, MORE_TARGETS, said_in(f"`{hop.key}.paginator`", last))

    def _ask(
        self, hop: _Hop, job: Job, scope: Mapping[str, Any], changes: Changes = UNCHANGED
    ) -> tuple[Response, Mapping[str, Any]]:
        answer = hop.requester.ask(Asking(job.unit, job, scope), changes)
        if not answer.good:
            raise _Refused(answer)
        return answer.response, hop.requester.answer_scope(scope, answer.response)


def _records(response: Response) -> int:
    """How many records a page of targets has: the length of its list, or of the only list in it."""
    body = response.body
    if isinstance(body, dict):
        lists = [value for value in body.values() if isinstance(value, list)]
        body = lists[0] if len(lists) == 1 else body
    return len(body) if isinstance(body, list) else 1
