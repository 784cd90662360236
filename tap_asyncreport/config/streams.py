"""A stream as configuration: columns, windows, partitions, status, budgets, decoding."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from tap_asyncreport.config.decoding import Column, Decode, Expect, Explode, Header
from tap_asyncreport.config.patterns import window_format
from tap_asyncreport.config.requesters import (
    CreationRequester,
    DownloadRetriever,
    DownloadTargetExtractor,
    Extractor,
    NamedRequester,
    Paginator,
    PollingRequester,
    Requester,
    Rule,
    Template,
)
from tap_asyncreport.config.values import (
    MAY_BE_TEMPLATE,
    CalendarStep,
    Duration,
    Lacks,
    Model,
    MovingMoment,
    Renders,
    Step,
    all_defaults,
    kind_of,
)

__all__ = [
    "Column",
    "Decode",
    "Expect",
    "Explode",
    "Header",
    "Incremental",
    "Jobs",
    "Partition",
    "Status",
    "Stream",
]

Alignment = Literal[
    "day", "week", "month", "week:monday", "week:tuesday", "week:wednesday", "week:thursday", "week:friday",
    "week:saturday", "week:sunday",
]  # fmt: skip
StatusClass = Literal["running", "completed", "failed", "timed_out", "skipped"]


class Incremental(Model):
    """Windows and bookmark."""

    start: MovingMoment | None = Field(
        None,
        description=f"First instant or day; default `start_date`. {MAY_BE_TEMPLATE}",
        examples=["2026-01-01", "{{ now | minus('90d') }}"],
    )
    end: MovingMoment | None = Field(
        None,
        description="A date is the last day asked for, an instant is exclusive; default now, or `end_date`. May be a "
        "template: where the API has no data yet of the last two days, `{{ now | minus('2d') }}`.",
        examples=["2026-01-31", "{{ now | minus('2d') }}"],
    )
    step: CalendarStep | None = Field(None, description="Length of a window; default the whole span.", examples=["7d"])
    granularity: CalendarStep | None = Field(
        None,
        description="The smallest step of the API's clock; default `1d` for dates, `1s` for instants.",
        examples=["1d"],
    )
    end_is: Literal["exclusive", "inclusive"] = Field(
        "exclusive", description="How `window.end` is rendered.", examples=["inclusive"]
    )
    format: Annotated[str, AfterValidator(window_format)] = Field(
        "iso",
        description="How `window.start` and `window.end` render: a strftime pattern, `date`, `iso`, `epoch`, `epoch_ms`.",
        examples=["date"],
    )
    timezone: Annotated[str, Renders.TEMPLATE] | None = Field(
        None,
        description="Whose midnight; default the top level's. May be a template over `partition`.",
        examples=["America/New_York"],
    )
    align: Alignment | None = Field(
        None,
        description="Windows are cut at this boundary; a week starts on Monday unless `week:sunday` says otherwise.",
        examples=["month"],
    )
    complete_only: bool | None = Field(
        None,
        description="Do not ask for a unit that is not over; default true when `granularity` is a day or more.",
        examples=[False],
    )
    lookback: CalendarStep = Field(Step("0"), description="Re-read this much before the bookmark.", examples=["3d"])
    lag: CalendarStep = Field(
        Step("0"), description="Data younger than this is not final: read, but not bookmarked.", examples=["1d"]
    )
    max_history: CalendarStep | None = Field(
        None, description="The API keeps no more than this: clamps with a warning.", examples=["95d"]
    )


class Partition(Model):
    """One dimension of partitions: given `values`, an API `request`, or another stream's `key`."""

    name: str = Field(description="Name, for `partition.<name>`.", examples=["account"])
    values: Template | None = Field(None, description="A list, or a template giving one.", examples=[["111", "222"]])
    request: Requester | None = Field(
        None, description="Request that lists the values, asked once per run.", examples=["GET /accounts"]
    )
    records: Annotated[str, Renders.PATH] = Field(
        "$[*]", description="JSONPath to the records of the answer.", examples=["$.data[*]"]
    )
    value: Extractor | None = Field(
        None, description="The value in a record; default the record itself.", examples=["$.id"]
    )
    paginator: Paginator | None = Field(None, description="Further pages of the request.", examples=[{"type": "page"}])
    stream: str | None = Field(None, description="The stream whose records give the values.", examples=["accounts"])
    key: str | None = Field(None, description="The column of that stream.", examples=["account_id"])
    batch: int | None = Field(None, ge=1, description="Hands the values on so many at a time, as lists.", examples=[20])

    @model_validator(mode="after")
    def _one_source(self) -> Partition:
        sources = sum(source is not None for source in (self.values, self.request, self.stream))
        if sources != 1:
            said = "a partition has exactly one of `values`, `request`, `stream`"
            raise ValueError(said) if sources else Lacks(said, "values")
        if (self.stream is None) != (self.key is None):
            raise Lacks("`stream` and `key` belong together", "key" if self.key is None else "stream")
        return self


