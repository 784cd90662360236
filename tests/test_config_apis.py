"""Configurations in the manner of real reporting APIs: what they need can be written, and nothing about it is called wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap_asyncreport.config.loading import load

APIS = {
    "salesforce": """
base_url: {token: $.instance_url}
authenticator:
  type: oauth2
  grant: refresh_token
  token_url: https://login.salesforce.com/services/oauth2/token
  client_id: "{{ secrets.client_id }}"
  client_secret: "{{ secrets.client_secret }}"
  refresh_token: "{{ secrets.refresh_token }}"
start_date: 2026-01-01T00:00:00Z
vars: {version: v62.0}
streams:
  - name: accounts
    primary_keys: [Id]
    replication_key: SystemModstamp
    columns: {Id: string, Name: string, SystemModstamp: date-time}
    incremental: {step: 7d, granularity: 1s, lag: 10m}
    creation_requester:
      request: POST /services/data/{{ vars.version }}/jobs/query
      json:
        operation: queryAll
        query: >-
          SELECT Id, Name, SystemModstamp FROM Account WHERE SystemModstamp >= {{ window.start }}
          AND SystemModstamp < {{ window.end }}
        contentType: CSV
      responses:
        - {status: 400, json: {"$[0].errorCode": INVALIDENTITY}, means: skip_partition}
        - {status: 403, json: {"$[0].errorCode": REQUEST_LIMIT_EXCEEDED}, means: quota_exhausted}
    polling_requester: GET /services/data/{{ vars.version }}/jobs/query/{{ job.id }}
    status: {extractor: $.state, mapping: {running: [UploadComplete, InProgress], completed: [JobComplete], failed: [Failed, Aborted]}, message: $.errorMessage}
    download_retriever:
      request: GET /services/data/{{ vars.version }}/jobs/query/{{ job.id }}/results
      paginator: {type: cursor, extractor: "{{ response.headers['sforce-locator'] }}", into: {param: locator}, stop_on: ["null"]}
    expect: {rows: $.numberRecordsProcessed}
    abort_requester: {request: "PATCH /services/data/{{ vars.version }}/jobs/query/{{ job.id }}", json: {state: Aborted}}
    delete_requester: DELETE /services/data/{{ vars.version }}/jobs/query/{{ job.id }}
""",
    "amazon selling partner": """
base_url: https://sellingpartnerapi-na.amazon.com
authenticator:
  type: oauth2
  grant: refresh_token
  token_url: https://api.amazon.com/auth/o2/token
  client_id: "{{ secrets.client_id }}"
  client_secret: "{{ secrets.client_secret }}"
  refresh_token: "{{ secrets.refresh_token }}"
  header: x-amz-access-token
