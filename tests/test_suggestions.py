"""Where the thing looked for in vain stands after all, as what to write under the key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tap_asyncreport.response import Response
from tap_asyncreport.templates import Templates
from tap_asyncreport.templates.suggestions import elsewhere, missing, refusal


NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOAP = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header><requestId>r</requestId>'
    '</soap:Header><soap:Body><run xmlns="https://example.com/v1"><rval><id>17</id><ns2:state>DONE</ns2:state></rval>'
    "</run></soap:Body></soap:Envelope>"
)


@pytest.mark.parametrize(
    ("response", "name", "found"),
    [
        (Response({"data": {"task_id": "7"}}), "id", "$.data.task_id"),
        (Response({"export": {"status": "done"}}), "status", "$.export.status"),
        (Response({"rows": 3}), "status", None),
        (Response(text=SOAP), "id", "{{ response.text.split('<id>')[1].split('<')[0] }}"),
        (Response(text=SOAP), "state", "{{ response.text.split('<ns2:state>')[1].split('<')[0] }}"),
        (Response(text="queued"), "status", None),
        (Response(headers={"Location": "/jobs/7"}), "id", "{{ response.headers['location'] }}"),
        (Response(headers={"Content-Location": "/jobs/7"}), "url", "{{ response.headers['content-location'] }}"),
        (Response(headers={"Location": "/jobs/7"}), "status", None),
        (Response({"url": "https://x/jobs/7"}, url="http://localhost/jobs/7"), "url", None),
        (Response({"url": "https://x/files/7"}, url="http://localhost/jobs/7"), "url", "$.url"),
        (None, "id", None),
    ],
)
def test_an_extractor_of_what_is_meant(response: Response | None, name: str, found: str | None) -> None:
    """A JSONPath into JSON, a template over XML, a link in a header; never the answer's link to itself."""
    assert found == elsewhere(response, name)
    if found is not None and response is not None:
        extractor = Templates(now=NOW).extractor(found)
        assert str(extractor.first(response, {"response": response})) in ("7", "17", "done", "DONE", "/jobs/7", "https://x/files/7")


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (Response({"data": {"state": "x"}}), "set `status.extractor: $.data.state`, if that is it"),
        (Response(text=SOAP), "set `status.extractor: \"{{ response.text.split('<ns2:state>')[1].split('<')[0] }}\"`, if that is it"),
        (Response(text="queued"), "the answer is no JSON, where a JSONPath finds nothing: let `status.extractor` be a template over `response.text`"),
        (Response({"x": 1}), "check `status.extractor`"),
        (Response(), "check `status.extractor`"),
    ],
)  # fmt: skip
def test_what_to_write(response: Response, said: str) -> None:
    assert said == missing(response, "status.extractor", "state")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({"code": 40100, "message": "slow down"}, "{json: {$.code: 40100}, means: retry}"),
        ({"code": 1}, "{json: {$.code: 1}, means: retry}"),
        ({"__type": "TooManyRequestsException"}, '{json: {$.__type: "TooManyRequestsException"}, means: retry}'),
        ({"success": False, "requestId": "r"}, "{json: {$.success: false}, means: retry}"),
        ({"error": {"message": "no"}}, "{json: {$.error: exists}, means: retry}"),
        ({"errors": []}, None),
        ({"code": 0, "error": None, "success": True}, None),
        ({"code": "200"}, None),
        ({"errors": False}, None),
        ([1], None),
        (None, None),
    ],
)
def test_a_rule_for_an_answer_that_looks_like_a_refusal(body: Any, rule: str | None) -> None:
    """What says that all is well is no refusal."""
    assert rule == refusal(Response(body))
