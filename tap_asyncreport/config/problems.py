"""What is wrong with a configuration, as people read it: where, what, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tap_asyncreport.calling import meltano_name
from tap_asyncreport.config.belonging import Level, meant_key
from tap_asyncreport.config.nearest import meant
from tap_asyncreport.config.renaming import Change
from tap_asyncreport.config.shapes import Shape, allowed, fields, fitting, is_model, listed, step, type_tag
from tap_asyncreport.config.sources import Keys, Sources
from tap_asyncreport.config.values import Lacks
from tap_asyncreport.errors import Problem
from tap_asyncreport.secrecy.hiding import Hiding
from tap_asyncreport.templates import to_json

if TYPE_CHECKING:
    from tap_asyncreport.config.values import Model

_NOT_SHOWN = ("secrets", "authenticator")
_QUOTED = re.compile("'[^']*'|\"[^\"]*\"")
_MASK = "•••"
_OF_A_STREAM = 3  # parts of a path such as streams.0.name
_NOT_DEFINED = "it is missing, and the definition has no stream of this name"
_BEGIN = "`tap-asyncreport init` writes a configuration to begin with"
_GIVE = "`--config FILE` names one, `--config ENV` takes the TAP_ASYNCREPORT_* variables"
_KINDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
}
_TAGS = {"text": "text", "list": "a list", "mapping": "a mapping", "number": "a number", "one": "text or a mapping"}


def render(problems: Iterable[Problem]) -> str:
    """One line per problem, `file:line:column: key: message`, and under it what to try."""
    lines = []
    for problem in problems:
        place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part is not None)
        lines.append(": ".join(part for part in (place, problem.key, problem.message) if part))
        if problem.hint:
            lines.append(f"    try: {problem.hint}")
    return "\n".join(lines)


def in_order(problems: Iterable[Problem], secrets: Iterable[object]) -> list[Problem]:
    """The problems by file and line, each once, with no secret in their texts."""
    hiding = Hiding(secrets)
    once: dict[object, Problem] = {}
    for problem in problems:  # what stands in `stream_defaults` is wrong for every stream
        clean = _masked(problem, hiding)
        place = (clean.file, clean.line, clean.column) if clean.line else clean.key
        once.setdefault((place, clean.key.rsplit(".", 1)[-1], clean.message), clean)
    return sorted(once.values(), key=lambda problem: (problem.file or "", problem.line or 0, problem.column or 0))


def _masked(problem: Problem, hiding: Hiding) -> Problem:
    def clean(text: str) -> str:
        return hiding.hide(text, lambda _: _MASK)

    return replace(problem, message=clean(problem.message), hint=problem.hint and clean(problem.hint))


class Teller:
    """Tells the faults of one configuration, at the places where it is written.

    `changes` are the unknown keys of which is known what they were to be, after all faults were told.
    """

    def __init__(self, raw: Any, sources: Sources, model: type[Model]) -> None:
        self._raw = raw
        self._sources = sources
        self._top: tuple[Shape, ...] = (Shape(model),)
        self.changes: list[Change] = []

    def at(self, keys: Keys, message: str, hint: str | None = None, *, lacks: Keys | None = None) -> Problem:
        """A fault of a path of keys; where it is that something is not there, `lacks` is the path of that."""
        found = self._sources.at(keys).problem(message, self._sources.key(keys), hint)
        return found if lacks is None else replace(found, lacks=self._sources.key(lacks))

    def told(self, error: ValidationError, before: Keys = ()) -> list[Problem]:
        """The faults that the models found; `before` is the path to what was validated."""
        faults = error.errors(include_url=False)
        return [problem for fault in faults for problem in self._faults(dict(fault), before)]

    def _faults(self, fault: dict[str, Any], before: Keys) -> Iterator[Problem]:
        """A fault, and those within a mapping that stands where a list of such is expected."""
        yield self._fault(fault, before)
        if fault["type"] != "list_type" or not isinstance(fault["input"], Mapping):
            return
        _, alternatives = self._keys((*before, *fault["loc"]))
        for model in models_of(alternatives, fault["input"]):
            try:
                model.model_validate(fault["input"])
            except ValidationError as inner:
                yield from self.told(inner, (*before, *fault["loc"]))

    def _fault(self, fault: dict[str, Any], before: Keys) -> Problem:
        kind: str = fault["type"]
        location = (*before, *fault["loc"])
        if kind == "missing":
            keys, alternatives = self._keys(location[:-1])
            whole = (*keys, location[-1])
            if len(whole) == _OF_A_STREAM and whole[-1] == "creation_requester" and self._raw.get("definition"):
                return self._not_defined(whole)
            if whole == ("streams",):
                return self.at(whole, "it is missing", _beginning(self._raw), lacks=whole)
            return self.at(whole, "it is missing", _example(alternatives, str(location[-1])), lacks=whole)
        keys, alternatives = self._keys(location)
        if kind == "extra_forbidden":
            return self._unknown(keys)
        if kind.startswith("union_tag"):
            return self._wrong_member(fault, keys)
        error = fault.get("ctx", {}).get("error")
        lacks = (*keys, error.key) if isinstance(error, Lacks) else None
        hint = self._hint(fault, keys, alternatives)
        return self.at(keys, self._message(fault, keys, alternatives), hint, lacks=lacks)

    def _unknown(self, keys: Keys) -> Problem:
        levels = list(self._levels(keys))
        other = meant_key(str(keys[-1]), levels)
        told = self.at(keys, "there is no such key", other.hint)
        told = replace(told, meant=self._sources.key(other.keys) if other.keys else None)
        beside = levels[0].value
        if other.is_wrapper:
            self.changes.append(Change(keys, None, told))
        elif other.keys is not None and other.keys[:-1] == keys[:-1] and other.keys[-1] not in beside and other.is_same:
            self.changes.append(Change(keys, str(other.keys[-1]), told))
        return told

    def _not_defined(self, keys: Keys) -> Problem:
        """A stream that has only what lies over one of the definition's, which has none of that name."""
        streams = self._raw["streams"]
        whole = [each for each in streams if isinstance(each, Mapping) and "creation_requester" in each]
        names = [str(each["name"]) for each in whole if "name" in each]
        name = str(streams[keys[1]].get("name")) if isinstance(streams[keys[1]], Mapping) else ""
        hint = meant(name, names) or (f"the others are {', '.join(names)}" if names else None)
        return replace(self.at(keys, _NOT_DEFINED, hint, lacks=keys), meant=f"{self._sources.key(keys[:-1])}.")

    def _keys(self, location: Sequence[str | int]) -> tuple[Keys, tuple[Shape, ...]]:
        """A location as the keys that the user wrote, without tags of unions and the like, and the types there."""
        keys: list[str | int] = []
        value, alternatives = self._raw, self._top
        for part in location:
            inner = _inside(value, part)
            if inner:
                keys.append(part)
                alternatives = fitting_or_all(alternatives, value)
                value = inner[0]
            alternatives = step(alternatives, part)
        return tuple(keys), alternatives

    def _levels(self, keys: Keys) -> Iterator[Level]:
        """What may stand beside a key, and on each level above it."""
        for length in range(len(keys) - 1, -1, -1):
            _, alternatives = self._keys(keys[:length])
            value = self._raw
            for key in keys[:length]:
                value = value[key]
            if isinstance(value, Mapping):
                yield Level(keys[:length], models_of(alternatives, value), value)

    def _wrong_member(self, fault: dict[str, Any], keys: Keys) -> Problem:
        context = fault.get("ctx", {})
        if "'type'" not in context.get("discriminator", ""):
            expected = context.get("expected_tags", "")
            kinds = [name for tag, name in _TAGS.items() if f"'{tag}'" in expected] or ["text", "a mapping"]
            return self.at(keys, f"it must be {either(kinds)}, not {_kind_of(fault.get('input'))}")
        words = [word.strip().strip("'") for word in context.get("expected_tags", "").split(",") if word.strip()]
        if not words:
            _, alternatives = self._keys(fault["loc"])
            words = [tag for shape in alternatives if (tag := type_tag(shape.type))]
        if fault["type"] == "union_tag_not_found":
            whole = (*keys, "type")
            return self.at(whole, f"it is missing; it is one of {', '.join(words)}", lacks=whole)
        said = f"it must be one of {', '.join(words)}"
        return self.at((*keys, "type"), said, meant(str(context.get("tag")).removesuffix("Authenticator"), words))

    def _message(self, fault: dict[str, Any], keys: Keys, alternatives: tuple[Shape, ...]) -> str:
        kind, context, value = fault["type"], fault.get("ctx", {}), fault.get("input")
        if kind == "value_error":
            return _without(str(context.get("error", "")), value) if is_hidden(keys) else str(context.get("error", ""))
        if kind == "literal_error":
            shown = "" if is_hidden(keys) or not isinstance(value, str) else f", not `{value}`"
            words = _words(fault, alternatives)
            is_one_of_more = len(words) == 1 and any(is_model(shape.type) for shape in self._keys(keys)[1])
            return f"it must be {either([*words, *(['a mapping'] if is_one_of_more else [])])}{shown}"
        if kind in _LIMITS:
            return _LIMITS[kind](context)
        expected = next((name for start, name in _KINDS.items() if kind.startswith(start + "_")), None)
        return f"it must be {expected}, not {_kind_of(value)}" if expected else str(fault["msg"])

    def _hint(self, fault: dict[str, Any], keys: Keys, alternatives: tuple[Shape, ...]) -> str | None:
        kind, value = fault["type"], fault.get("input")
        if kind == "literal_error":
            words, whole = _words(fault, alternatives), self._keys(keys)[1]
            if fault["loc"][-1] == "[key]" and self._value(keys) in words:
                return f"they have changed places: `{self._value(keys)}: [{value}]`"
            return (meant(value, words) if isinstance(value, str) else None) or _example_of_type(value, keys, whole)
        if kind == "string_type" and isinstance(value, int | float):
            return "put it in double quotes"
        if kind == "string_type" and isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
            return None if is_hidden(keys) else f"write {value[0]}"
        if kind == "list_type" and isinstance(value, str | int) and not is_hidden(keys):
            return f"write [{value}]" if not models_of(alternatives, {}) else self._like_this(keys)
        if kind == "list_type" and isinstance(value, Mapping):
            return "put a dash before it, or brackets around it"
        if kind in ("dict_type", "model_type"):
            place = self._sources.at(keys)
            if isinstance(value, str) and place.file and place.line is None:
                return 'write JSON: {"key": "value"}'
            return (None if is_hidden(keys) else _without_dashes(value)) or self._like_this(keys)
        return None

    def _value(self, keys: Keys) -> Any:
        """What the user wrote at a path."""
        value = self._raw
        for key in keys:
            value = (_inside(value, key) or [None])[0]
        return value if isinstance(value, str) else None

    def _like_this(self, keys: Keys) -> str | None:
        """The example of a key whose value is of another kind."""
        _, alternatives = self._keys(keys[:-1])
        return _example(alternatives, str(keys[-1])) if keys and not isinstance(keys[-1], int) else None


