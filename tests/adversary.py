"""An API that does its worst to a pure orchestrator, over deaths and restarts, and the rules that must hold all the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from orchestra import FIRST_DAY, Kept, answer, busy, completed, failed, halves, ok, retry, running, skipped

from tap_asyncreport.errors import DecodeError, JobError
from tap_asyncreport.job import Job, JobEvent, JobEventKind, JobStatus, Means, Outcome, Unit, Window
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.budgets import SHORTEST_WAIT, Budget
from tap_asyncreport.orchestrator.cleaning import CANCEL_WATCH
from tap_asyncreport.orchestrator.task import CleanUp, Command, Phase, Task, Verb

DAY = timedelta(days=1)
LAST = FIRST_DAY + 3 * DAY
EPSILON = 1e-6
Place = tuple[str, str]

# What the API may say, by call; what stands first is what a good API says.
CREATIONS = ("ok", "ok", "ok", "ok", "retry", "wait", "429", "busy", "busy_wait", "known", "duplicate", "quota", "fail", "empty", "skip", "too_large", "lost")
POLLS = ("completed", "completed", "running", "running", "running_wait", "failed", "timed_out", "skipped", "retry", "wait", "wait_long", "gone", "fail", "too_large", "empty", "quota", "skip")
TARGETS = ("ok", "ok", "ok", "retry", "not_ready", "gone", "fail", "empty", "too_large", "quota", "wait")
DOWNLOADS = ("ok", "ok", "ok", "retry", "piece", "not_ready", "link_expired", "gone", "fail", "empty", "too_large", "quota")
CLEAN_UPS = ("ok", "ok", "slow", "retry", "fail")
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
    budgets: dict[str, Budget] = field(default_factory=dict)
    spool: int = 2


class Adversary:
    """Plays a run after another; every step checks the rules. `now` is one timeline over all runs."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.now = 0.0
        self.api: dict[str, AtApi] = {}
        self.numbers = count(1)
        self.until: dict[Place, datetime] = {}
        self.kept = Kept({name: budget.deletes for name, budget in setting.budgets.items()})
        for stream in setting.budgets:
            for account in "ab":
                self.until[Unit(stream, {"account": account}).lane] = FIRST_DAY
        self.begin()

    # -- runs

    def begin(self) -> None:
        """A new process, with what state holds."""
        self.run = Orchestrator(self.setting.limit, split=halves, jitter=lambda: 0.0)
        self.flying: list[Command] = []
        self.told: list[JobEvent] = []
        self.last_call: dict[tuple[Verb, Any], float] = {}
        self.said: dict[Unit, tuple[str, int]] = {}
        self.calls: Counter[tuple[Verb, str]] = Counter()
        self.own: set[str] = set()
        self.let_go: set[str] = set()
        self.put_down: set[str] = set()
        self.seen_completed: set[str] = set()
        self.links: dict[Place, int] = {}
        self.skipped: set[Place] = set()
        self.in_hand: Task | None = None
        self.files: set[str] = set()
        self.stopped = False
        self.ended = 0
        for name, budget in self.setting.budgets.items():
            self.run.add_stream(name, budget)
        plans = {name: self._plan(name) for name in self.setting.budgets}
        for stale in [entry for _, _, stale in plans.values() for entry in stale]:
            self.put_down.add(str(stale.id))
            written = stale.id in self.kept.written
            self.run.discard_job(stale.unit.stream, stale.unit, stale, alive=not written, now=self.now)
        for name, (units, adopted, _) in plans.items():
            self.run.add_units(name, units, adopted, now=self.now)
            self.run.complete(name)
        self.pump()

    def _plan(self, stream: str) -> tuple[list[Unit], dict[Unit, Job], list[Job]]:
        """As the tap plans: what is not finished, around the windows of jobs in state; of a chain the first link."""
        units: list[Unit] = []
        adopted: dict[Unit, Job] = {}
        stale: list[Job] = []
        for lane, until in self.until.items():
            if lane[0] != stream:
                continue
            jobs = [job for job in self.kept.jobs.values() if job.unit.lane == lane]
            cursor, first = until, None
            for job in sorted(jobs, key=lambda job: (job.unit.window, job.unit.link)):
                if job.id in self.kept.written or job.unit.window.start < cursor:
                    stale.append(job)
                    continue
                units += self._days(lane, cursor, job.unit.window.start)
                unit = Unit(stream, job.unit.partition, job.unit.window, job.unit.link, job.unit.cursor)
                units.append(unit)
                adopted[unit] = Job(unit, job.attempt, job.id, adopted=True)
                cursor = unit.window.end
            units += self._days(lane, cursor, LAST)
            first = next((unit for unit in units if unit.lane == lane), None)
            self.links[lane] = first.link if first else 0
        return units, adopted, stale

    def _days(self, lane: Place, start: datetime, end: datetime) -> list[Unit]:
        import json

        units = []
        while start < end:
            to = min(end, FIRST_DAY + ((start - FIRST_DAY) // DAY + 1) * DAY)
            units.append(Unit(lane[0], json.loads(lane[1]), Window(start, to)))
            start = to
        return units

    def crash(self, lost: bool) -> None:
        """The process dies; a creation under way may have made a job all the same."""
        for command in self.flying:
            if command.verb is Verb.CREATE and lost:
                self._make(command.jobs[0].unit, orphan=True)
        self.begin()

    # -- steps

    def pump(self) -> None:
        """Takes the commands of the moment, and hears the events."""
        self.run.spool_full = len(self.files) >= self.setting.spool
        for _ in range(50):
            commands = self.run.commands(self.now)
            self._hear()
            for command in commands:
                self._issued(command)
                self.flying.append(command)
            if not commands:
                break
        self._check_slots()
        due = self.run.next_due()
        assert due is None or due > self.now - EPSILON, "nothing is due in the past"

    def advance(self, seconds: float) -> None:
        self.now += seconds
        self.pump()

    def to_next(self) -> None:
        due = self.run.next_due()
        if due is not None:
            self.advance(max(0.0, due - self.now))

    def take(self) -> None:
        if self.in_hand is not None:
            return
        for stream in self.setting.budgets:
            task = self.run.take(stream, self.now)
            if task is not None or not self.run.exhausted(stream):
                self.in_hand = task
                self._hear()
                return

    def put(self, readable: bool) -> None:
        """The writer is done with the unit in its hands."""
        task, self.in_hand = self.in_hand, None
        if task is None or (self.stopped and task.phase is Phase.ENDED):
            return
        if readable:
            self._written(task)
        else:
            if task.job is not None:
                self.files.discard(str(task.job.id))
            self.run.unreadable(task, DecodeError("no rows"), self.now)
        self.pump()

    def interrupt(self) -> None:
        self.stopped = True
        self.run.interrupt(self.now)
        self.pump()

    def respond(self, index: int, choice: int) -> None:
        """One of the calls under way is answered."""
        if not self.flying:
            return
        command = self.flying.pop(index % len(self.flying))
        outcomes = [self._outcome(command, item, job, choice + n) for n, (item, job) in enumerate(zip(command.items, command.jobs, strict=True))]
        self.run.answered(command, outcomes, self.now)
        self.pump()

    def finish(self) -> None:
        """A good API and a good writer from here on: the run must come to its end."""
        for _ in range(3_000):
            if self.run.idle and not self.flying:
                break
            while self.flying:
                self.respond(0, 0)
            self.take()
            self.put(readable=True)
            if not self.flying and self.in_hand is None:
                self.to_next()
        assert self.run.idle, "every run comes to its end"
        self._check_end()

    # -- what the API says

    def _outcome(self, command: Command, item: Task | CleanUp, job: Job, choice: int) -> Outcome:
        if command.verb is Verb.CREATE:
            return self._creation(job, CREATIONS[choice % len(CREATIONS)])
        at_api = self.api[str(job.id)]
        if isinstance(item, CleanUp):
            return self._clean_up(command.verb, at_api, CLEAN_UPS[choice % len(CLEAN_UPS)])
        if command.verb is Verb.POLL:
            return self._poll(item, at_api, POLLS[choice % len(POLLS)])
        if command.verb is Verb.TARGETS:
            return self._fetch(at_api, TARGETS[choice % len(TARGETS)])
        return self._download(command, at_api, DOWNLOADS[choice % len(DOWNLOADS)])

    def _make(self, unit: Unit, *, orphan: bool = False) -> AtApi:
        made = AtApi(f"r{next(self.numbers)}", unit, self.now, orphan=orphan)
        others = [job for job in self.api.values() if job.alive and job.overlaps(unit) and self._counts(job)]
        assert [] == others, f"one live job for a window: {made} beside {others}"
        self.api[made.id] = made
        return made

    def _creation(self, job: Job, word: str) -> Outcome:
        self.said[job.unit] = word, self.ended
        if word in ("ok", "duplicate"):
            job.id = self._make(job.unit).id
            self.own.add(job.id)
        elif word == "lost":
            self._make(job.unit, orphan=True)
        return PLAIN[word]

    def _poll(self, task: Task, job: AtApi, word: str) -> Outcome:
        if not task.budget.polls:
            return completed()
        if not job.alive and word in ("running", "running_wait", "too_large", "completed", "skipped", "fail", "empty") and job.fate != "running":
            word = {"completed": "completed", "empty": "empty", "gone": "gone"}.get(job.fate, "failed")
        if word == "too_large" and not (task.budget.aborts or task.budget.deletes):
            self.ended += 1
            job.end("failed")
        if word in ("completed", "failed", "timed_out", "skipped", "gone", "empty"):
            job.end({"timed_out": "failed", "skipped": "empty"}.get(word, word))
            self.ended += 1
        if word == "completed" and task.phase is not Phase.ENDED:
            self.seen_completed.add(job.id)
            if self.setting.chains and job.unit.link < 2 and int(job.id[1:]) % 2:
                unit = job.unit
                return completed(follow=Unit(unit.stream, unit.partition, unit.window, unit.link + 1, unit.link + 1))
        return PLAIN[word]

    def _fetch(self, job: AtApi, word: str) -> Outcome:
        budget = self._budget(job.unit)
        if word == "too_large" and not (budget.aborts or budget.deletes):
            self.ended += 1
            job.end("failed")
        if word in ("gone", "empty"):
            self.ended += 1
            job.end(word)
        return PLAIN[word]

    def _download(self, command: Command, job: AtApi, word: str) -> Outcome:
        word = {"empty": "empty", "gone": "gone", "failed": "fail"}.get(job.fate, word)
        if word in ("ok", "piece") and len(self.files) >= self.setting.spool and not command.urgent:
            word = "no_room"
        if word == "piece":
            return retry(progress=(self.now, 0))
        if word in ("ok", "no_room"):
            self.ended += 1
            if job.alive:
                job.end("completed")
        if word == "ok":
            self.files.add(job.id)
        return self._fetch(job, word)

    def _clean_up(self, verb: Verb, job: AtApi, word: str) -> Outcome:
        if verb is Verb.POLL:
            self.ended += 1  # perhaps the last look
            still = job.alive and word == "slow"
            if not still and job.alive and job.cancelled_at is not None:
                job.end("failed")
            return running("CANCELLING") if job.alive else answer(Means.FAIL, code=400)
        if word in ("ok", "slow"):
            job.aborted |= verb is Verb.ABORT
            job.deleted |= verb is Verb.DELETE
            self.ended += 1
            if job.alive and word == "slow" and verb is Verb.ABORT:
                job.cancelled_at = self.now
            elif job.alive:
                job.end("failed")
            return ok()
        if job.alive:
            self.let_go.add(job.id)  # in vain: nobody can do more
        return PLAIN[word]

    # -- what is told

    def _hear(self) -> None:
        for event in self.run.events:
            self.kept.enter(event)
            if event.job is not None and event.job.id is not None:
                self._about(event, event.job.id)
            if event.kind is JobEventKind.SKIPPED:
                self.skipped.add(event.unit.lane)
        self.told += self.run.events
        self.run.events.clear()

    def _about(self, event: JobEvent, job: str) -> None:
        if event.kind is JobEventKind.ADOPTED:
            self.own.add(job)
        before = self.told[-1] if self.told else None
        previous = self.run.events[self.run.events.index(event) - 1] if self.run.events.index(event) else before
        if event.kind is JobEventKind.KEPT:
            self.put_down.discard(job)
            if self.stopped or (previous is not None and previous.kind is JobEventKind.FAILED):
                self.let_go.add(job)
        if event.kind in (JobEventKind.DROPPED, JobEventKind.WRITTEN):
            self.put_down.add(job)
        if event.kind is JobEventKind.DROPPED and not self._budget(event.unit).aborts and not self._budget(event.unit).deletes:
            self.let_go.add(job)

    def _budget(self, unit: Unit) -> Budget:
        return self.setting.budgets[unit.stream]

    def _written(self, task: Task) -> None:
        """Exactly the next rows of the lane, from a job that is really done."""
        unit, job = task.unit, task.job
        assert (self.until[unit.lane], self.links[unit.lane]) == (unit.window.start, unit.link), "in order, once"
        if job is not None and job.id is not None:
            assert self.api[job.id].fate == ("empty" if task.empty else "completed"), "rows of finished jobs only"
            self.files.discard(job.id)
        if task.last_link:
            self.until[unit.lane], self.links[unit.lane] = unit.window.end, 0
        else:
            self.links[unit.lane] += 1
        self.run.written(task, 1, self.now)

    # -- the rules

    def _counts(self, job: AtApi) -> bool:
        """Whether a live job takes a slot: not one that nobody can know of, or that was let go of for a reason."""
        if job.orphan or job.id in self.let_go:
            return False
        if job.cancelled_at is not None and self.now >= job.cancelled_at + CANCEL_WATCH - EPSILON:
            return False
        return not (job.id not in self.own and job.id not in self.put_down and job.id not in self.kept.jobs)

    def _issued(self, command: Command) -> None:
        for item, job in zip(command.items, command.jobs, strict=True):
            key = job.unit if command.verb is Verb.CREATE else job.id
            self._check_wait(command.verb, key)
            self.calls[command.verb, str(key)] += 1
            if command.verb is Verb.CREATE:
                self._check_limits(job.unit)
            elif isinstance(item, CleanUp):
                self._check_clean_up(command.verb, str(job.id))
        assert len(command.items) <= max(1, self._budget(command.jobs[0].unit).batch)
        if command.verb is Verb.DOWNLOAD and command.urgent:
            flying = [each for each in self.flying if each.urgent and each.items[0].phase is not Phase.ENDED]
            assert not flying, "one urgent download at a time"

    def _check_wait(self, verb: Verb, key: Any) -> None:
        last = self.last_call.get((verb, key))
        self.last_call[verb, key] = self.now
        if last is None or self.now - last >= SHORTEST_WAIT - EPSILON or verb is Verb.DOWNLOAD:
            return
        word, ended = self.said.get(key, ("", 0))
        assert verb is Verb.CREATE and word in ("busy", "busy_wait"), f"every wait waits: {verb} {key}"
        assert ended < self.ended, "busy waits for a job that ends"

    def _check_limits(self, unit: Unit) -> None:
        alive = [job for job in self.api.values() if job.alive and self._counts(job) and not self._past(job)]
        coming = [command.jobs[0].unit for command in self.flying if command.verb is Verb.CREATE] + [unit]
        units = [job.unit for job in alive] + coming
        budget = self._budget(unit)
        assert len(units) <= self.setting.limit, f"at most {self.setting.limit} alive: {alive} {coming}"
        own = [each for each in units if each.stream == unit.stream]
        assert budget.max_concurrent is None or len(own) <= budget.max_concurrent
        for name, bound in budget.max_concurrent_per.items():
            assert len([each for each in own if each.partition[name] == unit.partition[name]]) <= bound

    def _past(self, job: AtApi) -> bool:
        """A job that is left to the next run is watched until its deadline, no longer."""
        return job.id in self.kept.jobs and self.now >= self.deadline(job) - EPSILON

    def deadline(self, job: AtApi) -> float:
        tasks = [t for w in self.run.streams.values() for lane in w.lanes.values() for t in lane if t.job and t.job.id == job.id]
        watched = [item.watch_until or 0.0 for item in self.run._clean_ups if item.job.id == job.id]
        return max([t.deadline for t in tasks] + watched, default=0.0)

    def _check_clean_up(self, verb: Verb, job: str) -> None:
        if verb is Verb.POLL:
            return
        written = any(e.kind is JobEventKind.WRITTEN and e.job is not None and e.job.id == job for e in self.told)
        kept = any(e.kind is JobEventKind.KEPT and e.job is not None and e.job.id == job for e in self.told)
        assert written or not kept, f"{verb} of {job}, which is kept"
        assert self.calls[verb, job] <= 2, f"{verb} of {job}: twice at most"
        assert job in self.own or job in self.put_down, "only jobs of our own"
        if verb is Verb.ABORT:
            assert job not in self.seen_completed, "no abort of what is completed"
            assert not self.calls[Verb.DELETE, job], "abort, then delete"

    def _check_slots(self) -> None:
        lanes = [lane for work in self.run.streams.values() for lane in work.lanes.values()]
        held = [task for lane in lanes for task in lane if task.slot]
        held += [c.items[0] for c in self.flying if c.verb is Verb.CREATE and c.items[0].phase is Phase.ENDED]
        assert self.run.slots.alive == len(held) + sum(item.slot for item in self.run._clean_ups), "no slot leaks"
        for work in self.run.streams.values():
            assert work.open_tasks == sum(len(list(lane)) for lane in work.lanes.values())

    def _check_end(self) -> None:
        for name, work in self.run.streams.items():
            for key, lane in work.lanes.items():
                done = self.until[name, key] == LAST
                assert done or self.stopped or lane.error is not None or (name, key) in self.skipped, f"{name} {key}: red or done"
                assert lane.head is None
        for job in self.api.values():
            in_state = job.id in self.kept.jobs
            if job.alive and not job.orphan and job.id in self.own:
                budget = self._budget(job.unit)
                tried = self.calls[Verb.ABORT, job.id] or self.calls[Verb.DELETE, job.id]
                hopeless = job.unit.link and (tried or not (budget.aborts or budget.deletes))
                assert in_state or job.aborted or job.deleted or hopeless, f"{job} is left behind"
            if job.id in self.own and self._budget(job.unit).deletes and not in_state:
                assert self.calls[Verb.DELETE, job.id], f"{job} is deleted"
        self._check_last_words()

    def _check_last_words(self) -> None:
        """One word about the delete after each WRITTEN, where the stream deletes."""
        for job in self.own:
            kinds = [e.kind for e in self.told if e.job is not None and e.job.id == job]
            if JobEventKind.WRITTEN in kinds:
                rest = kinds[kinds.index(JobEventKind.WRITTEN) + 1 :]
                assert len(rest) == self._budget(self.api[job].unit).deletes, f"{job}: {rest}"
                assert set(rest) <= {JobEventKind.DELETED, JobEventKind.WARNING}