class Status(Model):
    """Where the status stands and what its words mean."""

    extractor: Extractor = Field(
        "$.status", description="Where the status stands in the polling answer.", examples=["$.status"]
    )
    mapping: dict[StatusClass, list[Any]] = Field(
        {}, description="From classes to the API's words.", examples=[{"completed": ["DONE"], "failed": ["FATAL"]}]
    )
    unknown: Literal["fail", "running"] = Field(
        "fail", description="What a word that nobody knows means.", examples=["running"]
    )
    message: Extractor | None = Field(
        None, description="The API's own reason, quoted in errors.", examples=["$.failureReason"]
    )
    ready_when: Annotated[str, Renders.TEMPLATE] | None = Field(
        None,
        description="Template that must also be true for `completed`.",
        examples=["{{ polling_response.percent == 100 }}"],
    )

    @model_validator(mode="before")
    @classmethod
    def _single_words(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("mapping"), dict):
            words = {k: v if isinstance(v, list) else [v] for k, v in value["mapping"].items()}
            return {**value, "mapping": words}
        return value


class Jobs(Model):
    """Budget and timing of a stream's jobs."""

    max_concurrent: int | None = Field(
        None, ge=1, description="Alive at once for this stream; default the top-level limit.", examples=[2]
    )
    max_concurrent_per: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {}, description="Alive at once per value of a partition.", examples=[{"account": 1}]
    )
    poll_interval: Duration = Field(timedelta(seconds=1), description="Wait between the first polls.", examples=["10s"])
    poll_interval_max: Duration = Field(
        timedelta(seconds=60), description="Longest wait between polls.", examples=["60s"]
    )
    poll_backoff: float = Field(1.5, ge=1, description="Growth of the wait from poll to poll.", examples=[1.5])
    poll_wait: Extractor | None = Field(
        None, description="Wait until the next poll, from the answer: seconds or an instant.", examples=["$.retry_in"]
    )
    initial_delay: Duration = Field(timedelta(), description="Wait between creation and first poll.", examples=["30s"])
    timeout: Duration = Field(
        timedelta(hours=3), description="From creation, or from adoption by this run, to completed.", examples=["3h"]
    )
    stall_timeout: Duration | None = Field(
        None, description="Longest time without any change of status or `progress`.", examples=["30m"]
    )
    progress: Extractor | None = Field(None, description="What moves while the job does.", examples=["$.percent"])
    on_timeout: Literal["keep", "abort"] = Field(
        "keep", description="What becomes of a job that timed out.", examples=["abort"]
    )
    on_exit: Literal["keep", "abort"] | None = Field(
        None,
        description="What becomes of live jobs when the run is interrupted; default abort where there is an `abort_requester`.",
        examples=["keep"],
    )
    max_attempts: int = Field(3, ge=1, description="Jobs created for one window before giving up.", examples=[3])
    retry_wait: Duration = Field(timedelta(), description="Wait after a failed job.", examples=["30m"])
    creation_max_tries: int = Field(
        5, ge=1, description="Tries of the creation call for 429, 5xx and connection errors.", examples=[5]
    )
    resume_max_age: Duration = Field(
        timedelta(hours=24), description="An older job in state is not adopted.", examples=["24h"]
    )


Schema = Annotated[Annotated[dict[str, Any], Tag("mapping")] | Annotated[str, Tag("text")], Discriminator(kind_of)]


def _kind_of_requesters(value: object) -> str | None:
    return "list" if isinstance(value, list | tuple) else "one"


