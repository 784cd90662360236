"""Stops a job that failed or is not wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_asyncreport.errors import LoginError
from tap_asyncreport.job import Job, Means, Outcome
from tap_asyncreport.lifecycle.requester import Asking, Requester
from tap_asyncreport.lifecycle.rules import Step

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Requester as Config
    from tap_asyncreport.lifecycle.context import StreamContext


class AbortRequester:
    """One try; a job that is gone or cannot be stopped any more counts as stopped."""

    def __init__(self, config: Config, context: StreamContext) -> None:
        self._context = context
        self.requester = Requester(config, Step.ABORT, context, Step.ABORT)

    def abort(self, job: Job) -> Outcome:
        """OK, or RETRY or FAIL with the error; never raises, for aborting decides nothing."""
        try:
            return self.requester.ask(Asking(job.unit, job, self._context.scope(job))).outcome()
        except LoginError as error:
            return Outcome(Means.FAIL, error=error)
