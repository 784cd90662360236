"""Requests, their rules and paginators, as far as they speak of each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tap_asyncreport.config.authenticators import Jwt, OAuth2
from tap_asyncreport.config.checks.draft import Draft, StreamDraft, requesters
from tap_asyncreport.config.requesters import ByteRange, Cursor, DownloadRetriever, Range, Requester, Rule
from tap_asyncreport.config.sources import Keys
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.errors import Problem

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|\{\{|\{%")
_HTTP = re.compile(r"https?://|\{\{|\{%", re.IGNORECASE)
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+(:\d+)?(/|$)")
_PAGED = ("polling_requester", "download_target_requester", "download_retriever", "creation_requester", "partitions")
_GRANTS = {
    "refresh_token": ("refresh_token",),
    "password": ("username", "password"),
    "client_credentials": ("client_id", "client_secret"),
}
_STEPS = (
    "creation_requester", "polling_requester", "download_target_requester", "download_retriever", "abort_requester",
    "delete_requester", "error_requester", "partitions", "login", "base_url",
)  # fmt: skip


def step_problems(draft: Draft) -> Iterator[Problem]:
    """The faults of requests, rules, paginators, rates and authenticators."""
    for stream in draft.streams:
        yield from _creation(draft, stream)
        yield from _polling(draft, stream)
        for keys, requester in requesters(stream):
            yield from _paginator(draft, keys, requester)
    yield from _paths(draft)
    for keys, rule in draft.parts(Rule):
        yield from _rule(draft, keys, rule)
    for keys, oauth in draft.parts(OAuth2):
        yield from _grant(draft, keys, oauth)
    yield from _rates(draft)


def _paths(draft: Draft) -> Iterator[Problem]:
    """A path needs a `base_url` to be appended to; asking for `base_url` itself needs a full URL."""
    base_url = draft.raw.get("base_url")
    without = base_url is None
    if isinstance(base_url, str) and base_url.strip() and not _HTTP.match(base_url.strip()):
        hint = f"write https://{base_url.strip()}" if _HOST.match(base_url.strip()) else "write https://, a host, and a path"
        yield draft.teller.at(("base_url",), "it is no full URL, which begins with https:// or http://", hint)
    urls = [(keys, "request", requester.url) for keys, requester in draft.parts(Requester) if _asks(requester)]
    urls += [(keys, "token_url", oauth.token_url) for keys, oauth in draft.parts(OAuth2)]
    urls += [(keys, "token_url", jwt.token_url) for keys, jwt in draft.parts(Jwt) if jwt.token_url]
    for keys, key, url in urls:
        if _ABSOLUTE.match(url):
            continue
        if keys[0] == "base_url":
            yield draft.teller.at((*keys, key), "the request for `base_url` needs a full URL, with https://")
        elif without:
            hint = "set `base_url`, or write the URL in full"
            yield draft.teller.at((*keys, key), f"`{url}` is a path, and there is no `base_url`", hint, lacks=("base_url",))


def _asks(requester: Requester) -> bool:
    return not (isinstance(requester, DownloadRetriever) and requester.source)


def _creation(draft: Draft, stream: StreamDraft) -> Iterator[Problem]:
    steps = stream.stream.creation_requester
    keys = (*stream.keys, "creation_requester")
    for name, count in Counter(step.name for step in steps if step.name).items():
        if count > 1:
            yield draft.teller.at(keys, f"two steps are named `{name}`")
    for number, step in enumerate(steps[:-1]):
        for key in ("job_id", "paginator"):
            if getattr(step, key) is not None:
                yield draft.teller.at((*keys, number, key), f"`{key}` stands on the last step only")
        if step.name is None:
            said = "in a list of creation steps each has a `name`"
            yield draft.teller.at((*keys, number), said, lacks=(*keys, number, "name"))
    paginator = steps[-1].paginator
    if paginator is not None and not isinstance(paginator, Cursor):
        at = (*keys, len(steps) - 1, "paginator", "type")
        yield draft.teller.at(at, "jobs are chained by a `cursor`: its `extractor` reads the polling answer")


def _polling(draft: Draft, stream: StreamDraft) -> Iterator[Problem]:
    if stream.stream.polling_requester is None and not _needs_no_poll(stream.stream):
        hint = (
            "where the download itself says that it is not ready, add a rule with `means: not_ready` to it; "
            "where the creation's answer holds the rows, `download_retriever: {source: creation_response}`"
        )
        keys = (*stream.keys, "polling_requester")
        yield draft.teller.at(keys, "it is missing", hint, lacks=keys)


def _needs_no_poll(stream: Stream) -> bool:
    rules = [*stream.download_retriever.responses, *stream.responses]
    return stream.download_retriever.source == "creation_response" or any(rule.means == "not_ready" for rule in rules)


def _paginator(draft: Draft, keys: Keys, requester: Requester) -> Iterator[Problem]:
    section = keys[2]
    if requester.paginator is None:
        return
    if section not in _PAGED or "authenticator" in keys:
        yield draft.teller.at((*keys, "paginator"), f"`{section}` has no pages")
    elif isinstance(requester.paginator, ByteRange) and section != "download_retriever":
        yield draft.teller.at((*keys, "paginator"), "`byte_range` is for the download only")
    elif isinstance(requester.paginator, Range) and section == "polling_requester":
        yield draft.teller.at((*keys, "paginator"), "`range` counts targets: it is for them and for the download")


def _rule(draft: Draft, keys: Keys, rule: Rule) -> Iterator[Problem]:
    if rule.text is not None:
        yield from pattern(draft, (*keys, "text"), rule.text)
    if rule.job_id is not None and rule.means != "duplicate":
        yield draft.teller.at((*keys, "job_id"), "`job_id` is for rules with `means: duplicate`")


def pattern(draft: Draft, keys: Keys, text: str) -> Iterator[Problem]:
    """The fault of a regular expression."""
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        yield draft.teller.at(keys, f"not a regular expression: {error}")


def _grant(draft: Draft, keys: Keys, oauth: OAuth2) -> Iterator[Problem]:
    missing = [key for key in _GRANTS[oauth.grant] if getattr(oauth, key) is None]
    if oauth.client_auth == "basic":
        missing += [key for key in ("client_id", "client_secret") if getattr(oauth, key) is None and key not in missing]
    for key in missing:
        why = f"`grant: {oauth.grant}`" if key in _GRANTS[oauth.grant] else "`client_auth: basic`"
        yield draft.teller.at((*keys, key), f"it is missing, and {why} needs it", lacks=(*keys, key))


def _rates(draft: Draft) -> Iterator[Problem]:
    limits = draft.raw.get("rate_limits")
    for number, limit in enumerate(limits if isinstance(limits, list) else []):
        match = limit.get("match") if isinstance(limit, dict) else None
        step = match.get("step") if isinstance(match, dict) else None
        if isinstance(step, str) and step.isidentifier() and not any(_short(step) == _short(known) for known in _STEPS):
            keys = ("rate_limits", number, "match", "step")
            yield draft.teller.at(keys, f"there is no step `{step}`", f"the steps are {', '.join(_STEPS)}")


def _short(step: str) -> str:
    return step.removesuffix("_requester").removesuffix("_retriever")
