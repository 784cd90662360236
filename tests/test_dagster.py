"""Units of work on a real Dagster: what a materialization reads, what it tells, and how it fails."""

from __future__ import annotations

import json
import logging
import os
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from canaries import leaks
from fake_api import FakeApi, Reply
from test_sync import ROWS, config, stream

if "CI" not in os.environ:
    pytest.importorskip("dagster", reason="the extra `dagster` is not installed here")

import dagster as dg
from dagster_kit import TARGET, Plant

from tap_asyncreport.dagster import partitions_job_from
from tap_asyncreport.errors import ConfigurationError

ACCOUNTS = [{"name": "account", "values": [7, 8]}]
NEVER = {"poll_interval": "50ms", "poll_backoff": 1}


def by_account(name: str = "clicks", **changes: Any) -> dict[str, Any]:
    """A stream of days and accounts; the API is told which account."""
    found = stream(name, **{"partitions": ACCOUNTS, **changes})
    found["creation_requester"]["json"]["account"] = "{{ partition.account }}"
    return found


def plant(folder: Path, api: FakeApi, *streams: dict[str, Any], given: dict[str, Any] | None = None, **top: Any) -> Plant:
    return Plant(folder, config(api, *streams, **top), given or {})


def materialize(plant: Plant, key: str | None = None, **given: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(plant.assets(), partition_key=key, raise_on_error=False, **given)


def told(run: dg.ExecuteInProcessResult) -> dict[str, Any]:
    event = run.get_asset_materialization_events()[-1]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def failure(run: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any]]:
    (event,) = run.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    return data.description, {name: value.value for name, value in data.metadata.items()}


def asked(api: FakeApi) -> list[tuple[Any, str]]:
    return [(call.json().get("account"), call.json()["from"]) for call in api.calls("create")]


def test_a_materialization_reads_its_account_and_its_day_and_tells_what_it_did(tmp_path: Path) -> None:
    with FakeApi(rows=ROWS) as api:
        here = plant(tmp_path, api, by_account(), run_report=str(tmp_path / "page.html"))
        run = materialize(here, "8|2026-01-02")

    assert run.success
    assert [(8, "2026-01-02")] == asked(api)
    assert [("2026-01-02", 1), ("2026-01-02", 2)] == [(row["date"], row["campaign"]) for row in here.rows()]
    found = told(run)
    assert (2, 2, 1, 0) == tuple(found[name] for name in ("rows", "dagster/row_count", "jobs_created", "jobs_adopted"))
    assert found["bytes"] > 0
    assert 0 < found["seconds_waiting"] <= found["seconds"]
    assert Path(found["run_page"]).is_file()
    assert {} == here.kept()


def test_a_range_of_days_is_one_run_of_the_tap(tmp_path: Path) -> None:
    with FakeApi(rows=ROWS) as api:
        here = plant(tmp_path, api, by_account(), given={"partitions_per_run": None})
        ends = {"dagster/asset_partition_range_start": "7|2026-01-01", "dagster/asset_partition_range_end": "7|2026-01-03"}
        run = materialize(here, tags=ends)

    assert run.success
    assert [(7, "2026-01-01"), (7, "2026-01-02"), (7, "2026-01-03")] == asked(api)
    assert 1 == api.most_live
    assert {f"7|2026-01-0{day}" for day in (1, 2, 3)} == {
        event.partition for event in run.get_asset_materialization_events()
    }
    assert 6 == told(run)["rows"]


def test_a_retry_goes_on_with_the_job_of_the_run_that_failed(tmp_path: Path) -> None:
    done: list[str] = []
    with FakeApi(script=lambda job, k: done[0] if done else "RUNNING", rows=ROWS) as api:
        here = plant(tmp_path, api, stream(jobs={**NEVER, "timeout": "300ms"}))
        first = materialize(here, "2026-01-02")
        (kept,) = here.kept().values()
        done.append("DONE")
        second = materialize(here, "2026-01-02")

    assert not first.success
    assert ["job-1"] == [job["id"] for job in kept["said"]["bookmarks"]["clicks"]["jobs"]]
    assert second.success
    assert 1 == len(api.calls("create"))
    assert (0, 1) == (told(second)["jobs_created"], told(second)["jobs_adopted"])
    assert 2 == len(here.rows())
    assert {} == here.kept()


def test_what_the_target_has_of_a_range_is_not_read_again(tmp_path: Path) -> None:
    def script(job: Any, k: int) -> Any:
        return "FAILED" if job.spec["from"] == "2026-01-03" and len(api.calls("create")) < 4 else "DONE"

    with FakeApi(script=script, rows=ROWS) as api:
        failing = stream(jobs={**NEVER, "max_attempts": 1})
        here = plant(tmp_path, api, failing, given={"partitions_per_run": None})
        ends = {"dagster/asset_partition_range_start": "2026-01-01", "dagster/asset_partition_range_end": "2026-01-03"}
        first = materialize(here, tags=ends)
        second = materialize(here, tags=ends)

    assert (False, True) == (first.success, second.success)
    assert ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-03"] == [day for _, day in asked(api)]
    assert 6 == len(here.rows())
    assert len(api.calls("create")) == len(api.calls("delete"))


