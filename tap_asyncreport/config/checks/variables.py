"""Variables of a shell, which nothing fills in here: `${API_TOKEN}` would be sent as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tap_asyncreport.config.checks.draft import Draft
from tap_asyncreport.config.reading import SECRETS, in_capitals
from tap_asyncreport.config.sources import Keys
from tap_asyncreport.errors import Problem

_BRACED = re.compile(r"\$\{([A-Za-z_]\w*)(?::?[-?][^}]*)?\}")
_BARE = re.compile(r"\$([A-Z][A-Z0-9_]+)")
_CREDENTIALS = ("secrets", "authenticator")
_WITHIN = ("headers", "request", "base_url", *_CREDENTIALS)


def variable_problems(draft: Draft) -> Iterator[Problem]:
    """Whole values that are the name of a variable, and such names within headers, URLs and credentials."""
    for keys, text in _texts(draft.raw, ()):
        name = _name(keys, text)
        if name is None:
            continue
        if keys[0] == "secrets":
            variable = SECRETS + in_capitals(str(keys[1]) if len(keys) > 1 else name)
            yield draft.teller.at(keys, "a variable's name stands here, which nothing fills in", f"leave it out and set {variable}")
        else:
            secret = name.lower()
            hint = f'write "{{{{ secrets.{secret} }}}}" in its place, and set {SECRETS}{in_capitals(secret)}'
            yield draft.teller.at(keys, f"`${{{name}}}` is a shell's, which nothing fills in", hint)


def _name(keys: Keys, text: str) -> str | None:
    within = any(key in _WITHIN for key in keys)
    found = _BRACED.search(text) if within else _BRACED.fullmatch(text.strip())
    if found is None and any(key in _CREDENTIALS for key in keys):
        found = _BARE.fullmatch(text.strip())
    return found[1] if found is not None else None


def _texts(value: Any, keys: Keys) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*keys, key)) if keys or key not in ("vars", "stream_maps") else ()
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*keys, number))
