"""Help as a new user reads it: on eighty columns, and every example of it works as it stands there."""

from __future__ import annotations

import io
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from commanding import run, written
from fake_api import FakeApi
from test_commands_trace import SMALL
from test_sync import config
from warm import WarmProcess

from tap_asyncreport.commands import MODULES

JOB = {"id": "job-1", "window": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], "creation_response": {"id": "job-1"}}
HELPS = [[], *([name] for name in MODULES), ["state", "merge"], ["definitions", "list"], ["definitions", "show"]]
SERVES = "demo"  # until it is interrupted; test_commands_offline sees to it


def examples(text: str) -> Iterator[list[str]]:
    """The command lines in a help text, without comments; a line that ends in a backslash or a pipe goes on."""
    joined = re.sub(r"(\\|\|)\n\s+", lambda found: "" if found[1] == "\\" else "| ", text)
    for line in joined.splitlines():
        line = re.sub(r"\s{2,}(?![\s-]).*", "", line.strip()) if "'" not in line else line.strip()
        if line.startswith(("tap-asyncreport ", "meltano ")):
            yield shlex.split(line)


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_help_fits_eighty_columns(words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = run(capsys, *words, "--help")
    assert [] == [line for line in said.out.splitlines() if len(line) > 80]
    assert 0 == said.code


@pytest.mark.parametrize("name", ["", *MODULES])
def test_every_example_of_the_help_works(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stream `orders` by account in orders.yaml, and a state; a pipe's second half is given what it asks for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    stream = {
        **SMALL, "name": "orders", "partitions": [{"name": "account", "values": [7]}],
        "incremental": {"start": "2026-01-30", "end": "2026-02-01", "step": "1d"},
    }  # fmt: skip
    lane = {"context": {"account": 7}, "jobs": [JOB]}
    state = {"bookmarks": {"orders": {"partitions": [lane]}}}
    found = list(examples(run(capsys, *filter(None, [name]), "--help").out))
    with FakeApi(["DONE"], rows="date,campaign,clicks\n2026-01-30,1,11\n") as api:
        api.new_job({"from": "2026-01-01"})
        whole = config(api, stream)
        for file in ("orders.yaml", "changed.yaml"):
            written(tmp_path, whole, file)
        for file in ("state.json", "states.jsonl", "part1.json", "part2.json", "part3.json"):
            written(tmp_path, state, file)
        (tmp_path / "demo.yaml").write_text("definition: demo\n")
        for key in ("base_url", "streams"):
            monkeypatch.setenv(f"TAP_ASYNCREPORT_{key.upper()}", json.dumps(whole[key]) if key == "streams" else whole[key])
        for words in found:
            assert (words, 0) == (words, played(words, tmp_path, capsys, monkeypatch))
    assert found


def played(words: list[str], directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> int:
    if words[0] == "meltano" and "|" not in words:
        return int(words[:2] != ["meltano", "invoke"] or words[2].partition(":")[2] not in MODULES)
    if words[0] == "meltano":
        words = words[words.index("|") + 1 :]
        monkeypatch.setattr("sys.stdin", io.StringIO((directory / "state.json").read_text()))
    words = words[1:]
    words = words[: next((at for at, word in enumerate(words) if word in (">", "|")), len(words))]
    if words[0] == SERVES:
        return 0
    if words[0] == "test" and not (directory / "orders.json").exists():
        run(capsys, "trace", "orders", "--config", "orders.yaml", "--save", "orders.json")
    if "--write" in words and words[0] == "init":
        words = [*words[:-1], "new.yaml"]
        (directory / "new.yaml").unlink(missing_ok=True)
    if words[0] == "--config":
        return WarmProcess(directory, {}).call("--config", directory / words[1]).exit_code
    return run(capsys, *words).code
