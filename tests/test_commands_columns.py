"""`columns`: types proposed from real rows, conservatively; and their way into a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commanding import run, written
from fake_api import FakeApi
from test_commands_trace import SMALL
from test_sync import config

from tap_asyncreport.commands.guessing import Evidence, Guess, guess, spec_text
from tap_asyncreport.config.editing import with_columns
from tap_asyncreport.config.loading import load


def guessed(values: list[Any], *, typed: bool = False) -> Guess:
    found = Evidence("x")
    for value in values:
        found.take(value)
    return guess(found, typed=typed)


@pytest.mark.promise(19)
@pytest.mark.parametrize(
    ("values", "spec", "note"),
    [
        (["1", "-20", "0"], "integer", None),
        (["1", "2.50"], "number", None),
        (["1.5e-7"], "number", None),
        (["01234", "5"], "string", "leading zeros"),
        (["12e4"], "string", None),
        (["1", "x"], "string", None),
        (["true", "FALSE"], "boolean", None),
        (["yes", "no"], "string", "boolean would read them too"),
        (["1" * 19], "string", "more digits than 64 bits hold"),
        (["2026-01-31", ""], "date", None),
        (["2026-02-31"], "string", None),
        (["2026-01-31T10:00:00Z", "2026-01-31 10:00:00"], "date-time", None),
        (["31/01/2026", "01/02/2026"], '{type: date, format: "%d/%m/%Y"}', None),
        (["01/31/2026"], '{type: date, format: "%m/%d/%Y"}', None),
        (["01/02/2026"], "string", 'dates, but day or month first? {type: date, format: "%d/%m/%Y"} or {type: date, format: "%m/%d/%Y"}'),
        (["31.01.2026 10:00"], '{type: date-time, format: "%d.%m.%Y %H:%M"}', None),
        (["Jan 31, 2026"], '{type: date, format: "%b %d, %Y"}', None),
        (["12.5%", "3 %"], "{type: number, percent: true}", None),
        (["1,234.50", "7"], '{type: number, thousands: ","}', None),
        (["1.234,50", "7"], '{type: number, decimal_mark: ",", thousands: "."}', None),
        (["12,5"], '{type: number, decimal_mark: ","}', None),
        (["1,234"], "string", "numbers, but what does the mark mean? see `decimal_mark` and `thousands`"),
        (["1", "NA", "3"], "string", 'but for NA it would be {type: integer, null_values: ["","NA"]}'),
        (["", None], "string", "no value seen"),
        (["NA"], "string", None),
    ],
)  # fmt: skip
def test_what_texts_speak_for(values: list[Any], spec: str, note: str | None) -> None:
    """One value that contradicts makes a string, and a note says what else it could be."""
    found = guessed(values)
    assert (spec, note) == (spec_text(found.spec), found.note)


@pytest.mark.parametrize(
    ("values", "spec", "note"),
    [
        ([1, 2], "integer", None), ([1, 2.5], "number", None), ([True, None], "boolean", None),
        ([{"a": 1}], "object", None), ([[1], []], "array", None), ([1, "x"], "string", "mixed: 1 integer, 1 string"),
        (["1", "2"], "string", "each is written like type integer, in quotes"), (["2026-01-31"], "date", None),
    ],
)  # fmt: skip
def test_what_json_speaks_for(values: list[Any], spec: str, note: str | None) -> None:
    """JSON says its types itself: what it writes in quotes is text."""
    found = guessed(values, typed=True)
    assert (spec, note) == (spec_text(found.spec), found.note)


@pytest.mark.parametrize(("count", "sure"), [(1, "few values"), (19, "few values"), (20, "likely"), (100, "sure")])
def test_how_sure(count: int, sure: str) -> None:
    assert sure == guessed(["1"] * count).sure
    assert "" == guessed(["x"] * count).sure


ROWS = "order_id,amount,When,note\n" + "".join(
    f'00{number},{number}.50,2026-01-0{number},"a ""b"", c"\n' for number in (1, 2, 3)
)
PROPOSED = """\
columns:  # from 3 rows of job job-1
  order_id: string  # 3 of 3; leading zeros; e.g. 001, 002, 003
  amount: number    # 3 of 3; few values; e.g. 1.50, 2.50, 3.50
  When: date        # 3 of 3; few values; e.g. 2026-01-01, 2026-01-02, 2026-01-03
  note: string      # 3 of 3; e.g. a "b", c
