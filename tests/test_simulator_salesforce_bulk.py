"""The simulator of Salesforce's query jobs, walked through by a plain client."""

from __future__ import annotations

from typing import Any

import pytest
from simulators.salesforce_bulk import SalesforceBulk
from simulators.walking import Answer, ask

RECORDS = {
    "Account": [
        {"Id": f"001{n}", "Name": f'A "{n}",\nB', "SystemModstamp": f"2026-01-0{n}T10:00:00.000Z", "IsDeleted": str(n == 3).lower()}
        for n in range(1, 7)
    ]
}  # fmt: skip
QUERY = "SELECT Id, Name FROM Account WHERE SystemModstamp >= 2026-01-01T00:00:00Z AND SystemModstamp < 2026-01-06T00:00:00Z"
BODY = {"operation": "queryAll", "query": QUERY, "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
JOBS = "/services/data/v62.0/jobs/query"


def login(api: SalesforceBulk, **form: str) -> Answer:
    given = {"grant_type": "refresh_token", "client_id": api.CLIENT, "client_secret": api.SECRET}
    return ask(
        "POST", f"{api.origin('login')}/services/oauth2/token", form={**given, "refresh_token": api.REFRESH, **form}
    )


def me(api: SalesforceBulk) -> dict[str, str]:
    return {"Authorization": f"Bearer {login(api).json()['access_token']}"}


def test_a_job_is_made_polled_read_page_by_page_and_deleted() -> None:
    with SalesforceBulk(RECORDS) as api:
        answer = login(api).json()
        assert "expires_in" not in answer
        keys, base = {"Authorization": f"Bearer {answer['access_token']}"}, answer["instance_url"]
        made = ask("POST", base + JOBS, headers=keys, json_body=BODY).json()
        assert ("UploadComplete", "Account", 62.0) == tuple(made[key] for key in ("state", "object", "apiVersion"))
        job = f"{base}{JOBS}/{made['id']}"
        assert 400 == ask("GET", f"{job}/results", headers=keys).status
        polls = [ask("GET", job, headers=keys).json() for _ in range(3)]
        assert [("UploadComplete", 0), ("InProgress", 0), ("JobComplete", 5)] == [
            (poll["state"], poll["numberRecordsProcessed"]) for poll in polls
        ]
        first = ask("GET", f"{job}/results?maxRecords=3", headers=keys)
        assert ("3", "Mw") == tuple(first.headers[name] for name in ("sforce-numberofrecords", "sforce-locator"))
        assert first.text.startswith('"Id","Name"\n"0011","A ""1"",\nB"\n')
        last = ask("GET", f"{job}/results?maxRecords=3&locator=Mw", headers=keys)
        assert ("2", "null") == tuple(last.headers[name] for name in ("sforce-numberofrecords", "sforce-locator"))
        assert last.text.startswith('"Id","Name"\n"0014"')
        assert 409 == ask("GET", f"{job}/results".replace("v62.0", "v61.0"), headers=keys).status
        assert 400 == ask("GET", f"{job}/results?locator=%21", headers=keys).status
        assert 204 == ask("DELETE", job, headers=keys).status
        assert 404 == ask("GET", job, headers=keys).status


def test_result_pages_come_by_five() -> None:
    with SalesforceBulk(RECORDS, script=["JobComplete"], page=1) as api:
        keys = me(api)
        id = ask("POST", api.url + JOBS, headers=keys, json_body={**BODY, "query": "SELECT Id FROM Account"}).json()[
            "id"
        ]
        ask("GET", f"{api.url}{JOBS}/{id}", headers=keys)
        first = ask("GET", f"{api.url}{JOBS}/{id}/resultPages", headers=keys).json()
        assert (5, False) == (len(first["resultPages"]), first["done"])
        second = ask("GET", api.url + first["nextRecordUrl"], headers=keys).json()
        assert (1, None, True) == (len(second["resultPages"]), second["nextRecordUrl"], second["done"])
        assert '"Id"\n"0016"\n' == ask("GET", api.url + second["resultPages"][0]["resultUrl"], headers=keys).text


def test_nothing_found_is_a_header_alone_and_deleted_records_are_left_out_of_a_query() -> None:
    with SalesforceBulk(RECORDS, script=["JobComplete"]) as api:
        keys = me(api)
        for operation, query, expected in (
            ("queryAll", QUERY.replace("2026", "2025"), '"Id","Name"\n'),
            ("query", QUERY.replace("Name", "IsDeleted"), None),
        ):
            id = ask(
                "POST", api.url + JOBS, headers=keys, json_body={**BODY, "operation": operation, "query": query}
            ).json()["id"]
            ask("GET", f"{api.url}{JOBS}/{id}", headers=keys)
            text = ask("GET", f"{api.url}{JOBS}/{id}/results", headers=keys).text
            assert expected in (None, text)
            assert '"true"' not in text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"operation": "insert"}, "INVALIDJOB"),
        ({"object": "Account"}, "INVALIDJOB"),
        ({"query": "UPDATE Account"}, "MALFORMED_QUERY"),
        ({"query": "SELECT COUNT(Id) FROM Account"}, "API_ERROR"),
        ({"query": "SELECT Id FROM Accounts"}, "API_ERROR"),
        ({"query": "SELECT Id FROM ContentVersion"}, "INVALIDENTITY"),
    ],
)
def test_wrong_jobs_are_refused(change: dict[str, Any], code: str) -> None:
    with SalesforceBulk(RECORDS) as api:
        answer = ask("POST", api.url + JOBS, headers=me(api), json_body={**BODY, **change})
        assert (400, code) == (answer.status, answer.json()[0]["errorCode"])


def test_fields_sessions_limits_and_abortion() -> None:
    with SalesforceBulk(RECORDS, good_for=4, daily=2) as api:
        keys = me(api)
        id = ask(
            "POST", api.url + JOBS, headers=keys, json_body={**BODY, "query": "SELECT Id, Colour FROM Account"}
        ).json()["id"]
        failed = ask("GET", f"{api.url}{JOBS}/{id}", headers=keys).json()
        assert ("Failed", "INVALID_FIELD: No such column 'Colour' on entity 'Account'.") == (
            failed["state"],
            failed["errorMessage"],
        )
        assert 400 == ask("PATCH", f"{api.url}{JOBS}/{id}", headers=keys, json_body={"state": "Aborted"}).status
        id = ask("POST", api.url + JOBS, headers=keys, json_body=BODY).json()["id"]
        refused = ask("GET", f"{api.url}{JOBS}/{id}", headers=keys)
        assert (401, "INVALID_SESSION_ID") == (refused.status, refused.json()[0]["errorCode"])
        keys = me(api)
        assert [200, 200] == [ask("GET", f"{api.url}{JOBS}/{id}", headers=keys).status for _ in range(2)]
        assert 400 == ask("DELETE", f"{api.url}{JOBS}/{id}", headers=keys).status
        aborted = ask("PATCH", f"{api.url}{JOBS}/{id}", headers=keys, json_body={"state": "Aborted"})
        assert "Aborted" == aborted.json()["state"]
        limit = ask("POST", api.url + JOBS, headers=me(api), json_body=BODY)
        assert (403, "REQUEST_LIMIT_EXCEEDED") == (limit.status, limit.json()[0]["errorCode"])
        assert 400 == login(api, refresh_token="x").status
