"""What an answer means: the step's rules, then the stream's, then what the step takes answers for by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import ConfigurationError, Problem
from tap_asyncreport.job import Means

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Rule
    from tap_asyncreport.response import Response
    from tap_asyncreport.templates import Extractor, Templates

_RANGE = re.compile(r"\s*(\d{3})\s*(?:-\s*(\d{3})\s*)?|\s*([1-5])xx\s*", re.IGNORECASE)


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


def default_means(step: Step, status: int) -> Means:
    """What a status code means to a step where no rule says otherwise."""
    own = _OWN.get(step, {}).get(status)
    if own is not None:
        return own
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


def parse_codes(value: int | str | Sequence[int | str]) -> list[range]:
    """The codes that `404`, `4xx`, `500-599` or a list of such stand for; raises ValueError."""
    if isinstance(value, int):
        return [range(value, value + 1)]
    if isinstance(value, str):
        return [_parse_range(part) for part in value.split(",")]
    return [codes for part in value for codes in parse_codes(part)]


def _parse_range(text: str) -> range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a status code; write 404, 4xx, 500-599 or a list of such")
    first, last, hundred = match.groups()
    if hundred:
        return range(int(hundred) * 100, int(hundred) * 100 + 100)
    return range(int(first), int(last or first) + 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means, and the rule and the match of its `text` that said so, if one did."""

    means: Means
    rule: CompiledRule | None = None
    match: re.Match[str] | None = None


class CompiledRule:
    """One entry of `responses`, ready to be asked; raises ConfigurationError when it cannot be read."""

    def __init__(self, rule: Rule, templates: Templates, key: str) -> None:
        self.means = Means(rule.means)
        self._codes = None if rule.status is None else _told(key + ".status", parse_codes, rule.status)
        self._headers = rule.header
        self._json = [
            (templates.extractor(path, f"{key}.json"), templates.template(wanted, f"{key}.json"))
            for path, wanted in rule.json_.items()
        ]
        self._text = None if rule.text is None else _told(key + ".text", re.compile, rule.text)
        self.wait = _optional(templates, rule.wait, f"{key}.wait")
        self.job_id = _optional(templates, rule.job_id, f"{key}.job_id")

    def covers(self, codes: range) -> bool:
        """Whether the rule names a status code within these."""
        return any(set(mine) & set(codes) for mine in self._codes or ())

    def matches(self, response: Response, scope: Mapping[str, Any]) -> re.Match[str] | bool:
        """Whether every condition holds; where `text` is one, its match."""
        if self._codes is not None and not any(response.status_code in codes for codes in self._codes):
            return False
        if not all(_fits([response.headers.get(name)], wanted) for name, wanted in self._headers.items()):
            return False
        if self._json and response.body is None:
            return False  # conditions on JSON speak of JSON only
        if not all(_fits(path.all(response, scope), wanted.render(scope)) for path, wanted in self._json):
            return False
        return True if self._text is None else self._text.search(response.text) or False


def _told(key: str, parse: Any, value: Any) -> Any:
    try:
        return parse(value)
    except (ValueError, re.error) as error:
        raise ConfigurationError([Problem(str(error), key=key)]) from error


def _optional(templates: Templates, source: str | None, key: str) -> Extractor | None:
    return None if source is None else templates.extractor(source, key)


def _fits(found: Sequence[Any], wanted: Any) -> bool:
    """Whether one of the values found is the wanted one; null is found only by asking for null."""
    if wanted in ("exists", "absent"):
        return any(value is not None for value in found) is (wanted == "exists")
    choices = wanted if isinstance(wanted, list) else [wanted]
    return any(_same(value, choice) for value in found for choice in choices)


def _same(value: Any, wanted: Any) -> bool:
    """Equal as JSON; a number also equals its text, for APIs that write codes both ways."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted or _both_text(value, wanted)
    if bool(value == wanted):
        return True
    one_is_a_number = isinstance(value, int | float) != isinstance(wanted, int | float)
    return one_is_a_number and str(value) == str(wanted)


def _both_text(value: Any, wanted: Any) -> bool:
    texts = [str(each).lower() for each in (value, wanted)]
    return isinstance(value, str | bool) and isinstance(wanted, str | bool) and texts[0] == texts[1]


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
    return Verdict(default_means(step, response.status_code))
