"""The command line: the Singer tap, and with a first word the person's tool.

Little is imported before `main`, which hears signals from its first line on: a scheduler that ends the tap while that
still starts is told the truth.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_asyncreport.telling import Telling


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code; see the docs for the codes."""
    is_process = argv is None
    if is_process:
        _hear(_end_at_once)
    from tap_asyncreport.telling import Telling, without_odd_levels

    for warning in without_odd_levels(os.environ):
        sys.stderr.write(warning + "\n")
    arguments = list(sys.argv[1:] if argv is None else argv)
    telling = Telling()
    first = arguments[0] if arguments else ""
    if first and (not first.startswith("-") or "--help" in arguments):
        from tap_asyncreport.commands import commands

        if is_process:
            _hear(_leave)
        sys.exit(commands(arguments, telling))
    sys.exit(telling.run(lambda: _singer(arguments, telling)))


def _hear(handler: Any) -> None:
    """Hears SIGINT and SIGTERM with this handler, where whoever started us has not told us to ignore them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _end_at_once(signum: int, frame: Any) -> None:  # noqa: ARG001
    """Nothing was begun, so that there is nothing to clean up."""
    os._exit(128 + signum)


def _leave(signum: int, frame: Any) -> None:  # noqa: ARG001
    """Every block that is under way is left in order."""
    if signum == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + signum)


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
        from tap_asyncreport.commands import told

        return told(error, arguments)
    except click.Abort:
        raise KeyboardInterrupt from None


if __name__ == "__main__":
    main()
