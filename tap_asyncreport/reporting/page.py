"""The run page: one HTML file that needs nothing else, and the same data as JSON beside it."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from tap_asyncreport.reporting.html import embedded, escaped, joined
from tap_asyncreport.reporting.lanes import Phase
from tap_asyncreport.reporting.ledger import RunLedger
from tap_asyncreport.reporting.report import RunFacts, report_of
from tap_asyncreport.reporting.sections import SHORT_ENDS, STYLES, footer, header, sections

logger = logging.getLogger("tap-asyncreport")


def write_report(
    path: str | Path,
    ledger: RunLedger,
    facts: RunFacts,
    *,
    now: float,
    redact: Callable[[str], str] = str,
    warn: bool = True,
) -> bool:
    """Writes the page to `path` and its data to a `.json` beside it, whole or not at all; false where that failed.

    A report that cannot be written is a warning: the run itself is none the worse. Without `warn` nothing is said, for
    a page that a later one replaces.
    """
    page = Path(path)
    if page.suffix.lower() == ".json":
        page = page.with_suffix(".html")
    beside = page.with_suffix(".json")
    report = report_of(ledger, facts, now, redact)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        _replace(beside, json.dumps(report, indent=1, ensure_ascii=False))
        _replace(page, page_of(report, beside.name))
    except OSError as error:
        if warn:
            logger.warning("the run report could not be written to %s: %s", page, error.strerror or error)
        return False
    return True


def page_of(report: Mapping[str, Any], json_name: str) -> str:
    """The page that shows a report."""
    drawn = {key: report[key] for key in ("seconds", "started_at", "phases", "lanes")}
    drawn["styles"] = {phase.value: STYLES[phase] for phase in Phase}
    drawn["ends"] = {end.value: short for end, short in SHORT_ENDS.items()}
    return Template(_part("page.html")).substitute(
        title=escaped(f"Run of {report['started_at']}: {report['outcome']}"),
        style=_part("page.css"),
        header=header(report),
        sections=joined(sections(report)),
        footer=footer(json_name),
        data=embedded(drawn),
        script=_part("page.js"),
    )


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _replace(path: Path, text: str) -> None:
    """Puts a whole file in the place of whatever is there."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
