"""The simulator of Databricks' statement execution, walked through by a plain client."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest
from simulators.databricks import KEY_HEADER, Databricks
from simulators.walking import Answer, ask

TABLES = {"t": [{"id": number, "day": date(2026, 1, 1 + number)} for number in range(5)]}
BODY = {
    "warehouse_id": Databricks.WAREHOUSE, "statement": "SELECT id, day FROM t", "wait_timeout": "0s",
    "disposition": "EXTERNAL_LINKS", "format": "JSON_ARRAY",
}  # fmt: skip


def login(api: Databricks, scope: str = "all-apis") -> Answer:
    basic = base64.b64encode(f"{api.CLIENT}:{api.SECRET}".encode()).decode()
    form = {"grant_type": "client_credentials", "scope": scope}
    return ask("POST", f"{api.url}/oidc/v1/token", headers={"Authorization": f"Basic {basic}"}, form=form)


def bearer(api: Databricks) -> dict[str, str]:
    return {"Authorization": f"Bearer {login(api).json()['access_token']}"}


def sent(api: Databricks, **change: Any) -> Answer:
    return ask("POST", f"{api.url}/api/2.0/sql/statements", headers=bearer(api), json_body={**BODY, **change})


def test_a_statement_runs_and_its_chunks_lie_behind_links_with_keys() -> None:
    with Databricks(TABLES) as api:
        me, made = bearer(api), sent(api).json()
        assert {"state": "PENDING"} == made["status"]
        url = f"{api.url}/api/2.0/sql/statements/{made['statement_id']}"
        assert "PENDING" == ask("GET", url, headers=me).json()["status"]["state"]
        done = ask("GET", url, headers=me).json()
        assert (3, 5, False) == tuple(
            done["manifest"][key] for key in ("total_chunk_count", "total_row_count", "truncated")
        )
        first = done["result"]["external_links"][0]
        assert 403 == ask("GET", first["external_link"]).status
        assert 400 == ask("GET", first["external_link"], headers={**first["http_headers"], **me}).status
        rows = ask("GET", first["external_link"], headers=first["http_headers"]).json()
        assert [["0", "2026-01-01"], ["1", "2026-01-02"]] == rows
        second = ask("GET", api.url + first["next_chunk_internal_link"], headers=me).json()["external_links"][0]
        assert (1, first["http_headers"][KEY_HEADER] != second["http_headers"][KEY_HEADER]) == (
            second["chunk_index"],
            True,
        )
        assert 404 == ask("GET", f"{url}/result/chunks/3", headers=me).status
        api.clock.advance(minutes=16)
        assert 403 == ask("GET", first["external_link"], headers=first["http_headers"]).status


def test_parameters_narrow_a_result_and_an_empty_one_has_no_chunk() -> None:
    where = "SELECT id FROM t WHERE day >= :start AND day < :end"
    with Databricks(TABLES, script=["SUCCEEDED"]) as api:
        for end, rows in (("2026-01-04", 2), ("2026-01-02", 0)):
            dates = (("start", "2026-01-02"), ("end", end))
            parameters = [{"name": name, "value": value, "type": "DATE"} for name, value in dates]
            id = sent(api, statement=where, parameters=parameters).json()["statement_id"]
            answer = ask("GET", f"{api.url}/api/2.0/sql/statements/{id}", headers=bearer(api)).json()
            assert (rows, bool(rows)) == (
                answer["manifest"]["total_row_count"],
                bool(answer["manifest"]["total_chunk_count"]),
            )


def test_cancelled_failed_and_forgotten() -> None:
    with Databricks(TABLES, script={2: ["FAILED"], None: ["RUNNING"]}) as api:
        urls = [f"{api.url}/api/2.0/sql/statements/{sent(api).json()['statement_id']}" for _ in range(2)]
        assert {} == ask("POST", f"{urls[0]}/cancel", headers=bearer(api)).json()
        statuses = [ask("GET", url, headers=bearer(api)).json()["status"] for url in urls]
        assert ["CANCELED", "FAILED"] == [status["state"] for status in statuses]
        assert "BAD_REQUEST" == statuses[1]["error"]["error_code"]
        api.clock.advance(hours=13)
        assert 404 == ask("GET", urls[0], headers=bearer(api)).status


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"warehouse_id": "x"}, 404),
        ({"statement": "SELECT id FROM t WHERE day >= :start AND day < :end"}, 400),
        ({"timeout": 5}, 400),
    ],
)
def test_wrong_bodies_are_refused(change: dict[str, Any], status: int) -> None:
    with Databricks(TABLES) as api:
        assert status == sent(api, **change).status
        assert {} == api.jobs


def test_tokens_are_required() -> None:
    with Databricks(TABLES) as api:
        assert 400 == login(api, "sql").status
        assert 401 == ask("POST", f"{api.url}/api/2.0/sql/statements", json_body=BODY).status
