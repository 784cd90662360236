"""Ten thousand partitions in whole runs: what a record costs beside one partition, what STATE and memory come to.

Two runs of as many jobs and records are compared: every partition with one window, and one partition with every window;
then each is run again over nothing but its bookmarks. A last run has a year of windows for every partition and is ended
after its first jobs: planning must neither take long nor hold every window in memory. Exits with 1 where a bound does
not hold. `python tests/benchmarks/partitions_run.py [partitions [rows of a window]]`
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from many_jobs import AT_ONCE, Quick
from process import TAP
from wire import Reply

FIRST = date(1995, 1, 1)
YEAR = 365
FEW = 300  # jobs after which the year's run is ended


class Rows(Quick):
    """An API whose every file has so many rows."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.text = "id,day,clicks,cost\n" + "".join(f"{n},2026-01-01,{7 * n},{n}.25\n" for n in range(rows))

    def answer(self, request: Any) -> Reply:
        if request.path.startswith("/files"):
            self.server.log.clear()
            return Reply(200, self.text, {"Content-Type": "text/csv"})
        return super().answer(request)


@dataclass
class Cost:
    """What one run took, and the state that it left."""

    seconds: float
    cpu: float
    memory: int
    records: int
    states: list[int]
    state: dict[str, Any]


def config(api: Quick, partitions: int, days: int) -> dict[str, Any]:
    end = (FIRST + timedelta(days=days - 1)).isoformat()
    return {
        "base_url": api.server.origin,
        "max_concurrent_jobs": AT_ONCE,
        "streams": [{
            "name": "clicks",
            "primary_keys": ["id"],
            "columns": {"id": "integer", "day": "date", "clicks": "integer", "cost": "number"},
            "partitions": [{"name": "account", "values": f"{{{{ range(1000000, {1000000 + partitions}) | list }}}}"}],
            "incremental": {"start": FIRST.isoformat(), "end": end, "step": "1d", "format": "date"},
            "creation_requester": {
                "request": "POST /exports", "json": {"account": "{{ partition.account }}", "from": "{{ window.start }}"},
            },
            "polling_requester": "GET /exports/{{ creation_response.id }}",
            "download_retriever": "GET {{ polling_response.url }}",
            "delete_requester": "DELETE /exports/{{ creation_response.id }}",
            "jobs": {"poll_interval": "100ms"},
        }],
    }  # fmt: skip


def run(
    api: Quick, partitions: int, days: int, state: dict[str, Any] | None = None, *, until: Callable[[], bool] | None = None
) -> Cost:
    """One run of the tap; with `until` it is interrupted once that is true."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "config.json").write_text(json.dumps(config(api, partitions, days)))
        command = [*TAP, "--config", str(directory / "config.json")]
        if state is not None:
            (directory / "state.json").write_text(json.dumps(state))
            command += ["--state", str(directory / "state.json")]
        began = time.monotonic()
        with (directory / "out").open("wb") as out, (directory / "err").open("wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, "NO_PROXY": "127.0.0.1"})
            if until is not None:
                threading.Thread(target=_interrupt, args=(process, until), daemon=True).start()
            _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        if status != 0 and until is None:
            raise SystemExit(f"status {status}: {(directory / 'err').read_text()[-800:]}")
        records, states, last = 0, [], b"{}"
        for line in (directory / "out").open("rb"):
            records += b'"RECORD"' in line[:20]
            if b'"STATE"' in line[:20]:
                states.append(len(line))
                last = line
    return Cost(
        seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, records, states, json.loads(last).get("value", {})
    )


def _interrupt(process: subprocess.Popen[bytes], until: Callable[[], bool]) -> None:
    while not until() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)


def told(what: str, cost: Cost) -> None:
    print(
        f"{what}: {cost.seconds:.1f} s, {cost.cpu:.1f} s of CPU, {cost.memory / 2**20:.0f} MiB, {cost.records:,} records, "
        f"{len(cost.states):,} STATE messages of {sum(cost.states) / 1e6:.1f} MB, the longest {max(cost.states) / 1e3:.0f} kB",
        flush=True,
    )


def main(partitions: int, rows: int) -> int:
    wrong = []
    api = Rows(rows)
    with api.server:
        one = run(api, 1, partitions)
        told(f"1 partition, {partitions:,} windows", one)
        many = run(api, partitions, 1)
        told(f"{partitions:,} partitions, 1 window each", many)
        ratio = (many.cpu / many.records) / (one.cpu / one.records)
        print(f"CPU per record against one partition: {ratio:.2f} (at most 1.2)")
        if ratio > 1.2:
            wrong.append("cost per record")
        if len(json.dumps(many.state)) > 200 * partitions:
            wrong.append("size of the state")
        if sum(many.states) > 1_000_000 * many.seconds:
            wrong.append("STATE bytes a second")
        again = run(api, partitions, 1, many.state)
        told("the same again, with nothing to do", again)
        before = api.calls["POST exports"]
        year = run(api, partitions, YEAR, many.state, until=lambda: api.calls["POST exports"] - before >= FEW)
        told(f"{partitions:,} partitions, {YEAR} windows each, ended after {FEW} jobs", year)
        if year.memory > many.memory + 64 * 2**20:
            wrong.append("memory of a plan")
    print("\n".join(wrong) or "all within bounds")
    return bool(wrong)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    sys.exit(main(*(numbers + [10_000, 100][len(numbers) :])))
