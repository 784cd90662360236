"""Reading a configuration: files, mappings, the environment, definitions, and where each key of it stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_asyncreport.config.json_text import read_json
from tap_asyncreport.config.loading import Loaded, load
from tap_asyncreport.config.sources import Place, plain
from tap_asyncreport.config.text import BadSyntax, FileText
from tap_asyncreport.config.yaml_text import core_scalar, read_yaml
from tap_asyncreport.errors import ConfigurationError

WHOLE = """\
base_url: https://api.example.com/v1
authenticator: {type: bearer, token: "{{ secrets.token }}"}
start_date: 2026-01-01
streams:
  - name: orders
    primary_keys: [order_id]
    creation_requester: POST /exports
    polling_requester: GET /exports/{{ creation_response.id }}
    download_retriever: GET {{ polling_response.url }}
    delete_requester: DELETE /exports/{{ creation_response.id }}
"""
TOKEN = {"TAP_ASYNCREPORT_SECRETS_TOKEN": "t0k3n"}
MINIMAL: dict[str, Any] = {
    "base_url": "https://api.example.com",
    "streams": [
        {
            "name": "orders",
            "creation_requester": "POST /exports",
            "polling_requester": "GET /exports/{{ job.id }}",
            "download_retriever": "GET {{ polling_response.url }}",
        }
    ],
}

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return written


def stream(**over: Any) -> dict[str, Any]:
    """A whole configuration whose one stream has these keys too."""
    return {**MINIMAL, "streams": [{**MINIMAL["streams"][0], **over}]}


def loaded(*configs: Any, environ: dict[str, str] | None = None, **how: Any) -> Loaded:
    return load(configs, environ=environ or {}, **how)


def told(*configs: Any, environ: dict[str, str] | None = None, **how: Any) -> list[str]:
    """The problems of a configuration, as key and message."""
    with pytest.raises(ConfigurationError) as raised:
        load(configs, environ=environ or {}, **how)
    return [f"{problem.key}: {problem.message}" if problem.key else problem.message for problem in raised.value.problems]


def test_the_contracts_own_example_is_a_whole_configuration(write: Write) -> None:
    settings = loaded(write("tap.yaml", WHOLE), environ=TOKEN).settings
    (orders,) = settings.streams
    assert "orders" == orders.name
    assert ["order_id"] == orders.primary_keys
    assert ("POST", "/exports") == (orders.creation_requester[0].method, orders.creation_requester[0].url)
    assert date(2026, 1, 1) == settings.start_date
    assert {"token": "t0k3n"} == settings.secrets
    assert timedelta(hours=3) == orders.jobs.timeout
    assert "auto" == orders.decode.format
    assert 4 == settings.max_concurrent_jobs


def test_the_same_keys_work_in_json_and_as_a_mapping(write: Write) -> None:
    from_yaml = loaded(write("a.yaml", WHOLE), environ=TOKEN)
    from_json = loaded(write("a.json", json.dumps(from_yaml.raw)))
    assert from_yaml.settings == from_json.settings
    assert from_yaml.settings == loaded(from_yaml.raw).settings
    assert from_yaml.settings == loaded(write("no-extension", json.dumps(from_yaml.raw))).settings
    assert from_yaml.settings == loaded(write("other", WHOLE), environ=TOKEN).settings


@pytest.mark.parametrize(
    ("over", "read", "expected"),
    [
        ({"decode": {"quote_char": None}}, lambda s: s.decode.quote_char, None),
        ({"decode": {}}, lambda s: s.decode.quote_char, '"'),
        ({"decode": {"short_rows": None, "non_finite": None}}, lambda s: (s.decode.short_rows, s.decode.non_finite), ("null", "null")),
        ({"decode": None, "jobs": None, "status": None}, lambda s: (s.decode.format, s.jobs.max_attempts), ("auto", 3)),
        ({"creation_requester": {"request": "POST /x", "json": None}}, lambda s: s.creation_requester[0].json_, None),
        ({"creation_requester": {"request": "POST /x", "json": {"a": None}}}, lambda s: s.creation_requester[0].json_, {"a": None}),
        ({"creation_requester": {"request": "POST /x", "params": {"a": None}}}, lambda s: s.creation_requester[0].params, {"a": None}),
        ({"creation_requester": {"request": "POST /x", "headers": None}}, lambda s: s.creation_requester[0].headers, {}),
        ({"columns": {"a": "integer", "b": {"type": "date", "format": "%d.%m.%Y"}}}, lambda s: (s.columns["a"].type, s.columns["b"].format), ("integer", "%d.%m.%Y")),
        ({"download_target_extractor": "$.url"}, lambda s: (s.download_target_extractor.extractor, s.download_target_extractor.none), ("$.url", "wait")),
        ({"error_requester": "GET /error"}, lambda s: s.error_requester[0].url, "/error"),
        ({"status": {"mapping": {"completed": "DONE"}}}, lambda s: s.status.mapping, {"completed": ["DONE"]}),
        ({"responses": [{"status": "4XX", "means": "fail"}]}, lambda s: s.responses[0].status, "4xx"),
        ({"responses": [{"status": ["404", 410], "means": "fail"}]}, lambda s: s.responses[0].status, [404, 410]),
        ({"jobs": {"retry_wait": 0, "timeout": "90m"}}, lambda s: (s.jobs.retry_wait, s.jobs.timeout), (timedelta(), timedelta(minutes=90))),
        ({"delete_requester": None}, lambda s: s.delete_requester, None),
    ],
)
def test_null_and_short_forms(over: dict[str, Any], read: Callable[[Any], Any], expected: Any) -> None:
    assert expected == read(loaded(stream(**over)).settings.streams[0])


def test_later_files_lie_over_earlier_ones() -> None:
    first = {**MINIMAL, "vars": {"a": {"x": 1, "y": 2}, "l": [1, 2]}, "max_concurrent_jobs": 2}
    second = {"vars": {"a": {"y": 3}, "l": [9]}, "streams": [{"name": "orders", "jobs": {"timeout": "1h"}}]}
    settings = loaded(first, second).settings
    assert {"a": {"x": 1, "y": 3}, "l": [9]} == settings.vars
    assert 2 == settings.max_concurrent_jobs
    assert timedelta(hours=1) == settings.streams[0].jobs.timeout
    assert "/exports" == settings.streams[0].creation_requester[0].url


def test_a_definition_lies_beneath(write: Write) -> None:
    write("defs/shop.yaml", WHOLE + "  - name: items\n    creation_requester: POST /i\n    polling_requester: GET /i\n    download_retriever: GET /f\nvars: {a: 1, b: 2}\n")
    config = write("tap.yaml", "definition: defs/shop.yaml\nsecrets: {token: x}\nvars: {b: 3}\nstreams:\n  - {name: items, jobs: {max_attempts: 1}}\n  - {name: new, creation_requester: POST /n, polling_requester: GET /n, download_retriever: GET /n}\n")
    settings = loaded(config).settings
    assert {"a": 1, "b": 3} == settings.vars
    assert ["orders", "items", "new"] == [each.name for each in settings.streams]
    assert 1 == settings.streams[1].jobs.max_attempts
    assert "/i" == settings.streams[1].creation_requester[0].url


def test_a_definition_is_looked_for_beside_the_file_and_then_where_the_tap_runs(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("here/shop.yaml", WHOLE)
    config = write("config/tap.yaml", "definition: shop.yaml\n")
    monkeypatch.chdir(tmp_path / "here")
    assert "orders" == loaded(config, environ=TOKEN).settings.streams[0].name
    write("config/shop.yaml", WHOLE.replace("orders", "beside"))
    assert "beside" == loaded(config, environ=TOKEN).settings.streams[0].name
    assert "orders" == loaded({"definition": "shop.yaml"}, environ=TOKEN).settings.streams[0].name


def test_null_over_a_definition_takes_a_key_away(write: Write) -> None:
    write("shop.yaml", WHOLE)
    config = write("tap.yaml", "definition: ./shop.yaml\nauthenticator: null\nstreams: [{name: orders, delete_requester: null}]\n")
    settings = loaded(config).settings
    assert settings.authenticator is None
    assert settings.streams[0].delete_requester is None


def test_a_mapping_over_a_request_that_is_text_keeps_the_request() -> None:
    over = {"streams": [{"name": "orders", "creation_requester": {"params": {"a": 1}}}]}
    creation = loaded(MINIMAL, over).settings.streams[0].creation_requester[0]
    assert ("POST /exports", {"a": 1}) == (creation.request, creation.params)


def test_an_authenticator_of_another_type_replaces_the_one_beneath() -> None:
    below = {**MINIMAL, "authenticator": {"type": "basic", "username": "u", "password": "p"}}
    settings = loaded(below, {"authenticator": {"type": "bearer", "token": "t"}}).settings
    assert {"type": "bearer", "token": "t"} == settings.authenticator.model_dump()
    settings = loaded(below, {"authenticator": {"type": "basic", "username": "v"}}).settings
    assert ("v", "p") == (settings.authenticator.username, settings.authenticator.password)


def test_no_authenticator_may_be_said_in_a_word() -> None:
    assert loaded({**MINIMAL, "authenticator": "none"}).settings.authenticator is None
    assert ["authenticator: it must be none or a mapping"] == told({**MINIMAL, "authenticator": "inherit"})


def test_stream_defaults_lie_under_every_stream() -> None:
    config = {
        **MINIMAL,
        "stream_defaults": {"jobs": {"timeout": "1h", "max_attempts": 7}, "primary_keys": ["id"], "decode": {"format": "csv"}},
        "streams": [{**MINIMAL["streams"][0], "jobs": {"timeout": "2h"}}, {**MINIMAL["streams"][0], "name": "b", "primary_keys": ["x", "y"]}],
    }
    first, second = loaded(config).settings.streams
    assert (timedelta(hours=2), 7, ["id"], "csv") == (first.jobs.timeout, first.jobs.max_attempts, first.primary_keys, first.decode.format)
    assert (timedelta(hours=1), ["x", "y"]) == (second.jobs.timeout, second.primary_keys)


def test_the_definitions_that_ship_are_found_by_name() -> None:
    from tap_asyncreport.config.reading import shipped

    for name, _ in shipped():
        problems = told({"definition": name, "streams": 5}, environ={})
        assert any("streams" in problem for problem in problems), name


def test_a_schema_file_is_read_beside_the_file_that_names_it(write: Write) -> None:
    write("schemas/orders.json", '{"type": "object", "properties": {"order_id": {"type": "integer"}}}')
    config = write("tap.yaml", WHOLE + "    schema: schemas/orders.json\n")
    assert {"type": "object", "properties": {"order_id": {"type": "integer"}}} == loaded(config, environ=TOKEN).settings.streams[0].schema_


@pytest.mark.promise(30)
@pytest.mark.parametrize("content", ['{"client_secret": "TOPSECRET"}', '{"properties": {"client_secret": "TOPSECRET"}}', '{"properties": {}}', "a: TOPSECRET", None])
def test_a_definition_reads_no_file_that_is_no_schema(content: str | None, write: Write, tmp_path: Path) -> None:
    """What a schema file holds is seen by templates, and a definition may be a stranger's."""
    other = tmp_path if content is None else write("other.json" if content[0] == "{" else "other.yaml", content)
    write("theirs.yaml", WHOLE + f"    schema: {other}\n")
    config = write("tap.yaml", "definition: theirs.yaml\n")
    (said,) = told(config, environ=TOKEN)
    why = "is no file" if content is None else "is no JSON Schema of records: it has no `properties`"
    assert f"streams.orders.schema: `{other}` {why}" in said
    assert "TOPSECRET" not in said


