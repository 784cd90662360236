"""How often a call that is no step of a job is tried, and how long apart."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import backoff

if TYPE_CHECKING:
    from tap_asyncreport.clock import Clock
    from tap_asyncreport.config.requesters import Retry
    from tap_asyncreport.errors import ReportError
    from tap_asyncreport.http.network import NotReady


class Patience:
    """The tries of one such call: waits double from `retry.wait` to `retry.wait_max`, or are as the API asks.

    There are `usual` tries where the configuration says nothing, and a wait of more than `longest` seconds is not made.
    """

    def __init__(self, retry: Retry, clock: Clock, log: logging.Logger, *, usual: int, longest: float) -> None:
        self._tries = retry.max_tries or usual
        self._until = None if retry.max_time is None else clock.monotonic() + retry.max_time.total_seconds()
        factor, most = retry.wait.total_seconds(), retry.wait_max.total_seconds()
        self._waits = backoff.expo(base=2, factor=factor, max_value=most)
        next(self._waits)
        self._clock, self._log, self._longest = clock, log, longest
        self.attempt = 1

    def has_more(self, failure: ReportError | NotReady, asked: float | None, subject: str = "") -> bool:
        """Tells of the failure and waits; False where there is no further try, or the run is to stop."""
        wait = asked or next(self._waits) or 0.0
        late = self._until is not None and self._clock.monotonic() + wait > self._until
        if self.attempt >= self._tries or late or wait > self._longest:
            return False
        said = f": {failure.excerpt}" if failure.excerpt else ""
        asks = "as it asks, " if asked else ""
        self._log.warning(
            "%s%s%s; tries again in %g s (%stry %d of %d)",
            subject, failure.message, said, wait, asks, self.attempt, self._tries,
        )  # fmt: skip
        self.attempt += 1
        return not self._clock.wait(wait)
