"""When a stream's creations may go out: not sooner than the API asked, and one by one where it has no place for us."""

from __future__ import annotations

import heapq

from tap_asyncreport.job import Means, Outcome
from tap_asyncreport.orchestrator.desk import Desk
from tap_asyncreport.orchestrator.task import Gate, Phase, Task

TOO_MANY_REQUESTS = 429


def asked_wait(outcome: Outcome) -> float | None:
    """The wait that the API asked for, if it is one."""
    return outcome.wait if outcome.wait is not None and outcome.wait > 0 else None


def too_many(outcome: Outcome) -> bool:
    """Whether the API wants fewer calls of us."""
    status = None if outcome.error is None else outcome.error.where.status_code
    return outcome.means is Means.RETRY and (asked_wait(outcome) is not None or status == TOO_MANY_REQUESTS)


class Gates(Desk):
    """Keeps the gates of all streams; one that is shut always has a moment at which it opens."""

    def _let_through(self, task: Task) -> None:
        """A creation goes out."""
        gate = task.stream.gate
        if gate.credits is not None:
            gate.credits -= 1
        task.round = gate.rounds

    def _hold(self, task: Task) -> None:
        """The task waits until the gate opens."""
        task.phase = Phase.QUEUED
        heapq.heappush(task.stream.gate.held, (task.key, next(self._tie), task))

    def _answered_gate(self, task: Task, outcome: Outcome, now: float) -> None:
        """Every answer but `busy` lets the next creation go in this one's place, unless one was refused since."""
        gate = task.stream.gate
        if outcome.means is Means.BUSY and not outcome.counts:
            gate.rounds += 1
            gate.refusals += now >= gate.opens_at or not gate.refusals  # a rush that is refused is one refusal
            gate.credits, gate.busy_since = 0, now if gate.busy_since is None else gate.busy_since
            self._open_at(gate, now + self._busy_wait(task, outcome))
            return
        if task.round == gate.rounds:
            gate.credit()
        if outcome.means in (Means.OK, Means.DUPLICATE):
            gate.refusals, gate.busy_since = 0, None

    def _busy_wait(self, task: Task, outcome: Outcome) -> float:
        return asked_wait(outcome) or task.budget.creation.pause(task.stream.gate.refusals)

    def _shut_gate(self, gate: Gate, until: float) -> None:
        """The API wants fewer creations: the stream's others wait too, for they would only spend their tries."""
        gate.closed_until = max(gate.closed_until, until)
        self._open_at(gate, until)

    def _open_at(self, gate: Gate, at: float) -> None:
        gate.opens_at = max(gate.opens_at, at)
        self.agenda.put(gate.opens_at, gate)

    def _gate_due(self, gate: Gate) -> None:
        gate.credits = None if gate.credits is None else max(1, gate.credits)

    def _open_gates(self, now: float) -> None:
        for work in self.streams.values():
            gate = work.gate
            several = len(gate.held) if gate.credits is None else gate.credits
            while gate.held and several and gate.lets_in(now):
                entry = heapq.heappop(gate.held)
                if entry[2].phase is Phase.QUEUED:
                    heapq.heappush(self._startable, entry)
                    several -= 1
