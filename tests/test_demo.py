"""The example API: what the default project reads."""

from __future__ import annotations

import csv
import gzip
import http.client
import io
import json
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from tap_asyncreport import demo
from tap_asyncreport.demo.reports import InvalidRequestError, Query, Reports, TooManyReportsError
from tap_asyncreport.demo.server import Links

TOKEN = {"Authorization": "Bearer demo-token-for-everybody"}
JANUARY = {"dataset": "seattle_weather", "from": "2012-01-01", "to": "2012-01-31"}


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> bool:
        self.seconds += seconds
        return False

    def stop(self) -> None:
        raise AssertionError("nobody stops this clock")


def ask(url: str, method: str = "GET", body: Any = None, headers: dict[str, str] = TOKEN) -> tuple[int, dict[str, str], bytes]:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=5)
    try:
        sent = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, f"{at.path}?{at.query}", sent, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def api(clock: HandClock) -> Any:
    with demo.serve(clock=clock) as served:
        yield served


def create(api: demo.DemoApi, **changes: str) -> str:
    status, _, body = ask(f"{api.url}/reports", "POST", {**JANUARY, **changes})
    assert 202 == status
    return str(json.loads(body)["report_id"])


def describe(api: demo.DemoApi, report: str) -> Any:
    return json.loads(ask(f"{api.url}/reports/{report}")[2])


def test_a_report_is_queued_runs_and_gives_a_file(api: demo.DemoApi, clock: HandClock) -> None:
    report = create(api)
    assert {"report_id": report, "status": "RUNNING", "percent": 0} == describe(api, report)
    clock.wait(0.125)
    assert {"report_id": report, "status": "RUNNING", "percent": 50} == describe(api, report)
    clock.wait(0.125)
    done = describe(api, report)
    status, headers, content = ask(done["file"]["url"], headers={})
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode())))
    assert ("SUCCEEDED", 100) == (done["status"], done["percent"])
    assert (200, "application/gzip") == (status, headers["Content-Type"])
    assert (31, len(content)) == (done["file"]["rows"], done["file"]["bytes"])
    assert [f"2012-01-{day:02}" for day in range(1, 32)] == [row["date"] for row in rows]
    expected = {"date": "2012-01-02", "precipitation": "10.9", "temp_max": "10.6", "temp_min": "2.8", "wind": "4.5", "weather": "rain"}
    assert expected == rows[1]


def test_at_most_four_reports_run_at_once_in_the_order_of_creation(clock: HandClock) -> None:
    reports = Reports(clock)
    ids = [reports.create(Query(date(2012, 1, 1), date(2012, 1, 31))).id for _ in range(9)]

    def statuses() -> list[str]:
        return [str((reports.describe(one) or {})["status"])[0] for one in ids]

    assert list("RRRRQQQQQ") == statuses()
    clock.wait(0.25)
    assert list("SSSSRRRRQ") == statuses()
    clock.wait(10)
    assert list("SSSSSSSSS") == statuses()


def test_time_that_nobody_watched_passes_all_the_same(clock: HandClock) -> None:
    reports = Reports(clock, slots=1)
    first, second, third = (reports.create(Query(date(2012, 1, 1), date(2012, 1, 1))).id for _ in range(3))
    clock.wait(0.6)
    statuses = [(reports.describe(one) or {})["status"] for one in (first, second, third)]
    assert ["SUCCEEDED", "SUCCEEDED", "RUNNING"] == statuses


def test_a_deleted_report_is_gone_and_frees_its_slot(clock: HandClock) -> None:
    reports = Reports(clock, slots=1)
    first, second = (reports.create(Query(date(2012, 1, 1), date(2012, 1, 1))).id for _ in range(2))
    assert "QUEUED" == (reports.describe(second) or {})["status"]
    assert reports.delete(first)
    assert not reports.delete(first)
    assert None is reports.describe(first)
    assert "RUNNING" == (reports.describe(second) or {})["status"]


