"""A scripted reporting API over real sockets; `with FakeApi(...) as api:` and point `base_url` at `api.url`.

    POST   /exports               create    202 {"id": "job-1"}; the body is the job's `spec`: JSON, else form or text
    GET    /exports/job-1         poll      {"id", "status", "percent"}; once done also "url" and "rows"
    GET    /exports?ids=a,b       poll      {"exports": [...]}, one for each id
    GET    /exports/job-1/files   target    {"files": [{"url"}], "next": null or URL}; `page_size` files a page
    GET    /exports/job-1/error   error     {"reason": ...}
    GET    /files/job-1/0         download  the rows, on the API's origin or (`presigned`) on another port
    POST   /exports/job-1/abort   abort     200 {"status": "CANCELLED"}
    DELETE /exports/job-1         delete    204
    POST   /oauth/token           token     {"access_token", "expires_in"}

Script: a job's k-th poll, from 0, gives `script[k]` (the last repeats): a status word, a dict of keys to answer, or a
Reply. A dict from job numbers to such lists scripts jobs one by one (the key None: all others); a function
`(job, k)` gives anything. Faults: `{("create", 1): Reset(), ("poll", 3): Reply(503), ("download", 1): Cut(1000)}`, by
the n-th call of a step over all jobs, or `("poll", 3, "job-2")` by the n-th for one job, or `("poll", "*")` for all.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from fake_files import Files, Rows, csv_text
from wire import Change, Chunked, Cut, Hang, Lie, Lost, Reply, Request, Reset, Server, Slow, Stall, Unframed, json_reply

__all__ = [
    "Change", "Chunked", "Cut", "FakeApi", "FakeJob", "Hang", "Lie", "Lost", "Reply", "Request", "Reset",
    "Server", "Slow", "Stall", "Unframed", "csv_text", "json_reply",
]  # fmt: skip

Poll = str | dict[str, Any] | Reply
Script = Sequence[Poll] | Mapping[int | None, Sequence[Poll]] | Callable[["FakeJob", int], Poll]
Fault = Reply | Change
Hook = Callable[["FakeApi", Request], Reply | None]

ROUTES = (
    ("create", "POST", re.compile(r"/exports")),
    ("poll", "GET", re.compile(r"/exports")),
    ("poll", "GET", re.compile(r"/exports/(?P<job>[\w-]+)")),
    ("target", "GET", re.compile(r"/exports/(?P<job>[\w-]+)/files")),
    ("error", "GET", re.compile(r"/exports/(?P<job>[\w-]+)/error")),
    ("abort", "POST", re.compile(r"/exports/(?P<job>[\w-]+)/abort")),
    ("delete", "DELETE", re.compile(r"/exports/(?P<job>[\w-]+)")),
    ("download", "GET", re.compile(r"/files/(?P<job>[\w-]+)/(?P<part>\d+)")),
    ("token", "POST", re.compile(r"/oauth/token")),
)


@dataclass
class FakeJob:
    """One job at the API."""

    id: str
    number: int
    spec: Any
    made_at: float = field(default_factory=time.monotonic)
    ended_at: float | None = None
    status: str | None = None
    aborted: int = 0
    deleted: int = 0
    polls: int = 0

    @property
    def live(self) -> bool:
        return self.ended_at is None and not self.deleted

    def end(self) -> None:
        self.ended_at = self.ended_at or time.monotonic()


class FakeApi:
    """The API; every argument has a default that makes a job finish at its second poll with no rows.

    rows         text or bytes served as they are; dicts rendered as `format` (csv, tsv, json, jsonl), those whose `date_key`
                 lies outside the spec's `from` and `to` (`end_is` inclusive or exclusive) left out; or a function of the job
    parts        files per job; `page_size` of them on one page of targets
    token        the bearer token every call on the API's origin must carry, else 401
    oauth        tokens come from /oauth/token instead, each good for `token_calls` calls
    presigned    downloads lie on another port, which wants the link byte for byte and refuses credentials (400);
                 a link is good for `link_uses` downloads, then 403
    ranges       downloads honour `Range` with `If-Range`, and carry an ETag
    max_live     jobs alive at once; a creation beyond gets `busy`
    refuse_doubles   a creation like a live job's gets 409 with the id of that job
    forgets      calls about a deleted job get 404
    hooks        {step: function(api, request)}: a Reply instead of the usual answer, or None
    """

    GOOD = frozenset("DONE COMPLETE COMPLETED FINISHED SUCCESS SUCCEEDED SUCCESSFUL READY AVAILABLE".split())
    FINAL = GOOD | frozenset("FAILED FAILURE ERROR FATAL EXPIRED TIMED_OUT CANCELLED CANCELED ABORTED NO_DATA".split())

    def __init__(
        self,
        script: Script = ("RUNNING", "DONE"),
        *,
        rows: Rows = b"",
        format: str = "csv",
        date_key: str = "date",
        end_is: str = "inclusive",
        gzip: bool = False,
        parts: int = 1,
        page_size: int | None = None,
        faults: Mapping[tuple[Any, ...], Fault] | None = None,
        hooks: Mapping[str, Hook] | None = None,
        token: str | None = None,
        oauth: bool = False,
        token_calls: int | None = None,
        presigned: bool = False,
        link_uses: int | None = None,
        ranges: bool = False,
        max_live: int | None = None,
        busy: Reply = Reply(429, '{"error": "too many jobs"}'),
        refuse_doubles: bool = False,
        forgets: bool = True,
        reason: str = "the warehouse is on fire",
    ) -> None:
        self.script, self.parts, self.page_size = script, parts, page_size
        self.faults, self.hooks = dict(faults or {}), dict(hooks or {})
        self.token, self.oauth, self.token_calls = token, oauth, token_calls
        self.presigned = presigned
        self.max_live, self.busy, self.refuse_doubles, self.forgets, self.reason = (
            max_live, busy, refuse_doubles, forgets, reason)  # fmt: skip
        self.jobs: dict[str, FakeJob] = {}
        self.most_live = 0
        self.doubles: list[Any] = []
        self.tokens: list[str] = []
        self._token_uses: Counter[str] = Counter()
        self._seen: Counter[tuple[Any, ...]] = Counter()
        self._lock = threading.RLock()
        self._server = Server(self._answer)
        self._second = Server(self._answer_presigned) if presigned else None
        self.url = self._server.origin
        self.files_url = self._second.origin if self._second else self.url
        self.files = Files(
            self.files_url, rows=rows, format=format, date_key=date_key, end_is=end_is, compressed=gzip,
            parts=parts, presigned=presigned, link_uses=link_uses, ranges=ranges,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        assert [] == self.mistakes, "".join(self.mistakes)

    def close(self) -> None:
        for server in self._servers:
            server.close()

    @property
    def _servers(self) -> list[Server]:
        return [self._server] if self._second is None else [self._server, self._second]

    # What happened

    @property
    def mistakes(self) -> list[str]:
        """Tracebacks of the test's own script; leaving the context asserts that there are none."""
        return [mistake for server in self._servers for mistake in server.mistakes]

    @property
    def log(self) -> list[Request]:
        """Every request, of both ports, in the order in which they came."""
        both = (request for server in self._servers for request in list(server.log))
        return sorted(both, key=lambda request: request.received_at)

    @property
    def connections(self) -> int:
        """Connections accepted so far, over both ports."""
        return sum(server.connections for server in self._servers)

    def calls(self, step: str | None = None, job: str | None = None, since: float = 0.0) -> list[Request]:
        """The requests of one step, of one job, after an instant of `time.monotonic()`."""
        return [
            call
            for call in self.log
            if step in (None, call.step) and job in (None, call.job) and call.received_at >= since
        ]

    def lines(self, step: str | None = None, job: str | None = None) -> list[str]:
        """`METHOD target` of those requests, byte for byte."""
        return [f"{call.method} {call.target}" for call in self.calls(step, job)]

    def steps(self, job: str | None = None) -> list[str]:
        """The names of the steps asked for, in order."""
        return [call.step for call in self.calls(job=job)]

    def specs(self) -> list[Any]:
        """What each creation call asked for, in order."""
        return [spec_of(call) for call in self.calls("create")]

    def live(self) -> list[FakeJob]:
        """Jobs that neither ended nor were aborted or deleted."""
        return [job for job in self.jobs.values() if job.live]

    def left(self) -> list[str]:
        """Ids of jobs that were never deleted."""
        return [job.id for job in self.jobs.values() if not job.deleted]

    def new_job(self, spec: Any = None) -> FakeJob:
        """A job that exists from now on, as after a creation call (or made by somebody else, before the run)."""
        with self._lock:
            if any(job.live and job.spec == spec for job in self.jobs.values()):
                self.doubles.append(spec)
            job = FakeJob(f"job-{len(self.jobs) + 1}", len(self.jobs) + 1, spec)
            self.jobs[job.id] = job
            self.most_live = max(self.most_live, len(self.live()))
            return job

    def revoke(self) -> None:
        """From now on the tokens given out so far are refused."""
        with self._lock:
            self.tokens = [""] * len(self.tokens)

    # How requests are answered

    def _answer(self, request: Request) -> Reply:
        with self._lock:
            request.step, request.job, part = self._route(request)
            fault = self._fault(request.step, request.job)
            if isinstance(fault, Reply):
                return fault
            usual = self._usual(request, part)
            return usual if fault is None else fault(usual)

    def _answer_presigned(self, request: Request) -> Reply:
        with self._lock:
            request.step, request.job, part = self._route(request)
            fault = self._fault("download", request.job)
            if isinstance(fault, Reply):
                return fault
            usual = self.files.refusal(request) or self._hooked(request) or self._download(request, part)
            return usual if fault is None else fault(usual)

    def _route(self, request: Request) -> tuple[str, str | None, int]:
        for step, method, path in ROUTES:
            match = path.fullmatch(request.path)
            if match and method == request.method:
                found = match.groupdict()
                return step, found.get("job"), int(found.get("part") or 0)
        return "other", None, 0

    def _fault(self, step: str, job: str | None) -> Fault | None:
        """The fault planned for this call: for the job's n-th first, then for the step's n-th, then for every one."""
        self._seen[step] += 1
        self._seen[step, job] += 1
        planned = ((step, self._seen[step, job], job), (step, self._seen[step]), (step, "*", job), (step, "*"))
        return next((self.faults[key] for key in planned if key in self.faults), None)

    def _usual(self, request: Request, part: int) -> Reply:
        refused = self._check_token(request) or self._hooked(request)
        if refused is not None:
            return refused
        if request.step in ("create", "token", "other") or (request.step == "poll" and request.job is None):
            return {"create": self._create, "token": self._token, "poll": self._poll_many}.get(
                request.step, lambda _: json_reply({"error": "no such path"}, 404)
            )(request)
        job = self.jobs.get(request.job or "")
        if job is None or (self.forgets and job.deleted):
            return json_reply({"error": f"no job {request.job}"}, 404)
        if request.step == "download":
            return self._download(request, part)
        return {"poll": self._poll, "target": self._targets, "error": self._error, "abort": self._abort, "delete": self._delete}[
            request.step](request, job)  # fmt: skip

    def _hooked(self, request: Request) -> Reply | None:
        hook = self.hooks.get(request.step)
        return None if hook is None else hook(self, request)

    def _check_token(self, request: Request) -> Reply | None:
        if request.step == "token" or (self.token is None and not self.oauth):
            return None
        value = (request.header("Authorization") or "").removeprefix("Bearer ")
        self._token_uses[value] += 1
        known = [token for token in (self.token, *self.tokens) if token]
        spent = value != self.token and self.token_calls is not None and self._token_uses[value] > self.token_calls
        return json_reply({"error": "invalid token"}, 401) if value not in known or spent else None

    def _token(self, request: Request) -> Reply:
        token = f"fake-token-{len(self.tokens) + 1}"
        self.tokens.append(token)
        return json_reply({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def _create(self, request: Request) -> Reply:
        spec = spec_of(request)
        twin = next((job for job in self.live() if job.spec == spec), None)
        if self.refuse_doubles and twin is not None:
            return json_reply({"error": "duplicate", "existing": twin.id}, 409)
        if self.max_live is not None and len(self.live()) >= self.max_live:
            return self.busy
        job = self.new_job(spec)
        request.job = job.id
        return json_reply({"id": job.id}, 202)

    def _poll_many(self, request: Request) -> Reply:
        jobs = [self.jobs[name] for name in request.query.get("ids", "").split(",") if name in self.jobs]
        return json_reply({"exports": [json.loads(self._poll(request, job).payload) for job in jobs]})

    def _poll(self, request: Request, job: FakeJob) -> Reply:
        answer = self._scripted(job)
        job.polls += 1
        if isinstance(answer, Reply):
            return answer
        said = answer if isinstance(answer, dict) else {"status": answer}
        job.status = said.get("status")
        word = str(job.status).upper()
        if word in self.FINAL:
            job.end()
        done = {"url": self.files.link(job), "rows": self.files.count(job)} if word in self.GOOD else {}
        return json_reply({"id": job.id, "percent": 100 if done else min(99, 10 * job.polls), **done, **said})

    def _scripted(self, job: FakeJob) -> Poll:
        if job.aborted:
            return "CANCELLED"
        if callable(self.script):
            return self.script(job, job.polls)
        script = self.script
        if isinstance(script, Mapping):
            script = script.get(job.number, script.get(None, ("RUNNING", "DONE")))
        return script[min(job.polls, len(script) - 1)]

    def _targets(self, request: Request, job: FakeJob) -> Reply:
        size = self.page_size or self.parts
        first = int(request.query.get("page", "0")) * size
        parts = range(first, min(first + size, self.parts))
        more = first + size < self.parts
        after = f"{self.url}/exports/{job.id}/files?page={first // size + 1}" if more else None
        return json_reply({"files": [{"url": self.files.link(job, part)} for part in parts], "next": after})

    def _error(self, request: Request, job: FakeJob) -> Reply:
        return json_reply({"reason": self.reason})

    def _abort(self, request: Request, job: FakeJob) -> Reply:
        job.aborted += 1
        job.end()
        return json_reply({"status": "CANCELLED"})

    def _delete(self, request: Request, job: FakeJob) -> Reply:
        job.deleted += 1
        job.end()
        return Reply(204)

    def _download(self, request: Request, part: int) -> Reply:
        return self.files.download(self.jobs[request.job or ""], part, request)


def spec_of(request: Request) -> Any:
    """What a creation call asks for."""
    if "form-urlencoded" in (request.header("Content-Type") or ""):
        return dict(request.form())
    try:
        return request.json()
    except ValueError:
        return request.body.decode()
