"""Where a key that does not exist was meant to stand, or what it is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, get_args, get_origin

from tap_asyncreport.config.nearest import did_you_mean, nearest
from tap_asyncreport.config.shapes import Shape, allowed, field_shapes, fields, is_model, shapes
from tap_asyncreport.config.sources import Keys
from tap_asyncreport.config.values import Model

_MOST_PLACES = 3
_MOST_KEYS = 24
_ENOUGH = 2
_RARE = frozenset({"base_url", "only", "partitions", "error_requester"})
_REQUESTERS = frozenset({
    "creation_requester", "polling_requester", "download_target_requester", "download_retriever", "abort_requester",
    "delete_requester", "error_requester", "partitions", "request", "login",
})  # fmt: skip
# What other tools keep in the same file.
_NOWHERE = {
    **dict.fromkeys(
        ("schedule", "cron", "interval", "frequency", "sync_frequency"),
        "leave it out: when the tap runs is for what starts it to say, such as cron or Meltano's schedules",
    ),
    **dict.fromkeys(("version", "spec", "check", "metadata", "kind", "type", "definitions"), "leave it out: nothing like it is needed here"),
}


class Level(NamedTuple):
    """What may stand at a path, and what does."""

    keys: Keys
    models: Sequence[type[Model]]
    value: Mapping[str, Any]


class Meant(NamedTuple):
    """What to write instead, and the path that was meant where one is.

    `is_same`: under the other name the value is as it should be; `is_wrapper`: what stands in it stands beside it.
    """

    hint: str | None
    keys: Keys | None = None
    is_same: bool = False
    is_wrapper: bool = False


def meant_key(key: str, levels: Sequence[Level]) -> Meant:
    """What an unknown key was to be; `levels` lead from where it stands up to the top."""
    here = levels[0]
    known = list(dict.fromkeys(name for model in here.models for name in fields(model)))
    name, colon, value = key.partition(":")
    if colon and name in known and value:
        return Meant("a space must follow the colon: write `key: value`", (*here.keys, name))
    if _is_others(key, here.value.get(key)):
        return Meant(_NOWHERE[key])
    found = _no_level(key, here, known) or _nearest(key, here, known) or _elsewhere(key, levels)
    if found is not None:
        return found
    if key.casefold() in _NOWHERE:
        return Meant(_NOWHERE[key.casefold()])
    return Meant(_listed(known))


def _is_others(key: str, value: object) -> bool:
    """Whether a key is another tool's, though one of ours is like it: `type: HttpRequester`, definitions of parts."""
    is_class = key == "type" and isinstance(value, str) and value[:1].isupper()
    return is_class or (key == "definitions" and isinstance(value, Mapping))


def _no_level(key: str, here: Level, known: Sequence[str]) -> Meant | None:
    """A level too many: what stands in it is known here."""
    value = here.value.get(key)
    within = [name for name in value if nearest(str(name), known) == name] if isinstance(value, Mapping) else []
    if len(within) < _ENOUGH or any(name in here.value for name in within):
        return None
    shown = ", ".join(f"`{name}`" for name in within[:_MOST_PLACES])
    return Meant(f"leave `{key}` out: {shown} stand here themselves", is_wrapper=True)


def _nearest(key: str, here: Level, known: Sequence[str]) -> Meant | None:
    alike = nearest(key, known)
    if alike is None:
        return None
    if alike != "request":
        return Meant(did_you_mean(alike), (*here.keys, alike), is_same=True)
    value = here.value.get(key)
    is_whole = isinstance(value, str) and " " in value.partition("{{")[0].strip()
    return Meant(did_you_mean(alike) if is_whole else _request(here.value), (*here.keys, alike), is_same=is_whole)


