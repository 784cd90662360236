"""A reader's desk: a directory, a shell, and on its PATH the tap and the targets that the pages name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from warm_shell import WarmProgram

TARGETS = ("target-jsonl", "target-csv", "target-postgres")


class Desk:
    """Where the commands of a page are typed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "desk"
        self.programs = directory / "bin"
        for folder in (self.directory, self.programs):
            folder.mkdir()
        WarmProgram.write(self.programs / "tap-asyncreport")
        for name in TARGETS:
            self.program(name, f'exec {sys.executable} -IS {Path(__file__).with_name("desk_target.py")} "$@"')
        for name in ("csv.json", "postgres.json"):
            self.write(name, {})

    def program(self, name: str, script: str) -> None:
        """Puts a program of that name on the PATH."""
        (self.programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.programs / name).chmod(0o755)

    def write(self, name: str, content: Any) -> None:
        """A file on the desk."""
        (self.directory / name).write_text(content if isinstance(content, str) else json.dumps(content))

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()

    def rows(self, stream: str) -> list[dict[str, Any]]:
        """What the targets got."""
        path = self.directory / f"{stream}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def environment(self, **names: str) -> dict[str, str]:
        path = f"{self.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**os.environ, "NO_PROXY": "127.0.0.1", "NO_COLOR": "1", **names, "PATH": path}

    def type(
        self,
        commands: str | Sequence[str],
        *,
        code: int = 0,
        group: Callable[[subprocess.Popen[str]], None] | None = None,
        timeout: float = 60,
        **names: str,
    ) -> subprocess.CompletedProcess[str]:
        """Types commands into bash, in order as long as they do well; `group` is given the shell once it runs."""
        text = commands if isinstance(commands, str) else "\n".join(["set -e", *commands])
        with subprocess.Popen(
            ["bash", "-c", text], cwd=self.directory, env=self.environment(**names), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        ) as shell:  # fmt: skip
            try:
                if group is not None:
                    group(shell)
                out, err = shell.communicate(timeout=timeout)
            finally:
                if shell.poll() is None:
                    os.killpg(shell.pid, signal.SIGKILL)
        assert code == shell.returncode, f"{shell.returncode}: {text}\n{out}\n{err}"
        return subprocess.CompletedProcess(text, shell.returncode, out, err)
