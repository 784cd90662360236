"""The partitions of a stream in this run: given, listed by the API, or read from another stream's records."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import ReportError, RequestError
from tap_asyncreport.partitions import combine

if TYPE_CHECKING:
    from tap_asyncreport.config.streams import Partition
    from tap_asyncreport.stream_run import StreamRun

logger = logging.getLogger("tap-asyncreport")


def partitions_of(work: StreamRun) -> list[dict[str, Any]]:
    """Every partition of the stream, in order; raises ReportError where they cannot be listed."""
    key = f"streams.{work.name}.partitions"
    of_records = {each.name: _of_records(work, each) for each in work.config.partitions if each.stream is not None}

    def values_of(dimension: Partition, before: Mapping[str, Any]) -> Sequence[Any]:
        if dimension.request is not None:
            return work.repository.partition_values(dimension, before)
        if dimension.stream is not None:
            return of_records[dimension.name]
        return given_values(work, dimension, before)

    return combine(
        work.config.partitions,
        values_of,
        warn=lambda text: logger.warning("%s: %s", work.name, text),
        key=key,
        together=work.run.state.together(work.name),
    )


def given_values(work: StreamRun, dimension: Partition, before: Mapping[str, Any]) -> Sequence[Any]:
    """The values of a dimension that the configuration itself gives; raises TemplateError."""
    key = f"streams.{work.name}.partitions.{dimension.name}.values"
    found: Sequence[Any] = work.run.templates.template(dimension.values, key).render(work.scope(before))
    return found


def _of_records(work: StreamRun, dimension: Partition) -> list[Any]:
    """What the other stream's records held in this run; an incremental one adds to what is known."""
    run, name = work.run, dimension.stream or ""
    parent = run.streams[name]
    errors: list[ReportError] = run.errors(name)
    if errors:
        raise RequestError(
            f"its partitions are the records of the stream {name}, which failed: {errors[0].message}",
            hint=f"once {name} is read, this stream is too",
        )
    known = run.state.known(work.name, dimension.name) if parent.config.incremental is not None else []
    return [value for value in (*parent.collected[dimension.key or ""].values(), *known) if value is not None]
