"""States that other tools, older versions and targets have left, brought into the standard Singer shape.

What is understood: Singer's `bookmarks` with any key for the value, and the same without `bookmarks`; the wrappers that
Meltano and Singer targets put around it; Airbyte's messages, cursors and per-partition states; bookmarks that are keyed
by the value of a partition.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tap_asyncreport.errors import StateError
from tap_asyncreport.moments import SPELLINGS, is_moment

logger = logging.getLogger("tap-asyncreport")

VALUE = "replication_key_value"
# The SDK's notes about a run that did not end; its bookmark proper stands beside them.
UNFINISHED = ("progress_markers", "starting_replication_value", "replication_key_signpost")
# What tools keep beside the value that could be taken for one.
_NOT_VALUES = frozenset(
    {
        VALUE, "replication_key", "replication_method", "until", "jobs", "partitions", "context", "absent", "known",
        *UNFINISHED,
        "version", "JobID", "BatchIDs", "JobHighestBookmarkSeen", "initial_full_table_complete", "offset", "page",
        "max_pk_values", "last_pk_fetched", "last_replication_method", "xmin", "lsn", "schema",
        "lookback_window", "use_global_cursor", "parent_state", "slices", "filter_statuses", "include_deleted",
        "state_type", "state", "states",
    }
)  # fmt: skip
_EMPTY = "an empty state is written {}"
_OPENING = '{"bookmarks":'
_TORN = "where it was cut off, take an earlier state; an empty file starts everything anew"
_BESIDE = frozenset({"current_stream", "currently_syncing", "type"})


def text_of(file: str, what: str) -> str:
    """The text of a file given on the command line, `-` being standard input; raises StateError."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unread(file, what, error) from None


def state_of(file: str) -> Any:
    """The state in a file given on the command line, as `state_in` reads it; raises StateError."""
    if file == "-":
        return state_in(text_of(file, "state"), file)
    try:
        text = Path(file).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise _unread(file, "state", error) from None
    return state_in(text, file)


def state_in(text: str, file: str) -> Any:
    """The state that a text holds, whole or as the last of its lines: targets append one per state.

    A target that was killed leaves its last line torn, and the next one's first line behind it on the same line. The
    last whole state counts then, which is older at worst, and that is said. An empty text holds an empty state. Raises
    StateError for what holds none.
    """
    text = text.removeprefix("\ufeff")
    try:
        return _json(text) if text.strip() else {}
    except ValueError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        found = _last_whole(lines)
        if found is None:
            raise _unread(file, "state", error) from None
        at, state = found
    if lines[at + 1 :]:
        logger.warning(
            "the state in %s: its end is torn; line %d is the last that is whole, and what was finished after it is "
            "read again", file, at + 1,
        )  # fmt: skip
    return state


def _json(text: str) -> Any:
    text.encode()  # raises for bytes that were not UTF-8
    return json.loads(text)


def _last_whole(lines: list[str]) -> tuple[int, Any] | None:
    """Number and state of the last line that holds one; None where the first line holds none: those are no states."""
    for at in reversed(range(len(lines))):
        state = _on_line(lines[at])
        if state is None:
            continue
        is_last = len(lines) - 1 == at
        return (at, state) if is_last or _on_line(lines[0]) is not None else None
    return None


def _on_line(line: str) -> Any:
    """The state on a line, at its end where it begins with the rest of another; None where there is none."""
    for text in (line, line[line.rfind(_OPENING) :] if _OPENING in line[1:] else ""):
        with suppress(ValueError):
            state = _json(text)
            return state if isinstance(state, Mapping | list) else None
    return None


def _unread(file: str, what: str, error: Exception) -> StateError:
    if isinstance(error, OSError):
        return StateError(f"the {what} given in {file} cannot be read: {error.strerror}")
    if isinstance(error, UnicodeError):
        return StateError(f"the {what} given in {file} cannot be read: it is not UTF-8")
    return StateError(f"the {what} in {file} is not JSON: {error}", hint=_TORN)


