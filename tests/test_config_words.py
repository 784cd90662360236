"""What stands without quotes, and how dates are written: told where it may be meant otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap_asyncreport.commands.remarks import remarks
from tap_asyncreport.config.loading import load
from tap_asyncreport.config.patterns import column_format, window_format
from tap_asyncreport.config.problems import render
from tap_asyncreport.errors import ConfigurationError

BASE = """\
base_url: https://api.example.com/v1
streams:
  - name: orders
    polling_requester: GET /exports/{{ job.id }}
    download_retriever: GET {{ polling_response.url }}
"""
YES = "is text here; write true if that is meant, else quotes make it plain"
NO = "is text here; write false if that is meant, else quotes make it plain"
TEXT = "is text here, not a number; quotes make that plain"
SENT = "put it in quotes if it is to be sent as it is written"


@pytest.mark.promise(28)
def test_words_that_yaml_1_1_reads_otherwise_are_remarked_where_any_value_may_stand(tmp_path: Path) -> None:
    """Each word once; in quotes, or where a key says what is meant, nothing is said."""
    path = tmp_path / "tap.yaml"
    params = "{a: NO, b: yes, c: 010, d: 1:30, e: 1e3, f: 1.10, g: 2026-01-01, h: ~, i: 'no', j: 12, k: NO, l: 1_000}"
    path.write_text(BASE + f"    creation_requester: {{request: POST /x, raw: yes, params: {params}}}\nvars: {{m: [Off]}}\n")
    key = "streams.orders.creation_requester.params"
    assert [
        f"{path}:6:66: {key}.a: `NO` {NO}",
        f"{path}:6:73: {key}.b: `yes` {YES}",
        f"{path}:6:81: {key}.c: `010` {TEXT}",
        f"{path}:6:89: {key}.d: `1:30` {TEXT}",
        f"{path}:6:98: {key}.e: `1e3` is the number 1000.0 here; {SENT}",
        f"{path}:6:106: {key}.f: `1.10` is the number 1.1 here; {SENT}",
        f"{path}:6:159: {key}.l: `1_000` {TEXT}",
        f"{path}:7:12: vars.m.0: `Off` {NO}",
    ] == list(remarks(load([path], environ={})))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("YYYY-MM-DD", "'YYYY-MM-DD' is no format; write %Y-%m-%d"),
        ("yyyy-MM-dd'T'HH:mm:ssZ", "\"yyyy-MM-dd'T'HH:mm:ssZ\" is no format; write"),
        ("day", "'day' is no format; write date, iso, epoch, epoch_ms or a strftime pattern such as %Y-%m-%d"),
        ("datee", "'datee' is no format; write date"),
        ("%Y-%Q", "'%Y-%Q' is no strftime pattern: there is no field %Q; write for example %Y-%m-%dT%H:%M:%S"),
        ("%", "'%' is no strftime pattern: there is no field %; write for example %Y-%m-%dT%H:%M:%S"),
    ],
)
def test_formats_of_windows_that_are_none(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=r"is no (format|strftime pattern)") as raised:
        window_format(text)
    assert str(raised.value).startswith(expected)


@pytest.mark.parametrize("text", ["date", "iso", "epoch", "epoch_ms", "%Y%m%d", "%-d.%-m.%Y", "%s", "%Y-%m-%dT%H:%M:%S.%fZ", "%d%%"])
def test_formats_of_windows(text: str) -> None:
    assert text == window_format(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DD/MM/YYYY", "'DD/MM/YYYY' is no format; write %d/%m/%Y"),
        ("iso", "'iso' is no format; write epoch, epoch_ms or a strptime pattern such as %d/%m/%Y"),
        ("%Q", "'%Q' is no strptime pattern: 'Q' is a bad directive in format '%Q'"),
        ("%d/%m", "'%d/%m' is no strptime pattern of a date: without %Y or %y each would be in 1900"),
        ("%d %d", "'%d %d' is no strptime pattern: a field stands in it twice"),
    ],
)
def test_formats_of_columns_that_are_none(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=r"is no (format|strptime pattern)") as raised:
        column_format(text)
    assert expected == str(raised.value)


@pytest.mark.promise(28)
def test_formats_and_codecs_are_told_with_everything_else(tmp_path: Path) -> None:
    path = tmp_path / "tap.yaml"
    path.write_text(
        BASE
        + "    creation_requester: POST /x\n    incremental: {start: 2026-01-01, format: YYYY-MM-DD}\n"
        + "    columns: {day: {type: date, format: DD.MM.YY}}\n    decode: {encoding: base64}\n"
    )
    with pytest.raises(ConfigurationError) as raised:
        load([path], environ={})
    assert [
        f"{path}:7:38: streams.orders.incremental.format: 'YYYY-MM-DD' is no format; write %Y-%m-%d",
        f"{path}:8:33: streams.orders.columns.day.format: 'DD.MM.YY' is no format; write %d.%m.%y",
        f"{path}:9:14: streams.orders.decode.encoding: there is no encoding `base64`",
        "    try: for example utf-8, cp1252",
    ] == render(raised.value.problems).splitlines()


def test_single_braces_in_a_url_are_remarked(tmp_path: Path) -> None:
    path = tmp_path / "tap.yaml"
    text = BASE.replace("{{ job.id }}", "{id}").replace("GET {{ polling_response.url }}", "GET /a/{{ polling_response.url }}")
    path.write_text(f"{text}    creation_requester: POST /exports\n")
    key = "streams.orders.polling_requester: `{id}` is sent as it stands"
    assert [f"{path}:4:5: {key}; what is filled in is written {{{{ creation_response.id }}}}"] == list(remarks(load([path], environ={})))


@pytest.mark.parametrize("form", ["epoch_ms", "'%Y-%m-%dT%H:%M:%S.%fZ'"])
def test_milliseconds_that_an_inclusive_end_leaves_out_are_remarked(form: str, tmp_path: Path) -> None:
    """What the remark says to write ends it; an API that is asked in seconds, or with an exclusive end, is as it should be."""

    def remarked(incremental: str, end: str = "end") -> list[str]:
        path = tmp_path / "tap.yaml"
        creation = f"    creation_requester: {{request: POST /x, json: {{to: '{{{{ window.{end} }}}}'}}}}\n"
        path.write_text(f"{BASE}{creation}    incremental: {{start: 2026-01-01, {incremental}}}\n")
        return list(remarks(load([path], environ={})))

    (told,) = remarked(f"format: {form}, end_is: inclusive")
    assert told.startswith(f"{tmp_path}/tap.yaml:7:38: streams.orders.incremental.format: an inclusive `window.end` stands at a")
    assert "write `granularity: 1ms` where" in told
    assert [] == remarked(f"format: {form}, end_is: inclusive, granularity: 1ms")
    assert [] == remarked(f"format: {form}, end_is: inclusive, granularity: 1s")
    assert [] == remarked(f"format: {form}")
    assert [] == remarked("format: epoch, end_is: inclusive")
    assert [] == remarked(f"format: {form}, end_is: inclusive", "start")
