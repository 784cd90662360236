"""The one renderer of errors: what happened, where, what was seen, what to try."""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Iterator
from typing import Protocol

from tap_asyncreport.calling import as_called, known_place
from tap_asyncreport.errors import ConfigurationError, Problem, ReportError, TapError, TemplateError, Where

WIDTH = 100
LABEL = 12
_KEY = re.compile(r"`?\b((?:[a-z][a-z_]*\.)+[a-z_]+|(?<=`)[a-z_]+(?=[`:]))")
_TOP = frozenset(
    {
        "authenticator",
        "base_url",
        "headers",
        "max_concurrent_jobs",
        "rate_limits",
        "request_timeout",
        "secrets",
        "spool",
        "stream_maps",
    }
)
_OF_A_STEP = frozenset({"idempotency_header", "paginator", "responses", "retry"})
OF_A_STREAM = frozenset(
    {
        "abort_requester",
        "add_columns",
        "columns",
        "creation_requester",
        "decode",
        "delete_requester",
        "download_retriever",
        "download_target_extractor",
        "download_target_requester",
        "error_requester",
        "expect",
        "incremental",
        "jobs",
        "name",
        "partitions",
        "polling_requester",
        "primary_keys",
        "replication_key",
        "responses",
        "schema",
        "status",
        "unknown_columns",
    }
)
CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})  # they reorder what is read


class Sources(Protocol):
    """Where each key of the configuration was written."""

    def where(self, key: str) -> tuple[str | None, int | None, int | None] | None:
        """File, line and column of the key, as far as they are known."""
        ...


def render(
    error: TapError, sources: Sources | None = None, *, where: Where | None = None, width: int = WIDTH
) -> str:
    """The error as plain text for a person, of one or more lines, without a traceback.

    `where` adds what the error itself does not know about its place; `sources` lines of the configuration. Our own
    advice is wrapped at `width` columns.
    """
    if isinstance(error, ConfigurationError):
        return _configuration(error, sources, width)
    if isinstance(error, ReportError):
        return _report(error, error.where.within(where or Where()), sources, width)
    return "\n".join([printable(error.message).replace("\n", "\n  "), *_row("try", error.hint, wrap=width)])


def summary(error: TapError) -> str:
    """The error on one line: its message, and the API's own words where the message does not quote them."""
    said = error.excerpt if isinstance(error, ReportError) else None
    message = " ".join(printable(error.message).split())
    return message if not said or said in error.message else f"{message}: {printable(said)}"


def printable(text: str) -> str:
    """The text with what a terminal would obey, hide or refuse shown as escapes; line ends stay."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def partition_text(partition: str) -> str:
    """`account=7 region=eu` from the JSON of a partition; any other text as it is."""
    try:
        values = json.loads(partition)
    except ValueError:
        return partition
    if not isinstance(values, dict):
        return partition
    return " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in values.items()
    )


def _shown(character: str) -> str:
    obeyed = unicodedata.category(character) in CONTROLS or unicodedata.bidirectional(character) in TURNS
    return character.encode("unicode_escape").decode() if obeyed and character != "\n" else character


def _report(error: ReportError, where: Where, sources: Sources | None, width: int) -> str:
    message = printable(error.message).replace("\n", "\n  ")
    lines = [f"{where.stream}: {message}" if where.stream else message]
    lines += _row("window", where.window)
    lines += _row("partition", partition_text(where.partition) if where.partition else None)
    lines += _row("step", where.step)
    lines += _row("job", where.job_id)
    lines += _row("request", where.request_line)
    lines += _row("status", None if where.status_code is None else str(where.status_code))
    lines += _row("API's words", error.excerpt)
    lines += _row("request id", where.request_id)
    lines += _row("key", error.place or place_of(error, where, sources))
    lines += _row("try", error.hint, wrap=width)
    return "\n".join(lines)


def place_of(error: ReportError, where: Where, sources: Sources | None) -> str | None:
    """The key of the configuration to look at, with the line at which it, or what would hold it, is written."""
    if isinstance(error, TemplateError):
        return _placed(error.key, sources)
    found = (named[1] for named in _KEY.finditer(error.hint or ""))
    named = next((key for key in found if key.partition(".")[0] in _TOP | _OF_A_STEP | OF_A_STREAM), None)
    if sources is None or named is None:
        return None
    first, step = named.partition(".")[0], (where.step or "").partition(" ")[0]
    if first in _TOP:
        key = named
    elif first in _OF_A_STEP:
        key = f"streams.{where.stream}.{step}.{named}"
    else:
        key = f"streams.{where.stream}.{named}"
    return _placed(key, sources) if sources.where(key) else None


def _placed(key: str, sources: Sources | None) -> str | None:
    """The key, with the line at which it was written."""
    found = sources.where(key) if sources and key else None
    place = _place(*found) if found else ""
    return f"{key} ({place})" if place else key or None


def _place(file: str | None, line: int | None, column: int | None) -> str:
    known = known_place(file)
    return ":".join(str(part) for part in ((file, line, column) if known == file else (known,)) if part is not None)


def _row(label: str, value: str | None, *, wrap: int | None = None) -> Iterator[str]:
    """A labelled line; only our own advice is wrapped, so that what was seen can be searched for."""
    if value is None or value == "":
        return
    lines = printable(as_called(value) if wrap else value).split("\n")
    if wrap:
        lines = [piece for line in lines for piece in _wrapped(line, wrap - LABEL - 2) or [""]]
    yield f"  {label:<{LABEL}}{lines[0]}"
    for line in lines[1:]:
        yield f"  {'':<{LABEL}}{line}"


def _wrapped(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)


def _configuration(error: ConfigurationError, sources: Sources | None, width: int) -> str:
    count = len(error.problems)
    many = f"{count} problems" if count != 1 else "1 problem"
    lines = [f"The configuration has {many}:"]
    for problem in error.problems:
        lines += ["", *_problem(problem, sources, width)]
    lines += _row("try", error.hint, wrap=width)
    return "\n".join(lines)


def _problem(problem: Problem, sources: Sources | None, width: int) -> Iterator[str]:
    found = (problem.file, problem.line, problem.column)
    if problem.line is None and sources is not None and problem.key:
        found = sources.where(problem.key) or found
    parts = [part for part in (_place(*found), problem.key, problem.message) if part]
    yield printable(": ".join(parts))
    for line in printable(as_called(problem.hint or "")).split("\n"):
        for piece in _wrapped(line, width - 4):
            yield f"    {piece}"
