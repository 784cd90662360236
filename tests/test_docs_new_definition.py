"""The page on new definitions: its configurations run, step by step, against the simulator of the API they are for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from warm import WarmProcess
from simulators.sendgrid import SendGrid

from tap_asyncreport.config.json_schema import json_schema
from tap_asyncreport.config.loading import load

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "new-definition.md").read_text(encoding="utf-8")
SMALLEST, TRUE, FOR_OTHERS, USERS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CONTACTS = [
    {"EMAIL": "a@example.com", "CONTACT_ID": "1", "CREATED_AT": "2026-01-02T03:04:05Z", "lists": ["l1"]},
    {"EMAIL": "b@example.com", "CONTACT_ID": "2", "CREATED_AT": "2026-01-02T03:04:05Z"},
]


def run(text: str, directory: Path, api: SendGrid) -> Any:
    (directory / "sendgrid.yaml").write_text(text)
    quick = {"jobs": {"poll_interval": "30ms"}}
    names = re.findall(r"^  - name: (\w+)", text, re.MULTILINE)
    streams = [{"name": name, **quick} for name in names]
    config = {"definition": str(directory / "sendgrid.yaml"), "base_url": api.url, "streams": streams}
    return WarmProcess(directory, {"TAP_ASYNCREPORT_SECRETS_API_KEY": api.KEY}).run(config)


@pytest.mark.parametrize("text", [SMALLEST, TRUE, FOR_OTHERS], ids=["smallest", "true", "for others"])
def test_each_step_reads_the_contacts(text: str, tmp_path: Path) -> None:
    with SendGrid(CONTACTS, lists=["l1"], rows_per_file=1) as api:
        outcome = run(text, tmp_path, api)
    assert 0 == outcome.exit_code, outcome.stderr
    key = "EMAIL" if text == SMALLEST else "email"
    assert ["a@example.com", "b@example.com"] == [record[key] for record in outcome.records("contacts")]
    by_list = [(r["list_id"], r["email"]) for r in outcome.records("contacts_by_list")]
    assert ([("l1", "a@example.com")] if text == FOR_OTHERS else []) == by_list


def test_a_user_lays_a_configuration_over_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(USERS)
    settings = load([tmp_path / "mine.yaml"], environ={"TAP_ASYNCREPORT_SECRETS_API_KEY": "x"}).settings
    streams = {stream.name: stream for stream in settings.streams}
    assert {30.0} == {stream.jobs.poll_interval.total_seconds() for stream in settings.streams}
    assert {"contact_id", "email", "favourite_colour"} <= set(streams["contacts"].columns or ())
    assert "favourite_colour" not in (streams["contacts_by_list"].columns or ())
    with SendGrid(CONTACTS, lists=["l1"], script=("ready",)) as api:
        tap = WarmProcess(tmp_path, {"TAP_ASYNCREPORT_SECRETS_API_KEY": api.KEY})
        outcome = tap.run({"base_url": api.url}, "--config", str(tmp_path / "mine.yaml"))
    assert 0 == outcome.exit_code, outcome.stderr
    assert [None, None] == [record["favourite_colour"] for record in outcome.records("contacts")]


def test_the_table_names_keys_of_streams_and_rows_of_the_other_page() -> None:
    schema = json_schema()
    keys = {*schema["properties"], *schema["$defs"]["Stream"]["properties"], "job_id"}
    table = PAGE.split("| question |", 1)[1].split("\n\n", 1)[0]
    named = [name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.rsplit("|", 2)[1])]
    assert named and set(named) <= keys
    capabilities = (ROOT / "docs" / "capabilities.md").read_text(encoding="utf-8")
    assert all(f"\n### {number}. " in capabilities for number in (53, 80))
