"""Secrets taken out of every text by their values, whatever the spelling they come in."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from tap_asyncreport.errors import excerpt
from tap_asyncreport.http.urls import Origin, origin_of
from tap_asyncreport.secrecy.hiding import Hiding

HIDDEN = "***"
CUT = "…"
_EXCERPT_SOURCE = 16 * 1024
_SCHEME = re.compile(r"[^\s=]*[ =]")
_URL_WITH_QUERY = re.compile(
    r"""(https?:(?:\\?/){2}[^\s"'<>?#\\]*(?:\\/[^\s"'<>?#\\]*)*)\?(?!…)([^\s"'<>\\]|\\(?=[u/]))+""", re.IGNORECASE
)


class Redactor:
    """Hides every value that was added, raw, URL-encoded, base64 or escaped; safe to use from any thread.

    Query strings of URLs are cut too, except those of the origins that were told to be `own`.
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._hiding = Hiding(values)
        self._lock = threading.Lock()
        self._own: frozenset[Origin] = frozenset()

    def add(self, value: Any) -> None:
        """Hides the value from now on; of mappings and lists, every value inside."""
        self._hiding.add(value)

    def own(self, origin: Origin | None) -> None:
        """Query strings of this origin are shown, without the secrets in them."""
        if origin is not None:
            with self._lock:
                self._own |= {origin}

    def redact(self, text: str) -> str:
        """The text with every secret replaced by `***`, and without the query strings of other origins' URLs."""
        text = self.hide(text)
        return _URL_WITH_QUERY.sub(self._cut, text) if "?" in text and "http" in text.lower() else text

    def hide(self, text: str) -> str:
        """The text with every secret replaced, and nothing else."""
        return self._hiding.hide(text, self.mark)

    def veil(self, value: str) -> str:
        """What is shown of a header that holds nothing but credentials: the scheme, or the name of a cookie."""
        shown = _SCHEME.match(value)
        return f"{shown[0]}{HIDDEN}" if shown else HIDDEN

    def mark(self, secret: str) -> str:  # noqa: ARG002
        """What stands in the place of a secret, which is given as it was spelt."""
        return HIDDEN

    def excerpt(self, data: str | bytes | None) -> str | None:
        """The beginning of what an API said; redacted before it is cut, so that no half of a secret is left."""
        if isinstance(data, bytes):
            data = data[:_EXCERPT_SOURCE].decode("utf-8", "backslashreplace")
        return excerpt(self.redact(data[:_EXCERPT_SOURCE])) if data else None

    def redact_value(self, value: Any) -> Any:
        """The same for JSON-like data: texts in it are redacted, keys too."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {self.redact(str(key)): self.redact_value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact_value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = self.redact(str(value))
            return value if shown == str(value) else shown
        return value

    def holds_secret(self, data: str | bytes | None) -> bool:
        """Whether a secret stands in the data."""
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data or ""
        return self._hiding.holds(text)

    def _cut(self, found: re.Match[str]) -> str:
        own = origin_of(found[1].replace("\\/", "/")) in self._own
        return found[0] if own else f"{found[1]}?{self.cut_query(found[0][len(found[1]) + 1 :])}"

    def cut_query(self, query: str) -> str:  # noqa: ARG002
        """What is shown of a query string of another origin."""
        return CUT
