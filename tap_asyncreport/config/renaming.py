"""A configuration whose unknown keys are what they were meant to be, so that what stands under them is looked at too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tap_asyncreport.config.sources import Keys, Located
from tap_asyncreport.errors import Problem


@dataclass(frozen=True)
class Change:
    """A key, and the name that it was to have; None where what stands in it was to stand beside it."""

    keys: Keys
    name: str | None
    problem: Problem


def changed(tree: Located, changes: Iterable[Change]) -> Located:
    """The tree with the changes; the places of its values stay."""
    for change in sorted(changes, key=lambda each: len(each.keys), reverse=True):  # the inner ones first
        tree = _changed(tree, change.keys, change.name)
    return tree


def _changed(tree: Located, keys: Keys, name: str | None) -> Located:
    key, *rest = keys
    if isinstance(tree.value, list) and isinstance(key, int):
        items = [_changed(item, tuple(rest), name) if at == key else item for at, item in enumerate(tree.value)]
        return Located(items, tree.place)
    if not isinstance(tree.value, dict) or key not in tree.value:
        return tree
    if rest:
        return Located({**tree.value, str(key): _changed(tree.value[str(key)], tuple(rest), name)}, tree.place)
    both = {other: item for other, item in tree.value.items() if other != key}
    inner = tree.value[str(key)]
    added = inner.value if name is None else {name: inner}
    return Located({**added, **both}, tree.place)
