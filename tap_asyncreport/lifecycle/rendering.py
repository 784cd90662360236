"""From rendered templates to what travels: the three kinds of body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import RequestError
from tap_asyncreport.http.bodies import FORM_TYPE, JSON_TYPE, form
from tap_asyncreport.lifecycle.paginators import put_json
from tap_asyncreport.templates.text import as_text, to_json

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Requester
    from tap_asyncreport.templates import Template, Templates


class Body:
    """The body of a request: `json`, `form`, `body`, or none of them."""

    def __init__(self, config: Requester, templates: Templates, key: str) -> None:
        self.kind = next((name for name in ("json", "form", "body") if _given(config, name) is not None), None)
        source = _given(config, self.kind) if self.kind else None
        self._raw = source if config.raw else None
        self.template: Template | None = None
        if source is not None and not config.raw:
            self.template = templates.template(source, f"{key}.{self.kind}")

    def value(self, scope: Mapping[str, Any]) -> Any:
        """The body as configured, rendered."""
        return self._raw if self.template is None else self.template.render(scope)

    def encoded(self, scope: Mapping[str, Any], into: tuple[str, Any] | None = None) -> tuple[bytes | None, str | None]:
        """The bytes and their media type; `into` is a JSON path and the value to put there."""
        value = self.value(scope)
        if into is not None:
            value = _with(value, *into)
        if self.kind == "json" or into is not None:
            return to_json(value).encode(), JSON_TYPE
        if self.kind == "form":
            return form(value or {}), FORM_TYPE
        return (None if value is None else as_text(value).encode()), None


def nulls(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """Where a rendered value is null, as paths into it."""
    if isinstance(value, Mapping):
        return {at for key, part in value.items() for at in nulls(part, (*path, key))}
    if isinstance(value, list):
        return {at for key, part in enumerate(value) for at in nulls(part, (*path, key))}
    return {path} if value is None else set()


def _with(value: Any, path: str, cursor: Any) -> Any:
    try:
        return put_json(value, path, cursor)
    except (KeyError, IndexError, TypeError):
        hint = "check `paginator.into.json`"
        raise RequestError(f"the JSON body has no place for the cursor at {path}", hint=hint) from None


def _given(config: Requester, name: str) -> Any:
    return config.json_ if name == "json" else getattr(config, name)
