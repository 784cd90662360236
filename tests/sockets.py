"""A server on raw sockets: it keeps every byte of what was asked, and answers with bytes of the test's choosing."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """One request, byte for byte."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


class Reset(Exception):
    """Raised by a script: the server resets the connection."""


class Silent(Exception):
    """Raised by a script: the server never answers, and keeps the connection."""


def answer(body: bytes | str = b"", status: int = 200, *, length: int | None = None, **headers: str) -> bytes:
    """An answer with Content-Length; underscores in header names become hyphens."""
    body = body.encode() if isinstance(body, str) else body
    fields = {"Content-Length": str(len(body) if length is None else length)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Some", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*parts: bytes, end: bool = True) -> bytes:
    """A chunked answer; without `end` its last chunk is missing."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head + body + (b"0\r\n\r\n" if end else b"")


class Server:
    """Answers each request with what `script` gives for it; a connection stays open while answers have a length."""

    def __init__(self, script: Callable[[Asked], bytes], context: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self.connections = 0
        self.stopped = threading.Event()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._open: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.stopped.set()
        for each in [self._listener, *self._open]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            while self._one(connection):
                pass
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()

    def _one(self, connection: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            got = connection.recv(65536)
            if not got:
                return False
            data += got
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(Asked(head, b"").headers.get("content-length", "0"))
        while len(body) < length:
            body += connection.recv(65536)
        asked = Asked(head, body)
        self.asked.append(asked)
        try:
            reply = self.script(asked)
        except Reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        except Silent:
            self.stopped.wait(30)
            return False
        connection.sendall(reply)
        return self._may_go_on(reply, asked)

    @staticmethod
    def _may_go_on(reply: bytes, asked: Asked) -> bool:
        head, _, body = reply.partition(b"\r\n\r\n")
        headers = Asked(head, b"").headers
        if headers.get("connection") == "close":
            return False
        if "transfer-encoding" in headers:
            return body.endswith(b"0\r\n\r\n")
        return asked.method == "HEAD" or int(headers.get("content-length", -1)) == len(body)


@contextmanager
def serving(script: Callable[[Asked], bytes] | bytes, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server for the time of a test; a fixed answer may stand for the script."""
    server = Server(script if callable(script) else lambda asked: script, context)
    try:
        yield server
    finally:
        server.close()
