"""The run page in a real browser: it opens, its filters and keys work, and everybody can read it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tap_asyncreport.reporting import RunFacts, write_report
from tests.sample_run import FACTS, big_run, small_run
from tests.told import ledger

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
    assert re.search(r"running at the API\s+03:04:19\s+4 min 20 s\s+19 s", told)


def test_a_screen_reader_finds_its_way(visit: Visit) -> None:
    """Landmarks, headings in order, a name for every control, captions on tables, a summary for every lane."""
    page = visit.page
    assert [1, 1, 1] == [page.locator(name).count() for name in ("body > header", "main", "body > footer")]
    assert ["Failures (21)", "Where the time went", "Streams", "Jobs", "Requests", "Bookmarks", "Configuration"] == page.locator(
        "main h2"
    ).all_inner_texts()
    assert [] == page.evaluate("[...document.querySelectorAll('select, input')].filter(field => !field.labels.length).map(field => field.name)")
    assert [] == page.evaluate("[...document.querySelectorAll('main > section > div > table')].filter(table => !table.caption)")
    assert [] == page.evaluate("[...document.querySelectorAll('svg, [role=grid], [role=img]')].filter(one => !one.ariaLabel)")
    assert "1201" == page.locator("#lanes").get_attribute("aria-rowcount")
    assert "waiting for a slot 1.0 s, creating 400 ms, running at the API" in str(
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
    assert ("No job ran.", []) == (made.page.locator("#lanes-body").inner_text(), made.complaints)
    assert not made.page.locator("#filters").count()


def test_fits_a_phone(browser: Any, big_page: Path) -> None:
    """At the width of a phone nothing scrolls sideways, windows are told whole, and lanes are still reached by keys."""
    page = browser.new_page(viewport={"width": 390, "height": 800})
    made = Visit(page, big_page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert [] == page.evaluate("[...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.innerText)")
    assert [] == page.evaluate("[...document.querySelectorAll('#lanes-body .label')].filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)")
    page.focus("#lanes")
    page.keyboard.press("End")
    assert "inventory_by_warehouse 2026-10-27 to 2026-10-28" == page.locator("#lane-details h3").inner_text()
    assert page.locator("#lanes-body [aria-selected=true]").is_visible()
    assert [] == made.complaints


def test_what_scrolls_is_reached_by_keys(browser: Any, tmp_path: Path) -> None:
    """A box that scrolls has a name and can be focused; one that does not is no stop on the way."""
    settings = [(f"streams.s{number}.name", "x", "tap.yml:1") for number in range(60)]
    write_report(tmp_path / "run.html", small_run(), RunFacts("failed", 1, configuration=settings), now=120)
    page = Visit(browser.new_page(), tmp_path / "run.html").page
    boxes = page.evaluate("[...document.querySelectorAll('.scroll')].map(box => [box.tabIndex, box.getAttribute('aria-label')])")
    assert (0, "Every value in effect and where it comes from; secrets are hidden.") == tuple(boxes[-1])
    assert {-1} == {tab for tab, _ in boxes[:-1]}


def test_ten_thousand_windows(browser: Any, tmp_path: Path) -> None:
    """A page of ten thousand lanes is a few megabytes, and draws those in view alone."""
    book, end = big_run(10_000)
    path = tmp_path / "run.html"
    assert write_report(path, book, FACTS, now=end)
    assert path.stat().st_size < 8_000_000
    made = Visit(browser.new_page(), path)
    assert ("10,000 lanes", []) == (made.shown(), made.complaints)
    assert len(made.labels()) < 60
