"""Which unit of work a person means: a partition by its values, a window by its number or a date in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import click

from tap_asyncreport.commands.options import Decorated, Unusable
from tap_asyncreport.job import Unit, partition_key
from tap_asyncreport.moments import read_moment
from tap_asyncreport.partition_lists import given_values
from tap_asyncreport.partitions import combine

if TYPE_CHECKING:
    from tap_asyncreport.commands.bench import Bench
    from tap_asyncreport.config.streams import Partition
    from tap_asyncreport.stream_run import StreamRun


SHORTEST_DATE = 8  # 20260131


def unit_options(command: Decorated) -> Decorated:
    """`--window` and `--partition`."""
    window = click.option(
        "--window",
        metavar="N|DATE",
        help="The window: its number from 1, -1 for the last, or a day in it. Without: the first.",
    )
    partition = click.option(
        "--partition",
        "partitions",
        multiple=True,
        metavar="NAME=VALUE",
        help="The partition, for example account=7. Without: the first.",
    )
    return window(partition(command))


def chosen(bench: Bench, work: StreamRun, window: str | None, partitions: Sequence[str]) -> Unit:
    """The unit that is meant, the first of the first partition by default; may ask the API for its partitions.

    Raises Unusable where there is none such, and what listing partitions and planning windows raise.
    """
    partition = partition_of(bench, work, _pairs(work, partitions))
    units = work.plan_lane(partition).units
    if not units:
        raise Unusable(
            f"{work.name} has nothing to read: every window is finished, or none has begun",
            hint="leave out --state to begin at the start; see `incremental.start`, `start_date` and `end`",
        )
    return units[0] if window is None else _window(work, units, window)



def _pairs(work: StreamRun, texts: Sequence[str]) -> dict[str, str]:
    names = [dimension.name for dimension in work.config.partitions]
    pairs = dict(text.partition("=")[::2] for text in texts)
    for name in pairs:
        if name not in names:
            known = f"its partitions are by {', '.join(names)}" if names else "it has no partitions"
            raise Unusable(f"{work.name} has no partition {name!r}", hint=f"{known}; write --partition NAME=VALUE")
    return pairs


def partition_of(bench: Bench, work: StreamRun, given: Mapping[str, Any]) -> dict[str, Any]:
    """The partition with these values, the first value of every dimension else; as `chosen` raises."""

    def values_of(dimension: Partition, before: Mapping[str, Any]) -> Sequence[Any]:
        if dimension.name in given and (dimension.request is not None or dimension.stream is not None):
            return [given[dimension.name]]
        values = _values(bench, work, dimension, before)
        return values if dimension.name not in given else _matching(dimension, values, given[dimension.name])

    key = f"streams.{work.name}.partitions"
    found = combine(work.config.partitions, values_of, warn=lambda _: None, key=key)
    if not found:
        raise Unusable(f"{work.name} has no partitions: a dimension has no values", hint=f"see `{key}`")
    return found[0]


def _values(bench: Bench, work: StreamRun, dimension: Partition, before: Mapping[str, Any]) -> Sequence[Any]:
    if dimension.request is not None:
        listed = work.repository.partition_values(dimension, before)
        return [value for value in listed if value is not None][: dimension.batch or 1]
    if dimension.stream is not None:
        known = [partition.get(dimension.name) for partition in bench.state.partitions(work.name)]
        if not known:
            raise Unusable(
                f"the values of partition {dimension.name} are records of the stream {dimension.stream}",
                hint=f"name one: --partition {dimension.name}=VALUE",
            )
        return known[:1]
    return given_values(work, dimension, before)


def _matching(dimension: Partition, values: Sequence[Any], text: str) -> Sequence[Any]:
    """The values that are written like the text, as they are: a number stays one."""
    found = [value for value in values if partition_key({"": value}) == partition_key({"": text})]
    if not found:
        shown = ", ".join(str(value) for value in values[:10])
        raise Unusable(f"partition {dimension.name} has no value {text!r}", hint=f"its values are {shown}")
    return found


def _window(work: StreamRun, units: Sequence[Unit], text: str) -> Unit:
    is_number = text.lstrip("-").isdecimal() and len(text) < SHORTEST_DATE
    unit = _by_number(units, int(text)) if is_number else _by_date(units, text)
    if unit is None:
        first, last = units[0].window, units[-1].window
        span = f"the first of its {len(units)} windows is {first}, the last {last}" if first else "it has no windows"
        raise Unusable(f"{work.name} has no window {text}", hint=span)
    return unit


def _by_number(units: Sequence[Unit], number: int) -> Unit | None:
    index = number - 1 if number > 0 else len(units) + number
    return units[index] if number and 0 <= index < len(units) else None


def _by_date(units: Sequence[Unit], text: str) -> Unit | None:
    try:
        moment = read_moment(text)
    except ValueError:
        hint = "write --window 1, or --window 2026-01-31"
        raise Unusable(f"{text!r} is neither a number nor a date", hint=hint) from None
    for unit in units:
        if unit.window is not None and unit.window.start <= _instant(moment, unit) < unit.window.end:
            return unit
    return None


def _instant(moment: date | datetime, unit: Unit) -> datetime:
    """The moment as an instant, in the stream's zone where it says none."""
    at = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    return at if at.tzinfo else at.replace(tzinfo=unit.view.start_at.tzinfo)
