"""From a completed job to its files: targets, downloads, and the room that these have in the spool."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from tap_asyncreport.job import JobEventKind, Means, Outcome
from tap_asyncreport.orchestrator.budgets import Tries
from tap_asyncreport.orchestrator.gates import asked_wait
from tap_asyncreport.orchestrator.polling import Polling
from tap_asyncreport.orchestrator.task import Command, Phase, Task, Verb

DOWNLOADS_AT_ONCE = 8
ROOM_WAIT = 1.0
AGAIN = (Means.RETRY, Means.NOT_READY, Means.LINK_EXPIRED, Means.BUSY, Means.QUOTA_EXHAUSTED)


class Made(NamedTuple):
    """The tries of a call that are allowed, and those that were made."""

    tries: Tries
    failures: int
    since: float | None


class Fetching(Polling):
    """Decisions about targets and downloads; the unit that is written next always may, so the bound cannot deadlock."""

    def _fetches(self, now: float) -> list[Command]:
        commands: list[Command] = []
        if self._no_room and self._urgent is None:
            self._try_next_one()
        while self._fetchable and not self.stopping:
            task = self._fetchable[0][2]
            if self._downloads >= DOWNLOADS_AT_ONCE and not self._may_be_urgent(task):
                break
            heapq.heappop(self._fetchable)
            if task.phase is not Phase.FETCHABLE:
                continue
            if self._may_be_urgent(task):
                self._urgent = task
            elif not task.alive and self._is_full_for(task):
                self._waits_for_room(task, now)
                continue
            commands.append(self._download_call(task, now))
        return commands

    def _may_be_urgent(self, task: Task) -> bool:
        return self._urgent is None and task.phase is Phase.FETCHABLE and self._is_next(task)

    def _download_call(self, task: Task, now: float) -> Command:
        task.phase, task.asked_at = Phase.DOWNLOADING, now
        task.fetch_since = now if task.fetch_since is None else task.fetch_since
        self._downloads += 1
        self._note(JobEventKind.DOWNLOADING, task, now)
        return Command(Verb.DOWNLOAD, (task,), self._urgent is task)

    def _try_next_one(self) -> None:
        task = next((task for task in self._no_room if task.phase is Phase.FETCHABLE and self._is_next(task)), None)
        if task is not None:
            self._no_room.remove(task)
            self._fetch(task)

    def room_freed(self) -> None:
        """Space came back in the spool: downloads that had none may try again."""
        waiting, self._no_room = self._no_room, []
        for task in waiting:
            if task.phase is Phase.FETCHABLE:
                self._fetch(task)

    # -- targets

    def _target_call(self, task: Task, now: float) -> Command:
        task.phase = Phase.TARGETING
        task.target_since = now if task.target_since is None else task.target_since
        return Command(Verb.TARGETS, (task,))

    def _targeted(self, task: Task, outcome: Outcome, now: float) -> None:
        task.phase = Phase.COMPLETED
        if outcome.means is Means.OK:
            task.phase = Phase.FETCHABLE
            self._fetch(task)
        elif outcome.means in AGAIN:
            self._target_again(task, outcome, now)
            self._note_quota(task, outcome, now)
        else:
            self._common(task, outcome, now)

    def _target_again(self, task: Task, outcome: Outcome, now: float) -> None:
        task.target_failures += 1
        tries = Made(task.budget.target, task.target_failures, task.target_since)
        wait = self._next_try(outcome, tries, now)
        if wait is None:
            self._fail(task, outcome.error, now, keep=True)
        elif self._asks_too_much(task, outcome, now, task.budget.timeout):
            return
        else:
            self._note_delay(task, outcome, wait, tries, now)
            if outcome.means in (Means.NOT_READY, Means.LINK_EXPIRED):
                self._refresh(task, now, wait)
            else:
                self.agenda.put(now + wait, task)

    # -- downloads

    def _downloaded(self, task: Task, outcome: Outcome, now: float) -> None:
        was_urgent, task.phase = self._urgent is task, Phase.DELAYED
        if was_urgent:
            self._urgent = None
        if outcome.means is Means.OK:
            self._ready(task, now)
        elif outcome.means is Means.NO_ROOM:
            self._without_room(task, now, was_urgent=was_urgent)
        elif outcome.means is Means.NOT_READY and not task.budget.polls:
            self._not_done(task, outcome, now)
        elif outcome.means in AGAIN:
            self._download_again(task, outcome, now)
            self._note_quota(task, outcome, now)
        else:
            self._common(task, outcome, now)

    def _without_room(self, task: Task, now: float, *, was_urgent: bool) -> None:
        self._job_over(task)
        task.completed = True
        if was_urgent or self._is_next(task):
            self.agenda.put(now + ROOM_WAIT, task)
        else:
            task.phase = Phase.FETCHABLE
            self._waits_for_room(task, now)

    def _waits_for_room(self, task: Task, now: float) -> None:
        self._no_room.append(task)
        self._note(JobEventKind.NO_ROOM, task, now)

    def _not_done(self, task: Task, outcome: Outcome, now: float) -> None:
        """Without a polling requester it is the download that tells whether the job is done, at a poll's pace."""
        budget, asked = task.budget, asked_wait(outcome) or 0.0
        task.polls += 1
        task.download_failures += budget.not_ready_counts
        wait = asked or budget.poll_pause(task.polls, self.jitter)
        if budget.download.spent(task.download_failures, now + wait - (task.fetch_since or now)):
            self._fail(task, outcome.error, now)
        elif task.asked_at >= task.deadline:
            self._too_late(task, outcome, now)
        elif not self._asks_too_much(task, outcome, now, task.deadline - now):
            self._note(JobEventKind.DELAYED, task, now, wait=wait, error=outcome.error)
            self.agenda.put(now + self._within_deadline(task, now, asked, wait), task)

    def _download_again(self, task: Task, outcome: Outcome, now: float) -> None:
        if outcome.progress is not None and outcome.progress != task.pieces:
            task.pieces, task.download_failures, task.fetch_since = outcome.progress, 0, now
        task.download_failures += 1
        tries = Made(task.budget.download, task.download_failures, task.fetch_since)
        wait = self._next_try(outcome, tries, now)
        if wait is None:
            self._fail(task, outcome.error, now)
        elif not self._asks_too_much(task, outcome, now, task.budget.timeout):
            self._note_delay(task, outcome, wait, tries, now)
            if outcome.means is Means.LINK_EXPIRED:
                self._refresh(task, now, wait)  # a fresh target begins with a fresh polling answer
            else:
                self.agenda.put(now + wait, task)

    def _next_try(self, outcome: Outcome, made: Made, now: float) -> float | None:
        """The wait until the next try; None when there is none."""
        wait = asked_wait(outcome) or made.tries.pause(made.failures)
        since = now if made.since is None else made.since
        return None if made.tries.spent(made.failures, now + wait - since) else wait

    def _note_delay(self, task: Task, outcome: Outcome, wait: float, made: Made, now: float) -> None:
        tries = made.tries.told(made.failures, asked=asked_wait(outcome) is not None)
        self._note(JobEventKind.DELAYED, task, now, wait=wait, error=outcome.error, tries=tries)

    def _note_quota(self, task: Task, outcome: Outcome, now: float) -> None:
        if outcome.means is Means.QUOTA_EXHAUSTED:
            self._quota(task, outcome, now)
