"""Single keys of the configuration explained: what each means, what it takes, and where it may stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_origin

from pydantic import BeforeValidator

from tap_asyncreport.config.json_schema import JsonSchema, inner_models, json_schema
from tap_asyncreport.config.nearest import did_you_mean, nearest
from tap_asyncreport.config.problems import either
from tap_asyncreport.config.settings import Settings
from tap_asyncreport.config.shapes import Shape, allowed, field_shapes, fields, is_model, type_tag
from tap_asyncreport.config.values import Model, Rate, Renders, Step, parse_size
from tap_asyncreport.errors import ConfigurationError, Problem

# Where one looks last for what a word means.
_UNLIKELY = frozenset({"base_url", "only", "partitions", "error_requester", "login"})
_SEVERAL = 2
_TYPES: dict[Any, str] = {
    bool: "true or false", int: "whole number", float: "number", timedelta: "duration, such as 30s 5m 1d", Any: "any value",
    Step: "duration, such as 6h 1d 1w 1mo", Rate: "calls per time, such as 60/1m", date: "date", datetime: "instant",
}  # fmt: skip
_TEXTS = {
    Renders.TEMPLATE: ("text", "template"), Renders.EXTRACTOR: ("JSONPath", "template"), Renders.PATH: ("text", "JSONPath"),
    None: ("text",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key: its dotted name without names of streams, and what the models say of it.

    `default` is None where there is none, or none is meant; `of` is the `type` that a union's member belongs to, and
    `about` says what that is. `kind` is what may be written.
    """

    key: str
    description: str
    default: Any
    examples: tuple[Any, ...]
    allowed: tuple[str, ...] = ()
    required: bool = False
    of: str | None = None
    kind: str = ""
    about: str = ""

    @property
    def parts(self) -> list[str]:
        """The names of the key."""
        return self.key.split(".")

    @property
    def is_tag(self) -> bool:
        """Whether it says which of several kinds its mapping is."""
        return self.parts[-1] == "type" and self.of is not None

    @property
    def meaning(self) -> tuple[object, ...]:
        """What is the same wherever the same is meant."""
        if self.is_tag:
            return tuple(self.parts[-2:])
        return (self.parts[-1], self.description, repr(self.default), repr(self.examples), self.allowed, self.of)


@dataclass(frozen=True)
class Explained:
    """A key at its likeliest place, once for each `type` in which it means something else.

    `inside` are the keys under it; `places` are where else the same may stand, `also` what else the word may mean.
    """

    infos: list[KeyInfo]
    inside: list[KeyInfo] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    also: list[KeyInfo] = field(default_factory=list)

    @property
    def types(self) -> dict[str, list[KeyInfo]]:
        """The keys of each `type` that may stand here; empty where there are none."""
        found: dict[str, list[KeyInfo]] = defaultdict(list)
        for info in self.inside:
            if info.of is not None:
                found[info.of].append(info)
        return dict(found) if len(found) >= _SEVERAL else {}


def explain(key: str) -> Explained:
    """A key by its dotted name or the end of it, or one of its types: `authenticator.oauth2`.

    Names of streams may stand in it. Raises ConfigurationError, which names the nearest key, where there is none.
    """
    infos = list(key_infos())
    wanted = key.strip().split(".")
    reach = {info.key: _reach(info.parts, wanted) for info in infos}
    farthest = max(reach.values())
    found = sorted((info for info in infos if farthest and reach[info.key] == farthest), key=lambda info: _rank(info, key))
    if found and found[0].is_tag:
        return explain(found[0].key.rpartition(".")[0])  # what each is stands there
    if not found:
        typed = _of_type(infos, wanted)
        if typed is None:
            raise ConfigurationError([Problem(f"there is no key `{key}`", hint=_meant(key, wanted, infos))])
        return typed
    first = [info for info in found if info.key == found[0].key]
    meanings = {info.meaning for info in first}
    same = [info.key for info in found if info.meaning in meanings and info.key != first[0].key]
    also: dict[object, KeyInfo] = {}
    for info in found:
        if info.meaning not in meanings:
            also.setdefault(info.meaning, info)
    inside = [info for info in infos if info.parts[:-1] == first[0].parts]
    return Explained(first, inside, list(dict.fromkeys(same)), list(also.values()))


