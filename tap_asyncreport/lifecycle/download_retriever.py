"""Fetches a job's files into the spool, over targets and pages; goes on where the last try broke off."""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.requesters import ByteRange
from tap_asyncreport.errors import ReportError, TransferError
from tap_asyncreport.job import Job, Means, Outcome
from tap_asyncreport.lifecycle.context import own_url
from tap_asyncreport.lifecycle.download import Download
from tap_asyncreport.lifecycle.expectations import Expectations
from tap_asyncreport.lifecycle.hints import patience
from tap_asyncreport.lifecycle.incoming import (
    Incoming,
    content_range,
    described,
    page_response,
    source_of,
    validator_of,
)
from tap_asyncreport.lifecycle.integrity import verify
from tap_asyncreport.lifecycle.paginators import UNCHANGED, Changes, pages_of
from tap_asyncreport.lifecycle.record_counts import path_of_rows, records_in
from tap_asyncreport.lifecycle.requester import Answer, Asking, Requester
from tap_asyncreport.lifecycle.rules import Step
from tap_asyncreport.response import Response
from tap_asyncreport.spool import NoRoom, Room, Spool, SpooledFile
from tap_asyncreport.templates import LINKED_FROM, NullInText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.lifecycle.paginators import Page
    from tap_asyncreport.spool import Piece

logger = logging.getLogger("tap-asyncreport")


