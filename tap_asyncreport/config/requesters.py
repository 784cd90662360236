"""The steps of a job's life as configuration: requesters, their rules on answers, retries and paginators."""

from __future__ import annotations

import difflib
import re
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from tap_asyncreport.config.authenticators import Authentication, SessionLogin
from tap_asyncreport.config.values import ByteSize, Duration, Model, Renders, all_defaults, kind_of

Template = Annotated[Any, Field(description="Any value; text in it may hold `{{ templates }}`."), Renders.TEMPLATE]
Extractor = Annotated[
    str,
    Field(
        description="A JSONPath (begins with `$`) or a template.", examples=["$.id", "{{ response.headers.location }}"]
    ),
    Renders.EXTRACTOR,
]


def _whole_mapping(text: str) -> str:
    """A template that gives a mapping; raises ValueError for text that cannot give one."""
    if "{{" not in text and "{%" not in text:
        raise ValueError("it must be a mapping; write `name: value`, each on a line of its own under it")
    return text


# A mapping of templates, or one template that gives the whole mapping: for names that only an answer knows.
Templated = Annotated[
    Annotated[dict[str, Template], Tag("mapping")]
    | Annotated[str, AfterValidator(_whole_mapping), Tag("text"), Renders.TEMPLATE],
    Discriminator(kind_of),
]

Means = Literal[
    "ok",
    "retry",
    "busy",
    "duplicate",
    "quota_exhausted",
    "auth_expired",
    "too_large",
    "not_ready",
    "link_expired",
    "job_gone",
    "empty",
    "skip_partition",
    "fail",
]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_AS_TEMPLATE = "{{ polling_response.url }}"
_RANGE = re.compile(r"[1-5][xX]{2}")


def _code(value: object) -> int | str:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:  # noqa: PLR2004
        return value
    if isinstance(value, str) and _RANGE.fullmatch(value):
        return value.lower()
    raise ValueError(f"{value!r} is no status: write a code such as 429, or a range such as 4xx")


def _codes(value: object) -> object:
    if value is None or not isinstance(value, list | tuple):
        return value if value is None else _code(value)
    return [_code(item) for item in value]


def _repeated_on(value: object) -> object:
    return [item if item == "timeout" else _code(item) for item in (value if isinstance(value, list) else [value])]


Codes = Annotated[int | str | list[int | str], BeforeValidator(_codes)]


class Rule(Model):
    """What an answer means; every condition that is given must hold, and the first rule that matches wins."""

    status: Codes | None = Field(
        None, description="A code, a list, or a range such as 4xx.", examples=[429, "4xx", [404, 410]]
    )
    header: dict[str, Any] = Field(
        {}, description="Header names to a value, a list, `exists` or `absent`.", examples=[{"X-Throttled": "exists"}]
    )
    json_: dict[Extractor, Template] = Field(
        {},
        alias="json",
        description="JSONPaths (or templates) to a value, a list, `exists` or `absent`.",
        examples=[{"$.errors[0].code": ["1029", 1029]}, {"{{ response.rows > 5000000 }}": True}],
    )
    text: str | None = Field(
        None, description="Regular expression, searched in the body.", examples=["duplicate of : ([0-9a-f-]{36})"]
    )
    means: Means = Field(description="What the tool does.", examples=["busy"])
    wait: Extractor | Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="Seconds, or an instant, to wait instead of the backoff; a number is so many seconds.",
        examples=["{{ response.headers['x-rate-limit-reset'] }}"],
    )
    job_id: Extractor | None = Field(
        None, description="For `duplicate`: the id of the job that exists.", examples=["$.existing.id"]
    )


class Retry(Model):
    """How often one call is repeated, and how long apart."""

    max_tries: int | None = Field(
        None,
        ge=1,
        description="Calls of this step for one job, the first included; per step: creation `jobs.creation_max_tries`, target and download 10, abort and delete 2.",
        examples=[5],
    )
    max_time: Duration | None = Field(
        None, description="No call begins later than this after the first.", examples=["10m"]
    )
    wait: Duration = Field(
        timedelta(seconds=1), description="Wait after the first try; doubles with each.", examples=["1s"]
    )
    wait_max: Duration = Field(timedelta(seconds=60), description="Longest wait.", examples=["60s"])
    on: Annotated[list[int | str], BeforeValidator(_repeated_on)] = Field(
        [], description="What else is worth a repetition: `timeout`, codes, ranges.", examples=[["timeout", 409]]
    )


