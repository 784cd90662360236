"""Help as a new user reads it, on eighty columns; test_docs_commands types its examples."""

from __future__ import annotations

import pytest
from commanding import run

from tap_asyncreport.commands import MODULES

HELPS = [[], *([name] for name in MODULES), ["state", "merge"], ["definitions", "list"], ["definitions", "show"]]


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_help_fits_eighty_columns(words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = run(capsys, *words, "--help")
    assert [] == [line for line in said.out.splitlines() if len(line) > 80]
    assert 0 == said.code