def standard_state(state: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A state's bookmarks by stream, and what stood beside them; raises StateError for what is no state at all."""
    if state is None:
        return {}, {}
    if isinstance(state, list) and state:
        return _from_messages(state), {}
    if not isinstance(state, Mapping):
        raise StateError(f"the state is {_shown(state)}, not a JSON object", hint=_EMPTY)
    if "bookmarks" not in state and (wrapped := _wrapped(state)):
        read = [standard_state(each) for each in wrapped]
        return {name: each for bookmarks, _ in read for name, each in bookmarks.items()}, read[0][1]
    if "bookmarks" in state:
        bookmarks = {} if state["bookmarks"] is None else state["bookmarks"]
        if not isinstance(bookmarks, Mapping):
            raise StateError(f"the state's `bookmarks` are {_shown(bookmarks)}, not an object by stream", hint=_EMPTY)
        return dict(bookmarks), {name: value for name, value in state.items() if name != "bookmarks"}
    if state.get("type") in ("STREAM", "GLOBAL", "LEGACY", "STATE"):
        return _from_messages([state]), {}
    bare = {name: value for name, value in state.items() if _is_bookmark(name, value)}
    return bare, {name: value for name, value in state.items() if name not in bare}


def standard_entry(stream: str, entry: Any, dimensions: tuple[str, ...]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A stream's own fields and those of its partitions, each of these with a `context`; raises StateError."""
    if entry is None:
        return {}, []
    if not isinstance(entry, Mapping):
        return {VALUE: entry}, []
    fields = {name: value for name, value in entry.items() if name not in ("partitions", *UNFINISHED)}
    listed = entry.get("partitions") or []
    if not isinstance(listed, list) or not all(_has_context(each) for each in listed):
        raise StateError(
            f"the state of stream {stream!r} cannot be read: its `partitions` are {_shown(listed)}",
            hint="they are a list of objects, each with a `context`",
        )
    kept = [{name: value for name, value in each.items() if name not in UNFINISHED} for each in listed]
    partitions = [{**each, "context": _named(each["context"], dimensions)} for each in kept]
    if dimensions and not partitions:
        partitions = _per_partition_cursors(fields, dimensions) or _keyed_by_value(fields, dimensions)
    return fields, partitions


def bookmarked_value(stream: str, fields: Mapping[str, Any], replication_key: str | None) -> Any:
    """The bookmark among a stream's or a partition's fields, None where there is none; raises StateError."""
    for name in (VALUE, replication_key, fields.get("replication_key")):
        value = fields.get(name) if isinstance(name, str) else None
        if value is not None:
            return value if is_moment(value) else _refuse(stream, str(name), value)
    candidates = {name: value for name, value in _scalars(fields) if name not in _NOT_VALUES}
    readable = {name: value for name, value in candidates.items() if is_moment(value)}
    if len(readable) > 1:
        raise StateError(
            f"the state of stream {stream!r} cannot be read: {' and '.join(readable)} could each be the bookmark",
            hint=f"name the right one {VALUE}, or set the stream's `replication_key`",
        )
    if not readable and candidates:
        name, value = next(iter(candidates.items()))
        return _refuse(stream, name, value)
    return next(iter(readable.values()), None)


def unreadable(stream: str, name: str, value: Any) -> StateError:
    """The error about a field of a stream's state that cannot be understood."""
    return StateError(
        f"the state of stream {stream!r} cannot be read: {name} is {_shown(value)}",
        hint=f"read are {SPELLINGS}; correct it, or remove the stream's bookmark to start it anew",
    )


def _refuse(stream: str, name: str, value: Any) -> Any:
    raise unreadable(stream, name, value)


def _scalars(fields: Mapping[str, Any]) -> list[tuple[str, Any]]:
    nested = fields.get("state")
    every = [*fields.items(), *(nested.items() if isinstance(nested, Mapping) else ())]
    scalars = [each for each in every if isinstance(each[1], str | int | float)]
    return [(name, value) for name, value in scalars if value != "" and not isinstance(value, bool)]


def _wrapped(state: Mapping[str, Any]) -> list[Any]:
    """What others put their wrapping around: Meltano's `completed` and the `partial` of runs since, or one state."""
    both = [state.get(name) for name in ("completed", "partial")]
    found = [each["singer_state"] for each in both if isinstance(each, Mapping) and "singer_state" in each]
    if found:
        return found
    if isinstance(state.get("singer_state"), Mapping):
        return [state["singer_state"]]
    value = state.get("value")
    is_message = isinstance(value, Mapping) and (state.get("type") == "STATE" or "bookmarks" in value)
    return [value] if is_message else []


def _is_bookmark(name: str, value: Any) -> bool:
    return name not in _BESIDE and (isinstance(value, Mapping) or is_moment(value))


def _has_context(partition: Any) -> bool:
    return isinstance(partition, Mapping) and isinstance(partition.get("context"), Mapping)


def _from_messages(messages: list[Any]) -> dict[str, Any]:
    """Airbyte's state messages, in their old and new spellings."""
    bookmarks: dict[str, Any] = {}
    for message in messages:
        if not isinstance(message, Mapping):
            raise StateError(f"the state holds {_shown(message)} where a message about a stream is expected")
        body = message.get("state", message)
        everything = body.get("global") or {}
        for state in (body.get("stream"), *everything.get("stream_states", ())):
            if isinstance(state, Mapping):
                described = state.get("stream_descriptor") or state.get("streamDescriptor") or {}
                bookmarks[str(described.get("name"))] = state.get("stream_state", state.get("streamState"))
        bookmarks.update(body.get("data") or {})
    return bookmarks


def _per_partition_cursors(fields: dict[str, Any], dimensions: tuple[str, ...]) -> list[dict[str, Any]]:
    """Airbyte's `states`: a list of `{partition, cursor}`."""
    states = fields.get("states")
    if not isinstance(states, list) or not all(isinstance(each, Mapping) and "cursor" in each for each in states):
        return []
    del fields["states"]
    found = []
    for each in states:
        given = {name: value for name, value in each.get("partition", {}).items() if name != "parent_slice"}
        context = _named(given, dimensions)
        cursor = each["cursor"]
        found.append({"context": context, **(cursor if isinstance(cursor, Mapping) else {VALUE: cursor})})
    return found


def _named(context: Mapping[str, Any], dimensions: tuple[str, ...]) -> Mapping[str, Any]:
    """The context; where it has one value, and the partitions one dimension, under that one's name."""
    return {dimensions[0]: next(iter(context.values()))} if len(context) == len(dimensions) == 1 else context


def _keyed_by_value(fields: dict[str, Any], dimensions: tuple[str, ...]) -> list[dict[str, Any]]:
    """`{"7": {"date": "2026-01-31"}}`: a bookmark for each value of the one partition."""
    keyed = {name: value for name, value in fields.items() if isinstance(value, Mapping) and name not in _NOT_VALUES}
    if len(dimensions) != 1 or not keyed:
        return []
    for name in keyed:
        del fields[name]
    return [{"context": {dimensions[0]: name}, **value} for name, value in keyed.items()]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"  # noqa: PLR2004
