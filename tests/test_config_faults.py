"""A configuration with ten faults and more, as people write them: each is told once, and none that follows from another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tap_asyncreport.config.loading import load
from tap_asyncreport.config.problems import render
from tap_asyncreport.errors import ConfigurationError

YAML = """\
base-url: https://api.example.com/v1
auth: {type: bearer, token: x}
vars: {region: {{ config.timezone }}}
headers: {X-Region: GET {{ vars.region }}}
run_report: report: today.html
start_date: 01/02/2026
streams:
  orders:
    primary_key: [order_id]
    creation_requester:
      request: POST /exports
      json: {from: "{{ window.start }}"}
\tabort_requester: DELETE /exports/{{ job.id }}
      polling_requester: GET /exports/{{ creation_response.id }}
    download_retriver: GET {{ polling_response.url }}
    incremental: {step: 1d, start: soon}
    decode: {format: CVS, members: *.csv}
"""
TOLD_OF_YAML = """\
tap.yaml:1:1: base-url: there is no such key
    try: did you mean `base_url`?
tap.yaml:2:1: auth: there is no such key
    try: did you mean `authenticator`?
tap.yaml:3:16: a value that begins with `{{` must stand in quotes
    try: write "{{ config.timezone }}"
tap.yaml:4:21: a text with `{{` in it must stand in quotes within `{ }` and `[ ]`
    try: write "GET {{ vars.region }}"
tap.yaml:5:13: a text with `: ` in it must stand in quotes
    try: put the value in double quotes
tap.yaml:6:1: start_date: '01/02/2026' is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z); write 2026-02-01 or 2026-01-02
tap.yaml:7:1: streams: it must be a list, not a mapping
    try: write `- name: orders`, and the rest under it
tap.yaml:9:5: streams.orders.primary_key: there is no such key
    try: did you mean `primary_keys`?
tap.yaml:13:1: YAML is indented with spaces, and this line has a tab
    try: replace the tab with spaces
tap.yaml:14:7: the indentation of this line fits none of the lines above it
    try: keys of one mapping begin in one column, and what is under a key is indented further
tap.yaml:15:5: streams.orders.download_retriver: there is no such key
    try: did you mean `download_retriever`?
tap.yaml:16:29: streams.orders.incremental.start: 'soon' is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)
tap.yaml:17:14: streams.orders.decode.format: it must be auto, csv, tsv, json, jsonl, xml, xlsx or parquet, not `CVS`
    try: did you mean `csv`?
tap.yaml:17:36: a text that begins with * must stand in quotes
    try: put the value in double quotes"""
JSON = """\
{
  // what the API is
  "base_url": "api.example.com/v1",
  "authenticator": {"type": "Bearer", "token": "{{ secret.token }}"},
  "start_date": '2026-01-01',
  "flattening_enabled": True,
  "rate_limits": {"rate": "60 per minute"},
  "stream": [],
  "max_concurrent_jobs": "four",
  "streams": [{
    "name": "orders",
    "creation_requester": {"url": "POST /exports"},
    "polling_requester": "get /exports/{{ creation_response.id }}",
    "download_retriever": "GET {{ polling_response.url }}"
    "jobs": {"timeout": 3600, "retries": 3},
    "columns": {"id": "int", "amount": "float", "day": "timestamp"},
    "add_columns": {"account": "{{ partition.account }}"},
  }]
}
"""
TOLD_OF_JSON = """\
tap.json:2:3: JSON has no comments
    try: remove it, or write the configuration as YAML
tap.json:3:3: base_url: it is no full URL, which begins with https:// or http://
    try: write https://api.example.com/v1
tap.json:4:21: authenticator.type: it must be one of none, api_key, basic, bearer, oauth2, session, jwt, google_service_account, aws_sigv4, oauth1
    try: did you mean `bearer`?
tap.json:4:39: authenticator.token: there is no `secret`; known here: config, creation_response, creation_responses, download_target, job, now, partition, polling_response, response, run, secrets, uuid, vars, window
    try: did you mean `secrets`?
tap.json:5:17: JSON has no single quotes
    try: use double quotes
tap.json:6:25: JSON spells it true, false and null
    try: write it in small letters; None is null
tap.json:7:3: rate_limits: it must be a list, not a mapping
    try: put a dash before it, or brackets around it
