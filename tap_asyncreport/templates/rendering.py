"""Templates and extractors as the rest of the house uses them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import TemplateSyntaxError

from tap_asyncreport.errors import TemplateError, excerpt
from tap_asyncreport.response import PARTS, Response
from tap_asyncreport.templates.compiled import CompiledText, is_template
from tap_asyncreport.templates.filters import filters
from tap_asyncreport.templates.jsonpath import BadPath, Find, compile_path
from tap_asyncreport.templates.messages import explained, holder_of
from tap_asyncreport.templates.names import Deep, Names, Path
from tap_asyncreport.templates.sandbox import Sandbox, UnknownName
from tap_asyncreport.templates.text import NullFound, as_text

Scope = Mapping[str, Any]

_FIELD = re.compile(r"[^\W\d][\w.\[\]]*")
_QUOTED = 100  # characters of a template quoted in a message
_BESIDE = tuple(part for part in PARTS if part != "url")
_DATA = ("response", "record", "download_target", "jobs", "creation_responses")


class NullInText(TemplateError):  # noqa: N818
    """An expression in the middle of a text gave null."""


class BadTemplate(TemplateError):  # noqa: N818
    """A template, extractor or JSONPath whose syntax is wrong; `fault` says how, without quoting it."""

    fault = ""


class Templates:
    """The templates of one run: sandboxed, strict, each compiled once; safe to use from several threads.

    `now` is the time at which the run began, `timezone` the zone of it and of instants written without one.
    """

    def __init__(self, *, now: datetime, timezone: str = "UTC") -> None:
        zone = ZoneInfo(timezone)
        self._zone = zone
        at = self.at(now)
        self._sandbox = Sandbox(filters(zone), {"now": at, "uuid": _uuid, "run": {"id": _uuid(), "started_at": at}})
        self._texts: dict[str, CompiledText] = {}
        self._find = lru_cache(maxsize=4096)(compile_path)

    def at(self, instant: datetime) -> datetime:
        """An instant as `now` gives it: in the run's zone, to the second, so that its epoch is a whole number."""
        return instant.astimezone(self._zone).replace(microsecond=0)

    def template(self, source: Any, key: str = "") -> Template:
        """A text, or lists and mappings of them; TemplateError, which names `key`, where the syntax is wrong."""
        return Template(self, source, key)

    def extractor(self, source: str, key: str = "") -> Extractor:
        """A JSONPath (it begins with `$`, and may hold templates) or a template; TemplateError where it is neither."""
        return Extractor(self, source, key)

    def compiled(self, source: str, key: str) -> CompiledText:
        """The compiled text, from the cache where it was compiled before."""
        text = self._texts.get(source)
        if text is None:
            try:
                text = self._texts[source] = CompiledText(self._sandbox, source)
            except TemplateSyntaxError as error:
                said = (error.message or "it is not complete").rstrip(".")
                raise self.bad(key, source, said[0].lower() + said[1:], error.lineno) from None
            except (RecursionError, ValueError, MemoryError) as error:
                raise self.bad(key, source, f"it is no template ({type(error).__name__})") from None
        return text

    def rendered(self, text: CompiledText, key: str, scope: Scope) -> Any:
        """What a text renders to; TemplateError where it does not."""
        try:
            return text.value(scope)
        except Exception as error:  # noqa: BLE001 - anything can go wrong in a template, and none of it is ours to trace
            fault = explained(error, text.chains, {**self._sandbox.globals, **scope})
            kind = NullInText if isinstance(error, NullFound) else TemplateError
            told = self.error(key, text.source, fault.said, line=text.line_of(error), hint=fault.hint, kind=kind)
            told.answer = fault.answer
            raise told from None

    def find(self, path: str) -> Find:
        """What a JSONPath finds, from the cache where it was parsed before; raises BadPath."""
        return self._find(path)

    def bad(self, key: str, source: str, said: str, line: int | None = None, hint: str | None = None) -> BadTemplate:
        """The error for a syntax that is wrong."""
        error = self.error(key, source, said, line=line, hint=hint, kind=BadTemplate)
        assert isinstance(error, BadTemplate)
        error.fault = said
        return error

    def error(
        self,
        key: str,
        source: str,
        said: str,
        *,
        line: int | None = None,
        hint: str | None = None,
        kind: type[TemplateError] = TemplateError,
    ) -> TemplateError:
        """The error for a template: the template itself, and what is wrong with it."""
        several = f" in its line {line}" if line and "\n" in source.strip() else ""
        return kind(f"`{excerpt(source, _QUOTED)}`{several}: {said}", key=key, hint=hint)


def _found(find: Find, path: str, answer: Response) -> list[Any]:
    """What a path finds in an answer: in its body, so that a wildcard sees nothing else, else in headers and so on.

    Not the answer's own URL where an object lacks the key `url`: that would be taken for the link it does not have yet.
    """
    if not isinstance(answer.body, Mapping):
        return find(answer.view())
    found = find(answer.body)
    if found or not any(part in path for part in _BESIDE):
        return found
    return find({name: part for name, part in answer.view().items() if name != "url"})


def _uuid() -> str:
    return str(uuid.uuid4())


