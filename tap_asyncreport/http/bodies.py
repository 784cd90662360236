"""From rendered values to what travels: query parameters, headers and bodies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tap_asyncreport.errors import RequestError
from tap_asyncreport.templates.text import as_text, to_json

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Requester
    from tap_asyncreport.templates import Templates

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def suits(said: str | None, made: str) -> bool:
    """Whether a Content-Type that the configuration gives all requests fits a body made as JSON, or as a form."""
    return said is not None and ("json" if made == JSON_TYPE else made) in said.lower()


def pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Query parameters: a null drops the key, a list repeats it."""
    for name, value in values.items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is not None:
                yield name, as_text(each)


def header_pairs(values: Any) -> Iterator[tuple[str, str | None]]:
    """Headers, None for one that is not to be sent; null gives none. Raises RequestError for what is no mapping."""
    if not isinstance(values, Mapping | None):
        raise RequestError("the headers are no mapping", hint="the template of `headers` must give a mapping, or null")
    return ((str(name), None if value is None else as_text(value)) for name, value in (values or {}).items())


def form(fields: Any) -> bytes:
    """A form: nested keys and lists in brackets, `a[b][]`; an item that is a mapping is numbered, `a[0][b]`."""
    return urlencode([pair for name, value in fields.items() for pair in _form_pairs(name, value)]).encode()


def _form_pairs(name: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _form_pairs(f"{name}[{key}]", inner)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _form_pairs(f"{name}[{index if isinstance(inner, Mapping) else ''}]", inner)
    elif value is not None:
        yield name, as_text(value)


def body(
    requester: Requester, templates: Templates, scope: Mapping[str, Any], key: str
) -> tuple[bytes | None, str | None]:
    """The bytes of a requester's `json`, `form` or `body`, and their media type where it is known."""
    given = {"json": requester.json_, "form": requester.form, "body": requester.body}
    kind, source = next(((kind, source) for kind, source in given.items() if source is not None), (None, None))
    value = source if requester.raw or kind is None else templates.template(source, f"{key}.{kind}").render(scope)
    if kind == "json":
        return to_json(value).encode(), JSON_TYPE
    if kind == "form":
        return form(value or {}), FORM_TYPE
    return (None if value is None else as_text(value).encode()), None
