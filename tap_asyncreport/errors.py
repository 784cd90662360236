"""What can go wrong, and how each is told.

TapError                     anything this tool reports without a traceback
├── ConfigurationError       the configuration is wrong; carries every Problem at once      exit 78
├── StateError               the state given cannot be read; no call was made               exit 78
├── Interrupted              a signal came, or the target closed our stdout                 exit 130, 143, 1
└── ReportError              something about one piece of work; knows Where                 exit 1
├── LoginError           the API refused the credentials, or a fresh token              exit 77
├── TemplateError        a template or an extractor could not be rendered
├── RequestError         a step was refused, or its tries ran out
├── JobError             the job failed, timed out, or has a status nobody knows
├── TransferError        a file did not arrive whole
├── SpoolError           the disk is full, or the spool cannot be written
└── DecodeError          the bytes are not the rows that were declared
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

EXCERPT_CHARACTERS = 500


def excerpt(text: str | bytes | None, limit: int = EXCERPT_CHARACTERS) -> str | None:
    """The beginning of what an API said, on one line, at most `limit` characters, safe for any bytes."""
    if not text:
        return None
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "backslashreplace")
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + "…"


def piece(data: str | bytes, start: int, end: int) -> str:
    """A part of a text, or of bytes as Python writes them; a mark says that it was cut, lest half a secret be seen."""
    start = max(0, start)
    shown = data[start:end] if isinstance(data, str) else repr(bytes(data[start:end]))
    return f"{'…' if start else ''}{shown}{'…' if end < len(data) else ''}"


@dataclass(frozen=True, slots=True)
class Where:
    """Which piece of work an error is about; what is not known is None."""

    stream: str | None = None
    partition: str | None = None
    window: str | None = None
    step: str | None = None
    job_id: str | None = None
    request_line: str | None = None
    status_code: int | None = None
    request_id: str | None = None

    def within(self, other: Where) -> Where:
        """This place, with what it does not know taken from `other`."""
        known = {name: getattr(self, name) for name in self.__slots__}
        return replace(other, **{name: value for name, value in known.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a configuration: where it stands, what it is, what to write instead.

    `of` says what kind of thing is wrong, for those who tell them apart: a `template` or a `secret`; else a key.
    Where the fault is that something is not there, `lacks` is its key; `meant` is what an unknown key was to be, with a
    point at its end all that stands under one.
    """

    message: str
    key: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None
    of: str = field(default="key", compare=False)
    lacks: str | None = field(default=None, compare=False)
    meant: str | None = field(default=None, compare=False)


class TapError(Exception):
    """Base of everything that is told to the user as one clear message; `exit_code` is the process's."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass
class ConfigurationError(TapError):
    """The configuration is wrong; `problems` holds every fault found, not the first only."""

    exit_code: ClassVar[int] = 78
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        TapError.__init__(self, "; ".join(problem.message for problem in self.problems))

    __hash__ = TapError.__hash__


class StateError(TapError):
    """The state given cannot be read; names the stream, and no call was made."""

    exit_code = 78


class Interrupted(TapError):  # noqa: N818
    """The run was asked to stop; `exit_code` says by what."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


class ReportError(TapError):
    """Something about one piece of work: `where`, the API's own words in `excerpt`, what to try in `hint`.

    `place` is the key to look at and where it is written, once somebody who knows the files has said so.
    """

    def __init__(
        self, message: str, *, where: Where | None = None, excerpt: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.where = where or Where()
        self.excerpt = excerpt
        self.place: str | None = None

    def within(self, where: Where) -> ReportError:
        """The same error, with what it does not know about its place taken from `where`."""
        self.where = self.where.within(where)
        return self


class LoginError(ReportError):
    """The API refused the credentials, or a token it had just given."""

    exit_code = 77


class TemplateError(ReportError):
    """A template or extractor could not be compiled or rendered; `key` is where it stands in the configuration.

    `answer` names the answer in which it looked in vain.
    """

    def __init__(self, message: str, *, key: str = "", where: Where | None = None, hint: str | None = None) -> None:
        super().__init__(message, where=where, hint=hint)
        self.key = key
        self.answer: str | None = None


class RequestError(ReportError):
    """A step of the job's life was refused by the API, or its tries ran out."""


class JobError(ReportError):
    """The job failed, timed out, or has a status that nobody knows."""


class TransferError(ReportError):
    """A file did not arrive whole, or is not what `expect` says."""


class SpoolError(ReportError):
    """Downloaded files cannot be kept: the disk is full or the directory cannot be written."""


class DecodeError(ReportError):
    """The bytes are not the rows that were declared; the message names line, column and value."""
