"""A backfill on a real Dagster while its workers are killed: 3 streams, 4 accounts, 30 days, at most 5 jobs alive.

    python tests/benchmarks/dagster_backfill.py [DAYS] [DAYS IN ONE RUN] [KILLS]

30 days, 10 partitions in one run (0: all), 8 kills unless told otherwise. The daemon, its queue, its run retries and its
monitoring are Dagster's own; every run has a worker process, which starts the tap and a target. At random moments a
worker is killed (SIGKILL) or ended (SIGTERM), or the tap below it. At the end no row is missing from the target, which
only appends (a row may be there twice where a worker died between its writing and saying so), never more than 5 jobs
were alive over all processes, no window was created twice while a job of it lived, and none is left.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import dagster as dg
import dagster_kit
from dagster._core.execution.backfill import PartitionBackfill
from fake_api import FakeApi, FakeJob

FIRST = date(2026, 1, 1)
STREAMS, ACCOUNTS, LIMIT = ("orders", "clicks", "costs"), (7, 8, 9, 10), 5
INSTANCE = {
    "run_retries": {"enabled": True, "max_retries": 20},
    "run_monitoring": {"enabled": True, "poll_interval_seconds": 5, "free_slots_after_run_end_seconds": 5},
    "concurrency": {"pools": {"default_limit": LIMIT, "granularity": "op"}, "runs": {"max_concurrent_runs": LIMIT + 1}},
}


def config(api: FakeApi, days: int) -> dict[str, Any]:
    last = str(FIRST + timedelta(days - 1))
    return {"base_url": api.url, "streams": [stream(name, last) for name in STREAMS]}


def stream(name: str, last: str) -> dict[str, Any]:
    return {
        "name": name,
        "replication_key": "date",
        "columns": {"date": "date", "value": "integer"},
        "partitions": [{"name": "account", "values": list(ACCOUNTS)}],
        "incremental": {"start": str(FIRST), "end": last, "step": "1d", "format": "date", "end_is": "inclusive"},
        "creation_requester": {
            "request": "POST /exports",
            "json": {"stream": name, "account": "{{ partition.account }}", "from": "{{ window.start }}", "to": "{{ window.end }}"},
        },
        "polling_requester": "GET /exports/{{ creation_response.id }}",
        "download_retriever": "GET {{ polling_response.url }}",
        "abort_requester": "POST /exports/{{ creation_response.id }}/abort",
        "delete_requester": "DELETE /exports/{{ creation_response.id }}",
        "jobs": {"poll_interval": "200ms", "poll_backoff": 1},
    }  # fmt: skip


class Doubles:
    """Creations of a window that a living job has already."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def look(self, api: FakeApi, request: Any) -> None:
        spec = request.json()
        if any(job.spec == spec for job in api.live()):
            self.found.append(spec)


def main() -> None:
    days, per_run, kills = (int(text) for text in (sys.argv[1:] + ["30", "10", "8"][len(sys.argv) - 1 :]))
    rows = [{"date": str(FIRST + timedelta(day)), "value": day} for day in range(days)]
    doubles = Doubles()

    def script(job: FakeJob, k: int) -> str:
        return "DONE" if time.monotonic() - job.made_at >= 1 else "RUNNING"

    with tempfile.TemporaryDirectory() as folder, FakeApi(script=script, rows=rows, hooks={"create": doubles.look}) as api:
        plant = dagster_kit.Plant(Path(folder), config(api, days), {"partitions_per_run": per_run or None})
        os.environ.update({**plant.write(**INSTANCE), "IN_PROCESS": "1"})
        with dg.DagsterInstance.from_config(str(plant.home)) as instance:
            daemon = start_daemon(plant)
            try:
                began = time.monotonic()
                backfill = submit(instance, plant)
                struck = work(instance, backfill, kills)
                seconds = time.monotonic() - began
            finally:
                daemon.terminate()
                daemon.wait()
            time.sleep(3)  # what the last tap still has to delete
            report(instance, plant, api, doubles, struck, seconds, days)


