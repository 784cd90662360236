"""The person's tool run inside a test, and what it said."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tap_asyncreport.cli import main


@dataclass
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> Said:
    """Runs the command line in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return Said(end.value.code or 0, out, err)  # type: ignore[arg-type]


def written(directory: Path, config: Mapping[str, Any], name: str = "config.json") -> Path:
    """A configuration as a file."""
    path = directory / name
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def plain(text: str, **names: str) -> str:
    """A text without what differs from run to run: times, and what is named by `names` (NAME=text)."""
    for name, found in names.items():
        text = text.replace(found, name)
    text = re.sub(r"after [\d.]+ m?s", "after TIME", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
