"""The word that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The known word that is most like another, whatever its case; None where none is alike."""
    known = {each.casefold(): each for each in words}
    close = difflib.get_close_matches(word.casefold(), known, 1)
    return known[close[0]] if close else None


def meant(word: str, words: Iterable[str]) -> str | None:
    """A hint that names the known word most like another."""
    found = nearest(word, words)
    return f"did you mean `{found}`?" if found is not None else None
