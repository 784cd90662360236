"""Batched partitions whose list changes from run to run: no value is lost, and none is read again for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi
from hypothesis import given, settings
from hypothesis import strategies as st
from warm import WarmProcess
from test_sync import config, stream

from tap_asyncreport.config.streams import Incremental, Partition
from tap_asyncreport.partitions import combine
from tap_asyncreport.state import Forgotten, Reading, StateBook
from tap_asyncreport.windows import Calendar

pytestmark = pytest.mark.promise(24)

FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)
Days = dict[str, list[int]]


class Runs:
    """Runs of one stream, a day after another; what each reads is counted for every value."""

    def __init__(self, batch: int | None = 2) -> None:
        self.batch = batch
        self.now = FIRST
        self.state: Any = {}
        self.asked: list[list[Any]] = []
        self.forgotten: list[Forgotten] = []

    def run(self, *values: Any, fails: Sequence[Any] = (), kinds: Sequence[str] = ()) -> Days:
        """The days that each value was read for; what holds one of `fails` is not finished."""
        self.now += timedelta(days=1)
        calendar = Calendar(Incremental(start="2026-01-01", format="date"), now=self.now, timezone="UTC")
        batched = frozenset({"account"} if self.batch else ())
        reading = Reading(None, ("account",), lambda _, value: calendar.resume_at(value), batched)
        book = StateBook.read(self.state, {"orders": reading})
        found_by = {"account": list(values), "kind": list(kinds)}
        dimensions = [Partition(name="account", values=[], batch=self.batch)]
        dimensions += [Partition(name="kind", values=[])] if kinds else []
        found = combine(
            dimensions, lambda each, _: found_by[each.name], warn=pytest.fail, together=book.together("orders")
        )
        book.carry_over("orders", found)
        self.forgotten = [each for each in book.forget_absent("orders", found) if each.gone or each.jobs]
        self.asked = [partition["account"] for partition in found]
        days: Days = {}
        for partition in found:
            for window in calendar.windows(book.until("orders", partition)).windows:
                held = partition["account"] if isinstance(partition["account"], list) else [partition["account"]]
                for value in held:
                    key = str(value) + "".join(str(partition[name]) for name in partition if name == "kind")
                    read = range(window.start.day, (window.end - timedelta(1)).day + 1)
                    days.setdefault(key, []).extend(read)
                if not set(held) & set(fails):
                    book.finish("orders", partition, *calendar.bookmark(window))
        self.state = json.loads(book.message())["value"]
        return days

    @property
    def contexts(self) -> list[Any]:
        return [entry["context"]["account"] for entry in self.state["bookmarks"]["orders"]["partitions"]]


def test_a_list_that_grows_at_its_end_starts_the_new_values_and_goes_on_with_the_others() -> None:
    runs = Runs()

    assert {"1": [1], "2": [1], "3": [1]} == runs.run(1, 2, 3)
    assert [[1, 2], [3]] == runs.asked
    assert {"1": [2], "2": [2], "3": [2], "4": [1, 2]} == runs.run(1, 2, 3, 4)
    assert [[1, 2], [3], [4]] == runs.asked
    assert {"1": [3], "2": [3], "3": [3], "4": [3]} == runs.run(1, 2, 3, 4)
    assert [[1, 2], [3, 4]] == runs.asked == runs.contexts


@pytest.mark.parametrize("changed", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (1, 0, 2, 4, 3), ("1", "2", 0, 3, 4)])
def test_a_list_that_is_sorted_anew_or_grows_at_its_front_reads_nothing_again(changed: tuple[Any, ...]) -> None:
    runs = Runs()
    runs.run(1, 2, 3, 4)

    assert {"0": [1, 2], "1": [2], "2": [2], "3": [2], "4": [2]} == dict(sorted(runs.run(*changed).items()))
    assert {"0": [3], "1": [3], "2": [3], "3": [3], "4": [3]} == dict(sorted(runs.run(*changed).items()))
    assert 3 == len(runs.contexts)


def test_a_value_that_vanishes_leaves_its_mates_where_they_are_and_comes_back_where_it_was() -> None:
    runs = Runs()
    runs.run(1, 2, 3, 4)

    assert {"1": [2], "3": [2], "4": [2]} == runs.run(1, 3, 4)
    assert {"1": [3], "2": [2, 3], "3": [3], "4": [3]} == runs.run(1, 2, 3, 4)
    assert {"1": [4], "2": [4], "3": [4], "4": [4]} == runs.run(1, 2, 3, 4)


def test_a_value_that_was_absent_for_two_runs_starts_anew() -> None:
    runs = Runs()
    runs.run(1, 2, 3)
    runs.run(1, 3)
    assert [] == runs.forgotten
    runs.run(1, 3)

    assert [True] == [each.gone for each in runs.forgotten]
    assert {"1": [4], "2": [1, 2, 3, 4], "3": [4]} == runs.run(1, 2, 3)


def test_a_batch_that_failed_goes_on_from_where_it_is_whatever_becomes_of_the_list() -> None:
    runs = Runs()
    runs.run(1, 2, 3, 4)
    runs.run(1, 2, 3, 4, fails=[3])

    assert {"0": [1, 2, 3], "1": [3], "2": [3], "3": [2, 3], "4": [2, 3]} == dict(sorted(runs.run(0, 4, 1, 3, 2).items()))
    assert {str(value): [4] for value in range(5)} == dict(sorted(runs.run(0, 1, 2, 3, 4).items()))


@pytest.mark.parametrize(("before", "after"), [(None, 2), (2, None), (2, 3), (3, 1), (4, 2)])
def test_batches_may_begin_end_grow_and_shrink(before: int | None, after: int | None) -> None:
    runs = Runs(before)
    runs.run(1, 2, 3, 4, 5)
    runs.batch = after

    assert {str(value): [2] for value in range(1, 6)} == runs.run(1, 2, 3, 4, 5)
    assert {str(value): [3] for value in range(1, 6)} == runs.run(1, 2, 3, 4, 5)


def test_each_combination_with_another_dimension_goes_on_for_itself() -> None:
    runs = Runs()
    runs.run(1, 2, 3, kinds=["x", "y"])

    assert {f"{value}{kind}": [2] for value in (3, 1, 2) for kind in "xy"} | {"0x": [1, 2], "0y": [1, 2]} == runs.run(
        3, 1, 2, 0, kinds=["x", "y"]
    )


def test_a_batch_whose_jobs_are_at_the_api_still_stays_as_it_is() -> None:
    runs = Runs()
    runs.run(1, 2, 3, 4)
    runs.state["bookmarks"]["orders"]["partitions"][1]["jobs"] = [{"id": "r1", "request": "x"}]
    runs.run(0, 4, 1, 3, 2)

    assert [[0], [3, 4], [1, 2]] == runs.asked


def test_a_batch_that_is_no_more_gives_its_jobs_away_to_be_cleaned_up() -> None:
    runs = Runs()
    runs.run(1, 2, 3)
    runs.state["bookmarks"]["orders"]["partitions"][0]["jobs"] = [{"id": "r1", "request": "x"}]
    runs.batch = 3
    runs.run(2, 3)
    assert [] == runs.forgotten
    runs.run(2, 3)

    assert [([1, 2], [{"id": "r1", "request": "x"}])] == [(each.context["account"], each.jobs) for each in runs.forgotten]


def test_a_whole_run_over_a_list_that_has_grown_asks_for_each_value_s_days_once(tmp_path: Path) -> None:
    def asking(*values: str, **changes: Any) -> dict[str, Any]:
        request = {"request": "POST /exports", "json": {"ids": "{{ partition.id }}", "from": "{{ window.start }}", "to": "{{ window.end }}"}}
        partitions = [{"name": "id", "values": list(values), "batch": 2}]
        window = {"start": "2026-01-01", "format": "date", "end_is": "inclusive", **changes}
        return stream(partitions=partitions, creation_requester=request, incremental=window)

    tap = WarmProcess(tmp_path)
    asked: list[list[Any]] = []
    state: dict[str, Any] = {}
    with FakeApi(rows="date,campaign\n") as api:
        for values, end in (("abc", "2026-01-01"), ("xcab", "2026-01-02"), ("xcab", "2026-01-03")):
            run = tap.run(config(api, asking(*values, end=end)), state=state)
            assert 0 == run.exit_code, run.stderr
            state = run.state
            asked.append(sorted((job.spec["ids"], job.spec["from"]) for job in list(api.jobs.values())[sum(map(len, asked)) :]))

    assert [(["a", "b"], "2026-01-01"), (["c"], "2026-01-01")] == asked[0]
    assert [(["b"], "2026-01-02"), (["c", "a"], "2026-01-02"), (["x"], "2026-01-01")] == asked[1]
    assert [(["a", "b"], "2026-01-03"), (["x", "c"], "2026-01-03")] == asked[2]


VALUES = st.lists(st.integers(0, 5), unique=True, max_size=6)
CHANGE = st.tuples(VALUES, st.sets(st.integers(0, 5), max_size=2), st.sampled_from([None, 1, 2, 3]))


@given(st.lists(CHANGE, min_size=2, max_size=7))
@settings(max_examples=80)
def test_whatever_becomes_of_list_and_batch_each_value_goes_on_from_where_it_is(changes: list[Any]) -> None:
    """No day is lost and none read again, but for what failed, and for values that were absent for two runs."""
    runs = Runs()
    done: dict[str, int] = {}
    absent: dict[str, int] = {}
    for values, fails, batch in changes:
        runs.batch = batch
        days = runs.run(*values, fails=fails)
        today = (runs.now - FIRST).days
        for value in map(str, values):
            assert list(range(done.get(value, 0) + 1, today + 1)) == days.get(value, [])
        for held in runs.asked:
            members = held if isinstance(held, list) else [held]
            if not set(members) & fails:
                done |= {str(value): today for value in members}
        for value in list(done):
            absent[value] = 0 if int(value) in values else absent.get(value, 0) + 1
            if absent[value] == 2:
                del done[value]
