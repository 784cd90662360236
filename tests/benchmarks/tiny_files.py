"""Ten thousand files of ten rows from one job: CPU and wall per file beyond the bare HTTP calls.

The floor fetches the same files with one requests session and throws them away. `python tests/benchmarks/tiny_files.py`
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import whole_run

ROWS = b"id,name\n" + b"".join(b"%d,some name\n" % i for i in range(10))


class Files(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or each call waits for an acknowledgement
    count = 0

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._send(json.dumps({"id": "r1"}).encode(), "application/json")

    def do_GET(self) -> None:
        if self.path == "/report":
            files = [f"/files/{i}" for i in range(self.count)]
            self._send(json.dumps({"status": "done", "files": files}).encode(), "application/json")
        else:
            self._send(ROWS, "text/csv")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(count: str) -> None:
    Files.count = int(count)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    print(server.server_address[1], flush=True)
    server.serve_forever()


def floor(port: str, count: str) -> None:
    import requests

    with requests.Session() as session:
        for i in range(int(count)):
            session.get(f"http://127.0.0.1:{port}/files/{i}", timeout=10)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    server = subprocess.Popen([sys.executable, __file__, "serve", str(count)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    stream = {
        "name": "items", "primary_keys": ["id"], "columns": {"id": "integer", "name": "string"},
        "creation_requester": "POST /report", "polling_requester": "GET /report",
        "download_target_extractor": "$.files[*]", "download_retriever": "GET {{ download_target }}",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory, "config.json")
        config.write_text(json.dumps({"base_url": f"http://127.0.0.1:{port}", "streams": [stream]}))
        wall, cpu, _ = whole_run.timed([sys.executable, __file__, "floor", port, str(count)])
        print(f"bare calls: {wall / count * 1000:.2f} ms, {cpu / count * 1000:.2f} CPU ms a file")
        wall_tap, cpu_tap, memory = whole_run.timed([sys.executable, "-m", "tap_asyncreport", "--config", str(config)])
        print(f"the tap: {wall_tap / count * 1000:.2f} ms, {cpu_tap / count * 1000:.2f} CPU ms a file, {memory / 1024:.0f} MiB")
        print(f"beyond the calls: {(wall_tap - wall) / count * 1000:.2f} ms, {(cpu_tap - cpu) / count * 1000:.2f} CPU ms a file")
    server.kill()


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in {"floor", "serve"}:
        {"floor": floor, "serve": serve}[sys.argv[1]](*sys.argv[2:])
    else:
        main()
