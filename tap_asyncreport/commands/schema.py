"""`schema`: the JSON Schema of the configuration, for editors."""

from __future__ import annotations

import click

from tap_asyncreport.commands.surroundings import Console
from tap_asyncreport.telling import Telling

HELP = """Prints the JSON Schema of the configuration, for editors.

\b
Example: completion and checks while you write, in any editor that speaks to
yaml-language-server:
  tap-asyncreport schema > tap-asyncreport.schema.json
  and as the first line of orders.yaml:
  # yaml-language-server: $schema=tap-asyncreport.schema.json
"""


@click.command("schema", help=HELP, short_help="The JSON Schema of the configuration, for editors.")
@click.pass_obj
def command(telling: Telling) -> None:
    """Prints the schema."""
    import json

    from tap_asyncreport.config.json_schema import json_schema

    Console(telling.redactor).text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
