"""How long a server asks us to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_asyncreport.http.retry_after import parse_retry_after, parse_wait

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("Sat, 31 Jan 2026 12:02:00 GMT", 120.0),
        ("Saturday, 31-Jan-26 12:02:00 GMT", 120.0),
        ("Sat Jan 31 12:02:00 2026", 120.0),
        ("31 Jan 2026 12:02:00 GMT", 120.0),
        ("Sat, 31 Jan 2026 14:02:00 +0200", 120.0),
        ("Sun, 01-Feb-26 12:00:00 GMT", 86400.0),
        (None, None),
        ("", None),
        ("   ", None),
        ("0", None),
        ("0.0", None),
        ("-5", None),
        ("+5", None),
        ("1e3", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("٣", None),
        ("99999999999999999999", None),
        ("Sat, 31 Jan 2026 12:00:00 GMT", None),
        ("Fri, 30 Jan 2026 12:00:00 GMT", None),
        ("Sunday, 06-Nov-94 08:49:37 GMT", None),
        ("Sat, 31 Jan 99999 12:00:00 GMT", None),
        ("Sat, 31 Jan 9999 12:00:00 GMT", None),
        ("Sat, 99 Jan 2026 12:00:00 GMT", None),
        ("Sat, 31 Jan 2026 25:61:00 GMT", None),
        ("Jan", None),
    ],
)
def test_retry_after_in_every_form(value, seconds):
    assert seconds == parse_retry_after(value, NOW)


@pytest.mark.promise(4)
def test_a_year_of_two_digits_is_the_next_one_at_the_turn_of_the_year():
    assert 120.0 == parse_retry_after("Friday, 01-Jan-27 00:01:00 GMT", datetime(2026, 12, 31, 23, 59, tzinfo=UTC))


@pytest.mark.promise(4)
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (30, 30.0),
        (0.5, 0.5),
        ("30", 30.0),
        (NOW.timestamp() + 60, 60.0),
        (str(int(NOW.timestamp()) + 60), 60.0),
        (int(NOW.timestamp() * 1000) + 60_000, 60.0),
        ("2026-01-31T12:01:00Z", 60.0),
        ("2026-01-31T13:01:00+01:00", 60.0),
        ("2026-01-31T12:01:00", 60.0),
        ("2026-02-01", 43200.0),
        ("Sat, 31 Jan 2026 12:01:00 GMT", 60.0),
        (NOW + timedelta(minutes=1), 60.0),
        ((NOW + timedelta(minutes=1)).replace(tzinfo=None), 60.0),
        (timedelta(minutes=1), 60.0),
        (None, None),
        (True, None),
        ("", None),
        ("soon", None),
        (0, None),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (NOW.timestamp() - 60, None),
        ("2026-01-31T11:59:00Z", None),
        ([30], None),
        ({"a": 1}, None),
    ],
)
def test_a_wait_that_an_extractor_found(value, seconds):
    assert seconds == pytest.approx(parse_wait(value, NOW)) if seconds else None is parse_wait(value, NOW)


@given(st.text(max_size=40))
def test_no_text_is_too_strange(text):
    for found in (parse_retry_after(text, NOW), parse_wait(text, NOW)):
        assert found is None or 0 < found <= 366 * 86400
