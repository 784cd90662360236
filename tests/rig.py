"""A job repository against a scripted API, without an orchestrator: the tests are the orchestrator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tap_asyncreport.config.settings import Settings
from tap_asyncreport.http.calls import Exchange
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.session import Http
from tap_asyncreport.job import Job, JobStatus, Means, Outcome, Unit
from tap_asyncreport.job_repository import JobRepository
from tap_asyncreport.spool import Spool
from tap_asyncreport.templates import Templates
from wire import Reply, Request, Server

NOW = datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
STREAM: Mapping[str, Any] = {
    "name": "orders",
    "creation_requester": {"request": "POST /exports", "json": {"from": "2026-01-01", "to": "2026-01-31"}},
    "polling_requester": "GET /exports/{{ creation_response.id }}",
    "download_retriever": "GET {{ polling_response.url }}",
}


class StillClock:
    """A clock that stands; nothing here may wait."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def wait(self, seconds: float) -> bool:
        raise AssertionError(f"a step waited {seconds} s")

    def stop(self) -> None:
        pass


@dataclass
class Rig:
    """What a test holds in its hands."""

    settings: Settings
    repository: JobRepository
    spool: Spool
    http: Http
    exchanges: list[Exchange] = field(default_factory=list)

    def job(self, **unit: Any) -> Job:
        """A job that was created."""
        job = Job(Unit("orders", **unit))
        assert Means.OK == self.repository.create(job).means
        return job

    def poll(self, job: Job) -> Outcome:
        (outcome,) = self.repository.poll([job])
        return outcome

    def completed(self, **unit: Any) -> Job:
        """A job that was polled until it was completed."""
        job = self.job(**unit)
        for _ in range(10):
            if self.poll(job).status is JobStatus.COMPLETED:
                return job
        raise AssertionError("the job never completed")

    def targeted(self, **unit: Any) -> Job:
        """A job whose targets are known."""
        job = self.completed(**unit)
        assert Means.OK == self.repository.targets(job).means
        return job

    def texts(self, job: Job) -> list[str]:
        """The files of a downloaded job."""
        return [file.path.read_text() for file in self.repository.files(job)]


@contextmanager
def rig(url: str | None, directory: Path | None = None, stream: Mapping[str, Any] | None = None, **top: Any) -> Iterator[Rig]:
    """A repository for one stream; `stream` is merged over the usual one, None drops a key."""
    merged = {key: value for key, value in {**STREAM, **(stream or {})}.items() if value is not None}
    settings = Settings.model_validate({"base_url": url, "streams": [merged], **top})
    templates, clock = Templates(now=NOW), StillClock()
    exchanges: list[Exchange] = []
    http = Http(settings, templates, clock=clock, redactor=Redactor(), observers=[exchanges.append])
    spool = Spool(None if directory is None else str(directory))
    try:
        repository = JobRepository(settings, settings.streams[0], http, templates, spool, clock=clock)
        yield Rig(settings, repository, spool, http, exchanges)
    finally:
        spool.close()
        http.close()


@contextmanager
def serving(answer: Callable[[Request], Reply]) -> Iterator[Server]:
    """A server that answers every request with this function."""
    with Server(answer) as server:
        yield server
    assert [] == server.mistakes
