"""Whatever a file holds, loading it ends in settings or in problems that are told: never in a traceback."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_asyncreport.config.loading import load
from tap_asyncreport.config.problems import render
from tap_asyncreport.config.sources import plain
from tap_asyncreport.config.text import FileText
from tap_asyncreport.config.yaml_text import read_yaml
from tap_asyncreport.errors import ConfigurationError
from test_config_apis import APIS

DOCUMENTS = [plain(read_yaml(FileText(name, text))[0]) for name, text in APIS.items()]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["", "{{", "{{ x }}", "{% for %}", "$", "$.a[", "$..", "none", "1d", "GET /x", "(", "page", "oauth2", "{{ secrets.x }}"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "type", "request", "extractor", "token", "streams", "json", "raw", "x", ""]) | st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [keys, *(path for key, item in inner for path in places(item, (*keys, key)))]


def changed(document: Any, keys: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a path."""
    if not keys:
        return value
    whole = copy.deepcopy(document)
    at = whole
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    return whole


def ends_well(config: Any) -> None:
    if not isinstance(config, dict):
        return
    try:
        load([config], environ={})
    except ConfigurationError as error:
        assert render(error.problems)


@pytest.mark.promise(28)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_in_any_place_is_told(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(DOCUMENTS))
    for _ in range(data.draw(st.integers(1, 2))):
        document = changed(document, data.draw(st.sampled_from(places(document))), data.draw(ODD))
    ends_well(document)


@pytest.mark.promise(28)
@settings(max_examples=80, deadline=None)
@given(config=st.dictionaries(st.sampled_from(["base_url", "authenticator", "secrets", "vars", "streams", "stream_defaults", "headers", "definition", "rate_limits", "timezone"]), ODD, max_size=5))
def test_any_values_of_the_top_level_are_told(config: dict[str, Any]) -> None:
    ends_well(config)


@pytest.mark.promise(28)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_to_a_file_is_told(tmp_path: Path, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([*APIS.values(), *map(json.dumps, DOCUMENTS)]))
    at = data.draw(st.integers(0, len(text)))
    damage = data.draw(st.sampled_from(["", "{", "}", "[", "]", "\t", "\n", ":", "- ", '"', "'", "{{", "}}", "&a ", "*a", "!x ", "\x00", "\u2028", "%", "@", "? ", "<<: ", "|", "#", ",", "\\"]))
    cut = data.draw(st.integers(0, 8))
    path = tmp_path / data.draw(st.sampled_from(["a.yaml", "a.json", "a"]))
    path.write_text(text[:at] + damage + text[at + cut :], encoding="utf-8")
    try:
        load([path], environ={})
    except ConfigurationError as error:
        assert all(problem.file for problem in error.problems), render(error.problems)