def test_secrets_always_come_from_the_environment_too() -> None:
    config = {
        **MINIMAL,
        "secrets": {"Api_Key": "from file", "other": "o"},
        "headers": {"A": "{{ secrets.Api_Key }}", "B": "{{ secrets.clientId }}", "C": "{{ secrets['x-y'] }}", "D": "{{ secrets.unused | default('') }}"},
    }
    environ = {
        "TAP_ASYNCREPORT_SECRETS_API_KEY": "a",
        "TAP_ASYNCREPORT_SECRETS_CLIENTID": "c",
        "TAP_ASYNCREPORT_SECRETS_X_Y": "x",
        "TAP_ASYNCREPORT_SECRETS_NOT_USED": "n",
        "TAP_ASYNCREPORT_SECRETS_OTHER": "",
    }
    assert {"Api_Key": "a", "other": "o", "clientId": "c", "x-y": "x", "not_used": "n"} == loaded(config, environ=environ).settings.secrets


def test_top_level_keys_come_from_the_environment_when_asked() -> None:
    environ = {
        "TAP_ASYNCREPORT_BASE_URL": "https://env.example",
        "TAP_ASYNCREPORT_MAX_CONCURRENT_JOBS": "9",
        "TAP_ASYNCREPORT_VARS": '{"a": [1, "x"]}',
        "TAP_ASYNCREPORT_START_DATE": "2026-02-01",
        "TAP_ASYNCREPORT_HEADERS": "",
        "TAP_ASYNCREPORT_LOGLEVEL": "DEBUG",
        "TAP_ASYNCREPORT_STREAMS": json.dumps([{"name": "orders", "primary_keys": ["id"]}]),
    }
    settings = loaded(MINIMAL, environ=environ, parse_env=True).settings
    assert ("https://env.example", 9, {"a": [1, "x"]}) == (settings.base_url, settings.max_concurrent_jobs, settings.vars)
    assert (date(2026, 2, 1), {}, ["id"]) == (settings.start_date, settings.headers, settings.streams[0].primary_keys)
    assert loaded(MINIMAL).settings == loaded(MINIMAL, environ=environ).settings


