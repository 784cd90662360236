"""Partitions: every combination of the dimensions' values, wherever these come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tap_asyncreport.config.streams import Partition
from tap_asyncreport.errors import ConfigurationError
from tap_asyncreport.partitions import combine


def given(values: Mapping[str, Any]) -> Any:
    """Values by dimension, the same whatever came before."""
    return lambda dimension, before: values[dimension.name]


def dimension(name: str, **rest: Any) -> Partition:
    return Partition(name=name, values=[], **rest)


def combined(values: Mapping[str, Any], **batches: int) -> tuple[list[dict[str, Any]], list[str]]:
    warnings: list[str] = []
    dimensions = [dimension(name, batch=batches.get(name)) for name in values]
    return combine(dimensions, given(values), warn=warnings.append), warnings


def test_a_stream_without_dimensions_has_one_partition() -> None:
    assert ([{}], []) == combined({})


def test_every_combination_comes_once_in_the_order_given() -> None:
    expected = [{"account": a, "kind": k} for a in ("2", "1") for k in ("x", "y")]
    assert (expected, []) == combined({"account": ["2", "1"], "kind": ["x", "y"]})


@pytest.mark.parametrize("values", [{"account": []}, {"account": ["1"], "kind": []}, {"account": [], "kind": ["x"]}])
def test_a_dimension_without_values_leaves_nothing_to_do(values: dict[str, list[str]]) -> None:
    assert ([], []) == combined(values)


def test_a_later_dimension_is_asked_once_for_each_combination_before_it() -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def values_of(dimension: Partition, before: Mapping[str, Any]) -> list[Any]:
        asked.append((dimension.name, dict(before)))
        return {"account": ["1", "2"], "campaign": [f"{before.get('account')}-a"], "day": [1]}[dimension.name]

    found = combine([dimension("account"), dimension("campaign"), dimension("day")], values_of, warn=pytest.fail)
    assert [{"account": a, "campaign": f"{a}-a", "day": 1} for a in ("1", "2")] == found
    assert [
        ("account", {}),
        ("campaign", {"account": "1"}),
        ("campaign", {"account": "2"}),
        ("day", {"account": "1", "campaign": "1-a"}),
        ("day", {"account": "2", "campaign": "2-a"}),
    ] == asked


def test_no_later_dimension_is_asked_when_there_is_nothing_before_it() -> None:
    def values_of(dimension: Partition, before: Mapping[str, Any]) -> list[Any]:
        assert "account" == dimension.name
        return []

    assert [] == combine([dimension("account"), dimension("campaign")], values_of, warn=pytest.fail)


@pytest.mark.parametrize(
    ("values", "batch", "expected"),
    [
        (["1", "2", "3", "4", "5"], 2, [["1", "2"], ["3", "4"], ["5"]]),
        (["1", "2"], 2, [["1", "2"]]),
        (["1"], 20, [["1"]]),
        ([], 2, []),
    ],
)
def test_batches_hand_the_values_on_as_lists(values: list[str], batch: int, expected: list[list[str]]) -> None:
    assert ([{"account": each} for each in expected], []) == combined({"account": values}, account=batch)


def test_values_may_be_objects() -> None:
    values = [{"id": 1, "zone": "Asia/Tokyo"}, {"id": 2, "zone": "UTC"}]
    assert ([{"account": value} for value in values], []) == combined({"account": values})


@pytest.mark.parametrize(
    ("values", "expected", "warning"),
    [
        (["1", "2", "1"], ["1", "2"], "partition account: 1 repeated left out of 3 values"),
        ([7, "7", 7.0, 8], [7, 8], "partition account: 2 repeated left out of 4 values"),
        (["1", None], ["1"], "partition account: 1 null left out of 2 values"),
        (["1", None, "1", None], ["1"], "partition account: 1 repeated and 2 null left out of 4 values"),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1}], [{"a": 1, "b": 2}], "partition account: 1 repeated left out of 2 values"),
    ],
)
def test_values_that_come_twice_and_nulls_are_left_out_with_a_warning(
    values: list[Any], expected: list[Any], warning: str
) -> None:
    assert ([{"account": value} for value in expected], [warning]) == combined({"account": values})


def test_the_warning_says_for_which_combination() -> None:
    _, warnings = combined({"account": ["1", "2"], "kind": ["x", "x"]})
    assert [f"partition kind of account {a}: 1 repeated left out of 2 values" for a in ("1", "2")] == warnings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("111,222", "the values of partition account are '111,222', not a list"),
        (7, "the values of partition account are 7, not a list"),
        ({"a": 1}, "the values of partition account are {'a': 1}, not a list"),
        (None, "the values of partition account are None, not a list"),
    ],
)
def test_values_that_are_no_list_are_a_configuration_error(values: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        combined({"account": values})
    assert [("partitions.account", message)] == [(each.key, each.message) for each in caught.value.problems]


def test_two_dimensions_of_one_name_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        combine([dimension("a"), dimension("a")], given({"a": ["1"]}), warn=pytest.fail, key="streams.orders.partitions")
    problems = [(each.key, each.message) for each in caught.value.problems]
    assert [("streams.orders.partitions", "two dimensions are named a")] == problems
