"""The Singer tap: settings, offline discovery, one orchestrator for all selected streams, exit codes."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk.exceptions import AbortedSyncFailedException
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.tap_base import Tap

from tap_asyncreport.catalog import keep_keys
from tap_asyncreport.config.loading import Loaded, load
from tap_asyncreport.config.shown import confidential
from tap_asyncreport.errors import Interrupted, StateError, TapError
from tap_asyncreport.foreign_state import state_of, text_of
from tap_asyncreport.http.guard import guard_logging
from tap_asyncreport.http.redaction import Redactor
from tap_asyncreport.output import Output
from tap_asyncreport.sdk import spare_idle_words, spare_metrics
from tap_asyncreport.stream import ReportStream
from tap_asyncreport.telling import Telling

if TYPE_CHECKING:
    import click
    from singer_sdk.singerlib import Catalog

    from tap_asyncreport.config.sources import Sources
    from tap_asyncreport.run import Run


class _Schema:
    """The JSON Schema of the settings, made when somebody asks for it."""

    _schema: ClassVar[dict[str, Any] | None] = None

    def __get__(self, instance: object, owner: type) -> dict[str, Any]:
        if _Schema._schema is None:
            from tap_asyncreport.config.json_schema import json_schema

            _Schema._schema = json_schema()
        return _Schema._schema


class TapAsyncReport(Tap):
    """Reads any API that answers "your report will be ready later": creates jobs, polls them, fetches their files."""

    name = "tap-asyncreport"
    package_name = "tap-asyncreport"
    config_jsonschema: ClassVar[dict[str, Any]] = _Schema()  # type: ignore[assignment]
    message_writer_class = Output
    capabilities: ClassVar[list[Any]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        TapCapabilities.ACTIVATE_VERSION,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, *, config: Any = None, parse_env_config: bool = False, **given: Any) -> None:
        """As the SDK's; raises ConfigurationError with everything that is wrong with the configuration."""
        files = config if isinstance(config, Files) else Files([config or {}], env=parse_env_config)
        needs_secrets = bool(given.get("validate_config", True))  # discovery asks for none
        self.loaded: Loaded = load(
            files.sources, environ=os.environ, parse_env=files.env, require_secrets=needs_secrets
        )
        self.redactor = _redactor_of_command_line(self.loaded.sources)
        self.redactor.add(confidential(self.loaded))
        self._guard = guard_logging(self.redactor)
        self.current_run: Run | None = None
        self._given_state: Any = {}
        logging.getLogger(self.name).addFilter(spare_idle_words)
        super().__init__(config=self.loaded.raw, parse_env_config=False, **given)
        spare_metrics()

    # -- the SDK's hooks

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:  # noqa: ARG002
        return []  # our models have, before anything else

    def load_state(self, state: Any) -> None:
        """Keeps the state as it was given; a run reads it, with every spelling it knows."""
        self._given_state = state

    def discover_streams(self) -> Sequence[ReportStream]:
        """The configured streams; no call is made."""
        return [ReportStream(self, config) for config in self.loaded.settings.streams]

    @property
    def input_catalog(self) -> Catalog | None:
        """The catalog that was given; what it leaves open of keys is as configured, and keys are always selected."""
        catalog: Catalog | None = super().input_catalog
        for stream in self.loaded.settings.streams if catalog is not None else ():
            if catalog is not None and (entry := catalog.get_stream(stream.name)) is not None:
                keep_keys(entry, stream.primary_keys, stream.replication_key)
        return catalog

    @property
    def streams(self) -> dict[str, Any]:
        """The streams in the order of the configuration, after those whose records partition them."""
        if self._streams is None:
            found = super().streams
            self._streams = {name: found[name] for name in self._order()}
        return self._streams

    def _order(self) -> list[str]:
        order: dict[str, None] = {}
        configs = {stream.name: stream for stream in self.loaded.settings.streams}

        def place(name: str) -> None:
            for dimension in configs[name].partitions:
                if dimension.stream is not None and dimension.stream not in order:
                    place(dimension.stream)
            order.setdefault(name)

        for name in configs:
            place(name)
        return list(order)

    def _handle_termination(self, signum: int, frame: Any) -> None:  # noqa: ARG002
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # more of them change nothing, to the interpreter's last breath
        if self.current_run is not None:
            self.current_run.interrupt(signum)
        else:
            sys.exit(128 + signum)

    # -- running

    @contextmanager
    def run_for(self, stream: ReportStream) -> Iterator[Run]:
        """The run that is under way, or one for this stream alone, which raises what it came to.

        Whoever wanted more of it, or another stream after it, hears of a signal.
        """
        if self.current_run is not None:
            yield self.current_run
        else:
            with self.open_run([stream]) as run:
                yield run
            if run.was_cut_short:
                raise Interrupted(f"{stream.name}: the run was interrupted", run.code())
            run.raise_failure()

    @contextmanager
    def open_run(self, streams: Sequence[ReportStream]) -> Iterator[Run]:
        """A run of these streams, and of those whose records partition them; cleaned up in every case."""
        from tap_asyncreport.run import Run

        with self._demo():
            run = Run(self.loaded, self._with_parents(streams), self._given_state, self._output, self.redactor)
            self.current_run = run
            try:
                with run:
                    yield run
            finally:
                self.current_run = None

    def sync(self) -> int:
        """Syncs every selected stream; returns the exit code. Failures of streams are told, not raised."""
        for odd in self.loaded.misspelt:
            self.logger.warning("%s", odd)
        only = self.loaded.settings.only
        for stream in self.streams.values():
            if only and not any(part.stream in ("*", stream.name) for part in only):
                stream.selected = False
        run: Run | None = None
        try:
            with self.open_run([stream for stream in self.streams.values() if stream.selected]) as run:
                self.sync_all()
        finally:
            if run is not None:
                run.tell()
        return run.code()

    def _with_parents(self, streams: Sequence[ReportStream]) -> list[ReportStream]:
        wanted: dict[str, ReportStream] = {}

        def add(stream: ReportStream) -> None:
            for dimension in stream.report.partitions:
                if dimension.stream is not None and dimension.stream not in wanted:
                    add(self.streams[dimension.stream])
            wanted.setdefault(stream.name, stream)

        for stream in streams:
            add(stream)
        return [wanted[name] for name in self.streams if name in wanted]

    @property
    def _output(self) -> Output:
        writer = self.message_writer
        assert isinstance(writer, Output)
        return writer

    @contextmanager
    def _demo(self) -> Iterator[None]:
        """The example API runs as long as a run that reads it."""
        from tap_asyncreport.demo import EMBEDDED, serve

        settings = self.loaded.settings
        if settings.base_url != EMBEDDED:
            yield
            return
        without = self.loaded
        with serve() as demo:
            self.loaded = replace(without, settings=settings.model_copy(update={"base_url": demo.url}))
            try:
                yield
            finally:
                self.loaded = without

    # -- the command line

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> _ConfigInput:  # noqa: ARG003
        """Notes the JSON and YAML files, and whether the environment counts (ENV); they are read when needed."""
        files = Files([path for path in value if path != "ENV"], env="ENV" in value)
        return _ConfigInput(config=files, parse_env=files.env)

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Reads a record of each stream, and cleans up its job."""
        try:
            super().cb_test(ctx, param, value)
        except AbortedSyncFailedException as error:
            raise TapError(str(error)) from error

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command, with `--only`; what is wrong with a file that it names is told as any other error."""
        import click

        command = super().get_singer_command()
        for option in command.params:
            if isinstance(option.type, click.File):
                option.type = click.STRING
        command.params.append(
            click.Option(
                ["--only"],
                multiple=True,
                expose_value=False,
                callback=cls.cb_only,
                help="Read this part only, finished or not: 'STREAM name=value START/END'; may be given several times.",
            )
        )
        return command

    @classmethod
    def cb_only(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> None:  # noqa: ARG003
        """Restricts the run to these parts, over what the configuration says."""
        files: Files = ctx.params["config"].config
        if value:
            files.sources = [*files.sources, {"only": list(value)}]

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: str | None = None,
        catalog: str | None = None,
    ) -> None:
        """The tap as the command line runs it; exits with the run's code."""
        if about:
            cls.print_about(about_format)
            sys.exit(0)
        tap = cls(
            config=config.config if config else None,
            catalog=_catalog_in(catalog),
        )
        if state is not None:
            tap.load_state(state_of(state))
        sys.exit(tap.sync())


def _redactor_of_command_line(sources: Sources) -> Redactor:
    """What hides secrets wherever this process tells something; one of its own where the tap is used as a library."""
    import click

    context = click.get_current_context(silent=True)
    telling = context.find_object(Telling) if context is not None else None
    if telling is None:
        return Redactor()
    telling.sources = sources
    return telling.redactor


class Files(dict[str, Any]):
    """A configuration that is still to be read: paths or mappings in order, and whether the environment counts."""

    def __init__(self, sources: Sequence[Any], *, env: bool = False) -> None:
        super().__init__()
        self.sources = sources
        self.env = env


def _catalog_in(file: str | None) -> dict[str, Any] | None:
    """The catalog given on the command line; an empty file counts as none."""
    if file is None:
        return None
    text = text_of(file, "catalog").removeprefix("\ufeff")
    try:
        value = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise StateError(f"the catalog given in {file} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise StateError(f"the catalog given in {file} is not a JSON object")
    return value
