"""Four processes against one where the API's jobs are what takes the time: each reads a part, their states are merged.

    python tests/benchmarks/processes.py [JOBS] [SECONDS]

40 jobs of 5 seconds each unless told otherwise. The API runs as many jobs as it is asked for; every process has one
alive at a time. Prints the wall times, their ratio, and whether rows and state are the same.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from fake_api import FakeApi, FakeJob
from process import Outcome, Process

from tap_asyncreport.state_merge import merge_states

FIRST = date(2026, 1, 1)
PROCESSES = 4


def config(api: FakeApi, days: int) -> dict[str, Any]:
    last = FIRST + timedelta(days - 1)
    return {
        "base_url": api.url,
        "max_concurrent_jobs": 1,
        "streams": [
            {
                "name": "clicks",
                "replication_key": "date",
                "columns": {"date": "date", "clicks": "integer"},
                "incremental": {"start": str(FIRST), "end": str(last), "step": "1d", "format": "date", "end_is": "inclusive"},
                "creation_requester": {"request": "POST /exports", "json": {"from": "{{ window.start }}", "to": "{{ window.end }}"}},
                "polling_requester": "GET /exports/{{ creation_response.id }}",
                "download_retriever": "GET {{ polling_response.url }}",
                "jobs": {"poll_interval": "100ms", "poll_backoff": 1},
            }
        ],
    }  # fmt: skip


def part(number: int, days: int) -> str:
    """The flag's text for one of four equal spans."""
    start, end = (FIRST + timedelta(days * n // PROCESSES) for n in (number, number + 1))
    return f"clicks {start}/{end}"


def main() -> None:
    days, seconds = int(sys.argv[1]) if sys.argv[1:] else 40, float(sys.argv[2]) if sys.argv[2:] else 5.0

    def script(job: FakeJob, k: int) -> str:
        return "DONE" if time.monotonic() - job.made_at >= seconds else "RUNNING"

    rows = [{"date": str(FIRST + timedelta(day)), "clicks": day} for day in range(days)]
    with FakeApi(script=script, rows=rows) as api, tempfile.TemporaryDirectory() as folder:
        def run(name: str, *flags: str) -> Outcome:
            home = Path(folder, name)
            home.mkdir()
            return Process(home).run(config(api, days), *flags, timeout=600)

        began = time.monotonic()
        whole = run("whole")
        one = time.monotonic() - began
        began = time.monotonic()
        with ThreadPoolExecutor(PROCESSES) as pool:
            parts = list(pool.map(lambda n: run(f"part{n}", "--only", part(n, days)), range(PROCESSES)))
        four = time.monotonic() - began
    read = sorted(json.dumps(row, default=str) for outcome in parts for row in outcome.records("clicks"))
    same_rows = read == sorted(json.dumps(row, default=str) for row in whole.records("clicks"))
    same_state = merge_states([outcome.state for outcome in parts]) == whole.state
    print(f"{days} jobs of {seconds:g} s: one process {one:.1f} s, four {four:.1f} s, ratio {one / four:.2f}")
    print(f"rows the same: {same_rows}; merged state the same as the whole's: {same_state}")
    sys.exit(not (same_rows and same_state))


main()
