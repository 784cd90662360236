"""How much one rendering may do: a template of a stranger can be wrong, but not endless."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

LONGEST = 1_000_000  # characters or items that one operation may make
LONGEST_OUTPUT = 16_000_000  # characters of a whole rendering
MOST_ROUNDS = 200_000  # rounds of all loops of a rendering together
MOST_BITS = 4096  # of a whole number

_LONG_WIDTH = re.compile(r"\d{5,}")


class TooMuch(Exception):  # noqa: N818
    """The rendering went over a limit; the message says which, and holds no value."""


class Budget:
    """What is left for one rendering."""

    __slots__ = ("characters", "rounds")

    def __init__(self) -> None:
        self.rounds = MOST_ROUNDS
        self.characters = LONGEST_OUTPUT

    def each(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items, counted."""
        for item in items:
            self.rounds -= 1
            if self.rounds < 0:
                raise TooMuch(f"more than {MOST_ROUNDS} rounds of loops")
            yield item

    def spend(self, characters: int) -> None:
        """Counts text that was made."""
        self.characters -= characters
        if self.characters < 0:
            raise TooMuch(f"more than {LONGEST_OUTPUT} characters of text")


def at_most(size: int) -> int:
    """The size of what an operation would make, if it may be made."""
    if size > LONGEST:
        raise TooMuch(f"more than {LONGEST} characters or items at once")
    return size


def sound_format(pattern: str) -> str:
    """A pattern for `%` or `format` whose widths are bounded."""
    if _LONG_WIDTH.search(pattern) or "*" in pattern or re.search(r"\{[^}]*\{", pattern):
        raise TooMuch("widths in a format are at most four digits")
    return pattern


def add(left: Any, right: Any) -> Any:
    """`left + right`, bounded."""
    if isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
        at_most(len(left) + len(right))
    return left + right


def multiply(left: Any, right: Any) -> Any:
    """`left * right`, bounded."""
    for several, times in ((left, right), (right, left)):
        if isinstance(several, str | list | tuple | bytes) and isinstance(times, int):
            at_most(len(several) * max(times, 0))
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MOST_BITS:
        raise TooMuch("a number that is too large")
    return left * right


def power(left: Any, right: Any) -> Any:
    """`left ** right`, bounded."""
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > MOST_BITS:
        raise TooMuch("a number that is too large")
    return left**right


def modulo(left: Any, right: Any) -> Any:
    """`left % right`, for numbers or printf-style formats, bounded."""
    return (sound_format(left) if isinstance(left, str) else left) % right


def replace(text: str, old: str, new: str, count: int = -1) -> str:
    """`str.replace`, bounded."""
    times = len(text) // max(1, len(old)) + 1
    at_most(len(text) + (times if count < 0 else min(times, count)) * len(new))
    return text.replace(old, new, count)


def join(separator: str, items: Iterable[str]) -> str:
    """`str.join`, bounded."""
    texts = list(items)
    at_most(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def padded(method: str, text: str, width: int, *fill: str) -> str:
    """`center`, `ljust`, `rjust` or `zfill`, bounded."""
    at_most(width)
    result: str = getattr(text, method)(width, *fill)
    return result
