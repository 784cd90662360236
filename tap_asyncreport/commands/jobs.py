"""`jobs`: the jobs that a state file holds, how they are now, and their end where that is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from tap_asyncreport.commands.options import (
    Unusable,
    config_option,
    load_configuration,
    read_state,
    state_option,
    write_file,
)
from tap_asyncreport.commands.surroundings import Console, table
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.commands.bench import Bench
    from tap_asyncreport.commands.interruption import Interruptible
    from tap_asyncreport.job import Job, Outcome
    from tap_asyncreport.stream_run import StreamRun

HELP = """Lists the jobs in a state file: window, id, age, attempt, and their status now, one poll for each.

\b
Examples:
  tap-asyncreport jobs --config orders.yaml --state state.json
  # the last line of it counts
  tap-asyncreport jobs --config orders.yaml --state states.jsonl
  tap-asyncreport jobs --config orders.yaml --state state.json --abort
  meltano state get dev:tap-asyncreport-to-target-jsonl |
    tap-asyncreport jobs --config orders.yaml --state -
"""
HEADINGS = ("stream", "partition", "window", "job", "age", "attempt", "status")


@click.command("jobs", help=HELP, short_help="The jobs in a state file, and their status now.")
@config_option
@state_option(required=True)
@click.option("--abort", is_flag=True, help="Abort and delete them all.")
@click.option("--out", metavar="FILE", help="With --abort: write the state without them there.")
@click.pass_obj
def command(
    telling: Telling, *, configs: tuple[str, ...], state_file: str, abort: bool, out: str | None
) -> int:
    """Lists jobs, or ends them."""
    from tap_asyncreport.commands.bench import Equipment, bench
    from tap_asyncreport.commands.interruption import Interruptible

    if out is not None and not abort:
        raise Unusable("--out writes the state without the jobs that --abort ended", hint="add --abort")
    loaded = load_configuration(configs, telling)
    console = Console(telling.redactor)
    equipment = Equipment()
    calls = Interruptible(equipment.clock)
    with calls.listening(), bench(loaded, telling.redactor, equipment) as made:
        for stream in loaded.settings.streams:
            made.add(stream)
        made.read_state(read_state(state_file))
        kept = list(jobs_in_state(made))
        if not kept:
            console.line("the state holds no job")
            return 0
        found = [_end(each, calls) if abort else _status(each, calls) for each in kept]
        rows = [_row(made, each, said) for each, (said, _) in zip(kept, found, strict=True)]
        console.lines(table([HEADINGS, *rows], right=(4, 5)))
        if not abort:
            return 0 if any(is_known for _, is_known in found) else 1
        for each, (_, is_done) in zip(kept, found, strict=True):
            if is_done:
                made.state.drop_job(each.work.name, each.partition, each.entry)
        return _after_abort(made, kept, out, console)


@dataclass(frozen=True)
class Kept:
    """A job that the state holds."""

    work: StreamRun
    partition: Mapping[str, Any]
    entry: Mapping[str, Any]
    job: Job


def jobs_in_state(made: Bench) -> Iterator[Kept]:
    """Every job of the configured streams, in the order of the configuration."""
    from tap_asyncreport.planning import unit_of, window_of

    for name, work in made.streams.items():
        for partition in ({}, *made.state.partitions(name)):
            for entry in made.state.jobs(name, partition):
                calendar = work.calendar(partition)
                unit = unit_of(name, partition, window_of(entry), calendar, entry)
                yield Kept(work, partition, entry, work.repository.adopt(unit, entry))


def _row(made: Bench, kept: Kept, status: str) -> tuple[str, ...]:
    from tap_asyncreport.reporting.words import partition, window

    unit = kept.job.unit
    return (
        unit.stream,
        partition(unit) or "-",
        window(unit) or "-",
        str(kept.job.id),
        _age(kept.job.created_at, made.now),
        str(kept.job.attempt),
        status,
    )


def _age(created_at: datetime | None, now: datetime) -> str:
    from tap_asyncreport.reporting.words import duration

    return "?" if created_at is None else duration(max(timedelta(), now - created_at).total_seconds())


def _status(kept: Kept, calls: Interruptible) -> tuple[str, bool]:
    """What one poll says, and whether it says what became of the job."""
    from tap_asyncreport.job import Means

    if kept.entry.get("written"):
        return "its rows are out, it is still to be deleted", True
    if kept.work.config.polling_requester is None:
        return "unknown: the stream has no polling_requester", True
    outcomes: list[Outcome] = calls.make(lambda: kept.work.repository.poll([kept.job]), patient=False)
    outcome = outcomes[0]
    if outcome.means is Means.JOB_GONE:
        return "gone: the API does not know it", True
    if outcome.status is None:
        return f"unknown: {_said(outcome)}", False
    word = str(outcome.word or "")
    is_same = word.casefold() == outcome.status.value
    return str(outcome.status) if is_same else f"{outcome.status} ({word})", True


def _said(outcome: Outcome) -> str:
    from tap_asyncreport.error_text import summary

    return summary(outcome.error) if outcome.error is not None else str(outcome.means)


# -- ending them


def _end(kept: Kept, calls: Interruptible) -> tuple[str, bool]:
    """Aborts and deletes a job, whichever the stream can; whether it is ended then."""
    from tap_asyncreport.job import Means

    config, repository = kept.work.config, kept.work.repository
    verbs = []
    if config.abort_requester is not None and not kept.entry.get("written"):
        verbs.append(("aborted", repository.abort))
    if config.delete_requester is not None:
        verbs.append(("deleted", repository.delete))
    if not verbs:
        return "left: the stream has no abort_requester and no delete_requester", False
    said, done = [], False
    for word, verb in verbs:
        outcome: Outcome = calls.make(lambda verb=verb: verb(kept.job), patient=True)  # type: ignore[misc]
        good = outcome.means is Means.OK
        done |= good
        said.append(word if good else f"not {word}: {_said(outcome)}")
    return ", ".join(said), done


def _after_abort(made: Bench, kept: list[Kept], out: str | None, console: Console) -> int:
    left = sum(1 for _ in jobs_in_state(made))
    console.line()
    console.line(f"{len(kept) - left} of {len(kept)} jobs are ended")
    if out is not None:
        write_file(out, json.dumps(made.state.to_dict()) + "\n", "the state")
        console.line(f"wrote the state without them to {out}")
    else:
        console.line(
            "the state file still names them: add --out FILE for the state without them; a run with the old one finds "
            "them gone and makes new ones"
        )
    return 1 if left else 0
