"""Lists the values of a dimension of partitions: a request asked once per run, with its pages."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.patience import Patience
from tap_asyncreport.job import Means, Unit
from tap_asyncreport.lifecycle.hints import unusable
from tap_asyncreport.lifecycle.paginators import FIRST, Changes, Page, pages_of
from tap_asyncreport.lifecycle.requester import DOING, Answer, Asking, Requester
from tap_asyncreport.lifecycle.rules import Step
from tap_asyncreport.templates.further_pages import Unread, said_in

if TYPE_CHECKING:
    from tap_asyncreport.config.streams import Partition
    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.response import Response

logger = logging.getLogger("tap-asyncreport")

MAX_TRIES = 6
_LAST_STEP = re.compile(r"(\[[^\[\]]*\]|\.\.?\*)$")


class PartitionRequester:
    """The request of one dimension; waits between tries by itself, since no job depends on it yet."""

    def __init__(self, dimension: Partition, context: StreamContext) -> None:
        assert dimension.request is not None
        key = f"partitions.{dimension.name}"
        place = f"{context.key}.{key}"
        self._context = context
        self._dimension = dimension.name
        self._retry = dimension.request.retry
        self._requester = Requester(dimension.request, Step.PARTITION, context, f"{key}.request")
        self._records = context.templates.extractor(dimension.records, f"{place}.records")
        self._value = (
            None if dimension.value is None else context.templates.extractor(dimension.value, f"{place}.value")
        )
        paginator = dimension.paginator or dimension.request.paginator
        self._pages = pages_of(paginator, context.templates, f"{place}.paginator")
        self._unread = Unread()

    def values(self, before: Mapping[str, Any]) -> list[Any]:
        """The values for one combination of the dimensions before; raises ReportError, LoginError."""
        unit = Unit(self._context.stream.name, dict(before))
        scope = self._context.unit_scope(unit)
        found: list[Any] = []
        page: Page | None = FIRST
        last: Answer | None = None
        while page is not None:
            answer = self._patiently(unit, scope, Changes() if self._pages is None else self._pages.changes(page))
            if answer.means is Means.EMPTY:
                break
            if last is not None and answer.response.text and last.response.text == answer.response.text:
                raise answer.complaint(
                    f"{DOING[Step.PARTITION]}: page {page.number + 1} repeats the one before it",
                    hint=f"check the `paginator` under `partitions` of {self._dimension}",
                )
            last = answer
            records = self._of(answer, scope)
            found += [self._value_of(record, scope) for record in records]
            seen = self._requester.answer_scope(scope, answer.response)
            page = None if self._pages is None else self._pages.after(page, answer.response, seen, len(records))
        if self._pages is None and last is not None:
            hint = said_in("`paginator` under `partitions`", last.response)
            self._unread.tell(unit, f"has more values of {self._dimension} than are read", hint)
        if last is not None and found and all(value is None for value in found):
            source = self._value.source if self._value is not None else self._records.source
            raise last.complaint(
                f"{DOING[Step.PARTITION]}: none of the {len(found)} records holds anything at {source}",
                hint=f"check `partitions`: where is {self._dimension} in a record?",
            )
        if not found:
            logger.warning("%s: the API lists no %s, so there is nothing to read", unit, self._dimension)
        return found

    def _of(self, answer: Answer, scope: Mapping[str, Any]) -> list[Any]:
        """The records of a page; raises RequestError where there is no place for any: that is no empty list."""
        response, source = answer.response, self._records.source
        scope = self._requester.answer_scope(scope, response)
        found = self._records.all(response, scope)
        if response.body is None or (not found and not self._is_empty_list(response, scope)):
            nature = f": it is {response.nature}" if response.nature else ""
            usual = f"check `partitions`: {self._dimension} has `records: {source}`"
            raise answer.complaint(
                f"{DOING[Step.PARTITION]}: the answer holds nothing at {source}{nature}",
                hint=unusable(Step.PARTITION, response, self._context.stream.name) or usual,
            )
        return found[0] if len(found) == 1 and isinstance(found[0], list) else found

    def _is_empty_list(self, response: Response, scope: Mapping[str, Any]) -> bool:
        """Whether what the last step of the path looks into is there, so that it only holds nothing."""
        holder = _LAST_STEP.sub("", self._records.source)
        if holder == self._records.source or not holder.startswith("$"):
            return not self._records.source.startswith("$")
        parts = self._context.templates.extractor(holder, f"{self._records.key}").all(response, scope)
        return any(isinstance(part, list) or part is None for part in parts)

    def _value_of(self, record: Any, scope: Mapping[str, Any]) -> Any:
        return record if self._value is None else self._value.first(record, {**scope, "record": record})

    def _patiently(self, unit: Unit, scope: Mapping[str, Any], changes: Changes) -> Answer:
        longest = self._context.stream.jobs.timeout.total_seconds()
        patience = Patience(self._retry, self._context.clock, logger, usual=MAX_TRIES, longest=longest)
        while True:
            answer = self._requester.ask(Asking(unit, None, scope), changes)
            if answer.means in (Means.OK, Means.EMPTY):
                return answer
            error = answer.error or RequestError("the partitions could not be listed", where=answer.where)
            if answer.means is not Means.RETRY:
                raise error
            if (answer.wait or 0) > longest:
                raise answer.complaint(
                    f"{error.message}: that is longer than jobs.timeout of {longest:g} s", hint="run again later"
                )
            if not patience.has_more(error, answer.wait, f"{unit}: "):
                raise error
