"""A unit of Dagster's as a part of the whole: a partition of the stream, a span of time, or both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from tap_asyncreport.job import partition_key

_PLAIN = " !\"#$&'()*+-.:;<=>?@\\^_`{}~"  # shown as it is; the other signs of ASCII mean something to Dagster


@dataclass(frozen=True)
class Part:
    """What one partition of an asset reads: all partitions where `partition` is empty, all of time without a span.

    `is_exact` says that the values are the API's own, a number being a number; else they are texts that name them.
    """

    stream: str
    partition: Mapping[str, Any] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    is_exact: bool = True

    def only(self) -> dict[str, Any]:
        """The part as the tap's key `only` takes it."""
        span = {"start": self.start, "end": self.end}
        return {
            "stream": self.stream,
            "partition": {name: str(value) for name, value in self.partition.items()},
            **{name: at.isoformat() for name, at in span.items() if at is not None},
        }

    def without(self, finished: Sequence[tuple[datetime, datetime]]) -> list[Part]:
        """What is left of the part where these spans, in order, are finished; at the least its empty end."""
        if self.start is None or self.end is None or self.start.tzinfo is None:
            return [self]
        left, at = [], self.start
        for start, until in finished:
            if at < min(start, self.end):
                left.append(replace(self, start=at, end=min(start, self.end)))
            at = max(at, until)
        return [*left, replace(self, start=at)] if at < self.end else left or [replace(self, start=self.end)]


def key_of(partition: Mapping[str, Any]) -> str:
    """The Dagster key of a stream's partition: its values, with `/` between them."""
    return "/".join(_key(value) for value in partition.values())


def _key(value: object) -> str:
    text = ";".join(map(str, value)) if isinstance(value, list) else str(value)
    return quote(text, safe=_PLAIN).replace("...", "%2E%2E%2E")




def joined(parts: Iterable[Part]) -> list[Part]:
    """The same parts, those of one partition that follow each other made one."""
    whole: dict[str, list[Part]] = {}
    for part in sorted(parts, key=lambda part: part.start or datetime.min.replace(tzinfo=UTC)):
        lane = whole.setdefault(partition_key(part.partition), [])
        if lane and lane[-1].end is not None and lane[-1].end == part.start:
            lane[-1] = replace(lane[-1], end=part.end)
        else:
            lane.append(part)
    return [part for lane in whole.values() for part in lane]
