"""CSV and TSV: preamble, header, rows and footer of one member, in batches of columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress

from tap_asyncreport.config.decoding import Decode, Header
from tap_asyncreport.decoding.dialect import Dialect, Incomplete, line_ends, other_delimiter, physical_lines
from tap_asyncreport.decoding.source import LARGEST_RECORD
from tap_asyncreport.errors import EXCERPT_CHARACTERS, DecodeError, excerpt

_PREAMBLE_CHARACTERS = 1024 * 1024
_CUT_STEPS = 1000
_LINE = re.compile(r"[^\r\n]*")

Columns = Sequence[Sequence[str | None]]


@dataclass
class Batch:
    """Rows by column, where each row stands in its file, and whether no field holds anything that JSON escapes."""

    columns: Columns
    count: int
    place: Callable[[int], str]
    plain: bool = False


class Delimited:
    """The rows of one CSV or TSV member: first `header`, then `batches`.

    Raises DecodeError with the physical line (from 1) for every fault of the table.
    """

    def __init__(self, texts: Iterator[str], decode: Decode, dialect: Dialect, given: Sequence[str] | None) -> None:
        self._texts = dialect.single(texts)
        self._decode = decode
        self._dialect = dialect
        self._given = given
        self._pending = ""
        self._line = 1
        self._names: list[str] = []
        self._ended = False
        self._stop = _pattern(decode.stop_at, "stop_at") if decode.stop_at is not None else None
        self._skip = {name: _pattern(source, "skip_rows_where") for name, source in decode.skip_rows_where.items()}

    def _fill(self, least: int = 1) -> bool:
        """Have so many more characters, if there are; whether there were any."""
        parts, have = [self._pending], 0
        while have < least and (text := next(self._texts, None)) is not None:
            parts.append(text)
            have += len(text)
        self._pending = "".join(parts)
        self._ended = have < least
        return bool(have)

    def _grow(self) -> bool:
        """Have twice as much at hand, for a record that does not end; raises DecodeError when that is too much."""
        if len(self._pending) > max(LARGEST_RECORD, 2 * self._dialect.max_field):
            raise DecodeError(
                f"line {self._line}: a row is longer than {LARGEST_RECORD} characters",
                excerpt=excerpt(self._pending[: EXCERPT_CHARACTERS + 1]),
                hint="is it a table? see `decode.format`",
            )
        return self._fill(len(self._pending) + 1)

    def _advance(self, count: int) -> None:
        self._line += line_ends(self._pending[:count])
        self._pending = self._pending[count:]

    def _first(self, limit: int) -> tuple[list[str], int]:
        """The record at hand and its length in characters; Incomplete where it does not end within `limit`."""
        while True:
            try:
                row, used = self._dialect.first(self._pending)
            except Incomplete:
                if len(self._pending) <= limit and self._grow():
                    continue
                raise
            if used < len(self._pending) or self._pending.endswith("\n") or not self._grow():
                return row, used

    def _take(self) -> list[str]:
        """The next record, used up; empty at the end of the data."""
        while self._pending or self._fill():
            try:
                row, used = self._first(self._dialect.max_field)
            except (Incomplete, csv.Error):
                raise self._dialect.error(self._pending, self._line, ended=self._ended) from None
            self._advance(used)
            if row:
                return row
        return []

    def header(self) -> list[str]:
        """The column names, each once, after which the data begins; empty where there is no data at all."""
        how = self._decode.header
        if how == "none":
            names = list(self._given or [])
            if not names and (self._pending or self._fill()):
                raise DecodeError("the file has no header, and no names are given", hint="list them in `decode.fields`")
        else:
            line = self._line
            names = self._match(how.match) if isinstance(how, Header) and how.match else self._take()
            if names and self._given is not None:
                names = self._renamed(names, line)
        for _ in range(self._decode.extra_header_rows):
            self._take()
        self._names = self._distinct(names)
        return self._names

    def _renamed(self, names: list[str], line: int) -> list[str]:
        if self._given is None or len(names) == len(self._given):
            return list(self._given or names)
        raise DecodeError(
            f"line {line}: the header has {len(names)} columns, `decode.fields` names {len(self._given)}",
            excerpt=excerpt(", ".join(names)),
        )

    def _match(self, wanted: Sequence[str]) -> list[str]:
        start, skipped = None, 0
        while self._pending or self._fill():
            start = self._pending[: EXCERPT_CHARACTERS + 1] if start is None else start
            try:
                row, used = self._first(_PREAMBLE_CHARACTERS)
            except (Incomplete, csv.Error):
                row, used = [], 0
            if set(wanted) <= set(row):
                self._advance(used)
                return row
            end = re.search(r"\r\n|\r|\n", self._pending)
            skipped += end.end() if end else len(self._pending)
            self._advance(end.end() if end else len(self._pending))
            if skipped > _PREAMBLE_CHARACTERS:
                break
        if start is None:
            return []
        names = ", ".join(repr(name) for name in wanted)
        raise DecodeError(
            f"no row in the first {skipped} characters holds all of {names}",
            excerpt=excerpt(start),
            hint="see `decode.header.match`",
        )

    def _distinct(self, names: list[str]) -> list[str]:
        taken = {name.casefold() for name in names}
        if len(taken) == len(names):
            return names
        if self._decode.duplicate_headers == "error":
            repeated = sorted({name for name in names if [n.casefold() for n in names].count(name.casefold()) > 1})
            raise DecodeError(
                f"line {self._line - 1}: the header repeats {', '.join(map(repr, repeated))}",
                excerpt=excerpt(", ".join(names)),
                hint="`decode.duplicate_headers: suffix` makes them distinct (capitals do not count)",
            )
        seen: set[str] = set()
        distinct = []
        for name in names:
            new, number = name, 1
            while new.casefold() in seen or (number > 1 and new.casefold() in taken):
                number += 1
                new = f"{name}_{number}"
            seen.add(new.casefold())
            distinct.append(new)
        return distinct

    def batches(self, names: Sequence[str]) -> Iterator[Batch]:
        """The rows below the header, as they come."""
        while self._pending or self._fill():
            cut = self._cut()
            if not cut:
                self._fill()
                cut = self._cut()
            text = self._stopped(self._pending[:cut])
            try:
                batch = self._parse(text, names) if cut else None
            except Incomplete:
                cut = 0
            except csv.Error:
                raise self._dialect.error(text, self._line, ended=self._ended) from None
            if not cut:
                self._extend()
                continue
            if batch is not None and batch.count:
                yield batch
            if len(text) < cut:
                return
            self._advance(cut)

    def _extend(self) -> None:
        """Have more of a record that does not end in what is at hand; raises DecodeError where it never will."""
        fault = self._dialect.fault(self._pending) if len(self._pending) > self._dialect.max_field else None
        if self._ended or (fault is not None and len(self._pending) - fault.field > self._dialect.max_field):
            raise self._dialect.error(self._pending, self._line, ended=self._ended)
        self._grow()

    def _cut(self) -> int:
        """Where the last record at hand seems to end: after a line end with an even number of quotes before it."""
        text = self._pending
        if self._ended:
            return len(text)
        mark = "\n" if "\n" in text else "\r"
        last = text.rfind(mark, 0, len(text) - (mark == "\r")) + 1
        quote = self._dialect.quote
        if not last or quote is None or text.count(quote, 0, last) % 2 == 0:
            return last
        cut, odd = last, True
        for _ in range(_CUT_STEPS):
            before = text.rfind(mark, 0, cut - 1) + 1
            odd ^= bool(text.count(quote, before, cut) % 2)
            cut = before
            if not odd or not cut:
                break
        return last if odd or not cut else cut

    def _stopped(self, text: str) -> str:
        """The text before the line at which the data ends."""
        if self._stop is None:
            return text
        if self._dialect.is_bare(text):
            starts: Iterator[int] = chain([0], accumulate(map(len, physical_lines(text))))
        else:
            starts = self._dialect.record_starts(text, blank=True)
        for start in starts:
            line = _LINE.match(text, start)
            if start < len(text) and line and self._stop.search(line[0]):
                return text[:start]
        return text

    def _parse(self, text: str, names: Sequence[str]) -> Batch | None:
        if not text:
            return None
        cut = self._dialect.columns(text, len(names))
        place = self._places(text)
        if cut is None:
            return self._loose(self._dialect.rows(text), names, place)
        columns, plain = cut
        return self._without_skipped(Batch(columns, len(columns[0]), place, plain), names)

    def _places(self, text: str) -> Callable[[int], str]:
        first, dialect = self._line, self._dialect

        def place(row: int) -> str:
            starts = dialect.record_starts(text)
            start = next((at for number, at in enumerate(starts) if number == row), 0)
            return f"line {first + line_ends(text[:start])}"

        return place

    def _loose(self, rows: list[list[str]], names: Sequence[str], place: Callable[[int], str]) -> Batch:
        """Rows of unequal length, made equal or refused."""
        width = len(names)
        keep = [not self._skips(row, names) for row in rows]
        numbers = list(compress(range(len(rows)), keep))
        equal = [self._equal(rows[number], width, place, number) for number in numbers]
        columns: Columns = list(zip(*equal, strict=True))
        return Batch(columns, len(equal), lambda row: place(numbers[row]))

    def _equal(self, row: list[str], width: int, place: Callable[[int], str], number: int) -> Sequence[str | None]:
        if len(row) == width:
            return row
        if len(row) < width and self._decode.short_rows == "null":
            return row + [None] * (width - len(row))
        if len(row) > width and self._decode.long_rows == "drop":
            return row[:width]
        key = "short_rows: null" if len(row) < width else "long_rows: drop"
        raise DecodeError(
            f"{place(number)}: {len(row)} fields where the header has {width}",
            excerpt=excerpt(", ".join(row)),
            hint=other_delimiter(self._names)
            or f"`decode.{key}` takes such rows; `skip_rows_where` and `stop_at` leave totals out",
        )

    def _patterns(self, names: Sequence[str]) -> list[tuple[int, re.Pattern[str]]]:
        found = []
        for column, pattern in self._skip.items():
            if column not in names:
                raise DecodeError(
                    f"`decode.skip_rows_where` looks at {column!r}, which is no column of the file",
                    excerpt=excerpt(", ".join(names)),
                )
            found.append((list(names).index(column), pattern))
        return found

    def _skips(self, row: Sequence[str], names: Sequence[str]) -> bool:
        return any(at < len(row) and pattern.search(row[at]) for at, pattern in self._patterns(names))

    def _without_skipped(self, batch: Batch, names: Sequence[str]) -> Batch:
        patterns = self._patterns(names)
        if not patterns:
            return batch
        keep = [True] * batch.count
        for at, pattern in patterns:
            keep = [kept and not pattern.search(text or "") for kept, text in zip(keep, batch.columns[at], strict=True)]
        if all(keep):
            return batch
        numbers = list(compress(range(batch.count), keep))
        columns = [list(compress(column, keep)) for column in batch.columns]
        return Batch(columns, len(numbers), lambda row: batch.place(numbers[row]), batch.plain)


def _pattern(source: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(source)
    except re.error as error:
        raise DecodeError(f"`decode.{key}` is not a regular expression: {source!r} ({error})") from None
