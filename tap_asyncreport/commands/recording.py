"""A recording of one job: the configuration without secrets, each request and answer, the rows, the outcome."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_asyncreport.commands.options import Unusable, write_file
from tap_asyncreport.commands.recording_shape import fault_in
from tap_asyncreport.http.naming import plain_marks
from tap_asyncreport.http.redaction import HIDDEN
from tap_asyncreport.http.reply import json_of
from tap_asyncreport.http.stand_ins import kind_of
from tap_asyncreport.templates import to_json

if TYPE_CHECKING:
    from tap_asyncreport.commands.foreground import Ending
    from tap_asyncreport.commands.rehearsal import Opened, Rows
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.http.calls import Exchange
    from tap_asyncreport.http.redaction import Redactor

MARK = "tap-asyncreport recording"
FORMAT = 1
ROWS_KEPT = 20
_BARE = re.compile(rf"(?<=[:\[,\s]){re.escape(HIDDEN)}(?=[\s,\]}}])")
MOST_UNPACKED = 16 * 1024 * 1024


class Recorder:
    """Collects exchanges in the order in which they ended."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def add(self, exchange: Exchange) -> None:
        """Takes one."""
        self.exchanges.append(exchange)


@dataclass(frozen=True)
class Recording:
    """What a file holds, as plain data; see `document`."""

    document: Mapping[str, Any]

    def clean(self, redactor: Redactor) -> Mapping[str, Any]:
        """What it holds, without what was learned to be secret since."""
        clean: Mapping[str, Any] = hidden(self.document, redactor)
        return clean

    def write(self, path: str) -> None:
        """Writes it; raises Unusable."""
        write_file(path, json.dumps(self.document, indent=1) + "\n", "the recording")

    def with_rows(self, rows: Mapping[str, Any]) -> Recording:
        """The same with these rows."""
        return Recording({**self.document, "rows": rows})

    @property
    def now(self) -> datetime:
        """The one reading of the clock."""
        return datetime.fromisoformat(self.document["now"])

    @property
    def exchanges(self) -> Sequence[Mapping[str, Any]]:
        """Every request with its answer, in order."""
        found: Sequence[Mapping[str, Any]] = self.document["exchanges"]
        return found

    @classmethod
    def read(cls, path: str) -> Recording:
        """The recording in a file; raises Unusable for anything else."""
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            text = ""
        return cls(_checked(text, path))


