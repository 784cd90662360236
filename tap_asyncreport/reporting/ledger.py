"""What happened in a run, as plain data, kept from job events and calls as they come."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tap_asyncreport.error_text import render, summary
from tap_asyncreport.errors import TapError, Where
from tap_asyncreport.job import JobEvent, JobEventKind, Unit
from tap_asyncreport.reporting import words
from tap_asyncreport.reporting.calls import StepCalls
from tap_asyncreport.reporting.lanes import ENDS, MOST_SPANS, MOVES, Lane, Phase
from tap_asyncreport.reporting.tally import Failure, StreamEnd, Tally, failure, key_of

if TYPE_CHECKING:
    from tap_asyncreport.http.calls import Call, Exchange

AFTERWARDS = frozenset(
    {JobEventKind.ABORTED, JobEventKind.DELETED, JobEventKind.DROPPED, JobEventKind.WARNING, JobEventKind.KEPT}
)
OVER_AT_THE_API = frozenset({JobEventKind.RETRYING, JobEventKind.SPLIT, JobEventKind.SKIPPED})
DOWNLOAD = "download_retriever"
HOLDS_UP = frozenset({"creation_requester", "download_target_requester", DOWNLOAD})  # a held poll stops no job


class RunLedger:
    """The one account of a run, read by progress, the closing table and the run page; safe from any thread.

    `started` is one moment as monotonic seconds and on the wall. Without `keep_lanes` it forgets a unit once that is
    over, so that only counts grow with the run.
    """

    def __init__(self, started: tuple[float, datetime], *, keep_lanes: bool = True) -> None:
        self.started, self.started_at = started
        self.streams: dict[str, Tally] = {}
        self.lanes: list[Lane] = []
        self.calls: dict[str, StepCalls] = {}
        self.failures: list[Failure] = []
        self.sending_since: float | None = None
        self.lock = threading.RLock()
        self._keep_lanes = keep_lanes
        self._by_job: dict[tuple[str, str], Lane] = {}
        self._holds: dict[Unit, list[tuple[float, float]]] = {}  # of units whose beginning is still to be told

    def wall(self, at: float) -> datetime:
        """The wall clock's time at a monotonic moment."""
        return self.started_at + timedelta(seconds=at - self.started)

    # -- what the tap says

    def plan(self, stream: str, windows: int, partitions: int = 0, *, at: float | None = None) -> None:
        """Announces what a stream has to do, in the order in which streams are to be shown; may be said again."""
        with self.lock:
            tally = self._tally(stream, at)
            tally.planned, tally.partitions = windows, partitions

    def stream_ended(
        self, stream: str, outcome: str, error: TapError | None = None, *, at: float | None = None
    ) -> None:
        """The stream's verdict (a `StreamEnd` or any words); an error that no window told of is a failure too."""
        with self.lock:
            tally = self._tally(stream, at)
            tally.end = outcome
            if error is None:
                return
            tally.error = summary(error)
            if not any(known.stream == stream and known.words == tally.error for known in self.failures):
                text = render(error, where=Where(stream=stream))
                when = self.started if at is None else at
                self.failures.append(
                    Failure(stream, "", "", None, tally.error, text, when, error.hint, key_of(error))
                )

    def finish(self, at: float) -> None:
        """The run is over: what is still open stays unfinished."""
        with self.lock:
            for tally in self.streams.values():
                for lane in tally.live.values():
                    lane.close(at)
                tally.live.clear()
                tally.end = tally.end or StreamEnd.NOT_FINISHED

    def writing(self, stream: str, rows: int) -> None:
        """How many rows of the unit that is being written are out so far."""
        with self.lock:
            self._tally(stream).writing_rows = rows

    def observe_wait(self, call: Call, since: float, until: float) -> None:
        """That call is held back by `rate_limits` until then; on any thread."""
        with self.lock:
            tally = self.streams.get(call.stream or "")
            if tally is None:
                return
            tally.held_until = max(tally.held_until, until)
            if self._keep_lanes and call.unit is not None and call.step in HOLDS_UP:
                lane = tally.live.get(call.unit)
                holds = self._holds.setdefault(call.unit, []) if lane is None else lane.holds
                if len(holds) < MOST_SPANS:
                    holds.append((since, until))

    def observe_exchange(self, exchange: Exchange) -> None:
        """Takes down one call and its answer; an observer for the door to the network, on any thread."""
        call, size = exchange.call, exchange.size
        with self.lock:
            if call.step not in self.calls:
                self.calls[call.step] = StepCalls(call.step)
            self.calls[call.step].add(exchange.status_code, exchange.seconds, size)
            if call.step != DOWNLOAD or call.stream is None:
                return
            self._tally(call.stream).size += size
            lane = self._by_job.get((call.stream, call.job_id)) if call.job_id else None
            if lane is not None:
                lane.size += size

    # -- what the orchestrator says

    def observe(self, events: Sequence[JobEvent]) -> None:
        """Takes down what happened, in order."""
        with self.lock:
            for event in events:
                self._note(event)

    def lane_of(self, unit: Unit) -> Lane | None:
        """The lane of a unit that has begun and has no verdict yet."""
        tally = self.streams.get(unit.stream)
        return tally.live.get(unit) if tally else None

    def _note(self, event: JobEvent) -> None:
        tally = self._tally(event.unit.stream)
        lane = tally.live.get(event.unit)
        if event.kind is JobEventKind.WARNING:
            tally.warnings += 1
        if event.kind is JobEventKind.KEPT:
            tally.kept += 1
        if lane is None:
            if event.kind in AFTERWARDS:
                return
            lane = self._begin(tally, event)
        self._name_job(lane, event)
        self._move(lane, event)
        self._count(tally, lane, event)
        if event.kind in ENDS:
            self._end(tally, lane, event)

    def _begin(self, tally: Tally, event: JobEvent) -> Lane:
        unit = event.unit
        since = min(event.at, tally.born_at(unit, event.at))
        lane = Lane(unit.stream, words.partition(unit), words.window(unit), unit.link, since)
        lane.holds = self._holds.pop(unit, [])
        tally.live[unit] = lane
        if self._keep_lanes:
            self.lanes.append(lane)
        if unit.link:
            tally.chains.add((unit.lane[1], unit.window))
            tally.written += event.kind is JobEventKind.ADOPTED  # the links before it are an earlier run's
        return lane

    def _name_job(self, lane: Lane, event: JobEvent) -> None:
        job = event.job
        if job is None:
            return
        lane.attempts = max(lane.attempts, job.attempt)
        if job.id is not None and job.id != lane.job_id:
            lane.job_ids.append(job.id)
            self._by_job[(lane.stream, job.id)] = lane

    def _move(self, lane: Lane, event: JobEvent) -> None:
        phase = MOVES.get(event.kind)
        if event.kind is JobEventKind.POLLED and lane.completed:
            phase = Phase.DOWNLOADING
        if event.kind is JobEventKind.RETRYING:
            lane.mark_failed(event.at)
            lane.enter(Phase.BACKING_OFF, event.at)
        elif phase is not None:
            lane.enter(phase, event.at)
        lane.roomless = event.kind is JobEventKind.NO_ROOM
        lane.next_at = None if event.wait is None else event.at + event.wait
        lane.reason = summary(event.error) if event.error else None

    def _count(self, tally: Tally, lane: Lane, event: JobEvent) -> None:
        kind = event.kind
        if kind in (JobEventKind.CREATED, JobEventKind.ADOPTED):
            tally.jobs += kind is JobEventKind.CREATED
            tally.adopted += kind is JobEventKind.ADOPTED
            lane.created_at, lane.completed = event.at, False
        elif kind is JobEventKind.POLLED:
            lane.polls += 1
            lane.word = event.word
        elif kind is JobEventKind.COMPLETED:
            if lane.created_at is not None:
                tally.run_times.append(event.at - lane.created_at)
            lane.completed = True
        elif kind in OVER_AT_THE_API:
            tally.retried += kind is JobEventKind.RETRYING
            lane.created_at, lane.completed = None, False

    def _end(self, tally: Tally, lane: Lane, event: JobEvent) -> None:
        unit = event.unit
        lane.finish(ENDS[event.kind], event.at)
        if event.kind is JobEventKind.WRITTEN:
            self._written(tally, lane, event)
        elif event.kind is JobEventKind.FAILED:
            self._failed(tally, lane, event)
        elif event.kind is JobEventKind.SKIPPED:
            tally.skipped.add(unit.lane[1])
        elif event.kind is JobEventKind.SPLIT:
            if unit.window is not None:
                tally.births.setdefault(unit.lane[1], []).append((unit.window, event.at))
            tally.planned = None if tally.planned is None else tally.planned + 1
        lane.error = lane.error or (summary(event.error) if event.error else None)
        del tally.live[unit]
        for job_id in lane.job_ids:
            self._by_job.pop((lane.stream, job_id), None)

    def _written(self, tally: Tally, lane: Lane, event: JobEvent) -> None:
        lane.rows = event.rows or 0
        tally.rows += lane.rows
        tally.writing_rows = 0
        if event.unit.link:
            tally.chains.discard((event.unit.lane[1], event.unit.window))
        else:
            tally.written += 1

    def _failed(self, tally: Tally, lane: Lane, event: JobEvent) -> None:
        tally.failed += 1
        if lane.phase is Phase.WRITING:  # what is out stays out
            lane.rows = tally.writing_rows
            tally.rows += tally.writing_rows
            tally.writing_rows = 0
        self.failures.append(failure(event, lane.job_id))

    def _tally(self, stream: str, at: float | None = None) -> Tally:
        tally = self.streams.get(stream)
        if tally is None:
            tally = self.streams[stream] = Tally(stream, self.started if at is None else at)
        return tally
