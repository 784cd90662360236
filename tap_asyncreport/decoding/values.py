"""One value's text to the JSON that is written for it, by type; exact, and strict about what fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from json.encoder import encode_basestring

from tap_asyncreport.decoding.fields import Field
from tap_asyncreport.decoding.moments import moment_parser
from tap_asyncreport.decoding.source import Misfit

TRUE = ("true", "t", "yes", "y", "1")
FALSE = ("false", "f", "no", "n", "0")
NUMERIC = ("integer", "number", "decimal")

_INTEGER = re.compile(r"([+-]?)([0-9]+)")
_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([eE])([+-]?[0-9]+))?")
_NON_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_IN_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]+")
_PERCENT = re.compile(r"[+-]?[0-9.,]+ ?%")
_SAFE_DIGITS = 300


class NonFinite(Exception):  # noqa: N818
    """NaN, an infinity, or a number that no double can hold."""


def integer_text(text: str) -> str:
    """An integer's digits as JSON writes them; raises Misfit or NonFinite."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        _refuse_non_finite(text)
        hint = "declare it `number`" if _NUMBER.fullmatch(text) and text.strip("+-.eE") else _marks(text)
        raise Misfit("is not an integer", hint)
    sign, digits = match.groups()
    return _finite(("-" if sign == "-" else "") + (digits.lstrip("0") or "0"))


def number_text(text: str) -> str:
    """A number's digits as JSON writes them, none lost; raises Misfit or NonFinite."""
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        _refuse_non_finite(text)
        raise Misfit("is not a number", _marks(text))
    sign, whole, fraction, mark, exponent = match.groups()
    plain = ("-" if sign == "-" else "") + (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")
    return _finite(plain + (f"{mark}{exponent}" if mark else ""))


def _marks(text: str) -> str | None:
    """What to declare for a number that is written for people."""
    if _IN_THOUSANDS.fullmatch(text):
        return "`thousands` of the column names the mark between thousands, `decimal_mark` the one before a fraction"
    if _COMMA.fullmatch(text):
        return 'set `decimal_mark: ","` of the column, and `thousands: "."` where it has such marks'
    return "set `percent` of the column" if _PERCENT.fullmatch(text) else None


def _refuse_non_finite(text: str) -> None:
    if _NON_FINITE.fullmatch(text):
        raise NonFinite(text)


def _finite(text: str) -> str:
    if (len(text) > _SAFE_DIGITS or "e" in text or "E" in text) and float(text) in (float("inf"), float("-inf")):
        raise NonFinite(text)
    return text


def boolean_text(text: str) -> str:
    """`true` or `false`; raises Misfit."""
    word = text.lower()
    if word in TRUE:
        return "true"
    if word in FALSE:
        return "false"
    raise Misfit("is not a boolean (true, false, t, f, yes, no, y, n, 1, 0)")


def string_text(text: str) -> str:
    """A JSON string."""
    return encode_basestring(text)


def _marked(field: Field) -> Callable[[str], str]:
    """Takes out percent sign and thousands marks, puts the decimal point; what is oddly grouped stays, and misfits."""
    mark = re.escape(field.decimal_mark)
    group = re.escape(field.thousands) if field.thousands else None
    grouped = (
        re.compile(rf"([+-]?[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}})((?:{mark}.*)?)", re.DOTALL)
        if group
        else None
    )

    def unmark(text: str) -> str:
        if field.percent:
            text = text.removesuffix("%").rstrip(" \u00a0") if text.endswith("%") else text
        tail = ""
        match = grouped.fullmatch(text) if grouped else None
        if match and field.thousands:
            text, tail = match[1].replace(field.thousands, ""), match[2]
        if field.decimal_mark != ".":
            if "." in text + tail:
                raise Misfit(f"has a point where the decimal mark is {field.decimal_mark!r}")
            text, tail = text.replace(field.decimal_mark, ".", 1), tail.replace(field.decimal_mark, ".", 1)
        return text + tail

    return unmark


def text_reader(field: Field) -> Callable[[str], str]:
    """How one column's text becomes JSON; the reader raises Misfit or NonFinite. Null texts are the caller's."""
    if field.type in NUMERIC:
        read = integer_text if field.type == "integer" else number_text
        if not (field.thousands or field.percent or field.decimal_mark != "."):
            return read
        unmark = _marked(field)
        return lambda text: read(unmark(text))
    if field.type == "boolean":
        return boolean_text
    if field.type in ("date", "date-time"):
        parse = moment_parser(field.type, field.format)
        return lambda text: f'"{parse(text)}"'
    return string_text
