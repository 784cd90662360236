"""The state of a unit while it is under way, kept where the next worker finds it."""

from __future__ import annotations

import json
import posixpath
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_asyncreport.dagster.parts import Part
from tap_asyncreport.errors import StateError, TapError
from tap_asyncreport.finished import Finished, joined, read_spans
from tap_asyncreport.job import partition_key

if TYPE_CHECKING:
    from tap_asyncreport.clock import Clock

State = Mapping[str, Any]
EVERY = 5.0  # seconds between two writes that no new job asks for


class Superseded(TapError):  # noqa: N818
    """Another worker has taken the unit over: it goes on with our jobs, so that we leave them alone."""


class Place:
    """A folder at any fsspec URL; what is written there is there whole, or as it was before."""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self._files, self._root = url_to_fs(url)
        protocol = self._files.protocol
        self._is_local = "file" in ([protocol] if isinstance(protocol, str) else protocol)

    def read(self, name: str) -> dict[str, Any]:
        """The JSON object under that name, empty where there is none; raises StateError for anything else."""
        path = posixpath.join(self._root, name)
        try:
            value = json.loads(self._files.cat_file(path))
        except FileNotFoundError:
            return {}
        except ValueError:
            value = None
        if not isinstance(value, dict):
            hint = "remove it once you know that no job of its own is alive at the API"
            raise StateError(f"the state of a unit in {path} cannot be read", hint=hint)
        return value

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Puts a JSON object under that name."""
        path, content = posixpath.join(self._root, name), json.dumps(value, default=str).encode()
        self._files.makedirs(posixpath.dirname(path), exist_ok=True)
        if self._is_local:  # elsewhere an object is put whole, or not at all
            new = Path(f"{path}.new")
            new.write_bytes(content)
            new.replace(path)
        else:
            self._files.pipe_file(path, content)

    def remove(self, name: str) -> None:
        """Nothing is under that name any more."""
        with suppress(FileNotFoundError):
            self._files.rm_file(posixpath.join(self._root, name))


@dataclass
class UnitState:
    """What is known of a unit: the last STATE of the tap, and the last that the target said it has.

    It is written as soon as a job is known that was not, else now and then, and when `save` is called. Whoever reads it
    has taken the unit over: any other worker that is still at it learns so by Superseded.
    """

    place: Place
    name: str
    clock: Clock
    said: State = field(default_factory=dict)
    confirmed: State = field(default_factory=dict)
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _jobs: frozenset[str] = frozenset()
    _saved_at: float = 0.0
    _is_saved: bool = True

    @classmethod
    def read(cls, place: Place, name: str, clock: Clock) -> UnitState:
        """As an earlier worker left it; raises StateError."""
        kept = place.read(name)
        found = cls(place, name, clock, kept.get("said") or {}, kept.get("confirmed") or {})
        found._write()
        return found

    def given(self) -> dict[str, Any]:
        """The state for the tap: the bookmarks that the target has, and the jobs of the API that are known.

        A job whose rows went out, but not as far as the target has said, is gone on with.
        """
        state: dict[str, Any] = json.loads(json.dumps(self.confirmed)) or {"bookmarks": {}}
        for _, _, lane in _lanes(state):
            lane.pop("jobs", None)
        for stream, context, lane in _lanes(self.said):
            jobs = [_open_again(job, _finished(self.confirmed, stream, context)) for job in lane.get("jobs") or []]
            if jobs:
                _lane(state, stream, context)["jobs"] = jobs
        return state

    def left_of(self, part: Part) -> list[Part]:
        """What the target does not have yet of a part."""
        finished = _finished(self.confirmed, part.stream, part.partition)
        return part.without([(span.start, span.until) for span in finished])

    def hear(self, said: State) -> None:
        """The tap's STATE as it comes."""
        self.said, self._is_saved = said, False
        if _ids(said) - self._jobs:
            self.save()
        self.beat()

    def hear_target(self, confirmed: State) -> None:
        """The STATE that a target prints once it has what came before it."""
        is_news = _bookmarks(confirmed) != _bookmarks(self.confirmed)
        self.confirmed, self._is_saved = confirmed, False
        if is_news:  # what was not written when we die is read again
            self.save()

    def beat(self) -> None:
        """Now and then writes what is known, and looks whether the unit is still ours; raises Superseded."""
        if self.clock.monotonic() - self._saved_at > EVERY:
            self._check()
            self._write()

    def save(self) -> None:
        """Writes what is known, where it is not written yet; raises Superseded."""
        if not self._is_saved:
            self._check()
            self._write()

    def remove(self) -> None:
        """The unit is finished, which is Dagster's to know."""
        self._check()
        self.place.remove(self.name)

    def _check(self) -> None:
        if self.place.read(self.name).get("worker") not in (None, self._mark):
            raise Superseded(f"another worker has taken {self.name.removesuffix('.json')} over")

    def _write(self) -> None:
        self.place.write(self.name, {"worker": self._mark, "said": self.said, "confirmed": self.confirmed})
        self._jobs, self._is_saved, self._saved_at = _ids(self.said), True, self.clock.monotonic()


def _lanes(state: State) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Every bookmark, of a stream or of a partition of it."""
    for stream, entry in (state.get("bookmarks") or {}).items():
        yield stream, {}, entry
        for partition in entry.get("partitions") or []:
            yield stream, partition.get("context") or {}, partition


def _ids(state: State) -> frozenset[str]:
    return frozenset(str(job.get("id")) for _, _, lane in _lanes(state) for job in lane.get("jobs") or [])


def _bookmarks(state: State) -> list[tuple[str, Any, Any]]:
    return [(stream, lane.get("until"), lane.get("finished")) for stream, _, lane in _lanes(state)]


def _lane(state: dict[str, Any], stream: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """The bookmark of that lane, made where there is none."""
    for name, known, lane in _lanes(state):
        if name == stream and partition_key(known) == partition_key(context):
            return lane
    entry: dict[str, Any] = state.setdefault("bookmarks", {}).setdefault(stream, {})
    if not context:
        return entry
    lane = {"context": dict(context)}
    entry.setdefault("partitions", []).append(lane)
    return lane


def _finished(state: State, stream: str, context: Mapping[str, Any]) -> Sequence[Finished]:
    """The spans that a lane has finished, in order."""
    spans: list[Finished] = []
    for name, known, lane in _lanes(state):
        if name == stream and partition_key(known) == partition_key(context):
            spans += read_spans(lane.get("finished") or [])
            if lane.get("until"):
                begin = datetime.min.replace(tzinfo=UTC)
                spans.append(Finished(begin, datetime.fromisoformat(lane["until"]), ""))
    return joined(spans)


def _open_again(job: dict[str, Any], finished: Sequence[Finished]) -> dict[str, Any]:
    """The job, to be read again unless its window is among what is finished."""
    if job.get("window"):
        start, end = (datetime.fromisoformat(at) for at in job["window"])
        if any(span.start <= start and end <= span.until for span in finished):
            return job
    return {name: value for name, value in job.items() if name != "written"}
