"""The rules of `responses`: when one holds for an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tap_asyncreport.errors import ConfigurationError, Problem
from tap_asyncreport.job import Means

if TYPE_CHECKING:
    from tap_asyncreport.config.requesters import Rule
    from tap_asyncreport.response import Response
    from tap_asyncreport.templates import Extractor, Templates

_RANGE = re.compile(r"\s*(\d{3})\s*(?:-\s*(\d{3})\s*)?|\s*([1-5])xx\s*", re.IGNORECASE)


def parse_codes(value: int | str | Sequence[int | str]) -> list[range]:
    """The codes that `404`, `4xx`, `500-599` or a list of such stand for; raises ValueError."""
    if isinstance(value, int):
        return [range(value, value + 1)]
    if isinstance(value, str):
        return [_parse_range(part) for part in value.split(",")]
    return [codes for part in value for codes in parse_codes(part)]


def _parse_range(text: str) -> range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a status code; write 404, 4xx, 500-599 or a list of such")
    first, last, hundred = match.groups()
    if hundred:
        return range(int(hundred) * 100, int(hundred) * 100 + 100)
    return range(int(first), int(last or first) + 1)


class CompiledRule:
    """One entry of `responses`, ready to be asked; raises ConfigurationError when it cannot be read."""

    def __init__(self, rule: Rule, templates: Templates, key: str) -> None:
        self.means = Means(rule.means)
        self._codes = None if rule.status is None else _told(key + ".status", parse_codes, rule.status)
        self._headers = rule.header
        self._json = [
            (templates.extractor(path, f"{key}.json"), templates.template(wanted, f"{key}.json"))
            for path, wanted in rule.json_.items()
        ]
        self._text = None if rule.text is None else _told(key + ".text", re.compile, rule.text)
        wait = f"{{{{ {rule.wait} }}}}" if isinstance(rule.wait, int | float) else rule.wait
        self.wait = _optional(templates, wait, f"{key}.wait")
        self.job_id = _optional(templates, rule.job_id, f"{key}.job_id")

    def covers(self, codes: range) -> bool:
        """Whether the rule names a status code within these."""
        return any(set(mine) & set(codes) for mine in self._codes or ())

    def matches(self, response: Response, scope: Mapping[str, Any]) -> re.Match[str] | bool:
        """Whether every condition holds; where `text` is one, its match."""
        if self._codes is not None and not any(response.status_code in codes for codes in self._codes):
            return False
        if not all(_fits([response.headers.get(name)], wanted) for name, wanted in self._headers.items()):
            return False
        if self._json and response.body is None:
            return False  # conditions on JSON speak of JSON only
        if not all(_fits(path.all(response.body, scope), wanted.render(scope)) for path, wanted in self._json):
            return False
        return True if self._text is None else self._text.search(response.text) or False


def _told(key: str, parse: Any, value: Any) -> Any:
    try:
        return parse(value)
    except (ValueError, re.error) as error:
        raise ConfigurationError([Problem(str(error), key=key)]) from error


def _optional(templates: Templates, source: str | None, key: str) -> Extractor | None:
    return None if source is None else templates.extractor(source, key)


def _fits(found: Sequence[Any], wanted: Any) -> bool:
    """Whether one of the values found is the wanted one; null is found only by asking for null."""
    if wanted in ("exists", "absent"):
        return any(value is not None for value in found) is (wanted == "exists")
    choices = wanted if isinstance(wanted, list) else [wanted]
    return any(_same(value, choice) for value in found for choice in choices)


def _same(value: Any, wanted: Any) -> bool:
    """Equal as JSON; a number also equals its text, for APIs that write codes both ways."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted or _both_text(value, wanted)
    if bool(value == wanted):
        return True
    one_is_a_number = isinstance(value, int | float) != isinstance(wanted, int | float)
    return one_is_a_number and str(value) == str(wanted)


def _both_text(value: Any, wanted: Any) -> bool:
    texts = [str(each).lower() for each in (value, wanted)]
    return isinstance(value, str | bool) and isinstance(wanted, str | bool) and texts[0] == texts[1]