class NextUrl(Model):
    """The answer names the next page's URL."""

    type: Literal["next_url"]
    extractor: Extractor = Field(description="The next page's URL; null or empty ends.", examples=["$.paging.next"])


class Into(Model):
    """Where a cursor goes in the next request: exactly one of the three."""

    param: str | None = Field(None, description="Query parameter.", examples=["locator"])
    header: str | None = Field(None, description="Header.", examples=["X-Continuation"])
    json_: str | None = Field(
        None, alias="json", description="Key of the JSON body, or a path into it: `variables.after`.", examples=["nextToken"]
    )

    @model_validator(mode="after")
    def _one(self) -> Into:
        if sum(value is not None for value in (self.param, self.header, self.json_)) != 1:
            raise ValueError("`into` names exactly one of `param`, `header`, `json`")
        return self


class Cursor(Model):
    """The answer holds a cursor that the next request repeats."""

    type: Literal["cursor"]
    extractor: Extractor = Field(description="The cursor; null or empty ends.", examples=["$.nextToken"])
    into: Into = Field(description="Where the cursor goes.", examples=[{"param": "locator"}])
    stop_on: list[Any] = Field(
        [],
        description="Cursor values that mean there is no further page, beside null and empty text.",
        examples=[["null", "-1"]],
    )


class Offset(Model):
    """Pages by offset; ends at a short page, or at `total`."""

    type: Literal["offset"]
    param: str = Field("offset", description="Parameter of the offset.", examples=["offset"])
    limit_param: str | None = Field("limit", description="Parameter of the page size.", examples=["limit"])
    limit: int = Field(1000, ge=1, description="Records per page.", examples=[1000])
    total: Extractor | None = Field(None, description="How many records there are.", examples=["$.total"])


class PageNumber(Model):
    """Pages by number; ends at the first page without records."""

    type: Literal["page"]
    param: str = Field("page", description="Parameter of the page number.", examples=["page"])
    first: int = Field(1, description="Number of the first page.", examples=[0])


class Range(Model):
    """Targets 0 to n-1: `download_target` is the number."""

    type: Literal["range"]
    count: Annotated[Annotated[Extractor, Tag("text")] | Annotated[int, Tag("number")], Discriminator(kind_of)] = Field(
        description="How many targets: a number, or an extractor of it.", examples=["$.manifest.total_chunk_count"]
    )


class ByteRange(Model):
    """One file in ranges of bytes (RFC 9110, section 14)."""

    type: Literal["byte_range"]
    size: ByteSize = Field(8 * 1024 * 1024, description="Bytes per request.", examples=["8 MiB"])


Paginator = Annotated[NextUrl | Cursor | Offset | PageNumber | Range | ByteRange, Field(discriminator="type")]


def _meant_request(method: str, text: str) -> str:
    """What to write instead of a request that is none."""
    near = difflib.get_close_matches(method.upper(), METHODS, 1) if method not in METHODS else []
    if near:
        return f"; did you mean {near[0]}?"
    of_curl = re.search(r"(?:-X|--request)\s+([A-Z]+)", text), re.search(r"https?://[^\s'\"]+", text)
    if method == "curl" and of_curl[1]:
        return f"; write {of_curl[0][1] if of_curl[0] else 'GET'} {of_curl[1][0]}"
    return "; write the method before it" if method.startswith(("/", "http", "{{")) else ""


