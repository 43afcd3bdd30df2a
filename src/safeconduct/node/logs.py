"""Logs say what happened, not to whom: they leave the machine more easily than a database does."""

from __future__ import annotations

import logging


class Impersonal(logging.Filter):
    """Takes the query string out of paths, and the request with its headers off the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                a.partition("?")[0] if isinstance(a, str) and a.startswith("/") else a for a in record.args
            )
        if hasattr(record, "request"):
            del record.request
        if record.name.startswith("django.security"):
            # What a stranger sends is no fault of the program, and must not fill the disk with where it was refused.
            record.exc_info = None
        return True
