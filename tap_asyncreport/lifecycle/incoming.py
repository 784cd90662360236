"""An answer whose body streams into the spool: its beginning for the rules, its fields for whoever decodes it."""

from __future__ import annotations

import re
from email.message import Message
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tap_asyncreport.errors import RequestError, Where
from tap_asyncreport.http.network import NetworkError
from tap_asyncreport.http.reply import decoded, json_of, text_of
from tap_asyncreport.lifecycle.integrity import beginning
from tap_asyncreport.response import Response, answered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_asyncreport.http.reply import Reply
    from tap_asyncreport.spool import SpooledFile

LOOKED_AT = 64 * 1024
CHUNK = 1024 * 1024
LARGEST_JSON = 64 * 1024 * 1024
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)", re.IGNORECASE)


class Incoming:
    """Takes a reply, reads its beginning, and hands on the rest in chunks; `trouble` says that it broke off early."""

    def __init__(self) -> None:
        self.reply: Reply | None = None
        self.head = b""
        self.ended = False
        self.trouble: NetworkError | None = None
        self._chunks: Iterator[bytes] = iter(())

    def read(self, reply: Reply) -> Response:
        """The answer with its first 64 KiB as text, decoded; its JSON where that is all of it."""
        self.reply, self.head, self.ended, self.trouble = reply, b"", False, None
        self._chunks = reply.chunks(CHUNK)
        try:
            while not self.ended and len(self.head) < LOOKED_AT:
                data = next(self._chunks, b"")
                self.head += data
                self.ended = not data
        except NetworkError as error:
            self.trouble = error
        seen = beginning(self.head[:LOOKED_AT], LOOKED_AT)
        return Response(
            json_of(seen) if self.ended and len(self.head) <= LOOKED_AT else None,
            headers=reply.headers,
            status_code=reply.status_code,
            url=reply.url,
            text=text_of(seen, reply.headers.get("content-type")),
            redirect=reply.redirect,
        )

    def body(self) -> Iterator[bytes]:
        """All bytes from the first; ends early where it breaks off, and then `trouble` is set."""
        if self.head:
            yield self.head
        if self.trouble is not None or self.ended:
            return
        try:
            yield from self._chunks
        except NetworkError as error:
            self.trouble = error

    def close(self) -> None:
        """Lets go of the connection."""
        if self.reply is not None:
            self.reply.close()


def content_range(value: str | None) -> tuple[int | None, int | None]:
    """First byte and whole length of a Content-Range; None for what it does not say."""
    match = _CONTENT_RANGE.fullmatch((value or "").strip())
    if match is None:
        return None, None
    first, _, total = match.groups()
    return (None if first is None else int(first)), (None if total == "*" else int(total))


def validator_of(response: Response) -> str | None:
    """What tells this version of the file from others: its strong ETag, else its date."""
    etag = response.headers.get("etag")
    if etag:
        return None if etag.startswith("W/") else str(etag)
    date: str | None = response.headers.get("last-modified")
    return date


def source_of(response: Response) -> Where:
    """The request that a file answers, for whoever cannot read it."""
    return answered(Where(request_line=response.request_line), response) if response.request_line else Where()


def described(response: Response) -> dict[str, Any]:
    """What an answer says about its file, in the words of SpooledFile."""
    message = Message()
    message["Content-Type"] = response.headers.get("content-type", "")
    charset = message.get_param("charset")
    return {
        "content_type": response.headers.get("content-type"),
        "content_encoding": response.headers.get("content-encoding"),
        "name": _name(response),
        "charset": charset if isinstance(charset, str) else None,
        "headers": response.headers,
    }


def _name(response: Response) -> str | None:
    message = Message()
    message["Content-Disposition"] = response.headers.get("content-disposition", "")
    given = message.get_filename()
    return given or unquote(urlsplit(response.url).path.rpartition("/")[2]) or None


def page_response(file: SpooledFile, response: Response) -> Response:
    """The answer that a spooled page came with, its body read back where that is JSON of a decent size."""
    if response.body is not None or file.size > LARGEST_JSON or response.text.lstrip()[:1] not in ("{", "["):
        return response
    return Response(
        _json(file.path, file.content_encoding),
        headers=response.headers,
        status_code=response.status_code,
        url=response.url,
        text=response.text,
    )


def _json(path: Path, content_encoding: str | None) -> Any:
    data = path.read_bytes()
    try:
        data = decoded(data, content_encoding)
    except (NetworkError, RequestError):
        return None
    return json_of(beginning(data, LARGEST_JSON))
