"""Templates, extractors and JSONPaths: their syntax, and whether the names that they use are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tap_asyncreport.calling import meltano_name
from tap_asyncreport.config.checks.draft import Draft
from tap_asyncreport.config.checks.scopes import (
    SINCE,
    before_its_job,
    names_at,
    partition_names,
    step_names,
    stream_at,
)
from tap_asyncreport.config.nearest import meant
from tap_asyncreport.config.problems import is_hidden
from tap_asyncreport.config.reading import SECRETS, in_capitals, in_dot_env
from tap_asyncreport.config.settings import Settings
from tap_asyncreport.config.shapes import Shape, Written, fields, texts
from tap_asyncreport.config.sources import Keys
from tap_asyncreport.config.values import Renders
from tap_asyncreport.errors import Problem
from tap_asyncreport.templates import BadTemplate, Extractor, Template, Templates, is_template

_WINDOW = ("start", "end", "start_at", "end_at")
_HOMES = {"window": "incremental", "partition": "partitions", "creation_responses": "creation_requester"}
# What other tools call it.
_OTHERS = {
    "stream_slice": "`window.start`, `window.end` and `partition.<name>` say what is asked for",
    "stream_interval": "`window.start` and `window.end` say what is asked for",
    "stream_partition": "`partition.<name>` says what is asked for",
    "job_id": "did you mean `job.id`?",
    "id": "did you mean `job.id`?",
    "parameters": "what is your own stands under `vars`",
    **dict.fromkeys(
        ("env", "environ", "env_var"), f"`secrets.<name>` comes from {SECRETS}<NAME>; other variables are not read"
    ),
    **dict.fromkeys(("today", "today_utc", "now_utc"), "did you mean `now`?"),
}
_LENGTH = 2  # of a path such as secrets.token


class TextCheck:
    """Checks every text of a configuration that is more than text."""

    def __init__(self, draft: Draft, templates: Templates, *, require_secrets: bool) -> None:
        self._draft = draft
        self._templates = templates
        self._require_secrets = require_secrets
        self._unset: set[tuple[str, str]] = set()

    def problems(self) -> Iterator[Problem]:
        """The faults of all texts."""
        for written in texts(self._draft.raw, (Shape(Settings),)):
            try:
                text = self._read(written)
            except BadTemplate as error:
                hidden = is_hidden(written.keys)
                said, hint = (error.fault, None) if hidden else (error.message, error.hint)
                yield replace(self._draft.teller.at(written.keys, said, hint), of="template")
            else:
                if text is not None:
                    yield from self._names(written.keys, text)

    def _read(self, written: Written) -> Template | Extractor | None:
        if written.renders is Renders.EXTRACTOR or (written.renders is Renders.PATH and written.value.startswith("$")):
            return self._templates.extractor(written.value)
        if written.renders is Renders.TEMPLATE and is_template(written.value):
            return self._templates.template(written.value)
        return None

    def _names(self, keys: Keys, text: Template | Extractor) -> Iterator[Problem]:
        known = names_at(keys, self._draft.raw)
        told = set()
        for path in sorted(text.paths):
            guarded = any(path[: len(optional)] == optional for optional in text.optional)
            if guarded or path[0] in text.assigned or path[:_LENGTH] in told:
                continue
            told.add(path[:_LENGTH])
            fault = self._unknown(path[0], known) if path[0] not in known else self._within(keys, path)
            if fault is not None:
                what = "secret" if path[0] == "secrets" else "template"
                yield replace(self._draft.teller.at(keys, *fault, lacks=self._home(keys, path[0])), of=what)

    def _unknown(self, name: str, known: frozenset[str]) -> tuple[str, str | None]:
        if name in SINCE:
            return f"`{name}` is not known here; it is {SINCE[name]}", None
        listed = sorted(known - {"range", "dict", "namespace"})
        return f"there is no `{name}`; known here: {', '.join(listed)}", _OTHERS.get(name) or meant(name, listed)

    def _within(self, keys: Keys, path: tuple[str, ...]) -> tuple[str, str | None] | None:
        """What is wrong with the second name of a path such as `secrets.token`."""
        root, name = path[0], path[1] if len(path) > 1 else None
        if name is None:
            return None
        if root == "secrets":
            return self._secret(name)
        if root == "vars":
            return self._var(name)
        if root == "job" and before_its_job(keys, self._draft.raw, name):
            return f"`job.{name}` is not known here; it is {SINCE['job']}", None
        if root == "window" and "incremental" not in self._stream(keys) and keys[0] == "streams":
            return "there is no `window`: the stream has no `incremental`", None
        names = self._known_in(root, keys)
        if names is None or name in names:
            return None
        if root == "config":
            own = "`secrets` is a name of its own" if name == "secrets" else f"what is your own stands under `vars`: `vars.{name}`"
            return f"`config` has no `{name}`", meant(name, names) or own
        return _missing(root, name, names), meant(name, names)

    def _known_in(self, root: str, keys: Keys) -> list[str] | None:
        """The names in something that the configuration itself defines."""
        stream = self._stream(keys)
        if root == "config":
            return [name for name in fields(Settings) if name != "secrets"]
        if root == "partition":
            return self._partitions(keys, stream)
        if root == "creation_responses":
            return step_names(stream.get("creation_requester"))
        return list(_WINDOW) if root == "window" else None

    def _home(self, keys: Keys, root: str) -> Keys | None:
        """The key that would hold what a template asks for in vain; None where it is there and lacks nothing."""
        if root in ("secrets", "vars"):
            return (root,)
        section = _HOMES.get(root)
        if section is None or keys[0] != "streams" or (root == "window" and section in self._stream(keys)):
            return None
        return (*keys[:_LENGTH], section)

    def _partitions(self, keys: Keys, stream: Mapping[str, Any]) -> list[str]:
        if keys[0] != "streams":
            return [name for _, each in self._draft.written_streams for name in partition_names(each)]
        names = partition_names(stream)
        return names[: int(keys[3])] if keys[2] == "partitions" and isinstance(keys[3], int) else names

    def _stream(self, keys: Keys) -> Mapping[str, Any]:
        return stream_at(keys, self._draft.raw) if keys[0] == "streams" else {}

    def _secret(self, name: str) -> tuple[str, str | None] | None:
        secrets = _names_of(self._draft.raw.get("secrets"))
        if not self._require_secrets or name in secrets or ("secrets", name) in self._unset:
            return None
        self._unset.add(("secrets", name))
        variable = f"{SECRETS}{in_capitals(name)}"
        said = f"secret {name} is not set: looked in `secrets` and {variable}"
        other = self._draft.variables.get(variable)
        renamed = f"{other} is set; did you mean {variable}?" if other else None
        into = f"put `{variable}=...` into .env" if meltano_name() is not None else in_dot_env(variable)
        return said, renamed or meant(name, secrets) or into

    def _var(self, name: str) -> tuple[str, str | None] | None:
        """One that is not set, told once however often it is used."""
        names = _names_of(self._draft.raw.get("vars"))
        if name in names or ("vars", name) in self._unset:
            return None
        self._unset.add(("vars", name))
        return _missing("vars", name, names), meant(name, names) or f"set it: `vars: {{{name}: ...}}`"


def _missing(root: str, name: str, names: list[str]) -> str:
    has = f"`{root}` has {', '.join(names)}" if names else f"`{root}` is empty"
    return f"{has}; there is no `{name}`"


def _names_of(mapping: Any) -> list[str]:
    return [str(name) for name in mapping] if isinstance(mapping, Mapping) else []
