"""The simulator of Snowflake's SQL API, walked through by a plain client."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
import pytest
from simulators.snowflake import Snowflake
from simulators.walking import ask

AT = datetime(2026, 1, 2, 3, 4, 5, 250000, tzinfo=UTC)
VIEWS = {"V": [{"ID": number, "AT": AT.replace(day=2 + number)} for number in range(5)]}


def headers(api: Snowflake, **claims: Any) -> dict[str, str]:
    now = int(time.time())
    said = {
        "iss": f"XY12345.LOADER.{api.fingerprint}",
        "sub": "XY12345.LOADER",
        "iat": now,
        "exp": now + 3540,
        **claims,
    }
    return {
        "Authorization": f"Bearer {jwt.encode(said, api.private_key, algorithm='RS256')}",
        "X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT",
        "Accept": "application/json",
        "User-Agent": "walk/1.0",
    }


def sent(api: Snowflake, query: str = "?async=true", **body: Any) -> Any:
    given = {"statement": "SELECT ID, AT FROM V", **body}
    return ask("POST", f"{api.url}/api/v2/statements{query}", headers=headers(api), json_body=given)


def test_a_statement_runs_and_its_result_comes_in_partitions() -> None:
    with Snowflake(VIEWS) as api:
        made = sent(api)
        assert (202, "333334") == (made.status, made.json()["code"])
        url = f"{api.url}/api/v2/statements/{made.json()['statementHandle']}"
        assert 202 == ask("GET", url, headers=headers(api)).status
        done = ask("GET", url, headers=headers(api))
        about = done.json()["resultSetMetaData"]
        assert (200, 5, [2, 2, 1]) == (done.status, about["numRows"], [p["rowCount"] for p in about["partitionInfo"]])
        assert ["ID", "AT"] == [column["name"] for column in about["rowType"]]
        assert [["0", "1767323045.250000000"], ["1", "1767409445.250000000"]] == done.json()["data"]
        last = ask("GET", f"{url}?partition=2", headers=headers(api))
        assert {"data": [["4", "1767668645.250000000"]]} == json.loads(gzip.decompress(last.body))
        assert 422 == ask("GET", f"{url}?partition=3", headers=headers(api)).status


def test_bindings_narrow_a_result() -> None:
    where = "SELECT ID FROM V WHERE AT >= TO_TIMESTAMP_LTZ(?) AND AT < TO_TIMESTAMP_LTZ(?)"
    values = {"1": "2026-01-03T00:00:00Z", "2": "2026-01-05T00:00:00Z"}
    bindings = {key: {"type": "TEXT", "value": value} for key, value in values.items()}
    with Snowflake(VIEWS, script=[200]) as api:
        handle = sent(api, statement=where, bindings=bindings).json()["statementHandle"]
        answer = ask("GET", f"{api.url}/api/v2/statements/{handle}", headers=headers(api)).json()
        assert [["1"], ["2"]] == answer["data"]
        assert 422 == sent(api, statement=where).status


def test_the_same_request_id_does_not_run_twice() -> None:
    with Snowflake(VIEWS) as api:
        query = f"?async=true&requestId={uuid4()}"
        handles = [sent(api, query + more).json()["statementHandle"] for more in ("", "&retry=true", "")]
        assert handles[0] == handles[1] != handles[2]
        assert 400 == sent(api, "?requestId=x").status


def test_cancelled_failed_late_and_forgotten() -> None:
    with Snowflake(VIEWS, script={2: [422], 3: [408], None: [202]}) as api:
        urls = [f"{api.url}/api/v2/statements/{sent(api).json()['statementHandle']}" for _ in range(3)]
        assert 200 == ask("POST", f"{urls[0]}/cancel", headers=headers(api)).status
        answers = [ask("GET", url, headers=headers(api)) for url in urls]
        assert [(422, "000604"), (422, "002140"), (408, "000630")] == [(a.status, a.json()["code"]) for a in answers]
        api.clock.advance(hours=25)
        assert 404 == ask("GET", urls[0], headers=headers(api)).status


@pytest.mark.parametrize(
    "change",
    [{"iss": "XY12345.LOADER"}, {"sub": "xy12345.loader"}, {"exp": int(time.time()) + 7200}, {"exp": 1000}],
)
def test_wrong_tokens_are_refused(change: dict[str, Any]) -> None:
    with Snowflake(VIEWS) as api:
        answer = ask(
            "POST", f"{api.url}/api/v2/statements", headers=headers(api, **change), json_body={"statement": "SELECT 1"}
        )
        assert (401, "390144") == (answer.status, answer.json()["code"])
