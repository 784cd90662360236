"""Values hidden in texts, however they are spelt there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tap_asyncreport.secrecy.needles import Form, Needle, line_needles, needles
from tap_asyncreport.secrecy.readings import readings
from tap_asyncreport.secrecy.values import texts_in

Span = tuple[int, int]


class Hiding:
    """Finds and hides every value that was added; safe to use from any thread."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._needles: dict[Form, tuple[Needle, ...]] = {}
        for value in values:
            self.add(value)

    def add(self, value: Any) -> None:
        """Hides the value from now on; of mappings and lists, every value inside."""
        found = set(texts_in(value))
        with self._lock:
            new = found - self._known
            if not new:
                return
            self._known |= new
            made = [needle for text in sorted(new) for needle in _needles(text, found)]
            forms = {**self._needles}
            for needle in made:
                forms[needle.form] = (*forms.get(needle.form, ()), needle)
            self._needles = forms

    def hide(self, text: str, mark: Callable[[str], str]) -> str:
        """The text with what `mark` makes of it in the place of each value."""
        data, errors = _bytes(text)
        spans = self._spans(data)
        return _replaced(data, errors, spans, mark) if spans else text

    def holds(self, text: str) -> bool:
        """Whether a value stands in the text."""
        return any(True for _ in self._found(_bytes(text)[0]))

    def is_whole(self, text: str) -> bool:
        """Whether the text is a value, and nothing else."""
        data, _ = _bytes(text)
        return [(0, len(data))] == self._spans(data)

    def _spans(self, data: bytes) -> list[Span]:
        return list(_apart(sorted(self._found(data))))

    def _found(self, data: bytes) -> Iterator[Span]:
        forms = self._needles
        if not forms:
            return
        for reading in readings(data):
            for form, sought in forms.items():
                text = form.of(reading.data)
                there = [needle for needle in sought if needle.head in text or needle.foot in text]
                places = form.places(reading.data) if there else []
                for needle in there:
                    for start, end in needle.found_in(text):
                        yield reading.place(*needle.with_ends(reading.data, places[start], places[end - 1] + 1))


def _needles(text: str, among: set[str]) -> Iterator[Needle]:
    """A line of a longer value is looked for as it stands only."""
    is_line = any(len(other) > len(text) and "\n" in other and text in other for other in among)
    return line_needles(text) if is_line else needles(text)


def _bytes(text: str) -> tuple[bytes, str]:
    """The text as bytes, and how to make it text again."""
    try:
        return text.encode("utf-8", "surrogateescape"), "surrogateescape"
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass"), "surrogatepass"


def _apart(spans: Iterable[Span]) -> Iterator[Span]:
    """Sorted spans, those that overlap made one."""
    first = last = 0
    for start, stop in spans:
        if start < last:
            last = max(last, stop)
            continue
        if last:
            yield first, last
        first, last = start, stop
    if last:
        yield first, last


def _replaced(data: bytes, errors: str, spans: Iterable[Span], mark: Callable[[str], str]) -> str:
    pieces, end = [], 0
    for start, stop in spans:
        pieces += [data[end:start].decode("utf-8", errors), mark(data[start:stop].decode("utf-8", errors))]
        end = stop
    return "".join([*pieces, data[end:].decode("utf-8", errors)])
