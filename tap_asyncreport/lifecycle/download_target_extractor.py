"""Finds the download targets in an answer, and says what none of them means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_asyncreport.job import Means
from tap_asyncreport.lifecycle.context import own_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_asyncreport.config.requesters import DownloadTargetExtractor as Config
    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.response import Response


class DownloadTargetExtractor:
    """The targets of a completed job: any JSON values, in the order of the answer."""

    def __init__(self, config: Config, context: StreamContext) -> None:
        key = f"{context.key}.download_target_extractor"
        self.source = config.extractor
        self.extractor = context.templates.extractor(config.extractor, key)
        self.none = Means.EMPTY if config.none == "empty" else Means.NOT_READY

    def targets(self, answers: Sequence[tuple[Response, Mapping[str, Any]]]) -> list[tuple[Any, str]]:
        """All targets in these answers, each with the URL of its answer.

        None at all while one of them is null and a null means to wait.
        """
        found = [(target, response.url) for response, scope in answers for target in self._of(response, scope)]
        whole = [(target, url) for target, url in found if target not in (None, "")]
        return [] if len(whole) < len(found) and self.none is Means.NOT_READY else whole

    def _of(self, response: Response, scope: Mapping[str, Any]) -> list[Any]:
        found = self.extractor.all(response, scope)
        own = own_url(response)
        targets = [target for match in found for target in (match if isinstance(match, list) else [match])]
        return [None if own is not None and target == own else target for target in targets]
