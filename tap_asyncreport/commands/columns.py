"""`columns STREAM`: types for the columns, from the rows of one job."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tap_asyncreport.calling import called, meltano_name
from tap_asyncreport.commands.one_job import OneJob, one_job
from tap_asyncreport.commands.options import Unusable, write_file
from tap_asyncreport.commands.surroundings import Console
from tap_asyncreport.job import job_name
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.commands.foreground import Calls, Ending
    from tap_asyncreport.commands.guessing import Evidence, Guess
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.job import Job, JobEvent
    from tap_asyncreport.orchestrator.task import Task
    from tap_asyncreport.stream_run import StreamRun

HELP = """Runs one job of a stream and proposes `columns` from its rows: a type for each, with what speaks for it.

What one value contradicts stays a string; a comment says what else it could be.

\b
Examples:
  tap-asyncreport columns orders --config orders.yaml
  # puts them into the file
  tap-asyncreport columns orders --config orders.yaml --write
  tap-asyncreport columns orders --config orders.yaml --window -1 --rows 100
"""
EXAMPLE = 30


@click.command("columns", help=HELP, short_help="Types for the columns, from the rows of one job.")
@one_job
@click.option(
    "--rows", "most", type=click.IntRange(1), default=10_000, show_default=True, help="How many rows to look at."
)
@click.option(
    "--write",
    "file",
    metavar="[FILE]",
    is_flag=False,
    flag_value="",
    help="Put them into that YAML file, or into a new one beside it; without FILE into the configuration given.",
)
@click.pass_obj
def command(telling: Telling, *, asked: OneJob, most: int, file: str | None) -> int:
    """Runs a job and prints the proposal."""
    from tap_asyncreport.commands.guessing import guess
    from tap_asyncreport.commands.rehearsal import Rehearsal

    loaded, chosen = asked.load(telling)
    file = _only_file(asked.configs) if file == "" else file
    console = Console(telling.redactor)
    looks = Looks(most, {dimension.name for dimension in chosen.partitions})
    aside = Console(telling.redactor, sys.stderr)
    with Rehearsal(loaded, undeclared(chosen), telling.redactor, Aside(aside)).open() as opened:
        unit = asked.choose(opened, aside)
        ending = opened.run(unit, looks.read)
    if ending.error is not None:
        return telling.tell(ending.error)
    if not looks.rows:
        raise Unusable(f"the job of {unit} has no rows, so nothing can be said", hint="choose another --window")
    guesses = named([guess(found, typed=looks.typed) for found in looks.columns.values()], chosen)
    lines = list(proposal(guesses, _about(ending, looks), console, looks.rows))
    if file is None:
        console.text("\n".join(lines) + "\n")
    else:
        _write(Path(file), chosen.name, [console.shown(line) for line in lines], console)
    wanting = list(absent(guesses, chosen))
    for told in wanting:
        aside.line(told)
    if file is not None and not wanting:
        meltano = meltano_name()
        run = f"{called([], asked.configs)} | TARGET" if meltano is None else f"meltano run {meltano} TARGET"
        console.line(f"next: {run} reads the stream")
    return 0


def _only_file(configs: Sequence[str]) -> str:
    files = [name for name in configs if name != "ENV"]
    if len(files) != 1:
        hint = "name it: `--write FILE`; or leave it out, and put what is printed into the configuration"
        raise Unusable("`--write` does not know which file is meant", hint=hint)
    return files[0]


def undeclared(stream: Stream) -> Stream:
    """The stream as if nothing were known of its columns."""
    nothing: dict[str, Any] = {"columns": None, "schema_": None, "unknown_columns": "include", "add_columns": {}}
    return stream.model_copy(update={**nothing, "primary_keys": [], "replication_key": None})


def named(guesses: Sequence[Guess], stream: Stream) -> list[Guess]:
    """The guesses under the names that the stream's keys have, where the file spells these otherwise."""
    free = [key for key in _keys(stream) if key not in {found.name for found in guesses}]
    spelt = {_folded(found.name): found for found in guesses}
    for key in free:
        found = spelt.get(_folded(key))
        if found is not None:
            found.spec = {**found.spec, "source": found.name}
            found.name = key
    return list(guesses)


