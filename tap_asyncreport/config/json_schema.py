"""The JSON Schema of the configuration, for editors and the docs, and single keys of it explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import PlainSerializer

from tap_asyncreport.config.nearest import meant
from tap_asyncreport.config.settings import Settings
from tap_asyncreport.config.shapes import Shape, allowed, field_shapes, fields, is_model, shapes, type_tag
from tap_asyncreport.config.values import Model
from tap_asyncreport.errors import ConfigurationError, Problem

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ONE_OR_LIST = (("Stream", "creation_requester"), ("Stream", "error_requester"), ("Retry", "on"))
_TEXT = {"type": "string"}

JsonSchema = dict[str, Any]


def json_schema() -> JsonSchema:
    """The schema of what a user writes; every key has a description, an example, and a default unless it is required."""
    schema = Settings.model_json_schema(by_alias=True)
    definitions: dict[str, JsonSchema] = schema["$defs"]
    models = {model.__name__: model for model in _models(Settings)}
    for name, definition in (("Settings", schema), *definitions.items()):
        for key, described in definition.get("properties", {}).items():
            _complete(described, definitions, models[name], key)
            if (name, key) in _ONE_OR_LIST:
                _one_or_list(described)
    _loosen(schema, definitions)
    for name, model in models.items():
        if model.shorthand:
            about = {"description": f"A text stands for `{model.shorthand}`."}
            whole = definitions[name]
            definitions[name] = {**about, "anyOf": [whole["properties"][model.shorthand], whole]}
    for described in schema["properties"].values():
        _name_types(described, definitions)
    return {"$schema": _DIALECT, **schema, "title": "Configuration of tap-asyncreport"}


def _name_types(described: JsonSchema, definitions: Mapping[str, JsonSchema]) -> None:
    """Says at a setting itself which types it may have, that of its example first: hubs and forms look no deeper."""
    if "type" in described:
        return
    first = "object" if isinstance(described["examples"][0], Mapping) else None
    kinds = sorted(dict.fromkeys(_types(described, definitions)), key=lambda name: (name == "null", name != first))
    alternatives = [kind for kind in described.get("anyOf", ()) if kind != {"type": "null"}]
    if len(alternatives) == 1 and "type" in alternatives[0]:
        del described["anyOf"]
        described.update({**alternatives[0], **described})
    described["type"] = kinds if len(kinds) > 1 else kinds[0]


def _types(described: JsonSchema, definitions: Mapping[str, JsonSchema]) -> Iterator[str]:
    """The names of the types that a schema allows."""
    named = described.get("type", ())
    yield from [named] if isinstance(named, str) else named
    if "$ref" in described:
        yield from _types(definitions[described["$ref"].rsplit("/", 1)[1]], definitions)
    for kind in (*described.get("anyOf", ()), *described.get("oneOf", ())):
        yield from _types(kind, definitions)


def _models(model: type[Model], seen: set[type[Model]] | None = None) -> Iterator[type[Model]]:
    """A model and all that stand in it."""
    seen = set() if seen is None else seen
    if model in seen:
        return
    seen.add(model)
    yield model
    for key in fields(model):
        for inner in _inner(field_shapes(model, key)):
            yield from _models(inner, seen)


def _inner(alternatives: tuple[Shape, ...]) -> Iterator[type[Model]]:
    """The models in a type, also inside its lists and mappings."""
    for shape in alternatives:
        if is_model(shape.type):
            yield shape.type
        elif get_origin(shape.type) in (list, dict):
            yield from _inner(shapes(get_args(shape.type)[-1]))


def _complete(described: JsonSchema, definitions: Mapping[str, JsonSchema], model: type[Model], key: str) -> None:
    """What a property lacks: what it takes from the model that it refers to, the one value of a `type`, its default."""
    if "$ref" in described:
        described.setdefault("description", definitions[described["$ref"].rsplit("/", 1)[1]]["description"])
    if "const" in described:
        described.setdefault("description", f"Which kind this is: `{described['const']}`.")
        described.setdefault("examples", [described["const"]])
    field = fields(model)[key]
    described.setdefault("examples", field.examples or [])
    write: Any = next((note.func for note in field.metadata if isinstance(note, PlainSerializer)), None)
    if write is not None and not field.is_required() and field.default is not None:
        described["default"] = write(field.default)
    elif "default" not in described and not field.is_required():
        described["default"] = {}


def _one_or_list(described: JsonSchema) -> None:
    """A list of one may be written without its brackets."""
    kinds = described.pop("anyOf", None) or [
        {key: described.pop(key) for key in ("type", "items", "minItems") if key in described}
    ]
    described["anyOf"] = [*kinds, *(kind["items"] for kind in kinds if "items" in kind)]


def _loosen(schema: JsonSchema, definitions: dict[str, JsonSchema]) -> None:
    """What a definition or `stream_defaults` may give need not be written again."""
    stream = definitions["Stream"]
    schema["required"] = []
    schema["anyOf"] = [{"required": ["streams"]}, {"required": ["definition"]}]
    stream["required"] = ["name"]
    defaults = {**stream, "description": "What every stream has unless it says otherwise.", "required": []}
    schema["properties"]["stream_defaults"] = {
        **{
            key: value
            for key, value in schema["properties"]["stream_defaults"].items()
            if key in ("description", "default", "examples")
        },
        "$ref": "#/$defs/StreamDefaults",
    }
    words = definitions["Status"]["properties"]["mapping"]["additionalProperties"]
    definitions["Status"]["properties"]["mapping"]["additionalProperties"] = {
        "anyOf": [words, {"type": ["string", "number", "boolean", "null"]}]
    }
    definitions["StreamDefaults"] = defaults
    for loosened in (schema, stream, defaults):
        loosened["properties"] = _with_defaults(loosened["properties"], loosened["required"])


def _with_defaults(properties: Mapping[str, JsonSchema], required: Sequence[str]) -> dict[str, JsonSchema]:
    """The properties, where what need not be written, and stands nowhere else, is null."""
    return {
        key: described if "default" in described or key in required else {**described, "default": None}
        for key, described in properties.items()
    }


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key: its dotted name without names of streams, and what the models say of it.

    `default` is None where there is none, or none is meant; `of` is the `type` that a union's member belongs to.
    """

    key: str
    description: str
    default: Any
    examples: tuple[Any, ...]
    allowed: tuple[str, ...] = ()
    required: bool = False
    of: str | None = None


