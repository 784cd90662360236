"""Which partitions of Dagster's a stream has, and which part of the stream each of them is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import dagster as dg

from tap_asyncreport.config.settings import Settings
from tap_asyncreport.config.streams import Incremental, Stream
from tap_asyncreport.dagster.parts import Part, key_of
from tap_asyncreport.durations import Step, parse_step, shift
from tap_asyncreport.errors import ConfigurationError, Problem, StateError

TIME = "time"
PARTITION = "partition"
_DAY, _HOUR, _MINUTE, _SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
_DAYS_OF_WEEK, _MONTHS = 7, 12
_LAST_SURE_DAY = 28  # of any month
_TO_THE_DAY, _TO_THE_MINUTE = "%Y-%m-%d", "%Y-%m-%d-%H:%M"


@dataclass(frozen=True)
class Partitioning:
    """The partitions of a stream's asset: by time, by the stream's own partitions, by both or by neither.

    `values` are those of the configuration; None where an API or another stream's records give them.
    """

    stream: Stream
    time: dg.TimeWindowPartitionsDefinition | None = None
    own: dg.PartitionsDefinition[str] | None = None
    values: Mapping[str, Mapping[str, Any]] | None = None
    first: datetime | None = None
    last: datetime | None = None
    keeps_wall_time: bool = False

    @property
    def definition(self) -> dg.PartitionsDefinition[Any] | None:
        """As Dagster takes it."""
        if self.time is not None and self.own is not None:
            return dg.MultiPartitionsDefinition({TIME: self.time, PARTITION: self.own})
        return self.time or self.own

    def part(self, key: str, known: Mapping[str, Mapping[str, Any]]) -> Part:
        """What a partition key stands for; `known` are the stream's partitions by their keys.

        Raises StateError for a key of several values that is not among them.
        """
        keys: Mapping[str, str] = {TIME: key, PARTITION: key}
        if isinstance(self.definition, dg.MultiPartitionsDefinition):
            keys = self.definition.get_partition_key_from_str(key).keys_by_dimension
        start, end = (None, None) if self.time is None else self._span(keys[TIME])
        if self.own is None:
            return Part(self.stream.name, {}, start, end)
        own = keys[PARTITION]
        return Part(self.stream.name, known.get(own) or self._named(own), start, end, is_exact=own in known)

    def _named(self, key: str) -> dict[str, str]:
        """The partition of a key that nobody has listed, where it can be told."""
        if len(self.stream.partitions) > 1:
            hint = "run the job of `partitions_job_from`, or materialize the stream whose records name the partitions"
            raise StateError(f"nobody has listed the partition {key} of {self.stream.name}", hint=hint)
        return {self.stream.partitions[0].name: unquote(key)}

    def _span(self, key: str) -> tuple[datetime, datetime]:
        assert self.time is not None
        window = self.time.time_window_for_partition_key(key)
        start, end = (datetime.fromtimestamp(at.timestamp(), UTC) for at in (window.start, window.end))
        start = start if self.first is None else max(start, self.first)
        end = end if self.last is None else min(end, self.last)
        if self.keeps_wall_time:  # each partition of the stream has midnights of its own
            zone = ZoneInfo(self.time.timezone)
            return start.astimezone(zone).replace(tzinfo=None), end.astimezone(zone).replace(tzinfo=None)
        return start, end


def dynamic_name(stream: Stream) -> str:
    """The name of the stream's dynamic partitions in Dagster."""
    return f"{stream.name} partitions"


def partitioning_of(
    stream: Stream,
    settings: Settings,
    values: Sequence[Mapping[str, Any]] | None,
    *,
    by: Collection[str],
    window: str | None,
) -> Partitioning:
    """The partitions of a stream, `by` time and by partition as far as it has them and they are asked for.

    Raises ConfigurationError, which names the key, for a stream with windows and no start.
    """
    own: dg.PartitionsDefinition[str] | None = None
    known = None if values is None else {key_of(value): value for value in values}
    if stream.partitions and PARTITION in by:
        own = (
            dg.DynamicPartitionsDefinition(name=dynamic_name(stream))
            if known is None
            else dg.StaticPartitionsDefinition(list(known))
        )
    if stream.incremental is None or TIME not in by:
        return Partitioning(stream, None, own, known)
    zone = stream.incremental.timezone or settings.timezone
    is_template = "{" in zone
    named = ZoneInfo(settings.timezone if is_template else zone)
    time, first, last = _time(stream, stream.incremental, settings, named, window)
    return Partitioning(stream, time, own, known, first, last, keeps_wall_time=is_template)


