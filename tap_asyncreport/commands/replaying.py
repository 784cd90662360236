"""A recording run again through its configuration, without network, and what differs then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_asyncreport.commands.bench import Equipment, bench
from tap_asyncreport.commands.differences import Comparison, Difference, first_rows_differing
from tap_asyncreport.commands.foreground import Direct, Foreground
from tap_asyncreport.commands.recording import (
    ROWS_KEPT,
    Recorder,
    Recording,
    bytes_of,
    exchange_data,
    outcome_of,
    rows_data,
    secret_names,
    used_secrets,
)
from tap_asyncreport.commands.rehearsal import Rows
from tap_asyncreport.config.shown import confidential
from tap_asyncreport.errors import ReportError
from tap_asyncreport.http.naming import NamingRedactor
from tap_asyncreport.http.playback import Playback, PlaybackClock, Played
from tap_asyncreport.http.stand_ins import stand_in
from tap_asyncreport.job import Unit, Window, partition_key
from tap_asyncreport.planning import unit_of

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.job import Job, JobEvent
    from tap_asyncreport.stream_run import StreamRun


@dataclass(frozen=True)
class Line:
    """One line of the report: a request, the partitions, the rows or the outcome, and what differs there."""

    name: str
    text: str
    differences: tuple[Difference, ...] = ()
    said: str | None = None

    @property
    def same(self) -> bool:
        """Whether it is as recorded."""
        return not self.differences and self.said is None


@dataclass
class Replay:
    """What a recording came to when it was run again."""

    lines: list[Line] = field(default_factory=list)
    rows: Mapping[str, Any] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether everything is as recorded."""
        return all(line.same for line in self.lines)