def test_a_fault_in_the_environment_names_the_variable() -> None:
    environ = {"TAP_ASYNCREPORT_VARS": '{"a": ', "TAP_ASYNCREPORT_MAX_CONCURRENT_JOBS": "many"}
    with pytest.raises(ConfigurationError) as raised:
        load([MINIMAL], environ=environ, parse_env=True)
    assert [
        ("environment variable TAP_ASYNCREPORT_MAX_CONCURRENT_JOBS", "max_concurrent_jobs", "it must be a whole number, not text"),
        ("environment variable TAP_ASYNCREPORT_VARS", "vars", "a JSON value is expected here"),
    ] == [(problem.file, problem.key, problem.message) for problem in raised.value.problems]


def test_every_key_has_the_place_where_it_was_written(write: Write) -> None:
    path = write("tap.yaml", WHOLE)
    sources = loaded(path, environ=TOKEN).sources
    assert Place(str(path), 1, 1) == sources.where("base_url")
    assert Place(str(path), 2, 31) == sources.where("authenticator.token")
    assert Place(str(path), 5, 5) == sources.where("streams.orders")
    assert Place(str(path), 7, 5) == sources.where("streams.orders.creation_requester")
    assert Place(str(path), 7, 5) == sources.where("streams.orders.creation_requester.0.json.from")
    assert Place(str(path), 6, 20) == sources.where("streams.orders.primary_keys.0")
    assert Place(str(path), 5, 5) == sources.where("streams.orders.jobs.timeout")
    assert sources.where("nothing.like.it") is None