class _Stopped(Exception):  # noqa: N818
    """The download ends with this outcome for now."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.means)
        self.outcome = outcome


class DownloadRetriever:
    """The downloads of a stream; safe to use from several threads for different jobs."""

    def __init__(self, context: StreamContext, spool: Spool) -> None:
        config = context.stream.download_retriever
        key = f"{context.key}.{Step.DOWNLOAD}"
        self._context = context
        self._spool = spool
        self._source = config.source
        self.requester = Requester(config, Step.DOWNLOAD, context, Step.DOWNLOAD)
        self._pages = pages_of(config.paginator, context.templates, f"{key}.paginator")
        self._range = config.paginator.size if isinstance(config.paginator, ByteRange) else None
        decode = context.stream.decode
        self._records = context.extractor(path_of_rows(decode), "decode.records")
        self.expectations = Expectations(context)
        self._downloads: dict[Job, Download] = {}
        self._lock = threading.Lock()

    def url(self, job: Job, target: Any, number: int) -> str | None:
        """The URL of a target; None where it, or a part of it, is null."""
        if self._source is not None:
            return self._source
        scope = self._scope(job, target, number)
        try:
            url = self.requester.url(scope)
        except NullInText:
            return None
        return None if url in (own_url(scope.get("polling_response")), None) else url

    def _scope(self, job: Job, target: Any, number: int) -> dict[str, Any]:
        """The names of a target's request; `absolute` starts at the answer that the target stood in."""
        scope = {**self._context.scope(job), "download_target": target}
        return scope if number >= len(job.target_origins) else {**scope, LINKED_FROM: job.target_origins[number]}

    def download(self, job: Job, room: Room) -> Outcome:
        """Fetches what is missing; called again after any but OK and EMPTY, it goes on where it was."""
        with self._lock:
            download = self._downloads.setdefault(job, Download())
        with download.lock:
            outcome = self._attempt(job, download, room)
        if download.released:
            download.start_over()
        return outcome

    def files(self, job: Job) -> list[SpooledFile]:
        """The files in the order of targets and pages, once the download said OK."""
        download = self._downloads.get(job)
        return [] if download is None else list(download.files)

    def rows(self, job: Job) -> int | None:
        """How many rows `expect.rows` says that the files hold."""
        download = self._downloads.get(job)
        return None if download is None else download.rows

    def release(self, job: Job) -> None:
        """Removes the job's files; a download under way removes them itself when it ends."""
        with self._lock:
            download = self._downloads.pop(job, None)
        if download is None:
            return
        download.released = True
        if download.lock.acquire(blocking=False):
            try:
                download.start_over()
            finally:
                download.lock.release()

    def _attempt(self, job: Job, download: Download, room: Room) -> Outcome:
        try:
            download.aim(job.targets or [None])
            while not download.done and not download.released:
                if self._source is not None:
                    self._inline(job, download, room)
                else:
                    self._fetch(job, download, room)
            scope = self._context.scope(job)
            download.rows = self._rows(download, scope)
            self._check_all(download, scope)
        except _Stopped as stopped:
            return replace(stopped.outcome, progress=download.progress)
        except NoRoom:
            download.drop_piece()
            return Outcome(Means.NO_ROOM)
        except ReportError as error:
            download.drop_piece()
            return Outcome(Means.FAIL, error=error.within(self._context.where(job.unit, job, step=Step.DOWNLOAD)))
        return Outcome(Means.OK if download.files else Means.EMPTY, progress=download.progress)

    def _rows(self, download: Download, scope: Mapping[str, Any]) -> int | None:
        """How many rows the files must hold together; None where not every file says so."""
        each = [file.expected_rows for file in download.files]
        known = [rows for rows in each if rows is not None]
        return sum(known) if known and len(known) == len(each) else self.expectations.rows(scope)

    # -- one file

    def _fetch(self, job: Job, download: Download, room: Room) -> None:
        """One request: a page, or a range of one; raises _Stopped where the job cannot go on for now."""
        scope = self._scope(job, download.target, download.number)
        incoming = Incoming()
        try:
            answer = self._ask(job, download, scope, incoming)
            if answer is None:
                return
            if not answer.good:
                self._no_file(answer, download, scope)
                return
            piece = download.piece = download.piece or self._spool.piece()
            if self._store(answer, incoming, download, piece, room):
                self._whole(answer, scope, download, piece)
        finally:
            incoming.close()

    def _ask(self, job: Job, download: Download, scope: Mapping[str, Any], incoming: Incoming) -> Answer | None:
        """The answer; None where the range asked for was refused, and the file is begun anew or is whole."""
        url = self.url(job, download.target, download.number)
        if url is None:
            where = self._context.where(job.unit, job, step=Step.DOWNLOAD)
            error = TransferError("the download URL is null", where=where, hint="check `download_retriever.request`")
            raise _Stopped(Outcome(Means.LINK_EXPIRED, error=error))
        changes, offset = self._changes(download)
        answer = self.requester.ask(Asking(job.unit, job, scope), changes, read=incoming.read)
        if (
            answer.response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            or answer.rule is not None
            or offset is None
        ):
            return answer
        total = content_range(answer.response.headers.get("content-range"))[1]
        if total == offset or (self._range is not None and offset and total is None):
            download.piece = download.piece or self._empty_piece()
            self._whole(answer, scope, download, download.piece)
        elif offset:
            download.drop_piece()
        else:
            return answer
        return None

    def _empty_piece(self) -> Piece:
        with self._spool.piece() as piece:
            return piece

    def _changes(self, download: Download) -> tuple[Changes, int | None]:
        """What this request changes, and the byte from which it asks."""
        changes = UNCHANGED if self._pages is None else self._pages.changes(download.page)
        size = download.piece.size if download.piece is not None else 0
        if self._range is None and (not size or download.validator is None):
            return changes, None
        last = size + self._range - 1 if self._range is not None else ""
        headers = {"Range": f"bytes={size}-{last}"}
        if size and download.validator is not None:
            headers["If-Range"] = download.validator
        return replace(changes, headers={**changes.headers, **headers}), size

    def _no_file(self, answer: Answer, download: Download, scope: Mapping[str, Any]) -> None:
        if answer.means is Means.EMPTY:
            download.drop_piece()
            self._turn(answer, download, self._behind_empty(answer, download, scope))
            return
        if answer.means is Means.LINK_EXPIRED and download.page.number:
            download.drop_target()  # links to later pages come from pages of the old link
        raise _Stopped(answer.outcome())

    def _behind_empty(self, answer: Answer, download: Download, scope: Mapping[str, Any]) -> Page | None:
        """The page after one without rows, where its answer says that there is one."""
        if self._pages is None or self._pages.counts:
            return None
        seen = self.requester.answer_scope(scope, answer.response)
        return self._pages.after(download.page, answer.response, seen, 0)

    def _store(self, answer: Answer, incoming: Incoming, download: Download, piece: Piece, room: Room) -> bool:
        """Writes the body; true when the file is whole, false when another range is to be asked for."""
        response = answer.response
        first, total = content_range(response.headers.get("content-range"))
        partial = response.status_code == HTTPStatus.PARTIAL_CONTENT
        goes_on = partial and first == piece.size and _same(download.validator, response)
        if piece.size and goes_on:
            download.resumed_at(piece.size)
        elif piece.size:
            piece.restart()
        download.validator = validator_of(response)
        if partial and first != piece.size:
            raise _Stopped(self._failed(answer, f"the server sent bytes from {first}, not from {piece.size}", download))
        self._spool.check(int(response.headers.get("content-length") or 0), room)
        before = piece.size
        with piece:
            for data in incoming.body():
                piece.write(data, room)
                if download.released:
                    raise _Stopped(Outcome(Means.FAIL))
        if incoming.trouble is not None:
            raise _Stopped(self._broken(answer, incoming.trouble.message, piece, download))
        if not partial:
            return True
        if self._range is not None:
            return piece.size >= total if total is not None else piece.size - before < self._range
        if total is not None and piece.size != total:
            raise _Stopped(self._broken(answer, f"{piece.size} of {total} bytes came", piece, download))
        return True

    def _broken(self, answer: Answer, said: str, piece: Piece, download: Download) -> Outcome:
        """The transfer broke off: what came is kept where the server can go on from there."""
        kept = self._range is not None or download.validator is not None
        here = "" if f"{piece.size} bytes" in said else f" ({piece.size} bytes are here)"
        outcome = self._failed(answer, said + here, None)
        if not kept:
            download.drop_piece()
        return outcome

    def _failed(self, answer: Answer, said: str, drop: Download | None, hint: str | None = None) -> Outcome:
        if drop is not None:
            drop.drop_piece()
        error = TransferError(f"downloading: {said}", where=answer.where, hint=hint or patience(Step.DOWNLOAD))
        return answer.outcome(means=Means.RETRY, error=error)

    # -- a whole file

    def _whole(self, answer: Answer, scope: Mapping[str, Any], download: Download, piece: Piece) -> None:
        """Verifies the file, keeps it, and turns to the next."""
        response = answer.response
        file = SpooledFile(
            piece.path,
            piece.size,
            **described(response),
            target=download.target,
            target_number=download.number,
            page=download.page.number,
            where=source_of(response),
        )
        self._verify(answer, file, download, scope)
        response = page_response(file, response) if self._pages is not None else response
        file = replace(file, expected_rows=self.expectations.rows_of(response, scope))
        seen = self.requester.answer_scope(scope, response)
        records = 0
        if self._pages is not None:
            self._not_twice(answer, file, download)
            decode = self._context.stream.decode
            records = records_in(file, response, decode, self._records, seen) if self._pages.counts else 0
        following = None if self._pages is None else self._pages.after(download.page, response, seen, records)
        if self._pages is not None and self._pages.counts and not records and download.page.number:
            download.drop_piece()  # the empty page behind the last
        else:
            download.keep(file)
        self._turn(answer, download, following)

    def _turn(self, answer: Answer, download: Download, following: Page | None) -> None:
        if not download.turn_to(following):
            raise self._repeats(answer, f"page {download.page.number + 1} is one that was here before")

    def _verify(self, answer: Answer, file: SpooledFile, download: Download, scope: Mapping[str, Any]) -> None:
        try:
            verify(file, self._context.stream.decode)
            self.expectations.check_file(file, answer.response, scope)
        except TransferError as error:
            raise _Stopped(self._failed(answer, error.message, download, error.hint)) from error

    def _not_twice(self, answer: Answer, file: SpooledFile, download: Download) -> None:
        with file.path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
        if digest == download.last_digest:
            raise self._repeats(answer, f"page {download.page.number + 1} repeats the page before it")
        download.last_digest = digest

    def _repeats(self, answer: Answer, said: str) -> TransferError:
        return TransferError(f"downloading: {said}", where=answer.where, hint="check `download_retriever.paginator`")

    def _check_all(self, download: Download, scope: Mapping[str, Any]) -> None:
        if not download.files:
            return
        try:
            self.expectations.check_all(download.files, scope)
        except TransferError as error:
            download.start_over()
            raise _Stopped(Outcome(Means.RETRY, error=error)) from error

    def _inline(self, job: Job, download: Download, room: Room) -> None:
        """The rows are in an answer that is already here."""
        found = self._context.scope(job).get(self._source or "")
        response = found if isinstance(found, Response) else Response()
        piece = download.piece = self._spool.piece()
        with piece:
            piece.write(response.text.encode(), room)
        fields = {**described(response), "content_encoding": None, "charset": "utf-8", "name": None}
        download.keep(SpooledFile(piece.path, piece.size, **fields, where=source_of(response)))
        download.turn_to(None)


def _same(validator: str | None, response: Response) -> bool:
    """Whether a part belongs to the file that was begun: the same ETag, where the answer has one."""
    etag = response.headers.get("etag")
    return validator is None or etag is None or etag == validator or not validator.startswith('"')
