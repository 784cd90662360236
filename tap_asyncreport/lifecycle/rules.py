"""What an answer means: the step's rules, then the stream's, then what the step takes answers for by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tap_asyncreport.http.rules import CompiledRule
from tap_asyncreport.job import Means
from tap_asyncreport.response import PAGE

if TYPE_CHECKING:
    from tap_asyncreport.response import Response


class Step(StrEnum):
    """The steps of a job's life, by the names that the configuration gives them."""

    CREATION = "creation_requester"
    POLLING = "polling_requester"
    TARGET = "download_target_requester"
    DOWNLOAD = "download_retriever"
    ABORT = "abort_requester"
    DELETE = "delete_requester"
    ERROR = "error_requester"
    PARTITION = "partitions"


_OWN: Mapping[Step, Mapping[int, Means]] = {
    Step.CREATION: {408: Means.FAIL, 425: Means.FAIL},  # the job may exist
    Step.POLLING: {404: Means.JOB_GONE},
    Step.TARGET: {404: Means.NOT_READY},
    Step.DOWNLOAD: {204: Means.EMPTY, 403: Means.LINK_EXPIRED, 404: Means.LINK_EXPIRED, 410: Means.LINK_EXPIRED},
    Step.ABORT: {404: Means.OK, 409: Means.OK, 410: Means.OK},
    Step.DELETE: {404: Means.OK, 409: Means.OK, 410: Means.OK},
}
_TRANSIENT = frozenset({408, 425, 429})


def default_means(step: Step, status: int, *, elsewhere: bool = False) -> Means:
    """What a status code means to a step where no rule says otherwise.

    `elsewhere` a redirect led to another place, such as a login page: then it is no word about the job.
    """
    own = _OWN.get(step, {}).get(status)
    if own is not None:
        return Means.FAIL if elsewhere else own
    if elsewhere and step in (Step.ABORT, Step.DELETE) and status in range(200, 300):
        return Means.FAIL
    if status in range(200, 300):
        return Means.OK
    if status == HTTPStatus.UNAUTHORIZED:
        return Means.AUTH_EXPIRED
    return Means.RETRY if status in _TRANSIENT or status in range(500, 600) else Means.FAIL


_CLEAN_UP = dict.fromkeys(
    (Means.NOT_READY, Means.LINK_EXPIRED, Means.JOB_GONE, Means.EMPTY, Means.SKIP_PARTITION, Means.DUPLICATE), Means.OK
) | {Means.BUSY: Means.RETRY, Means.QUOTA_EXHAUSTED: Means.FAIL, Means.TOO_LARGE: Means.FAIL}
# What a rule comes to in a step that its meaning is not made for; None: the rule says nothing there.
_ELSEWHERE: Mapping[Step, Mapping[Means, Means | None]] = {
    Step.CREATION: {Means.NOT_READY: Means.RETRY, Means.LINK_EXPIRED: None, Means.JOB_GONE: None},
    Step.POLLING: {Means.BUSY: Means.RETRY, Means.DUPLICATE: None, Means.LINK_EXPIRED: None},
    Step.TARGET: {Means.BUSY: Means.RETRY, Means.DUPLICATE: None, Means.LINK_EXPIRED: Means.NOT_READY},
    Step.DOWNLOAD: {Means.BUSY: Means.RETRY, Means.DUPLICATE: None},
    Step.ABORT: _CLEAN_UP,
    Step.DELETE: _CLEAN_UP,
}


def in_step(means: Means, step: Step) -> Means | None:
    """What a rule's meaning comes to in this step; None where it says nothing there."""
    return _ELSEWHERE.get(step, {}).get(means, means)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means, and the rule and the match of its `text` that said so, if one did."""

    means: Means
    rule: CompiledRule | None = None
    match: re.Match[str] | None = None


def classify(
    step: Step,
    rules: Sequence[CompiledRule],
    response: Response,
    scope: Mapping[str, Any],
    *,
    repeated: Sequence[range] = (),
) -> Verdict:
    """The first rule that matches and means something in this step, else the step's own view of the status code.

    `repeated` are further codes that are worth another try (`retry.on`).
    """
    for rule in rules:
        means = in_step(rule.means, step)
        match = rule.matches(response, scope) if means is not None else False
        if match and means is not None:
            return Verdict(means, rule, match if isinstance(match, re.Match) else None)
    if any(response.status_code in codes for codes in repeated):
        return Verdict(Means.RETRY)
    return Verdict(default_means(step, response.status_code, elsewhere=_is_elsewhere(step, response)))


def _is_elsewhere(step: Step, response: Response) -> bool:
    """Whether a redirect led to what says nothing of the job: a file may lie anywhere, and so may a job's own page."""
    if step is Step.DOWNLOAD or response.redirect is None or not response.redirect.elsewhere:
        return False
    return response.status_code not in range(200, 300) or response.nature == PAGE
