"""One stream's bookmarks and jobs in Singer state: its own, and those of its partitions, encoded piece by piece."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from tap_asyncreport.batches import Known, Members, members_of
from tap_asyncreport.errors import StateError
from tap_asyncreport.finished import read_spans
from tap_asyncreport.foreign_state import VALUE, bookmarked_value, standard_entry, unreadable
from tap_asyncreport.job import partition_key
from tap_asyncreport.kept_jobs import standard_jobs
from tap_asyncreport.moments import read_moment

GROUP = 128
FINISHED = "finished"
KNOWN = "known"  # values of partitions that another stream's records told of, and that have no bookmark yet


@dataclass(frozen=True, slots=True)
class Reading:
    """How a stream's bookmarks are understood.

    `resume_at` takes a partition and a bookmark without `until`, in any spelling, and says where to go on; it is None
    for a stream that has no windows, whose bookmark is then nobody's business. `dimensions` are the partitions' names,
    `batched` those of them whose values come in lists.
    """

    replication_key: str | None = None
    dimensions: tuple[str, ...] = ()
    resume_at: Callable[[Mapping[str, Any], Any], datetime] | None = None
    batched: frozenset[str] = frozenset()


@dataclass(slots=True)
class Entry:
    """The bookmark and the jobs of one partition, or of a stream's own."""

    context: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    until: datetime | None = None

    def content(self) -> dict[str, Any]:
        return {**self.fields, **({"jobs": self.jobs} if self.jobs else {})}


class StreamBook:
    """One stream's bookmarks: its own, and those of its partitions by key."""

    def __init__(self, stream: str, reading: Reading, given: Any) -> None:
        self.stream = stream
        self.reading = reading
        fields, partitions = standard_entry(stream, given, reading.dimensions)
        self.own = self._understood({}, fields)
        self.entries: dict[str, Entry] = {}
        for partition in partitions:
            context = partition.pop("context")
            self.entries[partition_key(context)] = self._understood(dict(context), partition)
        self._given = given is not None
        self._fragments = _Fragments()
        self._stale = dict(self.entries)
        self._told: dict[str, set[str]] = {}
        contexts = [entry.context for entry in self.entries.values()]
        self._has_lists = any(isinstance(value, list) for context in contexts for value in context.values())

    @cached_property
    def members(self) -> Members:
        """The members of the batches in the state that was given."""
        entries = self.entries.values()
        return Members([Known(each.context, each.until, dict(each.fields), bool(each.jobs)) for each in entries])

    def know(self, dimension: str, values: Iterable[Any]) -> bool:
        """Adds to the values that are known only from another stream's records; false where none was new."""
        if dimension not in self._told:
            self._told[dimension] = {partition_key({"": value}) for value in self.known_of(dimension)}
        told = self._told[dimension]
        new = {key: value for value in values if (key := partition_key({"": value})) not in told}
        told.update(new)
        if new:
            known = known_values(self.own.fields)
            self.own.fields[KNOWN] = {**known, dimension: [*known.get(dimension, ()), *new.values()]}
        return bool(new)

    def known_of(self, dimension: str) -> list[Any]:
        values = [entry.context.get(dimension) for entry in self.entries.values() if entry.content()]
        each = [one for value in values for one in (value if isinstance(value, list) else [value])]
        return [*each, *known_values(self.own.fields).get(dimension, ())]

    def forget_known(self) -> None:
        """Values that have a bookmark or a job by now need not be remembered beside them."""
        known, self.own.fields = known_values(self.own.fields), _without_known(self.own.fields)
        self._told.clear()
        for dimension, values in known.items():
            self.know(dimension, values)

    def inherited(self, partition: Mapping[str, Any]) -> Known | None:
        """Whose bookmark holds for a batch that is not in state as it is."""
        if not partition or not (self._has_lists or self.reading.batched):
            return None
        return self.members.least(partition, self.reading.batched)

    def members_in(self, partitions: Iterable[Mapping[str, Any]]) -> set[str]:
        """The keys of all members of these partitions; none where there are no batches."""
        if not (self._has_lists or self.reading.batched):
            return set()
        batched = self.reading.batched
        return {partition_key(member) for each in partitions for member in members_of(each, batched)}

    def find(self, partition: Mapping[str, Any]) -> Entry | None:
        return self.entries.get(partition_key(partition)) if partition else self.own

    def entry(self, partition: Mapping[str, Any]) -> Entry:
        if not partition:
            return self.own
        return self.entries.setdefault(partition_key(partition), Entry(dict(partition)))

    def changed(self, entry: Entry) -> None:
        if entry is not self.own:
            self._stale[partition_key(entry.context)] = entry

    def remove(self, key: str) -> None:
        del self.entries[key]
        self._fragments.remove(key)
        self._stale.pop(key, None)

    def encoded(self) -> list[bytes]:
        """The stream's bookmark as pieces of JSON; none when there is nothing to say."""
        for key, entry in self._stale.items():
            content = entry.content()
            self._fragments.put(key, encoded_json({"context": entry.context, **content}) if content else b"")
        self._stale.clear()
        own = encoded_json(self.own.content())
        partitions = self._fragments.pieces()
        if partitions:
            return [own[:-1], b"," if self.own.content() else b"", b'"partitions":[', *partitions, b"]}"]
        return [own] if self._given or self.own.content() else []

    def _understood(self, context: dict[str, Any], fields: dict[str, Any]) -> Entry:
        jobs = standard_jobs(self.stream, fields.pop("jobs", None))
        try:
            read_spans(fields.get(FINISHED) or [])
        except ValueError as error:
            raise StateError(f"the state of stream {self.stream!r} cannot be read: {error}") from None
        return Entry(context, fields, jobs, self._resume_at(context, fields))

    def _resume_at(self, context: dict[str, Any], fields: dict[str, Any]) -> datetime | None:
        if self.reading.resume_at is None:
            return None
        until = fields.get("until")
        try:
            moment = None if until is None else read_moment(until)
            if isinstance(moment, datetime):
                return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            value = until or bookmarked_value(self.stream, fields, self.reading.replication_key)
            return None if value is None else self.reading.resume_at(context, value)
        except (ValueError, OverflowError):
            name, value = ("until", until) if until is not None else (VALUE, fields.get(VALUE))
            raise unreadable(self.stream, name, value) from None


