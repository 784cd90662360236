"""The run page: its data, its HTML, and how it behaves in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_asyncreport.config.loading import load
from tap_asyncreport.config.shown import shown
from tap_asyncreport.reporting import RunFacts, write_report
from tap_asyncreport.reporting.html import Html, embedded, tag
from tap_asyncreport.reporting.lanes import Phase, Span
from tap_asyncreport.reporting.page import page_of
from tap_asyncreport.reporting.report import report_of
from tap_asyncreport.reporting.timing import crowd, time_spent
from tests.sample_run import FACTS, small_run
from tests.told import Told, call, day, failed, ledger

# where the time went


def lanes(*spans: tuple[str, float, float]) -> list[list[Span]]:
    return [[Span(Phase[name], start, end)] for name, start, end in spans]


def test_where_the_time_went() -> None:
    """One sentence names what the wall time was spent on, largest share first."""
    spans = lanes(("WAITING", 0, 10), ("CREATING", 10, 12), ("RUNNING", 12, 90), ("DOWNLOADING", 90, 96), ("WRITING", 96, 100))
    assert (
        "78 % of the wall time was waiting for the API to run jobs; 10 % was other work, such as starting up and cleaning up; "
        "6 % was downloading files; 4 % was writing rows."
    ) == time_spent(spans, 0, 100).sentence


def test_time_is_shared_among_the_units_at_work() -> None:
    """Three units that run and one that downloads make a moment three quarters waiting for the API."""
    spans = lanes(("RUNNING", 0, 8), ("RUNNING", 0, 8), ("RUNNING", 0, 8), ("DOWNLOADING", 0, 8))
    assert [("waiting for the API to run jobs", 6), ("downloading files", 2)] == [
        (share.what, share.seconds) for share in time_spent(spans, 0, 8).shares
    ]


def test_units_that_wait_for_the_writer_count_for_it_while_it_writes() -> None:
    """A queue before the writer shows where the time goes; a file that waits for its turn does not."""
    spans = lanes(("READY", 0, 8), ("RUNNING", 0, 8), ("WRITING", 0, 6))
    shares = {share.phase: share.seconds for share in time_spent(spans, 0, 8).shares}
    assert {Phase.WRITING: 4, Phase.RUNNING: 4} == shares


def test_windows_that_wait_for_slots_are_told() -> None:
    """Where more jobs at once could help, the sentence says so."""
    spans = lanes(("RUNNING", 0, 10), ("WAITING", 0, 5))
    assert time_spent(spans, 0, 10).sentence.endswith("For 50 % of it, windows waited for a slot while jobs ran.")


def test_a_run_without_jobs() -> None:
    """Nothing to tell is told, not divided by."""
    assert "No time was spent." == time_spent([], 5, 5).sentence
    assert "100 % of the wall time was other work, such as starting up and cleaning up." == time_spent([], 0, 5).sentence


spans_of_lanes = st.lists(
    st.lists(st.builds(lambda p, a, b: Span(p, min(a, b), max(a, b)), st.sampled_from(Phase), st.integers(-5, 50), st.integers(-5, 50))),
    max_size=6,
)


def test_calls_that_rates_hold_back_are_not_creating() -> None:
    """What our own `rate_limits` cost is told as such, on the lane and in the sentence, whoever hears of it first."""
    book, told = ledger(), Told()
    book.plan("orders", 1)
    book.observe_wait(call(told.unit), 101, 107)  # on another thread, before the lane begins
    book.observe([told.creating(100)])
    book.observe_wait(call(told.unit, "download_retriever"), 110, 111)
    book.observe([told.created(108), told.polled(109, word="DONE"), told.completed(110), told.ready(112)])
    report = report_of(book, FACTS, 112)
    phases = [(report["phases"][phase], start, end) for phase, start, end in report["lanes"][0]["spans"]]
    assert [
        ("creating", 0, 1), ("held by rate_limits", 1, 7), ("creating", 7, 8), ("running at the API", 8, 10),
        ("held by rate_limits", 10, 11), ("downloading", 11, 12),
    ] == phases  # fmt: skip
    assert report["sentence"].startswith("58 % of the wall time was waiting for rate_limits; 17 % was")


def test_a_poll_that_rates_hold_back_stops_no_job() -> None:
    """The job runs at the API meanwhile."""
    book, told = ledger(), Told()
    book.plan("orders", 1)
    book.observe([told.creating(100), told.created(101)])
    book.observe_wait(call(told.unit, "polling_requester"), 102, 105)
    assert ["creating", "running at the API"] == [span.phase for span in book.lanes[0].spans_until(110)]


@given(spans_of_lanes)
def test_all_of_the_time_is_told(spans: list[list[Span]]) -> None:
    """Shares add up to the run's time, whatever overlaps."""
    assert pytest.approx(40) == sum(share.seconds for share in time_spent(spans, 0, 40).shares)


