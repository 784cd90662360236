"""Every way to a log or to stderr, led through the redactor."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from tap_asyncreport.http.redaction import Redactor

# Their DEBUG lines hold whole request targets, signatures included; our own line for each exchange says the same.
_TALKATIVE = ("urllib3.connectionpool", "urllib3.util.retry", "botocore.auth", "oauthlib")
_OWN_FIELDS = frozenset(logging.makeLogRecord({}).__dict__)
_PLAIN = (str, int, float, list, tuple, Mapping)


class RedactingFormatter(logging.Formatter):
    """What another formatter makes of a record, tracebacks and extra fields included, without secrets."""

    def __init__(self, inner: logging.Formatter | None, redactor: Redactor) -> None:
        super().__init__()
        self.inner = inner or logging.Formatter()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(self.inner.format(record))


class RecordCleaning(logging.Filter):
    """Takes secrets out of a record itself, for handlers that hand records on or lay them out themselves."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        clean = self._redactor.redact
        said = record.getMessage()
        if (shown := clean(said)) != said:
            record.msg, record.args = shown, None
        for name in record.__dict__.keys() - _OWN_FIELDS:
            value = record.__dict__[name]
            if clean(str(value)) != str(value):
                record.__dict__[name] = self._redactor.redact_value(value if isinstance(value, _PLAIN) else str(value))
        if record.exc_info:
            said = record.exc_text or "".join(traceback.format_exception(*record.exc_info))
            if (shown := clean(said)) != said:
                record.exc_info, record.exc_text = None, shown.rstrip()
        return True


def guard_logging(redactor: Redactor) -> ExitStack:
    """Redacts all that present handlers write, warnings, and tracebacks that nobody caught; closing it undoes that.

    To be called once logging is set up; handlers added later are not covered until it is called again.
    """
    undo = ExitStack()
    for handler in set(_handlers()):
        if isinstance(handler.formatter, RedactingFormatter):
            continue
        undo.callback(handler.setFormatter, handler.formatter)
        handler.setFormatter(RedactingFormatter(handler.formatter, redactor))
        if not isinstance(handler, logging.StreamHandler):  # others need not write what their formatter says
            cleaning = RecordCleaning(redactor)
            handler.addFilter(cleaning)
            undo.callback(handler.removeFilter, cleaning)
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.addFilter(_no_debug)
        undo.callback(logger.removeFilter, _no_debug)
    if sys.excepthook is sys.__excepthook__:
        _hook(undo, sys, "excepthook", lambda kind, error, trace: _write(redactor, kind, error, trace))
    _hook(
        undo, threading, "excepthook", lambda args: _write(redactor, args.exc_type, args.exc_value, args.exc_traceback)
    )
    _hook(undo, sys, "unraisablehook", lambda args: _write(redactor, args.exc_type, args.exc_value, args.exc_traceback))
    shown = warnings.showwarning
    logging.captureWarnings(True)
    if warnings.showwarning is not shown:
        undo.callback(logging.captureWarnings, False)
    return undo


def _handlers() -> Iterator[logging.Handler]:
    root = logging.getLogger()
    yield from root.handlers
    for logger in root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            yield from logger.handlers
    if logging.lastResort is not None:
        yield logging.lastResort


def _no_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _hook(undo: ExitStack, module: Any, name: str, hook: Any) -> None:
    undo.callback(setattr, module, name, getattr(module, name))
    setattr(module, name, hook)


def _write(
    redactor: Redactor, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> None:
    if kind is not None and issubclass(kind, SystemExit):
        return
    sys.stderr.write(redactor.redact("".join(traceback.format_exception(kind, error, trace))))
