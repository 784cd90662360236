"""HTTP/1.1 over raw loopback sockets: what a scripted API answers, and every way in which an answer can go wrong.

`Server(answer)` listens on a free port and calls `answer(request) -> Reply` in a thread per connection.
A `Reply` says what goes over the wire, byte for byte. A `Change` is a fault that spoils the reply an API would
have given; a plain `Reply` in its place is given instead of it.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

LINE_LIMIT = 1 << 20
Headers = tuple[tuple[str, str], ...]
Ending = Literal["close", "reset", "stall"]


@dataclass(eq=False)
class Request:
    """One request as it came; `target` is byte for byte what stood in the request line."""

    method: str
    target: str
    headers: Headers
    body: bytes
    port: int
    received_at: float = field(default_factory=time.monotonic)
    answered_at: float | None = None
    status: int | None = None
    sent: int = 0
    broken: str | None = None
    step: str = "other"
    job: str | None = None

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def __repr__(self) -> str:
        return f"<{self.step} {self.method} {self.target} -> {self.status}, {self.sent} bytes>"


@dataclass(frozen=True)
class Reply:
    """One answer.

    framing  "length" sends Content-Length (`length` where it lies), "chunked" sends chunks of `piece` bytes,
             "close" sends neither: the end of the connection is the end of the body.
    cut      body bytes after which `then` happens; -1 is before the status line.
    end      False leaves out the chunk that ends a chunked body.
    delay    seconds before the status line; `pause` seconds between two pieces of the body.
    """

    status: int = 200
    body: bytes | str = b""
    headers: Headers | Mapping[str, str] = ()
    framing: Literal["length", "chunked", "close"] = "length"
    length: int | None = None
    cut: int | None = None
    then: Ending = "close"
    end: bool = True
    delay: float = 0.0
    pause: float = 0.0
    piece: int = 65536
    reason: str | None = None

    @property
    def payload(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body

    @property
    def header_list(self) -> Headers:
        return tuple(self.headers.items()) if isinstance(self.headers, Mapping) else self.headers

    def with_headers(self, **headers: str) -> Reply:
        """The same with headers set; underscores stand for hyphens."""
        new = {key.replace("_", "-"): value for key, value in headers.items()}
        kept = [(k, v) for k, v in self.header_list if k.lower() not in {name.lower() for name in new}]
        return replace(self, headers=(*kept, *new.items()))


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None, **wire: Any) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(value), {"Content-Type": "application/json", **(headers or {})}, **wire)


Change = Callable[[Reply], Reply]


def Reset() -> Reply:
    """The connection is reset instead of an answer; the API has not acted on the request."""
    return Reply(cut=-1, then="reset")


def Hang() -> Reply:
    """No answer ever; the API has not acted on the request."""
    return Reply(cut=-1, then="stall")


def Lost(then: Ending = "stall") -> Change:
    """The API acts on the request, and its answer never arrives."""
    return lambda usual: replace(usual, cut=-1, then=then)


def Cut(after: int, then: Ending = "close") -> Change:
    """The usual answer, broken off after so many bytes of the body."""
    return lambda usual: replace(usual, cut=after, then=then)


def Stall(after: int = 0) -> Change:
    """The usual answer, which stops moving after so many bytes of the body while the connection stays open."""
    return Cut(after, "stall")


def Lie(by: int) -> Change:
    """The usual body under a Content-Length that is off by so many bytes."""
    return lambda usual: replace(usual, framing="length", length=len(usual.payload) + by)


def Chunked(piece: int = 65536, *, end: bool = True) -> Change:
    """The usual body in chunks; without `end` the last chunk never comes and the connection closes."""
    return lambda usual: replace(usual, framing="chunked", piece=piece, end=end)


def Unframed() -> Change:
    """The usual body, ended by the end of the connection alone."""
    return lambda usual: replace(usual, framing="close")


def Slow(delay: float = 0.0, *, piece: int = 65536, pause: float = 0.0) -> Change:
    """The usual answer, late, and trickling `piece` bytes at a time."""
    return lambda usual: replace(usual, delay=delay, piece=piece, pause=pause)


class Server:
    """A listening socket on 127.0.0.1; `log` holds every request, `mistakes` the tracebacks of the script itself."""

    def __init__(self, answer: Callable[[Request], Reply], *, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.log: list[Request] = []
        self.mistakes: list[str] = []
        self.connections = 0
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the port and every connection; those that stall wake up."""
        self._closing.set()
        with self._lock:
            held = [self._listener, *self._open]
        for sock in held:
            try:
                sock.shutdown(socket.SHUT_RDWR)  # close() alone leaves an accept() or recv() waiting
            except OSError:
                pass
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(sock)
                self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(plain, server_side=True)
            with sock.makefile("rb") as stream:
                while not self._closing.is_set():
                    request = read_request(stream, self.port)
                    if request is None or not self._respond(sock, request):
                        break
        except OSError:
            pass  # the client left between two requests
        finally:
            with self._lock:
                self._open.discard(plain)
            sock.close()

    def _respond(self, sock: socket.socket, request: Request) -> bool:
        """Answers; true when the connection may carry another request."""
        with self._lock:
            self.log.append(request)
        try:
            reply = self.answer(request)
        except Exception:  # a mistake in a script has to reach the test, not only the client
            self.mistakes.append(traceback.format_exc())
            reply = Reply(500, "the script of this fake API raised an exception")
        request.status = reply.status if reply.cut != -1 else None
        self._closing.wait(reply.delay)
        try:
            return self._send(sock, request, reply)
        except OSError as error:
            request.broken = type(error).__name__
            return False
        finally:
            request.answered_at = time.monotonic()

    def _send(self, sock: socket.socket, request: Request, reply: Reply) -> bool:
        if reply.cut == -1:
            return self._leave(sock, reply.then)
        sock.sendall(head(reply))
        if request.method == "HEAD" or reply.status in (204, 304):
            return True
        body = reply.payload[: reply.cut]
        for piece in pieces(body, reply.piece):
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.framing == "chunked" else piece)
            request.sent += len(piece)
            self._closing.wait(reply.pause)
        if reply.cut is not None:
            return self._leave(sock, reply.then)
        if reply.framing == "chunked":
            if reply.end:
                sock.sendall(b"0\r\n\r\n")
            return reply.end
        return reply.framing == "length" and reply.length in (None, len(body))

    def _leave(self, sock: socket.socket, how: Ending) -> bool:
        if how == "stall":
            self._closing.wait(300)
        elif how == "reset":
            self._closing.wait(0.05)  # a reset discards what the client has not read yet
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


