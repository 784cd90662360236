"""The definition `qualtrics` as it ships, against the simulator."""

from __future__ import annotations

from typing import Any

from definition_run import run_definition
from process import Process
from simulators.qualtrics import Qualtrics, problem
from wire import Cut, Reply, Reset


def response(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {
        "_recordId": f"R_{number}", "recordedDate": at, "startDate": "2026-01-01T00:00:00Z", "endDate": at, "status": 0,
        "progress": 100, "duration": 61, "finished": 1, "distributionChannel": "anonymous", "userLanguage": "EN", **more,
    }  # fmt: skip


ROWS = {
    "SV_1": [
        response(1, "2026-01-01T00:00:00Z", QID1=2, QID2_TEXT='Fine, "thanks"\nbye'),
        response(2, "2026-01-31T23:59:59Z", QID1=1, finished=0),
        response(3, "2026-02-01T00:00:00Z", QID1=1),
    ],
    "SV_2": [response(20, "2026-01-05T10:00:00Z", QID7="0123")],
}
TEXTS = {"QID1": "How, exactly?\nsecond line"}


def settings(api: Qualtrics, **changes: Any) -> dict[str, Any]:
    return {
        "definition": "qualtrics",
        "base_url": f"{api.url}/API/v3",
        "secrets": {"api_token": api.TOKEN},
        "start_date": "2026-01-01T00:00:00Z",
        "end_date": "2026-02-01T00:00:00Z",
        **changes,
    }


def test_responses_of_all_surveys_and_then_the_new_ones(tap: Process) -> None:
    with Qualtrics(ROWS, page_size=1) as api:
        run = run_definition(tap, settings(api), ["responses"])
        calls = list(api.lines())
        later = run_definition(tap, settings(api, end_date="2026-03-01T00:00:00Z"), ["responses"], state=run.state)

    assert (0, 0) == (run.exit_code, later.exit_code), run.stderr + later.stderr
    records = {record["responseId"]: record for record in run.records("responses")}
    assert {"R_1", "R_2", "R_20"} == set(records)
    first = records["R_1"]
    assert ("SV_1", "2026-01-01T00:00:00Z", 1, 61, "EN", 2, "label of 2", ["QID1", "QID2_TEXT"]) == (
        first["surveyId"], first["recordedDate"], first["finished"], first["duration"], first["userLanguage"],
        first["values"]["QID1"], first["labels"]["QID1"], first["displayedFields"],
    )  # fmt: skip
    assert ("0123", 'Fine, "thanks"\nbye') == (records["R_20"]["values"]["QID7"], first["values"]["QID2_TEXT"])
    one, two = sorted(job.facts["survey"] for job in list(api.jobs.values())[:2])
    assert ("SV_1", "SV_2") == (one, two)
    assert ["GET /API/v3/surveys", "GET /API/v3/surveys?offset=1"] == [
        line for line in calls if line.split("?")[0].endswith("/surveys")
    ]
    assert 2 + 2 + 6 + 2 == len(calls)
    assert [("R_3", "SV_1")] == [(r["responseId"], r["surveyId"]) for r in later.records("responses")]
    spans = sorted((job.spec["startDate"], job.spec["endDate"]) for job in api.jobs.values())
    assert (
        [("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")] * 2 + [("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")] * 2
    ) == spans
    assert {("json", True)} == {(job.spec["format"], job.spec["compress"]) for job in api.jobs.values()}


def test_the_same_as_a_table_with_three_header_rows(tap: Process) -> None:
    with Qualtrics(ROWS, texts=TEXTS, script=["complete"]) as api:
        run = run_definition(tap, settings(api), ["responses_table"])

    assert 0 == run.exit_code, run.stderr
    records = {record["ResponseId"]: record for record in run.records("responses_table")}
    assert {"R_1", "R_2", "R_20"} == set(records)
    assert ("2026-01-01T00:00:00Z", True, False, 61, "2", 'Fine, "thanks"\nbye', "0123", "SV_2") == (
        records["R_1"]["RecordedDate"], records["R_1"]["Finished"], records["R_2"]["Finished"],
        records["R_1"]["Duration (in seconds)"], records["R_1"]["QID1"], records["R_1"]["QID2_TEXT"],
        records["R_20"]["QID7"], records["R_20"]["surveyId"],
    )  # fmt: skip


def test_trouble_on_the_way(tap: Process) -> None:
    busy = problem(429, "RATE_1", "You have reached the concurrent request limit.").reply
    faults = {
        ("surveys", 1): busy, ("create", 1): busy, ("poll", 1): Reply(504, "<html>Gateway Time-out</html>"), ("poll", 2): Reset(),
        ("download", 1): Cut(30), ("download", 2): Reply(503),
    }  # fmt: skip
    with Qualtrics({"SV_1": ROWS["SV_1"]}, faults=faults) as api:
        run = run_definition(tap, settings(api), ["responses"])

    assert 0 == run.exit_code, run.stderr
    assert ["R_1", "R_2"] == [record["responseId"] for record in run.records("responses")]
    assert (1, 3) == (len(api.jobs), api.steps().count("download"))
    assert api.TOKEN not in run.stderr


def test_surveys_that_may_not_be_read_are_passed_by_and_empty_ones_are_fine(tap: Process) -> None:
    with Qualtrics({"SV_1": [], "SV_2": ROWS["SV_2"]}, forbidden=["SV_9"], script=["complete"]) as api:
        run = run_definition(tap, settings(api), ["responses", "responses_table"])

    assert 0 == run.exit_code, run.stderr
    assert ["R_20"] == [record["responseId"] for record in run.records("responses")]
    assert ["R_20"] == [record["ResponseId"] for record in run.records("responses_table")]
    assert "SV_9" in run.stderr
    done = {p["context"]["survey"]: p.get("until") for p in run.state["bookmarks"]["responses"]["partitions"]}
    assert ({"SV_1", "SV_2"}, None) == ({name for name, until in done.items() if until}, done.get("SV_9"))


def test_failed_exports_are_made_again_and_then_said_and_a_wrong_token_ends_the_run(tap: Process) -> None:
    with Qualtrics({"SV_1": []}, script=["inProgress", "failed"]) as api:
        run = run_definition(tap, settings(api), ["responses"])
        refused = run_definition(tap, settings(api, secrets={"api_token": "wrong-token"}), ["responses"])

    assert (1, 3) == (run.exit_code, len(api.jobs))
    assert "The export could not be made." in run.stderr
    assert (77, True) == (refused.exit_code, "Unrecognized X-API-TOKEN" in refused.stderr)
