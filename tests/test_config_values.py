"""Short forms of values: durations, steps, sizes, rates and moments."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tap_asyncreport.config.values import Rate, parse_duration, parse_moment, parse_rate, parse_size, parse_step


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200ms", timedelta(milliseconds=200)), ("0.2s", timedelta(milliseconds=200)), ("30s", timedelta(seconds=30)), ("5m", timedelta(minutes=5)),
        ("6h", timedelta(hours=6)), ("1d", timedelta(days=1)), ("1w", timedelta(weeks=1)), (0, timedelta()), ("0", timedelta()), (" 5 m ", timedelta(minutes=5)),
        ("1mo", timedelta(days=30)), ("1y", timedelta(days=365)), ("0.5mo", timedelta(days=15)),
    ],
)  # fmt: skip
def test_durations(text: Any, expected: timedelta) -> None:
    assert expected == parse_duration(text)


@pytest.mark.parametrize("text", [5, 1.5, "5", "m", "-5m", "5 parsecs", True, None, "", "1e3s", "٣s", "9" * 99 + "mo"])
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match=r"no unit|not a duration|longer than any calendar"):
        parse_duration(text)


@pytest.mark.promise(28)
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1 day", "1d"), ("5 sec", "5s"), ("30 minutes", "30m"), ("2 Weeks", "2w"), ("1 month", "1mo"), ("10 mins.", "10m"),
        ("daily", "1d"), ("every 5 minutes", "5m"), ("1,5 hours", "1.5h"), ("5S", "5s"), ("PT30M", "30m"), ("P1M", "1mo"),
        ("01:30", "90m"), ("0:00:10", "10s"), ("1h 30m", "90m"), ("1d12h", "36h"), ("1 quarter", "3mo"), ("500 msec", "500ms"),
        ("1M", "1mo for months, 1m for minutes"), ("0 4 * * *", "how long, not when, which is for what starts the tap to say"),
    ],
)  # fmt: skip
def test_a_duration_in_other_words_is_told_with_what_to_write(text: str, meant: str) -> None:
    """Where it is plain what was meant; and what is suggested is a duration."""
    with pytest.raises(ValueError, match="is not a duration") as raised:
        parse_duration(text)
    assert f"{text!r} is not a duration; write {meant}" == str(raised.value).split(": ")[0]
    if " " not in meant:
        parse_duration(meant)


def test_a_step_of_the_calendar_is_whole_months() -> None:
    with pytest.raises(ValueError, match="whole number of months"):
        parse_step("1.5mo")


@pytest.mark.parametrize(("text", "months"), [("1mo", 1), ("2y", 24), ("0.5y", 6), ("1d", 0)])
def test_steps_of_the_calendar(text: str, months: int) -> None:
    assert months == parse_step(text).months


@pytest.mark.parametrize(("text", "expected"), [("16 MiB", 16 * 2**20), ("4GiB", 2**32), ("500kB", 500_000), (7, 7), ("7", 7), ("1.5 KiB", 1536), ("1 TB", 10**12), ("5 B", 5)])
def test_sizes(text: Any, expected: int) -> None:
    assert expected == parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("60/1m", Rate(60, timedelta(minutes=1))), ("100/20s", Rate(100, timedelta(seconds=20))), ("2/s", Rate(2, timedelta(seconds=1))), ("0.5/h", Rate(0.5, timedelta(hours=1)))],
)
def test_rates(text: str, expected: Rate) -> None:
    assert expected == parse_rate(text)


@pytest.mark.parametrize("text", ["60", "60/m/h", "0/1m", "x/1m", "5/0s", 5])
def test_what_is_no_rate(text: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_rate(text)


def test_moments() -> None:
    assert date(2026, 1, 31) == parse_moment("2026-01-31")
    assert "2026-01-31T12:00:00+00:00" == parse_moment("2026-01-31T12:00:00Z").isoformat()
    for text in ("2026-02-30", "yesterday", 20260131, None):
        with pytest.raises(ValueError, match="neither a date"):
            parse_moment(text)
