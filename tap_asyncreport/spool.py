"""Downloaded files: whole, counted, bounded, gone at the end.

One private directory per run, made at first use, with a lock file that says whether its run is alive. Files are named
by a counter of our own, never by anything from the network.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from tap_asyncreport.errors import SpoolError, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "tap-asyncreport-"
LOCK = "lock"
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class NoRoom(Exception):  # noqa: N818
    """A download that nobody waits for yet would fill the spool; never leaves the download step."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much the spool may hold in all; an `urgent` download, the one to be written next, always may."""

    max_bytes: int
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """One file as it came, undecoded, and what the answer said about it."""

    path: Path
    size: int
    content_type: str | None = None
    content_encoding: str | None = None
    name: str | None = None
    charset: str | None = None
    target: Any = None
    target_number: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    expected_rows: int | None = None
    page: int = 0
    where: Where = field(default_factory=Where, compare=False)


@dataclass
class Piece:
    """A file on its way into the spool; closes between two attempts and goes on where it was."""

    spool: Spool
    path: Path
    size: int = 0
    _file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._file = self.spool.open_for_append(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes, room: Room) -> None:
        """Appends; raises NoRoom where the room is too small, SpoolError where the disk is."""
        assert self._file is not None
        self.spool.take(len(data), room)
        left = memoryview(data)
        try:
            while left:  # a disk that is nearly full takes a part, and says so only the next time
                taken = self._file.write(left) or 0
                self.size += taken
                left = left[taken:]
        except OSError as error:
            self.spool.give_back(len(left))
            raise self.spool.unwritable(error) from error

    def close(self) -> None:
        """Closes the file; it may be opened again."""
        opened, self._file = self._file, None
        if opened is not None:
            try:
                opened.close()
            except OSError as error:
                raise self.spool.unwritable(error) from error

    def restart(self) -> None:
        """Throws away what came so far."""
        self.close()
        self.spool.shrink(self.path, self.size)
        self.size = 0

    def remove(self) -> None:
        """Gives the file's room back."""
        self.close()
        self.spool.remove(self.path, self.size)
        self.size = 0


class Spool:
    """All files of one run, over all threads; `used` is what they hold in bytes."""

    def __init__(self, directory: str | None = None) -> None:
        self._parent = directory
        self._directory: Path | None = None
        self._lock = threading.RLock()
        self._lock_file: IO[bytes] | None = None
        self._names = count(1)
        self._closed = False
        self.used = 0

    def piece(self) -> Piece:
        """A new, empty file; raises SpoolError when the spool cannot be written or is closed."""
        with self._lock:
            path = self._home() / f"{next(self._names):08d}"
            return Piece(self, path)

    def check(self, size: int, room: Room) -> None:
        """Raises NoRoom where so many bytes more are too many and nobody waits for them."""
        if not room.urgent and self.used + size > room.max_bytes:
            raise NoRoom

    def take(self, size: int, room: Room) -> None:
        """Counts bytes about to be written; raises NoRoom."""
        with self._lock:
            self.check(size, room)
            self.used += size

    def give_back(self, size: int) -> None:
        """Counts bytes that are gone."""
        with self._lock:
            self.used -= size

    def open_for_append(self, path: Path) -> IO[bytes]:
        """Opens a file of this spool; raises SpoolError when it is closed or unwritable."""
        with self._lock:
            self._home()
            try:
                return path.open("ab", buffering=0)
            except OSError as error:
                raise self.unwritable(error) from error

    def shrink(self, path: Path, size: int) -> None:
        """Empties a file of `size` bytes."""
        with self._lock:
            if path.exists():
                os.truncate(path, 0)
            self.used -= size

    def remove(self, path: Path, size: int) -> None:
        """Removes a file of `size` bytes, if it is still there."""
        with self._lock:
            path.unlink(missing_ok=True)
            self.used -= size

    def close(self) -> None:
        """Removes everything, also under a running download; safe from any thread, any number of times."""
        with self._lock:
            self._closed = True
            directory, self._directory = self._directory, None
            if directory is not None:
                shutil.rmtree(directory, ignore_errors=True)
            if self._lock_file is not None:
                self._lock_file.close()
                self._lock_file = None

    def unwritable(self, error: OSError) -> SpoolError:
        """One clear line about why files cannot be kept."""
        where = self._directory or self._parent or tempfile.gettempdir()
        if error.errno in NO_SPACE:
            return SpoolError(
                f"no space left for downloaded files in {where}, which holds {self.used:,} bytes of this run",
                hint="free some space, point `spool.directory` at a larger disk, or lower `spool.max_bytes`",
            )
        if error.errno == errno.EFBIG:
            return SpoolError(
                f"a downloaded file is larger than files may be in {where}",
                hint="raise the limit of this process (`ulimit -f`) or of the file system, or ask for less in one job",
            )
        return SpoolError(
            f"downloaded files cannot be kept in {where}: {error.strerror or error}",
            hint="point `spool.directory` at a directory that can be written",
        )

    def _home(self) -> Path:
        if self._closed:
            raise SpoolError("the run is ending, nothing more is downloaded")
        if self._directory is None:
            try:
                self._directory = self._make()
            except OSError as error:
                raise self.unwritable(error) from error
        return self._directory

    def _make(self) -> Path:
        parent = Path(self._parent or tempfile.gettempdir())
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        made = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
        lock = made / f"{LOCK}.new"
        self._lock_file = lock.open("wb")
        _lock(self._lock_file)
        lock.rename(made / LOCK)  # seen by others only once it is held
        return made


def sweep(parent: Path) -> list[Path]:
    """Removes the directories that killed runs left in `parent`; returns them."""
    left_over = [path for path in parent.glob(f"{PREFIX}[0-9]*-*") if _abandoned(path / LOCK)]
    for path in left_over:
        shutil.rmtree(path, ignore_errors=True)
    return left_over


def _abandoned(lock: Path) -> bool:
    """Whether nobody holds this lock; process ids would mislead where containers share a disk."""
    try:
        with lock.open("rb") as file:
            return _lock(file)
    except OSError:
        return False


def _lock(file: IO[bytes]) -> bool:
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # held by a living run, or no such lock on this system
        return False
    return True
