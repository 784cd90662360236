"""JSON in bulk is a shortcut and nothing else: it says what reading value by value says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from decoding_kit import Read, read

from tap_asyncreport.decoding.json_quick import QuickJson

TEN = {
    "id": "integer", "day": "date", "at": "date-time", "name": "string", "clicks": "integer",
    "cost": "number", "share": "decimal", "active": "boolean", "tags": "array", "more": "object",
}  # fmt: skip
LINES = [
    f'{{"id":{i},"day":"2026-01-{i % 28 + 1:02}","at":"2026-01-05T{i % 24:02}:00:00Z","name":"näme {i}","clicks":{i * 10**17},'
    f'"cost":{i}.10,"share":0.{i:030},"active":{"true" if i % 2 else "null"},"tags":[{i},1.50],"more":{{"a":[{{}},{{}}]}}}}'
    for i in range(1, 700)
]
RENAMED = {f"x_{name}": {"type": kind, "source": name} for name, kind in TEN.items()}
CROSSED = {**TEN, "id": {"type": "integer", "source": "clicks"}, "clicks": {"type": "integer", "source": "id"}}
TAKEN = {"day": {"type": "integer", "source": "id"}, "b": {"type": "date", "source": "day"}}  # a name that is a source


def exactly(*bodies: str, monkeypatch: pytest.MonkeyPatch, **how: Any) -> Read:
    """The same without the shortcut."""
    with monkeypatch.context() as patch:
        patch.setattr(QuickJson, "served", lambda *_: None)
        return read(*bodies, **how)


@pytest.mark.promise(21)
@pytest.mark.parametrize("selected", [None, {"id", "x_id", "day"}, {*TEN, *RENAMED} - {"more", "x_more", "cost"}])
@pytest.mark.parametrize("columns", [TEN, RENAMED, CROSSED, TAKEN, dict.fromkeys(TEN, "string"), None])
@pytest.mark.parametrize("shape", ["lines", "array", "indented"])
def test_the_shortcut_gives_what_every_value_by_itself_gives(columns: Any, selected: Any, shape: str, monkeypatch: Any) -> None:
    body = {
        "lines": "\n".join(LINES),
        "array": "[" + ",\n".join(LINES) + "]",
        "indented": "[" + ",".join(line.replace(",", ",\n ") for line in LINES) + "]",
    }[shape]
    how = {"selected": selected, **({} if columns is None else {"columns": columns})}
    expected = exactly(body, monkeypatch=monkeypatch, **how)
    quick = read(body, **how)
    assert expected.rows == quick.rows
    assert expected.observed == quick.observed
    assert len(LINES) == len(quick.rows)


@pytest.mark.promise(19)
@pytest.mark.parametrize("digits", [308, 309, 5000])
@pytest.mark.parametrize("columns", [None, {"id": "integer", "n": "number"}, {"id": "integer"}])
def test_a_number_that_is_too_large_is_found_among_thousands(columns: Any, digits: int, monkeypatch: Any) -> None:
    lines = [json.dumps({"id": i, "n": i}) for i in range(3000)]
    lines[1717] = '{"id":1717,"n":' + "9" * digits + "}"
    how = {} if columns is None else {"columns": columns}
    seen = read("\n".join(lines), **how)
    assert exactly("\n".join(lines), monkeypatch=monkeypatch, **how).rows == seen.rows
    assert int(digits > 308 and columns != {"id": "integer"}) == seen.observed.non_finite


@pytest.mark.promise(11)
def test_records_within_records_are_cut_where_they_end(monkeypatch: Any) -> None:
    """Blocks of a list are cut behind what looks like a record: in nested ones that is often the wrong place."""
    inner = ",".join(f'{{"k":{k},"t":"}},{{"}}' for k in range(60))
    body = "[" + ",".join(f'{{"id":{i},"list":[{inner}]}}' for i in range(900)) + "]"
    seen = read(body)
    assert [(i, 60) for i in range(900)] == [(row["id"], len(row["list"])) for row in seen.rows]