def _example_of_type(value: object, keys: Keys, alternatives: tuple[Shape, ...]) -> str | None:
    """How a mapping is written for which the word of its type stands alone: `authenticator: bearer`."""
    for shape in alternatives:
        if is_model(shape.type) and type_tag(shape.type) == value:
            known = fields(shape.type).items()
            required = {key: info.examples[0] for key, info in known if info.is_required() and info.examples}
            return f"write `{keys[-1]}: {to_json({**required, 'type': value})}`"
    return None


def _without_dashes(value: object) -> str | None:
    """How a mapping is written that stands as a list of texts, as curl and other tools have headers."""
    texts = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    name, colon, _ = texts[0].partition(":") if texts else ("", "", "")
    if colon and name.strip():
        return f"write each on a line of its own without dash and quotes: `{name.strip()}: ...`"
    return f"write a key and a value each: `{texts[0]}: ...`" if texts and texts[0].isidentifier() else None


def _beginning(raw: Any) -> str:
    """Where a configuration without streams gets them from."""
    meltano = meltano_name()
    if meltano is not None:
        return f"write `definition` or `streams` under `config` of {meltano} in meltano.yml; {_BEGIN}"
    return _BEGIN if raw else f"{_BEGIN}; {_GIVE}"


def _example(alternatives: tuple[Shape, ...], key: str) -> str | None:
    """How a missing key may be written."""
    models = [shape.type for shape in alternatives if is_model(shape.type) and key in fields(shape.type)]
    examples = fields(models[0])[key].examples if models else None
    return f"for example `{key}: {to_json(examples[0])}`" if examples else None


