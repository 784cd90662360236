"""What to try when a step was refused."""

from __future__ import annotations

from http import HTTPStatus

from tap_asyncreport.job import Means
from tap_asyncreport.lifecycle.rules import Step, Verdict

_PAYLOAD = frozenset({400, 415, 422})


def hint_for(step: Step, verdict: Verdict, status: int) -> str | None:
    """One sentence that names the configuration key to look at."""
    if verdict.means is Means.FAIL:
        return _failed(step, verdict, status)
    return _HINTS.get(verdict.means)


_HINTS = {
    Means.LINK_EXPIRED: "the link was no longer good; where the file is only not there yet, "
    "add to `download_retriever.responses`: `{status: 404, means: not_ready}`",
    Means.NOT_READY: "raise the step's `retry.max_tries` where the API needs longer",
    Means.TOO_LARGE: "lower `incremental.step`",
    Means.QUOTA_EXHAUSTED: "run again when the API's quota is renewed",
    Means.BUSY: "lower `jobs.max_concurrent`, or raise `jobs.creation_max_tries`",
}


def _failed(step: Step, verdict: Verdict, status: int) -> str:
    if verdict.rule is not None:
        return f"a rule of `responses` says that this means `{verdict.means}`"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "check what the credentials may do"
    if status == HTTPStatus.NOT_FOUND:
        return f"check `base_url` and `{step}.request`"
    if status in _PAYLOAD:
        return "compare the request with the API's documentation: `tap-asyncreport trace STREAM` shows what was sent"
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"check the method and the path of `{step}.request`"
    if status in range(300, 400):
        return f"the redirect was not followed; check `{step}.request`"
    return f"say what this answer means in `{step}.responses`"