def start_daemon(plant: dagster_kit.Plant) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-f", dagster_kit.__file__, "-d", str(TESTS)]
    log = (plant.folder / "daemon.log").open("wb")
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=TESTS)


def submit(instance: dg.DagsterInstance, plant: dagster_kit.Plant) -> str:
    """A backfill of every partition of every asset, for the daemon."""
    definitions = dagster_kit.definitions()
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="backfill", asset_graph=definitions.resolve_asset_graph(), partition_names=None,
        asset_selection=[asset.key for asset in plant.assets()], backfill_timestamp=time.time(), tags={},
        dynamic_partitions_store=instance, all_partitions=True, title=None, description=None, run_config=None,
    )  # fmt: skip
    instance.add_backfill(backfill)
    return backfill.backfill_id


def work(instance: dg.DagsterInstance, backfill: str, kills: int) -> Counter[str]:
    """Waits for the end, and kills somebody now and then."""
    struck: Counter[str] = Counter()
    began = shown = time.monotonic()
    chance = random.Random(7)
    due = began + 30
    while time.monotonic() < began + 560:
        time.sleep(1)
        found = instance.get_backfill(backfill)
        if found is not None and found.status.value.startswith(("COMPLETED", "FAILED", "CANCELED")):
            return struck
        if struck.total() < kills and time.monotonic() > due and (victims := workers()):
            struck[strike(chance, victims)] += 1
            due = time.monotonic() + chance.uniform(4, 10)
        if time.monotonic() > shown + 20:
            shown = time.monotonic()
            states = Counter(run.status.value for run in instance.get_runs())
            print(f"{shown - began:.0f} s: {dict(states)}, struck {dict(struck)}", flush=True)
    print("not ended after 560 s")
    return struck


def workers() -> list[tuple[int, int]]:
    """Every tap that runs below us, with the worker that started it."""
    found, parents = [], {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if b"tap_asyncreport\x00--config" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return [(tap, parents[tap]) for tap in found if is_below_us(parents, tap)]


def is_below_us(parents: dict[int, int], pid: int) -> bool:
    while pid in parents and pid != os.getpid():
        pid = parents[pid]
    return pid == os.getpid()


def strike(chance: random.Random, victims: list[tuple[int, int]]) -> str:
    tap, worker = chance.choice(victims)
    what, pid, number = chance.choice(
        [
            ("worker killed", worker, signal.SIGKILL),
            ("worker ended", worker, signal.SIGTERM),
            ("tap killed", tap, signal.SIGKILL),
        ]
    )
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    return what


def report(
    instance: dg.DagsterInstance, plant: dagster_kit.Plant, api: FakeApi, doubles: Doubles, struck: Counter[str],
    seconds: float, days: int,
) -> None:  # fmt: skip
    expected = days * len(STREAMS) * len(ACCOUNTS)
    rows = Counter((row["stream"], row["date"], row["account"]) for row in plant.rows())
    windows = Counter(str(call.json()) for call in api.calls("create"))
    runs = Counter(run.status.value for run in instance.get_runs())
    print(f"{expected} units of {len(STREAMS)} streams in {seconds:.0f} s; runs: {dict(runs)}; struck: {dict(struck)}")
    print(f"rows once: {sum(n == 1 for n in rows.values())} of {expected}; more than once: {sum(n > 1 for n in rows.values())}")
    print(f"most jobs alive: {api.most_live}; jobs created: {windows.total()} for {len(windows)} windows")
    print(f"created while a job of the window lived: {len(doubles.found)}; left alive: {len(api.live())}")
    print(f"jobs not deleted: {sum(not job.deleted for job in api.jobs.values())}; states left: {len(plant.kept())}")
    good = len(rows) == expected and not doubles.found and not api.live() and api.most_live <= LIMIT
    sys.exit(not good)


main()
