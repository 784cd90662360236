"""Where the next page is: plain data, from one page's answer to what the next request changes."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin

from tap_asyncreport.config import requesters as config
from tap_asyncreport.errors import RequestError

if TYPE_CHECKING:
    from tap_asyncreport.response import Response
    from tap_asyncreport.templates import Extractor, Templates

_PATH = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


@dataclass(frozen=True, slots=True)
class Changes:
    """What a page's request has that the configured one has not; a `url` replaces the URL and its `params`."""

    url: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: tuple[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page by number from 0, what leads to it (a link, a cursor, an offset), and the records before it."""

    number: int = 0
    value: Any = None
    records: int = 0


FIRST = Page()
UNCHANGED = Changes()


class Pages(Protocol):
    """A kind of pagination; `counts` says whether it must know how many records a page has."""

    counts: bool

    def changes(self, page: Page) -> Changes:
        """What this page's request changes."""
        ...

    def after(self, page: Page, response: Response, scope: Mapping[str, Any], records: int) -> Page | None:
        """The page after this one, whose answer is `response`; None where it was the last."""
        ...


class NextUrlPages:
    """The answer links to the next page; a relative link starts at the answer's own URL."""

    counts = False

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor

    def changes(self, page: Page) -> Changes:
        return Changes() if page.value is None else Changes(url=page.value)

    def after(self, page: Page, response: Response, scope: Mapping[str, Any], records: int) -> Page | None:
        link = self._extractor.first(response, scope)
        if link in (None, ""):
            return None
        if not isinstance(link, str):
            raise RequestError(f"the next page's URL is no text: {link!r}", hint="check `paginator.extractor`")
        return Page(page.number + 1, urljoin(response.url, link), page.records + records)


class CursorPages:
    """The answer holds a cursor that the next request repeats in a parameter, a header or its JSON body."""

    counts = False

    def __init__(self, extractor: Extractor, into: config.Into, stop_on: list[Any]) -> None:
        self._extractor, self._into, self._stop_on = extractor, into, stop_on

    def changes(self, page: Page) -> Changes:
        return Changes() if page.value is None else put(self._into, page.value)

    def after(self, page: Page, response: Response, scope: Mapping[str, Any], records: int) -> Page | None:
        cursor = cursor_in(self._extractor, response, scope, self._stop_on)
        return None if cursor is None else Page(page.number + 1, cursor, page.records + records)


class OffsetPages:
    """Pages by offset: the last is shorter than the limit, or reaches the total."""

    counts = True

    def __init__(self, paginator: config.Offset, total: Extractor | None) -> None:
        self._paginator, self._total = paginator, total

    def changes(self, page: Page) -> Changes:
        params = {self._paginator.param: page.records}
        if self._paginator.limit_param is not None:
            params[self._paginator.limit_param] = self._paginator.limit
        return Changes(params=params)

    def after(self, page: Page, response: Response, scope: Mapping[str, Any], records: int) -> Page | None:
        so_far = page.records + records
        total = None if self._total is None else self._total.first(response, scope)
        done = records < self._paginator.limit if total is None else not records or so_far >= int(total)
        return None if done else Page(page.number + 1, None, so_far)


class NumberedPages:
    """Pages by number: the first page without records ends them."""

    counts = True

    def __init__(self, paginator: config.PageNumber) -> None:
        self._paginator = paginator

    def changes(self, page: Page) -> Changes:
        return Changes(params={self._paginator.param: self._paginator.first + page.number})

    def after(self, page: Page, response: Response, scope: Mapping[str, Any], records: int) -> Page | None:  # noqa: ARG002
        return Page(page.number + 1, None, page.records + records) if records else None


def pages_of(paginator: Any, templates: Templates, key: str) -> Pages | None:
    """The pagination that a requester's `paginator` asks for; None for none, and for ranges, which are no pages."""
    if isinstance(paginator, config.NextUrl):
        return NextUrlPages(templates.extractor(paginator.extractor, f"{key}.extractor"))
    if isinstance(paginator, config.Cursor):
        extractor = templates.extractor(paginator.extractor, f"{key}.extractor")
        return CursorPages(extractor, paginator.into, paginator.stop_on)
    if isinstance(paginator, config.Offset):
        total = None if paginator.total is None else templates.extractor(paginator.total, f"{key}.total")
        return OffsetPages(paginator, total)
    return NumberedPages(paginator) if isinstance(paginator, config.PageNumber) else None


def cursor_in(extractor: Extractor, response: Any, scope: Mapping[str, Any], stop_on: list[Any]) -> Any:
    """The cursor that an answer holds; None where it is null, empty, or one that says there is no more."""
    cursor = extractor.first(response, scope)
    return None if cursor in (None, "") or cursor in stop_on else cursor


def put(into: config.Into, cursor: Any) -> Changes:
    """The changes that put a cursor where the configuration wants it."""
    if into.param is not None:
        return Changes(params={into.param: cursor})
    if into.header is not None:
        return Changes(headers={into.header: str(cursor)})
    return Changes(json=(into.json_ or "", cursor))


def put_json(body: Any, path: str, value: Any) -> Any:
    """A copy of a JSON body with `value` at a key or a simple JSONPath; mappings on the way are made.

    A name with dots is a path, with or without `$.` before it, unless the body has a key of that very name.
    """
    body = {} if body is None else copy.deepcopy(body)
    steps: list[str | int] = [path]
    if not (isinstance(body, dict) and path in body):
        found = _PATH.findall(path.removeprefix("$"))
        steps = [int(index) if index else name or single or double for name, index, single, double in found]
    place = body
    for step in steps[:-1]:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    place[steps[-1]] = value
    return body


def range_of(count: Extractor | int, response: Any, scope: Mapping[str, Any]) -> int | None:
    """How many targets a range has: a number, or the length of a list; None where the answer does not say yet."""
    found = count if isinstance(count, int) else count.first(response, scope)
    if isinstance(found, list):
        return len(found)
    if found in (None, ""):
        return None
    try:
        return max(0, int(found))
    except (TypeError, ValueError):
        raise RequestError(f"the number of targets is no number: {found!r}", hint="check `paginator.count`") from None
