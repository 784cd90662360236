"""The JSON Schema of the configuration, for editors and the docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import PlainSerializer

from tap_asyncreport.config.settings import Settings
from tap_asyncreport.config.shapes import Shape, field_shapes, fields, is_model, shapes
from tap_asyncreport.config.values import Model

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
        for inner in inner_models(field_shapes(model, key)):
            yield from _models(inner, seen)


def inner_models(alternatives: tuple[Shape, ...]) -> Iterator[type[Model]]:
    """The models in a type, also inside its lists and mappings."""
    for shape in alternatives:
        if is_model(shape.type):
            yield shape.type
        elif get_origin(shape.type) in (list, dict):
            yield from inner_models(shapes(get_args(shape.type)[-1]))


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