def top_keys() -> list[KeyInfo]:
    """The keys of the top level."""
    return [info for info in key_infos() if len(info.parts) == 1]


def _reach(parts: Sequence[str], wanted: Sequence[str]) -> int:
    """How many names of a known key are those of the wanted one, but for names of streams and the like in between."""
    for start, name in enumerate(parts):
        rest = iter(wanted)
        if name == wanted[0] and parts[-1] == wanted[-1] and all(part in rest for part in parts[start:]):
            return len(parts) - start
    return 0


def _rank(info: KeyInfo, wanted: str) -> tuple[bool, bool, int, bool]:
    """The likelier a key is meant the lower: the very key, then those of a stream's steps and the shorter ones."""
    is_unlikely = info.is_tag or bool(_UNLIKELY & set(info.parts[:-1]))
    return info.key != wanted, is_unlikely, len(info.parts), info.parts[0] != "streams"


def _of_type(infos: Sequence[KeyInfo], wanted: Sequence[str]) -> Explained | None:
    """The keys of one type of what may stand at a place."""
    *before, name = wanted
    typed = [info for info in infos if info.of == name and (not before or _reach(info.parts[:-1], before))]
    typed.sort(key=lambda info: _rank(info, ""))
    if not typed:
        return None
    inside = [info for info in typed if info.parts[:-1] == typed[0].parts[:-1]]
    parent = typed[0].key.rpartition(".")[0]
    example = {info.parts[-1]: info.examples[0] for info in inside if info.required}
    return Explained([KeyInfo(f"{parent}.{name}", inside[0].about, None, ({"type": name, **example},), kind="mapping")], inside)


def _meant(key: str, wanted: Sequence[str], infos: Sequence[KeyInfo]) -> str:
    *before, last = wanted
    beside = {info.parts[-1] for info in infos if before and _reach(info.parts[:-1], before)}
    found = nearest(last, beside)
    if found is not None:
        return did_you_mean(".".join([*before, found]))
    ends = {".".join(info.parts[-count:]) for info in infos for count in (1, 2, len(info.parts))}
    found = nearest(key, sorted(ends | {info.of for info in infos if info.of}, key=lambda name: (name.count("."), name)))
    return did_you_mean(found) if found else "`tap-asyncreport explain` lists the keys"


def key_infos() -> Iterator[KeyInfo]:
    """Every key of the configuration, from the top down, requests inside logins aside."""
    yield from _infos(Settings, "", json_schema(), ())


def _infos(model: type[Model], before: str, schema: JsonSchema, above: tuple[type[Model], ...]) -> Iterator[KeyInfo]:
    for key, written in fields(model).items():
        described = _property(model, key, schema)
        alternatives = field_shapes(model, key)
        yield KeyInfo(
            before + key,
            described["description"],
            described.get("default"),
            tuple(described["examples"]),
            tuple(allowed(alternatives)),
            written.is_required(),
            type_tag(model),
            either(list(dict.fromkeys(_kinds(alternatives, written.metadata)))),
            (model.__doc__ or "").partition("\n")[0],
        )
        for inner in dict.fromkeys(inner_models(alternatives)):
            if inner not in above and inner is not model:
                yield from _infos(inner, f"{before}{key}.", schema, (*above, model))


def _kinds(alternatives: Sequence[Shape], notes: Sequence[Any]) -> Iterator[str]:
    """What may be written, in words."""
    if any(isinstance(note, BeforeValidator) and note.func is parse_size for note in notes):
        yield "size, such as 512 MiB"
        return
    for shape in alternatives:
        if get_origin(shape.type) is Literal:
            yield "word"
        elif get_origin(shape.type) is list:
            yield "list"
        elif get_origin(shape.type) is dict:
            yield "mapping"
        elif is_model(shape.type):
            yield from (["text"] if shape.type.shorthand else [])
            yield "mapping"
        else:
            yield from _TEXTS[shape.renders] if shape.type is str else [_TYPES.get(shape.type, "any value")]


def _property(model: type[Model], key: str, schema: JsonSchema) -> JsonSchema:
    whole = schema if model is Settings else schema["$defs"][model.__name__]
    found: JsonSchema = (whole["anyOf"][1] if model.shorthand else whole)["properties"][key]
    return found
