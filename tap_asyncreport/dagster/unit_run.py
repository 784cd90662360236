"""One unit of work: the tap restricted to it, piped into the target, told to Dagster as it happens."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from tap_asyncreport.clock import SystemClock
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.dagster.commands import (
    Config,
    Meltano,
    UnitFiles,
    meltano_command,
    tap_command,
    unit_settings,
)
from tap_asyncreport.dagster.parts import Part, joined
from tap_asyncreport.dagster.pipe import Command, Pipe, Said, Source
from tap_asyncreport.dagster.unit_state import Place, Superseded, UnitState

LAST_LINES = 30
HOPELESS = frozenset({77, 78})  # the login, the configuration: trying again changes nothing
_LINE = re.compile(r"\S+ \S+ \| (DEBUG|INFO|WARNING|ERROR|CRITICAL) *\| (\S+) *\| (.*)")
_MELTANO_LINE = re.compile(r"\S+ \[(debug|info|warning|error|critical) *\] (.*)")
_LEVELS = logging.getLevelNamesMapping()
_TARGET_LEVELS = {Source.TARGET: logging.INFO, Source.TARGET_STATE: logging.DEBUG}
_METRICS = "singer_sdk.metrics"
_WAITS = ("running at the API", "backing off", "waiting for a slot")


@dataclass(frozen=True)
class Plant:
    """What all units of a configuration have in common."""

    configs: Sequence[Config]
    target: Sequence[str] | Meltano
    place: Place
    jobs_per_unit: int
    run_report: str | None = None


@dataclass
class UnitRun:
    """The run of some parts of a stream under one name."""

    plant: Plant
    stream: Stream
    name: str
    parts: Sequence[Part]
    log: logging.Logger
    look: Callable[[bytes], None] | None = None
    clock: SystemClock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self._last: dict[Source, deque[str]] = {source: deque(maxlen=LAST_LINES) for source in Source}
        self._level = logging.INFO

    def run(self) -> dict[str, Any]:
        """Reads the parts; returns the metadata of the materialization.

        Raises Failure, with the last words of whoever failed; and what Dagster interrupts with, once the tap has ended.
        """
        with tempfile.TemporaryDirectory(prefix="tap-asyncreport-") as folder:
            state = UnitState.read(self.plant.place, f"{self.name}.json", self.clock)
            report = self._report_in(Path(folder))
            tap, target = self._commands(UnitFiles(Path(folder), report, state.given()), state)
            codes = self._work(tap, target, state)
            state.save()
            told = _report(report)
            if any(codes):
                raise self._failure(codes, told)
            state.remove()
            return self._metadata(told)

    def _report_in(self, folder: Path) -> Path:
        """The run page of the unit: beside the one that is configured, or nowhere that lasts."""
        if self.plant.run_report is None:
            return folder / "report.html"
        page = Path(self.plant.run_report).absolute()
        name = re.sub(r"[^\w.=-]+", "_", self.name)
        return page.with_name(f"{page.stem}-{name}.html")

    def _commands(self, files: UnitFiles, state: UnitState) -> tuple[Command, Command | None]:
        left = [rest for part in joined(self.parts) for rest in state.left_of(part)]
        jobs = self.plant.jobs_per_unit
        over = unit_settings(self.stream, left, jobs=jobs, report=files.report, pinned=self._are_known())
        if isinstance(self.plant.target, Meltano):
            return meltano_command(self.plant.target, self.name, over), None
        return tap_command(self.plant.configs, over, files), Command(list(self.plant.target))

    def _are_known(self) -> bool:
        """Whether the partitions can be given to the tap as they are, so that it asks nobody for them."""
        dimensions = self.stream.partitions
        if not dimensions or any(dimension.batch for dimension in dimensions):
            return False
        return all(part.partition and part.is_exact for part in self.parts)

    def _work(self, tap: Command, target: Command | None, state: UnitState) -> tuple[int, int]:
        with Pipe(tap, target, self.clock, self.look) as pipe:
            try:
                self._listen(pipe, state)
            except Superseded:  # both are killed, and the jobs live
                raise
            except BaseException:
                pipe.interrupt()
                with suppress(dg.DagsterExecutionInterruptedError):
                    self._listen(pipe, state)
                    state.save()
                raise
            code = pipe.tap.poll()
            target_code = 0 if pipe.target is None else pipe.target.poll()
        return (1 if code is None else code), (1 if target_code is None else target_code)

    # -- what both say

    def _listen(self, pipe: Pipe, state: UnitState) -> None:
        for said in pipe.lines():
            if said is None:
                state.beat()
            else:
                self._hear(said, state)

    def _hear(self, said: Said, state: UnitState) -> None:
        if said.source is Source.TAP_STATE:
            state.hear(json.loads(said.line)["value"])
            return
        value = _state_of(said.line) if said.source is Source.TARGET_STATE else None
        if value is not None:
            state.hear_target(value)
            return
        text = said.line.decode("utf-8", "replace").rstrip()
        if text:
            self._log(said.source, text)

    def _log(self, source: Source, text: str) -> None:
        if match := _LINE.fullmatch(text):
            self._level, text = _LEVELS[match[1]], match[3]
            if match[2] == _METRICS:  # told as metadata, once
                return
        elif match := _MELTANO_LINE.fullmatch(text):
            self._level, text = _LEVELS[match[1].upper()], match[2]
        level = self._level if source is Source.TAP else _TARGET_LEVELS[source]
        self._last[source].append(text)
        self.log.log(level, "%s", text if source is Source.TAP else f"target: {text}")

    # -- what became of it

    def _failure(self, codes: tuple[int, int], told: Mapping[str, Any]) -> dg.Failure:
        code, target_code = codes
        words = [failure["text"] or failure["words"] for failure in told.get("failures") or []]
        words += [each["error"] for each in told.get("streams") or [] if each.get("error") and not words]
        if target_code and (not code or not words):
            tail = self._tail(Source.TARGET, Source.TARGET_STATE)
            words.append(f"the target ended with exit code {target_code}: {tail}")
        if not words:
            words = [self._tail(Source.TAP)]
        metadata = {**self._metadata(told), "exit_code": code, "target_exit_code": target_code}
        return dg.Failure("\n".join(words), metadata=metadata, allow_retries=code not in HOPELESS)

    def _tail(self, *sources: Source) -> str:
        return "\n".join(line for source in sources for line in self._last[source]) or "nothing was said"

    def _metadata(self, told: Mapping[str, Any]) -> dict[str, Any]:
        mine = [each for each in told.get("streams") or [] if each["stream"] == self.stream.name]
        metadata: dict[str, Any] = {"parts": [part.only() for part in self.parts][:100]}
        if told:
            metadata |= {
                "rows": sum(each["rows"] for each in mine),
                "bytes": sum(each["bytes"] for each in mine),
                "jobs_created": sum(each["jobs_created"] for each in mine),
                "jobs_adopted": sum(each["jobs_adopted"] for each in mine),
                "seconds": told["seconds"],
                "seconds_waiting": round(sum(each["seconds"] for each in told["time"] if each["phase"] in _WAITS), 3),
                "where_the_time_went": told["sentence"],
            }
        if told and len(self.parts) == 1:  # Dagster's own figure is about one partition
            metadata["dagster/row_count"] = metadata["rows"]
        if self.plant.run_report is not None:
            metadata["run_page"] = dg.MetadataValue.path(str(self._report_in(Path())))
        return metadata


def name_of(stream: str, keys: Sequence[str]) -> str:
    """The name of a unit, under which its state is kept: the same for the same partitions of the same stream."""
    safe = [re.sub(r"[/\\]", "%2F", key).replace("|", "/") for key in keys]
    if len(safe) <= 1:
        return "/".join([stream, *(safe or ["all"])])
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:12]
    return f"{stream}/{safe[0]}...{safe[-1]}-{digest}"


def _state_of(line: bytes) -> dict[str, Any] | None:
    """The state that a target printed; None for anything else."""
    if not line.startswith(b"{"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("bookmarks"), dict) else None


def _report(page: Path) -> dict[str, Any]:
    """The figures of a run; none where it came to nothing."""
    try:
        value: dict[str, Any] = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value
