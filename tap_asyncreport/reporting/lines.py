"""Log lines: one for each change worth telling, few enough to read when thousands of jobs run."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_asyncreport.error_text import render, summary
from tap_asyncreport.errors import TemplateError
from tap_asyncreport.job import JobEvent, JobEventKind, Unit, job_name
from tap_asyncreport.reporting import words
from tap_asyncreport.reporting.lanes import ENDS
from tap_asyncreport.reporting.ledger import RunLedger
from tap_asyncreport.reporting.repeats import Repeats, most_usual, why
from tap_asyncreport.reporting.tally import place_of
from tap_asyncreport.reporting.views import StreamView, views
from tap_asyncreport.terminal import text_width

logger = logging.getLogger("tap-asyncreport")

HEARTBEAT = 60.0
BURST = 60
ALLOWED_EVERY = 10.0
MOST_STREAMS = 20
_COUNTED = {
    JobEventKind.CREATED: "created",
    JobEventKind.ADOPTED: "taken over",
    JobEventKind.COMPLETED: "completed",
    JobEventKind.WRITTEN: "written",
    JobEventKind.RETRYING: "made again",
    JobEventKind.KEPT: "kept",
    JobEventKind.ABORTED: "aborted",
}


@dataclass(slots=True)
class _Seen:
    """What was told of a unit before."""

    created_at: float | None = None
    word: str | None = None


@dataclass(slots=True)
class _Allowance:
    """How many more lines a stream may have: a burst, then one in ten seconds."""

    lines: float
    at: float
    held_back: Counter[JobEventKind] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # why jobs were made again

    def spend(self, now: float) -> bool:
        """Whether one more line may be written now."""
        self.lines = min(BURST, self.lines + max(0.0, now - self.at) / ALLOWED_EVERY)
        self.at = now
        if self.lines < 1:
            return False
        self.lines -= 1
        return True


class LogLines:
    """Writes what happens to the log: changes within an allowance for each stream, failures and warnings always.

    Of those that are alike the first few are written, and at the end how many there were. What is held back is summed
    up in a later line, and written at DEBUG as it happens. `quiet` is for a terminal whose live region shows the
    changes: only failures and warnings are written above it.
    """

    def __init__(self, ledger: RunLedger, *, quiet: bool = False) -> None:
        self._ledger = ledger
        self._quiet = quiet
        self._seen: dict[Unit, _Seen] = {}
        self._allowances: dict[str, _Allowance] = {}
        self._beat_at = ledger.started
        self._repeats = Repeats()

    def observe(self, events: Sequence[JobEvent]) -> None:
        """Writes what is worth a line."""
        for event in events:
            seen = self._seen.setdefault(event.unit, _Seen())
            told = _TELL[event.kind](event, seen)
            if event.kind in ENDS or event.kind in _AFTER_THE_END:
                self._seen.pop(event.unit, None)
            if told is not None:
                self._write(event, *told)

    def tick(self, now: float) -> None:
        """Sums up what was held back, and says each minute that jobs still run."""
        for stream, allowance in self._allowances.items():
            if allowance.held_back and allowance.spend(now):
                self._sum_up(stream, allowance)
        if now - self._beat_at >= HEARTBEAT:
            self._beat_at = now
            if not self._quiet:
                self._heartbeat(now)

    def close(self) -> None:
        """Sums up what was held back until the end."""
        for stream, allowance in self._allowances.items():
            if allowance.held_back:
                self._sum_up(stream, allowance)
        for kind, text, told in self._repeats.sums():
            logger.log(logging.ERROR if kind is JobEventKind.FAILED else logging.WARNING, "%s", text, extra=told)

    def _write(self, event: JobEvent, level: int, text: str) -> None:
        if self._repeats.is_one_of_many(event) or (level == logging.INFO and not self._may_tell(event)):
            level = logging.DEBUG
        if logger.isEnabledFor(level):
            logger.log(level, "%s", text, extra=_fields(event))

    def _may_tell(self, event: JobEvent) -> bool:
        if self._quiet:
            return False
        stream = event.unit.stream
        allowance = self._allowances.get(stream)
        if allowance is None:
            allowance = self._allowances[stream] = _Allowance(BURST, event.at)
        if not allowance.held_back and allowance.spend(event.at):
            return True
        allowance.held_back[event.kind] += 1
        if event.kind is JobEventKind.RETRYING:
            allowance.reasons[why(event)] += 1
        return False

    def _sum_up(self, stream: str, allowance: _Allowance) -> None:
        counts, allowance.held_back = allowance.held_back, Counter()
        reasons, allowance.reasons = allowance.reasons, Counter()
        parts = [f"{words.number(counts[kind])} {word}" for kind, word in _COUNTED.items() if counts[kind]]
        if not parts:
            return
        tally = self._ledger.streams[stream]
        planned = "?" if tally.planned is None else words.number(tally.planned)
        text = (
            f"{stream}: jobs since the last line: {', '.join(parts)}; "
            f"{words.number(tally.windows_done)}/{planned} windows, {words.many(tally.rows_out, 'row')}"
        )
        if reasons:
            text += f"; made again because: {most_usual(reasons)}"
        told = {f"jobs_{kind.value}": count for kind, count in counts.items()}
        logger.info("%s", text, extra={"stream_name": stream, "job_event": "summary", "rows": tally.rows_out, **told})

    def _heartbeat(self, now: float) -> None:
        live = [view for view in views(self._ledger, now) if view.live]
        for view in live[:MOST_STREAMS]:
            logger.info("%s", _beat(view), extra=_beat_fields(view))
        if len(live) > MOST_STREAMS:
            jobs = sum(view.running for view in live[MOST_STREAMS:])
            logger.info(
                "… and %s with %s running",
                words.many(len(live) - MOST_STREAMS, "more stream"),
                words.many(jobs, "job"),
                extra={"job_event": "heartbeat", "jobs_running": jobs},
            )


def _beat(view: StreamView) -> str:
    parts = [view.jobs or "no job running", f"{view.windows} windows", words.many(view.rows, "row")]
    if view.failed:
        parts.append(f"{words.number(view.failed)} failed")
    if view.next_poll is not None:
        parts.append(f"next poll in {words.duration(view.next_poll)}")
    if view.waits_for:
        parts.append(f"waits for: {view.waits_for}")
    return f"{view.stream}: {'; '.join(parts)}"


def _beat_fields(view: StreamView) -> dict[str, Any]:
    return {
        "job_event": "heartbeat",
        "stream_name": view.stream,
        "windows_done": view.done,
        "windows_planned": view.planned,
        "jobs_running": view.running,
        "oldest_seconds": view.oldest,
        "usual_seconds": view.usual,
        "rows": view.rows,
        "next_poll_seconds": view.next_poll,
        "waits_for": view.waits_for,
    }


def _fields(event: JobEvent) -> dict[str, Any]:
    """What a structured log holds beside the text."""
    unit, job = event.unit, event.job
    return {
        "job_event": event.kind.value,
        "stream_name": unit.stream,
        "partition": dict(unit.partition) or None,
        "window": words.window(unit) or None,
        "job_id": job.id if job else None,
        "attempt": job.attempt if job else None,
        "status_word": event.word,
        "wait_seconds": event.wait,
        "rows": event.rows,
    }


# what is told of each kind of event


Told = tuple[int, str] | None


def _unit_line(event: JobEvent, text: str, *, level: int = logging.INFO) -> Told:
    return level, f"{event.unit}: {text}"


def _because(event: JobEvent) -> str:
    return f": {summary(event.error)}" if event.error else ""


def _pause(event: JobEvent) -> str:
    return f" in {words.duration(event.wait)}" if event.wait else ""


def _tries(event: JobEvent) -> str:
    return f" ({event.tries})" if event.tries else ""


def _written_at(event: JobEvent) -> str:
    """The template that cannot be rendered."""
    is_ours = isinstance(event.error, TemplateError) and event.error.place
    return f" (see {event.error.place})" if is_ours and event.error else ""


def _created(event: JobEvent, seen: _Seen) -> Told:
    seen.created_at = event.at
    attempt = f" (attempt {event.job.attempt})" if event.job and event.job.attempt > 1 else ""
    return _unit_line(event, f"{job_name(event.job)} created{attempt}")


def _adopted(event: JobEvent, seen: _Seen) -> Told:
    seen.created_at = event.at
    return _unit_line(event, f"goes on with {job_name(event.job)}, which the API has already")


def _polled(event: JobEvent, seen: _Seen) -> Told:
    changed = event.word is not None and event.word != seen.word
    seen.word = event.word
    return _unit_line(event, f"{job_name(event.job)} is {event.word}", level=logging.INFO if changed else logging.DEBUG)


def _completed(event: JobEvent, seen: _Seen) -> Told:
    took = "" if seen.created_at is None else f" after {words.duration(event.at - seen.created_at)}"
    return _unit_line(event, f"{job_name(event.job)} completed{took}")


def _failed(event: JobEvent, _: _Seen) -> Told:
    if event.error is None:
        return _unit_line(event, f"{job_name(event.job)} failed", level=logging.ERROR)
    where = place_of(event.unit, event.job.id if event.job else None)
    return logging.ERROR, render(event.error, where=where, width=text_width())


def _plain(text: Callable[[JobEvent], str], level: int = logging.INFO) -> Callable[[JobEvent, _Seen], Told]:
    return lambda event, _: _unit_line(event, text(event), level=level)


_AFTER_THE_END = frozenset(
    {JobEventKind.ABORTED, JobEventKind.DELETED, JobEventKind.DROPPED, JobEventKind.WARNING, JobEventKind.KEPT}
)
_TELL: dict[JobEventKind, Callable[[JobEvent, _Seen], Told]] = {
    JobEventKind.WAITING: _plain(lambda _: "waits for a slot", logging.DEBUG),
    JobEventKind.CREATING: _plain(lambda _: "creates a job", logging.DEBUG),
    JobEventKind.CREATED: _created,
    JobEventKind.ADOPTED: _adopted,
    JobEventKind.POLLED: _polled,
    JobEventKind.DELAYED: _plain(lambda event: f"tries again{_pause(event)}{_tries(event)}{_because(event)}"),
    JobEventKind.BUSY: _plain(
        lambda event: f"the API has no slot; tries again{_pause(event)}{_tries(event)}{_because(event)}"
    ),
    JobEventKind.COMPLETED: _completed,
    JobEventKind.DOWNLOADING: _plain(lambda event: f"{job_name(event.job)}: downloading", logging.DEBUG),
    JobEventKind.NO_ROOM: _plain(lambda event: f"{job_name(event.job)}: waits for room in the spool", logging.DEBUG),
    JobEventKind.READY: _plain(lambda event: f"{job_name(event.job)}: ready to be written", logging.DEBUG),
    JobEventKind.WRITING: _plain(lambda event: f"{job_name(event.job)}: writing rows", logging.DEBUG),
    JobEventKind.WRITTEN: _plain(lambda event: f"{job_name(event.job)}: {words.many(event.rows or 0, 'row')} written"),
    JobEventKind.RETRYING: _plain(lambda event: f"{job_name(event.job)} is made again{_pause(event)}{_because(event)}"),
    JobEventKind.SPLIT: _plain(lambda event: f"too large; the window is halved{_because(event)}"),
    JobEventKind.SKIPPED: _plain(lambda event: f"the partition is skipped{_because(event)}", logging.WARNING),
    JobEventKind.DROPPED: _plain(lambda event: f"{job_name(event.job)} is not waited for any more", logging.DEBUG),
    JobEventKind.FAILED: _failed,
    JobEventKind.KEPT: _plain(lambda event: f"{job_name(event.job)} is kept for the next run"),
    JobEventKind.ABORTED: _plain(lambda event: f"{job_name(event.job)} aborted"),
    JobEventKind.DELETED: _plain(lambda event: f"{job_name(event.job)} deleted at the API", logging.DEBUG),
    JobEventKind.WARNING: _plain(
        lambda event: f"{job_name(event.job)}{_because(event)}{_written_at(event)}", logging.WARNING
    ),
}
