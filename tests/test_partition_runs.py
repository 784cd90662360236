"""Whole runs over partitions: where their values come from, which bookmark each has, what becomes of those that vanish."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from fake_api import FakeApi, FakeJob, Reply, json_reply
from frozen import Ended, Frozen, frozen  # noqa: F401
from process import Process
from wire import Request

pytestmark = pytest.mark.promise(24)

DAY = {"start": "2026-01-01", "step": "1d", "format": "date", "end_is": "inclusive"}
Answer = Callable[[FakeApi, Request], Reply | None]


def stream(name: str, partitions: Sequence[Mapping[str, Any]] = (), **changes: Any) -> dict[str, Any]:
    names = {f"p_{each['name']}": f"{{{{ partition.{each['name']} }}}}" for each in partitions}
    day = {"from": "{{ window.start }}", "to": "{{ window.end }}"} if changes.get("incremental", DAY) else {}
    made: dict[str, Any] = {
        "name": name,
        "primary_keys": ["id"],
        "columns": {"id": "string"},
        "incremental": DAY,
        "partitions": list(partitions),
        "creation_requester": {"request": "POST /exports", "json": {"stream": name, **day, **names}},
        "polling_requester": "GET /exports/{{ creation_response.id }}",
        "download_retriever": "GET {{ polling_response.url }}",
        "delete_requester": "DELETE /exports/{{ creation_response.id }}",
        "jobs": {"max_attempts": 1, "poll_interval": "10ms"},
        **changes,
    }
    return {name: value for name, value in made.items() if value not in (None, [])}


def config(api: FakeApi, *streams: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {"base_url": api.url, **top, "streams": list(streams)}


def paged(pages: Mapping[str, list[list[Any]]], seen: list[str] | None = None) -> Answer:
    """Lists by path, page by page; `seen` is told each path with its query."""

    def answer(api: FakeApi, request: Request) -> Reply | None:
        if seen is not None:
            seen.append(request.target)
        found = pages.get(request.path)
        if found is None:
            return json_reply({"error": "no such list"}, 404)
        number = int(request.query.get("page", "1"))
        following = f"{request.path}?page={number + 1}" if number < len(found) else None
        return json_reply({"items": found[number - 1], "next": following and api.url + following})

    return answer


def asked(api: FakeApi, since: int, name: str = "clicks") -> list[tuple[Any, ...]]:
    """The values and the day of every creation call of a stream after the first `since`, in order."""
    jobs = [job.spec for job in list(api.jobs.values())[since:] if job.spec["stream"] == name]
    found = [(*(value for key, value in spec.items() if key.startswith("p_")), spec.get("from", "")[-2:]) for spec in jobs]
    return sorted(found, key=json.dumps)


def bookmarks(ended: Ended, name: str = "clicks") -> dict[str, str | None]:
    entries = ended.state["bookmarks"].get(name, {}).get("partitions", [])
    return {json.dumps([*entry["context"].values()]): entry.get("replication_key_value") for entry in entries}


def test_values_are_listed_page_by_page_and_per_combination_of_the_dimensions_before(frozen: Frozen) -> None:  # noqa: F811
    seen: list[str] = []
    pages = {"/accounts": [[{"id": 1}, {"id": None}], [{"id": 2}, {"id": 1}]], "/accounts/1/shops": [["x", "y"]], "/accounts/2/shops": [["z"]]}
    listing = {"records": "$.items[*]", "paginator": {"type": "next_url", "extractor": "$.next"}}
    dimensions = [
        {"name": "account", "request": "GET /accounts", "value": "$.id", **listing},
        {"name": "shop", "request": "GET /accounts/{{ partition.account }}/shops", **listing},
        {"name": "kind", "values": ["a", "b"]},
    ]
    with FakeApi(["DONE"], rows="id\n", hooks={"other": paged(pages, seen)}) as api:
        one = frozen.run("2026-01-02T12:00:00Z", config(api, stream("clicks", dimensions)))
        calls, made = list(seen), len(api.jobs)
        two = frozen.run("2026-01-03T12:00:00Z", config(api, stream("clicks", dimensions)), one.state)

    shops = [(1, "x"), (1, "y"), (2, "z")]
    assert (0, 0) == (one.exit_code, two.exit_code)
    assert sorted((*shop, kind, day) for shop in shops for kind in "ab" for day in ("01", "02")) == asked(api, 0)
    assert sorted((*shop, kind, "02") for shop in shops for kind in "ab") == asked(api, made)
    assert ["/accounts", "/accounts?page=2", "/accounts/1/shops", "/accounts/2/shops"] == calls
    assert any("1 repeated and 1 null left out of 4 values" in text for text in one.warnings)
    assert {json.dumps([*shop, kind]): "2026-01-02" for shop in shops for kind in "ab"} == bookmarks(two)


def test_values_on_pages_that_nobody_asks_for_are_told_of(frozen: Frozen) -> None:  # noqa: F811
    with FakeApi(hooks={"other": paged({"/accounts": [["a", "b"], ["c"]]})}) as api:
        listing = {"name": "account", "request": "GET /accounts", "records": "$.items[*]"}
        ended = frozen.run("2026-01-02T12:00:00Z", config(api, stream("clicks", [listing], incremental=None)))
    told = "the API has more values of account than are read; `$.next` leads to them: set `paginator` under `partitions`, "
    assert 1 == sum(f"{told}such as `{{type: next_url, extractor: $.next}}`" in text for text in ended.warnings)


def accounts(values: Sequence[Any]) -> Callable[[FakeJob], str]:
    """The file of the stream of accounts; clicks have one row, which names what was asked for."""

    def rows(job: FakeJob) -> str:
        if job.spec["stream"] == "accounts":
            return "id\n" + "".join(f"{value}\n" for value in values)
        return f"id\n{job.spec['p_account']}/{job.spec['from']}\n"

    return rows


OF_RECORDS = [{"name": "account", "stream": "accounts", "key": "id"}]


@pytest.mark.promise(21)
@pytest.mark.parametrize("columns", [{"id": "string", "n": "string"}, None])
@pytest.mark.parametrize("maps", [{}, {"accounts": {"__key_properties__": []}}])
@pytest.mark.parametrize("whole", [True, False])
def test_what_partitions_another_stream_is_read_though_the_catalog_deselects_it(
    tap: Process, whole: bool, maps: dict[str, Any], columns: dict[str, str] | None
) -> None:
    """Be it the whole stream or the column that is not to be emitted: the other stream loses no partition."""
    streams = [stream("clicks", OF_RECORDS), stream("accounts", incremental=None, primary_keys=None, columns=columns)]
    schema = {"type": "object", "properties": {name: {"type": ["string", "null"]} for name in columns or ()}}

    def rows(job: FakeJob) -> str:
        return "id,n\n7,x\n8,y\n" if job.spec["stream"] == "accounts" else f"id\n{job.spec['p_account']}\n"

    with FakeApi(["DONE"], rows=rows) as api:
        settings = config(api, *streams, end_date="2026-01-01", stream_maps=maps)
        metadata = [{"breadcrumb": [] if whole else ["properties", "id"], "metadata": {"selected": False}}]
        entries = [
            {"tap_stream_id": "clicks", "stream": "clicks", "schema": {"type": "object", "properties": {}}},
            {"tap_stream_id": "accounts", "stream": "accounts", "schema": schema, "metadata": metadata},
        ]
        run = tap.run(settings, catalog={"streams": entries})

    assert 0 == run.exit_code, run.stderr
    assert ["7", "8"] == sorted(row["id"] for row in run.records("clicks"))
    assert ([] if whole else [{"n": "x"}, {"n": "y"}]) == run.records("accounts")


@pytest.mark.parametrize("selected", [("accounts", "clicks"), ("clicks",)])
def test_another_stream_s_records_are_the_values_whether_it_is_selected_or_not(
    frozen: Frozen, selected: tuple[str, ...]  # noqa: F811
) -> None:
    values = ["1", "2", "1"]
    with FakeApi(["DONE"], rows=accounts(values)) as api:
        settings = config(api, stream("clicks", OF_RECORDS), stream("accounts", incremental=None))
        one = frozen.run("2026-01-02T12:00:00Z", settings, selected=selected)
        values.append("3")
        two = frozen.run("2026-01-03T12:00:00Z", settings, one.state, selected=selected)

    assert (["1", "2", "1"] if "accounts" in selected else []) == one.rows("id", "accounts")
    assert ["1/2026-01-01", "2/2026-01-01"] == sorted(one.rows("id", "clicks"))
    assert ["1/2026-01-02", "2/2026-01-02", "3/2026-01-01", "3/2026-01-02"] == sorted(two.rows("id", "clicks"))


def test_where_that_stream_fails_this_one_fails_too_keeps_its_bookmarks_and_harms_no_other(frozen: Frozen) -> None:  # noqa: F811
    failing: list[str] = []
    with FakeApi(lambda job, _: "FAILED" if job.spec["stream"] in failing else "DONE", rows=accounts(["1", "2"])) as api:
        settings = config(api, stream("accounts", incremental=None), stream("clicks", OF_RECORDS), stream("others", [{"name": "account", "values": ["9"]}]))
        one = frozen.run("2026-01-02T12:00:00Z", settings)
        failing.append("accounts")
        two = frozen.run("2026-01-03T12:00:00Z", settings, one.state)
        failing.clear()
        three = frozen.run("2026-01-03T13:00:00Z", settings, two.state)

    assert (0, 1, 0) == (one.exit_code, two.exit_code, three.exit_code)
    assert any("its partitions are the records of the stream accounts, which failed" in text for text in two.errors)
    assert bookmarks(one) == bookmarks(two)
    assert "absent" not in json.dumps(two.state)
    assert ["9/2026-01-02"] == two.rows("id", "others")
    assert ["1/2026-01-02", "2/2026-01-02"] == sorted(three.rows("id", "clicks"))


def test_values_of_an_incremental_stream_s_records_are_not_forgotten_when_their_first_job_fails(frozen: Frozen) -> None:  # noqa: F811
    """The records come once: whoever does not get them then is remembered in state until it has a bookmark."""
    failing = {("clicks", "2"), ("clicks", "3")}
    script = lambda job, _: "FAILED" if (job.spec["stream"], job.spec.get("p_account")) in failing else "DONE"  # noqa: E731
    with FakeApi(script, rows=lambda job: accounts(["1", "2", "3"] if job.spec["from"] == "2026-01-01" else [])(job)) as api:
        settings = config(api, stream("accounts"), stream("clicks", OF_RECORDS))
        one = frozen.run("2026-01-02T12:00:00Z", settings)
        failing.discard(("clicks", "3"))
        two = frozen.run("2026-01-03T12:00:00Z", settings, one.state)
        failing.clear()
        three = frozen.run("2026-01-04T12:00:00Z", settings, two.state)
        four = frozen.run("2026-01-04T12:00:00Z", settings, three.state)

    assert (1, 1, 0, 0) == (one.exit_code, two.exit_code, three.exit_code, four.exit_code)
    assert ["1/2026-01-02", "3/2026-01-01", "3/2026-01-02"] == sorted(two.rows("id", "clicks"))
    assert ["1/2026-01-03", "2/2026-01-01", "2/2026-01-02", "2/2026-01-03", "3/2026-01-03"] == sorted(three.rows("id", "clicks"))
    assert "known" not in json.dumps(four.state)
    assert {f'["{account}"]': "2026-01-03" for account in "123"} == bookmarks(four)


def test_they_are_in_state_before_the_bookmark_has_moved_past_their_records(frozen: Frozen) -> None:  # noqa: F811
    with FakeApi(["DONE"], rows=lambda job: accounts([f"1 of {job.spec['from']}"])(job)) as api:
        run = frozen.run("2026-01-04T12:00:00Z", config(api, stream("accounts"), stream("clicks", OF_RECORDS)))

    for message in run.messages:
        moved = message.get("value", {}).get("bookmarks", {}).get("accounts", {}).get("replication_key_value")
        if moved is not None:
            assert f"1 of {moved}" in json.dumps(message["value"]["bookmarks"].get("clicks"))


def test_new_ones_start_at_the_start_and_one_that_failed_keeps_its_bookmark(frozen: Frozen) -> None:  # noqa: F811
    failing: set[tuple[str, str]] = set()
    with FakeApi(lambda job, _: "FAILED" if (job.spec["p_account"], job.spec["from"]) in failing else "DONE", rows="id\n") as api:

        def run(now: str, state: Any, *values: str) -> Ended:
            return frozen.run(now, config(api, stream("clicks", [{"name": "account", "values": list(values)}])), state)

        one = run("2026-01-03T12:00:00Z", None, "a", "b")
        failing.add(("b", "2026-01-04"))
        two = run("2026-01-05T12:00:00Z", one.state, "a", "b", "c")
        failing.clear()
        made = len(api.jobs)
        three = run("2026-01-06T12:00:00Z", two.state, "a", "b", "c")

    assert {'["a"]': "2026-01-02", '["b"]': "2026-01-02"} == bookmarks(one)
    assert (1, {'["a"]': "2026-01-04", '["b"]': "2026-01-03", '["c"]': "2026-01-04"}) == (two.exit_code, bookmarks(two))
    assert [("a", "05"), ("b", "04"), ("b", "05"), ("c", "05")] == asked(api, made)
    assert {f'["{account}"]': "2026-01-05" for account in "abc"} == bookmarks(three)


def test_vanished_ones_are_kept_for_one_run_and_then_dropped(frozen: Frozen) -> None:  # noqa: F811
    state: Any = None
    found = []
    with FakeApi(["DONE"], rows="id\n") as api:
        for day, values in enumerate(("ab", "a", "ab", "a", "a", "ab"), 2):
            made = len(api.jobs)
            settings = config(api, stream("clicks", [{"name": "account", "values": list(values)}]))
            run = frozen.run(f"2026-01-{day:02}T12:00:00Z", settings, state)
            state = run.state
            found.append([day for account, day in asked(api, made) if account == "b"])
            assert 0 == run.exit_code

    assert [["01"], [], ["02", "03"], [], [], ["01", "02", "03", "04", "05", "06"]] == found


def test_numbers_booleans_and_objects_are_found_again_though_a_target_changed_their_spelling(frozen: Frozen) -> None:  # noqa: F811
    values = [7, "x y", True, 1.5, {"id": 1, "zone": "UTC", "none": None}]
    with FakeApi(["DONE"], rows="id\n") as api:
        settings = config(api, stream("clicks", [{"name": "account", "values": values}]))
        one = frozen.run("2026-01-02T12:00:00Z", settings)
        text = json.dumps(one.state).replace('{"account": 7}', '{"account": "7"}').replace('{"account": 1.5}', '{"account": "1.5"}')
        made = len(api.jobs)
        two = frozen.run("2026-01-03T12:00:00Z", settings, json.loads(text.replace('{"id": 1, "zone": "UTC", "none": null}', '{"zone": "UTC", "none": null, "id": "1"}')))

    assert ["02"] * 5 == [day for _, day in asked(api, made)]
    assert 5 == len(two.state["bookmarks"]["clicks"]["partitions"])
    assert "absent" not in json.dumps(two.state)


@pytest.mark.promise(10)
def test_a_partition_whose_zone_does_not_exist_fails_alone(frozen: Frozen) -> None:  # noqa: F811
    accounts = [{"id": 1, "zone": "UTC"}, {"id": 2, "zone": "Mars/Phobos"}, {"id": 3}]
    state = {"bookmarks": {"clicks": {"partitions": [{"context": {"account": "an older shape"}, "replication_key_value": "2026-01-01"}]}}}
    with FakeApi(["DONE"], rows="id\n") as api:
        settings = config(
            api,
            stream("clicks", [{"name": "account", "values": accounts}], incremental={**DAY, "timezone": "{{ partition.account.zone }}"}),
            stream("others", [{"name": "account", "values": ["9"]}]),
        )  # fmt: skip
        run = frozen.run("2026-01-02T12:00:00Z", settings, state)

    assert 1 == run.exit_code
    assert [1] == [account["id"] for account, _ in asked(api, 0)]
    assert {'["9"]': "2026-01-01"} == bookmarks(run, "others")
    (told,) = [text for text in run.errors if "clicks" in text]
    assert "'Mars/Phobos' is no time zone (and 1 more of 3 partitions cannot be planned)" in told


@pytest.mark.promise(1)
def test_a_vanished_partition_s_job_is_kept_while_it_may_come_back_and_then_put_away(frozen: Frozen) -> None:  # noqa: F811
    with FakeApi(lambda job, _: "DONE" if job.spec["p_account"] == "a" else "RUNNING", rows="id\n") as api:

        def run(state: Any, *values: str) -> Ended:
            clicks = stream(
                "clicks",
                [{"name": "account", "values": list(values)}],
                abort_requester="POST /exports/{{ creation_response.id }}/abort",
                jobs={"timeout": "150ms", "poll_interval": "20ms"},
            )
            return frozen.run("2026-01-02T12:00:00Z", config(api, clicks), state)

        one = run(None, "a", "b")
        job = next(job for job in api.jobs.values() if job.spec["p_account"] == "b")
        two = run(one.state, "a")
        assert (1, 0, 0) == (one.exit_code, two.exit_code, job.aborted + job.deleted)
        assert job.id in json.dumps(two.state)
        three = run(two.state, "a")

    assert (0, 1, 1) == (three.exit_code, job.aborted, job.deleted)
    assert "b" not in json.dumps(three.state["bookmarks"]["clicks"]["partitions"][0]["context"])
    assert 1 == len(three.state["bookmarks"]["clicks"]["partitions"])


@pytest.mark.promise(8)
@pytest.mark.parametrize(
    ("grown", "expected"),
    [(["x", "c", "a", "b"], [["a", "b"], ["c"], ["x"]]), (["a", "c"], [["a"], ["a", "b"], ["c"]])],
)
def test_of_a_list_that_changed_the_batches_that_have_jobs_are_gone_on_with(
    frozen: Frozen, grown: list[str], expected: list[list[str]]  # noqa: F811
) -> None:
    over: list[bool] = []
    with FakeApi(lambda job, _: "DONE" if over else "RUNNING", rows="id\n") as api:

        def run(state: Any, *values: str) -> Ended:
            dimensions = [{"name": "ids", "values": list(values), "batch": 2}]
            clicks = stream("clicks", dimensions, jobs={"timeout": "150ms", "poll_interval": "20ms"})
            return frozen.run("2026-01-02T12:00:00Z", config(api, clicks), state)

        one = run(None, "a", "b", "c")
        over.append(True)
        two = run(one.state, *grown)
        made = len(api.jobs)
        three = run(two.state, *grown)

    assert (1, 0, 0) == (one.exit_code, two.exit_code, three.exit_code)
    assert expected == sorted(job.spec["p_ids"] for job in api.jobs.values())
    assert [] == asked(api, made)
    assert [] == api.doubles


def test_a_list_is_asked_for_no_longer_than_its_max_time(frozen: Frozen) -> None:  # noqa: F811
    seen: list[str] = []

    def down(_: FakeApi, request: Request) -> Reply:
        seen.append(request.path)
        return json_reply({"error": "down"}, 503)

    retry = {"wait": "100ms", "max_tries": 50, "max_time": "400ms"}
    with FakeApi(hooks={"other": down}) as api:
        listing = {"name": "account", "request": {"request": "GET /accounts", "retry": retry}, "records": "$.items[*]"}
        ended = frozen.run("2026-01-02T12:00:00Z", config(api, stream("clicks", [listing], incremental=None)))
    assert 1 == ended.exit_code
    assert 2 <= len(seen) <= 3