class Requester(Model):
    """One request: a string `METHOD URL`, or a mapping."""

    shorthand: ClassVar[str | None] = "request"

    request: Annotated[str, Renders.TEMPLATE] = Field(
        description="`METHOD URL`; a path is appended to `base_url`.", examples=["POST /reports"]
    )
    params: dict[str, Template] = Field(
        {}, description="Query parameters; a null value drops the key.", examples=[{"limit": 100}]
    )
    headers: Templated = Field(
        {},
        description="Headers; a null value drops the key. Or a template that gives the mapping.",
        examples=[{"Accept": "text/csv"}, "{{ download_target.headers }}"],
    )
    json_: Template | None = Field(
        None, alias="json", description="JSON body.", examples=[{"from": "{{ window.start }}"}]
    )
    form: dict[str, Template] | None = Field(
        None, description="Form body; nested keys and lists become `a[b][]=`.", examples=[{"report_type": "x"}]
    )
    body: Annotated[str, Renders.TEMPLATE] | None = Field(None, description="Body as text.", examples=["SELECT 1"])
    raw: bool = Field(False, description="The body is not templated.", examples=[True])
    authenticator: Authentication | None = Field(
        None,
        description="`inherit`, `none`, or an authenticator of its own; left out: `inherit` on `base_url`'s origin, `none` on any other.",
        examples=["none"],
    )
    responses: list[Rule] = Field(
        [], description="What answers mean; the first match wins.", examples=[[{"status": 404, "means": "not_ready"}]]
    )
    retry: Retry = Field(
        default_factory=all_defaults,
        validate_default=True,
        description="Repetition of the call.",
        examples=[{"max_tries": 5}],
    )
    idempotency_header: str | None = Field(
        None,
        description="Header that gets a value stable over the retries of one job's creation.",
        examples=["Idempotency-Key"],
    )
    paginator: Paginator | None = Field(
        None, description="Further pages.", examples=[{"type": "next_url", "extractor": "$.next"}]
    )

    @model_validator(mode="after")
    def _sound(self) -> Requester:
        method, _, url = self.request.strip().partition(" ")
        if method not in METHODS or not url.strip():
            said = f"{self.request!r} is not `METHOD URL` with a method of {', '.join(METHODS)}"
            raise ValueError(f"{said}{_meant_request(method, self.request)}")
        if url.strip().startswith("$."):
            raise ValueError(f"{url.strip()!r} is no URL; write the answer's value as a template: {_AS_TEMPLATE}")
        if sum(body is not None for body in (self.json_, self.form, self.body)) > 1:
            raise ValueError("a request has one body: `json`, `form` or `body`")
        return self

    @property
    def method(self) -> str:
        """The HTTP method, in capitals."""
        return self.request.strip().partition(" ")[0]

    @property
    def url(self) -> str:
        """The URL or path, a template."""
        return self.request.strip().partition(" ")[2].strip()


class CreationRequester(Requester):
    """Creates the job; in a list of steps each has a name, and the last holds `job_id` and `paginator`."""

    name: str | None = Field(
        None, description="Name of the step, for `creation_responses.<name>`.", examples=["create"]
    )
    job_id: Extractor | None = Field(
        None, description="The job's id; default `$.id`, else none.", examples=["$.reportId"]
    )


class PollingRequester(Requester):
    """Asks for the job's status."""

    select: Extractor | None = Field(
        None,
        description="Picks this job's object where the answer lists many.",
        examples=["$.data[?(@.id == '{{ job.id }}')]"],
    )
    batch: int | None = Field(
        None, ge=1, description="Up to so many jobs share one poll; `jobs` is the list of them.", examples=[50]
    )


class NamedRequester(Requester):
    """A requester with a name, for lists of steps."""

    name: str | None = Field(None, description="Name of the step.", examples=["document"])


class DownloadTargetExtractor(Model):
    """Where the download targets stand, and what none of them means."""

    shorthand: ClassVar[str | None] = "extractor"

    extractor: Extractor = Field(description="The targets: one value, or a list of them.", examples=["$.urls"])
    none: Literal["wait", "empty"] = Field(
        "wait", description="What a completed job without a target means.", examples=["empty"]
    )


class DownloadRetriever(Requester):
    """Fetches the rows; with `source` they come from an earlier answer, without a request."""

    request: Annotated[str, Renders.TEMPLATE] = Field(
        "GET {{ download_target }}", description="`METHOD URL` of a file.", examples=["GET {{ download_target }}"]
    )
    source: Literal["polling_response", "creation_response"] | None = Field(
        None, description="Takes the rows from that answer.", examples=["polling_response"]
    )


SessionLogin.model_rebuild(_types_namespace={"Requester": Requester})
