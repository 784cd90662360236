"""What an API may say at its worst, and its jobs as it has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from orchestra import FIRST_DAY, answer, busy, completed, failed, ok, retry, running, skipped

from tap_asyncreport.errors import JobError
from tap_asyncreport.job import JobStatus, Means, Outcome, Unit
from tap_asyncreport.orchestrator.budgets import Budget

DAY = timedelta(days=1)
LAST = FIRST_DAY + 3 * DAY
EPSILON = 1e-6
Place = tuple[str, str]

# What the API may say, by call; what stands first is what a good API says.
CREATIONS = tuple(
    "ok ok ok ok retry wait 429 busy busy_wait known duplicate quota fail empty skip too_large lost".split()
)
POLLS = tuple(
    "completed completed running running running_wait failed timed_out skipped retry wait wait_long gone fail too_large empty quota skip".split()
)
TARGETS = tuple("ok ok ok retry not_ready gone fail empty too_large quota wait".split())
DOWNLOADS = tuple("ok ok ok retry piece not_ready link_expired gone fail empty too_large quota".split())
CLEAN_UPS = tuple("ok ok slow retry fail".split())
WORST = max(len(CREATIONS), len(POLLS), len(DOWNLOADS))

PLAIN: dict[str, Outcome] = {
    "ok": ok(),
    "running": running(),
    "running_wait": running(wait=2.0),
    "completed": completed(),
    "failed": failed(),
    "timed_out": Outcome(Means.OK, status=JobStatus.TIMED_OUT, word="EXPIRED", error=JobError("timed out")),
    "skipped": skipped(),
    "retry": retry(),
    "wait": retry(3.0),
    "wait_long": retry(1000.0),
    "429": retry(2.0, code=429),
    "busy": busy(),
    "busy_wait": busy(wait=4.0),
    "known": busy(counts=True),
    "duplicate": answer(Means.DUPLICATE),
    "quota": answer(Means.QUOTA_EXHAUSTED),
    "fail": answer(Means.FAIL, code=400),
    "lost": answer(Means.FAIL, code=504),
    "empty": answer(Means.EMPTY),
    "skip": answer(Means.SKIP_PARTITION),
    "too_large": answer(Means.TOO_LARGE),
    "gone": answer(Means.JOB_GONE, code=404),
    "not_ready": answer(Means.NOT_READY),
    "link_expired": answer(Means.LINK_EXPIRED, code=403),
    "no_room": Outcome(Means.NO_ROOM),
}


@dataclass(eq=False)
class AtApi:
    """A job as the API has it."""

    id: str
    unit: Unit
    born: float
    alive: bool = True
    fate: str = "running"
    orphan: bool = False
    cancelled_at: float | None = None
    aborted: bool = False
    deleted: bool = False

    def end(self, fate: str) -> None:
        self.alive, self.fate = False, fate

    def overlaps(self, unit: Unit) -> bool:
        one, other = self.unit.window, unit.window
        return self.unit.lane == unit.lane and one.start < other.end and other.start < one.end


@dataclass
class Setting:
    """What is configured."""

    limit: int = 2
    chains: bool = False
    parts: bool = False
    budgets: dict[str, Budget] = field(default_factory=dict)
    spool: int = 2
