"""What must hold at every step of a run, and at its end, however the API behaves."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from orchestra import Kept
from worst import EPSILON, LAST, AtApi, Place, Setting

from tap_asyncreport.job import Job, JobEvent, JobEventKind, Unit
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.budgets import SHORTEST_WAIT, Budget
from tap_asyncreport.orchestrator.cleaning import CANCEL_WATCH
from tap_asyncreport.orchestrator.task import CleanUp, Command, Phase, Verb


class Rules:
    """The rules; who plays keeps the notes."""

    setting: Setting
    now: float
    run: Orchestrator
    kept: Kept
    api: dict[str, AtApi]
    until: dict[Place, datetime]
    flying: list[Command]
    told: list[JobEvent]
    last_call: dict[tuple[Verb, Any], float]
    said: dict[Unit, tuple[str, int]]
    calls: Counter[tuple[Verb, str]]
    own: set[str]
    let_go: set[str]
    put_down: set[str]
    seen_completed: set[str]
    skipped: set[Place]
    unsaid: list[tuple[Place, datetime, int, Job | None]]
    stopped: bool
    ended: int

    def _budget(self, unit: Unit) -> Budget:
        return self.setting.budgets[unit.stream]

    def _counts(self, job: AtApi) -> bool:
        """Whether a live job takes a slot: not one that nobody can know of, or that was let go of for a reason."""
        if job.orphan or job.id in self.let_go:
            return False
        if job.cancelled_at is not None and self.now >= job.cancelled_at + CANCEL_WATCH - EPSILON:
            return False
        return not (job.id not in self.own and job.id not in self.put_down and job.id not in self.kept.jobs)

    def _issued(self, command: Command) -> None:
        for item, job in zip(command.items, command.jobs, strict=True):
            key = job.unit if command.verb is Verb.CREATE else job.id or f"part of {id(job)}"
            self._check_wait(command.verb, key)
            self.calls[command.verb, str(key)] += 1
            if command.verb is Verb.CREATE:
                self._check_limits(job.unit)
            elif isinstance(item, CleanUp) and job.id is None:
                assert self.calls[command.verb, str(key)] <= 2, "twice at most"
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
        tasks = [
            t
            for w in self.run.streams.values()
            for lane in w.lanes.values()
            for t in lane
            if t.job and t.job.id == job.id
        ]
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
        unsaid = [done.id for _, _, _, done in self.unsaid if done is not None]
        assert job not in unsaid, f"{verb} of {job}, and no STATE message has said that its rows are out"
        if verb is Verb.ABORT:
            assert job not in self.seen_completed, "no abort of what is completed"
            assert not self.calls[Verb.DELETE, job], "abort, then delete"

    def _check_slots(self) -> None:
        lanes = [lane for work in self.run.streams.values() for lane in work.lanes.values()]
        held = [task for lane in lanes for task in lane if task.slot]
        held += [c.items[0] for c in self.flying if c.verb is Verb.CREATE and c.items[0].phase is Phase.ENDED]
        assert self.run.slots.alive == len(held) + sum(item.slot for item in self.run._clean_ups), "no slot leaks"
        for work in self.run.streams.values():
            assert work.to_come == sum(lane.left for lane in work.lanes.values())
            assert work.open_tasks == sum(len(list(lane)) for lane in work.lanes.values())

    def _check_end(self) -> None:
        for name, work in self.run.streams.items():
            for key, lane in work.lanes.items():
                done = self.until[name, key] == LAST
                assert done or self.stopped or lane.error is not None or (name, key) in self.skipped, (
                    f"{name} {key}: red or done"
                )
                assert not lane.is_open
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
