"""`test FILE`: a recording replayed through its configuration, without network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tap_asyncreport.commands.options import Unusable, config_option
from tap_asyncreport.commands.surroundings import Console, table
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.commands.recording import Recording
    from tap_asyncreport.commands.replaying import Line, Replay
    from tap_asyncreport.config.loading import Loaded

HELP = """Replays a recording through its configuration, without network, and says what differs.

\b
Examples:
  tap-asyncreport trace orders --config orders.yaml --save orders.json
  tap-asyncreport test orders.json
  # would this configuration do the same?
  tap-asyncreport test orders.json --config changed.yaml

A recording of a definition that ships is replayed through the definition as it is now. Exit codes: 0 all is as
recorded; 1 something differs.
"""
MOST_SHOWN = 300


@click.command("test", help=HELP, short_help="Replay a recording, and say what differs.")
@click.argument("file", metavar="FILE")
@config_option
@click.pass_obj
def command(telling: Telling, file: str, configs: tuple[str, ...]) -> int:
    """Replays and reports."""
    from tap_asyncreport.commands.recording import Recording
    from tap_asyncreport.commands.replaying import replay
    from tap_asyncreport.http.urls import origin_of

    recording = Recording.read(file)
    loaded = _configuration(recording, configs, telling)
    found = replay(recording, loaded)
    for exchange in recording.exchanges:  # what was hidden of their queries is hidden in the recording
        telling.redactor.own(origin_of(exchange["url"]))
    console = Console(telling.redactor)
    document = recording.document
    window = document.get("window")
    span = f", {window[0]} to {window[1]}" if window else ""
    console.line(f"{document['stream']}{span}, recorded at {document['now']} with version {document['version']}")
    console.line()
    console.lines(report(found))
    return 0 if found.same else 1


def _configuration(recording: Recording, configs: tuple[str, ...], telling: Telling) -> Loaded:
    from tap_asyncreport.config.loading import load
    from tap_asyncreport.config.shown import confidential

    given: list[Any] = [config for config in configs if config != "ENV"]
    loaded = load(given or [recording.document["config"]], environ={}, require_secrets=False)
    telling.redactor.add(confidential(loaded))
    telling.sources = loaded.sources
    names = [stream.name for stream in loaded.settings.streams]
    name = recording.document["stream"]
    if name not in names:
        raise Unusable(
            f"the recording is of the stream {name!r}, which the configuration does not have",
            hint=f"its streams are {', '.join(names)}",
        )
    return loaded


def report(found: Replay) -> Iterator[str]:
    """The lines that a person reads."""
    rows = [(line.name, "ok" if line.same else "differs", line.text) for line in found.lines]
    for line, text in zip(found.lines, table(rows), strict=True):
        yield text
        yield from _details(line)
    count = sum(not line.same for line in found.lines)
    yield ""
    yield "all is as recorded" if not count else f"{count} of {len(found.lines)} lines differ"


def _details(line: Line) -> Iterator[str]:
    if line.said is not None:
        yield f"    {line.said}"
    for difference in line.differences:
        yield f"    {difference.what}"
        yield f"      recorded  {_cut(difference.was)}"
        yield f"      now       {_cut(difference.now)}"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
