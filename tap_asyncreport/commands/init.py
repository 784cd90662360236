"""`init`: a commented file to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tap_asyncreport.commands.definitions import opening, shipped_file
from tap_asyncreport.commands.options import Unusable, write_file
from tap_asyncreport.commands.surroundings import Console
from tap_asyncreport.telling import Telling

HELP = """Prints a commented configuration to begin with; with NAME one that uses a definition which ships.

\b
Examples:
  tap-asyncreport init --write orders.yaml
  tap-asyncreport init pinterest --write pinterest.yaml
  # the names
  tap-asyncreport definitions
"""

STARTER = """\
# A stream is a life of jobs: create, poll until done, download, delete. Fill in the paths of your API, then
#   tap-asyncreport check --config {file}          what can be known without starting a job
#   tap-asyncreport trace orders --config {file}   one job, every request and answer as it happens
#   tap-asyncreport columns orders --config {file} types for the columns, from real rows
# `tap-asyncreport explain KEY` says more of any key, `tap-asyncreport schema` completes them in an editor.

base_url: https://api.example.com/v1

# Also basic, api_key, oauth2, session, jwt, google_service_account, aws_sigv4, oauth1, or none.
# The secret comes from the environment: export TAP_ASYNCREPORT_SECRETS_TOKEN=...
authenticator: {{type: bearer, token: "{{{{ secrets.token }}}}"}}

start_date: 2026-01-01
max_concurrent_jobs: 4            # jobs alive at the API at once
# rate_limits:
#   - {{match: {{step: creation_requester}}, rate: 60/1m}}

streams:
  - name: orders
    primary_keys: [order_id]      # columns of the file, as it spells them

    # One job for each day. Leave it out where the API always exports everything.
    # replication_key: date       # a column too; without one the bookmark is kept all the same
    # incremental: {{step: 1d, format: date, end_is: inclusive, lookback: 3d}}

    # Creates the job. Later steps see its answer as creation_response.
    creation_requester:
      request: POST /exports
      # json: {{type: orders, from: "{{{{ window.start }}}}", to: "{{{{ window.end }}}}"}}
      # job_id: $.id              # where the answer holds the job's id; or "{{{{ response.headers.location }}}}"
      # responses:                # a refusal that comes as 200, or a limit that is no failure
      #   - {{json: {{$.code: 40100}}, means: retry}}

    # Asks until the status is final. Later steps see the last answer as polling_response.
    polling_requester: GET /exports/{{{{ job.id }}}}
    # status:
    #   extractor: $.status       # where the status stands
    #   mapping: {{running: [QUEUING], failed: [FAILED, CANCELED]}}   # the usual words are known

    # Fetches the file. Of several: download_target_extractor: $.files[*].url, and GET {{{{ download_target }}}}
    download_retriever: GET {{{{ polling_response.url }}}}

    # What becomes of a job that failed or is not wanted any more, and of every job at the end.
    # abort_requester: POST /exports/{{{{ job.id }}}}/cancel
    # delete_requester: DELETE /exports/{{{{ job.id }}}}

    # jobs: {{poll_interval: 5s, timeout: 1h, max_attempts: 3}}
    # columns: {{order_id: string, date: date, amount: decimal}}
"""


@click.command("init", help=HELP, short_help="A commented configuration to begin with.")
@click.argument("name", required=False)
@click.option("--write", "file", metavar="FILE", help="Write it to FILE, which must not exist yet.")
@click.pass_obj
def command(telling: Telling, name: str | None, file: str | None) -> None:
    """Prints or writes the file."""
    console = Console(telling.redactor)
    text = STARTER.format(file=file or "orders.yaml") if name is None else _of_definition(name, file or f"{name}.yaml")
    if file is None:
        console.text(text)
        return
    if Path(file).exists():
        raise Unusable(f"{file} exists already", hint="name another file, or remove that one")
    write_file(file, text, "the configuration")
    console.line(f"wrote {file}; next: tap-asyncreport check --config {file}")


def _of_definition(name: str, file: str) -> str:
    """A configuration that uses a definition: what it asks for, its secrets, its knobs, its streams."""
    from tap_asyncreport.config.loading import load, secrets_used, vars_used
    from tap_asyncreport.config.reading import SECRETS, in_capitals
    from tap_asyncreport.config.sources import plain
    from tap_asyncreport.config.text import FileText
    from tap_asyncreport.config.yaml_text import read_yaml

    text = shipped_file(name).read_text(encoding="utf-8")
    content = plain(read_yaml(FileText(name, text))[0])
    asked = [knob for knob in vars_used(content) if knob not in content.get("vars", {})]
    filled = {"definition": name, "vars": dict.fromkeys(asked, "..."), "start_date": "2026-01-01"}
    raw = load([filled], environ={}, require_secrets=False).raw
    secrets = [secret for secret in secrets_used(raw) if secret not in raw.get("secrets", {})]
    lines = [*(f"# {line}".rstrip() for line in _head(text)), f"definition: {name}", ""]
    if secrets:
        lines += ["# Secrets come from the environment, or stand here.", "# secrets:"]
        width = max(map(len, secrets)) + 5
        lines += [
            f"#   {f'{secret}: ...':<{width}}   # or export {SECRETS}{in_capitals(secret)}=..." for secret in secrets
        ]
        lines.append("")
    if any("incremental" in stream for stream in raw["streams"]) and "start_date" not in content:
        lines += ["start_date: 2026-01-01   # how far back to read", ""]
    knobs = {knob: value for knob, value in raw.get("vars", {}).items() if knob not in asked}
    if asked:
        lines += ["# What only you know.", "vars:", *(f"  {knob}: ..." for knob in asked)]
    if knobs:
        lines += ["# The definition's own knobs, with their defaults.", *([] if asked else ["# vars:"]), *_vars(knobs)]
    if asked or knobs:
        lines.append("")
    names = ", ".join(stream["name"] for stream in raw["streams"])
    lines += [
        f"# Its streams: {names}.",
        "# Anything may be set anew: mappings merge, streams by name, for example",
        "# streams:",
        f"#   - name: {raw['streams'][0]['name']}",
        "#     jobs: {max_attempts: 2}",
        "#",
        f"# Next: tap-asyncreport check --config {file}",
    ]
    return "\n".join(lines) + "\n"


def _head(text: str) -> Iterator[str]:
    """What a definition says of itself and asks for, up to its sources."""
    for line in opening(text):
        if line.startswith("Sources"):
            return
        yield line
    yield ""


def _vars(knobs: dict[str, Any]) -> Iterator[str]:
    import json

    for name, value in knobs.items():
        yield f"#   {name}: {value if isinstance(value, str) else json.dumps(value)}"
