"""The sections of the run page that need no script: figures, time, failures, streams, requests, bookmarks, settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tap_asyncreport.reporting import words
from tap_asyncreport.reporting.html import Column, Html, joined, table, tag
from tap_asyncreport.reporting.lanes import LaneEnd, Phase

Report = Mapping[str, Any]

STYLES = {
    Phase.WAITING: "waiting",
    Phase.HELD: "held",
    Phase.CREATING: "creating",
    Phase.RUNNING: "running",
    Phase.DOWNLOADING: "downloading",
    Phase.READY: "ready",
    Phase.WRITING: "writing",
    Phase.BACKING_OFF: "backing-off",
    Phase.FAILED: "failed",
}
STACKED = (Phase.WRITING, Phase.READY, Phase.DOWNLOADING, Phase.RUNNING, Phase.BACKING_OFF, Phase.CREATING, Phase.HELD)
SHORT_ENDS = {
    LaneEnd.OPEN: "open",
    LaneEnd.WRITTEN: "written",
    LaneEnd.FAILED: "failed",
    LaneEnd.KEPT: "kept",
    LaneEnd.SKIPPED: "skipped",
    LaneEnd.SPLIT: "split",
}
SHARED = (
    "Each moment is shared among the units at work then; those that wait for the writer count for it while it writes."
)
MANY_ROWS = 15
OPEN_FAILURES = 5
MOST_FAILURES = 200


def header(report: Report) -> Html:
    """What ran when, how it ended, and the figures that matter."""
    started = datetime.fromisoformat(report["started_at"])
    day = f"{started.day} {started:%B %Y, %H:%M} UTC"
    title = tag("h1", "Run of ", tag("time", day, datetime=report["started_at"]), " ", _outcome(report["outcome"]))
    return tag("header", title, _subtitle(report), _figures(report))


def _subtitle(report: Report) -> Html:
    version = f"tap-asyncreport {report['version']}".strip()
    if report["exit_code"] is None:
        ends = f"{version}, as of {report['ended_at']}; if it runs no more, it was killed: run again"
    else:
        ends = f"{version}, ended {report['ended_at']}, exit code {report['exit_code']}"
    return tag("p", ends, class_="soft")


def _outcome(outcome: str) -> Html:
    return tag("span", outcome, class_=f"outcome {_mood(outcome)}")


def _mood(outcome: str) -> str:
    if outcome.startswith("failed"):
        return "bad"
    return "good" if outcome == "ok" else "middling"


def _figures(report: Report) -> Html:
    streams = report["streams"]
    planned = [stream["windows_planned"] for stream in streams if stream["windows_planned"] is not None]
    done = sum(stream["windows_done"] for stream in streams)
    figures = {
        "Duration": words.brief(report["seconds"]),
        "Streams": words.number(len(streams)),
        "Windows written": f"{words.number(done)} of {words.number(sum(planned))}" if planned else words.number(done),
        "Rows": words.number(report["rows"]),
        "Downloaded": words.size(report["bytes"]),
        "Jobs created": words.number(sum(stream["jobs_created"] for stream in streams)),
        "Requests": words.number(sum(step["count"] for step in report["requests"])),
    }
    return tag(
        "dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in figures.items()), class_="figures"
    )


def sections(report: Report) -> Iterator[Html]:
    """All sections, in the order in which a person asks."""
    if report["failures"]:
        yield _failures(report)
    yield _time(report)
    yield _streams(report)
    yield _jobs(report)
    yield _requests(report)
    yield _bookmarks(report)
    yield _configuration(report)


def _section(name: str, title: str, *children: object) -> Html:
    return tag("section", tag("h2", title, id=f"{name}-title"), *children, id=name, aria_labelledby=f"{name}-title")


# where the time went


def _time(report: Report) -> Html:
    shares = report["time"]
    pieces = (tag("span", class_=_paint(share), style=f"flex:{share['share']:.4f}") for share in shares)
    bar = tag("div", *pieces, class_="bar", role="img", aria_label=report["sentence"])
    legend = tag("ul", *map(_share, shares), class_="legend")
    return _section(
        "time",
        "Where the time went",
        tag("p", report["sentence"].replace(" %", "\u00a0%"), class_="lead"),
        bar,
        legend,
        tag("p", SHARED, class_="soft note"),
    )


def _paint(share: Mapping[str, Any]) -> str:
    phase = share["phase"]
    return f"p-{STYLES[Phase(phase)]}" if phase else "p-other"


def _share(share: Mapping[str, Any]) -> Html:
    return tag("li", _swatch(_paint(share)), f"{share['what']}, {words.brief(share['seconds'])}")


def _swatch(class_: str) -> Html:
    return tag("span", class_=f"swatch {class_}", aria_hidden="true")


# failures


def _failures(report: Report) -> Html:
    failures = report["failures"]
    told = [_failure(failure) for failure in failures[:OPEN_FAILURES]]
    rest, beyond = failures[OPEN_FAILURES:MOST_FAILURES], len(failures) - MOST_FAILURES
    if rest:
        more = tag("summary", words.many(len(failures) - OPEN_FAILURES, "more failure"))
        inside = [_failure(failure) for failure in rest]
        if beyond > 0:
            inside.append(tag("p", f"The other {words.number(beyond)} are in the JSON file beside this page."))
        told.append(tag("details", more, *inside))
    return _section("failures", f"Failures ({words.number(len(failures))})", *told)


def _failure(failure: Mapping[str, Any]) -> Html:
    place = " ".join(part for part in (failure["stream"], failure["partition"], failure["window"]) if part)
    job = [", job ", tag("code", failure["job_id"])] if failure["job_id"] else []
    return tag(
        "article",
        tag("p", tag("strong", place), *job, " ", tag("span", f"at {failure['at']}", class_="soft")),
        tag("p", failure["words"], class_="words"),
        *_advice(failure),
        tag("details", tag("summary", "In full"), tag("pre", failure["text"])),
        class_="failure",
    )


def _advice(failure: Mapping[str, Any]) -> Iterator[Html]:
    for name, key in (("What to try", "try"), ("Key", "key")):
        if failure[key]:
            yield tag("p", tag("span", f"{name}: ", class_="soft"), failure[key])


# streams


def _streams(report: Report) -> Html:
    columns = [
        Column("Stream"),
        Column("Outcome", "outcomes"),
        Column("Partitions", number=True),
        Column("Windows", number=True),
        Column("Rows", number=True),
        Column("Downloaded", number=True),
        Column("Jobs", number=True),
        Column("Usual time of a job", number=True),
    ]
    rows = [_stream(stream) for stream in report["streams"]]
    told = table("Windows written of those planned; jobs created, adopted ones with a plus.", columns, rows)
    return _section("streams", "Streams", _scrolled(told, len(rows)))


def _stream(stream: Mapping[str, Any]) -> list[object]:
    planned, usual = stream["windows_planned"], stream["usual_seconds"]
    jobs = words.number(stream["jobs_created"])
    return [
        stream["stream"],
        tag("span", stream["outcome"], class_=_mood(stream["outcome"])),
        words.number(stream["partitions"]) if stream["partitions"] else "",
        f"{words.number(stream['windows_done'])}/{'?' if planned is None else words.number(planned)}",
        words.number(stream["rows"]),
        words.size(stream["bytes"]),
        f"{jobs} + {words.number(stream['jobs_adopted'])}" if stream["jobs_adopted"] else jobs,
        "" if usual is None else words.brief(usual),
    ]


def _scrolled(content: Html, rows: int) -> Html:
    """Wide tables scroll sideways, long ones in a box of their own; the script lets the keyboard reach what scrolls."""
    return tag("div", content, class_="scroll" if rows <= MANY_ROWS else "scroll tall")


# jobs


def _jobs(report: Report) -> Html:
    legend = tag("ul", *(tag("li", _swatch(f"p-{STYLES[phase]}"), phase.value) for phase in Phase), class_="legend")
    head = [("columnheader", "label", "Window"), ("columnheader", "job", "Job"), ("columnheader", "axis", "Phases")]
    head += [("columnheader", "number", "Time"), ("columnheader", "number rows", "Rows")]
    cells = [
        tag(
            "div",
            tag("span", text, class_="unseen") if class_ == "axis" else text,
            tag("div", id="ticks", class_="ticks", aria_hidden="true") if class_ == "axis" else None,
            role=role,
            class_=class_,
        )
        for role, class_, text in head
    ]
    return _section(
        "jobs",
        "Jobs",
        tag("p", "A lane for each window: what it did when. A job that was made again stays in its window's lane."),
        _crowd(report),
        legend,
        tag("noscript", tag("p", "The lanes need JavaScript; all of their data is in the JSON file beside this page.")),
        _filters(report) if report["lanes"] else None,
        tag(
            "div",
            tag("div", tag("div", *cells, role="row", class_="head", aria_rowindex=1), role="rowgroup"),
            tag("div", id="lanes-body", class_="body", role="rowgroup"),
            id="lanes",
            class_="lanes",
            role="grid",
            tabindex=0,
            aria_label="Lanes of all jobs",
        ),
        _chosen_lane() if report["lanes"] else None,
    )


def _chosen_lane() -> Html:
    told = {"aria_live": "polite", "aria_label": "The chosen lane"}
    return tag("div", id="lane-details", class_="details", role="region", **told)


def _filters(report: Report) -> Html:
    streams = [(stream["stream"], stream["stream"]) for stream in report["streams"]]
    ends = {lane["outcome"] for lane in report["lanes"]}
    outcomes = [(end.value, end.value) for end in LaneEnd if end.value in ends]
    return tag(
        "form",
        _select("stream", "Stream", [("", "all"), *streams]),
        _select("outcome", "Outcome", [("", "all"), *outcomes]),
        tag("label", "Text", tag("input", type="search", name="text", placeholder="window, job id, error")),
        _select("order", "Order", [("begin", "first begun"), ("longest", "longest"), ("rows", "most rows")]),
        _select(
            "clock",
            "Time axis",
            [("run", "whole run"), ("view", "lanes in view"), ("lane", "from each lane's beginning")],
        ),
        tag("output", id="lanes-shown", aria_live="polite"),
        id="filters",
        class_="filters",
        role="search",
        aria_label="Filter the lanes",
    )


def _select(name: str, label: str, options: Iterable[tuple[str, str]]) -> Html:
    return tag("label", label, tag("select", *(tag("option", text, value=value) for value, text in options), name=name))


def _crowd(report: Report) -> Html:
    """How many units were at work when, one phase on top of the other."""
    crowd = report["crowd"]
    moments = len(crowd[Phase.RUNNING])
    below, layers = [0] * moments, []
    for phase in STACKED:
        above = [low + count for low, count in zip(below, crowd[phase], strict=True)]
        layers.append((phase, below, above))
        below = above
    peak = max(below, default=0)
    if not peak:
        return Html("")
    shapes = (tag("path", d=_outline(low, high, peak), class_=f"f-{STYLES[phase]}") for phase, low, high in layers)
    told = f"Units at work at the same time: {words.number(peak)} at most."
    size = {"viewBox": f"0 0 {moments} 100", "preserveAspectRatio": "none"}
    drawn = tag("svg", *shapes, role="img", aria_label=told, **size)
    view = tag("div", id="view", hidden=True)
    ends = tag("div", *(tag("span", text) for text in _ends(report)), class_="ends")
    return tag(
        "figure", tag("figcaption", told), tag("div", drawn, view, class_="chart", id="crowd"), ends, class_="crowd"
    )


def _ends(report: Report) -> tuple[str, str]:
    """Where the axis begins and ends, as seconds of the run and on the wall."""
    first, last = (datetime.fromisoformat(report[key]) for key in ("started_at", "ended_at"))
    return f"0 s, {first:%H:%M:%S} UTC", f"{words.brief(report['seconds'])}, {last:%H:%M:%S} UTC"


def _outline(low: list[int], high: list[int], peak: int) -> str:
    """Steps along the top, and back along the bottom."""
    top = [f"V{_height(value, peak)}H{end}" for value, _, end in _steps(high)]
    bottom = [f"V{_height(value, peak)}H{start}" for value, start, _ in reversed(_steps(low))]
    return f"M0 100{''.join(top)}{''.join(bottom)}Z"


def _steps(values: list[int]) -> list[tuple[int, int, int]]:
    """Equal values that follow each other as one: the value, where it begins, where it ends."""
    ends = [at for at in range(1, len(values)) if values[at] != values[at - 1]]
    return [(values[start], start, end) for start, end in zip([0, *ends], [*ends, len(values)], strict=True)]


def _height(value: int, peak: int) -> str:
    return f"{100 - 100 * value / peak:.1f}"


# requests, bookmarks, configuration


def _requests(report: Report) -> Html:
    columns = [
        Column("Step"),
        Column("Requests", number=True),
        Column("Median", number=True),
        Column("95 of 100 within", number=True),
        Column("Bytes", number=True),
        Column("Answers"),
    ]
    rows = [
        [
            step["step"],
            words.number(step["count"]),
            words.brief(step["median_seconds"]),
            words.brief(step["p95_seconds"]),
            words.size(step["bytes"]),
            ", ".join(f"{status} ({words.number(count)})" for status, count in step["answers"].items()),
        ]
        for step in report["requests"]
    ]
    content = _scrolled(table("Calls of each step and how soon they were answered.", columns, rows), len(rows))
    return _section("requests", "Requests", content if rows else tag("p", "No request was made.", class_="soft"))


def _bookmarks(report: Report) -> Html:
    columns = [Column("Stream"), Column("Partition"), Column("Before"), Column("After")]
    rows = [
        [entry["stream"], entry["partition"], _bookmark(entry["before"]), _bookmark(entry["after"])]
        for entry in report["bookmarks"]
    ]
    content = _scrolled(table("What the state held before the run and after it.", columns, rows), len(rows))
    return _section("bookmarks", "Bookmarks", content if rows else tag("p", "The state holds none.", class_="soft"))


def _bookmark(entry: Mapping[str, Any] | None) -> object:
    if entry is None:
        return tag("span", "none", class_="soft")
    parts: list[object] = [entry["value"] or tag("span", "none", class_="soft")]
    if entry["until"]:
        parts.append(tag("span", f" until {entry['until']}", class_="soft"))
    if entry["jobs"]:
        parts.append(f", {words.many(entry['jobs'], 'job')} kept")
    return joined(parts)


def _configuration(report: Report) -> Html:
    columns = [Column("Key", "mono"), Column("Value", "mono words"), Column("Origin")]
    rows = [[entry["key"], entry["value"], entry["origin"]] for entry in report["configuration"]]
    if not rows:
        return _section("configuration", "Configuration", tag("p", "Not recorded.", class_="soft"))
    content = _scrolled(
        table("Every value in effect and where it comes from; secrets are hidden.", columns, rows), len(rows)
    )
    return _section("configuration", "Configuration", content)


def footer(json_name: str) -> Html:
    """Where the same data is for programs."""
    link = tag("a", json_name, href=quote(json_name))
    return tag("footer", tag("p", "The same data for programs: ", link, "."))