class Template:
    """A value of the configuration that may hold templates, in lists and mappings too.

    `paths` are the names that it uses; a path ends before a part that is picked at run time. `optional` are those that
    it guards with `default` or `is defined`.
    """

    __slots__ = ("_names", "_render", "key", "source")

    def __init__(self, templates: Templates, source: Any, key: str) -> None:
        self.source = source
        self.key = key
        self._names = Names()
        self._render = self._built(templates, source, key)

    @property
    def paths(self) -> frozenset[Path]:
        """The names that it uses, as paths from the top."""
        return self._names.paths

    @property
    def deep_paths(self) -> frozenset[Deep]:
        """The same, going on through the items of lists that are named by number."""
        return self._names.deep

    @property
    def optional(self) -> frozenset[Path]:
        """The names that it does without."""
        return self._names.optional

    @property
    def assigned(self) -> frozenset[str]:
        """The names that it gives itself."""
        return self._names.assigned

    def told_to_nobody(self, scope: Scope) -> Any:
        """The rendered value, of which whoever watches renderings hears nothing."""
        return Template.render(self, scope)

    def render(self, scope: Scope) -> Any:
        """Its value: a single `{{ expression }}` keeps its type, any other text stays text; raises TemplateError."""
        return self._render(scope)

    def text(self, scope: Scope) -> str | None:
        """Its value as text: None where it is null, JSON for lists and mappings; raises TemplateError."""
        value = self._render(scope)
        return None if value is None else as_text(value)

    def _built(self, templates: Templates, source: Any, key: str) -> Callable[[Scope], Any]:
        if isinstance(source, Mapping):
            parts = [
                (self._built(templates, name, key), self._built(templates, item, f"{key}.{name}"))
                for name, item in source.items()
            ]
            return lambda scope: {name(scope): item(scope) for name, item in parts}
        if isinstance(source, list | tuple):
            items = [self._built(templates, item, f"{key}.{number}") for number, item in enumerate(source)]
            return lambda scope: [item(scope) for item in items]
        if not is_template(source):
            return lambda _: source
        text = templates.compiled(source, key)
        self._names |= text.names
        return lambda scope: templates.rendered(text, key, scope)


class Extractor:
    """What picks values out of an answer: a JSONPath, or a template. `paths` are the names that its templates use."""

    __slots__ = ("_find", "_templates", "_text", "key", "source")

    def __init__(self, templates: Templates, source: str, key: str) -> None:
        self.source = source.strip()
        self.key = key
        self._templates = templates
        self._text = templates.compiled(self.source, key) if is_template(self.source) else None
        self._find: Find | None = None
        if self._text is None:
            if not self.source.startswith("$"):
                said = "it is neither a JSONPath, which begins with `$`, nor a template"
                hint = f"write `$.{self.source}`" if _FIELD.fullmatch(self.source) else None
                raise templates.bad(key, source, said, hint=hint)
            self._find = self._path(self.source)

    @property
    def paths(self) -> frozenset[Path]:
        """The names that its templates use, as paths from the top."""
        return self._text.names.paths if self._text else frozenset()

    @property
    def optional(self) -> frozenset[Path]:
        """The names that it does without."""
        return self._text.names.optional if self._text else frozenset()

    @property
    def assigned(self) -> frozenset[str]:
        """The names that it gives itself."""
        return self._text.names.assigned if self._text else frozenset()

    def first(self, value: Any, scope: Scope) -> Any:
        """The first match in `value` (an answer or plain JSON), or None; a template's own value.

        A template that asks an answer for what it does not hold gives None, as a JSONPath does; TemplateError for any
        other fault.
        """
        if self._find is not None or self.source.startswith("$"):
            matches = self._matches(value, scope)
            return matches[0] if matches else None
        return self._rendered(scope)

    def all(self, value: Any, scope: Scope) -> list[Any]:
        """All matches, in order; of a template, the list that it gives, or its one value, or none for null."""
        if self._find is not None or self.source.startswith("$"):
            return self._matches(value, scope)
        found = self._rendered(scope)
        return found if isinstance(found, list) else [] if found is None else [found]

    def _matches(self, value: Any, scope: Scope) -> list[Any]:
        find = self._find or self._path(self._templates.rendered(self._compiled(), self.key, scope))
        try:
            return _found(find, self.source, value) if isinstance(value, Response) else find(value)
        except Exception as error:  # noqa: BLE001 - its operators raise bare exceptions of many kinds
            said = f"the path cannot be applied to this answer ({type(error).__name__})"
            raise self._templates.error(self.key, self.source, said) from None

    def _compiled(self) -> CompiledText:
        return self._text or self._templates.compiled(self.source, self.key)

    def _path(self, path: str) -> Find:
        try:
            return self._templates.find(path)
        except BadPath as error:
            if path == self.source:
                raise self._templates.bad(self.key, self.source, f"not a JSONPath: {error}") from None
            raise self._templates.error(self.key, self.source, "what it renders to is not a JSONPath") from None

    def _rendered(self, scope: Scope) -> Any:
        text = self._compiled()
        try:
            return text.value(scope)
        except NullFound:
            return None
        except UnknownName as error:
            holder = None if error.at_top else holder_of(error.name, text.chains)
            if holder and (holder[0].endswith("_response") or holder[0] in _DATA):
                return None
            return self._templates.rendered(text, self.key, scope)
        except Exception:  # noqa: BLE001 - told in full by rendering it again
            return self._templates.rendered(text, self.key, scope)
