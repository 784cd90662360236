"""One stream in one run: its calendars, its jobs' repository, its reader, and the writing of a unit's rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from tap_asyncreport.account import place
from tap_asyncreport.config.values import Step, parse_moment
from tap_asyncreport.decoding import RowReader
from tap_asyncreport.errors import ConfigurationError, Problem, ReportError, TemplateError, Where
from tap_asyncreport.finished import Finished
from tap_asyncreport.job import Unit, partition_key
from tap_asyncreport.job_repository import JobRepository
from tap_asyncreport.planning import LanePlan, Parts, plan_lane, unit_of, window_of
from tap_asyncreport.state import Forgotten, Reading
from tap_asyncreport.windows import Calendar

if TYPE_CHECKING:
    from types import TracebackType

    from tap_asyncreport.config.only import Only
    from tap_asyncreport.config.streams import Incremental
    from tap_asyncreport.orchestrator.task import Task
    from tap_asyncreport.run import Run
    from tap_asyncreport.stream import ReportStream

logger = logging.getLogger("tap-asyncreport")


class Stopped(Exception):  # noqa: N818
    """The run is to end while a unit is being written; never leaves `Writing`."""


class StreamRun:
    """What a run knows of one of its streams."""

    def __init__(self, run: Run, stream: ReportStream) -> None:
        self.run = run
        self.stream = stream
        self.was_read = False
        self.strayed = False
        self.name = stream.name
        self.config = stream.report
        self.planned = False
        self.failures: list[ReportError] = []
        self.collected: dict[str, dict[Any, Any]] = {}
        self._handed_on: dict[str, int] = {}
        self.parents = [dimension.stream for dimension in self.config.partitions if dimension.stream is not None]
        settings = run.settings
        self.repository = JobRepository(
            settings, self.config, run.http, run.templates, run.spool, clock=run.clock
        )
        self.reader = RowReader(
            self.config,
            run.templates,
            schema=stream.effective_schema,
            selected=lambda column: column in self.collected or stream.selects(column),
            unknown_columns=self.config.unknown_columns or settings.unknown_columns,
            key_columns=stream.key_columns,
        )
        self._zone = run.templates.template(self._timezone(), f"streams.{self.name}.incremental.timezone")
        self._calendars: dict[str, Calendar] = {}
        self._parts: dict[tuple[object, ...], Parts] = {}

    def _timezone(self) -> str:
        incremental = self.config.incremental
        return (incremental.timezone if incremental else None) or self.run.settings.timezone

    def scope(self, partition: Mapping[str, Any]) -> dict[str, Any]:
        """The names that hold before there is a window or a job."""
        return self.repository.unit_scope(Unit(self.name, partition))

    # -- time

    def zone(self, partition: Mapping[str, Any]) -> str:
        """The name of a partition's time zone."""
        return str(self._zone.render(self.scope(partition)))

    def calendar(self, partition: Mapping[str, Any]) -> Calendar | None:
        """The windows of a partition; None for a stream without windows."""
        if self.config.incremental is None:
            return None
        zone = self.zone(partition)
        if zone not in self._calendars:
            try:
                self._calendars[zone] = self._calendar_with(self.config.incremental, zone)
            except ConfigurationError as error:
                problem = error.problems[0]
                if "{{" not in self._timezone() or not problem.key.endswith(".timezone"):
                    raise
                raise TemplateError(problem.message, key=problem.key, hint=problem.hint) from None
        return self._calendars[zone]

    def _known_calendar(self, partition: Mapping[str, Any]) -> Calendar | None:
        """The calendar of a partition that is in state; None where its values do not say the zone any more."""
        try:
            return self.calendar(partition)
        except TemplateError:
            return None

    def _calendar_with(self, incremental: Incremental, zone: str) -> Calendar:
        return Calendar(
            incremental.model_copy(update={name: self._moment(incremental, name) for name in ("start", "end")}),
            timezone=zone,
            now=self.run.now,
            key=f"streams.{self.name}.incremental",
        )

    def _moment(self, incremental: Incremental, name: str) -> Any:
        """The stream's start or end, else the top level's, as it is in this run."""
        moment, key = getattr(incremental, name), f"streams.{self.name}.incremental.{name}"
        if moment is None:
            moment, key = getattr(self.run.settings, f"{name}_date"), f"{name}_date"
        if not isinstance(moment, str):
            return moment
        moment = self.run.templates.template(moment, key).render(self.scope({}))
        try:
            return None if moment is None else parse_moment(moment)
        except ValueError:
            said = f"the template gives {moment!r}, which is neither a date nor an instant"
            hint = "for example {{ now | minus('2d') }}"
            raise ConfigurationError([Problem(said, key, hint=hint)]) from None

    def reading(self) -> Reading:
        """How this stream's bookmarks in a given state are understood."""
        dimensions = tuple(dimension.name for dimension in self.config.partitions)
        batched = frozenset(dimension.name for dimension in self.config.partitions if dimension.batch)
        incremental = self.config.incremental
        if incremental is None:
            return Reading(self.config.replication_key, dimensions, batched=batched)

        def resume_at(partition: Mapping[str, Any], value: Any) -> datetime:
            calendar = self._known_calendar(partition) or self._calendar_with(incremental, "UTC")
            return calendar.resume_at(value)

        return Reading(self.config.replication_key, dimensions, resume_at, batched)

    def parts(self, partition: Mapping[str, Any]) -> list[Only]:
        """The parts of a restricted run that this partition belongs to."""
        return [part for part in self.run.settings.only if part.covers(self.name, partition)]

    def _parts_calendar(self, partition: Mapping[str, Any]) -> Calendar | Parts | None:
        calendar = self.calendar(partition)
        parts = self.parts(partition)
        if calendar is None or not parts:
            return calendar
        zone = self.zone(partition)
        key = zone, *(id(part) for part in parts)
        if key not in self._parts:
            self._parts[key] = Parts(calendar, [self._calendar_of(zone, part) for part in parts])
        return self._parts[key]

    def _calendar_of(self, zone: str, part: Only) -> Calendar:
        """The calendar of a part: its span instead of the stream's, all of it, whatever is finished."""
        assert self.config.incremental is not None
        changes = {"start": part.start, "end": part.end, "lookback": Step("0")}
        given = {name: value for name, value in changes.items() if value is not None}
        return self._calendar_with(self.config.incremental.model_copy(update=given), zone)

    def plan_lane(self, partition: Mapping[str, Any]) -> LanePlan:
        """The units of one partition."""
        state = self.run.state
        return plan_lane(
            self.name,
            partition,
            self._parts_calendar(partition),
            self.repository,
            until=state.until(self.name, partition),
            kept=state.jobs(self.name, partition),
            now=self.run.now,
            resume_max_age=self.config.jobs.resume_max_age,
        )

    def left_behind(self, forgotten: Forgotten) -> LanePlan:
        """The jobs of a partition that is read no more: nobody waits for them."""
        calendar = self._known_calendar(forgotten.context)
        units = [unit_of(self.name, forgotten.context, window_of(job), calendar, job) for job in forgotten.jobs]
        stale = [
            (unit, self.repository.adopt(unit, job), not job.get("written"))
            for unit, job in zip(units, forgotten.jobs, strict=True)
        ]
        return LanePlan([], stale=stale, is_read=False)

    def split(self, unit: Unit) -> tuple[Unit, Unit] | None:
        """Two units for the halves of one that was too large; None when it cannot be halved."""
        calendar = self.calendar(unit.partition)
        halves = calendar.split(unit.window) if calendar is not None and unit.window is not None else None
        if halves is None:
            return None
        first, second = (unit_of(self.name, unit.partition, half, calendar) for half in halves)
        return first, second

    # -- rows

    def writing(self, task: Task) -> Writing:
        """The writing of one unit's rows; as a context it ends the unit well or badly."""
        return Writing(self, task)

    def finish(self, unit: Unit) -> None:
        """Moves the bookmark over a window whose rows are out."""
        calendar = self.calendar(unit.partition)
        if calendar is None or unit.window is None:
            return
        bookmark = calendar.bookmark(unit.window)
        if bookmark is None:
            return
        state = self.run.state
        if self.run.settings.only:
            part = Finished(unit.window.start, bookmark.until, bookmark.value)
            whole = calendar.windows(None).windows
            first = whole[0].start if whole else None
            state.finish_part(self.name, unit.partition, part, first=first)
        else:
            state.finish(self.name, unit.partition, bookmark.value, bookmark.until)

    def stray(self, unit: Unit) -> str | None:
        """A value of the replication key that lies outside the unit's window, of the rows just read; None for none."""
        calendar, window = self.calendar(unit.partition), unit.window
        if calendar is None or window is None:
            return None
        for value in (self.reader.observed.minimum, self.reader.observed.maximum):
            try:
                at = None if value is None else calendar.resume_at(value)
            except (ValueError, TypeError, OverflowError):  # a key that is no date says nothing about windows
                return None
            if at is not None and not window.start <= at < window.end:
                return str(value)
        return None

    def hand_on(self) -> None:
        """Tells streams that are partitioned by these records of their values, before the bookmark moves past them."""
        for child in self.run.streams.values() if self.config.incremental is not None else ():
            for dimension in child.config.partitions:
                if dimension.stream == self.name and dimension.key is not None:
                    values = self.collected[dimension.key]
                    new = islice(values.values(), self._handed_on.get(dimension.key, 0), None)
                    self.run.state.know(child.name, dimension.name, new)
        self._handed_on = {key: len(values) for key, values in self.collected.items()}

    @cached_property
    def unasked(self) -> list[str]:
        """The columns that are read for the sake of other streams only: the catalog deselects them."""
        return [
            column
            for column in self.collected
            if not self.stream.selects(column) and column not in self.stream.key_columns
        ]

    def collect(self, record: Mapping[str, Any]) -> None:
        """Remembers what other streams are partitioned by."""
        for column, values in self.collected.items():
            value = record.get(column)
            if value is not None:
                values.setdefault(value if isinstance(value, str | int) else partition_key({"": value}), value)


