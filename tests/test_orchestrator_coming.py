"""Units that are still to come: made when their turn comes, partition by partition, and dropped where a lane ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import pytest
from orchestra import Stage, answer, failed, unit

from tap_asyncreport.errors import LoginError
from tap_asyncreport.job import Job, Means, Unit
from tap_asyncreport.orchestrator.budgets import Budget

PARTITIONS, WINDOWS = 6, 20


class Year(Sequence[Unit]):
    """A partition's units, counted as they are made."""

    def __init__(self, account: Any, made: list[Unit], known: dict[int, Unit] | None = None) -> None:
        self.account, self.made, self.known = account, made, known or {}

    def __len__(self) -> int:
        return WINDOWS

    @overload
    def __getitem__(self, place: int) -> Unit: ...
    @overload
    def __getitem__(self, place: slice) -> list[Unit]: ...
    def __getitem__(self, place: int | slice) -> Unit | list[Unit]:
        assert isinstance(place, int)
        if place >= WINDOWS:
            raise IndexError
        self.made.append(self.known.get(place) or unit(1 + place, account=self.account))
        return self.made[-1]


def stage(made: list[Unit], **options: Any) -> Stage:
    """Partitions with many windows each, none of which is made beforehand."""
    budget = {name: options.pop(name) for name in list(options) if name not in ("limit", "script", "write")}
    set_up = Stage(budgets={"orders": Budget(**budget)}, **options)
    for account in range(PARTITIONS):
        set_up.orchestrator.add_units("orders", Year(account, made), now=0.0)
    made.clear()
    return set_up


def places(lines: Sequence[str]) -> list[str]:
    return [line.split()[2] for line in lines]


@pytest.mark.promise(7)
def test_every_partition_s_first_window_is_started_before_anyone_s_second() -> None:
    made: list[Unit] = []
    created = places(stage(made, limit=3).play().calls("create"))

    assert PARTITIONS * WINDOWS == len(created) == len(made)
    firsts = created[:PARTITIONS]
    assert [made[n].partition["account"] for n in range(PARTITIONS)] == list(range(PARTITIONS)), firsts
    assert [made[n].window for n in range(PARTITIONS)] == [unit(1).window] * PARTITIONS


@pytest.mark.promise(7)
@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({"limit": 3}, 3 + 1),
        ({"limit": 3, "max_concurrent": 2}, 2 + PARTITIONS),
        ({"limit": 100, "max_concurrent_per": {"account": 1}}, 2 * PARTITIONS),
    ],
)
def test_no_more_units_are_made_than_have_their_turn(limits: dict[str, Any], most: int) -> None:
    made: list[Unit] = []
    halfway = stage(made, write=100.0, **limits)
    halfway._act()

    assert len(made) <= most


@pytest.mark.promise(10)
def test_of_a_partition_that_failed_nothing_more_comes_and_the_others_are_read_whole() -> None:
    made: list[Unit] = []
    script = {("poll", "r1"): [failed()]}
    played = stage(made, limit=2, script=script, max_attempts=1).play()

    assert (PARTITIONS - 1) * WINDOWS == len(played.calls("write"))
    assert played.lane_error(account=0) is not None
    assert played.idle


def test_an_exhausted_quota_ends_every_partition_that_has_windows_to_come() -> None:
    script = {("create", "*"): [answer(Means.OK)] * 4 + [answer(Means.QUOTA_EXHAUSTED)] * 99}
    played = stage([], limit=1, script=script).play()

    assert 4 == len(played.calls("write"))
    assert all(played.lane_error(account=account) is not None for account in range(PARTITIONS))
    assert played.idle


@pytest.mark.promise(9)
def test_after_an_interruption_nothing_more_comes() -> None:
    made: list[Unit] = []
    played = stage(made, limit=2)
    played.at(3.0, lambda: played.orchestrator.interrupt(3.0)).play()
    so_far = len(made)
    played.play(100.0)

    assert 0 < so_far == len(made) < PARTITIONS * WINDOWS
    assert played.idle


def test_a_refused_login_fails_partitions_whose_next_window_has_not_come() -> None:
    played = stage([], limit=1)
    played.at(3.0, lambda: played.orchestrator.fail_all(LoginError("no"), 3.0)).play()

    assert all(played.lane_error(account=account) is not None for account in range(PARTITIONS))


@pytest.mark.promise(8)
def test_units_come_up_to_the_last_that_has_a_job_already() -> None:
    made: list[Unit] = []
    played = stage(made, limit=1)
    kept = unit(3, account="late")
    job = Job(kept, id="old", adopted=True)
    played.orchestrator.add_units("orders", Year("late", made, {2: kept}), {2: job}, now=0.0)

    assert [1, 2, 3] == [each.window.start.day for each in made[1:]]
    played.play()
    assert "adopted" in played.kinds("old")
    assert (PARTITIONS + 1) * WINDOWS == len(played.calls("write"))