def _time(
    stream: Stream, incremental: Incremental, settings: Settings, zone: ZoneInfo, window: str | None
) -> tuple[dg.TimeWindowPartitionsDefinition, datetime, datetime | None]:
    start = _fixed(stream, "start", incremental.start if incremental.start is not None else settings.start_date)
    end = _fixed(stream, "end", incremental.end if incremental.end is not None else settings.end_date)
    if start is None:
        message = "there is no start, from which partitions of time could be counted"
        key = f"streams.{stream.name}.incremental.start"
        raise ConfigurationError([Problem(message, key, hint="write `start`, or `start_date` at the top level")])
    first = _instant(start, zone)
    last = None if end is None else _instant(end, zone, days_later=1)
    aligned = {"day": "1d", "week": "1w", "month": "1mo"}.get(incremental.align or "")
    step = parse_step(window or incremental.step or aligned or "1d")
    cron, begin, length = _cron(step, first.astimezone(zone), is_aligned=incremental.align is not None)
    definition = dg.TimeWindowPartitionsDefinition(
        cron_schedule=cron,
        start=begin,
        end=None if last is None else shift(last.astimezone(zone).replace(tzinfo=None), length) - _SECOND,
        timezone=str(zone),
        fmt=_TO_THE_DAY if length.by_calendar else _TO_THE_MINUTE,
        end_offset=1 if incremental.complete_only is False else 0,
    )
    return definition, first, last


def _fixed(stream: Stream, name: str, moment: date | datetime | str | None) -> date | datetime | None:
    if isinstance(moment, str):
        message = f"{moment!r} moves from run to run, and partitions of time do not"
        key = f"streams.{stream.name}.incremental.{name}"
        raise ConfigurationError([Problem(message, key, hint="write a date where Dagster reads the stream")])
    return moment


def _instant(moment: date | datetime, zone: ZoneInfo, *, days_later: int = 0) -> datetime:
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    day = moment + days_later * _DAY
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _cron(step: Step, first: datetime, *, is_aligned: bool) -> tuple[str, datetime, Step]:
    """Where partitions begin, as a cron line; the first of them, at or before the stream's start; and their length.

    A step that no calendar repeats (`10d`, `5h`) is rounded up to one that does.
    """
    wall = first.replace(second=0, microsecond=0, tzinfo=None)
    midnight = wall.replace(hour=0, minute=0)
    if step.months:
        months = next((months for months in (1, 2, 3, 4, 6, 12) if months >= step.months), _MONTHS)
        day = 1 if is_aligned or wall.day > _LAST_SURE_DAY else wall.day
        begins = sorted((wall.month - 1 + n) % _MONTHS + 1 for n in range(0, _MONTHS, months))
        line = f"0 0 {day} {'*' if months == 1 else ','.join(map(str, begins))} *"
        return line, midnight.replace(day=day), Step(f"{months}mo", months=months)
    if step.length > _DAYS_OF_WEEK * _DAY:
        return _cron(Step("1mo", months=1), first, is_aligned=is_aligned)
    if step.length > _DAY:
        day = 0 if is_aligned else wall.weekday()
        begin = midnight - ((wall.weekday() - day) % _DAYS_OF_WEEK) * _DAY
        return f"0 0 * * {(day + 1) % _DAYS_OF_WEEK}", begin, parse_step("7d")
    if step.length > 12 * _HOUR:
        return "0 0 * * *", midnight, parse_step("1d")
    if step.length > _HOUR / 2:
        hours = next(hours for hours in (1, 2, 3, 4, 6, 8, 12) if hours * _HOUR >= step.length)
        return f"0 */{hours} * * *", wall.replace(minute=0, hour=wall.hour // hours * hours), parse_step(f"{hours}h")
    minutes = next(minutes for minutes in (5, 10, 15, 20, 30) if minutes * _MINUTE >= step.length)
    return f"*/{minutes} * * * *", wall.replace(minute=wall.minute // minutes * minutes), parse_step(f"{minutes}m")
