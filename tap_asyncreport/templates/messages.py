"""What went wrong in a rendering, in words that hold names and paths but never a value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from jinja2.exceptions import SecurityError

from tap_asyncreport.response import Response
from tap_asyncreport.templates.filters import FilterError
from tap_asyncreport.templates.limits import TooMuch
from tap_asyncreport.templates.lookup import kind_of, known_names, look_up, path_like, spelt
from tap_asyncreport.templates.names import Path
from tap_asyncreport.templates.sandbox import Closed, UnknownName
from tap_asyncreport.templates.suggestions import refusal
from tap_asyncreport.templates.text import NullFound

_BUILT_IN = ("dict", "namespace", "range")
_SHOWN = 20  # known names listed in a message


class Fault(NamedTuple):
    """What is wrong, and what to try."""

    said: str
    hint: str | None = None
    answer: str | None = None


def explained(error: Exception, chains: Iterable[Path], scope: Mapping[str, Any]) -> Fault:
    """A rendering's exception as a sentence."""
    if isinstance(error, UnknownName):
        return _unknown(error, chains, scope)
    if isinstance(error, NullFound):
        return _null(chains, scope)
    if isinstance(error, FilterError | TooMuch | Closed):
        return Fault(str(error))
    if isinstance(error, SecurityError):
        return Fault("it does what templates may not do")
    if isinstance(error, TypeError) and "argument" in str(error):  # it may quote a name that was worked out
        return Fault("a function or filter does not take these arguments")
    if isinstance(error, TypeError | ZeroDivisionError):  # their texts name types and operators only
        return Fault(str(error))
    if isinstance(error, OverflowError):
        return Fault("a range or a number is too large")
    return Fault(f"it cannot be rendered ({type(error).__name__})")


def _unknown(error: UnknownName, chains: Iterable[Path], scope: Mapping[str, Any]) -> Fault:
    if error.at_top:
        names = sorted(name for name in scope if name not in _BUILT_IN and not name.startswith("\0"))
        return Fault(f"there is no `{error.name}`; known here: {_listed(names)}", _meant(error.name, names))
    label = holder_of(error.name, chains)
    if label is None:  # the name was worked out at run time: it may be a value
        return Fault(f"a name that it works out is not there; {_level('it looks in', error.holder)}")
    names = known_names(error.holder)
    if isinstance(error.name, int):
        return Fault(f"`{_dotted(label)}` is {kind_of(error.holder)}; it has no item {error.name}")
    if not names:
        hint = f"pick one: `{_dotted(label)}[0]`" if isinstance(error.holder, list) and error.holder else None
        return Fault(f"`{_dotted(label)}` is {kind_of(error.holder)}; it has no `{error.name}`", hint)
    nature = error.holder.nature if isinstance(error.holder, Response) else None
    has = f"is {nature}" if nature else f"has {_listed(names)}"
    said = f"`{_dotted(label)}` {has}; there is no `{error.name}`"
    meant = _refused(error.holder) or _meant(error.name, names) or _elsewhere(label, error.holder, str(error.name))
    return Fault(said, meant, label[0] if isinstance(scope.get(label[0]), Response) else None)


def _refused(holder: Any) -> str | None:
    """A rule, where what was taken for an answer looks like a refusal."""
    rule = refusal(holder) if isinstance(holder, Response) else None
    return rule and f"if the answer is a refusal, a rule in the `responses` of its step says so, for example {rule}"


def _elsewhere(label: Path, holder: Any, name: str) -> str | None:
    """The same name, or one like it, further down."""
    path = path_like(holder, name)
    return f"did you mean `{_dotted(label)}{spelt(path)}`?" if path else None


def _level(verb: str, holder: Any) -> str:
    names = known_names(holder)
    return f"{verb} {kind_of(holder)}" + (f" with {_listed(names)}" if names else "")


def holder_of(name: Any, chains: Iterable[Path]) -> Path | None:
    """The chain before a name, where a template spells it; None where it works the name out."""
    for chain in chains:
        if str(name) in chain[1:]:
            return chain[: chain.index(str(name), 1)]
    return None


def _null(chains: Iterable[Path], scope: Mapping[str, Any]) -> Fault:
    nulls = [f"`{_dotted(chain)}`" for chain in chains if _is_null(chain, scope)]
    said = f"{nulls[0] if nulls else 'an expression'} is null, and there is no text for that"
    return Fault(said, f"where nothing should stand there write {nulls[0][:-1] if nulls else '`…'} or ''`")


def _is_null(chain: Path, scope: Mapping[str, Any]) -> bool:
    value: Any = scope
    for part in chain:
        try:
            value = look_up(value, int(part) if part.isdigit() and isinstance(value, list) else part)
        except KeyError:
            return False
    return value is None


def _dotted(chain: Path) -> str:
    text = chain[0]
    for part in chain[1:]:
        text += f"[{part}]" if part.isdigit() else f".{part}" if part.isidentifier() else f"['{part}']"
    return text


def _listed(names: list[str]) -> str:
    if not names:
        return "nothing"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _meant(name: Any, names: list[str]) -> str | None:
    close = difflib.get_close_matches(str(name), names, 1)
    return f"did you mean `{close[0]}`?" if close else None
