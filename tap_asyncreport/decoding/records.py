"""Records, JSON and what is turned into it: blocks or values to message lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

from tap_asyncreport.decoding import json_text
from tap_asyncreport.decoding.fields import Field
from tap_asyncreport.decoding.json_lines import line_blocks
from tap_asyncreport.decoding.json_rows import JsonRows, finder, parsed
from tap_asyncreport.decoding.json_scan import Block, json_blocks
from tap_asyncreport.decoding.layout import Given
from tap_asyncreport.decoding.refusals import hold_off_refusals
from tap_asyncreport.decoding.setup import Scope, Setup, names_in
from tap_asyncreport.decoding.shaping import Exploded, Shaper, shaper
from tap_asyncreport.errors import DecodeError, excerpt
from tap_asyncreport.templates import json_path
from tap_asyncreport.templates.json_path import Step

_VALUES_AT_ONCE = 1000
_WHOLE_LINES = ("$", "$[*]")
_PLAIN = json.JSONDecoder(parse_float=Decimal)

Values = Iterable[tuple[str, Any]]


class RecordsPart:
    """One member that holds records: as blocks of JSON text, or as values with their places."""

    def __init__(
        self,
        setup: Setup,
        blocks: Iterator[Block] | None,
        values: Values,
        names: list[str] | None,
        scope: Scope,
        *,
        head: str,
        cell: Sequence[Step] = (),
    ) -> None:
        self._setup = setup
        self._blocks = blocks
        self._values = values
        self._scope = scope
        self._head = head
        self._names = names
        self._cell = cell
        self._exploded = Exploded()
        self._shaper: Shaper | None = shaper(setup.decode, names, cell, self._exploded)

    def count(self) -> int:
        """Rows, none of them converted."""
        if self._shaper is not None:
            values = (
                self._values if self._blocks is None else (pair for block in self._blocks for pair in parsed(block))
            )
            return sum(1 for place, value in values for _ in self._shaper(value, place))
        if self._blocks is None:
            return sum(1 for _ in self._values)
        return sum(block.count() for block in self._blocks)

    def lines(self, given: Given, prefix: bytes, suffix: bytes) -> Iterator[tuple[bytes, int]]:
        """The rows as message lines, a block at a time."""
        quick = None
        decode = self._setup.decode
        if not (given.per_row or decode.explode is not None or decode.skip_rows_where or self._cell):
            quick = self._setup.quick(frozenset(given.names), self._names)
        writer = JsonRows(
            self._setup, given, prefix, suffix, head=self._head, shape=self._shaper, find=self._finder, quick=quick
        )
        if self._blocks is not None:
            yield from map(writer.lines, self._blocks)
        else:
            values = iter(self._values)
            while some := list(islice(values, _VALUES_AT_ONCE)):
                yield writer.written(some)
        if decode.explode is not None and self._exploded.records and not self._exploded.found:
            self._setup.columns.tell_not_exploded(decode.explode.path)

    def _finder(self, of: Field) -> Callable[[Any], Any]:
        def extracting(path: str) -> Callable[[Any], Any]:
            extractor = self._setup.extractor(path, f"columns.{of.name}.source")
            return lambda record: extractor.first(record, self._scope)

        return finder(of, extracting)


def json_part(setup: Setup, texts: Iterator[str], kind: str, scope: Scope, head: str) -> RecordsPart:
    """A JSON or JSONL member; one whose path or column names need the whole document is held in memory."""
    names = setup.names(scope)
    if names == []:
        text = "".join(texts)
        names, texts = _names_in_document(setup, text, scope), iter([text])
    path = setup.records_path(scope)
    if kind == "json" and path is None and names is None and not setup.knows_rows:
        hold_off_refusals(head)
    path = path or "$"
    steps = json_path.steps_of(path)
    if kind == "jsonl":
        blocks = line_blocks(texts)
        if path in _WHOLE_LINES:
            return RecordsPart(setup, blocks, (), names, scope, head=head)
        return RecordsPart(setup, None, _in_lines(setup, blocks, path, scope, names), names, scope, head=head)
    if steps is None:
        found = _extracted(setup, texts, path, scope, by_position=names is not None)
        return RecordsPart(setup, None, found, names, scope, head=head)
    where, cell, expand = (steps, (), True) if names is None else _positional(steps)
    blocks = _quoting(json_blocks(texts, where, expand=expand, listen=setup.listen), head)
    return RecordsPart(setup, blocks, (), names, scope, head=head, cell=cell)


def _positional(steps: Sequence[Step]) -> tuple[Sequence[Step], Sequence[Step], bool | None]:
    """Where rows by position lie, what leads from a cell to its value, and whether what lies there holds the rows.

    `$.rows[*].f[*].v` is a row for each `f`, of the `v` of its cells.
    """
    wild = [number for number, step in enumerate(steps) if isinstance(step, json_path.Wild)]
    if not wild or wild[-1] == len(steps) - 1:
        return steps, (), not wild
    if len(wild) == 1:
        return steps, (), None
    return steps[: wild[-1]], steps[wild[-1] + 1 :], False


def _quoting(blocks: Iterator[Block], head: str) -> Iterator[Block]:
    """The blocks; an error that quotes nothing quotes how the document begins."""
    try:
        yield from blocks
    except DecodeError as error:
        error.excerpt = error.excerpt or excerpt(head)
        raise


def _documents(text: str) -> Iterator[Any]:
    at = 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        try:
            document, at = _PLAIN.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise DecodeError(f"not JSON: {error}", excerpt=excerpt(text[at:])) from None
        yield document


def _extracted(setup: Setup, texts: Iterator[str], path: str, scope: Scope, *, by_position: bool) -> Values:
    """The records at a path that takes the full grammar; a list of rows by position holds lists."""
    extractor = setup.extractor(path, "decode.records")
    number = 0
    for document in _documents("".join(texts)):
        found = extractor.all(document, scope)
        if not found:
            raise _nothing_at(path, excerpt(json.dumps(document, default=str)))
        for record in _spread(found, by_position=by_position):
            number += 1
            yield f"record {number}", json_text.exact(record)


def _in_lines(setup: Setup, blocks: Iterator[Block], path: str, scope: Scope, names: list[str] | None) -> Values:
    """The records at a path into each line."""
    steps = json_path.steps_of(path)
    found = _picked(setup, blocks, path, scope) if steps is None else _looked(blocks, path, steps)
    for place, values in found:
        for record in _spread(values, by_position=names is not None):
            yield place, record


def _picked(setup: Setup, blocks: Iterator[Block], path: str, scope: Scope) -> Iterator[tuple[str, list[Any]]]:
    """What a path of the full grammar finds in each line, which may be nothing in some, not in all."""
    extractor = setup.extractor(path, "decode.records")
    found_any = False
    for block in blocks:
        for place, line in parsed(block, _PLAIN.decode):
            found = extractor.all(line, scope)
            found_any = found_any or bool(found)
            yield place, [json_text.exact(value) for value in found]
    if not found_any:
        raise _nothing_at(path, None)


def _looked(blocks: Iterator[Block], path: str, steps: Sequence[Step]) -> Iterator[tuple[str, list[Any]]]:
    """What a simple path finds in each line; raises DecodeError where the line lacks what the path leads through."""
    wild = next((number for number, step in enumerate(steps) if isinstance(step, json_path.Wild)), len(steps))
    for block in blocks:
        for place, line in parsed(block):
            found = list(json_path.look(line, steps[:wild]))
            if not found or (wild < len(steps) and not isinstance(found[0], dict | list | None)):
                raise _nothing_at(path, excerpt(json_text.write(line, lambda _: None)), f"{place}: ")
            yield place, [value for value in json_path.look(line, steps) if value is not None]


def _spread(found: Iterable[Any], *, by_position: bool) -> Iterator[Any]:
    """The records that were found, one by one, and those of lists of records."""
    for value in found:
        holds = isinstance(value, list) and (not by_position or isinstance(next(iter(value), []), list))
        yield from value if holds else (value,)


def _nothing_at(path: str, seen: str | None, place: str = "") -> DecodeError:
    return DecodeError(
        f"{place}`decode.records` finds nothing at {path}",
        excerpt=seen,
        hint="an error page? else see `decode.records`",
    )


def _names_in_document(setup: Setup, text: str, scope: Scope) -> list[str]:
    extractor = setup.extractor(str(setup.decode.fields), "decode.fields")
    for document in _documents(text):
        names = names_in(extractor.all(document, scope))
        if names:
            return names
    raise setup.no_names()
