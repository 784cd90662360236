"""Windows that are cut: too large ones by halves, and those around jobs that are still alive."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from test_windows import DAYS, asked, at, calendar

from tap_asyncreport.job import Window
from tap_asyncreport.windows import Plan

pytestmark = pytest.mark.promise(22)


def test_a_step_longer_than_the_calendar_makes_one_window() -> None:
    assert [("2026-01-01", "2026-01-05")] == asked(calendar(step="9000y", **DAYS))


@pytest.mark.parametrize(
    ("settings", "window", "expected"),
    [
        ({"format": "date"}, ("2026-01-01", "2026-01-05"), "2026-01-03T00:00:00Z"),
        ({"format": "date"}, ("2026-01-01", "2026-01-04"), "2026-01-02T00:00:00Z"),
        ({"format": "date"}, ("2026-01-01", "2026-01-03"), "2026-01-02T00:00:00Z"),
        ({"format": "date"}, ("2026-01-01", "2026-01-02"), None),
        ({"format": "iso"}, ("2026-01-01", "2026-01-02"), "2026-01-01T12:00:00Z"),
        ({"format": "iso", "granularity": "1h"}, ("2026-01-01T00:00:00+00:00", "2026-01-01T01:00:00+00:00"), None),
        ({"format": "iso", "granularity": "1h"}, ("2026-01-01T00:00:00+00:00", "2026-01-01T03:00:00+00:00"), "2026-01-01T01:00:00Z"),
        ({"format": "iso"}, ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:02+00:00"), "2026-01-01T00:00:01Z"),
        ({"format": "iso"}, ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:01+00:00"), None),
        ({"format": "date", "granularity": "1mo"}, ("2026-01-01", "2026-04-01"), "2026-02-01T00:00:00Z"),
        ({"format": "date", "granularity": "1mo"}, ("2026-01-01", "2026-02-01"), None),
    ],
)
def test_a_window_that_is_too_large_is_halved_down_to_the_granularity(
    settings: dict[str, object], window: tuple[str, str], expected: str | None
) -> None:
    start, end = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in window)
    halves = calendar(start="2026-01-01", **settings).split(Window(start, end))
    wanted = None if expected is None else (Window(start, at(expected)), Window(at(expected), end))
    assert wanted == halves


def test_windows_of_jobs_that_are_still_alive_are_kept_and_the_others_go_around_them() -> None:
    one = calendar("2026-01-20T12:00:00Z", step="7d", **DAYS)
    kept = [Window(at("2026-01-03T00:00:00Z"), at("2026-01-05T00:00:00Z")), Window(at("2026-01-19T00:00:00Z"), at("2026-01-20T00:00:00Z"))]
    plan = one.windows(None, kept)
    days = [("01", "03"), ("03", "05"), ("05", "12"), ("12", "19"), ("19", "20")]
    assert [(f"2026-01-{a}", f"2026-01-{b}") for a, b in days] == [(v.start, v.end) for v in map(one.view, plan.windows)]


@pytest.mark.parametrize(
    "kept",
    [
        ("2025-12-30", "2026-01-02"),  # begins before what is to be read
        ("2026-01-04", "2026-01-07"),  # ends after it
        ("2026-01-02", "2026-01-02"),  # empty
    ],
)
def test_a_window_of_a_living_job_that_does_not_fit_changes_nothing(kept: tuple[str, str]) -> None:
    one = calendar(step="2d", **DAYS)
    window = Window(*(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in kept))
    assert one.windows(None) == one.windows(None, [window])


def test_of_two_living_windows_that_overlap_the_first_is_kept() -> None:
    one = calendar(**DAYS)
    first, second = (Window(at(f"2026-01-0{a}T00:00:00Z"), at(f"2026-01-0{b}T00:00:00Z")) for a, b in ((1, 3), (2, 4)))
    rest = Window(first.end, at("2026-01-05T00:00:00Z"))
    assert Plan((first, rest)) == one.windows(None, [second, first])


def test_partitions_that_are_not_equally_far_share_their_windows() -> None:
    """A year of days of each of thousands of partitions would else fill the memory."""
    one = calendar(step="1d", **DAYS)
    behind, ahead = one.windows(None).windows, one.windows(at("2026-01-03T00:00:00Z")).windows
    assert list(map(id, behind[2:])) == list(map(id, ahead))
