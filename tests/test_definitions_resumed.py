"""Every definition that ships, killed while its jobs run, and run again."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from definition_cases import CASES, secrets_of
from definition_run import run_definition
from warm import Child, WarmProcess

CLEANED_UP = {"campaign_manager_360", "display_video_360", "salesforce_bulk"}  # the others delete by themselves


def kept(state: Mapping[str, Any], stream: str) -> list[dict[str, Any]]:
    """What the state holds of every job of the stream, over all partitions."""
    bookmark = state["bookmarks"][stream]
    return [job for entry in (bookmark, *bookmark.get("partitions", [])) for job in entry.get("jobs", [])]


def paths(parts: Mapping[str, Any], above: str = "", *, deep: int = 2) -> Iterator[str]:
    """The names in an answer that the state holds, two levels of them."""
    for name, part in parts.items():
        if isinstance(part, dict) and deep > 1:
            yield from paths(part, f"{above}{name}.", deep=deep - 1)
        else:
            yield above + name


@pytest.mark.promise(8)
@pytest.mark.parametrize("name", CASES)
def test_a_killed_run_is_gone_on_with(name: str, tmp_path: Path) -> None:
    """Its jobs are adopted and no other is made; of each the state holds what later steps need, and no secret."""
    case, tap = CASES[name], WarmProcess(tmp_path)
    with case.simulator(script=[case.running]) as api:

        def kill(process: Child) -> None:
            while len(api.jobs) < case.jobs or any(job.polls < 6 for job in list(api.jobs.values())):
                time.sleep(0.01)
            process.kill()

        first = run_definition(tap, case.settings(api), [case.stream], while_running=kill)
        made = set(api.jobs)
        api.script = [case.done]  # type: ignore[attr-defined]
        second = run_definition(tap, case.settings(api), [case.stream], state=first.state)
        deleted = len(api.calls("delete"))
        secrets = secrets_of(case.settings(api), api)

    assert (-signal.SIGKILL, 0) == (first.exit_code, second.exit_code), second.stderr
    jobs = kept(first.state, case.stream)
    assert made == set(api.jobs)
    assert (case.jobs if name in CLEANED_UP else 0) == deleted
    assert sorted(id.rpartition("/")[2] if name == "yandex_direct" else id for id in made) == sorted(
        job["id"] for job in jobs
    )
    for job in jobs:
        answers = (job["creation_response"], job.get("creation_responses", {}))
        assert set(case.kept.split()) == {path for answer in answers for path in paths(answer)}
    assert case.rows == len(second.records(case.stream))
    assert [] == first.records(case.stream) + kept(second.state, case.stream)
    said = json.dumps([first.states, second.states]) + first.stderr + second.stderr
    assert [] == [secret for secret in secrets if secret in said]
