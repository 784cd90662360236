"""Decides: which job to start, poll, give up on, download, hand over, abort, delete. No I/O, no clock, no threads.

The runner asks `commands(now)` what to do, executes it, and tells `answered(command, outcomes, now)` what came of
it; the writer takes what is ready (`take`) and tells `written` or `unreadable`. `now` is always monotonic seconds from outside.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from tap_asyncreport.job import Job, JobEventKind, Means, Outcome, Unit, partition_key
from tap_asyncreport.orchestrator.desk import ALIVE
from tap_asyncreport.orchestrator.task import CleanUp, Command, Lane, Phase, StreamWork, Task, Verb
from tap_asyncreport.orchestrator.verdicts import Verdicts

if TYPE_CHECKING:
    from tap_asyncreport.errors import ReportError
    from tap_asyncreport.orchestrator.budgets import Budget

DOWNLOADS_AT_ONCE = 8


class Orchestrator(Verdicts):
    """The state machine over all units of all streams.

    `split` halves a unit that was too large, or says None. `events` collects what happened, for whoever drains it.
    """

    # -- what there is to do

    def add_stream(self, name: str, budget: Budget) -> StreamWork:
        """Announces a stream; streams are written in the order in which they are announced."""
        return self.streams.setdefault(name, StreamWork(name, budget))

    def add_units(
        self, stream: str, units: Iterable[Unit], adopted: Mapping[Unit, Job] | None = None, *, now: float
    ) -> None:
        """Adds units in the order in which they should be started; a unit in `adopted` goes on with that job."""
        work = self.streams[stream]
        for unit in units:
            key = unit.lane[1]
            lane = work.lanes.get(key) or self._new_lane(work, key, unit)
            task = Task(unit, lane, next(self._order))
            lane.tasks.append(task)
            work.open_tasks += 1
            job = (adopted or {}).get(unit)
            if job is None:
                self._may_start(task)
            else:
                self._adopt(task, job, now)

    def discard_job(self, stream: str, unit: Unit, job: Job, *, alive: bool, now: float) -> None:
        """A job of an earlier run that nobody waits for any more: abort it if it may be alive, and delete it."""
        task = Task(unit, Lane(self.streams[stream]), -1, phase=Phase.RUNNING, job=job, completed=not alive)
        self._discard(task, now, alive=alive, settle=True)

    def complete(self, stream: str) -> None:
        """No more units will be added to this stream."""
        self.streams[stream].complete = True

    def _new_lane(self, work: StreamWork, key: str, unit: Unit) -> Lane:
        groups = tuple(
            (name, partition_key({name: unit.partition[name]}))
            for name in work.budget.max_concurrent_per
            if name in unit.partition
        )
        lane = work.lanes[key] = Lane(work, groups=groups)
        return lane

    def _adopt(self, task: Task, job: Job, now: float) -> None:
        task.slot = self.slots.take(task, force=True)
        task.job, task.attempt = job, job.attempt
        self._alive(task, now, JobEventKind.ADOPTED)
        self.agenda.put(now, task)

    # -- what to do next

    def commands(self, now: float) -> list[Command]:
        """The calls to make now; each must be answered once."""
        self._due.extend(self.agenda.due(now))
        commands = [*self._due_calls(now), *self._starts(now), *self._fetches(now)]
        self._calls += len(commands)
        return commands

    def next_due(self) -> float | None:
        """When `commands` may have something new though nothing was answered."""
        return self.agenda.next_at()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and nothing is to come; calls that nobody waits for do not count."""
        return not self._clean_ups and not self._awaited and not any(work.open_tasks for work in self.streams.values())

    def _due_calls(self, now: float) -> list[Command]:
        commands = []
        while self._due:
            item = self._due.popleft()
            if isinstance(item, CleanUp):
                commands.append(self._clean_up_call(item))
            elif item.phase is Phase.WAITING:
                self._may_start(item)
            elif item.phase is Phase.RUNNING:
                commands.append(self._poll_call(item, now))
            elif item.phase is Phase.COMPLETED:
                item.phase = Phase.TARGETING
                commands.append(Command(Verb.TARGETS, (item,)))
            elif item.phase is Phase.FETCHABLE:
                heapq.heappush(self._fetchable, (item.order, next(self._tie), item))
        return commands

    def _poll_call(self, task: Task, now: float) -> Command:
        tasks = [task, *self._poll_mates(task)] if task.budget.batch > 1 else [task]
        for mate in tasks:
            self.agenda.cancel(mate)
            mate.phase, mate.asked_at = Phase.POLLING, now
            mate.polls += 1
        return Command(Verb.POLL, tuple(tasks))

    def _poll_mates(self, task: Task) -> list[Task]:
        lanes = task.lane.stream.lanes.values()
        mates = (mate for lane in lanes for mate in lane.tasks if mate.phase is Phase.RUNNING and mate is not task)
        return [mate for mate, _ in zip(mates, range(task.budget.batch - 1), strict=False)]

    def _starts(self, now: float) -> list[Command]:
        commands: list[Command] = []
        self._wake_parked()
        while self._startable and self.slots.alive < self.slots.limit and not self.stopping:
            task = self._startable[0][2]
            work = task.lane.stream
            if task.phase is Phase.WAITING and self.spool_full and not self._is_next(task):
                break
            heapq.heappop(self._startable)
            if work.busy_until is not None and work.busy_until <= now:
                self._reopen(work)
            if task.phase is not Phase.WAITING:
                self.slots.pass_on(task)
            elif work.busy_until is not None:
                work.held.append(task)
            elif self.slots.take(task):
                commands.append(self._creation_call(task, now))
            self._wake_parked()
        return commands

    def _wake_parked(self) -> None:
        while self.slots.woken:
            task = self.slots.woken.pop()
            heapq.heappush(self._startable, (task.order, next(self._tie), task))

    def _creation_call(self, task: Task, now: float) -> Command:
        task.slot, task.phase = True, Phase.CREATING
        task.job = task.job or Job(task.unit, task.attempt)
        task.first_try_at = now if task.first_try_at is None else task.first_try_at
        self._note(JobEventKind.CREATING, task, now)
        return Command(Verb.CREATE, (task,))

    # -- downloads and the spool's room

    def _fetches(self, now: float) -> list[Command]:
        commands: list[Command] = []
        if self._no_room and self._urgent is None:
            self._try_again_next()
        while self._fetchable and self._downloads < DOWNLOADS_AT_ONCE and not self.stopping:
            task = heapq.heappop(self._fetchable)[2]
            if task.phase is not Phase.FETCHABLE:
                continue
            if self._urgent is None and self._is_next(task):
                self._urgent = task
            if self.spool_full and self._urgent is not task:
                self._no_room.append(task)
                continue
            task.phase = Phase.DOWNLOADING
            self._downloads += 1
            self._note(JobEventKind.DOWNLOADING, task, now)
            commands.append(Command(Verb.DOWNLOAD, (task,), self._urgent is task))
        return commands

    def _try_again_next(self) -> None:
        task = next((task for task in self._no_room if self._is_next(task)), None)
        if task is not None:
            self._no_room.remove(task)
            heapq.heappush(self._fetchable, (task.order, next(self._tie), task))

    def _is_next(self, task: Task) -> bool:
        """Whether the writer has nothing else to do and may take this task next."""
        current = next((work for work in self.streams.values() if work.open_tasks), None)
        if current is not task.lane.stream or task.lane.head is not task:
            return False
        return not any(mate.phase is Phase.READY for mate in current.ready)

    def room_freed(self) -> None:
        """Space came back in the spool: downloads that had none may try again."""
        for task in self._no_room:
            heapq.heappush(self._fetchable, (task.order, next(self._tie), task))
        self._no_room.clear()

    # -- what came of it

    def answered(self, command: Command, outcomes: Sequence[Outcome], now: float) -> None:
        """Takes the outcomes of a command, one for each of its items."""
        self._calls -= 1
        self._downloads -= command.verb is Verb.DOWNLOAD
        for item, outcome in zip(command.items, outcomes, strict=True):
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
        ready = self.streams[stream].ready
        while ready and not self.stopping:
            task = ready.popleft()
            if task.phase is Phase.READY:
                task.phase = Phase.WRITING
                self._note(JobEventKind.WRITING, task, now)
                return task
        return None

    def exhausted(self, stream: str) -> bool:
        """Whether nothing of this stream will ever be ready again."""
        work = self.streams[stream]
        return self.stopping or (work.complete and not work.open_tasks)

    def written(self, task: Task, rows: int, now: float) -> None:
        """The unit's rows are out: the job may be deleted, and the lane goes on."""
        self._note(JobEventKind.WRITTEN, task, now, rows=rows)
        if task.phase is not Phase.ENDED:
            self._end(task)
        if task.job is not None and self._has_job(task):
            self._clean_up(CleanUp(task.job, task, abort=False, delete=task.budget.deletes), now)
        self.room_freed()
        self._offer(task.lane)

    def unreadable(self, task: Task, error: ReportError, now: float) -> None:
        """The unit's rows could not be read: the window fails, and its bookmark is held."""
        task.completed = True
        if task.phase is not Phase.ENDED:
            self._fail(task, error, now)
        self.room_freed()

    def interrupt(self, now: float) -> None:
        """Stops new work; live jobs are aborted or kept by `on_exit`, finished ones are kept for the next run."""
        self.stopping = True
        for work in self.streams.values():
            work.complete = True
            for lane in work.lanes.values():
                self._close_lane(lane, now)

    def fail_all(self, error: ReportError, now: float) -> None:
        """Every stream that still has work fails with this error, and nothing new begins."""
        for work in self.streams.values():
            for lane in work.lanes.values():
                if lane.tasks:
                    lane.error = lane.error or error
        self.interrupt(now)


__all__ = ["ALIVE", "Means", "Orchestrator"]
