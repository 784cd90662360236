"""The command line: the Singer tap, and with a first word the person's tool."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tap_asyncreport.telling import Telling


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code; see the docs for the codes."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    telling = Telling()
    first = arguments[0] if arguments else ""
    if first and (not first.startswith("-") or "--help" in arguments):
        from tap_asyncreport.commands import commands

        sys.exit(commands(arguments, telling))
    sys.exit(telling.run(lambda: _singer(arguments, telling)))


def _singer(arguments: Sequence[str], telling: Telling) -> object:
    """The Singer tap; what it raises is the caller's to tell."""
    import click

    from tap_asyncreport.sdk import postpone

    postpone()
    from tap_asyncreport.tap import TapAsyncReport

    try:
        return TapAsyncReport.cli.main(
            list(arguments), prog_name="tap-asyncreport", standalone_mode=False, obj=telling
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None


if __name__ == "__main__":
    main()
