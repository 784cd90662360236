"""The page of capabilities: every row is there, its example loads, and its keys are keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tap_asyncreport.config.json_schema import json_schema
from tap_asyncreport.config.loading import load
from tap_asyncreport.config.sources import plain
from tap_asyncreport.config.text import FileText
from tap_asyncreport.config.yaml_text import read_yaml

PAGE = (Path(__file__).parent.parent / "docs" / "capabilities.md").read_text(encoding="utf-8")
SCHEMA = json_schema()
TOP, STREAM = SCHEMA["properties"], SCHEMA["$defs"]["Stream"]["properties"]


class Row(NamedTuple):
    """One numbered capability."""

    number: int
    keys: list[str]
    example: dict[str, Any]


def read(text: str) -> Any:
    """YAML as the tap reads it."""
    tree, faults = read_yaml(FileText("example", text))
    assert [] == faults
    return plain(tree)


def rows() -> Iterator[Row]:
    for number, text in re.findall(r"^### (\d+)\. (.+?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL):
        (example,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        named = text.split("\n", 1)[1].split("```", 1)[0].split(". ", 1)[0]
        yield Row(int(number), re.findall(r"`([\w.]+)`", named), read(example))


ROWS = list(rows())


def alternatives(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a value may be: the schema itself, what it refers to, its choices, and the items of its lists."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    yield schema
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    for part in inner:
        yield from alternatives(part)


def known(key: str) -> bool:
    """Whether a dotted key leads through the schema, from the top level or from a stream."""
    first, *rest = key.split(".")
    found = [described[first] for described in (TOP, STREAM) if first in described]
    for name in rest:
        found = [
            part["properties"][name]
            for each in found
            for part in alternatives(each)
            if name in part.get("properties", {})
        ]
    return bool(found)


def whole(example: dict[str, Any]) -> dict[str, Any]:
    """The page's own configuration with an example over it."""
    base: dict[str, Any] = read(re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0])
    of_stream = {key: value for key, value in example.items() if key in STREAM}
    of_top = {key: value for key, value in example.items() if key not in STREAM}
    (stream,) = base["streams"]
    return {**base, **of_top, "streams": [{**stream, **of_stream}]}


def names(value: Any) -> set[str]:
    """All keys in an example, and what its texts stand for."""
    if isinstance(value, dict):
        return {str(key) for key in value}.union(*(names(item) for item in value.values()))
    return set().union(*(names(item) for item in value)) if isinstance(value, list) else set()


def test_every_row_is_there_once_and_in_order() -> None:
    assert list(range(1, 89)) == [row.number for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_an_example_loads_and_shows_keys_that_exist(row: Row) -> None:
    load([whole(row.example)], environ={}, require_secrets=False)
    assert row.keys
    assert [] == [key for key in row.keys if not known(key)]
    shorthand = {"request", "extractor"}  # a text may stand for these
    assert [] == [key for key in row.keys if key.split(".")[-1] not in names(row.example) | shorthand]


def test_a_key_that_does_not_exist_is_not_known() -> None:
    assert not any(map(known, ("jobs.patience", "nothing", "creation_requester.responses.meaning")))
