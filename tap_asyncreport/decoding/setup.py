"""What the parts of a stream's files share, and what they ask of the context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_asyncreport.config.decoding import Decode
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.decoding.further import Listen
from tap_asyncreport.decoding.json_quick import QuickJson
from tap_asyncreport.decoding.layout import Columns
from tap_asyncreport.decoding.source import Observed
from tap_asyncreport.errors import DecodeError
from tap_asyncreport.templates import Extractor, Templates

Scope = Mapping[str, Any]


@dataclass(frozen=True)
class Setup:
    """One stream's configuration and columns, ready for reading."""

    stream: Stream
    templates: Templates
    columns: Columns
    observed: Observed
    listen: Listen | None = None
    _quick: dict[Any, QuickJson] = field(default_factory=dict)

    def quick(self, given: frozenset[str], order: Sequence[str] | None) -> QuickJson:
        """What serves blocks of JSON lines, kept from file to file."""
        key = (given, None if order is None else tuple(order))
        if key not in self._quick:
            self._quick[key] = QuickJson(self.columns, self.observed, given, self.stream.replication_key, order)
        return self._quick[key]

    @property
    def decode(self) -> Decode:
        """The stream's `decode`."""
        return self.stream.decode

    @property
    def knows_rows(self) -> bool:
        """Whether a declared column, a key, or the configuration of the download tells a row from anything else."""
        retriever = self.stream.download_retriever
        return bool(self.columns.declared or self.columns.keys or retriever.source)

    def extractor(self, source: str, key: str) -> Extractor:
        """An extractor of this stream's configuration."""
        return self.templates.extractor(source, f"streams.{self.stream.name}.{key}")

    def records_path(self, scope: Scope) -> str | None:
        """`decode.records`, its templates rendered."""
        if self.decode.records is None:
            return None
        key = f"streams.{self.stream.name}.decode.records"
        return self.templates.template(self.decode.records, key).text(scope)

    def names(self, scope: Scope) -> list[str] | None:
        """`decode.fields`: a list, or what its extractor finds in the polling or creation answer; None where not set.

        Empty where a JSONPath finds nothing.
        """
        fields = self.decode.fields
        if fields is None or isinstance(fields, list):
            return fields
        extractor = self.extractor(fields, "decode.fields")
        for answer in ("polling_response", "creation_response"):
            if answer in scope or not fields.startswith("$"):
                found = names_in(extractor.all(scope.get(answer), scope))
                if found:
                    return found
        return []

    def no_names(self) -> DecodeError:
        """The error for positional rows whose names are nowhere."""
        return DecodeError(
            f"`decode.fields` finds no column names: {self.decode.fields}",
            hint="`decode.fields` looks at the polling answer, then at the file; where a page without them has no rows "
            "yet, a rule with `means: empty` in `download_retriever.responses` says so",
        )


def names_in(found: list[Any]) -> list[str]:
    """Column names from what an extractor found: texts, or one list of them."""
    if len(found) == 1 and isinstance(found[0], list):
        found = found[0]
    return [str(name) for name in found]