def test_a_failure_is_red_with_the_words_of_the_api(tmp_path: Path) -> None:
    with FakeApi(faults={("create", "*"): Reply(400, '{"error": "no such campaign"}')}) as api:
        run = materialize(plant(tmp_path, api, given={"retry_policy": dg.RetryPolicy(max_retries=1)}), "2026-01-02")

    words, metadata = failure(run)
    assert "no such campaign" in words
    assert 1 == metadata["exit_code"]
    assert 2 == len(api.calls("create"))


def test_a_refused_login_is_not_tried_again(tmp_path: Path) -> None:
    with FakeApi(token="right") as api:
        wrong = {"authenticator": {"type": "bearer", "token": "wrong"}}
        here = plant(tmp_path, api, given={"retry_policy": dg.RetryPolicy(max_retries=3)}, **wrong)
        run = materialize(here, "2026-01-02")

    assert 77 == failure(run)[1]["exit_code"]
    assert 1 == len(api.calls("create"))


def test_a_target_that_dies_is_red_with_its_words_and_the_day_is_read_again(tmp_path: Path) -> None:
    with FakeApi(rows=ROWS) as api:
        here = plant(tmp_path, api)
        here.given["target"] = [*usual_target(here), "the disk is full"]
        first = materialize(here, "2026-01-02")
        del here.given["target"]
        second = materialize(here, "2026-01-02")

    assert "the disk is full" in failure(first)[0]
    assert second.success
    assert 2 == len(here.rows())


def usual_target(here: Plant) -> list[str]:
    return [sys.executable, str(TARGET), str(here.folder / "rows.jsonl")]


def test_log_lines_come_at_their_level_while_the_unit_runs(tmp_path: Path) -> None:
    lines: list[tuple[str, str]] = []

    @dg.logger
    def noting(context: Any) -> Any:
        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                lines.append((record.levelname, record.dagster_meta["orig_message"]))

        found = logging.Logger("noting", logging.DEBUG)
        found.addHandler(Handler())
        return found

    with FakeApi(script=("STRANGE", "DONE"), rows=ROWS) as api:
        odd = stream(status={"unknown": "running"})
        here = plant(tmp_path, api, odd)
        dg.Definitions(
            assets=here.assets(), jobs=[dg.define_asset_job("units")], loggers={"noting": noting}
        ).resolve_job_def("units").execute_in_process(
            partition_key="2026-01-02", run_config={"loggers": {"noting": {}}}, raise_on_error=False
        )

    said = [(level, text) for level, text in lines if "job-1" in text or "STRANGE" in text]
    assert any(level == "INFO" and text.endswith("job job-1 created") for level, text in said), lines
    assert any(level == "WARNING" and "STRANGE" in text for level, text in said), lines


def test_partitions_that_an_api_lists_become_dagsters(tmp_path: Path) -> None:
    lists = {"name": "account", "request": "GET /exports?ids=a", "records": "$.accounts[*]", "value": "$.id"}
    accounts = [7, 8, 9]

    def listing(api: FakeApi, request: Any) -> Reply | None:
        if "ids=a" not in request.target:
            return None
        return Reply(200, json.dumps({"accounts": [{"id": each} for each in accounts]}))

    with FakeApi(rows=ROWS, hooks={"poll": listing}) as api, dg.DagsterInstance.ephemeral() as instance:
        here = plant(tmp_path, api, by_account(partitions=[lists]))
        job = partitions_job_from(here.config, state_path=str(tmp_path / "units"))
        assert job.execute_in_process(instance=instance).success
        accounts.remove(9)
        assert job.execute_in_process(instance=instance).success
        lists_before = len([call for call in api.calls("poll") if "ids=a" in call.target])
        run = materialize(here, "8|2026-01-01", instance=instance)

        assert ["7", "8"] == sorted(instance.get_dynamic_partitions("clicks partitions"))

    assert run.success
    assert [(8, "2026-01-01")] == asked(api)
    assert lists_before == len([call for call in api.calls("poll") if "ids=a" in call.target])


def test_the_records_of_a_stream_become_the_partitions_of_another(tmp_path: Path) -> None:
    campaigns = {"name": "campaign", "stream": "campaigns", "key": "campaign"}
    child = stream("clicks", partitions=[campaigns], incremental=None)
    child["creation_requester"]["json"] = {"stream": "clicks", "account": "{{ partition.campaign }}"}
    parent = stream("campaigns", incremental=None)
    parent["creation_requester"]["json"] = {"stream": "campaigns"}
    with FakeApi(rows=ROWS) as api, dg.DagsterInstance.ephemeral() as instance:
        here = plant(tmp_path, api, parent, child)
        parents, children = here.assets()
        assert {parents.key} == set(children.asset_deps[children.key])
        assert dg.materialize([parents], instance=instance).success
        assert ["1", "2"] == sorted(instance.get_dynamic_partitions("clicks partitions"))
        run = dg.materialize([parents, children], selection=[children], partition_key="2", instance=instance)

    assert run.success
    assert [("campaigns", None), ("clicks", 2)] == [
        (call.json()["stream"], call.json().get("account")) for call in api.calls("create")
    ]


