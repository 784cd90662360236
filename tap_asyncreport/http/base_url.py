"""The base URL: text, or found once per run by a request or in the token's answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any

from tap_asyncreport.config.settings import FoundBaseUrl, TokenBaseUrl
from tap_asyncreport.errors import ConfigurationError, LoginError, Problem, ReportError, RequestError, Where
from tap_asyncreport.http.asking import UNAUTHORIZED, Manner, Sender, answered_by, ask, refusal, render
from tap_asyncreport.http.credentials import Credentials
from tap_asyncreport.http.urls import is_absolute, origin_of
from tap_asyncreport.response import PAGE

if TYPE_CHECKING:
    from tap_asyncreport.templates import Templates

STEP = "base_url"


class BaseUrl:
    """Where paths are appended; `find` asks for it once, whichever thread comes first."""

    def __init__(
        self,
        setting: str | FoundBaseUrl | TokenBaseUrl | None,
        templates: Templates,
        scope: dict[str, Any],
        sender: Sender,
        credentials: Callable[[Any], Credentials | None],
    ) -> None:
        self._setting = setting
        self._templates = templates
        self._scope = scope
        self._sender = sender
        self._credentials = credentials
        self._lock = threading.RLock()
        self._finding = False
        self._failure: ReportError | None = None
        self.known: str | None = None

    @property
    def given(self) -> bool:
        """Whether there is a base URL at all."""
        return self._setting is not None

    def at_hand(self) -> str | None:
        """The base URL if it takes no call to know it; None before it is found."""
        if self.known is None and isinstance(self._setting, str):
            return self.find()
        return self.known

    def find(self) -> str | None:
        """The base URL, None where none is configured; raises ReportError, the same each time, or NotReady."""
        if self.known is not None or self._setting is None:
            return self.known
        with self._lock:
            if self._failure is not None:
                raise copy(self._failure)
            if self.known is None:
                if self._finding:
                    raise ConfigurationError([_circular()])
                self._finding = True
                try:
                    self.known = self._found(self._setting)
                except ReportError as error:
                    self._failure = copy(error)  # each stream adds its own place to what it raises
                    raise
                finally:
                    self._finding = False
            return self.known

    def _found(self, setting: str | FoundBaseUrl | TokenBaseUrl) -> str:
        if isinstance(setting, str):
            return self._usable(self._templates.template(setting, STEP).text(self._scope))
        if isinstance(setting, TokenBaseUrl):
            credentials = self._credentials("inherit")
            answer = credentials.token_response if credentials else None
            if answer is None:
                raise RequestError(
                    "`base_url.token` needs an authenticator that fetches a token", hint="See `authenticator`."
                )
            token = self._templates.extractor(setting.token, f"{STEP}.token")
            return self._usable(
                token.first(answer, {**self._scope, "response": answer}), setting.token, nature=answer.nature
            )
        scope = {**self._scope, "now": self._templates.at(self._sender.clock.now())}
        call = render(setting.request, self._templates, scope, STEP)
        login = setting.authenticator if setting.request.authenticator is None else setting.request.authenticator
        manner = Manner.of(setting.request, self._templates, f"{STEP}.request")
        reply, good = ask(self._sender, call, self._credentials(login), manner)
        if not good:
            refused = refusal(self._sender.redactor, call, reply)
            if reply.status_code == UNAUTHORIZED:
                raise LoginError(
                    refused.message, where=refused.where, excerpt=refused.excerpt, hint="check `authenticator`"
                )
            raise refused
        answer = reply.answer()
        extractor = self._templates.extractor(setting.extractor, f"{STEP}.extractor")
        found = extractor.first(answer, {**self._scope, "response": answer})
        try:  # the answer's own URL stands in for a key `url` that it lacks
            return self._usable(
                None if found == answer.url else found, setting.extractor, key="extractor", nature=answer.nature
            )
        except RequestError as error:
            error.excerpt = self._sender.redactor.excerpt(answer.text)
            if answer.nature == PAGE:
                error.hint = f"is `{STEP}.request` right, and is a login needed?"
            raise error.within(answered_by(call, reply)) from None

    def _usable(
        self, found: Any, source: str | None = None, *, key: str = "token", nature: str | None = None
    ) -> str:
        if isinstance(found, str) and is_absolute(found):
            self._sender.redactor.own(origin_of(found))
            return found.strip()
        it_is = f": it is {nature}" if nature else ""
        if found not in (None, ""):
            what = f"the base URL is {self._sender.redactor.redact(str(found))!r}, which is no http or https URL"
        elif source is None:
            what = "the base URL is empty"
        else:
            what = f"the base URL is not in the answer at {source}{it_is}"
        hint = "check `base_url`" if source is None else f"check `{STEP}.{key}`"
        raise RequestError(what, where=Where(step=STEP), hint=hint)


def _circular() -> Problem:
    return Problem(
        "finding `base_url` needs a call whose URL is appended to `base_url`",
        key="base_url",
        hint="Give the full URL in `authenticator.token_url` and `base_url.request`.",
    )
