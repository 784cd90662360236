"""The job of one unit of work, as plain data: what it is, what became of it, what an answer means for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_asyncreport.errors import ReportError
    from tap_asyncreport.response import Response


class JobStatus(StrEnum):
    """What a status word of the API means."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"


class Means(StrEnum):
    """What an answer means; the words of `responses[].means`."""

    OK = "ok"
    RETRY = "retry"
    BUSY = "busy"
    DUPLICATE = "duplicate"
    QUOTA_EXHAUSTED = "quota_exhausted"
    AUTH_EXPIRED = "auth_expired"
    TOO_LARGE = "too_large"
    NOT_READY = "not_ready"
    LINK_EXPIRED = "link_expired"
    JOB_GONE = "job_gone"
    EMPTY = "empty"
    SKIP_PARTITION = "skip_partition"
    FAIL = "fail"
    NO_ROOM = "no_room"  # never from an answer: the spool had no room for a download


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open span of time, [start, end), both aware."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{_short(self.start)} to {_short(self.end)}"


def _short(at: datetime) -> str:
    midnight = (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)
    return at.date().isoformat() if midnight else at.isoformat()


def partition_key(partition: Mapping[str, Any]) -> str:
    """A text that is the same for the same partition, whatever the order of its names.

    A number and its text are the same value: states pass through tools that turn one into the other.
    """
    return json.dumps(_texts(partition), sort_keys=True)


def _texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _texts(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(each) for each in value]
    if isinstance(value, float | Decimal) and value == value // 1:
        return str(int(value))
    return value if value is None or isinstance(value, bool) else str(value)


@dataclass(frozen=True, eq=False)
class Unit:
    """One piece of work: a window of a partition of a stream, and its link in a chain of jobs.

    Units compare by identity: a window that was read twice makes two units.
    """

    stream: str
    partition: Mapping[str, Any] = field(default_factory=dict)
    window: Window | None = None
    link: int = 0
    cursor: Any = None
    view: Any = None  # the window as templates see it, rendered in the stream's format and zone

    @property
    def lane(self) -> tuple[str, str]:
        """What is worked off in order: the stream and its partition."""
        return self.stream, partition_key(self.partition)

    def follows(self, other: Unit) -> bool:
        """Whether this is a later link of the same window's chain."""
        return self.window == other.window and self.link > other.link

    def __str__(self) -> str:
        parts = [self.stream]
        if self.partition:
            parts.append(" ".join(f"{name}={value}" for name, value in self.partition.items()))
        if self.window:
            parts.append(str(self.window))
        return " ".join(parts)


@dataclass(eq=False)
class Job:
    """A job at the API, made or adopted by this run for a unit; only one call about it is under way at a time."""

    unit: Unit
    attempt: int = 1
    id: str | None = None
    id_value: Any = None  # the id as the API's JSON has it, for templates: a number stays one
    request_hash: str = ""
    begun_at: datetime | None = None  # the first try of its creation
    created_at: datetime | None = None
    adopted: bool = False
    creation_response: Response | None = None
    creation_responses: dict[str, Response] = field(default_factory=dict)
    polling_response: Response | None = None
    targets: list[Any] | None = None
    target_origins: list[str] = field(default_factory=list)  # the URL of the answer that each target stood in
    idempotency_key: str = ""

    @property
    def in_part(self) -> bool:
        """Whether only the first of several creation steps have been answered."""
        return bool(self.creation_responses) and self.creation_response is None


def job_name(job: Job | None) -> str:
    """A job as it is told of: `job 7`, or `the job` where its id is not known."""
    return "the job" if job is None or job.id is None else f"job {job.id}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call about a job came to.

    `wait` is what the API asked for, in seconds; `error` what to say if it ends here; `counts` that a busy answer is to
    be bounded like a failed try; `follow` the next job of the same window, where jobs are chained.
    """

    means: Means
    wait: float | None = None
    error: ReportError | None = None
    status: JobStatus | None = None
    word: str | None = None
    progress: Any = None
    counts: bool = False
    follow: Unit | None = None


class JobEventKind(StrEnum):
    """What happened to a unit of work, in the words of the run page."""

    WAITING = "waiting"
    CREATING = "creating"
    CREATED = "created"
    ADOPTED = "adopted"
    POLLED = "polled"
    DELAYED = "delayed"
    COMPLETED = "completed"
    DOWNLOADING = "downloading"
    NO_ROOM = "no_room"
    READY = "ready"
    WRITING = "writing"
    WRITTEN = "written"
    RETRYING = "retrying"
    BUSY = "busy"
    SPLIT = "split"
    SKIPPED = "skipped"
    DROPPED = "dropped"
    FAILED = "failed"
    KEPT = "kept"
    ABORTED = "aborted"
    DELETED = "deleted"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened, for state, progress and the run page; `at` is monotonic seconds.

    `wait` is in how many seconds the next try is made, or the next poll where the job runs; `tries` says how many there
    were, and are allowed.
    """

    kind: JobEventKind
    at: float
    unit: Unit
    job: Job | None = None
    word: str | None = None
    wait: float | None = None
    error: ReportError | None = None
    rows: int | None = None
    tries: str | None = None
