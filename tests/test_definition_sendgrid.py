"""The definition `sendgrid_contacts` as it ships, against the simulator."""

from __future__ import annotations

import json
import time
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.sendgrid import SendGrid
from wire import Reply, json_reply

CONTACTS = [
    {
        "EMAIL": f"{name}@example.com", "FIRST_NAME": name, "CONTACT_ID": str(number), "CITY": 'Åbo, "FI"',
        "CREATED_AT": "2026-01-02T03:04:05Z", "lists": lists, "segments": ["s1"],
    }
    for number, (name, lists) in enumerate([("ann", ["l1"]), ("bob", ["l1", "l2"]), ("cid", [])])
]  # fmt: skip


def settings(api: SendGrid, **changes: Any) -> dict[str, Any]:
    return {"definition": "sendgrid_contacts", "base_url": api.url, "secrets": {"api_key": api.KEY}, **changes}


def test_all_contacts_in_two_files(tap: Process) -> None:
    with SendGrid(CONTACTS, rows_per_file=2) as api:
        run = run_definition(tap, settings(api), ["contacts"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("contacts")
    assert ["0", "1", "2"] == [record["contact_id"] for record in records]
    assert ("ann@example.com", 'Åbo, "FI"', "", "2026-01-02T03:04:05Z", None) == tuple(
        records[0][name] for name in ("email", "city", "last_name", "created_at", "updated_at")
    )
    assert ["create", "poll", "poll", "download", "download"] == api.steps()
    assert [{"file_type": "csv", "max_file_size": 5000}] == [call.json() for call in api.calls("create")]


def test_lists_and_segments_are_exported_one_by_one(tap: Process) -> None:
    with SendGrid(CONTACTS, lists=["l1", "l2", "l3"], segments=["s1"], script=["ready"]) as api:
        api.page_limit = 2
        run = run_definition(tap, settings(api), ["contacts_by_list", "contacts_by_segment"])

    assert 0 == run.exit_code, run.stderr
    assert [("l1", "0"), ("l1", "1"), ("l2", "1")] == sorted(
        (record["list_id"], record["contact_id"]) for record in run.records("contacts_by_list")
    )
    assert [("s1", "0"), ("s1", "1"), ("s1", "2")] == sorted(
        (record["segment_id"], record["contact_id"]) for record in run.records("contacts_by_segment")
    )
    assert 2 == len(api.lines("list_lists"))
    assert sorted(str([name]) for name in ("l1", "l2", "l3", "s1")) == sorted(
        str(call.json().get("list_ids") or call.json().get("segment_ids")) for call in api.calls("create")
    )
    assert 2 + 1 + 4 + 4 + 4 == len(api.log)


def test_a_throttled_call_waits_until_the_time_it_is_told_and_a_dead_link_is_replaced(tap: Process) -> None:
    soon = str(int(time.time()) + 1)
    limited = Reply(429, json.dumps({"errors": [{"message": "too many requests"}]}), {"X-RateLimit-Reset": soon})
    gone = Reply(403, "<Error><Code>AccessDenied</Code></Error>")
    with SendGrid(CONTACTS, faults={("create", 1): limited, ("download", 1): gone}) as api:
        run = run_definition(tap, settings(api), ["contacts"])

    assert 0 == run.exit_code, run.stderr
    assert 3 == len(run.records("contacts"))
    assert 1 == len(api.jobs)
    assert ["create", "create", "poll", "poll", "download", "poll", "download"] == api.steps()
    assert 2 == len(set(api.lines("download")))


def test_an_export_of_nobody_is_no_failure(tap: Process) -> None:
    with SendGrid([], script=["ready"]) as api:
        run = run_definition(tap, settings(api), ["contacts"])

    assert 0 == run.exit_code, run.stderr
    assert [] == run.records("contacts")
    assert ["create", "poll", "download"] == api.steps()


def test_a_failed_export_is_made_again_and_then_told_with_the_reason(tap: Process) -> None:
    with SendGrid(CONTACTS, script=["failure"]) as api:
        run = run_definition(tap, settings(api), ["contacts"])

    assert 1 == run.exit_code
    assert ["create", "poll"] * 3 == api.steps()
    assert "could not build the export" in run.stderr
    assert [] == run.records("contacts")


def test_a_count_that_does_not_hold_and_a_refused_key_end_the_run(tap: Process) -> None:
    with SendGrid(CONTACTS, script=["ready"]) as api:
        api.miscount = 1
        wrong = run_definition(tap, settings(api), ["contacts"])
    with SendGrid(CONTACTS, faults={("create", "*"): json_reply({"errors": []}, 401)}) as api:
        refused = run_definition(tap, settings(api), ["contacts"])

    assert (1, 77) == (wrong.exit_code, refused.exit_code)
    assert "4" in wrong.stderr and "expect.rows" in wrong.stderr
    assert SendGrid.KEY not in refused.stderr
