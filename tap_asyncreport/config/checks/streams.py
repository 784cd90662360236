"""What the keys of a stream say of each other, of other streams, and of the top level."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from tap_asyncreport.config.checks.draft import Draft, StreamDraft
from tap_asyncreport.config.checks.steps import pattern
from tap_asyncreport.config.nearest import meant
from tap_asyncreport.config.sources import Keys
from tap_asyncreport.config.status_words import in_two_classes
from tap_asyncreport.config.streams import Incremental, Partition, Stream
from tap_asyncreport.config.values import parse_moving_moment
from tap_asyncreport.errors import Problem
from tap_asyncreport.templates import is_template, json_path

_SIMPLE_ONLY = "a JSONPath of keys and positions only is possible here, such as leads to one value"


def stream_problems(draft: Draft) -> Iterator[Problem]:
    """The faults of streams and of the top level."""
    yield from _names(draft)
    yield from _words(draft)
    yield from _zone(draft, ("timezone",), draft.raw.get("timezone"))
    for stream in draft.streams:
        yield from _partitions(draft, stream)
        yield from _incremental(draft, stream)
        yield from _columns(draft, stream)
        yield from _decoding(draft, stream)
    yield from _cycles(draft)


def _names(draft: Draft) -> Iterator[Problem]:
    last = {str(stream["name"]): number for number, stream in draft.written_streams if "name" in stream}
    for name, count in Counter(draft.stream_names).items():
        if count > 1:
            yield draft.teller.at(("streams", last[name], "name"), f"{count} streams are named `{name}`")


def _words(draft: Draft) -> Iterator[Problem]:
    """A status word in two classes, also where the rest of the stream is wrong."""
    for number, stream in draft.written_streams:
        status = stream.get("status")
        mapping = status.get("mapping") if isinstance(status, Mapping) else None
        for word, first, second in in_two_classes(mapping if isinstance(mapping, Mapping) else {}):
            keys = ("streams", number, "status", "mapping", second)
            yield draft.teller.at(keys, f"the word `{word}` is in two classes, {first} and {second}", "keep it in one")


def _zone(draft: Draft, keys: Keys, name: Any) -> Iterator[Problem]:
    if not isinstance(name, str) or is_template(name):
        return
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        hint = meant(name, available_timezones()) or "write a name of the IANA database, for example Europe/Berlin"
        yield draft.teller.at(keys, f"there is no time zone `{name}`", hint)


def _partitions(draft: Draft, stream: StreamDraft) -> Iterator[Problem]:
    dimensions = stream.stream.partitions
    names = [dimension.name for dimension in dimensions]
    for name, count in Counter(names).items():
        if count > 1:
            yield draft.teller.at((*stream.keys, "partitions"), f"two dimensions are named `{name}`")
    for number, dimension in enumerate(dimensions):
        yield from _parent(draft, (*stream.keys, "partitions", number), dimension)
    for name in stream.stream.jobs.max_concurrent_per:
        if name not in names:
            said = f"there is no partition `{name}`; there are {', '.join(names) or 'none'}"
            keys = (*stream.keys, "jobs", "max_concurrent_per", name)
            yield draft.teller.at(keys, said, meant(name, names), lacks=(*stream.keys, "partitions"))


def _parent(draft: Draft, keys: Keys, dimension: Partition) -> Iterator[Problem]:
    if dimension.request is None and dimension.paginator is not None:
        yield draft.teller.at((*keys, "paginator"), "a `paginator` belongs to a `request`")
    if dimension.stream is None or dimension.key is None:
        return
    names = draft.stream_names
    if dimension.stream not in names:
        said = f"there is no stream `{dimension.stream}`; there are {', '.join(names)}"
        lacks = ("streams", dimension.stream)
        yield draft.teller.at((*keys, "stream"), said, meant(dimension.stream, names), lacks=lacks)
        return
    parent = next((other.stream for other in draft.streams if other.stream.name == dimension.stream), None)
    columns = _fields(parent) if parent is not None else None
    if columns is not None and dimension.key not in columns:
        said = f"the stream `{dimension.stream}` has no column `{dimension.key}`"
        yield draft.teller.at((*keys, "key"), said, meant(dimension.key, columns))


def _cycles(draft: Draft) -> Iterator[Problem]:
    parents = {
        other.stream.name: {dimension.stream for dimension in other.stream.partitions if dimension.stream}
        for other in draft.streams
    }
    for stream in draft.streams:
        cycle = _cycle(stream.stream.name, parents)
        if cycle is not None and stream.stream.name == min(cycle):
            said = f"streams wait for each other: {' needs '.join([*cycle, cycle[0]])}"
            yield draft.teller.at((*stream.keys, "partitions"), said)


def _cycle(name: str, parents: Mapping[str, set[str]]) -> list[str] | None:
    """The way from a stream over its parents back to itself."""
    paths = [[name]]
    seen = set[str]()
    while paths:
        path = paths.pop()
        for parent in sorted(parents.get(path[-1], ())):
            if parent == name:
                return path
            if parent not in seen:
                seen.add(parent)
                paths.append([*path, parent])
    return None


def _incremental(draft: Draft, stream: StreamDraft) -> Iterator[Problem]:
    incremental = stream.stream.incremental
    if incremental is None:
        return
    keys = (*stream.keys, "incremental")
    yield from _zone(draft, (*keys, "timezone"), incremental.timezone)
    if incremental.start is None and draft.raw.get("start_date") is None and incremental.max_history is None:
        yield draft.teller.at(
            (*keys, "start"),
            "it is missing",
            "set `incremental.start`, or `start_date` at the top level",
            lacks=("start_date",),
        )
    yield from _span(draft, keys, incremental)


def _span(draft: Draft, keys: Keys, incremental: Incremental) -> Iterator[Problem]:
    """A start that is after the end where both stand in one file, so that one of them is wrong."""
    top = {name: _moment(draft.raw.get(name)) for name in ("start_date", "end_date")}
    start, end = incremental.start or top["start_date"], incremental.end or top["end_date"]
    if start is None or end is None or isinstance(start, str) or isinstance(end, str):
        return
    if _day(start) > _day(end):
        at = (*keys, "end") if incremental.end is not None else ("end_date",)
        other = (*keys, "start") if incremental.start is not None else ("start_date",)
        if draft.teller.at(at, "").file != draft.teller.at(other, "").file:
            return
        said = f"the end, {end.isoformat()}, is before the start, {start.isoformat()}: nothing would be read"
        yield draft.teller.at(at, said, "have them change places")


def _moment(value: object) -> date | datetime | str | None:
    try:
        return parse_moving_moment(value)
    except ValueError:
        return None


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _fields(stream: Stream) -> list[str] | None:
    """The fields of a stream's records as far as they are declared; None where nothing is."""
    if stream.columns is not None:
        declared = list(stream.columns)
    elif isinstance(stream.schema_, dict) and isinstance(stream.schema_.get("properties"), dict):
        declared = list(stream.schema_["properties"])
    else:
        return None
    added = [*stream.add_columns, *(dimension.name for dimension in stream.partitions)]
    return list(dict.fromkeys([*declared, *added]))


