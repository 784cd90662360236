"""What the steps of one stream have in common: its settings, the network, and the names that templates may use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import TemplateError, Where
from tap_asyncreport.http.rules import CompiledRule
from tap_asyncreport.job import partition_key

if TYPE_CHECKING:
    from tap_asyncreport.clock import Clock
    from tap_asyncreport.config.settings import Settings
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.http.session import Http
    from tap_asyncreport.job import Job, Unit
    from tap_asyncreport.response import Response
    from tap_asyncreport.templates import Extractor, Templates

class StreamContext:
    """One stream's settings with everything that its steps need, compiled once."""

    def __init__(self, settings: Settings, stream: Stream, http: Http, templates: Templates, clock: Clock) -> None:
        self.settings = settings
        self.stream = stream
        self.http = http
        self.templates = templates
        self.clock = clock
        self.rules = [
            CompiledRule(rule, templates, f"{self.key}.responses[{n}]") for n, rule in enumerate(stream.responses)
        ]
        self.message = self.extractor(stream.status.message, "status.message")

    @property
    def key(self) -> str:
        """Where the stream stands in the configuration."""
        return f"streams.{self.stream.name}"

    def extractor(self, source: str | None, key: str) -> Extractor | None:
        """The extractor configured at `key` of the stream; None for none."""
        return None if source is None else self.templates.extractor(source, f"{self.key}.{key}")

    @cached_property
    def _config(self) -> dict[str, Any]:
        return self.settings.model_dump(by_alias=True, exclude={"secrets"})

    def unit_scope(self, unit: Unit) -> dict[str, Any]:
        """The names that hold before there is a job."""
        scope: dict[str, Any] = {
            "secrets": self.settings.secrets,
            "vars": self.settings.vars,
            "config": self._config,
            "partition": unit.partition,
        }
        if unit.window is not None:
            scope["window"] = unit.window if unit.view is None else unit.view
        return scope

    def scope(self, job: Job) -> dict[str, Any]:
        """The names that hold for a job: its id and what the API has answered about it so far."""
        scope = self.unit_scope(job.unit)
        scope["job"] = job_view(job)
        if job.creation_responses:
            scope["creation_responses"] = job.creation_responses
        if job.creation_response is not None:
            scope["creation_response"] = job.creation_response
        polled = job.polling_response or job.creation_response
        if polled is not None:
            scope["polling_response"] = polled
        return scope

    def where(self, unit: Unit, job: Job | None = None, **more: Any) -> Where:
        """The place of work that an error speaks of."""
        return Where(
            stream=self.stream.name,
            partition=partition_key(unit.partition) if unit.partition else None,
            window=None if unit.window is None else str(unit.window),
            job_id=None if job is None else job.id,
            **more,
        )

    def said(self, response: Response, scope: Mapping[str, Any]) -> str | None:
        """The API's own words: the message where the configuration knows one, then the beginning of the answer."""
        message = self._message(response, scope)
        words = response.text if message in (None, "") else f"{message}: {response.text}"
        return self.http.redactor.excerpt(words)

    def _message(self, response: Response, scope: Mapping[str, Any]) -> Any:
        """What `status.message` finds; that it does not fit an answer which tells of no failure is no fault."""
        try:
            return None if self.message is None else self.message.first(response, scope)
        except TemplateError:
            return None


def own_url(response: Response | None) -> str | None:
    """The answer's own URL, where a template that asks for the key `url` would get it for want of one.

    An answer without that key has no link to a file yet, and must not be taken for the file.
    """
    lacks_one = response is not None and isinstance(response.body, dict) and "url" not in response.body
    return response.url if response is not None and lacks_one else None


def job_view(job: Job) -> dict[str, Any]:
    """A job as templates see it."""
    return {
        "id": job.id if job.id_value is None else job.id_value,
        "attempt": job.attempt,
        "idempotency_key": job.idempotency_key,
        "created_at": job.created_at,
        "link": job.unit.link,
        "cursor": job.unit.cursor,
    }
