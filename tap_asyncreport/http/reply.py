"""An answer: read whole and decoded for the steps, or streamed raw into the spool."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from email.message import Message
from typing import Any

import urllib3
from requests.structures import CaseInsensitiveDict

from tap_asyncreport.errors import RequestError, Where
from tap_asyncreport.http.network import Broken, NetworkError, lost
from tap_asyncreport.response import Redirect, Response

LARGEST_ANSWER = 64 * 1024 * 1024
KEPT_FOR_OBSERVERS = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_READ = 64 * 1024


class Reply:
    """An answer of a server.

    `chunks` gives the raw body as it is on the wire, `read` all of it with Content-Encoding undone; both raise Broken
    where the body is shorter than announced. `token` is the token that was sent, for `Credentials.refresh`; `size`
    counts the raw bytes that came, and `ended` says that they were all.
    """

    def __init__(
        self,
        raw: urllib3.BaseHTTPResponse,
        *,
        url: str,
        request_line: str,
        server: str,
        token: str | None = None,
        done: Callable[[Reply, NetworkError | None], None] | None = None,
        confidential: bool = False,
        redirect: Redirect | None = None,
    ) -> None:
        self.status_code: int = raw.status
        self.headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(
            {name: raw.headers[name] for name in raw.headers}  # a repeated field is joined with commas
        )
        self.url = url
        self.request_line = request_line
        self.redirect = redirect
        self.token = token
        self.beginning = b""
        self.size = 0
        self.ended = False
        self._raw = raw
        self._server = server
        self._done = done
        self._trouble: NetworkError | None = None
        self._confidential = confidential
        self._body: bytes | None = None

    def chunks(self, size: int = _READ) -> Iterator[bytes]:
        """The undecoded bytes of the body as they come, at most `size` at once; raises ReadTimeout or Broken."""
        try:
            while data := self._raw.read1(size, decode_content=False):
                self.size += len(data)
                if len(self.beginning) < KEPT_FOR_OBSERVERS:
                    self.beginning += data[: KEPT_FOR_OBSERVERS - len(self.beginning)]
                yield data
        except (urllib3.exceptions.HTTPError, OSError) as error:
            trouble = lost(error, self._server)
            trouble.request_line = self.request_line
            self._finish(trouble)
            raise trouble from error
        self.ended = True
        self._finish()

    def read(self) -> bytes:
        """The whole body, unpacked; raises Broken, and RequestError where it is larger than 64 MiB."""
        if self._body is None:
            try:
                self._body = unpacked(decoded(self._whole(), self.headers.get("Content-Encoding")))
            except Broken as error:
                error.request_line = self.request_line
                raise
            except RequestError as error:
                raise error.within(Where(request_line=self.request_line, status_code=self.status_code)) from None
        return self._body

    def _whole(self) -> bytes:
        parts: list[bytes] = []
        for part in self.chunks():
            parts.append(part)
            if self.size > LARGEST_ANSWER:
                self.close()
                raise _too_large()
        return b"".join(parts)

    def close(self) -> None:
        """Lets go of the connection; what was not read is dropped."""
        self._raw.close()
        self._finish()

    @property
    def text(self) -> str:
        """The body as text: in the charset that the answer names, else UTF-8."""
        return text_of(self.read(), self.headers.get("Content-Type"))

    def answer(self) -> Response:
        """The answer as later steps see it: its JSON, else None with the text."""
        body = json_of(self.read())
        return Response(
            json_of(self.text.encode()) if body is None else body,  # some APIs still write JSON in Latin-1
            headers=self.headers,
            status_code=self.status_code,
            url=self.url,
            text=self.text,
            request_line=self.request_line,
            redirect=self.redirect,
        )

    def tell(self) -> None:
        """Tells observers of the exchange, once; of a confidential call, when its secrets are known."""
        done, self._done = self._done, None
        if done is not None:
            done(self, self._trouble)

    def _finish(self, trouble: NetworkError | None = None) -> None:
        self._trouble = trouble
        if not self._confidential:
            self.tell()

    def __repr__(self) -> str:
        return f"<reply {self.status_code} to {self.request_line}>"


def json_of(body: bytes) -> Any:
    """The JSON of a body in any Unicode encoding, with or without a byte order mark; None where it is none."""
    try:
        return json.loads(body) if not body.startswith(b"\xef\xbb\xbf") else json.loads(body[3:])
    except (ValueError, RecursionError):
        return None


def text_of(body: bytes, content_type: str | None = None) -> str:
    """The body as text; bytes that the charset does not know are shown as escapes."""
    field = Message()
    field["Content-Type"] = content_type or ""
    charset = field.get_param("charset", "utf-8")
    try:
        return body.decode(str(charset), "backslashreplace").removeprefix("\ufeff")
    except LookupError:
        return body.decode("utf-8", "backslashreplace").removeprefix("\ufeff")


def decoded(body: bytes, content_encoding: str | None) -> bytes:
    """The body without its Content-Encoding; where the header lies, the body as it is. Raises Broken for a cut gzip."""
    codings = [coding.strip().lower() for coding in (content_encoding or "").split(",")]
    for coding in reversed(codings):
        if coding in ("gzip", "x-gzip") and body.startswith(_GZIP_MAGIC):
            body = _inflated(body, 16 + zlib.MAX_WBITS)
        elif coding == "deflate" and body:
            body = _deflated(body)
    return body


def unpacked(body: bytes) -> bytes:
    """The body without a gzip that no header announces: a file that says why a job failed is packed like any other."""
    while body.startswith(_GZIP_MAGIC):
        body = _inflated(body, 16 + zlib.MAX_WBITS)
    return body


def _deflated(body: bytes) -> bytes:
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):  # servers disagree on what deflate means
        try:
            return _inflated(body, bits)
        except Broken:
            continue
    return body


def _inflated(body: bytes, bits: int) -> bytes:
    parts: list[bytes] = []
    size, rest = 0, body
    while rest and (not parts or rest.startswith(_GZIP_MAGIC)):
        inflate = zlib.decompressobj(bits)
        try:
            part = inflate.decompress(rest, LARGEST_ANSWER - size + 1)
        except zlib.error as error:
            raise Broken(f"the compressed answer cannot be read: {error}") from error
        size += len(part)
        if size > LARGEST_ANSWER:
            raise _too_large()
        if not inflate.eof:
            raise Broken("the compressed answer ended too soon")
        parts.append(part)
        rest = inflate.unused_data
    return b"".join(parts)


def _too_large() -> RequestError:
    return RequestError(f"the answer is larger than {LARGEST_ANSWER // 1024**2} MiB, which only a download may be")
