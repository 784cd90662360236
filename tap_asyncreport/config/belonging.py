"""Where a key that does not exist was meant to stand, or what it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, get_args, get_origin

from tap_asyncreport.config.nearest import did_you_mean, nearest
from tap_asyncreport.config.shapes import Shape, field_shapes, fields, is_model, shapes
from tap_asyncreport.config.sources import Keys
from tap_asyncreport.config.values import Model

_MOST_PLACES = 3


class Level(NamedTuple):
    """What may stand at a path, and what does."""

    keys: Keys
    models: Sequence[type[Model]]
    value: Mapping[str, Any]


class Meant(NamedTuple):
    """What to write instead, and the path that was meant where one is."""

    hint: str | None
    keys: Keys | None = None


def meant_key(key: str, levels: Sequence[Level]) -> Meant:
    """What an unknown key was to be; `levels` lead from where it stands up to the top."""
    here = levels[0]
    known = list(dict.fromkeys(name for model in here.models for name in fields(model)))
    name, colon, value = key.partition(":")
    if colon and name in known and value:
        return Meant("a space must follow the colon: write `key: value`", (*here.keys, name))
    alike = nearest(key, known)
    if alike is not None:
        return Meant(did_you_mean(alike), (*here.keys, alike))
    inside = list(_inside(key, here))
    if inside:
        listed = " or ".join(f"`{name}`" for name in inside)
        return Meant(f"`{key}` stands under {listed}", (*here.keys, *_last_of(here, inside[0]), key))
    for under, level in pairwise(levels):
        if any(key in fields(model) for model in level.models):
            return Meant(f"`{key}` stands beside `{_section(under.keys)}`, not in it", (*level.keys, key))
    return Meant(f"the keys here are {', '.join(known)}" if known else None)


def _section(keys: Keys) -> str:
    return str(next(key for key in reversed(keys) if isinstance(key, str)))


def _inside(key: str, here: Level) -> Iterator[str]:
    """The keys here under which it may stand: those that are written where any is."""
    names = [name for model in here.models for name in fields(model) if key in set(_under(model, name))]
    names = list(dict.fromkeys(names))
    written = [name for name in names if name in here.value]
    empty = [name for name in written if here.value[name] is None]  # what is under it is not indented
    yield from (empty or written or names)[:_MOST_PLACES]


def _last_of(here: Level, name: str) -> Keys:
    """The key, and its last item where it holds a list."""
    value = here.value.get(name)
    return (name, len(value) - 1) if isinstance(value, list) and value else (name,)


def _under(model: type[Model], name: str) -> Iterator[str]:
    for inner in _models(field_shapes(model, name)):
        yield from fields(inner)


def _models(alternatives: tuple[Shape, ...]) -> Iterator[type[Model]]:
    for shape in alternatives:
        if is_model(shape.type):
            yield shape.type
        elif get_origin(shape.type) is list:
            yield from _models(shapes(get_args(shape.type)[0]))
