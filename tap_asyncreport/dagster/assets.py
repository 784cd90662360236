"""Dagster assets of a configuration: a stream each."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from tap_asyncreport.config.loading import Loaded, load
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.dagster.commands import Config, Meltano
from tap_asyncreport.dagster.listing import (
    Known,
    Named,
    configured_values,
    listed_values,
    parents_of,
    read_known,
    write_known,
)
from tap_asyncreport.dagster.partitioning import PARTITION, TIME, Partitioning, dynamic_name, partitioning_of
from tap_asyncreport.dagster.parts import Part, key_of
from tap_asyncreport.dagster.unit_run import HOPELESS, Plant, UnitRun, name_of
from tap_asyncreport.dagster.unit_state import Place
from tap_asyncreport.errors import TapError

POOL = "asyncreport"


def assets_from(
    config: Config | Sequence[Config],
    *,
    target: Sequence[str] | Meltano,
    state_path: str,
    pool: str = POOL,
    streams: Collection[str] | None = None,
    by: Collection[str] = (TIME, PARTITION),
    window: str | None = None,
    partitions_per_run: int | None = 1,
    jobs_per_unit: int = 1,
    retry_policy: dg.RetryPolicy | None = None,
    key_prefix: Sequence[str] = (),
    group_name: str | None = None,
) -> list[dg.AssetsDefinition]:
    """An asset for each stream of a configuration, partitioned by time and by the stream's partitions.

    `config` is what `--config` takes: paths, mappings, or "ENV". A materialization reads its unit with the tap and
    writes it to `target`, a Singer target's command, or through Meltano. `state_path` is a folder at any fsspec URL
    which all workers reach: there lies the state of units under way, so that a retry goes on with the jobs of a worker
    that died. Every unit takes a slot of `pool` and has at most `jobs_per_unit` jobs alive, so that the pool's limit
    times that is the most the API sees.

    `by` says what divides a stream into units; `window` is the length of a partition of time, by default the stream's
    `step`. `partitions_per_run` is how many partitions a backfill puts into one run, None all of them. Raises
    ConfigurationError, with everything that is wrong, before any call was made.
    """
    configs = _configs(config)
    loaded = _load(configs)
    settings = loaded.settings
    plant = Plant(configs, target, Place(state_path), jobs_per_unit, settings.run_report)
    workshop = Workshop(loaded, plant, by=by, window=window)
    wanted = [stream for stream in settings.streams if streams is None or stream.name in streams]
    return [
        workshop.asset(
            stream,
            key=[*key_prefix, stream.name],
            deps=[dg.AssetKey([*key_prefix, name]) for name in parents_of(stream)],
            pool=pool,
            group_name=group_name,
            retry_policy=retry_policy,
            backfill_policy=None if partitions_per_run == 1 else dg.BackfillPolicy(partitions_per_run),
        )
        for stream in wanted
    ]


def partitions_job_from(
    config: Config | Sequence[Config], *, state_path: str, pool: str = POOL, name: str = "asyncreport_partitions"
) -> dg.JobDefinition:
    """A job that asks the API which partitions there are, and makes Dagster's the same; schedule it before the assets.

    Partitions that another stream's records name are not asked for: they are added when that stream is materialized.
    Raises ConfigurationError for a wrong configuration, and ValueError where the API lists no partitions of any stream.
    """
    loaded = _load(_configs(config))
    place = Place(state_path)
    streams = [stream for stream in loaded.settings.streams if _is_listed(stream)]
    if not streams:
        raise ValueError("the API lists no partitions of any stream of this configuration")

    def list_partitions(context: dg.OpExecutionContext) -> None:
        for stream in streams:
            try:
                values = listed_values(loaded, stream, {})
            except TapError as error:
                raise dg.Failure(f"{stream.name}: {error.message}") from error
            added, gone = _make_the_same(context.instance, place, stream, values, complete=True)
            context.log.info("%s: %d partitions, %d new, %d gone", stream.name, len(values), added, gone)

    op = dg.op(name="list_partitions", pool=pool)(list_partitions)
    return dg.GraphDefinition(name=name, node_defs=[op]).to_job()


def _is_listed(stream: Stream) -> bool:
    return any(dimension.request is not None for dimension in stream.partitions) and not parents_of(stream)


def _configs(config: Config | Sequence[Config]) -> list[Config]:
    return [config] if isinstance(config, str | Path | Mapping) else list(config)


def _load(configs: Sequence[Config]) -> Loaded:
    files = [config for config in configs if config != "ENV"]
    return load(files, environ=os.environ, parse_env="ENV" in configs, require_secrets=False)


def _make_the_same(
    instance: dg.DagsterInstance, place: Place, stream: Stream, values: Sequence[Mapping[str, Any]], *, complete: bool
) -> tuple[int, int]:
    """Dagster's partitions become these, or where they are not `complete` more of them; returns how many came and went.

    An empty list takes none away: it is more likely a mistake than the end of all accounts.
    """
    known = read_known(place, stream)
    found = {key_of(value): dict(value) for value in values}
    write_known(place, stream, list(found.values()) if complete and found else [*{**known, **found}.values()])
    name = dynamic_name(stream)
    before = set(instance.get_dynamic_partitions(name))
    new = [key for key in found if key not in before]
    gone = sorted(before - set(found)) if complete and found else []
    if new:
        instance.add_dynamic_partitions(name, new)
    for key in gone:
        instance.delete_dynamic_partition(name, key)
    return len(new), len(gone)


@dataclass(frozen=True)
class Workshop:
    """What makes the assets of one configuration."""

    loaded: Loaded
    plant: Plant
    by: Collection[str]
    window: str | None

    def asset(self, stream: Stream, **given: Any) -> dg.AssetsDefinition:
        """The asset of a stream."""
        values = configured_values(self.loaded, stream)
        divided = partitioning_of(stream, self.loaded.settings, values, by=self.by, window=self.window)

        def materialize(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
            return self._materialize(divided, context)

        made: dg.AssetsDefinition = dg.asset(partitions_def=divided.definition, **given)(materialize)
        return made

    def _materialize(self, divided: Partitioning, context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        stream, place = divided.stream, self.plant.place
        keys = [] if divided.definition is None else list(context.partition_keys)
        known: Known = divided.values if divided.values is not None else read_known(place, stream)
        children = [each for each in self.loaded.settings.streams if stream.name in parents_of(each)]
        named = Named(stream.name, {parents_of(child)[stream.name] for child in children})
        unit = UnitRun(
            self.plant,
            stream,
            name_of(stream.name, keys),
            [divided.part(key, known) for key in keys] or [Part(stream.name)],
            context.log,
            named.look if children else None,
        )
        try:
            metadata = unit.run()
            for child in children:
                self._add_partitions(context, stream, child, named)
        except TapError as error:
            raise dg.Failure(error.message, allow_retries=error.exit_code not in HOPELESS) from error
        return dg.MaterializeResult(metadata=metadata)

    def _add_partitions(self, context: dg.AssetExecutionContext, parent: Stream, child: Stream, named: Named) -> None:
        """The child's partitions are what this stream's records name; what was known stays where not all were read."""
        records = {parent.name: named.values[parents_of(child)[parent.name]].values()}
        if set(parents_of(child)) - set(records):
            return
        values = listed_values(self.loaded, child, records)
        complete = parent.incremental is None and not parent.partitions
        added, gone = _make_the_same(context.instance, self.plant.place, child, values, complete=complete)
        context.log.info("%s: %d partitions, %d new, %d gone", child.name, len(values), added, gone)
