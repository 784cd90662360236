"""The parts of a run without the run: what a command needs to plan, to make single calls, and to read rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from tap_asyncreport.clock import Clock, SystemClock
from tap_asyncreport.decoding import schema_of
from tap_asyncreport.errors import ReportError
from tap_asyncreport.http.session import Http
from tap_asyncreport.spool import Spool
from tap_asyncreport.state import StateBook
from tap_asyncreport.stream_run import StreamRun
from tap_asyncreport.templates import Templates

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.config.settings import Settings
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.http.calls import Exchange
    from tap_asyncreport.http.redaction import Redactor
    from tap_asyncreport.http.session import Transport

Observer = Callable[["Exchange"], None]


@dataclass(frozen=True)
class Declared:
    """A stream as it is configured, everything selected: what stands for the Singer stream here."""

    report: Stream

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.report.name

    @cached_property
    def effective_schema(self) -> dict[str, Any]:
        """The schema that the configuration declares."""
        return schema_of(self.report)

    @property
    def key_columns(self) -> list[str]:
        """Primary keys and the replication key."""
        keys = [*self.report.primary_keys, *([self.report.replication_key] if self.report.replication_key else [])]
        return list(dict.fromkeys(keys))

    def selects(self, column: str) -> bool:  # noqa: ARG002
        """Everything is."""
        return True


@dataclass(frozen=True)
class Equipment:
    """What may stand in the place of the usual clock, templates and network."""

    clock: Clock = field(default_factory=SystemClock)
    now: datetime | None = None
    templates: Callable[[datetime, str], Templates] | None = None
    observers: Sequence[Observer] = ()
    when_sent: Observer | None = None
    transport: Transport | None = None


class Bench:
    """Stands in the place of a Run for the streams asked for; `bench` makes one, and takes it apart again.

    Raises ConfigurationError and TemplateError for streams that cannot be compiled, StateError for a state that cannot
    be read.
    """

    def __init__(self, settings: Settings, redactor: Redactor, equipment: Equipment) -> None:
        self.settings = settings
        self.clock = equipment.clock
        self.now = equipment.now or self.clock.now()
        make = equipment.templates or (lambda now, zone: Templates(now=now, timezone=zone))
        self.templates = make(self.now, settings.timezone)
        self.http = Http(
            settings,
            self.templates,
            clock=self.clock,
            redactor=redactor,
            observers=equipment.observers,
            when_sent=equipment.when_sent,
            transport=equipment.transport,
        )
        self.spool = Spool(settings.spool.directory)
        self.streams: dict[str, StreamRun] = {}
        self.state = StateBook()

    def add(self, stream: Stream) -> StreamRun:
        """A stream, compiled, about which no state says anything yet."""
        declared = Declared(stream)
        work = StreamRun(cast("Any", self), cast("Any", declared))
        self.streams[stream.name] = work
        self.read_state({})
        return work

    def read_state(self, state: Mapping[str, Any]) -> StateBook:
        """Takes the bookmarks and jobs of a state for the streams that were added."""
        self.state = StateBook.read(state, {name: work.reading() for name, work in self.streams.items()})
        return self.state

    def errors(self, name: str) -> list[ReportError]:  # noqa: ARG002
        """Nothing has failed here before."""
        return []

    def close(self) -> None:
        """Removes files, closes connections."""
        self.spool.close()
        self.http.close()


@contextmanager
def bench(loaded: Loaded, redactor: Redactor, equipment: Equipment | None = None) -> Iterator[Bench]:
    """A bench for a configuration; the example API runs as long as it does, where that is what is configured."""
    from tap_asyncreport.demo import EMBEDDED, serve

    settings, equipment = loaded.settings, equipment or Equipment()
    with ExitStack() as held:
        if settings.base_url == EMBEDDED and equipment.transport is None:
            demo = held.enter_context(serve())
            settings = settings.model_copy(update={"base_url": demo.url})
        made = Bench(settings, redactor, equipment)
        held.callback(made.close)
        yield made


__all__ = ["Bench", "Declared", "Equipment", "bench"]
