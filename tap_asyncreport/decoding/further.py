"""What a JSON answer says beside the records that were asked for: that there are more, or that they lie deeper."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tap_asyncreport.templates.lookup import spelt

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Requester
    from tap_asyncreport.config.streams import Stream

Listen = Callable[[str, str, bytes], None]

PAGES = "`download_retriever.paginator`"
LONGEST = 4096  # bytes of a value that is looked at
_DEEPEST = 3


def asks_for_one_page(stream: Stream) -> bool:
    """Whether the rows come from a request whose further pages nobody asks for."""
    retriever = stream.download_retriever
    has_request = retriever is not None and retriever.source is None
    return has_request and not any(step.paginator for step in _steps(stream))


def _steps(stream: Stream) -> Iterator[Requester]:
    for step in (stream.creation_requester, stream.download_target_requester, stream.download_retriever):
        yield from step if isinstance(step, list) else [step] if step is not None else ()


def list_with(record: Mapping[str, Any], names: Collection[str]) -> str | None:
    """The path below a record of a list whose items have one of these names: `.data.rows`."""
    level: list[tuple[list[str | int], Mapping[str, Any]]] = [([], record)]
    for _ in range(_DEEPEST):
        found = [([*path, key], value) for path, holder in level for key, value in holder.items()]
        for path, value in found:
            first = value[0] if isinstance(value, list) and value else None
            if isinstance(first, Mapping) and any(name in first for name in names):
                return spelt(path)
        level = [(path, value) for path, value in found if isinstance(value, Mapping)]
    return None


def records_hint(path: str | None, record: Mapping[str, Any], names: Collection[str]) -> str | None:
    """What to write for `decode.records` where a record turned out to hold the records; None where it does not."""
    deeper = list_with(record, names)
    if deeper is None:
        return None
    return f"the records lie deeper: set `decode.records: {path or '$'}{deeper}`"
