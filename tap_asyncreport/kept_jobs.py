"""Jobs as state holds them, understood before anything is done with one: people and databases change states."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from tap_asyncreport.errors import StateError
from tap_asyncreport.moments import read_moment

_HINT = "correct it, or take the job out of the state: its window is then asked for anew"


def standard_jobs(stream: str, jobs: Any) -> list[dict[str, Any]]:
    """The jobs of a bookmark, their times with an offset (UTC where none was written); raises StateError."""
    listed = jobs or []
    if not isinstance(listed, list) or not all(isinstance(job, dict) for job in listed):
        raise StateError(f"the state of stream {stream!r} cannot be read: its `jobs` are no list of objects")
    return [_standard(stream, job) for job in listed]


def _standard(stream: str, job: dict[str, Any]) -> dict[str, Any]:
    read = {"window": _window, "created_at": _instant, "attempt": int, "link": int, "creation_responses": _mapping}
    changed = {}
    for name, reader in read.items():
        if job.get(name):
            try:
                changed[name] = reader(job[name])  # type: ignore[operator]
            except (TypeError, ValueError, OverflowError):
                raise StateError(
                    f"the state of stream {stream!r} cannot be read: {name} of job {job.get('id')} is {job[name]!r}",
                    hint=_HINT,
                ) from None
    return {**job, **changed}


def _window(value: Any) -> list[str]:
    start, end = value
    return [_instant(start), _instant(end)]


def _instant(value: Any) -> str:
    moment = read_moment(value)
    at = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC).isoformat()
    return value if isinstance(value, str) else at.isoformat()


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(value)
    return value