@given(spans_of_lanes)
def test_a_crowd_is_what_is_there_at_each_moment(spans: list[list[Span]]) -> None:
    """The chart counts the units that are in a phase in the middle of each stretch."""
    counts = crowd(spans, 0, 40, 20)
    for phase in Phase:
        expected = [
            sum(span.phase is phase and span.start <= at < span.end for lane in spans for span in lane)
            for at in (1 + 2 * moment for moment in range(20))
        ]
        assert expected == counts[phase]


# the data


def test_the_data_of_a_run() -> None:
    """The JSON holds streams, lanes, requests, failures, bookmarks, configuration and times."""
    report = report_of(small_run(), FACTS, 120)
    assert ("failed", 1, "2026-02-01T03:00:00Z", "2026-02-01T03:00:20Z", 20.0) == tuple(
        report[key] for key in ("outcome", "exit_code", "started_at", "ended_at", "seconds")
    )
    assert (1200, 48_000) == (report["rows"], report["bytes"])
    assert ("failed (1 window failed)", 2, 1, 1, 1200) == tuple(
        report["streams"][0][key] for key in ("outcome", "windows_planned", "windows_done", "windows_failed", "rows")
    )
    phases = report["phases"]
    assert [("creating", 0, 1), ("running at the API", 1, 5), ("downloading", 5, 7)] == [
        (phases[phase], start, end) for phase, start, end in report["lanes"][0]["spans"][:3]
    ]
    assert ("account=7", "2026-01-02 to 2026-01-03", "r-2", "2026-02-01T03:00:12Z") == tuple(
        report["failures"][0][key] for key in ("partition", "window", "job_id", "at")
    )
    assert {"step": "download_retriever", "count": 1, "median_seconds": 0.5, "p95_seconds": 0.5, "total_seconds": 0.5} == {
        key: value for key, value in report["requests"][0].items() if key not in ("bytes", "answers")
    }
    assert {"key": "authenticator.token", "value": "***", "origin": "environment, TAP_ASYNCREPORT_SECRETS_TOKEN"} in report["configuration"]
    json.dumps(report)


def test_bookmarks_before_and_after() -> None:
    """Each stream and partition has a line, whichever of the two states knows it."""
    bookmarks = report_of(ledger(), FACTS, 101)["bookmarks"]
    assert {
        "stream": "orders",
        "partition": "",
        "before": {"value": "2025-12-31", "until": "2026-01-01T00:00:00Z", "jobs": 0},
        "after": {"value": "2026-02-11", "until": "2026-02-12T00:00:00Z", "jobs": 1},
    } == bookmarks[0]
    assert [("clicks", "account=0", None), ("clicks", "account=1", None)] == [
        (entry["stream"], entry["partition"], entry["before"]) for entry in bookmarks[1:3]
    ]


@pytest.mark.parametrize("state", [{}, {"bookmarks": []}, {"bookmarks": {"orders": 3}}, {"bookmarks": {"orders": {"partitions": [1, {}]}}}])
def test_a_state_of_another_shape_is_left_out(state: dict[str, Any]) -> None:
    """What cannot be read as bookmarks does not stop the report."""
    assert [] == report_of(ledger(), RunFacts("ok", 0, state_before=state), 101)["bookmarks"]


