"""Asks why a job failed, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_asyncreport.job import Job, Means
from tap_asyncreport.lifecycle.requester import Answer, Asking, Requester
from tap_asyncreport.lifecycle.rules import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_asyncreport.config.requesters import NamedRequester
    from tap_asyncreport.lifecycle.context import StreamContext


class ErrorRequester:
    """The requests that lead to the API's reason; each sees the answers of those before it by their names."""

    def __init__(self, configs: Sequence[NamedRequester], context: StreamContext) -> None:
        self._context = context
        self.requesters = [
            Requester(config, Step.ERROR, context, f"error_requester[{n}]", name=config.name)
            for n, config in enumerate(configs)
        ]

    def ask(self, job: Job) -> Answer | None:
        """The last answer, good, `empty`, or one that says that the reason could not be read; None without requests."""
        scope = self._context.scope(job)
        answer = None
        for requester in self.requesters:
            answer = requester.ask(Asking(job.unit, job, scope))
            if answer.means is not Means.OK:
                break
            scope = requester.answer_scope(scope, answer.response)
        return answer
