"""What the API's status words mean, one or several together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tap_asyncreport.job import JobStatus

if TYPE_CHECKING:
    from tap_asyncreport.config.streams import Status

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


def plain_word(word: Any) -> Any:
    """The word without case, with `_`, `-` and space alike; what is no text stays as it is in JSON."""
    if not isinstance(word, str):
        return json.dumps(int(word) if isinstance(word, float) and word.is_integer() else word)
    return " ".join(word.replace("_", " ").replace("-", " ").split()).casefold()


def effective(status: Status) -> dict[JobStatus, list[Any]]:
    """The words of each class: the user's where there are any, else the well-known ones not mapped elsewhere."""
    mapped = {plain_word(word) for words in status.mapping.values() for word in words}
    return {
        kind: list(status.mapping[kind.value])
        if kind.value in status.mapping
        else [word for word in known if word not in mapped]
        for kind, known in WELL_KNOWN.items()
    }


def status_of(status: Status, word: Any) -> JobStatus | None:
    """The class of a word; None for one that nobody knows."""
    wanted = plain_word(word)
    for kind, words in effective(status).items():
        if wanted in (plain_word(known) for known in words) or wanted in (str(known).casefold() for known in words):
            return kind
    return None


def flattened(words: Sequence[Any]) -> list[Any]:
    """The words of a nested list, in order."""
    return list(_flat(words))


def _flat(words: Sequence[Any]) -> Iterator[Any]:
    for word in words:
        if isinstance(word, list):
            yield from _flat(word)
        else:
            yield word


def combined(found: Sequence[JobStatus]) -> JobStatus:
    """What several words come to: the worst of them, and done only when all are."""
    kinds = set(found)
    if len(kinds) == 1:
        return found[0]
    if kinds & {JobStatus.FAILED, JobStatus.TIMED_OUT}:
        return JobStatus.FAILED
    return JobStatus.COMPLETED if found and JobStatus.RUNNING not in kinds else JobStatus.RUNNING


def shown(words: Sequence[Any]) -> str:
    """The words as a person reads them, each once."""
    return ", ".join(dict.fromkeys(word if isinstance(word, str) else json.dumps(word) for word in words))


def words_to_add(status: Status, word: str) -> tuple[str, str]:
    """The known words, and the line of configuration that would make this one mean `running`."""
    known = effective(status)
    listing = "; ".join(f"{kind}: {', '.join(map(str, words))}" for kind, words in known.items() if words)
    running = json.dumps([*known[JobStatus.RUNNING], word], ensure_ascii=False)
    return listing, f"running: {running}"
