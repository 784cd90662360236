"""The first steps that the pages show, typed as they stand there, and the states that they show, given to a run."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from desk import Desk
from fake_api import FakeApi, FakeJob
from shown import Block, shown
from simulators.sendgrid import SendGrid
from test_sync import config, stream

ROWS = [{"order_id": "007", "amount": "1.50"}, {"order_id": "008", "amount": "2.25"}]
CONTACTS = [{"EMAIL": "a@example.com", "CONTACT_ID": "1", "CREATED_AT": "2026-01-02T03:04:05Z"}]
SMALLEST = shown("README.md", "Your API", "yaml").text


@pytest.fixture
def desk(tmp_path: Any) -> Desk:
    return Desk(tmp_path)


def at(url: str, text: str) -> str:
    """A configuration for the API at hand."""
    for shown_url in ("https://api.example.com/v1", "https://api.example.com", "https://api.sendgrid.com"):
        text = text.replace(shown_url, url)
    return text


def filled(block: Block, **secrets: str) -> list[str]:
    """The commands, with what the reader puts in place of the dots."""
    commands = block.commands
    for dots, secret in secrets.items():
        ending = {"key": "=SG....", "token": "=…"}[dots]
        assert any(command.endswith(ending) for command in commands)
        commands = [command.replace(ending, f"={secret}") for command in commands]
    return commands


def test_a_first_api_is_checked_traced_and_read(desk: Desk) -> None:
    with FakeApi(["DONE"], rows=ROWS, token="secret-7", gzip=True) as api:
        desk.write("orders.yaml", at(api.url, SMALLEST))
        said = desk.type(filled(shown("README.md", "Your API", "console"), token="secret-7"))

    assert "next: tap-asyncreport trace orders --config orders.yaml" in said.stdout
    assert f"POST {api.url}/exports" in said.stdout
    assert "secret-7" not in said.stdout + said.stderr
    assert ROWS == desk.rows("orders")
    assert ["create", "poll", "download", "delete"] * 2 == api.steps()


@pytest.mark.parametrize("heading", ["The API says that the job failed", "The API refused the credentials"])
def test_what_the_guide_for_the_morning_types_first(desk: Desk, heading: str) -> None:
    with FakeApi(["DONE"], rows=ROWS, token="new") as api:
        desk.write("orders.yaml", at(api.url, SMALLEST))
        desk.write("states.jsonl", '{"bookmarks": {}}\n')
        said = desk.type(shown("docs/failures.md", heading, "console").commands, TAP_ASYNCREPORT_SECRETS_TOKEN="new")

    assert "orders" in said.stdout
    assert (["create", "poll", "download", "delete"] if "job" in heading else []) == api.steps()


PAGE = "docs/new-definition.md"


def test_a_definition_is_checked_and_traced_after_its_first_five_minutes(desk: Desk) -> None:
    with SendGrid(CONTACTS) as api:
        desk.write("sendgrid.yaml", at(api.url, shown(PAGE, "The smallest thing that works (5 minutes)", "yaml").text))
        said = desk.type(filled(shown(PAGE, "The smallest thing that works (5 minutes)", "console"), key=api.KEY))

    assert "a@example.com" in said.stdout
    assert "/v3/marketing/contacts/exports" in said.stdout
    assert api.KEY not in said.stdout + said.stderr


def test_a_recording_is_made_and_replayed_without_the_api(desk: Desk) -> None:
    """The API is there for the first command alone."""
    trace, replay = shown(PAGE, "To contribute it", "console").commands
    with SendGrid(CONTACTS) as api:
        desk.write("mine.yaml", at(api.url, shown(PAGE, "The truth about it (5 minutes)", "yaml").text).replace("5s", "30ms"))
        desk.type([trace], TAP_ASYNCREPORT_SECRETS_API_KEY=api.KEY)
    desk.type([replay])

    assert api.KEY not in desk.read("contacts.json")


STATES = [("README.md", "State", "clicks"), ("docs/windows-and-state.md", "Jobs in state", "orders")]


@pytest.mark.promise(8)
@pytest.mark.promise(24)
@pytest.mark.parametrize(("page", "heading", "name"), STATES, ids=["README", "windows and state"])
@pytest.mark.parametrize("same", [True, False], ids=["the same request", "another request"])
def test_a_state_that_is_shown_is_gone_on_with(desk: Desk, page: str, heading: str, name: str, same: bool) -> None:
    """Nothing before its bookmark is asked for; its job is gone on with, or cleaned up where the dots are no hash."""
    text = shown(page, heading, "json").text
    entry = json.loads(text)["bookmarks"][name]
    key, (job,) = entry["replication_key"], entry["jobs"]
    start, end = (at[:10] for at in job["window"])
    days = {"start": "2026-01-01", "end": f"{end}T00:00:00Z", "step": "7d" if name == "orders" else "1d", "format": "date"}
    with FakeApi(["DONE"], rows=[{key: start}], date_key=key, end_is="exclusive") as api:
        api.jobs["r-101"] = FakeJob("r-101", 1, {"from": start, "to": end})
        jobs = {"resume_max_age": "10y", "poll_interval": "20ms"}
        desk.write("orders.json", config(api, stream(name, replication_key=key, primary_keys=[key], columns={key: "date"}, incremental=days, jobs=jobs)))
        desk.write("state.json", text)
        planned = desk.type("tap-asyncreport plan --config orders.json --state state.json").stdout
        (unit,) = map(json.loads, planned.splitlines())
        desk.write("state.json", text.replace("sha256:…", unit["request"]) if same else text)
        said = desk.type("tap-asyncreport --config orders.json --state state.json | target-jsonl | tail -n 1").stdout

    assert [{key: start}] == desk.rows(name)
    assert job["window"][1] == json.loads(said)["bookmarks"][name]["until"]
    assert [] == json.loads(said)["bookmarks"][name].get("jobs", [])
    assert (["poll", "download", "delete"] if same else ["abort", "delete"]) == [step for step in api.steps("r-101") if same or step != "poll"]
    assert (0 if same else 1) == len(api.calls("create"))


def test_days_with_a_budget(desk: Desk) -> None:
    """The README's second configuration; its API's names are put in place of the fake one's."""
    text = shown("README.md", "Your API", "yaml", 1).text.replace("/reports", "/exports").replace("/cancel", "/abort")
    rows = [{"date": f"2026-01-0{day}", "campaign_id": "7", "clicks": "3", "cost": "1.50"} for day in (1, 2, 3)]
    with FakeApi(rows=rows, token="t") as api:
        api.script = lambda job, _: {"status": "DONE", "files": [{"url": api.files.link(job)}]}
        desk.write("clicks.yaml", at(api.url, text))
        command = "tap-asyncreport --config clicks.yaml --config until.json --state states.jsonl | target-jsonl >> states.jsonl"
        desk.write("states.jsonl", "")
        for end in ("2026-01-02", "2026-01-03"):
            desk.write("until.json", {"end_date": end})
            desk.type(command, TAP_ASYNCREPORT_SECRETS_TOKEN="t")
    asked = [call.json()["from"] for call in api.calls("create")]
    looking_back = [row["date"] for row in rows]

    assert sorted(asked[:2]) + sorted(asked[2:]) == [*looking_back[:2], *looking_back]
    assert {"date": "2026-01-03", "campaign_id": 7, "clicks": 3, "cost": 1.5} == desk.rows("clicks")[-1]
    assert [] == api.left()


@pytest.mark.promise(3)
@pytest.mark.parametrize("wrong", [None, "numberOfRecords", "fileSize", "fileChecksum"])
def test_what_the_api_tells_of_a_file_is_held(desk: Desk, wrong: str | None) -> None:
    once = '{request: "GET {{ polling_response.url }}", retry: {max_tries: 1}}'
    text = shown("docs/files-and-values.md", "Whole or nothing", "yaml").text.replace("GET {{ polling_response.url }}", once)
    content = b"id,name\n1,Ann\n2,Bob\n"
    told: dict[str, Any] = {"numberOfRecords": 2, "fileSize": len(content), "fileChecksum": sha256(content).hexdigest()}
    if wrong is not None:
        told[wrong] = "0" * 64 if wrong == "fileChecksum" else 7
    with FakeApi(lambda *_: {"status": "DONE", **told}, rows=content) as api:
        desk.write("leads.yaml", at(api.url, text))
        said = desk.type("tap-asyncreport --config leads.yaml > messages.jsonl", code=0 if wrong is None else 1)

    assert (2 if wrong is None else 0) == desk.read("messages.jsonl").count('"RECORD"') or wrong == "numberOfRecords"
    assert wrong is None or "expect" in said.stderr
