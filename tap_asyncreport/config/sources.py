"""Where each value of the configuration was written, through merging and up to the last key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tap_asyncreport.errors import Problem

Keys = tuple[str | int, ...]

_OF_A_GRANT = ("refresh_token", "username", "password")
_SHORTHANDS = {
    "creation_requester": "request",
    "polling_requester": "request",
    "download_target_requester": "request",
    "download_retriever": "request",
    "abort_requester": "request",
    "delete_requester": "request",
    "error_requester": "request",
    "download_target_extractor": "extractor",
}


class Place(NamedTuple):
    """A file and a physical line and column of it, from 1; no line for what no file holds."""

    file: str | None = None
    line: int | None = None
    column: int | None = None

    def problem(self, message: str, key: str = "", hint: str | None = None) -> Problem:
        """A fault at this place."""
        return Problem(message, key, self.file, self.line, self.column, hint)


@dataclass(slots=True)
class Located:
    """A value with the place of its key; mappings and lists hold Located values."""

    value: Any
    place: Place


def located(value: Any, place: Place) -> Located:
    """Plain data as if all of it were written at one place."""
    if isinstance(value, Mapping):
        return Located({str(key): located(item, place) for key, item in value.items()}, place)
    if isinstance(value, list | tuple):
        return Located([located(item, place) for item in value], place)
    return Located(value, place)


def plain(tree: Located) -> Any:
    """The data without its places."""
    if isinstance(tree.value, dict):
        return {key: plain(item) for key, item in tree.value.items()}
    if isinstance(tree.value, list):
        return [plain(item) for item in tree.value]
    return tree.value


def merged(below: Located, above: Located, key: str = "") -> Located:
    """`above` over `below`: mappings deeply, lists and scalars replace, `streams` at the top by name.

    A mapping over a requester that is written as text keeps its request; one with another `type` replaces; one with
    another `grant` leaves what only the grant below it uses.
    """
    if key == "streams":
        return _streams(below, above)
    if isinstance(above.value, dict) and isinstance(below.value, str) and key in _SHORTHANDS:
        below = Located({_SHORTHANDS[key]: below}, below.place)
    if not isinstance(above.value, dict) or not isinstance(below.value, dict) or _differ("type", below, above):
        return above
    both = dict(below.value)
    if _differ("grant", below, above):
        both = {name: item for name, item in both.items() if name not in _OF_A_GRANT}
    for name, item in above.value.items():
        both[name] = merged(both[name], item, name) if name in both else item
    return Located(both, above.place)


def _differ(key: str, below: Located, above: Located) -> bool:
    found = [tree.value[key].value for tree in (below, above) if key in tree.value]
    return len(found) == len((below, above)) and found[0] != found[1]


def _streams(below: Located, above: Located) -> Located:
    if not isinstance(below.value, list) or not isinstance(above.value, list):
        return above
    streams = list(below.value)
    names = {name_of(stream): number for number, stream in reversed(list(enumerate(streams))) if name_of(stream)}
    for stream in above.value:
        number = names.get(name_of(stream))
        if number is None:
            streams.append(stream)
        else:
            streams[number] = merged(streams[number], stream)
    return Located(streams, above.place)


def name_of(tree: Located) -> str | None:
    """The `name` of a list's item."""
    name = tree.value.get("name") if isinstance(tree.value, dict) else None
    return name.value if name is not None and isinstance(name.value, str) else None


class Sources:
    """The places of every key of a configuration; keys are dotted, with names for the items of lists that have one."""

    def __init__(self, tree: Located) -> None:
        self._tree = tree
        self._places: dict[str, Place] | None = None

    def where(self, key: str) -> Place | None:
        """The place of a dotted key such as `streams.orders.jobs.timeout`, or of what holds it; None if no file does."""
        if self._places is None:
            self._places = {}
            for name, written in _walk(self._tree, ""):
                self._places.setdefault(name, written)
        parts = key.split(".")
        for candidate in (parts, [part for part in parts if not part.isdigit()]):
            for length in range(len(candidate), 0, -1):
                place = self._places.get(".".join(candidate[:length]))
                if place is not None and (length == len(candidate) or candidate is not parts):
                    return place if place.file is not None else None
        return None

    @property
    def files(self) -> list[str]:
        """The files in which anything of the configuration was written."""
        return list(dict.fromkeys(place.file for _, place in _walk(self._tree, "") if place.file and place.line))

    def at(self, keys: Keys) -> Place:
        """The place of a path of keys and indices, or of the deepest part of it that was written."""
        tree = self._tree
        for key in keys:
            inner = _inside(tree, key)
            tree = inner if inner is not None else tree
        return tree.place

    def key(self, keys: Keys) -> str:
        """A path of keys and indices, dotted: items of lists go by their names."""
        tree: Located | None = self._tree
        names = []
        for key in keys:
            inner = _inside(tree, key) if tree is not None else None
            if inner is None and tree is not None and (isinstance(key, int) or isinstance(tree.value, str)):
                continue  # one item where a list may stand, or a text that stands for one key of a mapping
            name = name_of(inner) if inner is not None and isinstance(key, int) else None
            names.append(name or str(key))
            tree = inner
        return ".".join(names)


def _inside(tree: Located, key: str | int) -> Located | None:
    if isinstance(tree.value, dict):
        inner: Located | None = tree.value.get(key)
        return inner
    if isinstance(tree.value, list) and isinstance(key, int) and key < len(tree.value):
        item: Located = tree.value[key]
        return item
    return None


def _walk(tree: Located, key: str) -> Iterator[tuple[str, Place]]:
    yield key, tree.place
    before = key + "." if key else ""
    if isinstance(tree.value, dict):
        for name, item in tree.value.items():
            yield from _walk(item, before + name)
    elif isinstance(tree.value, list):
        for number, item in enumerate(tree.value):
            yield from _walk(item, before + (name_of(item) or str(number)))
