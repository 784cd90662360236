"""What state holds of an answer: the parts that later templates use, and no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import TemplateError
from tap_asyncreport.response import PARTS, Response

if TYPE_CHECKING:
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.templates import Templates

Path = tuple[str | int, ...]


def used_parts(stream: Stream, templates: Templates) -> dict[str, set[Path]]:
    """What a stream uses of the creation's answers in all that comes after it, as paths into them."""
    later = stream.model_dump(by_alias=True, exclude={"creation_requester"})
    first_poll = (
        later["polling_requester"] or later
    )  # until the first poll, `polling_response` is the creation's answer
    used = {path for text in _texts(later) for path in _paths(text, templates)}
    polled = {path for text in _texts(first_poll) for path in _paths(text, templates)}
    parts = {
        name: {path[1:] for path in used if path[0] == name} for name in ("creation_response", "creation_responses")
    }
    parts["creation_response"] |= {path[1:] for path in polled if path[0] == "polling_response"}
    if stream.polling_requester is None or stream.download_retriever.source == "creation_response":
        parts["creation_response"].add(())
    return parts


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _paths(text: str, templates: Templates) -> Iterable[Path]:
    try:
        return templates.template(text).deep_paths
    except TemplateError:  # the text of a raw body
        return ()


def pruned(response: Response, paths: Iterable[Path], holds_secret: Callable[[str], bool]) -> Any:
    """The parts of an answer at these paths, ready for `Response.restored`; the empty path means all of its body."""
    paths = set(paths)
    if () in paths or not isinstance(response.body, dict):
        kept = _picked(response.body, paths)
        if () not in paths and all(path[0] in PARTS for path in paths):
            kept = None
        if kept is not None and not isinstance(kept, dict):
            return _clean(kept, holds_secret)
    else:
        kept = _picked(response.body, [path for path in paths if path[0] in response.body])
    parts = {str(path[0]) for path in paths if path and path[0] in PARTS and path[0] not in (kept or {})}
    beside = {part: getattr(response, part) for part in parts - {"headers"}}
    if "headers" in parts:
        beside["headers"] = _headers(response, [path[1:] for path in paths if path and path[0] == "headers"])
    return _clean({**beside, **(kept or {})}, holds_secret)


def _picked(value: Any, paths: Iterable[Path]) -> Any:
    """What lies at the paths of mappings and lists; a path that ends, or meets another thing, takes all there is.

    Items keep their places: null stands before one that is kept for each that is not.
    """
    rest: dict[str | int, list[Path]] = {}
    for path in paths:
        if not path:
            return value
        rest.setdefault(path[0], []).append(path[1:])
    if isinstance(value, dict) and all(isinstance(name, str) for name in rest):
        return {name: _picked(value[name], inner) for name, inner in rest.items() if name in value}
    numbers = [number for number in rest if isinstance(number, int)]
    if isinstance(value, list) and len(numbers) == len(rest):
        beginning = value[: max(numbers, default=-1) + 1]
        return [_picked(item, rest[number]) if number in rest else None for number, item in enumerate(beginning)]
    return value


def _headers(response: Response, paths: Iterable[Path]) -> dict[str, str]:
    paths = list(paths)
    if () in paths:
        return {name: value for name, value in response.headers.items() if name != "set-cookie"}
    spellings = {spelling for path in paths for spelling in (str(path[0]), str(path[0]).replace("_", "-"))}
    return {name.lower(): response.headers[name] for name in sorted(spellings) if name in response.headers}


def _clean(value: Any, holds_secret: Callable[[str], bool]) -> Any:
    """The value without the texts that hold a secret."""
    if isinstance(value, Mapping):
        return {name: _clean(item, holds_secret) for name, item in value.items() if not _secret(item, holds_secret)}
    if isinstance(value, list):
        return [None if _secret(item, holds_secret) else _clean(item, holds_secret) for item in value]
    return value


def _secret(value: Any, holds_secret: Callable[[str], bool]) -> bool:
    return isinstance(value, str) and holds_secret(value)
