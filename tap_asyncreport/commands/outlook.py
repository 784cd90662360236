"""What a run would do, as far as that can be known offline: jobs, windows, and the least time that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_asyncreport.job import Window
from tap_asyncreport.orchestrator.budgets import budget_of
from tap_asyncreport.partition_lists import given_values
from tap_asyncreport.partitions import combine
from tap_asyncreport.reporting.words import duration

if TYPE_CHECKING:
    from tap_asyncreport.commands.bench import Bench
    from tap_asyncreport.config.requesters import Requester
    from tap_asyncreport.config.settings import RateLimit, Settings
    from tap_asyncreport.config.streams import Partition, Stream
    from tap_asyncreport.job import Unit
    from tap_asyncreport.planning import LanePlan
    from tap_asyncreport.stream_run import StreamRun


@dataclass(frozen=True)
class Outlook:
    """One stream's jobs in the next run.

    `each` names the dimensions whose values only the API, or another stream, knows: then `jobs` is for one of them.
    """

    stream: str
    jobs: int
    partitions: int = 0
    first: Window | None = None
    last: Window | None = None
    adopted: int = 0
    each: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unit: Unit | None = None


def outlook(bench: Bench, work: StreamRun) -> Outlook:
    """The stream's jobs; raises ConfigurationError and ReportError where they cannot be planned."""
    each = tuple(dimension.name for dimension in work.config.partitions if _is_elsewhere(dimension))
    partitions = _known_partitions(work)
    if each and bench.state.partitions(work.name):
        partitions, each = bench.state.partitions(work.name), ()
    lanes = [work.plan_lane(partition) for partition in partitions]
    units = [lane.units for lane in lanes if lane.units]
    ends = [unit.window for each in units for unit in (each[0], each[-1]) if unit.window is not None]
    return Outlook(
        work.name,
        sum(map(len, units)),
        len(partitions) if work.config.partitions and not each else 0,
        min(ends, default=None),
        max(ends, default=None),
        sum(len(lane.adopted) for lane in lanes),
        each,
        tuple(_warnings(lanes)),
        units[0][0] if units else None,
    )


def _is_elsewhere(dimension: Partition) -> bool:
    return dimension.request is not None or dimension.stream is not None


def _known_partitions(work: StreamRun) -> list[dict[str, Any]]:
    """Every partition, with one stand-in for all values that are listed elsewhere."""

    def values_of(dimension: Partition, before: Mapping[str, Any]) -> Sequence[Any]:
        if _is_elsewhere(dimension):
            return [f"<{dimension.name}>"]
        return given_values(work, dimension, before)

    key = f"streams.{work.name}.partitions"
    together = work.run.state.together(work.name)
    return combine(work.config.partitions, values_of, warn=lambda _: None, key=key, together=together)


def _warnings(lanes: Sequence[LanePlan]) -> Iterator[str]:
    yield from dict.fromkeys(text for lane in lanes for text in lane.warnings)


@dataclass(frozen=True)
class LeastTime:
    """A time that a run takes at the least, and what makes it so."""

    seconds: float
    why: str


def least_time(settings: Settings, outlooks: Sequence[Outlook]) -> LeastTime:
    """The longest of what the rates, the limits of jobs at once and the delays before first polls come to."""
    from tap_asyncreport.http.rates import least_seconds

    jobs = {each.stream: each.jobs for each in outlooks}
    streams = [stream for stream in settings.streams if stream.name in jobs]
    calls = [call for stream in streams for call in _calls(stream, jobs[stream.name])]
    bounds = [
        LeastTime(least_seconds(limit, calls), _rate_text(limit))
        for limit in settings.rate_limits
    ]
    budgets = {stream.name: budget_of(stream, settings) for stream in streams}
    delays = {name: budget.first_poll * jobs[name] for name, budget in budgets.items() if budget.polls}
    bounds.append(
        LeastTime(sum(delays.values()) / settings.max_concurrent_jobs, f"{settings.max_concurrent_jobs} jobs at a time")
    )
    for name, delay in delays.items():
        most = budgets[name].max_concurrent or settings.max_concurrent_jobs
        if most < settings.max_concurrent_jobs:
            bounds.append(LeastTime(delay / most, f"{name} has {most} at a time"))
    return max(bounds, key=lambda bound: bound.seconds)


def _rate_text(limit: RateLimit) -> str:
    calls = " and ".join(f"{name} {pattern}" for name, pattern in limit.match.items()) or "all calls"
    return f"rate_limits: {limit.rate.calls:g} in {duration(limit.rate.per.total_seconds())} for {calls}"


def _calls(stream: Stream, jobs: int) -> Iterator[tuple[str, str, int]]:
    """The fewest calls of each step: one poll for a job, or for a batch of them, one download, one delete."""
    polling = stream.polling_requester
    batch = (polling.batch or 1) if polling else 1
    for step, requester, count in (
        ("creation_requester", stream.creation_requester, jobs),
        ("polling_requester", polling, -(-jobs // batch)),
        ("download_target_requester", stream.download_target_requester, jobs),
        ("download_retriever", None if stream.download_retriever.source else stream.download_retriever, jobs),
        ("delete_requester", stream.delete_requester, jobs),
    ):
        yield from ((step, each.url, count) for each in _listed(requester))


def _listed(requester: Requester | Sequence[Requester] | None) -> Sequence[Requester]:
    if requester is None:
        return []
    return requester if isinstance(requester, Sequence) else [requester]
