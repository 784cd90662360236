"""Giving up and cleaning up: what becomes of jobs that are not wanted any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_asyncreport.errors import JobError
from tap_asyncreport.job import JobEventKind, JobStatus, Means, Outcome
from tap_asyncreport.orchestrator.budgets import SHORTEST_WAIT
from tap_asyncreport.orchestrator.gates import Gates
from tap_asyncreport.orchestrator.task import CleanUp, Command, Lane, Phase, StreamWork, Task, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_asyncreport.errors import ReportError
    from tap_asyncreport.job import Window

CANCEL_WATCH = 10.0
LONGEST_CLEAN_UP_WAIT = 10.0


def _overlap(one: Window | None, other: Window | None) -> bool:
    """Whether two windows of a partition have something in common; no window is all of time."""
    return one is None or other is None or (one.start < other.end and other.start < one.end)


class Cleaning(Gates):
    """Decisions about the end of jobs; neither abort nor delete ever turns success into failure."""

    def _discard(self, task: Task, now: float, *, settle: bool = False, forget: bool = False) -> None:
        """The task's job is not wanted: abort it unless it is gone or done, delete it in any case.

        One that is alive, or with `settle`, leaves the state when the API has confirmed that, any other at once, and
        so does one to `forget`, such as a later link of a chain whose first is still to be written.
        """
        self._drop_followers(task, now)
        task.stream.unwritten.discard(task)
        job = task.job
        if job is None or not task.exists:
            self._free_slot(task)
            self._discard_part(task, now)
            task.job = None
            return
        budget, may_abort = task.budget, not task.completed and not task.gone
        item = CleanUp(job, task, may_abort and budget.aborts, budget.deletes, task.alive)
        item.settle = (settle or item.alive) and not (forget or task.is_later_link)
        if not item.settle:
            self._note(JobEventKind.DROPPED, task, now)
        elif not (item.abort or item.delete):
            self._note(JobEventKind.KEPT if item.alive else JobEventKind.DROPPED, task, now)
        self._clean_up(item, now)
        task.exists, task.job = False, None

    def _drop_followers(self, task: Task, now: float) -> None:
        """Later jobs of the chain began where this one's answer said, and are worth nothing without it.

        They leave the state before it does: to the next run a later link alone would say that this one was written.
        """
        while task.after is not None and task.after.unit.follows(task.unit):
            follower = task.after
            if follower.phase is Phase.CREATING:
                follower.unwanted = True
                self._give_up(follower, now)
                self._block(follower)
                continue
            self._discard(follower, now)
            self._end(follower)

    def _discard_part(self, task: Task, now: float) -> None:
        """What the first of several creation steps made, where a later one failed, is cleaned up like a whole job."""
        budget, job = task.budget, task.job
        if job is not None and not task.exists and job.creation_responses and (budget.aborts or budget.deletes):
            self._clean_up(CleanUp(job, task, budget.aborts, budget.deletes), now)
            task.job = None

    def _clean_up(self, item: CleanUp, now: float) -> None:
        task = item.task
        if not (item.abort or item.delete):
            self._hold_slot(task, now)
            self._job_over(task)
            return
        if item.alive:
            item.slot, task.slot = task.slot, False
            self._block(item)
        else:
            self._job_over(task)
        self._clean_ups[item] = None
        if item.held:
            self.uncovered.append(item)
        else:
            self.agenda.put(now, item)

    def _clean_up_call(self, item: CleanUp) -> Command:
        item.asking = True
        if item.watch_until is not None:
            item.polls += 1
            return Command(Verb.POLL, (item,))
        return Command(Verb.ABORT if item.abort else Verb.DELETE, (item,))

    def _cleaned(self, item: CleanUp, verb: Verb, outcome: Outcome, now: float) -> None:
        item.asking = False
        if verb is Verb.POLL:
            self._watched(item, outcome, now)
            return
        done = outcome.means in (Means.OK, Means.EMPTY)
        item.failures += not done
        item.ended = done
        if outcome.means is Means.RETRY and self._try_clean_up_again(item, verb, outcome, now):
            return
        kind = JobEventKind.ABORTED if verb is Verb.ABORT else JobEventKind.DELETED
        if not (item.job.in_part if done else outcome.error is None):
            self._tell(item, kind if done else JobEventKind.WARNING, now, outcome)
        if item.settle and done:
            self._settle(item, now)
        if verb is Verb.ABORT:
            self._aborted(item, now, confirmed=done)
        else:
            self._leave(item, now)

    def _try_clean_up_again(self, item: CleanUp, verb: Verb, outcome: Outcome, now: float) -> bool:
        """Repeats the call, but never waits long for it: nobody needs what it brings."""
        budget = item.task.budget
        tries = budget.abort if verb is Verb.ABORT else budget.delete
        wait = max(outcome.wait or 0.0, tries.pause(item.failures))
        if tries.spent(item.failures, 0) or wait > LONGEST_CLEAN_UP_WAIT:
            return False
        self.agenda.put(now + wait, item)
        return True

    def _tell(self, item: CleanUp, kind: JobEventKind, now: float, outcome: Outcome | None = None) -> None:
        self._note(kind, item.task, now, job=item.job, error=None if outcome is None else outcome.error)

    def _settle(self, item: CleanUp, now: float) -> None:
        item.settle = False
        self._tell(item, JobEventKind.DROPPED, now)

    def _aborted(self, item: CleanUp, now: float, *, confirmed: bool) -> None:
        item.abort, item.failures = False, 0
        wanted = (item.slot or item.waiting) and any(work.is_open for work in self.streams.values())
        if confirmed and wanted and not self.stopping:
            item.watch_until = now + CANCEL_WATCH
            self._watch_later(item, now)
        else:
            self._let_go(item, now)

    def _watch_later(self, item: CleanUp, now: float, asked: float = 0.0) -> None:
        pause = item.task.budget.poll_pause(item.polls + 1, self.jitter)
        left = (item.watch_until or now) - now
        self.agenda.put(now + max(SHORTEST_WAIT, asked, min(pause, left)), item)

    def _watched(self, item: CleanUp, outcome: Outcome, now: float) -> None:
        """A cancel may still be under way at the API: its slot is not used again before it is over, within bounds."""
        running = outcome.means is Means.OK and outcome.status is JobStatus.RUNNING
        asked = outcome.wait or 0.0
        in_time = item.watch_until is not None and now + asked < item.watch_until
        if (running or outcome.means is Means.RETRY) and in_time and not self.stopping:
            self._watch_later(item, now, asked)
        else:
            item.ended = not running and outcome.means is not Means.RETRY
            self._let_go(item, now)

    def _let_go(self, item: CleanUp, now: float) -> None:
        """The job is not alive any more, as far as that can be known: its slot and its window are free."""
        item.watch_until = None
        if item.delete and item.settle:
            self.agenda.put(now, item)  # no abort, or one in vain: it is the delete that ends the job
            return
        self._release(item)
        if item.delete:
            self.agenda.put(now, item)
        else:
            self._leave(item, now)

    def _leave(self, item: CleanUp, now: float) -> None:
        self._release(item)
        if item.settle:
            item.settle = False
            self._tell(item, JobEventKind.KEPT if item.alive else JobEventKind.DROPPED, now)
        self.agenda.cancel(item)
        self._clean_ups.pop(item, None)
        if item.ended:
            self._one_ended(item.task.stream)

    def _release(self, item: CleanUp) -> None:
        """Its slot comes back, and those who waited for its window may start."""
        if item.slot:
            item.slot = False
            self.slots.give_back(item.task)
            if item.ended:
                item.ended = False
                self._one_ended(item.task.stream)
        self._unblock(item)

    # -- one live job for a window

    def _block(self, item: CleanUp | Task) -> None:
        """No other job is made for this one's window until it is out of the way."""
        task = item if isinstance(item, Task) else item.task
        task.stream.leaving.setdefault(task.lane.key, []).append(item)

    def _unblock(self, item: CleanUp | Task) -> None:
        task = item if isinstance(item, Task) else item.task
        leaving, lane = task.stream.leaving, task.lane.key
        if item in leaving.get(lane, ()):
            leaving[lane].remove(item)
            if not leaving[lane]:
                del leaving[lane]
        waiting, item.waiting = item.waiting, []
        for each in waiting:
            if each.phase is Phase.QUEUED:
                self._queue(each)

    def _blocker(self, task: Task) -> CleanUp | Task | None:
        """What has to be out of the way before there may be a job for the task's window."""
        for item in task.stream.leaving.get(task.lane.key, ()):
            other = item.unit if isinstance(item, Task) else item.task.unit
            if _overlap(other.window, task.unit.window):
                return item
        return None

    # -- giving up

    def _fail(self, task: Task, error: ReportError | None, now: float, *, keep: bool = False) -> None:
        """The window fails, and its lane ends here; `keep` leaves its jobs in state for the next run."""
        error = error or JobError("the API gave no reason")
        self._note(JobEventKind.FAILED, task, now, error=error)
        if keep and task.exists and not task.is_later_link:
            self._note(JobEventKind.KEPT, task, now)
        else:
            self._discard(task, now)
        lane, behind = task.lane, task.after
        lane.error, lane.keeps = lane.error or error, keep
        self._end(task)
        self._close(lane, lane.begin(behind), now)

    def _close(self, lane: Lane, tasks: Iterable[Task], now: float) -> None:
        """The lane gets nothing more, and these tasks of it are not written: given up, or left to the next run."""
        lane.closed = True
        lane.expect_no_more()
        for task in tasks:
            self._give_up(task, now)

    def _give_up(self, task: Task, now: float) -> None:
        """Ends a task without a verdict: a live job is aborted or kept by `on_exit`, a finished one is kept."""
        if task.phase is Phase.ENDED:
            return
        if task.phase is Phase.CREATING:
            task.phase = Phase.ENDED  # its answer is awaited, then the job dealt with
            task.lane.remove(task)
            self._awaited += 1
            return
        self._put_away(task, now)
        self._end(task)

    def _put_away(self, task: Task, now: float) -> None:
        if not task.exists:
            self._discard_part(task, now)
            return
        spares = task.lane.keeps or task.stream.halted is not None
        keeps = task.budget.keep_on_exit or (spares and not self.stopping)
        if self.for_good or task.is_later_link or (task.alive and not keeps):
            self._discard(task, now)
        else:
            self._note(JobEventKind.KEPT, task, now)
            self._hold_slot(task, now)

    def _hold_slot(self, task: Task, now: float) -> None:
        """A job that is left alive takes its slot along until it is done, for others must not exceed the limit."""
        if task.job is None or not task.alive or not task.slot or self.stopping:
            return
        item = CleanUp(task.job, task, kept=True, slot=True, watch_until=task.deadline, polls=task.polls)
        task.slot = False
        self._clean_ups[item] = None
        self._block(item)
        self._watch_later(item, now)

    def _late(self, task: Task, verb: Verb, outcome: Outcome, now: float) -> None:
        """An answer for a task that was given up meanwhile; only a creation needs anything done about it."""
        if verb is not Verb.CREATE:
            return
        self._awaited -= 1
        self._answered_gate(task, outcome, now)
        self._was_made(task, outcome, now)
        if task.unwanted:
            self._discard(task, now, forget=True)
        else:
            self._put_away(task, now)
        task.phase = Phase.ENDED
        self._free_slot(task)
        self._unblock(task)

    def _was_made(self, task: Task, outcome: Outcome, now: float) -> bool:
        """Whether a creation left a job at the API, whatever else its answer means."""
        good = outcome.means in (Means.OK, Means.DUPLICATE)
        if good or (task.job is not None and task.job.id is not None):
            found = outcome.means is Means.DUPLICATE
            kind = JobEventKind.ADOPTED if found else JobEventKind.CREATED
            self._appears(task, now, kind, task.budget.first_poll if good and task.budget.polls else None)
            return True
        return False

    # -- no more of a stream

    def _no_more_jobs(self, work: StreamWork, error: ReportError, now: float) -> None:
        """No more jobs for this stream in this run: live ones finish, what waits stays for the next run."""
        work.halted = work.halted or error
        self.agenda.cancel(work.gate)
        for lane in work.lanes.values():
            gap = next((task for task in lane if task.phase in (Phase.WAITING, Phase.QUEUED)), None)
            if gap is not None or lane.left:
                self._close_from(lane, gap, now)

    def _close_from(self, lane: Lane, gap: Task | None, now: float) -> None:
        lane.error = lane.error or lane.stream.halted
        self._close(lane, lane.begin(gap), now)
