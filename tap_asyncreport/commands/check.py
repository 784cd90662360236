"""`check`: everything that can be known of a configuration without starting a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from tap_asyncreport.calling import called
from tap_asyncreport.commands.options import Unusable, config_option, state_option
from tap_asyncreport.commands.surroundings import Console, table
from tap_asyncreport.errors import ConfigurationError
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.commands.stages import Check

HELP = """Checks a configuration without starting a job: keys, templates, secrets, windows, and the login.

\b
Examples:
  tap-asyncreport check --config orders.yaml
  # what the next run would do
  tap-asyncreport check --config orders.yaml --state state.json
  # no call at all
  tap-asyncreport check --config orders.yaml --offline
  # for a machine to read
  tap-asyncreport check --config ENV --json
  meltano invoke tap-asyncreport:check

Everything that is wrong is told at once. Exit codes: 0 all is well; 78 something is wrong; 77 the login was refused;
1 nobody answered.
"""


@click.command("check", help=HELP, short_help="All that can be known without starting a job.")
@config_option
@state_option()
@click.option("--offline", is_flag=True, help="Make no call: the login is not tried.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    telling: Telling, configs: tuple[str, ...], state_file: str | None, *, offline: bool, as_json: bool
) -> int:
    """Checks, and prints stage by stage."""
    from tap_asyncreport.commands.stages import Check, as_dict

    check = Check(configs, state_file, telling, offline=offline)
    try:
        check.run()
    except Unusable as error:
        if not as_json:
            raise
        check.refuse(error)
    console = Console(telling.redactor)
    if as_json:
        found = telling.redactor.redact_value(as_dict(check))
        console.text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        _print(check, console, telling)
    return check.exit_code


def _print(check: Check, console: Console, telling: Telling) -> None:
    from tap_asyncreport.commands.stages import rows_of

    console.lines(table(list(rows_of(iter(check.stages.values())))))
    problems = [problem for stage in check.stages.values() for problem in stage.problems]
    if problems:
        console.line()
        console.line(telling.text(ConfigurationError(problems)))
    for stage in check.stages.values():
        if stage.error is not None:
            console.line()
            console.line(telling.text(stage.error))
    if check.least is not None:
        console.line()
        console.line(_estimate(check))
    if check.exit_code == 0 and check.outlooks:
        trace = called(["trace", check.outlooks[0].stream], check.configs)
        console.line(f"next: {trace} runs one job and shows it all")


def _estimate(check: Check) -> str:
    from tap_asyncreport.reporting.words import duration, many

    assert check.least is not None
    each = [found for found in check.outlooks if found.each]
    jobs = many(sum(found.jobs for found in check.outlooks), "job")
    more = ", and more for the partitions that are listed in the run" if each else ""
    if check.least.seconds < 1:
        return f"{jobs} to do{more}"
    return f"{jobs} to do{more}; at least {duration(check.least.seconds)} ({check.least.why})"
