"""Bookmarks and pending jobs in Singer state, indexed by partition and encoded piece by piece.

A state always comes out whole, so that its last message is all that the next run needs:

    {"bookmarks": {"orders": {"replication_key": "date", "replication_key_value": "2026-01-30",
                              "until": "2026-01-31T00:00:00Z", "jobs": [...],
                              "partitions": [{"context": {"account": "7"}, "replication_key_value": ..., ...}]}}}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tap_asyncreport.batches import members_of
from tap_asyncreport.finished import Finished, absorbed, read_spans
from tap_asyncreport.foreign_state import VALUE, standard_state
from tap_asyncreport.job import partition_key
from tap_asyncreport.stream_book import FINISHED, Entry, Reading, StreamBook, encoded_json

__all__ = ["FINISHED", "Forgotten", "Reading", "StateBook"]



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
        self._streams: dict[str, StreamBook] = {}
        self._others: dict[str, bytes] = {}
        self._beside: dict[str, Any] = {}

    @classmethod
    def read(cls, state: Any, readings: Mapping[str, Reading]) -> StateBook:
        """The book that a given state makes; raises StateError, naming the stream, for what cannot be understood."""
        book = cls()
        bookmarks, book._beside = standard_state(state)
        for name, entry in bookmarks.items():
            if name not in readings:
                book._others[name] = encoded_json(entry)
        for name, reading in readings.items():
            book._streams[name] = StreamBook(name, reading, bookmarks.get(name))
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
        given = entry.fields.get(VALUE)
        same = isinstance(given, str) and given.startswith(value)  # an instant of that day: as text it would go back
        entry.fields |= {VALUE: given if same else value, "until": _instant_text(until)}
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

    def know(self, stream: str, dimension: str, values: Iterable[Any]) -> None:
        """Remembers values of a dimension that nothing else in state tells of yet."""
        if self._streams[stream].know(dimension, values):
            self.dirty = True

    def known(self, stream: str, dimension: str) -> list[Any]:
        """The values of a dimension that have a bookmark or a job, or are remembered."""
        return self._streams[stream].known_of(dimension)

    def carry_over(self, stream: str, present: Iterable[Mapping[str, Any]]) -> None:
        """Gives batches whose members have changed a bookmark of their own: that of the member that is least far."""
        book = self._streams[stream]
        book.forget_known()
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
            line += [b"," if len(line) > 1 else b"", encoded_json(name), b":", *pieces]
        line.append(b"}")
        for name, value in self._beside.items():
            line += [b",", encoded_json(name), b":", encoded_json(value)]
        return b"".join((*line, b"}}\n"))

    def to_dict(self) -> dict[str, Any]:
        """The state as the value of a message; `dirty` stays as it is."""
        dirty = self.dirty
        value: dict[str, Any] = json.loads(self.message())["value"]
        self.dirty = dirty
        return value

    def _changed(self, book: StreamBook, entry: Entry) -> None:
        self.dirty = True
        book.changed(entry)


def _identity(job: Mapping[str, Any]) -> tuple[Any, ...]:
    return str(job.get("id")), job.get("window"), job.get("link", 0)


def _instant_text(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
