"""Unquoted values that people, and YAML 1.1, may take for something else than they are read as here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tap_asyncreport.config.sources import Keys
from tap_asyncreport.config.text import FileText
from tap_asyncreport.config.yaml_text import PLAIN, core_scalar, loader, node_name
from tap_asyncreport.errors import Problem

# where any value may stand, so that nothing else tells a word from a truth value
_ANY = frozenset({"add_columns", "form", "headers", "json", "params", "values", "vars"})
_TRUE, _FALSE = frozenset({"y", "yes", "on"}), frozenset({"n", "no", "off"})
_NUMBER = re.compile(r"[-+]?(?:0[0-9_]+|0[xob][0-9A-Fa-f_]+|[0-9][0-9_]*_[0-9_]*|[0-9]+(?::[0-5]?[0-9])+)(?:\.[0-9]*)?")


def words(file: FileText) -> Iterator[Problem]:
    """A remark on each such value of a text that can be read, the first place of each."""
    told = set[str]()
    node = yaml.compose(file.text, loader())
    for keys, scalar in _scalars(node, ()):
        remark = _remark(scalar.value) if not scalar.style and scalar.tag == PLAIN else None
        if remark is not None and scalar.value not in told and any(key in _ANY for key in keys):
            told.add(scalar.value)
            yield file.problem(scalar.start_mark.index, remark, key=".".join(map(str, keys)))


def _scalars(node: Any, keys: Keys) -> Iterator[tuple[Keys, Any]]:
    if isinstance(node, yaml.ScalarNode):
        yield keys, node
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(value, (*keys, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _scalars(item, (*keys, node_name(item) or number))


def _remark(text: str) -> str | None:
    word = text.casefold()
    if word in _TRUE | _FALSE:
        truth = "true" if word in _TRUE else "false"
        return f"`{text}` is text here; write {truth} if that is meant, else quotes make it plain"
    if _NUMBER.fullmatch(text):
        return f"`{text}` is text here, not a number; quotes make that plain"
    value = core_scalar(text)
    if isinstance(value, int | float) and not isinstance(value, bool) and str(value) != text:
        return f"`{text}` is the number {value} here; put it in quotes if it is to be sent as it is written"
    return None
