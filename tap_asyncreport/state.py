"""Bookmarks and pending jobs in Singer state, indexed by partition and encoded piece by piece.

A state always comes out whole, so that its last message is all that the next run needs:

    {"bookmarks": {"orders": {"replication_key": "date", "replication_key_value": "2026-01-30",
                              "until": "2026-01-31T00:00:00Z", "jobs": [...],
                              "partitions": [{"context": {"account": "7"}, "replication_key_value": ..., ...}]}}}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from tap_asyncreport.batches import Known, Members, members_of
from tap_asyncreport.errors import StateError
from tap_asyncreport.finished import Finished, absorbed, read_spans
from tap_asyncreport.foreign_state import VALUE, bookmarked_value, standard_entry, standard_state, unreadable
from tap_asyncreport.job import partition_key
from tap_asyncreport.moments import read_moment

GROUP = 128

FINISHED = "finished"


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
class _Entry:
    """The bookmark and the jobs of one partition, or of a stream's own."""

    context: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    until: datetime | None = None

    def content(self) -> dict[str, Any]:
        return {**self.fields, **({"jobs": self.jobs} if self.jobs else {})}


class Forgotten(NamedTuple):
    """A partition that state holds no longer, and the jobs that it had; `gone` unless others took its place."""

    context: dict[str, Any]
    jobs: list[dict[str, Any]]
    gone: bool


