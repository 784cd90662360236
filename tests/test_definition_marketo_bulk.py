"""The definition `marketo_bulk` as it ships, against the simulator."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from typing import Any

from definition_run import run_definition
from process import Process
from simulators.marketo import Marketo
from warm import Child
from wire import Cut, Lost, Reset, json_reply

FIELDS = """id email firstName middleName lastName salutation title company department industry phone mobilePhone address
    city state postalCode country website leadSource leadStatus leadScore rating leadRole numberOfEmployees annualRevenue
    unsubscribed unsubscribedReason emailInvalid emailInvalidCause doNotCall doNotCallReason inferredCompany
    inferredCountry createdAt updatedAt""".split()


def lead(number: int, day: str, **more: Any) -> dict[str, Any]:
    at = f"2026-{day}T10:00:00Z"
    return {**dict.fromkeys(FIELDS), "id": number, "email": f"{number}@x.org", "createdAt": at, "updatedAt": at, **more}


LEADS = [
    lead(1, "01-05", firstName='A "B", C', leadScore=12, annualRevenue="1234567890.10", unsubscribed=False),
    lead(2, "01-31", postalCode="01234", emailInvalid=True),
    lead(3, "02-03"),
    lead(4, "03-01"),
]
ACTIVITIES = [
    {
        "marketoGUID": "783957693", "leadId": 1, "activityDate": f"2026-01-{day:02}T14:06:20Z", "activityTypeId": kind,
        "campaignId": None, "primaryAttributeValueId": 1670, "primaryAttributeValue": "Test, 1",
        "attributes": {"Reason": "Changed", "Success": False, "New Status ID": 21},
    }
    for day, kind in ((2, 104), (3, 1), (20, 104))
]  # fmt: skip


def settings(api: Marketo, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "marketo_bulk",
        "base_url": api.url,
        "secrets": {"client_id": api.CLIENT, "client_secret": api.SECRET},
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-02-05T00:00:00Z",
        "rate_limits": [],
        **changes,
    }


def test_leads_of_two_windows(tap: Process) -> None:
    with Marketo({"leads": LEADS}) as api:
        run = run_definition(tap, settings(api), ["leads"])

    assert 0 == run.exit_code, run.stderr
    records = run.records("leads")
    assert [1, 2, 3] == [record["id"] for record in records]
    assert ('A "B", C', 12, "1234567890.10", False, None) == (
        records[0]["firstName"], records[0]["leadScore"], str(records[0]["annualRevenue"]),
        records[0]["unsubscribed"], records[0]["title"],
    )  # fmt: skip
    assert ("01234", True, "2026-01-31T10:00:00Z") == (
        records[1]["postalCode"], records[1]["emailInvalid"], records[1]["updatedAt"],
    )  # fmt: skip
    assert [
        {"format": "CSV", "fields": FIELDS, "filter": {"updatedAt": {"startAt": start, "endAt": end}}}
        for start, end in [
            ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
            ("2026-02-01T00:00:00Z", "2026-02-05T00:00:00Z"),
        ]
    ] == sorted((call.json() for call in api.calls("create")), key=str)
    one, two = api.jobs
    per_job = {
        ("POST", "create.json"), ("POST", "enqueue.json"), ("GET", "status.json"), ("GET", "file.json"),
    }  # fmt: skip
    for job in (one, two):
        lines = [line.split(" ") for line in api.lines() if f"/{job}/" in line]
        assert per_job - {("POST", "create.json")} == {(method, target.split("/")[-1]) for method, target in lines}
    assert {"token": 1, "create": 2, "enqueue": 2, "poll": 6, "download": 2} == counts(api)
    assert "2026-02-05T00:00:00Z" == run.bookmark("leads").replace("+00:00", "Z")


def counts(api: Marketo) -> Mapping[str, int]:
    return {step: api.steps().count(step) for step in dict.fromkeys(api.steps())}


def test_activities_with_a_filter_of_the_user_and_json_in_a_field(tap: Process) -> None:
    with Marketo({"activities": ACTIVITIES}) as api:
        run = run_definition(
            tap,
            settings(api, end_date="2026-01-15T00:00:00Z", vars={"activity_filter": {"activityTypeIds": [104]}}),
            ["activities"],
        )

    assert 0 == run.exit_code, run.stderr
    assert [{**ACTIVITIES[0]}] == run.records("activities")
    (spec,) = (job.spec["filter"] for job in api.jobs.values())
    assert [104] == spec["activityTypeIds"]


def test_members_of_all_programs_ten_to_a_job(tap: Process) -> None:
    names = """leadId program statusName membershipDate reachedSuccess reachedSuccessDate acquiredBy isExhausted
        nurtureCadence trackName statusReason attendanceLikelihood registrationLikelihood waitlistPriority createdAt
        updatedAt""".split()
    members = [
        {**dict.fromkeys(names), "programId": n, "leadId": 7, "reachedSuccess": n % 2 == 0} for n in range(1, 13)
    ]
    with Marketo({"program/members": members}, programs=range(1, 13)) as api:
        run = run_definition(tap, settings(api), ["program_members"])

    assert 0 == run.exit_code, run.stderr
    assert members == sorted(run.records("program_members"), key=lambda record: record["programId"])
    assert [[*range(1, 11)], [11, 12]] == sorted(job.spec["filter"]["programIds"] for job in api.jobs.values())
    assert ["GET /rest/asset/v1/programs.json?offset=0&maxReturn=200"] == api.lines("list_programs")


def test_a_full_queue_dead_tokens_and_trouble_on_the_way(tap: Process) -> None:
    """Tokens die in mid-poll, the queue has one place, calls are too many, a file breaks off, and comes late."""
    too_many = {"success": False, "errors": [{"code": "606", "message": "Max rate limit '100' exceeded with in '20'"}]}
    faults = {
        ("poll", 2): json_reply(too_many), ("poll", 4): Reset(), ("download", 2): Cut(40), ("download", 3): json_reply(too_many),
    }  # fmt: skip
    with Marketo({"leads": LEADS}, queue=1, good_for=6, unwritten=1, faults=faults) as api:
        run = run_definition(tap, settings(api), ["leads"])

    assert 0 == run.exit_code, run.stderr
    assert [1, 2, 3] == [record["id"] for record in run.records("leads")]
    assert 2 == len(api.jobs)
    assert 1 < api.steps().count("token")
    assert ["Completed"] * 2 == [job.status for job in api.jobs.values()]
    assert {"bytes=0-67108863", "bytes=40-67108903"} == {call.header("Range") for call in api.calls("download")}
    assert api.tokens.issued[0].value not in run.stderr


def test_a_job_whose_queuing_was_not_answered_is_queued_once(tap: Process) -> None:
    with Marketo({"leads": LEADS}, faults={("enqueue", 1): Lost("reset")}) as api:
        run = run_definition(tap, settings(api, end_date="2026-01-10T00:00:00Z"), ["leads"])

    assert 0 == run.exit_code, run.stderr
    assert [1] == [record["id"] for record in run.records("leads")]
    assert (1, 1, 2) == (len(api.jobs), api.steps().count("create"), api.steps().count("enqueue"))


def test_the_quota_of_the_day_ends_the_run_and_leaves_no_job_behind(tap: Process) -> None:
    with Marketo({"leads": LEADS}, quota=1) as api:
        run = run_definition(tap, settings(api, max_concurrent_jobs=1), ["leads"])
        api.quota = 10_000_000
        rest = run_definition(tap, settings(api, max_concurrent_jobs=1), ["leads"], state=run.state)

    assert (1, [1, 2]) == (run.exit_code, [record["id"] for record in run.records("leads")])
    assert "Export daily quota exceeded" in run.stderr
    assert "2026-02-01T00:00:00Z" == run.bookmark("leads").replace("+00:00", "Z")
    assert (0, [2, 3]) == (rest.exit_code, [record["id"] for record in rest.records("leads")])
    assert "Created" not in [job.status for job in api.jobs.values()]


def test_a_quota_that_is_exhausted_between_two_steps_cancels_what_was_made(tap: Process) -> None:
    gone = {"success": False, "errors": [{"code": "1029", "message": "Export daily quota exceeded"}]}
    with Marketo({"leads": LEADS}, faults={("enqueue", "*"): json_reply(gone)}) as api:
        run = run_definition(tap, settings(api, end_date="2026-01-10T00:00:00Z"), ["leads"])

    assert 1 == run.exit_code
    assert ["Canceled"] == [job.status for job in api.jobs.values()]


def test_no_records_are_not_fetched(tap: Process) -> None:
    with Marketo({"leads": LEADS, "activities": []}) as api:
        later = settings(api, start_date="2026-02-10T00:00:00Z", end_date="2026-02-12T00:00:00Z")
        run = run_definition(tap, later, ["leads", "activities"])

    assert 0 == run.exit_code, run.stderr
    assert [] == [message for message in run.messages if message["type"] == "RECORD"]
    assert (2, 0) == (len(api.jobs), api.steps().count("download"))


def test_jobs_that_somebody_else_makes_can_be_read_instead(tap: Process) -> None:
    """What a user may override: no job is made, the last completed one is read, and nothing is cancelled."""
    listed = {
        "name": "leads",
        "incremental": None,
        "abort_requester": None,
        "creation_requester": {
            "request": "GET /bulk/v1/leads/export.json",
            "params": {"status": "Completed"},
            "job_id": "$.result[-1:].exportId",
            "responses": [{"json": {"$.result[0]": "absent"}, "means": "empty"}],
        },
    }
    with Marketo({"leads": LEADS}) as api:
        nothing = run_definition(tap, settings(api, streams=[listed]), ["leads"])
        span = {"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-01-31T00:00:00Z"}
        job = api.new_job(
            "ce45", {"kind": "leads", "fields": FIELDS, "filter": {"updatedAt": span}}, queuedAt="2026-02-01T00:00:00Z"
        )
        job.status = "Completed"
        run = run_definition(tap, settings(api, streams=[listed]), ["leads"])

    assert (0, []) == (nothing.exit_code, nothing.records("leads")), nothing.stderr
    assert (0, [1]) == (run.exit_code, [record["id"] for record in run.records("leads")]), run.stderr
    assert {"token", "jobs_of", "poll", "download"} == set(api.steps())


def test_failed_jobs_are_made_again_and_refusals_told_in_the_words_of_the_api(tap: Process) -> None:
    with Marketo({"leads": LEADS}, script=["Processing", "Failed"], corona=False) as api:
        refused = run_definition(tap, settings(api, end_date="2026-01-10T00:00:00Z"), ["leads"])
        made = len(api.jobs)
        created = settings(api, end_date="2026-01-10T00:00:00Z", vars={"lead_filter": "createdAt"})
        failed = run_definition(tap, created, ["leads"])

    assert (1, 0) == (refused.exit_code, made)
    assert "Unsupported filter type for target subscription" in refused.stderr
    assert (1, 3) == (failed.exit_code, len(api.jobs))
    assert "Field 'leadScore' not found" in failed.stderr
    assert {"createdAt"} == {name for job in api.jobs.values() for name in job.spec["filter"]}


def test_an_interrupted_run_cancels_its_jobs(tap: Process) -> None:
    def interrupt(process: Child) -> None:
        while "poll" not in api.steps():
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)

    with Marketo({"leads": LEADS}, script=["Processing"]) as api:
        run = run_definition(tap, settings(api), ["leads"], while_running=interrupt)

    assert 143 == run.exit_code
    assert {"Canceled"} == {job.status for job in api.jobs.values()}
    assert [] == run.jobs("leads")