def test_places_survive_merging_and_defaults(write: Write) -> None:
    definition = write("shop.yaml", WHOLE)
    config = write("tap.json", '{\n "definition": "shop.yaml",\n "stream_defaults": {\n  "jobs": {"timeout": "1h"}},\n "streams": [\n  {"name": "orders", "jobs": {"max_attempts": 1}}]\n}')
    sources = loaded(config, environ=TOKEN).sources
    assert Place(str(definition), 7, 5) == sources.where("streams.orders.creation_requester")
    assert Place(str(config), 4, 12) == sources.where("streams.orders.jobs.timeout")
    assert Place(str(config), 6, 31) == sources.where("streams.orders.jobs.max_attempts")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_physical_whatever_ends_them(newline: str) -> None:
    text = f"a: é{newline}b: |{newline}  x\u2028y{newline}  z{newline}c: [1,{newline} 2]{newline}"
    tree, problems = read_yaml(FileText("f", text))
    assert [] == problems
    assert [(1, 1), (2, 1), (5, 1)] == [(tree.value[key].place.line, tree.value[key].place.column) for key in "abc"]
    assert (6, 2) == (tree.value["c"].value[1].place.line, tree.value["c"].value[1].place.column)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True), ("True", True), ("FALSE", False), ("null", None), ("~", None), ("", None), ("Null", None),
        ("0", 0), ("12", 12), ("-3", -3), ("+4", 4), ("1.5", 1.5), ("-0.5", -0.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("1.5E-2", 0.015),
        ("012", "012"), ("0x1F", "0x1F"), ("0o17", "0o17"), ("0b1", "0b1"), ("1_000", "1_000"), ("1:30", "1:30"), ("190:20:30", "190:20:30"),
        ("NO", "NO"), ("no", "no"), ("yes", "yes"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("tRue", "tRue"),
        ("2026-01-01", "2026-01-01"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("1.2.3", "1.2.3"), (".inf", ".inf"), (".nan", ".nan"),
        ("1e999", "1e999"), ("00.5", "00.5"), ("-", "-"), (".", "."), ("e3", "e3"), ("1e", "1e"), ("9" * 5000, "9" * 5000), ("=", "="), ("١", "١"),
    ],
)  # fmt: skip
def test_only_what_cannot_be_anything_else_is_more_than_text(text: str, expected: Any) -> None:
    got = core_scalar(text)
    assert expected == got
    assert type(expected) is type(got)


def test_yaml_as_people_write_it() -> None:
    text = (
        'a: "012"\nb: \'yes\'\nc: !!str 5\nd: !!int 5\ne: |\n  x\n  y\nf: >\n  x\n  y\ng: {h: [1, {i: j}]}\n'
        'k: "\\u00e9\\t"\nl:\nm: GET /a/{{ b.c }}?d={{ e }}\nn: &n {x: 1, y: 2}\no: {<<: *n, y: 3}\np: *n\n5: five\ntrue: t\n'
    )
    tree, problems = read_yaml(FileText("f", text))
    assert [] == problems
    assert {
        "a": "012", "b": "yes", "c": "5", "d": 5, "e": "x\ny\n", "f": "x y\n", "g": {"h": [1, {"i": "j"}]}, "k": "é\t",
        "l": None, "m": "GET /a/{{ b.c }}?d={{ e }}", "n": {"x": 1, "y": 2}, "o": {"x": 1, "y": 3}, "p": {"x": 1, "y": 2},
        "5": "five", "true": "t",
    } == plain(tree)  # fmt: skip


@pytest.mark.promise(30)
def test_a_file_of_nested_aliases_is_refused_and_not_unfolded() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(BadSyntax, match="more than 200000 values"):
        read_yaml(FileText("f", "\n".join(lines)))


def test_both_yaml_parsers_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    fast = read_yaml(FileText("f", WHOLE))
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    assert fast == read_yaml(FileText("f", WHOLE))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=JSON_VALUES, indent=st.sampled_from([None, 1, "\t"]), ascii_only=st.booleans())
def test_json_is_read_as_the_standard_library_reads_it(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    tree, problems = read_json(FileText("f.json", text))
    assert value == plain(tree)
    assert [] == problems
