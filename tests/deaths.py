"""Lives of the tap that end in the middle: killed at random, gone on with from the last state a target saw, and judged.

A target keeps what came before the last STATE that it read; everything after that is lost with it. So the rows that
count are those before the last STATE of every run, and all of the last run, which ends well. Rows that are out when a run
dies, while their window is not yet finished, come again in the next run: one window at most for each death.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_api import FakeApi, FakeJob
from process import Outcome, Process

COLUMNS = {"date": "date", "account": "string", "n": "integer"}
ACCOUNTS = ("a", "b")
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
MOST_DEATHS = 6
AT_ONCE = 3


def rows_of(spec: Mapping[str, str], count: int) -> list[dict[str, Any]]:
    account = spec.get("account") or ""
    return [{"date": spec["from"], "account": account, "n": n} for n in range(count)]


def specs() -> list[dict[str, str]]:
    """What must be asked for, window by window."""
    plain = [{"stream": "plain", "from": day} for day in DAYS]
    return plain + [{"stream": "split", "account": account, "from": day} for day in DAYS for account in ACCOUNTS]


def streams(*, cleans_up: bool) -> list[dict[str, Any]]:
    """One stream with a lane of its own and one with two partitions."""
    return [stream("plain", cleans_up=cleans_up), stream("split", cleans_up=cleans_up, partitioned=True)]


def stream(name: str, *, cleans_up: bool, partitioned: bool = False) -> dict[str, Any]:
    account = {"account": "{{ partition.account }}"} if partitioned else {}
    made = {
        "name": name,
        "primary_keys": ["date", "account", "n"],
        "replication_key": "date",
        "columns": COLUMNS,
        "incremental": {"start": DAYS[0], "end": DAYS[-1], "step": "1d", "format": "date"},
        "creation_requester": {"request": "POST /exports", "json": {"stream": name, "from": "{{ window.start }}", **account}},
        "polling_requester": "GET /exports/{{ creation_response.id }}",
        "download_retriever": "GET {{ polling_response.url }}",
        "jobs": {"poll_interval": "80ms", "poll_backoff": 1},
    }  # fmt: skip
    if partitioned:
        made["partitions"] = [{"name": "account", "values": list(ACCOUNTS)}]
    if cleans_up:
        made["abort_requester"] = "POST /exports/{{ creation_response.id }}/abort"
        made["delete_requester"] = "DELETE /exports/{{ creation_response.id }}"
    return made


def jobs_in(state: Mapping[str, Any]) -> set[str]:
    """Ids of all jobs that a state holds."""
    entries = [
        entry
        for bookmark in state.get("bookmarks", {}).values()
        for entry in (bookmark, *bookmark.get("partitions", []))
    ]
    return {job["id"] for entry in entries for job in entry.get("jobs", [])}


def finished_in(state: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The last finished day by stream and account."""
    days: dict[tuple[str, str], str] = {}
    for name, bookmark in state.get("bookmarks", {}).items():
        for entry in (bookmark, *bookmark.get("partitions", [])):
            account = entry.get("context", {}).get("account", "")
            days[name, account] = entry.get("replication_key_value", "")
    return days


