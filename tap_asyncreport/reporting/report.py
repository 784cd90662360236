"""Everything about a run as one JSON document: what the run page shows, and what stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from tap_asyncreport.error_text import partition_text
from tap_asyncreport.job import partition_key
from tap_asyncreport.reporting.calls import StepCalls
from tap_asyncreport.reporting.lanes import Lane, Phase
from tap_asyncreport.reporting.ledger import RunLedger
from tap_asyncreport.reporting.tally import Failure, Tally
from tap_asyncreport.reporting.timing import crowd, time_spent

FORMAT = 1
MOMENTS = 160
PHASES = list(Phase)


@dataclass(frozen=True)
class RunFacts:
    """What only the tap knows of its run.

    Without an exit code the run is still under way. States are Singer states, before and after; `configuration` is
    (key, value, origin) as it may be shown, secrets hidden already.
    """

    outcome: str
    exit_code: int | None
    version: str = ""
    state_before: Mapping[str, Any] = field(default_factory=dict)
    state_after: Mapping[str, Any] = field(default_factory=dict)
    configuration: Sequence[tuple[str, str, str]] = ()


def report_of(ledger: RunLedger, facts: RunFacts, now: float, redact: Callable[[str], str] = str) -> dict[str, Any]:
    """The run as JSON-ready data; every text in it has gone through `redact`."""
    with ledger.lock:
        spans = [lane.spans_until(now) for lane in ledger.lanes]
        spent = time_spent(spans, ledger.started, now)
        report = {
            "format": FORMAT,
            "version": facts.version,
            "outcome": facts.outcome,
            "exit_code": facts.exit_code,
            "started_at": _instant(ledger.started_at),
            "ended_at": _instant(ledger.wall(now)),
            "seconds": round(now - ledger.started, 3),
            "rows": sum(tally.rows_out for tally in ledger.streams.values()),
            "bytes": sum(tally.size for tally in ledger.streams.values()),
            "sentence": spent.sentence,
            "time": [
                {
                    "what": share.what,
                    "seconds": round(share.seconds, 3),
                    "share": round(share.share, 4),
                    "phase": share.phase,
                }
                for share in spent.shares
            ],
            "streams": [_stream(tally) for tally in ledger.streams.values()],
            "failures": [_failure(failure, ledger) for failure in ledger.failures],
            "requests": [_calls(calls) for calls in ledger.calls.values()],
            "bookmarks": _bookmarks(facts.state_before, facts.state_after),
            "configuration": [
                {"key": key, "value": value, "origin": origin} for key, value, origin in facts.configuration
            ],
            "phases": [phase.value for phase in PHASES],
            "crowd": {phase.value: counts for phase, counts in crowd(spans, ledger.started, now, MOMENTS).items()},
            "lanes": [_lane(lane, ledger.started, now) for lane in ledger.lanes],
        }
    clean = redacted(report, cache(redact))
    assert isinstance(clean, dict)
    return clean


def redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """The same data with every text redacted; keys are this module's own."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, redact) for item in value]
    return value


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _stream(tally: Tally) -> dict[str, Any]:
    return {
        "stream": tally.name,
        "outcome": tally.outcome,
        "error": tally.error,
        "partitions": tally.partitions,
        "windows_planned": tally.planned,
        "windows_done": tally.windows_done,
        "windows_failed": tally.failed,
        "rows": tally.rows_out,
        "bytes": tally.size,
        "jobs_created": tally.jobs,
        "jobs_adopted": tally.adopted,
        "jobs_made_again": tally.retried,
        "jobs_kept": tally.kept,
        "usual_seconds": None if tally.usual is None else round(tally.usual, 3),
        "warnings": tally.warnings,
    }


def _failure(failure: Failure, ledger: RunLedger) -> dict[str, Any]:
    return {
        "stream": failure.stream,
        "partition": failure.partition,
        "window": failure.window,
        "job_id": failure.job_id,
        "words": failure.words,
        "text": failure.text,
        "try": failure.hint,
        "key": failure.key,
        "at": _instant(ledger.wall(failure.at)),
    }


def _calls(calls: StepCalls) -> dict[str, Any]:
    return {
        "step": calls.step,
        "count": calls.count,
        "median_seconds": round(calls.median, 4),
        "p95_seconds": round(calls.p95, 4),
        "total_seconds": round(calls.seconds, 3),
        "bytes": calls.size,
        "answers": dict(sorted(calls.statuses.items())),
    }


def _lane(lane: Lane, start: float, now: float) -> dict[str, Any]:
    return {
        "stream": lane.stream,
        "partition": lane.partition,
        "window": lane.window,
        "outcome": lane.end.value,
        "jobs": lane.job_ids,
        "attempts": lane.attempts,
        "polls": lane.polls,
        "rows": lane.rows,
        "bytes": lane.size,
        "error": lane.error,
        "spans": [
            [PHASES.index(span.phase), round(span.start - start, 3), round(span.end - start, 3)]
            for span in lane.spans_until(now)
        ],
    }


def _bookmarks(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line per bookmark of either state, partitions included."""
    old, new = _entries(before), _entries(after)
    return [
        {
            "stream": stream,
            "partition": partition_text(partition),
            "before": _bookmark(old, key),
            "after": _bookmark(new, key),
        }
        for key in dict.fromkeys([*old, *new])
        for stream, partition in [key]
    ]


Entries = dict[tuple[str, str], Mapping[str, Any]]


def _entries(state: Mapping[str, Any]) -> Entries:
    """The bookmarks of a Singer state by stream and partition; what has another shape is left out."""
    entries: Entries = {}
    bookmarks = state.get("bookmarks")
    for stream, bookmark in bookmarks.items() if isinstance(bookmarks, Mapping) else ():
        if not isinstance(bookmark, Mapping):
            continue
        partitions = bookmark.get("partitions")
        if not isinstance(partitions, list):
            entries[stream, ""] = bookmark
            continue
        for part in partitions:
            if isinstance(part, Mapping) and isinstance(part.get("context"), Mapping):
                entries[stream, partition_key(part["context"])] = part
    return entries


def _bookmark(entries: Entries, key: tuple[str, str]) -> dict[str, Any] | None:
    entry = entries.get(key)
    if entry is None:
        return None
    jobs = entry.get("jobs")
    return {
        "value": _text(entry.get("replication_key_value")),
        "until": _text(entry.get("until")),
        "jobs": len(jobs) if isinstance(jobs, list) else 0,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
