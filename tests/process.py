"""The tap as a process of its own, as targets and Meltano see it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

TAP = [sys.executable, "-m", "tap_asyncreport"]


@dataclass
class Outcome:
    """What a finished process said."""

    exit_code: int
    lines: list[bytes]
    stderr: str

    @property
    def stdout(self) -> str:
        return b"\n".join(self.lines).decode()

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line, parse_float=Decimal) for line in self.lines]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [m["record"] for m in self.messages if m["type"] == "RECORD" and m["stream"] == stream]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [m["value"] for m in self.messages if m["type"] == "STATE"]

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1]

    def bookmark(self, stream: str) -> Any:
        return self.state["bookmarks"].get(stream, {}).get("replication_key_value")

    def jobs(self, stream: str) -> list[dict[str, Any]]:
        return self.state["bookmarks"].get(stream, {}).get("jobs", [])


@dataclass
class Process:
    """A run of the tap in a directory, from a cold start; `while_running` is given the process once it has started."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    count: int = 0

    def run(
        self,
        config: Mapping[str, Any],
        *flags: str,
        state: Any = None,
        catalog: Mapping[str, Any] | None = None,
        while_running: Callable[[Any], None] | None = None,
        timeout: float = 60,
    ) -> Outcome:
        arguments = ["--config", self._file("config", config), *flags]
        if state is not None:
            arguments += ["--state", self._file("state", state)]
        if catalog is not None:
            arguments += ["--catalog", self._file("catalog", catalog)]
        return self.call(*arguments, while_running=while_running, timeout=timeout)

    def call(self, *words: Any, while_running: Callable[[Any], None] | None = None, timeout: float = 60) -> Outcome:
        """Any command line."""
        self.count += 1
        environment = {**os.environ, "NO_PROXY": "127.0.0.1", **self.environment}
        exit_code, stdout, stderr = self._ran([str(word) for word in words], environment, while_running, timeout)
        lines = [line for line in stdout.splitlines() if line]
        if exit_code == -signal.SIGKILL and lines and not stdout.endswith(b"\n"):
            lines.pop()
        return Outcome(exit_code, lines, stderr.decode())

    def _ran(
        self, arguments: list[str], environment: Mapping[str, str], while_running: Any, timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr of one run."""
        with subprocess.Popen(
            [*TAP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.directory, env=environment
        ) as process:
            killer = threading.Timer(timeout, process.kill)
            killer.start()
            if while_running is not None:
                threading.Thread(target=while_running, args=(process,), daemon=True).start()
            stdout, stderr = process.communicate()
            killer.cancel()
        return process.returncode, stdout, stderr

    def _file(self, name: str, content: Any) -> str:
        path = self.directory / f"{name}{self.count + 1}.json"
        path.write_text(json.dumps(content))
        return str(path)
