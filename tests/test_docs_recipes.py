"""The recipes for running it: typed as they stand there, night after night, also after nights that ended badly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import jinja2
import pytest
from desk import Desk
from fake_api import FakeApi
from shown import shown
from test_sync import ROWS, config, stream

CRON = shown("docs/running.md", "cron", "console")
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def orders(api: FakeApi, end: str = DAYS[-1], **changes: Any) -> dict[str, Any]:
    """Days of orders, one job each, which needs a token."""
    days = {"start": DAYS[0], "end": end, "step": "1d", "format": "date", "end_is": "inclusive"}
    jobs = {"poll_interval": "20ms", "poll_backoff": 1, "max_attempts": 1, "max_concurrent": 1}
    token = {"type": "bearer", "token": "{{ secrets.token }}"}
    return config(api, stream("orders", incremental=days, **{"jobs": jobs, **changes}), authenticator=token)


def days_read(desk: Desk) -> list[str]:
    return [row["date"] for row in desk.rows("orders")]


def days_asked(api: FakeApi) -> list[str]:
    return [call.json()["from"] for call in api.calls("create")]


class Nights:
    """A recipe, typed each night."""

    def __init__(self, desk: Desk, api: FakeApi, recipe: list[str]) -> None:
        self.desk, self.api, self.recipe = desk, api, ["set -o pipefail", *recipe]

    def night(self, code: int = 0, end: str = DAYS[-1], **names: str) -> str:
        """Types it, with days up to `end`; what was said on standard error."""
        self.desk.write("orders.yaml", orders(self.api, end))
        return self.desk.type(self.recipe, code=code, TAP_ASYNCREPORT_SECRETS_TOKEN="t", **names).stderr


@pytest.fixture
def nights(desk: Desk) -> Iterator[Nights]:
    with FakeApi(["DONE"], rows=ROWS, token="t") as api:
        yield Nights(desk, api, CRON.commands)


def test_cron_is_told_of_in_the_same_words_twice() -> None:
    assert CRON.text == shown("README.md", "Running it", "console", 1).text


@pytest.mark.promise(24)
def test_cron_reads_each_day_once_and_goes_on_where_it_was(nights: Nights) -> None:
    for end in (DAYS[0], DAYS[2], DAYS[2]):
        nights.night(end=end)

    assert DAYS == days_asked(nights.api)
    assert [day for day in DAYS for _ in range(2)] == days_read(nights.desk)


def test_cron_goes_on_after_a_night_that_failed_and_one_that_could_not_begin(nights: Nights) -> None:
    nights.api.script = lambda job, k: "FAILED" if job.spec["from"] == DAYS[1] else "DONE"
    nights.night(1)
    before = nights.desk.read("states.jsonl")
    nights.desk.write("orders.yaml", "streams: [nothing]")
    nights.desk.type(nights.recipe, code=78)
    assert before == nights.desk.read("states.jsonl")
    nights.api.script = ["DONE"]
    nights.night()

    assert [DAYS[0], DAYS[1], *DAYS[1:]] == days_asked(nights.api)
    assert [day for day in DAYS for _ in range(2)] == days_read(nights.desk)


@pytest.mark.promise(24)
@pytest.mark.parametrize(("dies", "echoes"), [(0, "end"), (1, "end"), (4, "end"), (4, "each")])
def test_whenever_a_target_dies_the_nights_after_it_read_what_is_missing(nights: Nights, dies: int, echoes: str) -> None:
    """Also where the next target's only line comes behind the half one."""
    nights.night(end=DAYS[0])
    first = nights.desk.read("states.jsonl")
    nights.night(1, TARGET_DIES=str(dies))
    assert nights.desk.read("states.jsonl").startswith(first)
    said = nights.night(TARGET_ECHOES=echoes)
    asked = len(days_asked(nights.api))
    nights.night()

    assert set(DAYS) == set(days_read(nights.desk))
    assert 2 == days_read(nights.desk).count(DAYS[0])
    assert (dies > 0) == ("its end is torn" in said)
    assert asked == len(days_asked(nights.api))


def test_the_states_may_be_made_shorter_between_nights(desk: Desk) -> None:
    with FakeApi(["DONE"], rows=ROWS, token="t") as api:
        nights = Nights(desk, api, CRON.commands)
        nights.night(end=DAYS[1])
        desk.write("states.jsonl", "".join(f"{line}\n" for line in 60 * desk.read("states.jsonl").splitlines()))
        desk.type([*shown("docs/running.md", "cron", "console", 1).commands, "printf '{\"bookm' >> states.jsonl"])
        assert 101 == len(desk.read("states.jsonl").splitlines())
        nights.night()

    assert DAYS == days_asked(api)


def test_flock_lets_one_run_in(desk: Desk) -> None:
    (line,) = shown("docs/running.md", "Meltano", "console", 1).commands
    desk.write("states.jsonl", "")
    with FakeApi(["DONE"], rows=ROWS, token="t") as api:
        desk.write("orders.yaml", orders(api))
        held = ["exec 9> orders.lock", "flock 9"]
        desk.type([*held, line], code=1)
        assert [] == days_asked(api)
        desk.type([line], TAP_ASYNCREPORT_SECRETS_TOKEN="t")

    assert DAYS == days_asked(api)


