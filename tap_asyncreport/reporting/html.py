"""HTML made of tags, with everything escaped that is not HTML already."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

VOID = frozenset({"input"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(child: object) -> str:
    """The child as HTML; None is nothing."""
    if isinstance(child, Html):
        return child
    return "" if child is None else html.escape(str(child))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element; `class_` and `aria_label` are attributes' names, None and False leave one out, True has no value."""
    inside = "".join(map(escaped, children))
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{inside}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """The parts, one after another."""
    return Html("".join(map(escaped, parts)))


def embedded(data: Any) -> str:
    """JSON that may stand in a script element: nothing in it ends the element or begins another."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its title, and how its cells are set; numbers stand below a title that is set like them."""

    title: str
    class_: str | None = None
    number: bool = False


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Html:
    """A table whose first column names its rows."""
    head = tag(
        "tr", *(tag("th", column.title, scope="col", class_="number" if column.number else None) for column in columns)
    )
    body = (tag("tr", *_cells(columns, row)) for row in rows)
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))


def _cells(columns: Sequence[Column], row: Sequence[object]) -> Iterable[Html]:
    for position, (column, value) in enumerate(zip(columns, row, strict=True)):
        if position:
            yield tag("td", value, class_="number" if column.number else column.class_, data_title=column.title)
        else:
            yield tag("th", value, scope="row", class_=column.class_)


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
