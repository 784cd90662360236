"""The person's tool: from a first look at an API to the morning after a failed night.

Each command is a file of its own, imported when it is asked for; none of them needs the Singer SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import click

from tap_asyncreport.commands.surroundings import surroundings
from tap_asyncreport.http.naming import NamingRedactor
from tap_asyncreport.telling import Telling

# In the order in which one meets them.
MODULES = {
    "init": "init",
    "check": "check",
    "trace": "trace",
    "columns": "columns",
    "jobs": "jobs",
    "plan": "plan",
    "state": "state",
    "test": "replay",
    "definitions": "definitions",
    "explain": "explain",
    "schema": "schema",
    "demo": "demo",
}

HELP = """A Singer tap for every API that answers "your report will be ready later", and the tools to set it up.

\b
A new API, from its documentation to rows:
  # a commented file to fill in
  tap-asyncreport init --write orders.yaml
  # everything that can be known without starting a job
  tap-asyncreport check --config orders.yaml
  # one job, every request and answer as it happens
  tap-asyncreport trace orders --config orders.yaml
  # types for the columns, from real rows
  tap-asyncreport columns orders --config orders.yaml
  # the tap itself
  tap-asyncreport --config orders.yaml | target-jsonl

\b
The Singer tap, when the first word is an option:
  --config FILE|ENV   configuration, JSON or YAML, may be given several times;
                      ENV takes TAP_ASYNCREPORT_* variables too
  --state FILE        where the last run ended
  --only PART         read this part only, finished or not:
                      'STREAM name=value START/END'
  --catalog FILE      which streams and columns to read
  --discover          print the catalog; makes no call
  --test              one record of each stream, then clean up;
                      --test=schema prints schemas
  --about             capabilities and settings; --format json|markdown
  --version           the version

Exit codes: 0 all finished; 1 a stream or a job failed; 77 the login was refused; 78 the configuration is wrong;
130 and 143 interrupted.
"""


class Tools(click.Group):
    """The commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return _imported(cmd_name) if cmd_name in MODULES else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant."""
        if args[0] not in MODULES:
            raise click.UsageError(f"there is no command {args[0]!r}", ctx)
        return super().resolve_command(ctx, args)


def commands(arguments: Sequence[str], telling: Telling | None = None) -> int:
    """Runs a command and returns the exit code; nothing is raised."""
    told = telling or Telling()
    told.redactor = NamingRedactor()
    return told.run(lambda: _run(list(arguments), told))


def _run(arguments: list[str], telling: Telling) -> object:
    group = Tools("tap-asyncreport", help=HELP, options_metavar="", context_settings={"max_content_width": 110})
    with surroundings(telling):
        try:
            return group.main(arguments, prog_name="tap-asyncreport", standalone_mode=False, obj=telling)
        except click.ClickException as error:
            return told(error, arguments)
        except click.Abort:
            raise KeyboardInterrupt from None


def told(error: click.ClickException, arguments: Sequence[str]) -> int:
    """Tells what is wrong with the words of the command line and what was meant; returns the exit code."""
    from tap_asyncreport.commands.usage import put_right

    if isinstance(error, click.UsageError):
        error = put_right(error, arguments, {name: _imported(name) for name in MODULES})
    error.show()
    return error.exit_code


def _imported(name: str) -> click.Command:
    command: click.Command = import_module(f"tap_asyncreport.commands.{MODULES[name]}").command
    return command


__all__ = ["commands", "told"]