@pytest.mark.promise(26)
def test_no_secret_reaches_the_report(tmp_path: Path) -> None:
    """Every text goes through the redaction, in the page and in the JSON."""
    book = ledger()
    told = Told("orders-s3cret", day(1), job="job-s3cret", account="s3cret")
    error = failed("s3cret is wrong", "s3cret")
    book.observe([told.creating(100), told.created(101), told.polled(102, word="s3cret"), told.failed(103, error=error)])
    book.stream_ended("orders-s3cret", "failed", failed("s3cret again"))
    state = {"bookmarks": {"s3cret": {"replication_key_value": "s3cret"}}}
    facts = RunFacts("failed", 1, state_before=state, state_after=state, configuration=[("a", "s3cret", "s3cret")])
    assert write_report(tmp_path / "run.html", book, facts, now=110, redact=lambda text: text.replace("s3cret", "***"))
    assert "s3cret" not in (tmp_path / "run.html").read_text("utf-8") + (tmp_path / "run.json").read_text("utf-8")


def test_the_configuration_in_effect(tmp_path: Path) -> None:
    """Every value that was given stands with its line, what nobody gave with its default, and no secret is shown."""
    (tmp_path / "tap.yml").write_text(
        "base_url: https://api.example.com\nsecrets: {token: hush}\nauthenticator: {type: bearer, token: hush}\nstreams:\n"
        "  - name: orders\n    creation_requester: POST /x\n    polling_requester: GET /x\n    download_retriever: GET /y\n"
        "    jobs: {timeout: 1h}\n"
    )
    rows = {key: (value, origin) for key, value, origin in shown(load([str(tmp_path / "tap.yml")], environ={}))}
    assert ("1h", f"{tmp_path}/tap.yml:9") == rows["streams.orders.jobs.timeout"]
    assert ("3", "default") == rows["streams.*.jobs.max_attempts"]
    assert ("4", "default") == rows["max_concurrent_jobs"]
    assert ("1m", "default") == rows["request_timeout.read"]
    assert not {"streams.*.jobs.timeout", "streams.*.incremental.lag"} & set(rows)
    assert "hush" not in str(rows)


# the files


def test_the_page_and_the_json_beside_it(tmp_path: Path) -> None:
    """Both are written whole, folders are made, and nothing else is left behind."""
    path = tmp_path / "reports" / "run.html"
    assert write_report(path, small_run(), FACTS, now=120)
    assert write_report(path, small_run(), FACTS, now=120)
    assert ["run.html", "run.json"] == sorted(found.name for found in path.parent.iterdir())
    assert 1200 == json.loads(path.with_suffix(".json").read_text("utf-8"))["rows"]


@pytest.mark.parametrize(("given_name", "page"), [("run", "run"), ("run.json", "run.html"), ("run.htm", "run.htm")])
def test_names(given_name: str, page: str, tmp_path: Path) -> None:
    """The page has the name that was asked for, unless the JSON needs it."""
    assert write_report(tmp_path / given_name, ledger(), FACTS, now=101)
    assert sorted([page, "run.json"]) == sorted(found.name for found in tmp_path.iterdir())
    assert (tmp_path / page).read_text("utf-8").startswith("<!doctype html>")


