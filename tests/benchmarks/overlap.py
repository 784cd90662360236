"""J jobs of T seconds at an API with S slots: wall time against the best there is, polls per job, and what 5,000 jobs cost.

The first table runs the real runner, threads and all, against an API in memory whose calls take 5 ms and which refuses a
job too many. The second plays the orchestrator alone, in virtual time: CPU and memory per job must not grow.

    python tests/benchmarks/overlap.py
"""

from __future__ import annotations

import gc
import math
import sys
import threading
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from orchestra import add, days, unit

from tap_asyncreport.clock import SystemClock
from tap_asyncreport.job import Job, JobStatus, Means, Outcome
from tap_asyncreport.orchestrator import Orchestrator
from tap_asyncreport.orchestrator.budgets import Budget
from tap_asyncreport.runner import Runner

LATENCY = 0.005
OK, BUSY = Outcome(Means.OK), Outcome(Means.BUSY)
RUNNING = Outcome(Means.OK, status=JobStatus.RUNNING, word="RUNNING")
DONE = Outcome(Means.OK, status=JobStatus.COMPLETED, word="DONE")


class Api:
    """Jobs that take their time, so many at once."""

    def __init__(self, slots: int, seconds: float) -> None:
        self.slots, self.seconds = slots, seconds
        self.ends: dict[str, float] = {}
        self.calls = {"create": 0, "poll": 0, "refused": 0}
        self._lock = threading.Lock()

    def create(self, job: Job) -> Outcome:
        time.sleep(LATENCY)
        with self._lock:
            now = time.monotonic()
            if sum(now < end for end in self.ends.values()) >= self.slots:
                self.calls["refused"] += 1
                return BUSY
            self.calls["create"] += 1
            job.id = f"r{len(self.ends) + 1}"
            self.ends[job.id] = now + self.seconds
        return OK

    def poll(self, jobs: Sequence[Job]) -> list[Outcome]:
        time.sleep(LATENCY)
        with self._lock:
            self.calls["poll"] += 1
        return [DONE if time.monotonic() >= self.ends[str(job.id)] else RUNNING for job in jobs]

    def targets(self, job: Job) -> Outcome:
        return OK

    def download(self, job: Job, *, urgent: bool) -> Outcome:
        time.sleep(LATENCY)
        return OK

    def abort(self, job: Job) -> Outcome:
        return OK

    def delete(self, job: Job) -> Outcome:
        time.sleep(LATENCY)
        return OK

    def release(self, job: Job) -> None:
        pass


def overlap(jobs: int, seconds: float, slots: int, asked: int) -> None:
    """A run of so many jobs, `asked` of them at once."""
    api = Api(slots, seconds)
    orchestrator = Orchestrator(asked)
    orchestrator.add_stream("orders", Budget(poll_interval=0.2, poll_backoff=1.0, deletes=True))
    runner = Runner(orchestrator, {"orders": api}, clock=SystemClock(), most_calls=64)
    began, cpu = time.monotonic(), time.process_time()
    runner.start()
    units = days(1, jobs)

    def plan(orchestrator: Orchestrator, now: float) -> None:
        orchestrator.add_units("orders", units, now=now)
        orchestrator.complete("orders")

    runner.add(plan)
    while (task := runner.next("orders", lambda _: None)) is not None:
        runner.written(task, 1)
    runner.finish(lambda _: None)
    wall, cpu = time.monotonic() - began, time.process_time() - cpu
    best = math.ceil(jobs / slots) * seconds
    polls = api.calls["poll"] / jobs
    print(
        f"{jobs:6} {seconds:6.1f} {slots:6} {asked:6} {wall:8.2f} {best:8.2f} {wall / best:6.2f}"
        f" {polls:6.1f} {api.calls['refused']:8} {1000 * cpu / jobs:8.2f}"
    )


def alone(jobs: int, lanes: int) -> None:
    """The orchestrator by itself, in virtual time."""
    orchestrator = Orchestrator(50)
    orchestrator.add_stream("orders", Budget(deletes=True))
    units = days(1, jobs) if lanes == 1 else [unit(1, account=n) for n in range(jobs)]
    gc.collect()
    tracemalloc.start()
    add(orchestrator, "orders", units)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    orchestrator.complete("orders")
    now, began, number = 0.0, time.process_time(), 0
    while not orchestrator.idle:
        for command in orchestrator.commands(now):
            if command.verb == "create":
                number += 1
                command.jobs[0].id = f"r{number}"
            orchestrator.answered(command, [DONE if command.verb == "poll" else OK], now)
        while (task := orchestrator.take("orders", now)) is not None:
            orchestrator.written(task, 1, now)
        orchestrator.events.clear()
        now = max(now, orchestrator.next_due() or now)
    cpu = time.process_time() - began
    print(f"{jobs:6} {lanes:6} {cpu:8.2f} {1e6 * cpu / jobs:10.0f} {size / jobs:10.0f}")


def main() -> None:
    print("  jobs   each  slots  asked     wall     best  ratio  polls  refused  CPU ms/job")
    overlap(16, 2.0, 8, 8)
    overlap(200, 0.5, 50, 50)
    overlap(200, 0.5, 50, 100)
    overlap(1000, 0.2, 100, 100)
    print("\n  jobs  lanes    CPU s  CPU µs/job  bytes/job")
    for jobs in (1_000, 5_000, 20_000):
        alone(jobs, 1)
        alone(jobs, jobs)


if __name__ == "__main__":
    main()
