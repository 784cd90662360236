"""What to say of each stream at this moment: the ledger, boiled down to a line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tap_asyncreport.reporting import words
from tap_asyncreport.reporting.lanes import Lane, Phase
from tap_asyncreport.reporting.ledger import RunLedger
from tap_asyncreport.reporting.tally import Tally

MOST_WORDS = 3
SLOW_TARGET = 1.0  # seconds for which one piece of output is not taken


@dataclass(frozen=True, slots=True)
class StreamView:
    """One stream, now; `waits_for` is empty when it is over."""

    stream: str
    done: int
    planned: int | None
    failed: int
    running: int
    oldest: float | None
    usual: float | None
    rows: int
    next_poll: float | None
    waits_for: str
    outcome: str | None
    live: bool

    @property
    def windows(self) -> str:
        """`12/40`."""
        return f"{words.number(self.done)}/{'?' if self.planned is None else words.number(self.planned)}"

    @property
    def jobs(self) -> str:
        """`3 jobs running, oldest 4 min 12 s (usual 3 min)`; empty when none runs."""
        if not self.running:
            return ""
        text = f"{words.many(self.running, 'job')} running"
        if self.oldest is not None:
            text += f", {'oldest ' if self.running > 1 else ''}{words.duration(self.oldest)}"
        return text if self.usual is None else f"{text} (usual {words.duration(self.usual)})"


def views(ledger: RunLedger, now: float) -> list[StreamView]:
    """All streams, in the order in which they were announced."""
    with ledger.lock:
        since = ledger.sending_since
        is_blocked = since is not None and now - since >= SLOW_TARGET
        return [_view(tally, now, is_blocked=is_blocked) for tally in ledger.streams.values()]


def _view(tally: Tally, now: float, *, is_blocked: bool) -> StreamView:
    running = tally.running()
    ages = [now - lane.created_at for lane in running if lane.created_at is not None]
    polls = [lane.next_at for lane in running if lane.next_at is not None]
    return StreamView(
        stream=tally.name,
        done=tally.windows_done,
        planned=tally.planned,
        failed=tally.failed,
        running=len(running),
        oldest=max(ages, default=None),
        usual=tally.usual,
        rows=tally.rows_out,
        next_poll=max(0.0, min(polls) - now) if polls else None,
        waits_for="" if tally.end else _waits_for(tally, running, now, is_blocked=is_blocked),
        outcome=tally.outcome if tally.end else None,
        live=bool(tally.live) and tally.end is None,
    )


def _waits_for(tally: Tally, running: list[Lane], now: float, *, is_blocked: bool) -> str:
    """What holds the stream up, nearest to its rows first."""
    if tally.in_phase(Phase.WRITING):
        return "the target to take rows" if is_blocked else "writing rows"
    if tally.held_until > now and tally.live:
        return f"rate_limits, {words.duration(tally.held_until - now)}"
    if fetching := tally.in_phase(Phase.DOWNLOADING):
        return f"downloading {words.many(len(fetching), 'file')}"
    if running:
        return _at_the_api(running, now)
    if waiting := tally.in_phase(Phase.BACKING_OFF):
        return _pause(waiting, now)
    if tally.in_phase(Phase.CREATING):
        return "the API to take a job"
    if ready := tally.in_phase(Phase.READY):
        return "room in the spool" if all(lane.roomless for lane in ready) else "its turn to be written"
    if tally.planned == 0 or (tally.planned is not None and tally.windows_done + tally.failed >= tally.planned):
        return ""
    return "a slot"


def _at_the_api(running: list[Lane], now: float) -> str:
    if all(lane.phase is Phase.BACKING_OFF for lane in running):
        return _pause(running, now)
    said = Counter(lane.word for lane in running if lane.word)
    shown = ", ".join(f"{count} {word}" for word, count in said.most_common(MOST_WORDS))
    return f"the API ({shown})" if shown else "the API"


def _pause(lanes: list[Lane], now: float) -> str:
    first = min(lanes, key=lambda lane: lane.next_at if lane.next_at is not None else now)
    text = "backing off" if first.next_at is None else f"backing off {words.duration(max(0.0, first.next_at - now))}"
    return f"{text}: {first.reason}" if first.reason else text
