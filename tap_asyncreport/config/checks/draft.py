"""A configuration under checking: the data as written, and as much of it as the models accept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

from tap_asyncreport.config.problems import Teller
from tap_asyncreport.config.requesters import Requester
from tap_asyncreport.config.sources import Keys
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.config.values import Model

Kind = TypeVar("Kind", bound=Model)


@dataclass(frozen=True)
class StreamDraft:
    """A stream that its model accepts, with its path."""

    keys: Keys
    stream: Stream


@dataclass(frozen=True)
class Draft:
    """What checks look at: `raw` as written and merged, the valid `streams`, and the valid parts of the top level.

    `variables` are the names of the environment that were meant otherwise, by what was meant.
    """

    raw: Mapping[str, Any]
    streams: list[StreamDraft]
    top: Mapping[str, Any]
    teller: Teller
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def stream_names(self) -> list[str]:
        """The names of all streams, valid or not."""
        return [str(stream["name"]) for _, stream in self.written_streams if "name" in stream]

    @property
    def written_streams(self) -> list[tuple[int, Mapping[str, Any]]]:
        """All streams as written, valid or not, with their numbers."""
        streams = self.raw.get("streams")
        numbered = enumerate(streams if isinstance(streams, list) else [])
        return [(number, stream) for number, stream in numbered if isinstance(stream, Mapping)]

    def parts(self, kind: type[Kind]) -> Iterator[tuple[Keys, Kind]]:
        """Every valid model of a kind, with its path."""
        for key, value in self.top.items():
            yield from parts(value, kind, (key,))
        for draft in self.streams:
            yield from parts(draft.stream, kind, draft.keys)


def parts(value: Any, kind: type[Kind], keys: Keys = ()) -> Iterator[tuple[Keys, Kind]]:
    """The models of a kind in a value, itself included."""
    if isinstance(value, kind):
        yield keys, value
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from parts(getattr(value, name), kind, (*keys, field.alias or name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from parts(item, kind, (*keys, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from parts(item, kind, (*keys, key))


def requesters(draft: StreamDraft) -> Iterator[tuple[Keys, Requester]]:
    """The requests of a stream, with their paths."""
    return parts(draft.stream, Requester, draft.keys)