tap.json:7:19: rate_limits.rate: '60 per minute' is not a rate; write calls per time, for example 60/1m
tap.json:8:3: stream: there is no such key
    try: did you mean `streams`?
tap.json:9:3: max_concurrent_jobs: it must be a whole number, not text
tap.json:12:28: streams.orders.creation_requester.url: there is no such key
    try: did you mean `request`?
tap.json:13:5: streams.orders.polling_requester: 'get /exports/{{ creation_response.id }}' is not `METHOD URL` with a method of GET, POST, PUT, PATCH, DELETE, HEAD; did you mean GET?
tap.json:15:5: a comma or `}` is expected here
tap.json:15:14: streams.orders.jobs.timeout: 3600 has no unit; write for example 3600s, 3600m or 3600d
tap.json:15:31: streams.orders.jobs.retries: there is no such key
    try: did you mean `max_attempts`?
tap.json:16:17: streams.orders.columns.id: it must be string, integer, number, decimal, boolean, date, date-time, object or array, not `int`
    try: did you mean `integer`?
tap.json:16:30: streams.orders.columns.amount: it must be string, integer, number, decimal, boolean, date, date-time, object or array, not `float`
    try: did you mean `number`?
tap.json:16:49: streams.orders.columns.day: it must be string, integer, number, decimal, boolean, date, date-time, object or array, not `timestamp`
    try: did you mean `date-time`?
tap.json:17:21: streams.orders.add_columns.account: `partition` is empty; there is no `account`
tap.json:18:3: no comma may stand before `}` in JSON"""
DEFINITION = """\
base_url: https://api.example.com/v1
headers: {A: "{{ vars.regoin }}"}
vars: {region: eu}
streams:
  - name: orders
    creation_requester: {request: POST /exports, jsn: {}}
    polling_requester: GET /exports/{{ creation_respons.id }}
    download_retriever: GET {{ polling_response.url }}
    decode: {records: data[*]}
    status: {extractor: state}
"""
OVER_IT = """\
definition: ./mine.yaml
authenticator: {type: bearer, token: "{{ secrets.api_token }}"}
secrets: {apitoken: hunter22}
streams:
  - name: order
    jobs: {timeout: 1h}
  - name: orders
    jobs: {status: {extractor: $.x}, max_concurrent: 0}
    columns: {id: integer}
    primary_keys: [order_id]
    incremental: {step: 1 day}
"""
TOLD_OF_BOTH = """\
mine.yaml:2:11: headers.A: `vars` has region; there is no `regoin`
    try: did you mean `region`?
mine.yaml:6:50: streams.orders.creation_requester.jsn: there is no such key
    try: did you mean `json`?
mine.yaml:7:5: streams.orders.polling_requester: there is no `creation_respons`; known here: config, creation_response, creation_responses, job, jobs, now, partition, polling_response, run, secrets, uuid, vars, window
    try: did you mean `creation_response`?
mine.yaml:9:27: a comma or `}` is expected here
    try: a text that holds one of , : [ ] { } stands in double quotes there
mine.yaml:10:14: streams.orders.status.extractor: `state`: it is neither a JSONPath, which begins with `$`, nor a template
    try: write `$.state`
over.yaml:2:31: authenticator.token: secret api_token is not set: looked in `secrets` and TAP_ASYNCREPORT_SECRETS_API_TOKEN
    try: did you mean `apitoken`?
over.yaml:5:5: streams.order.creation_requester: it is missing, and the definition has no stream of this name
    try: did you mean `orders`?
over.yaml:8:12: streams.orders.jobs.status: there is no such key
    try: `status` stands beside `jobs`, not in it
