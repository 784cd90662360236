"""The word that was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_BETWEEN = re.compile(r"[\s_-]+")
_SHORTEST_BEGINNING = 3
# What other tools call the same; it counts only where the word on the right is one of those known.
_ELSEWHERE = {
    "api url": ["base_url"], "credentials": ["authenticator"], "env": ["secrets"],
    "tables": ["streams"], "reports": ["streams"], "concurrency": ["max_concurrent_jobs", "max_concurrent"],
    "max workers": ["max_concurrent_jobs", "max_concurrent"], "parallelism": ["max_concurrent_jobs", "max_concurrent"],
    "key properties": ["primary_keys"], "pk": ["primary_keys"], "cursor field": ["replication_key"],
    "bookmark": ["replication_key"], "fields": ["columns"], "types": ["columns"], "properties": ["columns"],
    "window": ["step", "incremental"], "interval": ["step", "poll_interval"], "window size": ["step"],
    "retries": ["max_attempts", "max_tries"], "url": ["request"], "uri": ["request"], "path": ["request"],
    "endpoint": ["request"], "method": ["request"], "query": ["params"], "query params": ["params"],
    "parameters": ["params"], "payload": ["json"], "data": ["json"], "separator": ["delimiter"], "sep": ["delimiter"],
    "charset": ["encoding"], "quotechar": ["quote_char"], "int": ["integer"], "bigint": ["integer"],
    "float": ["number"], "double": ["number"], "numeric": ["decimal"], "text": ["string"], "str": ["string"],
    "varchar": ["string"], "timestamp": ["date-time"], "bool": ["boolean"], "list": ["array"], "dict": ["object"],
    "json": ["object"], "struct": ["object"], "gz": ["gzip"], "excel": ["xlsx"], "ndjson": ["jsonl"],
    "url base": ["base_url", "request"], "http method": ["request"], "request body json": ["json"], "body json": ["json"],
    "request body data": ["form"], "request headers": ["headers"], "request parameters": ["params"],
    "api token": ["token"], "oauth": ["oauth2"], "token": ["bearer"], "apikey": ["api_key"], "access token": ["token"], "status mapping": ["status"], "status extractor": ["status"],
    "download requester": ["download_retriever"], "download extractor": ["download_target_extractor"],
    "incremental sync": ["incremental"], "start datetime": ["start"], "end datetime": ["end"], "start time": ["start"],
    "end time": ["end"], "datetime format": ["format"], "date format": ["format"], "lookback window": ["lookback"],
    "cursor granularity": ["granularity"], "polling job timeout": ["timeout"], "partition router": ["partitions"],
    "record selector": ["decode"], "schema loader": ["schema"], "error handler": ["responses"], "field path": ["extractor"],
    "token refresh endpoint": ["token_url"], "user": ["username"], "max retries": ["max_attempts", "max_tries"],
    "int64": ["integer"], "int32": ["integer"], "int8": ["integer"], "long": ["integer"], "float64": ["number"],
    "datetime64": ["date-time"], "cancel": ["abort"], "kill": ["abort"], "error": ["fail", "failed"], "pending": ["running"], "success": ["completed"],
}  # fmt: skip


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The known word that is most like another, whatever its case; None where none is alike."""
    known = {each.casefold(): each for each in words}
    normal = _BETWEEN.sub(" ", word.strip().casefold())
    for each, found in known.items():
        if _BETWEEN.sub(" ", each) == normal:
            return found
    elsewhere = next((each for each in _ELSEWHERE.get(normal, ()) if each in known), None)
    if elsewhere is not None:
        return known[elsewhere]
    close = difflib.get_close_matches(word.casefold(), known, 1)
    if close:
        return known[close[0]]
    longer = [each for each in known if each.startswith(word.casefold()) and len(word) >= _SHORTEST_BEGINNING]
    return known[min(longer, key=len)] if longer else None


def did_you_mean(word: str) -> str:
    """A hint that names a word."""
    return f"did you mean `{word}`?"


def meant(word: str, words: Iterable[str]) -> str | None:
    """A hint that names the known word most like another."""
    found = nearest(word, words)
    return did_you_mean(found) if found is not None else None
