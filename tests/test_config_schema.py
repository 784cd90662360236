"""The JSON Schema and the explanations of keys: everything a user can write is described, from one source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tap_asyncreport.config import explaining
from tap_asyncreport.config.explaining import explain, key_infos
from tap_asyncreport.config.json_schema import json_schema
from tap_asyncreport.config.loading import load
from tap_asyncreport.config.settings import Settings
from tap_asyncreport.errors import ConfigurationError

SCHEMA = json_schema()


def properties() -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every key of every model: its name, what the schema says of it, whether it is required by its model."""
    for name, model in [("Settings", SCHEMA), *SCHEMA["$defs"].items()]:
        whole = model["anyOf"][1] if "properties" not in model else model
        for key, described in whole["properties"].items():
            yield f"{name}.{key}", described, key in whole.get("required", ())


PROPERTIES = {name: described for name, described, _ in properties()}
MAY_LIE_BENEATH = {"Settings.streams", "Stream.creation_requester", "Stream.download_retriever"}  # in a definition, or stream_defaults


def errors(described: dict[str, Any], value: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator({**described, "$defs": SCHEMA["$defs"]})
    return [error.message for error in validator.iter_errors(value)]


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA == json.loads(json.dumps(SCHEMA))


@pytest.mark.parametrize("name", PROPERTIES)
def test_every_key_has_a_description_a_default_and_examples_that_are_valid(name: str) -> None:
    described = PROPERTIES[name]
    assert described.get("description"), "no description"
    assert described["description"][-1] == ".", described["description"]
    assert described.get("examples"), "no example"
    for example in described["examples"]:
        assert [] == errors(described, example)
    required = {each for each, _, is_required in properties() if is_required}
    assert ("default" in described) is not (name in required)
    if name.replace("StreamDefaults.", "Stream.") in {*MAY_LIE_BENEATH, "Stream.name"} - required:
        assert described["default"] is None
    if described.get("default") is not None:
        assert [] == errors(described, described["default"])


WHOLE: dict[str, Any] = {
    "base_url": "https://api.example.com",
    "authenticator": {"type": "bearer", "token": "t"},
    "stream_defaults": {"jobs": {"timeout": "1h"}},
    "streams": [
        {
            "name": "orders",
            "columns": {"id": "integer", "day": {"type": "date", "format": "%d.%m.%Y"}},
            "incremental": {"start": "2026-01-01", "step": "1mo", "lookback": 0},
            "creation_requester": "POST /x",
            "polling_requester": {"request": "GET /x", "retry": {"on": "timeout"}},
            "download_target_requester": [{"name": "a", "request": "GET /a"}],
            "download_target_extractor": {"extractor": "$.u", "none": "empty"},
            "download_retriever": "GET {{ download_target }}",
            "error_requester": "GET /e",
            "status": {"mapping": {"completed": "DONE", "running": [1, True, None, "x"]}},
            "decode": {"header": {"match": ["a"]}, "fields": "$.columns", "max_field_bytes": "1 MiB"},
            "responses": [{"status": [404, "5xx"], "means": "retry"}],
        }
    ],
    "rate_limits": [{"match": {"step": "creation_requester"}, "rate": "60/1m"}],
    "spool": {"max_bytes": 1000},
}


def test_what_loads_is_valid_for_editors() -> None:
    assert [] == errors(SCHEMA, WHOLE)
    assert "orders" == load([WHOLE], environ={}).settings.streams[0].name
    assert [] == errors(SCHEMA, {"definition": "demo", "streams": [{"name": "orders", "jobs": {"timeout": "2h"}}]})


@pytest.mark.parametrize(
    "change",
    [
        {"nope": 1},
        {"streams": [{"name": "x", "nope": 1}]},
        {"streams": [{}]},
        {"streams": [{"name": "x", "jobs": {"timeout": "1 fortnight"}}]},
        {"authenticator": {"type": "barer"}},
        {"unknown_columns": "maybe"},
        {"stream_defaults": {"nope": 1}},
    ],
)
def test_editors_see_what_is_wrong(change: dict[str, Any]) -> None:
    assert errors(SCHEMA, {**WHOLE, **change})


def test_every_setting_names_its_types_and_hides_what_is_secret() -> None:
    """Hubs and forms look no deeper than that; `null` is what no setting at all is."""
    kinds = {name: [kind["type"]] if isinstance(kind["type"], str) else kind["type"] for name, kind in SCHEMA["properties"].items()}
    assert ["string", "object", "null"] == kinds["base_url"]
    assert ["object", "string", "null"] == kinds["authenticator"]
    assert ["object"] == kinds["stream_defaults"]
    assert ["boolean", "null"] == kinds["flattening_enabled"]
    for name, described in SCHEMA["properties"].items():
        assert ("null" in kinds[name]) is ([] == errors(described, None)), name
    assert ["secrets"] == [name for name, described in SCHEMA["properties"].items() if described.get("secret")]
    assert SCHEMA["properties"]["secrets"]["writeOnly"]


def test_defaults_are_written_as_people_write_them() -> None:
    written = {name: described["default"] for name, described in PROPERTIES.items() if "default" in described}
    assert "3h" == written["Jobs.timeout"]
    assert ("1s", "60s") == (written["Jobs.poll_interval"], written["Jobs.poll_interval_max"].replace("1m", "60s"))
    assert "0" == written["Incremental.lookback"]
    assert "4 GiB" == written["Spool.max_bytes"]
    assert "16 MiB" == written["Decode.max_field_bytes"]
    assert not [name for name, value in written.items() if isinstance(value, str) and re.fullmatch(r"-?P.*\d[A-Z]", value)]


@pytest.mark.parametrize(
    ("asked", "key", "default", "example"),
    [
        ("base_url", "base_url", None, "https://api.example.com/v1"),
        ("streams.orders.jobs.timeout", "streams.jobs.timeout", "3h", "3h"),
        ("streams.jobs.timeout", "streams.jobs.timeout", "3h", "3h"),
        ("jobs.timeout", "streams.jobs.timeout", "3h", "3h"),
        ("timeout", "streams.jobs.timeout", "3h", "3h"),
        ("decode.quote_char", "streams.decode.quote_char", '"', "'"),
        ("streams.0.decode.format", "streams.decode.format", "auto", "csv"),
        ("rate_limits.rate", "rate_limits.rate", None, "60/1m"),
        ("request_timeout.read", "request_timeout.read", "1m", "60s"),
        ("streams.a.b.jobs.timeout", "streams.jobs.timeout", "3h", "3h"),
    ],
)
def test_explain(asked: str, key: str, default: Any, example: Any) -> None:
    infos = explain(asked).infos
    assert [key] == [info.key for info in infos]
    assert (default, example) == (infos[0].default, infos[0].examples[0])


def test_a_key_that_depends_on_the_type_is_explained_for_each() -> None:
    assert {"oauth2", "jwt"} == {info.of for info in explain("authenticator.token_url").infos}
    assert [("header", "query")] == [info.allowed for info in explain("authenticator.in").infos]


KNOWN = list(key_infos())


@pytest.fixture
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys are gathered once for many questions."""
    monkeypatch.setattr(explaining, "key_infos", lambda: KNOWN)


@pytest.mark.usefixtures("_known")
def test_every_key_is_explained_at_its_own_place() -> None:
    """With what it means, what it takes and an example; a default unless it is required or none is meant."""
    for key in {info.meaning: info.key for info in KNOWN if not info.is_tag}.values():
        for info in explain(key).infos:
            assert key == info.key
            assert info.description and info.kind and info.examples, key


@pytest.mark.usefixtures("_known")
@pytest.mark.parametrize(
    ("asked", "first", "also"),
    [
        ("retry", "streams.creation_requester.retry", []),
        ("paginator", "streams.creation_requester.paginator", ["streams.partitions.paginator"]),
        ("request", "streams.creation_requester.request", ["streams.download_retriever.request", "base_url.request", "streams.partitions.request"]),
        ("start", "streams.incremental.start", ["only.start"]),
        ("timezone", "timezone", ["streams.incremental.timezone"]),
        ("type", "streams.columns.type", ["authenticator.type", "streams.partitions.paginator.type"]),
        ("columns.amount.type", "streams.columns.type", []),
        ("streams.orders.polling_requester.retry", "streams.polling_requester.retry", []),
    ],
)
def test_the_likeliest_meaning_of_a_word_comes_first(asked: str, first: str, also: list[str]) -> None:
    found = explain(asked)
    assert (first, also) == (found.infos[0].key, [info.key for info in found.also])


@pytest.mark.usefixtures("_known")
def test_every_key_that_is_misspelt_names_the_nearest() -> None:
    """A letter left out, alone and behind the key that it stands in."""
    for name, info in {info.parts[-1]: info for info in KNOWN if len(info.parts[-1]) > 4}.items():
        for before in ("", ".".join([*info.parts[:-1], ""])):
            with pytest.raises(ConfigurationError) as raised:
                explain(f"{before}{name[:2]}{name[3:]}")
            assert name in (raised.value.problems[0].hint or ""), name


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError) as raised:
        explain("jobs.timout")
    (problem,) = raised.value.problems
    assert ("there is no key `jobs.timout`", "did you mean `jobs.timeout`?") == (problem.message, problem.hint)


def test_every_key_of_the_contract_is_there() -> None:
    keys = {info.key for info in key_infos()}
    contract = """
        definition base_url headers authenticator secrets vars start_date end_date timezone stream_defaults streams
        max_concurrent_jobs rate_limits request_timeout spool run_report unknown_columns
        streams.name streams.primary_keys streams.replication_key streams.columns streams.schema streams.partitions
        streams.incremental streams.creation_requester streams.polling_requester streams.download_target_requester
        streams.download_target_extractor streams.download_retriever streams.abort_requester streams.delete_requester
        streams.status streams.jobs streams.responses streams.error_requester streams.decode streams.expect
        streams.add_columns streams.columns.type streams.columns.null_values streams.columns.format
        streams.columns.decimal_mark streams.columns.thousands streams.columns.percent streams.columns.source
        streams.creation_requester.request streams.creation_requester.params streams.creation_requester.headers
        streams.creation_requester.json streams.creation_requester.form streams.creation_requester.body
        streams.creation_requester.raw streams.creation_requester.authenticator streams.creation_requester.responses
        streams.creation_requester.retry.max_tries streams.creation_requester.retry.max_time
        streams.creation_requester.retry.wait streams.creation_requester.retry.wait_max
        streams.creation_requester.retry.on streams.creation_requester.idempotency_header
        streams.creation_requester.paginator streams.creation_requester.job_id streams.creation_requester.name
        streams.polling_requester.select streams.polling_requester.batch streams.download_target_extractor.none
        streams.download_retriever.source streams.responses.status streams.responses.header streams.responses.json
        streams.responses.text streams.responses.means streams.responses.wait streams.responses.job_id
        streams.status.extractor streams.status.mapping streams.status.unknown streams.status.message
        streams.status.ready_when streams.jobs.max_concurrent streams.jobs.max_concurrent_per
        streams.jobs.poll_interval streams.jobs.poll_interval_max streams.jobs.poll_backoff streams.jobs.poll_wait
        streams.jobs.initial_delay streams.jobs.timeout streams.jobs.stall_timeout streams.jobs.progress
        streams.jobs.on_timeout streams.jobs.on_exit streams.jobs.max_attempts streams.jobs.retry_wait
        streams.jobs.creation_max_tries streams.jobs.resume_max_age
        streams.incremental.start streams.incremental.end streams.incremental.step streams.incremental.granularity
        streams.incremental.end_is streams.incremental.format streams.incremental.timezone streams.incremental.align
        streams.incremental.complete_only streams.incremental.lookback streams.incremental.lag
        streams.incremental.max_history streams.partitions.name streams.partitions.values streams.partitions.request
        streams.partitions.records streams.partitions.value streams.partitions.paginator streams.partitions.stream
        streams.partitions.key streams.partitions.batch streams.decode.format streams.decode.compression
        streams.decode.members streams.decode.encoding streams.decode.records streams.decode.fields
        streams.decode.explode.path streams.decode.explode.index streams.decode.delimiter streams.decode.quote_char
        streams.decode.escape_char streams.decode.header.match streams.decode.header.skip_after
        streams.decode.skip_rows_where streams.decode.stop_at streams.decode.short_rows streams.decode.long_rows
        streams.decode.duplicate_headers streams.decode.null_values streams.decode.empty_body
        streams.decode.empty_markers streams.decode.nul streams.decode.max_field_bytes streams.decode.non_finite
        streams.expect.rows streams.expect.bytes streams.expect.md5 streams.expect.sha256
        base_url.request base_url.extractor base_url.authenticator base_url.token rate_limits.match rate_limits.rate
        rate_limits.burst request_timeout.connect request_timeout.read spool.directory spool.max_bytes
        streams.download_retriever.paginator.extractor streams.download_retriever.paginator.into.param
        streams.download_retriever.paginator.into.header streams.download_retriever.paginator.into.json
        streams.download_retriever.paginator.stop_on streams.download_retriever.paginator.param
        streams.download_retriever.paginator.limit_param streams.download_retriever.paginator.limit
        streams.download_retriever.paginator.total streams.download_retriever.paginator.first
        streams.download_retriever.paginator.count streams.download_retriever.paginator.size
        authenticator.in authenticator.name authenticator.value authenticator.username authenticator.password
        authenticator.token authenticator.grant authenticator.token_url authenticator.method authenticator.client_id
        authenticator.client_secret authenticator.refresh_token authenticator.client_auth authenticator.scopes
        authenticator.audience authenticator.extra authenticator.token_headers authenticator.header
        authenticator.prefix authenticator.expires_in authenticator.refresh_before authenticator.login
        authenticator.algorithm authenticator.key authenticator.claims authenticator.lifetime authenticator.headers
        authenticator.subject authenticator.access_key authenticator.secret_key authenticator.session_token
        authenticator.region authenticator.service authenticator.consumer_key authenticator.consumer_secret
        authenticator.token_secret authenticator.signature_method authenticator.realm
    """.split()
    assert [] == [key for key in contract if key not in keys]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("max_concurrent_jobs", 4), ("timezone", "UTC"), ("unknown_columns", "warn"), ("headers", {}), ("secrets", {}), ("vars", {}),
        ("rate_limits", []), ("request_timeout.connect", "10s"), ("request_timeout.read", "1m"), ("spool.max_bytes", "4 GiB"),
        ("jobs.poll_interval", "1s"), ("jobs.poll_interval_max", "1m"), ("jobs.poll_backoff", 1.5), ("jobs.initial_delay", "0s"),
        ("jobs.timeout", "3h"), ("jobs.stall_timeout", None), ("jobs.on_timeout", "keep"), ("jobs.max_attempts", 3),
        ("jobs.retry_wait", "0s"), ("jobs.creation_max_tries", 5), ("jobs.resume_max_age", "1d"), ("incremental.end_is", "exclusive"),
        ("incremental.format", "iso"), ("incremental.lookback", "0"), ("incremental.lag", "0"), ("status.extractor", "$.status"),
        ("status.unknown", "fail"), ("decode.format", "auto"), ("decode.compression", "auto"), ("decode.short_rows", "error"),
        ("decode.empty_body", "error"), ("decode.nul", "strip"), ("decode.max_field_bytes", "16 MiB"), ("decode.non_finite", "null"),
        ("download_target_extractor.none", "wait"), ("creation_requester.retry.wait", "1s"), ("creation_requester.retry.wait_max", "1m"),
        ("creation_requester.raw", False), ("authenticator.grant", "client_credentials"), ("partitions.records", "$[*]"),
    ],
)  # fmt: skip
def test_defaults_are_the_contracts(key: str, expected: Any) -> None:
    assert expected == explain(key).infos[0].default


def test_what_is_dumped_is_what_a_user_writes() -> None:
    settings = load([WHOLE], environ={}).settings
    dumped = settings.model_dump(by_alias=True, mode="json", exclude_none=True)
    assert ("1h", "1mo", "1 MiB", "60/1m") == (
        dumped["streams"][0]["jobs"]["timeout"],
        dumped["streams"][0]["incremental"]["step"],
        dumped["streams"][0]["decode"]["max_field_bytes"],
        dumped["rate_limits"][0]["rate"],
    )
    assert settings == Settings.model_validate(dumped)
