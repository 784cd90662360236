"""What a JSON answer says beside the records that were asked for: that there are more, or that they lie deeper."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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


def records_hint(path: str | None, record: Mapping[str, Any], names: frozenset[str]) -> str | None:
    """What to write for `decode.records` where a record turned out to hold the records; None where it does not."""
    whole, lists = path or "$", list(_lists(record))
    deeper = next((at for at, first, _ in lists if isinstance(first, Mapping) and not names.isdisjoint(first)), None)
    if deeper is not None:
        return f"the records lie deeper: set `decode.records: {whole}{deeper}`"
    rows = next((at for at, first, _ in lists if isinstance(first, list)), None)
    if rows is None:
        return None
    fields = next(filter(None, (_names_in(at, items, names) for at, _, items in lists)), None)
    named = f"`decode.fields: {whole}{fields}`" if fields else "`decode.fields`, the names of the columns"
    return f"the records lie deeper, and are lists: set `decode.records: {whole}{rows}` and {named}"


def _lists(record: Mapping[str, Any]) -> Iterator[tuple[str, Any, list[Any]]]:
    """The lists below a record that hold anything: path, first item, and the list."""
    level: list[tuple[list[str | int], Mapping[str, Any]]] = [([], record)]
    for _ in range(_DEEPEST):
        found = [([*path, key], value) for path, holder in level for key, value in holder.items()]
        yield from ((spelt(path), value[0], value) for path, value in found if isinstance(value, list) and value)
        level = [(path, value) for path, value in found if isinstance(value, Mapping)]


def _names_in(path: str, items: list[Any], names: frozenset[str]) -> str | None:
    """The path of the column names, where a list holds them as texts or in objects: `.columns[*].name`."""
    first = items[0]
    if isinstance(first, str):
        return path if _any_in(names, items) else None
    keys = first if isinstance(first, Mapping) else ()
    described = [item for item in items if isinstance(item, Mapping)]
    found = (key for key in keys if _any_in(names, (item.get(key) for item in described)))
    return next((f"{path}[*]{spelt([key])}" for key in found), None)


def _any_in(names: frozenset[str], values: Iterable[Any]) -> bool:
    return any(isinstance(value, str) and value in names for value in values)
