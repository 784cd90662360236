"""How far the download of one job has come: plain data that outlives each single try."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_asyncreport.lifecycle.paginators import FIRST, Page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_asyncreport.spool import Piece, SpooledFile


@dataclass(eq=False)
class Download:
    """The files so far, the page that comes next, and what is there of its file."""

    targets: Sequence[Any] = ()
    number: int = 0
    page: Page = FIRST
    files: list[SpooledFile] = field(default_factory=list)
    pieces: dict[int, Piece] = field(default_factory=dict)
    piece: Piece | None = None
    validator: str | None = None
    last_digest: bytes | None = None
    seen: set[str] = field(default_factory=set)
    rows: int | None = None
    released: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    _farthest: int = 0
    _best: tuple[int, int] = (0, 0)

    @property
    def target(self) -> Any:
        """The target at hand."""
        return self.targets[self.number]

    @property
    def done(self) -> bool:
        """Whether every target's files are here."""
        return self.number >= len(self.targets)

    @property
    def progress(self) -> tuple[int, int]:
        """What only ever grows while the download gets on: whole files, and the byte it was last resumed from."""
        self._best = max(self._best, (len(self.files), self._farthest))
        return self._best

    def aim(self, targets: Sequence[Any]) -> None:
        """Takes fresh targets for the same files; where they are not as many, everything starts over."""
        if targets is self.targets:
            return
        if self.targets and len(targets) != len(self.targets):
            self.start_over()
        self.targets = targets

    def keep(self, file: SpooledFile) -> None:
        """The piece at hand is a whole file."""
        assert self.piece is not None
        self.files.append(file)
        self.pieces[len(self.files)] = self.piece
        self.piece, self.validator, self._farthest = None, None, 0

    def turn_to(self, page: Page | None) -> bool:
        """Goes on to this page, or to the next target; false where that page was here before."""
        if page is None:
            self.number += 1
            self._forget_pages()
            return True
        self.page = page
        mark = repr(page.value)
        fresh = page.value is None or mark not in self.seen
        self.seen.add(mark)
        return fresh

    def _forget_pages(self) -> None:
        self.page, self.last_digest = FIRST, None
        self.seen.clear()

    def resumed_at(self, offset: int) -> None:
        """The server went on where the last try broke off."""
        self._farthest = max(self._farthest, offset)

    def drop_piece(self) -> None:
        """Throws away the file at hand."""
        piece, self.piece, self.validator = self.piece, None, None
        if piece is not None:
            piece.remove()

    def drop_target(self) -> None:
        """Throws away every page of the target at hand, and goes back to its first."""
        self.drop_piece()
        while self.files and self.files[-1].target_number == self.number:
            self.pieces.pop(len(self.files)).remove()
            self.files.pop()
        self._forget_pages()

    def start_over(self) -> None:
        """Throws away everything."""
        self.drop_piece()
        for piece in self.pieces.values():
            piece.remove()
        self.pieces.clear()
        self.files.clear()
        self.number, self._farthest = 0, 0
        self._forget_pages()