def _request(value: Mapping[str, Any]) -> str:
    """How a request is written whose method and URL stand apart."""
    normal = {str(key).lower().rpartition("_")[2]: item for key, item in value.items() if isinstance(item, str)}
    url = next((normal[name] for name in ("url", "uri", "path", "endpoint") if name in normal), None)
    if url is None or "?" in url or "@" in url:
        return did_you_mean("request")
    return f"did you mean `request`? write `request: {normal.get('method', 'GET').upper()} {url}`"


def _elsewhere(key: str, levels: Sequence[Level]) -> Meant | None:
    """A key that is known elsewhere: in a section that is written here, on a level above, or deeper."""
    here = levels[0]
    inside = list(_inside(key, here))
    written = [name for name in inside if name in here.value]
    if written or (inside and not any(_is_known(key, level) for level in levels[1:])):
        return _under_hint(key, here, inside)
    for under, level in pairwise(levels):
        if _is_known(key, level):
            return Meant(f"`{key}` stands beside `{_section(under.keys)}`, not in it", (*level.keys, key))
    for under, level in pairwise(levels):
        inside = [name for name in _inside(key, level) if name not in (under.keys or ("",))[-1:]]
        sections = [name for name in inside if name not in _REQUESTERS]
        if sections:
            return Meant(f"`{key}` stands under `{sections[0]}`, beside `{_section(under.keys)}`", (*level.keys, sections[0], key))
    deep = next(_deeper(key, here), None)
    return Meant(f"`{key}` stands under {' of '.join(f'`{name}`' for name in reversed(deep))}") if deep else None


def _under_hint(key: str, here: Level, inside: Sequence[str]) -> Meant:
    listed = " or ".join(f"`{name}`" for name in inside)
    return Meant(f"`{key}` stands under {listed}", (*here.keys, *_last_of(here, inside[0]), key))


def _is_known(key: str, level: Level) -> bool:
    return any(key in fields(model) for model in level.models)


def _deeper(key: str, here: Level) -> Iterator[tuple[str, str]]:
    """Two sections, one in the other, under which it stands; the requests' own last."""
    found = [
        (name, inner)
        for model in here.models
        for name in fields(model)
        for below in _models(field_shapes(model, name))
        for inner in fields(below)
        if key in set(_under(below, inner))
    ]
    yield from sorted(found, key=lambda names: (names[0] in _RARE, names[1] in _REQUESTERS))


def _listed(known: Sequence[str]) -> str | None:
    """The keys that there are; of many only that they can be listed."""
    if len(known) > _MOST_KEYS:
        return "leave it out; `tap-asyncreport explain` lists the keys of the top level"
    return f"the keys here are {', '.join(known)}" if known else None


def _section(keys: Keys) -> str:
    return str(next(key for key in reversed(keys) if isinstance(key, str)))


def _inside(key: str, here: Level) -> Iterator[str]:
    """The keys here under which it may stand: those that are written where any is, as a mapping or not yet."""
    names = [name for model in here.models for name in fields(model) if key in set(_under(model, name))]
    names = sorted(dict.fromkeys(names), key=lambda name: name in _RARE)
    written = [name for name in names if name in here.value and not isinstance(here.value[name], str)]
    empty = [name for name in written if here.value[name] is None]  # what is under it is not indented
    yield from (empty or written or names)[:_MOST_PLACES]


def _last_of(here: Level, name: str) -> Keys:
    """The key, and its last item where it holds a list."""
    value = here.value.get(name)
    return (name, len(value) - 1) if isinstance(value, list) and value else (name,)


def _under(model: type[Model], name: str) -> Iterator[str]:
    for inner in _models(field_shapes(model, name)):
        yield from fields(inner)
    for shape in field_shapes(model, name):
        if get_origin(shape.type) is dict:
            yield from allowed(shapes(get_args(shape.type)[0]))


def _models(alternatives: tuple[Shape, ...]) -> Iterator[type[Model]]:
    for shape in alternatives:
        if is_model(shape.type):
            yield shape.type
        elif get_origin(shape.type) is list:
            yield from _models(shapes(get_args(shape.type)[0]))
