"""Finds the download targets in an answer, and says what none of them means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import RequestError
from tap_asyncreport.job import Means
from tap_asyncreport.lifecycle.context import own_url
from tap_asyncreport.lifecycle.hints import unusable
from tap_asyncreport.lifecycle.rules import Step
from tap_asyncreport.templates.suggestions import elsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_asyncreport.config.requesters import DownloadTargetExtractor as Config
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.lifecycle.context import StreamContext
    from tap_asyncreport.response import Response

_ITEM = re.compile(r"\[(\d+|\*)\]")


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


def no_target(stream: Stream, response: Response, extractor: str | None) -> RequestError:
    """A completed job has no target yet, or never will: what was looked for, and where it may stand instead."""
    source = extractor or stream.download_retriever.url
    key = "download_target_extractor" if extractor else "download_retriever"
    nature = f"; it is {response.nature}" if response.nature else ""
    found = elsewhere(response, "url")
    written = None if found is None else _as_written(found, key)
    is_another = written is not None and _ITEM.sub("", written) not in _ITEM.sub("", source)
    step = Step.TARGET if stream.download_target_requester else Step.POLLING
    usual = f"check `{key}`: did you mean `{written}`?" if is_another else f"check `{key}`"
    about = None if is_another else unusable(step, response, stream.name)
    return RequestError(
        f"the job is completed, and `{key}` finds no target in the answer ({source}){nature}",
        hint=f"{about or usual}; where there are no rows then, set `download_target_extractor.none: empty`",
    )


def _as_written(path: str, key: str) -> str:
    """A path as it would stand under a key: an extractor, or what a template names."""
    if key == "download_target_extractor":
        return path
    return path.replace("$", "polling_response", 1).replace("{{ response", "{{ polling_response", 1)
