"""What the decoding benchmarks share: generated data, one process per measurement, ratios against a floor."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HEAD = b'{"type":"RECORD","stream":"orders","record":'
TAIL = b',"time_extracted":"2026-01-05T00:00:00+00:00"}'
TEN = {
    "order_id": "integer", "date": "date", "updated_at": "date-time", "customer": "string", "country": "string",
    "clicks": "integer", "cost": "number", "revenue": "number", "active": "boolean", "note": "string",
}  # fmt: skip


@dataclass
class File:
    """A file as the spool hands it over."""

    path: Path
    size: int
    content_type: str | None = None
    content_encoding: str | None = None
    charset: str | None = None
    name: str | None = None
    target: Any = None
    page: int = 0


def ten(i: int) -> list[str]:
    """One row of ten fields."""
    return [
        str(i), f"2026-01-{i % 28 + 1:02}", f"2026-01-05T{i % 24:02}:{i % 60:02}:{i % 59:02}Z", f"customer {i % 1000}", "DE",
        str(i % 1000), f"{i % 10007 / 100:.2f}", f"{i * 7 % 10**8 / 10000:.4f}", "true" if i % 2 else "false", f"some text {i}",
    ]  # fmt: skip


def reader(selected: Any = None, **stream: Any) -> Any:
    """A RowReader of a stream with the given keys."""
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.decoding import RowReader
    from tap_asyncreport.templates import Templates

    steps = {"creation_requester": "POST /r", "polling_requester": "GET /r", "download_retriever": "GET /f"}
    config = Stream.model_validate({"name": "orders", **steps, **stream})
    keys = [*config.primary_keys, *([config.replication_key] if config.replication_key else [])]
    return RowReader(config, Templates(now=datetime(2026, 1, 5, tzinfo=UTC)), selected=selected, key_columns=keys)


def write_out(path: str, **stream: Any) -> None:
    """Our way: a file to message lines on stdout."""
    file = File(Path(path), Path(path).stat().st_size)
    for lines, _ in reader(**stream).chunks([file], {}, HEAD, TAIL):
        sys.stdout.buffer.write(lines)


def measured(script: str, *arguments: str) -> tuple[float, float]:
    """CPU seconds and peak memory (MB) of one process of its own, its output thrown away."""
    with open(os.devnull, "wb") as devnull:
        process = subprocess.Popen([sys.executable, script, *arguments], stdout=devnull)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (script, arguments, process.returncode)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(
    script: str, ways: list[str], rows: int, *arguments: str, repeat: int = 3, floor: float | None = None
) -> dict[str, float]:
    """Rows per CPU second of each way, the best of some turns in a row; the first way is the floor unless it is given."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(repeat):
        for way in ways:
            best[way] = min(best[way], measured(script, way, *arguments)[0])
    empty = min(measured(script, "nothing", *arguments)[0] for _ in range(repeat))
    for way in ways:
        rate, ratio = rows / best[way], (floor or best[ways[0]]) / best[way]
        print(f"{way:28s} {best[way]:7.2f} s CPU {rate / 1000:9.0f} k rows/s   {ratio:5.2f} of the floor")
    print(f"{'(start-up alone)':28s} {empty:7.2f} s CPU")
    return best


def made(name: str, lines: Callable[[], Iterator[str]]) -> str:
    """A generated file in the temporary directory, made anew."""
    path = Path(tempfile.gettempdir()) / name
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines())
    return str(path)