over.yaml:8:38: streams.orders.jobs.max_concurrent: it must be at least 1
over.yaml:10:20: streams.orders.primary_keys.0: there is no column `order_id`; declared are id
over.yaml:11:19: streams.orders.incremental.step: '1 day' is not a duration; write 1d"""
ENVIRONMENT = {
    "TAP_ASYNCREPORT_BASE_URL": "api.example.com",
    "TAP_ASYNCREPORT_AUTHENTICATOR": '{"type": "beare", "token": "{{ secrets.tok }}"}',
    "TAP_ASYNCREPORT_SECRETS_TOKEN": "hunter22",
    "TAP_ASYNCREPORT_START_DATE": "yesterday",
    "TAP_ASYNCREPORT_MAX_CONCURRENT_JOBS": "four",
    "TAP_ASYNCREPORT_VARS": "region=eu",
    "TAP_ASYNCREPORT_RATE_LIMITS": '[{"rate": "60/1m"',
    "TAP_ASYNCREPORT_STREAMS": (
        '[{"name": "orders", "creation_requester": "POST /x/{{ vars.region }}", "polling_requester": "GET /x", '
        '"download_retriever": "GET /y", "jobs": {"timeout": 5}, "nam": 1,}]'
    ),
}
TOLD_OF_ENVIRONMENT = """\
environment variable TAP_ASYNCREPORT_AUTHENTICATOR: authenticator.type: it must be one of none, api_key, basic, bearer, oauth2, session, jwt, google_service_account, aws_sigv4, oauth1
    try: did you mean `bearer`?
environment variable TAP_ASYNCREPORT_AUTHENTICATOR: authenticator.token: secret tok is not set: looked in `secrets` and TAP_ASYNCREPORT_SECRETS_TOK
    try: did you mean `token`?
environment variable TAP_ASYNCREPORT_BASE_URL: base_url: it is no full URL, which begins with https:// or http://
    try: write https://api.example.com
environment variable TAP_ASYNCREPORT_MAX_CONCURRENT_JOBS: max_concurrent_jobs: it must be a whole number, not text
environment variable TAP_ASYNCREPORT_RATE_LIMITS:1:18: rate_limits: the JSON ends here, and `}]` is missing
environment variable TAP_ASYNCREPORT_START_DATE: start_date: 'yesterday' is no date; write "{{ now | minus('1d') }}"
environment variable TAP_ASYNCREPORT_STREAMS: streams.orders.jobs.timeout: 5 has no unit; write for example 5s, 5m or 5d
environment variable TAP_ASYNCREPORT_STREAMS: streams.orders.nam: there is no such key
    try: did you mean `name`?
environment variable TAP_ASYNCREPORT_STREAMS:1:168: streams: no comma may stand before `}` in JSON
environment variable TAP_ASYNCREPORT_VARS: vars: it must be a mapping, not text
    try: write JSON: {"key": "value"}"""


def told(path: str, environ: Mapping[str, str] | None = None) -> str:
    """What is told of a file, or of the environment where there is none."""
    with pytest.raises(ConfigurationError) as raised:
        load([path] if path else [], environ=environ or {}, parse_env=not path)
    return render(raised.value.problems)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.promise(28)
@pytest.mark.parametrize(("name", "text", "expected"), [("tap.yaml", YAML, TOLD_OF_YAML), ("tap.json", JSON, TOLD_OF_JSON)])
def test_faults_of_a_file_and_of_what_it_says_are_told_together(name: str, text: str, expected: str) -> None:
    """Tabs, braces and commas end no reading: what stands behind them is told as well."""
    Path(name).write_text(text)
    assert expected == told(name)


@pytest.mark.promise(28)
def test_faults_of_a_definition_and_of_what_lies_over_it_are_told_together() -> None:
    Path("mine.yaml").write_text(DEFINITION)
    Path("over.yaml").write_text(OVER_IT)
    assert TOLD_OF_BOTH == told("over.yaml")


@pytest.mark.promise(28)
def test_faults_of_the_environment_name_their_variables() -> None:
    assert TOLD_OF_ENVIRONMENT == told("", ENVIRONMENT)


@pytest.mark.promise(28)
def test_what_stands_on_the_wrong_level_is_not_missing_as_well() -> None:
    """Keys that are indented too little are told with the key that they belong to, and once."""
    Path("tap.yaml").write_text(
        "base_url: https://api.example.com\nauthenticator:\ntype: bearer\ntoken: x\nstreams:\n- name: orders\n"
        "creation_requester: POST /x\npolling_requester: GET /x\ndownload_retriever: GET /y\n"
    )
    assert [
        "tap.yaml:3:1: type: there is no such key",
        "    try: `type` stands under `authenticator`",
        "tap.yaml:4:1: token: there is no such key",
        "    try: `token` stands under `authenticator`",
        *(
            line
            for number, key in enumerate(("creation_requester", "polling_requester", "download_retriever"), 7)
            for line in (f"tap.yaml:{number}:1: {key}: there is no such key", f"    try: `{key}` stands under `streams`")
        ),
    ] == told("tap.yaml").splitlines()