class StateBook:
    """All bookmarks and pending jobs of the tap; only the main thread touches it.

    Streams that `read` was not told of, keys of other tools inside a stream's bookmark and keys beside `bookmarks` are
    kept as they came. `dirty` is true while something has changed that no message has said.
    """

    def __init__(self) -> None:
        self.dirty = False
        self._streams: dict[str, _StreamBook] = {}
        self._others: dict[str, bytes] = {}
        self._beside: dict[str, Any] = {}

    @classmethod
    def read(cls, state: Any, readings: Mapping[str, Reading]) -> StateBook:
        """The book that a given state makes; raises StateError, naming the stream, for what cannot be understood."""
        book = cls()
        bookmarks, book._beside = standard_state(state)
        for name, entry in bookmarks.items():
            if name not in readings:
                book._others[name] = _encoded(entry)
        for name, reading in readings.items():
            book._streams[name] = _StreamBook(name, reading, bookmarks.get(name))
        return book

    def until(self, stream: str, partition: Mapping[str, Any]) -> datetime | None:
        """Where the partition goes on: the exclusive end of what is finished, None when nothing is."""
        book = self._streams[stream]
        entry = book.find(partition)
        if entry is not None and entry.until is not None:
            return entry.until
        known = book.inherited(partition)
        return known.until if known else None

    def value(self, stream: str, partition: Mapping[str, Any]) -> Any:
        """The readable bookmark, in the spelling in which it came; None when there is none."""
        entry = self._streams[stream].find(partition)
        return entry.fields.get(VALUE) if entry else None

    def finish(self, stream: str, partition: Mapping[str, Any], value: str, until: datetime) -> bool:
        """Moves the bookmark on; false, and nothing is changed, where that would not be forward."""
        book = self._streams[stream]
        entry = book.entry(partition)
        if entry.until is not None and until <= entry.until:
            return False
        entry.until = until
        entry.fields |= {VALUE: value, "until": _instant_text(until)}
        if entry is book.own and book.reading.replication_key:
            entry.fields = {"replication_key": book.reading.replication_key, **entry.fields}
        self._changed(book, entry)
        return True

    def finish_part(
        self, stream: str, partition: Mapping[str, Any], part: Finished, *, first: datetime | None
    ) -> None:
        """Enters a span that a part of the whole has read: the bookmark moves where it joins on, never past a gap.

        `first` is where the whole begins; a span beyond a gap is kept as `finished` until the gap is closed.
        """
        book = self._streams[stream]
        entry = book.entry(partition)
        spans = [*read_spans(entry.fields.get(FINISHED) or []), part]
        moved, beyond = absorbed(entry.until or first, spans)
        if moved is not None:
            self.finish(stream, partition, moved.value, moved.until)
        entry.fields.pop(FINISHED, None)
        if beyond:
            entry.fields[FINISHED] = [span.written() for span in beyond]
        self._changed(book, entry)

    def partitions(self, stream: str) -> list[dict[str, Any]]:
        """The partitions that have a bookmark or a job."""
        return [dict(entry.context) for entry in self._streams[stream].entries.values() if entry.content()]

    def jobs(self, stream: str, partition: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The jobs of a partition that were alive, or not yet deleted, when they were last heard of."""
        entry = self._streams[stream].find(partition)
        return [dict(job) for job in entry.jobs] if entry else []

    def set_job(self, stream: str, partition: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
        """Keeps a job, in the place of what was kept of it before."""
        book = self._streams[stream]
        entry = book.entry(partition)
        for index, job in enumerate(entry.jobs):
            if _identity(job) == _identity(kept):
                if job != kept:
                    entry.jobs[index] = dict(kept)
                    self._changed(book, entry)
                return
        entry.jobs.append(dict(kept))
        self._changed(book, entry)

    def drop_job(self, stream: str, partition: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
        """Forgets a job, if it was kept."""
        book = self._streams[stream]
        entry = book.find(partition)
        left = [job for job in entry.jobs if _identity(job) != _identity(kept)] if entry else []
        if entry and len(left) < len(entry.jobs):
            entry.jobs = left
            self._changed(book, entry)

    def is_written(self, stream: str, partition: Mapping[str, Any], kept: Mapping[str, Any]) -> bool:
        """Whether the job is kept only because it is still to be deleted: its rows are out."""
        entry = self._streams[stream].find(partition)
        same = (job for job in entry.jobs if _identity(job) == _identity(kept)) if entry else iter(())
        return any(job.get("written") for job in same)

    def together(self, stream: str) -> Callable[[str, Mapping[str, Any], Sequence[Any], int], list[list[Any]]]:
        """How the values of a batched dimension are put together, so that each goes on from where it is."""
        return self._streams[stream].members.together

    def carry_over(self, stream: str, present: Iterable[Mapping[str, Any]]) -> None:
        """Gives batches whose members have changed a bookmark of their own: that of the member that is least far."""
        book = self._streams[stream]
        for partition in present:
            known = book.inherited(partition)
            entry = book.entry(partition) if known else None
            if known and entry and entry.until is None:
                entry.until = known.until
                entry.fields |= {name: known.fields[name] for name in (VALUE, "until") if name in known.fields}
                self._changed(book, entry)

    def forget_absent(self, stream: str, present: Sequence[Mapping[str, Any]]) -> list[Forgotten]:
        """Forgets partitions that are missing from `present` for the second run in a row; returns those forgotten.

        A partition that is missing for the first time is only marked, and keeps its bookmark: a listing may have been
        short for once. A batch whose members are all in others now is forgotten at once, after `carry_over`. To be
        called when the partitions of a run are all known.
        """
        book = self._streams[stream]
        keys = {partition_key(partition) for partition in present}
        members = book.members_in(present)
        forgotten = []
        for key, entry in list(book.entries.items()):
            if key in keys:
                if entry.fields.pop("absent", None):
                    self._changed(book, entry)
                continue
            moved = bool(members) and all(partition_key(member) in members for member in members_of(entry.context))
            if moved or entry.fields.get("absent"):
                forgotten.append(Forgotten(dict(entry.context), entry.jobs, gone=not moved))
                book.remove(key)
                self.dirty = True
            elif entry.content():
                entry.fields["absent"] = True
                self._changed(book, entry)
        return forgotten

    def message(self) -> bytes:
        """The STATE message, one line with its newline; what has not changed is not encoded again."""
        self.dirty = False
        given = ((name, [encoded]) for name, encoded in self._others.items())
        ours = ((name, pieces) for name, book in self._streams.items() if (pieces := book.encoded()))
        line = [b'{"type":"STATE","value":{"bookmarks":{']
        for name, pieces in (*given, *ours):
            line += [b"," if len(line) > 1 else b"", _encoded(name), b":", *pieces]
        line.append(b"}")
        for name, value in self._beside.items():
            line += [b",", _encoded(name), b":", _encoded(value)]
        return b"".join((*line, b"}}\n"))

    def to_dict(self) -> dict[str, Any]:
        """The state as the value of a message; `dirty` stays as it is."""
        dirty = self.dirty
        value: dict[str, Any] = json.loads(self.message())["value"]
        self.dirty = dirty
        return value

    def _changed(self, book: _StreamBook, entry: _Entry) -> None:
        self.dirty = True
        book.changed(entry)


class _StreamBook:
    """One stream's bookmarks: its own, and those of its partitions by key."""

    def __init__(self, stream: str, reading: Reading, given: Any) -> None:
        self.stream = stream
        self.reading = reading
        fields, partitions = standard_entry(stream, given, reading.dimensions)
        self.own = self._understood({}, fields)
        self.entries: dict[str, _Entry] = {}
        for partition in partitions:
            context = partition.pop("context")
            self.entries[partition_key(context)] = self._understood(dict(context), partition)
        self._given = given is not None
        self._fragments = _Fragments()
        self._stale = dict(self.entries)
        contexts = [entry.context for entry in self.entries.values()]
        self._has_lists = any(isinstance(value, list) for context in contexts for value in context.values())

    @cached_property
    def members(self) -> Members:
        """The members of the batches in the state that was given."""
        entries = self.entries.values()
        return Members([Known(each.context, each.until, dict(each.fields), bool(each.jobs)) for each in entries])

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

    def find(self, partition: Mapping[str, Any]) -> _Entry | None:
        return self.entries.get(partition_key(partition)) if partition else self.own

    def entry(self, partition: Mapping[str, Any]) -> _Entry:
        if not partition:
            return self.own
        return self.entries.setdefault(partition_key(partition), _Entry(dict(partition)))

    def changed(self, entry: _Entry) -> None:
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
            self._fragments.put(key, _encoded({"context": entry.context, **content}) if content else b"")
        self._stale.clear()
        own = _encoded(self.own.content())
        partitions = self._fragments.pieces()
        if partitions:
            return [own[:-1], b"," if self.own.content() else b"", b'"partitions":[', *partitions, b"]}"]
        return [own] if self._given or self.own.content() else []

    def _understood(self, context: dict[str, Any], fields: dict[str, Any]) -> _Entry:
        jobs = fields.pop("jobs", None) or []
        if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
            raise StateError(f"the state of stream {self.stream!r} cannot be read: its `jobs` are no list of objects")
        return _Entry(context, fields, jobs, self._resume_at(context, fields))

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


def _identity(job: Mapping[str, Any]) -> tuple[Any, ...]:
    return str(job.get("id")), job.get("window"), job.get("link", 0)


def _instant_text(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _encoded(value: Any) -> bytes:
    """Compact JSON in UTF-8; text that UTF-8 cannot hold is escaped."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
