"""The simulator of Marketo's bulk extract, walked through by a plain client."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from simulators.marketo import Marketo
from simulators.walking import Answer, ask

LEADS = [
    {"id": 1, "email": "r@example.com", "firstName": None, "updatedAt": "2026-01-05T10:00:00Z"},
    {"id": 2, "email": "w, or so", "firstName": "W", "updatedAt": "2026-01-31T10:00:00Z"},
]
RANGE = {"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-01-31T00:00:00Z"}
SPEC = {"fields": ["id", "email", "firstName"], "format": "CSV", "filter": {"updatedAt": RANGE}}


def bearer(api: Marketo) -> dict[str, str]:
    query = f"grant_type=client_credentials&client_id={api.CLIENT}&client_secret={api.SECRET}"
    return {"Authorization": f"Bearer {ask('GET', f'{api.url}/identity/oauth/token?{query}').json()['access_token']}"}


def post(api: Marketo, path: str, body: Any = None, headers: Any = None) -> Any:
    return ask("POST", f"{api.url}/bulk/v1/leads/export{path}", headers=headers or bearer(api), json_body=body).json()


def get(api: Marketo, path: str, **headers: str) -> Answer:
    return ask("GET", f"{api.url}/bulk/v1/leads/export{path}", headers={**bearer(api), **headers})


def code(answer: Any) -> str:
    assert False is answer["success"]
    return answer["errors"][0]["code"]


def test_a_job_is_made_queued_polled_and_fetched() -> None:
    with Marketo({"leads": LEADS}, refresh=timedelta(seconds=60)) as api:
        (made,) = post(api, "/create.json", SPEC)["result"]
        assert "Created" == made["status"]
        one = f"/{made['exportId']}"
        assert "Queued" == post(api, f"{one}/enqueue.json")["result"][0]["status"]
        assert "1029" == code(post(api, f"{one}/enqueue.json"))
        seen = []
        for _ in range(8):
            seen.append(get(api, f"{one}/status.json").json()["result"][0])
            api.clock.advance(seconds=31)
        assert ["Queued"] * 4 + ["Processing"] * 2 + ["Completed"] * 2 == [each["status"] for each in seen]
        file = get(api, f"{one}/file.json")
        assert "id,email,firstName\n1,r@example.com,null\n" == file.text
        digest = f"sha256:{hashlib.sha256(file.body).hexdigest()}"
        assert (1, len(file.body), digest) == tuple(
            seen[-1][key] for key in ("numberOfRecords", "fileSize", "fileChecksum")
        )
        part = get(api, f"{one}/file.json", Range="bytes=3-7")
        assert (206, "email", f"bytes 3-7/{len(file.body)}") == (part.status, part.text, part.headers["content-range"])
        assert 416 == get(api, f"{one}/file.json", Range="bytes=300-").status
        assert [made["exportId"]] == [job["exportId"] for job in get(api, ".json?status=Completed").json()["result"]]


def test_tokens_are_the_same_until_they_end() -> None:
    with Marketo({"leads": []}) as api:
        first = bearer(api)
        assert first == bearer(api)
        api.clock.advance(minutes=61)
        assert "602" == code(post(api, "/create.json", SPEC, headers=first))
        assert first != bearer(api)
        assert "601" == code(post(api, "/create.json", SPEC, headers={"Authorization": "Bearer other"}))
        assert "600" == code(ask("GET", f"{api.url}/bulk/v1/leads/export.json?access_token=x").json())
        assert 401 == ask("GET", f"{api.url}/identity/oauth/token?client_id=other").status


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"fields": []}, "1002"),
        ({"fields": ["nothing"]}, "1006"),
        ({"filter": {"updatedAt": {**RANGE, "endAt": "2026-02-02T00:00:01Z"}}}, "1003"),
        ({"filter": {"updatedAt": {**RANGE, "startAt": "2026-01-01T00:00:00.000Z"}}}, "1003"),
        ({"filter": {"updatedAt": RANGE, "createdAt": RANGE}}, "1003"),
        ({"format": "JSON"}, "1003"),
        ({"other": 1}, "609"),
    ],
)
def test_wrong_bodies_are_refused(change: dict[str, Any], expected: str) -> None:
    with Marketo({"leads": LEADS}) as api:
        assert expected == code(post(api, "/create.json", {**SPEC, **change}))
        assert {} == api.jobs


def test_queue_quota_cancelling_and_files_that_are_not_there() -> None:
    with Marketo({"leads": LEADS}, queue=1, quota=40, script=["Completed"], corona=False) as api:
        assert "1035" == code(post(api, "/create.json", SPEC))
        api.corona = True
        ids = [post(api, "/create.json", SPEC)["result"][0]["exportId"] for _ in range(3)]
        post(api, f"/{ids[0]}/enqueue.json")
        assert ("1029", "Too many jobs in queue") == (
            code(answer := post(api, f"/{ids[1]}/enqueue.json")), answer["errors"][0]["message"],
        )  # fmt: skip
        missing = get(api, f"/{ids[0]}/file.json")
        assert (404, "text/plain") == (missing.status, missing.headers["content-type"])
        get(api, f"/{ids[0]}/status.json")
        assert "Export daily quota exceeded" == post(api, f"/{ids[1]}/enqueue.json")["errors"][0]["message"]
        assert "Export daily quota exceeded" == post(api, "/create.json", SPEC)["errors"][0]["message"]
        assert "Cancelled" == post(api, f"/{ids[1]}/cancel.json")["result"][0]["status"]
        assert "Canceled" == get(api, f"/{ids[1]}/status.json").json()["result"][0]["status"]
        assert "1003" == code(post(api, f"/{ids[0]}/cancel.json"))
        api.clock.advance(days=8)
        assert 404 == get(api, f"/{ids[0]}/file.json").status


def test_members_of_several_programs_and_the_list_of_programs() -> None:
    members = [{"programId": n, "leadId": 7, "statusName": "Member"} for n in (1, 2, 3)]
    with Marketo({"program/members": members}, programs=range(1, 4), script=["Completed"]) as api:
        url = f"{api.url}/bulk/v1/program/members/export"
        spec = {"fields": ["leadId"], "filter": {"programIds": [1, 3]}}
        made = ask("POST", f"{url}/create.json", headers=bearer(api), json_body=spec).json()["result"][0]["exportId"]
        ask("POST", f"{url}/{made}/enqueue.json", headers=bearer(api))
        ask("GET", f"{url}/{made}/status.json", headers=bearer(api))
        assert "programId,leadId\n1,7\n3,7\n" == ask("GET", f"{url}/{made}/file.json", headers=bearer(api)).text
        pages = f"{api.url}/rest/asset/v1/programs.json?maxReturn=2&offset="
        assert [2, 1, None] == [
            page and len(page)
            for page in (ask("GET", f"{pages}{n}", headers=bearer(api)).json().get("result") for n in (0, 2, 4))
        ]
        assert "1003" == code(
            ask("POST", f"{url}/create.json", headers=bearer(api), json_body={"fields": ["leadId"], "filter": {"programIds": [*range(11)]}}).json()
        )  # fmt: skip


def test_a_job_without_records_and_one_that_fails() -> None:
    with Marketo({"leads": []}, script={1: ["Completed"], 2: ["Failed"]}) as api:
        ids = [post(api, "/create.json", SPEC)["result"][0]["exportId"] for _ in range(2)]
        for id in ids:
            post(api, f"/{id}/enqueue.json")
        empty, failed = (get(api, f"/{id}/status.json").json()["result"][0] for id in ids)
        assert ("Completed", 0) == (empty["status"], empty["numberOfRecords"])
        assert ("Failed", True) == (failed["status"], bool(failed["errorMsg"]))
