"""The partitions of streams: those of the configuration, those that an API lists, those that records name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tap_asyncreport.commands.bench import Bench, Equipment, bench
from tap_asyncreport.config.shown import confidential
from tap_asyncreport.dagster.parts import key_of
from tap_asyncreport.errors import TapError
from tap_asyncreport.http.guard import guard_logging
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.partition_lists import partitions_of
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.dagster.unit_state import Place

Known = Mapping[str, Mapping[str, Any]]


def configured_values(loaded: Loaded, stream: Stream) -> list[dict[str, Any]] | None:
    """The stream's partitions where the configuration gives them all, without a call; else None."""
    if any(dimension.values is None for dimension in stream.partitions):
        return None
    with closing(Bench(loaded.settings, Redactor(), Equipment())) as made:
        return partitions_of(made.add(stream))


def listed_values(loaded: Loaded, stream: Stream, records: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """The stream's partitions as the API lists them now; `records` has, by stream, what its records name.

    Raises TapError, without secrets.
    """
    telling = Telling()
    telling.redactor.add(confidential(loaded))
    try:
        with guard_logging(telling.redactor):
            return _listed(loaded, stream, records, telling.redactor)
    except TapError as error:
        raise telling.clean(error) from None


def _listed(
    loaded: Loaded, stream: Stream, records: Mapping[str, Iterable[Any]], redactor: Redactor
) -> list[dict[str, Any]]:
    with bench(loaded, redactor) as made:
        works = {each.name: made.add(each) for each in loaded.settings.streams}
        made.read_state({})
        for dimension in stream.partitions:
            if dimension.stream is not None and dimension.key is not None:
                parent = works[dimension.stream]
                parent.collected[dimension.key] = {}
                for value in records[dimension.stream]:
                    parent.collect({dimension.key: value})
        return partitions_of(works[stream.name])


def parents_of(stream: Stream) -> dict[str, str]:
    """The streams whose records partition this one, and which column of theirs does."""
    return {dimension.stream: dimension.key or "" for dimension in stream.partitions if dimension.stream is not None}


def read_known(place: Place, stream: Stream) -> dict[str, Any]:
    """The partitions that were listed last, by their keys: what a key stands for, numbers being numbers."""
    return place.read(_name(stream))


def write_known(place: Place, stream: Stream, values: Sequence[Mapping[str, Any]]) -> None:
    """Keeps what the keys stand for."""
    place.write(_name(stream), {key_of(value): dict(value) for value in values})


def _name(stream: Stream) -> str:
    return f"{stream.name}/partitions.json"


class Named:
    """The values of a column in the records that pass by, each once."""

    def __init__(self, stream: str, columns: Iterable[str]) -> None:
        self._start = f'{{"type":"RECORD","stream":{json.dumps(stream)}'.encode()
        self.values: dict[str, dict[str, Any]] = {column: {} for column in columns}

    def look(self, block: bytes) -> None:
        """Sees whole lines."""
        for line in block.splitlines():
            if line.startswith(self._start):
                record = json.loads(line)["record"]
                for column, values in self.values.items():
                    if record.get(column) is not None:
                        values.setdefault(json.dumps(record[column]), record[column])
