"""Reading on after a fault of a file's text, so that all that is wrong with it is told at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from tap_asyncreport.config.sources import Located, Place
from tap_asyncreport.config.text import BadSyntax, Change, FileText
from tap_asyncreport.errors import Problem

_MOST_FAULTS = 50

Read = Callable[[FileText], tuple[Located, list[Problem]]]


class Found(NamedTuple):
    """What a file holds as far as it can be read, and what is wrong with its text.

    `doubtful` are the places of values that had to be guessed; not `whole`: there is more that was not read.
    """

    tree: Located | None
    problems: list[Problem]
    doubtful: frozenset[Place] = frozenset()
    whole: bool = True


def read_on(read: Read, file: FileText) -> Found:
    """Everything in a file, faults of its text and all; what had to be guessed is told by its place."""
    problems: list[Problem] = []
    while len(problems) < _MOST_FAULTS:
        try:
            tree, more = read(file)
        except BadSyntax as error:
            problems.append(error.problem)
            further = _further(read, error, problems)
            if further is None:
                break
            file = further
        else:
            doubtful = frozenset(_values_at(tree, file.doubtful))
            more = [problem for problem in more if _place(problem) not in (*doubtful, *file.doubtful)]
            return Found(tree, [*problems, *more], doubtful)
    return Found(_beginning(read, file, problems[-1]), list(map(_unquoting, problems)), whole=False)


def _further(read: Read, error: BadSyntax, told: Sequence[Problem]) -> FileText | None:
    """The text as it may have been meant that can be read farthest; None where none brings anything new."""
    best, farthest = None, _at(error.reached)
    for meant in error.meant:
        try:
            read(meant)
        except BadSyntax as other:
            if other.problem not in told and _at(other.reached) >= farthest:
                best, farthest = best if best and _at(other.reached) == farthest else meant, _at(other.reached)
        else:
            return meant
    return best


def _beginning(read: Read, file: FileText, problem: Problem) -> Located | None:
    """What stands in the lines before the fault."""
    start = file.start(problem.line or 1)
    try:
        return read(file.changed(Change(start, len(file.text), "")))[0]
    except BadSyntax:
        return None


def _unquoting(problem: Problem) -> Problem:
    """The problem without the text that its hint quotes: where not all was read, nobody knows what of it is secret."""
    quotes = problem.hint is not None and problem.hint.startswith(('write "', "write '"))
    return replace(problem, hint="put it in quotes") if quotes else problem


def _at(place: Place) -> tuple[int, int]:
    return place.line or 0, place.column or 0


def _place(problem: Problem) -> Place:
    return Place(problem.file, problem.line, problem.column)


def _values_at(tree: Located, places: Iterable[Place]) -> Iterator[Place]:
    """The places of the values in which these places stand."""
    known = sorted({_at(place): place for place in _places(tree)}.items())
    starts = [start for start, _ in known]
    for place in places:
        number = bisect_right(starts, _at(place))
        if number:
            yield known[number - 1][1]


def _places(tree: Located) -> Iterator[Place]:
    yield tree.place
    items = tree.value.values() if isinstance(tree.value, dict) else tree.value
    for item in items if isinstance(tree.value, dict | list) else ():
        yield from _places(item)
