"""Several status words together, and how they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.status_words import known_words
from tap_asyncreport.job import JobStatus

if TYPE_CHECKING:
    from tap_asyncreport.config.streams import Status

_LIKELY = {
    JobStatus.FAILED: re.compile(
        "cancel|abort|fail|error|reject|kill|invalid|denied|terminat|unsuccess|incomplete|stopped", re.IGNORECASE
    ),
    JobStatus.TIMED_OUT: re.compile("expire|time.?out", re.IGNORECASE),
    JobStatus.SKIPPED: re.compile("no.?data|empty|no.?result|skip", re.IGNORECASE),
    JobStatus.COMPLETED: re.compile(
        "complet|done|finish|succe|ready|fulfil|generated|exported|processed|delivered|published|^ok$", re.IGNORECASE
    ),
}


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
    """What several words come to: the worst of them, and done only when all are; none at all still run."""
    kinds = set(found)
    if len(kinds) == 1:
        return found[0]
    if kinds & {JobStatus.FAILED, JobStatus.TIMED_OUT}:
        return JobStatus.FAILED
    return JobStatus.COMPLETED if found and JobStatus.RUNNING not in kinds else JobStatus.RUNNING


def shown(words: Sequence[Any]) -> str:
    """The words as a person reads them, each once."""
    return ", ".join(dict.fromkeys(word if isinstance(word, str) else json.dumps(word, default=str) for word in words))


def words_to_add(status: Status, word: str) -> tuple[str, str]:
    """The known words, and the line of configuration that would give this one the meaning that it most likely has."""
    known = known_words(status)
    listing = "; ".join(f"{kind}: {', '.join(map(str, words))}" for kind, words in known.items() if words)
    kind = next((kind for kind, stems in _LIKELY.items() if stems.search(word)), JobStatus.RUNNING)
    return listing, f"{kind}: {json.dumps([*known[kind], word], ensure_ascii=False, default=str)}"
