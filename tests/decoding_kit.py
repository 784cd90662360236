"""What the tests of decoding share: files as the spool hands them over, readers, and both ways of reading at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tap_asyncreport.config.streams import Stream
from tap_asyncreport.decoding import Observed, RowReader, schema_of
from tap_asyncreport.templates import Templates

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
TEMPLATES = Templates(now=NOW)
STEPS = {"creation_requester": "POST /r", "polling_requester": "GET /r", "download_retriever": "GET /f"}
PREFIX, SUFFIX = b'{"type":"RECORD","record":', b',"n":1}'


@dataclass(frozen=True)
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
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Body:
    """Bytes to be read, with what the API says about them."""

    data: bytes
    content_type: str | None = None
    content_encoding: str | None = None
    charset: str | None = None
    name: str | None = None
    target: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def stream(**keys: Any) -> Stream:
    """A stream with these keys, the steps aside."""
    return Stream.model_validate({"name": "s", **STEPS, **keys})


def reader(config: Stream, *, selected: Any = None, unknown: str | None = None) -> RowReader:
    """The reader of a stream, as the tap builds it."""
    keys = [*config.primary_keys, *([config.replication_key] if config.replication_key else [])]
    return RowReader(
        config, TEMPLATES, schema=schema_of(config), selected=selected,
        unknown_columns=unknown or config.unknown_columns or "warn", key_columns=keys,
    )  # fmt: skip


@dataclass
class Read:
    """What reading gave, the same both ways."""

    rows: list[dict[str, Any]]
    observed: Observed
    lines: list[str]


def read(
    *bodies: bytes | str | Body,
    scope: Mapping[str, Any] | None = None,
    expect_rows: int | None = None,
    selected: Any = None,
    unknown: str | None = None,
    **keys: Any,
) -> Read:
    """Reads bodies as one job's files, both as rows and as lines, and checks that they are the same."""
    with TemporaryDirectory() as directory:
        files = list(_files(Path(directory), bodies))
        of = reader(stream(**keys), selected=selected, unknown=unknown)
        rows = list(of.rows(files, scope or {}, expect_rows=expect_rows))
        first = Observed(**vars(of.observed))
        chunks = list(of.chunks(files, scope or {}, PREFIX, SUFFIX, expect_rows=expect_rows))
        assert [name for name in map(str, Path(directory).iterdir()) if not name.endswith(".body")] == []
    text = b"".join(lines for lines, _ in chunks).decode()
    lines = text.split("\n")[:-1] if text else []
    assert first == of.observed
    assert len(rows) == len(lines) == sum(count for _, count in chunks) == first.rows
    records = [json.loads(line, parse_float=Decimal, parse_constant=_refuse)["record"] for line in lines]
    assert records == rows
    return Read(rows, first, [line[len(PREFIX) : -len(SUFFIX)] for line in lines])


def rows(*bodies: bytes | str | Body, **how: Any) -> list[dict[str, Any]]:
    """The rows alone."""
    return read(*bodies, **how).rows


def _files(directory: Path, bodies: Iterable[bytes | str | Body]) -> Iterable[File]:
    for number, body in enumerate(bodies):
        if not isinstance(body, Body):
            body = Body(body if isinstance(body, bytes) else body.encode())
        path = directory / f"{number}.body"
        path.write_bytes(body.data)
        said = {key: value for key, value in vars(body).items() if key != "data"}
        yield File(path, len(body.data), **said)


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} in a line")