start_date: 2026-01-01
rate_limits:
  - {match: {step: creation_requester}, rate: 1/60s, burst: 15}
  - {match: {path: /reports/*/documents/*}, rate: 0.0167/s, burst: 15}
stream_defaults:
  jobs: {retry_wait: 30m, max_concurrent: 2}
  status: {extractor: $.processingStatus, mapping: {completed: [DONE], skipped: [CANCELLED], failed: [FATAL]}}
streams:
  - name: orders
    incremental: {step: 30d, format: iso}
    partitions:
      - {name: marketplace, values: "{{ vars.marketplaces }}"}
    creation_requester:
      request: POST /reports/2021-06-30/reports
      json:
        reportType: GET_FLAT_FILE_ALL_ORDERS
        marketplaceIds: ["{{ partition.marketplace }}"]
        dataStartTime: "{{ window.start }}"
        dataEndTime: "{{ window.end }}"
      job_id: $.reportId
    polling_requester: GET /reports/2021-06-30/reports/{{ creation_response.reportId }}
    download_target_requester: GET /reports/2021-06-30/documents/{{ polling_response.reportDocumentId }}
    download_target_extractor: $
    download_retriever: {request: "GET {{ download_target.url }}", authenticator: none, responses: [{status: 403, means: link_expired}]}
    error_requester: [{name: document, request: "GET /reports/2021-06-30/documents/{{ polling_response.reportDocumentId }}"}, {request: "GET {{ document.url }}"}]
    abort_requester: DELETE /reports/2021-06-30/reports/{{ creation_response.reportId }}
    decode: {format: tsv, encoding: cp1252}
    add_columns: {marketplace: "{{ partition.marketplace }}", read_at: "{{ now | iso }}"}
vars: {marketplaces: [ATVPDKIKX0DER]}
""",
    "marketo": """
base_url: "https://{{ vars.munchkin }}.mktorest.com"
vars: {munchkin: 123-ABC-456}
authenticator: {type: oauth2, method: GET, token_url: /identity/oauth/token, client_id: "{{ secrets.id }}", client_secret: "{{ secrets.secret }}"}
start_date: 2026-01-01
streams:
  - name: leads
    incremental: {step: 31d}
    responses:
      - {status: 200, json: {"$.errors[0].code": ["602"]}, means: auth_expired}
      - {status: 200, json: {"$.errors[0].code": ["606"]}, means: retry}
    creation_requester:
      - {name: create, request: POST /bulk/v1/leads/export/create.json, json: {fields: [id], filter: {updatedAt: {startAt: "{{ window.start }}", endAt: "{{ window.end }}"}}}}
      - name: enqueue
        request: POST /bulk/v1/leads/export/{{ creation_responses.create.result[0].exportId }}/enqueue.json
        job_id: $.result[0].exportId
        responses:
          - {json: {"$.errors[0].code": "1029"}, text: quota, means: quota_exhausted}
          - {json: {"$.errors[0].code": "1029"}, means: busy}
    polling_requester: {request: "GET /bulk/v1/leads/export/{{ job.id }}/status.json", select: "$.result[0]"}
    download_retriever:
      request: GET /bulk/v1/leads/export/{{ job.id }}/file.json
      responses: [{header: {Content-Type: application/json}, json: {$.success: false}, means: retry}]
    expect: {sha256: $.fileChecksum, bytes: $.fileSize, rows: $.numberOfRecords}
    abort_requester: POST /bulk/v1/leads/export/{{ job.id }}/cancel.json
    jobs: {poll_interval: 1m, poll_interval_max: 5m}
""",
    "shopify": """
base_url: https://shop.myshopify.com/admin/api/2026-01
headers: {X-Shopify-Access-Token: "{{ secrets.token }}"}
streams:
  - name: products
    creation_requester:
      request: POST /graphql.json
      json:
        query: |
          mutation { bulkOperationRunQuery(query: "{% raw %}{ products { edges { node { id } } } }{% endraw %}") { bulkOperation { id status } userErrors { code message } } }
      job_id: $.data.bulkOperationRunQuery.bulkOperation.id
      responses: [{json: {"$.data.bulkOperationRunQuery.userErrors[0].code": OPERATION_IN_PROGRESS}, means: busy}, {json: {"$.errors[0].extensions.code": THROTTLED}, means: retry}]
    polling_requester: {request: POST /graphql.json, json: {query: "query($id: ID!) { node(id: $id) { id } }", variables: {id: "{{ job.id }}"}}, select: $.data.node}
    download_target_extractor: {extractor: $.url, none: empty}
    download_retriever: GET {{ download_target }}
    expect: {rows: $.objectCount}
    decode: {format: jsonl}
    status: {mapping: {skipped: [CANCELED]}}
""",
    "stripe": """
base_url: https://api.stripe.com/v1
authenticator: {type: bearer, token: "{{ secrets.key }}"}
streams:
  - name: balance
    incremental: {start: 2025-12-01, step: 1mo, format: epoch, lookback: 3d}
    creation_requester:
      request: POST /reporting/report_runs
      idempotency_header: Idempotency-Key
      form: {report_type: balance_change.itemized.3, parameters: {interval_start: "{{ window.start }}", interval_end: "{{ window.end }}", columns: [id, created]}}
    polling_requester: GET /reporting/report_runs/{{ job.id }}
    download_retriever: {request: "GET {{ polling_response.result.url }}", authenticator: inherit}
""",
    "campaign manager": """
base_url: https://dfareporting.googleapis.com/dfareporting/v5
authenticator: {type: google_service_account, key: "{{ secrets.google_key }}", scopes: [https://www.googleapis.com/auth/dfareporting]}
start_date: 2026-01-01
streams:
  - name: campaigns
    partitions:
      - {name: profile, request: GET /userprofiles, records: $.items, value: $.profileId}
    incremental: {step: 1d, format: date, end_is: inclusive, timezone: America/New_York}
    creation_requester:
      - {name: report, request: "POST /userprofiles/{{ partition.profile }}/reports", json: {name: "tap-{{ [partition, window.start] | hash }}", criteria: {dateRange: {startDate: "{{ window.start }}", endDate: "{{ window.end }}"}}}}
      - {name: run, request: "POST /userprofiles/{{ partition.profile }}/reports/{{ creation_responses.report.id }}/run"}
    polling_requester: GET /reports/{{ creation_response.reportId }}/files/{{ creation_response.id }}
    status: {mapping: {completed: [REPORT_AVAILABLE]}}
    download_retriever: {request: "GET {{ polling_response.urls.apiUrl }}", authenticator: inherit}
    delete_requester: DELETE /userprofiles/{{ partition.profile }}/reports/{{ creation_responses.report.id }}
    decode: {header: {match: [Date, Campaign]}, stop_at: "^Grand Total:"}
    columns: {Date: date, Campaign: string, clicks: {type: integer, source: Clicks}}
    primary_keys: [Date, Campaign, profile]
    add_columns: {profile: "{{ partition.profile }}"}
""",
    "yandex direct": """
base_url: https://api.direct.yandex.com/json/v5
headers: {Client-Login: "{{ partition.login }}", processingMode: auto}
authenticator: {type: bearer, token: "{{ secrets.token }}"}
start_date: 2026-01-01
streams:
  - name: campaigns
    partitions: [{name: login, values: [a, b]}]
    incremental: {step: 30d, format: date, end_is: inclusive, max_history: 3y}
    jobs: {max_concurrent_per: {login: 5}, poll_wait: "{{ response.headers.retryin }}"}
    creation_requester: {request: POST /reports, json: {params: {DateFrom: "{{ window.start }}"}}, responses: [{status: [201, 202], means: ok}, {status: 502, means: too_large}], job_id: "{{ uuid() }}"}
    download_retriever: {request: POST /reports, json: {params: {DateFrom: "{{ window.start }}"}}, responses: [{status: [201, 202], means: not_ready, wait: "{{ response.headers.retryin }}"}]}
    decode: {format: tsv}
""",
    "snowflake": """
base_url: https://a.snowflakecomputing.com/api/v2
authenticator: {type: jwt, key: "{{ secrets.key }}", claims: {iss: "{{ vars.account }}", sub: x}, lifetime: 59m}
vars: {account: a}
streams:
  - name: query
    creation_requester: {request: POST /statements, params: {async: true, requestId: "{{ uuid() }}"}, json: {statement: select 1}, job_id: $.statementHandle}
    polling_requester: {request: "GET /statements/{{ job.id }}", responses: [{status: 422, means: fail}]}
    status: {extractor: $.status_code, mapping: {running: [202], completed: [200]}, message: $.message}
    download_target_extractor: $.resultSetMetaData.partitionInfo[*]
    download_retriever:
      request: GET /statements/{{ job.id }}
      paginator: {type: range, count: "{{ polling_response.resultSetMetaData.partitionInfo | length }}"}
      params: {partition: "{{ download_target }}"}
    decode: {records: "$.data[*]", fields: "{{ polling_response.resultSetMetaData.rowType | map(attribute='name') | list }}"}
""",
    "x ads": """
base_url: https://ads-api.x.com/12
authenticator: {type: oauth1, consumer_key: "{{ secrets.a }}", consumer_secret: "{{ secrets.b }}", token: "{{ secrets.c }}", token_secret: "{{ secrets.d }}"}
start_date: 2026-01-01
streams:
  - name: accounts
    columns: {id: string}
    creation_requester: POST /x
    polling_requester: GET /x
    download_retriever: GET /x
  - name: stats
    partitions:
      - {name: account, stream: accounts, key: id}
      - {name: entity, request: "GET /accounts/{{ partition.account }}/active_entities", records: "$.data[*]", value: $.entity_id, batch: 20, paginator: {type: cursor, extractor: $.next_cursor, into: {param: cursor}}}
      - {name: placement, values: [ALL_ON_TWITTER, PUBLISHER_NETWORK]}
    incremental: {step: 1d, timezone: "{{ partition.account }}"}
    jobs: {max_concurrent_per: {account: 100}, initial_delay: 30s}
    creation_requester: {request: "POST /stats/jobs/accounts/{{ partition.account }}", params: {entity_ids: "{{ partition.entity | join(',') }}", start_time: "{{ window.start_at | iso }}"}, job_id: $.data.id_str}
    polling_requester: {request: "GET /stats/jobs/accounts/{{ partition.account }}", params: {job_ids: "{{ jobs | map(attribute='id') | join(',') }}"}, batch: 200, select: "$.data[?(@.id_str == '{{ job.id }}')]"}
    download_retriever: GET {{ polling_response.url }}
    decode: {explode: {path: "$.id_data[0].metrics", index: day}}
""",
}


@pytest.mark.parametrize("api", APIS)
def test_what_a_real_api_needs_can_be_written(api: str, tmp_path: Path) -> None:
    path = tmp_path / "tap.yaml"
    path.write_text(APIS[api])
    load([path], environ={}, require_secrets=False)
