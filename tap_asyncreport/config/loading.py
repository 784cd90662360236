"""From files, mappings and the environment to Settings; everything that is wrong is told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tap_asyncreport.config.causes import first_causes
from tap_asyncreport.config.checks import all_problems
from tap_asyncreport.config.checks.draft import Draft, StreamDraft
from tap_asyncreport.config.environment import Misspelt, misspelt
from tap_asyncreport.config.problems import Teller, in_order
from tap_asyncreport.config.reading import Reader, in_capitals, secrets_in
from tap_asyncreport.config.renaming import Change, changed
from tap_asyncreport.config.settings import Settings
from tap_asyncreport.config.shapes import fields
from tap_asyncreport.config.sources import Located, Place, Sources, located, merged, name_of, plain
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.config.values import Model
from tap_asyncreport.errors import ConfigurationError, Problem

Kind = TypeVar("Kind", bound=Model)

_NAMED = r"""\b{}(?:\.([A-Za-z_]\w*)|\[\s*['"]([^'"]+)['"]\s*\])"""
_SECRET = re.compile(_NAMED.format("secrets"))
_VAR = re.compile(_NAMED.format("vars"))
_ANY = "GET https://api.invalid/"
_MOST_ROUNDS = 6  # of misspelt keys within misspelt keys
_SMALLEST_STREAM = {"name": "x", "creation_requester": _ANY, "download_retriever": _ANY}


@dataclass(frozen=True)
class Loaded:
    """A configuration: its settings, the merged data as written, and where each key of it stands.

    `written` is what the user wrote, without the definition beneath it and without the environment's secrets;
    `misspelt` are variables of the environment that nobody reads.
    """

    settings: Settings
    raw: dict[str, Any]
    sources: Sources
    written: dict[str, Any] = field(default_factory=dict)
    misspelt: tuple[Misspelt, ...] = ()


def load(
    configs: Sequence[str | Path | Mapping[str, Any]],
    *,
    environ: Mapping[str, str],
    parse_env: bool = False,
    require_secrets: bool = True,
) -> Loaded:
    """The configuration of files and mappings, later ones over earlier ones, its definition beneath them.

    Secrets come from TAP_ASYNCREPORT_SECRETS_<NAME> too; with `parse_env` every top-level key from TAP_ASYNCREPORT_<KEY>.
    Secrets that templates use must be set, unless `require_secrets` is false. Raises ConfigurationError, which holds
    every problem found.
    """
    reader = Reader()
    trees = [tree for config in configs if (tree := reader.config(config)) is not None]
    if parse_env:
        trees.append(reader.environment(environ, _top_level_keys()))
    written = reduce(merged, trees, trees[0] if trees else Located({}, Place()))
    tree = _over_definition(written, reader)
    tree = _with_stream_defaults(_with_secrets(tree, environ))
    tree = _with_schemas(tree, reader)
    used = secrets_used(plain(tree))
    odd = tuple(misspelt(environ, _top_level_keys(), used, only_secrets=not parse_env))
    loaded = _checked(tree, reader, odd, require_secrets=require_secrets)
    return replace(loaded, written=plain(written), misspelt=odd)


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
    names = {in_capitals(name): name for name in (*secrets_used(plain(tree)), *written)}
    return {**written, **secrets_in(environ, names)}


def secrets_used(raw: Any) -> list[str]:
    """The names of the secrets in all templates of a configuration, as they are spelt there, each once."""
    return list(dict.fromkeys(_used(raw, _SECRET)))


def vars_used(raw: Any) -> list[str]:
    """The names of the `vars` in all templates of a configuration, each once."""
    return list(dict.fromkeys(_used(raw, _VAR)))


def _used(raw: Any, pattern: re.Pattern[str]) -> Iterator[str]:
    if isinstance(raw, Mapping):
        for item in raw.values():
            yield from _used(item, pattern)
    elif isinstance(raw, list):
        for item in raw:
            yield from _used(item, pattern)
    elif isinstance(raw, str):
        yield from (plain_name or quoted for plain_name, quoted in pattern.findall(raw))


def _with_secrets(tree: Located, environ: Mapping[str, str]) -> Located:
    secrets = _secrets(tree, environ)
    written = tree.value.get("secrets")
    if not secrets or (written is not None and not isinstance(written.value, dict) and written.value is not None):
        return tree
    added = located(secrets, written.place if written is not None else Place("environment"))
    return merged(tree, Located({"secrets": added}, tree.place))


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


def _with_schemas(tree: Located, reader: Reader) -> Located:
    """Streams whose `schema` is a path get what the file holds; the path is relative to the file that names it."""
    streams = tree.value.get("streams")
    listed = streams.value if streams is not None and isinstance(streams.value, list) else []
    for number, stream in enumerate(listed):
        schema = stream.value.get("schema") if isinstance(stream.value, dict) else None
        if schema is not None and isinstance(schema.value, str):
            key = f"streams.{name_of(stream) or number}.schema"
            stream.value["schema"] = Located(reader.schema(schema.value, key, schema.place), schema.place)
    return tree


def _checked(tree: Located, reader: Reader, odd: Sequence[Misspelt], *, require_secrets: bool) -> Loaded:
    """The settings; everything that is wrong is raised, also what is wrong under keys that are misspelt."""
    variables = {each.meant: each.name for each in odd}
    told: list[Problem] = []
    for _ in range(_MOST_ROUNDS):
        look = _look(tree, variables, require_secrets=require_secrets)
        if not look.changes:
            break
        told += [change.problem for change in look.changes]
        tree = changed(tree, look.changes)
    problems = [*reader.problems, *first_causes([*told, *look.found], reader)]
    if problems or look.settings is None:
        raise ConfigurationError(in_order(problems, [look.raw.get("secrets")]))
    return Loaded(look.settings, look.raw, look.sources)


@dataclass(frozen=True)
class _Look:
    """What one look at a configuration finds; `changes` are the keys of which is known what they were to be."""

    settings: Settings | None
    raw: dict[str, Any]
    sources: Sources
    found: list[Problem]
    changes: list[Change]


def _look(tree: Located, variables: Mapping[str, str], *, require_secrets: bool) -> _Look:
    raw, sources = plain(tree), Sources(tree)
    teller = Teller(raw, sources, Settings)
    settings: Settings | None = None
    found: list[Problem] = []
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        found += teller.told(error)
    draft = replace(_draft(raw, teller, settings), variables=variables)
    found += all_problems(draft, require_secrets=require_secrets)
    return _Look(settings, raw, sources, found, teller.changes)


def _draft(raw: Mapping[str, Any], teller: Teller, settings: Settings | None) -> Draft:
    """As much of a configuration as is valid."""
    if settings is not None:
        streams = [StreamDraft(("streams", number), stream) for number, stream in enumerate(settings.streams)]
        top = {key: getattr(settings, key) for key in ("base_url", "authenticator")}
        return Draft(raw, streams, top, teller)
    written = raw.get("streams")
    valid = [
        StreamDraft(("streams", number), stream)
        for number, item in enumerate(written if isinstance(written, list) else [])
        if (stream := _without_faults(item)) is not None
    ]
    only = {key: raw[key] for key in ("base_url", "authenticator") if key in raw}
    found = _valid(Settings, {**only, "streams": [_SMALLEST_STREAM]}) if only else None
    top = {key: getattr(found, key) for key in only} if found is not None else {}
    return Draft(raw, valid, top, teller)


def _valid(model: type[Kind], raw: Any) -> Kind | None:
    try:
        return model.model_validate(raw)
    except ValidationError:
        return None


def _without_faults(raw: Any) -> Stream | None:
    """A stream without the values that have a fault, or without the keys they stand under; None for the stream's own."""
    try:
        return Stream.model_validate(raw)
    except ValidationError as error:
        faulty = [fault["loc"] for fault in error.errors(include_url=False)]
    if not isinstance(raw, dict) or () in faulty:
        return None
    tops = {path[0] for path in faulty}
    needed = {key: value for key, value in _SMALLEST_STREAM.items() if key in tops}
    pruned = reduce(_pruned, faulty, raw)
    whole = {key: value for key, value in raw.items() if key not in tops}
    return _valid(Stream, {**needed, **pruned}) or _valid(Stream, {**needed, **whole})


def _pruned(value: Any, path: Sequence[str | int]) -> Any:
    """The mapping without what a path leads to, as far as mappings go; names of alternatives in it are passed over."""
    path = list(path)
    while path and path[0] not in value:
        path.pop(0)
    if not path:
        return value
    key, rest = path[0], path[1:]
    below = value[key]
    inner = _pruned(below, rest) if isinstance(below, dict) else below
    if inner is below or not inner:
        return {name: part for name, part in value.items() if name != key}
    return {**value, key: inner}
