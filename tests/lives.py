"""Whole runs, one after another, told as the exact list of what the API was asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fake_api import FakeApi, spec_of
from process import Outcome
from test_sync import stream
from wire import Request

DAY = "2026-01-01"


def told(call: Request) -> str:
    """One request in a word or two: a creation by the first day that it asks for, all else by its job."""
    spec = spec_of(call) if call.step == "create" else None
    return f"{call.step} {spec['from'] if spec else call.job or call.query.get('ids', '')}"


def story(api: FakeApi, since: float = 0.0) -> list[str]:
    """Every request after an instant, in order."""
    return [told(call) for call in api.calls(since=since)]


def by_job(api: FakeApi, since: float = 0.0) -> list[str]:
    """Every request, job by job: the calls of two jobs overtake each other. What was refused comes last."""
    calls = sorted(api.calls(since=since), key=lambda call: int((call.job or "job-999").removeprefix("job-")))
    return [told(call) for call in calls]


def most_in_a_second(api: FakeApi) -> int:
    """The largest number of requests that came within any second."""
    times = [call.received_at for call in api.log]
    return max(sum(at <= each < at + 1 for each in times) for at in times)


def days(first: int, last: int, **changes: Any) -> dict[str, Any]:
    """A stream with one-day windows."""
    incremental = {"start": f"2026-01-{first:02}", "end": f"2026-01-{last:02}", "step": "1d"}
    return stream(**{"incremental": {**incremental, "format": "date", "end_is": "inclusive"}, **changes})


def one_by_one(api: FakeApi, *streams: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A configuration with one job at a time, so that the order of the requests is known."""
    return {"base_url": api.url, "max_concurrent_jobs": 1, "streams": list(streams), **changes}


class Death:
    """Kills a run when a moment has come, and what it said then is out."""

    def __init__(self, condition: Callable[[], bool], *, after: float = 0.05) -> None:
        self.condition, self.after = condition, after

    def __call__(self, process: Any) -> None:
        while not self.condition() and process.poll() is None:
            time.sleep(0.004)
        if self.after:
            self._hear(process)
        process.kill()

    def _hear(self, process: Any) -> None:
        """Waits until it has told of its jobs and says nothing new, however busy the machine is."""
        heard, now = -1, b""
        while (heard < len(now) or b'"STATE"' not in now) and process.poll() is None:
            heard = len(now)
            time.sleep(self.after)
            now = process.out.read_bytes()


def polled(api: FakeApi, times: int, job: str = "job-1") -> Callable[[], bool]:
    """Whether a job was asked about so often."""
    return lambda: len(api.calls("poll", job)) >= times


def ended_well(run: Outcome) -> None:
    """Exit 0, the state is the last line, and no job is left in it."""
    assert 0 == run.exit_code, run.stderr
    assert "STATE" == run.messages[-1]["type"]
    assert [] == run.jobs("clicks")
    assert "Traceback" not in run.stderr


def failed(run: Outcome, *said: str) -> None:
    """Exit 1, the state is the last line, and the reasons are told."""
    assert 1 == run.exit_code, run.stderr
    assert "STATE" == run.messages[-1]["type"]
    assert "Traceback" not in run.stderr
    assert [] == [words for words in said if words not in run.stderr], run.stderr
