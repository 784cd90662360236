"""Whole runs over loopback: one CSV of a million rows and ten typed fields, against the floor and a plain SDK stream.

The floor is csv.reader, a typed dict per row, msgspec, stdout, from a file that lies on disk already; the plain stream is
what a tap on the SDK does by default with the same file. `python tests/benchmarks/whole_run.py [rows] [--sdk]`
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import decode_csv
import decode_kit as kit

COLUMNS = {
    "order_id": "integer", "date": "date", "updated_at": "date-time", "customer": "string", "country": "string",
    "clicks": "integer", "cost": "number", "revenue": "number", "active": "boolean", "note": "string",
}  # fmt: skip


def sdk(path: str) -> None:
    """A stream on the SDK as its template writes it: csv.DictReader, typed by hand, the SDK's own writer."""
    import csv

    from singer_sdk import Stream, Tap

    types = {"integer": "integer", "number": "number", "boolean": "boolean"}
    properties = {name: {"type": [types.get(kind, "string"), "null"]} for name, kind in COLUMNS.items()}

    class Plain(Stream):
        name, primary_keys, schema = "orders", ("order_id",), {"type": "object", "properties": properties}

        def get_records(self, context):
            with open(path, newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    row["order_id"], row["clicks"] = int(row["order_id"]), int(row["clicks"])
                    row["cost"], row["revenue"] = float(row["cost"]), float(row["revenue"])
                    row["active"] = row["active"] == "true"
                    yield row

    class PlainTap(Tap):
        name = "tap-plain"
        config_jsonschema = {"type": "object", "properties": {}}

        def discover_streams(self):
            return [Plain(self)]

    PlainTap().sync_all()


class Reports(BaseHTTPRequestHandler):
    """An API whose only report is done at once."""

    protocol_version = "HTTP/1.1"
    file = ""

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._json({"id": "r1"})

    def do_GET(self) -> None:
        if self.path == "/file":
            with open(self.file, "rb") as file:
                self.send_response(200)
                self.send_header("Content-Type", "text/csv")
                self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
                self.end_headers()
                while piece := file.read(1 << 20):
                    self.wfile.write(piece)
        else:
            self._json({"status": "done", "url": f"http://{self.headers['Host']}/file"})

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(path: str) -> None:
    """Serves until it is killed; a process of its own, so that its time is not the tap's."""
    Reports.file = path
    server = ThreadingHTTPServer(("127.0.0.1", 0), Reports)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def timed(command: list[str]) -> tuple[float, float, int]:
    """Wall and CPU seconds and peak memory in KiB of a command whose output is counted and thrown away."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lines = 0

    def drain() -> None:
        nonlocal lines
        assert process.stdout is not None
        while piece := process.stdout.read(1 << 20):
            lines += piece.count(b"\n")

    reader = threading.Thread(target=drain)
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    reader.join()
    assert status == 0, command
    timed.lines = lines
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    rows = numbers[0] if numbers else 1_000_000

    def lines():
        yield ",".join(kit.TEN) + "\n"
        for i in range(rows):
            yield ",".join(kit.ten(i)) + "\n"

    path = kit.made("whole-run.csv", lines)
    server = subprocess.Popen([sys.executable, __file__, "serve", path], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    stream = {
        "name": "orders", "primary_keys": ["order_id"], "columns": COLUMNS, "creation_requester": "POST /reports",
        "polling_requester": "GET /reports", "download_retriever": "GET {{ polling_response.url }}",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "config.json")
        config.write_text(json.dumps({"base_url": f"http://127.0.0.1:{port}", "streams": [stream]}))
        ways = {"floor": [sys.executable, __file__, "floor", path]}
        ways["the tap"] = [sys.executable, "-m", "tap_asyncreport", "--config", str(config)]
        if "--sdk" in sys.argv:
            ways["plain SDK stream"] = [sys.executable, __file__, "sdk", path]
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(3):
            for name, command in ways.items():
                wall, cpu, memory = timed(command)
                rates[name].append(rows / cpu)
                print(f"{name}: {wall:.2f} s, {cpu:.2f} CPU s, {rows / cpu:,.0f} rows/CPU s, {memory / 1024:.0f} MiB")
    server.kill()
    best = {name: max(values) for name, values in rates.items()}
    print(f"the tap against the floor: {best['the tap'] / best['floor']:.2f}")
    if "plain SDK stream" in best:
        print(f"the tap against a plain SDK stream: {best['the tap'] / best['plain SDK stream']:.1f}")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] in {"floor", "sdk", "serve"}:
        {"floor": decode_csv.floor, "sdk": sdk, "serve": serve}[sys.argv[1]](sys.argv[2])
    else:
        main()
