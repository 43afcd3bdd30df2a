"""What every act of the demonstration has: in whose name it is, what it waits for, and that it is made up."""

from __future__ import annotations

import time
from collections.abc import Callable

from safeconduct.agreement.policy import Subject
from safeconduct.records import here
from safeconduct.records.principals import subject_of

MADE_UP = "Made up for the demonstration."
DAY = 86_400.0
Person = Callable[[str], str]
"""The person's id, by the name of an account."""
Until = Callable[[Callable[[], bool], str], None]
"""Waits until something is so; the words say what, when it does not come."""


def acting(person: Person, username: str) -> Subject:
    """The principal that an account of the demonstration is now."""
    return subject_of(here.headers(), here.home(), person(username), time.time())


def day_in(days: float) -> str:
    """The date so many days from now; of the past where they are fewer than none."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + days * DAY))
