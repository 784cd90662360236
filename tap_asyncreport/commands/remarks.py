"""What is right in a configuration and may be meant otherwise: `check` remarks on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_asyncreport.templates import to_json

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.config.sources import Keys
    from tap_asyncreport.config.streams import Incremental

_MILLISECONDS = (
    "an inclusive `window.end` stands at a whole second, so that the last 999 ms of each window are not asked for; "
    "write `granularity: 1ms` where the API's clock has milliseconds"
)
_IN_CLEAR = (
    'a credential stands here in clear; write `authenticator`, or "{{ secrets.token }}" in its place, and set '
    "TAP_ASYNCREPORT_SECRETS_TOKEN"
)
_LACKS = "an error page or a 500 lacks it too, and would mean `{}`; add `status: 200`"

_BRACED = re.compile(r"(?<![{$])\{(\w+)\}(?!\})")
_AS_IT_STANDS = "is sent as it stands; what is filled in is written {{{{ creation_response.{0} }}}}"


def remarks(loaded: Loaded) -> Iterator[str]:
    """A line each: place, key, and what to write where something else was meant."""
    yield from _words(loaded)
    yield from _last_milliseconds(loaded)
    yield from _single_braces(loaded)
    yield from _in_clear(loaded, loaded.written, ())
    yield from _fits_every_error(loaded, loaded.raw, ())
    yield from map(str, loaded.misspelt)


def _words(loaded: Loaded) -> Iterator[str]:
    """What stands without quotes in the user's YAML."""
    from tap_asyncreport.config.text import FileText
    from tap_asyncreport.config.yaml_words import words

    for name in loaded.sources.files:
        if name.endswith((".yaml", ".yml")) and Path(name).is_file():
            for each in words(FileText(name, Path(name).read_text(encoding="utf-8-sig"))):
                yield f"{each.file}:{each.line}:{each.column}: {each.key}: {each.message}"


def _last_milliseconds(loaded: Loaded) -> Iterator[str]:
    """Inclusive ends that are written to the millisecond, and stand at a whole second."""
    for stream, raw in zip(loaded.settings.streams, loaded.raw["streams"], strict=True):
        if stream.incremental is not None and _leaves_out(stream.incremental, raw):
            key = f"streams.{stream.name}.incremental.format"
            yield f"{_placed(loaded, key)}{key}: {_MILLISECONDS}"


def _single_braces(loaded: Loaded) -> Iterator[str]:
    """`{id}` in a URL, as other tools and documentations of APIs write what is filled in."""
    from tap_asyncreport.config.settings import Settings
    from tap_asyncreport.config.shapes import Shape, texts

    for written in texts(loaded.raw, (Shape(Settings),)):
        found = _BRACED.search(written.value) if isinstance(written.value, str) else None
        is_request = str(written.keys[-1]) == "request" or str(written.keys[-1]).endswith(("requester", "retriever"))
        if found is not None and is_request:
            key = loaded.sources.key(written.keys)
            yield f"{_placed(loaded, key)}{key}: `{found[0]}` {_AS_IT_STANDS.format(found[1])}"


def _in_clear(loaded: Loaded, value: Any, keys: Keys) -> Iterator[str]:
    """Credentials that stand in headers as they are."""
    from tap_asyncreport.config.shown import in_clear

    for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
        if key == "headers" and isinstance(item, Mapping):
            for name in in_clear(item):
                whole = loaded.sources.key((*keys, key, name))
                yield f"{_placed(loaded, whole)}{whole}: {_IN_CLEAR}"
        if isinstance(item, Mapping | list):
            yield from _in_clear(loaded, item, (*keys, key))


def _fits_every_error(loaded: Loaded, value: Any, keys: Keys) -> Iterator[str]:
    """Rules by which an answer that lacks something is good: an error lacks it too."""
    for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
        if keys and keys[-1] == "responses" and isinstance(item, Mapping) and _only_lacks(item):
            whole = loaded.sources.key((*keys, key))
            yield f"{_placed(loaded, whole)}{whole}: {_LACKS.format(item['means'])}"
        elif isinstance(item, Mapping | list):
            yield from _fits_every_error(loaded, item, (*keys, key))


def _only_lacks(rule: Mapping[str, Any]) -> bool:
    looked_at = rule.get("json")
    is_good = rule.get("means") in ("empty", "ok") and not {"status", "header", "text"} & rule.keys()
    return is_good and isinstance(looked_at, Mapping) and all(value == "absent" for value in looked_at.values())


def _placed(loaded: Loaded, key: str) -> str:
    place = loaded.sources.where(key)
    return ":".join(str(part) for part in place if part is not None) + ": " if place is not None else ""


def _leaves_out(incremental: Incremental, raw: Any) -> bool:
    is_finer = incremental.format == "epoch_ms" or "%f" in incremental.format
    is_asked = "window.end " in to_json(raw) or "window.end}" in to_json(raw) or "window.end|" in to_json(raw)
    return is_finer and is_asked and incremental.end_is == "inclusive" and incremental.granularity is None
