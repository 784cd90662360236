"""`definitions`: the APIs that ship, and their files to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from tap_asyncreport.commands.options import Unusable
from tap_asyncreport.commands.surroundings import Console, table
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

HELP = """Lists the APIs that ship as definitions; `show NAME` prints one, with the source of each fact.

\b
Examples:
  tap-asyncreport definitions
  tap-asyncreport definitions show pinterest
  tap-asyncreport init pinterest --write pinterest.yaml
"""


@click.group("definitions", help=HELP, short_help="The APIs that ship as definitions.", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Lists, unless told otherwise."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(listing)


@command.command("list", help="Lists the definitions that ship.")
@click.pass_obj
def listing(telling: Telling) -> None:
    """Prints a line for each definition."""
    from tap_asyncreport.config.reading import shipped

    rows = [(name, title(file.read_text(encoding="utf-8"))) for name, file in sorted(shipped())]
    Console(telling.redactor).lines(table(rows))


@command.command("show", help="Prints a definition, with the source of each fact.")
@click.argument("name")
@click.pass_obj
def show(telling: Telling, name: str) -> None:
    """Prints the file of a definition."""
    Console(telling.redactor).text(shipped_file(name).read_text(encoding="utf-8"))


def shipped_file(name: str) -> Traversable:
    """The file of a definition that ships; raises Unusable, which names the nearest."""
    from tap_asyncreport.commands.usage import is_file
    from tap_asyncreport.config.nearest import meant
    from tap_asyncreport.config.reading import shipped

    known = dict(shipped())
    if is_file(name):
        raise Unusable(f"there is no definition {name!r}", hint=f"`tap-asyncreport init --write {name}` writes a file")
    if name not in known:
        hint = "; ".join(filter(None, (meant(name, known), f"these ship: {', '.join(sorted(known))}")))
        raise Unusable(f"there is no definition {name!r}", hint=hint)
    return known[name]


def opening(text: str) -> Iterator[str]:
    """The lines of the comment that a definition opens with, without their marks."""
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        yield line.removeprefix("#").removeprefix(" ").rstrip()


def title(text: str) -> str:
    """What a definition says of itself first: the first sentence of its comment."""
    paragraph = " ".join(" ".join(opening(text)).split())
    for stop in (": ", ". "):
        head, found, _ = paragraph.partition(stop)
        if found:
            return head
    return paragraph
