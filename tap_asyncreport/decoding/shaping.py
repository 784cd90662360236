"""Records that are not rows yet: lists with their names elsewhere, objects that hold several rows, and none at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tap_asyncreport.config.decoding import Decode, Explode
from tap_asyncreport.decoding import json_text
from tap_asyncreport.decoding.json_text import Number
from tap_asyncreport.errors import DecodeError, excerpt
from tap_asyncreport.templates import json_path
from tap_asyncreport.templates.json_path import Step

_ABSENT: Any = object()

Shaper = Callable[[Any, str], Iterator[Any]]


@dataclass(slots=True)
class Exploded:
    """How many records of a file were to be exploded, and whether any had what `decode.explode.path` leads to."""

    records: int = 0
    found: bool = False


def shaper(
    decode: Decode, names: Sequence[str] | None, cell: Sequence[Step] = (), exploded: Exploded | None = None
) -> Shaper | None:
    """What makes rows of a record, or None where records are rows already.

    `names` are those of rows by position, `cell` is what leads from a cell to its value; `exploded` is kept up to date.
    """
    if names is None and decode.explode is None and not decode.skip_rows_where:
        return None
    explode = None if decode.explode is None else _exploder(decode.explode, exploded or Exploded())
    skips = _skipper(decode.skip_rows_where) if decode.skip_rows_where else None

    def shape(record: Any, place: str) -> Iterator[Any]:
        rows = shaped(record, place)
        return rows if skips is None else (row for row in rows if not skips(row))

    def shaped(record: Any, place: str) -> Iterator[Any]:
        if names is not None and isinstance(record, list):
            values = [next(json_path.look(each, cell), None) for each in record] if cell else record
            record = _named(values, names, decode, place)
        if explode is None or not isinstance(record, dict):
            yield record
        else:
            yield from explode(record, place)

    return shape


def _skipper(where: Mapping[str, str]) -> Callable[[Any], bool]:
    """Whether a row is one to leave out; a column that it lacks is an empty text, as in a table."""
    patterns = [(_reader(column), re.compile(pattern)) for column, pattern in where.items()]

    def skips(row: Any) -> bool:
        return isinstance(row, dict) and any(pattern.search(_shown(read(row))) for read, pattern in patterns)

    return skips


def _reader(column: str) -> Callable[[dict[str, Any]], Any]:
    if not column.startswith("$"):
        return lambda row: row.get(column)
    steps = json_path.steps_of(column)
    if steps is None:
        raise DecodeError(
            f"`decode.skip_rows_where` looks at {column!r}, and only keys and positions are possible there",
            hint="for example $.kind, or the name of a column",
        )
    return lambda row: next(json_path.look(row, steps), None)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json_text.write(value, lambda _: None)


def _named(row: list[Any], names: Sequence[str], decode: Decode, place: str) -> dict[str, Any]:
    short, long = len(row) < len(names), len(row) > len(names)
    if (short and decode.short_rows != "null") or (long and decode.long_rows != "drop"):
        key = "short_rows: null" if short else "long_rows: drop"
        raise DecodeError(
            f"{place}: {len(row)} values for {len(names)} columns",
            excerpt=excerpt(str(row)),
            hint=f"`decode.{key}` takes such rows",
        )
    return dict(zip(names, row + [None] * (len(names) - len(row)), strict=False))


def _exploder(explode: Explode, exploded: Exploded) -> Shaper:
    steps = json_path.steps_of(explode.path)
    if steps is None or not json_path.leads_to_one(explode.path):
        raise DecodeError(
            f"`decode.explode.path` is {explode.path!r}, and only keys and positions are possible there",
            hint="for example $.timeseries, or $.id_data[0].metrics",
        )
    last = next((step for step in reversed(steps) if isinstance(step, str)), "value")

    def shape(record: dict[str, Any], place: str) -> Iterator[Any]:
        nested = next(json_path.look(record, steps), _ABSENT)
        exploded.records += 1
        exploded.found = exploded.found or nested is not _ABSENT
        if nested is None or nested is _ABSENT:
            return
        rest = _without(record, steps)
        for number, part in enumerate(_parts(nested, last, explode.path, place)):
            index = {explode.index: Number(number)} if explode.index else {}
            yield {**rest, **part, **index}

    return shape


def _parts(nested: Any, last: str, path: str, place: str) -> Iterator[dict[str, Any]]:
    if isinstance(nested, list):
        for part in nested:
            yield part if isinstance(part, dict) else {last: part}
        return
    if not isinstance(nested, dict):
        raise DecodeError(
            f"{place}: what stands at {path} is neither a list nor an object of lists", excerpt=excerpt(str(nested))
        )
    lists = {name: part for name, part in nested.items() if isinstance(part, list)}
    lengths = {name: len(part) for name, part in lists.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} {length}" for name, length in lengths.items())
        raise DecodeError(f"{place}: the lists at {path} are not equally long: {told}")
    others = {name: part for name, part in nested.items() if name not in lists and part is not None}
    if others:
        raise DecodeError(f"{place}: at {path} not all values are lists: {', '.join(map(repr, others))}")
    nulls = dict.fromkeys(name for name in nested if name not in lists)
    for values in zip(*lists.values(), strict=True):
        yield {**nulls, **dict(zip(lists, values, strict=True))}


def _without(value: Any, steps: Sequence[Step]) -> Any:
    """The value without what the path leads to; all else stays."""
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        if not rest:
            return {key: part for key, part in value.items() if key != step}
        return {key: _without(part, rest) if key == step else part for key, part in value.items()}
    if isinstance(value, list) and isinstance(step, int):
        if not rest:
            return [part for number, part in enumerate(value) if number != step]
        return [_without(part, rest) if number == step else part for number, part in enumerate(value)]
    return value
