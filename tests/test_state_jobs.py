"""Jobs of an earlier run, found again through state: gone on with, cleaned up, or made anew, and the windows around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tap_asyncreport.config.streams import Incremental
from tap_asyncreport.job import Job, Unit, Window
from tap_asyncreport.planning import LanePlan, plan_lane
from tap_asyncreport.state import Reading, StateBook
from tap_asyncreport.windows import Calendar

pytestmark = [pytest.mark.promise(8), pytest.mark.promise(24)]

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Api:
    """A job repository to which a request is its window."""

    def can_poll(self, job: Job) -> bool:
        return job.id is not None

    def request_hash(self, unit: Unit) -> str:
        return str(unit.window)

    def adopt(self, unit: Unit, kept: Mapping[str, Any]) -> Job:
        return Job(unit, id=str(kept["id"]), id_value=kept["id"], adopted=True)


def window(first: int, last: int) -> Window:
    return Window(datetime(2026, 1, first, tzinfo=UTC), datetime(2026, 1, last, tzinfo=UTC))


def kept(id_: Any, of: Window, **changes: Any) -> dict[str, Any]:
    span = [of.start.isoformat(), of.end.isoformat()]
    return {"id": id_, "window": span, "request": str(of), "created_at": "2026-01-05T11:00:00Z", **changes}


def planned(*jobs: dict[str, Any], now: datetime = NOW, **settings: Any) -> LanePlan:
    """The next run's plan, after the jobs went through a state's text."""
    book = StateBook.read({}, {"orders": Reading()})
    for job in jobs:
        book.set_job("orders", {}, job)
    again = StateBook.read(json.loads(book.message())["value"], {"orders": Reading()})
    calendar = Calendar(Incremental(start="2026-01-01", format="date", **settings), now=now, timezone="UTC")
    return plan_lane(
        "orders", {}, calendar, Api(),
        until=None, kept=again.jobs("orders", {}), now=now, resume_max_age=timedelta(hours=24),
    )  # fmt: skip


def told(plan: LanePlan) -> tuple[list[Window | None], dict[str, Window | None], list[tuple[str, bool]]]:
    """The windows, the jobs gone on with by id, and those cleaned up with whether they may be alive."""
    adopted = {str(job.id): job.unit.window for job in plan.adopted.values()}
    return [unit.window for unit in plan.units], adopted, [(str(job.id), alive) for _, job, alive in plan.stale]


@pytest.mark.parametrize("id_", ["r-1", "1", 1])
def test_a_young_job_with_the_same_request_is_gone_on_with(id_: Any) -> None:
    assert ([window(1, 5)], {str(id_): window(1, 5)}, []) == told(planned(kept(id_, window(1, 5))))


def test_its_window_stays_as_it_was_although_more_has_become_readable() -> None:
    plan = planned(kept("r-1", window(1, 5)), now=NOW + timedelta(hours=20))
    assert ([window(1, 5), window(5, 6)], {"r-1": window(1, 5)}, []) == told(plan)


def test_halves_of_a_window_that_was_too_large_are_found_again() -> None:
    plan = planned(kept("r-2", window(1, 3)), kept("r-3", window(3, 5)))
    assert ([window(1, 3), window(3, 5)], {"r-2": window(1, 3), "r-3": window(3, 5)}, []) == told(plan)


@pytest.mark.parametrize(
    ("changes", "alive"),
    [
        ({"created_at": "2026-01-04T11:59:59Z"}, True),  # too old
        ({"request": "another"}, True),
        ({"written": True}, False),  # its rows are out; only its deletion is due
    ],
)
def test_any_other_job_is_cleaned_up_and_its_window_read_anew(changes: dict[str, Any], alive: bool) -> None:
    assert ([window(1, 5)], {}, [("r-1", alive)]) == told(planned(kept("r-1", window(1, 5), **changes)))


def test_a_job_whose_window_is_no_longer_read_is_cleaned_up() -> None:
    plan = planned(kept("r-1", window(1, 5)), end="2026-01-02")
    assert ([window(1, 3)], {}, [("r-1", True)]) == told(plan)


def test_a_link_of_a_chain_goes_on_with_its_cursor() -> None:
    plan = planned(kept("r-2", window(1, 5), link=3, cursor="page-3"))
    [unit] = plan.units
    assert (3, "page-3", "r-2") == (unit.link, unit.cursor, plan.adopted[0].id)
