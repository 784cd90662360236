"""Credentials as they are put on a request; those that need no login of their own."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.authenticators import ApiKey, Basic, Bearer
from tap_asyncreport.errors import LoginError
from tap_asyncreport.response import Response

if TYPE_CHECKING:
    from tap_asyncreport.config.values import Model
    from tap_asyncreport.http.calls import Outgoing
    from tap_asyncreport.http.redaction import Redactor
    from tap_asyncreport.templates import Template, Templates

# Names that have one value for the whole run: credentials made of these alone are shared by every step.
RUN_NAMES = frozenset({"secrets", "vars", "config", "run", "now", "uuid"})


class Credentials:
    """What goes on a request so that the API knows us; safe to share between threads."""

    def apply(self, outgoing: Outgoing) -> str | None:
        """Puts itself on the request and returns the token sent, if it is one that can be renewed.

        May log in first, and so raise LoginError, or NotReady where whoever gives tokens does not answer.
        """
        raise NotImplementedError

    def refresh(self, stale: str | None) -> bool:  # noqa: ARG002
        """Gets a new token, unless somebody already replaced `stale`; false where there is nothing to renew.

        Raises what `apply` does.
        """
        return False

    def login(self) -> None:
        """Makes sure that there is a token, for those who want to know before the first call."""

    @property
    def token_response(self) -> Response | None:
        """The answer that the token came from; None where no call gave one."""
        return None


class Rendering:
    """An authenticator's templates within the names of one step; whatever it renders is hidden from then on."""

    def __init__(self, templates: Templates, scope: Mapping[str, Any], redactor: Redactor) -> None:
        self.templates = templates
        self.scope = scope
        self.redactor = redactor

    def value(self, source: Any, key: str) -> Any:
        """The rendered value of any structure."""
        return self._template(source, key).render(self.scope)

    def text(self, source: Any, key: str) -> str | None:
        """The rendered text, None for null; not secret."""
        return None if source is None else self._template(source, key).text(self.scope)

    def secret(self, source: Any, key: str) -> str:
        """The rendered text, hidden from every log; raises LoginError where there is none."""
        text = self.text(source, key)
        if not text:
            raise LoginError(
                f"`authenticator.{key}` is empty",
                hint=f"Its value is {source!r}; is the secret set, here or as TAP_ASYNCREPORT_SECRETS_<NAME>?"
                if isinstance(source, str) and "{{" in source
                else "Give it a value.",
            )
        self.redactor.add(text)
        return text.strip()

    def same(self, sources: Any) -> str:
        """A text that is the same for all steps in which these sources mean the same credentials."""
        used = sorted(path for path in self._template(sources, "").paths if path and path[0] not in RUN_NAMES)
        return json.dumps([(path, _at(self.scope, path)) for path in used], default=str)

    def _template(self, source: Any, key: str) -> Template:
        return self.templates.template(source, f"authenticator.{key}" if key else "authenticator")


def _at(scope: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = scope
    for name in path:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, Response):
            try:
                value = value.lookup(name)
            except KeyError:
                return None
        else:
            break
    return value


class FixedHeader(Credentials):
    """The same header with every request."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def apply(self, outgoing: Outgoing) -> None:
        outgoing.put_header(self._name, self._value)


class FixedParam(Credentials):
    """The same query parameter with every request."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def apply(self, outgoing: Outgoing) -> None:
        outgoing.put_param(self._name, self._value)


def basic_header(username: str, password: str, redactor: Redactor) -> str:
    """The value of Authorization for a user and password, RFC 7617."""
    pair = f"{username}:{password}"
    redactor.add([password, pair] if password else pair)
    return "Basic " + base64.b64encode(pair.encode()).decode()


def fixed(model: Model, rendering: Rendering) -> Credentials | None:
    """The credentials of an authenticator that needs no call and no signature; None for any other."""
    if isinstance(model, ApiKey):
        value = rendering.secret(model.value, "value")
        return FixedHeader(model.name, value) if model.in_ == "header" else FixedParam(model.name, value)
    if isinstance(model, Bearer):
        return FixedHeader("Authorization", f"Bearer {rendering.secret(model.token, 'token')}")
    if isinstance(model, Basic):
        username = rendering.text(model.username, "username") or ""
        password = rendering.text(model.password, "password") or ""
        return FixedHeader("Authorization", basic_header(username, password, rendering.redactor))
    return None
