"""Columns that nobody declared, and what the catalog says of them: SCHEMA and RECORD agree on every way through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_api import FakeApi
from jsonschema import Draft202012Validator
from process import Outcome
from warm import WarmProcess

ROWS = [{"id": n, "known": f"k{n}", "extra": f"e{n}", "other": f"o{n}"} for n in (1, 2, 3)]
COLUMNS = {"id": "integer", "known": "string"}
STREAM = {
    "name": "things",
    "primary_keys": ["id"],
    "creation_requester": "POST /exports",
    "polling_requester": "GET /exports/{{ creation_response.id }}",
    "download_retriever": "GET {{ polling_response.url }}",
}
MAPS = {"stream_maps": {"things": {"__alias__": "things", "id": "id"}}}


def run(directory: Path, format_: str, *, catalog: Any = None, stream: Any = None, **top: Any) -> Outcome:
    with FakeApi(["DONE"], rows=ROWS, format=format_) as api:
        config = {"base_url": api.url, "streams": [{**STREAM, "columns": COLUMNS, **(stream or {})}], **top}
        return WarmProcess(directory).run(config, catalog=catalog)


def discovered(directory: Path, stream: dict[str, Any]) -> Outcome:
    return WarmProcess(directory).run({"base_url": "http://127.0.0.1:9", "unknown_columns": "include", "streams": [stream]}, "--discover")


def agreed(outcome: Outcome) -> list[dict[str, Any]]:
    """The records, each valid against the SCHEMA, which lists or allows every property."""
    assert 0 == outcome.exit_code, outcome.stderr
    (schema,) = [message["schema"] for message in outcome.messages if message["type"] == "SCHEMA"]
    records = outcome.records("things")
    for record in records:
        Draft202012Validator(schema).validate(record)
        assert set(record) <= set(schema["properties"]) or schema.get("additionalProperties")
    return records


@pytest.mark.promise(20)
@pytest.mark.parametrize("way", [{}, MAPS, {"flattening_enabled": True, "flattening_max_depth": 1}], ids=["fast", "maps", "flat"])
@pytest.mark.parametrize("where", ["top", "stream", "defaults"])
@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_unknown_columns_are_included_wherever_that_is_said(tmp_path: Path, format_: str, where: str, way: Any) -> None:
    said = {"unknown_columns": "include"}
    top: dict[str, Any] = {"top": said, "stream": {}, "defaults": {"stream_defaults": said}}[where]
    outcome = run(tmp_path, format_, stream=said if where == "stream" else {}, **top, **way)

    assert ROWS == agreed(outcome)


@pytest.mark.promise(20)
def test_a_stream_has_the_last_word(tmp_path: Path) -> None:
    outcome = run(tmp_path, "jsonl", stream={"unknown_columns": "warn"}, unknown_columns="include")

    assert [{"id": n, "known": f"k{n}"} for n in (1, 2, 3)] == agreed(outcome)
    assert 1 == outcome.stderr.count("not declared are left out: 'extra', 'other'")


@pytest.mark.promise(20)
@pytest.mark.parametrize("others", [False, {"type": "integer"}, None])
@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_a_schema_that_is_closed_opens_where_unknown_columns_are_included(tmp_path: Path, format_: str, others: Any) -> None:
    schema = {"properties": {"id": {"type": "integer"}, "known": {"type": "string"}}, "additionalProperties": others}
    if others is None:
        del schema["additionalProperties"]
    outcome = run(tmp_path, format_, stream={"schema": schema, "columns": None}, unknown_columns="include")

    assert ROWS == agreed(outcome)


@pytest.mark.promise(21)
@pytest.mark.parametrize("way", [{}, MAPS], ids=["fast", "maps"])
@pytest.mark.parametrize("columns", [COLUMNS, None], ids=["declared", "undeclared"])
@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_the_catalog_may_deselect_a_column_that_nobody_declared(tmp_path: Path, format_: str, columns: Any, way: Any) -> None:
    catalog = json.loads(b"\n".join(discovered(tmp_path, {**STREAM, "columns": columns}).lines))
    (entry,) = catalog["streams"]
    for name in ("extra", "id"):
        entry["metadata"] = [one for one in entry["metadata"] if one["breadcrumb"] != ["properties", name]]
        entry["metadata"].append({"breadcrumb": ["properties", name], "metadata": {"selected": False}})
    del entry["key_properties"]
    outcome = run(tmp_path, format_, catalog=catalog, stream={"columns": columns}, unknown_columns="include", **way)

    id_of = str if columns is None and format_ == "csv" else int
    (said,) = [message for message in outcome.messages if message["type"] == "SCHEMA"]
    assert ["id"] == said["key_properties"] and "id" in said["schema"]["properties"]
    assert [{"id": id_of(n), "known": f"k{n}", "other": f"o{n}"} for n in (1, 2, 3)] == agreed(outcome)


def test_a_stream_map_that_fails_on_a_row_is_said_with_the_key_to_look_at(tmp_path: Path) -> None:
    outcome = run(tmp_path, "jsonl", stream_maps={"things": {"twice": "nothing_of_this_name * 2"}})

    assert 1 == outcome.exit_code
    assert "the stream map cannot be applied" in outcome.stderr and "`stream_maps.things`" in outcome.stderr
    assert "unexpected" not in outcome.stderr and "Traceback" not in outcome.stderr


def test_a_declared_column_that_a_file_lacks_is_told_once(tmp_path: Path) -> None:
    """It comes out as null, which is not to go unseen; keys are an error, and what stands elsewhere lacks nothing."""
    outcome = run(tmp_path, "csv", stream={"columns": {**COLUMNS, "gone": "string", "also": "integer"}})

    assert 0 == outcome.exit_code, outcome.stderr
    said = "columns that are declared are not in the file, and come out as null: 'gone', 'also'"
    assert 1 == outcome.stderr.count(said), outcome.stderr
    assert {(None, None)} == {(row["gone"], row["also"]) for row in outcome.records("things")}
