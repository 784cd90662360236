"""Environment variables that look like settings and are none: a name that is misspelt is read by nobody."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tap_asyncreport.config.reading import PREFIX, SECRETS, in_capitals

_ALIKE = 0.8
_OTHERS = ("LOGLEVEL",)


@dataclass(frozen=True)
class Misspelt:
    """A variable that nobody reads, and the one that was meant."""

    name: str
    meant: str

    def __str__(self) -> str:
        return f"environment variable {self.name} is read by nobody; did you mean {self.meant}?"


def misspelt(
    environ: Iterable[str], keys: Mapping[str, bool], secrets: Iterable[str], *, only_secrets: bool = False
) -> Iterator[Misspelt]:
    """Variables that nobody reads and that are like one that would be: of a setting, or of a secret that is used.

    `keys` are those of the top level, true where their values have keys of their own, which Meltano exports one by
    one; what begins with two underlines is Meltano's too.
    """
    names = list(environ)
    known = [PREFIX + key.upper() for key in keys]
    wanted = [SECRETS + in_capitals(name) for name in secrets]
    nested = tuple(f"{PREFIX}{key.upper()}_" for key, structured in keys.items() if structured)
    read = {*known, *wanted, *(PREFIX + name for name in _OTHERS)}
    for name in names:
        if not name.startswith(PREFIX) or name.startswith((PREFIX + "_", *nested)) or name in read:
            continue
        found = _secret(name, wanted, names) or (None if only_secrets else _alike(name, known))
        if found is not None and found not in names:
            yield Misspelt(name, found)


def _secret(name: str, wanted: Iterable[str], environ: Iterable[str]) -> str | None:
    """The variable of a secret that is meant: TAP_ASYNCREPORT_SECRET_TOKEN, TAP_ASYNCREPORT_TOKEN."""
    unset = [each for each in wanted if each not in environ]
    by_name = {each.removeprefix(SECRETS): each for each in unset}
    bare = name.removeprefix(PREFIX).removeprefix("SECRET_")
    return by_name.get(bare) or _alike(name, unset)


def _alike(name: str, known: Iterable[str]) -> str | None:
    rests = [each.removeprefix(PREFIX) for each in known]
    found = difflib.get_close_matches(name.removeprefix(PREFIX), rests, 1, _ALIKE)
    return PREFIX + found[0] if found else None
