"""The stages of `check`: keys, templates, secrets, windows, login. Each says that it is well, or all that is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tap_asyncreport.calling import meltano_name
from tap_asyncreport.commands.options import load_configuration, read_state
from tap_asyncreport.commands.remarks import remarks
from tap_asyncreport.errors import ConfigurationError, Problem, ReportError, StateError, TapError, TemplateError
from tap_asyncreport.reporting.words import many
from tap_asyncreport.templates import is_template

if TYPE_CHECKING:
    from tap_asyncreport.commands.bench import Bench
    from tap_asyncreport.commands.outlook import LeastTime, Outlook
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.telling import Telling

CONFIGURATION_WRONG = 78


@dataclass
class Stage:
    """One stage: what it found, what is wrong, or why it was not looked at."""

    name: str
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    error: TapError | None = None
    skipped: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and self.error is None

    @property
    def word(self) -> str:
        """`ok`, `wrong`, or `-` for what was not looked at."""
        return "wrong" if not self.ok else "-" if self.skipped is not None else "ok"


class Check:
    """Looks at a configuration stage by stage; `run` starts no job, and makes no call where it is to stay offline."""

    def __init__(self, configs: Sequence[str], state_file: str | None, telling: Telling, *, offline: bool) -> None:
        self.configs = configs
        self._state_file = state_file
        self._telling = telling
        self._offline = offline
        names = ("keys", "templates", "secrets", "windows", "login")
        self.stages = {name: Stage(name) for name in names}
        self.outlooks: list[Outlook] = []
        self.least: LeastTime | None = None

    @property
    def exit_code(self) -> int:
        """78 where the configuration or the state is wrong, else what the login came to."""
        *before, login = self.stages.values()
        if not all(stage.ok for stage in before):
            return CONFIGURATION_WRONG
        return 0 if login.error is None else login.error.exit_code

    def run(self) -> None:
        """Goes through the stages, as far as they can be gone through."""
        loaded = self._load()
        if loaded is None:
            for name in ("windows", "login"):
                self.stages[name].skipped = "not looked at: put the others right first"
            return
        self._say_what_was_read(loaded)
        from tap_asyncreport.commands.bench import bench

        with bench(loaded, self._telling.redactor) as made:
            self._streams(made)
            self._login(made)

    def refuse(self, error: TapError) -> None:
        """Notes that there is nothing to look at, and why."""
        first, *others = self.stages.values()
        first.problems.append(Problem(error.message, hint=error.hint))
        for stage in others:
            stage.skipped = "not looked at: put the others right first"

    # -- file, keys, templates, secrets

    def _load(self) -> Loaded | None:
        try:
            return load_configuration(self.configs, self._telling, warn=False)
        except ConfigurationError as error:
            names = {"template": "templates", "secret": "secrets"}
            for problem in error.problems:
                self.stages[names.get(problem.of, "keys")].problems.append(problem)
        if not (self.stages["keys"].ok and self.stages["templates"].ok):
            for name in ("templates", "secrets"):
                if self.stages[name].ok:
                    self.stages[name].skipped = "nothing found, as far as the rest could be read"
            return None
        return load_configuration(self.configs, self._telling, require_secrets=False, warn=False)

    def _say_what_was_read(self, loaded: Loaded) -> None:
        from tap_asyncreport.config.loading import secrets_used
        from tap_asyncreport.config.settings import Settings
        from tap_asyncreport.config.shapes import Shape, texts

        streams = loaded.settings.streams
        read = ", ".join("meltano.yml" if name == "ENV" and meltano_name() else name for name in self.configs)
        self.stages["keys"].notes.append(f"{read}: {many(len(streams), 'stream')}")
        self.stages["keys"].notes += remarks(loaded)
        written = [each.value for each in texts(loaded.raw, (Shape(Settings),))]
        paths = sum(text.startswith("$") for text in written)
        templates = sum(is_template(text) for text in written)
        self.stages["templates"].notes.append(f"{many(templates, 'template')}, {many(paths, 'path')}")
        names = dict.fromkeys([*secrets_used(loaded.raw), *loaded.settings.secrets])
        found = [f"{name}: {origin}" for name in names if (origin := secret_origin(loaded, name)) is not None]
        self.stages["secrets"].notes += found or ["none are used"]

    # -- streams and windows

    def _streams(self, made: Bench) -> None:
        for stream in made.settings.streams:
            self._tried("keys", lambda stream=stream: made.add(stream))
        if self._tried("windows", lambda: made.read_state(read_state(self._state_file))) is None:
            return
        for work in list(made.streams.values()):
            found = self._tried("windows", lambda work=work: self._planned(made, work))
            if found is None:
                continue
            self.outlooks.append(found)
            self.stages["windows"].notes.append(told(found, work.config))
            self.stages["windows"].notes += [f"  {warning}" for warning in found.warnings]
        if self.outlooks:
            from tap_asyncreport.commands.outlook import least_time

            self.least = least_time(made.settings, self.outlooks)

    def _planned(self, made: Bench, work: Any) -> Outlook:
        from tap_asyncreport.commands.outlook import outlook

        found = outlook(made, work)
        if found.unit is not None and not found.each and self.stages["secrets"].ok:
            self._tried("templates", lambda: work.repository.first_request(found.unit))
        return found

    def _tried(self, stage: str, look: Any) -> Any:
        """What it gives; None where it raises, which is noted."""
        try:
            return look()
        except ConfigurationError as error:
            self.stages[stage].problems += error.problems
        except TemplateError as error:
            self.stages["templates"].problems.append(_problem(error))
        except (ReportError, StateError) as error:
            self.stages[stage].problems.append(Problem(error.message, hint=error.hint))
        return None

    # -- login

    def _login(self, made: Bench) -> None:
        stage = self.stages["login"]
        if self._offline:
            stage.skipped = "not tried: --offline"
        elif not all(each.ok for each in self.stages.values()):
            stage.skipped = "not tried: put the others right first"
        else:
            try:
                made.http.log_in()
            except TapError as error:
                stage.error = error
            else:
                stage.notes.append(_logged_in(made))


def secret_origin(loaded: Loaded, name: str) -> str | None:
    """Where a secret comes from: its variable, or its line; None where it is not set."""
    from tap_asyncreport.config.reading import SECRETS, in_capitals

    if name not in loaded.settings.secrets:
        return None
    variables = [variable for variable in os.environ if variable.upper() == f"{SECRETS}{in_capitals(name)}"]
    if any(os.environ[variable] for variable in variables):
        return f"environment variable {variables[0]}"
    place = loaded.sources.where(f"secrets.{name}")
    if place is None or place.file is None:
        return "the configuration"
    return ":".join(str(part) for part in place if part is not None)


def told(found: Outlook, stream: Stream) -> str:
    """One stream's windows on a line."""
    jobs = many(found.jobs, "job")
    if found.each:
        jobs += f" for each {' and '.join(found.each)}, which are listed in the run"
    elif found.partitions:
        jobs += f" over {many(found.partitions, 'partition')}"
    if stream.incremental is None:
        span = ", no windows"
    elif found.first is None or found.last is None:
        span = ", nothing to read"
    elif found.first == found.last:
        span = f", {found.first}"
    else:
        span = f", first {found.first}, last {found.last}"
    kept = f", {many(found.adopted, 'job')} of the last run to go on with" if found.adopted else ""
    return f"{found.stream}: {jobs}{span}{kept}"


