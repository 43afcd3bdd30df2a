"""What became of what was recommended: which measures were taken, how far each is, and whether it was verified."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from safeconduct.agreement.policy import Subject
from safeconduct.records.find import MAX_LIMIT, Query, find
from safeconduct.records.moments import MomentRefused, ends
from safeconduct.records.release import Released
from safeconduct.shell.navigation import page_of
from safeconduct.shell.terms import STATE_NAMES, plain

WAITING = ("planned", "under_way")


@dataclass(frozen=True)
class Taken:
    """A measure: it is verified by a verification and by nothing else."""

    record: Released

    @property
    def title(self) -> str:
        return str(self._plan.get("title", ""))

    @property
    def due(self) -> str:
        return str(self._plan.get("due", ""))

    @property
    def owner(self) -> str:
        return str(self._plan.get("owner", ""))

    @property
    def verified(self) -> bool:
        return self.record.state == "verified"

    @property
    def overdue(self) -> bool:
        try:
            return self.record.state in WAITING and bool(self.due) and ends(self.due) <= time.time()
        except MomentRefused:
            return False

    @property
    def state(self) -> str:
        return plain(STATE_NAMES, self.record.state)

    @property
    def url(self) -> str:
        return page_of("measure", self.record.id)

    @property
    def _plan(self) -> dict[str, Any]:
        return self.record.parts.get("plan") or {}


@dataclass(frozen=True)
class Followed:
    """A recommendation with the measures that came of it."""

    record: Released
    measures: list[Taken] = field(default_factory=list)

    @property
    def title(self) -> str:
        return str((self.record.parts.get("advice") or {}).get("title", ""))

    @property
    def state(self) -> str:
        return plain(STATE_NAMES, self.record.state)

    @property
    def url(self) -> str:
        return page_of("recommendation", self.record.id)

    @property
    def records(self) -> list[Released]:
        return [self.record, *(each.record for each in self.measures)]


def followed(reader: Subject, abouts: Sequence[str]) -> dict[str, list[Followed]]:
    """By what they are about, the recommendations that the reader may see, the earliest first."""
    advice = _about(reader, "recommendation", abouts)
    measures = _about(reader, "measure", [each.id for each in advice])
    taken: dict[str, list[Taken]] = defaultdict(list)
    for each in measures:
        taken[each.about].append(Taken(each))
    found: dict[str, list[Followed]] = {about: [] for about in abouts}
    for each in advice:
        if each.about in found:
            found[each.about].append(Followed(each, taken[each.id]))
    return found


def _about(reader: Subject, kind: str, abouts: Sequence[str]) -> list[Released]:
    if not abouts:
        return []
    query = Query(kind, about=list(abouts), withdrawn=False, sort="at", descending=False, limit=MAX_LIMIT)
    return find(reader, query).records