class Silent(Direct):
    """Tells nothing, and ends the run where the recording has no more answers."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback

    @property
    def stopping(self) -> bool:  # type: ignore[override]
        """Whether a request was made to which there is no answer."""
        return self._playback.exhausted

    def heard(self, event: JobEvent) -> None:
        """Nothing to say."""

    def waiting(self, seconds: float) -> None:
        """Nothing to say."""

    def left(self, job: Job) -> None:
        """Nothing to say."""


def replay(recording: Recording, loaded: Loaded) -> Replay:
    """Runs the recorded unit again; raises ConfigurationError and TemplateError where its stream cannot be compiled."""
    document = recording.document
    loaded = with_stand_ins(loaded, document.get("secrets", {}))
    redactor = NamingRedactor()
    redactor.numbers_queries = True
    names = secret_names(loaded.settings.secrets)
    for name, value in names.items():
        redactor.name(name, value)
    redactor.add(confidential(loaded)[1:])  # what was written in clear was hidden in the recording too
    clock = PlaybackClock(recording.now)
    playback = Playback([_played(exchange) for exchange in recording.exchanges], clock)
    recorder, rows = Recorder(), Rows(keep=ROWS_KEPT)
    silent = Silent(playback)
    equipment = Equipment(clock=clock, now=recording.now, observers=[recorder.add], transport=playback)
    stream = next(each for each in loaded.settings.streams if each.name == document["stream"])
    with bench(loaded, redactor, equipment) as made:
        work = made.add(stream)
        found = Replay()
        found.lines += _partitions(work, recording)
        reading = lambda task: rows.read(work, task, silent)  # noqa: E731
        ending = Foreground(made, work, silent, calls=silent, read=reading).run(_unit(work, document))
        exchanges = [exchange_data(exchange, names, redactor) for exchange in recorder.exchanges]
    comparison = Comparison(_known(document))
    found.lines += _requests(comparison, recording, exchanges, playback)
    found.rows = rows_data(rows)
    found.lines.append(_rows(document.get("rows", {}), found.rows, playback))
    found.lines.append(_outcome(document["outcome"], outcome_of(ending), playback))
    return found


def with_stand_ins(loaded: Loaded, kinds: Mapping[str, Any]) -> Loaded:
    """The configuration with values that mean nothing for all its secrets."""
    secrets = {name: stand_in(name, kinds.get(name, "text")) for name in used_secrets(loaded)}
    return replace(loaded, settings=loaded.settings.model_copy(update={"secrets": secrets}))


def _played(exchange: Mapping[str, Any]) -> Played:
    answer = exchange.get("answer") or {}
    ended_at = datetime.fromisoformat(exchange["at"]) + timedelta(seconds=exchange.get("seconds", 0))
    return Played(
        exchange["step"],
        exchange["method"],
        exchange["url"],
        ended_at,
        status=answer.get("status"),
        headers=tuple(answer.get("headers", {}).items()),
        body=bytes_of(answer.get("body")),
        whole=answer.get("whole", True),
        error=exchange.get("error"),
        lost=exchange.get("lost"),
    )


def _unit(work: StreamRun, document: Mapping[str, Any]) -> Unit:
    partition, window = document.get("partition") or {}, document.get("window")
    span = None if not window else Window(*(datetime.fromisoformat(at) for at in window))
    return unit_of(work.name, partition, span, work.calendar(partition))


def _known(document: Mapping[str, Any]) -> str:
    """All texts in which a UUID is no made-up one."""
    answers = [exchange.get("answer") for exchange in document["exchanges"]]
    return str((document["config"], document.get("partition"), answers))


# -- what differs


def _partitions(work: StreamRun, recording: Recording) -> Iterator[Line]:
    """Lists the partitions again where the recording did, and looks for its own among them."""
    if not any(exchange["step"] == "partitions" for exchange in recording.exchanges):
        return
    before: dict[str, Any] = {}
    for dimension in work.config.partitions:
        value = (recording.document.get("partition") or {}).get(dimension.name)
        if dimension.request is not None:
            try:
                values = work.repository.partition_values(dimension, before)
            except ReportError as error:
                yield Line("partitions", dimension.name, said=f"cannot be listed: {error.message}")
                return
            wanted = value if isinstance(value, list) else [value]
            keys = {partition_key({"": each}) for each in values}
            if not {partition_key({"": each}) for each in wanted} <= keys:
                yield Line("partitions", dimension.name, (Difference("value", str(value), str(values[:10])),))
        before[dimension.name] = value


def _requests(
    comparison: Comparison, recording: Recording, made: Sequence[Mapping[str, Any]], playback: Playback
) -> Iterator[Line]:
    for number, (request, served) in enumerate(zip(made, playback.served, strict=False), 1):
        text = f"{request['method']} {request['url']}"
        if served is None:
            yield Line(f"request {number}", text, said=f"is not in the recording ({request['step']})")
        else:
            differences = tuple(comparison.requests(recording.exchanges[served], request))
            yield Line(f"request {number}", text, differences)
    for number in playback.unused:
        request = recording.exchanges[number]
        text = f"{request['method']} {request['url']}"
        yield Line(f"recorded {number + 1}", text, said=f"was not made ({request['step']})")


def _rows(was: Mapping[str, Any], now: Mapping[str, Any], playback: Playback) -> Line:
    count = f"{now['count']:,}"
    if playback.cut_short:
        return Line("rows", "not compared: the recording has only the beginning of a file")
    if was.get("count") == now["count"] and was.get("sha256", now["sha256"]) == now["sha256"]:
        return Line("rows", count)
    differences = [Difference("count", f"{was.get('count', 0):,}", count)] if was.get("count") != now["count"] else []
    differences += first_rows_differing(was.get("first", []), now["first"])
    return Line("rows", count, tuple(differences), said=None if differences else "differ")


def _outcome(was: Mapping[str, Any], now: Mapping[str, Any], playback: Playback) -> Line:
    text = _ended(now)
    if playback.cut_short:
        return Line("outcome", "not compared: the recording has only the beginning of a file")
    if was["ended"] == now["ended"]:
        return Line("outcome", text)
    return Line("outcome", text, (Difference("ended", _ended(was), text),))


def _ended(outcome: Mapping[str, Any]) -> str:
    return f"{outcome['ended']}: {outcome['error']}" if outcome.get("error") else str(outcome["ended"])
