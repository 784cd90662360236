"""Values that are handed on in batches: which of them go together, and how far a batch is whose members have changed.

State holds a bookmark per batch; each of its members is known to be as far. So a list may grow, shrink or be sorted
anew from run to run: nothing is lost, and nothing is read again because a value has moved from one batch to another.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple

from tap_asyncreport.job import partition_key


class Known(NamedTuple):
    """What state holds of a partition."""

    context: Mapping[str, Any]
    until: datetime | None
    fields: Mapping[str, Any]
    has_jobs: bool


class Members:
    """The members of all batches that state knows, each as far as the furthest batch that it was in."""

    def __init__(self, known: Iterable[Known]) -> None:
        self._furthest: dict[str, tuple[dict[str, Any], Known]] = {}
        self._with_jobs: list[Known] = []
        for each in known:
            if each.has_jobs:
                self._with_jobs.append(each)
            for member in members_of(each.context) if each.until is not None else ():
                key = partition_key(member)
                seen = self._furthest.get(key)
                if seen is None or _until(seen[1]) < _until(each):
                    self._furthest[key] = member, each
        self._by_value: dict[tuple[str, str], list[tuple[dict[str, Any], Known]]] = {}
        for member, each in self._furthest.values():
            for name, value in member.items():
                self._by_value.setdefault((name, _key(value)), []).append((member, each))

    def least(self, partition: Mapping[str, Any], batched: Collection[str]) -> Known | None:
        """The batch in which the member was that is least far; None where nothing is known of one of them."""
        found = [self._furthest.get(partition_key(member)) for member in members_of(partition, batched)]
        known = [each[1] for each in found if each is not None]
        return min(known, key=_until) if known and len(known) == len(found) else None

    def together(self, name: str, before: Mapping[str, Any], values: Sequence[Any], size: int) -> list[list[Any]]:
        """The values of a dimension in lists of at most `size`.

        Those that are equally far go together, in their order; a batch whose jobs are still at the API stays as it is.
        """
        left = {_key(value): value for value in values}
        place = {key: number for number, key in enumerate(left)}
        fixed = {other: {_key(each) for each in _listed(value)} for other, value in before.items()}
        batches = []
        for known in self._with_jobs:
            keys = [_key(value) for value in _listed(known.context.get(name))]
            if len(keys) <= size and _fits(known.context, fixed) and all(key in left for key in keys):
                batches.append([left.pop(key) for key in keys])
        alike: dict[Hashable, list[Any]] = {}
        for key, value in left.items():
            alike.setdefault(self._progress(name, key, fixed), []).append(value)
        for group in alike.values():
            batches += [group[start : start + size] for start in range(0, len(group), size)]
        return sorted(batches, key=lambda batch: min(place[_key(value)] for value in batch))

    def _progress(self, name: str, key: str, fixed: Mapping[str, set[str]]) -> Hashable:
        """How far a value is, in every combination with the other dimensions."""
        found = [pair for pair in self._by_value.get((name, key), ()) if _fits(pair[0], fixed)]
        decided = {name, *fixed}
        return frozenset((partition_key(_without(member, decided)), each.until) for member, each in found)


def members_of(partition: Mapping[str, Any], batched: Collection[str] | None = None) -> list[dict[str, Any]]:
    """The combinations of single values that a partition stands for; only lists of `batched` dimensions, if given."""
    names = partition.keys() if batched is None else batched
    values = [_listed(value) if name in names else [value] for name, value in partition.items()]
    return [dict(zip(partition, each, strict=True)) for each in product(*values)]


def _without(context: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in context.items() if name not in names}


def _fits(context: Mapping[str, Any], fixed: Mapping[str, set[str]]) -> bool:
    return all(_key(value) in keys for name, keys in fixed.items() for value in _listed(context.get(name)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _key(value: Any) -> str:
    return partition_key({"": value})


def _until(known: Known) -> datetime:
    assert known.until is not None
    return known.until
