"""Decides: which job to start, poll, give up on, download, hand over, abort, delete. No I/O, no clock, no threads.

The runner asks `commands(now)` what to do, executes it, and tells `answered(command, outcomes, now)` what came of it;
the writer takes what is ready (`take`) and tells `written` or `unreadable`. `now` is always monotonic seconds from
outside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tap_asyncreport.job import Job, JobEventKind, JobStatus, Outcome, Unit, partition_key
from tap_asyncreport.orchestrator.creation import Creation
from tap_asyncreport.orchestrator.task import CleanUp, Command, Gate, Lane, Phase, StreamWork, Task, Verb

if TYPE_CHECKING:
    from tap_asyncreport.errors import ReportError
    from tap_asyncreport.orchestrator.budgets import Budget


class Orchestrator(Creation):
    """The state machine over all units of all streams.

    `split` halves a unit that was too large, or says None. `events` collects what happened, for whoever drains it: a
    job is in state from CREATED or ADOPTED until DROPPED, or WRITTEN; KEPT says that it stays there. Where the stream
    deletes its jobs, one DELETED or WARNING follows each WRITTEN.
    """

    # -- what there is to do

    def add_stream(self, name: str, budget: Budget) -> StreamWork:
        """Announces a stream; streams are started in the order in which they are announced."""
        return self.streams.setdefault(name, StreamWork(name, budget, len(self.streams)))

    def add_units(
        self, stream: str, units: Sequence[Unit], adopted: Mapping[int, Job] | None = None, *, now: float
    ) -> None:
        """Adds units of one partition in their order; the n-th goes on with the job that is `adopted[n]`.

        The first units of all partitions are started before anyone's second. Those behind the last adopted job are
        taken from the sequence only when their turn comes.
        """
        if not units:
            return
        work, adopted, first = self.streams[stream], adopted or {}, units[0]
        key = first.lane[1]
        lane = work.lanes.get(key) or self._new_lane(work, key, first)
        if self.stopping or lane.closed:
            for job in adopted.values():
                self._leave_alone(Task(job.unit, lane, (), job=job), now)
            return
        lane.expect(units)
        for place in range(1 + max(adopted, default=-1)):
            self._come(lane, adopted.get(place), now)
        if adopted or lane.newest is None:
            self._line_up(lane)

    def discard_job(self, stream: str, unit: Unit, job: Job, *, alive: bool, now: float) -> None:
        """A job of an earlier run that nobody waits for any more: abort it if it may be alive, and delete it.

        Until that is done no other job is made for its window. A later link of a chain leaves the state at once: alone
        it would say that the links before it were written.
        """
        work = self.streams[stream]
        key = unit.lane[1]
        task = Task(unit, Lane(work, key, -1, self._groups(work, unit)), (-1,), Phase.RUNNING, job)
        task.exists, task.over, task.completed = True, not alive, not alive
        if not (work.budget.deletes or (alive and work.budget.aborts)):
            self._note(JobEventKind.DROPPED, task, now)
            return
        if alive:
            self.slots.take(task, force=True)
        self._discard(task, now, settle=True, forget=unit.link > 0)

    def complete(self, stream: str) -> None:
        """No more units will be added to this stream."""
        self.streams[stream].complete = True

    def _new_lane(self, work: StreamWork, key: str, unit: Unit) -> Lane:
        lane = work.lanes[key] = Lane(work, key, len(work.lanes), self._groups(work, unit))
        return lane

    def _groups(self, work: StreamWork, unit: Unit) -> tuple[tuple[str, str], ...]:
        limited = (name for name in work.budget.max_concurrent_per if name in unit.partition)
        return tuple((name, partition_key({name: unit.partition[name]})) for name in limited)

    def _leave_alone(self, task: Task, now: float) -> None:
        """Comes too late: its job stays in state."""
        self._note(JobEventKind.ADOPTED, task, now)
        self._note(JobEventKind.KEPT, task, now)

    # -- what to do next

    def commands(self, now: float) -> list[Command]:
        """The calls to make now; each must be answered once."""
        return [*self._due_calls(now), *self._starts(now), *self._fetches(now)]

    def next_due(self) -> float | None:
        """When `commands` may have something new though nothing was answered."""
        return self.agenda.next_at()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and nothing is to come; calls that nobody waits for do not count."""
        if self._awaited or any(work.is_open for work in self.streams.values()):
            return False
        return all(item.kept for item in self._clean_ups)

    def _due_calls(self, now: float) -> list[Command]:
        commands: list[Command] = []
        polls: list[Task] = []
        for item in list(self.agenda.due(now)):
            if isinstance(item, CleanUp):
                commands.append(self._clean_up_call(item))
            elif isinstance(item, Gate):
                self._gate_due(item)
            elif item.phase is Phase.WAITING:
                self._may_start(item, now)
            elif item.phase is Phase.RUNNING:
                polls.append(item)
            elif item.phase is Phase.COMPLETED:
                commands.append(self._target_call(item, now))
            elif item.phase is Phase.DELAYED:
                item.phase = Phase.FETCHABLE
                self._fetch(item)
        return commands + self._poll_calls(polls, now)

    # -- what came of it

    def answered(self, command: Command, outcomes: Sequence[Outcome], now: float) -> None:
        """Takes the outcomes of a command, one for each of its items."""
        self._downloads -= command.verb is Verb.DOWNLOAD
        pairs = list(zip(command.items, outcomes, strict=True))
        if len(pairs) > 1:
            pairs.sort(key=lambda pair: pair[1].status is not JobStatus.COMPLETED)  # what is done stays done
        for item, outcome in pairs:
            if isinstance(item, CleanUp):
                self._cleaned(item, command.verb, outcome, now)
            elif item.phase is Phase.ENDED:
                self._late(item, command.verb, outcome, now)
            elif command.verb is Verb.CREATE:
                self._created(item, outcome, now)
            elif command.verb is Verb.POLL:
                self._polled(item, outcome, now)
            elif command.verb is Verb.TARGETS:
                self._targeted(item, outcome, now)
            else:
                self._downloaded(item, outcome, now)

    # -- the writer's side

    def take(self, stream: str, now: float) -> Task | None:
        """The next unit of this stream whose rows may be written, if one is ready."""
        self._asked_for = work = self.streams[stream]
        while work.ready and not self.stopping:
            task = work.ready.popleft()
            if task.phase is Phase.READY:
                task.phase, self._in_hand = Phase.WRITING, task
                self._note(JobEventKind.WRITING, task, now)
                return task
        return None

    def exhausted(self, stream: str) -> bool:
        """Whether nothing of this stream will ever be ready again."""
        work = self.streams[stream]
        return self.stopping or (work.complete and not work.is_open)

    def written(self, task: Task, rows: int, now: float, *, covered: bool = True) -> None:
        """The unit's rows are out, and the lane goes on; the job is deleted once a STATE message has `covered` them."""
        self._note(JobEventKind.WRITTEN, task, now, rows=rows)
        if task.phase is not Phase.ENDED:
            self._end(task)
        if task.job is not None and task.exists:
            self._clean_up(CleanUp(task.job, task, delete=task.budget.deletes, held=not covered), now)
        else:
            self._discard_part(task, now)
        self.room_freed()
        self._offer(task.lane)

    def covered(self, now: float) -> None:
        """A STATE message says of all units written so far that their rows are out: their jobs may be deleted."""
        for item in self._take_uncovered():
            self.agenda.put(now, item)

    def never_covered(self) -> None:
        """Nobody takes STATE any more: what it has not told of is left as it is, for the next run asks for it again."""
        for item in self._take_uncovered():
            self._clean_ups.pop(item, None)

    def _take_uncovered(self) -> list[CleanUp]:
        items, self.uncovered = self.uncovered, []
        for item in items:
            item.held = False
        return items

    def unreadable(self, task: Task, error: ReportError, now: float) -> None:
        """The unit's rows could not be read: the window fails, and its bookmark is held."""
        task.completed = True
        if task.phase is not Phase.ENDED:
            self._fail(task, error, now)
        self.room_freed()

    def interrupt(self, now: float, *, for_good: bool = False) -> None:
        """Stops new work; live jobs are aborted or kept by `on_exit`, finished ones are kept for the next run.

        Where there will be no next run, `for_good`, nothing is kept.
        """
        self.stopping, self.for_good = True, for_good
        for work in self.streams.values():
            work.complete = True
            for lane in work.lanes.values():
                self._close(lane, lane, now)
        for item in list(self._clean_ups):
            if item.watch_until is not None and not item.asking:
                self._let_go(item, now)

    def fail_all(self, error: ReportError, now: float) -> None:
        """Every stream that still has work fails with this error, and nothing new begins."""
        for work in self.streams.values():
            for lane in work.lanes.values():
                if lane.is_open:
                    lane.error = lane.error or error
        self.interrupt(now)


__all__ = ["Orchestrator"]
