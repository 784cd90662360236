"""Imports only that part of the Singer SDK which a tap needs: discovery runs before every sync, and should be quick."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from types import ModuleType
from typing import Any

_IDLE_WORDS = ("Skipping parse of env var settings", "Beginning sync of")
PACKAGES = ("singer_sdk", "singer_sdk.streams")


class Postponed(ModuleType):
    """A package whose own code runs when something of it is asked for; its submodules can be imported before."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if name.startswith("__") or spec is None or spec.loader is None:
            raise AttributeError(name)
        if importlib.util.find_spec(f"{self.__name__}.{name}") is not None:
            return importlib.import_module(f"{self.__name__}.{name}")
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec.loader.exec_module(self)
        return getattr(self, name)


def spare_idle_words(record: logging.LogRecord) -> bool:
    """A filter: false for what the SDK says of itself and nobody asked for, true at DEBUG."""
    if record.levelno != logging.INFO or logging.getLogger().isEnabledFor(logging.DEBUG):
        return True
    return not str(record.msg).startswith(_IDLE_WORDS)


def spare_metrics() -> None:
    """Keeps the SDK's metrics off a terminal, where a person reads; at DEBUG they stay."""
    logger = logging.getLogger("singer_sdk.metrics")
    structured = "SINGER_SDK_LOG_CONFIG" in os.environ
    if sys.stderr.isatty() and not structured and not logging.getLogger().isEnabledFor(logging.DEBUG):
        logger.setLevel(logging.WARNING)


def postpone() -> None:
    """Leaves out what the SDK imports for targets, REST and GraphQL streams, as long as nobody asks for it."""
    for name in PACKAGES:
        if name in sys.modules:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.submodule_search_locations is None:
            continue
        module = Postponed(name, None)
        module.__spec__ = spec
        module.__path__ = list(spec.submodule_search_locations)
        module.__file__ = spec.origin
        module.__package__ = name
        module.__loader__ = spec.loader
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
