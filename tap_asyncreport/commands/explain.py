"""`explain KEY`: what a key of the configuration means."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tap_asyncreport.commands.options import Unusable
from tap_asyncreport.commands.surroundings import Console, table
from tap_asyncreport.errors import ConfigurationError
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.config.explaining import Explained, KeyInfo

HELP = """Explains a key of the configuration: what it means and takes, its default, an example, where it may stand.

Without KEY it lists the keys of the top level.

\b
Examples:
  tap-asyncreport explain jobs.timeout
  tap-asyncreport explain streams.orders.incremental.lookback
  tap-asyncreport explain means
  tap-asyncreport explain authenticator
  tap-asyncreport explain authenticator.oauth2
"""
WIDTH = 100
MOST_INSIDE = 40
MOST_PLACES = 6


@click.command("explain", help=HELP, short_help="One key: meaning, default, example.")
@click.argument("key", required=False)
@click.pass_obj
def command(telling: Telling, key: str | None) -> None:
    """Prints what is known of a key."""
    from tap_asyncreport.config.explaining import explain, top_keys

    console = Console(telling.redactor)
    if key is None:
        console.lines(table([(info.key, info.description) for info in top_keys()]))
        return
    try:
        found = explain(key)
    except ConfigurationError as error:
        raise Unusable(error.message, hint=error.problems[0].hint) from None
    for number, info in enumerate(found.infos):
        if number:
            console.line()
        console.lines(_told(info))
    console.lines(_around(found))


def _told(info: KeyInfo) -> Iterator[str]:
    yield f"{info.key}  (type: {info.of})" if info.of else info.key
    yield from textwrap.wrap(info.description, WIDTH - 2, initial_indent="  ", subsequent_indent="  ")
    yield f"  takes     {info.kind}"
    if info.required:
        yield "  required"
    elif info.default is not None:
        yield f"  default   {_text(info.default)}"
    if info.allowed:
        yield from _row("allowed", ", ".join(info.allowed))
    for number, example in enumerate(info.examples):
        yield f"  {'example' if not number else '':<10}{_example(info.key, example)}"


def _example(key: str, example: Any) -> str:
    name = key.rpartition(".")[2]
    is_of_type = isinstance(example, dict) and example.get("type") == name
    return f"{key.split('.')[-2] if is_of_type else name}: {_text(example)}"


def _around(found: Explained) -> Iterator[str]:
    """What stands under a key, where else it stands, and what else the word means."""
    yield from _types(found) if found.types else _keys(found.infos[0].parts[-1], found.inside)
    places = [place.rpartition(".")[0] for place in found.places]
    if places:
        more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
        yield from _row("also in", ", ".join(places[:MOST_PLACES]) + more)
    for number, info in enumerate(found.also):
        said = f"which of its kinds `{info.parts[-2]}` is" if info.is_tag else info.description
        yield from _row("" if number else "else", f"{'.'.join(info.parts[-2:])}: {said}")


def _keys(name: str, inside: list[KeyInfo]) -> Iterator[str]:
    """The keys under one; those of a type with what each means."""
    from tap_asyncreport.config.problems import either

    if all(info.of == name for info in inside):
        for number, info in enumerate(each for each in inside if each.parts[-1] != "type"):
            must = ", required" if info.required else ""
            takes = either(info.allowed) if info.kind == "word" else info.kind
            yield from _row("" if number else "keys", f"{info.parts[-1]}: {info.description} ({takes}{must})")
    elif inside:
        yield from _row("keys", ", ".join(list(dict.fromkeys(info.parts[-1] for info in inside))[:MOST_INSIDE]))


def _types(found: Explained) -> Iterator[str]:
    key = found.infos[0].key
    for number, (name, inside) in enumerate(found.types.items()):
        names = ", ".join(info.parts[-1] for info in inside if info.parts[-1] != "type")
        yield from _row("" if number else "types", f"{name}: {names}" if names else name)
    yield f"  more      tap-asyncreport explain {key.rpartition('.')[2]}.TYPE"


def _row(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=f"  {label:<10}", subsequent_indent=" " * 12, break_on_hyphens=False
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
