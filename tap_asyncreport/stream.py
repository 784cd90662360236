"""A stream: units of work in; SCHEMA, RECORD and STATE out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.streams.core import Stream

from tap_asyncreport.decoding import schema_of
from tap_asyncreport.errors import DecodeError
from tap_asyncreport.sdk import spare_idle_words

if TYPE_CHECKING:
    from tap_asyncreport.config.streams import Stream as StreamConfig
    from tap_asyncreport.orchestrator.task import Task
    from tap_asyncreport.run import Run
    from tap_asyncreport.tap import TapAsyncReport


EPOCH = datetime.fromtimestamp(0, UTC)


class ReportStream(Stream):
    """A stream whose records are fetched by jobs at the API.

    Rows are decoded straight to lines where the SDK would not change them, and go through the SDK where stream maps or
    flattening do; both give the same messages. Bookmarks are moved by finished windows, never by rows.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: TapAsyncReport, config: StreamConfig) -> None:
        super().__init__(tap, schema=schema_of(config), name=config.name)
        self.logger.addFilter(spare_idle_words)
        self.report = config
        self.primary_keys = config.primary_keys
        self.replication_key = config.replication_key
        self._tap: TapAsyncReport = tap
        self._extracted_at = EPOCH
        if config.incremental is None:
            self.forced_replication_method = "FULL_TABLE"

    # -- what the SDK asks

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Runs the jobs of this stream and gives every record, typed; bookmarks move as units are finished."""
        with self._tap.run_for(self) as run:
            yield from self.records(run)

    @property
    def key_columns(self) -> list[str]:
        """The columns that every record has: primary keys, and the replication key."""
        keys = [*self.primary_keys, *([self.replication_key] if self.replication_key else [])]
        return list(dict.fromkeys(keys))

    def selects(self, column: str) -> bool:
        """Whether the catalog selects that column; keys always are."""
        return bool(self.mask.get(("properties", column), True))

    # -- the SDK's own ways that are wrong for reports

    def get_replication_key_signpost(self, context: Any = None) -> None:  # noqa: ARG002
        """None: windows say what is finished, never the values of rows."""
        return

    def _increment_stream_state(self, latest_record: Any, *, context: Any = None) -> None:
        pass

    def _write_starting_replication_value(self, context: Any) -> None:
        pass

    def finalize_state_progress_markers(self, state: Any = None) -> None:
        """Nothing: there are no progress markers."""

    def _write_state_message(self) -> None:
        run = self._tap.current_run
        if run is not None:
            run.books.say()

    def _write_activate_version_message(self, full_table_version: int) -> None:
        """Sent at the end, and only when everything was read: see `_sync_records`."""

    # -- records

    def _sync_records(
        self,
        context: Any = None,  # noqa: ARG002
        *,
        write_messages: bool = True,
    ) -> Generator[dict[str, Any], Any, Any]:
        with self._tap.run_for(self) as run:
            fast = write_messages and self._unchanged_by_the_sdk() and self.ABORT_AT_RECORD_COUNT is None
            timer = self.get_sync_timer()
            counter = self.get_record_counter()
            with counter, timer:
                if fast:
                    for rows in self._lines(run):
                        counter.increment(rows)
                else:
                    write = self._write_record_message if self.selected and write_messages else None
                    for record in self.records(run, self.ABORT_AT_RECORD_COUNT, write):
                        counter.increment()
                        yield record
                if not run.succeeded(self.name):
                    timer.tags[metrics.Tag.STATUS] = metrics.Status.FAILED
            run.stream(self.name).was_read = True
            if self._stream_version is not None and run.succeeded(self.name):
                super()._write_activate_version_message(self._stream_version)

    def _unchanged_by_the_sdk(self) -> bool:
        maps = self.stream_maps
        same = len(maps) == 1 and type(maps[0]) is SameRecordTransform
        return same and not maps[0].flattening_enabled

    def _write_record_message(self, record: Any) -> None:
        try:
            messages = list(self._generate_record_messages(record))
        except (MappingError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            said = f"{error} ({error.__cause__})" if error.__cause__ else str(error)
            said, hint = f"the stream map cannot be applied: {said}", f"see `stream_maps.{self.name}`"
            raise DecodeError(said, hint=hint) from error
        for message in messages:
            message.time_extracted = self._extracted_at
            self._tap.write_message(message)

    def _lines(self, run: Run) -> Iterator[int]:
        """Writes the rows of every unit as joined lines; yields how many at a time."""
        work = run.stream(self.name)
        for task in self._units(run):
            prefix, suffix = self._frame()
            with work.writing(task) as unit:
                for lines, rows in unit.chunks(prefix, suffix):
                    run.output.write(lines)
                    unit.count(rows)
                    yield rows

    def records(
        self, run: Run, most: int | None = None, write: Callable[[Any], None] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Gives the rows of every unit one by one; with `most` the whole run is a test, which ends after so many.

        A ReportError of `write`, which takes each row first, fails the window like a row that cannot be read.
        """
        work, given = run.stream(self.name), 0
        for task in self._units(run):
            with work.writing(task) as unit:
                for record in unit.rows():
                    if write is not None:
                        write(record)
                    unit.count(1)
                    given += 1
                    yield record
                    if most is not None and given >= most:
                        unit.stop()

    def _units(self, run: Run) -> Iterator[Task]:
        while (task := run.next(self.name)) is not None:
            self._extracted_at = run.clock.now()
            yield task

    def _frame(self) -> tuple[bytes, bytes]:
        """What stands before and behind the record in each line of this unit."""
        from tap_asyncreport.output import encoder

        alias = encoder.encode(self.stream_maps[0].stream_alias)
        version = b"" if self._stream_version is None else b',"version":%d' % self._stream_version
        stamp = encoder.encode(self._extracted_at.isoformat())
        return b'{"type":"RECORD","stream":%b,"record":' % alias, b'%b,"time_extracted":%b}' % (version, stamp)

