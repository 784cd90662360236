"""`tap-asyncreport` as a program on the PATH of a shell, without the start of its interpreter each time.

What the shell starts is a client of a few milliseconds. It hands its arguments, directory, environment, standard input,
output and error to a process that has imported everything, which forks the tap with them; it passes signals on and ends
with the tap's exit code. Pipes, redirections and signals are real.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # the package beside the tests, not what is installed
    sys.path.append(str(Path(__file__).parent))

CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect({path!r})
order = json.dumps(dict(arguments=sys.argv[1:], cwd=os.getcwd(), env=dict(os.environ))).encode()
socket.send_fds(server, [b"%12d" % len(order)], [0, 1, 2])
server.sendall(order)
answers = server.makefile()
pid = int(answers.readline())
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, _: os.kill(pid, number))
for number in range(3):
    os.close(number)
code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class WarmProgram:
    """The process behind the program; it ends with this one."""

    _one: WarmProgram | None = None

    def __init__(self) -> None:
        self._parent = os.getpid()
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self.path = str(Path(self._folder.name) / "socket")
        command = [sys.executable, str(Path(__file__)), self.path]
        root = Path(__file__).parents[1]
        self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert b"ready\n" == self._process.stdout.readline()

    @classmethod
    def write(cls, file: Path) -> None:
        """Writes the program; the process behind it is started when it is first asked for."""
        if cls._one is None or cls._one._parent != os.getpid():
            cls._one = cls()
        file.write_text(CLIENT.format(python=sys.executable, path=cls._one.path))
        file.chmod(0o755)


def serve(path: str) -> socket.socket:
    """Forks a keeper for each client, and returns in it; ends when the tests do."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.write(1, b"ready\n")
    while True:
        asking, _, _ = select.select([listener, 0], [], [])
        if 0 in asking:
            os._exit(0)
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return client
        client.close()


def keep(client: socket.socket) -> None:
    """Returns in the tap; in its keeper it tells the client how the tap ended."""
    head, files, _, _ = socket.recv_fds(client, 12, 3)
    order = json.loads(client.makefile("rb").read(int(head)))
    pid = os.fork()
    if pid:
        _tell(client, pid, files)
    client.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["tap-asyncreport", *order["arguments"]]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)


def _tell(client: socket.socket, pid: int, files: list[int]) -> NoReturn:
    for file in files:
        os.close(file)
    client.sendall(b"%d\n" % pid)
    threading.Thread(target=_kill_when_gone, args=(client, pid), daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):
        client.sendall(b"%d\n" % code)
    os._exit(0)


def _kill_when_gone(client: socket.socket, pid: int) -> None:
    """A client that was killed is the tap that was killed."""
    client.recv(1)
    os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    from warm import import_all

    import_all()
    keep(serve(sys.argv[1]))
    from tap_asyncreport.cli import main

    main()
