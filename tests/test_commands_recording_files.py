"""`test FILE`, where the file is no recording, or no longer what `trace --save` wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commanding import Said, run, written
from fake_api import FakeApi
from test_commands_trace import SMALL
from test_sync import ROWS, config

from tap_asyncreport.commands.recording import MARK

AGAIN = "`tap-asyncreport trace STREAM --save FILE` makes one"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a recording as it is written."""
    directory = tmp_path_factory.mktemp("recording")
    from tap_asyncreport.cli import main

    with FakeApi(["DONE"], rows=ROWS) as api, pytest.raises(SystemExit):
        main(["trace", "--config", str(written(directory, config(api, SMALL))), "--save", str(directory / "x.json")])
    return (directory / "x.json").read_text()


def replayed(capsys: pytest.CaptureFixture[str], directory: Path, text: str) -> Said:
    """What `test` says of a file of this text, the directory's name aside."""
    (directory / "x.json").write_text(text)
    said = run(capsys, "test", directory / "x.json")
    return Said(said.code, said.out, said.err.replace(f"{directory}/", ""))


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "not json", f'{{"{MARK}": "1"}}', f'{{"{MARK}": 0}}', "[" * 100_000]
)
def test_what_is_no_recording(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = replayed(capsys, tmp_path, content)
    assert (78, "") == (said.code, said.out)
    assert f"x.json is no recording of a job\n  try         {AGAIN}\n" == said.err
    assert 78 == run(capsys, "test", tmp_path / "nowhere.json").code


def test_a_recording_that_is_cut_short(recording: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = recording[: len(recording) // 2]
    said = replayed(capsys, tmp_path, half)
    assert 78 == said.code
    line = half.count("\n") + 1
    expected = f"x.json is a recording that is cut short or was edited: its JSON breaks off in line {line}\n  try         {AGAIN}\n"
    assert expected == said.err


def test_a_recording_of_a_newer_version(recording: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    newer = {**json.loads(recording), MARK: 2, "version": "9.1.0"}
    said = replayed(capsys, tmp_path, json.dumps(newer))
    assert 78 == said.code
    assert said.err.startswith("x.json was recorded by a newer tap-asyncreport, 9.1.0: its format is 2\n")
    assert "  try         upgrade tap-asyncreport; this is " in said.err


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document.pop(name)


def with_value(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document.update({name: value})


def in_exchange(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document["exchanges"][1].update({name: value})


EDITS = [
    (without("stream"), "stream is missing"),
    (without("exchanges"), "exchanges is missing"),
    (with_value("now", "yesterday"), "now is not an instant with its offset"),
    (with_value("now", "2026-01-01T00:00:00"), "now is not an instant with its offset"),
    (with_value("window", ["2026-02-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"]), "window is not two instants in order"),
    (with_value("secrets", None), "secrets is not a mapping"),
    (with_value("outcome", {}), "outcome.ended is missing"),
    (with_value("rows", {"count": "two"}), "rows.count is not a count"),
    (in_exchange("url", None), "exchanges[1].url is not text"),
    (in_exchange("seconds", "1"), "exchanges[1].seconds is not a number of seconds"),
    (in_exchange("headers", {"Accept": 1}), "exchanges[1].headers is not a mapping of texts"),
    (in_exchange("answer", {"status": "200"}), "exchanges[1].answer.status is not a status code"),
    (in_exchange("answer", {"status": 200, "body": {"base64": "?"}}), "exchanges[1].answer.body is not text, or {base64: ...}"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "fault"), EDITS, ids=[fault for _, fault in EDITS])
def test_an_edited_recording_is_told_where(
    edit: Callable[[dict[str, Any]], Any],
    fault: str,
    recording: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = json.loads(recording)
    edit(document)
    said = replayed(capsys, tmp_path, json.dumps(document))
    assert (78, "") == (said.code, said.out)
    assert (
        f"x.json is not as a recording is written: {fault}\n  try         undo what was edited there; {AGAIN}\n"
        == said.err
    )


KEPT = [
    with_value("window", None),
    without("partition"),
    with_value("secrets", {"token": 5}),
    in_exchange("url", "nowhere"),
    in_exchange("answer", {"status": 500}),
    with_value("exchanges", []),
    with_value("outcome", {"ended": "otherwise"}),
]


@pytest.mark.parametrize("edit", KEPT)
def test_an_edit_that_leaves_a_recording_is_replayed(
    edit: Callable[[dict[str, Any]], Any], recording: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What differs is told, and nothing breaks."""
    document = json.loads(recording)
    edit(document)
    said = replayed(capsys, tmp_path, json.dumps(document))
    assert said.code in (0, 1), said.all
    assert "unexpected" not in said.all
