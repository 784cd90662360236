"""Where an answer says that there are more pages than the one at hand, and the paginator that would ask for them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tap_asyncreport.templates.lookup import spelt
from tap_asyncreport.templates.text import to_json

if TYPE_CHECKING:
    from tap_asyncreport.response import Response

logger = logging.getLogger("tap-asyncreport")

_NEXT_LINK = re.compile(r"""<[^>]*>[^,<]*;\s*rel\s*=\s*"?next\b""", re.IGNORECASE)
_LINKED = "{{ response.headers.link.split('<')[1].split('>')[0] }}"
_DEEPEST = 3
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


class Unread:
    """More than is read: warned of the first time that an answer tells of it."""

    def __init__(self) -> None:
        self.told = False

    def tell(self, subject: object, what: str, hint: str | None) -> None:
        """Warns, once, of what the API has more of; the hint is None for an answer that does not tell of more."""
        if hint is not None and not self.told:
            self.told = True
            logger.warning("%s: the API %s; %s", subject, what, hint)


def may_say_more(key: str) -> bool:
    """Whether something of this name tells of further pages, or holds what does."""
    return (name := _plain(key)) in _MORE or name in _HOLDERS


def said_at(setting: str, path: str, key: str, value: Any) -> str | None:
    """What to write as `setting`, as it is shown, for the pages that a key of the answer tells of; None for none."""
    here = path + spelt([key])
    if isinstance(value, Mapping) and _plain(key) in _HOLDERS:
        found = (said_at(setting, here, str(name), inner) for name, inner in value.items())
        return next(filter(None, found), None)
    if _plain(key) not in _MORE or not (value is True or (isinstance(value, str) and value.strip() not in _NO_MORE)):
        return None
    if value is True:
        return f"`{here}` is true: set {setting}"
    kind, into = ("next_url", "") if value.startswith(("http", "/")) else ("cursor", f", into: {{param: {key}}}")
    return f"`{here}` leads to them: set {setting}, such as `{{type: {kind}, extractor: {_quoted(here)}{into}}}`"


def linked(setting: str, headers: Mapping[str, str]) -> str | None:
    """What to write for the further pages that a `Link` header (RFC 8288) tells of; None where it does not."""
    links = next((value for name, value in headers.items() if name.lower() == "link"), "")
    if _NEXT_LINK.search(links) is None:
        return None
    write = f"{{type: next_url, extractor: {to_json(_LINKED)}}}"
    return f"the header `Link` leads to them: set {setting}, such as `{write}`"


def said_in(setting: str, response: Response) -> str | None:
    """What to write for the further pages that an answer tells of, beside its records or in a header."""
    body = response.body if isinstance(response.body, Mapping) else {}
    found = (said_at(setting, "$", str(key), value) for key, value in body.items())
    return next(filter(None, found), None) or linked(setting, response.headers)


def marked_in(response: Response) -> str | None:
    """Where a job's answer says, by a mark that is true, that there is more than this job read; None where it does not.

    A mark beside a list of objects speaks of that list, and is none of the job's.
    """
    return next(_marks(response.body, "$"), None)


def _marks(value: Any, path: str, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list) and len(value) == 1:
        yield from _marks(value[0], f"{path}[0]", depth + 1)
    if not isinstance(value, Mapping):
        return
    lists = any(isinstance(part, list) and part and isinstance(part[0], Mapping) for part in value.values())
    for key, part in value.items():
        here = path + spelt([str(key)])
        if part is True and _plain(str(key)) in _MORE and not lists:
            yield here
        yield from _marks(part, here, depth + 1)


def _plain(key: str) -> str:
    return _MARKS.sub("", key.lower())


def _quoted(path: str) -> str:
    return to_json(path) if "'" in path else path
