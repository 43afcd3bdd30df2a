"""An open thing as the watch floor shows it, and how it reads in one line of a hand-over note."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from safeconduct.agreement.policy import Subject
from safeconduct.records.find import Query, find
from safeconduct.records.moments import instant
from safeconduct.records.release import Released
from safeconduct.watch import floor_words as words

MOST = 100
ALARM, WARNING, CALM = "alarm", "warning", "calm"
"""How much an open thing asks for: somebody at once, somebody soon, nobody more than usual."""
OURS, THEIRS = "ours", "theirs"
"""In which room the clock runs, seen from this one."""


@dataclass(frozen=True)
class Open:
    """One open thing. `since` is when its clock began to run, in seconds since 1970, and `whose` the room in which it
    runs. `ring` names its sound, empty for one that makes none, and `key` what a sound was made for."""

    kind: str
    title: str
    detail: str
    since: float
    urgency: str
    url: str
    level: str
    exercise: bool = False
    whose: str = ""
    ring: str = ""
    key: str = ""


def sentence(each: Open) -> str:
    """The thing in one line of a hand-over note, with the moment since when it is open."""
    mark = f"[{_('EXERCISE')}] " if each.exercise else ""
    since = datetime.fromtimestamp(each.since, UTC).strftime("%Y-%m-%d %H:%M UTC")
    told = _("%(what)s (since %(moment)s)") % {
        "what": f"{words.kind(each.kind)}: {each.title}{' – ' if each.detail else ''}{each.detail}",
        "moment": f"\u2066{since}\u2069",
    }
    return f"{mark}{told}"[:500]


def about(reader: Subject, kind: str, records: Sequence[str], part: str) -> list[Released]:
    """What is said about these records in that part, as far as the reader may see it."""
    if not records:
        return []
    query = Query(kind, about=list(records), parts=(part,), withdrawn=False, sort="at", limit=1_000)
    return [each for each in find(reader, query).records if part in each.parts]


def moment(text: str | None) -> float:
    """Seconds since 1970; now for what has no moment."""
    return instant(text).timestamp() if text else time.time()
