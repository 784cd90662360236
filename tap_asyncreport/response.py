"""An answer of the API as later steps see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tap_asyncreport.errors import Where

REQUEST_IDS = (
    "x-request-id", "x-amzn-requestid", "x-amz-request-id", "x-ms-request-id", "request-id", "x-correlation-id",
    "x-fb-trace-id", "x-guploader-uploadid", "x-trace-id",
)  # fmt: skip
PAGE = "an HTML page"
PARTS = ("headers", "status_code", "url", "text")


class Headers(dict[str, str]):
    """Header fields by name, in any case; kept in lower case."""

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        super().__init__({name.lower(): value for name, value in (fields or {}).items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


@dataclass(frozen=True, slots=True)
class Redirect:
    """How an answer came to be that to another request than the one that was made, whose line is `asked`.

    `elsewhere`: the path ends otherwise, so that this may be a page for people, and no word about what was asked for.
    `taken`: the server took the request, and what answers here is a GET that it sent the caller on to.
    """

    asked: str
    elsewhere: bool
    taken: bool


class Response:
    """An answer that behaves as its JSON body; `headers`, `status_code`, `url`, `text` where the body has no such key.

    `body` is the decoded JSON, or None where the answer was empty or is not JSON; `lookup` and `view` read it as
    templates and JSONPaths do.
    """

    __slots__ = ("_text", "body", "headers", "redirect", "request_line", "status_code", "url")

    def __init__(
        self,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        status_code: int = 200,
        url: str = "",
        text: str | None = None,
        request_line: str | None = None,
        redirect: Redirect | None = None,
    ) -> None:
        self.body = body
        self.redirect = redirect
        self.request_line = request_line
        self.headers = Headers(headers)
        self.status_code = status_code
        self.url = url
        self._text = text

    @property
    def text(self) -> str:
        """The answer as text; for a restored answer, its JSON."""
        if self._text is None:
            return "" if self.body is None else json.dumps(self.body, ensure_ascii=False)
        return self._text

    @property
    def nature(self) -> str | None:
        """What it is instead of the JSON object that nearly every API answers with; None for one."""
        if isinstance(self.body, Mapping):
            return None
        if self.body is None:
            return _nature_of_text(self.text)
        kinds = ((bool, "true or false"), (list, "a JSON list"), (str, "a JSON text"))
        return next((name for kind, name in kinds if isinstance(self.body, kind)), "a JSON number")

    def lookup(self, name: Any) -> Any:
        """The body's value of that name or index, else the part of the answer; KeyError where there is neither."""
        if isinstance(self.body, Mapping) and name in self.body:
            return self.body[name]
        if isinstance(self.body, list) and isinstance(name, int) and -len(self.body) <= name < len(self.body):
            return self.body[name]
        if name in PARTS:
            return getattr(self, name)
        raise KeyError(name)

    def view(self) -> Any:
        """The body for a JSONPath; a mapping also shows the parts that it has no key for."""
        if isinstance(self.body, Mapping):
            return {**self._parts(), **self.body}
        return self._parts() if self.body is None else self.body

    def _parts(self) -> dict[str, Any]:
        return {"headers": self.headers, "status_code": self.status_code, "url": self.url, "text": self.text}

    @classmethod
    def restored(cls, kept: Any) -> Response:
        """An answer from the parts of it that were kept in state."""
        if not isinstance(kept, Mapping):
            return cls(kept)
        body = {name: value for name, value in kept.items() if name not in PARTS}
        return cls(
            body,
            headers=kept.get("headers") or {},
            status_code=kept.get("status_code", 200),
            url=kept.get("url", ""),
            text=kept.get("text"),
        )

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<answer {self.status_code} of {len(self.text)} characters>"


def _nature_of_text(text: str) -> str:
    beginning = text.lstrip()[:200].lower()
    if beginning.rstrip() in ("", "null"):
        return "null" if beginning else "empty"
    if beginning.startswith(("<!doctype html", "<html")):
        return PAGE
    return "XML" if beginning.startswith("<") else "text that is no JSON"


def answered(where: Where, response: Response) -> Where:
    """The place with what an answer adds to it: its code and the id by which the API's support finds it."""
    request_id = next((response.headers[name] for name in REQUEST_IDS if name in response.headers), None)
    return replace(where, status_code=response.status_code, request_id=request_id)
