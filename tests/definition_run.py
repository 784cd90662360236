"""Runs of a definition as it ships, against a simulator: what a user sets, and waits that do not take minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from process import Outcome, Process

from tap_asyncreport.tap import TapAsyncReport

QUICK = {
    "poll_interval": "30ms", "poll_interval_max": "30ms", "initial_delay": "0s", "retry_wait": "10ms",
}  # fmt: skip
STEPS = (
    "creation_requester", "polling_requester", "download_target_requester", "download_retriever", "abort_requester",
    "delete_requester",
)  # fmt: skip
RETRY = {"retry": {"wait": "20ms"}}


def quick(settings: Mapping[str, Any], jobs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The user's settings, with every stream's waits cut short: for jobs, and before a call is sent again."""
    named = TapAsyncReport(config=dict(settings)).loaded.settings.streams
    given = {stream["name"]: stream for stream in settings.get("streams", [])}
    streams = []
    for stream in named:
        mine = given.get(stream.name, {})
        merged = {"name": stream.name, **mine, "jobs": {**QUICK, **(jobs or {}), **mine.get("jobs", {})}}
        for step in STEPS:
            asked = mine.get(step, {})
            if one_request(getattr(stream, step)) and isinstance(asked, Mapping):
                merged[step] = {**RETRY, **asked}
        streams.append(merged)
    return {**settings, "streams": streams}


def one_request(step: Any) -> bool:
    """Whether a step sends one request; the requests of a step that sends several are a list, which is replaced whole."""
    return step is not None and (not isinstance(step, list) or [None] == [request.name for request in step])


def only(settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A catalog in which these streams are selected and no other is."""
    catalog = TapAsyncReport(config=dict(settings)).catalog_dict
    for entry in catalog["streams"]:
        (about,) = (place["metadata"] for place in entry["metadata"] if not place["breadcrumb"])
        about["selected"] = entry["tap_stream_id"] in names
    return catalog


def run_definition(
    tap: Process,
    settings: Mapping[str, Any],
    streams: Sequence[str],
    *,
    jobs: Mapping[str, Any] | None = None,
    **more: Any,
) -> Outcome:
    """Runs the tap as a process for some streams of a definition."""
    config = quick(settings, jobs)
    return tap.run(config, catalog=only(config, streams), **more)
