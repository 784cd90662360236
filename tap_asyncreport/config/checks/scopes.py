"""Which names a template may use, by the key that it stands under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tap_asyncreport.config.sources import Keys

RUN = frozenset({"secrets", "vars", "config", "run", "now", "uuid", "range", "dict", "namespace"})
UNIT = RUN | {"partition", "window"}
JOB = UNIT | {"creation_response", "creation_responses", "polling_response", "job"}
DOWNLOAD = JOB | {"download_target"}
ANSWER = frozenset({"response"})

_SECTIONS: Mapping[str, frozenset[str]] = {
    "creation_requester": UNIT | {"job"},
    "polling_requester": JOB | {"jobs"},
    "download_target_requester": DOWNLOAD | ANSWER,
    "download_target_extractor": JOB | ANSWER,
    "download_retriever": DOWNLOAD,
    "abort_requester": JOB,
    "delete_requester": JOB,
    "error_requester": JOB | ANSWER,
    "responses": DOWNLOAD | ANSWER,
    "status": JOB | ANSWER,
    "jobs": JOB | ANSWER,
    "expect": DOWNLOAD | ANSWER,
    "decode": DOWNLOAD | ANSWER,
    "add_columns": DOWNLOAD | {"record"},
    "partitions": RUN | {"partition", "record"},
    "incremental": RUN,
}
_TOP: Mapping[str, frozenset[str]] = {"headers": DOWNLOAD, "authenticator": DOWNLOAD}
_OF_ANSWERS = ("responses", "paginator", "job_id", "select", "extractor", "token", "expires_in", "records", "value")
_OF_A_JOB_THAT_EXISTS = ("id", "created_at")
_STEPS_WITH_NAMES = ("creation_requester", "download_target_requester", "error_requester")

SINCE: Mapping[str, str] = {
    "creation_response": "after the creation",
    "creation_responses": "after the first of several creation steps",
    "polling_response": "after the creation",
    "job": "after the creation",
    "jobs": "in the polling requester",
    "download_target": "in the download, and after it",
    "response": "in rules, paginators, extractors and `expect`",
    "record": "in `add_columns`, and in the `value` of a partition",
    "window": "in streams",
    "partition": "in streams",
}


def names_at(keys: Keys, raw: Mapping[str, Any]) -> frozenset[str]:
    """The names that hold at a path of keys."""
    answers = ANSWER if any(key in _OF_ANSWERS for key in keys) else frozenset()
    if keys[0] != "streams":
        return _TOP.get(str(keys[0]), RUN) | answers
    section = str(keys[2]) if len(keys) > 2 else ""  # noqa: PLR2004
    stream = stream_at(keys, raw)
    names = _SECTIONS.get(section, UNIT) | answers
    if section == "creation_requester":
        names |= _in_creation(keys, stream.get(section), answered=bool(answers))
    if section == "incremental" and keys[-1] == "timezone":
        names |= {"partition"}
    if section in _STEPS_WITH_NAMES:
        names |= set(step_names(stream.get(section)))
    return names


def before_its_job(keys: Keys, raw: Mapping[str, Any], name: str) -> bool:
    """Whether `job.<name>` is asked for where the job does not exist yet; its attempt is known all the same."""
    section = keys[2] if keys[0] == "streams" and len(keys) > 2 else None  # noqa: PLR2004
    if section != "creation_requester" or name not in _OF_A_JOB_THAT_EXISTS:
        return False
    answered = any(key in _OF_ANSWERS for key in keys)
    return not answered and "polling_response" not in names_at(keys, raw)


def _in_creation(keys: Keys, steps: Any, *, answered: bool) -> frozenset[str]:
    number = keys[3] if len(keys) > 3 else None  # noqa: PLR2004
    names: frozenset[str] = frozenset()
    if answered or (isinstance(number, int) and number > 0):
        names |= {"creation_response", "creation_responses"}
    last = steps[-1] if isinstance(steps, list) and steps else steps
    if isinstance(last, Mapping) and last.get("paginator"):
        names |= {"polling_response"}
    return names


def stream_at(keys: Keys, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stream that a path leads into, as written."""
    streams = raw.get("streams")
    number = keys[1] if len(keys) > 1 else None
    found = streams[number] if isinstance(streams, list) and isinstance(number, int) else None
    return found if isinstance(found, Mapping) else {}


def step_names(steps: Any) -> list[str]:
    """The names of the steps of a list of requesters."""
    listed = steps if isinstance(steps, list) else [steps]
    names = [step.get("name") if isinstance(step, Mapping) else None for step in listed]
    return [name for name in names if isinstance(name, str) and name]


def partition_names(stream: Mapping[str, Any]) -> list[str]:
    """The names of a stream's dimensions of partitions."""
    dimensions = stream.get("partitions")
    named = dimensions if isinstance(dimensions, list) else []
    return [str(dimension["name"]) for dimension in named if isinstance(dimension, Mapping) and "name" in dimension]
