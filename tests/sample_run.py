"""Runs for the run page: small ones by hand, large ones by number."""

from __future__ import annotations

import random
from typing import Any

from tap_asyncreport.job import JobEvent
from tap_asyncreport.reporting import RunFacts, RunLedger
from tests.told import Told, day, exchange, failed, ledger

STREAMS = ("orders", "clicks", "inventory_by_warehouse")


def big_run(jobs: int, *, slots: int = 12, seed: int = 7) -> tuple[RunLedger, float]:
    """So many jobs over three streams, some of which back off, are made again or fail; and when it ended."""
    chance = random.Random(seed)
    book = ledger()
    for stream in STREAMS:
        book.plan(stream, jobs // len(STREAMS), partitions=4 if stream == "clicks" else 0)
    free = [101.0 + slot / 10 for slot in range(slots)]
    writer = 101.0
    events: list[JobEvent] = []
    for count in range(jobs):
        stream = STREAMS[count * len(STREAMS) // jobs]
        partition: dict[str, Any] = {"account": str(count % 4)} if stream == "clicks" else {}
        told = Told(stream, day(count // 4 + 1), f"r-{1000 + count}", **partition)
        slot = free.index(min(free))
        life, free[slot], writer = _life(told, free[slot], writer, chance)
        events += life
    book.observe(sorted(events, key=lambda event: event.at))
    end = max(event.at for event in events) + 1
    for count in range(jobs * 4):
        book.observe_exchange(exchange("polling_requester", 200 if count % 50 else 503, chance.lognormvariate(-2, 0.5), 180))
    for count in range(jobs):
        book.observe_exchange(exchange("creation_requester", 201, chance.lognormvariate(-1, 0.4), 90))
        book.observe_exchange(exchange("download_retriever", 200, chance.lognormvariate(0, 0.6), 48_000, job=f"r-{1000 + count}"))
    for stream in STREAMS:
        book.stream_ended(stream, "failed" if book.streams[stream].failed else "ok")
    return book, end


def _life(told: Told, at: float, writer: float, chance: random.Random) -> tuple[list[JobEvent], float, float]:
    """Events of one unit, when its slot is free again, and when the writer is."""
    events = [told.creating(at), told.created(at + 0.4), told.polled(at + 0.7, word="QUEUED")]
    at += 0.4 + chance.lognormvariate(3, 0.5)
    fate = chance.random()
    if fate < 0.04:
        events += [told.polled(at, word="ERROR"), told.retrying(at, wait=5.0, error=failed("the job failed", "backend timeout"))]
        told.again(f"{told.job_id}-b")
        at += 5
        events += [told.creating(at), told.created(at + 0.4), told.polled(at + 2, word="RUNNING")]
        at += 0.4 + chance.lognormvariate(3, 0.5)
    elif fate < 0.10:
        events += [told.delayed(at, wait=15.0, error=failed("the API answered 429", "slow down")), told.polled(at + 15.2, word="RUNNING")]
        at += 20
    if 0.10 < fate < 0.115:
        return [*events, told.failed(at, error=failed("the job failed", 'Report quota exceeded for account 42 <b>"upgrade"</b>'))], at, writer
    ready = at + chance.lognormvariate(0.5, 0.4)
    rows = chance.randrange(200, 4000)
    writer = max(writer, ready) + rows / 4000
    events += [
        told.polled(at, word="DONE"), told.completed(at), told.downloading(at), told.ready(ready),
        told.writing(writer - rows / 4000), told.written(writer, rows=rows),
    ]  # fmt: skip
    return events, at, writer


STATE_BEFORE = {"bookmarks": {"orders": {"replication_key_value": "2025-12-31", "until": "2026-01-01T00:00:00Z"}}}
STATE_AFTER = {
    "bookmarks": {
        "orders": {"replication_key_value": "2026-02-11", "until": "2026-02-12T00:00:00Z", "jobs": [{"id": "r-1"}]},
        "clicks": {
            "partitions": [
                {"context": {"account": str(n)}, "replication_key_value": "2026-02-11", "until": "2026-02-12T00:00:00Z"} for n in range(4)
            ]
        },
    }
}
CONFIGURATION = [
    ("base_url", "https://api.example.com/v1", "tap.yml:1"),
    ("authenticator.type", "bearer", "tap.yml:2"),
    ("authenticator.token", "***", "environment, TAP_ASYNCREPORT_SECRETS_TOKEN"),
    ("max_concurrent_jobs", "12", "tap.yml:4"),
    ("streams.orders.creation_requester.request", "POST /exports", "tap.yml:9"),
    ("streams.orders.jobs.timeout", "3h", "default"),
    ("streams.orders.incremental.step", "1d", "definition demo"),
]
FACTS = RunFacts("failed", 1, "0.1.0", STATE_BEFORE, STATE_AFTER, CONFIGURATION)
ODD = '</script><script>alert("x")</script>&<!-- \u2028 \x00'


def small_run() -> RunLedger:
    book = ledger()
    book.plan("orders", 2, partitions=1)
    book.observe(Told(window=day(1), account="7").life(100, rows=1200))
    told = Told(window=day(2), job="r-2", account="7")
    book.observe([told.creating(105), told.created(106), told.failed(112, error=failed("the job failed", ODD))])
    book.observe_exchange(exchange("download_retriever", 200, 0.5, 48_000, job="r-1"))
    book.stream_ended("orders", "failed")
    return book