def _checked(text: str, path: str) -> dict[str, Any]:
    """The recording that a text is; raises Unusable, which says what is the matter with it."""
    again = "`tap-asyncreport trace STREAM --save FILE` makes one"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not text.lstrip().startswith("{") or MARK not in text:
            raise Unusable(f"{path} is no recording of a job", hint=again) from None
        line = getattr(error, "lineno", 1)
        raise Unusable(
            f"{path} is a recording that is cut short or was edited: its JSON breaks off in line {line}", hint=again
        ) from None
    number = document.get(MARK) if isinstance(document, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise Unusable(
            f"{path} was recorded by a newer tap-asyncreport, {document.get('version')}: its format is {number}",
            hint=f"upgrade tap-asyncreport; this is {version('tap-asyncreport')}, which reads format {FORMAT}",
        )
    if number != FORMAT:
        raise Unusable(f"{path} is no recording of a job", hint=again)
    if (fault := fault_in(document)) is not None:
        raise Unusable(f"{path} is not as a recording is written: {fault}", hint=f"undo what was edited there; {again}")
    return dict(document)


def recorded(loaded: Loaded, opened: Opened, ending: Ending, rows: Rows, exchanges: Sequence[Exchange]) -> Recording:
    """The recording of a run that has ended; of its rows it has the number, until `with_rows` says more."""
    unit, stream = opened.unit, opened.work.config
    assert unit is not None
    names = secret_names(loaded.settings.secrets)
    window = None if unit.window is None else [at.isoformat() for at in (unit.window.start, unit.window.end)]
    document = {
        MARK: FORMAT,
        "version": version("tap-asyncreport"),
        "stream": stream.name,
        "partition": dict(unit.partition),
        "window": window,
        "now": opened.bench.now.isoformat(),
        "config": configuration(loaded, stream, opened.redactor),
        "secrets": {name: kind_of(loaded.settings.secrets.get(name)) for name in used_secrets(loaded)},
        "exchanges": [exchange_data(exchange, names, opened.redactor) for exchange in exchanges],
        "outcome": outcome_of(ending),
        "rows": {"count": rows.count},
    }
    return Recording(_with_demo(document, loaded, opened))


def outcome_of(ending: Ending) -> dict[str, Any]:
    """How a run ended."""
    if ending.error is not None:
        return {"ended": "failed", "error": ending.error.message}
    return {"ended": "empty" if ending.empty else "finished"}


def rows_data(rows: Rows) -> dict[str, Any]:
    """The rows of a run: their number, a digest of all, the first of them."""
    first = [json.loads(to_json(row)) for row in rows.first[:ROWS_KEPT]]
    return {"count": rows.count, "sha256": rows.sha256, "first": first}


def _with_demo(document: dict[str, Any], loaded: Loaded, opened: Opened) -> dict[str, Any]:
    """The address of the example API, which differs from run to run, as its definition writes it."""
    own, served = loaded.settings.base_url, opened.bench.settings.base_url
    if own == served or not isinstance(own, str) or not isinstance(served, str):
        return document
    changed: dict[str, Any] = json.loads(json.dumps(document).replace(served, own))
    return changed


def secret_names(secrets: Mapping[str, Any]) -> dict[str, Any]:
    """The variables by which traces call the secrets."""
    from tap_asyncreport.config.reading import SECRETS, in_capitals

    return {f"{SECRETS}{in_capitals(name)}": value for name, value in secrets.items()}


def used_secrets(loaded: Loaded) -> list[str]:
    """The secrets that the configuration sets or uses."""
    from tap_asyncreport.config.loading import secrets_used

    return list(dict.fromkeys([*secrets_used(loaded.raw), *loaded.settings.secrets]))


def configuration(loaded: Loaded, stream: Stream, redactor: Redactor) -> dict[str, Any]:
    """The configuration of one stream, for others: as written over a definition that ships, else whole."""
    from tap_asyncreport.config.reading import shipped

    name = loaded.written.get("definition")
    ships = name in dict(shipped())
    written = dict(loaded.written if ships else loaded.raw)
    if not ships:
        written.pop("definition", None)
    written.pop("secrets", None)
    wanted = {stream.name, *_parents(loaded, stream)}
    if isinstance(written.get("streams"), list):
        written["streams"] = [each for each in written["streams"] if each.get("name") in wanted]
        if not written["streams"]:
            del written["streams"]
    return dict(hidden(written, redactor))


def _parents(loaded: Loaded, stream: Stream) -> Iterator[str]:
    streams = {each.name: each for each in loaded.settings.streams}
    for dimension in stream.partitions:
        if dimension.stream is not None:
            yield dimension.stream
            yield from _parents(loaded, streams[dimension.stream])


def hidden(value: Any, redactor: Redactor) -> Any:
    """Plain data without secrets; query strings stay, for they are the user's own."""
    if isinstance(value, str):
        return redactor.hide(value)
    if isinstance(value, Mapping):
        return {redactor.hide(str(key)): hidden(item, redactor) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item, redactor) for item in value]
    return value


# -- exchanges


def exchange_data(exchange: Exchange, names: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """A request and its answer as plain data; secrets, whatever they are called in the trace, are `***`."""
    call = exchange.call
    found = {
        "step": str(call.step),
        "method": call.method,
        "url": plain_marks(call.url, names),
        "headers": {name: plain_marks(value, names) for name, value in call.headers if value is not None},
        "body": _body(call.body, names) if call.body else None,
        "at": exchange.started_at.isoformat(),
        "seconds": round(exchange.seconds, 3),
        "answer": None if exchange.status_code is None else _answer(exchange, names, redactor),
        "error": exchange.error,
        "lost": exchange.lost,
    }
    return {name: value for name, value in found.items() if value is not None}


def _answer(exchange: Exchange, names: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    fields = {name: plain_marks(value, names) for name, value in exchange.headers.items()}
    withheld = redactor.holds_secret(unpacked(exchange.body))  # what is packed was not looked through before
    body = {"body": _body(exchange.body, names)} if exchange.body and not withheld else {}
    return {"status": exchange.status_code, "headers": fields, **body, "whole": exchange.whole and not withheld}


def _body(data: bytes, names: Mapping[str, Any]) -> Any:
    """Text as text, anything else in base64."""
    if b"\0" not in data:
        with suppress(UnicodeDecodeError):
            return _still_json(plain_marks(data.decode("utf-8"), names))
    return {"base64": base64.b64encode(data).decode()}


def _still_json(text: str) -> str:
    """The text, with quotes around numbers that were hidden, where that makes it JSON again."""
    if HIDDEN not in text or text.lstrip()[:1] not in ("{", "["):
        return text
    mended = _BARE.sub(f'"{HIDDEN}"', text)
    return mended if mended != text and json_of(mended.encode()) is not None else text


def bytes_of(body: Any) -> bytes:
    """The bytes of a recorded body."""
    if body is None:
        return b""
    return base64.b64decode(body["base64"]) if isinstance(body, Mapping) else str(body).encode()


def unpacked(data: bytes) -> bytes:
    """What a gzip or a zip holds, as far as it can be read; of other data nothing."""
    with suppress(zlib.error):
        if data.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, MOST_UNPACKED)
    with suppress(zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error):
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return b"\n".join(archive.read(name) for name in archive.namelist())[:MOST_UNPACKED]
    return b""
