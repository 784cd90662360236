"""Thousands of jobs in one run: what a job costs in CPU and memory, and how much STATE is written.

Exits with 1 where a job of a long run costs clearly more than one of a short run, or where STATE is written more often
than something changed or grows with the run. `python tests/benchmarks/many_jobs.py [few many]`
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from many_at_once import FIRST
from process import TAP
from wire import Reply, Request, Server, json_reply

AT_ONCE = 40
CHANGES = 4  # of a job in state: created, written, deleted, and one to spare
JOB_IN_STATE = 400  # bytes
MOST_IN_STATE = 3 * AT_ONCE  # twice that waits for the writer, and some for their deletes


class Quick:
    """An API whose jobs are done at once; it keeps nothing that grows but a count."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.server = Server(self.answer)

    def answer(self, request: Request) -> Reply:
        self.server.log.clear()
        name = request.path.rpartition("/")[2]
        with self._lock:
            self.calls[request.method + " " + request.path.split("/")[1]] += 1
            made = self.calls["POST exports"]
        if request.method == "POST":
            return json_reply({"id": f"{made}-{request.json()['from']}"}, 202)
        if request.method == "DELETE":
            return Reply(204)
        if request.path.startswith("/files"):
            return Reply(200, f"day\n{name[-10:]}\n", {"Content-Type": "text/csv"})
        return json_reply({"id": name, "status": "DONE", "url": f"{self.server.origin}/files/{name}"})


@dataclass
class Cost:
    """What one run took."""

    jobs: int
    seconds: float
    cpu: float
    memory: int
    states: int
    state_bytes: int
    longest_state: int


def config(api: Quick, jobs: int) -> dict:
    end = (FIRST - timedelta(days=1)).isoformat()
    start = (FIRST - timedelta(days=jobs)).isoformat()
    return {
        "base_url": api.server.origin,
        "max_concurrent_jobs": AT_ONCE,
        "streams": [{
            "name": "clicks",
            "primary_keys": ["day"],
            "columns": {"day": "date"},
            "incremental": {"start": start, "end": end, "step": "1d", "format": "date"},
            "creation_requester": {"request": "POST /exports", "json": {"from": "{{ window.start }}"}},
            "polling_requester": "GET /exports/{{ creation_response.id }}",
            "download_retriever": "GET {{ polling_response.url }}",
            "delete_requester": "DELETE /exports/{{ creation_response.id }}",
            "jobs": {"poll_interval": "100ms"},
        }],
    }  # fmt: skip


def run(jobs: int) -> Cost:
    api = Quick()
    with api.server, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "config.json").write_text(json.dumps(config(api, jobs)))
        began = time.monotonic()
        with (directory / "out").open("wb") as out, (directory / "err").open("wb") as err:
            process = subprocess.Popen(
                [*TAP, "--config", str(directory / "config.json")], stdout=out, stderr=err,
                env={**os.environ, "NO_PROXY": "127.0.0.1"},
            )  # fmt: skip
            _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        lines = (directory / "out").read_bytes().splitlines()
        days = {json.loads(line)["record"]["day"] for line in lines if b'"RECORD"' in line}
        if status != 0 or len(days) != jobs or api.calls["POST exports"] != jobs:
            raise SystemExit(f"status {status}, {len(days)} rows, {api.calls}: {(directory / 'err').read_text()[-800:]}")
        states = [len(line) for line in lines if b'"STATE"' in line]
    return Cost(jobs, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, len(states), sum(states), max(states))


def main(few: int, many: int) -> int:
    idle, short, long = run(1), run(few), run(many)
    for cost in (short, long):
        print(
            f"{cost.jobs} jobs: {cost.seconds:.1f} s, {1000 * (cost.cpu - idle.cpu) / cost.jobs:.2f} ms CPU a job, "
            f"{cost.memory / 2**20:.0f} MiB, {cost.states} STATE messages of {cost.state_bytes:,} bytes in all, "
            f"the longest {cost.longest_state:,}"
        )
    a_job = (long.memory - short.memory) / (many - few)
    print(f"{a_job:,.0f} bytes of memory for each further job")
    each = [(cost.cpu - idle.cpu) / cost.jobs for cost in (short, long)]
    wrong = []
    if each[1] > 1.3 * each[0]:
        wrong.append("CPU per job grows with the run")
    if a_job > 4096:
        wrong.append("memory per job")
    if long.states > CHANGES * many:
        wrong.append("more STATE messages than changes")
    if long.longest_state > 1000 + MOST_IN_STATE * JOB_IN_STATE:
        wrong.append("the STATE message grows with the run")
    print("\n".join(wrong) or "all within bounds")
    return bool(wrong)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    sys.exit(main(*(numbers + [500, 5000][len(numbers) :])))
