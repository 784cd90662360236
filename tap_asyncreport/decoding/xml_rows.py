"""XML to records, streaming: the elements at a path, each an object of its children and attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tap_asyncreport.decoding.source import LARGEST_RECORD
from tap_asyncreport.errors import DecodeError
from tap_asyncreport.templates.json_path import Step

_DECLARED = re.compile(r"<\?xml[^>]*?\bencoding\s*=\s*[\"']([A-Za-z][\w.:-]*)")
_ERROR_ROOTS = {"error", "errors", "errorresponse", "fault", "exception", "html"}


def declared_encoding(beginning: bytes) -> str | None:
    """The encoding that an XML declaration names."""
    match = _DECLARED.match(beginning[:200].decode("latin-1"))
    return match[1] if match else None


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def listed(value: Any, steps: Sequence[Step], *, unless_lists: bool = False) -> Any:
    """The value with a list where the steps lead: an element that stands alone is a list of one.

    With `unless_lists` an object of nothing but lists stays.
    """
    step, rest = steps[0], steps[1:]
    if not isinstance(value, dict) or value.get(step) in (None, ""):
        return value
    inner = value[step]
    if rest:
        return {**value, step: listed(inner, rest, unless_lists=unless_lists)}
    lists = isinstance(inner, dict) and all(isinstance(part, list) for part in inner.values())
    return value if isinstance(inner, list) or (lists and unless_lists) else {**value, step: [inner]}


class _Element:
    """An element inside a record, until it ends."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.nil = False
        self.attributes: dict[str, str] = {}
        for key, value in attributes.items():
            if _local(key) == "nil" and value in ("true", "1"):
                self.nil = True
            elif key != "xmlns" and not key.startswith(("xmlns:", "xsi:")):
                self.attributes[_local(key)] = value
        self.children: dict[str, Any] = {}
        self.text: list[str] = []

    def add(self, name: str, value: Any) -> None:
        """A child; one that repeats becomes a list."""
        if name not in self.children:
            self.children[name] = value
        elif isinstance(self.children[name], _Several):
            self.children[name].append(value)
        else:
            self.children[name] = _Several([self.children[name], value])

    def value(self) -> Any:
        """Its text where it has no children, else an object; attributes stand beside the children."""
        if self.nil:
            return None
        if not self.children:
            return "".join(self.text)
        own = {(f"@{name}" if name in self.children else name): value for name, value in self.attributes.items()}
        return {**own, **{name: list(v) if isinstance(v, _Several) else v for name, v in self.children.items()}}


class _Several(list[Any]):
    """The values of a child element that repeats."""


class XmlRecords:
    """The elements at `path` of one document: `a/b/row` from the root or from below it, `//row` at any depth.

    By default the root's children. Raises DecodeError for what is not well-formed, declares entities or lacks the path.
    """

    def __init__(self, texts: Iterator[str], path: str | None) -> None:
        from xml.parsers import expat

        self._texts = texts
        self._path = path
        path = (path or "*").removeprefix(".")
        self._anywhere = path.startswith("//")
        self._steps = [_local(step) for step in path.strip("/").split("/")]
        self._stack: list[str] = []
        self._open: list[_Element] = []
        self._ready: list[Any] = []
        self._reached = self._anywhere
        self._root = ""
        self._began = 0
        self._error = expat.ExpatError
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.EntityDeclHandler = self._entity

    def __iter__(self) -> Iterator[Any]:
        found = 0
        for text in self._texts:
            self._feed(text.encode(), final=False)
            found += len(self._ready)
            yield from self._taken()
        self._feed(b"", final=True)
        found += len(self._ready)
        yield from self._taken()
        if not found and (not self._reached or self._root.lower() in _ERROR_ROOTS):
            raise DecodeError(
                f"no element at {self._path or 'the root'!r} in a document that begins with <{self._root}>",
                hint="an error page? else see `decode.records`",
            )

    def _taken(self) -> list[Any]:
        ready, self._ready = self._ready, []
        return ready

    def _feed(self, data: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(data, final)
        except self._error as error:
            raise DecodeError(f"the XML is not well-formed: {error}") from None
        if self._open and self._parser.CurrentByteIndex - self._began > LARGEST_RECORD:
            raise DecodeError(
                f"one record, an element <{self._open[0].name}>, is longer than {LARGEST_RECORD} bytes",
                hint="see `decode.records`, which says which elements are records",
            )

    def _matches(self, steps: list[str], stack: list[str]) -> bool:
        if self._anywhere:
            stack = stack[-len(steps) :]
        return len(steps) == len(stack) and all(step in ("*", name) for step, name in zip(steps, stack, strict=True))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = _local(name)
        self._root = self._root or name
        if self._open:
            self._open.append(_Element(name, attributes))
            return
        self._stack.append(name)
        below = self._stack[1:]
        if (self._path is not None and self._matches(self._steps, self._stack)) or (
            below and self._matches(self._steps, below)
        ):
            self._open.append(_Element(name, attributes))
            self._began = self._parser.CurrentByteIndex
        elif self._matches(self._steps[:-1], self._stack) or self._matches(self._steps[:-1], below):
            self._reached = True

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text.append(text)

    def _end(self, _: str) -> None:
        if not self._open:
            self._stack.pop()
            return
        element = self._open.pop()
        if self._open:
            self._attach(self._open[-1], element)
            return
        self._stack.pop()
        value = element.value()
        own = element.attributes if not element.children else {}
        self._ready.append(own if own and not str(value).strip() else {**own, "text": value} if own else value)

    def _attach(self, parent: _Element, element: _Element) -> None:
        parent.add(element.name, element.value())
        if not element.children:
            for name, value in element.attributes.items():
                parent.add(f"{element.name}@{name}", value)

    def _entity(self, *_: Any) -> None:
        raise DecodeError("the XML declares entities, which a report has no need of", hint="this may be an attack")
