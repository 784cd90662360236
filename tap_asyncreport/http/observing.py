"""What observers are told of each exchange, without secrets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from tap_asyncreport.clock import Clock
from tap_asyncreport.errors import ReportError
from tap_asyncreport.http.calls import Call, Exchange, Outgoing
from tap_asyncreport.http.network import NetworkError
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.reply import Reply, decoded

log = logging.getLogger("tap-asyncreport.http")
_GZIP_MAGIC = b"\x1f\x8b"
_SECRET_FIELDS = ("authorization", "proxy-authorization", "cookie", "set-cookie")


class Watch:
    """Tells observers of one request and its answer, once; an observer's own fault never reaches the call."""

    def __init__(
        self,
        call: Call,
        outgoing: Outgoing,
        redactor: Redactor,
        clock: Clock,
        observers: Sequence[Callable[[Exchange], None]],
        *,
        counters: Sequence[Callable[[Exchange], None]] = (),
    ) -> None:
        self._call = call
        self._outgoing = outgoing
        self._redactor = redactor
        self._clock = clock
        self._observers = observers
        self._counters = counters
        self._started_at: datetime = clock.now()
        self._started = clock.monotonic()
        self.request_line = f"{outgoing.method} {redactor.redact(str(outgoing.parsed))}"

    def sent(self) -> Exchange:
        """The request, to which there is no answer yet."""
        return self._exchange(None, None, 0.0)

    def done(self, reply: Reply | None, trouble: NetworkError | None = None) -> None:
        """The answer is read, let go, or broke off."""
        seconds = self._clock.monotonic() - self._started
        log.debug(
            "%s -> %s in %.3f s", self.request_line, trouble or (reply.status_code if reply else None), seconds,
            extra={"step": str(self._call.step), "stream": self._call.stream, "job_id": self._call.job_id},
        )  # fmt: skip
        if self._counters:
            self._tell(self._counters, self._figures(reply, seconds))
        if self._observers:
            self._tell(self._observers, self._exchange(reply, trouble, seconds))

    def _tell(self, observers: Sequence[Callable[[Exchange], None]], exchange: Exchange) -> None:
        for observe in observers:
            try:
                observe(exchange)
            except Exception:
                log.debug("an observer failed", exc_info=True)

    def _figures(self, reply: Reply | None, seconds: float) -> Exchange:
        """The exchange without what was said in it, so that nothing needs to be searched for secrets."""
        method, _, url = self.request_line.partition(" ")
        call = replace(self._call, method=method, url=url, params=(), scope=None, headers=(), body=None)
        code, size = (None, 0) if reply is None else (reply.status_code, reply.size)
        return Exchange(call, self.request_line, self._started_at, seconds, status_code=code, size=size)

    def _exchange(self, reply: Reply | None, trouble: NetworkError | None, seconds: float) -> Exchange:
        redact, outgoing = self._redactor.redact, self._outgoing
        call = replace(
            self._call, method=outgoing.method, url=redact(str(outgoing.parsed)), params=(), scope=None,
            headers=self._fields(outgoing.headers.items()), body=self._data(outgoing.body),
        )  # fmt: skip
        error = None if trouble is None else redact(trouble.message)
        if reply is None:
            lost = type(trouble).__name__ if trouble is not None else None
            return Exchange(call, self.request_line, self._started_at, seconds, error=error, lost=lost)
        body, whole = _plain(reply)
        return Exchange(
            call, self.request_line, self._started_at, seconds, status_code=reply.status_code,
            headers=dict(self._fields(reply.headers.items())), excerpt=self._redactor.excerpt(body),
            body=self._data(body) or b"", size=reply.size, whole=whole, error=error,
        )  # fmt: skip

    def _fields(self, fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, self._redactor.veil(value) if name.lower() in _SECRET_FIELDS else self._redactor.redact(value))
            for name, value in fields
        )

    def _data(self, data: bytes | None) -> bytes | None:
        if not data or data.startswith(_GZIP_MAGIC) or b"\0" in data:  # what is packed holds no text to hide
            return data
        return self._redactor.redact(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _plain(reply: Reply) -> tuple[bytes, bool]:
    """The beginning of the body, decoded where all of it is here, and whether it is all of it."""
    whole = reply.ended and len(reply.beginning) == reply.size
    try:
        return (decoded(reply.beginning, reply.headers.get("Content-Encoding")) if whole else reply.beginning), whole
    except (NetworkError, ReportError):
        return reply.beginning, whole
