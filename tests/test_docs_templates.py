"""The page on templates: every filter and every name is there, and the examples give what it says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tap_asyncreport.config.checks.scopes import DOWNLOAD, SINCE
from tap_asyncreport.templates import Templates
from tap_asyncreport.templates.filters import filters

PAGE = (Path(__file__).parent.parent / "docs" / "templates.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| `(.+)` \| `(.+)` \|$", PAGE, re.MULTILINE)
JINJAS_OWN = {"tojson", "attr", "replace", "join", "center", "indent", "format", "batch", "slice"}


@pytest.mark.parametrize(("named", "source", "expected"), EXAMPLES)
def test_an_example_gives_what_the_page_says(named: str, source: str, expected: str) -> None:
    templates = Templates(now=datetime(2026, 3, 31, 10, tzinfo=UTC))
    assert expected == templates.template(source.replace("\\|", "|")).text({})


def test_every_filter_and_every_name_is_there() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE.split("## Filters", 1)[1], re.MULTILINE)
    named = {name for names in rows for name in re.findall(r"\w+", names)}
    assert set(filters(ZoneInfo("UTC"))) - JINJAS_OWN <= named
    names = PAGE.split("## Names", 1)[1].split("## Filters", 1)[0]
    told = {name for row in re.findall(r"^\| (`.+?) \|", names, re.MULTILINE) for name in re.findall(r"`(\w+)", row)}
    assert (DOWNLOAD | set(SINCE)) - {"range", "dict", "namespace"} == told