def models_of(alternatives: tuple[Shape, ...], value: Any) -> list[type[Model]]:
    """The models that a mapping is meant as, one item where a list may stand too."""
    return [shape.type for shape in fitting_or_all(listed(alternatives), value) if is_model(shape.type)]


def fitting_or_all(alternatives: tuple[Shape, ...], value: Any) -> tuple[Shape, ...]:
    """The alternatives that a value is meant as, or all where it is meant as none."""
    return fitting(alternatives, value) or alternatives


_LIMITS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than_equal": lambda limit: f"it must be at least {limit['ge']:g}",
    "less_than_equal": lambda limit: f"it must be at most {limit['le']:g}",
    "too_short": lambda _: "it must not be empty",
    "string_too_short": lambda _: "it must not be empty",
    "string_too_long": lambda _: "it must be one character",
}


def _words(fault: Mapping[str, Any], alternatives: tuple[Shape, ...]) -> list[str]:
    """The words that a value or a key is one of."""
    return allowed(alternatives) or re.findall(r"'([^']*)'", str(fault.get("ctx", {}).get("expected")))


def _inside(value: Any, key: str | int) -> list[Any]:
    """The value under a key, in a list of one; none where there is no such key."""
    if isinstance(value, Mapping) and key in value:
        return [value[key]]
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return [value[key]]
    return []


def is_hidden(keys: Keys) -> bool:
    """Whether what stands at a path may not be shown."""
    return any(part in _NOT_SHOWN for part in keys)


def _without(message: str, value: Any) -> str:
    """A message without the value that it quotes."""
    return _QUOTED.sub("the value", message).replace(str(value), "the value")


def either(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    kinds = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "text"),
        (Mapping, "a mapping"),
        (list, "a list"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)
