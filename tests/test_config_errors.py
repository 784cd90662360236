"""What is wrong with a configuration is told all at once: file, line, key, and what was meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from config_told import BASE, Told

from tap_asyncreport.config.loading import load
from tap_asyncreport.errors import ConfigurationError


def fails(told: Told, key: str, line: str) -> str:
    """What is told where the stream of BASE has one line more; the place is cut off."""
    text = told(BASE + "    " + line + "\n")
    assert all(re.match(r"tap\.yaml:\d+:\d+: |    try: ", each) for each in text.splitlines()), text
    shown = re.sub(r"(?m)^tap\.yaml:\d+:\d+: (streams\.orders\.)?", "", text)
    assert shown.startswith(key), shown
    return shown


@pytest.mark.promise(28)
def test_every_fault_is_told_at_once_in_order_with_its_line(told: Told) -> None:
    text = """\
base_ur: https://api.example.com/v1
authenticator: {type: barer, token: x}
timezone: Europe/Berlln
rate_limits: [{match: {step: creation_reqester}, rate: 60}]
streams:
  - name: orders
    timeout: 1h
    primary_keys: id
    creation_requester: {request: POST https://a.example/x, json: {from: "{{ windo.start }}"}}
    polling_requester: GET {{ creation_response.id
    download_retriever: {request: GET x, responses: [{status: 9xx, means: rety}]}
    status: {mapping: {runing: [A], completed: [B, c-d], failed: [C_D]}}
    jobs: {timeout: 90, poll_backoff: 0}
    decode: {format: cvs, header: 5, delimiter: ""}
"""
    assert (
        """\
tap.yaml:1:1: base_ur: there is no such key
    try: did you mean `base_url`?
tap.yaml:2:17: authenticator.type: it must be one of none, api_key, basic, bearer, oauth2, session, jwt, google_service_account, aws_sigv4, oauth1
    try: did you mean `bearer`?
tap.yaml:3:1: timezone: there is no time zone `Europe/Berlln`
    try: did you mean `Europe/Berlin`?
tap.yaml:4:24: rate_limits.0.match.step: there is no step `creation_reqester`
    try: the steps are creation_requester, polling_requester, download_target_requester, download_retriever, abort_requester, delete_requester, error_requester, partitions, login, base_url
tap.yaml:4:50: rate_limits.0.rate: 60 is not a rate; write calls per time, for example 60/1m
tap.yaml:7:5: streams.orders.timeout: there is no such key
    try: `timeout` stands under `jobs`
tap.yaml:8:5: streams.orders.primary_keys: it must be a list, not text
    try: write [id]
tap.yaml:9:68: streams.orders.creation_requester.json.from: there is no `windo`; known here: config, job, now, partition, run, secrets, uuid, vars, window
    try: did you mean `window`?
tap.yaml:10:5: streams.orders.polling_requester: `GET {{ creation_response.id`: unexpected end of template, expected 'end of print statement'
tap.yaml:11:55: streams.orders.download_retriever.responses.0.status: '9xx' is no status: write a code such as 429, or a range such as 4xx
tap.yaml:11:68: streams.orders.download_retriever.responses.0.means: it must be ok, retry, busy, duplicate, quota_exhausted, auth_expired, too_large, not_ready, link_expired, job_gone, empty, skip_partition or fail, not `rety`
    try: did you mean `retry`?
tap.yaml:12:24: streams.orders.status.mapping.runing: it must be running, completed, failed, timed_out or skipped, not `runing`
    try: did you mean `running`?
tap.yaml:12:58: streams.orders.status.mapping.failed: the word `C_D` is in two classes, completed and failed
    try: keep it in one
tap.yaml:13:12: streams.orders.jobs.timeout: 90 has no unit; write for example 90s, 90m or 90d
tap.yaml:13:25: streams.orders.jobs.poll_backoff: it must be at least 1
tap.yaml:14:14: streams.orders.decode.format: it must be auto, csv, tsv, json, jsonl, xml, xlsx or parquet, not `cvs`
    try: did you mean `csv`?
tap.yaml:14:27: streams.orders.decode.header: it must be text or a mapping, not a number
tap.yaml:14:38: streams.orders.decode.delimiter: it must not be empty"""
        == told(text)
    )


@pytest.mark.promise(28)
def test_a_valid_stream_is_checked_although_another_is_not(told: Told) -> None:
    text = BASE + "  - name: broken\n    nope: 1\n  - {name: c, creation_requester: POST x, download_retriever: GET x}\n"
    assert [
        "tap.yaml:8:5: streams.broken.creation_requester: it is missing",
        "tap.yaml:8:5: streams.broken.download_retriever: it is missing",
        "tap.yaml:8:5: streams.broken.polling_requester: it is missing",
        "tap.yaml:9:5: streams.broken.nope: there is no such key",
        "tap.yaml:10:5: streams.c.polling_requester: it is missing",
    ] == [line for line in told(text).splitlines() if not line.startswith("    ")]


def test_faults_of_the_text_come_with_those_of_its_meaning(told: Told) -> None:
    assert (
        "tap.yaml:2:1: start_date: '2026-13-01' is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)\n"
        "tap.yaml:8:1: base_url: the key stands twice, first in line 1"
    ) == told(BASE.replace("2026-01-01", "2026-13-01") + "base_url: https://b.example\n")


@pytest.mark.promise(28)
def test_a_fault_in_stream_defaults_is_told_once(told: Told) -> None:
    second = "  - {name: b, creation_requester: POST /a, polling_requester: GET /a, download_retriever: GET /a}\n"
    text = told(BASE + second + "stream_defaults:\n  jobs: {timeout: 5, timout: 1h}\n  primary_keys: ['{{ x }}', 5]\n")
    assert (
        "tap.yaml:10:10: streams.orders.jobs.timeout: 5 has no unit; write for example 5s, 5m or 5d\n"
        "tap.yaml:10:22: streams.orders.jobs.timout: there is no such key\n"
        "    try: did you mean `timeout`?\n"
        "tap.yaml:11:29: streams.orders.primary_keys.1: it must be text, not a number\n"
        "    try: put it in double quotes"
    ) == text


def test_files_that_cannot_be_read(told: Told, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(["missing.yaml", "missing.json", tmp_path], environ={})
    assert {f"looked in {tmp_path}", None} == {problem.hint for problem in raised.value.problems}
    assert [
        "`missing.yaml` cannot be read: No such file or directory",
        "`missing.json` cannot be read: No such file or directory",
        f"`{tmp_path}` cannot be read: Is a directory",
    ] == [problem.message for problem in raised.value.problems]
    Path("latin.yaml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="`latin.yaml` is not UTF-8: the byte at 3 does not belong"):
        load(["latin.yaml"], environ={})
    assert "tap.yaml:1:1: the file must hold a mapping of keys to values" == told("- a\n")
    assert "tap.json:2:1: a comma or `}` is expected here" in told('{"a": 1\n"b": 2}', "tap.json").splitlines()
    assert "tap.yaml:9:6: a value that begins with `{{` must stand in quotes\n    try: write \"{{ now }}\"" == told(BASE + "headers:\n  A: {{ now }}\n")


def test_an_empty_file_lacks_its_streams(told: Told) -> None:
    for text in ("", "# nothing\n", "{}", "---\n"):
        assert "tap.yaml:1:1: streams: it is missing" in told(text)


def test_definitions_that_cannot_be_found(told: Told) -> None:
    assert re.match(
        r"tap\.yaml:1:1: definition: there is no definition `demmo`\n    try: did you mean `demo`\? these ship: .*demo.*; "
        r"a path ends in \.yaml or \.json$",
        told("definition: demmo\n"),
    )
    assert "tap.yaml:1:1: definition: `nope/x.yaml` cannot be read: No such file or directory" == told("definition: nope/x.yaml\n")
    for url in ("https://example.com/x.yaml", "file:///tmp/x.yaml"):
        expected = "definition: a definition is a name or the path of a file, not a URL\n    try: fetch the file, look at it, and name its path"
        assert f"tap.yaml:1:1: {expected}" == told(f"definition: {url}\n")
    Path("other.yaml").write_text("definition: demo\n" + BASE)
    assert told("definition: other.yaml\n").startswith("other.yaml:1:1: definition: a definition cannot lie on another one")


def test_faults_in_a_definition_are_told_in_the_definition(told: Told) -> None:
    Path("def.yaml").write_text(BASE + "    jobs: {timeout: x}\n")
    assert (
        "def.yaml:8:12: streams.orders.jobs.timeout: 'x' is not a duration; write a number and a unit: 200ms 30s 5m 6h 1d 1w 1mo 1y\n"
        "tap.yaml:2:12: vars: it must be a mapping, not a list\n    try: for example `vars: {\"region\":\"eu\"}`"
    ) == told("definition: def.yaml\n           vars: []\n".replace("           vars", "vars")).replace("tap.yaml:2:1:", "tap.yaml:2:12:")


def test_a_schema_that_cannot_be_read(told: Told, tmp_path: Path) -> None:
    assert f"schema: `nope.json` cannot be read: No such file or directory\n    try: looked in {tmp_path}" == fails(told, "schema", "schema: nope.json")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("jobs: {timout: 1h}", "jobs.timout: there is no such key\n    try: did you mean `timeout`?"),
        ("max_concurrent: 5", "max_concurrent: there is no such key\n    try: `max_concurrent` stands under `jobs`"),
        ("jobs: {max_attempts: x}", "jobs.max_attempts: it must be a whole number, not text"),
        ("jobs: {max_attempts: 1.5}", "jobs.max_attempts: it must be a whole number, not a number"),
        ("jobs: {on_exit: stop}", "jobs.on_exit: it must be keep or abort, not `stop`"),
        ("jobs: []", "jobs: it must be a mapping, not a list\n    try: for example `jobs: {\"timeout\":\"1h\"}`"),
        ("primary_keys: [1]", "primary_keys.0: it must be text, not a number\n    try: put it in double quotes"),
        ("unknown_columns: yes", "unknown_columns: it must be include, warn or error, not `yes`"),
        ("decode: {quote_char: '\"\"'}", "decode.quote_char: it must be one character"),
        ("decode: {max_field_bytes: big}", "decode.max_field_bytes: 'big' is not a size; write for example 512 MiB or 4 GiB"),
        ("decode: {encoding: utf-9}", "decode.encoding: there is no encoding `utf-9`\n    try: for example utf-8, cp1252"),
        ("decode: {format: csv, header: none}", "decode.fields: it is missing, and `header: none` needs it\n    try: list the column names"),
        ("decode: {stop_at: '('}", "decode.stop_at: not a regular expression: missing ), unterminated subpattern at position 0"),
        ("decode: {skip_rows_where: {A: '['}}", "decode.skip_rows_where.A: not a regular expression: unterminated character set at position 0"),
        ("decode: {fields: 5}", "decode.fields: it must be text or a list, not a number"),
        ("columns: {a: int}", "columns.a: it must be string, integer, number, decimal, boolean, date, date-time, object or array, not `int`\n    try: did you mean `integer`?"),
        ("columns: {a: {}}", "columns.a.type: it is missing\n    try: for example `type: \"integer\"`"),
        ("columns: {a: string, B: string, A: string}", "columns.A: the columns `a` and `A` differ in case only; most targets cannot hold both\n    try: rename one with `source`"),
        (
            "decode: {header: {match: [a], skip_after: 1}, skip_after: 2}",
            "decode: `skip_after` stands twice, with different numbers; keep the one within `header`",
        ),
        ("columns: {x: string}\n    schema: {}", "streams.orders: `columns` and `schema` say the same thing; keep one"),
        ("columns: {order_id: string}\n    primary_keys: [orderid]", "primary_keys.0: there is no column `orderid`; declared are order_id\n    try: did you mean `order_id`?"),
        ("columns: {day: date}\n    replication_key: date", "replication_key: there is no column `date`; declared are day"),
        ("primary_keys: [a, b, a]", "primary_keys: `a` stands twice"),
        ("incremental: {align: year}", "incremental.align: it must be day, week, month, week:monday, week:tuesday, week:wednesday, week:thursday, week:friday, week:saturday or week:sunday, not `year`"),
        ("incremental: {start: soon}", "incremental.start: 'soon' is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)"),
        ("incremental: {timezone: Berlin}", "incremental.timezone: there is no time zone `Berlin`\n    try: did you mean `Europe/Berlin`?"),
        ("partitions: [{name: a}]", "partitions.a: a partition has exactly one of `values`, `request`, `stream`"),
        ("partitions: [{name: a, stream: order, key: id}]", "partitions.a.stream: there is no stream `order`; there are orders\n    try: did you mean `orders`?"),
        ("partitions: [{name: a, values: [1]}, {name: a, values: [2]}]", "partitions: two dimensions are named `a`"),
        ("partitions: [{name: a, stream: orders, key: id}]", "partitions: streams wait for each other: orders needs orders"),
        ("partitions: [{name: a, values: [1], paginator: {type: page}}]", "partitions.a.paginator: a `paginator` belongs to a `request`"),
        ("jobs: {max_concurrent_per: {acount: 1}}\n    partitions: [{name: account, values: [1]}]", "jobs.max_concurrent_per.acount: there is no partition `acount`; there are account\n    try: did you mean `account`?"),
        ("status: {mapping: {running: [DONE, in_queue], completed: [done]}}", "status.mapping.completed: the word `done` is in two classes, running and completed\n    try: keep it in one"),
        ("status: {extractor: status}", "status.extractor: `status`: it is neither a JSONPath, which begins with `$`, nor a template\n    try: write `$.status`"),
        ("status: {extractor: '$.a['}", "status.extractor: `$.a[`: not a JSONPath: it ends too early"),
        ("status: {ready_when: '{{ poling_response.ok }}'}", "status.ready_when: there is no `poling_response`; known here: config, creation_response, creation_responses, job, now, partition, polling_response, response, run, secrets, uuid, vars, window\n    try: did you mean `polling_response`?"),
        ("responses: [{means: fail, json: {errors: 1}}]", "responses.0.json.errors: `errors`: it is neither a JSONPath, which begins with `$`, nor a template\n    try: write `$.errors`"),
        ("responses: [{means: fail, text: '*'}]", "responses.0.text: not a regular expression: nothing to repeat at position 0"),
        ("responses: [{status: 200, means: fail, job_id: $.id}]", "responses.0.job_id: `job_id` is for rules with `means: duplicate`"),
        ("responses: [{status: true, means: fail}]", "responses.0.status: True is no status: write a code such as 429, or a range such as 4xx"),
        ("abort_requester: {request: DELETE}", "abort_requester: 'DELETE' is not `METHOD URL` with a method of GET, POST, PUT, PATCH, DELETE, HEAD"),
        ("abort_requester: {request: GET /a, json: {}, body: x}", "abort_requester: a request has one body: `json`, `form` or `body`"),
        ("abort_requester: {request: GET /a, paginator: {type: page}}", "abort_requester.paginator: `abort_requester` has no pages"),
        ("abort_requester: {request: GET /a, paginator: {type: pages}}", "abort_requester.paginator.type: it must be one of next_url, cursor, offset, page, range, byte_range\n    try: did you mean `page`?"),
        ("abort_requester: {request: GET /a, authenticator: inherited}", "abort_requester.authenticator: it must be inherit or none\n    try: did you mean `inherit`?"),
        ("abort_requester: {request: GET /a, authenticator: {token: x}}", "abort_requester.authenticator.type: it is missing; it is one of none, api_key, basic, bearer, oauth2, session, jwt, google_service_account, aws_sigv4, oauth1"),
        ("abort_requester: 5", "abort_requester: it must be a mapping, not a number\n    try: for example `abort_requester: \"POST /exports/{{ creation_response.id }}/cancel\"`"),
        ("download_target_requester: GET /urls", "streams.orders: a `download_target_requester` needs a `download_target_extractor` that reads its answer"),
        ("download_target_extractor: {none: empty}", "download_target_extractor.extractor: it is missing\n    try: for example `extractor: \"$.urls\"`"),
        ("expect: {rows: numberOfRecords}", "expect.rows: `numberOfRecords`: it is neither a JSONPath, which begins with `$`, nor a template\n    try: write `$.numberOfRecords`"),
        ("abort_requester: {request: POST /a, json: {'{{ nope }}': 1}}", "abort_requester.json.{{ nope }}: there is no `nope`; known here: config, creation_response, creation_responses, job, now, partition, polling_response, run, secrets, uuid, vars, window"),
        ("add_columns: {a: '{{ record.x | nope }}'}", "add_columns.a: `{{ record.x | nope }}`: there is no filter `nope`"),
    ],
)  # fmt: skip
@pytest.mark.promise(28)
def test_golden_texts(told: Told, line: str, expected: str) -> None:
    assert expected == fails(told, "", line)


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("creation_requester: POST /x/{{ download_target }}", "creation_requester: `download_target` is not known here; it is in the download, and after it"),
        ("creation_requester: POST /x/{{ creation_response.id }}", "creation_requester: `creation_response` is not known here; it is after the creation"),
        ("creation_requester: POST /x/{{ polling_response.next }}", "creation_requester: `polling_response` is not known here; it is after the creation"),
        ("creation_requester: POST /x/{{ job.id }}", "creation_requester: `job.id` is not known here; it is after the creation"),
        ("creation_requester: POST /x/{{ partition.a }}", "creation_requester: `partition` is empty; there is no `a`"),
        ("creation_requester: POST /x/{{ window.start }}", "creation_requester: there is no `window`: the stream has no `incremental`"),
        ("creation_requester: POST /x/{{ vars.a }}", "creation_requester: `vars` is empty; there is no `a`"),
        ("creation_requester: POST /x/{{ config.secrets }}", "creation_requester: `config` has no `secrets`"),
        ("creation_requester: POST /x/{{ secrets.key }}", "creation_requester: secret key is not set: looked in `secrets` and TAP_ASYNCREPORT_SECRETS_KEY"),
        ("creation_requester: POST /x/{{ secrets['api-key'] }}", "creation_requester: secret api-key is not set: looked in `secrets` and TAP_ASYNCREPORT_SECRETS_API_KEY"),
        ("creation_requester: POST /x/{{ record.a }}", "creation_requester: `record` is not known here; it is in `add_columns`, and in the `value` of a partition"),
        ("polling_requester: GET /x/{{ download_target }}", "polling_requester: `download_target` is not known here; it is in the download, and after it"),
        ("polling_requester: {request: GET /a, paginator: {type: range, count: 3}}", "polling_requester.paginator: `range` counts targets: it is for them and for the download"),
        ("polling_requester: GET /x/{{ response.id }}", "polling_requester: `response` is not known here; it is in rules, paginators, extractors and `expect`"),
        ("creation_requester: [{request: POST /x}, {name: b, request: POST /y, job_id: $.x}, {name: b, request: POST /z}]",
         "creation_requester: two steps are named `b`"),
        ("creation_requester: [{name: a, request: POST /x}, {request: 'POST /y/{{ creation_responses.b.id }}'}]",
         "creation_requester.1.request: `creation_responses` has a; there is no `b`"),
        ("creation_requester: {request: POST /x, paginator: {type: page}}", "creation_requester.paginator.type: jobs are chained by a `cursor`"),
        ("download_retriever: {request: GET /x, paginator: {type: cursor, extractor: $.c, into: {param: a, header: b}}}",
         "download_retriever.paginator.into: `into` names exactly one of `param`, `header`, `json`"),
    ],
)  # fmt: skip
@pytest.mark.promise(28)
def test_names_that_are_not_in_scope_are_told_before_any_call(told: Told, over: str, expected: str) -> None:
    key = over.split(":")[0]
    text = told("".join(over_line for over_line in re.sub(rf"    {key}: .*\n", f"    {over}\n", BASE)))
    assert f"streams.orders.{expected}" in text


@pytest.mark.parametrize(
    "lines",
    [
        "incremental: {step: 1d}\n    creation_requester: {request: POST /x, json: {a: '{{ window.start }}', b: '{{ window.end_at | plus(\"1d\") }}'}}",
        "partitions: [{name: a, values: [1]}, {name: b, request: 'GET /b/{{ partition.a }}', value: '{{ record.x }}'}]\n    delete_requester: DELETE /x/{{ partition.b }}",
        "creation_requester: [{name: a, request: POST /x}, {request: 'POST /y/{{ creation_responses.a.id }}/{{ creation_response.id }}'}]",
        "creation_requester: {request: 'POST /x/{{ polling_response.next | default(\"\") }}', paginator: {type: cursor, extractor: $.next, into: {param: c}}}",
        "creation_requester: {request: POST /x, job_id: '{{ response.headers.location }}', responses: [{status: 409, means: duplicate, job_id: '{{ creation_response.id }}'}]}",
        "polling_requester: {request: GET /x, batch: 10, params: {ids: '{{ jobs | map(attribute=\"id\") | join(\",\") }}'}, select: \"$.data[?(@.id == '{{ job.id }}')]\"}",
        "download_retriever: {request: 'GET {{ download_target.url }}', paginator: {type: next_url, extractor: '{{ response.next | absolute }}'}}\n    download_target_extractor: $.files[*]",
        "add_columns: {a: '{{ record.x }}-{{ download_target }}', b: '{% set x = now %}{{ x | iso }}', c: '{% for k in record %}{{ k }}{{ loop.index }}{% endfor %}'}",
        "expect: {rows: '{{ polling_response.n }}', md5: \"{{ response.headers['content-md5'] }}\"}",
        "creation_requester: {request: POST /x, raw: true, body: 'query($id: ID) { a {{ nope }} }'}",
        "creation_requester: {request: POST /x, raw: true, json: {q: '{{ nope }'}}",
        "error_requester: [{name: doc, request: GET /doc}, {request: 'GET {{ doc.url }}'}]",
        "status: {ready_when: '{{ polling_response.percent == 100 }}', message: '{{ response.error }}'}",
        "creation_requester: {request: POST /x, params: {a: \"{{ vars.a | default('x') }}\", b: '{{ secrets.k if secrets.k is defined else 1 }}'}}",
        "jobs: {poll_wait: '{{ polling_response.headers.retry_in }}', progress: $.percent}",
        "creation_requester: {request: POST https://other.example/x}\n    download_target_requester: [{name: a, request: GET /a}, {request: 'GET {{ a.url }}'}]\n    download_target_extractor: $.url",
        "columns: {id: integer}\n    add_columns: {account: x}\n    partitions: [{name: shop, values: [1]}]\n    primary_keys: [id, account, shop]",
    ],
)  # fmt: skip
def test_what_is_right_is_not_told(tmp_path: Path, lines: str) -> None:
    text = BASE
    for line in lines.split("\n    "):
        text = re.sub(rf"    {line.split(':')[0]}: .*\n", "", text) + f"    {line}\n"
    path = tmp_path / "tap.yaml"
    path.write_text(text)
    assert "orders" == load([path], environ={}).settings.streams[0].name


def test_the_polling_requester_may_be_left_out_only_where_nothing_is_polled(told: Told, tmp_path: Path) -> None:
    without = re.sub(r"    polling_requester: .*\n", "", BASE)
    assert (
        "tap.yaml:4:5: streams.orders.polling_requester: it is missing\n"
        "    try: where the download itself says that it is not ready, add a rule with `means: not_ready` to it; where the "
        "creation's answer holds the rows, `download_retriever: {source: creation_response}`"
    ) == told(without)
    for line in ("download_retriever: {request: GET /x, responses: [{status: 404, means: not_ready}]}", "download_retriever: {source: creation_response}"):
        path = tmp_path / "ok.yaml"
        path.write_text(re.sub(r"    download_retriever: .*\n", f"    {line}\n", without))
        assert load([path], environ={}).settings.streams[0].polling_requester is None
    inline = re.sub(r"    download_retriever: .*\n", "    download_retriever: {source: polling_response}\n", without)
    assert "polling_requester: it is missing" in told(inline)


def test_a_path_needs_a_base_url(told: Told) -> None:
    without = BASE.replace("base_url: https://api.example.com/v1\n", "")
    text = told(without + "authenticator: {type: oauth2, token_url: /token, client_id: a, client_secret: b}\n")
    assert [
        "tap.yaml:4:5: streams.orders.creation_requester: `/exports` is a path, and there is no `base_url`",
        "tap.yaml:5:5: streams.orders.polling_requester: `/exports/{{ job.id }}` is a path, and there is no `base_url`",
        "tap.yaml:7:31: authenticator.token_url: `/token` is a path, and there is no `base_url`",
    ] == [re.sub(r":(\d+):\d+: streams", lambda m: f":{m[1]}:5: streams", line) for line in text.splitlines() if "try" not in line]
    found = BASE.replace("https://api.example.com/v1", "{request: GET /id, extractor: $.url}")
    assert "base_url.request: the request for `base_url` needs a full URL, with https://" in told(found)


@pytest.mark.parametrize(
    ("grant", "expected"),
    [
        ("grant: refresh_token", ["refresh_token: it is missing, and `grant: refresh_token` needs it"]),
        ("grant: password, username: x", ["password: it is missing, and `grant: password` needs it"]),
        ("client_id: x", ["client_secret: it is missing, and `grant: client_credentials` needs it"]),
        ("grant: refresh_token, refresh_token: x, client_auth: basic, client_id: x", ["client_secret: it is missing, and `client_auth: basic` needs it"]),
        ("grant: x", ["grant: it must be client_credentials, refresh_token or password"]),
    ],
)  # fmt: skip
def test_what_a_grant_needs(told: Told, grant: str, expected: list[str]) -> None:
    text = told(BASE + f"authenticator: {{type: oauth2, token_url: /t, {grant}}}\n")
    assert expected == [line.split(": authenticator.")[1] for line in text.splitlines()]


def test_streams_have_names_of_their_own(told: Told) -> None:
    second = "  - {name: orders, creation_requester: POST /a, polling_requester: GET /a, download_retriever: GET /a}\n"
    assert "tap.yaml:8:6: streams.orders.name: 2 streams are named `orders`" == told(BASE + second)
    Path("def.yaml").write_text(BASE)
    twice = "definition: def.yaml\nstreams:\n  - {name: orders, jobs: {timeout: 1h}}\n  - {name: orders, jobs: {timeout: 2h}}\n"
    assert "tap.yaml:4:6: streams.orders.name: 2 streams are named `orders`" == told(twice)


def test_streams_that_wait_for_each_other(told: Told) -> None:
    def needs(name: str, parent: str) -> str:
        return f"  - {{name: {name}, creation_requester: POST /a, polling_requester: GET /a, download_retriever: GET /a, partitions: [{{name: p, stream: {parent}, key: x}}]}}\n"

    assert "streams.a.partitions: streams wait for each other: a needs b needs c needs a" in told(BASE + needs("c", "a") + needs("a", "b") + needs("b", "c"))


def test_a_parents_key_must_be_one_of_its_columns(told: Told) -> None:
    child = "  - {name: b, creation_requester: POST /a, polling_requester: GET /a, download_retriever: GET /a, partitions: [{name: p, stream: orders, key: ids}]}\n"
    text = told(BASE + "    columns: {id: integer}\n" + child)
    assert "streams.b.partitions.p.key: the stream `orders` has no column `ids`\n    try: did you mean `id`?" in text


def test_incremental_needs_a_start(told: Told, tmp_path: Path) -> None:
    text = told(BASE.replace("start_date: 2026-01-01\n", "") + "    incremental: {step: 1d}\n")
    assert "streams.orders.incremental.start: it is missing\n    try: set `incremental.start`, or `start_date` at the top level" in text
