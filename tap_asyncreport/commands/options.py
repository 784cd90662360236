"""Options that several commands take, and the configuration and the state that they name."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tap_asyncreport.errors import TapError
from tap_asyncreport.foreign_state import standard_state, state_of

if TYPE_CHECKING:
    from tap_asyncreport.config.loading import Loaded
    from tap_asyncreport.telling import Telling

logger = logging.getLogger(__name__)


class Unusable(TapError):  # noqa: N818
    """What was asked for on the command line is not there, or cannot be done."""

    exit_code = 78


Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_NO_CONFIG = (
    "add `--config FILE` (JSON or YAML, several lie one over the other), or `--config ENV` for TAP_ASYNCREPORT_* "
    "variables; `tap-asyncreport init` writes a file to begin with"
)


def config_option(command: Decorated) -> Decorated:
    """`--config`, as the tap takes it."""
    return click.option(
        "--config",
        "configs",
        multiple=True,
        metavar="FILE|ENV",
        help="Configuration, JSON or YAML; several lie one over the other. ENV takes TAP_ASYNCREPORT_* variables too.",
    )(command)


def state_option(*, required: bool = False) -> Callable[[Decorated], Decorated]:
    """`--state`, as the tap takes it."""
    return click.option(
        "--state",
        "state_file",
        metavar="FILE",
        required=required,
        help="State of the last run: JSON, or lines of it of which the last counts; - is standard input.",
    )


def load_configuration(
    configs: Sequence[str],
    telling: Telling,
    *,
    require_secrets: bool = True,
    over: Mapping[str, Any] | None = None,
    warn: bool = True,
) -> Loaded:
    """The configuration that the options name, `over` it what others say; its secrets are hidden from here on.

    Variables of the environment that nobody reads are warned of, unless the caller tells them.
    """
    from tap_asyncreport.config.loading import load
    from tap_asyncreport.config.reading import SECRETS
    from tap_asyncreport.config.shown import confidential

    if not configs:
        raise Unusable("no configuration was given", hint=_meant_configuration() or _NO_CONFIG)
    telling.redactor.add([value for name, value in os.environ.items() if name.startswith(SECRETS)])
    files: list[str | Path | Mapping[str, Any]] = [config for config in configs if config != "ENV"]
    files += [] if over is None else [over]
    loaded = load(files, environ=os.environ, parse_env="ENV" in configs, require_secrets=require_secrets)
    telling.redactor.add(confidential(loaded))
    telling.sources = loaded.sources
    for odd in loaded.misspelt if warn else ():
        logger.warning("%s", odd)
    return loaded


def _meant_configuration() -> str | None:
    """What to write where a file stands in the place of a stream's name."""
    from tap_asyncreport.commands.usage import with_config

    context = click.get_current_context(silent=True)
    words = [value for value in context.params.values() if isinstance(value, str)] if context is not None else []
    return with_config(context.command, [context.info_name or "", *words]) if context is not None else None


def read_state(file: str | None) -> dict[str, Any]:
    """The state in a file, whole or the last of its lines; empty without a file; raises StateError."""
    if file is None:
        return {}
    bookmarks, beside = standard_state(state_of(file))
    return {**beside, "bookmarks": bookmarks}


def write_file(path: str | Path, text: str, what: str) -> None:
    """Writes a file of the user's; raises Unusable where it cannot be."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{what} cannot be written to {path}: {error.strerror or error}") from None


def stream_named(loaded: Loaded, name: str | None) -> Any:
    """The stream of that name, or the only one; raises Unusable, which names the nearest."""
    from tap_asyncreport.config.nearest import meant

    streams: Mapping[str, Any] = {stream.name: stream for stream in loaded.settings.streams}
    if name is None and len(streams) == 1:
        return next(iter(streams.values()))
    if name is None:
        raise Unusable("several streams are configured", hint=f"name one of {', '.join(streams)}")
    if name not in streams:
        hint = "; ".join(filter(None, (meant(name, streams), f"the streams are {', '.join(streams)}")))
        raise Unusable(f"there is no stream {name!r}", hint=hint)
    return streams[name]
