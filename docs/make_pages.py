"""Writes the pages that say what the code says: reference, commands, definitions (`python docs/make_pages.py`)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import yaml

from tap_asyncreport.commands import HELP, Tools
from tap_asyncreport.config import authenticators, only, requesters, settings, streams
from tap_asyncreport.config.loading import secrets_used, vars_used
from tap_asyncreport.config.values import Model

HERE = Path(__file__).parent
DEFINITIONS = HERE.parent / "tap_asyncreport" / "definitions"
MADE = "<!-- made by docs/make_pages.py; do not edit -->\n\n"

SECTIONS: dict[str, tuple[type[Model], ...]] = {
    "Top level": (settings.Settings,),
    "Base URL": (settings.FoundBaseUrl, settings.TokenBaseUrl),
    "Rates, timeouts, spool": (settings.RateLimit, settings.RequestTimeout, settings.Spool),
    "Parts (`only`)": (only.Only,),
    "A stream": (streams.Stream,),
    "Columns": (streams.Column,),
    "Incremental": (streams.Incremental,),
    "Partitions": (streams.Partition,),
    "Requesters": (
        requesters.Requester, requesters.CreationRequester, requesters.PollingRequester,
        requesters.DownloadTargetExtractor, requesters.DownloadRetriever,
    ),
    "Rules on answers": (requesters.Rule, requesters.Retry),
    "Paginators": (
        requesters.NextUrl, requesters.Cursor, requesters.Into, requesters.Offset, requesters.PageNumber,
        requesters.Range, requesters.ByteRange,
    ),
    "Status": (streams.Status,),
    "Jobs": (streams.Jobs,),
    "Decoding": (streams.Decode, streams.Header, streams.Explode, streams.Expect),
    "Authenticators": (
        authenticators.NoAuthenticator, authenticators.ApiKey, authenticators.Basic, authenticators.Bearer,
        authenticators.OAuth2, authenticators.SessionLogin, authenticators.Jwt, authenticators.GoogleServiceAccount,
        authenticators.AwsSigV4, authenticators.OAuth1,
    ),
}  # fmt: skip


def reference() -> str:
    """Every key with its meaning, default and example, from the models."""
    parts = ["# Reference\n\nEvery key of the configuration; `tap-asyncreport explain KEY` tells the same.\n"]
    for title, models in SECTIONS.items():
        parts.append(f"\n## {title}\n")
        inherited: set[str] = set()
        for model in models:
            doc = (model.__doc__ or "").strip().splitlines()[0]
            parts.append(f"\n**{model.__name__}**: {doc}\n" if len(models) > 1 else f"\n{doc}\n")
            rows = [row for row in _rows(model) if row[0] not in inherited or len(models) == 1]
            parts.append("\n| key | meaning | default | example |\n|---|---|---|---|\n")
            parts += [f"| `{key}` | {meaning} | {default} | {example} |\n" for key, meaning, default, example in rows]
            if model is requesters.Requester:
                inherited |= {row[0] for row in rows}
    return MADE + "".join(parts)


def _rows(model: type[Model]) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _shown(_plain(field.get_default(call_default_factory=True)))
        examples = field.examples or []
        yield field.alias or name, _cell(field.description or ""), default, _shown(examples[0]) if examples else ""


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        changed = value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return changed or {}
    return value


def _shown(value: Any) -> str:
    if value is None or value in ({}, []):
        return "none"
    text = value if isinstance(value, str) else _json(value)
    return f"`{_cell(text)}`" if text.strip() else f"`{json.dumps(text)}`"


def _json(value: Any) -> str:
    from datetime import timedelta

    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return json.dumps(value, ensure_ascii=False, default=str)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def commands() -> str:
    """The help of every command."""
    group = Tools("tap-asyncreport", help=HELP)
    context = click.Context(group, info_name="tap-asyncreport", max_content_width=100, terminal_width=100)
    parts = ["# Commands\n\nWhat `tap-asyncreport COMMAND --help` says.\n"]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context, max_content_width=100, terminal_width=100)
        parts.append(f"\n## {name}\n\n```text\n{command.get_help(inner).rstrip()}\n```\n")
    return MADE + "".join(parts)


def definitions() -> str:
    """Every definition that ships, with what it asks for."""
    about = "`definition: NAME`, the secrets, a start date; anything else may be overridden."
    parts = [f"# Definitions that ship\n\n{about}\n"]
    for file in sorted(DEFINITIONS.glob("*.y*ml")):
        name, text = file.stem, file.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        about = re.match(r"((?:#[^\n]*\n)+)", text)
        first = " ".join(line.strip("# ").strip() for line in about[1].split("#\n")[0].splitlines()) if about else ""
        secrets = secrets_used(content)
        parts.append(f"\n## {name}\n\n{first}\n\n")
        parts.append(f"- streams: {_codes(_names(content))}\n")
        parts.append(f"- secrets: {_codes(secrets) or 'none'}\n")
        knobs = content.get("vars") or {}
        asked = [knob for knob in vars_used(content) if knob not in knobs]
        if asked:
            parts.append(f"- vars that you set: {_codes(asked)}\n")
        if knobs:
            shown = ", ".join(f"`{key}` ({_short(_shown(value))})" for key, value in knobs.items())
            parts.append(f"- vars: {shown}\n")
    return MADE + "".join(parts)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 2] + "…`"


def _names(content: dict[str, Any]) -> list[str]:
    return [stream["name"] for stream in content["streams"]]


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


PAGES = {"reference.md": reference, "commands.md": commands, "definitions.md": definitions}

if __name__ == "__main__":
    for page, make in PAGES.items():
        HERE.joinpath(page).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"{page}\n")
