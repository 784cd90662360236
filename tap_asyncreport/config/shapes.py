"""The models' fields as types, for what must be known of a key whether or not its value is valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import Tag
from pydantic.fields import FieldInfo

from tap_asyncreport.config.sources import Keys
from tap_asyncreport.config.values import Model, Renders


class Written(NamedTuple):
    """A text of the configuration that is a template, an extractor or a JSONPath; `models` are what it stands in."""

    keys: Keys
    renders: Renders
    value: Any


class Shape(NamedTuple):
    """A type, and what its annotation says of it."""

    type: Any
    renders: Renders | None = None
    tag: str | None = None


def shapes(annotation: Any, renders: Renders | None = None, tag: str | None = None) -> tuple[Shape, ...]:
    """The alternatives of an annotation."""
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        renders = next((note for note in notes if isinstance(note, Renders)), renders)
        tag = next((note.tag for note in notes if isinstance(note, Tag)), tag)
        return shapes(inner, renders, tag)
    if get_origin(annotation) in (Union, UnionType):
        return tuple(shape for member in get_args(annotation) for shape in shapes(member, renders, tag))
    return () if annotation is type(None) else (Shape(annotation, renders, tag),)


@cache
def fields(model: type[Model]) -> dict[str, FieldInfo]:
    """A model's fields by the keys that a user writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


@cache
def field_shapes(model: type[Model], key: str) -> tuple[Shape, ...]:
    """The alternatives of a model's key."""
    field = fields(model)[key]
    renders = next((note for note in field.metadata if isinstance(note, Renders)), None)
    return shapes(field.annotation, renders)


def is_model(type_: Any) -> bool:
    """Whether a type is one of the configuration's models."""
    return isinstance(type_, type) and issubclass(type_, Model)


def step(alternatives: tuple[Shape, ...], key: str | int) -> tuple[Shape, ...]:
    """What stands under a key; where no alternative has it, a union's tag or a shorthand: the alternatives it leaves."""
    inner: list[Shape] = []
    for shape in alternatives:
        origin, arguments = get_origin(shape.type), get_args(shape.type)
        if is_model(shape.type):
            inner += field_shapes(shape.type, key) if isinstance(key, str) and key in fields(shape.type) else ()
        elif origin is list and isinstance(key, int):
            inner += shapes(arguments[0], shape.renders)
        elif origin is dict and isinstance(key, str):
            inner += shapes(arguments[1], shape.renders)
    if inner:
        return tuple(inner)
    tagged = tuple(shape for shape in alternatives if key in (shape.tag, type_tag(shape.type)))
    return tagged or tuple(item for shape in alternatives for item in _items(shape, key)) or alternatives


def _items(shape: Shape, key: str | int) -> tuple[Shape, ...]:
    """A single item may stand where a list is expected."""
    if get_origin(shape.type) is not list or isinstance(key, int):
        return ()
    return step(shapes(get_args(shape.type)[0], shape.renders), key)


def type_tag(type_: Any) -> str | None:
    """The one value of a model's key `type`."""
    if not is_model(type_) or "type" not in fields(type_):
        return None
    values = get_args(fields(type_)["type"].annotation)
    return str(values[0]) if len(values) == 1 else None


def fitting(alternatives: tuple[Shape, ...], value: Any) -> tuple[Shape, ...]:
    """The alternatives that a value, by how it is written, is meant as."""
    models = [shape for shape in alternatives if is_model(shape.type)]
    if isinstance(value, Mapping):
        of_type = [shape for shape in models if type_tag(shape.type) == value.get("type", "")]
        others = [shape for shape in alternatives if shape.type is Any or get_origin(shape.type) is dict]
        return tuple(of_type or [shape for shape in models if type_tag(shape.type) is None] or others or models)
    if isinstance(value, list):
        return tuple(shape for shape in alternatives if shape.type is Any or get_origin(shape.type) is list)
    return tuple(shape for shape in alternatives if get_origin(shape.type) not in (list, dict))


def texts(value: Any, alternatives: tuple[Shape, ...], keys: Keys = ()) -> Iterator[Written]:
    """Every template, extractor and JSONPath of a configuration, valid or not, with its path of keys."""
    if isinstance(value, Mapping):
        if value.get("raw") is True:
            value = {key: item for key, item in value.items() if key not in ("json", "form", "body")}
        for key, item in value.items():
            inner = _under(fitting(listed(alternatives), value), key)
            if any(shape.type is Any and shape.renders for shape in alternatives):
                yield Written((*keys, key), Renders.TEMPLATE, key)
            for shape in alternatives:
                if get_origin(shape.type) is dict and isinstance(key, str):
                    yield from _text(key, shapes(get_args(shape.type)[0]), (*keys, key))
            yield from texts(item, inner, (*keys, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from texts(item, step(fitting(alternatives, value), number) if alternatives else (), (*keys, number))
    elif isinstance(value, str):
        yield from _text(value, alternatives, keys)


def listed(alternatives: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """The alternatives, with the items of lists as alternatives of the lists."""
    items = [
        item
        for shape in alternatives
        if get_origin(shape.type) is list
        for item in shapes(get_args(shape.type)[0], shape.renders)
    ]
    return (*alternatives, *items)


def _under(alternatives: tuple[Shape, ...], key: str) -> tuple[Shape, ...]:
    inner: list[Shape] = []
    for shape in alternatives:
        if is_model(shape.type):
            inner += field_shapes(shape.type, key) if key in fields(shape.type) else ()
        elif get_origin(shape.type) is dict:
            inner += shapes(get_args(shape.type)[1], shape.renders)
        elif shape.type is Any and shape.renders:
            inner.append(shape)
    return tuple(inner)


def _text(value: str, alternatives: tuple[Shape, ...], keys: Keys) -> Iterator[Written]:
    for shape in listed(alternatives):
        if is_model(shape.type) and shape.type.shorthand:
            yield from _text(value, field_shapes(shape.type, shape.type.shorthand), keys)
            return
    renders = next((shape.renders for shape in alternatives if shape.renders and shape.type in (str, Any)), None)
    if renders is not None:
        yield Written(keys, renders, value)


def allowed(alternatives: tuple[Shape, ...]) -> list[str]:
    """The words of a Literal."""
    return [str(word) for shape in alternatives if get_origin(shape.type) is Literal for word in get_args(shape.type)]