class Writing:
    """The rows of one unit on their way out.

    A ReportError fails the unit and goes no further up. Where nobody takes the rows the unit is left for the next run.
    """

    def __init__(self, work: StreamRun, task: Task) -> None:
        self.task = task
        self.rows_out = 0
        self._work = work
        self._run = work.run

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._end_well()
        elif isinstance(error, ReportError):
            there = Where(step="decode").within(place(self.task.unit, self.task.job))
            self._run.runner.unreadable(self.task, error.within(there))
            self._run.tick()
        elif isinstance(error, GeneratorExit):
            self._run.runner.interrupt(for_good=True)  # whoever asked for rows has enough of them
            return False
        else:
            return isinstance(error, Stopped)
        return True

    def chunks(self, prefix: bytes, suffix: bytes) -> Iterator[tuple[bytes, int]]:
        """Joined lines with the number of their rows."""
        if self.task.empty:
            return
        if self._work.collected:
            yield from self._collecting(prefix, suffix)
            return
        files, scope, expected = self._source()
        yield from self._work.reader.chunks(files, scope, prefix, suffix, expect_rows=expected)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Typed rows, one by one."""
        if self.task.empty:
            return
        files, scope, expected = self._source()
        for record in self._work.reader.rows(files, scope, expect_rows=expected):
            self._work.collect(record)
            for column in self._work.unasked:
                record.pop(column, None)
            yield record

    def count(self, rows: int) -> None:
        """Counts rows that are out; raises Stopped when no more should follow."""
        self.rows_out += rows
        self._run.account.ledger.writing(self._work.name, self.rows_out)
        if not self._run.tick():
            raise Stopped

    def stop(self) -> None:
        """Ends the whole run here, as one that was only a test; never returns."""
        self._run.runner.interrupt(for_good=True)
        raise Stopped

    def _collecting(self, prefix: bytes, suffix: bytes) -> Iterator[tuple[bytes, int]]:
        from tap_asyncreport.output import encoder

        for record in self.rows():
            yield prefix + encoder.encode(record) + suffix + b"\n", 1

    def _source(self) -> tuple[Any, dict[str, Any], int | None]:
        job = self.task.job
        assert job is not None
        repository = self._work.repository
        return repository.files(job), repository.scope(job), repository.expected_rows(job)

    def _warn_of_strays(self) -> None:
        """Rows outside the window are emitted all the same; that there are any is said once."""
        work, unit = self._work, self.task.unit
        stray = None if work.strayed or self.task.empty or not self.rows_out else work.stray(unit)
        if stray is not None:
            work.strayed = True
            logger.warning(
                "%s: rows lie outside the window that was asked for (%s has %s of %s); they are emitted",
                work.name, unit.window, work.config.replication_key, stray,
            )  # fmt: skip

    def _end_well(self) -> None:
        run, task = self._run, self.task
        if run.runner.interrupted and task.phase.value == "ended" and not self.rows_out:
            return
        run.output.look()
        if run.output.gone:
            return
        self._warn_of_strays()
        self._work.hand_on()
        if task.last_link and self._work.stream.selected:
            self._work.finish(task.unit)
        run.books.written(task.unit, task.job)
        run.books.say()  # in one piece with the last rows: what dies between them comes again
        run.output.flush()
        if not run.output.gone:
            run.runner.written(task, self.rows_out, covered=not run.state.dirty)
        run.tick()

