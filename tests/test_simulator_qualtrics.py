"""The simulator of Qualtrics' response exports, walked through by a plain client."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import pytest
from simulators.qualtrics import Qualtrics
from simulators.walking import Answer, ask

ROWS = {
    "SV_1": [
        {"_recordId": "R_1", "recordedDate": "2026-01-03T10:00:00Z", "finished": 1, "QID1": 2},
        {"_recordId": "R_2", "recordedDate": "2026-02-01T00:00:00Z", "finished": 0, "QID1": 1},
    ],
    "SV_2": [],
}
KEY = {"X-API-TOKEN": Qualtrics.TOKEN}
SPEC = {"format": "csv", "startDate": "2026-01-03T10:00:00Z", "endDate": "2026-02-01T00:00:00Z", "compress": True}


def export(api: Qualtrics, spec: Any = SPEC, survey: str = "SV_1") -> Answer:
    return ask("POST", f"{api.url}/API/v3/surveys/{survey}/export-responses", headers=KEY, json_body=spec)


def finished(api: Qualtrics, spec: Any = SPEC) -> bytes:
    """The file of an export."""
    url = f"{api.url}/API/v3/surveys/SV_1/export-responses"
    id = export(api, spec).json()["result"]["progressId"]
    while (seen := ask("GET", f"{url}/{id}", headers=KEY).json()["result"])["status"] != "complete":
        assert seen["fileId"] is None
    return ask("GET", f"{url}/{seen['fileId']}/file", headers=KEY).body


def test_an_export_is_started_polled_and_fetched() -> None:
    texts = {"QID1": "How, exactly?\nsecond line"}
    with Qualtrics(ROWS, texts=texts) as api:
        assert {"progressId": "ES_000000000000001", "percentComplete": 0.0, "status": "inProgress"} == export(
            api
        ).json()["result"]
        one = f"{api.url}/API/v3/surveys/SV_1/export-responses/ES_000000000000001"
        seen = [ask("GET", one, headers=KEY).json()["result"] for _ in range(3)]
        assert [60.0, 100.0, 100.0] == [each["percentComplete"] for each in seen]
        assert ["inProgress", "inProgress", "complete"] == [each["status"] for each in seen]
        archive = zipfile.ZipFile(io.BytesIO(finished(api)))
        assert ["My Survey.csv"] == archive.namelist()
        rows = list(csv.reader(io.StringIO(archive.read("My Survey.csv").decode())))
        assert (4, "QID1", "How, exactly?\nsecond line") == (len(rows), rows[0][-1], rows[1][-1])
        assert {"ImportId": "startDate", "timeZone": "Z"} == json.loads(rows[2][0])
        assert ("R_1", "2026-01-03 10:00:00") == (rows[3][8], rows[3][7])


def test_json_holds_values_and_labels() -> None:
    with Qualtrics(ROWS) as api:
        data = json.loads(finished(api, {**SPEC, "format": "json", "compress": False}))
        (response,) = data["responses"]
        assert ("R_1", 2, "label of 2") == (
            response["responseId"],
            response["values"]["QID1"],
            response["labels"]["QID1"],
        )


@pytest.mark.parametrize(
    "change", [{"format": "xls"}, {"startDate": "2026-01-01"}, {"endDate": "2025-01-01T00:00:00Z"}, {"surveyId": "x"}]
)
def test_wrong_bodies_are_refused(change: dict[str, Any]) -> None:
    with Qualtrics(ROWS) as api:
        refused = export(api, {**SPEC, **change})
        assert (400, "400 - Bad Request") == (refused.status, refused.json()["meta"]["httpStatus"])


def test_surveys_come_in_pages_and_some_may_not_be_read() -> None:
    with Qualtrics(ROWS, forbidden=["SV_9"], page_size=2) as api:
        first = ask("GET", f"{api.url}/API/v3/surveys", headers=KEY).json()["result"]
        assert ["SV_1", "SV_2"] == [each["id"] for each in first["elements"]]
        second = ask("GET", first["nextPage"], headers=KEY).json()["result"]
        assert (["SV_9"], None) == ([each["id"] for each in second["elements"]], second["nextPage"])
        assert (403, 404) == (export(api, survey="SV_9").status, export(api, survey="SV_8").status)
        refused = ask("GET", f"{api.url}/API/v3/surveys")
        assert (401, "AUTH_6") == (refused.status, refused.json()["meta"]["error"]["errorCode"])
        assert 404 == ask("GET", f"{api.url}/API/v3/surveys/SV_1/export-responses/ES_9/file", headers=KEY).status


def test_a_survey_without_responses_has_headings_alone_and_a_failed_export_says_why() -> None:
    with Qualtrics({"SV_1": []}, script={1: ["complete"], 2: ["failed"]}) as api:
        (name,) = (archive := zipfile.ZipFile(io.BytesIO(finished(api)))).namelist()
        assert 3 == len(list(csv.reader(io.StringIO(archive.read(name).decode()))))
        id = export(api).json()["result"]["progressId"]
        failed = ask("GET", f"{api.url}/API/v3/surveys/SV_1/export-responses/{id}", headers=KEY).json()
        assert ("failed", None) == (failed["result"]["status"], failed["result"]["fileId"])
        assert "The export could not be made." == failed["meta"]["error"]["errorMessage"]
