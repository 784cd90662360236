"""A part of the whole: which streams, partitions and span a restricted run reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from tap_asyncreport.config.values import Model, Moment

_PAIR = re.compile(r"([^=\s]+)=(\S+)")
_SPAN = re.compile(r"([^/\s]*)/([^/\s]*)")


class Only(Model):
    """One part: `orders account=7 2026-01-01/2026-02-01` as text, or the same as a mapping."""

    model_config = ConfigDict(json_schema_extra={"type": ["object", "string"]})

    stream: str = Field("*", description="The stream; `*` is every stream.", examples=["orders"])
    partition: dict[str, Any] = Field({}, description="Values that a partition must have.", examples=[{"account": "7"}])
    start: Moment | None = Field(None, description="First instant or day read.", examples=["2026-01-01"])
    end: Moment | None = Field(None, description="As `incremental.end`: the last day, or an exclusive instant.", examples=["2026-01-31"])

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return part_of(value) if isinstance(value, str) else value

    def covers(self, stream: str, partition: Mapping[str, Any]) -> bool:
        """Whether that stream's partition belongs to the part."""
        if self.stream not in ("*", stream):
            return False
        return all(str(partition.get(name)) == str(value) for name, value in self.partition.items())


def part_of(text: str) -> dict[str, Any]:
    """A part from its text; raises ValueError that says how to write one.

    The span is half-open like everything inside: in text its end is exclusive, a day as much as an instant.
    """
    part: dict[str, Any] = {"partition": {}}
    for word in text.split():
        pair, span = _PAIR.fullmatch(word), _SPAN.fullmatch(word)
        if pair:
            part["partition"][pair[1]] = pair[2]
        elif span:
            part |= {name: _midnight(at) for name, at in zip(("start", "end"), span.groups(), strict=True) if at}
        elif "stream" not in part:
            part["stream"] = word
        else:
            raise ValueError(f"{text!r} names two streams; write `STREAM name=value START/END`")
    return part


def _midnight(at: str) -> str:
    return f"{at}T00:00:00" if re.fullmatch(r"\d{4}-\d\d-\d\d", at) else at


def parts_of(value: object) -> object:
    """A list of parts from one text, with `;` or line ends between them."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in re.split(r"[;\n]", value) if part.strip()]