@dataclass
class Life:
    """An API and the runs that read it, each with the state of the one before."""

    directory: Path
    random: random.Random
    cleans_up: bool
    process: type[Process] = Process
    rows: int = 200
    most_deaths: int = MOST_DEATHS
    state: dict[str, Any] | None = None
    deaths: Counter[str] = field(default_factory=Counter)
    told: dict[str, float] = field(default_factory=dict)  # job -> when a run that had it in a STATE message was over
    kept_rows: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def live(self) -> None:
        """Dies some times, then runs to the end."""
        body = lambda job: rows_of(job.spec, self.rows)  # noqa: E731
        with FakeApi(("RUNNING", "RUNNING", "DONE"), rows=body, date_key="none") as api:
            self.api = api
            tap = self.process(self.directory)
            spool = self.directory / "spool"
            spool.mkdir(exist_ok=True)
            config = {
                "base_url": api.url,
                "max_concurrent_jobs": AT_ONCE,
                "spool": {"directory": str(spool)},
                "streams": streams(cleans_up=self.cleans_up),
            }
            for _ in range(self.most_deaths):
                if not self._die(tap, config):
                    break
            last = tap.run(config, state=self.state)
            self._read(last, good=True)
            if last.exit_code != 0:
                self.wrong.append(f"the last run ended with {last.exit_code}: {last.stderr[-600:]}")
            self._judge(spool)

    def _die(self, tap: Process, config: Mapping[str, Any]) -> bool:
        """One run that is killed at a random moment; false when it was quicker than that."""
        number = self.random.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
        calls, pause = self.random.randrange(1, 30), self.random.random() * 0.05
        seen = len(self.api.log)

        def kill(process: Any) -> None:
            while len(self.api.log) < seen + calls and process.poll() is None:
                time.sleep(0.002)
            time.sleep(pause)
            self.hit_at = time.monotonic()
            process.send_signal(number)

        run = tap.run(config, state=self.state, while_running=kill)
        dead = run.exit_code != 0
        if dead:
            self.deaths[signal.Signals(number).name] += 1
        self._read(run, good=run.exit_code == 0 or number == signal.SIGTERM)
        if number == signal.SIGTERM and dead:
            self._judge_ending(run)
        if "Traceback" in run.stderr:
            self.wrong.append(f"a traceback: {run.stderr[-600:]}")
        return dead

    def _read(self, run: Outcome, *, good: bool) -> None:
        """What a target keeps of the run: rows, then the last state after them."""
        waiting: Counter[tuple[Any, ...]] = Counter()
        seen: Counter[tuple[Any, ...]] = Counter()
        finished = finished_in(self.state or {})
        for message in run.messages:
            if message["type"] == "RECORD":
                record = message["record"]
                row = message["stream"], record["account"] or "", str(record["date"]), record["n"]
                waiting[row] += 1
                seen[row] += 1
            elif message["type"] == "STATE":
                self.kept_rows += waiting
                waiting.clear()
                self.state = message["value"]
                for job in jobs_in(message["value"]):
                    self.told.setdefault(job, time.monotonic())
        if any(count > 1 for count in seen.values()):
            self.wrong.append("rows twice in one run")
        if any(row[2] <= finished.get(row[:2], "") for row in seen):
            self.wrong.append("rows of a window that the given state has finished")
        if good and waiting:
            self.wrong.append("rows after the last STATE of a run that ended in order")

    def _judge_ending(self, run: Outcome) -> None:
        """SIGTERM: the code, the last line, and how long it took."""
        self.seconds.append(time.monotonic() - self.hit_at)
        if run.exit_code != 143 and run.exit_code != -15:
            self.wrong.append(f"SIGTERM ended with {run.exit_code}: {run.stderr[-600:]}")
        if run.exit_code == 143 and (not run.messages or run.messages[-1]["type"] != "STATE"):
            self.wrong.append("SIGTERM: the last line is no STATE")

    def _judge(self, spool: Path) -> None:
        wanted = {
            (spec["stream"], spec.get("account", ""), spec["from"], n) for spec in specs() for n in range(self.rows)
        }
        self.missing = len(wanted - set(self.kept_rows))
        self.strangers = len(set(self.kept_rows) - wanted)
        self.twice = sum(count - 1 for count in self.kept_rows.values())
        if self.missing or self.strangers or self.twice > self.rows * sum(self.deaths.values()):
            self.wrong.append(f"rows: {self.missing} missing, {self.strangers} strange, {self.twice} more than once")
        self._judge_jobs()
        if list(spool.rglob("*")) and not self.deaths["SIGKILL"]:
            self.wrong.append("files in the spool")

    def _judge_jobs(self) -> None:
        """A window's second job is right only where the first was aborted, or died with a run that had not told of it."""
        self.created = len(self.api.jobs)
        self.untold = 0
        windows: dict[str, list[FakeJob]] = {}
        for job in self.api.jobs.values():
            windows.setdefault(json.dumps(job.spec, sort_keys=True), []).append(job)
        for spec, jobs in windows.items():
            for first in jobs[:-1]:
                if first.id not in self.told:
                    self.untold += 1
                elif not first.aborted:
                    self.wrong.append(f"{spec}: {first.id} was in a STATE message, and another job was made")
        kept = jobs_in(self.state or {})
        for job in self.api.jobs.values():
            if job.id not in self.told:
                continue
            over = job.deleted if self.cleans_up else job.ended_at is not None
            if not over and job.id not in kept:
                self.wrong.append(f"{job.id} was left behind")
        if kept:
            self.wrong.append(f"jobs in the last state: {sorted(kept)}")
