"""`demo`: the example reporting API, in the foreground."""

from __future__ import annotations

import click

from tap_asyncreport.commands.options import Unusable
from tap_asyncreport.commands.surroundings import Console
from tap_asyncreport.telling import Telling

HELP = """Serves the example API on this machine until you press Ctrl-C: Seattle's weather as monthly reports.

\b
Examples:
  tap-asyncreport demo
  tap-asyncreport demo --port 8765
  # and beside it, with `definition: demo` and
  # `base_url: http://127.0.0.1:8765/v1` in demo.yaml:
  tap-asyncreport trace seattle_weather --config demo.yaml
"""


@click.command("demo", help=HELP, short_help="The example API, in the foreground.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port of the API; 0 is a free one."
)
@click.pass_obj
def command(telling: Telling, host: str, port: int) -> None:
    """Serves until interrupted."""
    from tap_asyncreport.demo.server import TOKEN_PREFIX, run_forever

    console = Console(telling.redactor)

    def ready(url: str) -> None:
        console.line(f"The example API answers at {url} (Ctrl-C ends it).")
        console.line(f"  curl -H 'Authorization: Bearer {TOKEN_PREFIX}-anything' -d '{_QUERY}' {url}/reports")
        console.line(f"  in a configuration: definition: demo, base_url: {url}")

    try:
        run_forever(host, port, ready=ready)
    except OSError as error:
        said = f"nothing can be served at {host}:{port}: {error.strerror or error}"
        raise Unusable(said, hint="choose another --port; 0 is a free one") from None


_QUERY = '{"dataset": "seattle_weather", "from": "2012-01-01", "to": "2012-01-31"}'
