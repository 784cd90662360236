"""A trace as people read it: each step with its templates, its request, the answer, and what was found in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tap_asyncreport.commands.curl import curl
from tap_asyncreport.error_text import summary
from tap_asyncreport.http.reply import json_of, text_of
from tap_asyncreport.job import Job, JobEvent, JobEventKind, job_name
from tap_asyncreport.reporting.words import brief, duration, size
from tap_asyncreport.response import Response
from tap_asyncreport.templates import to_json
from tap_asyncreport.templates.suggestions import elsewhere, refusal

if TYPE_CHECKING:
    from tap_asyncreport.commands.surroundings import Console
    from tap_asyncreport.commands.watching import Sighting
    from tap_asyncreport.http.calls import Exchange

LABEL = 10
MOST_VALUE = 200
MOST_BODY = 1500
PACKED = (b"\x1f\x8b", b"PK\x03\x04")
WORTH_SAYING = 0.3  # seconds of a wait
STEPS = frozenset({
    "creation_requester", "polling_requester", "download_target_requester", "download_retriever", "abort_requester",
    "delete_requester", "error_requester", "partitions", "login", "base_url",
})  # fmt: skip
_QUIET_FIELDS = frozenset({"user-agent", "accept-encoding", "accept", "host", "connection", "content-length"})
_QUIET_ANSWER = frozenset({"date", "server", "connection", "content-length", "transfer-encoding", "keep-alive", "vary"})
_INDEX = re.compile(r"\[\d+\]")
_SAID = {
    JobEventKind.CREATED: "created",
    JobEventKind.ADOPTED: "existed already, and is gone on with",
    JobEventKind.COMPLETED: "completed",
    JobEventKind.ABORTED: "aborted",
    JobEventKind.DELETED: "deleted",
}


class Narrator:
    """Prints what happens, step by step; what a text gave is printed when it is new."""

    def __init__(self, console: Console, stream: str, *, as_curl: bool = False, can_end: bool = True) -> None:
        self._console = console
        self._prefix = f"streams.{stream}."
        self._as_curl = as_curl
        self._can_end = can_end
        self._step = ""
        self._hinted: set[str] = set()
        self._under_way: str | None = None
        self._answered: Any = None
        self._known: set[tuple[str, str, str]] = set()
        self._fields: dict[str, Any] = {}

    # -- what it hears

    def saw(self, sighting: Sighting) -> None:
        """A template was rendered, or an extractor looked."""
        key = sighting.key.removeprefix(self._prefix)
        parts = key.split(".")
        if "authenticator" in parts or parts[0] in ("secrets", "headers", "add_columns"):
            return  # what it gives may be a secret that nobody has been told of yet
        text = self._value(sighting.value)
        told = (key, str(sighting.source), text)
        if told in self._known:
            return
        self._known.add(told)
        step = _INDEX.sub("", parts[0])
        if step in STEPS and not sighting.found:
            self._turn_to(step)
        if sighting.found and sighting.value is None and (path := self._like(key)):
            text += f"; did you mean {path}?"
        label, verb = ("found", "gives") if sighting.found else ("template", "becomes")
        self._row(label, f"{key.removeprefix(f'{self._step}.')}: {_on_a_line(str(sighting.source))} {verb} {text}")

    def _like(self, key: str) -> str | None:
        """Where the last answer has something like what an extractor looks for."""
        if self._answered is None or refusal(self._answered) is not None:
            return None
        return elsewhere(self._answered, {"job_id": "id"}.get(key.rpartition(".")[2], key.partition(".")[0]))

    def sent(self, exchange: Exchange) -> None:
        """A request goes out."""
        self._turn_to(str(exchange.call.step))
        if self._as_curl:
            self._block("request", curl(exchange).split("\n"))
        else:
            self._block("request", [exchange.request_line, *self._request(exchange)])
        self._under_way = exchange.request_line

    def exchanged(self, exchange: Exchange) -> None:
        """A request was answered, or came to nothing."""
        if self._under_way != exchange.request_line:
            self.sent(exchange)
        self._under_way, self._answered = None, _answer_of(exchange)
        self._block("answer", list(self._answer(exchange)))

    def heard(self, event: JobEvent) -> None:
        """Something happened to the job."""
        job = job_name(event.job)
        if event.kind in _SAID:
            self._row("job", f"{job} {_SAID[event.kind]}")
        elif event.kind is JobEventKind.POLLED:
            self._row("status", event.word or "(none)")
        elif event.kind is JobEventKind.SPLIT:
            self._row("job", "the window is too large: its first half is gone on with")
        elif event.kind is JobEventKind.WARNING:
            self._row("warning", summary(event.error) if event.error is not None else f"{job} may be left")
        elif event.kind in (JobEventKind.DELAYED, JobEventKind.BUSY, JobEventKind.RETRYING) and event.error is not None:
            self._row("again", summary(event.error))
            if event.error.hint and event.error.message not in self._hinted:
                self._hinted.add(event.error.message)
                self._row("try", event.error.hint)

    def waiting(self, seconds: float) -> None:
        """Nothing happens for a while."""
        if seconds >= WORTH_SAYING:
            self._row("wait", duration(seconds))

    def left(self, job: Job) -> None:
        """The job stays at the API."""
        why = "the stream has no `abort_requester` and no `delete_requester`"
        if self._can_end:
            why = "its id is not known, see `creation_requester.job_id`" if job.id is None else "it could not be ended"
        self._console.line(f"{job_name(job)} is left at the API: {why}")

    # -- how it is laid out

    def _turn_to(self, step: str) -> None:
        if step != self._step:
            self._step = step
            self._console.line()
            self._console.line(step)

    def _row(self, label: str, text: str) -> None:
        self._block(label, text.split("\n"))

    def _block(self, label: str, lines: list[str]) -> None:
        for number, line in enumerate(lines):
            self._console.line(f"  {label if not number else '':<{LABEL}}{line}")

    def _request(self, exchange: Exchange) -> Iterator[str]:
        """Headers that are new for this step, and the body."""
        fields = {name: value for name, value in exchange.call.headers if not _is_quiet(name, value)}
        if fields != self._fields.get(self._step):
            self._fields[self._step] = fields
            yield from (f"{name}: {value}" for name, value in fields.items())
        yield from self._body(exchange.call.body)

    def _answer(self, exchange: Exchange) -> Iterator[str]:
        took = f"after {brief(exchange.seconds)}"
        if exchange.status_code is None:
            yield f"none {took}: {exchange.error}"
            return
        told = f", {exchange.error}" if exchange.error else ""
        yield f"{exchange.status_code} {took}, {size(exchange.size)}{told}"
        yield from (f"{name}: {value}" for name, value in exchange.headers.items() if name.lower() not in _QUIET_ANSWER)
        yield from self._body(exchange.body)

    def _body(self, body: bytes | None) -> Iterator[str]:
        if not body:
            return
        if b"\0" in body[:MOST_BODY] or body.startswith(PACKED):
            yield f"({size(len(body))} that are no text)"
            return
        text = self._console.shown(body.decode("utf-8", "backslashreplace")).strip("\n")  # hidden before it is cut
        yield from text[:MOST_BODY].split("\n")
        if len(text) > MOST_BODY:
            yield f"… ({len(text) - MOST_BODY:,} characters more)"

    def _value(self, value: Any) -> str:
        if value is None:
            return "nothing"
        text = value if isinstance(value, str) else to_json(value)
        text = self._console.shown(" ".join(text.split()) if "\n" in text else text)
        return _cut(text) or '""'


def _is_quiet(name: str, value: str | None) -> bool:
    """Whether a header goes without saying; an `Accept` of the configuration's own does not."""
    return name.lower() in _QUIET_FIELDS and not (name.lower() == "accept" and value != "*/*")


def _on_a_line(source: str) -> str:
    return _cut(" ".join(source.split())) if "\n" in source else source


def _cut(text: str) -> str:
    return f"{text[:MOST_VALUE]}…" if len(text) > MOST_VALUE else text


def _answer_of(exchange: Exchange) -> Response | None:
    """The answer as extractors saw it; of one that is shown in part, what is shown."""
    if exchange.status_code is None:
        return None
    body = exchange.body or b""
    text = text_of(body, exchange.headers.get("Content-Type"))
    return Response(json_of(body), headers=exchange.headers, status_code=exchange.status_code, text=text)
