"""`state merge`: the states of parts, joined into the state of the whole."""

from __future__ import annotations

import json

import click

from tap_asyncreport.commands.options import read_state
from tap_asyncreport.telling import Telling

HELP = """Works on states.

\b
Example:
  tap-asyncreport state merge part1.json part2.json part3.json > state.json
"""
MERGE = """Joins the states that runs of parts (--only) left into the one that a whole run would have left.

\b
Example:
  tap-asyncreport state merge part1.json part2.json part3.json > state.json

The order does not matter, and a missing part leaves the bookmark before its gap. A file may also hold the lines that a
target printed: the last one counts.
"""


@click.group("state", help=HELP, short_help="Joins the states of parts.")
def command() -> None:
    """Works on states."""


@command.command("merge", help=MERGE, short_help="Joins the states of parts into one.")
@click.argument("files", nargs=-1, required=True)
@click.pass_obj
def merge(telling: Telling, files: tuple[str, ...]) -> None:
    """Prints the merged state."""
    from tap_asyncreport.state_merge import merge_states

    merged = merge_states([read_state(file) for file in files])
    click.echo(telling.redactor.redact(json.dumps(merged, ensure_ascii=False)))
