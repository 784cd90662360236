"""What is due when, and how many jobs may be alive at once."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_asyncreport.orchestrator.task import Key, Task


class Timed(Protocol):
    """Something that can be on the agenda; `turn` tells its valid entry from older ones."""

    turn: int


Item = TypeVar("Item", bound=Timed)


class Agenda(Generic[Item]):
    """What is due when; an entry is void once its item has moved on."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, int, Item]] = []
        self._count = count()

    def put(self, at: float, item: Item) -> None:
        """Due at `at`, and no longer at any earlier agreed time."""
        item.turn += 1
        heapq.heappush(self._heap, (at, next(self._count), item.turn, item))

    def cancel(self, item: Item) -> None:
        """Not due any more."""
        item.turn += 1

    def next_at(self) -> float | None:
        """When the first entry is due."""
        while self._heap and self._heap[0][2] != self._heap[0][3].turn:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[Item]:
        """Takes out what is due by now."""
        while (at := self.next_at()) is not None and at <= now:
            item = heapq.heappop(self._heap)[3]
            item.turn += 1
            yield item


class Slots:
    """Who may be alive at the API: in all, per stream, per value of a partition.

    A task that finds no slot is parked at the limit that stopped it, and comes back when that limit has room again.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.alive = 0
        self.woken: list[Task] = []
        self._used: dict[tuple[str, str], int] = {}
        self._parked: dict[tuple[str, str], list[tuple[Key, int, Task]]] = {}
        self._count = count()

    def _bounds(self, task: Task) -> Iterator[tuple[tuple[str, str], int]]:
        stream = task.stream
        if stream.budget.max_concurrent is not None:
            yield (stream.name, ""), stream.budget.max_concurrent
        for name, value in task.lane.groups:
            yield (f"{stream.name}/{name}", value), stream.budget.max_concurrent_per[name]

    def take(self, task: Task, *, force: bool = False) -> bool:
        """Gives the task a slot, or parks it; an adopted job is alive already and takes its slot by `force`."""
        for key, bound in self._bounds(task):
            if self._used.get(key, 0) >= bound and not force:
                heapq.heappush(self._parked.setdefault(key, []), (task.key, next(self._count), task))
                self.pass_on(task)
                return False
        for key, _ in self._bounds(task):
            self._used[key] = self._used.get(key, 0) + 1
        self.alive += 1
        task.slot = True
        return True

    def give_back(self, task: Task) -> None:
        """Frees a slot of the task's and wakes who waited for it."""
        self.alive -= 1
        for key, _ in self._bounds(task):
            self._used[key] -= 1
            if not self._used[key]:
                del self._used[key]
        self.pass_on(task)

    def pass_on(self, task: Task) -> None:
        """Wakes one parked task at each limit of this task's that has room."""
        for key, bound in self._bounds(task):
            parked = self._parked.get(key)
            if parked and self._used.get(key, 0) < bound:
                self.woken.append(heapq.heappop(parked)[2])
                if not parked:
                    del self._parked[key]
