"""States that are joined, among them some that people and other tools wrote."""

from __future__ import annotations

from typing import Any

import pytest

from tap_asyncreport.errors import StateError
from tap_asyncreport.state_merge import merge_states

pytestmark = pytest.mark.promise(24)

KEY = "replication_key_value"


def merged(*entries: Any) -> Any:
    return merge_states([{"bookmarks": {"orders": entry}} for entry in entries])["bookmarks"]["orders"]


def test_a_bookmark_that_was_set_by_hand_is_not_lost() -> None:
    """It has no `until`, and gets none: its own day is read again."""
    assert {KEY: "2026-01-30"} == merged({KEY: "2026-01-30"})
    assert {KEY: "2026-01-30"} == merged({KEY: "2026-01-29"}, {KEY: "2026-01-30"}, {})
    assert {KEY: "2026-01-30"} == merged({KEY: "2026-01-28", "until": "2026-01-29T00:00:00Z"}, {KEY: "2026-01-30"})
    assert {KEY: "2026-01-30", "until": "2026-01-31T00:00:00Z"} == merged({KEY: "2026-01-29"}, {KEY: "2026-01-30", "until": "2026-01-31T00:00:00Z"})


def test_what_no_window_is_made_of_is_kept_from_the_first() -> None:
    assert {KEY: "eyJ"} == merged({}, {KEY: "eyJ"}, {KEY: "other"})


@pytest.mark.parametrize("nothing", [None, {}, {"known": 7}, {"known": {"a": 7}}])
def test_a_part_that_says_nothing_changes_nothing(nothing: Any) -> None:
    whole = {KEY: "2026-01-30", "until": "2026-01-31T00:00:00Z", "known": {"a": [1]}}
    assert whole == merged(nothing, whole) == merged(whole, nothing)


def test_a_bookmark_that_is_a_text_is_read() -> None:
    assert {KEY: "2026-01-30"} == merged("2026-01-30", "2026-01-29")


@pytest.mark.parametrize("partitions", [7, [7], [{"date": "2026-01-02"}], [{"context": 7}]])
def test_partitions_that_cannot_be_read_are_told_of(partitions: Any) -> None:
    with pytest.raises(StateError, match="the state of stream 'orders' cannot be read: its `partitions` are"):
        merged({"partitions": partitions})
