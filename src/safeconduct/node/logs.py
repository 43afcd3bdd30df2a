"""One JSON object on a line for each event of a process, on standard error, where journald and containers look.

What the program itself has to say goes through `records.events`. Of what a library says only its name, level and the
type and places of a fault are kept: its words may quote a request, an address, a query or a record.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from safeconduct.records import events
from safeconduct.records.events import Told, places

_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""syslog's, which journald takes from the beginning of a line (sd-daemon)."""


class Lines(logging.Formatter):
    """`time`, `level`, `process`, `event`, the event's fields, and where there is one `fault`, `places`, `request`."""

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = process or os.environ.get("SAFECONDUCT_PROCESS", "cli")
        self._journal = "JOURNAL_STREAM" in os.environ

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
        }
        said |= _of_event(record.msg) if isinstance(record.msg, Told) else _of_library(record)
        line = json.dumps(said, separators=(",", ":"))
        return f"<{_PRIORITY.get(record.levelname, 6)}>{line}" if self._journal else line


def _of_event(told: Told) -> dict[str, Any]:
    return {
        "event": told.event,
        **told.fields,
        **_of_fault(told.fault, told.unforeseen),
        **_of_request(told.request),
    }


def _of_library(record: logging.LogRecord) -> dict[str, Any]:
    fault = record.exc_info[1] if record.exc_info else None
    said: dict[str, Any] = {"event": "library", "logger": record.name}
    # What a stranger sends is no fault of the program, and must not fill the disk with where it was refused.
    said |= _of_fault(fault, not record.name.startswith("django.security"))
    if isinstance(status := getattr(record, "status_code", None), int):
        said["status"] = status
    if match := getattr(getattr(record, "request", None), "resolver_match", None):
        said["route"] = str(match.view_name)
    return {**said, **_of_request(events.request_number())}


def _of_fault(fault: BaseException | None, unforeseen: bool) -> dict[str, Any]:
    if fault is None:
        return {}
    return {"fault": type(fault).__name__, **({"places": list(places(fault))} if unforeseen else {})}


def _of_request(number: str) -> dict[str, str]:
    return {"request": number} if number else {}


def configuration() -> dict[str, Any]:
    """For `logging.config.dictConfig`, and for Django: everything to standard error, nothing in words."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "safeconduct.node.logs.Lines"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "safeconduct": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "_granian": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "granian.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
        },
    }


def begin(process: str) -> None:
    """Let this process say in lines what it has to say, what would have ended it without a word included."""
    from logging.config import dictConfig

    os.environ["SAFECONDUCT_PROCESS"] = process
    dictConfig(configuration())
    catch_uncaught()


def catch_uncaught() -> None:
    """Let what would end this process, or a thread of it, be an event; Python itself would print its words."""
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: _uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def _uncaught(kind: type[BaseException], fault: BaseException | None, trace: TracebackType | None) -> None:
    if fault is None or issubclass(kind, KeyboardInterrupt):
        return
    events.log_event("uncaught", fault=fault, unforeseen=True)