def _problem(error: TemplateError) -> Problem:
    return Problem(error.message, error.key, hint=error.hint, of="template")


def _logged_in(made: Bench) -> str:
    model = made.settings.authenticator
    kind = getattr(model, "type", "none")
    fetched = kind in ("oauth2", "session", "google_service_account") or getattr(model, "token_url", None) is not None
    said = "a token was fetched" if fetched else "no login of its own" if kind != "none" else "no authenticator"
    base_url = made.http.base_url()
    return f"{base_url}: {said}" if base_url else said


def as_dict(check: Check) -> dict[str, Any]:
    """The whole check as plain data."""
    return {
        "ok": check.exit_code == 0,
        "exit_code": check.exit_code,
        "stages": [_stage_dict(stage) for stage in check.stages.values()],
        "streams": [_stream_dict(each) for each in check.outlooks],
        "jobs": sum(each.jobs for each in check.outlooks),
        "least_seconds": None if check.least is None else round(check.least.seconds, 3),
    }


def _stage_dict(stage: Stage) -> dict[str, Any]:
    problems = [
        {key: getattr(problem, key) for key in ("message", "key", "file", "line", "column", "hint")}
        for problem in stage.problems
    ]
    if stage.error is not None:
        problems.append({"message": stage.error.message, "hint": stage.error.hint})
    return {"stage": stage.name, "result": stage.word, "notes": stage.notes, "problems": problems}


def _stream_dict(found: Outlook) -> dict[str, Any]:
    return {
        "stream": found.stream,
        "jobs": found.jobs,
        "for_each": list(found.each),
        "first": None if found.first is None else [at.isoformat() for at in (found.first.start, found.first.end)],
        "last": None if found.last is None else [at.isoformat() for at in (found.last.start, found.last.end)],
        "warnings": list(found.warnings),
    }


def rows_of(stages: Iterator[Stage]) -> Iterator[tuple[str, str, str]]:
    """Name, word and note of each stage; further notes on lines of their own."""
    for stage in stages:
        notes = stage.notes if stage.ok else []
        first, *rest = [stage.skipped] if stage.skipped is not None else notes or [""]
        yield stage.name, stage.word, first or ""
        yield from (("", "", note) for note in rest)
