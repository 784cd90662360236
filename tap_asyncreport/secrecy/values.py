"""What of a secret is worth hiding: of structures their values, of keys their lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from tap_asyncreport.secrecy.needles import KEY_MARK

LIKELY_SECRET = 20  # so long is what somebody is known by, where nobody has said that it is secret
_LONG_LINE = 8
_WORDS = frozenset({"true", "false", "null", "none", "yes", "no", "on", "off"})  # of every file; they keep no secret
_PUBLIC_IN_GOOGLE_KEY = (
    "type",
    "auth_uri",
    "token_uri",
    "auth_provider_x509_cert_url",
    "client_x509_cert_url",
    "universe_domain",
)


def texts_in(value: Any) -> Iterable[str]:
    """Every text inside a secret that is worth hiding: of structures their values, of JSON text what it holds."""
    if isinstance(value, Mapping):
        public = _PUBLIC_IN_GOOGLE_KEY if value.get("type") == "service_account" else ()
        for key, item in value.items():
            if key not in public:
                yield from texts_in(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, bytes):
        yield from texts_in(value.decode("utf-8", "replace"))
    elif value is not None and not isinstance(value, bool):
        yield from _values_of(str(value).strip())


def _values_of(text: str) -> Iterable[str]:
    if len(text) > 1 and text.lower() not in _WORDS:  # one character is no secret, and would hide every other word
        yield text
    if text.startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            yield from texts_in(json.loads(text))
    lines = [line.strip() for line in text.replace("\\n", "\n").split("\n")]
    if len(lines) > 1:  # keys in PEM: logs may show single lines of them
        yield from (line for line in lines if len(line) >= _LONG_LINE and not line.startswith(KEY_MARK))
