"""The simulator of SendGrid, walked through by a plain client."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from simulators.sendgrid import SendGrid
from simulators.walking import ask

ME = {"Authorization": f"Bearer {SendGrid.KEY}"}
CONTACTS = [
    {"EMAIL": "a@example.com", "CONTACT_ID": "1", "lists": ["l1"]},
    {"EMAIL": "b@example.com", "CONTACT_ID": "2", "lists": ["l2"], "segments": ["s1"]},
    {"EMAIL": "c@example.com", "CONTACT_ID": "3"},
]


def exports(api: SendGrid) -> str:
    return f"{api.url}/v3/marketing/contacts/exports"


def test_an_export_is_asked_for_polled_and_fetched_in_files() -> None:
    with SendGrid(CONTACTS, rows_per_file=2) as api:
        made = ask("POST", exports(api), headers=ME, json_body={"file_type": "csv"})
        assert 202 == made.status
        asked = f"{exports(api)}/{made.json()['id']}"
        assert asked == made.json()["_metadata"]["self"]
        waiting = ask("GET", asked, headers=ME).json()
        assert ("pending", False) == (waiting["status"], "urls" in waiting)
        ready = ask("GET", asked, headers=ME).json()
        assert ("ready", 3, 2) == (ready["status"], ready["contact_count"], len(ready["urls"]))
        files = [gzip.decompress(ask("GET", url).body).decode().splitlines() for url in ready["urls"]]
        assert [3, 2] == [len(lines) for lines in files]
        assert files[0][0].startswith("EMAIL,FIRST_NAME,") and files[0][0].endswith(",CONTACT_ID")


def test_links_end_and_refuse_the_key_of_the_api() -> None:
    with SendGrid(CONTACTS, script=["ready"]) as api:
        asked = f"{exports(api)}/{ask('POST', exports(api), headers=ME, json_body={}).json()['id']}"
        link = ask("GET", asked, headers=ME).json()["urls"][0]
        assert 400 == ask("GET", link, headers=ME).status
        api.clock.advance(hours=2)
        assert 403 == ask("GET", link).status
        assert 200 == ask("GET", ask("GET", asked, headers=ME).json()["urls"][0]).status
        api.clock.advance(days=3)
        assert 404 == ask("GET", asked, headers=ME).status


def test_lists_come_in_pages_and_narrow_an_export() -> None:
    with SendGrid(CONTACTS, lists=["l1", "l2"], segments=["s1"], script=["ready"]) as api:
        api.page_limit = 1
        first = ask("GET", f"{api.url}/v3/marketing/lists?page_size=1000", headers=ME).json()
        second = ask("GET", first["_metadata"]["next"], headers=ME).json()
        assert ["l1", "l2"] == [entry["id"] for page in (first, second) for entry in page["result"]]
        assert "next" not in second["_metadata"]
        segments = ask("GET", f"{api.url}/v3/marketing/segments/2.0", headers=ME).json()["results"]
        assert ["s1"] == [entry["id"] for entry in segments]
        for body, count in (({"list_ids": ["l1"]}, 1), ({"segment_ids": ["s1"]}, 1), ({"list_ids": []}, 3)):
            made = ask("POST", exports(api), headers=ME, json_body=body).json()
            assert count == ask("GET", f"{exports(api)}/{made['id']}", headers=ME).json()["contact_count"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"file_type": "xlsx"}, 400, "file_type"),
        ({"max_file_size": 9000}, 400, "max_file_size"),
        ({"max_file_size": "5000"}, 400, "max_file_size"),
        ({"lists": []}, 400, "lists"),
        ({"list_ids": ["nobody"]}, 404, "list_ids"),
    ],
)
def test_wrong_bodies_are_refused(body: dict[str, Any], status: int, field: str) -> None:
    with SendGrid(CONTACTS) as api:
        answer = ask("POST", exports(api), headers=ME, json_body=body)
        assert (status, field) == (answer.status, answer.json()["errors"][0]["field"])
        assert {} == api.jobs


def test_a_key_is_required() -> None:
    with SendGrid(CONTACTS) as api:
        assert 401 == ask("POST", exports(api), json_body={}).status


def test_an_export_of_nobody_has_headings_alone_and_a_failed_one_says_why() -> None:
    with SendGrid([], script={1: ["ready"], 2: ["failure"]}) as api:
        asked = [f"{exports(api)}/{ask('POST', exports(api), headers=ME, json_body={}).json()['id']}" for _ in range(2)]
        ready, failed = (ask("GET", url, headers=ME).json() for url in asked)
        (link,) = ready["urls"]
        assert (0, 1) == (ready["contact_count"], gzip.decompress(ask("GET", link).body).count(b"\n"))
        assert ("failure", True, False) == (failed["status"], bool(failed["message"]), "urls" in failed)
