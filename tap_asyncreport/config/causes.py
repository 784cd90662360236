"""Which faults are none of their own: they follow from another that is told."""

from __future__ import annotations

from collections.abc import Sequence

from tap_asyncreport.config.reading import Reader
from tap_asyncreport.config.sources import Place
from tap_asyncreport.errors import Problem


def first_causes(found: Sequence[Problem], reader: Reader) -> list[Problem]:
    """The faults without those that follow from one of them, or from what the reader could not read or had to guess."""
    unread = reader.broken or any("definition" in (problem.key, problem.meant) for problem in found)
    return [problem for problem in found if not _follows(problem, found, reader, unread=unread)]


def _follows(problem: Problem, found: Sequence[Problem], reader: Reader, *, unread: bool) -> bool:
    if problem.lacks is None:
        return Place(problem.file, problem.line, problem.column) in reader.doubtful
    if unread:
        return True
    told = [*found, *reader.problems]
    return any(other is not problem and _explains(other, problem.lacks) for other in told)


def _explains(other: Problem, lacking: str) -> bool:
    """Whether what lacks is there, under another name, in another place, or with a fault of its own."""
    meant = other.meant or ""
    if lacking == meant or (meant.endswith(".") and lacking.startswith(meant)):
        return True
    return other.lacks is None and (other.key == lacking or other.key.startswith(f"{lacking}."))
