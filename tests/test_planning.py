"""What a run goes on with, and what it cleans up, of the jobs that the last one left in state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tap_asyncreport.config.streams import Incremental
from tap_asyncreport.job import Job, Unit
from tap_asyncreport.planning import LanePlan, Units, plan_lane
from tap_asyncreport.windows import Calendar

NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Keeper:
    """A repository for which every request is the same."""

    def can_poll(self, job: Job) -> bool:
        return job.id is not None

    def request_hash(self, unit: Unit) -> str:
        return "sha256:1"

    def adopt(self, unit: Unit, kept: dict[str, Any]) -> Job:
        return Job(unit, id=kept["id"], adopted=True)


def plan(*kept: dict[str, Any]) -> LanePlan:
    entries = [{"request": "sha256:1", "created_at": "2026-01-31T23:00:00Z", **entry} for entry in kept]
    return plan_lane(
        "orders", {}, None, Keeper(), until=None, kept=entries, now=NOW, resume_max_age=timedelta(hours=24)
    )


def ids(jobs: Any) -> list[str]:
    return [job.id for job in jobs]


@pytest.mark.promise(8)
def test_a_job_is_gone_on_with() -> None:
    planned = plan({"id": "r1"})

    assert ["r1"] == ids(planned.adopted.values())
    assert [] == planned.stale


@pytest.mark.promise(8)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_of_a_chain_the_first_job_that_is_not_written_is_gone_on_with(order: tuple[int, ...]) -> None:
    entries = [{"id": "r1"}, {"id": "r2", "link": 1, "cursor": "a"}, {"id": "r3", "link": 2, "cursor": "b"}]
    planned = plan(*(entries[number] for number in order))

    assert ["r1"] == ids(planned.adopted.values())
    assert [("r2", 1, True), ("r3", 2, True)] == sorted((job.id, unit.link, alive) for unit, job, alive in planned.stale)


@pytest.mark.promise(8)
def test_a_chain_whose_first_job_is_written_goes_on_with_the_second() -> None:
    planned = plan({"id": "r1", "written": True}, {"id": "r2", "link": 1, "cursor": "a"})

    assert [1] == [unit.link for unit in planned.units]
    assert ["r2"] == ids(planned.adopted.values())
    assert [("r1", False)] == [(job.id, alive) for _, job, alive in planned.stale]


@pytest.mark.promise(8)
def test_what_is_too_old_or_of_another_request_is_made_anew() -> None:
    old = plan({"id": "r1", "created_at": "2026-01-30T00:00:00Z"})
    other = plan({"id": "r1", "request": "sha256:2"})

    for planned in (old, other):
        assert {} == planned.adopted
        assert [("r1", True)] == [(job.id, alive) for _, job, alive in planned.stale]
        assert [0] == [unit.link for unit in planned.units]


def test_thousands_of_partitions_share_their_windows_and_no_unit_is_made_before_its_turn() -> None:
    calendar = Calendar(Incremental(start="2025-02-01", step="1d", format="date"), now=NOW, timezone="UTC")
    untils = [None, None, datetime(2025, 2, 3, tzinfo=UTC)]
    plans = [
        plan_lane(
            "orders", {"account": n}, calendar, Keeper(), until=until, kept=[], now=NOW, resume_max_age=timedelta(1)
        )
        for n, until in enumerate(untils)
    ]  # fmt: skip

    assert [365, 365, 363] == [len(planned.units) for planned in plans]
    assert 1 == len({id(planned.units[-1].window) for planned in plans})
    assert plans[0].units[0] is not plans[0].units[0]


def test_units_are_a_sequence_whose_known_ones_stay_the_same() -> None:
    units = Units([None, None, None], lambda window: Unit("orders", {}, window))
    known = units.known[2] = Unit("orders")

    assert (known, known, [known]) == (units[2], units[-1], units[2:])
    assert [False, False, True] == [unit is known for unit in units]
    with pytest.raises(IndexError):
        units[3]
