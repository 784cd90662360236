"""A run on a terminal: a pseudo terminal in the place of stderr, and what its screen shows in the end."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warm import Child, Nursery

_TOKEN = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n])")


class Screen:
    """What a terminal of so many columns shows after a text, with all that has scrolled away; knows what rich writes."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._lines: list[list[str]] = [[]]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        for numbers, command, back, down, character in _TOKEN.findall(text):
            if character:
                self._put(character)
            elif back:
                self._column = 0
            elif down:
                self._go(self._row + 1)
            else:
                self._obey(command, int(numbers) if numbers.isdecimal() else 1)

    @property
    def lines(self) -> list[str]:
        """The lines from the first, without blanks at their ends."""
        return [line for line in ("".join(cells).rstrip() for cells in self._lines) if line]

    def _put(self, character: str) -> None:
        if self._column == self._columns:  # the last column was filled: only now a new line begins
            self._column = 0
            self._go(self._row + 1)
        line = self._lines[self._row]
        line += " " * (self._column + 1 - len(line))
        line[self._column] = character
        self._column += 1

    def _go(self, row: int) -> None:
        self._row = max(0, row)
        while len(self._lines) <= self._row:
            self._lines.append([])

    def _obey(self, command: str, number: int) -> None:
        if command == "A":
            self._go(self._row - number)
        elif command == "K":
            self._lines[self._row] = []
        else:
            assert command in "mhl", command


@dataclass(frozen=True)
class Shown:
    """How a run ended, what came to the terminal byte for byte, and what is on it."""

    exit_code: int
    raw: str
    lines: list[str]


def run_on_terminal(
    directory: Path,
    config: Mapping[str, Any],
    *,
    columns: int = 80,
    environment: Mapping[str, str] | None = None,
    meanwhile: Callable[[Child, int], None] = lambda *_: None,
) -> Shown:
    """Runs the tap; `meanwhile` is given the process and what types on its keyboard."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    file = directory / "config0.json"
    file.write_text(json.dumps(config))
    env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    env |= {"TERM": "xterm-256color", "NO_PROXY": "127.0.0.1", **(environment or {})}
    order = {"arguments": ["--config", str(file)], "cwd": str(directory), "env": env, "changes": ""}
    out = directory / "stdout0"
    child = Child(Nursery.ours().ask(**order, out=str(out), err=os.ttyname(slave)), out)
    parts: list[bytes] = []
    reader = threading.Thread(target=_read, args=(master, parts), daemon=True)
    reader.start()
    meanwhile(child, master)
    code = child.wait(30)
    time.sleep(0.05)
    os.close(slave)  # the last that held it: the reader comes to the end
    reader.join(60)
    raw = b"".join(parts).decode()
    screen = Screen(columns)
    screen.feed(raw)
    return Shown(code, raw, screen.lines)


def _read(master: int, parts: list[bytes]) -> None:
    try:
        while data := os.read(master, 65536):
            parts.append(data)
    except OSError:
        pass
    finally:
        os.close(master)
