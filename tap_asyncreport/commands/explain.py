"""`explain KEY`: what a key of the configuration means."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tap_asyncreport.commands.options import Unusable
from tap_asyncreport.commands.surroundings import Console
from tap_asyncreport.errors import ConfigurationError
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.config.json_schema import KeyInfo

HELP = """Explains a key of the configuration: what it means, its default, an example, the words it takes.

\b
Examples:
  tap-asyncreport explain jobs.timeout
  tap-asyncreport explain streams.orders.incremental.lookback
  tap-asyncreport explain means
  tap-asyncreport explain authenticator.grant
"""
WIDTH = 100
MOST_INSIDE = 40


@click.command("explain", help=HELP, short_help="One key: meaning, default, example.")
@click.argument("key")
@click.pass_obj
def command(telling: Telling, key: str) -> None:
    """Prints what is known of a key."""
    from tap_asyncreport.config.json_schema import explain, key_infos

    console = Console(telling.redactor)
    known = [info.key for info in key_infos()]
    try:
        found = explain(key)
    except ConfigurationError as error:
        raise Unusable(error.message, hint=error.problems[0].hint) from None
    for number, info in enumerate(found):
        if number:
            console.line()
        console.lines(_told(info, known))


def _told(info: KeyInfo, known: list[str]) -> Iterator[str]:
    yield f"{info.key}  (type: {info.of})" if info.of else info.key
    yield from textwrap.wrap(info.description, WIDTH - 2, initial_indent="  ", subsequent_indent="  ")
    if info.required:
        yield "  required"
    elif info.default is not None:
        yield f"  default   {_text(info.default)}"
    if info.allowed:
        yield from _row("allowed", ", ".join(info.allowed))
    for number, example in enumerate(info.examples):
        yield f"  {'example' if not number else '':<10}{info.key.rpartition('.')[2]}: {_text(example)}"
    inside = [name.removeprefix(f"{info.key}.") for name in known if name.startswith(f"{info.key}.")]
    keys = [name for name in dict.fromkeys(inside) if "." not in name][:MOST_INSIDE]
    if keys:
        yield from _row("keys", ", ".join(keys))


def _row(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=f"  {label:<10}", subsequent_indent=" " * 12, break_on_hyphens=False
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
