"""Which columns of a file go where: declared and unknown ones, selection, keys, and what every row is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tap_asyncreport.config.nearest import nearest
from tap_asyncreport.config.streams import Stream
from tap_asyncreport.decoding import json_text
from tap_asyncreport.decoding.casters import Caster, InnerCaster
from tap_asyncreport.decoding.dialect import other_delimiter
from tap_asyncreport.decoding.fields import Field, declared_fields, undeclared
from tap_asyncreport.decoding.refusals import refusal_hint
from tap_asyncreport.decoding.source import Misfit, Observed, misfit
from tap_asyncreport.errors import DecodeError, excerpt
from tap_asyncreport.templates import json_path

_SHOWN = 5  # columns of a table that are named


@dataclass
class Given:
    """What a file's rows get from the context: fixed values, and templates that look at each row."""

    values: dict[str, Any] = field(default_factory=dict)
    partition: dict[str, Any] = field(default_factory=dict)
    per_row: dict[str, Callable[[dict[str, Any]], Any]] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """All names that need not stand in the file."""
        return {*self.values, *self.partition, *self.per_row}


@dataclass(frozen=True)
class Layout:
    """The columns of one kind of file: `taken` by position, `constants` written for every row, `per_row` after them."""

    taken: list[tuple[int, Caster | InnerCaster]]
    constants: list[tuple[str, str]]


