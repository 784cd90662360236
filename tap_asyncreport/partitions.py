"""The partitions of a stream: every combination of its dimensions' values, wherever these come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tap_asyncreport.batches import Members
from tap_asyncreport.errors import ConfigurationError, Problem
from tap_asyncreport.job import partition_key

if TYPE_CHECKING:
    from tap_asyncreport.config.streams import Partition

Values = Callable[["Partition", Mapping[str, Any]], Sequence[Any]]
Together = Callable[[str, Mapping[str, Any], Sequence[Any], int], list[list[Any]]]


def combine(
    dimensions: Sequence[Partition],
    values_of: Values,
    *,
    warn: Callable[[str], None],
    key: str = "partitions",
    together: Together | None = None,
) -> list[dict[str, Any]]:
    """Every combination of the dimensions' values, in the order in which they were given; none where one has no values.

    `values_of` is asked once for each combination of the dimensions before. Values that come twice (a number and its
    text are the same value) and null values are left out with a warning; `batch` then hands the others on as lists, of
    values that go `together`. A stream without dimensions has one partition, the empty one. Raises ConfigurationError,
    `key` naming the setting, for a name that is used twice and for values that are no list.
    """
    names = [dimension.name for dimension in dimensions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"two dimensions are named {twice[0]}"
        raise ConfigurationError([Problem(message, key, hint="each has a name of its own, for `partition.<name>`")])

    def values(dimension: Partition, before: Mapping[str, Any]) -> list[Any]:
        found = _values(dimension, before, values_of(dimension, before), warn, key)
        return put(dimension.name, before, found, dimension.batch) if dimension.batch else found

    put = together or Members(()).together
    combinations: list[dict[str, Any]] = [{}]
    for dimension in dimensions:
        combinations = [
            {**before, dimension.name: value}
            for before in combinations
            for value in values(dimension, before)
        ]
    return combinations


def _values(
    dimension: Partition, before: Mapping[str, Any], values: Any, warn: Callable[[str], None], key: str
) -> list[Any]:
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        message = f"the values of partition {dimension.name} are {values!r:.80}, not a list"
        hint = "write a list, or a template giving one"
        raise ConfigurationError([Problem(message, f"{key}.{dimension.name}", hint=hint)])
    distinct: dict[str, Any] = {}
    for value in values:
        if value is not None:
            distinct.setdefault(partition_key({dimension.name: value}), value)
    found = list(distinct.values())
    left_out = len(values) - len(found)
    if left_out:
        where = "".join(f" of {name} {value}" for name, value in before.items())
        nulls = sum(value is None for value in values)
        told = [f"{left_out - nulls} repeated" if left_out > nulls else "", f"{nulls} null" if nulls else ""]
        warn(f"partition {dimension.name}{where}: {' and '.join(filter(None, told))} left out of {len(values)} values")
    return found

