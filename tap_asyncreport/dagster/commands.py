"""The programs of a unit: the tap restricted to it and a target, or Meltano, which starts both."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tap_asyncreport.config.streams import Stream
from tap_asyncreport.dagster.parts import Part
from tap_asyncreport.dagster.pipe import Command

Config = str | Path | Mapping[str, Any]
TAP = (sys.executable, "-m", "tap_asyncreport")
OURS = ("ONLY", "MAX_CONCURRENT_JOBS", "RUN_REPORT")  # settings that a unit decides, whatever the environment says
_PREFIX = "TAP_ASYNCREPORT_"


@dataclass(frozen=True)
class Meltano:
    """`meltano run EXTRACTOR LOADER` in a project, instead of a target command.

    Meltano keeps the state of each unit itself, under a suffix of its own; `extractor` is configured like the assets.
    """

    project: str | Path
    loader: str
    extractor: str = "tap-asyncreport"
    executable: str = "meltano"
    arguments: Sequence[str] = ()


@dataclass(frozen=True)
class UnitFiles:
    """What a unit's processes read and leave, in a folder of its own."""

    folder: Path
    report: Path
    state: Mapping[str, Any] = field(default_factory=dict)


def tap_command(configs: Sequence[Config], over: Mapping[str, Any], files: UnitFiles) -> Command:
    """The tap restricted by what `over` says; it begins with the state in `files`."""
    words = [*TAP]
    for number, config in enumerate([*configs, over]):
        words += ["--config", _file(files.folder / f"config{number}.json", config)]
    words += ["--state", _file(files.folder / "state.json", files.state)]
    return Command(words, _environment())


def _file(path: Path, content: Config) -> str:
    if not isinstance(content, Mapping):
        return str(content)
    path.write_text(json.dumps(content, default=str), encoding="utf-8")
    return str(path)


def unit_settings(
    stream: Stream, parts: Iterable[Part], *, jobs: int, report: Path, pinned: bool
) -> dict[str, Any]:
    """The configuration that restricts a run to these parts.

    Where their partitions are `pinned` nobody is asked which there are, neither the API nor another stream.
    """
    parts = list(parts)
    over: dict[str, Any] = {
        "only": [part.only() for part in parts],
        "max_concurrent_jobs": jobs,
        "run_report": str(report),
    }
    if pinned:
        names = [dimension.name for dimension in stream.partitions]
        values = {name: _distinct(part.partition[name] for part in parts) for name in names}
        dimensions = [{"name": name, "values": values[name]} for name in names]
        over["streams"] = [{"name": stream.name, "partitions": dimensions}]
    return over


def _distinct(values: Iterable[Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for value in values:
        found.setdefault(json.dumps(value, default=str), value)
    return list(found.values())


def meltano_command(meltano: Meltano, name: str, over: Mapping[str, Any]) -> Command:
    """`meltano run` for a unit: what restricts it goes through the environment, its state has a suffix of its own."""
    suffix = f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)[:60]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    words = [meltano.executable, "--cwd", str(meltano.project), *meltano.arguments]
    words += ["run", "--state-id-suffix", suffix, meltano.extractor, meltano.loader]
    settings = {f"{_PREFIX}{key.upper()}": value for key, value in over.items() if key != "streams"}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}
    return Command(words, {**_environment(), **texts})


def _environment() -> dict[str, str]:
    ours = {f"{_PREFIX}{name}" for name in OURS}
    return {name: value for name, value in os.environ.items() if name not in ours}