def _columns(draft: Draft, stream: StreamDraft) -> Iterator[Problem]:
    columns = _fields(stream.stream)
    keys = [(("primary_keys", number), name) for number, name in enumerate(stream.stream.primary_keys)]
    if stream.stream.replication_key is not None:
        keys.append((("replication_key",), stream.stream.replication_key))  # type: ignore[arg-type]
    for at, name in keys:
        if columns is not None and name not in columns:
            said = f"there is no column `{name}`; declared are {', '.join(columns)}"
            lacks = (*stream.keys, "columns")
            yield draft.teller.at((*stream.keys, *at), said, meant(name, columns), lacks=lacks)
    for name, count in Counter(stream.stream.primary_keys).items():
        if count > 1:
            yield draft.teller.at((*stream.keys, "primary_keys"), f"`{name}` stands twice")
    yield from _collisions(draft, stream, columns or list(stream.stream.add_columns))


def _collisions(draft: Draft, stream: StreamDraft, columns: list[str]) -> Iterator[Problem]:
    """Names that are one and the same to a database that folds case."""
    alike = defaultdict(list)
    for name in columns:
        alike[name.casefold()].append(name)
    for names in alike.values():
        if len(names) > 1:
            listed = " and ".join(f"`{name}`" for name in names)
            section = "columns" if stream.stream.columns is not None else "schema"
            where = "add_columns" if names[-1] in stream.stream.add_columns else section
            said = f"the columns {listed} differ in case only; most targets cannot hold both"
            yield draft.teller.at((*stream.keys, where, names[-1]), said, "rename one with `source`")


def _decoding(draft: Draft, stream: StreamDraft) -> Iterator[Problem]:
    decode = stream.stream.decode
    keys = (*stream.keys, "decode")
    if decode.encoding is not None:
        try:
            b"x".decode(decode.encoding, "ignore")  # a codec that is none of text, such as base64, is refused too
        except (LookupError, ValueError):
            yield draft.teller.at(
                (*keys, "encoding"), f"there is no encoding `{decode.encoding}`", "for example utf-8, cp1252"
            )
    for column, text in decode.skip_rows_where.items():
        yield from pattern(draft, (*keys, "skip_rows_where", column), text)
        if column.startswith("$") and json_path.steps_of(column) is None:
            yield draft.teller.at((*keys, "skip_rows_where", column), _SIMPLE_ONLY, "for example $.kind, or a column")
    if decode.explode is not None and not json_path.leads_to_one(decode.explode.path):
        yield draft.teller.at((*keys, "explode", "path"), _SIMPLE_ONLY, "for example $.timeseries, or $.days[0].rows")
    if decode.stop_at is not None:
        yield from pattern(draft, (*keys, "stop_at"), decode.stop_at)
    if decode.header == "none" and decode.fields is None and decode.format in ("auto", "csv", "tsv", "xlsx"):
        yield draft.teller.at((*keys, "fields"), "it is missing, and `header: none` needs it", "list the column names")
