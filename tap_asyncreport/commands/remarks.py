"""What is right in a configuration and may be meant otherwise: `check` remarks on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_asyncreport.templates import to_json

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.config.streams import Incremental


def remarks(loaded: Loaded) -> Iterator[str]:
    """A line each: place, key, and what to write where something else was meant."""
    yield from _words(loaded)
    yield from _last_milliseconds(loaded)
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
            place = loaded.sources.where(key)
            at = ":".join(str(part) for part in place if part is not None) + ": " if place is not None else ""
            yield (
                f"{at}{key}: an inclusive `window.end` stands at a whole second, so that the last 999 ms of each "
                "window are not asked for; write `granularity: 1ms` where the API's clock has milliseconds"
            )


def _leaves_out(incremental: Incremental, raw: Any) -> bool:
    is_finer = incremental.format == "epoch_ms" or "%f" in incremental.format
    is_asked = "window.end " in to_json(raw) or "window.end}" in to_json(raw) or "window.end|" in to_json(raw)
    return is_finer and is_asked and incremental.end_is == "inclusive" and incremental.granularity is None