def test_a_report_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The run is none the worse for a report that has no place; the place of an old one keeps it."""
    (tmp_path / "file").write_text("not a folder")
    assert not write_report(tmp_path / "file" / "run.html", ledger(), FACTS, now=101)
    assert [f"the run report could not be written to {tmp_path}/file/run.html: File exists"] == caplog.messages


def test_an_interrupted_run_has_a_report(tmp_path: Path) -> None:
    """What was under way when the run was stopped is in the report, unfinished."""
    told = Told(window=day(1))
    book = ledger()
    book.plan("orders", 3)
    book.observe([told.creating(100), told.created(101)])
    book.stream_ended("orders", "interrupted")
    book.finish(110)
    assert write_report(tmp_path / "run.html", book, RunFacts("interrupted", 130), now=111)
    report = json.loads((tmp_path / "run.json").read_text("utf-8"))
    running = report["phases"].index("running at the API")
    assert ("not finished", [running, 1.0, 10.0]) == (report["lanes"][0]["outcome"], report["lanes"][0]["spans"][-1])
    assert "interrupted" in (tmp_path / "run.html").read_text("utf-8")


# the HTML


def test_tags_escape() -> None:
    """Text is text, whatever it looks like; only HTML that was made as such is HTML."""
    assert '<p class="a&quot;b">&lt;b&gt;<i>x</i></p>' == tag("p", "<b>", Html("<i>x</i>"), None, class_='a"b', hidden=False)
    assert '<input hidden aria-label="x">' == tag("input", hidden=True, aria_label="x")


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_embedded_data_stays_data(data: Any) -> None:
    """JSON in a script element reads back the same, and holds nothing that a parser of HTML would see."""
    text = embedded(data)
    assert data == json.loads(text)
    assert not re.search("[<>&\u2028\u2029]", text)


def test_what_to_do_about_a_failure() -> None:
    """What to try, and the key and line to change, stand beside the API's words, before everything else."""
    book, told = ledger(), Told(window=day(1))
    error = failed(hint="raise jobs.timeout")
    error.place = "streams.orders.jobs.timeout (tap.yml:12)"
    book.observe([told.creating(100), told.failed(101, error=error)])
    report = report_of(book, FACTS, 102)
    page = page_of(report, "run.json")
    assert ("raise jobs.timeout", "streams.orders.jobs.timeout (tap.yml:12)") == tuple(report["failures"][0][key] for key in ("try", "key"))
    assert "What to try: </span>raise jobs.timeout</p>" in page
    assert page.index('id="failures"') < page.index('id="time"')


def test_a_thousand_failures_are_not_all_in_the_page() -> None:
    """Two hundred are; the others are in the JSON, which the page says."""
    book = ledger()
    for count in range(1000):
        told = Told(window=day(1), account=str(count))
        book.observe([told.creating(100), told.failed(101, error=failed())])
    report = report_of(book, FACTS, 102)
    page = page_of(report, "run.json")
    assert (1000, 200) == (len(report["failures"]), page.count('class="failure"'))
    assert "The other 800 are in the JSON file beside this page." in page


def test_the_page_needs_nothing_else() -> None:
    """No address of another host, no import, and a policy that forbids both."""
    page = page_of(report_of(small_run(), FACTS, 120), "run.json")
    assert "default-src 'none'" in page
    assert [] == re.findall(r"(?:src|href)=[\"'](?!#|data:|run\.json)|@import|url\((?!data:)", page)


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palette(scheme: str) -> dict[str, str]:
    page = page_of(report_of(ledger(), FACTS, 101), "run.json")
    both = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    return dict(re.findall(r"--([\w-]+): (#\w{6})", both[0] if scheme == "light" else both[1]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phases_differ_without_colour(scheme: str) -> None:
    """Phases that touch on a lane differ in brightness by 1.5 to 1, so that it takes no eye for colours to part them."""
    shades = palette(scheme)
    pairs = [("creating", "running"), ("running", "writing"), ("ready", "writing"), ("downloading", "ready")]
    assert [] == [pair for pair in pairs if contrast(shades[pair[0]], shades[pair[1]]) < 1.5]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    """Text stands out by 4.5 to 1 from what it stands on, and each phase that is work by 3 to 1 (WCAG AA)."""
    colours = palette(scheme)
    texts = [(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("paper", "raised")]
    texts += [("ink", "chosen"), ("good", "good-back"), ("bad", "bad-back"), ("middling", "middling-back"), ("bad", "chosen")]
    assert [] == [pair for pair in texts if contrast(colours[pair[0]], colours[pair[1]]) < 4.5]
    phases = ("held", "creating", "running", "downloading", "writing", "backing-off", "failed")
    assert [] == [name for name in phases if contrast(colours[name], colours["paper"]) < 3]
