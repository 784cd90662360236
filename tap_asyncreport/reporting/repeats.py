"""Failures that repeat: the first few of a stream for each reason are told whole, the others counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tap_asyncreport.error_text import printable
from tap_asyncreport.job import JobEvent, JobEventKind
from tap_asyncreport.reporting import words

FIRST = 5
MOST_REASONS = 20
_OTHERS = "other reasons"
_WHAT = {
    JobEventKind.FAILED: "windows failed",
    JobEventKind.SKIPPED: "partitions skipped",
    JobEventKind.WARNING: "warnings",
}
_NUMBER = re.compile(r"\d[\d.,]*")


@dataclass(slots=True)
class _Reason:
    message: str
    count: int = 0


class Repeats:
    """Counts failures and warnings by stream, kind and reason; reasons that differ in numbers only are one."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, JobEventKind], dict[str, _Reason]] = {}

    def is_one_of_many(self, event: JobEvent) -> bool:
        """Counts it, and says whether its like was told often enough."""
        if event.kind not in _WHAT:
            return False
        reasons = self._seen.setdefault((event.unit.stream, event.kind), {})
        message = why(event)
        key = _NUMBER.sub("0", message)
        if key not in reasons and len(reasons) >= MOST_REASONS:
            key = message = _OTHERS
        reason = reasons.setdefault(key, _Reason(message))
        reason.count += 1
        return key == _OTHERS or reason.count > FIRST

    def sums(self) -> Iterator[tuple[JobEventKind, str, dict[str, Any]]]:
        """A line for each reason of which some were not told, and its fields."""
        for (stream, kind), reasons in self._seen.items():
            for reason in reasons.values():
                text = f"{stream}: {words.number(reason.count)} {_WHAT[kind]}"
                if reason.message == _OTHERS:
                    text += " for other reasons, and are not told one by one"
                elif reason.count > FIRST:
                    text += f", of which {words.number(reason.count - FIRST)} are not told one by one: {reason.message}"
                else:
                    continue
                yield kind, text, {"stream_name": stream, "job_event": "summary", f"jobs_{kind.value}": reason.count}


def why(event: JobEvent) -> str:
    """The reason on one line, without the API's own words, which may hold what differs from job to job."""
    return " ".join(printable(event.error.message).split()) if event.error else "no reason is known"


def most_usual(reasons: dict[str, int], most: int = 3) -> str:
    """The reasons that came most often, each with how often: `the job failed (10 times); 2 times for other reasons`."""
    ranked = sorted(reasons.items(), key=lambda reason: -reason[1])
    shown = [f"{reason} ({words.many(count, 'time')})" for reason, count in ranked[:most]]
    rest = sum(count for _, count in ranked[most:])
    return "; ".join([*shown, *([f"{words.many(rest, 'time')} for other reasons"] if rest else [])])
