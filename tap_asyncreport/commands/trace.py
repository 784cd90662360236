"""`trace STREAM`: one job, every request and answer as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tap_asyncreport.calling import called, meltano_name
from tap_asyncreport.commands.one_job import OneJob, one_job
from tap_asyncreport.commands.surroundings import Console
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.commands.foreground import Ending
    from tap_asyncreport.commands.recording import Recording
    from tap_asyncreport.commands.rehearsal import Rows

HELP = """Runs one job of a stream and shows each request and answer as it happens, what every template became, and what
each extractor found. The job is deleted at the end, and aborted where something goes wrong or you press Ctrl-C.

\b
Examples:
  tap-asyncreport trace orders --config orders.yaml
  tap-asyncreport trace orders --config orders.yaml --window 2026-01-31
  tap-asyncreport trace orders --config orders.yaml --partition account=7
  # requests to send again by hand, and a recording for `tap-asyncreport test`
  tap-asyncreport trace orders --config orders.yaml --curl
  tap-asyncreport trace orders --config orders.yaml --save orders.json
  meltano invoke tap-asyncreport:trace
"""


@click.command("trace", help=HELP, short_help="One job, every request and answer as it happens.")
@one_job
@click.option(
    "--limit", type=click.IntRange(0), default=5, show_default=True, metavar="ROWS", help="How many rows to show."
)
@click.option("--curl", "as_curl", is_flag=True, help="Show each request as a curl command, secrets as $NAME.")
@click.option("--save", "save", metavar="FILE", help="Write a recording of it all, without secrets.")
@click.pass_obj
def command(
    telling: Telling,
    *,
    asked: OneJob,
    limit: int,
    save: str | None,
    as_curl: bool,
) -> int:
    """Traces a job, and returns the exit code of what it came to."""
    from tap_asyncreport.commands.narrator import Narrator
    from tap_asyncreport.commands.recording import Recorder, recorded
    from tap_asyncreport.commands.rehearsal import Rehearsal, Rows

    loaded, chosen = asked.load(telling)
    console = Console(telling.redactor)
    can_end = chosen.abort_requester is not None or chosen.delete_requester is not None
    narrator = Narrator(console, chosen.name, as_curl=as_curl, can_end=can_end)
    recorder = Recorder()
    rows = Rows(keep=limit, all_of_them=save is not None)
    rehearsal = Rehearsal(loaded, chosen, telling.redactor, narrator, observers=[recorder.add], seen=narrator.saw)
    with rehearsal.open() as opened:
        ending = opened.run(asked.choose(opened, console), rows.read)
    _print(console, ending, rows)
    if ending.error is None and rows.count and chosen.columns is None and chosen.schema_ is None:
        write = " --write" if meltano_name() is None else ""
        console.line(f"next: {called(['columns', chosen.name], asked.configs)}{write} proposes types for the columns")
    if save is not None:
        _save(recorded(loaded, opened, ending, rows, recorder.exchanges), save, telling, console)
    return _code(telling, ending)


def _print(console: Console, ending: Ending, rows: Rows) -> None:
    from tap_asyncreport.reporting.words import many
    from tap_asyncreport.templates import to_json

    console.line()
    if ending.error is None:
        shown = len(rows.first)
        more = "" if rows.whole else f", the first {shown} of the file"
        console.line("rows" if rows.count or not ending.empty else "rows: none, and that is right so")
        console.lines(f"  {to_json(row)}" for row in rows.first)
        if rows.whole and rows.count > shown:
            more = f", {shown} of them shown"
        console.line(f"  {many(rows.count, 'row')}{more}")
    if ending.follow is not None:
        console.line(f"a run would go on with another job of this window, at {to_json(ending.follow.cursor)}")


def _save(recording: Recording, file: str, telling: Telling, console: Console) -> None:
    """Writes the recording, and says at once where a replay of it would not be the same."""
    from tap_asyncreport.commands.recording import Recording
    from tap_asyncreport.commands.replay import report
    from tap_asyncreport.commands.replaying import replay
    from tap_asyncreport.config.loading import load

    clean = Recording(recording.clean(telling.redactor))
    loaded = load([clean.document["config"]], environ={}, require_secrets=False)
    found = replay(clean, loaded)
    if found.rows["count"] == clean.document["rows"]["count"]:
        clean = clean.with_rows(found.rows)
    clean.write(file)
    console.line(f"recorded in {file}: it holds what the API answered, so look at it before you pass it on")
    if not found.same:
        console.line("a replay of it is not the same, for want of what is not recorded:")
        console.lines(f"  {line}" for line in report(found) if line)


def _code(telling: Telling, ending: Ending) -> int:
    return 0 if ending.error is None else telling.tell(ending.error)
