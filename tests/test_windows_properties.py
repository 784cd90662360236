"""Windows tile what they should, in every zone of the database, whatever the settings and whenever runs are broken off."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tap_asyncreport.config.streams import Incremental
from tap_asyncreport.errors import ConfigurationError
from tap_asyncreport.job import Window
from tap_asyncreport.windows import Calendar

TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)

quick = settings(max_examples=150, deadline=None)
zones = st.sampled_from(sorted(available_timezones() - {"localtime"}))
instants = st.datetimes(datetime(1880, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
days = st.dates(date(1880, 1, 1), date(2090, 1, 1))
steps = st.sampled_from([None, "1d", "2d", "7d", "30d", "1w", "1mo", "3mo", "1y", "24h", "48h"])
fine_steps = st.sampled_from([None, "1h", "6h", "7h", "90m", "1d", "7d", "1mo"])
cuts = st.sampled_from([None, "day", "week", "week:sunday", "week:thursday", "month"])


@st.composite
def calendars(draw: st.DrawFn, **fixed: object) -> Calendar:
    """A stream of any settings that fit each other, at some moment not too long after its start."""
    start = draw(days | instants.map(lambda at: at.replace(microsecond=0)))
    coarse = draw(st.booleans())
    chosen: dict[str, object] = {
        "start": start,
        "step": draw(steps if coarse else fine_steps),
        "align": draw(cuts),
        "format": "date" if coarse else "iso",
        "granularity": draw(st.sampled_from([None, "1d", "7d", "1mo"] if coarse else [None, "1s", "1m", "30m", "1h"])),
        "complete_only": draw(st.sampled_from([None, True, False])),
        "end_is": draw(st.sampled_from(["exclusive", "inclusive"])),
    }
    first = start if isinstance(start, datetime) else datetime(start.year, start.month, start.day, tzinfo=UTC)
    span = draw(st.timedeltas(timedelta(), timedelta(days=500 if coarse else 20)))
    try:
        return Calendar(Incremental(**chosen | fixed), now=first + span, timezone=draw(zones))
    except ConfigurationError:  # lengths that do not fit each other
        assume(False)
        raise


@pytest.mark.promise(22)
@quick
@given(calendars())
def test_windows_tile_the_span_with_no_gap_and_no_overlap(calendar: Calendar) -> None:
    windows = calendar.windows(None).windows
    assert [] == [window for window in windows if window.start >= window.end]
    assert [] == [(one, two) for one, two in pairwise(windows) if one.end != two.start]


@pytest.mark.promise(22)
@quick
@given(zones, days, st.integers(1, 400))
def test_daily_windows_begin_where_the_date_changes_and_name_every_day_that_exists_once(
    zone: str, start: date, length: int
) -> None:
    one = Calendar(
        Incremental(start=start, end=start + (length - 1) * DAY, step="1d", format="date", end_is="inclusive"),
        now=datetime(2100, 1, 1, tzinfo=UTC),
        timezone=zone,
    )
    windows = one.windows(None).windows
    place = ZoneInfo(zone)
    for window in windows:
        assert window.start.astimezone(place).date() > (window.start - TICK).astimezone(place).date()
    every_hour = (windows[0].start + hour * timedelta(hours=1) for hour in range(length * 24 + 72))
    existing = sorted({day for at in every_hour if (day := at.astimezone(place).date()) < start + length * DAY})
    views = [one.view(window) for window in windows]
    assert [day.isoformat() for day in existing if day >= start] == [view.start for view in views]
    assert [view.start for view in views] == [view.end for view in views]


@pytest.mark.promise(22)
@quick
@given(calendars(), st.data())
def test_halves_tile_their_parent_down_to_the_granularity(calendar: Calendar, data: st.DataObject) -> None:
    windows = calendar.windows(None).windows
    assume(windows)
    parent = data.draw(st.sampled_from(windows))
    for _ in range(40):
        halves = calendar.split(parent)
        if halves is None:
            view = calendar.view(parent)
            assert view.start == view.end or view.end_at == parent.end
            return
        assert (parent.start, parent.end) == (halves[0].start, halves[1].end)
        assert halves[0].start < halves[0].end == halves[1].start < halves[1].end
        parent = data.draw(st.sampled_from(halves))
    pytest.fail("halving does not end")


@pytest.mark.promise(22)
@quick
@given(calendars(end_is="inclusive"))
def test_an_inclusive_end_lies_inside_its_window(calendar: Calendar) -> None:
    for window in calendar.windows(None).windows:
        view = calendar.view(window)
        assert window.start <= view.end_at < window.end


@pytest.mark.promise(22)
@quick
@given(calendars(), st.data())
def test_windows_of_living_jobs_stay_as_they_are_and_the_tiling_stays_exact(
    calendar: Calendar, data: st.DataObject
) -> None:
    plain = calendar.windows(None).windows
    assume(plain)
    bounds = sorted({window.start for window in plain} | {plain[-1].end} | {window.start + (window.end - window.start) / 3 for window in plain})
    picked = data.draw(st.lists(st.integers(0, len(bounds) - 2), max_size=4, unique=True))
    kept = [Window(bounds[index], bounds[index + 1]) for index in picked]
    windows = calendar.windows(None, kept).windows
    assert set(kept) <= set(windows)
    assert (plain[0].start, plain[-1].end) == (windows[0].start, windows[-1].end)
    assert [] == [(one, two) for one, two in pairwise(windows) if one.end != two.start]


@pytest.mark.promise(23)
@settings(max_examples=120, deadline=None)
@given(
    zones,
    days,
    st.booleans(),
    st.sampled_from(["0", "1d", "3d", "1mo", "6h"]),
    st.sampled_from(["0", "1d", "2d", "36h", "1mo"]),
    st.lists(st.tuples(st.timedeltas(timedelta(), timedelta(days=9)), st.integers(0, 9)), min_size=3, max_size=8),
)
def test_runs_that_are_broken_off_anywhere_finish_everything_once_and_never_go_back(
    zone: str, start: date, coarse: bool, lookback: str, lag: str, runs: list[tuple[timedelta, int]]
) -> None:
    stream = Incremental(start=start, step="1d", format="date" if coarse else "iso", lookback=lookback, lag=lag)
    now = datetime(start.year, start.month, start.day, tzinfo=UTC) + 40 * DAY
    until: datetime | None = None
    text = ""
    finished: list[Window] = []
    for passed, count in runs:
        now += passed
        calendar = Calendar(stream, now=now, timezone=zone)
        plan = calendar.windows(until)
        if until is not None and plan.windows:
            assert plan.windows[0].start <= until
        for window in plan.windows[:count]:
            finished.append(window)
            earned = calendar.bookmark(window)
            if earned is not None and (until is None or earned.until > until):
                assert earned.until <= min(now, window.end)
                assert text <= earned.value
                text, until = earned
    if until is not None:
        assert_covered(finished, calendar.windows(None).windows[0].start, until, exactly_once=lookback == lag == "0")


def assert_covered(windows: list[Window], start: datetime, until: datetime, *, exactly_once: bool) -> None:
    """Everything before the bookmark was finished, and, where nothing asked for more, only once."""
    reached = start
    for window in sorted(windows):
        assert window.start <= reached
        if exactly_once:
            assert window.start == reached
        reached = max(reached, window.end)
    assert reached >= until


@pytest.mark.promise(23)
@quick
@given(calendars(), st.data())
def test_going_on_from_a_bookmark_s_text_alone_repeats_at_most_what_it_names_and_skips_nothing(
    calendar: Calendar, data: st.DataObject
) -> None:
    windows = calendar.windows(None).windows
    assume(windows)
    earned = calendar.bookmark(data.draw(st.sampled_from(windows)))
    assume(earned is not None)
    assert earned is not None
    assert calendar.resume_at(earned.value) <= earned.until