def pieces(body: bytes, size: int) -> Iterable[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


def head(reply: Reply) -> bytes:
    """Status line and headers with the framing the reply asks for."""
    reason = reply.reason
    if reason is None:
        reason = HTTPStatus(reply.status).phrase if reply.status in set(HTTPStatus) else "Unknown"
    framing = {
        "length": f"Content-Length: {len(reply.payload) if reply.length is None else reply.length}",
        "chunked": "Transfer-Encoding: chunked",
        "close": "Connection: close",
    }[reply.framing]
    fields = [f"{name}: {value}" for name, value in reply.header_list]
    no_body = reply.status in (204, 304)
    lines = [f"HTTP/1.1 {reply.status} {reason}", *fields, *([] if no_body else [framing])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def read_request(stream: Any, port: int) -> Request | None:
    """The next request of a connection; None at its end."""
    line = stream.readline(LINE_LIMIT).decode("latin-1").rstrip("\r\n")
    if not line:
        return None
    method, target, _ = line.split(" ", 2)
    headers = []
    while field_line := stream.readline(LINE_LIMIT).decode("latin-1").rstrip("\r\n"):
        name, _, value = field_line.partition(":")
        headers.append((name, value.strip()))
    low = {name.lower(): value for name, value in headers}
    if "chunked" in low.get("transfer-encoding", "").lower():
        body = b"".join(read_chunks(stream))
    else:
        body = stream.read(int(low.get("content-length") or 0))
    return Request(method, target, tuple(headers), body, port)


def read_chunks(stream: Any) -> Iterable[bytes]:
    while size := int(stream.readline(LINE_LIMIT).split(b";")[0], 16):
        yield stream.read(size)
        stream.readline(LINE_LIMIT)
    while stream.readline(LINE_LIMIT).strip():
        pass
