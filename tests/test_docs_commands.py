"""Every example in the help of every command, typed as the page of commands shows it."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from desk import Desk
from fake_api import FakeApi
from shown import ROOT, blocks
from test_sync import stream

PAGE = {block.heading: block.text for block in blocks(ROOT / "docs" / "commands.md")}


EXAMPLE = re.compile(r"^    ((?:tap-asyncreport|meltano) .*(?:\n      .*\S.*)*)$", re.MULTILINE)


def examples(command: str) -> list[str]:
    """What is to be typed under a command's `Examples`, lines that go on joined."""
    found = (re.sub(r"(?: \\)?\n +", " ", example) for example in EXAMPLE.findall(PAGE[command]))
    return [re.sub(r" {3,}.*", "", example) for example in found]


TYPED_HERE = [command for command in PAGE if command != "demo"]
START, END = "2026-01-30", "2026-01-31"
ROWS = [{"date": day, "campaign": 1, "clicks": 3, "cost": "1.50"} for day in (START, END)]


def orders(api: FakeApi) -> dict[str, Any]:
    days = {"start": START, "end": END, "step": "1d", "format": "date", "end_is": "inclusive"}
    found = stream("orders", incremental=days, partitions=[{"name": "account", "values": [7, 8]}])
    del found["columns"]
    found["creation_requester"]["json"]["account"] = "{{ partition.account }}"
    return {"base_url": api.url, "streams": [found]}


def state_with(*jobs: str) -> dict[str, Any]:
    """A state whose first window is done, with jobs of account 7 that are at the API."""
    window = [f"{END}T00:00:00Z", "2026-02-01T00:00:00Z"]
    kept = [{"id": job, "window": window, "request": "sha256:x", "attempt": 1, "creation_response": {"id": job}} for job in jobs]
    entry = {"context": {"account": 7}, "replication_key_value": START, "until": window[0], **({"jobs": kept} if kept else {})}
    return {"bookmarks": {"orders": {"partitions": [entry]}}}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_every_line_that_looks_like_an_example_is_typed() -> None:
    begins = re.compile(r"^ +(?:tap-asyncreport|meltano) ", re.MULTILINE)
    for command, text in PAGE.items():
        typed = "".join(f"    {example}\n" for example in EXAMPLE.findall(text))
        assert len(begins.findall(text)) == len(begins.findall(typed)), command


@pytest.mark.parametrize("command", TYPED_HERE)
def test_the_examples_of_a_command_do_as_they_say(desk: Desk, command: str) -> None:
    with FakeApi(["DONE"], rows=ROWS) as api:
        config = orders(api)
        jobs = [api.new_job({"from": END, "to": END, "account": account}).id for account in (7, 8)]
        if command != "init":
            desk.write("orders.yaml", yaml.safe_dump(config))
        changed = json.loads(json.dumps(config))
        changed["streams"][0]["jobs"]["poll_interval"] = "30ms"
        desk.write("changed.yaml", yaml.safe_dump(changed))
        desk.write("state.json", state_with(*jobs))
        desk.write("states.jsonl", f"{json.dumps(state_with())}\n{json.dumps(state_with(*jobs))}\n")
        for part in (1, 2, 3):
            desk.write(f"part{part}.json", state_with())
        environment = {f"TAP_ASYNCREPORT_{key.upper()}": value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
        lines = [line for line in examples(command) if not line.startswith("meltano")]
        said = {line: desk.type(line, **(environment if "ENV" in line else {})).stdout for line in lines}
        after(command, desk, api, said)


def after(command: str, desk: Desk, api: FakeApi, said: dict[str, str]) -> None:
    """What the examples say of themselves, beyond that they end well."""
    written = {path.name for path in desk.directory.iterdir()}
    if command == "init":
        assert {"orders.yaml", "pinterest.yaml"} <= written
    elif command == "check":
        assert "3 jobs to do" in said["tap-asyncreport check --config orders.yaml --state state.json"]
        assert json.loads(said["tap-asyncreport check --config ENV --json"])
    elif command == "trace":
        assert [START, END, START, START, START] == [call.json()["from"] for call in api.calls("create")]
        assert [7] * 5 == [call.json()["account"] for call in api.calls("create")]
        assert "curl" in said["tap-asyncreport trace orders --config orders.yaml --curl"]
    elif command == "columns":
        (found,) = yaml.safe_load(desk.read("orders.yaml"))["streams"]
        assert {"date": "date", "campaign": "integer", "clicks": "integer"}.items() <= found["columns"].items()
    elif command == "jobs":
        assert [2, 2] == [text.count("job-") for text in list(said.values())[:2]]
        assert [] == api.live()
    elif command == "plan":
        counts = [len(text.splitlines()) for text in said.values()]
        assert [4, 3] == counts[:2]
    elif command == "state":
        assert state_with() == json.loads(desk.read("state.json"))
    elif command == "schema":
        assert "properties" in json.loads(desk.read("tap-asyncreport.schema.json"))
    assert all(said[line] or "--write" in line or ">" in line for line in said)


def a_port() -> int:
    """The demo's own port, or a free one where somebody listens there."""
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", 8765)) == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1]) if taken else 8765


def test_the_example_api_is_served_and_traced(desk: Desk) -> None:
    bare, served, trace = examples("demo")
    settings = dict(re.findall(r"`(\w+): (\S+)`", PAGE["demo"]))
    port = a_port()
    if port != 8765:
        bare = f"{bare} --port 8765"
    desk.write("demo.yaml", yaml.safe_dump(settings).replace("8765", str(port)))
    for serve in (bare, served):
        beside = [f"{serve} > said &", "until grep -q 127.0.0.1 said; do sleep 0.02; done", trace, "kill -INT $!", "wait $! || true"]
        said = desk.type([line.replace("8765", str(port)) for line in beside]).stdout
        assert "2012-01-01" in said
