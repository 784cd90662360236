"""The configured rates of calls, kept by all threads together."""

from __future__ import annotations

import fnmatch
import re
import threading
from collections.abc import Callable, Iterable, Sequence

from tap_asyncreport.clock import Clock
from tap_asyncreport.config.settings import RateLimit
from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.urls import is_absolute, parse


class _Limit:
    """A token bucket as the one instant at which it would be full again (GCRA): reserving is adding to that."""

    def __init__(self, limit: RateLimit) -> None:
        self.interval = limit.rate.per.total_seconds() / limit.rate.calls
        self.slack = (limit.burst - 1) * self.interval
        self.full_at = 0.0
        self._step = limit.match.get("step")
        self._path = limit.match.get("path")

    def covers(self, step: str, paths: Sequence[str]) -> bool:
        of_step = self._step is None or _matches(self._step, step) or _short(self._step) == _short(step)
        return of_step and (self._path is None or any(_matches(self._path, path) for path in paths))

    def free_at(self, now: float) -> float:
        return max(now, self.full_at - self.slack)

    def take(self, at: float) -> None:
        self.full_at = max(at, self.full_at) + self.interval


def _short(step: str) -> str:
    return step.removesuffix("_requester").removesuffix("_retriever")


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern like a file name's, or a regular expression, covers the whole text.

    An expression that says where it begins or ends need not cover more than it says.
    """
    if fnmatch.fnmatchcase(text, pattern):
        return True
    try:
        find = re.search if pattern.startswith("^") or pattern.endswith("$") else re.fullmatch
        return find(pattern, text) is not None
    except re.error:
        return False


def least_seconds(limit: RateLimit, calls: Iterable[tuple[str, str, int]]) -> float:
    """How long these calls take at the least under one limit; each is a step, a path or URL, and a number of calls."""
    bucket = _Limit(limit)
    covered = sum(count for step, url, count in calls if bucket.covers(step, [_path_of(url)]))
    return max(0, covered - limit.burst) * bucket.interval


def _path_of(url: str) -> str:
    try:
        return parse(url).path if is_absolute(url) else url.partition("?")[0]
    except RequestError:  # a template in the place of the host
        return url


class Rates:
    """Lets calls through no faster than `rate_limits` say; callers go in the order in which they came."""

    def __init__(
        self, limits: Sequence[RateLimit], clock: Clock, base_url: Callable[[], str | None] = lambda: None
    ) -> None:
        self._limits = [_Limit(limit) for limit in limits]
        self._clock = clock
        self._base_url = base_url
        self._lock = threading.Lock()

    def take(self, step: str, url: str, told: Callable[[float], None] = lambda _: None) -> float:
        """Waits until a call may go and returns the seconds waited; does not wait once the run is to stop.

        `told` hears the seconds before they are waited.
        """
        with self._lock:
            now = self._clock.monotonic()
            covering = self._covering(step, url)
            at = max((limit.free_at(now) for limit in covering), default=now)
            for limit in covering:
                limit.take(at)
        if at > now:
            told(at - now)
            self._clock.wait(at - now)
        return at - now

    def next_free(self, step: str, url: str) -> float:
        """Seconds until a call of this step to this URL could go; reserves nothing."""
        with self._lock:
            now = self._clock.monotonic()
            return max((limit.free_at(now) for limit in self._covering(step, url)), default=now) - now

    def _covering(self, step: str, url: str) -> list[_Limit]:
        if not self._limits:
            return []
        path = parse(url).path if is_absolute(url) else url.partition("?")[0]
        paths = [path]
        base_url = self._base_url()
        if base_url and is_absolute(base_url):
            base_path = parse(base_url).path.rstrip("/")
            if base_path and path.startswith(base_path + "/"):
                paths.append(path[len(base_path) :])
        return [limit for limit in self._limits if limit.covers(step, paths)]
