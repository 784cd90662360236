"""How this process tells what went wrong: one text, without secrets and without a traceback."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tap_asyncreport.error_text import Sources, printable, render
from tap_asyncreport.errors import ConfigurationError, ReportError, TapError
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.terminal import text_width

INTERRUPTED = 130
LEVELS = ("TAP_ASYNCREPORT_LOGLEVEL", "LOGLEVEL")
_NAMES = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_PACKAGE = Path(__file__).parent


def log_level(environ: Mapping[str, str] | None = None) -> str:
    """The log level that the environment asks for, in capitals; INFO where it says nothing, or no level that exists."""
    environ = os.environ if environ is None else environ
    return next((level.upper() for name in LEVELS if (level := environ.get(name)) and _is_level(level)), "INFO")


def without_odd_levels(environ: MutableMapping[str, str]) -> list[str]:
    """Takes the log levels that do not exist out of an environment; a warning for each that says anything."""
    odd = {name: environ.pop(name) for name in LEVELS if name in environ and not _is_level(environ[name])}
    return [
        f"{name}: there is no log level {printable(level)!r}; it is one of {', '.join(_NAMES)}"
        for name, level in odd.items()
        if level
    ]


def _is_level(level: str) -> bool:
    return level.upper() in logging.getLevelNamesMapping()


class Telling:
    """What is known of secrets and of the lines of the configuration, for whatever goes wrong in this process."""

    def __init__(self) -> None:
        self.redactor = Redactor()
        self.sources: Sources | None = None

    def text(self, error: TapError) -> str:
        """The error as it is shown: redacted before it is laid out, and once more after."""
        return self.redactor.redact(render(self.clean(error), self.sources, width=text_width()))

    def clean(self, error: TapError) -> TapError:
        """The same error without secrets, so that no line break of ours hides one from the redactor."""
        redact = self.redactor.redact
        if isinstance(error, ConfigurationError):
            error.problems = [
                replace(problem, message=redact(problem.message), hint=problem.hint and redact(problem.hint))
                for problem in error.problems
            ]
        error.message = redact(error.message)
        error.hint = error.hint and redact(error.hint)
        if isinstance(error, ReportError):
            error.excerpt = error.excerpt and redact(error.excerpt)
        error.args = (error.message,)  # what `str` says of it
        return error

    def run(self, do: Callable[[], object]) -> int:
        """Does it, and returns the exit code; what is raised is told on stderr."""
        try:
            code = do()
        except SystemExit as end:
            return self._ended(end)
        except BaseException as error:  # noqa: BLE001 - nothing gets past this as a traceback
            return self.tell(error)
        return code if isinstance(code, int) else 0

    def tell(self, error: BaseException) -> int:
        """Writes on stderr what went wrong, and returns the exit code; the traceback is for those who debug."""
        if isinstance(error, BrokenPipeError):
            _silence(sys.stdout)
            return 1
        if isinstance(error, TapError):
            said, code = self.text(error), error.exit_code
        elif isinstance(error, KeyboardInterrupt):
            said, code = "interrupted", INTERRUPTED
        else:
            said, code = self.redactor.redact(_unexpected(error)), 1
        if log_level() == "DEBUG":
            sys.stderr.write(self.redactor.redact("".join(traceback.format_exception(error))))
        sys.stderr.write(said.rstrip() + "\n")
        return code

    def _ended(self, end: SystemExit) -> int:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(self.redactor.redact(f"{end.code}\n"))
        return 1


def _unexpected(error: BaseException) -> str:
    """One line for a fault of our own: what it is, and where in the package."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(frame.filename).parents]
    where = f" in {Path(frames[-1].filename).relative_to(_PACKAGE)}:{frames[-1].lineno}" if frames else ""
    said = " ".join(printable(str(error)).split())
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return f"unexpected {what}{where}; {LEVELS[0]}=DEBUG shows more, and it is worth a report"


def _silence(stream: object) -> None:
    """What the interpreter would flush at its end goes nowhere."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[attr-defined]
