"""The command line: the Singer tap, and with a first word the person's tool."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tap_asyncreport.errors import TapError


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code; see the docs for the codes."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and not arguments[0].startswith("-"):
        from tap_asyncreport.commands import commands

        _guarded(lambda: commands(arguments))
    else:
        from tap_asyncreport.sdk import postpone

        postpone()
        from tap_asyncreport.tap import TapAsyncReport

        _guarded(lambda: TapAsyncReport.cli(arguments, prog_name="tap-asyncreport"))


def _guarded(run: object) -> None:
    from tap_asyncreport.error_text import render

    try:
        run()  # type: ignore[operator]
    except TapError as error:
        sys.stderr.write(render(error).rstrip() + "\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
