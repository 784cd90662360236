"""What answers lead to that mean the same in every step, and what ends an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_asyncreport.errors import JobError
from tap_asyncreport.job import JobEvent, JobEventKind, Means, Outcome, Unit
from tap_asyncreport.orchestrator.budgets import SHORTEST_WAIT
from tap_asyncreport.orchestrator.cleaning import Cleaning
from tap_asyncreport.orchestrator.gates import asked_wait
from tap_asyncreport.orchestrator.task import Phase, Task

if TYPE_CHECKING:
    from tap_asyncreport.errors import ReportError


class Verdicts(Cleaning):
    """Decisions about answers; every path that tries again waits."""

    def _may_start(self, task: Task, now: float, wait: float = 0.0) -> None:
        """The task may be created after `wait`, unless this stream starts no more jobs."""
        task.phase = Phase.QUEUED
        if task.stream.halted is not None:
            self._close_from(task.lane, task, now)
        elif wait:
            task.phase = Phase.WAITING
            self.agenda.put(now + wait, task)
        else:
            self._queue(task)

    def _common(self, task: Task, outcome: Outcome, now: float) -> None:
        means = outcome.means
        if means is Means.EMPTY:
            self._ready(task, now, empty=True)
        elif means is Means.JOB_GONE:
            task.gone = True
            self._again(task, outcome, now)
        elif means is Means.TOO_LARGE:
            self._too_large(task, outcome, now)
        elif means is Means.SKIP_PARTITION:
            self._skip(task, outcome, now)
        else:
            self._fail(task, outcome.error, now)

    def _again(self, task: Task, outcome: Outcome, now: float) -> None:
        """The job failed, or the API forgot it: another one, within the attempts of the window.

        One that an earlier run left behind and that is gone by now was no attempt of this one.
        """
        self._job_over(task)
        spent = 0 if task.gone and task.inherited else task.attempt
        if spent >= task.budget.max_attempts:
            self._fail(task, _attempts_error(task, outcome), now)
            return
        wait = max(SHORTEST_WAIT, task.budget.retry_wait) if spent else SHORTEST_WAIT
        job = task.job
        self._discard(task, now)
        task.renew(spent + 1)
        self._note(JobEventKind.RETRYING, task, now, wait=wait, error=outcome.error, job=job)
        self._may_start(task, now, wait)

    def _too_large(self, task: Task, outcome: Outcome, now: float) -> None:
        halves = None if task.unit.link else self.split(task.unit)  # rows of earlier links may be out
        if halves is None:
            self._fail(task, _unsplittable(outcome), now)
            return
        self._note(JobEventKind.SPLIT, task, now, error=outcome.error)
        if not (task.budget.aborts or task.budget.deletes):
            self._job_over(task)  # nothing can be done about it, and the API has said that it will not do this
        self._discard(task, now)
        self._replace(task, halves, now)

    def _replace(self, task: Task, units: tuple[Unit, ...], now: float) -> None:
        """Puts tasks for `units` in the place of `task` in its lane."""
        place = task
        fresh = [Task(unit, task.lane, (*task.order, n)) for n, unit in enumerate(units)]
        for each in fresh:
            task.lane.insert(each, behind=place)
            place = each
        self._end(task)
        for each in fresh:
            if each.phase is not Phase.ENDED:
                self._may_start(each, now)

    def _skip(self, task: Task, outcome: Outcome, now: float) -> None:
        """The partition cannot be read, from this window on: what lies before it has its own answers."""
        lane = task.lane
        if not lane.skipped:
            self._note(JobEventKind.SKIPPED, task, now, error=outcome.error)
        lane.skipped = True
        self._discard(task, now)
        behind = task.after
        self._end(task)
        self._close(lane, lane.begin(behind), now)

    def _quota(self, task: Task, outcome: Outcome, now: float) -> None:
        """Says that this stream starts no more jobs; the caller puts the task where it belongs before."""
        error = outcome.error or JobError("the API's quota is exhausted")
        if task.stream.quota is None:
            task.stream.quota = error
            self.events.append(JobEvent(JobEventKind.WARNING, now, task.unit, error=error))  # not about the job
        self._no_more_jobs(task.stream, error, now)

    def _timed_out(
        self, task: Task, outcome: Outcome, now: float, words: str, *, hint: str, keep: bool = False
    ) -> None:
        """A bound of ours: not a failed job, and not tried again in this run."""
        seen = outcome.error
        keeps = keep or task.completed or task.budget.keep_on_timeout
        error = JobError(
            f"{words} ({seen.message})" if seen else words,
            where=seen.where if seen else None,
            excerpt=seen.excerpt if seen else None,
            hint=hint + ("; the next run goes on with this job" if keeps and task.exists else ""),
        )
        self._fail(task, error, now, keep=keeps)

    def _asks_too_much(self, task: Task, outcome: Outcome, now: float, left: float) -> bool:
        """Ends the window at once where the API asks to wait longer than there is time, with the job kept."""
        asked = asked_wait(outcome)
        if asked is None or asked <= left:
            return False
        words = f"the API asks to wait {asked:g} s, longer than the {max(0.0, left):.0f} s left"
        self._timed_out(task, outcome, now, words, hint="raise jobs.timeout, or run again later", keep=True)
        return True


def _attempts_error(task: Task, outcome: Outcome) -> ReportError:
    error = outcome.error or JobError("the API forgot the job" if task.gone else "the job failed")
    if task.budget.max_attempts > 1:
        error.message += f" (attempt {task.attempt} of {task.budget.max_attempts})"
    return error


def _unsplittable(outcome: Outcome) -> ReportError:
    error = outcome.error or JobError("the API says that the window is too large")
    error.hint = "the window cannot be halved: lower incremental.granularity, or add a partition"
    return error
