"""The closed vocabulary of clauses: levels, acts, roles, statuses, and the kinds with their parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEVELS = ("OPEN", "RESTRICTED", "CONFIDENTIAL", "SECRET")
"""Classification levels, lowest first; a level is stored as its position."""

ACTS = ("read", "export", "write", "disclose", "withdraw", "erase", "acknowledge", "approve", "command")

ROLES = (
    "coordinator",
    "commander",
    "watch_officer",
    "liaison",
    "security_officer",
    "security_manager",
    "analyst",
    "auditor",
    "signatory",
    "administrator",
    "observer",
    "warden",
    "protected_person",
)

STATUSES = ("proposed", "under_discussion", "agreed", "declined", "suspended", "ended")
NARROWING = ("declined", "suspended", "ended")

LANGUAGES = ("en", "ur", "zh-hans")

FACTS = ("assigned", "not_before", "authorised_by", "emergency")
"""What a grant may demand with `when`, besides what the record's header says. `emergency`: the reader has broken the
glass for this record, with a reason and for a time; only in a grant to read, each reading logged."""

LIMITS = ("retention_days", "erase_after_days", "lead_time_hours", "opens_hours", "two_person_above")
"""Limits within a grant, whole numbers. `opens_hours`: so long before a record's own time its time lock opens;
only in a grant that waits for it (`not_before`). `two_person_above`: one person alone uses the grant on so many records
of a kind within an hour; beyond them a second person must have approved (0: each time)."""

CHANNELS = ("email", "sms", "chat", "calendar")
"""Ways out that lead past a third party; closed unless a grant names them."""


@dataclass(frozen=True)
class KindShape:
    """A kind of record as clauses know it: its parts in fixed order, and the states it passes through."""

    name: str
    parts: tuple[str, ...]
    states: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    kinds: Mapping[str, KindShape]