"""


def test_a_proposal_to_paste(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """stdout is YAML and nothing else; the job is deleted; what was declared before plays no part."""
    declared = {**SMALL, "primary_keys": ["none"], "columns": {"none": "integer"}}
    with FakeApi(["DONE"], rows=ROWS) as api:
        path = written(tmp_path, config(api, declared))
        said = run(capsys, "columns", "clicks", "--config", path)
        assert ["create", "poll", "download", "delete"] == api.steps()
    assert (0, PROPOSED) == (said.code, said.out)
    over = tmp_path / "over.yaml"
    over.write_text("streams:\n  - name: clicks\n    primary_keys: []\n" + "".join(f"    {line}\n" for line in said.out.splitlines()))
    columns = load([path, over], environ={}).settings.streams[0].columns
    assert columns is not None and "date" == columns["When"].type


def test_columns_of_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.dumps([{"id": 7, "tags": ["a"], "odd name": {"x": 1}, "null": None}, {"id": 8, "late": True}])
    with FakeApi(["DONE"], rows=rows) as api:
        said = run(capsys, "columns", "--config", written(tmp_path, config(api, SMALL)))
    types = [line.split("#")[0].strip() for line in said.out.splitlines()[1:]]
    assert ["id: integer", "tags: array", '"odd name": object', '"null": string', "late: boolean"] == types


def test_a_failed_job_proposes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FakeApi(["FAILED"]) as api:
        said = run(capsys, "columns", "--config", written(tmp_path, config(api, SMALL)))
    assert (1, "") == (said.code, said.out)
    with FakeApi(["DONE"], rows="a,b\n") as api:
        said = run(capsys, "columns", "--config", written(tmp_path, config(api, SMALL)))
    assert (78, True) == (said.code, "has no rows, so nothing can be said" in said.err)


# -- into a file

LINES = ["columns:", "  a: integer  # seen", "  b: string"]
BEFORE = """\
# mine
base_url: https://api.example.com
streams:
  - name: views
    columns: {z: string} # of views
  - name: clicks # the clicks
    primary_keys: [a]
    {columns}creation_requester: POST /x # make
    download_retriever: GET /y

# the end"""


@pytest.mark.parametrize("columns", ["", "columns: {old: string}\n    ", "columns:\n      old: string\n      older: {type: date}\n    "])
def test_columns_come_into_a_file_and_the_rest_stays(columns: str) -> None:
    """Comments, order and blank lines are as they were."""
    before = BEFORE.replace("{columns}", columns)
    after = with_columns(before, "clicks", LINES)
    block = "columns:\n      a: integer  # seen\n      b: string\n    "
    assert BEFORE.replace("{columns}", block) + "\n" == after


@pytest.mark.parametrize(
    "text",
    [
        "streams: [{name: clicks, creation_requester: POST /x}]",
        "streams:\n  - name: clicks\n    columns:\n      a: string # precious\n",
        "streams:\n  - name: other\n",
        "streams:\n  - {name: clicks}\n",
        "streams: [", "", "streams: 7", '{"streams": [{"name": "clicks"}]}',
        "x: &c {a: string}\nstreams:\n  - name: clicks\n    columns: *c\n",
    ],
)  # fmt: skip
def test_a_file_that_would_lose_something_stays(text: str) -> None:
    assert None is with_columns(text, "clicks", LINES)


def test_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Into the file itself; else into one beside it, which lies over it, and which is never overwritten."""
    with FakeApi(["DONE"], rows=ROWS) as api:
        settings = config(api, SMALL)
        stream = json.dumps({key: value for key, value in SMALL.items() if key != "name"})[1:-1]
        path = tmp_path / "mine.yaml"
        lines = [f"    {key}: {json.dumps(value)}" for key, value in SMALL.items() if key != "name"]
        path.write_text(f"base_url: {api.url} # here\nstreams:\n  - name: clicks\n" + "\n".join(lines) + "\n")
        said = run(capsys, "columns", "--config", path, "--write", path)
        assert said.out.startswith(f"wrote the columns of clicks into {path}\nnext: tap-asyncreport --config {path} | "), said.all
        assert "# here\n" in path.read_text()
        loaded = load([path], environ={})
        assert ["order_id", "amount", "When", "note"] == list(loaded.settings.streams[0].columns or {})
        path = written(tmp_path, settings, "mine.json")
        said = run(capsys, "columns", "--config", path, "--write", path)
        beside = tmp_path / "mine.clicks.columns.yaml"
        assert f"{path} cannot be changed without losing something, so it stays as it is\n" in said.out
        assert f"into {beside}" in said.out
        assert "number" == load([path, beside], environ={}).settings.streams[0].columns["amount"].type  # type: ignore[index]
        assert 78 == run(capsys, "columns", "--config", path, "--write", path).code
        assert stream
