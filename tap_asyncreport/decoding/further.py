"""What a JSON answer says beside the records that were asked for: that there are more, or that they lie deeper."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tap_asyncreport.templates.lookup import spelt

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Requester
    from tap_asyncreport.config.streams import Stream

Listen = Callable[[str, bytes], None]

LONGEST = 4096  # bytes of a value that is looked at
_DEEPEST = 3
_NEXT_LINK = re.compile(r"""<[^>]*>[^,<]*;\s*rel\s*=\s*"?next\b""", re.IGNORECASE)
_NO_MORE = ("", "0", "false")
_MARKS = re.compile(r"[^a-z]")
_MORE = frozenset({
    "continuationtoken", "cursor", "endcursor", "hasmore", "hasnext", "hasnextpage", "morerecords", "next",
    "nextcursor", "nextlink", "nextpage", "nextpagetoken", "nextpageurl", "nextrecordsurl", "nexttoken", "nexturi",
    "nexturl", "odatanextlink",
})  # fmt: skip
_HOLDERS = frozenset({
    "cursors", "links", "meta", "metadata", "page", "pageinfo", "paging", "pagination", "responsemetadata",
})  # fmt: skip


def may_say_more(key: str) -> bool:
    """Whether something of this name tells of further pages, or holds what does."""
    return (name := _plain(key)) in _MORE or name in _HOLDERS


def paginator_for(path: str, value: Any) -> str | None:
    """What to write for the further pages that are told of at a path of an answer; None where none are."""
    if isinstance(value, Mapping):
        found = (paginator_for(f"{path}.{name}", inner) for name, inner in value.items())
        return next(filter(None, found), None)
    name = path.rpartition(".")[2]
    if _plain(name) not in _MORE or not (value is True or (isinstance(value, str) and value.strip() not in _NO_MORE)):
        return None
    if value is True:
        return f"`{path}` is true: set `download_retriever.paginator`"
    kind, into = ("next_url", "") if value.startswith(("http", "/")) else ("cursor", f", into: {{param: {name}}}")
    write = f"{{type: {kind}, extractor: {path}{into}}}"
    return f"`{path}` leads to them: set `download_retriever.paginator`, such as `{write}`"


def _plain(key: str) -> str:
    return _MARKS.sub("", key.lower())


def linked(headers: Mapping[str, str]) -> str | None:
    """What to write for the further pages that a `Link` header (RFC 8288) tells of; None where none are."""
    links = next((value for name, value in headers.items() if name.lower() == "link"), "")
    if _NEXT_LINK.search(links) is None:
        return None
    write = "{type: next_url, extractor: \"{{ response.headers.link.split('<')[1].split('>')[0] }}\"}"
    return f"the header `Link` leads to them: set `download_retriever.paginator`, such as `{write}`"


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
