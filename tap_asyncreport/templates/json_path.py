"""The JSONPaths that need no whole document: keys, positions and wildcards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

WILD = "*"
_STEP = re.compile(
    r"\.(?P<key>[^\W\d][\w-]*|[\w@-]+)|\.?\[(?:'(?P<single>[^'\\]*)'|\"(?P<double>[^\"\\]*)\"|(?P<index>\d+)|(?P<all>\*))\]|\.(?P<each>\*)"
)


class Wild:
    """Every item of a list, every value of an object."""


EACH = Wild()
Step = str | int | Wild


def steps_of(path: str) -> list[Step] | None:
    """The steps of a simple path; None where it takes the full grammar (filters, slices, descent, several keys)."""
    if not path.startswith("$"):
        return None
    steps: list[Step] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        at = match.end()
        if match["index"] is not None:
            steps.append(int(match["index"]))
        elif match["all"] or match["each"]:
            steps.append(EACH)
        else:
            steps.append(next(part for part in (match["key"], match["single"], match["double"]) if part is not None))
    return steps


def leads_to_one(path: str) -> bool:
    """Whether the path is one of keys and positions, which leads from a record to one value in it."""
    steps = steps_of(path)
    return bool(steps) and not any(isinstance(step, Wild) for step in steps or ())


def first_key(source: str) -> str:
    """The column of a file that a `source` looks at: its name, or the first key of its path."""
    if not source.startswith("$"):
        return source
    steps = steps_of(source)
    return steps[0] if steps and isinstance(steps[0], str) else source


def look(value: Any, steps: Sequence[Step]) -> Iterator[Any]:
    """What a simple path finds in a value, in order."""
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(step, Wild):
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for part in parts:
            yield from look(part, rest)
    elif isinstance(step, str):
        if isinstance(value, dict) and step in value:
            yield from look(value[step], rest)
    elif isinstance(value, list) and step < len(value):
        yield from look(value[step], rest)
