"""Jobs of some seconds on an API with some places: how long the whole process takes, start-up included.

Exits with 1 where it is longer than 1.15 rounds and what start-up may take, where a place is exceeded, or where jobs are
asked about more often than the interval allows. `python tests/benchmarks/many_at_once.py [jobs seconds places]...`
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fake_api import FakeApi, FakeJob
from process import Process

FIRST = date(2026, 1, 1)
CASES = ((16, 2.0, 8, 5.6), (200, 0.5, 50, 4.0))
START_UP = 1.7
INTERVAL = 0.2


def stream(jobs: int) -> dict:
    return {
        "name": "clicks",
        "primary_keys": ["day"],
        "columns": {"day": "date"},
        "incremental": {
            "start": FIRST.isoformat(), "end": (FIRST + timedelta(days=jobs - 1)).isoformat(), "step": "1d",
            "format": "date", "complete_only": False,
        },
        "creation_requester": {"request": "POST /exports", "json": {"from": "{{ window.start }}"}},
        "polling_requester": "GET /exports/{{ creation_response.id }}",
        "download_retriever": "GET {{ polling_response.url }}",
        "delete_requester": "DELETE /exports/{{ creation_response.id }}",
        "jobs": {"poll_interval": f"{INTERVAL}s", "poll_backoff": 1},
    }  # fmt: skip


def measure(jobs: int, seconds: float, places: int, allowed: float) -> list[str]:
    def status(job: FakeJob, _: int) -> str:
        return "DONE" if time.monotonic() - job.made_at >= seconds else "RUNNING"

    with FakeApi(status, rows=lambda job: [{"day": job.spec["from"]}], date_key="none") as api:
        with tempfile.TemporaryDirectory() as directory:
            tap = Process(Path(directory))
            config = {"base_url": api.url, "max_concurrent_jobs": places, "streams": [stream(jobs)]}
            began = time.monotonic()
            run = tap.run(config)
            wall = time.monotonic() - began
        calls = api.calls()
        first = calls[0].received_at - began
        polls = len(api.calls("poll")) / jobs
        fewest = math.ceil(seconds / INTERVAL / 0.9) + 1  # waits are up to a tenth shorter; and one soon after creation
        print(
            f"{jobs} jobs of {seconds:g} s on {places} places: {wall:.2f} s of {allowed:g} s, {first:.2f} s of it to the "
            f"first call; {polls:.1f} polls a job of {fewest} at most; at most {api.most_live} alive at once"
        )
        wrong = []
        if run.exit_code != 0 or len(run.records("clicks")) != jobs:
            wrong.append(f"exit code {run.exit_code}, {len(run.records('clicks'))} rows: {run.stderr[-500:]}")
        if wall > allowed:
            wrong.append(f"{wall:.2f} s")
        if api.most_live > places:
            wrong.append(f"{api.most_live} alive")
        if polls > fewest:
            wrong.append(f"{polls:.1f} polls")
        return wrong


def main(arguments: list[str]) -> int:
    numbers = [float(text) for text in arguments]
    cases = [
        (int(jobs), seconds, int(places), 1.15 * math.ceil(jobs / places) * seconds + START_UP)
        for jobs, seconds, places in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    ]
    wrong = [what for case in cases or CASES for what in measure(*case)]
    print("\n".join(wrong) or "all within bounds")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
