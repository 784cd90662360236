"""Giving up and cleaning up: what becomes of jobs that are not wanted any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_asyncreport.job import JobEvent, JobEventKind, JobStatus, Means, Outcome
from tap_asyncreport.orchestrator.desk import ALIVE, Desk
from tap_asyncreport.orchestrator.task import CleanUp, Command, Lane, Phase, Task, Verb

if TYPE_CHECKING:
    from tap_asyncreport.errors import ReportError

CANCEL_WATCH = 10.0


class Cleaning(Desk):
    """Decisions about the end of jobs; neither abort nor delete ever turns success into failure."""

    def _has_job(self, task: Task) -> bool:
        """Whether the API may have a job of this task's."""
        job = task.job
        return job is not None and (job.id is not None or job.creation_response is not None)

    def _discard(self, task: Task, now: float, *, alive: bool, settle: bool = False) -> None:
        """The task's job is not wanted: abort it unless it is gone or done, delete it in any case.

        With `settle` it leaves the state only when the API has confirmed that; else at once.
        """
        job = task.job
        if job is None or not self._has_job(task):
            self._free_slot(task)
            task.job = None
            return
        may_abort = not task.completed and task.phase is not Phase.COMPLETED
        item = CleanUp(job, task, may_abort and task.budget.aborts, task.budget.deletes, alive, settle)
        if not settle:
            self._note(JobEventKind.DROPPED, task, now)
        elif not (item.abort or item.delete):
            self._note(JobEventKind.KEPT, task, now)
        self._clean_up(item, now)
        task.job = None

    def _clean_up(self, item: CleanUp, now: float) -> None:
        task = item.task
        if item.abort and item.alive:
            item.slot, task.slot = task.slot, False
        else:
            self._job_over(task)
        if item.abort or item.delete:
            self._clean_ups.add(item)
            self.agenda.put(now, item)

    def _clean_up_call(self, item: CleanUp) -> Command:
        if item.watch_until is not None:
            return Command(Verb.POLL, (item,))
        return Command(Verb.ABORT if item.abort else Verb.DELETE, (item,))

    def _cleaned(self, item: CleanUp, verb: Verb, outcome: Outcome, now: float) -> None:
        if verb is Verb.POLL:
            self._watched(item, outcome, now)
            return
        done = outcome.means in (Means.OK, Means.EMPTY)
        item.failures += not done
        if outcome.means is Means.RETRY and not item.task.budget.clean_up.spent(item.failures, 0):
            self.agenda.put(now + (outcome.wait or item.task.budget.clean_up.pause(item.failures)), item)
            return
        kind = JobEventKind.ABORTED if verb is Verb.ABORT else JobEventKind.DELETED
        self._tell(item, kind if done else JobEventKind.WARNING, now, outcome)
        if item.settle and done:
            item.settle = False
            self._tell(item, JobEventKind.DROPPED, now, outcome)
        if verb is Verb.ABORT:
            self._aborted(item, now, confirmed=done)
        else:
            self._leave(item)

    def _tell(self, item: CleanUp, kind: JobEventKind, now: float, outcome: Outcome) -> None:
        self.events.append(JobEvent(kind, now, item.task.unit, item.job, error=outcome.error))

    def _aborted(self, item: CleanUp, now: float, *, confirmed: bool) -> None:
        item.abort, item.failures = False, 0
        waited_for = bool(self._startable) or any(work.held for work in self.streams.values())
        if item.slot and confirmed and waited_for and not self.stopping:
            item.watch_until = now + CANCEL_WATCH
            self.agenda.put(now + item.task.budget.poll_interval, item)
        else:
            self._let_go(item, now)

    def _watched(self, item: CleanUp, outcome: Outcome, now: float) -> None:
        """A cancel may still be under way at the API: its slot is not used again before it is over, within bounds."""
        running = outcome.means is Means.OK and outcome.status is JobStatus.RUNNING
        if (running or outcome.means is Means.RETRY) and item.watch_until is not None and now < item.watch_until:
            self.agenda.put(now + max(item.task.budget.poll_interval, outcome.wait or 0), item)
        else:
            item.watch_until = None
            self._let_go(item, now)

    def _let_go(self, item: CleanUp, now: float) -> None:
        self._return_slot(item)
        if item.delete:
            self.agenda.put(now, item)
        else:
            self._leave(item)

    def _leave(self, item: CleanUp) -> None:
        self._return_slot(item)
        self.agenda.cancel(item)
        self._clean_ups.discard(item)
        self._job_ended()

    def _return_slot(self, item: CleanUp) -> None:
        if item.slot:
            item.slot = False
            self.slots.give_back(item.task)
            self._job_ended()

    # -- giving up

    def _fail(self, task: Task, error: ReportError | None, now: float, *, keep: bool = False) -> None:
        """The window fails, and its lane ends here; `keep` leaves the job in state for the next run."""
        alive = task.phase in ALIVE
        self._note(JobEventKind.FAILED, task, now, error=error)
        if keep and self._has_job(task):
            self._note(JobEventKind.KEPT, task, now)
        else:
            self._discard(task, now, alive=alive, settle=alive)
        lane = task.lane
        lane.error = lane.error or error
        self._end(task)
        self._close_lane(lane, now)

    def _close_lane(self, lane: Lane, now: float) -> None:
        """Nothing of this lane is written any more: what is behind the gap waits for the next run, or is given up."""
        lane.closed = True
        for task in list(lane.tasks):
            self._give_up(task, now)

    def _give_up(self, task: Task, now: float) -> None:
        """Ends a task without a verdict: a live job is aborted or kept by `on_exit`, a finished one is kept."""
        if task.phase is Phase.CREATING:
            task.phase = Phase.ENDED  # its answer is awaited, then the job dealt with
            self.agenda.cancel(task)
            task.lane.tasks.remove(task)
            task.lane.stream.open_tasks -= 1
            self._awaited += 1
            return
        self._put_away(task, now)
        self._end(task)

    def _put_away(self, task: Task, now: float) -> None:
        if not self._has_job(task):
            return
        if task.phase in ALIVE and not task.completed and not task.budget.keep_on_exit:
            self._discard(task, now, alive=True, settle=True)
        else:
            self._note(JobEventKind.KEPT, task, now)

    def _late(self, task: Task, verb: Verb, outcome: Outcome, now: float) -> None:
        """An answer for a task that was given up meanwhile; only a creation needs anything done about it."""
        if verb is not Verb.CREATE:
            return
        self._awaited -= 1
        if outcome.means in (Means.OK, Means.DUPLICATE) and self._has_job(task):
            task.phase = Phase.RUNNING
            self._note(JobEventKind.CREATED, task, now)
            self._put_away(task, now)
            task.phase = Phase.ENDED
        self._free_slot(task)
