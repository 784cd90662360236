"""The example API's two ports: reports behind a token on the one, files behind signed links on the other."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socketserver
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from tap_asyncreport.clock import Clock, SystemClock
from tap_asyncreport.demo.reports import InvalidRequestError, Query, Reports, TooManyReportsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN_PREFIX = "demo-token"  # noqa: S105 - no secret: whoever starts the example may read its data
LINK_SECONDS = 300


class DemoApi:
    """The running example; `url` is the base URL to configure, `close()` ends it."""

    def __init__(self, host: str, port: int, clock: Clock) -> None:
        self.reports = Reports(clock)
        self.links = Links(clock)
        self._api = _Port((host, port), _ApiHandler, self)
        self._files = _Port((host, 0), _FileHandler, self)
        self.url = f"{self._api.origin}/v1"
        self._ports = (self._api, self._files)
        self._threads = [_thread(port) for port in self._ports]

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def wait(self) -> None:
        """Returns when the example has been closed."""
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        for port in self._ports:
            port.shutdown()
            port.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def link(self, report_id: str) -> str:
        """A link to a finished report's file, good for five minutes, for anybody."""
        return f"{self._files.origin}/files/{report_id}.csv.gz?{self.links.sign(report_id)}"


def serve(host: str = "127.0.0.1", port: int = 0, *, clock: Clock | None = None) -> DemoApi:
    """Starts the example in threads of this process; port 0 is a free one; raises OSError for one taken."""
    return DemoApi(host, port, clock or SystemClock()).start()


def run_forever(host: str, port: int, *, ready: Callable[[str], None]) -> None:
    """Serves until interrupted; `ready` is told the base URL once requests are answered."""
    with serve(host, port) as api, suppress(KeyboardInterrupt):
        ready(api.url)
        api.wait()


def _thread(port: _Port) -> threading.Thread:
    return threading.Thread(target=port.serve_forever, args=(0.02,), daemon=True, name=f"demo {port.origin}")


class Links:
    """Signatures in the query of a link, as object stores make them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def sign(self, report_id: str) -> str:
        expires = int(self._clock.now().timestamp()) + LINK_SECONDS
        return f"expires={expires}&signature={self._signature(report_id, str(expires))}"

    def refusal(self, report_id: str, query: Mapping[str, list[str]]) -> str | None:
        """Why a link is not good, or None."""
        expires, signature = (query.get(name, [""])[0] for name in ("expires", "signature"))
        if not hmac.compare_digest(self._signature(report_id, expires), signature):
            return "SignatureDoesNotMatch"
        return "RequestHasExpired" if int(expires) < self._clock.now().timestamp() else None

    def _signature(self, report_id: str, expires: str) -> str:
        return hmac.new(self._key, f"{report_id}\n{expires}".encode(), hashlib.sha256).hexdigest()


class _Port(ThreadingHTTPServer):
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[_Handler], demo: DemoApi) -> None:
        super().__init__(address, handler)
        self.demo = demo
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.origin = f"http://{host}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Binds without looking up the host's name, which takes seconds where no name server answers."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Port
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Says nothing: standard error belongs to the tap."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_PUT = do_PATCH = do_GET  # noqa: N815

    def _answer(self) -> None:
        raise NotImplementedError

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: HTTPStatus, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _ApiHandler(_Handler):
    """Creation, status and deletion of reports."""

    def _answer(self) -> None:
        body = self._read()
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(TOKEN_PREFIX):
            wanted = f"send Authorization: Bearer {TOKEN_PREFIX}-anything"
            self._error(HTTPStatus.UNAUTHORIZED, "unauthorized", wanted)
            return
        match self.command, *urlsplit(self.path).path.strip("/").split("/"):
            case "POST", "v1", "reports":
                self._create(body)
            case "GET", "v1", "reports", report_id:
                self._describe(report_id)
            case "DELETE", "v1", "reports", report_id:
                self._delete(report_id)
            case _:
                self._error(HTTPStatus.NOT_FOUND, "not_found", f"there is no {self.command} {self.path}")

    def _create(self, body: bytes) -> None:
        try:
            query = Query.parse(json.loads(body))
            report = self.server.demo.reports.create(query)
        except InvalidRequestError as error:
            self._error(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", f"{error.field}: {error}")
        except TooManyReportsError:
            self._error(
                HTTPStatus.TOO_MANY_REQUESTS, "busy", "too many unfinished reports", {"Retry-After": "1"}
            )
        except ValueError:
            self._error(HTTPStatus.BAD_REQUEST, "malformed", "the body is not JSON")
        else:
            self._json(HTTPStatus.ACCEPTED, {"report_id": report.id, "status": "QUEUED"})

    def _describe(self, report_id: str) -> None:
        said = self.server.demo.reports.describe(report_id)
        if said is None:
            self._error(HTTPStatus.NOT_FOUND, "not_found", f"there is no report {report_id}")
            return
        file = self.server.demo.reports.file(report_id) if said["status"] == "SUCCEEDED" else None
        if file is not None:
            said["file"] = {
                "url": self.server.demo.link(report_id),
                "rows": file.rows,
                "bytes": len(file.content),
                "sha256": file.sha256,
            }
        self._json(HTTPStatus.OK, said)

    def _delete(self, report_id: str) -> None:
        if self.server.demo.reports.delete(report_id):
            self._send(HTTPStatus.NO_CONTENT, b"", "", {})
        else:
            self._error(HTTPStatus.NOT_FOUND, "not_found", f"there is no report {report_id}")

    def _json(self, status: HTTPStatus, value: Mapping[str, Any]) -> None:
        self._send(status, json.dumps(value).encode(), "application/json", {})

    def _error(
        self, status: HTTPStatus, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
        self._send(status, body, "application/json", headers or {})


class _FileHandler(_Handler):
    """Files, to whoever holds a good link and sends no credentials beside it."""

    def _answer(self) -> None:
        self._read()
        parts = urlsplit(self.path)
        report_id = parts.path.removeprefix("/files/").removesuffix(".csv.gz")
        if self.headers.get("Authorization") is not None:
            self._error(HTTPStatus.BAD_REQUEST, "InvalidArgument", "Only one auth mechanism allowed")
            return
        refusal = self.server.demo.links.refusal(report_id, parse_qs(parts.query))
        if refusal is not None:
            self._error(HTTPStatus.FORBIDDEN, refusal, "Ask the report for a fresh link")
            return
        file = self.server.demo.reports.file(report_id)
        if file is None or self.command != "GET":
            self._error(HTTPStatus.NOT_FOUND, "NoSuchKey", "The file is not there")
            return
        disposition = f'attachment; filename="{report_id}.csv.gz"'
        self._send(HTTPStatus.OK, file.content, "application/gzip", {"Content-Disposition": disposition})

    def _error(self, status: HTTPStatus, code: str, message: str) -> None:
        body = f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
        self._send(status, body.encode(), "application/xml", {})
