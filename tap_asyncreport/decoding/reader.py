"""Downloaded files to typed rows or to message lines: the door of this room."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Any

import msgspec

from tap_asyncreport.config.streams import Stream
from tap_asyncreport.decoding import further, json_text
from tap_asyncreport.decoding.compression import ByteStream, members
from tap_asyncreport.decoding.detect import BINARY, LOOK_BYTES, beginning
from tap_asyncreport.decoding.layout import Columns, Given
from tap_asyncreport.decoding.lines import gathered
from tap_asyncreport.decoding.parts import Part, part_of
from tap_asyncreport.decoding.setup import Setup
from tap_asyncreport.decoding.source import Observed, Source
from tap_asyncreport.errors import DecodeError, ReportError, TransferError, Where
from tap_asyncreport.response import Response
from tap_asyncreport.templates import Templates
from tap_asyncreport.templates.further_pages import Unread, linked, said_at

Scope = Mapping[str, Any]
Pieces = Iterator[tuple[bytes, int]]

_BLANK = b"\0\t\r\n "
_UNASKED = frozenset({"br", "compress", "deflate", "zstd"})
_ROWS = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def _record_names(paths: Iterable[tuple[str, ...]]) -> set[str] | None:
    """The fields of the row that a template looks at; None where it takes the row as a whole."""
    used = [path for path in paths if path[0] == "record"]
    return None if any(len(path) == 1 for path in used) else {path[1] for path in used}


@contextmanager
def _naming(name: str | None) -> Iterator[None]:
    """What goes wrong names the file or member; nesting too deep for us is told as any other fault."""
    try:
        yield
    except RecursionError:
        raise DecodeError("the data is nested too deeply to be read") from None
    except ReportError as error:
        error.message = f"{name}: {error.message}" if name else error.message
        error.args = (error.message,)
        raise


@contextmanager
def _placing(file: Source) -> Iterator[None]:
    """What goes wrong names the request that the file came from."""
    try:
        yield
    except ReportError as error:
        error.within(getattr(file, "where", Where()))
        if isinstance(error, DecodeError) and (file.content_encoding or "").lower() in _UNASKED:
            error.hint = (
                f"the answer came with `Content-Encoding: {file.content_encoding}`, which is not undone: ask for "
                "another by `download_retriever.headers: {Accept-Encoding: gzip}`"
            )
        raise


class RowReader:
    """Reads the files of one stream's jobs; built once per stream, used by one thread.

    Both ways of reading give the same data: `rows` as dicts, `chunks` as joined message lines. `observed` tells, of the
    last reading, the number of rows, the span of the replication key, and what was put right. Raises DecodeError for
    bytes that are not the rows declared, TransferError for a number of rows that is not the expected one.
    """

    def __init__(
        self,
        stream: Stream,
        templates: Templates,
        *,
        schema: Mapping[str, Any] | None = None,
        selected: Callable[[str], bool] | Collection[str] | None = None,
        unknown_columns: str = "warn",
        key_columns: Sequence[str] = (),
    ) -> None:
        self.observed = Observed()
        self._stream = stream
        self._decode = stream.decode
        key = f"streams.{stream.name}"
        self._added = {
            name: templates.template(source, f"{key}.add_columns.{name}") for name, source in stream.add_columns.items()
        }
        looks = {name: _record_names(template.paths) for name, template in self._added.items()}
        self._per_row = {name for name, used in looks.items() if used is None or used}
        needed = None if None in looks.values() else {name for used in looks.values() if used for name in used}
        columns = Columns(
            stream, schema=schema, selected=selected, unknown=unknown_columns, keys=key_columns,
            observed=self.observed, needed=needed, warn=self._warn,
        )  # fmt: skip
        listen = self._hear if further.asks_for_one_page(stream) else None
        self._setup = Setup(stream, templates, columns, self.observed, listen)
        self._unread = Unread()

    def _warn(self, message: str) -> None:
        logging.getLogger("tap-asyncreport").warning("stream %s: %s", self._stream.name, message)

    def _hear(self, path: str, key: str, text: bytes) -> None:
        """What stands beside the records of an answer whose further pages nobody asks for."""
        self._tell_of_more(said_at(further.PAGES, path, key, json_text.parse(text.decode())))

    def _tell_of_more(self, hint: str | None) -> None:
        self._unread.tell(f"stream {self._stream.name}", "has more rows than are read", hint)

    def rows(
        self, files: Iterable[Source], scope: Scope, *, expect_rows: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Typed rows: the selected columns, keys and added columns; numbers with a point are Decimals."""
        for lines, _ in self.chunks(files, scope, b"", b"", expect_rows=expect_rows):
            yield from _ROWS.decode_lines(lines)

    def chunks(
        self, files: Iterable[Source], scope: Scope, prefix: bytes, suffix: bytes, *, expect_rows: int | None = None
    ) -> Pieces:
        """Lines `prefix{...}suffix` of the rows, joined to 256 KiB and more, with the number of rows in each chunk.

        Where a number of rows is expected, all are counted before the first is given.
        """
        files = list(files)
        if expect_rows is not None:
            counted = sum(self._counted(file, scope, len(files)) for file in files)
            if counted != expect_rows:
                raise TransferError(
                    f"the API announced {expect_rows} rows, and the files hold {counted}", hint="see `expect.rows`"
                )
        vars(self.observed).update(vars(Observed()))
        yield from gathered(self._pieces(files, scope, prefix, suffix))

    def _pieces(self, files: Sequence[Source], scope: Scope, prefix: bytes, suffix: bytes) -> Pieces:
        for file in files:
            given = self._given(file, scope)
            if self._setup.listen is not None:
                self._tell_of_more(linked(further.PAGES, getattr(file, "headers", {})))
            with _placing(file):
                for name, part in self._parts(file, scope, len(files)):
                    with _naming(name):
                        yield from part.lines(given, prefix, suffix)

    def _counted(self, file: Source, scope: Scope, files: int) -> int:
        counted = 0
        with _placing(file):
            for name, part in self._parts(file, scope, files):
                with _naming(name):
                    counted += part.count()
        return counted

    def _parts(self, file: Source, scope: Scope, files: int) -> Iterator[tuple[str | None, Part]]:
        """The members of a file, each with its name where there are several."""
        any_member = False
        for stream in members(file, self._decode):
            any_member = True
            name = stream.name if files > 1 or stream.name != file.name else None
            with ExitStack() as held:
                with _naming(name):
                    part = None if self._empty(stream, file) else part_of(self._setup, file, stream, scope, held)
                if part is not None:
                    yield name, part
        if not any_member:
            self._refuse_nothing("the archive holds no file")

    def _empty(self, stream: ByteStream, file: Source) -> bool:
        """Whether a member means that there are no rows; raises DecodeError for nothing at all, and null."""
        head = stream.peek(LOOK_BYTES + 1)
        if len(head) > LOOK_BYTES:
            if head.strip(_BLANK):
                return False
            raise DecodeError(
                f"the first {LOOK_BYTES} bytes are blank, and no report begins so",
                hint="was the file begun and never written? have it made again",
            )
        if head[:4] in BINARY:
            return False
        text = beginning(stream, self._decode, file.charset).strip() if head else ""
        if text in {marker.strip() for marker in self._decode.empty_markers}:
            return True
        if text == "null":
            raise DecodeError(
                "the body is the JSON value null instead of the report",
                excerpt=text,
                hint='`decode.empty_markers: ["null"]` where the API means by it that there are no rows',
            )
        if text.strip("\0"):
            return False
        self._refuse_nothing(f"the body is empty ({len(head)} bytes)")
        return True

    def _refuse_nothing(self, seen: str) -> None:
        if self._decode.empty_body != "ok":
            raise DecodeError(
                f"{seen}, and a report has at least a header or a list",
                hint="`decode.empty_body: ok` where the API means by it that there are no rows",
            )

    def _given(self, file: Source, scope: Scope) -> Given:
        """What this file's rows get from the context."""
        here = {**scope, "download_target": file.target}
        headers = getattr(file, "headers", None)
        if headers is not None:
            here["response"] = Response(headers=headers)
        partition = scope.get("partition") or {}
        single = [part.name for part in self._stream.partitions if part.batch is None and part.name in partition]
        fixed = {name: t.render(here) for name, t in self._added.items() if name not in self._per_row}
        per_row = {name: self._row_template(name, here) for name in self._added if name in self._per_row}
        return Given(fixed, {name: partition[name] for name in single if name not in self._added}, per_row)

    def _row_template(self, name: str, here: Scope) -> Callable[[dict[str, Any]], Any]:
        template = self._added[name]
        return lambda record: template.render({**here, "record": record})
