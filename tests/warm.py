"""The tap in processes that start at once: forked from one that has imported everything already.

A run is a real process with its own signals, threads and exit code, whose standard output and error are files; only the
start of the interpreter is left out, which is most of a short run. `process.Process` starts from nothing.
"""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from process import Process

if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # the package beside the tests, not what is installed


class Nursery:
    """The process that forks the others; it ends with this one."""

    _one: Nursery | None = None

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parent = os.getpid()
        root = Path(__file__).parents[1]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @classmethod
    def ours(cls) -> Nursery:
        """The one of this process, started when it is first asked for."""
        if cls._one is None or cls._one._parent != os.getpid():
            cls._one = cls()
        return cls._one

    def ask(self, **order: Any) -> Any:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


@dataclass
class Child:
    """A run under way, as far as tests handle one like a `subprocess.Popen`."""

    pid: int
    out: Path
    returncode: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def poll(self) -> int | None:
        with self._lock:
            if self.returncode is None:
                self.returncode = Nursery.ours().ask(wait=self.pid)
            return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        give_up_at = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > give_up_at:
                self.kill()
            time.sleep(0.005)
        return code


@dataclass
class WarmProcess(Process):
    """Runs the tap as `Process` does, from a process that is warm."""

    changes: str = ""  # statements that the child executes before it begins

    def _ran(
        self, arguments: list[str], environment: Mapping[str, str], while_running: Any, timeout: float
    ) -> tuple[int, bytes, bytes]:
        out, err = self.directory / f"stdout{self.count}", self.directory / f"stderr{self.count}"
        child = Child(
            Nursery.ours().ask(
                arguments=arguments, cwd=str(self.directory), env={**environment}, out=str(out), err=str(err), changes=self.changes
            ),
            out,
        )
        if while_running is not None:
            threading.Thread(target=while_running, args=(child,), daemon=True).start()
        code = child.wait(timeout)
        return code, b"" if out.is_fifo() else out.read_bytes(), err.read_bytes()


def serve() -> dict[str, Any] | None:
    """Forks whoever is asked for; returns in the child, with its order, and never in the process that forks."""
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            pid, status = os.waitpid(order["wait"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                return order
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return None


def become(order: Mapping[str, Any]) -> None:
    """Gives the child its files, directory and environment."""
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, order["out"], write), (2, order["err"], write)):
        file = os.open(path, flags)
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    raw = open(1, "wb", buffering=0, closefd=False)
    buffer = raw if order["env"].get("PYTHONUNBUFFERED") else io.BufferedWriter(raw)
    sys.stdout = io.TextIOWrapper(buffer, write_through=buffer is raw)  # type: ignore[type-var]
    sys.argv = ["tap-asyncreport", *order["arguments"]]


def import_all() -> None:
    """What a run imports, before there is one."""
    from tap_asyncreport.sdk import postpone

    postpone()
    import tap_asyncreport.run
    import tap_asyncreport.tap  # noqa: F401

    gc.freeze()


if __name__ == "__main__":
    import_all()
    ordered = serve()
    if ordered is not None:
        become(ordered)
        exec(ordered["changes"])
        from tap_asyncreport.cli import main

        main()
