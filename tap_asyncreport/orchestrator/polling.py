"""Asking how jobs are: when, which of them share a call, and what the answers lead to."""

from __future__ import annotations

import heapq

from tap_asyncreport.job import JobEventKind, JobStatus, Means, Outcome, Unit
from tap_asyncreport.orchestrator.budgets import SHORTEST_WAIT
from tap_asyncreport.orchestrator.gates import asked_wait
from tap_asyncreport.orchestrator.task import Command, Phase, StreamWork, Task, Verb
from tap_asyncreport.orchestrator.verdicts import Verdicts

EARLY = 0.25  # of its wait: so much sooner a job is asked about where the call is made for another anyway


class Polling(Verdicts):
    """Decisions about polls: an error delays the next one and nothing else, and only an answer ends a job."""

    # -- when

    def _poll_at(self, task: Task, at: float, slack: float = 0.0) -> None:
        """Asks at `at`, or up to `slack` sooner together with others."""
        task.phase = Phase.RUNNING
        self.agenda.put(at, task)
        if task.budget.batch > 1:
            heapq.heappush(task.stream.early, (at - slack, next(self._tie), task.turn, task))

    def _poll_calls(self, due: list[Task], now: float) -> list[Command]:
        """One call for each task, or for each batch of tasks of a stream, filled up with those that are nearly due."""
        commands = [self._poll_call([task], now) for task in due if task.budget.batch == 1]
        streams: dict[StreamWork, list[Task]] = {}
        for task in due:
            if task.budget.batch > 1:
                streams.setdefault(task.stream, []).append(task)
        for work, tasks in streams.items():
            size = work.budget.batch
            batches = [tasks[at : at + size] for at in range(0, len(tasks), size)]
            batches[-1] += self._nearly_due(work, size - len(batches[-1]), now)
            commands += [self._poll_call(batch, now) for batch in batches]
        return commands

    def _nearly_due(self, work: StreamWork, most: int, now: float) -> list[Task]:
        mates: list[Task] = []
        early = work.early
        while early and early[0][0] <= now:
            _, _, turn, task = early[0]
            still_waits = task.turn == turn and task.phase is Phase.RUNNING
            if still_waits and len(mates) == most:
                break
            heapq.heappop(early)
            if still_waits:
                self.agenda.cancel(task)
                mates.append(task)
        return mates

    def _poll_call(self, tasks: list[Task], now: float) -> Command:
        for task in tasks:
            task.phase, task.asked_at = Phase.POLLING, now
            task.polls += 1
        return Command(Verb.POLL, tuple(tasks))

    # -- what came of it

    def _polled(self, task: Task, outcome: Outcome, now: float) -> None:
        task.phase = Phase.RUNNING
        if outcome.means is Means.OK:
            task.failures, task.failing_since = 0, None
            self._status(task, outcome, now)
        elif outcome.means is Means.QUOTA_EXHAUSTED:
            self._poll_failed(task, outcome, now)
            self._quota(task, outcome, now)
        elif outcome.means in (Means.RETRY, Means.NOT_READY, Means.BUSY, Means.LINK_EXPIRED, Means.DUPLICATE):
            self._poll_failed(task, outcome, now)
        else:
            self._common(task, outcome, now)

    def _status(self, task: Task, outcome: Outcome, now: float) -> None:
        if outcome.status in (JobStatus.RUNNING, None):
            self._still_running(task, outcome, now)
            return
        self._note(JobEventKind.POLLED, task, now, word=outcome.word)
        if outcome.status is JobStatus.COMPLETED:
            self._completed(task, outcome, now)
        elif outcome.status is JobStatus.SKIPPED:
            self._ready(task, now, empty=True)
        else:
            self._again(task, outcome, now)

    def _completed(self, task: Task, outcome: Outcome, now: float) -> None:
        """A finished job stays one, however late it is looked at; without polls only the download can tell."""
        if task.budget.polls:
            self._job_over(task)
        task.phase = Phase.COMPLETED
        self.agenda.put(now, task)
        if task.budget.polls and not task.completed:
            task.completed = True
            task.stream.unwritten.add(task)
            self._note(JobEventKind.COMPLETED, task, now)
        if outcome.follow is not None and task.last_link:
            self._follow(task, outcome.follow, now)

    def _follow(self, task: Task, unit: Unit, now: float) -> None:
        """Adds the next job of a chained window right behind this one."""
        follower = Task(unit, task.lane, task.order)
        task.last_link = False
        task.lane.insert(follower, behind=task)
        self._may_start(follower, now)

    def _still_running(self, task: Task, outcome: Outcome, now: float) -> None:
        seen = (outcome.word, repr(outcome.progress))
        if seen != task.seen:
            task.seen, task.changed_at = seen, now
        asked = asked_wait(outcome) or 0.0
        wait = self._within_deadline(task, now, asked, asked or task.budget.poll_pause(task.polls, self.jitter))
        self._note(JobEventKind.POLLED, task, now, word=outcome.word, wait=wait)
        stall = task.budget.stall_timeout
        if task.asked_at >= task.deadline:
            self._too_late(task, outcome, now)
        elif stall is not None and task.asked_at - task.changed_at >= stall:
            words = f"no change for {stall:g} s; the status is still {outcome.word!r}"
            self._timed_out(task, outcome, now, words, hint="raise jobs.stall_timeout")
        elif not self._asks_too_much(task, outcome, now, task.deadline - now):
            self._poll_at(task, now + wait, 0.0 if asked else wait * EARLY)

    def _poll_failed(self, task: Task, outcome: Outcome, now: float) -> None:
        """An error while polling delays the next poll and nothing else."""
        task.failures += 1
        task.failing_since = now if task.failing_since is None else task.failing_since
        asked = asked_wait(outcome) or 0.0
        wait = max(asked, task.budget.poll_pause(task.polls, self.jitter))
        if task.asked_at >= task.deadline:
            self._too_late(task, outcome, now)
        elif task.budget.polling.spent(task.failures, now + wait - task.failing_since):
            words = f"the status could not be read in {task.failures} tries"
            self._timed_out(task, outcome, now, words, hint="raise polling_requester.retry.max_tries", keep=True)
        elif not self._asks_too_much(task, outcome, now, task.deadline - now):
            wait = self._within_deadline(task, now, asked, wait)
            tries = task.budget.polling.told(task.failures, asked=asked >= wait)
            self._note(JobEventKind.DELAYED, task, now, wait=wait, error=outcome.error, tries=tries)
            self._poll_at(task, now + wait, 0.0 if asked else wait * EARLY)

    def _within_deadline(self, task: Task, now: float, asked: float, wait: float) -> float:
        """The wait, so that there is one last look at the deadline, however long it is."""
        if now < task.deadline < now + wait:
            wait = max(asked, task.deadline - now)
        elif now >= task.deadline:
            wait = max(asked, min(wait, task.budget.poll_interval))
        return max(SHORTEST_WAIT, wait)

    def _too_late(self, task: Task, outcome: Outcome, now: float) -> None:
        """Only an answer to a question asked at or after the deadline can be too late."""
        status = f"the status is still {outcome.word!r}" if outcome.word else "its status could not be read"
        done = "completed, but not to be downloaded again" if task.completed else "not completed"
        words = f"{done} within jobs.timeout of {task.budget.timeout:g} s; {status}"
        self._timed_out(task, outcome, now, words, hint="raise jobs.timeout")

    def _refresh(self, task: Task, now: float, wait: float) -> None:
        """The polling answer may hold what is missing next time; to be asked for it the API has a whole timeout."""
        task.polls, task.seen, task.changed_at = 0, None, now
        task.deadline = max(task.deadline, now + wait + task.budget.timeout)
        self._poll_at(task, now + wait)
