"""The types that real values speak for, conservatively: what one value contradicts is a string."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tap_asyncreport.decoding.moments import moment_parser
from tap_asyncreport.decoding.source import Misfit
from tap_asyncreport.templates import to_json

SURE, LIKELY = 100, 20  # values from which a guess is called so
MOST_DIGITS = 18  # what fits 64 bits
EXAMPLES = 3
MOST_ODD = 3
NOT_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
NULL_WORDS = frozenset({"na", "n/a", "null", "none", "nan", "nil", "-", "--", "—", "\\n", "#n/a"})

Spec = Mapping[str, Any]


class Candidate(NamedTuple):
    """A way to declare a column, and whether a text fits it."""

    spec: Spec
    fits: Callable[[str], bool]
    note: str | None = None
    proposed: bool = True


def _pattern(regex: str) -> Callable[[str], bool]:
    compiled = re.compile(regex, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def _moment(kind: str, pattern: str | None, shape: str) -> Callable[[str], bool]:
    parse, shaped = moment_parser(kind, pattern), re.compile(shape, re.ASCII)

    def fits(text: str) -> bool:
        if shaped.fullmatch(text) is None:
            return False
        try:
            parse(text)
        except Misfit:
            return False
        return True

    return fits


_INTEGER = rf"-?(?:0|[1-9]\d{{0,{MOST_DIGITS - 1}}})"
_NUMBER = _INTEGER + r"(?:\.\d+)?(?:(?<=[.\d])[eE][+-]\d+)?"
_TIME = r"[ T]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?"
_SLASHED = r"\d{1,2}/\d{1,2}/\d{4}"
_DOTTED = r"\d{1,2}\.\d{1,2}\.\d{4}"
_WORDY = r"(?:\d{1,2}[ -][A-Za-z]{3}[ -]\d{4}|[A-Za-z]{3,9} \d{1,2}, \d{4})"
_FORMATS = (
    ("date", "%d/%m/%Y", _SLASHED), ("date", "%m/%d/%Y", _SLASHED), ("date", "%d.%m.%Y", _DOTTED),
    ("date", "%Y/%m/%d", r"\d{4}/\d\d/\d\d"), ("date", "%d %b %Y", _WORDY), ("date", "%d-%b-%Y", _WORDY),
    ("date", "%b %d, %Y", _WORDY), ("date", "%B %d, %Y", _WORDY),
    ("date-time", "%d/%m/%Y %H:%M:%S", _SLASHED + _TIME), ("date-time", "%m/%d/%Y %H:%M:%S", _SLASHED + _TIME),
    ("date-time", "%d/%m/%Y %H:%M", _SLASHED + _TIME), ("date-time", "%m/%d/%Y %H:%M", _SLASHED + _TIME),
    ("date-time", "%d.%m.%Y %H:%M:%S", _DOTTED + _TIME), ("date-time", "%d.%m.%Y %H:%M", _DOTTED + _TIME),
    ("date-time", "%Y/%m/%d %H:%M:%S", r"\d{4}/\d\d/\d\d" + _TIME),
    ("date-time", "%d-%b-%Y %H:%M", _WORDY + _TIME), ("date-time", "%d-%b-%Y %H:%M:%S", _WORDY + _TIME),
    ("date-time", "%d %b %Y %H:%M", _WORDY + _TIME), ("date-time", "%d %b %Y %H:%M:%S", _WORDY + _TIME),
)  # fmt: skip


def candidates() -> list[Candidate]:
    """The ways to declare a column of text, the more special first."""
    plain = [
        Candidate({"type": "boolean"}, lambda text: text.lower() in ("true", "false")),
        Candidate({"type": "date"}, _moment("date", None, r"\d{4}-\d\d-\d\d")),
        Candidate({"type": "date-time"}, _moment("date-time", None, r"\d{4}-\d\d-\d\d" + _TIME + ".*")),
        Candidate({"type": "integer"}, _pattern(_INTEGER)),
        Candidate({"type": "number"}, _pattern(_NUMBER)),
        Candidate({"type": "number", "percent": True}, _pattern(_NUMBER + r" ?%")),
        Candidate({"type": "number", "thousands": ","}, _pattern(r"-?\d{1,3}(?:,\d{3})*(?:\.\d+)?")),
        Candidate(
            {"type": "number", "decimal_mark": ",", "thousands": "."}, _pattern(r"-?\d{1,3}(?:\.\d{3})*(?:,\d+)?")
        ),
        Candidate({"type": "number", "decimal_mark": ","}, _pattern(r"-?\d+(?:,\d+)?")),
    ]
    formats = [
        Candidate({"type": kind, "format": pattern}, _moment(kind, pattern, shape)) for kind, pattern, shape in _FORMATS
    ]
    words = [
        Candidate({"type": "boolean"}, lambda text: text.lower() in ("yes", "no", "y", "n", "t", "f"), proposed=False),
    ]
    return [*plain, *formats, *words]


@dataclass
class Guess:
    """What to declare a column as, how sure that is, and what speaks of it."""

    name: str
    spec: Spec
    seen: int
    nulls: int
    examples: list[str]
    sure: str
    note: str | None = None


@dataclass
class Evidence:
    """What was seen of one column."""

    name: str
    seen: int = 0
    nulls: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, None] = field(default_factory=dict)
    fitting: list[Candidate] = field(default_factory=candidates)
    numeric: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    marks: set[str] = field(default_factory=set)

    def take(self, value: Any) -> None:
        """Looks at one value."""
        self.seen += 1
        if value is None or value == "":
            self.nulls += 1
            return
        self.kinds[_kind(value)] += 1
        text = value if isinstance(value, str) else to_json(value)
        if len(self.examples) < EXAMPLES:
            self.examples.setdefault(text)
        if isinstance(value, str):
            self._text(text)

    def _text(self, text: str) -> None:
        if text.strip().lower() in NULL_WORDS:
            self.odd[text] += 1
            return
        self.fitting = [candidate for candidate in self.fitting if candidate.fits(text)]
        self.marks |= set(_marks(text))


def _marks(text: str) -> Iterator[str]:
    """What tells how numbers are written, where it can mean one thing only."""
    if re.search(r",\d{3}.*\.", text) or len(re.findall(r",\d{3}", text)) > 1:
        yield "thousands ,"
    if re.search(r"\.\d{3}.*,", text) or len(re.findall(r"\.\d{3}", text)) > 1:
        yield "thousands ."
    if re.fullmatch(r"-?\d+,(?:\d{1,2}|\d{4,})", text):
        yield "decimal ,"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, str):
        return "string"
    return "integer" if isinstance(value, int) else "number"


def guess(found: Evidence, *, typed: bool) -> Guess:
    """The column's declaration; where rows are `typed`, as JSON is, a number in quotes is meant as text."""
    spec, note = _of_kinds(found, typed=typed)
    values = found.seen - found.nulls
    sure = "sure" if values >= SURE else "likely" if values >= LIKELY else "few values"
    if spec["type"] == "string":
        sure = ""
    return Guess(found.name, spec, found.seen, found.nulls, list(found.examples), sure, note)


