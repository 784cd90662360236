"""One key of a stream set in a YAML file, the rest of which stays as it is written, comments and all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from tap_asyncreport.config.sources import plain
from tap_asyncreport.config.text import BadSyntax, FileText
from tap_asyncreport.config.yaml_text import read_yaml

_FIRST = ("name", "primary_keys", "replication_key")  # what a stream's columns follow


def with_columns(text: str, stream: str, lines: Sequence[str]) -> str | None:
    """The file's text with these lines, `columns:` and what is under it, in that stream.

    None where that cannot be done without losing anything: the stream is not there or is written on one line, or the
    columns that it has hold comments.
    """
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    node = _stream(root, stream)
    if node is None or node.flow_style:
        return None
    written = text.splitlines(keepends=True)
    indent = " " * node.value[0][0].start_mark.column
    first, last = _place(node)
    if last < first or any("#" in line for line in written[first:last]):
        return None
    block = [f"{indent}{line}\n" for line in lines]
    if written and not written[-1].endswith("\n"):
        written[-1] += "\n"
    changed = "".join([*written[:first], *block, *written[last:]])
    return changed if _differs_there_only(text, changed, stream) else None


def _stream(root: Any, name: str) -> Any:
    streams = _value(root, "streams")
    if not isinstance(streams, yaml.SequenceNode):
        return None
    return next((item for item in streams.value if getattr(_value(item, "name"), "value", None) == name), None)


def _value(node: Any, key: str) -> Any:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for found, value in pairs if found.value == key), None)


def _place(node: Any) -> tuple[int, int]:
    """The lines of the columns that there are, as first and behind the last; an empty span where there are none."""
    behind = 0
    for key, value in node.value:
        if key.value == "columns":
            return key.start_mark.line, _last_line(value) + 1
        if key.value in _FIRST:
            behind = max(behind, _last_line(value) + 1)
    return behind, behind


def _last_line(node: Any) -> int:
    """The last line of a value; a block's own end is where the next thing begins."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        line: int = node.end_mark.line
        return line
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)


def _differs_there_only(before: str, after: str, stream: str) -> bool:
    try:
        old, new = (plain(read_yaml(FileText("", text))[0]) for text in (before, after))
    except BadSyntax:
        return False
    for tree in (old, new):
        for each in tree["streams"]:
            if each.get("name") == stream:
                each.pop("columns", None)
    return bool(old == new)
