"""Secrets shown by their names: for those who look at single requests, and want to send them again."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from tap_asyncreport.http.redaction import CUT, HIDDEN, Redactor
from tap_asyncreport.http.spellings import pattern_of, texts_in

_CUT_ENCODED = "%E2%80%A6"


class NamingRedactor(Redactor):
    """Writes `$NAME` in the place of a secret that has a name.

    With `numbers_queries` the query strings that it cuts are numbered: one that comes again keeps its number, so that
    it can be told whether two links are the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.numbers_queries = False
        self._names: list[tuple[str, re.Pattern[str]]] = []
        self._queries: dict[str, int] = {}

    def name(self, name: str, value: Any) -> None:
        """Hides the value from now on, and calls it by this name."""
        self.add(value)
        texts = sorted(set(texts_in(value)), key=lambda text: (-len(text), text))
        if texts:
            self._names.append((name, re.compile(pattern_of(texts))))

    def mark(self, secret: str) -> str:
        name = next((name for name, pattern in self._names if pattern.fullmatch(secret)), None)
        return HIDDEN if name is None else f"${name}"

    def veil(self, value: str) -> str:
        """The scheme, and the names of the secrets behind it."""
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "basic":
            user, colon, password = _decoded(rest).partition(":")
            if colon:
                return f"{scheme} {self._named(user)}:{self._named(password)}"
        return f"{scheme} {self._named(rest)}" if rest and "=" not in scheme else super().veil(value)

    def _named(self, text: str) -> str:
        """The names of the secrets that a text consists of; nothing of it else."""
        spans = [match.span() for _, pattern in self._names for match in pattern.finditer(text)]
        return self.mark(text) if spans and (0, len(text)) in spans else HIDDEN

    def cut_query(self, query: str) -> str:
        if not self.numbers_queries:
            return CUT
        if query.startswith(_CUT_ENCODED):
            return CUT + query.removeprefix(_CUT_ENCODED)  # a link from a recording, cut already
        plain = query.replace("\\u0026", "&").replace("\\/", "/")
        return f"{CUT}{self._queries.setdefault(plain, len(self._queries) + 1)}"


def plain_marks(text: str, names: Mapping[str, Any]) -> str:
    """The text with `***` in the place of the names of secrets."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(f"${name}", HIDDEN)
    return text


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return ""
