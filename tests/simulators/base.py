"""What the simulators of real APIs share: hosts, routes, a request log, planned faults, a clock and tokens.

    class Shop(Simulator):
        HOSTS = ("api", "files")                     # one port each: `shop.origin("files")`; `shop.url` is the first's

        @route("POST", "/reports/{kind}")            # the step is the function's name
        def create(self, request, kind):
            body = request.json()
            if "columns" not in body:
                raise Refused(json_reply({"error": "no columns"}, 400))
            return json_reply({"id": self.new_job(spec=body).id}, 202)

        @route("GET", "/{file}", host="files")
        def download(self, request, file): ...

    with Shop(faults={("create", 2): Reply(503)}) as shop: ...

A fault is planned for the n-th call of a step, or with "*" for all: a Reply is given instead of the usual answer (the
API does not act), a Change of `wire` spoils it. A path that no route knows gets `not_found`, and stands in the log as
the step "other".
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Self

from wire import Change, Reply, Request, Server, json_reply

Handler = Callable[..., Reply]
Script = Sequence[Any] | Mapping[int | None, Sequence[Any]]


class Refused(Exception):
    """Raised by a handler, or by what it calls, to answer with this at once."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True)
class Route:
    """Where a handler listens; `{name}` in the path is one segment, `{name:path}` several."""

    method: str
    path: re.Pattern[str]
    host: str | None
    step: str
    handler: Handler


def route(method: str, path: str, *, host: str | None = None, step: str | None = None) -> Callable[[Handler], Handler]:
    """Names the requests that a method answers, on the first host or another; a method may have several routes."""
    pattern = re.sub(r"\\\{(\w+)(:path)?\\\}", lambda m: f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})", re.escape(path))

    def mark(handler: Handler) -> Handler:
        routes = getattr(handler, "routes", [])
        handler.routes = [*routes, Route(method, re.compile(pattern), host, step or handler.__name__, handler)]  # type: ignore[attr-defined]
        return handler

    return mark


class Clock:
    """The API's clock: the real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, **duration: float) -> None:
        self.ahead += timedelta(**duration)


@dataclass
class Token:
    """A token that was given out; `uses` counts the calls it was shown on."""

    value: str
    expires_at: datetime | None
    good_for: int | None
    uses: int = 0
    revoked: bool = False


class Tokens:
    """Tokens with an end: by the clock, by the number of calls, or because the API wants it so."""

    def __init__(self, clock: Clock, prefix: str = "token-") -> None:
        self.clock, self.prefix = clock, prefix
        self.issued: list[Token] = []

    def issue(self, *, lifetime: timedelta | None = None, good_for: int | None = None, value: str | None = None) -> str:
        end = None if lifetime is None else self.clock.now() + lifetime
        token = Token(value or f"{self.prefix}{len(self.issued) + 1}", end, good_for)
        self.issued.append(token)
        return token.value

    def check(self, value: str | None) -> bool:
        """Whether a call that shows this token may pass; counts it."""
        token = next((token for token in self.issued if token.value == value), None)
        if token is None or token.revoked:
            return False
        token.uses += 1
        late = token.expires_at is not None and self.clock.now() >= token.expires_at
        return not late and (token.good_for is None or token.uses <= token.good_for)

    def revoke(self) -> None:
        """From now on the tokens given out so far are refused."""
        for token in self.issued:
            token.revoked = True


@dataclass
class Job:
    """One job at the API; simulators keep what else they know in `spec` and `facts`."""

    id: str
    number: int
    spec: Any
    created_at: datetime
    facts: dict[str, Any] = field(default_factory=dict)
    polls: int = 0
    status: str | None = None
    aborted: bool = False
    deleted: bool = False

    def step_on(self, script: Script) -> Any:
        """What this poll finds: the k-th entry of the script for the k-th poll, the last for every one after it.

        A script for each job, by its number, leaves the key None for all the others.
        """
        entries = script.get(self.number, script.get(None, ())) if isinstance(script, Mapping) else script
        found = entries[min(self.polls, len(entries) - 1)]
        self.polls += 1
        return found


class Simulator:
    """An API on loopback; leaving the context asserts that no handler raised an exception of its own."""

    HOSTS: ClassVar[tuple[str, ...]] = ("api",)

    def __init__(self, *, faults: Mapping[tuple[str, int | str], Reply | Change] | None = None) -> None:
        self.faults = dict(faults or {})
        self.clock = Clock()
        self.jobs: dict[str, Job] = {}
        self.lock = threading.RLock()
        self._seen: Counter[str] = Counter()
        self._routes = [found for name in dir(type(self)) for found in getattr(getattr(type(self), name), "routes", [])]
        self._servers = {host: Server(partial(self._answer, host)) for host in self.HOSTS}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.close()
        mistakes = [mistake for server in self._servers.values() for mistake in server.mistakes]
        assert [] == mistakes, "".join(mistakes)

    @property
    def url(self) -> str:
        return self.origin(self.HOSTS[0])

    def origin(self, host: str) -> str:
        """`http://127.0.0.1:port` of a host."""
        return self._servers[host].origin

    # What happened

    @property
    def log(self) -> list[Request]:
        """Every request of all hosts, in the order in which they came."""
        requests = (request for server in self._servers.values() for request in list(server.log))
        return sorted(requests, key=lambda request: request.received_at)

    def calls(self, step: str | None = None) -> list[Request]:
        return [request for request in self.log if step in (None, request.step)]

    def lines(self, step: str | None = None) -> list[str]:
        """`METHOD target` of those requests, byte for byte."""
        return [f"{request.method} {request.target}" for request in self.calls(step)]

    def steps(self) -> list[str]:
        """The names of the steps asked for, in order."""
        return [request.step for request in self.log]

    # What handlers use

    def new_job(self, id: str | None = None, spec: Any = None, **facts: Any) -> Job:
        number = len(self.jobs) + 1
        job = Job(id or f"job-{number}", number, spec, self.clock.now(), facts)
        self.jobs[job.id] = job
        return job

    def guard(self, request: Request) -> None:
        """Looks at every request that has a route before its handler does; raises Refused."""

    def not_found(self, request: Request) -> Reply:
        """The answer to a path that the API does not know."""
        return json_reply({"error": f"no such path: {request.method} {request.path}"}, 404)

    # How requests are answered

    def _answer(self, host: str, request: Request) -> Reply:
        with self.lock:
            found, names = self._route(host, request)
            if found is None:
                return self.not_found(request)
            request.step = found.step
            fault = self._fault(found.step)
            if isinstance(fault, Reply):
                return fault
            usual = self._usual(found, request, names)
            return usual if fault is None else fault(usual)

    def _usual(self, found: Route, request: Request, names: dict[str, str]) -> Reply:
        try:
            self.guard(request)
            return found.handler(self, request, **names)
        except Refused as refusal:
            return refusal.reply

    def _route(self, host: str, request: Request) -> tuple[Route | None, dict[str, str]]:
        for candidate in self._routes:
            match = candidate.path.fullmatch(request.path)
            if match and (candidate.host or self.HOSTS[0], candidate.method) == (host, request.method):
                return candidate, match.groupdict()
        return None, {}

    def _fault(self, step: str) -> Reply | Change | None:
        self._seen[step] += 1
        return self.faults.get((step, self._seen[step]), self.faults.get((step, "*")))
