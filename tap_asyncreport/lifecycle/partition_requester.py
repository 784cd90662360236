"""Lists the values of a dimension of partitions: a request asked once per run, with its pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import backoff

from tap_asyncreport.errors import ReportError, RequestError
from tap_asyncreport.job import Means, Unit
from tap_asyncreport.lifecycle.paginators import FIRST, Changes, Page, pages_of
from tap_asyncreport.lifecycle.requester import Answer, Asking, Requester
from tap_asyncreport.lifecycle.rules import Step

if TYPE_CHECKING:
    from tap_asyncreport.config.streams import Partition
    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.response import Response

MAX_TRIES = 6


class PartitionRequester:
    """The request of one dimension; waits between tries by itself, since no job depends on it yet."""

    def __init__(self, dimension: Partition, context: StreamContext) -> None:
        assert dimension.request is not None
        key = f"partitions.{dimension.name}"
        place = f"{context.key}.{key}"
        self._context = context
        self._retry = dimension.request.retry
        self._requester = Requester(dimension.request, Step.PARTITION, context, f"{key}.request")
        self._records = context.templates.extractor(dimension.records, f"{place}.records")
        self._value = (
            None if dimension.value is None else context.templates.extractor(dimension.value, f"{place}.value")
        )
        paginator = dimension.paginator or dimension.request.paginator
        self._pages = pages_of(paginator, context.templates, f"{place}.paginator")

    def values(self, before: Mapping[str, Any]) -> list[Any]:
        """The values for one combination of the dimensions before; raises ReportError, LoginError."""
        unit = Unit(self._context.stream.name, dict(before))
        scope = self._context.unit_scope(unit)
        found: list[Any] = []
        page: Page | None = FIRST
        while page is not None:
            answer = self._patiently(unit, scope, Changes() if self._pages is None else self._pages.changes(page))
            if answer.means is Means.EMPTY:
                break
            records = self._of(answer.response, scope)
            found += [self._value_of(record, scope) for record in records]
            seen = self._requester.answer_scope(scope, answer.response)
            page = None if self._pages is None else self._pages.after(page, answer.response, seen, len(records))
        return found

    def _of(self, response: Response, scope: Mapping[str, Any]) -> list[Any]:
        found = self._records.all(response, self._requester.answer_scope(scope, response))
        return found[0] if len(found) == 1 and isinstance(found[0], list) else found

    def _value_of(self, record: Any, scope: Mapping[str, Any]) -> Any:
        return record if self._value is None else self._value.first(record, {**scope, "record": record})

    def _patiently(self, unit: Unit, scope: Mapping[str, Any], changes: Changes) -> Answer:
        for tries, wait in enumerate(self._waits(), 1):
            answer = self._requester.ask(Asking(unit, None, scope), changes)
            if answer.means in (Means.OK, Means.EMPTY):
                return answer
            last = tries >= (self._retry.max_tries or MAX_TRIES)
            if answer.means is not Means.RETRY or last or self._context.clock.wait(answer.wait or wait):
                raise answer.error or RequestError("the partitions could not be listed", where=answer.where)
        raise ReportError("unreachable")

    def _waits(self) -> Iterator[float]:
        longest = self._retry.wait_max.total_seconds()
        factor = self._retry.wait.total_seconds()
        waits = backoff.expo(base=2, factor=factor, max_value=longest)
        next(waits)
        while True:
            yield next(waits) or 0.0
