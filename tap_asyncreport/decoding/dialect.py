"""Delimited text to fields: ways that agree, from the quickest that fits to the csv module; the place of a fault."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice

from tap_asyncreport.config.decoding import Decode
from tap_asyncreport.errors import DecodeError, excerpt

_LINE_END = re.compile(r"\r\n|\r|\n")
_ROWS_AT_ONCE = 400
_FEW = 4
_ESCAPED = bytes(range(0x20)) + b'"\\'
STAND_IN = "\x1f"


def line_ends(text: str) -> int:
    """How many physical lines end in the text: LF, CR and CRLF count, in quotes or not."""
    if "\r" not in text:
        return text.count("\n")
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def physical_lines(text: str) -> Iterator[str]:
    """The physical lines with their ends, cut at LF, CR and CRLF only: never at U+2028, form feed and their like."""
    return iter(io.StringIO(text, newline=""))


class Incomplete(Exception):  # noqa: N818
    """The text ends inside a quoted field."""


@dataclass(frozen=True)
class Fault:
    """Where delimited text goes wrong: the field that is to blame begins at `field`, the fault shows at `at`."""

    kind: str
    field: int
    at: int


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart."""

    delimiter: str
    quote: str | None
    escape: str | None
    max_field: int
    long_delimiter: str = ""

    @classmethod
    def of(cls, decode: Decode, format_: str) -> Dialect:
        """The dialect of a stream; the delimiter is the format's where none is given."""
        delimiter = decode.delimiter or ("\t" if format_ == "tsv" else ",")
        delimiter = {"\\t": "\t"}.get(delimiter, delimiter)
        if len(delimiter) > 1:
            return cls(
                STAND_IN, decode.quote_char or None, decode.escape_char or None, decode.max_field_bytes, delimiter
            )
        return cls(delimiter, decode.quote_char or None, decode.escape_char or None, decode.max_field_bytes)

    def single(self, texts: Iterator[str]) -> Iterator[str]:
        """The text with one character for each delimiter; those inside quotes become delimiters again in `columns`."""
        long, held = self.long_delimiter, ""
        for text in texts if long else ():
            whole = held + text
            if STAND_IN in whole:
                raise DecodeError(
                    f"the text holds {STAND_IN!r}, so a delimiter of several characters cannot be told apart"
                )
            pieces = whole.split(long)
            keep = max(0, len(pieces[-1]) - len(long) + 1)
            held = pieces[-1][keep:]
            pieces[-1] = pieces[-1][:keep]
            yield STAND_IN.join(pieces)
        yield from [held] if long else texts

    def _restored(self, columns: list[list[str]]) -> list[list[str]]:
        if not self.long_delimiter:
            return columns
        return [[field.replace(STAND_IN, self.long_delimiter) for field in column] for column in columns]

    def is_bare(self, text: str) -> bool:
        """Whether neither quotes nor escapes occur, so that fields may be cut at delimiters alone."""
        return (self.quote is None or self.quote not in text) and (self.escape is None or self.escape not in text)

    def columns(self, text: str, width: int) -> tuple[list[list[str]], bool] | None:
        """The fields of whole records by column, and whether they surely hold nothing that JSON escapes.

        None where rows are of unequal length; raises as `rows` does.
        """
        if width > 1 and (len(text) * 4 <= self.max_field or self._longest(text) * 4 <= self.max_field):
            if self.is_bare(text):
                cut = self._cut_bare(text, width)
                if cut is not None:
                    return cut, self._is_plain(text, "\r\n" + self.delimiter)
            elif self.escape is None and self.quote is not None:
                quoted = self._cut_quoted(text, width, self.quote) if text[0] == self.quote else None
                if quoted is not None:
                    within = line_ends(text.rstrip("\r\n")) >= len(quoted[0])
                    return self._restored(quoted), not within and self._is_plain(text, f"\r\n{self.quote}")
                mixed = self._cut_mixed(text, width, self.quote)
                if mixed is not None:
                    return self._restored(mixed), False
        cut = self._cut_by_csv(text, width)
        return None if cut is None else (self._restored(cut), False)

    def _is_plain(self, text: str, structure: str) -> bool:
        escaped = bytes(mark for mark in _ESCAPED if chr(mark) not in structure)
        data = text.encode()
        return len(data.translate(None, escaped)) == len(data)

    def _longest(self, text: str) -> int:
        return max(map(len, text.split(self.delimiter)))

    def _cut_bare(self, text: str, width: int) -> list[list[str]] | None:
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.endswith("\n"):
            text += "\n"
        flat = text.replace("\n", f"{self.delimiter}\n{self.delimiter}").split(self.delimiter)
        flat.pop()
        return _by_column(flat, width, text.count("\n"))

    def _cut_quoted(self, text: str, width: int, quote: str) -> list[list[str]] | None:
        end = "\r\n" if text.endswith("\r\n") else "\n"
        body = text.removesuffix(end)
        if not body.endswith(quote) or len(body) < 2:  # noqa: PLR2004
            return None
        if body.startswith(f"{quote}{end}{quote}") or any(
            f"{c}{quote}{end}{quote}" in body for c in (self.delimiter, "\n")
        ):
            return None  # perhaps a field that is a line end and nothing else, which looks like the end of a row
        between = f"{quote}{self.delimiter}{quote}"
        flat = body[1:-1].replace(f"{quote}{end}{quote}", f"{between}\n{between}").split(between)
        flat.append("\n")
        rows = len(flat) // (width + 1)
        return _by_column(flat, width, rows) if body.count(quote) == 2 * width * rows else None

    def _cut_mixed(self, text: str, width: int, quote: str) -> list[list[str]] | None:
        """Where few lines hold quotes, each a whole record: those by the csv module, the others with the quick cut."""
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        lines = text.removesuffix("\n").split("\n")
        numbers = [number for number, line in enumerate(lines) if quote in line]
        if len(numbers) * _FEW > len(lines) or "\r" in text or any(lines[n].count(quote) % 2 for n in numbers):
            return None
        patches = []
        try:
            rows = list(self._reader(iter([lines[number] for number in numbers])))
        except csv.Error:
            return None
        if len(rows) != len(numbers):
            return None
        for number, row in zip(numbers, rows, strict=True):
            for column, field in enumerate(row):
                if self.delimiter in field:
                    patches.append((column, number, field))
                    row[column] = ""
            lines[number] = self.delimiter.join(row)
        columns = self._cut_bare("\n".join(lines), width)
        if columns is not None:
            for column, number, field in patches:
                columns[column][number] = field
        return columns

    def _cut_by_csv(self, text: str, width: int) -> list[list[str]] | None:
        columns: list[list[str]] = [[] for _ in range(width)]
        with self._field_limit():
            reader = self._reader(physical_lines(text))
            while some := list(islice(reader, _ROWS_AT_ONCE)):  # few at a time stay in the processor's cache
                rows = list(filter(None, some))
                if not uniform(rows, width):
                    return None
                for column, fields in zip(columns, zip(*rows, strict=True), strict=bool(rows)):
                    column.extend(fields)
        self._check_lengths(text, columns)
        return columns

    def _check_lengths(self, text: str, fields: Iterable[Iterable[str]]) -> None:
        if len(text) * 4 > self.max_field and not text.isascii():
            for field in chain.from_iterable(fields):
                if len(field) * 4 > self.max_field and len(field.encode()) > self.max_field:
                    raise csv.Error("field larger than field limit")

    def rows(self, text: str) -> list[list[str]]:
        """The records as the csv module reads them, strictly; blank lines are none. Raises Incomplete, or csv.Error."""
        with self._field_limit():
            rows = list(filter(None, self._reader(physical_lines(text))))
        self._check_lengths(text, rows)
        return rows

    def first(self, text: str) -> tuple[list[str], int]:
        """The first record and where it ends; raises Incomplete where it does not, or csv.Error."""
        used = 0

        def lines() -> Iterator[str]:
            nonlocal used
            for line in physical_lines(text):
                used += len(line)
                yield line

        with self._field_limit():
            return next(self._reader(lines()), []), used

    @contextmanager
    def _field_limit(self) -> Iterator[None]:
        """The csv module has one limit for the whole process: ours holds while we read, and then the old one again."""
        limit = csv.field_size_limit(self.max_field)
        try:
            yield
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise Incomplete from None
            raise
        finally:
            csv.field_size_limit(limit)

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            strict=True,
            quoting=csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
        )

    def fault(self, text: str) -> Fault | None:
        """The first fault, found field by field, or None."""
        return next((fault for _, fault in self._walk(text) if fault is not None), None)

    def record_starts(self, text: str, *, blank: bool = False) -> Iterator[int]:
        """Where each record begins; with `blank`, where each blank line between them does, too."""
        for start, _ in self._walk(text):
            if start is not None and (blank or not _LINE_END.match(text, start)):
                yield start

    def _walk(self, text: str) -> Iterator[tuple[int | None, Fault | None]]:
        at, size = 0, len(text)
        while at < size:
            yield at, None
            while not _LINE_END.match(text, at):
                begin, at, kind = self._field(text, at)
                if kind is None and self._too_long(text, begin, at):
                    kind = "long"
                if kind is not None:
                    yield None, Fault(kind, begin, at)
                    return
                if at >= size or text[at] != self.delimiter:
                    break
                at += 1
            at = _line_end_at(text, at)

    def _too_long(self, text: str, begin: int, end: int) -> bool:
        return (end - begin) * 4 > self.max_field and len(text[begin:end].strip(self.quote).encode()) > self.max_field

    def _field(self, text: str, begin: int) -> tuple[int, int, str | None]:
        at = begin
        if self.quote is not None and text.startswith(self.quote, begin):
            closing = self._pattern_quoted().match(text, begin)
            if closing is None:
                return begin, len(text), "open"
            at = closing.end()
            if at < len(text) and text[at] not in (self.delimiter, "\r", "\n"):
                return begin, at, "garbage"
            return begin, at, None
        plain = self._pattern_plain().match(text, at)
        return begin, plain.end() if plain else at, None

    def _pattern_quoted(self) -> re.Pattern[str]:
        quote = re.escape(self.quote or "")
        escape = re.escape(self.escape) if self.escape else None
        inner = rf"(?:{escape}.|[^{quote}{escape}]|{quote}{quote})*+" if escape else rf"(?:[^{quote}]|{quote}{quote})*+"
        return re.compile(quote + inner + quote, re.DOTALL)

    def _pattern_plain(self) -> re.Pattern[str]:
        delimiter = re.escape(self.delimiter)
        if self.escape is None:
            return re.compile(rf"[^{delimiter}\r\n]*")
        escape = re.escape(self.escape)
        return re.compile(rf"(?:{escape}.|[^{delimiter}{escape}\r\n])*+", re.DOTALL)

    def error(self, text: str, first_line: int, *, ended: bool = True) -> DecodeError:
        """What is wrong with text that the csv module refuses, and in which lines; `ended` where no text follows."""
        fault = self.fault(text)
        if fault is None:
            return DecodeError(f"line {first_line}: not a table that can be read", excerpt=excerpt(text))
        opened = first_line + line_ends(text[: fault.field])
        seen = first_line + line_ends(text[: fault.at])
        quoted = excerpt(text[fault.field :], 200)
        if fault.kind == "open" and ended:
            return DecodeError(
                f"line {opened}: a quote opens here and is never closed",
                excerpt=quoted,
                hint="`decode.quote_char: null` where quotes mean nothing; else the file is cut or wrongly quoted",
            )
        if fault.kind in ("long", "open"):
            return DecodeError(
                f"line {opened}: a field is longer than {self.max_field} bytes",
                excerpt=quoted,
                hint="a quote that is never closed? else raise `decode.max_field_bytes`",
            )
        return DecodeError(
            f"line {seen}: text follows the closing quote of the field that opens in line {opened}",
            excerpt=quoted,
            hint="`decode.escape_char` or `decode.quote_char` may be other than declared",
        )


def _line_end_at(text: str, at: int) -> int:
    end = _LINE_END.match(text, at)
    return end.end() if end else at


def _by_column(flat: list[str], width: int, rows: int) -> list[list[str]] | None:
    """The columns of a flat list in which each record is followed by a line end, or None where it is not."""
    if len(flat) != rows * (width + 1) or flat[width :: width + 1].count("\n") != rows:
        return None
    return [flat[column :: width + 1] for column in range(width)]


def uniform(rows: Sequence[Sequence[str]], width: int) -> bool:
    """Whether every row has that many fields."""
    return all(map(width.__eq__, map(len, rows)))


def other_delimiter(names: Sequence[str]) -> str | None:
    """The advice for a header that was not cut: all of it is one name, with what else could part names in it."""
    found = next((mark for mark in (";", "\t", "|", ",") if len(names) == 1 and mark in names[0]), None)
    return None if found is None else f"set `decode.delimiter: {json.dumps(found)}`: the header is one name as it is"
