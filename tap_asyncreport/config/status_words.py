"""What the API's status words mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from tap_asyncreport.config.streams import Status
from tap_asyncreport.job import JobStatus

WELL_KNOWN: Mapping[JobStatus, tuple[str, ...]] = {
    JobStatus.RUNNING: (
        "pending", "queued", "in queue", "created", "accepted", "submitted", "started", "running", "processing",
        "in progress", "active",
    ),
    JobStatus.COMPLETED: (
        "completed", "complete", "done", "finished", "success", "succeeded", "successful", "ready", "available",
    ),
    JobStatus.FAILED: ("failed", "failure", "error", "errored", "fatal"),
    JobStatus.TIMED_OUT: ("expired", "timed out", "timeout"),
    JobStatus.SKIPPED: (),
}  # fmt: skip

_BETWEEN_WORDS = re.compile(r"[\s_-]+")


def normal(word: Any) -> str:
    """A word as it is compared: without case, with `_`, `-` and space alike; JSON's spelling for what is no text."""
    if isinstance(word, float | Decimal) and isfinite(word) and word == int(word):
        word = int(word)
    text = word if isinstance(word, str) else json.dumps(word, default=str)
    return _BETWEEN_WORDS.sub(" ", text.strip()).casefold()


def known_words(status: Status) -> dict[JobStatus, list[Any]]:
    """The words of each class: the user's where any are listed, else the well-known ones that the user maps nowhere."""
    mapped = {normal(word) for words in status.mapping.values() for word in words}
    return {
        kind: list(status.mapping[kind.value])
        if kind.value in status.mapping
        else [word for word in known if normal(word) not in mapped]
        for kind, known in WELL_KNOWN.items()
    }


def classify(status: Status, word: Any) -> JobStatus | None:
    """The class of a word, or of several in a nested list; None where one of them is known to nobody.

    Several words: failed if any is failed or timed out, else running if any is, skipped only if all are, else completed.
    """
    classes = {normal(known): kind for kind, words in known_words(status).items() for known in words}
    if not isinstance(word, list | tuple):
        return classes.get(normal(word))
    kinds = {classes.get(normal(each)) for each in _flat(word)}
    if not kinds or None in kinds:
        return None
    if len(kinds) == 1:
        return kinds.pop()
    if kinds & {JobStatus.FAILED, JobStatus.TIMED_OUT}:
        return JobStatus.FAILED
    return JobStatus.RUNNING if JobStatus.RUNNING in kinds else JobStatus.COMPLETED


def _flat(words: Sequence[Any]) -> Iterator[Any]:
    for word in words:
        if isinstance(word, list | tuple):
            yield from _flat(word)
        else:
            yield word


def in_two_classes(mapping: Mapping[str, Any]) -> Iterator[tuple[Any, str, str]]:
    """Words that a mapping puts into two classes: the word, and the two."""
    seen: dict[str, str] = {}
    for kind, words in mapping.items():
        for name, word in {normal(word): word for word in (words if isinstance(words, list) else [words])}.items():
            first = seen.setdefault(name, kind)
            if first != kind:
                yield word, first, kind
