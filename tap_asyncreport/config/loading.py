"""From files, mappings and the environment to Settings; everything that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tap_asyncreport.config.problems import Teller, in_order
from tap_asyncreport.config.reading import Reader, in_capitals, secrets_in
from tap_asyncreport.config.settings import Settings
from tap_asyncreport.config.shapes import fields
from tap_asyncreport.config.sources import Located, Place, Sources, located, merged, plain
from tap_asyncreport.errors import ConfigurationError, Problem


@dataclass(frozen=True)
class Loaded:
    """A configuration: its settings, the merged data as written, and where each key of it stands."""

    settings: Settings
    raw: dict[str, Any]
    sources: Sources


def load(
    configs: Sequence[str | Path | Mapping[str, Any]], *, environ: Mapping[str, str], parse_env: bool = False
) -> Loaded:
    """The configuration of files and mappings, later ones over earlier ones, its definition beneath them.

    Secrets come from TAP_ASYNCREPORT_SECRETS_<NAME> too; with `parse_env` every top-level key from TAP_ASYNCREPORT_<KEY>.
    Raises ConfigurationError, which holds every problem found.
    """
    reader = Reader()
    trees = [tree for config in configs if (tree := reader.config(config)) is not None]
    if parse_env:
        trees.append(reader.environment(environ, _top_level_keys()))
    tree = _over_definition(reduce(merged, trees, Located({}, Place())), reader)
    if reader.problems:
        raise ConfigurationError(in_order(reader.problems, _values(_secrets(tree, environ))))
    tree = _with_stream_defaults(_with_secrets(tree, environ))
    return _checked(tree)


def _top_level_keys() -> dict[str, bool]:
    """The keys that the environment may set, and whether their values may be JSON."""
    return {key: field.annotation is not str for key, field in fields(Settings).items()}


def _over_definition(tree: Located, reader: Reader) -> Located:
    name = tree.value.get("definition")
    if name is None or not isinstance(name.value, str):
        return tree
    definition = reader.definition(name.value, name.place)
    return tree if definition is None else merged(definition, tree)


def _secrets(tree: Located, environ: Mapping[str, str]) -> dict[str, Any]:
    secrets = tree.value.get("secrets")
    written = plain(secrets) if secrets is not None and isinstance(secrets.value, dict) else {}
    names = {in_capitals(name): name for name in (*_secrets_used(plain(tree)), *written)}
    return {**written, **secrets_in(environ, names)}


def _secrets_used(raw: Any) -> Iterator[str]:
    yield from ()


def _values(secrets: Mapping[str, Any]) -> Iterator[object]:
    for value in secrets.values():
        if isinstance(value, Mapping):
            yield from _values(value)
        else:
            yield value


def _with_secrets(tree: Located, environ: Mapping[str, str]) -> Located:
    secrets = _secrets(tree, environ)
    written = tree.value.get("secrets")
    if not secrets or (written is not None and not isinstance(written.value, dict) and written.value is not None):
        return tree
    added = located({"secrets": secrets}, written.place if written is not None else Place("environment"))
    return merged(tree, added)


def _with_stream_defaults(tree: Located) -> Located:
    defaults, streams = tree.value.get("stream_defaults"), tree.value.get("streams")
    if (
        defaults is None
        or streams is None
        or not isinstance(defaults.value, dict)
        or not isinstance(streams.value, list)
    ):
        return tree
    over = [merged(defaults, stream) for stream in streams.value]
    return Located({**tree.value, "streams": Located(over, streams.place)}, tree.place)


def _checked(tree: Located) -> Loaded:
    raw, sources = plain(tree), Sources(tree)
    teller = Teller(raw, sources, Settings)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(in_order(teller.told(error), _values(raw.get("secrets") or {}))) from None
    problems: list[Problem] = []
    if problems:
        raise ConfigurationError(problems)
    return Loaded(settings, raw, sources)
