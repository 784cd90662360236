"""Templates and extractors that tell what they gave, for whoever wants to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tap_asyncreport.templates import Extractor, Template, Templates, is_template


@dataclass(frozen=True, slots=True)
class Sighting:
    """A text of the configuration and what it gave: of a template its rendering, of an extractor what it found."""

    key: str
    source: Any
    value: Any
    found: bool = False


Seen = Callable[[Sighting], None]


class WatchedTemplates(Templates):
    """Templates whose every rendering is told to `seen`, in whatever thread it happens."""

    def __init__(self, seen: Seen, *, now: datetime, timezone: str = "UTC") -> None:
        super().__init__(now=now, timezone=timezone)
        self._seen = seen

    def template(self, source: Any, key: str = "") -> Template:
        return _Template(self, source, key, self._seen)

    def extractor(self, source: str, key: str = "") -> Extractor:
        return _Extractor(self, source, key, self._seen)


class _Template(Template):
    __slots__ = ("_seen",)

    def __init__(self, templates: Templates, source: Any, key: str, seen: Seen) -> None:
        super().__init__(templates, source, key)
        self._seen = seen

    def render(self, scope: Mapping[str, Any]) -> Any:
        value = super().render(scope)
        self._tell(value)
        return value

    def text(self, scope: Mapping[str, Any]) -> str | None:
        value = super().text(scope)
        self._tell(value)
        return value

    def _tell(self, value: Any) -> None:
        for key, source, rendered in leaves(self.key, self.source, value):
            if is_template(source):
                self._seen(Sighting(key, source, rendered))


class _Extractor(Extractor):
    __slots__ = ("_seen",)

    def __init__(self, templates: Templates, source: str, key: str, seen: Seen) -> None:
        super().__init__(templates, source, key)
        self._seen = seen

    def first(self, value: Any, scope: Mapping[str, Any]) -> Any:
        found = super().first(value, scope)
        self._seen(Sighting(self.key, self.source, found, found=True))
        return found

    def all(self, value: Any, scope: Mapping[str, Any]) -> list[Any]:
        found = super().all(value, scope)
        self._seen(Sighting(self.key, self.source, found[0] if len(found) == 1 else found or None, found=True))
        return found


def leaves(key: str, source: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """The texts of a structure with their keys, each beside what it became."""
    if isinstance(source, Mapping) and isinstance(value, Mapping) and len(source) == len(value):
        for (name, inner), rendered in zip(source.items(), value.values(), strict=True):
            yield from leaves(f"{key}.{name}", inner, rendered)
    elif isinstance(source, list | tuple) and isinstance(value, list) and len(source) == len(value):
        for number, (inner, rendered) in enumerate(zip(source, value, strict=True)):
            yield from leaves(f"{key}.{number}", inner, rendered)
    else:
        yield key, source, value