def _of_kinds(found: Evidence, *, typed: bool) -> tuple[Spec, str | None]:
    kinds = set(found.kinds)
    if not kinds:
        return {"type": "string"}, "no value seen"
    if kinds == {"integer", "number"}:
        return {"type": "number"}, None
    if len(kinds) > 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in found.kinds.most_common())
        return {"type": "string"}, f"mixed: {counts}"
    (kind,) = kinds
    return ({"type": kind}, None) if kind != "string" else _of_texts(found, typed=typed)


def _of_texts(found: Evidence, *, typed: bool) -> tuple[Spec, str | None]:
    fitting = [candidate for candidate in found.fitting if _is_clear(candidate, found.marks)]
    if not found.kinds.total() - found.odd.total():
        return {"type": "string"}, None
    if not fitting:
        return {"type": "string"}, _why_not(found)
    best = fitting[0]
    if typed and best.spec["type"] in ("integer", "number", "boolean"):
        return {"type": "string"}, f"each is written like type {best.spec['type']}, in quotes"
    if not best.proposed:
        return {"type": "string"}, f"{spec_text(best.spec)} would read them too"
    twins = [each for each in fitting if "format" in each.spec and each.spec["type"] == best.spec["type"]]
    if "format" in best.spec and len(twins) > 1:
        either = " or ".join(spec_text(each.spec) for each in twins)
        return {"type": "string"}, f"dates, but day or month first? {either}"
    if found.odd:
        odd = list(found.odd)[:MOST_ODD]
        spec = {**best.spec, "null_values": ["", *odd]}
        return {"type": "string"}, f"but for {', '.join(odd)} it would be {spec_text(spec)}"
    return best.spec, None


def _is_clear(candidate: Candidate, marks: set[str]) -> bool:
    """Whether the marks in the numbers can mean nothing else."""
    spec = candidate.spec
    if spec.get("thousands") == ",":
        return "thousands ," in marks
    if spec.get("thousands") == ".":
        return "thousands ." in marks
    return "decimal_mark" not in spec or "decimal ," in marks


def _why_not(found: Evidence) -> str | None:
    examples = list(found.examples)
    if any(re.fullmatch(r"0\d+", text) for text in examples):
        return "leading zeros"
    if any(re.fullmatch(rf"\d{{{MOST_DIGITS + 1},}}", text) for text in examples):
        return "more digits than 64 bits hold"
    if any(re.fullmatch(r"-?\d{1,3}[.,]\d{3}", text) for text in examples):
        return "numbers, but what does the mark mean? see `decimal_mark` and `thousands`"
    return None


def spec_text(spec: Spec) -> str:
    """A declaration as YAML: a word, or a mapping on a line."""
    if list(spec) == ["type"]:
        return str(spec["type"])
    return "{" + ", ".join(f"{name}: {scalar(value)}" for name, value in spec.items()) + "}"


def scalar(value: Any) -> str:
    """A value as YAML: a plain word where it cannot be taken for anything else, else quoted."""
    is_word = isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", value)
    return value if is_word and value.lower() not in NOT_WORDS else to_json(value)
