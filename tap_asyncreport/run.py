"""One run: everything a sync needs, put together once, and taken apart in every case."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

from tap_asyncreport.account import Account, log_metric, place
from tap_asyncreport.books import Books
from tap_asyncreport.clock import SystemClock
from tap_asyncreport.config.shown import shown
from tap_asyncreport.errors import Interrupted, ReportError, Where
from tap_asyncreport.http.session import Http
from tap_asyncreport.job import JobEvent, Unit
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.budgets import budget_of
from tap_asyncreport.partition_lists import partitions_of
from tap_asyncreport.planning import LanePlan
from tap_asyncreport.reporting import RunFacts, StreamEnd
from tap_asyncreport.runner import Runner
from tap_asyncreport.spool import Spool
from tap_asyncreport.state import StateBook
from tap_asyncreport.stream_run import StreamRun
from tap_asyncreport.templates import Templates

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.http.redaction import Redactor
    from tap_asyncreport.orchestrator.task import Task
    from tap_asyncreport.output import Output
    from tap_asyncreport.stream import ReportStream

logger = logging.getLogger("tap-asyncreport")

END_WITHIN = 9.0
LAST_WORDS_WITHIN = 0.6
FINISH_WITHIN = 4.0


class Run:
    """A sync of some streams: `start` plans and begins, `close` ends it in every case; the main thread's own.

    Raises StateError before any call was made when the given state cannot be read.
    """

    def __init__(
        self,
        loaded: Loaded,
        streams: Sequence[ReportStream],
        state: Any,
        output: Output,
        redactor: Redactor,
    ) -> None:
        settings = self.settings = loaded.settings
        self._loaded = loaded
        self.output = output
        output.when_gone = self.target_left
        self.clock = SystemClock()
        self.now = self.clock.now()
        self.exit_code = 0
        self.signal: int | None = None
        self._write_until = float("-inf")
        self._closed = self._broke_off = False
        self._asking = False
        self.templates = Templates(now=self.now, timezone=settings.timezone)
        self.account = Account(
            self.clock, self.now, redactor, log_metric, page=settings.run_report, sources=loaded.sources
        )
        self.spool = Spool(settings.spool.directory)
        output.when_sending = self.account.sending
        self.http = Http(
            settings,
            self.templates,
            clock=self.clock,
            redactor=redactor,
            counters=[self.account.ledger.observe_exchange],
            when_held=self.account.held,
        )
        self.streams = {stream.name: StreamRun(self, stream) for stream in streams}
        for work in self.streams.values():
            for dimension in work.config.partitions:
                if dimension.stream is not None and dimension.key is not None:
                    self.streams[dimension.stream].collected[dimension.key] = {}
        self.state = StateBook.read(state, {name: work.reading() for name, work in self.streams.items()})
        self._state_before = self.state.to_dict()
        self.books = Books(
            self.state,
            {name: work.repository for name, work in self.streams.items()},
            deletes=lambda name: self.streams[name].config.delete_requester is not None,
            write=self._write_state,
            clock=self.clock,
        )
        is_test = any(stream.ABORT_AT_RECORD_COUNT is not None for stream in streams)
        self.runner = Runner(
            Orchestrator(1 if is_test else settings.max_concurrent_jobs, split=self._split),
            {name: work.repository for name, work in self.streams.items()},
            clock=self.clock,
            spool_fill=lambda: self.spool.used / max(1, settings.spool.max_bytes),
            most_calls=min(64, settings.max_concurrent_jobs + 12),
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.exit_code, self._broke_off = self.exit_code or 1, True
            self.runner.interrupt()  # nobody takes what the others are still working for
        self.close()

    def stream(self, name: str) -> StreamRun:
        """What this run knows of a stream."""
        return self.streams[name]

    # -- planning

    def start(self) -> None:
        """Plans what can be planned without other streams' rows, and lets the work begin."""
        for name, work in self.streams.items():
            self.runner.orchestrator.add_stream(name, budget_of(work.config, self.settings))
        self.account.begin(lambda: self._facts("running", None))
        self.runner.start()
        plans = {name: self._plan(work) for name, work in self.streams.items() if not work.parents}
        self._discard_stale([plan for lanes in plans.values() for plan in lanes])  # before others take slots
        for name, lanes in plans.items():
            self._add(name, lanes)

    def _plan(self, work: StreamRun) -> list[LanePlan]:
        """The stream's lanes; a stream that cannot be planned fails alone."""
        try:
            partitions = self._partitions(work)
            self.state.carry_over(work.name, partitions)
            if self.settings.only:
                return list(self._lanes(work, [partition for partition in partitions if work.parts(partition)]))
            return [*self._left_behind(work, partitions), *self._lanes(work, partitions)]
        except Interrupted:
            return []
        except ReportError as error:
            self._failed(work.name, error)
            return []

    def _lanes(self, work: StreamRun, partitions: Sequence[Mapping[str, Any]]) -> Iterator[LanePlan]:
        """A lane for each partition; one that cannot be planned fails alone, and only the first such is told of."""
        failed: list[ReportError] = []
        for partition in partitions:
            try:
                yield work.plan_lane(partition)
            except ReportError as error:
                failed.append(error.within(place(Unit(work.name, partition), None)))
        if len(failed) > 1:
            failed[0].message += f" (and {len(failed) - 1} more of {len(partitions)} partitions cannot be planned)"
        if failed:
            self._failed(work.name, failed[0])

    def _left_behind(self, work: StreamRun, partitions: Sequence[Mapping[str, Any]]) -> list[LanePlan]:
        """Forgets partitions that are gone for good; a lane for each that has jobs at the API still."""
        forgotten = self.state.forget_absent(work.name, partitions) if work.config.partitions else []
        gone = sum(each.gone for each in forgotten)
        if gone:
            logger.info("%s: %d partitions are gone; their bookmarks are dropped", work.name, gone)
        return [work.left_behind(each) for each in forgotten if each.jobs]

    def _partitions(self, work: StreamRun) -> list[dict[str, Any]]:
        """The stream's partitions; the API may be asked for them here, on the main thread, until a signal comes."""
        if self.runner.interrupted:
            raise Interrupted("the run is ending", self.code())
        self._asking = True
        try:
            return partitions_of(work)
        finally:
            self._asking = False

    def _add(self, name: str, lanes: Sequence[LanePlan]) -> None:
        work = self.streams[name]
        for warning in dict.fromkeys(text for lane in lanes for text in lane.warnings):
            logger.warning("%s: %s", name, warning)
        windows = sum(len(lane.units) for lane in lanes)
        partitions = sum(lane.is_read for lane in lanes) if work.config.partitions else 0
        self.account.plan(name, windows=windows, partitions=partitions)

        def add(orchestrator: Orchestrator, now: float) -> None:
            for lane in lanes:
                orchestrator.add_units(name, lane.units, lane.adopted, now=now)
            orchestrator.complete(name)

        self.runner.add(add)

    def _discard_stale(self, lanes: Sequence[LanePlan]) -> None:
        """Jobs of earlier runs that nobody goes on with are cleaned up; their windows get new ones only then."""
        stale = [entry for lane in lanes for entry in lane.stale]
        if not stale:
            return

        def discard(orchestrator: Orchestrator, now: float) -> None:
            for unit, job, alive in stale:
                orchestrator.discard_job(unit.stream, unit, job, alive=alive, now=now)

        self.runner.add(discard)

    def _split(self, unit: Unit) -> tuple[Unit, Unit] | None:
        return self.streams[unit.stream].split(unit)

    # -- the sync

    def next(self, name: str) -> Task | None:
        """The next unit of a stream whose rows may be written; None when there is none any more."""
        work = self.streams[name]
        if work.parents and not work.planned:
            work.planned = True
            self._read_parents(work)
            lanes = self._plan(work)
            self._discard_stale(lanes)
            self._add(name, lanes)
        self.output.flush()
        return self.runner.next(name, self.on_events)

    def _read_parents(self, work: StreamRun) -> None:
        """Reads the streams that partition this one, when they are not selected themselves."""
        for name in work.parents:
            parent = self.streams[name]
            if not parent.was_read:
                for _ in parent.stream.records(self):
                    pass

    def tick(self) -> bool:
        """Enters what happened meanwhile; false when writing should stop.

        After a signal a window whose first rows are out is finished if that takes no longer than `FINISH_WITHIN`: else
        all of them would come again.
        """
        if self.runner.tick(self.on_events):
            return True
        return not self.output.gone and self.clock.monotonic() < self._write_until

    def on_events(self, events: list[JobEvent]) -> float | None:
        """Enters events into state and ledger, on the main thread; returns in how many seconds it is wanted again."""
        self.account.hear(events)
        self.books.enter(events)
        self.output.flush()
        self.output.look()
        return self.books.due()

    def target_left(self, why: str) -> None:
        """Nobody takes our output any more: the run ends in order, and without a word to it."""
        if not self.runner.interrupted:
            logger.error("%s; the run ends here, and the next one goes on", why)
        self.exit_code = self.exit_code or 1
        self.interrupt()
        self.runner.never_covered()

    def interrupt(self, signum: int | None = None) -> None:
        """Ends the run in order, within ten seconds; safe in a signal handler."""
        if signum is not None and self.signal is None:
            self.signal, self._write_until = signum, self.clock.monotonic() + FINISH_WITHIN
            self._watch()
            threading.Thread(target=_say_stopped, args=(signum,), daemon=True).start()  # no handler may log itself
        self.runner.interrupt()
        if self._asking and signum is not None:
            raise Interrupted("a signal came", 128 + signum)

    def _watch(self) -> None:
        """However the API or the target hang, the process ends, not without its last words if those can be written."""

        def end() -> None:
            last_words = threading.Thread(target=self.tell, daemon=True)
            last_words.start()
            last_words.join(LAST_WORDS_WITHIN)
            self.spool.close()
            os._exit(self.code())

        watchdog = threading.Timer(END_WITHIN, end)
        watchdog.daemon = True
        watchdog.start()

    # -- the end

    def succeeded(self, name: str) -> bool:
        """Whether everything of that stream was read and nothing failed."""
        return not self.runner.interrupted and not self.errors(name)

    def errors(self, name: str) -> list[ReportError]:
        """Why lanes of this stream ended early."""
        work = self.runner.orchestrator.streams[name]
        found = [lane.error for lane in work.lanes.values() if lane.error is not None]
        if work.quota is not None:
            found.append(work.quota)
        found += self.streams[name].failures
        return list(dict.fromkeys(found))

    def code(self) -> int:
        """The exit code as it stands."""
        if self.signal is not None:
            return 128 + self.signal
        if self.runner.login_error is not None:
            return self.runner.login_error.exit_code
        if self.exit_code:
            return self.exit_code
        failures = [error for name in self.streams for error in self.errors(name)]
        return max((error.exit_code for error in failures), default=0)

    def close(self) -> None:
        """Cleans up at the API and on disk, and writes the last STATE; every way out comes through here, once."""
        if self._closed:
            return
        self._closed = True
        try:
            self.runner.finish(self.on_events)
            self.books.say(last=True)
            self.output.flush()
        finally:
            with suppress(OSError):
                self.spool.close()

    @property
    def was_cut_short(self) -> bool:
        """Whether a signal, or a target that left, ended it."""
        return self.signal is not None or self.output.gone

    def raise_failure(self) -> None:
        """Raises the first failure, where the run was one stream's own."""
        for name in self.streams:
            for error in self.errors(name):
                raise error

    def tell(self) -> None:
        """Writes the run page, and the closing table on stderr: a line per stream."""
        ends = {name: self._end_of(name) for name in self.streams}
        found = {end for end, _ in ends.values()}
        worst = next((end for end in StreamEnd if end in found and end is not StreamEnd.OK), StreamEnd.OK)
        self.account.close(ends, lambda: self._facts(worst, self.code()))

    def _facts(self, outcome: str, exit_code: int | None) -> RunFacts:
        return RunFacts(
            outcome,
            exit_code,
            version=version("tap-asyncreport"),
            state_before=self._state_before,
            state_after=self.state.to_dict(),
            configuration=shown(self._loaded),
        )

    def _end_of(self, name: str) -> tuple[StreamEnd, ReportError | None]:
        errors = self.errors(name)
        if self.runner.orchestrator.streams[name].quota is not None:
            return StreamEnd.QUOTA_EXHAUSTED, errors[0]
        if errors:
            return StreamEnd.FAILED, errors[0]
        if self._broke_off and self.runner.orchestrator.streams[name].is_open:
            return StreamEnd.NOT_FINISHED, None
        return (StreamEnd.INTERRUPTED if self.runner.interrupted else StreamEnd.OK), None

    def _failed(self, name: str, error: ReportError) -> None:
        self.streams[name].failures.append(error.within(Where(stream=name)))
        self.account.failed(error)

    def _write_state(self, message: bytes) -> None:
        self.output.write(message)
        self.output.flush()
        if not self.output.gone:
            self.runner.covered()


def _say_stopped(signum: int) -> None:
    logger.warning(
        "stopped by %s: starts no more jobs, aborts those at the API or keeps them for the next run as `jobs.on_exit` "
        "says, and ends within 10 seconds",
        signal.Signals(signum).name,
    )
