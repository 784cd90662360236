"""The run page: its data, its HTML, and how it behaves in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_asyncreport.reporting import RunFacts, RunLedger, write_report
from tap_asyncreport.reporting.html import Html, embedded, tag
from tap_asyncreport.reporting.lanes import Phase, Span
from tap_asyncreport.reporting.page import page_of
from tap_asyncreport.reporting.report import report_of
from tap_asyncreport.reporting.timing import crowd, time_spent
from tests.sample_run import CONFIGURATION, STATE_AFTER, STATE_BEFORE, big_run
from tests.told import Told, day, exchange, failed, ledger

FACTS = RunFacts("failed", 1, "0.1.0", STATE_BEFORE, STATE_AFTER, CONFIGURATION)
ODD = '</script><script>alert("x")</script>&<!-- \u2028 \x00'


def small_run() -> RunLedger:
    book = ledger()
    book.plan("orders", 2, partitions=1)
    book.observe(Told(window=day(1), account="7").life(100, rows=1200))
    told = Told(window=day(2), job="r-2", account="7")
    book.observe([told.creating(105), told.created(106), told.failed(112, error=failed("the job failed", ODD))])
    book.observe_exchange(exchange("download_retriever", 200, 0.5, 48_000, job="r-1"))
    book.stream_ended("orders", "failed")
    return book


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
    assert ("not finished", [2, 1.0, 10.0]) == (report["lanes"][0]["outcome"], report["lanes"][0]["spans"][-1])
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme: str) -> None:
    """Text stands out by 4.5 to 1 from what it stands on, and each phase that is work by 3 to 1 (WCAG AA)."""
    page = page_of(report_of(ledger(), FACTS, 101), "run.json")
    both = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", both[0] if scheme == "light" else both[1]))
    texts = [(ink, ground) for ink in ("ink", "soft", "accent") for ground in ("paper", "raised")]
    texts += [("ink", "chosen"), ("good", "good-back"), ("bad", "bad-back"), ("middling", "middling-back"), ("bad", "chosen")]
    assert [] == [pair for pair in texts if contrast(colours[pair[0]], colours[pair[1]]) < 4.5]
    phases = ("creating", "running", "downloading", "writing", "backing-off", "failed")
    assert [] == [name for name in phases if contrast(colours[name], colours["paper"]) < 3]


# in a browser

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
).split()


class Visit:
    """A page opened in the browser, with everything it complained about or asked the network for."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url, path))
        page.goto(path.as_uri())

    def _asked(self, url: str, path: Path) -> None:
        if url != path.as_uri() and not url.startswith("data:"):
            self.complaints.append(f"asked for {url}")

    def shown(self) -> str:
        return str(self.page.locator("#lanes-shown").inner_text())

    def labels(self) -> list[str]:
        return [text.strip() for text in self.page.locator("#lanes-body [role=row] .label").all_inner_texts()]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not os.environ.get("CI"):
        pytest.importorskip("playwright")
        if CHROMIUM is None:
            pytest.skip("no Chromium here; CI has one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def big_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "run.html"
    book, end = big_run(1200)
    assert write_report(path, book, FACTS, now=end)
    return path


@pytest.fixture(params=["light", "dark"])
def visit(request: pytest.FixtureRequest, browser: Any, big_page: Path) -> Iterator[Visit]:
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    made = Visit(context.new_page(), big_page)
    yield made
    assert [] == made.complaints
    context.close()


def test_opens_without_a_complaint(visit: Visit) -> None:
    """Nothing on the console, nothing asked of the network, and only the lanes in view are made, of 1,200."""
    assert "1,200 lanes" == visit.shown()
    assert 20 < len(visit.labels()) < 60
    assert "failed" == visit.page.locator("h1 .outcome").inner_text()


def test_the_scheme_is_the_reader_s(visit: Visit) -> None:
    """Light or dark as the reader's system is."""
    dark = visit.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    ground = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ("rgb(18, 21, 26)" if dark else "rgb(255, 255, 255)") == ground


def test_filters(visit: Visit) -> None:
    """Stream, outcome and text narrow the lanes, together; the count is told."""
    page = visit.page
    page.select_option("[name=outcome]", "failed")
    assert "21 of 1,200 lanes" == visit.shown()
    page.select_option("[name=stream]", "clicks")
    assert "8 of 1,200 lanes" == visit.shown()
    assert all(label.startswith("clicks") for label in visit.labels())
    page.fill("[name=text]", "R-1463 quota")
    assert ("1 of 1,200 lanes", ["clicks account=3 2026-04-26 to 2026-04-27"]) == (visit.shown(), visit.labels())
    page.fill("[name=text]", "no such thing")
    assert ("0 of 1,200 lanes", "No lane matches.") == (visit.shown(), page.locator("#lanes-body").inner_text())


def test_order_and_time_axis(visit: Visit) -> None:
    """Lanes sort by time and by rows, and can all begin at the left."""
    page = visit.page
    page.select_option("[name=order]", "rows")
    rows = [int(text.replace(",", "")) for text in page.locator("#lanes-body .rows").all_inner_texts()]
    assert sorted(rows, reverse=True) == rows
    page.select_option("[name=clock]", "lane")
    lefts = page.locator("#lanes-body .track").evaluate_all("tracks => tracks.map(track => track.firstChild.style.left)")
    assert {"0%"} == set(lefts)


def test_the_keyboard_reaches_everything(visit: Visit) -> None:
    """Tab comes to the skip link, the filters and the lanes; arrows, Page and End move, and the chosen lane is told."""
    page = visit.page
    page.keyboard.press("Tab")
    assert "Skip to the jobs" == page.evaluate("document.activeElement.textContent")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name || document.activeElement.id || document.activeElement.tagName"))
        if reached[-1] == "lanes":
            break
    assert ["stream", "outcome", "text", "order", "clock", "lanes"] == reached[-6:]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert ("lane-1", "true") == (
        page.locator("#lanes").get_attribute("aria-activedescendant"),
        page.locator("#lane-1").get_attribute("aria-selected"),
    )
    page.keyboard.press("End")
    assert "inventory_by_warehouse 2026-10-27 to 2026-10-28" == page.locator("#lane-details h3").inner_text()
    assert page.locator("#lanes").get_attribute("aria-activedescendant") is not None
    page.keyboard.press("Home")
    assert "orders 2026-01-01 to 2026-01-02" == page.locator("#lane-details h3").inner_text()


def test_a_chosen_lane_is_told_in_full(visit: Visit) -> None:
    """A click shows outcome, jobs, the API's words and each phase with its time."""
    page = visit.page
    page.fill("[name=text]", "r-1133")
    page.locator("#lanes-body [role=row]").first.click()
    told = page.locator("#lane-details").inner_text()
    assert 'Report quota exceeded for account 42 <b>"upgrade"</b>' in told
    assert re.search(r"running at the API\s+4 min 20 s\s+19 s", told)


def test_a_screen_reader_finds_its_way(visit: Visit) -> None:
    """Landmarks, headings in order, a name for every control, captions on tables, a summary for every lane."""
    page = visit.page
    assert [1, 1, 1] == [page.locator(name).count() for name in ("body > header", "main", "body > footer")]
    assert ["Where the time went", "Failures (21)", "Streams", "Jobs", "Requests", "Bookmarks", "Configuration"] == page.locator(
        "main h2"
    ).all_inner_texts()
    assert [] == page.evaluate("[...document.querySelectorAll('select, input')].filter(field => !field.labels.length).map(field => field.name)")
    assert [] == page.evaluate("[...document.querySelectorAll('main > section > div > table')].filter(table => !table.caption)")
    assert [] == page.evaluate("[...document.querySelectorAll('svg, [role=grid], [role=img]')].filter(one => !one.ariaLabel)")
    assert "1201" == page.locator("#lanes").get_attribute("aria-rowcount")
    assert "waiting for a slot 1.0 s, creating 0.4 s, running at the API" in str(
        page.locator("#lane-0 .track").get_attribute("aria-label")
    )


def test_text_is_never_markup(browser: Any, tmp_path: Path) -> None:
    """What an API says in tags is shown as text, on the page and in the lanes."""
    write_report(tmp_path / "run.html", small_run(), FACTS, now=120)
    made = Visit(browser.new_page(), tmp_path / "run.html")
    made.page.locator("#lanes-body [role=row]").last.click()
    assert 'the job failed: </script><script>alert("x")</script>&<!--' in made.page.locator("#lane-details").inner_text()
    assert 'the job failed: </script><script>alert("x")</script>&<!--' in made.page.locator(".failure .words").inner_text()
    assert [] == made.complaints


def test_without_jobs(browser: Any, tmp_path: Path) -> None:
    """A run that failed before any job has a page all the same."""
    write_report(tmp_path / "run.html", ledger(), RunFacts("failed", 77), now=101)
    made = Visit(browser.new_page(), tmp_path / "run.html")
    assert ("0 lanes", "No job ran.", []) == (made.shown(), made.page.locator("#lanes-body").inner_text(), made.complaints)


def test_fits_a_phone(browser: Any, big_page: Path) -> None:
    """At the width of a phone nothing but tables scrolls sideways."""
    page = browser.new_page(viewport={"width": 390, "height": 800})
    made = Visit(page, big_page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert [] == made.complaints