class Columns:
    """The stream's columns as declared and selected; finds the layout of each file."""

    def __init__(
        self,
        stream: Stream,
        *,
        schema: Mapping[str, Any] | None,
        selected: Callable[[str], bool] | Collection[str] | None,
        unknown: str,
        keys: Sequence[str],
        observed: Observed,
        needed: Collection[str] | None,
        warn: Callable[[str], None],
    ) -> None:
        self.decode = stream.decode
        self.declared = declared_fields(stream, schema)
        if self.declared is not None:
            elsewhere = (
                {of.name for of in self.declared} | set(stream.add_columns) | {p.name for p in stream.partitions}
            )
            self.declared += [undeclared(key, "any", stream.decode) for key in keys if key not in elsewhere]
        self.by_name = {field.name: field for field in self.declared or ()}
        self._sources = {json_path.first_key(field.source) for field in self.declared or ()}
        self.keys = list(keys)
        self._primary_keys = stream.primary_keys
        self._first_table: list[str] | None = None
        self._told_apart = False
        self.unknown = unknown
        self._selected = selected
        self._needed = needed
        self._observed = observed
        self._warn = warn
        self._warned: set[str] = set()
        self._missed: set[str] = set()
        self._casters: dict[tuple[str, str], Caster] = {}
        self._emitted: dict[str, bool] = {}

    @property
    def warned(self) -> bool:
        """Whether the user was told of columns that are left out."""
        return bool(self._warned)

    def emitted(self, name: str) -> bool:
        """Whether a column is written: it is a key, or selected."""
        known = self._emitted.get(name)
        if known is None:
            chosen = self._selected
            given = chosen is None or (bool(chosen(name)) if callable(chosen) else name in chosen)
            known = self._emitted[name] = given or name in self.keys
        return known

    def wanted(self, name: str) -> bool:
        """Whether a column is read: it is written, or a template looks at it."""
        return self.emitted(name) or self._needed is None or name in self._needed

    def reads(self, source: str) -> bool:
        """Whether anything is made of a column of the file."""
        if self.declared is None or source not in self._sources:
            return self.wanted(source)
        return any(self.wanted(of.name) for of in self.declared if json_path.first_key(of.source) == source)

    def caster(self, of: Field) -> Caster:
        """The caster of a column, made once."""
        key = (of.name, of.type)
        if key not in self._casters:
            self._casters[key] = Caster(of, self._observed, non_finite=self.decode.non_finite)
        return self._casters[key]

    def constant(self, name: str, value: Any) -> str:
        """JSON for a value from the context, read as its column's type where it is declared."""
        of = self.by_name.get(name) or undeclared(name, "any", self.decode)
        return self.caster(of).value(json_text.from_python(value), "the context")

    def fields_for(self, names: Sequence[str], kind: str) -> list[Field]:
        """The columns a file gives, in the order in which they are written; unknown ones as the configuration says."""
        if self.declared is None:
            return [undeclared(name, kind, self.decode) for name in names]
        return self.declared + self.unknown_fields(self.strangers(names), kind)

    def strangers(self, names: Iterable[str]) -> list[str]:
        """The names that no declared column reads."""
        return [name for name in names if name not in self._sources]

    def unknown_fields(self, names: Sequence[str], kind: str) -> list[Field]:
        """What becomes of columns that nobody declared; raises DecodeError where that is an error."""
        if not names:
            return []
        listed = ", ".join(map(repr, names))
        if self.unknown == "error":
            raise DecodeError(
                f"the file holds columns that are not declared: {listed}",
                hint="declare them in `columns`, or set `unknown_columns` to `warn` or `include`",
            )
        if self.unknown == "warn":
            fresh = [name for name in names if name not in self._warned]
            if fresh:
                self._warned.update(fresh)
                self._warn(f"columns that are not declared are left out: {', '.join(map(repr, fresh))}")
            return []
        declared = {name.casefold(): name for name in self.by_name}
        for name in names:
            if name.casefold() in declared:
                raise DecodeError(f"the columns {declared[name.casefold()]!r} and {name!r} differ in case only")
        return [undeclared(name, kind, self.decode) for name in names]

    def layout(self, names: Sequence[str], kind: str, given: Given, head: str) -> Layout:
        """Where each column of a table with these names goes; raises DecodeError where it is not the report."""
        self._compare(names)
        at = {name: number for number, name in enumerate(names)}
        taken: list[tuple[int, Caster | InnerCaster]] = []
        constants: list[tuple[str, str]] = []
        found = 0
        missed: list[str] = []
        given_names = {*given.values, *given.per_row, *given.partition}
        for of in self.declared or ():  # what is not the report is told before what is strange in one
            if of.name in self.keys and of.name not in given_names and json_path.first_key(of.source) not in at:
                raise self.not_the_report(of.name, names, head)
        for of in self.fields_for(names, kind):
            if of.name in given.values or of.name in given.per_row:
                continue
            key = json_path.first_key(of.source)
            if key in at:
                found += 1
                if self.wanted(of.name):
                    taken.append((at[key], self._cell_caster(of)))
            elif of.name not in given.partition and self.wanted(of.name):
                constants.append((of.name, self._missing(of, names, head)))
                missed.append(of.name)
        self._recognise(names, found, given, head)
        self._tell_missed(missed)
        constants += [
            (name, self.constant(name, value))
            for name, value in {**given.partition, **given.values}.items()
            if self.wanted(name) and not (name in given.partition and name not in given.values and self._has(name, at))
        ]
        return Layout(taken, constants)

    def _compare(self, names: Sequence[str]) -> None:
        """Says once when a table has hardly a column of those before it: most likely it is another table."""
        first = self._first_table = self._first_table or list(names)
        shared = len(set(first) & set(names))
        if self._told_apart or 2 * shared >= min(len(first), len(names)):
            return
        self._told_apart = True
        one, other = (", ".join(map(repr, table[:_SHOWN])) for table in (first, names))
        self._warn(
            f"tables with different columns are read as one: one has {one}, another {other}; where only one of them is "
            "meant, see `decode.members` and `download_target_extractor`"
        )

    def _cell_caster(self, of: Field) -> Caster | InnerCaster:
        """The caster for a table's cells; a path that goes on below the column looks into the JSON of each cell."""
        steps = json_path.steps_of(of.source) if of.is_path else None
        return self.caster(of) if not steps or len(steps) == 1 else InnerCaster(self.caster(of), steps[1:])

    def _has(self, name: str, at: Mapping[str, int]) -> bool:
        of = self.by_name.get(name)
        return (json_path.first_key(of.source) if of else name) in at

    def _missing(self, of: Field, names: Sequence[str], head: str) -> str:
        if of.name in self.keys:
            raise self.not_the_report(of.name, names, head)
        try:
            return self.caster(of).null()
        except Misfit as why:
            raise misfit("the file lacks a column", of.name, "null", why) from None

    def _tell_missed(self, names: Sequence[str]) -> None:
        """An API that drops or renames a column is not to go unseen: each is told of once."""
        fresh = [name for name in names if name not in self._missed]
        if fresh:
            self._missed.update(fresh)
            listed = ", ".join(map(repr, fresh))
            self._warn(f"columns that are declared are not in the file, and come out as null: {listed}")

    def tell_not_exploded(self, path: str) -> None:
        """A path that leads to nothing gives no rows, as an empty list does: told of once."""
        if path not in self._missed:
            self._missed.add(path)
            self._warn(f"no record of the file has anything at {path}, and none gives a row; see `decode.explode.path`")

    def _recognise(self, names: Sequence[str], found: int, given: Given, head: str) -> None:
        """Raise DecodeError for a table that has none of the declared columns, or lacks a key column."""
        for key in self.keys:
            if self.declared is None and key not in names and key not in given.names:
                raise self.not_the_report(key, names, head)
        if self.declared and not found and not given.names.issuperset(self.by_name):
            raise DecodeError(
                "none of the declared columns is in the file",
                excerpt=excerpt(head),
                hint=refusal_hint(head)
                or "an error page? else see `decode.header`, `decode.delimiter` and the columns' `source`",
            )

    def not_the_report(self, key: str, names: Sequence[str], head: str) -> DecodeError:
        """The error for a body without a key column, quoting how it begins."""
        seen = ", ".join(names[:20])
        return DecodeError(
            f"the key column {key!r} is not in the file; its columns are: {excerpt(seen, 300)}",
            excerpt=excerpt(head),
            hint=refusal_hint(head) or other_delimiter(names) or self._key_hint(key, names),
        )

    def _key_hint(self, key: str, names: Sequence[str]) -> str:
        """What to write for a key column that the file calls otherwise, or does not have."""
        of = self.by_name.get(key)
        if of is not None and of.source != key:
            near = nearest(of.source, names)
            meant = f"is it `{near}`? " if near else ""
            return f"`columns.{key}.source`: {meant}else an error page? see `decode.header` and `decode.records`"
        setting = "primary_keys" if key in self._primary_keys else "replication_key"
        near = nearest(key, names)
        if near is not None:
            source = near if near.isidentifier() else json.dumps(near, ensure_ascii=False)
            column = f"columns: {{{key}: {{type: string, source: {source}}}}}"
            return f"`{setting}`: is it `{near}`? write that, or `{column}`"
        spare = ", which may be left out, for the bookmark is no value of a row" if setting == "replication_key" else ""
        return f"see `{setting}`{spare}; or is it an error page? else see `decode.header` and `decode.records`"