@pytest.mark.parametrize(
    ("incremental", "window", "first", "count"),
    [
        ({"step": "1d"}, None, ["2026-01-01", "2026-01-02"], 59),
        ({"step": "7d"}, None, ["2026-01-01", "2026-01-08"], 9),
        ({"step": "7d", "align": "week"}, None, ["2025-12-29", "2026-01-05"], 9),
        ({"step": "1mo", "align": "month"}, None, ["2026-01-01", "2026-02-01"], 2),
        ({"step": "1mo", "start": "2026-01-15"}, None, ["2026-01-15", "2026-02-15"], 2),
        ({"step": "6h", "format": "iso", "end": "2026-01-02"}, None, ["2026-01-01-00:00", "2026-01-01-06:00"], 8),
        ({"step": "3d"}, None, ["2026-01-01", "2026-01-08"], 9),
        ({"step": "1d"}, "1mo", ["2026-01-01", "2026-02-01"], 2),
        ({}, None, ["2026-01-01", "2026-01-02"], 59),
    ],
)
def test_partitions_of_time_are_the_streams_steps(
    tmp_path: Path, incremental: dict[str, Any], window: str | None, first: list[str], count: int
) -> None:
    with FakeApi() as api:
        given = {"start": "2026-01-01", "end": "2026-02-28", "format": "date", **incremental}
        here = plant(tmp_path, api, stream(incremental=given), given={"window": window}, timezone="Europe/Berlin")
        (asset,) = here.assets()

    keys = asset.partitions_def.get_partition_keys()
    assert first == keys[:2]
    assert count == len(keys)


@pytest.mark.parametrize("name", ["start", "end"])
def test_a_span_that_moves_is_told_before_anything_runs(name: str, tmp_path: Path) -> None:
    """Partitions of time stay where they are."""
    spans = {"start": "2026-01-01", "step": "1d", "format": "date", name: "{{ now | minus('2d') }}"}
    with FakeApi() as api, pytest.raises(ConfigurationError, match="moves from run to run"):
        plant(tmp_path, api, stream(incremental=spans)).assets()


def test_a_stream_without_a_start_is_told_before_anything_runs(tmp_path: Path) -> None:
    with FakeApi() as api, pytest.raises(ConfigurationError, match="no start"):
        plant(tmp_path, api, stream(incremental={"step": "1d", "format": "date", "max_history": "30d"})).assets()


DOCS = Path(__file__).parent.parent / "docs"


def test_the_example_project_reads_a_month_and_plans_the_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = shutil.copytree(DOCS / "dagster_example", tmp_path / "project")
    target = tmp_path / "target-jsonl"
    target.write_text(f'#!/bin/sh\nexec {sys.executable} {TARGET} {tmp_path}/rows.jsonl\n')
    target.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = runpy.run_path(str(here / "definitions.py"))
    run = dg.materialize(found["weather"], partition_key="2012-02-01", raise_on_error=False)
    with dg.build_schedule_context(repository_def=found["defs"].get_repository_def()) as context:
        (night,) = found["nightly"].evaluate_tick(context).run_requests

    assert run.success
    assert 29 == len((tmp_path / "rows.jsonl").read_text().splitlines())
    assert "2015-12-01" == night.partition_key
    assert 48 == len(found["weather"][0].partitions_def.get_partition_keys())


@pytest.mark.promise(26)
def test_dagsters_events_hold_no_secret(tmp_path: Path) -> None:
    """Neither those of a list that is refused, with what is chained to it, nor those of a unit that fails."""
    secret = 'cAn+ary/7 "é%&=\\z'
    echo = Reply(400, json.dumps({"error": f"you sent {secret}"}), headers={"X-Echo": quote(secret)})
    lists = {"name": "account", "request": {"request": "GET /exports", "params": {"key": "{{ secrets.key }}"}}, "value": "$.id"}
    with FakeApi(faults={("poll", "*"): echo, ("create", "*"): echo}) as api, dg.DagsterInstance.ephemeral() as instance:
        here = plant(tmp_path, api, by_account(partitions=[lists]), secrets={"key": secret})
        job = partitions_job_from(here.config, state_path=str(tmp_path / "units"))
        runs = [job.execute_in_process(instance=instance, raise_on_error=False)]
        here = plant(tmp_path, api, by_account(), secrets={"key": secret})
        runs.append(materialize(here, "8|2026-01-01", instance=instance))
        told = [dg.serialize_value(entry) for run in runs for entry in instance.all_logs(run.run_id)]
    assert [False, False] == [run.success for run in runs]
    assert any("you sent ***" in text for text in told)
    assert [] == leaks("\n".join(told), secret)
