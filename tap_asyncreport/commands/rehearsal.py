"""A job of one stream from beginning to end, with someone who watches: what trace, columns and test have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_asyncreport.clock import SystemClock
from tap_asyncreport.commands.bench import Bench, Equipment, bench
from tap_asyncreport.commands.choosing import chosen
from tap_asyncreport.commands.foreground import Ending, Foreground
from tap_asyncreport.commands.interruption import Interruptible
from tap_asyncreport.commands.watching import Seen, WatchedTemplates
from tap_asyncreport.config.checks.draft import parts
from tap_asyncreport.config.reading import SECRETS, in_capitals
from tap_asyncreport.config.requesters import Requester
from tap_asyncreport.config.values import Model
from tap_asyncreport.http.naming import NamingRedactor
from tap_asyncreport.http.reply import json_of
from tap_asyncreport.planning import window_of
from tap_asyncreport.templates import Templates, to_json

if TYPE_CHECKING:
    from tap_asyncreport.commands.foreground import Calls, Teller
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.config.settings import Settings
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.http.calls import Exchange
    from tap_asyncreport.http.redaction import Redactor
    from tap_asyncreport.job import Unit
    from tap_asyncreport.orchestrator.task import Task
    from tap_asyncreport.stream_run import StreamRun

ROOTS = ("creation_response", "polling_response", "response")


@dataclass
class Rows:
    """The rows of a unit: the first of them, how many there are, and a digest of all."""

    keep: int
    all_of_them: bool = True
    first: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    whole: bool = True
    _digest: Any = field(default_factory=hashlib.sha256)

    def read(self, work: StreamRun, task: Task, calls: Calls) -> int:
        """Reads the rows of a finished job; stops early where only the first are wanted, or the end is asked for."""
        for row in rows_of(work, task):
            if len(self.first) < self.keep:
                self.first.append(row)
            elif not self.all_of_them:
                self.whole = False
                break
            if calls.stopping:
                self.whole = False
                break
            self.count += 1
            self._digest.update(to_json(row).encode("utf-8", "surrogatepass") + b"\n")
        return self.count

    @property
    def sha256(self) -> str:
        """The digest of all rows as lines of JSON."""
        return str(self._digest.hexdigest())


def rows_of(work: StreamRun, task: Task) -> Iterator[dict[str, Any]]:
    """The typed rows of a job whose files are here; raises DecodeError and TransferError."""
    assert task.job is not None
    repository = work.repository
    files, scope = repository.files(task.job), repository.scope(task.job)
    return work.reader.rows(files, scope, expect_rows=repository.expected_rows(task.job))


class Discretion:
    """Hides what steps answer for authenticators to use: tokens that no login fetched."""

    def __init__(self, settings: Settings, stream: Stream, redactor: Redactor) -> None:
        templates = Templates(now=SystemClock().now())
        requesters = [requester.authenticator for _, requester in parts(stream, Requester)]
        models = [model for model in (settings.authenticator, *requesters) if isinstance(model, Model)]
        used = {path for model in models for path in templates.template(model.model_dump()).paths}
        names = {step.name for step in stream.creation_requester if step.name}
        self._paths = {rest for path in used if (rest := _within_answer(path, names))}
        self._redactor = redactor

    def look(self, exchange: Exchange) -> None:
        """Adds what the answer of a step holds for authenticators to what is hidden."""
        if not self._paths or not exchange.body:
            return
        body = json_of(exchange.body)
        for path in self._paths:
            self._redactor.add(_at(body, path))


def _within_answer(path: tuple[str, ...], names: set[str]) -> tuple[str, ...]:
    """The part of a path that leads into an answer; empty where it leads elsewhere."""
    if path[0] == "creation_responses":
        return path[2:]
    return path[1:] if path[0] in ROOTS or path[0] in names else ()


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None



class Opened:
    """A rehearsal under way: the stream compiled, its network open."""

    def __init__(self, made: Bench, work: StreamRun, teller: Teller, calls: Calls, redactor: Redactor) -> None:
        self.bench = made
        self.work = work
        self.redactor = redactor
        self.unit: Unit | None = None
        self._teller = teller
        self._calls = calls

    def choose(
        self, state: Mapping[str, Any], window: str | None, partitions: Sequence[str], *, told: Callable[[str], None]
    ) -> Unit:
        """The unit that is meant; raises Unusable, StateError and what listing partitions raises."""
        self.bench.read_state(state)
        unit: Unit = self._calls.make(lambda: chosen(self.bench, self.work, window, partitions), patient=False)
        told(str(unit))
        for job in self.bench.state.jobs(self.work.name, unit.partition):
            if unit.window is None or window_of(job) == unit.window:
                told(f"the state has job {job.get('id')} for this window; the one made here is another")
        return unit

    def run(self, unit: Unit, read: Callable[[StreamRun, Task, Calls], int]) -> Ending:
        """Runs the unit's job; `read` is handed the rows when they are ready."""
        self.unit = unit
        reading = lambda task: read(self.work, task, self._calls)  # noqa: E731
        return Foreground(self.bench, self.work, self._teller, calls=self._calls, read=reading).run(unit)


class Rehearsal:
    """Opens one stream of a configuration for a single job, hears signals while it is open, and closes it again."""

    def __init__(
        self,
        loaded: Loaded,
        stream: Stream,
        redactor: Redactor,
        teller: Teller,
        *,
        observers: Sequence[Callable[[Exchange], None]] = (),
        seen: Seen | None = None,
    ) -> None:
        self._loaded = loaded
        self._stream = stream
        self._redactor = redactor
        self._teller = teller
        discretion = Discretion(loaded.settings, stream, redactor)
        told = getattr(teller, "exchanged", None)
        self._observers = [discretion.look, *([told] if told else []), *observers]
        self._seen = seen
        if isinstance(redactor, NamingRedactor):
            redactor.numbers_queries = True
            for name, value in loaded.settings.secrets.items():
                redactor.name(f"{SECRETS}{in_capitals(name)}", value)

    @contextmanager
    def open(self) -> Iterator[Opened]:
        """The rehearsal, until the block ends; raises Interrupted then, where a signal came."""
        seen = self._seen
        templates = None if seen is None else (lambda now, zone: WatchedTemplates(seen, now=now, timezone=zone))
        sent = getattr(self._teller, "sent", None)
        equipment = Equipment(templates=templates, observers=self._observers, when_sent=sent)
        calls = Interruptible(equipment.clock)
        with calls.listening(), bench(self._loaded, self._redactor, equipment) as made:
            yield Opened(made, made.add(self._stream), self._teller, calls, self._redactor)
