"""Secrets shown by their names: for those who look at single requests, and want to send them again."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tap_asyncreport.http.redaction import CUT, HIDDEN, Redactor
from tap_asyncreport.secrecy.hiding import Hiding

_CUT_ENCODED = "%E2%80%A6"


class NamingRedactor(Redactor):
    """Writes `$NAME` in the place of a secret that has a name.

    With `numbers_queries` the query strings that it cuts are numbered: one that comes again keeps its number, so that
    it can be told whether two links are the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.numbers_queries = False
        self._names: list[tuple[str, Hiding]] = []
        self._queries: dict[str, int] = {}

    def name(self, name: str, value: Any) -> None:
        """Hides the value from now on, and calls it by this name."""
        self.add(value)
        self._names.append((name, Hiding([value])))

    def mark(self, secret: str) -> str:
        name = next((name for name, hiding in self._names if hiding.is_whole(secret)), None)
        return HIDDEN if name is None else f"${name}"

    def veil(self, value: str) -> str:
        """The scheme, and the names of the secrets behind it."""
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "basic":
            user, colon, password = _decoded(rest).partition(":")
            if colon:
                return f"{scheme} {self.mark(user)}:{self.mark(password)}"
        return f"{scheme} {self.mark(rest)}" if rest and "=" not in scheme else super().veil(value)

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
