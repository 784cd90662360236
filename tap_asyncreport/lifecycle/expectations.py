"""What a download must come to: `expect`, held against the files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import DecodeError, TemplateError, TransferError
from tap_asyncreport.lifecycle.integrity import contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.response import Response
    from tap_asyncreport.spool import SpooledFile
    from tap_asyncreport.templates import Extractor

_HASHES = ("md5", "sha256")
_CHUNK = 1024 * 1024


class Expectations:
    """What `expect` says: by the download's answer or its target of one file, by anything else of all."""

    def __init__(self, context: StreamContext) -> None:
        expect = context.stream.expect
        self._decode = context.stream.decode
        self._rows = context.extractor(expect.rows, "expect.rows")
        checks = {name: context.extractor(getattr(expect, name), f"expect.{name}") for name in ("bytes", *_HASHES)}
        self._checks = {name: extractor for name, extractor in checks.items() if extractor is not None}

    def rows(self, scope: Mapping[str, Any]) -> int | None:
        """How many rows all files hold; None where that is not said. Raises TransferError for what is no number."""
        if self._rows is None or _of_one_file(self._rows):
            return None
        return _total(self._found(self._rows, scope))

    def rows_of(self, response: Response, scope: Mapping[str, Any]) -> int | None:
        """How many rows one file holds, where its own answer says so; raises TransferError."""
        if self._rows is None or not _of_one_file(self._rows):
            return None
        return _total(self._rows.all(response, {**scope, "response": response}))

    def check_file(self, file: SpooledFile, response: Response, scope: Mapping[str, Any]) -> None:
        """Holds one file against what its own answer says; raises TransferError."""
        for name, extractor in self._checks.items():
            if _of_one_file(extractor):
                expected = extractor.first(response, {**scope, "response": response})
                self._compare(name, [file], expected)

    def check_all(self, files: Sequence[SpooledFile], scope: Mapping[str, Any]) -> None:
        """Holds the files against the polling answer, one value for all or one for each; raises TransferError."""
        for name, extractor in self._checks.items():
            if _of_one_file(extractor):
                continue
            found = list(_flat(self._found(extractor, scope)))
            if len(found) == len(files) and len(files) > 1:
                for file, expected in zip(files, found, strict=True):
                    self._compare(name, [file], expected)
            elif found:
                self._compare(name, files, found[0])

    def _found(self, extractor: Extractor, scope: Mapping[str, Any]) -> list[Any]:
        """What the polling answer says, null perhaps; a path that is not there would check nothing, unnoticed."""
        found = extractor.all(scope.get("polling_response"), scope)
        if not found and extractor.source.startswith("$"):
            raise TemplateError(
                f"`{extractor.source}` finds nothing in the polling answer",
                key=extractor.key,
                hint="correct the path; where the API says it only at times, write a template with `| default(none)`",
            )
        return found

    def _compare(self, name: str, files: Sequence[SpooledFile], expected: Any) -> None:
        """As the bytes came, or as they are without compression: APIs mean either."""
        if expected in (None, ""):
            return
        got = str(sum(file.size for file in files)) if name == "bytes" else _measured(name, _raw(files))
        if _agrees(name, expected, got):
            return
        try:
            if _agrees(
                name, expected, _measured(name, (data for file in files for data in contents(file, self._decode)))
            ):
                return
        except (TransferError, DecodeError):
            pass
        raise TransferError(
            f"the download has {name} {got}, and {expected} was expected",
            hint=f"the transfer may have gone wrong; otherwise check `expect.{name}`",
        )


def _of_one_file(extractor: Extractor) -> bool:
    looks_at = {path[0] for path in extractor.paths}
    return not extractor.source.startswith("$") and bool(looks_at & {"response", "download_target"})


def _total(found: Iterable[Any]) -> int | None:
    values = [value for value in _flat(found) if value is not None]
    try:
        return sum(_whole(value) for value in values) if values else None
    except (TypeError, ValueError):
        raise TransferError(f"the expected rows are no number: {values[0]!r}", hint="check `expect.rows`") from None


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return int(value.replace(",", "")) if isinstance(value, str) else int(value)


def _raw(files: Sequence[SpooledFile]) -> Iterator[bytes]:
    for file in files:
        with file.path.open("rb") as opened:
            while data := opened.read(_CHUNK):
                yield data


def _measured(name: str, chunks: Iterable[bytes]) -> str:
    if name == "bytes":
        return str(sum(len(data) for data in chunks))
    digest = hashlib.new(name, usedforsecurity=False)
    for data in chunks:
        digest.update(data)
    return digest.hexdigest()


def _agrees(name: str, expected: Any, got: str) -> bool:
    if name == "bytes":
        try:
            return _whole(expected) == int(got)
        except (TypeError, ValueError):
            return False
    text = str(expected).strip().strip('"')
    for prefix in (f"{name}:", f"{name}=", f"{name}-"):
        if text.lower().startswith(prefix):
            text = text[len(prefix) :]
    return text.lower() == got or text.rstrip("=") == base64.b64encode(bytes.fromhex(got)).decode().rstrip("=")