def absent(guesses: Sequence[Guess], stream: Stream) -> Iterator[str]:
    """What is to be put right about keys that are no columns of the file, before the stream can be read."""
    known = {found.name for found in guesses} | {part.name for part in stream.partitions} | set(stream.add_columns)
    for key in _keys(stream):
        if key not in known:
            is_primary = key in stream.primary_keys
            setting = "primary_keys" if is_primary else "replication_key"
            spare = "" if is_primary else "; it may be left out, for the bookmark is no value of a row"
            yield f"no column is called {key}: change `{setting}` of {stream.name}{spare}"


def _keys(stream: Stream) -> list[str]:
    keys = [*stream.primary_keys, *([stream.replication_key] if stream.replication_key else [])]
    return list(dict.fromkeys(keys))


def _folded(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


@dataclass
class Looks:
    """Looks at rows, up to a number of them."""

    most: int
    leave_out: set[str]
    columns: dict[str, Evidence] = field(default_factory=dict)
    rows: int = 0

    def read(self, work: StreamRun, task: Task, calls: Calls) -> int:
        """Looks at the rows of a finished job."""
        from tap_asyncreport.commands.guessing import Evidence
        from tap_asyncreport.commands.rehearsal import rows_of

        for row in rows_of(work, task):
            if self.rows >= self.most or calls.stopping:
                break
            self.rows += 1
            for name, value in row.items():
                if name not in self.leave_out:
                    self.columns.setdefault(name, Evidence(name)).take(value)
        return self.rows

    @property
    def typed(self) -> bool:
        """Whether the rows know numbers and the like, as JSON does and CSV does not."""
        return any(set(found.kinds) - {"string"} for found in self.columns.values())


class Aside:
    """Tells on stderr how the job goes on, in a few words."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def heard(self, event: JobEvent) -> None:
        """A status, when it is new."""
        said = f"{job_name(event.job)}: {event.word}" if event.word else ""
        if said and said != self._last:
            self._console.line(said)
            self._last = said

    def waiting(self, seconds: float) -> None:
        """Nothing to say."""

    def left(self, job: Job) -> None:
        """The job stays at the API."""
        self._console.line(f"{job_name(job)} is left at the API")


def _about(ending: Ending, looks: Looks) -> str:
    ids = ", ".join(str(job.id) for job in ending.jobs if job.id is not None)
    return f"{looks.rows:,} rows of job {ids}" if ids else f"{looks.rows:,} rows"


def proposal(guesses: Sequence[Guess], about: str, console: Console, rows: int = 0) -> Iterator[str]:
    """The proposal as YAML, with what speaks for each type."""
    from tap_asyncreport.commands.guessing import scalar, spec_text

    declared = [f"  {scalar(found.name)}: {spec_text(found.spec)}" for found in guesses]
    width = min(60, max(map(len, declared), default=0))
    yield f"columns:  # from {about}"
    for line, found in zip(declared, guesses, strict=True):
        yield f"{line:<{width}}  # {_evidence(found, console, rows)}"


def _evidence(found: Guess, console: Console, rows: int) -> str:
    parts = [f"{found.seen - found.nulls:,} of {max(found.seen, rows):,}"]
    parts += [found.sure] if found.sure else []
    parts += [found.note] if found.note else []
    examples = [_example(text, console) for text in found.examples]
    return "; ".join([*parts, *([f"e.g. {', '.join(examples)}"] if examples else [])])


def _example(text: str, console: Console) -> str:
    shown: Any = console.shown(" ".join(text.split()))
    return f"{shown[:EXAMPLE]}…" if len(shown) > EXAMPLE else shown


def _write(path: Path, stream: str, lines: Sequence[str], console: Console) -> None:
    """Into the file, where that loses nothing; else into one of its own, which lies over it."""
    from tap_asyncreport.commands.guessing import scalar
    from tap_asyncreport.config.editing import with_columns

    text = path.read_text(encoding="utf-8") if path.is_file() else None
    changed = None if text is None else with_columns(text, stream, lines)
    if changed is not None:
        write_file(path, changed, "the configuration")
        console.line(f"wrote the columns of {stream} into {path}")
        return
    target = path if text is None else path.with_name(f"{path.stem}.{stream}.columns.yaml")
    if target.exists():
        raise Unusable(f"{target} exists already", hint="remove it, or name another file")
    body = ["streams:", f"  - name: {scalar(stream)}", *(f"    {line}" for line in lines)]
    write_file(target, "\n".join(body) + "\n", "the columns")
    if text is not None:
        console.line(f"{path} cannot be changed without losing something, so it stays as it is")
    console.line(f"wrote the columns of {stream} into {target}; to lie over the rest: --config … --config {target}")
