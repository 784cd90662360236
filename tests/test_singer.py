"""The tap as the Singer SDK and other taps' users know it: its own test suite, catalog, selection, maps, flattening."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from fake_api import FakeApi
from process import Process
from singer_sdk.testing import get_tap_test_class
from test_sync import ROWS, config, stream, typed

from tap_asyncreport.demo import serve
from tap_asyncreport.tap import TapAsyncReport

TestSdkSuite = get_tap_test_class(TapAsyncReport, config={"definition": "demo", "end_date": "2012-03-31"})


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with FakeApi(rows=ROWS) as api:
        yield api


def catalog_of(tap: Process, api: FakeApi, **changes: Any) -> dict[str, Any]:
    found = tap.run(config(api, stream(**changes)), "--discover")
    assert 0 == found.exit_code, found.stderr
    return json.loads(b"\n".join(found.lines))


def deselect(catalog: dict[str, Any], *columns: str) -> dict[str, Any]:
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] and entry["breadcrumb"][-1] in columns:
            entry["metadata"]["selected"] = False
    return catalog


def test_the_catalog_names_keys_and_replication(tap: Process, api: FakeApi) -> None:
    (entry,) = catalog_of(tap, api)["streams"]

    assert "clicks" == entry["tap_stream_id"]
    assert ["date", "campaign"] == entry["key_properties"]
    assert "date" == entry["replication_key"]
    assert "INCREMENTAL" == entry["replication_method"]
    assert [] == api.log


@pytest.mark.promise(21)
def test_deselected_columns_are_not_emitted_and_keys_always_are(tap: Process, api: FakeApi) -> None:
    catalog = deselect(catalog_of(tap, api), "cost", "campaign")
    run = tap.run(config(api), catalog=catalog)

    assert 0 == run.exit_code, run.stderr
    assert [{key: row[key] for key in ("date", "campaign", "clicks")} for row in ROWS] == run.records("clicks")
    assert {"date", "campaign", "clicks"} == set(run.messages[0]["schema"]["properties"])


@pytest.mark.promise(21)
def test_a_deselected_column_is_not_even_converted(tap: Process) -> None:
    rows = [{**row, "cost": "no number"} for row in ROWS]
    with FakeApi(rows=rows) as api:
        run = tap.run(config(api), catalog=deselect(catalog_of(tap, api), "cost"))

    assert 0 == run.exit_code, run.stderr
    assert len(ROWS) == len(run.records("clicks"))


@pytest.mark.promise(21)
def test_stream_maps_rename_add_and_filter(tap: Process, api: FakeApi) -> None:
    maps = {"clicks": {"twice": "clicks * 2", "cost": None, "__filter__": "campaign == 2", "__alias__": "taps"}}
    run = tap.run(config(api, stream_maps=maps))

    assert 0 == run.exit_code, run.stderr
    expected = [{"date": row["date"], "campaign": 2, "clicks": row["clicks"], "twice": row["clicks"] * 2} for row in ROWS if row["campaign"] == 2]
    assert expected == run.records("taps")
    assert "2026-01-03" == run.bookmark("clicks")


@pytest.mark.promise(21)
def test_flattening(tap: Process) -> None:
    rows = [{"id": 1, "place": {"city": "Bern", "zip": "3000"}}]
    columns = {"id": "integer", "place": "object"}
    with FakeApi(rows=rows, format="json") as api:
        plain = stream(columns=None, schema={"type": "object", "properties": {"id": {"type": "integer"}, "place": {
            "type": ["object", "null"], "properties": {"city": {"type": ["string", "null"]}, "zip": {"type": ["string", "null"]}}}}},
            primary_keys=["id"], replication_key=None, incremental=None,
            creation_requester="POST /exports")
        plain.pop("columns")
        run = tap.run(config(api, plain, flattening_enabled=True, flattening_max_depth=2))

    assert columns.keys() == {"id", "place"}
    assert 0 == run.exit_code, run.stderr
    assert [{"id": 1, "place__city": "Bern", "place__zip": "3000"}] == run.records("clicks")


def test_the_fast_way_and_the_sdks_own_give_the_same_messages(tap: Process, api: FakeApi) -> None:
    fast = tap.run(config(api))
    slow = tap.run(config(api, stream_maps={"clicks": {"campaign": "campaign"}}))

    assert typed(ROWS) == fast.records("clicks")

    def without_time(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept = [m for m in messages if m["type"] == "RECORD"]
        return [{k: v for k, v in m.items() if k != "time_extracted"} for m in kept]

    assert without_time(fast.messages) == without_time(slow.messages)


@pytest.mark.promise(19)
def test_numbers_keep_their_digits_both_ways(tap: Process) -> None:
    rows = [{"id": "12345678901234567890", "amount": "0.1000000000000000055511151231257827"}]
    plain = stream(columns={"id": "integer", "amount": "decimal"}, primary_keys=["id"], replication_key=None, incremental=None)
    plain["creation_requester"] = "POST /exports"
    with FakeApi(rows=rows) as api:
        for maps in ({}, {"stream_maps": {"clicks": {"more": "1"}}}):
            run = tap.run(config(api, plain, **maps))
            (line,) = [line for line in run.lines if b'"RECORD"' in line]
            assert b'"id":12345678901234567890' in line
            assert b'"amount":0.1000000000000000055511151231257827' in line


@pytest.mark.promise(25)
@pytest.mark.parametrize("fails", [False, True])
def test_activate_version_comes_after_a_whole_table_only(tap: Process, fails: bool) -> None:
    plain = stream(replication_key=None, incremental=None, jobs={"max_attempts": 1})
    plain["creation_requester"] = "POST /exports"
    with FakeApi(script=["FAILED" if fails else "DONE"], rows=ROWS) as api:
        run = tap.run(config(api, plain, emit_activate_version_messages=True))

    kinds = [message["type"] for message in run.messages]
    assert (0 if fails else 1) == kinds.count("ACTIVATE_VERSION")
    if not fails:
        assert kinds.index("ACTIVATE_VERSION") > kinds.index("RECORD")
    assert fails == (run.exit_code == 1)


def test_test_reads_one_record_and_cleans_up(tap: Process, api: FakeApi) -> None:
    run = tap.run(config(api), "--test")

    assert 0 == run.exit_code, run.stderr
    assert 1 == len(run.records("clicks"))
    made = {job.id for job in api.jobs.values()}
    gone = {job.id for job in api.jobs.values() if job.aborted or job.deleted}
    assert made == gone | {kept["id"] for kept in run.jobs("clicks")}


def test_test_fails_where_the_stream_fails(tap: Process) -> None:
    with FakeApi(script=["FAILED"]) as api:
        run = tap.run(config(api, stream(jobs={"max_attempts": 1})), "--test")

    assert 1 == run.exit_code
    assert "Traceback" not in run.stderr


@pytest.mark.promise(9, 21)
def test_about_lists_every_setting_and_makes_no_call(tap: Process, api: FakeApi) -> None:
    run = tap.run(config(api), "--about", "--format", "json")

    about = json.loads(b"\n".join(run.lines))
    assert "tap-asyncreport" == about["name"]
    assert {"base_url", "streams", "secrets"} <= set(about["settings"]["properties"])
    assert "batch" not in about["capabilities"]
    assert [] == api.log


def test_the_demos_rows_arrive_once_each(tap: Process) -> None:
    run = tap.run({"definition": "demo"})

    rows = run.records("seattle_weather")
    assert 0 == run.exit_code, run.stderr
    assert 1461 == len(rows) == len({row["date"] for row in rows})
    assert {"date": "2012-01-01", "precipitation": Decimal("0.0"), "temp_max": Decimal("12.8")}.items() <= rows[0].items()
    assert "2015-12-31" == run.bookmark("seattle_weather")
    again = tap.run({"definition": "demo"}, state=run.state)
    assert [] == again.records("seattle_weather")
    assert run.state == again.state


def test_the_demo_served_elsewhere_is_read_by_its_url(tap: Process) -> None:
    with serve() as demo:
        run = tap.run({"definition": "demo", "base_url": demo.url, "end_date": "2012-01-31"})

    assert 31 == len(run.records("seattle_weather"))


@pytest.mark.parametrize(("changes", "fast"), [({}, True), ({"stream_maps": {"seattle_weather": {"more": "1"}}}, False), ({"flattening_enabled": True, "flattening_max_depth": 1}, False)])
def test_rows_take_the_fast_way_unless_the_sdk_would_change_them(changes: dict[str, Any], fast: bool) -> None:
    tap = TapAsyncReport(config={"definition": "demo", **changes})

    assert fast == tap.streams["seattle_weather"]._unchanged_by_the_sdk()
