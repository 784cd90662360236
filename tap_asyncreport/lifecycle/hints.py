"""What to try when a step was refused: one sentence, whose first key is the one to look at."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import urlsplit

from tap_asyncreport.job import Means
from tap_asyncreport.lifecycle.rules import Step, Verdict
from tap_asyncreport.response import Response
from tap_asyncreport.templates.suggestions import refusal

_PAYLOAD = frozenset({400, 415, 422})
_NOWHERE = frozenset({404, 405, 410})
_TWICE = re.compile(r"((?:/[^/]+)+)\1(?:/|\Z)")
_MEANS = {
    Means.TOO_LARGE: "lower `incremental.step`",
    Means.QUOTA_EXHAUSTED: "run again when the API's quota is renewed",
    Means.BUSY: "lower `jobs.max_concurrent`, or raise `jobs.creation_max_tries`",
}


def hint_for(step: Step, verdict: Verdict, response: Response, stream: str, *, anonymous: bool) -> str | None:
    """One sentence that names the configuration key to look at; `anonymous` calls carried no credentials."""
    means, status = verdict.means, response.status_code
    if means is Means.FAIL and verdict.rule is None and response.redirect is not None and response.redirect.elsewhere:
        return f"is `{_of(step, 'request')}` right, and is a login needed?"
    twice = _TWICE.match(urlsplit(response.url).path) if verdict.rule is None and status in _NOWHERE else None
    if twice is not None:
        return (
            f"`{twice[1]}` stands twice in the URL: a path is appended to `base_url`, so leave it out of "
            f"`{_of(step, 'request')}`; a link of an answer is made whole by `| absolute`"
        )
    if means is Means.FAIL:
        return _failed(step, verdict, status, stream, anonymous=anonymous)
    if means is Means.RETRY:
        return patience(step, too_many=status == HTTPStatus.TOO_MANY_REQUESTS)
    if means is Means.NOT_READY:
        return f"raise `{_tries(step)}` where the API needs longer"
    if means is Means.LINK_EXPIRED:
        return expired_link(status)
    if means is Means.JOB_GONE and verdict.rule is None:
        return (
            f"the API knows no such job: is the request right? see `{_of(step, 'request')}`; where a new job is "
            f"not found at first, add to `{_of(step, 'responses')}`: `{{status: {status}, means: retry}}`"
        )
    return _MEANS.get(means)


def patience(step: Step, *, too_many: bool = False) -> str:
    """For trouble that passes, once the tries have run out."""
    if too_many:
        return f"make fewer calls, by `rate_limits` or `max_concurrent_jobs`; or be more patient, by `{_tries(step)}`"
    return f"run again when the API is well; where its trouble lasts longer, raise `{_tries(step)}`"


def expired_link(status: int) -> str:
    """For a link that was refused each time, a fresh one too."""
    return (
        "the link was no longer good, or never was: compare it with the answer that it came from; where the file is "
        f"only not there yet, add to `download_retriever.responses`: `{{status: {status}, means: not_ready}}`"
    )


def unusable(step: Step, response: Response, stream: str) -> str | None:
    """For a good answer that is none of the kind that is looked for; None where it is an ordinary JSON object."""
    told = f"`tap-asyncreport trace {stream}` shows the exchange"
    if response.nature in ("empty", "null") and step is Step.CREATION:
        where = "`creation_requester.job_id`, for example `'{{ response.headers.location }}'`"
        return f"name what tells the job from others by {where}; {told}"
    if response.nature in ("empty", "null"):
        rule = "{text: '^\\s*$', means: retry}"
        return f"say what an empty answer means in `{_of(step, 'responses')}`, for example `{rule}`"
    if response.nature not in (None, "XML", "text that is no JSON"):
        return f"is `{_of(step, 'request')}` right, and is a login needed? {told}"
    found = refusal(response)
    return found and f"if this is a refusal, say so in `{_of(step, 'responses')}`, for example by the rule {found}"


def _of(step: Step, key: str) -> str:
    """The key of a step's request; those of a dimension of partitions stand under its `request`."""
    if step is Step.PARTITION:
        return "partitions.request" if key == "request" else f"partitions.request.{key}"
    return f"{step}.{key}"


def _tries(step: Step) -> str:
    return "jobs.creation_max_tries" if step is Step.CREATION else _of(step, "retry.max_tries")


def _failed(step: Step, verdict: Verdict, status: int, stream: str, *, anonymous: bool) -> str:
    if verdict.rule is not None:
        return f"a rule of `responses` says that this means `{verdict.means}`"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        if anonymous:
            return f"the call carried no credentials: set `authenticator`, or `{_of(step, 'authenticator')}: inherit`"
        return "check what the credentials of `authenticator` may do"
    if status == HTTPStatus.NOT_FOUND:
        return f"check `base_url` and `{_of(step, 'request')}`"
    if status in _PAYLOAD:
        return (
            f"compare the request of `{step}` with the API's documentation: `tap-asyncreport trace {stream}` shows "
            "what was sent"
        )
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"check the method and the path of `{_of(step, 'request')}`"
    if status in range(300, 400):
        return f"the redirect was not followed; check `{_of(step, 'request')}`"
    return f"say what this answer means in `{_of(step, 'responses')}`"
