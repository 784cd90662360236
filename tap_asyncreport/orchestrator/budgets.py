"""How patient a stream is: limits, waits and tries, in seconds and counts, from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from tap_asyncreport.config.requesters import Requester, Retry
    from tap_asyncreport.config.settings import Settings
    from tap_asyncreport.config.streams import Stream

SHORTEST_WAIT = 0.05
FIRST_POLL = 0.25


@dataclass(frozen=True, slots=True)
class Tries:
    """How often one call is made, and how long apart: `wait` doubles up to `wait_max`. `key` is where that is said."""

    max_tries: int | None = None
    max_time: float | None = None
    wait: float = 1.0
    wait_max: float = 60.0
    key: str = field(default="", compare=False)

    def told(self, failures: int, *, asked: bool) -> str | None:
        """Who says how long to wait, and which try failed, of how many within how long by which key."""
        if self.max_tries is None:
            return "as the API asks" if asked else None
        longest = round(sum(self.pause(number) for number in range(1, self.max_tries)), 1)
        within = "" if asked else f" in {longest:g} s"
        bound = f", by `{self.key}`" if self.key else ""
        return f"{'as the API asks, ' if asked else ''}try {failures} of {self.max_tries}{within}{bound}"

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, 1 for the first."""
        return max(SHORTEST_WAIT, min(self.wait * 2.0 ** min(failures - 1, 64), self.wait_max))

    def spent(self, failures: int, seconds: float) -> bool:
        """Whether no further call may be made after so many failures over so many seconds."""
        tried = self.max_tries is not None and failures >= self.max_tries
        return tried or (self.max_time is not None and seconds > self.max_time)


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits, waits and tries of one stream's jobs.

    Creations of one partition go out one after the other, `in_turn`, where their number is limited by a quota.

    Where nothing `polls`, it is the download that says `not_ready`: then `timeout` and the poll waits bound that, and
    it counts as a try only where `retry.max_tries` is given.
    """

    max_concurrent: int | None = None
    max_concurrent_per: Mapping[str, int] = field(default_factory=dict)
    poll_interval: float = 1.0
    poll_interval_max: float = 60.0
    poll_backoff: float = 1.5
    initial_delay: float = 0.0
    timeout: float = 10800.0
    stall_timeout: float | None = None
    keep_on_timeout: bool = True
    keep_on_exit: bool = True
    max_attempts: int = 3
    retry_wait: float = 0.0
    creation: Tries = Tries(5)
    polling: Tries = Tries()
    target: Tries = Tries(10)
    download: Tries = Tries(10)
    aborts: bool = False
    deletes: bool = False
    in_turn: bool = False
    abort: Tries = Tries(2)
    delete: Tries = Tries(2)
    polls: bool = True
    not_ready_counts: bool = True
    batch: int = 1

    def poll_pause(self, polls: int, jitter: Callable[[], float]) -> float:
        """Seconds between poll number `polls` (from 1) and the next.

        Up to a tenth longer by `jitter` (0 to 1), so that jobs made together are not asked about together for ever, but
        never longer than the longest that the user wrote.
        """
        grown = self.poll_interval * self.poll_backoff ** min(polls - 1, 64)
        longest = max(self.poll_interval, self.poll_interval_max)
        return max(SHORTEST_WAIT, min(grown * (1 + 0.1 * jitter()), longest))

    @property
    def first_poll(self) -> float:
        """Seconds between creation and the first poll: few jobs end at once, yet a short one should not wait long."""
        return self.initial_delay or min(FIRST_POLL, self.poll_interval / 4)


def _seconds(length: timedelta) -> float:
    return length.total_seconds()


def _tries(retry: Retry | None, default: int | None, key: str = "") -> Tries:
    if retry is None:
        return Tries(default, key=key)
    return Tries(
        default if retry.max_tries is None else retry.max_tries,
        None if retry.max_time is None else _seconds(retry.max_time),
        _seconds(retry.wait),
        _seconds(retry.wait_max),
        key,
    )


def _retry(requester: Requester | Sequence[Requester] | None) -> Retry | None:
    if isinstance(requester, Sequence):
        return requester[-1].retry if requester else None
    return None if requester is None else requester.retry


def _knows_a_quota(stream: Stream) -> bool:
    rules = [*stream.responses, *(rule for step in stream.creation_requester for rule in step.responses)]
    return any(rule.means == "quota_exhausted" for rule in rules)


def budget_of(stream: Stream, settings: Settings) -> Budget:
    """The stream's budget as configured."""
    jobs = stream.jobs
    asked = stream.download_target_requester
    finder = "download_retriever" if _retry(asked) is None else "download_target_requester"
    keeps = jobs.on_exit == "keep" or (jobs.on_exit is None and stream.abort_requester is None)
    return Budget(
        max_concurrent=jobs.max_concurrent or settings.max_concurrent_jobs,
        max_concurrent_per=jobs.max_concurrent_per,
        poll_interval=_seconds(jobs.poll_interval),
        poll_interval_max=_seconds(jobs.poll_interval_max),
        poll_backoff=jobs.poll_backoff,
        initial_delay=_seconds(jobs.initial_delay),
        timeout=_seconds(jobs.timeout),
        stall_timeout=None if jobs.stall_timeout is None else _seconds(jobs.stall_timeout),
        keep_on_timeout=jobs.on_timeout == "keep",
        keep_on_exit=keeps,
        max_attempts=jobs.max_attempts,
        retry_wait=_seconds(jobs.retry_wait),
        creation=_tries(stream.creation_requester[-1].retry, jobs.creation_max_tries, "jobs.creation_max_tries"),
        polling=_tries(_retry(stream.polling_requester), None, "polling_requester.retry.max_tries"),
        target=_tries(_retry(asked) or stream.download_retriever.retry, 10, f"{finder}.retry.max_tries"),
        download=_tries(stream.download_retriever.retry, 10, "download_retriever.retry.max_tries"),
        aborts=stream.abort_requester is not None,
        deletes=stream.delete_requester is not None,
        in_turn=_knows_a_quota(stream),
        abort=_tries(_retry(stream.abort_requester), 2),
        delete=_tries(_retry(stream.delete_requester), 2),
        polls=stream.polling_requester is not None,
        not_ready_counts=stream.polling_requester is not None or stream.download_retriever.retry.max_tries is not None,
        batch=(stream.polling_requester.batch or 1) if stream.polling_requester else 1,
    )
