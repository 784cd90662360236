"""How many requests each step made, what they were answered, and how long they took."""

from __future__ import annotations

import math
import statistics
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_TIMES = 20_000


@dataclass(slots=True, eq=False)
class StepCalls:
    """The calls of one step; counts are exact, median and p95 are those of the latest 20,000 calls."""

    step: str
    count: int = 0
    seconds: float = 0.0
    size: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_TIMES))

    def add(self, status: int | None, seconds: float, size: int) -> None:
        """One more call; without a status it got no answer."""
        self.count += 1
        self.seconds += seconds
        self.size += size
        self.statuses["no answer" if status is None else str(status)] += 1
        self.times.append(seconds)

    @property
    def median(self) -> float:
        """Seconds within which half of the calls were answered."""
        return statistics.median(self.times) if self.times else 0.0

    @property
    def p95(self) -> float:
        """Seconds within which 95 of 100 calls were answered."""
        return quantile(sorted(self.times), 0.95)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that is not exceeded by this share of the values; 0 for none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