class Airflow:
    """What the page's DAG hands to Airflow, and its tasks as Airflow runs them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
        self.dags: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self._known(monkeypatch, "airflow", DAG=self._dag)
        for name in ("providers", "providers.standard", "providers.standard.operators"):
            self._known(monkeypatch, f"airflow.{name}")
        self._known(monkeypatch, "airflow.providers.standard.operators.bash", BashOperator=self._operator)
        exec(program, {})

    def _known(self, monkeypatch: pytest.MonkeyPatch, name: str, **holds: Any) -> None:
        module = ModuleType(name)
        module.__dict__.update(holds)
        monkeypatch.setitem(sys.modules, name, module)

    @contextmanager
    def _dag(self, dag_id: str, **arguments: Any) -> Any:
        self.dags.append({"dag_id": dag_id, **arguments})
        yield

    def _operator(self, *, task_id: str, bash_command: str, env: dict[str, str], append_env: bool, cwd: str, execution_timeout: timedelta, retries: int) -> None:
        assert append_env
        assert timedelta(0) < execution_timeout
        self.tasks.append({"task_id": task_id, "command": bash_command, "env": env, "cwd": cwd, "retries": retries})

    def run(self, desk: Desk, code: int = 0, **more: Any) -> str:
        """The task's templates rendered with a connection, its command in a shell of its own group."""
        (task,) = self.tasks
        assert "/srv/orders" == task["cwd"]
        given = {"conn": SimpleNamespace(orders_api=SimpleNamespace(password="t")), "ds": "2026-01-04"}
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
        rendered = {name: environment.from_string(text).render(given) for name, text in task["env"].items()}
        return desk.type(environment.from_string(task["command"]).render(given), code=code, **rendered, **more).stderr


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    return Airflow(monkeypatch, shown("docs/running.md", "Airflow", "python").text)


@pytest.mark.promise(24)
def test_airflows_task_goes_on_where_it_was_and_is_red_when_a_stream_fails(airflow: Airflow, desk: Desk) -> None:
    failing = {DAYS[2]}
    with FakeApi(lambda job, k: "FAILED" if job.spec["from"] in failing else "DONE", rows=ROWS, token="t") as api:
        desk.write("orders.yaml", orders(api, DAYS[0]))
        airflow.run(desk)
        desk.write("orders.yaml", orders(api))
        airflow.run(desk, code=1)
        failing.clear()
        airflow.run(desk)
        airflow.run(desk)

    assert [{"dag_id": "orders", "max_active_runs": 1}] == [{name: dag[name] for name in ("dag_id", "max_active_runs")} for dag in airflow.dags]
    assert [*DAYS, DAYS[2]] == days_asked(api)
    assert [day for day in DAYS for _ in range(2)] == days_read(desk)


def test_airflows_task_is_red_when_its_target_dies_and_the_retry_reads_what_is_missing(airflow: Airflow, desk: Desk) -> None:
    with FakeApi(["DONE"], rows=ROWS, token="t") as api:
        desk.write("orders.yaml", orders(api))
        airflow.run(desk, code=1, TARGET_DIES="4")
        airflow.run(desk)

    assert set(DAYS) == set(days_read(desk))


def test_a_retry_of_airflow_creates_nothing_where_the_configuration_is_wrong(airflow: Airflow, desk: Desk) -> None:
    with FakeApi(token="another") as api:
        desk.write("orders.yaml", orders(api))
        for _ in range(2):
            airflow.run(desk, code=77)
        desk.write("orders.yaml", "{}")
        airflow.run(desk, code=78)

    assert {} == api.jobs


def term(desk: Desk) -> Callable[[subprocess.Popen[str]], None]:
    """Ends everything in the task's group once the target has echoed, in a whole line, that there is a job."""

    def end(shell: subprocess.Popen[str]) -> None:
        states = desk.directory / "states.jsonl"
        while not (states.exists() and '"id"' in states.read_text().rpartition("\n")[0]):
            time.sleep(0.01)
        os.killpg(shell.pid, signal.SIGTERM)

    return end


@pytest.mark.parametrize("on_exit", ["keep", "abort"])
def test_a_task_that_airflow_ends_leaves_its_job_to_the_retry_or_aborts_it(airflow: Airflow, desk: Desk, on_exit: str) -> None:
    done: list[str] = []
    with FakeApi(lambda job, k: "DONE" if done else "RUNNING", rows=ROWS, token="t") as api:
        jobs = {"poll_interval": "20ms", "poll_backoff": 1, "max_concurrent": 1, "on_exit": on_exit}
        desk.write("orders.yaml", orders(api, jobs=jobs))
        airflow.run(desk, code=-signal.SIGTERM, group=term(desk))
        assert int(on_exit == "abort") == len(api.calls("abort"))
        done.append("DONE")
        airflow.run(desk)

    assert [day for day in DAYS for _ in range(2)] == days_read(desk)
    assert {"keep": DAYS, "abort": [DAYS[0], *DAYS]}[on_exit] == sorted(days_asked(api))


SCALE = shown("docs/scale.md", "Scale", "console")


def test_parts_that_two_processes_read_are_one_state_afterwards(desk: Desk) -> None:
    rows = [{"date": f"2026-0{month}-15", "campaign": 1, "clicks": 1, "cost": "1.50"} for month in (1, 2)]
    with FakeApi(["DONE"], rows=rows, token="t") as api:
        months = {"start": "2026-01-01", "end": "2026-02-28", "step": "1mo", "format": "date", "end_is": "inclusive"}
        desk.write("orders.yaml", config(api, stream("orders", incremental=months), authenticator={"type": "bearer", "token": "t"}))
        desk.type(SCALE.commands)
        assert 2 == len(api.calls("create"))
        desk.type("tap-asyncreport --config orders.yaml --state state.json")

    assert ["2026-01-15", "2026-02-15"] == days_read(desk)
    assert "2026-03-01T00:00:00Z" == json.loads(desk.read("state.json"))["bookmarks"]["orders"]["until"]
    assert 2 == len(api.calls("create"))
