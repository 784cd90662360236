"""The spool: private, counted, bounded, and gone at the end, whatever happens."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tap_asyncreport.errors import SpoolError
from tap_asyncreport.spool import NoRoom, Piece, Room, Spool, sweep

ROOMY = Room(1_000_000)


def filled(spool: Spool, data: bytes, room: Room = ROOMY) -> Piece:
    with spool.piece() as piece:
        piece.write(data, room)
    return piece


def test_nothing_is_made_before_the_first_file(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "deep" / "er"))
    assert [] == list(tmp_path.iterdir())
    spool.close()
    assert [] == list(tmp_path.iterdir())


def test_files_lie_in_a_private_directory_of_this_run_under_names_of_our_own(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    first, second = filled(spool, b"1"), filled(spool, b"22")
    (home,) = tmp_path.iterdir()
    assert stat.S_IRWXU == stat.S_IMODE(home.stat().st_mode)
    assert [home / "00000001", home / "00000002"] == [first.path, second.path]
    assert 3 == spool.used
    spool.close()
    assert [] == list(tmp_path.iterdir())


def test_a_piece_goes_on_where_it_was_and_starts_over_when_told(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    piece = filled(spool, b"half")
    with piece:
        piece.write(b" and half", ROOMY)
    assert b"half and half" == piece.path.read_bytes()
    assert (13, 13) == (piece.size, spool.used)
    piece.restart()
    with piece:
        piece.write(b"anew", ROOMY)
    assert b"anew" == piece.path.read_bytes()
    assert (4, 4) == (piece.size, spool.used)
    piece.remove()
    assert 0 == spool.used
    assert not piece.path.exists()
    spool.close()


@pytest.mark.promise(18)
def test_a_download_that_nobody_waits_for_stops_at_the_bound_and_an_urgent_one_does_not(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    piece = filled(spool, b"x" * 8, Room(10))
    with piece:
        with pytest.raises(NoRoom):
            piece.write(b"yyy", Room(10))
        piece.write(b"yyy", Room(10, urgent=True))
    assert 11 == spool.used == piece.path.stat().st_size
    spool.close()


@pytest.mark.promise(18)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_clear_line(tmp_path: Path, code: int) -> None:
    spool = Spool(str(tmp_path))
    piece = spool.piece()

    class FullDisk:
        def write(self, _: bytes) -> int:
            raise OSError(code, os.strerror(code))

        def close(self) -> None:
            pass

    with pytest.raises(SpoolError, match="no space left for downloaded files in .*, which holds 0 bytes") as caught, piece:
        piece._file.close()
        piece._file = FullDisk()
        piece.write(b"x", ROOMY)
    assert "free some space, point `spool.directory` at a larger disk, or lower `spool.max_bytes`" == caught.value.hint
    assert 0 == spool.used
    spool.close()


def test_a_directory_that_cannot_be_made_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match=f"downloaded files cannot be kept in {tmp_path}/file/spool: Not a directory"):
        Spool(str(tmp_path / "file" / "spool")).piece()


@pytest.mark.promise(9)
def test_closing_under_a_running_download_leaves_nothing_and_may_be_repeated(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    began, closed = threading.Event(), threading.Event()
    failures: list[Exception] = []

    def download() -> None:
        try:
            with spool.piece() as piece:
                piece.write(b"one", ROOMY)
                began.set()
                closed.wait(10)
                piece.write(b"two", ROOMY)
            spool.piece()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=download)
    thread.start()
    assert began.wait(10)
    spool.close()
    spool.close()
    closed.set()
    thread.join(10)
    assert [] == list(tmp_path.iterdir())
    assert ["the run is ending, nothing more is downloaded"] == [str(failure) for failure in failures]


@pytest.mark.promise(18)
def test_a_disk_that_takes_only_a_part_of_a_write_is_full_and_never_a_shorter_file(tmp_path: Path) -> None:
    """The system's write then tells how much it took, and fails only the next time."""
    resource = pytest.importorskip("resource")
    spool = Spool(str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with spool.piece() as piece:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            with pytest.raises(SpoolError, match="larger than files may be"):
                piece.write(b"0123456789abcdef", ROOMY)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (10, 10) == (piece.size, spool.used)
        assert b"0123456789" == piece.path.read_bytes()
    piece.remove()
    assert 0 == spool.used


def test_what_killed_runs_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    living = Spool(str(tmp_path))
    kept = filled(living, b"alive")
    code = (
        "import os, sys; from tap_asyncreport.spool import Spool, Room\n"
        "with Spool(sys.argv[1]).piece() as piece:\n"
        "    piece.write(b'left', Room(9)); os._exit(9)\n"
    )
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=False)
    stranger = tmp_path / "tap-asyncreport-notes"
    stranger.mkdir()
    assert 3 == len(list(tmp_path.iterdir()))
    assert 1 == len(sweep(tmp_path))
    assert {kept.path.parent, stranger} == set(tmp_path.iterdir())
    filled(Spool(str(tmp_path)), b"another run sweeps by itself")
    assert kept.path.exists()
    living.close()
