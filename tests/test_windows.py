"""Windows: which spans a run asks for, and how they render. Tables of exact values, one rule of the contract each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tap_asyncreport.config.streams import Incremental
from tap_asyncreport.errors import ConfigurationError
from tap_asyncreport.job import Window
from tap_asyncreport.windows import Calendar, Plan

pytestmark = pytest.mark.promise(22)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def calendar(now: str = "2026-01-05T12:00:00Z", timezone: str = "UTC", **settings: object) -> Calendar:
    return Calendar(Incremental(**settings), now=at(now), timezone=timezone)


def asked(calendar: Calendar, until: str | None = None) -> list[tuple[str | int, str | int]]:
    """Every window as it renders."""
    plan = calendar.windows(at(until) if until else None)
    return [(view.start, view.end) for view in map(calendar.view, plan.windows)]


DAYS = {"start": "2026-01-01", "format": "date"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"end": "2026-01-02", "end_is": "inclusive"}, [("2026-01-01", "2026-01-02")]),
        ({"end": "2026-01-02"}, [("2026-01-01", "2026-01-03")]),
        ({"end": "2026-01-03T00:00:00Z", "end_is": "inclusive"}, [("2026-01-01", "2026-01-02")]),
        ({"end": "2026-01-03T00:00:00Z", "end_is": "exclusive"}, [("2026-01-01", "2026-01-03")]),
        ({"end": "2026-01-01", "end_is": "inclusive"}, [("2026-01-01", "2026-01-01")]),
        ({"end": "2026-01-03", "step": "1d", "end_is": "inclusive"}, [(f"2026-01-0{d}", f"2026-01-0{d}") for d in (1, 2, 3)]),
        ({"end": "2026-01-04", "step": "3d", "end_is": "inclusive"}, [("2026-01-01", "2026-01-03"), ("2026-01-04", "2026-01-04")]),
    ],
)
def test_a_date_as_end_is_the_last_day_and_an_instant_is_exclusive_whatever_end_is(
    settings: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert expected == asked(calendar(**DAYS, **settings))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [("2026-01-01", "2026-01-05")]),
        ({"complete_only": True}, [("2026-01-01", "2026-01-05")]),
        ({"complete_only": False}, [("2026-01-01", "2026-01-06")]),
        ({"complete_only": False, "end_is": "inclusive"}, [("2026-01-01", "2026-01-05")]),
        ({"end": "2030-01-01"}, [("2026-01-01", "2026-01-05")]),
        ({"end": "2030-01-01", "complete_only": False, "end_is": "inclusive"}, [("2026-01-01", "2026-01-05")]),
        ({"end": "2026-01-05", "end_is": "inclusive"}, [("2026-01-01", "2026-01-04")]),
        ({"start": "2026-01-05"}, []),
        ({"start": "2026-01-05", "complete_only": False}, [("2026-01-05", "2026-01-06")]),
        ({"start": "2026-01-06", "complete_only": False}, []),
        ({"end": "9999-12-31"}, [("2026-01-01", "2026-01-05")]),
    ],
)
def test_a_day_that_is_not_over_is_asked_for_only_where_complete_only_is_false(
    settings: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert expected == asked(calendar(**{**DAYS, **settings}))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [("2026-01-01T00:00:00Z", "2026-01-05T12:34:56Z")]),
        ({"end": "2026-01-03T06:00:00Z"}, [("2026-01-01T00:00:00Z", "2026-01-03T06:00:00Z")]),
        ({"end": "2026-01-03T06:00:00Z", "end_is": "inclusive"}, [("2026-01-01T00:00:00Z", "2026-01-03T05:59:59Z")]),
        ({"end": "2026-01-03T06:00:00Z", "end_is": "inclusive", "granularity": "1ms"}, [("2026-01-01T00:00:00.000Z", "2026-01-03T05:59:59.999Z")]),
        ({"end": "2026-01-03", "end_is": "inclusive"}, [("2026-01-01T00:00:00Z", "2026-01-03T23:59:59Z")]),
        ({"end": "2026-01-05"}, [("2026-01-01T00:00:00Z", "2026-01-05T12:34:56Z")]),
        ({"granularity": "1h"}, [("2026-01-01T00:00:00Z", "2026-01-05T13:00:00Z")]),
        ({"granularity": "1h", "complete_only": True}, [("2026-01-01T00:00:00Z", "2026-01-05T12:00:00Z")]),
        ({"granularity": "1h", "complete_only": False}, [("2026-01-01T00:00:00Z", "2026-01-05T13:00:00Z")]),
        ({"granularity": "1h", "end_is": "inclusive"}, [("2026-01-01T00:00:00Z", "2026-01-05T12:00:00Z")]),
        ({"granularity": "1d"}, [("2026-01-01T00:00:00Z", "2026-01-05T00:00:00Z")]),
    ],
)
def test_instants_end_now_at_the_api_s_clock(settings: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert expected == asked(calendar("2026-01-05T12:34:56.789Z", **{"start": "2026-01-01", **settings}))


@pytest.mark.parametrize(
    ("form", "zone", "start", "end"),
    [
        ("iso", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("iso", "Etc/UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("iso", "America/New_York", "2026-01-01T00:00:00-05:00", "2026-01-02T00:00:00-05:00"),
        ("iso", "Europe/London", "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"),
        ("date", "Asia/Tokyo", "2026-01-01", "2026-01-02"),
        ("epoch", "UTC", 1767225600, 1767312000),
        ("epoch", "Asia/Tokyo", 1767193200, 1767279600),
        ("epoch_ms", "UTC", 1767225600000, 1767312000000),
        ("%d.%m.%Y", "UTC", "01.01.2026", "02.01.2026"),
        ("%Y%m%d%H%M%S%z", "Asia/Kolkata", "20260101000000+0530", "20260102000000+0530"),
        ("%s", "Asia/Tokyo", "1767193200", "1767279600"),
        ("%%s %s", "UTC", "%s 1767225600", "%s 1767312000"),
        ("%Y-%m-%dT00:00:00Z", "UTC", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    ],
)
def test_every_format_renders_in_the_stream_s_zone(form: str, zone: str, start: object, end: object) -> None:
    assert [(start, end)] == asked(calendar(timezone=zone, start="2026-01-01", end="2026-01-01", format=form))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"format": "date"}, "2026-01-05T00:00:00Z"),
        ({"format": "%d/%m/%y"}, "2026-01-05T00:00:00Z"),
        ({"format": "%Y-%m-%d%z"}, "2026-01-05T00:00:00Z"),
        ({"format": "%Y%m%d%H"}, "2026-01-05T12:34:56Z"),
        ({"format": "%Y-%m-%dT%T"}, "2026-01-05T12:34:56Z"),
        ({"format": "iso"}, "2026-01-05T12:34:56Z"),
        ({"format": "iso", "step": "1d"}, "2026-01-05T12:34:56Z"),
        ({"format": "epoch"}, "2026-01-05T12:34:56Z"),
        ({"format": "epoch_ms"}, "2026-01-05T12:34:56Z"),
        ({"format": "epoch", "granularity": "1d"}, "2026-01-05T00:00:00Z"),
        ({"format": "date", "granularity": "1mo"}, "2026-01-01T00:00:00Z"),
    ],
)
def test_the_granularity_is_a_day_where_the_format_writes_no_time_and_else_a_second(
    settings: dict[str, object], expected: str
) -> None:
    plan = calendar("2026-01-05T12:34:56Z", start="2025-12-01", **settings).windows(None)
    assert at(expected) == plan.windows[-1].end


def test_datetimes_of_a_window_are_in_the_stream_s_zone_and_end_at_is_the_instant_that_end_renders() -> None:
    zone = "America/New_York"
    one = calendar(timezone=zone, end="2026-01-02", end_is="inclusive", **DAYS)
    view = one.view(one.windows(None).windows[0])
    assert datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)) == view.start_at
    assert datetime(2026, 1, 2, tzinfo=ZoneInfo(zone)) == view.end_at
    assert (zone, zone) == (str(view.start_at.tzinfo), str(view.end_at.tzinfo))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"step": "1mo", "align": "month"}, ["2025-11-17", "2025-12-01", "2026-01-01", "2026-01-05"]),
        ({"align": "month"}, ["2025-11-17", "2025-12-01", "2026-01-01", "2026-01-05"]),
        ({"step": "2mo", "align": "month"}, ["2025-11-17", "2026-01-01", "2026-01-05"]),
        ({"step": "14d", "align": "week", "start": "2025-12-03"}, ["2025-12-03", "2025-12-15", "2025-12-29", "2026-01-05"]),
        ({"align": "week", "start": "2025-12-17"}, ["2025-12-17", "2025-12-22", "2025-12-29", "2026-01-05"]),
        ({"align": "week:monday", "start": "2025-12-25"}, ["2025-12-25", "2025-12-29", "2026-01-05"]),
        ({"align": "week:sunday", "start": "2025-12-17"}, ["2025-12-17", "2025-12-21", "2025-12-28", "2026-01-04", "2026-01-05"]),
        ({"step": "10d", "align": "month", "start": "2025-12-05"}, ["2025-12-05", "2025-12-15", "2025-12-25", "2026-01-01", "2026-01-05"]),
        ({"step": "1d", "align": "day", "start": "2026-01-03"}, ["2026-01-03", "2026-01-04", "2026-01-05"]),
        ({"granularity": "1w", "align": "week:sunday", "start": "2025-12-17"}, ["2025-12-14", "2025-12-21", "2025-12-28", "2026-01-04"]),
        ({"granularity": "1w", "step": "2w", "start": "2025-12-17"}, ["2025-12-17", "2025-12-31"]),
        ({"granularity": "1mo", "step": "1mo", "start": "2025-11-17"}, ["2025-11-01", "2025-12-01", "2026-01-01"]),
        ({"granularity": "3mo", "start": "2025-05-17"}, ["2025-04-01", "2026-01-01"]),
        ({"step": "1mo", "start": "2025-10-31"}, ["2025-10-31", "2025-11-30", "2025-12-31", "2026-01-05"]),
        ({"step": "1y", "start": "2024-02-29"}, ["2024-02-29", "2025-02-28", "2026-01-05"]),
        ({"step": "48h", "start": "2026-01-02"}, ["2026-01-02", "2026-01-04", "2026-01-05"]),
    ],
)
def test_steps_and_cuts_fall_on_exactly_these_days(settings: dict[str, object], expected: list[str]) -> None:
    windows = asked(calendar(**{"format": "date", "start": "2025-11-17", **settings}))
    assert expected == [windows[0][0], *(end for _, end in windows)]


def test_months_come_back_to_the_day_they_started_from() -> None:
    leap = calendar("2024-06-15T00:00:00Z", start="2024-01-31", step="1mo", format="date")
    ends = [end for _, end in asked(leap)]
    assert ["2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-15"] == ends


def test_months_come_back_to_that_day_when_a_later_run_goes_on_from_a_short_month() -> None:
    leap = calendar("2024-06-15T00:00:00Z", start="2024-01-31", step="1mo", format="date")
    ends = [end for _, end in asked(leap, until="2024-02-29T00:00:00Z")]
    assert ["2024-03-31", "2024-04-30", "2024-05-31", "2024-06-15"] == ends


@pytest.mark.parametrize(
    ("zone", "now", "start", "step", "expected"),
    [
        # 23 and 25 hours: days are days, six hours are six hours
        ("America/New_York", "2026-03-10T00:00:00Z", "2026-03-07", "1d", ["2026-03-07T05:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", "2026-03-10T00:00:00Z"]),
        ("America/New_York", "2026-11-02T06:00:00Z", "2026-10-31", "1d", ["2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", "2026-11-02T06:00:00Z"]),
        ("America/New_York", "2026-03-09T04:00:00Z", "2026-03-08", "6h", ["2026-03-08T05:00:00Z", "2026-03-08T11:00:00Z", "2026-03-08T17:00:00Z", "2026-03-08T23:00:00Z", "2026-03-09T04:00:00Z"]),
        ("America/New_York", "2026-03-09T05:00:00Z", "2026-03-08", "24h", ["2026-03-08T05:00:00Z", "2026-03-09T05:00:00Z"]),
        # midnight skipped: Sao Paulo until 2018, Cairo, Beirut
        ("America/Sao_Paulo", "2017-10-16T02:00:00Z", "2017-10-14", "1d", ["2017-10-14T03:00:00Z", "2017-10-15T03:00:00Z", "2017-10-16T02:00:00Z"]),
        ("Africa/Cairo", "2024-04-27T00:00:00Z", "2024-04-26", "1d", ["2024-04-25T22:00:00Z", "2024-04-26T21:00:00Z", "2024-04-27T00:00:00Z"]),
        # midnight shown twice: Havana, and St John's where 00:01 went back to 23:01
        ("America/Havana", "2024-11-05T00:00:00Z", "2024-11-03", "1d", ["2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z", "2024-11-05T00:00:00Z"]),
        ("America/St_Johns", "2010-11-08T12:00:00Z", "2010-11-06", "1d", ["2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z", "2010-11-08T12:00:00Z"]),
        # a whole day skipped, half an hour of daylight saving, an offset in seconds
        ("Pacific/Apia", "2012-01-01T00:00:00Z", "2011-12-29", "1d", ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z", "2012-01-01T00:00:00Z"]),
        ("Australia/Lord_Howe", "2026-04-05T14:00:00Z", "2026-04-05", "1d", ["2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z", "2026-04-05T14:00:00Z"]),
        ("Europe/Amsterdam", "1930-01-02T00:00:00Z", "1930-01-01", "1d", ["1929-12-31T23:40:28Z", "1930-01-01T23:40:28Z", "1930-01-02T00:00:00Z"]),
        ("America/St_Johns", "2010-11-07T03:00:00Z", "2010-11-06", "1d", ["2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z", "2010-11-07T03:00:00Z"]),
        # a time of day that does not exist, at night and around midnight: the first that does
        ("Europe/Berlin", "2026-03-31T00:00:00Z", "2026-03-28T02:30:00", "1d", ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:00:00Z"]),
        ("America/Toronto", "1919-04-01T04:00:00Z", "1919-03-30", "1d", ["1919-03-30T05:00:00Z", "1919-03-31T04:30:00Z", "1919-04-01T04:00:00Z"]),
        # a window that starts in the second showing of an hour
        ("Europe/Berlin", "2026-10-26T02:00:00Z", "2026-10-25T01:30:00Z", "1h", ["2026-10-25T01:30:00Z", *(f"2026-10-25T{h:02}:30:00Z" for h in range(2, 24)), "2026-10-26T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-26T02:00:00Z"]),
    ],
)
def test_days_are_the_zone_s_own_through_every_change_of_the_clocks(
    zone: str, now: str, start: str, step: str, expected: list[str]
) -> None:
    windows = calendar(now, zone, start=start, step=step).windows(None).windows
    assert [at(text) for text in expected] == [windows[0].start, *(window.end for window in windows)]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Pacific/Apia", "2011-12-30", ["2011-12-29", "2011-12-31", "2012-01-01"]),
        ("America/Sao_Paulo", "2017-10-15", ["2017-10-14", "2017-10-15", "2017-10-16"]),
        ("America/Havana", "2024-11-03", ["2024-11-02", "2024-11-03", "2024-11-04"]),
        ("Africa/Cairo", "2024-04-26", ["2024-04-25", "2024-04-26", "2024-04-27"]),
        ("America/St_Johns", "2010-11-07", ["2010-11-06", "2010-11-07", "2010-11-08"]),
    ],
)
def test_each_existing_day_is_asked_for_once_as_one_inclusive_date(zone: str, day: str, expected: list[str]) -> None:
    first, last = expected[0], expected[-1]
    days = calendar("2030-01-01T00:00:00Z", zone, start=first, end=last, step="1d", format="date", end_is="inclusive")
    assert day in expected or day == "2011-12-30"
    assert [(each, each) for each in expected] == asked(days)


@pytest.mark.parametrize(
    ("zone", "now", "granularity", "over", "running"),
    [
        ("America/St_Johns", "2010-11-07T03:00:00Z", "1d", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z"),
        ("Europe/Berlin", "2026-10-24T23:30:00Z", "6h", "2026-10-24T22:00:00Z", "2026-10-25T05:00:00Z"),
        ("Europe/Berlin", "2026-10-25T00:10:00Z", "30m", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
        ("Europe/Berlin", "2026-10-25T01:10:00Z", "30m", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"),
        ("Europe/Berlin", "2026-03-29T02:10:00Z", "6h", "2026-03-28T23:00:00Z", "2026-03-29T04:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:40:00Z", "1h", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"),
        ("Asia/Kathmandu", "2026-01-05T12:00:00Z", "1h", "2026-01-05T11:15:00Z", "2026-01-05T12:15:00Z"),
        ("UTC", "2026-01-05T12:00:00Z", "7h", "2026-01-05T09:00:00Z", "2026-01-05T16:00:00Z"),
    ],
)
def test_the_api_s_clock_ticks_in_the_zone(zone: str, now: str, granularity: str, over: str, running: str) -> None:
    def end(*, complete_only: bool) -> datetime:
        one = calendar(now, zone, start="1990-01-01", granularity=granularity, complete_only=complete_only)
        return one.windows(None).windows[-1].end

    assert (at(over), at(running)) == (end(complete_only=True), end(complete_only=False))


def test_a_naive_instant_is_in_the_stream_s_zone() -> None:
    one = calendar(timezone="Asia/Tokyo", start="2026-01-01T06:00:00", end="2026-01-02T06:00:00")
    assert [Window(at("2025-12-31T21:00:00Z"), at("2026-01-01T21:00:00Z"))] == list(one.windows(None).windows)


def test_a_date_is_asked_for_whole_where_start_or_end_lie_inside_it() -> None:
    one = calendar(start="2026-01-01T15:00:00Z", end="2026-01-03T09:00:00Z", format="date", end_is="inclusive")
    assert [("2026-01-01", "2026-01-03")] == asked(one)


def test_the_top_level_s_dates_hold_where_the_stream_has_none() -> None:
    def spans(**settings: object) -> list[tuple[str | int, str | int]]:
        both = {"start_date": date(2026, 1, 1), "end_date": date(2026, 1, 3)}
        settings = {"format": "date", "end_is": "inclusive", **settings}
        return asked(Calendar(Incremental(**settings), now=at("2026-01-05T12:00:00Z"), timezone="UTC", **both))

    assert [("2026-01-01", "2026-01-03")] == spans()
    assert [("2026-01-02", "2026-01-03")] == spans(start="2026-01-02")
    assert [("2026-01-01", "2026-01-04")] == spans(end="2026-01-04")


@pytest.mark.parametrize(
    ("settings", "until", "expected", "warning"),
    [
        ({"max_history": "3d"}, None, [("2026-01-02", "2026-01-05")], "max_history: the API keeps 3d, so what lies between 2026-01-01 and 2026-01-02 is left out"),
        ({"max_history": "3d"}, "2026-01-03T00:00:00Z", [("2026-01-03", "2026-01-05")], None),
        ({"max_history": "3d", "lookback": "30d"}, "2026-01-03T00:00:00Z", [("2026-01-02", "2026-01-05")], "max_history: the API keeps 3d, so what lies between 2026-01-01 and 2026-01-02 is left out"),
        ({"start": None, "max_history": "3d"}, None, [("2026-01-02", "2026-01-05")], None),
        ({"start": None}, "2026-01-03T00:00:00Z", [("2026-01-03", "2026-01-05")], None),
        ({"start": "2026-01-04", "end": "2026-01-02"}, None, [], "the start, 2026-01-04, is not before the end, 2026-01-03"),
        ({}, "2026-02-01T00:00:00Z", [], "the bookmark, 2026-02-01, is in the future; it counts as now"),
        ({"lookback": "1d"}, "2026-02-01T00:00:00Z", [("2026-01-04", "2026-01-05")], "the bookmark, 2026-02-01, is in the future; it counts as now"),
    ],
)
def test_what_is_left_out_is_said(
    settings: dict[str, object], until: str | None, expected: list[tuple[str, str]], warning: str | None
) -> None:
    one = calendar(**{**DAYS, **settings})
    assert expected == asked(one, until)
    assert ([warning] if warning else []) == list(one.windows(at(until) if until else None).warnings)


@pytest.mark.parametrize(
    ("settings", "key", "message"),
    [
        ({"start": None}, "incremental.start", "there is no start, and nothing is bookmarked yet"),
        ({"timezone": "Europe/Berln"}, "incremental.timezone", "'Europe/Berln' is no time zone"),
        ({"timezone": "../etc/passwd"}, "incremental.timezone", "'../etc/passwd' is no time zone"),
        ({"timezone": ""}, "incremental.timezone", "'' is no time zone"),
        ({"step": "0"}, "incremental.step", "step is 0, so no window would ever end"),
        ({"step": "6h"}, "incremental.step", "step 6h is not a whole number of the granularity, 1d"),
        ({"step": "36h"}, "incremental.step", "step 36h is not a whole number of the granularity, 1d"),
        ({"step": "1mo", "granularity": "7d"}, "incremental.step", "step 1mo is not a whole number of the granularity, 7d"),
        ({"step": "7d", "granularity": "1mo"}, "incremental.step", "step 7d is not a whole number of the granularity, 1mo"),
        ({"granularity": "0"}, "incremental.granularity", "granularity is 0; write the smallest step of the API's clock, for example 1s"),
        ({"granularity": "36h"}, "incremental.granularity", "granularity 36h is more than a day and no whole number of days"),
        ({"granularity": "5mo"}, "incremental.granularity", "granularity 5mo does not divide a year"),
        ({"granularity": "1mo", "align": "week"}, "incremental.align", "align week would cut inside the granularity, 1mo"),
        ({"start": "0001-01-01", "timezone": "Asia/Tokyo"}, "incremental.start", "no calendar holds 0001-01-01"),
        ({"start": "2025-01-01", "format": "iso", "step": "1s"}, "incremental.step", "step 1s would make 31,881,600 windows, more than 1,000,000"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_their_key(
    settings: dict[str, object], key: str, message: str
) -> None:
    def plan(timezone: str = "UTC", **rest: object) -> Plan:
        return calendar("2026-01-05T00:00:00Z", timezone, **{**DAYS, **rest}).windows(None)

    with pytest.raises(ConfigurationError) as caught:
        plan(**settings)
    assert [(key, message)] == [(problem.key, problem.message) for problem in caught.value.problems]


SCRIPT = """
import json, sys
from datetime import UTC, datetime
from tap_asyncreport.config.streams import Incremental
from tap_asyncreport.windows import Calendar
found = []
for form in ("iso", "epoch", "%s", "%Y-%m-%d %H:%M %z"):
    settings = Incremental(start="2026-03-28T00:30:00", step="1d", format=form)
    one = Calendar(settings, now=datetime(2026, 3, 30, 12, tzinfo=UTC), timezone="Europe/Berlin")
    for window in one.windows(one.resume_at("2026-03-28 01:00")).windows:
        view = one.view(window)
        found.append([view.start, view.end, *map(str, (view.start_at, view.end_at, one.bookmark(window)))])
print(json.dumps(found))
"""


def test_the_machine_s_time_zone_never_matters() -> None:
    def found(zone: str) -> list[list[object]]:
        environment = {**os.environ, "TZ": zone}
        done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True)
        return json.loads(done.stdout)

    everywhere = [found(zone) for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns")]
    assert ["2026-03-28T01:00:00+01:00", "2026-03-29T01:00:00+01:00"] == everywhere[0][0][:2]
    assert everywhere[0] == everywhere[1] == everywhere[2]
