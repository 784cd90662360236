"""Real peers of the tap: targets and Meltano in environments of their own, and a PostgreSQL server for one run."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".venvs" / "peers"


def installed(package: str, executable: str) -> str:
    """The path of a program, from a virtual environment that is made once and then kept."""
    home = HOME / executable
    program = home / "bin" / executable
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{executable}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
            subprocess.run([*_pip(home), "install", "-q", package, "setuptools<81"], check=True)
            (home / "complete").touch()
    return str(program)


def _pip(home: Path) -> list[str]:
    own = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0
    pip = [sys.executable, "-m", "pip"] if own else ["python3", "-m", "pip"]
    return [*pip, "--python", str(home / "bin" / "python")]


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """A PostgreSQL server that lives as long as the context, as environment variables for psql."""
    programs = _server_programs()
    directory = Path(tempfile.mkdtemp(prefix="postgres-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(directory, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = str(directory / "data")
    subprocess.run(
        [*as_user, f"{programs}/initdb", "-D", data, "-U", "tap", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True, capture_output=True, cwd=directory,
    )  # fmt: skip
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={directory}", "-c", "fsync=off"]
    server = subprocess.Popen(
        [*as_user, f"{programs}/postgres", "-D", data, "-p", str(port), *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory,
    )  # fmt: skip
    try:
        _wait_for(port)
        yield {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "tap", "PGDATABASE": "postgres"}
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(directory, ignore_errors=True)


def _server_programs() -> str:
    found = sorted(glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)
    path = found[0] if found else shutil.which("initdb")
    assert path is not None, "PostgreSQL's server is missing: apt-get install postgresql (.ci/run does)"
    return str(Path(path).parent)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL did not start")


def ask(server: dict[str, str], question: str) -> list[list[str]]:
    """The rows of a query."""
    psql = shutil.which("psql") or f"{_server_programs()}/psql"
    answer = subprocess.run(
        [psql, "-At", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", question],
        env={**os.environ, **server}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [line.split("\t") for line in answer.stdout.splitlines()]
