"""Starting jobs: who may be created now, and what an answer to a creation leads to."""

from __future__ import annotations

import heapq

from tap_asyncreport.errors import JobError
from tap_asyncreport.job import Job, JobEventKind, Means, Outcome
from tap_asyncreport.orchestrator.fetching import Fetching
from tap_asyncreport.orchestrator.gates import asked_wait, too_many
from tap_asyncreport.orchestrator.task import Command, Lane, Phase, Task, Verb

HEAD_START = 1.0
STORED = frozenset({Phase.READY, Phase.FETCHABLE})


class Creation(Fetching):
    """Decisions about creations: a try of the call, a job of ours and an attempt of the window are counted apart."""

    # -- who may start

    def _starts(self, now: float) -> list[Command]:
        commands: list[Command] = []
        self._open_gates(now)
        self._wake_parked()
        while not self.stopping:
            self._bring_on(now)
            if not self._startable:
                break
            task = self._startable[0][2]
            if task.phase is Phase.QUEUED and (not self._has_place(task) or self._another_goes_first(task, now)):
                break
            heapq.heappop(self._startable)
            if task.phase is not Phase.QUEUED:
                self.slots.pass_on(task)
            elif self._may_go(task, now):
                commands.append(self._creation_call(task, now))
            self._wake_parked()
        return commands

    def _bring_on(self, now: float) -> None:
        """Makes a task of the next unit that is to come, where its turn is before that of every task that may start."""
        for work in self.streams.values():
            while work.coming and not work.coming[0][1].left:
                heapq.heappop(work.coming)
            if work.coming and work.gate.lets_in(now):
                order, lane = work.coming[0]
                if not self._startable or (order, 0) < self._startable[0][0]:
                    heapq.heappop(work.coming)
                    lane.lined_up = False
                    self._come(lane, None, now)
                return

    def _come(self, lane: Lane, job: Job | None, now: float) -> None:
        task = lane.newest = lane.bring_on()
        if job is None:
            self._may_start(task, now)
        else:
            self._adopt(task, job, now)

    def _adopt(self, task: Task, job: Job, now: float) -> None:
        task.job = job
        self.slots.take(task, force=True)
        task.attempt, task.inherited = job.attempt, True
        self._appears(task, now, JobEventKind.ADOPTED, 0.0)
        self._poll_at(task, now)

    def _line_up(self, lane: Lane) -> None:
        """The lane's next unit takes its place among those to come, once the one before it has had its turn."""
        lane.newest = None
        if lane.left and not lane.lined_up:
            lane.lined_up = True
            heapq.heappush(lane.stream.coming, (lane.next_order, lane))

    def _has_place(self, task: Task) -> bool:
        """Whether one more job may be alive, and its file has somewhere to go."""
        if self.slots.alive >= self.slots.limit:
            return False
        return self._is_next(task) or not (self._is_full_for(task) or self._is_ahead(task))

    def _another_goes_first(self, task: Task, now: float) -> bool:
        """Whether a window that is written earlier asks for a place just now, which this one could take from it.

        Calls overtake each other on their way. An API that counts jobs until they are deleted would then be full of
        some that are deleted only after the one that it refuses; where a quota ends, the last of it would go to
        windows whose rows have to wait for those that got none.
        """
        head = task.lane.head if task.budget.deletes else None
        before = task.before if task.budget.in_turn else None
        return any(
            other is not None
            and other is not task
            and other.phase is Phase.CREATING
            and now < other.asked_at + HEAD_START
            for other in (head, before)
        )

    def _may_go(self, task: Task, now: float) -> bool:
        """Takes a slot for the task, or puts it where it waits for what it lacks."""
        blocker = self._blocker(task)
        if blocker is not None:
            blocker.waiting.append(task)
            self._had_its_turn(task)
        elif not task.stream.gate.lets_in(now):
            self._hold(task)
        elif self.slots.take(task):
            self._had_its_turn(task)
            return True
        else:
            return False
        self.slots.pass_on(task)
        return False

    def _had_its_turn(self, task: Task) -> None:
        if task.lane.newest is task:
            self._line_up(task.lane)

    def _wake_parked(self) -> None:
        while self.slots.woken:
            task = self.slots.woken.pop()
            heapq.heappush(self._startable, (task.key, next(self._tie), task))

    def _creation_call(self, task: Task, now: float) -> Command:
        self._let_through(task)
        task.phase, task.asked_at = Phase.CREATING, now
        if (task is task.lane.head or task.budget.in_turn) and (task.after is not None or task.lane.left):
            self.agenda.put(now + HEAD_START, task)
        task.job = task.job or Job(task.unit, task.attempt)
        task.first_try_at = now if task.first_try_at is None else task.first_try_at
        self._note(JobEventKind.CREATING, task, now)
        return Command(Verb.CREATE, (task,))

    # -- what came of it

    def _created(self, task: Task, outcome: Outcome, now: float) -> None:
        made = self._was_made(task, outcome, now)
        means = outcome.means
        self._answered_gate(task, outcome, now)
        if means in (Means.OK, Means.DUPLICATE):
            self._poll_at(task, now + task.budget.first_poll)
        elif means is Means.BUSY and not outcome.counts and not made:
            self._busy(task, outcome, now)
        elif means in (Means.RETRY, Means.BUSY, Means.NOT_READY, Means.JOB_GONE) and not made:
            self._creation_again(task, outcome, now)
        elif means is Means.QUOTA_EXHAUSTED and not made:
            self._free_slot(task)
            task.phase = Phase.QUEUED
            self._quota(task, outcome, now)
        else:
            self._common(task, outcome, now)

    def _creation_again(self, task: Task, outcome: Outcome, now: float) -> None:
        task.creation_failures += 1
        tries, asked = task.budget.creation, asked_wait(outcome)
        wait = asked or tries.pause(task.creation_failures)
        first = now if task.first_try_at is None else task.first_try_at
        if tries.spent(task.creation_failures, now + wait - first):
            self._fail(task, outcome.error, now)
            return
        if self._asks_too_much(task, outcome, now, task.budget.timeout):
            return
        kind = JobEventKind.BUSY if outcome.means is Means.BUSY else JobEventKind.DELAYED
        tried = tries.told(task.creation_failures, asked=asked is not None)
        self._note(kind, task, now, wait=wait, error=outcome.error, tries=tried)
        self._free_slot(task)
        if too_many(outcome):
            self._shut_gate(task.stream.gate, now + wait)
        self._may_start(task, now, wait)

    # -- an API that has no place for us

    def _busy(self, task: Task, outcome: Outcome, now: float) -> None:
        """No slot at the API now: this stream creates nothing until one of our jobs ends, or the wait is over."""
        gate = task.stream.gate
        self._free_slot(task)
        task.phase, task.first_try_at = Phase.QUEUED, None
        wait = self._busy_wait(task, outcome)
        since = now if gate.busy_since is None else gate.busy_since
        if self._alone() and not self._made_way(task, now) and now + wait - since > task.budget.timeout:
            self._no_more_jobs(task.stream, _busy_too_long(task, outcome, wait), now)
            return
        self._note(JobEventKind.BUSY, task, now, wait=wait, error=outcome.error)
        if task.stream.halted is None:
            self._hold(task)
        else:
            self._close_from(task.lane, task, now)

    def _alone(self) -> bool:
        """Whether nothing of ours is at the API whose end could make room."""
        return not self.slots.alive and not self._clean_ups and self._in_hand is None

    def _made_way(self, task: Task, now: float) -> bool:
        """Gives up the last finished job whose rows cannot be written before this task's, where it keeps the place.

        Some APIs count jobs until they are deleted, and ours are deleted when their rows are out, in order.
        """
        if not self._is_next(task):
            return False
        lanes = (lane for work in self.streams.values() if work.budget.deletes for lane in work.lanes.values())
        stored = [mate for lane in lanes for mate in lane if mate.exists and mate.phase in STORED]
        if stored:
            self._start_over(max(stored, key=lambda mate: mate.key), now)
        return bool(stored)

    def _start_over(self, task: Task, now: float) -> None:
        """Drops a good job to make it again later, which is no attempt."""
        attempt = task.attempt
        if task in self._no_room:
            self._no_room.remove(task)
        self._discard(task, now)
        task.renew(attempt)
        self._note(JobEventKind.RETRYING, task, now, wait=0.0)
        self._may_start(task, now)


def _busy_too_long(task: Task, outcome: Outcome, wait: float) -> JobError:
    seen = outcome.error
    words = f"the API has had no place for a job within jobs.timeout of {task.budget.timeout:g} s"
    if wait > task.budget.timeout:
        words = f"the API asks to wait {wait:g} s for a place, longer than jobs.timeout of {task.budget.timeout:g} s"
    return JobError(
        f"{words} ({seen.message})" if seen else words,
        where=seen.where if seen else None,
        excerpt=seen.excerpt if seen else None,
        hint="run again later, or raise jobs.timeout",
    )
