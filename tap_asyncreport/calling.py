"""How a person calls this tool, and where the person's configuration stands: by itself, or in a Meltano project."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import PurePath

NAME = "tap-asyncreport"
COMMANDS = (
    "init", "check", "trace", "columns", "jobs", "plan", "state", "test", "definitions", "explain", "schema", "demo",
)  # fmt: skip
_NAMED = re.compile(rf"`{NAME} ({'|'.join(COMMANDS)})\b([^`]*)`")


def meltano_name() -> str | None:
    """What the Meltano that runs this process calls the tap; None where none does."""
    if "MELTANO_EXTRACTOR_NAME" not in os.environ and "MELTANO_PROJECT_ROOT" not in os.environ:
        return None
    return os.environ.get("MELTANO_EXTRACTOR_NAME") or NAME


def called(words: Sequence[str], configs: Sequence[str] = ()) -> str:
    """The command line for a command and its words; under Meltano its own, which knows the configuration."""
    meltano = meltano_name()
    if meltano is None:
        return shlex.join([NAME, *words, *(part for config in configs for part in ("--config", config))])
    return shlex.join(["meltano", "invoke", ":".join([meltano, *words[:1]]), *words[1:]])


def as_called(text: str) -> str:
    """A text of ours whose `tap-asyncreport COMMAND` are as the person calls them."""
    meltano = meltano_name()
    return text if meltano is None else _NAMED.sub(rf"`meltano invoke {meltano}:\1\2`", text)


def known_place(file: str | None) -> str | None:
    """The file as the person knows it: what Meltano writes for one run stands in `meltano.yml`."""
    root, meltano = os.environ.get("MELTANO_SYS_DIR_ROOT"), meltano_name()
    if file is None or meltano is None:
        return file
    if file.startswith("environment variable "):
        return f"{file}, from `config` of {meltano} in meltano.yml or from .env"
    is_written = root is not None and file.endswith(".config.json") and PurePath(root) in PurePath(file).parents
    return f"`config` of {meltano} in meltano.yml" if is_written else file
