"""The one door to the network: every call of a run goes through `Http.send`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http.cookiejar import Cookie
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal, Protocol

import requests
import urllib3
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar, get_cookie_header

from tap_asyncreport.clock import Clock
from tap_asyncreport.errors import ConfigurationError, Problem, RequestError, Where
from tap_asyncreport.http.authenticators import Authenticators
from tap_asyncreport.http.base_url import BaseUrl
from tap_asyncreport.http.bodies import suits
from tap_asyncreport.http.calls import Call, Exchange, Outgoing
from tap_asyncreport.http.credentials import Credentials, basic_header
from tap_asyncreport.http.network import Broken, NetworkError, NotReady
from tap_asyncreport.http.observing import Watch
from tap_asyncreport.http.rates import Rates
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.http.redirects import HARMLESS, MOST_REDIRECTS, Hop
from tap_asyncreport.http.reply import Reply
from tap_asyncreport.http.urls import Url, is_absolute, join_path, origin_of, parse, with_params
from tap_asyncreport.http.wire import Wire
from tap_asyncreport.response import Redirect
from tap_asyncreport.secrecy.needles import PART
from tap_asyncreport.secrecy.values import LIKELY_SECRET
from tap_asyncreport.templates.text import as_text

if TYPE_CHECKING:
    from tap_asyncreport.config.settings import Settings
    from tap_asyncreport.config.values import Model
    from tap_asyncreport.templates import Templates

_SMALL_BODY = 64 * 1024


class Transport(Protocol):
    """What carries one request: `Wire`, or what stands in its place where nothing may leave the machine."""

    def send(
        self, method: str, url: Url, headers: dict[str, str], body: bytes | None, step: str
    ) -> urllib3.BaseHTTPResponse:
        """The answer, its body unread, to a request of a step; raises NetworkError."""
        ...

    def close(self) -> None:
        """Lets go of what it holds."""
        ...


class Http:
    """Sends calls with their credentials, rates, proxies and timeouts, follows redirects, and tells observers.

    Safe to use from any number of threads. A call is tried once: what is worth repeating is for the steps to know.
    `counters` are told of exchanges as `observers` are, but not of headers and bodies, which then cost nothing.
    `when_held` is told of a call that `rate_limits` hold back, and for how many seconds; `when_sent` of a request that
    goes out, before there is an answer, unless it is confidential.
    """

    def __init__(
        self,
        settings: Settings,
        templates: Templates,
        *,
        clock: Clock,
        redactor: Redactor,
        observers: Sequence[Callable[[Exchange], None]] = (),
        counters: Sequence[Callable[[Exchange], None]] = (),
        transport: Transport | None = None,
        when_sent: Callable[[Exchange], None] | None = None,
        when_held: Callable[[Call, float], None] = lambda *_: None,
    ) -> None:
        self.clock = clock
        self.redactor = redactor
        redactor.add(settings.secrets)
        self._settings = settings
        self._observers = tuple(observers)
        self._counters = tuple(counters)
        self._when_held = when_held
        self._when_sent = when_sent
        self._scope = {
            "secrets": settings.secrets,
            "vars": settings.vars,
            "config": settings.model_dump(by_alias=True, exclude={"secrets"}),
        }
        self._headers = {name: templates.template(value, f"headers.{name}") for name, value in settings.headers.items()}
        self._authenticators = Authenticators(self, templates)
        self._base = BaseUrl(
            settings.base_url, templates, self._scope, self, lambda spec: self._credentials(spec, self._scope)
        )
        self._rates = Rates(settings.rate_limits, clock, lambda: self._base.known)
        timeout = settings.request_timeout
        self._wire: Transport = transport or Wire(
            timeout.connect.total_seconds(), timeout.read.total_seconds(), clock, redactor
        )
        self._cookies = RequestsCookieJar()
        self._user_agent = f"tap-asyncreport/{_version()}"

    def base_url(self) -> str | None:
        """Where paths are appended, found once per run; None where there is none. Raises ReportError or NotReady."""
        return self._base.find()

    def log_in(self) -> None:
        """Finds the base URL and fetches the token, before any call needs them.

        Raises LoginError where the credentials are refused, RequestError where nobody answers.
        """
        try:
            self.base_url()
            credentials = self._credentials("inherit", self._scope)
            if credentials is not None:
                credentials.login()
        except NetworkError as error:
            where, said = Where(request_line=error.request_line), None
            if isinstance(error, NotReady):
                where, said = error.where.within(where), error.excerpt
            raise RequestError(error.message, where=where, excerpt=said, hint=error.hint) from None

    def absolute(self, url: str) -> str:
        """A full URL as it is, a path appended to `base_url`; raises ConfigurationError where there is none."""
        if is_absolute(url):
            return url.strip()
        base_url = self.base_url()
        if base_url is None:
            raise ConfigurationError([
                Problem(
                    f"{url!r} is a path, and there is no `base_url`",
                    key="base_url",
                    hint="Set `base_url`, or write the full URL.",
                )
            ])  # fmt: skip
        return join_path(base_url, url)

    def credentials(
        self,
        spec: Literal["inherit", "none"] | Model | None,
        url: str,
        scope: Mapping[str, Any] | None = None,
    ) -> Credentials | None:
        """The credentials for a call to `url`: left out, they are inherited on `base_url`'s origin only.

        `scope` holds the names of a step that an authenticator's templates may use. Raises LoginError where a secret is
        empty.
        """
        if spec is None:
            self.base_url()
            spec = "inherit" if not is_absolute(url) or self.is_own(url) else "none"
        return self._credentials(spec, {**self._scope, **(scope or {})})

    def _credentials(self, spec: Any, scope: Mapping[str, Any]) -> Credentials | None:
        model = self._settings.authenticator if spec == "inherit" else spec
        if model is None or model == "none":
            return None

        def of_login(login_spec: Any) -> Credentials | None:
            if login_spec is None or (login_spec == "inherit" and spec == "inherit"):
                return None  # a login cannot use the token that it is to fetch
            return self._credentials(login_spec, scope)

        return self._authenticators.credentials(model, scope, of_login)

    def next_free(self, step: str, url: str) -> float:
        """Seconds until `rate_limits` let such a call through; 0 means now."""
        return self._rates.next_free(step, url)

    def send(self, call: Call, authenticator: Credentials | None, *, stream: bool = False) -> Reply:
        """Sends a call once and returns the last answer, after redirects; without `stream`, its body is read.

        Raises ConnectionRefused, ReadTimeout or Broken; RequestError for what can never be sent; LoginError.
        """
        call = replace(call, url=with_params(self.absolute(call.url), call.params))
        self._rates.take(call.step, call.url, lambda seconds: self._when_held(call, seconds))
        first = Hop(call.method, call.url, call.body, own=self.is_own(call.url))
        hop: Hop | None = first
        asked, redirects = "", 0
        while hop is not None:
            reply = self._sent(hop, call, authenticator, hop.led_from(first, asked), stream=stream)
            asked = asked or reply.request_line
            hop = hop.after(reply.status_code, reply.headers.get("Location")) if call.follow else None
            if hop is not None:
                redirects += 1
                _let_go(reply)
                reply.tell()
                self._check(hop, redirects, call, reply)
        if not stream:
            reply.read()
        return reply

    def _sent(
        self, hop: Hop, call: Call, authenticator: Credentials | None, redirect: Redirect | None, *, stream: bool
    ) -> Reply:
        outgoing = Outgoing(hop.method, hop.url, self._fields(hop, call, stream=stream), hop.body)
        token = self._identify(outgoing, hop, call, authenticator)
        watch = Watch(call, outgoing, self.redactor, self.clock, self._observers, counters=self._counters)
        if self._when_sent is not None and not call.confidential:
            self._when_sent(watch.sent())
        url = outgoing.parsed
        line = watch.request_line
        if redirect is not None and redirect.asked != line:
            line += f" (redirected from {redirect.asked})"
        try:
            raw = self._wire.send(outgoing.method, url, outgoing.headers, outgoing.body, call.step)
        except NetworkError as error:
            error.request_line = line
            error.message = self.redactor.redact(error.message)
            watch.done(None, error)
            if redirect is not None and redirect.taken and not error.sent:
                raise Broken(error.message, hint=error.hint, request_line=line) from error
            raise
        if hop.own and "Set-Cookie" in raw.headers:
            extract_cookies_to_jar(self._cookies, _for_cookies(outgoing), raw)  # type: ignore[no-untyped-call]
            self.redactor.add([cookie.value for cookie in self._cookies if _is_secret(cookie)])
        return Reply(
            raw, url=str(url), request_line=line, server=str(url.origin), token=token, done=watch.done,
            confidential=call.confidential, redirect=redirect,
        )  # fmt: skip

    def _fields(self, hop: Hop, call: Call, *, stream: bool) -> dict[str, str]:
        """Our headers, then the configuration's, then the call's own; to a crossed origin the harmless ones only."""
        outgoing = Outgoing(hop.method, hop.url)
        outgoing.put_header("User-Agent", self._user_agent)
        outgoing.put_header("Accept", "*/*")
        # a file is stored as it comes, and its decoder knows gzip by its bytes, but not deflate
        outgoing.put_header("Accept-Encoding", "gzip" if stream else "gzip, deflate")
        if hop.own:
            for name, template in self._headers.items():
                value = template.render({**self._scope, **(call.scope or {})})
                if value is not None:
                    outgoing.put_header(name, as_text(value))
        if call.media_type is not None and not suits(outgoing.header("Content-Type"), call.media_type):
            outgoing.put_header("Content-Type", call.media_type)
        for name, value in call.headers:
            if not hop.crossed or name.lower() in HARMLESS:
                outgoing.put_header(name, value)
        if hop.body is None and call.body is not None:  # the redirect turned it into a GET
            outgoing.drop_header("Content-Type")
        return outgoing.headers

    def _identify(self, outgoing: Outgoing, hop: Hop, call: Call, authenticator: Credentials | None) -> str | None:
        """Puts on what says who asks, and returns the token sent."""
        if hop.crossed:
            return None
        url = outgoing.parsed
        if url.user is not None and authenticator is None and outgoing.header("Authorization") is None:
            outgoing.put_header("Authorization", basic_header(url.user, url.password, self.redactor))
        token = authenticator.apply(outgoing) if authenticator is not None else None
        for name, value in call.headers:  # what a step says for itself wins over its authenticator too
            if outgoing.header(name) is not None:
                outgoing.put_header(name, value)
        if hop.own:  # after the authenticator, whose login may set some; none beside a Cookie that is there
            cookies = get_cookie_header(self._cookies, _for_cookies(outgoing))  # type: ignore[no-untyped-call]
            if cookies:
                outgoing.put_header("Cookie", cookies)
        return token

    def _check(self, hop: Hop, redirects: int, call: Call, reply: Reply) -> None:
        """Raises RequestError where a redirect is not to be followed."""
        where = Where(
            stream=call.stream, step=call.step, job_id=call.job_id, request_line=reply.request_line,
            status_code=reply.status_code,
        )  # fmt: skip
        if redirects > MOST_REDIRECTS:
            key = {"login": "authenticator", "base_url": "base_url"}.get(call.step, f"{call.step}.request")
            raise RequestError(
                f"more than {MOST_REDIRECTS} redirects, the last to {self.redactor.redact(str(parse(hop.url)))}",
                where=where,
                hint=f"check scheme, host and path of `{key}`: the API sends such calls round in a circle",
            )
        if hop.crossed and self.redactor.holds_secret(hop.body):
            raise RequestError(
                f"the API redirects to {parse(hop.url).origin}, and the body to be sent there holds a secret",
                where=where,
                hint="Where that is right, write the URL that it redirects to.",
            )

    def is_own(self, url: str) -> bool:
        """Whether a URL lies on the origin of `base_url`, as far as that is known."""
        base_url = self._base.at_hand()
        return base_url is not None and origin_of(url) == origin_of(base_url)

    def close(self) -> None:
        """Closes idle connections."""
        self._wire.close()


def _let_go(reply: Reply) -> None:
    """Reads the short body of a redirect, so that its connection can be used again."""
    length = reply.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) <= _SMALL_BODY:
        try:
            for _ in reply.chunks():
                pass
        except NetworkError:
            return
    reply.close()


def _is_secret(cookie: Cookie) -> bool:
    """Whether a cookie may be what a session is known by, rather than a setting."""
    hidden_from_scripts = any(cookie.has_nonstandard_attr(name) for name in ("HttpOnly", "httponly", "HTTPOnly"))
    return len(cookie.value or "") >= (PART if hidden_from_scripts else LIKELY_SECRET)


def _for_cookies(outgoing: Outgoing) -> Any:
    return requests.Request(outgoing.method, str(outgoing.parsed), headers=dict(outgoing.headers))


def _version() -> str:
    try:
        return version("tap-asyncreport")
    except PackageNotFoundError:
        return "0"
