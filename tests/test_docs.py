"""The documentation: pages made from the code are up to date, examples load, links lead somewhere."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import yaml

from tap_asyncreport.config.loading import load

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / ".github" / "CONTRIBUTING.md"])
MADE = runpy.run_path(str(DOCS / "make_pages.py"))["PAGES"]


@pytest.mark.parametrize("page", sorted(MADE))
def test_pages_made_from_the_code_say_what_the_code_says(page: str) -> None:
    assert MADE[page]() == (DOCS / page).read_text(), "run `python docs/make_pages.py`"


def examples() -> list[object]:
    found = []
    for page in PAGES:
        for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.M | re.S)):
            if re.search(r"^(streams|definition):", block, re.M):
                found.append(pytest.param(block, id=f"{page.name}-{number}"))
    return found


@pytest.mark.parametrize("text", examples())
def test_every_configuration_shown_is_right(text: str) -> None:
    content = yaml.safe_load(text)
    load([{**content, "start_date": str(content.get("start_date", "2026-01-01"))}], environ={}, require_secrets=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]

    assert [] == missing