def test_unfinished_reports_are_bounded(clock: HandClock) -> None:
    reports = Reports(clock)
    query = Query(date(2012, 1, 1), date(2012, 1, 1))
    for _ in range(50):
        reports.create(query)
    with pytest.raises(TooManyReportsError):
        reports.create(query)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([], 'send an object: {"dataset", "from", "to"}'),
        ({**JANUARY, "dataset": "x"}, "there is one dataset: seattle_weather"),
        ({**JANUARY, "from": "01.01.2012"}, "'01.01.2012' is not a day like 2012-01-31"),
        ({**JANUARY, "to": None}, "None is not a day like 2012-01-31"),
        ({**JANUARY, "to": "2011-12-31"}, "a report covers 1 to 31 days, not 0"),
        ({**JANUARY, "to": "2012-02-01"}, "a report covers 1 to 31 days, not 32"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(asked: Any, message: str, api: demo.DemoApi) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        Query.parse(asked)
    assert message == str(raised.value)
    status, _, body = ask(f"{api.url}/reports", "POST", asked)
    assert (422, "invalid", f"{raised.value.field}: {message}") == (status, *json.loads(body)["error"].values())


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("POST", "/reports", JANUARY, {}, (401, "unauthorized")),
        ("POST", "/reports", JANUARY, {"Authorization": "Bearer other"}, (401, "unauthorized")),
        ("POST", "/reports", JANUARY, {"Authorization": "Basic demo-token"}, (401, "unauthorized")),
        ("POST", "/reports", "{", TOKEN, (400, "malformed")),
        ("GET", "/reports/rep-0", None, TOKEN, (404, "not_found")),
        ("DELETE", "/reports/rep-0", None, TOKEN, (404, "not_found")),
        ("PUT", "/reports", None, TOKEN, (404, "not_found")),
        ("GET", "/nothing", None, TOKEN, (404, "not_found")),
    ],
)
def test_errors_are_json(method: str, path: str, body: Any, headers: dict[str, str], expected: Any, api: demo.DemoApi) -> None:
    status, sent, content = ask(api.url + path, method, body, headers)
    assert (*expected, "application/json") == (status, json.loads(content)["error"]["code"], sent["Content-Type"])


def test_a_file_lies_on_another_port_and_takes_no_credentials(api: demo.DemoApi, clock: HandClock) -> None:
    report = create(api)
    clock.wait(1)
    link = describe(api, report)["file"]["url"]
    assert urlsplit(link).port != urlsplit(api.url).port
    assert 400 == ask(link, headers=TOKEN)[0]
    assert 403 == ask(link[:-1] + ("0" if link[-1] != "0" else "1"), headers={})[0]
    assert 403 == ask(link.split("?", maxsplit=1)[0], headers={})[0]
    assert 200 == ask(link, headers={})[0]
    clock.wait(301)
    assert (403, True) == ((answer := ask(link, headers={}))[0], b"RequestHasExpired" in answer[2])


def test_a_deleted_reports_file_is_gone(api: demo.DemoApi, clock: HandClock) -> None:
    report = create(api)
    clock.wait(1)
    link = describe(api, report)["file"]["url"]
    assert (204, b"") == ask(f"{api.url}/reports/{report}", "DELETE")[::2]
    assert 404 == ask(link, headers={})[0]
    assert 404 == ask(f"{api.url}/reports/{report}")[0]


def test_a_link_made_elsewhere_is_refused(clock: HandClock) -> None:
    ours, theirs = Links(clock), Links(clock)
    query = dict(pair.split("=") for pair in theirs.sign("rep-1").split("&"))
    assert "SignatureDoesNotMatch" == ours.refusal("rep-1", {key: [value] for key, value in query.items()})


def test_the_months_of_four_years_hold_every_day_once(clock: HandClock) -> None:
    reports = Reports(clock)
    days: list[str] = []
    for year, month in ((year, month) for year in range(2012, 2016) for month in range(1, 13)):
        first = date(year, month, 1)
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        report = reports.create(Query(first, last)).id
        clock.wait(1)
        file = reports.file(report)
        assert file is not None
        lines = gzip.decompress(file.content).decode().splitlines()[1:]
        assert (last.day, last.day) == (file.rows, len(lines))
        days += [line.split(",")[0] for line in lines]
    assert [(date(2012, 1, 1) + timedelta(days=day)).isoformat() for day in range(1461)] == days


def test_outside_the_data_a_report_has_a_header_and_no_rows(clock: HandClock) -> None:
    reports = Reports(clock)
    report = reports.create(Query(date(2020, 1, 1), date(2020, 1, 31))).id
    clock.wait(1)
    file = reports.file(report)
    assert file is not None
    assert (0, b"date,precipitation,temp_max,temp_min,wind,weather\n") == (file.rows, gzip.decompress(file.content))


def test_in_the_foreground_it_tells_its_address_and_ends_when_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(demo.DemoApi, "wait", lambda _: told.append(str(ask(told[0] + "/reports/x")[0])))
    demo.run_forever("127.0.0.1", 0, ready=told.append)
    assert "404" == told[1]
    with pytest.raises(ConnectionRefusedError):
        ask(told[0] + "/reports/x")


def test_closing_ends_its_threads() -> None:
    served = demo.serve()
    names = {thread.name for thread in threading.enumerate()}
    assert f"demo {served.url.removesuffix('/v1')}" in names
    served.close()
    served.wait()
    assert set() == {thread.name for thread in threading.enumerate() if thread.name.startswith("demo ")}
