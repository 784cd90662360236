"""Recorded answers in the place of the network."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import urllib3

from tap_asyncreport.errors import RequestError
from tap_asyncreport.http import network
from tap_asyncreport.http.network import ConnectionRefused, NetworkError
from tap_asyncreport.http.urls import Url

SHORTEST = 1e-6  # seconds that any wait takes, so that what is due by a rounding error later comes to be due
_OF_THE_WIRE = frozenset({"content-encoding", "transfer-encoding", "content-length", "connection", "keep-alive"})


class PlaybackClock:
    """A clock that nobody waits for: waits pass at once, and answers come when they were recorded."""

    def __init__(self, now: datetime) -> None:
        self._start = now
        self._elapsed = 0.0
        self._stopped = False

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def wait(self, seconds: float) -> bool:
        self._elapsed += max(SHORTEST, seconds)
        return self._stopped

    def stop(self) -> None:
        self._stopped = True

    def move_to(self, at: datetime) -> None:
        """It is that time now, unless it is later already."""
        self._elapsed = max(self._elapsed, (at - self._start).total_seconds())


@dataclass(frozen=True)
class Played:
    """One recorded request, as far as it tells which it was, and its answer.

    `status` is None where no answer came, and `lost` names the kind of NetworkError then; `whole` is false where only
    the beginning of the body is here, and `error` says so where the connection broke off.
    """

    step: str
    method: str
    url: str
    ended_at: datetime
    status: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = field(default=b"", repr=False)
    whole: bool = True
    error: str | None = None
    lost: str | None = None


class Playback:
    """Answers each request with the recorded answer of the same step that fits it best, the first of those left.

    `served` has the number of the recorded request for each one made, None for one that there is no answer to; then
    `exhausted` is true, and the run is to end. `cut_short` says that a file was asked for that is not here whole.
    """

    def __init__(self, recorded: Sequence[Played], clock: PlaybackClock) -> None:
        self._recorded = recorded
        self._left = dict.fromkeys(range(len(recorded)))
        self._clock = clock
        self.served: list[int | None] = []
        self.exhausted = False
        self.cut_short = False

    def send(
        self,
        method: str,
        url: Url,
        headers: dict[str, str],  # noqa: ARG002
        body: bytes | None,  # noqa: ARG002
        step: str,
    ) -> urllib3.BaseHTTPResponse:
        """The recorded answer; raises NetworkError where it was one, or where there is none."""
        number = self._fitting(method, str(url), step)
        if number is None:
            self.served.append(None)
            self.exhausted = True
            raise ConnectionRefused("the recording has no answer to this request")
        del self._left[number]
        found = self._recorded[number]
        self._clock.move_to(found.ended_at)
        if found.status is None:
            self.served.append(number)
            raise _lost(found)
        if not found.whole and found.error is None:
            self.cut_short = True  # and no observer hears of it
            raise RequestError("the recording has only the beginning of this answer")
        self.served.append(number)
        return _answer(found, method)

    def close(self) -> None:
        """Nothing is held."""

    @property
    def unused(self) -> list[int]:
        """The numbers of the recorded requests that were not made."""
        return list(self._left)

    def _fitting(self, method: str, url: str, step: str) -> int | None:
        of_step = [number for number in self._left if self._recorded[number].step == step]
        alike = (number for number in of_step if _same_place(self._recorded[number], method, url))
        return next(alike, of_step[0] if of_step else None)


def _same_place(recorded: Played, method: str, url: str) -> bool:
    return recorded.method == method and recorded.url.partition("?")[0] == url.partition("?")[0]


def _lost(found: Played) -> NetworkError:
    kind = getattr(network, found.lost or "", ConnectionRefused)
    error: NetworkError = kind(found.error or "no answer came")
    return error


def _answer(found: Played, method: str) -> urllib3.BaseHTTPResponse:
    """The answer with its body as it is here: unpacked, and of the length announced only where it broke off."""
    broken = found.error is not None
    fields = urllib3.HTTPHeaderDict()
    for name, value in found.headers:
        if broken or name.lower() not in _OF_THE_WIRE:
            fields.add(name, value)
    return urllib3.HTTPResponse(
        body=io.BytesIO(found.body),
        headers=fields,
        status=found.status or 0,
        preload_content=False,
        decode_content=False,
        request_method=method,
        enforce_content_length=True,
    )
