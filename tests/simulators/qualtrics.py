"""Qualtrics API v3: the list of surveys and response exports, as its documentation and qualtRics have them.

What is modelled: the API token in a header, surveys in pages with the next page's URL, exports by the time at which
responses were recorded (start inclusive, end exclusive), progress that may be 100 % while the status still is inProgress, a
file id that comes with `complete`, zip files of JSON or of CSV with three header rows, and Qualtrics' errors.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from simulators.base import Job, Refused, Script, Simulator, route
from wire import Change, Reply, Request, json_reply

OPTIONS = {
    "format", "startDate", "endDate", "compress", "useLabels", "breakoutSets", "limit", "timeZone", "questionIds",
    "embeddedDataIds", "surveyMetadataIds", "sortByLastModifiedDate", "allowContinuation", "continuationToken",
    "seenUnansweredRecode", "newlineReplacement", "includeDisplayOrder", "filterId", "formatDecimalAsComma",
}  # fmt: skip
METADATA = {
    "StartDate": "startDate", "EndDate": "endDate", "Status": "status", "IPAddress": "ipAddress", "Progress": "progress",
    "Duration (in seconds)": "duration", "Finished": "finished", "RecordedDate": "recordedDate",
    "ResponseId": "_recordId", "DistributionChannel": "distributionChannel", "UserLanguage": "userLanguage",
}  # fmt: skip
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PHRASES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


def answer(result: Any, **more: Any) -> Reply:
    return json_reply({"result": result, "meta": {"requestId": "9b3c1d0e", "httpStatus": "200 - OK", **more}})


def problem(status: int, code: str, message: str) -> Refused:
    error = {"errorMessage": message, "errorCode": code}
    meta = {"httpStatus": f"{status} - {PHRASES[status]}", "error": error, "requestId": "9b3c1d0e"}
    return Refused(json_reply({"meta": meta}, status))


class Qualtrics(Simulator):
    """`rows` are the responses by survey: `_recordId`, `recordedDate` and what else they hold, answers by question.

    script       statuses of an export's polls
    forbidden    surveys that are listed but may not be exported
    texts        the texts of questions
    page_size    surveys on a page of the list
    """

    TOKEN = "0a1b2c3d4e5f6g7h8i9j"

    def __init__(
        self,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        script: Script = ("inProgress", "inProgress", "complete"),
        forbidden: Iterable[str] = (),
        texts: Mapping[str, str] | None = None,
        page_size: int = 100,
        faults: Mapping[tuple[str, int | str], Reply | Change] | None = None,
    ) -> None:
        super().__init__(faults=faults)
        self.rows, self.script, self.forbidden = rows, script, set(forbidden)
        self.texts, self.page_size = texts or {}, page_size

    def guard(self, request: Request) -> None:
        if request.header("X-API-TOKEN") != self.TOKEN:
            raise problem(401, "AUTH_6", "Unrecognized X-API-TOKEN.")

    def not_found(self, request: Request) -> Reply:
        return problem(404, "DGW_8", "Resource not found.").reply

    @route("GET", "/API/v3/surveys")
    def surveys(self, request: Request) -> Reply:
        names, start = [*self.rows, *sorted(self.forbidden)], int(request.query.get("offset", 0))
        end = start + self.page_size
        elements = [
            {"id": name, "name": f"Survey {name}", "ownerId": "UR_1", "isActive": True} for name in names[start:end]
        ]
        following = f"{self.url}/API/v3/surveys?offset={end}" if end < len(names) else None
        return answer({"elements": elements, "nextPage": following})

    @route("POST", "/API/v3/surveys/{survey}/export-responses")
    def create(self, request: Request, survey: str) -> Reply:
        self._known(survey)
        spec = request.json()
        if not isinstance(spec, dict) or not set(spec) <= OPTIONS:
            raise problem(400, "RP_0.1", "Unexpected json key provided")
        if spec.get("format") not in ("csv", "tsv", "json", "ndjson", "xml", "spss"):
            raise problem(400, "RP_0.1", "Invalid format")
        ends = [spec[end] for end in ("startDate", "endDate") if end in spec]
        if not all(isinstance(end, str) and INSTANT.fullmatch(end) for end in ends) or sorted(ends) != ends:
            raise problem(400, "RP_0.1", "Invalid startDate or endDate")
        job = self.new_job(f"ES_{len(self.jobs) + 1:015d}", spec, survey=survey)
        return answer({"progressId": job.id, "percentComplete": 0.0, "status": "inProgress"})

    @route("GET", "/API/v3/surveys/{survey}/export-responses/{id}")
    def poll(self, request: Request, survey: str, id: str) -> Reply:
        self._known(survey)
        job = self.jobs.get(id)
        if job is None or job.facts["survey"] != survey:
            raise problem(404, "RP_0.2", "The export was not found.")
        job.status = job.step_on(self.script)
        if job.status == "failed":
            error = {"errorCode": "ERD_5", "errorMessage": "The export could not be made."}
            return answer({"percentComplete": 100.0, "status": "failed", "fileId": None}, error=error)
        percent = 60.0 if job.polls == 1 and job.status == "inProgress" else 100.0
        return answer(
            {
                "fileId": self._file_id(job) if job.status == "complete" else None,
                "percentComplete": percent,
                "status": job.status,
            }
        )

    @route("GET", "/API/v3/surveys/{survey}/export-responses/{file}/file")
    def download(self, request: Request, survey: str, file: str) -> Reply:
        job = next((job for job in self.jobs.values() if self._file_id(job) == file), None)
        if job is None or job.status != "complete" or job.facts["survey"] != survey:
            raise problem(404, "RP_0.2", "The file was not found.")
        kind = job.spec["format"]
        data = self.json_file(job) if kind == "json" else self.csv_file(job)
        if job.spec.get("compress", True) is False:
            return Reply(200, data, {"Content-Type": "application/json" if kind == "json" else "text/csv"})
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(f"My Survey.{kind}", (2026, 1, 1, 0, 0, 0)), data)
        return Reply(200, packed.getvalue(), {"Content-Type": "application/octet-stream;charset=UTF-8"})

    def json_file(self, job: Job) -> bytes:
        found = [
            {
                "responseId": row["_recordId"], "values": dict(row), "displayedFields": self._questions(row),
                "labels": {name: f"label of {row[name]}" for name in self._questions(row)},
                "displayedValues": {name: [1, 2] for name in self._questions(row)},
            }
            for row in self._rows(job)
        ]  # fmt: skip
        return json.dumps({"responses": found}).encode()

    def csv_file(self, job: Job) -> bytes:
        rows = self.rows[job.facts["survey"]]
        questions = list(dict.fromkeys(name for row in rows for name in self._questions(row)))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*METADATA, *questions])
        writer.writerow([*(f"{name} text" for name in METADATA), *(self.texts.get(name, name) for name in questions)])
        zone = {"startDate", "endDate", "recordedDate"}
        ids = [{"ImportId": name, **({"timeZone": "Z"} if name in zone else {})} for name in METADATA.values()]
        writer.writerow([json.dumps(each) for each in [*ids, *({"ImportId": name} for name in questions)]])
        for row in self._rows(job):
            writer.writerow([_text(row.get(name, "")) for name in (*METADATA.values(), *questions)])
        return text.getvalue().encode()

    def _rows(self, job: Job) -> list[Mapping[str, Any]]:
        start, end = (datetime.fromisoformat(job.spec.get(key, default)) for key, default in (
            ("startDate", "2000-01-01T00:00:00Z"), ("endDate", "2999-01-01T00:00:00Z")))  # fmt: skip
        rows = self.rows[job.facts["survey"]]
        return [row for row in rows if start <= datetime.fromisoformat(row["recordedDate"]) < end]

    def _questions(self, row: Mapping[str, Any]) -> list[str]:
        return [name for name in row if name not in METADATA.values()]

    def _file_id(self, job: Job) -> str:
        return f"1dc4c492-fbb6-4713-a7ba-{job.number:012d}-def"

    def _known(self, survey: str) -> None:
        if survey in self.forbidden:
            raise problem(403, "AUTHZ_6", "You do not have permission to export the responses of this survey.")
        if survey not in self.rows:
            raise problem(404, "RP_0.2", "The survey was not found.")


def _text(value: Any) -> Any:
    """Instants as CSV files write them."""
    if isinstance(value, str) and INSTANT.fullmatch(value):
        return f"{value[:10]} {value[11:19]}"
    return value
