"""What all tests share."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from config_told import Told, told_of
from hypothesis import settings
from templating import NOW
from warm import WarmProcess

from tap_asyncreport.templates import Templates

# A busy machine is no failure; and what CI tries today it tries tomorrow.
settings.register_profile("ours", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("ours")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches what is tested."""
    for name in list(os.environ):
        if name.startswith("TAP_ASYNCREPORT_") or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))  # processes run these files, whatever is installed


@pytest.fixture(autouse=True)
def own_excepthook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tap made in another test, or while tests were collected, leaves no hook behind."""
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """A tap made in a test leaves no handler behind, which would write to where nobody listens any more."""
    before = [handler for logger in _loggers() for handler in logger.handlers]
    yield
    for logger in _loggers():
        for handler in [each for each in logger.handlers if type(each) is logging.StreamHandler and each not in before]:
            logger.removeHandler(handler)


def _loggers() -> list[logging.Logger]:
    known = logging.Logger.manager.loggerDict.values()
    return [logging.getLogger(), *(logger for logger in known if isinstance(logger, logging.Logger))]


@pytest.fixture
def tap(tmp_path: Path) -> WarmProcess:
    """The tap as a process, in a directory of its own."""
    return WarmProcess(tmp_path)


@pytest.fixture
def templates() -> Templates:
    """Templates as of an instant."""
    return Templates(now=NOW)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Loads a configuration in a directory of its own and gives what is told of it."""
    monkeypatch.chdir(tmp_path)
    return told_of


def pytest_cmdline_main(config: pytest.Config) -> None:
    """A worker that has run out of tests takes over from the others: one long test keeps no queue waiting behind it."""
    if getattr(config.option, "numprocesses", None):
        config.option.dist = "worksteal"


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that no one can read name no test: compressed ones hold the time, and workers must agree on the names."""
    if isinstance(val, bytes) and not val.isascii():
        return f"{argname}-{len(val)}-bytes"
    return None
