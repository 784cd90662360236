"""APIs of the public kinds that ship no definition: each a small server that behaves as they do, and a configuration."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wire import Reply, Request, Server, json_reply

from tap_asyncreport.error_text import render
from tap_asyncreport.errors import ReportError
from tap_asyncreport.tap import TapAsyncReport


@dataclass
class Api:
    """What a server remembers: its own URL, that of another origin, and how often it was asked for what."""

    url: str = ""
    other: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    requests: list[str] = field(default_factory=list)

    def is_other(self, request: Request) -> bool:
        return self.other.endswith(f":{request.port}")

    def count(self, what: str) -> int:
        """How often this was asked for, this time included."""
        self.asked[what] += 1
        return self.asked[what]


Handler = Callable[[Api, Request], Any]


@dataclass
class Run:
    """What a run came to: the error that ended it, rows, last state, requests in order."""

    error: ReportError | None
    rows: list[dict[str, Any]]
    state: dict[str, Any]
    requests: list[str]

    @property
    def told(self) -> str:
        """The error as a user reads it."""
        return "" if self.error is None else render(self.error)


def served(given: Any) -> Reply:
    """A reply, CSV where a handler gives text, JSON where it gives anything else."""
    if isinstance(given, Reply):
        return given
    return Reply(200, given, {"Content-Type": "text/csv"}) if isinstance(given, str) else json_reply(given)


class Stranger:
    """Runs the tap against a handler; `$URL` and `$OTHER` in the configuration are its two origins."""

    def __init__(self, folder: Path, capfd: Any) -> None:
        self.folder = folder
        self.capfd = capfd

    def run(self, config: str, handler: Handler, state: dict[str, Any] | None = None) -> Run:
        api = Api()

        def answer(request: Request) -> Reply:
            origin = "*" if api.is_other(request) else ""
            api.requests.append(f"{origin}{request.method} {request.target}")
            return served(handler(api, request))

        with Server(answer) as one, Server(answer) as two:
            api.url, api.other = one.origin, two.origin
            error = self._sync(config.replace("$URL", api.url).replace("$OTHER", api.other), state)
        messages = [json.loads(line) for line in self.capfd.readouterr().out.splitlines()]
        rows = [message["record"] for message in messages if message["type"] == "RECORD"]
        states = [message["value"] for message in messages if message["type"] == "STATE"]
        return Run(error, rows, states[-1] if states else {}, api.requests)

    def _sync(self, text: str, state: dict[str, Any] | None) -> ReportError | None:
        file = self.folder / "config.yaml"
        file.write_text(text)
        settings = {"definition": str(file), "spool": {"directory": str(self.folder / "spool")}}
        settings["stream_defaults"] = {"jobs": {"poll_interval": "20ms", "max_attempts": 1}}
        try:
            TapAsyncReport(config=settings, state=state or {}).sync_all()
        except ReportError as error:
            return error
        return None