TargetRequesters = Annotated[
    Annotated[Requester, Tag("one")] | Annotated[list[NamedRequester], Tag("list")], Discriminator(_kind_of_requesters)
]


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


class Stream(Model):
    """One stream: how its jobs are created, polled, fetched and decoded."""

    name: str = Field(min_length=1, description="Singer stream name.", examples=["orders"])
    primary_keys: list[str] = Field([], description="Key properties.", examples=[["order_id"]])
    replication_key: str | None = Field(None, description="Replication key.", examples=["date"])
    columns: dict[str, Column] | None = Field(
        None, description="Columns and their types.", examples=[{"clicks": "integer"}]
    )
    schema_: Schema | None = Field(
        None, alias="schema", description="JSON Schema, inline or a path.", examples=["orders.schema.json"]
    )
    partitions: list[Partition] = Field(
        [], description="Dimensions; one job per combination.", examples=[[{"name": "account", "values": ["1", "2"]}]]
    )
    incremental: Incremental | None = Field(
        None,
        description="Windows and bookmark; none: one job, full table.",
        examples=[{"step": "1d", "format": "date"}],
    )
    creation_requester: list[CreationRequester] = Field(
        min_length=1, description="Creates the job: a requester, or a list of named ones.", examples=["POST /exports"]
    )
    polling_requester: PollingRequester | None = Field(
        None, description="Asks for the status.", examples=["GET /exports/{{ creation_response.id }}"]
    )
    download_target_requester: TargetRequesters | None = Field(
        None, description="Asks where the files are.", examples=["GET /exports/{{ creation_response.id }}/files"]
    )
    download_target_extractor: DownloadTargetExtractor | None = Field(
        None, description="The targets in that answer, or in the polling answer.", examples=["$.url"]
    )
    download_retriever: DownloadRetriever = Field(
        description="Fetches the rows.", examples=["GET {{ download_target }}"]
    )
    abort_requester: Requester | None = Field(
        None,
        description="Stops a job that failed or is not wanted.",
        examples=["POST /exports/{{ creation_response.id }}/cancel"],
    )
    delete_requester: Requester | None = Field(
        None, description="Deletes the job at the end.", examples=["DELETE /exports/{{ creation_response.id }}"]
    )
    status: Status = Field(
        default_factory=all_defaults,
        validate_default=True,
        description="Status words.",
        examples=[{"extractor": "$.state"}],
    )
    jobs: Jobs = Field(
        default_factory=all_defaults,
        validate_default=True,
        description="Budget and timing.",
        examples=[{"timeout": "1h"}],
    )
    responses: list[Rule] = Field(
        [],
        description="What answers mean, for every step, after the step's own rules.",
        examples=[[{"status": 423, "means": "busy"}]],
    )
    error_requester: list[NamedRequester] | None = Field(
        None,
        description="Asked once when a job failed; its last answer is quoted.",
        examples=["GET /exports/{{ creation_response.id }}/error"],
    )
    decode: Decode = Field(
        default_factory=all_defaults,
        validate_default=True,
        description="How bytes become records.",
        examples=[{"format": "csv"}],
    )
    expect: Expect = Field(
        default_factory=all_defaults,
        validate_default=True,
        description="What the download must come to.",
        examples=[{"rows": "$.rowCount"}],
    )
    add_columns: dict[str, Template] = Field(
        {}, description="Context put on every record.", examples=[{"account": "{{ partition.account }}"}]
    )
    unknown_columns: Literal["include", "warn", "error"] | None = Field(
        None, description="As at the top level, for this stream.", examples=["include"]
    )

    @model_validator(mode="before")
    @classmethod
    def _steps(cls, value: object) -> object:
        if isinstance(value, dict):
            lists = {
                k: _listed(value[k]) for k in ("creation_requester", "error_requester") if value.get(k) is not None
            }
            return {**value, **lists}
        return value

    @model_validator(mode="after")
    def _sound(self) -> Stream:
        if self.columns is not None and self.schema_ is not None:
            raise ValueError("`columns` and `schema` say the same thing; keep one")
        if self.download_target_requester is not None and self.download_target_extractor is None:
            said = "a `download_target_requester` needs a `download_target_extractor` that reads its answer"
            raise Lacks(said, "download_target_extractor")
        return self
