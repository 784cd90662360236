"""`plan`: the units of work of a configuration and a state, for an engine that hands them out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from tap_asyncreport.commands.options import config_option, load_configuration, read_state, state_option
from tap_asyncreport.commands.surroundings import Console
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.commands.bench import Bench
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.job import Unit
    from tap_asyncreport.planning import LanePlan
    from tap_asyncreport.stream_run import StreamRun

HELP = """Prints the units of work of a configuration and a state: a line of JSON each, in the order of a run.

\b
Examples:
  tap-asyncreport plan --config orders.yaml
  tap-asyncreport plan --config orders.yaml --state state.json
  tap-asyncreport plan --config orders.yaml \\
    --only 'orders account=7 2026-01-01/2026-02-01'

A line names stream, partition, span (its end is exclusive) and the hash of the creation request; each can be read on
its own with --only. No job is started; only partitions that an API lists are asked for. Counts, and the least time at
the rates given, stand on standard error.
"""


@click.command("plan", help=HELP, short_help="The units of work, as lines of JSON.")
@config_option
@state_option()
@click.option("--only", multiple=True, metavar="PART", help="As the tap's: 'STREAM name=value START/END'.")
@click.pass_obj
def command(telling: Telling, configs: tuple[str, ...], state_file: str | None, only: tuple[str, ...]) -> None:
    """Plans, and prints a line per unit."""
    from tap_asyncreport.commands.bench import bench

    loaded = load_configuration(configs, telling, over={"only": list(only)} if only else None)
    state = read_state(state_file)
    with bench(loaded, telling.redactor) as made:
        streams = [stream for stream in loaded.settings.streams if _is_asked(made, stream)]
        for stream in streams:
            made.add(stream)
        made.read_state(state)
        lanes = {name: list(_lanes(work)) for name, work in made.streams.items()}
        console = Console(telling.redactor)
        for name, plans in lanes.items():
            for unit in _in_order(plans):
                console.line(json.dumps(_line(made.streams[name], unit), ensure_ascii=False, default=str))
        sys.stderr.write(_summary(made, lanes))


def _is_asked(made: Bench, stream: Stream) -> bool:
    parts = made.settings.only
    return not parts or any(part.stream in ("*", stream.name) for part in parts)


def _lanes(work: StreamRun) -> Iterator[LanePlan]:
    from tap_asyncreport.partition_lists import partitions_of

    elsewhere = [dimension.stream for dimension in work.config.partitions if dimension.stream is not None]
    if elsewhere:
        told = f"{work.name}: its partitions are the records of {elsewhere[0]}; those of the state are planned\n"
        sys.stderr.write(told)
        partitions = work.run.state.partitions(work.name)
    else:
        partitions = partitions_of(work)
    restricted = bool(work.run.settings.only)
    return (work.plan_lane(partition) for partition in partitions if not restricted or work.parts(partition))


def _in_order(plans: Sequence[LanePlan]) -> Iterator[Unit]:
    from tap_asyncreport.planning import breadth_first

    return breadth_first(plans)


def _line(work: StreamRun, unit: Unit) -> dict[str, Any]:
    window = unit.window
    return {
        "stream": unit.stream,
        "partition": dict(unit.partition),
        "start": window.start.isoformat() if window else None,
        "end": window.end.isoformat() if window else None,
        "request": work.repository.request_hash(unit),
    }


def _summary(made: Bench, lanes: dict[str, list[LanePlan]]) -> str:
    from tap_asyncreport.commands.outlook import Outlook, least_time
    from tap_asyncreport.reporting.words import duration, many

    outlooks = [Outlook(name, sum(len(plan.units) for plan in plans)) for name, plans in lanes.items()]
    told = [f"{found.stream}: {many(found.jobs, 'unit')}" for found in outlooks]
    least = least_time(made.settings, outlooks) if any(found.jobs for found in outlooks) else None
    if least is not None and least.seconds >= 1:
        told.append(f"at least {duration(least.seconds)} ({least.why})")
    return "".join(f"{line}\n" for line in told)
