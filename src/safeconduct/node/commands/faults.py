"""Errors that the person at the keyboard can do something about."""

from __future__ import annotations

from safeconduct.agreement.clauses import ClauseError
from safeconduct.ledger.database import DatabaseFault
from safeconduct.records.home import HomeError
from safeconduct.records.refusals import Conflict, NotFound, Refused, Unavailable

USER_FAULTS = (
    HomeError,
    DatabaseFault,
    ClauseError,
    Refused,
    NotFound,
    Conflict,
    Unavailable,
    OSError,
    ValueError,
    TimeoutError,
)
