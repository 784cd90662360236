"""Runs of the tap in forks of a process that has imported it: apart from each other as processes are, without their start.

    with Nursery() as nursery:
        Forked(directory, nursery).run(config)      # as `Process` runs

For tests of many short runs. What a start does, and what signals do to it, `Process` is for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from process import Process

PARENT = """
import json, os, sys, traceback
from tap_asyncreport.sdk import postpone
postpone()
import tap_asyncreport.tap
from tap_asyncreport.cli import main

def child(run):
    os.chdir(run["cwd"])
    os.environ.clear()
    os.environ.update(run["env"])
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(run[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    code = 0
    try:
        main(run["argv"])
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

for line in sys.stdin:
    run = json.loads(line)
    pid = os.fork()
    if pid == 0:
        child(run)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Nursery:
    """The process that forks; one run at a time."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait(timeout=30)

    def start(self, **run: Any) -> int:
        """Forks a run, and gives its process id."""
        assert self._parent.stdin is not None
        print(json.dumps(run), file=self._parent.stdin, flush=True)
        return int(self._said())

    def ended(self) -> int:
        """The exit code of the run that was started last, once it has ended."""
        return int(self._said())

    def _said(self) -> str:
        assert self._parent.stdout is not None
        return self._parent.stdout.readline()


@dataclass(frozen=True)
class Child:
    """What `while_running` is handed: a fork that can be killed."""

    pid: int

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@dataclass
class Forked(Process):
    """A run in a directory, as `Process` has it, by the nursery."""

    nursery: Nursery = field(kw_only=True)

    def _ran(
        self, arguments: list[str], environment: Mapping[str, str], while_running: Any, timeout: float
    ) -> tuple[int, bytes, bytes]:
        stdout, stderr = (self.directory / f"{name}{self.count}" for name in ("stdout", "stderr"))
        cwd = str(self.directory)
        pid = self.nursery.start(argv=arguments, env={**environment}, cwd=cwd, stdout=str(stdout), stderr=str(stderr))
        child = Child(pid)
        killer = threading.Timer(timeout, child.kill)
        killer.start()
        if while_running is not None:
            threading.Thread(target=while_running, args=(child,), daemon=True).start()
        exit_code = self.nursery.ended()
        killer.cancel()
        return exit_code, stdout.read_bytes(), stderr.read_bytes()