def explain(key: str) -> list[KeyInfo]:
    """A key by its dotted name or the end of it; several where it means something else for each `type`.

    Names of streams may stand in it. Raises ConfigurationError, which names the nearest key, where there is none.
    """
    infos = list(key_infos())
    wanted = key.strip().split(".")
    whole = [info for info in infos if _names(info.key, wanted)]
    longest = max((len(info.key) for info in whole), default=0)
    ending = [info for info in infos if info.key.split(".")[-len(wanted) :] == wanted]
    shortest = min((len(info.key) for info in ending), default=0)
    found = [info for info in whole if len(info.key) == longest] or [
        info for info in ending if len(info.key) == shortest
    ]
    if not found:
        names = sorted({info.key for info in infos} | {info.key.rsplit(".", 1)[-1] for info in infos})
        raise ConfigurationError([Problem(f"there is no key `{key}`", hint=meant(key, names))])
    return found


def _names(known: str, wanted: list[str]) -> bool:
    """Whether the wanted key is the known one, but for names of streams and the like in between."""
    parts = known.split(".")
    rest = iter(wanted)
    return parts[0] == wanted[0] and parts[-1] == wanted[-1] and all(part in rest for part in parts)


def key_infos() -> Iterator[KeyInfo]:
    """Every key of the configuration, from the top down, requests inside logins aside."""
    described = json_schema()
    yield from _infos(Settings, "", described, ())


def _infos(model: type[Model], before: str, schema: JsonSchema, above: tuple[type[Model], ...]) -> Iterator[KeyInfo]:
    for key in fields(model):
        described = _property(model, key, schema)
        yield KeyInfo(
            before + key,
            described["description"],
            described.get("default"),
            tuple(described["examples"]),
            tuple(allowed(field_shapes(model, key))),
            fields(model)[key].is_required(),
            type_tag(model),
        )
        for inner in dict.fromkeys(_inner(field_shapes(model, key))):
            if inner not in above and inner is not model:
                yield from _infos(inner, f"{before}{key}.", schema, (*above, model))


def _property(model: type[Model], key: str, schema: JsonSchema) -> JsonSchema:
    whole = schema if model is Settings else schema["$defs"][model.__name__]
    found: JsonSchema = (whole["anyOf"][1] if model.shorthand else whole)["properties"][key]
    return found
