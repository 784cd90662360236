"""What an answer of each step leads to."""

from __future__ import annotations

from tap_asyncreport.errors import JobError, ReportError
from tap_asyncreport.job import JobEventKind, JobStatus, Means, Outcome
from tap_asyncreport.orchestrator.budgets import SHORTEST_WAIT, Tries
from tap_asyncreport.orchestrator.cleaning import Cleaning
from tap_asyncreport.orchestrator.task import Lane, Phase, StreamWork, Task


class Verdicts(Cleaning):
    """Decisions about answers; every path that tries again waits."""

    # -- creation

    def _created(self, task: Task, outcome: Outcome, now: float) -> None:
        means = outcome.means
        if means in (Means.OK, Means.DUPLICATE):
            self._alive(task, now, JobEventKind.ADOPTED if means is Means.DUPLICATE else JobEventKind.CREATED)
            self.agenda.put(now + task.budget.first_poll, task)
        elif means is Means.BUSY:
            self._busy(task, outcome, now)
        elif means in (Means.RETRY, Means.NOT_READY, Means.JOB_GONE):
            self._creation_again(task, outcome, now)
        else:
            self._common(task, outcome, now)

    def _creation_again(self, task: Task, outcome: Outcome, now: float) -> None:
        task.creation_failures += 1
        tries = task.budget.creation
        if tries.spent(task.creation_failures, now - (task.first_try_at or now)):
            self._fail(task, outcome.error, now)
            return
        wait = self._asked(outcome) or tries.pause(task.creation_failures)
        self._note(JobEventKind.DELAYED, task, now, wait=wait, error=outcome.error)
        self._free_slot(task)
        self._start_later(task, now + wait)

    def _busy(self, task: Task, outcome: Outcome, now: float) -> None:
        """No slot at the API now: this stream creates nothing until one of our jobs ends, or the wait is over."""
        task.busy_tries += 1
        task.busy_since = now if task.busy_since is None else task.busy_since
        tries = task.budget.creation
        out_of_tries = outcome.counts and tries.max_tries is not None and task.busy_tries >= tries.max_tries
        if out_of_tries or now - task.busy_since >= task.budget.timeout:
            self._fail(task, outcome.error, now)
            return
        wait = self._asked(outcome) or tries.pause(task.busy_tries)
        self._note(JobEventKind.BUSY, task, now, wait=wait, error=outcome.error)
        work = task.lane.stream
        self._free_slot(task)
        if not outcome.counts:
            work.busy_until = now + wait
            work.held.append(task)
        self._start_later(task, now + wait)

    # -- polling

    def _polled(self, task: Task, outcome: Outcome, now: float) -> None:
        task.phase = Phase.RUNNING
        if outcome.means is Means.OK:
            task.failures = 0
            self._status(task, outcome, now)
        elif outcome.means in (Means.RETRY, Means.NOT_READY, Means.BUSY, Means.LINK_EXPIRED, Means.DUPLICATE):
            self._poll_failed(task, outcome, now)
        else:
            self._common(task, outcome, now)

    def _status(self, task: Task, outcome: Outcome, now: float) -> None:
        self._note(JobEventKind.POLLED, task, now, word=outcome.word)
        if outcome.status is JobStatus.COMPLETED:
            self._completed(task, outcome, now)
        elif outcome.status is JobStatus.SKIPPED:
            self._ready(task, now, empty=True)
        elif outcome.status in (JobStatus.FAILED, JobStatus.TIMED_OUT):
            self._again(task, outcome, now)
        else:
            self._still_running(task, outcome, now)

    def _completed(self, task: Task, outcome: Outcome, now: float) -> None:
        if not task.completed:
            task.completed = True
            self._note(JobEventKind.COMPLETED, task, now)
            if outcome.follow is not None:
                self._follow(task, outcome.follow)
        self._job_over(task)
        task.phase = Phase.COMPLETED
        self.agenda.put(now, task)

    def _still_running(self, task: Task, outcome: Outcome, now: float) -> None:
        seen = (outcome.word, repr(outcome.progress))
        if seen != task.seen:
            task.seen, task.changed_at = seen, now
        stall = task.budget.stall_timeout
        if self._past_deadline(task):
            self._timed_out(task, outcome, now, self._deadline_words(task, outcome))
        elif stall is not None and task.asked_at - task.changed_at >= stall:
            self._timed_out(task, outcome, now, f"no change for {stall:g} s; the status is still {outcome.word!r}")
        else:
            wait = outcome.wait or task.budget.poll_pause(task.polls, self.jitter)
            self._poll_at(task, now, max(wait, SHORTEST_WAIT))

    def _poll_failed(self, task: Task, outcome: Outcome, now: float) -> None:
        """An error while polling delays the next poll and nothing else."""
        task.failures += 1
        asked = self._asked(outcome)
        wait = max(asked or 0.0, task.budget.poll_pause(task.polls, self.jitter))
        self._note(JobEventKind.DELAYED, task, now, wait=wait, error=outcome.error)
        if self._past_deadline(task) or task.budget.polling.spent(task.failures, 0):
            self._timed_out(task, outcome, now, self._deadline_words(task, outcome))
        elif asked is not None and not task.completed and now + asked > task.deadline:
            words = f"the API asks to wait {asked:g} s, longer than the {max(0.0, task.deadline - now):.0f} s left"
            self._timed_out(task, outcome, now, words, keep=True)
        else:
            self._poll_at(task, now, wait, exactly=asked is not None)

    def _poll_at(self, task: Task, now: float, wait: float, *, exactly: bool = False) -> None:
        """Due after `wait`, with one last poll at the deadline, however long that wait is."""
        at = now + wait
        if not exactly and not task.completed and now < task.deadline < at:
            at = task.deadline
        self.agenda.put(at, task)

    def _past_deadline(self, task: Task) -> bool:
        """Only an answer to a question asked at or after the deadline is too late."""
        return not task.completed and task.asked_at >= task.deadline

    def _deadline_words(self, task: Task, outcome: Outcome) -> str:
        status = f"the status is still {outcome.word!r}" if outcome.word else "its status could not be read"
        return f"not completed within jobs.timeout of {task.budget.timeout:g} s; {status}"

    def _timed_out(self, task: Task, outcome: Outcome, now: float, words: str, *, keep: bool = False) -> None:
        """A deadline of ours: not a failed job, and not tried again in this run."""
        seen = outcome.error
        keeps = keep or task.budget.keep_on_timeout
        hint = "raise jobs.timeout" + ("; the next run goes on polling this job" if keeps else "")
        error = JobError(words, where=seen.where if seen else None, excerpt=seen.excerpt if seen else None, hint=hint)
        if seen is not None:
            error.message = f"{words} ({seen.message})"
        self._fail(task, error, now, keep=keeps)

    # -- targets and download

    def _targeted(self, task: Task, outcome: Outcome, now: float) -> None:
        task.phase = Phase.COMPLETED
        if outcome.means is Means.OK:
            task.phase = Phase.FETCHABLE
            self.agenda.put(now, task)
        elif outcome.means in (Means.RETRY, Means.NOT_READY, Means.LINK_EXPIRED, Means.BUSY):
            self._target_again(task, outcome, now)
        else:
            self._common(task, outcome, now)

    def _target_again(self, task: Task, outcome: Outcome, now: float) -> None:
        task.target_failures += 1
        task.fetch_since = now if task.fetch_since is None else task.fetch_since
        tries = task.budget.target
        if tries.spent(task.target_failures, now - task.fetch_since):
            self._fail(task, outcome.error, now, keep=True)
            return
        if outcome.means is not Means.RETRY:
            task.phase = Phase.RUNNING  # the polling answer may hold it next time
        self._wait_for(task, outcome, tries, task.target_failures, now)

    def _downloaded(self, task: Task, outcome: Outcome, now: float) -> None:
        task.phase = Phase.FETCHABLE
        if self._urgent is task:
            self._urgent = None
        if outcome.means is Means.OK:
            self._ready(task, now)
        elif outcome.means is Means.NO_ROOM:
            self._no_room.append(task)
        elif outcome.means in (Means.RETRY, Means.NOT_READY, Means.LINK_EXPIRED, Means.BUSY):
            self._download_again(task, outcome, now)
        else:
            self._common(task, outcome, now)

    def _download_again(self, task: Task, outcome: Outcome, now: float) -> None:
        if outcome.progress is not None and outcome.progress != task.pieces:
            task.pieces, task.download_failures, task.fetch_since = outcome.progress, 0, None
        task.download_failures += 1
        task.fetch_since = now if task.fetch_since is None else task.fetch_since
        tries = task.budget.download
        if tries.spent(task.download_failures, now - task.fetch_since):
            self._fail(task, outcome.error, now)
            return
        if outcome.means is Means.LINK_EXPIRED:
            task.phase = Phase.RUNNING  # a fresh target begins with a fresh polling answer
        self._wait_for(task, outcome, tries, task.download_failures, now)

    def _wait_for(self, task: Task, outcome: Outcome, tries: Tries, failures: int, now: float) -> None:
        wait = self._asked(outcome) or tries.pause(failures)
        self._note(JobEventKind.DELAYED, task, now, wait=wait, error=outcome.error)
        self.agenda.put(now + wait, task)

    # -- what means the same in every step

    def _common(self, task: Task, outcome: Outcome, now: float) -> None:
        means = outcome.means
        if means is Means.EMPTY:
            self._ready(task, now, empty=True)
        elif means is Means.JOB_GONE:
            self._again(task, outcome, now, gone=True)
        elif means is Means.TOO_LARGE:
            self._too_large(task, outcome, now)
        elif means is Means.SKIP_PARTITION:
            self._skip(task, outcome, now)
        elif means is Means.QUOTA_EXHAUSTED:
            self._quota(task, outcome, now)
        else:
            self._fail(task, outcome.error, now)

    def _again(self, task: Task, outcome: Outcome, now: float, *, gone: bool = False) -> None:
        """The job failed, or the API forgot it: another one, within the attempts of the window."""
        kept_by_last_run = gone and task.job is not None and task.job.adopted
        spent = task.attempt if not kept_by_last_run else 0
        task.phase = Phase.COMPLETED if gone else task.phase
        if spent >= task.budget.max_attempts:
            self._fail(task, self._attempts_error(task, outcome), now)
            return
        self._discard(task, now, alive=False)
        self._forget_job(task, spent + 1)
        wait = 0.0 if kept_by_last_run else task.budget.retry_wait
        self._note(JobEventKind.RETRYING, task, now, wait=wait, error=outcome.error)
        self._start_later(task, now + wait)

    def _attempts_error(self, task: Task, outcome: Outcome) -> ReportError | None:
        error = outcome.error
        if error is not None and task.budget.max_attempts > 1:
            error.message += f" (attempt {task.attempt} of {task.budget.max_attempts})"
        return error

    def _forget_job(self, task: Task, attempt: int) -> None:
        task.job, task.attempt, task.completed, task.seen, task.pieces = None, attempt, False, None, None
        task.target_failures = task.download_failures = task.creation_failures = 0
        task.fetch_since = task.first_try_at = None
        for mate in [mate for mate in task.lane.tasks if mate.unit.follows(task.unit)]:
            self._give_up(mate, task.changed_at)
        task.last_link = True

    def _too_large(self, task: Task, outcome: Outcome, now: float) -> None:
        halves = self.split(task.unit)
        if halves is None:
            self._fail(task, outcome.error, now)
            return
        self._note(JobEventKind.SPLIT, task, now, error=outcome.error)
        self._discard(task, now, alive=not task.completed)
        self._replace(task, halves)

    def _skip(self, task: Task, outcome: Outcome, now: float) -> None:
        self._note(JobEventKind.SKIPPED, task, now, error=outcome.error)
        self._discard(task, now, alive=not task.completed)
        lane = task.lane
        self._end(task)
        self._close_lane(lane, now)

    def _quota(self, task: Task, outcome: Outcome, now: float) -> None:
        """No more jobs for this stream in this run: live ones finish, what waits stays for the next run."""
        work = task.lane.stream
        if task.phase is Phase.CREATING:
            self._free_slot(task)
            self._start_later(task, now)
        else:
            task.phase = Phase.RUNNING
            self._poll_failed(task, outcome, now)
        if work.quota is None:
            work.quota = outcome.error or JobError("the API's quota is exhausted")
            self._note(JobEventKind.WARNING, task, now, error=work.quota)
        self._close_for_quota(work, now)

    def _close_for_quota(self, work: StreamWork, now: float) -> None:
        for lane in list(work.lanes.values()):
            waiting = next((task for task in lane.tasks if task.phase is Phase.WAITING), None)
            if waiting is not None:
                self._close_behind(lane, waiting, now)

    def _close_behind(self, lane: Lane, gap: Task, now: float) -> None:
        lane.closed = True
        lane.error = lane.error or lane.stream.quota
        for task in list(lane.tasks)[lane.tasks.index(gap) :]:
            self._give_up(task, now)

    def _asked(self, outcome: Outcome) -> float | None:
        """The wait that the API asked for, if it is one."""
        return outcome.wait if outcome.wait is not None and outcome.wait > 0 else None
