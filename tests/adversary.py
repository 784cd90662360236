"""An API that does its worst to a pure orchestrator, over deaths and restarts."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from itertools import count
from typing import Any

from orchestra import FIRST_DAY, Kept, add, answer, completed, halves, ok, retry, running
from rules import Rules
from worst import (
    CLEAN_UPS,
    CREATIONS,
    DAY,
    DOWNLOADS,
    EPSILON,
    LAST,
    PLAIN,
    POLLS,
    TARGETS,
    WORST,
    AtApi,
    Place,
    Setting,
)

from tap_asyncreport.errors import DecodeError
from tap_asyncreport.job import Job, JobEvent, JobEventKind, Means, Outcome, Unit, Window
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.task import CleanUp, Command, Phase, Task, Verb
from tap_asyncreport.response import Response

__all__ = ["WORST", "Adversary", "Setting"]


class Adversary(Rules):
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
        self.unsaid: list[tuple[Place, datetime, int, Job | None]] = []
        self.stopped = False
        self.ended = 0
        for name, budget in self.setting.budgets.items():
            self.run.add_stream(name, budget)
        plans = {name: self._plan(name) for name in self.setting.budgets}
        for stale in [entry for _, _, entries in plans.values() for entry in entries]:
            self.put_down.add(str(stale.id))
            written = stale.id in self.kept.written
            self.run.discard_job(stale.unit.stream, stale.unit, stale, alive=not written, now=self.now)
        for name, (units, adopted, _) in plans.items():
            add(self.run, name, units, adopted, now=self.now)
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
        units = []
        while start < end:
            to = min(end, FIRST_DAY + ((start - FIRST_DAY) // DAY + 1) * DAY)
            units.append(Unit(lane[0], json.loads(lane[1]), Window(start, to)))
            start = to
        return units

    def crash(self, lost: bool) -> None:
        """The process dies; a creation under way may have made a job all the same.

        Rows that were out before any STATE message said so come again.
        """
        for lane, until, link, job in reversed(self.unsaid):
            self.until[lane], self.links[lane] = until, link
            if job is not None and job.id is not None:
                self.kept.jobs[job.id] = job
                self.kept.written.discard(job.id)
        for command in self.flying:
            if command.verb is Verb.CREATE and lost:
                self._make(command.jobs[0].unit, orphan=True)
        self.begin()

    # -- steps

    def pump(self) -> None:
        """Takes the commands of the moment, and hears the events."""
        self.run.spool_fill = len(self.files) / self.setting.spool
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

    def put(self, readable: bool, *, said: bool = True) -> None:
        """The writer is done with the unit in its hands; whether a STATE message has `said` so is another matter."""
        task, self.in_hand = self.in_hand, None
        if task is None or (self.stopped and task.phase is Phase.ENDED):
            return
        if readable:
            self._written(task, said=said)
        else:
            if task.job is not None:
                self.files.discard(str(task.job.id))
            self.run.unreadable(task, DecodeError("no rows"), self.now)
        self.pump()

    def say(self) -> None:
        """A STATE message goes out."""
        self.unsaid.clear()
        self.run.covered(self.now)
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
        outcomes = [
            self._outcome(command, item, job, choice + n)
            for n, (item, job) in enumerate(zip(command.items, command.jobs, strict=True))
        ]
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
            self.say()
            if not self.flying and self.in_hand is None:
                self.to_next()
        assert self.run.idle, "every run comes to its end"
        self._check_end()

    # -- what the API says

    def _outcome(self, command: Command, item: Task | CleanUp, job: Job, choice: int) -> Outcome:
        if command.verb is Verb.CREATE:
            return self._creation(job, CREATIONS[choice % len(CREATIONS)])
        if job.id is None:
            self.ended += 1
            return PLAIN[CLEAN_UPS[choice % len(CLEAN_UPS)].replace("slow", "ok")]
        at_api = self.api[job.id]
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
        if self.setting.parts:
            job.creation_responses["first"] = Response({"id": "part"})
        if word in ("ok", "duplicate"):
            job.creation_response = Response({"id": "whole"})
        if word in ("ok", "duplicate"):
            job.id = self._make(job.unit).id
            self.own.add(job.id)
        elif word == "lost":
            self._make(job.unit, orphan=True)
        return PLAIN[word]

    def _poll(self, task: Task, job: AtApi, word: str) -> Outcome:
        if not task.budget.polls:
            return completed()
        if (
            not job.alive
            and word in ("running", "running_wait", "too_large", "completed", "skipped", "fail", "empty")
            and job.fate != "running"
        ):
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
        if (
            event.kind is JobEventKind.DROPPED
            and not self._budget(event.unit).aborts
            and not self._budget(event.unit).deletes
        ):
            self.let_go.add(job)

    def _written(self, task: Task, *, said: bool) -> None:
        """Exactly the next rows of the lane, from a job that is really done."""
        unit, job = task.unit, task.job
        assert (self.until[unit.lane], self.links[unit.lane]) == (unit.window.start, unit.link), "in order, once"
        if job is not None and job.id is not None:
            assert self.api[job.id].fate == ("empty" if task.empty else "completed"), "rows of finished jobs only"
            self.files.discard(job.id)
        if said:
            self.unsaid.clear()
        else:
            self.unsaid.append((unit.lane, self.until[unit.lane], self.links[unit.lane], job))
        if task.last_link:
            self.until[unit.lane], self.links[unit.lane] = unit.window.end, 0
        else:
            self.links[unit.lane] += 1
        self.run.written(task, 1, self.now, covered=said)
        if said:
            self.run.covered(self.now)
