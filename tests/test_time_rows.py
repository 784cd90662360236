"""Whole runs with the clock frozen: late and stray rows, windows that are too large, chains of jobs, partitions' zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from fake_api import FakeApi, FakeJob, Reply, json_reply
from frozen import Frozen, frozen  # noqa: F401

pytestmark = pytest.mark.promise(23)

DAY = {"start": "2026-01-01", "step": "1d", "format": "date", "end_is": "inclusive"}


def config(api: FakeApi, incremental: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    body = {"from": "{{ window.start }}", "to": "{{ window.end }}"}
    partitions = changes.get("partitions", [])
    stream = {
        "name": "orders",
        "primary_keys": ["id"],
        "replication_key": "day",
        "columns": {"id": "string", "day": "date"},
        "incremental": dict(incremental),
        "creation_requester": {"request": "POST /exports", "json": {**body, **{p["name"]: f"{{{{ partition.{p['name']} }}}}" for p in partitions}}},
        "polling_requester": "GET /exports/{{ creation_response.id }}",
        "download_retriever": "GET {{ polling_response.url }}",
        "delete_requester": "DELETE /exports/{{ creation_response.id }}",
        "jobs": {"max_attempts": 1, "poll_interval": "10ms", "poll_backoff": 1},
        **changes,
    }  # fmt: skip
    return {"base_url": api.url, "streams": [stream]}


class World:
    """Rows by day as they come to be known; a job gets those of its window."""

    def __init__(self, **days: Sequence[str]) -> None:
        self.days = {f"2026-01-{int(day[1:]):02}": list(ids) for day, ids in days.items()}
        self.everywhere: list[str] = []

    def add(self, day: int, *ids: str) -> None:
        self.days.setdefault(f"2026-01-{day:02}", []).extend(ids)

    def rows(self, job: FakeJob) -> str:
        inside = [(each, day) for day, ids in self.days.items() if job.spec["from"] <= day <= job.spec["to"] for each in ids]
        stray = [(each, "2025-06-01") for each in self.everywhere]
        return "id,day\n" + "".join(f"{each},{day}\n" for each, day in stray + inside)


def asked(api: FakeApi, since: int = 0) -> list[tuple[Any, Any]]:
    return sorted((job.spec["from"], job.spec["to"]) for job in list(api.jobs.values())[since:])


def test_late_rows_come_with_the_lag_and_a_row_that_is_later_still_with_the_look_back(frozen: Frozen) -> None:  # noqa: F811
    world = World(d1=["1a"], d2=["2a"], d3=["3a"], d4=["4a"])
    incremental = {**DAY, "lag": "1d", "lookback": "1d"}
    with FakeApi(["DONE"], rows=world.rows) as api:
        one = frozen.run("2026-01-05T08:00:00Z", config(api, incremental))
        world.add(4, "4 late")
        world.add(5, "5a")
        two = frozen.run("2026-01-06T08:00:00Z", config(api, incremental), one.state)
        world.add(4, "4 later still")
        world.add(6, "6a")
        three = frozen.run("2026-01-07T08:00:00Z", config(api, incremental), two.state)
        four = frozen.run("2026-01-07T08:00:00Z", config(api, incremental), three.state)

    assert ["1a", "2a", "3a", "4a"] == one.rows("id")
    assert ["4a", "4 late", "5a"] == two.rows("id")
    assert ["5a", "6a"] == three.rows("id")
    assert ["6a"] == four.rows("id")
    bookmarks = [run.state["bookmarks"]["orders"]["until"][:10] for run in (one, two, three, four)]
    assert ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-07"] == bookmarks


def test_stray_rows_are_emitted_with_one_warning_and_move_nothing(frozen: Frozen) -> None:  # noqa: F811
    world = World(d1=["1a"], d9=["9a"])
    world.everywhere = ["stray"]
    with FakeApi(["DONE"], rows=world.rows) as api:
        one = frozen.run("2026-01-04T08:00:00Z", config(api, DAY))
        two = frozen.run("2026-01-05T08:00:00Z", config(api, DAY), one.state)
        three = frozen.run("2026-01-05T09:00:00Z", config(api, DAY), two.state)

    assert ["stray", "1a", "stray", "stray"] == one.rows("id")
    assert ["stray"] == two.rows("id")
    assert [] == three.rows("id")
    told = [[text for text in run.warnings if "outside the window" in text] for run in (one, two, three)]
    assert [1, 1, 0] == [len(each) for each in told]
    values = [run.state["bookmarks"]["orders"]["replication_key_value"] for run in (one, two, three)]
    assert ["2026-01-03", "2026-01-04", "2026-01-04"] == values


@pytest.mark.promise(22)
@pytest.mark.parametrize(
    ("incremental", "expected"),
    [
        ({"start": "2026-01-01", "format": "date", "end_is": "inclusive"}, 5),
        ({"start": "2026-01-01T00:00:00Z", "granularity": "12h", "format": "%Y-%m-%d.%H", "end_is": "inclusive"}, 10),
    ],
)
def test_windows_that_are_too_large_are_halved_down_to_the_granularity_and_tile_what_they_were(
    frozen: Frozen, incremental: Mapping[str, Any], expected: int  # noqa: F811
) -> None:
    too_large = json_reply({"error": "too many rows"}, 413)

    def create(api: FakeApi, request: Any) -> Reply | None:
        spec = request.json()
        return too_large if spec["from"] != spec["to"] else None

    rules = {"responses": [{"status": 413, "means": "too_large"}]}
    with FakeApi(["DONE"], rows=lambda job: f"id,day\n{job.spec['from']},{job.spec['from'][:10]}\n", hooks={"create": create}) as api:
        settings = config(api, incremental)
        settings["streams"][0]["creation_requester"] |= rules
        one = frozen.run("2026-01-06T00:00:00Z", settings)
        two = frozen.run("2026-01-07T00:00:00Z", settings, one.state)

    assert 0 == one.exit_code == two.exit_code
    assert expected == len(set(one.rows("id"))) == len(one.rows("id"))
    assert sorted(one.rows("id")) == one.rows("id")
    assert "2026-01-06T00:00:00Z" == one.state["bookmarks"]["orders"]["until"]
    assert expected // 5 == len(two.rows("id"))


def test_a_unit_that_is_still_too_large_fails_and_holds_the_bookmark_before_it(frozen: Frozen) -> None:  # noqa: F811
    def create(api: FakeApi, request: Any) -> Reply | None:
        spec = request.json()
        bad = spec["from"] <= "2026-01-03" <= spec["to"]
        return json_reply({}, 413) if bad else None

    with FakeApi(["DONE"], rows="id,day\n", hooks={"create": create}) as api:
        settings = config(api, {**DAY, "step": "4d"})
        settings["streams"][0]["creation_requester"] |= {"responses": [{"status": 413, "means": "too_large"}]}
        one = frozen.run("2026-01-09T00:00:00Z", settings)

    assert 1 == one.exit_code
    assert "2026-01-02" == one.state["bookmarks"]["orders"]["replication_key_value"]


@pytest.mark.parametrize("partitions", [(), ("a", "b")])
def test_the_bookmark_moves_after_the_last_job_of_a_chain(frozen: Frozen, partitions: Sequence[str]) -> None:  # noqa: F811
    def script(job: FakeJob, k: int) -> dict[str, Any] | str:
        page = int(job.spec.get("page") or 1)
        if page == 3 and job.spec["from"] in failing:
            return "FAILED"
        return {"status": "DONE", "next": page + 1 if page < 3 else None}

    failing = {"2026-01-02"}
    named = [{"name": "account", "values": list(partitions)}] if partitions else []
    with FakeApi(script, rows=lambda job: f"id,day\n{job.spec['from']}/{job.spec.get('page') or 1},{job.spec['from']}\n") as api:
        settings = config(api, DAY, partitions=named)
        settings["streams"][0]["creation_requester"]["paginator"] = {"type": "cursor", "extractor": "$.next", "into": {"json": "page"}}
        one = frozen.run("2026-01-04T08:00:00Z", settings)
        failing.clear()
        two = frozen.run("2026-01-04T09:00:00Z", settings, one.state)
        three = frozen.run("2026-01-04T10:00:00Z", settings, two.state)

    def bookmarks(run: Any) -> list[str]:
        entry = run.state["bookmarks"]["orders"]
        return [each["replication_key_value"] for each in (entry["partitions"] if partitions else [entry])]

    times = max(1, len(partitions))
    assert (1, ["2026-01-01"] * times) == (one.exit_code, bookmarks(one))
    assert {f"2026-01-01/{page}" for page in (1, 2, 3)} <= set(one.rows("id"))
    assert (0, ["2026-01-03"] * times) == (two.exit_code, bookmarks(two))
    links = [f"2026-01-0{day}/{page}" for day in (2, 3) for page in (1, 2, 3)]
    assert set(links) <= {*one.rows("id"), *two.rows("id")}
    assert times == two.rows("id").count("2026-01-02/3")
    assert (0, [], ["2026-01-03"] * times) == (three.exit_code, three.rows("id"), bookmarks(three))


@pytest.mark.promise(22)
def test_each_partition_s_days_are_those_of_its_own_zone(frozen: Frozen) -> None:  # noqa: F811
    accounts = [{"id": 1, "zone": "Pacific/Auckland"}, {"id": 2, "zone": "America/Los_Angeles"}, {"id": 3, "zone": "UTC"}]
    with FakeApi(["DONE"], rows="id,day\n") as api:
        settings = config(
            api, {**DAY, "timezone": "{{ partition.account.zone }}"}, partitions=[{"name": "account", "values": accounts}]
        )
        runs = []
        state: Any = None
        for now in ("2026-01-03T05:00:00Z", "2026-01-03T08:00:00Z", "2026-01-03T11:00:00Z"):
            before = len(api.jobs)
            run = frozen.run(now, settings, state)
            state = run.state
            runs.append(sorted((job.spec["account"]["id"], job.spec["from"][-2:]) for job in list(api.jobs.values())[before:]))

    assert [(1, "01"), (1, "02"), (2, "01"), (3, "01"), (3, "02")] == runs[0]
    assert [(2, "02")] == runs[1]
    assert [(1, "03")] == runs[2]
    untils = {entry["context"]["account"]["id"]: entry["until"] for entry in state["bookmarks"]["orders"]["partitions"]}
    assert {1: "2026-01-03T11:00:00Z", 2: "2026-01-03T08:00:00Z", 3: "2026-01-03T00:00:00Z"} == untils