class _Fragments:
    """Pieces of JSON by key, joined in groups, so that one that changes costs its group and not the whole."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._groups: list[dict[str, bytes]] = []
        self._joined: list[bytes | None] = []

    def put(self, key: str, piece: bytes) -> None:
        if key not in self._places:
            if not self._groups or len(self._groups[-1]) >= GROUP:
                self._groups.append({})
                self._joined.append(None)
            self._places[key] = len(self._groups) - 1
        place = self._places[key]
        self._groups[place][key] = piece
        self._joined[place] = None

    def remove(self, key: str) -> None:
        place = self._places.pop(key, None)
        if place is not None:
            del self._groups[place][key]
            self._joined[place] = None

    def pieces(self) -> list[bytes]:
        """What is to be written, commas included; not joined, for that is left to whoever writes it."""
        found: list[bytes] = []
        for place, joined in enumerate(self._joined):
            text = b",".join(filter(None, self._groups[place].values())) if joined is None else joined
            self._joined[place] = text
            if text:
                found += (b",", text) if found else (text,)
        return found


def known_values(fields: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The values of dimensions that a bookmark remembers, by dimension."""
    known = fields.get(KNOWN)
    named = known.items() if isinstance(known, Mapping) else ()
    return {str(name): list(values) for name, values in named if isinstance(values, list)}


def _without_known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != KNOWN}


def encoded_json(value: Any) -> bytes:
    """Compact JSON in UTF-8; text that UTF-8 cannot hold is escaped."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
