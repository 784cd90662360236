"""The one job that a command runs: what its words say of it, for every command that runs one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tap_asyncreport.commands.choosing import unit_options
from tap_asyncreport.commands.options import (
    config_option,
    load_configuration,
    read_state,
    state_option,
    stream_named,
)

if TYPE_CHECKING:
    from tap_asyncreport.commands.rehearsal import Opened
    from tap_asyncreport.commands.surroundings import Console
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.config.streams import Stream
    from tap_asyncreport.job import Unit
    from tap_asyncreport.telling import Telling


@dataclass(frozen=True)
class OneJob:
    """The words of a command line that say which job is meant."""

    stream: str | None
    configs: tuple[str, ...]
    state_file: str | None
    window: str | None
    partitions: tuple[str, ...]

    def load(self, telling: Telling) -> tuple[Loaded, Stream]:
        """The configuration, and the stream in it; as `load_configuration` and `stream_named` raise."""
        loaded = load_configuration(self.configs, telling)
        return loaded, stream_named(loaded, self.stream)

    def choose(self, opened: Opened, console: Console) -> Unit:
        """The unit of work; the console is told which it is."""
        return opened.choose(read_state(self.state_file), self.window, self.partitions, told=console.line)


def one_job(command: Callable[..., Any]) -> Callable[..., Any]:
    """STREAM, `--config`, `--state`, `--window` and `--partition`, which the command gets as `asked`."""

    @functools.wraps(command)
    def run(
        *,
        stream: str | None,
        configs: tuple[str, ...],
        state_file: str | None,
        window: str | None,
        partitions: tuple[str, ...],
        **others: Any,
    ) -> Any:
        return command(asked=OneJob(stream, configs, state_file, window, partitions), **others)

    options = config_option(state_option()(unit_options(run)))
    return click.argument("stream", required=False)(options)
