"""YAML read with YAML 1.2's core scalars, the place of every key, and its traps told by name."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

import yaml

from tap_asyncreport.config.sources import Located, Place
from tap_asyncreport.config.text import BadSyntax, FileText
from tap_asyncreport.config.yaml_traps import QUOTES, quoted, syntax_fault
from tap_asyncreport.errors import Problem

PLAIN = "plain"
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?(?:(?<=[0-9])\.|\.[0-9]+|(?<=[0-9])(?=[eE]))[0-9]*(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# YAML 1.1 takes these for line breaks, YAML 1.2 and people do not
_HIDDEN = {ord(mark): place for mark, place in zip("\x85\u2028\u2029", "\ue010\ue011\ue012", strict=True)}
_SHOWN = {ord(place): chr(mark) for mark, place in _HIDDEN.items()}
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}
_TEXT_TAG = "tag:yaml.org,2002:str"
_MOST_NODES = 200_000
_MOST_DIGITS = 4000


def read_yaml(file: FileText) -> tuple[Located, list[Problem]]:
    """The text's value, and the faults that do not end its reading; raises BadSyntax for those that do.

    Only `true`, `false`, `null`, `~` and numbers are more than text: dates, `NO`, `1:30` and `012` stay as written.
    """
    try:
        node = yaml.compose(file.text.translate(_HIDDEN), loader())
    except yaml.YAMLError as error:
        raise syntax_fault(file, error) from None
    except RecursionError:
        raise BadSyntax(file.problem(0, "it is nested too deeply")) from None
    builder = _Builder(file)
    if node is None:
        return Located({}, Place(file.name, 1, 1)), []
    return builder.build(node, builder.place(node)), builder.problems


def loader() -> Any:
    """What composes nodes: libyaml where it is built in, else the slower one; neither resolves a scalar."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Plain(base):  # type: ignore[misc]
        def resolve(self, _kind: Any, _value: Any, _implicit: Any) -> str:
            return PLAIN

        def descend_resolver(self, _parent: Any, _index: Any) -> None: ...

        def ascend_resolver(self) -> None: ...

    return Plain


class _Builder:
    """Turns YAML's nodes into located values."""

    def __init__(self, file: FileText) -> None:
        self._file = file
        self._open: set[int] = set()
        self._nodes = 0
        self._keys: list[str] = []
        self.problems: list[Problem] = []

    def place(self, node: Any) -> Place:
        return self._file.place(node.start_mark.index)

    def build(self, node: Any, place: Place) -> Located:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise BadSyntax(self._problem(node, f"it holds more than {_MOST_NODES} values"))
        if node.tag != PLAIN and node.tag not in _TAGS and node.tag != "!":
            self.problems.append(
                self._problem(node, "tags have no meaning here", "leave out the word that begins with `!`")
            )
        if isinstance(node, yaml.ScalarNode):
            return Located(self._scalar(node), place)
        if id(node) in self._open:
            raise BadSyntax(self._problem(node, "an alias holds itself"))
        if self._unquoted(node):
            return Located(self._written(node), place)
        self._open.add(id(node))
        value = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._list(node)
        self._open.remove(id(node))
        return Located(value, place)

    def _problem(self, node: Any, message: str, hint: str | None = None, key: str = "") -> Problem:
        return self._file.problem(node.start_mark.index, message, hint, key)

    def _list(self, node: Any) -> list[Located]:
        return [self._under(node_name(item) or str(n), item, self.place(item)) for n, item in enumerate(node.value)]

    def _under(self, key: str, node: Any, place: Place) -> Located:
        self._keys.append(key)
        built = self.build(node, place)
        self._keys.pop()
        return built

    def _mapping(self, node: Any) -> dict[str, Located]:
        mapping: dict[str, Located] = {}
        inherited: list[dict[str, Located]] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(self._problem(key, "a key must be text"))
            elif key.value == "<<" and not key.style:
                inherited += self._inherited(value)
            else:
                name = key.value.translate(_SHOWN)
                if name in mapping:
                    before = mapping[name].place.line
                    whole = ".".join([*self._keys, name])
                    self.problems.append(self._problem(key, f"the key stands twice, first in line {before}", key=whole))
                mapping[name] = self._under(name, value, self.place(key))
        for other in inherited:
            mapping = {**other, **mapping}
        return mapping

    def _inherited(self, node: Any) -> list[dict[str, Located]]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        built = [self.build(source, self.place(source)) for source in sources]
        if not all(isinstance(source.value, dict) for source in built):
            self.problems.append(self._problem(node, "`<<` takes a mapping, or a list of them"))
        return [source.value for source in built if isinstance(source.value, dict)]

    def _unquoted(self, node: Any) -> bool:
        """`{{ x }}` without quotes, which YAML reads as a mapping whose key is a mapping."""
        keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
        if len(keys) != 1 or not isinstance(keys[0], yaml.MappingNode) or not self._written(node).startswith("{{"):
            return False
        self.problems.append(self._problem(node, QUOTES, f"write {quoted(' '.join(self._written(node).split()))}"))
        return True

    def _written(self, node: Any) -> str:
        return self._file.text[node.start_mark.index : node.end_mark.index]

    def _scalar(self, node: Any) -> Any:
        text = node.value.translate(_SHOWN)
        return text if node.style or node.tag in (_TEXT_TAG, "!") else core_scalar(text)


def node_name(node: Any) -> str | None:
    """The `name` of a list's item, by which it goes in messages."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value.value for key, value in pairs if key.value == "name" and value.value), None)


def core_scalar(text: str) -> Any:
    """What an unquoted scalar is: null, a truth value or a number where it cannot be anything else, else text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _MOST_DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) and isfinite(float(text)) else text
