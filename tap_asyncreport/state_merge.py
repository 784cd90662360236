"""Joins the states of parts into the state that one whole run would have left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from tap_asyncreport.errors import StateError
from tap_asyncreport.finished import Finished, absorbed, joined, read_spans
from tap_asyncreport.foreign_state import VALUE, standard_entry
from tap_asyncreport.job import partition_key
from tap_asyncreport.kept_jobs import standard_jobs
from tap_asyncreport.moments import read_moment
from tap_asyncreport.stream_book import known_values

_JOINED = {"until", VALUE, "finished", "jobs", "partitions", "known"}


def merge_states(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One state of many, in any order: the furthest bookmarks that no gap lies before, and every job still waited for.

    Raises StateError, naming the stream, for a bookmark that cannot be read.
    """
    bookmarks: dict[str, list[Any]] = {}
    beside: dict[str, Any] = {}
    for state in states:
        beside = {**{name: value for name, value in state.items() if name != "bookmarks"}, **beside}
        for stream, entry in (state.get("bookmarks") or {}).items():
            bookmarks.setdefault(stream, []).append(entry)
    return {**beside, "bookmarks": {stream: _stream(stream, entries) for stream, entries in bookmarks.items()}}


def _stream(stream: str, given: Sequence[Any]) -> dict[str, Any]:
    read = [standard_entry(stream, entry, ()) for entry in given]
    entries = [fields for fields, _ in read]
    merged = _entry(stream, entries)
    known = _known(entries)
    if known:
        merged["known"] = known
    lanes: dict[str, list[Mapping[str, Any]]] = {}
    for _, partitions in read:
        for partition in partitions:
            lanes.setdefault(partition_key(partition["context"]), []).append(partition)
    if lanes:
        merged["partitions"] = [_entry(stream, found) for _, found in sorted(lanes.items())]
    return merged


def _known(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values of dimensions that any of the states remembers, each once."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for dimension, values in known_values(entry).items():
            found.setdefault(dimension, {}).update({partition_key({"": value}): value for value in values})
    return {dimension: list(values.values()) for dimension, values in found.items()}


def _entry(stream: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One lane of all states; keys of other tools are taken from the first state that has them."""
    merged: dict[str, Any] = {}
    for entry in entries:
        merged = {**{name: value for name, value in entry.items() if name not in _JOINED}, **merged}
    ends = [(at, entry) for entry in entries if (at := _until(stream, entry)) is not None]
    until, furthest = max(ends, key=lambda end: end[0], default=(None, next(filter(_has_value, entries), {})))
    moved, beyond = absorbed(until, _spans(stream, entries))
    if moved is not None:
        merged |= {VALUE: moved.value, "until": moved.written()[1]}
        until = moved.until
    else:
        merged |= {name: furthest[name] for name in (VALUE, "until") if name in furthest}
    if beyond:
        merged["finished"] = [span.written() for span in beyond]
    jobs = _jobs(stream, entries, until, beyond)
    return {**merged, "jobs": jobs} if jobs else merged


def _until(stream: str, entry: Mapping[str, Any]) -> datetime | None:
    """How far a lane is; where a person or another tool wrote only the readable bookmark, as far as that says."""
    text = entry.get("until")
    try:
        moment = read_moment(entry.get(VALUE) if text is None else text)
    except ValueError:
        moment = None
    if text is not None and not isinstance(moment, datetime):
        raise StateError(f"the state of stream {stream!r} cannot be read: `until` is {text!r}")
    if moment is None:
        return None
    at = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _has_value(entry: Mapping[str, Any]) -> bool:
    return entry.get(VALUE) is not None


def _spans(stream: str, entries: Iterable[Mapping[str, Any]]) -> list[Finished]:
    try:
        return joined(span for entry in entries for span in read_spans(entry.get("finished") or []))
    except ValueError as error:
        raise StateError(f"the state of stream {stream!r} cannot be read: {error}") from None


def _jobs(
    stream: str, entries: Iterable[Mapping[str, Any]], until: datetime | None, beyond: Sequence[Finished]
) -> list[dict[str, Any]]:
    """Every job once, but for those whose window is finished; a job to be deleted stays where every state has it."""
    kept: dict[tuple[str, str, str], dict[str, Any]] = {}
    for entry in entries:
        for job in standard_jobs(stream, entry.get("jobs")):
            key = str(job.get("id")), str(job.get("window")), str(job.get("link", 0))
            kept[key] = {**job, **kept.get(key, {})}
    return [job for _, job in sorted(kept.items()) if job.get("written") or not _is_finished(job, until, beyond)]


def _is_finished(job: Mapping[str, Any], until: datetime | None, beyond: Sequence[Finished]) -> bool:
    window = job.get("window")
    if not window:
        return False
    start, end = (datetime.fromisoformat(at) for at in window)
    return (until is not None and end <= until) or any(span.start <= start and end <= span.until for span in beyond)
