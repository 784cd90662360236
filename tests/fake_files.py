"""The files of a fake reporting API: rows by window, rendered, compressed, behind plain or presigned links."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from wire import Reply, Request


class Job(Protocol):
    """What a file needs to know of its job."""

    id: str
    spec: Any


Row = Mapping[str, Any]
Content = bytes | str | Sequence[Row]
Rows = Content | Callable[[Any], Content]

TYPES = {"csv": "text/csv", "tsv": "text/tab-separated-values", "json": "application/json", "jsonl": "application/x-ndjson"}


class Files:
    """Bytes, links and downloads of all jobs; the arguments are described at `FakeApi`."""

    def __init__(
        self,
        origin: str,
        *,
        rows: Rows,
        format: str,
        date_key: str,
        end_is: str,
        compressed: bool,
        parts: int,
        presigned: bool,
        link_uses: int | None,
        ranges: bool,
    ) -> None:
        self.origin, self.rows, self.format, self.date_key, self.end_is = origin, rows, format, date_key, end_is
        self.compressed, self.parts, self.presigned = compressed, parts, presigned
        self.link_uses, self.ranges = link_uses, ranges
        self.links: dict[str, int] = {}

    def link(self, job: Job, part: int = 0) -> str:
        """A download link; a presigned one is new each time, full of characters that a careless client rewrites."""
        path = f"/files/{job.id}/{part}"
        if not self.presigned:
            return self.origin + path
        signature = quote(f"{job.id}/{part}+{len(self.links)}=~", safe="~")
        target = f"{path}?X-Sig={signature}&X-List=a,b&X-Empty=&x%2Dcase=%2f"
        self.links[target] = 0
        return self.origin + target

    def refusal(self, request: Request) -> Reply | None:
        """What a presigned link says to credentials, to a changed link, and to one that is used up."""
        if any(request.header(name) for name in ("Authorization", "Cookie")):
            return storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        if request.target not in self.links:
            return storage_error(403, "SignatureDoesNotMatch", "The signature does not match")
        self.links[request.target] += 1
        if self.link_uses is not None and self.links[request.target] > self.link_uses:
            return storage_error(403, "AccessDenied", "Request has expired")
        return None

    def download(self, job: Job, part: int, request: Request) -> Reply:
        body = self.body(job, part)
        reply = Reply(200, body, {"Content-Type": "application/gzip" if self.compressed else TYPES[self.format]})
        if not self.ranges:
            return reply
        etag = f'"{zlib.crc32(body):08x}"'
        reply = reply.with_headers(ETag=etag, Accept_Ranges="bytes")
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("Range") or "")
        if asked is None or request.header("If-Range") not in (None, etag):
            return reply
        first, last = int(asked[1]), min(int(asked[2] or len(body) - 1), len(body) - 1)
        if first >= len(body):
            return Reply(416, headers={"Content-Range": f"bytes */{len(body)}"})
        said = f"bytes {first}-{last}/{len(body)}"
        return Reply(206, body[first : last + 1], reply.header_list).with_headers(Content_Range=said)

    def body(self, job: Job, part: int = 0) -> bytes:
        """The bytes of one of a job's files."""
        content = self.content(job)
        if isinstance(content, str):
            data = content.encode()
        elif isinstance(content, bytes):
            data = content
        else:
            inside = [row for row in content if self.covers(job.spec, row)]
            data = rendered(inside[part :: self.parts], self.format, columns=list(content[0]) if content else None)
        return gzip.compress(data, mtime=0) if self.compressed else data

    def count(self, job: Job) -> int | None:
        """How many rows a job has over all its files; None where only bytes are known."""
        content = self.content(job)
        if isinstance(content, bytes | str):
            return None
        return sum(self.covers(job.spec, row) for row in content)

    def content(self, job: Job) -> Content:
        return self.rows(job) if callable(self.rows) else self.rows

    def covers(self, spec: Any, row: Row) -> bool:
        """Whether a row lies between the spec's `from` and `to`, compared as text."""
        if not isinstance(spec, dict) or "from" not in spec or self.date_key not in row:
            return True
        at, end = str(row[self.date_key]), str(spec["to"])
        return str(spec["from"]) <= at and (at <= end if self.end_is == "inclusive" else at < end)


def storage_error(status: int, code: str, message: str) -> Reply:
    """An error in the words of an object store."""
    body = f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Reply(status, body, {"Content-Type": "application/xml"})


def rendered(rows: Sequence[Row], format: str, columns: Sequence[str] | None = None) -> bytes:
    """Rows as a file of that format."""
    if format == "json":
        return json.dumps(list(rows)).encode()
    if format == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    return csv_text(rows, "\t" if format == "tsv" else ",", columns).encode()


def csv_text(rows: Sequence[Row], delimiter: str = ",", columns: Sequence[str] | None = None) -> str:
    """Rows as CSV under a header line, which for no rows at all needs `columns`."""
    names = columns or list(rows[0])
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row.get(name) for name in names] for row in rows)
    return out.getvalue()
